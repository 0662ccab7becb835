//! Citations of clauses in comments.

use super::clause::leading_id;
use crate::rust_text::line_of;

/// One id behind a citing word.
#[derive(Debug, PartialEq, Eq)]
pub struct Citation {
    /// The id.
    pub id: String,
    /// Line of the citing word, from 1.
    pub line: usize,
}

/// Every id that `word` and a colon name in the comments of a file. A list goes on behind a comma, also on the next
/// comment line, and ends with the first thing that is not an id.
pub fn citations(comments: &str, word: &str) -> Vec<Citation> {
    let key = format!("{word}:");
    let mut found = Vec::new();
    for (at, _) in comments.match_indices(&key) {
        let joined = comments[..at].ends_with(|char: char| char.is_alphanumeric() || char == '-' || char == '_');
        if joined {
            continue;
        }
        let line = line_of(comments, at);
        let mut rest = comments[at + key.len()..].trim_start_matches(' ');
        while let Some(id) = leading_id(rest) {
            found.push(Citation { id: id.to_owned(), line });
            let Some(next) = rest[id.len()..].trim_start_matches(' ').strip_prefix(',') else { break };
            rest = next.trim_start_matches(|char: char| char.is_whitespace() || "/!*".contains(char));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(comments: &str) -> Vec<String> {
        citations(comments, "spec").into_iter().map(|citation| citation.id).collect()
    }

    #[test]
    fn one_or_several_ids_are_cited_and_the_sentence_behind_them_is_not() {
        assert_eq!(ids("/// spec: PKT-1. The sentence, PKT-9."), ["PKT-1"]);
        assert_eq!(ids("/// Newest first. spec: PKT-1, SNAP-2,PKT-3"), ["PKT-1", "SNAP-2", "PKT-3"]);
    }

    #[test]
    fn a_list_goes_on_over_the_end_of_a_comment_line() {
        assert_eq!(ids("    /// spec: PKT-1,\n    /// PKT-2\n    /// PKT-3"), ["PKT-1", "PKT-2"]);
    }

    #[test]
    fn the_word_must_stand_alone_and_be_followed_by_an_id() {
        assert!(ids("// protocol-spec: PKT-1\n// spec: the text\n// myspec: PKT-2\n// spec PKT-3").is_empty());
    }

    #[test]
    fn the_line_is_that_of_the_word() {
        assert_eq!(citations("\n\n// spec: PKT-1", "spec"), [Citation { id: "PKT-1".to_owned(), line: 3 }]);
    }
}
