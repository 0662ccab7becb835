//! Lints that know this project: what a compiler and a formatter cannot see, but a reviewer would say every time.

mod edges;
mod words;

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::checkout::{Checkout, Tree};
use crate::rust_text::RustText;

/// What tidy has to say about a tree.
#[derive(Default)]
pub struct Tidy {
    /// Broken rules, one line each; any of them fails the check.
    pub problems: Vec<String>,
    /// What grew past the usual size, one line each: perhaps right, worth a thought.
    pub questions: Vec<String>,
}

/// Checks the checkout and prints what was found.
pub fn run(checkout: &Checkout) -> Result<()> {
    let tidy = check(&Tree::load(&checkout.root)?);
    for question in &tidy.questions {
        println!("  question: {question}");
    }
    for problem in &tidy.problems {
        println!("  {problem}");
    }
    match tidy.problems.len() {
        0 => Ok(()),
        1 => bail!("1 rule is broken, named above"),
        many => bail!("{many} rules are broken, named above"),
    }
}

/// Checks a tree.
pub fn check(tree: &Tree) -> Tidy {
    let mut tidy = Tidy::default();
    check_top_level(tree, &mut tidy);
    check_sizes(tree, &mut tidy);
    edges::check(tree, &mut tidy.problems);
    for (path, text) in tree.texts("rs") {
        let rust = RustText::of(text);
        words::check(path, &rust, &mut tidy.problems);
        check_lengths(path, &rust, &mut tidy);
    }
    tidy
}

fn check_top_level(tree: &Tree, tidy: &mut Tidy) {
    let names: BTreeSet<&str> = tree.files.keys().filter_map(|path| path.split('/').next()).collect();
    for name in names {
        if !name.starts_with('.') && !TOP_LEVEL.contains(&name) {
            tidy.problems.push(format!("{name}: the top level holds only {} and dot-files", TOP_LEVEL.join(", ")));
        }
    }
}

fn check_sizes(tree: &Tree, tidy: &mut Tidy) {
    for (path, file) in &tree.files {
        if file.bytes > FILE_BYTES_MAX {
            let bytes = file.bytes;
            tidy.problems.push(format!("{path}: {bytes} bytes; no file of the checkout exceeds {FILE_BYTES_MAX}"));
        }
    }
}

fn check_lengths(path: &str, rust: &RustText, tidy: &mut Tidy) {
    let lines = rust.code.lines().count();
    if lines > FILE_LINES_USUAL {
        tidy.questions.push(format!("{path}: {lines} lines, usual are {FILE_LINES_USUAL}; one idea or two?"));
    }
    for function in rust.functions() {
        let (name, line, lines) = (&function.name, function.line, function.lines);
        if lines > FUNCTION_LINES_USUAL {
            tidy.questions.push(format!("{path}:{line}: fn {name} has {lines} lines, a screen has 70"));
        }
    }
}

/// The visible names at the top, everything else is a room's or a dot-file's. `target` is git-ignored.
const TOP_LEVEL: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "README.md", "src", "protocol-spec", "benches", "fuzz", "tools", "config"];
/// Bytes; a checkout is text and a few vectors, recordings are fetched or made.
const FILE_BYTES_MAX: u64 = 400_000;
/// Lines of a file beyond which it is listed as a question.
const FILE_LINES_USUAL: usize = 500;
/// Lines of a function beyond which it is listed as a question: it should fit a screen.
const FUNCTION_LINES_USUAL: usize = 70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_tidy() {
        let tidy = check(&Tree::load(&Checkout::find().unwrap().root).unwrap());
        assert!(tidy.problems.is_empty(), "\n{}\n", tidy.problems.join("\n"));
    }

    #[test]
    fn a_stranger_at_the_top_level_is_a_problem_and_a_dot_file_is_not() {
        let tidy = check(&Tree::of(&[("notes.txt", ""), (".gitignore", ""), ("scripts/a.sh", ""), ("README.md", "")]));
        let strangers: Vec<&str> = tidy.problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(strangers, ["notes.txt", "scripts"]);
    }

    #[test]
    fn a_file_may_have_four_hundred_thousand_bytes_and_not_one_more() {
        let mut tree = Tree::of(&[("config/a", ""), ("config/b", "")]);
        tree.files.get_mut("config/a").unwrap().bytes = 400_000;
        tree.files.get_mut("config/b").unwrap().bytes = 400_001;
        let tidy = check(&tree);
        assert_eq!(tidy.problems.len(), 1);
        assert!(tidy.problems[0].starts_with("config/b: 400001 bytes"));
    }

    #[test]
    fn long_files_and_functions_are_questions_and_no_problems() {
        let usual_function = format!("fn usual() {{{}}}\n", "\n".repeat(69));
        let long_function = format!("fn long() {{{}}}\n", "\n".repeat(70));
        let text = format!("{usual_function}{long_function}{}", "\n".repeat(400));
        let tidy = check(&Tree::of(&[("src/edge/a.rs", &text), ("src/edge/b.rs", &"\n".repeat(500))]));
        assert!(tidy.problems.is_empty(), "{:?}", tidy.problems);
        assert_eq!(tidy.questions.len(), 2, "{:?}", tidy.questions);
        assert!(tidy.questions[0].starts_with("src/edge/a.rs: 541 lines"));
        assert!(tidy.questions[1].starts_with("src/edge/a.rs:71: fn long has 71 lines"));
    }
}
