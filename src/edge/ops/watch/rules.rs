//! What somebody is to be told of at night, and from which figure on.

use super::forecast::Forecast;
use super::point::{Figure, Point};
use crate::config::Alerts as Settings;
use protocol::unit::TICK_RATE_HZ;

/// What rules are read against.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The newest second.
    pub point: &'a Point,
    /// What it comes to.
    pub forecast: Option<&'a Forecast>,
}

/// On which side of its limit a figure is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At it and above.
    Above,
    /// At it and below.
    Below,
}

/// When an alert is raised and cleared. The two limits are apart, so that a figure which wavers about one of them raises one
/// alert and not ten.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, in metrics and for programs.
    pub name: &'static str,
    /// The figure; none while it is not known, which speaks for nothing being wrong.
    pub reads: fn(&Reading<'_>) -> Option<f64>,
    /// Where it is bad.
    pub side: Side,
    /// Raised when the figure is there or beyond,
    pub raise: f64,
    /// cleared when it is here or on the good side of it,
    pub clear: f64,
    /// and has been for so many seconds.
    pub for_s: u32,
    /// What it means, in one sentence.
    pub text: String,
}

/// Longest that a figure must have been good before an alert is cleared, in seconds.
pub const CLEAR_S_MAX: u32 = 60;
/// How many rules there are.
pub const RULES: usize = 9;

impl Rule {
    /// Whether this is bad.
    pub fn is_bad(&self, value: f64) -> bool {
        match self.side {
            Side::Above => value >= self.raise,
            Side::Below => value <= self.raise,
        }
    }

    /// Whether this is good again.
    pub fn is_good(&self, value: f64) -> bool {
        match self.side {
            Side::Above => value <= self.clear,
            Side::Below => value >= self.clear,
        }
    }

    /// For so many seconds it must be good before it counts as over.
    pub fn clear_for_s(&self) -> u32 {
        self.for_s.min(CLEAR_S_MAX)
    }
}

/// All rules, as the operator has set them.
pub fn rules(settings: &Settings) -> [Rule; RULES] {
    let [stall, tick, overload, forecast] = world(settings);
    let [drops, timeouts] = network(settings);
    let [lag, journal, stores] = saving(settings);
    [stall, tick, overload, forecast, drops, timeouts, lag, journal, stores]
}

fn world(settings: &Settings) -> [Rule; 4] {
    let (stall_hz, tick_ms) = (f64::from(settings.tick_rate_hz), f64::from(settings.tick_p99_ms));
    let (level, minutes) = (f64::from(settings.overload_level), f64::from(settings.forecast_min));
    [
        Rule {
            name: "world_stalled",
            reads: |reading| reading.point.of(Figure::TickRate),
            side: Side::Below,
            raise: stall_hz,
            // Half of the way back to what it should be.
            clear: f64::midpoint(stall_hz, f64::from(TICK_RATE_HZ)),
            for_s: settings.tick_rate_for_s,
            text: format!("the world makes {stall_hz:.0} ticks a second or fewer, of {TICK_RATE_HZ}"),
        },
        Rule {
            name: "tick_slow",
            reads: |reading| reading.point.of(Figure::TickP99),
            side: Side::Above,
            raise: tick_ms,
            clear: 0.9 * tick_ms,
            for_s: settings.tick_p99_for_s,
            text: format!("one tick in a hundred takes {tick_ms:.0} ms or more, of 16.7 that there are"),
        },
        Rule {
            name: "overload",
            reads: |reading| reading.point.of(Figure::Overload),
            side: Side::Above,
            raise: level,
            clear: level - 1.0,
            for_s: settings.overload_for_s,
            text: format!("the server has taken {level:.0} steps or more against overload"),
        },
        Rule {
            name: "forecast",
            reads: |reading| reading.forecast.map(|forecast| forecast.minutes),
            side: Side::Below,
            raise: minutes,
            clear: 1.5 * minutes,
            for_s: settings.forecast_for_s,
            text: format!("at this trend a limit is reached within {minutes:.0} minutes"),
        },
    ]
}

