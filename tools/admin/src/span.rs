//! Spans of time as people write and say them.

use std::time::Duration;

/// Longest that can be said: a hundred years. Whoever means for ever says nothing.
const SPAN_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads a number (fractions allowed) and a unit: ms, s, m, h or d.
///
/// # Errors
/// A sentence for the command line.
pub fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|char: char| char.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "" => return Err(format!("it has no unit: write {text}s, {text}m, {text}h or {text}d")),
        _ => return Err(format!("\"{unit}\" is no unit of time: use ms, s, m, h or d")),
    };
    let number: f64 = number.parse().map_err(|_| format!("\"{number}\" is not a number"))?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(span) if span <= SPAN_MAX => Ok(span),
        Ok(_) => Err("it is longer than a hundred years".to_owned()),
        Err(_) => Err("it is no span of time".to_owned()),
    }
}

/// The same in whole seconds, at least one.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_s(text: &str) -> Result<u64, String> {
    let span = parse(text)?;
    if span.subsec_nanos() != 0 || span.is_zero() {
        return Err("it is no whole number of seconds, one at least".to_owned());
    }
    Ok(span.as_secs())
}

/// The same in whole milliseconds, at least one.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_ms(text: &str) -> Result<u64, String> {
    let span = parse(text)?;
    if !span.subsec_nanos().is_multiple_of(1_000_000) || span.is_zero() {
        return Err("it is no whole number of milliseconds, one at least".to_owned());
    }
    u64::try_from(span.as_millis()).map_err(|_| "it is no span of time".to_owned())
}

/// Seconds as people say them, in the two largest units.
pub fn said(seconds: f64) -> String {
    let whole = seconds as u64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3_600 => format!("{minutes} min {} s", whole % 60),
        3_600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h {minutes} min"),
    }
}

/// Whole seconds likewise, without a fraction.
pub fn said_s(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        _ => said(seconds as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spans_are_read() {
        for (text, ms) in [("60s", 60_000), ("5m", 300_000), ("2h", 7_200_000), ("500ms", 500), ("1.5s", 1_500)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!((parse_s("7d"), parse_s("0.5m"), parse_ms("0.5s")), (Ok(604_800), Ok(30), Ok(500)));
    }

    #[test]
    fn anything_else_is_refused_with_a_sentence() {
        assert_eq!(parse("30").unwrap_err(), "it has no unit: write 30s, 30m, 30h or 30d");
        assert_eq!(parse("3x").unwrap_err(), "\"x\" is no unit of time: use ms, s, m, h or d");
        assert_eq!(parse("36501d").unwrap_err(), "it is longer than a hundred years");
        for text in ["", "s", "-1s", "1 s", "nans", "infs", "1e3s", "1e300d"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_s("0s").is_err() && parse_s("1500ms").is_err() && parse_ms("0.1ms").is_err());
    }

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        assert_eq!([said(12.34), said(75.0), said(3_700.0)], ["12.3 s", "1 min 15 s", "1 h 1 min"]);
        assert_eq!((said(90_061.0), said_s(5)), ("1 d 1 h 1 min".to_owned(), "5 s".to_owned()));
    }
}
