//! What became of each mutation, and what that comes to.

use std::fmt;

use anyhow::{Result, bail};

use super::mutation::Mutation;
use super::trial::Catch;
use crate::table::table;

/// Of one mutation.
pub struct Outcome {
    /// Which.
    pub mutation: Mutation,
    /// What became of it.
    pub fate: Fate,
    /// Seconds that it took to build.
    pub build_s: u64,
}

/// What became of a mutation.
pub enum Fate {
    /// The simulation says what is wrong.
    Caught(Catch),
    /// It passed all seeds.
    Escaped,
    /// It compiles, and more was not asked.
    Compiles,
    /// It does not compile: the compiler's errors.
    Refused(String),
}

/// Prints the table; fails when anything is not as it should be.
pub fn conclude(outcomes: &[Outcome]) -> Result<()> {
    println!("{}", table(&HEAD, &outcomes.iter().map(Outcome::row).collect::<Vec<_>>()));
    let wrong: Vec<_> = outcomes.iter().filter(|outcome| outcome.fate.is_wrong()).collect();
    match wrong.len() {
        0 => Ok(()),
        count => {
            for Outcome { mutation, .. } in &wrong {
                println!("  {} breaks this, and nothing says so: {}", mutation.name, mutation.breaks);
            }
            let names: Vec<_> = wrong.iter().map(|outcome| outcome.mutation.name.as_str()).collect();
            bail!("{count} of {} mutations are not caught: {}", outcomes.len(), names.join(", "))
        }
    }
}

const HEAD: [&str; 6] = ["mutation", "crate", "build s", "seed", "tick", "caught by"];

impl Outcome {
    fn row(&self) -> Vec<String> {
        let (seed, tick, by) = match &self.fate {
            Fate::Caught(Catch { seed, tick, sentence }) => {
                (seed.to_string(), tick.map_or_else(|| "-".to_owned(), |tick| tick.to_string()), sentence.as_str())
            }
            Fate::Escaped => ("-".to_owned(), "-".to_owned(), "nothing: it escaped"),
            Fate::Compiles => ("-".to_owned(), "-".to_owned(), "(only checked: it compiles)"),
            Fate::Refused(_) => ("-".to_owned(), "-".to_owned(), "the compiler: it is no mutation"),
        };
        let Self { mutation, build_s, .. } = self;
        vec![mutation.name.clone(), mutation.room().to_owned(), build_s.to_string(), seed, tick, shortened(by)]
    }
}

impl Fate {
    fn is_wrong(&self) -> bool {
        matches!(self, Self::Escaped | Self::Refused(_))
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caught(catch) => write!(f, "caught by {catch}"),
            Self::Escaped => f.write_str("ESCAPED"),
            Self::Compiles => f.write_str("it compiles"),
            Self::Refused(errors) => write!(f, "DOES NOT COMPILE:\n{errors}"),
        }
    }
}

/// A cell that leaves the table readable.
fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(CELL_CHARS_MAX) {
        Some((at, _)) => format!("{}..", &sentence[..at]),
        None => sentence.to_owned(),
    }
}

const CELL_CHARS_MAX: usize = 110;

#[cfg(test)]
mod tests {
    use super::super::mutation;
    use super::*;

    fn outcome(fate: Fate) -> Outcome {
        let mutation = mutation::chosen(&[]).unwrap().swap_remove(0);
        Outcome { mutation, fate, build_s: 7 }
    }

    #[test]
    fn one_that_escapes_or_does_not_compile_fails_the_whole() {
        let caught = || outcome(Fate::Caught(Catch { seed: 3, tick: Some(9), sentence: "a view differs".to_owned() }));
        assert!(conclude(&[caught(), outcome(Fate::Compiles)]).is_ok());
        for fate in [Fate::Escaped, Fate::Refused(String::new())] {
            let error = conclude(&[caught(), outcome(fate)]).unwrap_err().to_string();
            assert_eq!(error, "1 of 2 mutations are not caught: ack-bit-off-by-one");
        }
        assert_eq!(caught().row(), ["ack-bit-off-by-one", "rudp", "7", "3", "9", "a view differs"]);
    }

    #[test]
    fn long_sentences_are_cut_between_letters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), CELL_CHARS_MAX + 2);
    }
}
