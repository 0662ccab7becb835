//! What comes if it goes on like this: the nearest limit that the trend of the last minutes reaches.
//!
//! A straight line is laid through the number of players over time, and another through the ticks' time over the number of
//! players. Crowds cost more than in proportion, so the truth is rather sooner than what is said here. Where there is no
//! trend, or not enough to tell one from chance, nothing is said.

use super::point::{Figure, Point};
use serde::Serialize;

/// Seconds that are looked back.
pub const WINDOW_S: usize = 600;
/// Seconds whose median stands for one of the line's points: a hiccup moves nothing.
const BIN_S: u64 = 10;
/// Points of a line at the least: three minutes.
const BINS_MIN: usize = 18;
/// A slope of so many times its own error is none of chance. Neighbouring points are not independent of each other, which
/// makes the error look smaller than it is: hence more than the two or three of textbooks.
const ERRORS_MIN: f64 = 6.0;
/// Part of the variance that the line explains, at the least.
const EXPLAINED_MIN: f64 = 0.7;
/// The last third must rise with this part of the whole slope: a rise that has stopped is no trend.
const LASTING_MIN: f64 = 0.5;
/// The rise within the window, at the least: this part of what there is.
const RISE_MIN: f64 = 0.02;
/// A line is followed to so many times the players there are now.
const REACH_MAX: f64 = 4.0;
/// The horizon: beyond it ten minutes of the past say nothing.
const MINUTES_MAX: f64 = 240.0;

/// What there is an end to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time of a tick.
    pub tick_ms: f64,
    /// Players that are let in.
    pub players: f64,
    /// Memory; none if it is not known.
    pub memory_mib: Option<f64>,
}

/// The nearest limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// `tick_budget`, `players_max` or `memory`.
    pub limit: &'static str,
    /// Until then.
    pub minutes: f64,
    /// So many there will be then; none if the trend is not one of players.
    pub players: Option<u32>,
    /// All of it.
    pub sentence: String,
}

/// What the last [`WINDOW_S`] of `points`, one a second and the oldest first, lead to.
pub fn forecast<'a>(points: impl Iterator<Item = &'a Point>, limits: &Limits) -> Option<Forecast> {
    let bins = Bins::of(points);
    let reached = [bins.players(limits), bins.tick(limits), bins.memory(limits)];
    let sooner = |a: &Forecast, b: &Forecast| a.minutes.total_cmp(&b.minutes);
    reached.into_iter().flatten().filter(|found| found.minutes <= MINUTES_MAX).min_by(sooner)
}

/// The points of the lines: time in seconds before now (0 or below), and a median.
struct Bins {
    players: Vec<(f64, f64)>,
    tick_ms: Vec<(f64, f64)>,
    memory_mib: Vec<(f64, f64)>,
    /// Ticks' time by players.
    tick_by_players: Vec<(f64, f64)>,
}

impl Bins {
    fn of<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let points: Vec<&Point> = points.collect();
        let points = &points[points.len().saturating_sub(WINDOW_S)..];
        let now_s = points.last().map_or(0, |point| point.unix_s);
        let mut bins =
            Self { players: Vec::new(), tick_ms: Vec::new(), memory_mib: Vec::new(), tick_by_players: Vec::new() };
        for bin in points.chunks(BIN_S as usize).filter(|bin| bin.len() == BIN_S as usize) {
            let at_s = bin[bin.len() / 2].unix_s as f64 - now_s as f64;
            let medians = [Figure::Players, Figure::TickP99, Figure::Resident].map(|figure| median(bin, figure));
            let lines = [&mut bins.players, &mut bins.tick_ms, &mut bins.memory_mib];
            for (line, median) in lines.into_iter().zip(medians) {
                line.extend(median.map(|median| (at_s, median)));
            }
            bins.tick_by_players.extend(medians[0].zip(medians[1]));
        }
        bins
    }

    fn players(&self, limits: &Limits) -> Option<Forecast> {
        let trend = trend(&self.players)?;
        let minutes = trend.minutes_to(limits.players)?;
        let (when, count) = (in_words(minutes), thousands(limits.players));
        let sentence = format!("at this trend the limit of {count} players is reached in {when}");
        Some(Forecast { limit: "players_max", minutes, players: Some(limits.players as u32), sentence })
    }

    /// By the players, if there come more and more of them and a tick takes the longer for it; else by itself.
    fn tick(&self, limits: &Limits) -> Option<Forecast> {
        self.tick_by_players(limits).or_else(|| {
            let minutes = trend(&self.tick_ms)?.minutes_to(limits.tick_ms)?;
            let sentence =
                format!("at this trend the tick budget is reached in {}, without more players", in_words(minutes));
            Some(Forecast { limit: "tick_budget", minutes, players: None, sentence })
        })
    }

    fn tick_by_players(&self, limits: &Limits) -> Option<Forecast> {
        let arrivals = trend(&self.players)?;
        let cost = Line::through(&self.tick_by_players).filter(Line::is_sure)?;
        let players = (limits.tick_ms - cost.start) / cost.slope;
        if players <= arrivals.now() || players > REACH_MAX * arrivals.now() {
            return None;
        }
        let minutes = arrivals.minutes_to(players)?;
        let (when, players) = (in_words(minutes), rounded(players));
        let count = thousands(players);
        let sentence = format!("at this trend the tick budget is reached in {when}, at about {count} players");
        Some(Forecast { limit: "tick_budget", minutes, players: Some(players as u32), sentence })
    }

    fn memory(&self, limits: &Limits) -> Option<Forecast> {
        let minutes = trend(&self.memory_mib)?.minutes_to(limits.memory_mib?)?;
        let sentence = format!("at this trend memory is full in {}", in_words(minutes));
        Some(Forecast { limit: "memory", minutes, players: None, sentence })
    }
}

