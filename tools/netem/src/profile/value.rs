//! Spans, shares and rates as people write them.

/// Longest span a link may take: 10 s.
const SPAN_NS_MAX: f64 = 10e9;
/// Fastest bottleneck, bytes per second: 100 Gbit/s.
const BYTES_PER_S_MAX: f64 = 12.5e9;

/// `40ms`, `1.5s`, `200us` in ns.
pub(super) fn span_ns(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit_ns = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return None,
    };
    let ns = number * unit_ns;
    (0.0..=SPAN_NS_MAX).contains(&ns).then_some(ns.round() as u64)
}

/// `2%` as 0.02.
pub(super) fn share(text: &str) -> Option<f64> {
    let (number, unit) = split(text)?;
    let share = number / 100.0;
    (unit == "%" && (0.0..=1.0).contains(&share)).then_some(share)
}

/// `2mbit` in bytes per second, at least 1.
pub(super) fn bytes_per_s(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit_bits = match unit {
        "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => return None,
    };
    let bytes = number * unit_bits / 8.0;
    (1.0..=BYTES_PER_S_MAX).contains(&bytes).then_some(bytes as u64)
}

/// A number and what stands behind it.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_units_and_bounds() {
        assert_eq!(
            (span_ns("40ms"), span_ns("1.5s"), span_ns("200us")),
            (Some(40_000_000), Some(1_500_000_000), Some(200_000))
        );
        assert_eq!((share("2%"), share("0.5%"), share("100%")), (Some(0.02), Some(0.005), Some(1.0)));
        assert_eq!((bytes_per_s("8kbit"), bytes_per_s("2mbit")), (Some(1_000), Some(250_000)));
        for text in ["", "40", "ms", "-1ms", "11s", "1..2ms"] {
            assert_eq!(span_ns(text), None, "{text}");
        }
        assert_eq!((share("101%"), share("0.5"), bytes_per_s("4bit"), bytes_per_s("1tbit")), (None, None, None, None));
    }
}
