//! Which processors of this machine a program may use.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};

/// The server's half of the processors and the load's, as taskset(1) takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halves {
    /// The first ones.
    pub server: String,
    /// The others.
    pub load: String,
}

/// Both halves of this machine.
///
/// # Errors
/// There is one processor, or no taskset(1).
pub fn halves() -> Result<Halves> {
    let all = available_parallelism().context("the system does not tell how many processors there are")?.get();
    let found = Command::new("taskset").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        bail!("--apart needs taskset, of util-linux");
    }
    halves_of(all).context("--apart needs two processors")
}

fn halves_of(all: usize) -> Option<Halves> {
    let half = all / 2;
    let run = |from: usize, to: usize| if from == to { from.to_string() } else { format!("{from}-{to}") };
    (half > 0).then(|| Halves { server: run(0, half - 1), load: run(half, all - 1) })
}

/// A command for a program that may use these processors only, or all.
pub fn command_on(processors: Option<&str>, binary: &Path) -> Command {
    let Some(processors) = processors else { return Command::new(binary) };
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(processors).arg(binary);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_half_of_the_processors_and_the_load_one_more_of_an_odd_number() {
        let halves = |all| halves_of(all).map(|halves| (halves.server, halves.load));
        assert_eq!(halves(1), None);
        assert_eq!(halves(2), Some(("0".to_owned(), "1".to_owned())));
        assert_eq!(halves(5), Some(("0-1".to_owned(), "2-4".to_owned())));
    }

    #[test]
    fn a_program_is_started_as_it_is_or_through_taskset() {
        let words = |processors| {
            let command = command_on(processors, Path::new("/bin/true"));
            std::iter::once(command.get_program())
                .chain(command.get_args())
                .map(|word| word.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(words(None), ["/bin/true"]);
        assert_eq!(words(Some("0-1")), ["taskset", "--cpu-list", "0-1", "/bin/true"]);
    }
}
