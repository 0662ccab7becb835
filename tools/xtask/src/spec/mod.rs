//! Compares the written protocol with the code: every clause is obeyed somewhere, shown by a test, or excepted aloud.
//!
//! A clause is a line or list item of protocol-spec/*.md that begins with its id in bold brackets. Code that obeys it
//! says `spec:` and the id in a comment, a test that shows it says `proves:` and the id; several ids are separated by
//! commas. What is missing on purpose stands in protocol-spec/exceptions.toml with the reason.

mod citation;
mod clause;
mod exception;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::checkout::{Checkout, Tree};
use crate::rust_text::RustText;
use crate::table::table;
use citation::{Citation, citations};
use clause::{Clause, Document};
use exception::Exceptions;

/// Prints the table by document and fails on any disagreement.
pub fn run(checkout: &Checkout) -> Result<()> {
    let report = check(&Tree::load(&checkout.root)?);
    println!("{}", report.table());
    for problem in &report.problems {
        println!("  {problem}");
    }
    match report.problems.len() {
        0 => Ok(()),
        1 => bail!("the written protocol and the code disagree once, as named above"),
        many => bail!("the written protocol and the code disagree {many} times, as named above"),
    }
}

/// What the comparison found.
struct Report {
    rows: Vec<Row>,
    /// One line each, with the place.
    problems: Vec<String>,
}

/// The figures of one document.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
struct Row {
    document: String,
    clauses: usize,
    cited: usize,
    proven: usize,
    excepted: usize,
}

fn check(tree: &Tree) -> Report {
    let documents: Vec<Document> = tree
        .texts("md")
        .filter(|(path, _)| path.starts_with(SPEC_FOLDER))
        .map(|(path, text)| Document::read(path, text))
        .collect();
    let mut problems = Vec::new();
    let places = places_of(&documents, &mut problems);
    check_references(&documents, &places, &mut problems);

    let (code, proofs) = collect_citations(tree, &places, &mut problems);
    let exceptions = Exceptions::read(tree, &mut problems);
    exceptions.check(&places, &code, &proofs, &mut problems);

    let mut rows = Vec::new();
    for document in &documents {
        rows.push(row_of(document, &code, &proofs, &exceptions));
        for clause in &document.clauses {
            let place = format!("{}:{}", document.path, clause.line);
            problems.extend(missing(&place, clause, &code, &proofs, &exceptions));
        }
    }
    Report { rows, problems }
}

/// Where each id is defined; a second definition is a problem.
fn places_of(documents: &[Document], problems: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for document in documents {
        for clause in &document.clauses {
            let place = format!("{}:{}", document.path, clause.line);
            match places.get(&clause.id) {
                Some(first) => problems.push(format!("{place}: {} is already defined at {first}", clause.id)),
                None => drop(places.insert(clause.id.clone(), place)),
            }
        }
    }
    places
}

fn check_references(documents: &[Document], places: &BTreeMap<String, String>, problems: &mut Vec<String>) {
    for document in documents {
        for (id, line) in document.references.iter().filter(|(id, _)| !places.contains_key(id)) {
            let hint = format!("a clause begins with **[{id}]**");
            problems.push(format!("{}:{line}: refers to {id}, which no document defines ({hint})", document.path));
        }
    }
}

/// The ids cited by code and the ids proven by tests. An id that no document defines is one problem, however often it
/// is named.
fn collect_citations(
    tree: &Tree,
    places: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut code, mut proofs) = (BTreeSet::new(), BTreeSet::new());
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in tree.texts("rs").filter(|(path, _)| path.starts_with("src/") || path.starts_with("tools/")) {
        let comments = RustText::of(text).comments;
        for (word, cited) in [("spec", &mut code), ("proves", &mut proofs)] {
            for Citation { id, line } in citations(&comments, word) {
                if !places.contains_key(&id) {
                    unknown.entry(id.clone()).or_default().push(format!("{path}:{line}"));
                }
                cited.insert(id);
            }
        }
    }
    for (id, named) in unknown {
        let more = if named.len() > 1 { format!(" (and {} more)", named.len() - 1) } else { String::new() };
        problems.push(format!("{}{more}: names {id}, which no document defines", named[0]));
    }
    (code, proofs)
}

fn missing(
    place: &str,
    clause: &Clause,
    code: &BTreeSet<String>,
    proofs: &BTreeSet<String>,
    exceptions: &Exceptions,
) -> Vec<String> {
    let id = &clause.id;
    let mut lines = Vec::new();
    if !code.contains(id) && !exceptions.excuses_code(id) {
        lines.push(format!("{place}: no code cites {id} (write `spec: {id}` where it is obeyed)"));
    }
    if !proofs.contains(id) && !exceptions.excuses_test(id) {
        lines.push(format!("{place}: no test shows {id} (write `proves: {id}` at the test)"));
    }
    lines
}

