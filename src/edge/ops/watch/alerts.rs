//! Raises an alert when a figure has been bad for long enough, and clears it when it has been good again for long enough.
//! Told the time and the figures; what becomes of a change is its caller's.

use super::rules::{Reading, Rule};
use std::collections::VecDeque;

/// Changes that are remembered for reports.
pub const CHANGES_MAX: usize = 256;
const NS_PER_S: u64 = 1_000_000_000;

/// All rules and how they stand.
#[derive(Debug)]
pub struct Alerts {
    watches: Vec<Watched>,
    changes: VecDeque<Change>,
}

/// A rule and how it stands.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The rule.
    pub rule: Rule,
    /// Raised at this moment of the monotonic clock; none if it is not raised.
    pub raised_ns: Option<u64>,
    /// The figure as it was when it was known last; 0 if it never was.
    pub last_value: f64,
    /// Times it was raised since start.
    pub raised_total: u64,
    /// Times it was cleared since start.
    pub cleared_total: u64,
    /// Since when the figure has spoken against how it stands; none if it does not.
    contrary_ns: Option<u64>,
}

/// An alert was raised or cleared.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When, in seconds since 1970.
    pub unix_s: u64,
    /// Which.
    pub name: &'static str,
    /// Raised; else cleared.
    pub is_raised: bool,
    /// The figure then; none if it was not known.
    pub value: Option<f64>,
    /// The limit that it is about.
    pub threshold: f64,
    /// What it means.
    pub text: String,
}

impl Change {
    /// `raised` or `cleared`.
    pub fn word(&self) -> &'static str {
        if self.is_raised { "raised" } else { "cleared" }
    }
}

impl Alerts {
    /// Nothing is raised.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let watch = |rule| Watched {
            rule,
            raised_ns: None,
            last_value: 0.0,
            raised_total: 0,
            cleared_total: 0,
            contrary_ns: None,
        };
        Self { watches: rules.into_iter().map(watch).collect(), changes: VecDeque::new() }
    }

    /// Reads every rule at a moment, and answers with what has changed.
    pub fn observe(&mut self, mono_ns: u64, reading: &Reading<'_>) -> Vec<Change> {
        let changes: Vec<Change> =
            self.watches.iter_mut().filter_map(|watch| watch.observe(mono_ns, reading)).collect();
        self.changes.extend(changes.iter().cloned());
        let surplus = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..surplus);
        changes
    }

    /// All rules.
    pub fn all(&self) -> &[Watched] {
        &self.watches
    }

    /// What was raised and cleared, the oldest first.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.changes.iter()
    }
}

