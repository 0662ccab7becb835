//! Rust source, told apart into code, comments and literals: as much of the lexer as our checks need.
//!
//! A check that looks for words in code must not stumble over a string that quotes them, and one that reads comments
//! must not believe a string that looks like one; the checks' own tests are full of both.

/// Source text by kind. All parts have the line breaks of the source; what is not of the kind is blank.
pub struct RustText {
    /// What the compiler reads, string and character literals blanked.
    pub code: String,
    /// Line, block and doc comments.
    pub comments: String,
    /// Both of the above: everything but literals.
    pub words: String,
}

impl RustText {
    /// Splits `source`. Characters outside ASCII become `?`; columns count bytes.
    pub fn of(source: &str) -> Self {
        let bytes = source.as_bytes();
        let kinds = kinds_of(bytes);
        let only = |wanted: &[Kind]| -> String {
            let pick = |(&byte, kind): (&u8, &Kind)| match byte {
                b'\n' => '\n',
                _ if !wanted.contains(kind) => ' ',
                _ if byte.is_ascii() => char::from(byte),
                _ => '?',
            };
            bytes.iter().zip(&kinds).map(pick).collect()
        };
        Self { code: only(&[Kind::Code]), comments: only(&[Kind::Comment]), words: only(&[Kind::Code, Kind::Comment]) }
    }

    /// Every function that has a body: its name, the line of its `fn` and how many lines it reaches to its brace.
    pub fn functions(&self) -> Vec<Function> {
        word_positions(&self.code, "fn").into_iter().filter_map(|at| self.function_at(at)).collect()
    }

    fn function_at(&self, at: usize) -> Option<Function> {
        let rest = self.code.get(at + 2..)?;
        let name: String = rest.trim_start().chars().take_while(|char| is_word(*char)).collect();
        if name.is_empty() {
            return None;
        }
        let open = at + 2 + body_start(rest)?;
        let close = open + matching_brace(&self.code[open..])?;
        let lines = 1 + self.code[at..close].matches('\n').count();
        Some(Function { name, line: line_of(&self.code, at), lines })
    }
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from there to the closing brace.
    pub lines: usize,
}

/// The line, from 1, of a byte position.
pub fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

/// Where `word` stands in `text` as a word of its own: a letter, digit or `_` at either end of the word has no other
/// such character as its neighbour.
pub fn word_positions(text: &str, word: &str) -> Vec<usize> {
    let starts_word = word.starts_with(is_word);
    let ends_word = word.ends_with(is_word);
    let alone = |at: usize| {
        let before = text[..at].chars().next_back().is_some_and(is_word);
        let after = text[at + word.len()..].chars().next().is_some_and(is_word);
        !(starts_word && before || ends_word && after)
    };
    text.match_indices(word).map(|(at, _)| at).filter(|at| alone(*at)).collect()
}

/// Whether a character can stand in an identifier.
pub fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

fn kinds_of(bytes: &[u8]) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(bytes.len());
    while kinds.len() < bytes.len() {
        let at = kinds.len();
        let (kind, length) = token(bytes, at);
        kinds.resize(bytes.len().min(at + length.max(1)), kind);
    }
    kinds
}

/// The kind of what begins at `at`, and its length.
fn token(bytes: &[u8], at: usize) -> (Kind, usize) {
    let rest = &bytes[at..];
    let inside_word = at > 0 && is_word(char::from(bytes[at - 1]));
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => (Kind::Comment, block_comment(rest)),
        [b'"', ..] => (Kind::Literal, quoted(rest, b'"')),
        [b'\'', b'\\', ..] => (Kind::Literal, quoted(rest, b'\'')),
        [b'\'', next, ..] if is_character(rest, *next) => (Kind::Literal, quoted(rest, b'\'')),
        [b'r', ..] if !inside_word => raw_string(rest, 1),
        [b'b' | b'c', b'r', ..] if !inside_word => raw_string(rest, 2),
        _ => (Kind::Code, 1),
    }
}

/// Whether the quote that opens `rest` opens a character literal and not a lifetime.
fn is_character(rest: &[u8], next: u8) -> bool {
    let width = match next {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    next != b'\'' && rest.get(1 + width) == Some(&b'\'')
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8], prefix: usize) -> (Kind, usize) {
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return (Kind::Code, 1);
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = prefix + hashes + 1;
    let found = rest[body..].windows(end.len()).position(|window| window == end);
    (Kind::Literal, found.map_or(rest.len(), |found| body + found + end.len()))
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The opening brace of the body that follows a signature, None when the signature ends with a semicolon.
fn body_start(signature: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, char) in signature.char_indices() {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(text: &str) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_comments_and_literals_are_told_apart() {
        let text = RustText::of("let a = \"one // two\"; // three \"four\"\nlet b = 5; /* six /* seven */ */ eight();");
        assert!(!text.code.contains("two") && !text.code.contains("three") && !text.code.contains("seven"));
        assert!(text.code.contains("let b = 5;") && text.code.contains("eight();"));
        assert!(text.comments.contains("// three \"four\"") && text.comments.contains("seven */ */"));
        assert!(!text.comments.contains("two") && !text.words.contains("two") && text.words.contains("three"));
        assert_eq!(text.code.lines().count(), 2);
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes_and_raw_names_are_code() {
        let text = RustText::of("let a = r#\"one\" two\"#; let r#fn = br\"three\"; for_r\"x\"");
        assert!(!text.code.contains("one") && !text.code.contains("two") && !text.code.contains("three"));
        assert!(text.code.contains("let r#fn ="));
    }

    #[test]
    fn lifetimes_do_not_open_character_literals() {
        let text = RustText::of("fn a<'x>(b: &'x str) { if c == '\"' || c == '\\'' || c == 'é' { done() } }");
        assert!(text.code.contains("done()") && text.code.contains("&'x str"));
        assert!(!text.code.contains('"') && !text.code.contains('?'));
    }

    #[test]
    fn an_unclosed_literal_or_comment_reaches_to_the_end() {
        assert_eq!(RustText::of("a \"b").code, "a   ");
        assert_eq!(RustText::of("a /* b").code, "a     ");
        assert_eq!(RustText::of("a r#\"b").code, "a     ");
    }

    #[test]
    fn functions_are_measured_from_fn_to_brace_and_need_a_body() {
        let source = "trait T {\n    fn no_body(&self, a: [u8; 2]);\n}\nfn one() -> [u8; 2] {\n    if x { \"}\" }\n}\ntype F = fn(u8);\n";
        let functions = RustText::of(source).functions();
        assert_eq!(functions, [Function { name: "one".to_owned(), line: 4, lines: 3 }]);
    }

    #[test]
    fn a_word_is_found_only_by_itself() {
        assert_eq!(word_positions("fn infn fn_a fn", "fn"), [0, 13]);
        assert_eq!(word_positions("xdbg!(dbg!()", "dbg!"), [6]);
        assert_eq!(word_positions("#[ignored] #[ignore = \"\"]", "#[ignore"), [11]);
    }
}
