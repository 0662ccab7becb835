//! Clauses and references in a document of the written protocol.

/// One document.
pub struct Document {
    /// Its path in the checkout.
    pub path: String,
    /// Its clauses in order.
    pub clauses: Vec<Clause>,
    /// Bracketed ids that do not begin a clause, with their line.
    pub references: Vec<(String, usize)>,
}

/// One clause.
#[derive(Debug, PartialEq, Eq)]
pub struct Clause {
    /// Its id, as in `ABC-12`.
    pub id: String,
    /// Its line, from 1.
    pub line: usize,
}

impl Document {
    /// Reads the clauses and references of a Markdown text; fenced blocks and `code spans` are examples and skipped.
    pub fn read(path: &str, text: &str) -> Self {
        let mut document = Self { path: path.to_owned(), clauses: Vec::new(), references: Vec::new() };
        let mut fenced = false;
        for (line, text) in (1..).zip(text.lines()) {
            if text.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                document.read_line(line, &without_code_spans(text));
            }
        }
        document
    }

    fn read_line(&mut self, line: usize, text: &str) {
        let mut rest = without_list_mark(text.trim_start());
        if let Some(id) =
            rest.strip_prefix("**").and_then(bracketed).filter(|id| rest[id.len() + 4..].starts_with("**"))
        {
            rest = &rest[id.len() + 6..];
            self.clauses.push(Clause { id: id.to_owned(), line });
        }
        for (at, _) in rest.match_indices('[') {
            self.references.extend(bracketed(&rest[at..]).map(|id| (id.to_owned(), line)));
        }
    }
}

/// The id at the start of `text`: two to eight capitals, a dash, a number without leading zero.
pub fn leading_id(text: &str) -> Option<&str> {
    let capitals = text.bytes().take_while(u8::is_ascii_uppercase).count();
    let number = text[capitals..].strip_prefix('-')?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if !(2..=8).contains(&capitals) || digits == 0 || number.starts_with('0') {
        return None;
    }
    Some(&text[..capitals + 1 + digits])
}

/// The id of a text that begins with `[ID]`.
fn bracketed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    leading_id(inner).filter(|id| inner[id.len()..].starts_with(']'))
}

/// The item behind a list mark: `- `, `* `, `+ ` or `12. `.
fn without_list_mark(text: &str) -> &str {
    let bullet = ["- ", "* ", "+ "].iter().find_map(|mark| text.strip_prefix(mark));
    let numbered = || text.trim_start_matches(|char: char| char.is_ascii_digit()).strip_prefix(". ");
    bullet.or_else(numbered).map_or(text, str::trim_start)
}

fn without_code_spans(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let kept = pieces.iter().step_by(2).copied();
    kept.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        Document::read("a.md", text).clauses.into_iter().map(|clause| clause.id).collect()
    }

    #[test]
    fn a_clause_begins_a_line_or_a_list_item_in_bold_brackets() {
        let text = "**[PKT-1]** a\n- **[PKT-2]** b\n  * **[PKT-3]** c\n12. **[SNAP-40]** d\n";
        assert_eq!(ids(text), ["PKT-1", "PKT-2", "PKT-3", "SNAP-40"]);
        assert_eq!(Document::read("a.md", text).clauses[3].line, 4);
    }

    #[test]
    fn an_id_inside_a_sentence_is_a_reference() {
        let document = Document::read("a.md", "**[PKT-1]** like [PKT-2] and **[PKT-3]**\nsee [PKT-1], [a link](b)\n");
        assert_eq!(document.clauses.len(), 1);
        let references: Vec<&str> = document.references.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(references, ["PKT-2", "PKT-3", "PKT-1"]);
    }

    #[test]
    fn examples_in_fences_and_code_spans_are_neither() {
        let document = Document::read("a.md", "```\n**[PKT-1]** a\n```\n`**[PKT-2]**` and `[PKT-3]`\n**[PKT-4]** b");
        assert_eq!(document.clauses, [Clause { id: "PKT-4".to_owned(), line: 5 }]);
        assert!(document.references.is_empty());
    }

    #[test]
    fn malformed_ids_are_no_ids() {
        for text in ["P-1", "pkt-1", "PKT-", "PKT-01", "PKT1", "PKTPKTPKT-1", ""] {
            assert_eq!(leading_id(text), None, "{text}");
        }
        assert_eq!(leading_id("PKT-12. Text"), Some("PKT-12"));
    }
}
