//! Durations as people write them: `30s`, `2m`, `500ms`.

use std::time::Duration;

/// Longest span a command line may ask for: a day.
const SPAN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a number (fractions allowed) and a unit: ms, s, m or h.
///
/// # Errors
/// A sentence for the command line.
pub fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "" => return Err(format!("`{text}` has no unit: write {text}s, {text}ms or {text}m")),
        _ => return Err(format!("`{unit}` is no unit of time: use ms, s, m or h")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    let span = Duration::try_from_secs_f64(number * seconds).map_err(|_| format!("`{text}` is no span of time"))?;
    if span > SPAN_MAX { Err(format!("`{text}` is longer than a day")) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spans_are_read() {
        for (text, ms) in
            [("30s", 30_000), ("2m", 120_000), ("500ms", 500), ("1.5s", 1_500), ("0s", 0), ("1h", 3_600_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_sentence() {
        assert_eq!(parse("30").unwrap_err(), "`30` has no unit: write 30s, 30ms or 30m");
        assert_eq!(parse("3x").unwrap_err(), "`x` is no unit of time: use ms, s, m or h");
        for text in ["", "s", "-1s", "1 s", "nans", "25h", "1e3s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