fn row_of(document: &Document, code: &BTreeSet<String>, proofs: &BTreeSet<String>, exceptions: &Exceptions) -> Row {
    let count = |holds: &dyn Fn(&str) -> bool| document.clauses.iter().filter(|clause| holds(&clause.id)).count();
    Row {
        document: document.path.trim_start_matches(SPEC_FOLDER).to_owned(),
        clauses: document.clauses.len(),
        cited: count(&|id| code.contains(id)),
        proven: count(&|id| proofs.contains(id)),
        excepted: count(&|id| exceptions.contains(id)),
    }
}

impl Report {
    fn table(&self) -> String {
        let mut total = Row { document: "in all".to_owned(), ..Row::default() };
        for row in &self.rows {
            total.clauses += row.clauses;
            total.cited += row.cited;
            total.proven += row.proven;
            total.excepted += row.excepted;
        }
        let cells = |row: &Row| {
            let mut cells = vec![row.document.clone()];
            cells.extend([row.clauses, row.cited, row.proven, row.excepted].map(|figure| figure.to_string()));
            cells
        };
        let rows: Vec<Vec<String>> = self.rows.iter().chain([&total]).map(cells).collect();
        table(&["document", "clauses", "cited", "proven", "excepted"], &rows)
    }
}

/// Where the written protocol lies.
const SPEC_FOLDER: &str = "protocol-spec/";

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: (&str, &str) = ("protocol-spec/packet.md", "# Packets\n**[PKT-1]** One.\n- **[PKT-2]** Two.\n");
    const CODE: (&str, &str) = ("src/rudp/src/packet.rs", "/// spec: PKT-1, PKT-2\n/// proves: PKT-1, PKT-2\n");

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).problems
    }

    #[test]
    fn a_protocol_that_is_cited_and_proven_passes_and_is_counted() {
        let report = check(&Tree::of(&[DOCUMENT, CODE]));
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let row = Row { document: "packet.md".to_owned(), clauses: 2, cited: 2, proven: 2, excepted: 0 };
        assert_eq!(report.rows, [row]);
        assert_eq!(
            report.table().lines().last().unwrap().split_whitespace().collect::<Vec<_>>(),
            ["in", "all", "2", "2", "2", "0"]
        );
    }

    #[test]
    fn a_clause_without_code_or_without_test_is_named_with_its_place() {
        let found = problems(&[DOCUMENT, ("src/a.rs", "// spec: PKT-1\n// proves: PKT-2")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("protocol-spec/packet.md:2: no test shows PKT-1"));
        assert!(found[1].starts_with("protocol-spec/packet.md:3: no code cites PKT-2"));
    }

    #[test]
    fn a_cited_id_that_does_not_exist_is_a_problem_in_code_and_in_tests() {
        let text = "\n// spec: PKT-9\n// proves: OLD-1\n// proves: PKT-9";
        assert_eq!(
            problems(&[DOCUMENT, CODE, ("tools/swarm/src/a.rs", text)]),
            [
                "tools/swarm/src/a.rs:3: names OLD-1, which no document defines",
                "tools/swarm/src/a.rs:2 (and 1 more): names PKT-9, which no document defines",
            ]
        );
    }

    #[test]
    fn a_clause_defined_twice_is_a_problem_also_across_documents() {
        let found = problems(&[DOCUMENT, CODE, ("protocol-spec/other.md", "**[PKT-2]** Again.")]);
        assert_eq!(found, ["protocol-spec/packet.md:3: PKT-2 is already defined at protocol-spec/other.md:1"]);
    }

    #[test]
    fn citations_in_strings_and_outside_src_and_tools_do_not_count() {
        let string = ("src/a.rs", "let a = \"// spec: PKT-1, PKT-2 proves: PKT-1, PKT-2\";");
        let outside = ("fuzz/a.rs", "// spec: PKT-1, PKT-2\n// proves: PKT-1, PKT-2");
        assert_eq!(problems(&[DOCUMENT, string, outside]).len(), 4);
    }

    #[test]
    fn a_reference_to_a_clause_that_nobody_defines_is_a_problem() {
        let found = problems(&[("protocol-spec/packet.md", "**[PKT-1]** See [PKT-7].\n[PKT-2] not bold.\n"), CODE]);
        assert!(found.iter().any(|line| line.starts_with("protocol-spec/packet.md:1: refers to PKT-7")), "{found:?}");
        assert!(found.iter().any(|line| line.starts_with("protocol-spec/packet.md:2: refers to PKT-2")), "{found:?}");
    }
}
