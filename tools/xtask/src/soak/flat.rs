//! Whether a figure stays what it is: its trend, and late against early.
//!
//! Both are asked, for each misses something: a trend of a short run is mostly noise, and a step of means may be one
//! pause of an allocator. What is judged comes after the warm-up, the first quarter, in which tables fill.

use crate::judge::Line;

/// What may grow in an hour, in units of the figure; and a step that may come at any time, which a shorter run turns into a
/// steeper trend.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// In an hour.
    pub per_hour: f64,
    /// Once.
    pub step: f64,
    /// Of the early mean, once.
    pub share: f64,
}

/// Judges (seconds, figure) pairs of a whole run; `what` names the figure with its unit.
pub fn judge_flat(what: &str, points: &[(f64, f64)], allowance: Allowance) -> Vec<Line> {
    let Allowance { per_hour, step, share } = allowance;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Vec::new() };
    let span_s = last.0 - first.0;
    let within = |from: f64, to: f64| {
        let (from_s, to_s) = (first.0 + span_s * from, first.0 + span_s * to);
        points.iter().copied().filter(|(at_s, _)| (from_s..=to_s).contains(at_s)).collect::<Vec<_>>()
    };
    let (warm, early, late) = (within(0.25, 1.0), mean(&within(0.25, 0.5)), mean(&within(0.75, 1.0)));
    let hours = span_s * 0.75 / 3_600.0;
    vec![
        Line::at_most(&format!("{what}, trend in an hour"), slope(&warm) * 3_600.0, per_hour + step / hours),
        Line::at_most(&format!("{what}, last quarter"), late, early * (1.0 + share) + step),
    ]
}

/// The mean of the figures; not a number without any.
pub fn mean(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(_, figure)| figure).sum::<f64>() / points.len() as f64
}

/// By how much the figure grows a second: the line with the least squares of distances.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (at_s, figure) = (points.iter().map(|(at_s, _)| at_s).sum::<f64>() / count, mean(points));
    let covariance: f64 = points.iter().map(|(x, y)| (x - at_s) * (y - figure)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - at_s) * (x - at_s)).sum();
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { per_hour: 8.0, step: 1.0, share: 0.02 };
    const MIB_PER_KIB: f64 = 1.0 / 1_024.0;

    /// Twenty minutes: 50 MiB that fill up in the first minutes, noise of half a MiB, and a leak.
    fn run(leak_kib_per_s: f64, end_s: u32) -> Vec<(f64, f64)> {
        let figure = |at_s: u32| {
            let noise = f64::from(at_s.wrapping_mul(2_654_435_761) >> 8) / f64::from(1_u32 << 24) - 0.5;
            let filling = 5.0 * (f64::from(at_s) / 60.0).min(2.0);
            (f64::from(at_s), 40.0 + filling + noise + leak_kib_per_s * MIB_PER_KIB * f64::from(at_s))
        };
        (0..end_s).map(figure).collect()
    }

    fn broken(points: &[(f64, f64)]) -> usize {
        judge_flat("MiB", points, ALLOWANCE).iter().filter(|line| !line.holds()).count()
    }

    #[test]
    fn a_leak_of_a_few_kib_a_second_is_found_and_noise_is_not() {
        assert_eq!((broken(&run(0.0, 1_200)), broken(&run(1.0, 1_200))), (0, 0));
        assert!(broken(&run(5.0, 1_200)) >= 1, "17.6 MiB an hour");
        assert_eq!(broken(&run(20.0, 1_200)), 2);
    }

    #[test]
    fn a_step_that_comes_late_is_allowed_once_and_a_larger_one_is_not() {
        let stepped = |step: f64| {
            let with = |(at_s, figure)| (at_s, if at_s > 1_000.0 { figure + step } else { figure });
            run(0.0, 1_200).into_iter().map(with).collect::<Vec<_>>()
        };
        assert_eq!(broken(&stepped(0.8)), 0);
        assert!(broken(&stepped(6.0)) >= 1);
    }

    #[test]
    fn a_line_has_its_slope_and_nothing_has_no_verdict() {
        let line: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), 3.0 + 2.0 * f64::from(x))).collect();
        assert!((slope(&line) - 2.0).abs() < 1e-9);
        assert!(judge_flat("MiB", &[], ALLOWANCE).is_empty());
        let alone = judge_flat("MiB", &[(1.0, 5.0)], ALLOWANCE);
        assert!(alone.iter().any(|line| !line.holds()), "one sample proves nothing");
    }
}
