//! Clauses that are not obeyed or not shown, on purpose.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::checkout::Tree;

/// protocol-spec/exceptions.toml.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default)]
    exceptions: BTreeMap<String, Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    missing: Missing,
    reason: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Missing {
    Code,
    Test,
    Both,
}

impl Exceptions {
    /// The exceptions of a tree; no file means none.
    pub fn read(tree: &Tree, problems: &mut Vec<String>) -> Self {
        let Some(text) = tree.text(PATH) else { return Self::default() };
        match toml::from_str(text) {
            Ok(exceptions) => exceptions,
            Err(error) => {
                problems.push(format!("{PATH}: {}", error.message()));
                Self::default()
            }
        }
    }

    /// Whether the clause stands here at all.
    pub fn contains(&self, id: &str) -> bool {
        self.exceptions.contains_key(id)
    }

    /// Whether the clause may be without code.
    pub fn excuses_code(&self, id: &str) -> bool {
        self.exceptions.get(id).is_some_and(|exception| exception.missing != Missing::Test)
    }

    /// Whether the clause may be without test.
    pub fn excuses_test(&self, id: &str) -> bool {
        self.exceptions.get(id).is_some_and(|exception| exception.missing != Missing::Code)
    }

    /// Adds a line to `problems` for each exception that names no clause, gives no reason or is no longer needed.
    pub fn check(
        &self,
        places: &BTreeMap<String, String>,
        code: &BTreeSet<String>,
        proofs: &BTreeSet<String>,
        problems: &mut Vec<String>,
    ) {
        for (id, exception) in &self.exceptions {
            if !places.contains_key(id) {
                problems.push(format!("{PATH}: {id} is defined by no document"));
            }
            if exception.reason.trim().is_empty() {
                problems.push(format!("{PATH}: {id} gives no reason"));
            }
            if self.excuses_code(id) && code.contains(id) {
                problems.push(format!("{PATH}: {id} is cited by code now; the exception for code is no longer needed"));
            }
            if self.excuses_test(id) && proofs.contains(id) {
                problems
                    .push(format!("{PATH}: {id} is shown by a test now; the exception for tests is no longer needed"));
            }
        }
    }
}

const PATH: &str = "protocol-spec/exceptions.toml";

#[cfg(test)]
mod tests {
    use crate::checkout::Tree;
    use crate::spec::check;

    const DOCUMENT: (&str, &str) = ("protocol-spec/packet.md", "**[PKT-1]** One.\n");

    fn problems(exception: &str, code: &str) -> Vec<String> {
        let text = format!("[exceptions]\n{exception}\n");
        check(&Tree::of(&[DOCUMENT, (super::PATH, &text), ("src/a.rs", code)])).problems
    }

    #[test]
    fn an_excepted_clause_may_miss_exactly_what_the_exception_says() {
        let both = "\"PKT-1\" = { missing = \"both\", reason = \"later\" }";
        let code = "\"PKT-1\" = { missing = \"code\", reason = \"later\" }";
        let test = "\"PKT-1\" = { missing = \"test\", reason = \"later\" }";
        assert!(problems(both, "").is_empty());
        assert!(problems(code, "// proves: PKT-1").is_empty());
        assert!(problems(test, "// spec: PKT-1").is_empty());
        assert!(problems(code, "")[0].contains("no test shows PKT-1"));
        assert!(problems(test, "")[0].contains("no code cites PKT-1"));
    }

    #[test]
    fn an_exception_that_is_no_longer_needed_is_a_problem() {
        let both = "\"PKT-1\" = { missing = \"both\", reason = \"later\" }";
        let found = problems(both, "// spec: PKT-1");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("the exception for code is no longer needed"));
        assert_eq!(problems(both, "// spec: PKT-1\n// proves: PKT-1").len(), 2);
    }

    #[test]
    fn an_exception_without_clause_reason_or_with_a_word_of_its_own_is_a_problem() {
        let cited = "// spec: PKT-1\n// proves: PKT-1";
        assert!(
            problems("\"PKT-2\" = { missing = \"code\", reason = \"x\" }", cited)[0].contains("defined by no document")
        );
        assert!(problems("\"PKT-1\" = { missing = \"both\", reason = \" \" }", "")[0].contains("gives no reason"));
        assert!(problems("\"PKT-1\" = { missing = \"some\", reason = \"x\" }", cited)[0].starts_with(super::PATH));
        assert!(problems("\"PKT-1\" = { missing = \"code\", why = \"x\" }", cited)[0].starts_with(super::PATH));
    }
}