fn network(settings: &Settings) -> [Rule; 2] {
    let (drops, percent) = (f64::from(settings.drops_per_s), f64::from(settings.timeouts_percent));
    [
        Rule {
            name: "kernel_drops",
            reads: |reading| reading.point.of(Figure::KernelDrops),
            side: Side::Above,
            raise: drops,
            clear: 0.5 * drops,
            for_s: settings.drops_for_s,
            text: "datagrams are dropped because the socket's receive buffer is full".to_owned(),
        },
        Rule {
            name: "timeouts",
            reads: |reading| reading.point.of(Figure::Timeouts),
            side: Side::Above,
            raise: percent,
            clear: 0.5 * percent,
            for_s: settings.timeouts_for_s,
            text: format!("{percent:.0} % of all sessions or more fell silent within a minute"),
        },
    ]
}

fn saving(settings: &Settings) -> [Rule; 3] {
    let lag_s = f64::from(settings.save_lag_s);
    [
        Rule {
            name: "save_lag",
            reads: |reading| reading.point.of(Figure::SaveLag),
            side: Side::Above,
            raise: lag_s,
            clear: 0.5 * lag_s,
            for_s: settings.save_lag_for_s,
            text: format!("something is not where it is to be saved since {lag_s:.0} s or more"),
        },
        Rule {
            name: "journal_failing",
            reads: |reading| reading.point.of(Figure::JournalFailing),
            side: Side::Above,
            raise: 1.0,
            clear: 0.0,
            for_s: settings.journal_for_s,
            text: "the journal cannot be written: nobody is let in".to_owned(),
        },
        Rule {
            name: "store_away",
            reads: |reading| reading.point.of(Figure::StoresAway),
            side: Side::Above,
            raise: 1.0,
            clear: 0.0,
            for_s: settings.store_for_s,
            text: "Redis or a server of MariaDB does not do what it is asked for".to_owned(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_good_is_not_bad_whatever_the_settings() {
        for rule in rules(&Settings::default()) {
            assert!(!rule.is_bad(rule.clear) && !rule.is_good(rule.raise), "{}", rule.name);
            assert!(rule.is_bad(rule.raise) && rule.is_good(rule.clear), "{}", rule.name);
        }
    }

    #[test]
    fn each_rule_has_a_name_of_its_own_and_a_sentence_without_a_full_stop() {
        let rules = rules(&Settings::default());
        assert_eq!(rules.iter().map(|rule| rule.name).collect::<BTreeSet<_>>().len(), RULES);
        assert!(rules.iter().all(|rule| !rule.text.is_empty() && !rule.text.ends_with('.')));
    }

    #[test]
    fn each_rule_reads_the_figure_that_it_is_named_after() {
        let mut point = Point::at(0);
        let forecast = Forecast { limit: "memory", minutes: 9.0, players: None, sentence: String::new() };
        let figures = [
            (Figure::TickRate, 1.0),
            (Figure::TickP99, 2.0),
            (Figure::Overload, 3.0),
            (Figure::KernelDrops, 5.0),
            (Figure::Timeouts, 6.0),
            (Figure::SaveLag, 7.0),
            (Figure::JournalFailing, 8.0),
            (Figure::StoresAway, 4.0),
        ];
        figures.iter().for_each(|&(figure, value)| point.set(figure, value));
        let reading = Reading { point: &point, forecast: Some(&forecast) };
        let read: Vec<(&str, f64)> =
            rules(&Settings::default()).iter().map(|rule| (rule.name, (rule.reads)(&reading).unwrap())).collect();
        let wanted = [
            ("world_stalled", 1.0),
            ("tick_slow", 2.0),
            ("overload", 3.0),
            ("forecast", 9.0),
            ("kernel_drops", 5.0),
            ("timeouts", 6.0),
            ("save_lag", 7.0),
            ("journal_failing", 8.0),
            ("store_away", 4.0),
        ];
        assert_eq!(read, wanted);
    }
}
