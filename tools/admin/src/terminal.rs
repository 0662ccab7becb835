//! What may stand on a terminal: what others say is shown, never obeyed.

use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// What somebody says, on one line and without what a terminal might obey or turn round.
pub fn sentence(text: &str) -> String {
    text.chars().map(|char| if is_unseen(char) { ' ' } else { char }).collect()
}

/// The same of a text of many lines.
pub fn lines(text: &str) -> String {
    text.split('\n').map(sentence).collect::<Vec<_>>().join("\n")
}

/// JSON that means the same and has no such characters: inside a string they are written as escapes, and elsewhere they are
/// white space or an error.
pub fn json(text: &str) -> String {
    text.trim_end().chars().fold(String::with_capacity(text.len()), |mut plain, char| {
        match char {
            '\n' | ' ' => plain.push(char),
            '\t' | '\r' => plain.push(' '),
            // Writing to a string cannot fail. None of them is beyond the basic plane.
            char if is_unseen(char) => drop(write!(plain, "\\u{:04x}", u32::from(char))),
            char => plain.push(char),
        }
        plain
    })
}

/// The same of a text that is no JSON: an object with the one field `text`.
pub fn json_of_text(text: &str) -> String {
    json(&serde_json::json!({ "text": text }).to_string())
}

/// Control characters, and those that have no width and change how their neighbours stand (Unicode's bidirectional marks,
/// joiners and fillers).
fn is_unseen(char: char) -> bool {
    let formats = matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    char.is_control() || formats || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// On which side of its column a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Lines of columns, each as wide as its widest text; the last is not filled up.
pub fn table(head: &[(&str, Side)], rows: &[Vec<String>]) -> String {
    let named: Vec<String> = head.iter().map(|(name, _)| (*name).to_owned()).collect();
    let all = || std::iter::once(&named).chain(rows);
    let widths: Vec<usize> =
        (0..head.len()).map(|column| all().map(|row| row[column].width()).max().unwrap_or(0)).collect();
    let mut lines = String::new();
    for row in all() {
        let mut line = String::new();
        for (column, text) in row.iter().enumerate() {
            let fill = " ".repeat(widths[column] - text.width());
            match head[column].1 {
                Side::Left => line.extend([text, &fill, "  "]),
                Side::Right => line.extend([&fill, text, "  "]),
            }
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        let hostile = "a\u{1b}[2Jb\u{9b}31mc\r\n\u{202e}d\u{200b}";
        assert_eq!(sentence(hostile), "a [2Jb 31mc   d ");
        assert_eq!(lines("a\u{7}\nb\r\n"), "a \nb \n");
        assert_eq!(sentence("Zoë 学 \u{1f600}"), "Zoë 学 \u{1f600}", "names are left alone");
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let text = "{\"name\":\"a\u{9b}b\u{202e}c\\u001b\",\r\n\t\"n\":1}\n";
        let plain = json(text);
        assert_eq!(plain, "{\"name\":\"a\\u009bb\\u202ec\\u001b\", \n \"n\":1}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&plain), value(text));
        assert_eq!(json_of_text("a\n\"\u{9b}\""), "{\"text\":\"a\\n\\\"\\u009b\\\"\"}");
    }

    #[test]
    fn columns_are_as_wide_as_they_must_be_and_wide_characters_count_twice() {
        let rows = [vec!["学生".to_owned(), "7".to_owned()], vec!["ada".to_owned(), "1000".to_owned()]];
        let text = table(&[("name", Side::Left), ("rtt", Side::Right)], &rows);
        assert_eq!(text, "name   rtt\n学生     7\nada   1000\n");
    }
}
