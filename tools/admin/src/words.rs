//! What is said to players, and why something is done: short, and nothing but words.

/// Longest text, in bytes of UTF-8: what the server tells players fits one message.
const TEXT_BYTES_MAX: usize = 256;

/// Words for players.
///
/// # Errors
/// A sentence for the command line.
pub fn words(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("there are no words in it".to_owned());
    }
    reason(text)
}

/// A reason, which may be left out.
///
/// # Errors
/// A sentence for the command line.
pub fn reason(text: &str) -> Result<String, String> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX {
        return Err(format!("it has {bytes} bytes, and {TEXT_BYTES_MAX} bytes is the most"));
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
        assert!(words("").is_err() && words("  ").is_err() && words("a\nb").is_err() && reason("").is_ok());
    }
}