/// A line through something over time that rises, surely and still; none if it does not.
fn trend(pairs: &[(f64, f64)]) -> Option<Line> {
    let line = Line::through(pairs).filter(Line::is_sure)?;
    let span_s = pairs.last()?.0 - pairs.first()?.0;
    let last = Line::through(&pairs[pairs.len() - pairs.len() / 3..])?;
    let is_much = line.slope * span_s >= RISE_MIN * line.now().abs();
    (is_much && last.slope >= LASTING_MIN * line.slope).then_some(line)
}

/// `y = start + slope * x`, by least squares.
struct Line {
    start: f64,
    slope: f64,
    /// Standard error of the slope.
    error: f64,
    /// Part of the variance of `y` that it explains, 0 to 1.
    explained: f64,
    points: usize,
}

impl Line {
    /// None through less than three points, or above one another.
    fn through(pairs: &[(f64, f64)]) -> Option<Self> {
        let count = pairs.len() as f64;
        if pairs.len() < 3 {
            return None;
        }
        let (x, y) = pairs.iter().fold((0.0, 0.0), |(x, y), pair| (x + pair.0 / count, y + pair.1 / count));
        let sum = |of: fn(f64, f64) -> f64| pairs.iter().map(|pair| of(pair.0 - x, pair.1 - y)).sum::<f64>();
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        if xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        let unexplained = (yy - slope * xy).max(0.0);
        Some(Self {
            start: y - slope * x,
            slope,
            error: (unexplained / (count - 2.0) / xx).sqrt(),
            explained: if yy > 0.0 { 1.0 - unexplained / yy } else { 0.0 },
            points: pairs.len(),
        })
    }

    fn is_sure(&self) -> bool {
        let is_rising = self.slope > 0.0 && self.slope >= ERRORS_MIN * self.error;
        is_rising && self.explained >= EXPLAINED_MIN && self.points >= BINS_MIN
    }

    /// Where a line over time is now.
    fn now(&self) -> f64 {
        self.start
    }

    /// None if it is there already: that is nothing to foretell.
    fn minutes_to(&self, y: f64) -> Option<f64> {
        let minutes = (y - self.now()) / self.slope / 60.0;
        (minutes > 0.0 && minutes.is_finite()).then_some(minutes)
    }
}

