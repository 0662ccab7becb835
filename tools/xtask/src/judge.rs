//! What a trial found beside what is allowed, as a table that fails when a line does not hold.

use anyhow::{Context, Result, bail};

use crate::swarm::{Outcome, Run};
use crate::table::table;

/// One line of a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What was looked at.
    pub what: String,
    found: f64,
    allowed: (f64, f64),
}

impl Line {
    /// Nothing else will do.
    pub fn exactly(what: &str, found: f64, wanted: f64) -> Self {
        Self { what: what.to_owned(), found, allowed: (wanted, wanted) }
    }

    /// This or more.
    pub fn at_least(what: &str, found: f64, wanted: f64) -> Self {
        Self { what: what.to_owned(), found, allowed: (wanted, f64::INFINITY) }
    }

    /// This or less.
    pub fn at_most(what: &str, found: f64, wanted: f64) -> Self {
        Self { what: what.to_owned(), found, allowed: (f64::NEG_INFINITY, wanted) }
    }

    /// Whether it is.
    pub fn holds(&self) -> bool {
        (self.allowed.0..=self.allowed.1).contains(&self.found)
    }

    fn cells(&self) -> Vec<String> {
        let allowed = match self.allowed {
            (least, most) if least == most => format!("{least:.0}"),
            (least, f64::INFINITY) => format!("at least {least:.0}"),
            (_, most) => format!("at most {most:.2}"),
        };
        let holds = if self.holds() { "yes" } else { "NO" };
        let found = if self.found.fract() == 0.0 { format!("{:.0}", self.found) } else { format!("{:.2}", self.found) };
        vec![self.what.clone(), found, allowed, holds.to_owned()]
    }
}

/// Prints the lines; fails when one does not hold.
pub fn judge(lines: &[Line]) -> Result<()> {
    println!("{}", table(&["what", "found", "allowed", "holds"], &lines.iter().map(Line::cells).collect::<Vec<_>>()));
    let broken: Vec<&str> = lines.iter().filter(|line| !line.holds()).map(|line| line.what.as_str()).collect();
    if !broken.is_empty() {
        bail!("it does not hold: {}", broken.join("; "));
    }
    Ok(())
}

/// A figure of the swarm's report by its path, as in `moves.back`.
pub fn figure(outcome: &Outcome, path: &str) -> Result<f64> {
    let report = outcome.report.as_ref().context("the swarm wrote no report")?;
    let found = path.split('.').try_fold(report, |value, key| value.get(key)).and_then(serde_json::Value::as_f64);
    found.with_context(|| format!("the swarm's report has no {path}"))
}

/// All errors that the swarm counted. A report that counts none of any kind is no report of none.
pub fn errors(outcome: &Outcome) -> Result<f64> {
    let errors = outcome.errors().filter(|errors| !errors.is_empty());
    Ok(errors.context("the swarm's report has no errors")?.iter().map(|(_, count)| *count as f64).sum())
}

/// 1 when the swarm itself says that it passed, by its exit code and by its report, and nothing speaks against it; else 0.
pub fn own_verdict(outcome: &Outcome, run: &Run) -> Result<f64> {
    let pass = outcome.report.as_ref().and_then(|report| report.get("pass")).and_then(serde_json::Value::as_bool);
    let pass = pass.context("the swarm's report has no pass")?;
    Ok(f64::from(u8::from(pass && outcome.fault_of_clean_run(run).is_none())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_within_what_is_allowed_and_says_so() {
        for (line, holds) in [
            (Line::exactly("a", 5.0, 5.0), true),
            (Line::exactly("a", 6.0, 5.0), false),
            (Line::at_least("a", 6.0, 5.0), true),
            (Line::at_least("a", 4.0, 5.0), false),
            (Line::at_most("a", 4.0, 5.0), true),
            (Line::at_most("a", 5.5, 5.0), false),
        ] {
            assert_eq!(line.holds(), holds, "{line:?}");
        }
        assert_eq!(Line::exactly("logins", 5.0, 5.0).cells(), ["logins", "5", "5", "yes"]);
        assert_eq!(Line::at_most("slowest", 1.25, 1.0).cells(), ["slowest", "1.25", "at most 1.00", "NO"]);
        let error = judge(&[Line::exactly("fine", 1.0, 1.0), Line::exactly("logins", 6.0, 5.0)]).unwrap_err();
        assert_eq!(error.to_string(), "it does not hold: logins");
    }

    #[test]
    fn figures_are_found_by_their_path() {
        let report = serde_json::json!({ "moves": { "back": 3 }, "errors": { "ghost": 1, "stale": 2 } });
        let outcome = Outcome { exit: Some(0), out: String::new(), err: String::new(), report: Some(report) };
        assert_eq!((figure(&outcome, "moves.back").unwrap(), errors(&outcome).unwrap()), (3.0, 3.0));
        assert!(figure(&outcome, "moves.lost").is_err());
    }
}