impl Watched {
    fn observe(&mut self, mono_ns: u64, reading: &Reading<'_>) -> Option<Change> {
        let value = (self.rule.reads)(reading);
        self.last_value = value.unwrap_or(self.last_value);
        let (is_contrary, for_s) = match self.raised_ns {
            None => (value.is_some_and(|value| self.rule.is_bad(value)), self.rule.for_s),
            Some(_) => (value.is_none_or(|value| self.rule.is_good(value)), self.rule.clear_for_s()),
        };
        if !is_contrary {
            self.contrary_ns = None;
            return None;
        }
        let since_ns = *self.contrary_ns.get_or_insert(mono_ns);
        if mono_ns.saturating_sub(since_ns) < u64::from(for_s) * NS_PER_S {
            return None;
        }
        self.contrary_ns = None;
        let is_raised = self.raised_ns.is_none();
        self.raised_ns = is_raised.then_some(mono_ns);
        *(if is_raised { &mut self.raised_total } else { &mut self.cleared_total }) += 1;
        Some(Change {
            unix_s: reading.point.unix_s,
            name: self.rule.name,
            is_raised,
            value,
            threshold: self.rule.raise,
            text: self.rule.text.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::point::{Figure, Point};
    use super::super::rules::Side;
    use super::*;

    fn rule(for_s: u32) -> Rule {
        Rule {
            name: "tick_slow",
            reads: |reading| reading.point.of(Figure::TickP99),
            side: Side::Above,
            raise: 14.0,
            clear: 12.0,
            for_s,
            text: "slow".to_owned(),
        }
    }

    /// A value a second, from second 1 on; answers with the seconds of changes.
    fn run(alerts: &mut Alerts, from_s: u64, values: &[Option<f64>]) -> Vec<(u64, bool)> {
        let mut seen = Vec::new();
        for (s, &value) in (from_s..).zip(values) {
            let mut point = Point::at(s);
            point.set(Figure::TickP99, value);
            let changes = alerts.observe(s * NS_PER_S, &Reading { point: &point, forecast: None });
            seen.extend(changes.iter().map(|change| (change.unix_s, change.is_raised)));
        }
        seen
    }

    #[test]
    fn it_takes_its_time_and_is_said_once() {
        let mut alerts = Alerts::new([rule(3)]);
        let seen = run(&mut alerts, 1, &[Some(14.0); 20]);
        assert_eq!(seen, [(4, true)], "bad at 1, 2 and 3, and still at 4");
        assert_eq!(alerts.all()[0].raised_ns, Some(4 * NS_PER_S));
        let seen = run(&mut alerts, 21, &[Some(12.0); 20]);
        assert_eq!(seen, [(24, false)]);
        let watched = &alerts.all()[0];
        assert_eq!((watched.raised_ns, watched.raised_total, watched.cleared_total), (None, 1, 1));
        assert_eq!(alerts.changes().map(Change::word).collect::<Vec<_>>(), ["raised", "cleared"]);
    }

    #[test]
    fn a_second_that_is_not_bad_begins_the_count_anew() {
        let mut alerts = Alerts::new([rule(3)]);
        let bad = Some(20.0);
        assert_eq!(run(&mut alerts, 1, &[bad, bad, bad, Some(13.9), bad, bad, bad]), []);
        assert_eq!(run(&mut alerts, 8, &[bad]), [(8, true)]);
    }

    #[test]
    fn between_the_limits_nothing_changes_either_way() {
        let mut alerts = Alerts::new([rule(0)]);
        assert_eq!(run(&mut alerts, 1, &[Some(13.0), Some(14.0)]), [(2, true)], "at once, if it need not last");
        assert_eq!(run(&mut alerts, 3, &[Some(13.9), Some(12.1), Some(20.0), Some(13.0)]), []);
        assert_eq!(run(&mut alerts, 7, &[Some(11.0)]), [(7, false)]);
    }

    #[test]
    fn what_is_not_known_raises_nothing_and_clears() {
        let mut alerts = Alerts::new([rule(2)]);
        assert_eq!(run(&mut alerts, 1, &[None; 10]), []);
        assert_eq!(run(&mut alerts, 11, &[Some(15.0); 3]), [(13, true)]);
        assert_eq!(run(&mut alerts, 14, &[None; 3]), [(16, false)]);
    }

    #[test]
    fn five_minutes_to_raise_are_one_to_clear() {
        let mut alerts = Alerts::new([rule(300)]);
        assert_eq!(run(&mut alerts, 1, &[Some(15.0); 301]), [(301, true)]);
        assert_eq!(run(&mut alerts, 302, &[Some(0.0); 61]), [(362, false)]);
    }

    #[test]
    fn missed_seconds_count_as_time() {
        let mut alerts = Alerts::new([rule(10)]);
        assert_eq!(run(&mut alerts, 1, &[Some(15.0)]), []);
        assert_eq!(run(&mut alerts, 11, &[Some(15.0)]), [(11, true)]);
    }

    #[test]
    fn old_changes_are_forgotten() {
        let mut alerts = Alerts::new([rule(0)]);
        for s in 0..1_000 {
            run(&mut alerts, 2 * s, &[Some(20.0), Some(0.0)]);
        }
        assert_eq!(alerts.changes().count(), CHANGES_MAX);
        assert_eq!(alerts.changes().next_back().unwrap().unix_s, 1_999);
    }
}
