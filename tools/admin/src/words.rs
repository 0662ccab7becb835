//! What is said to players, and why something is done: short, and nothing but words.

use ops_api::REASON_BYTES_MAX;

/// Longest words for players, in bytes of UTF-8: they are a notice, which is one message.
const WORDS_BYTES_MAX: usize = 256;

/// Words for players.
///
/// # Errors
/// A sentence for the command line.
pub fn words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("there are no words in it".to_owned());
    }
    plain(text, WORDS_BYTES_MAX)
}

/// A reason, which may be left out.
///
/// # Errors
/// A sentence for the command line.
pub fn reason(text: &str) -> Result<String, String> {
    plain(text, REASON_BYTES_MAX)
}

fn plain(text: &str, bytes_max: usize) -> Result<String, String> {
    let bytes = text.len();
    if bytes > bytes_max {
        return Err(format!("it has {bytes} bytes, and {bytes_max} bytes is the most"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has control characters".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_to_256_bytes_without_control_characters() {
        assert!(
            words(&"x".repeat(256)).is_ok()
                && words(&"x".repeat(257)).is_err()
                && words("é".repeat(129).as_str()).is_err()
        );
        assert!(words("").is_err() && words("  ").is_err() && words("a\nb").is_err());
    }

    #[test]
    fn a_reason_is_left_out_or_has_up_to_200_bytes_without_control_characters() {
        assert!(reason("").is_ok() && reason(&"x".repeat(200)).is_ok() && reason(&"é".repeat(100)).is_ok());
        let long = reason(&"x".repeat(201)).unwrap_err();
        assert_eq!(long, "it has 201 bytes, and 200 bytes is the most");
        assert!(reason(&"é".repeat(101)).is_err() && reason("a\u{1b}").is_err());
    }
}