fn median(points: &[&Point], figure: Figure) -> Option<f64> {
    let mut values: Vec<f64> = points.iter().filter_map(|point| point.of(figure)).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn in_words(minutes: f64) -> String {
    match minutes {
        ..1.5 => "a minute".to_owned(),
        1.5..120.0 => format!("{minutes:.0} minutes"),
        _ => format!("{:.0} hours", minutes / 60.0),
    }
}

/// To two digits: the line is not known any better.
fn rounded(players: f64) -> f64 {
    let step = 10f64.powf((players.max(1.0).log10().floor() - 1.0).max(0.0));
    (players / step).round() * step
}

/// `2,600`.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { tick_ms: 1_000.0 / 60.0, players: 10_000.0, memory_mib: Some(4_096.0) };

    /// Evenly between -1 and 1, from a seed.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as f64 / f64::from(1 << 30) - 1.0
        }
    }

    fn history(seconds: u64, at: impl FnMut(f64) -> (f64, f64, f64)) -> Vec<Point> {
        let mut at = at;
        (0..seconds)
            .map(|s| {
                let mut point = Point::at(1_000_000 + s);
                let (players, tick_ms, memory_mib) = at(s as f64 / 60.0);
                point.set(Figure::Players, players);
                point.set(Figure::TickP99, tick_ms);
                point.set(Figure::Resident, memory_mib);
                point
            })
            .collect()
    }

    fn of(points: &[Point]) -> Option<Forecast> {
        forecast(points.iter(), &LIMITS)
    }

    #[test]
    fn the_budget_is_foretold_by_who_comes_and_by_what_he_costs() {
        // 25 a minute come to 1,350; a tick takes 1 ms and 6 us for each: 16.67 ms at 2,611, which is in 40 minutes.
        let points = history(600, |minute| {
            let players = 1_350.0 + 25.0 * minute;
            (players, 1.0 + 0.006 * players, 300.0)
        });
        let found = of(&points).unwrap();
        assert_eq!((found.limit, found.players), ("tick_budget", Some(2_600)));
        assert!((found.minutes - 40.4).abs() < 0.5, "{found:?}");
        let sentence = "at this trend the tick budget is reached in 40 minutes, at about 2,600 players";
        assert_eq!(found.sentence, sentence);
    }

    #[test]
    fn noise_moves_it_by_little() {
        for seed in 1..=20 {
            let mut noise = Noise(seed);
            let points = history(600, |minute| {
                let players = 1_350.0 + 25.0 * minute + 20.0 * noise.next();
                let hiccup = if noise.next() > 0.98 { 30.0 } else { 0.0 };
                (players.round(), 1.0 + 0.006 * players + 0.5 * noise.next() + hiccup, 300.0 + noise.next())
            });
            let found = of(&points).unwrap();
            assert_eq!(found.limit, "tick_budget", "{seed}");
            assert!((25.0..60.0).contains(&found.minutes), "{seed}: {found:?}");
        }
    }

    #[test]
    fn what_only_wavers_says_nothing() {
        for seed in 1..=200 {
            let mut noise = Noise(seed);
            let points = history(600, |_| {
                (2_000.0 + 30.0 * noise.next(), 12.0 + 3.0 * noise.next(), 300.0 + 5.0 * noise.next())
            });
            assert_eq!(of(&points), None, "{seed}");
        }
    }

    #[test]
    fn a_world_in_which_nothing_changes_says_nothing() {
        assert_eq!(of(&history(600, |_| (500.0, 3.0, 300.0))), None);
        assert_eq!(of(&history(600, |minute| (2_000.0 - 20.0 * minute, 12.0 - 0.2 * minute, 300.0))), None, "fewer");
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_rise_that_has_stopped_is_no_trend() {
        let points = history(600, |minute| {
            let players = 1_000.0 + 100.0 * minute.min(4.0);
            (players, 1.0 + 0.006 * players, 300.0)
        });
        assert_eq!(of(&points), None);
    }

    #[test]
    fn two_minutes_are_too_few() {
        let rising = |minute: f64| (1_000.0 + 100.0 * minute, 2.0 + minute, 300.0);
        assert_eq!(of(&history(170, rising)), None);
        assert!(of(&history(190, rising)).is_some());
    }

    #[test]
    fn where_ticks_cost_nothing_the_limit_of_players_comes_first() {
        let mut noise = Noise(7);
        let points = history(600, |minute| (9_000.0 + 20.0 * minute, 3.0 + noise.next(), 300.0));
        let found = of(&points).unwrap();
        assert_eq!((found.limit, found.players), ("players_max", Some(10_000)));
        assert!((found.minutes - 40.0).abs() < 1.0, "{found:?}");
        assert_eq!(found.sentence, "at this trend the limit of 10,000 players is reached in 40 minutes");
    }

    #[test]
    fn ticks_that_grow_without_players_and_memory_that_fills_are_foretold_too() {
        let found = of(&history(600, |minute| (500.0, 6.0 + 0.2 * minute, 300.0))).unwrap();
        assert_eq!((found.limit, found.players), ("tick_budget", None));
        assert!((found.minutes - 43.3).abs() < 1.0, "{found:?}");
        let found = of(&history(600, |minute| (500.0, 6.0, 1_000.0 + 20.0 * minute))).unwrap();
        assert_eq!((found.limit, found.sentence.as_str()), ("memory", "at this trend memory is full in 2 hours"));
    }

    #[test]
    fn what_is_far_off_or_over_is_not_foretold() {
        assert_eq!(of(&history(600, |minute| (1_000.0 + 5.0 * minute, 3.0, 300.0))), None, "a day");
        assert_eq!(of(&history(600, |minute| (100.0 + 5.0 * minute, 1.0 + 0.001 * minute, 300.0))), None, "30 times");
        let over = history(600, |minute| (3_000.0 + 20.0 * minute, 20.0 + minute, 300.0));
        assert!(of(&over).is_none_or(|found| found.limit != "tick_budget"), "it is reached already");
    }

    #[test]
    fn unknown_figures_are_left_out() {
        let mut points = history(600, |minute| (9_000.0 + 20.0 * minute, 3.0, 300.0));
        for point in &mut points {
            point.set(Figure::TickP99, None);
            if point.unix_s.is_multiple_of(3) {
                point.set(Figure::Players, None);
            }
        }
        assert_eq!(of(&points).unwrap().limit, "players_max");
    }
}
