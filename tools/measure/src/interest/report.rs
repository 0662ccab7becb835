//! The tables and the verdict.

use super::pass::{Measured, Times};
use serde::Serialize;

/// The goal is set for so many players, and judged with no other number.
pub const JUDGED_PLAYERS: u16 = 2_000;
/// What a build and everybody's query may take in the median, in us, and where we are heading.
const MUST_US: f64 = 1_000.0;
const AIM_US: f64 = 300.0;
/// Who is judged; the others are there to compare with.
const JUDGED_INDEX: &str = "quadtree";
const JUDGED_WORLD: &str = "humans";

/// Everything measured in one call.
#[derive(Debug, Serialize)]
pub struct Report {
    players: u16,
    ticks: u32,
    radius_m: i32,
    /// Recorded people whose paths were followed.
    people: Option<usize>,
    must_us: f64,
    aim_us: f64,
    worlds: Vec<InWorld>,
}

#[derive(Debug, Serialize)]
struct InWorld {
    world: &'static str,
    visible: Visible,
    rows: Vec<Row>,
}

/// Others near a player.
#[derive(Debug, Serialize)]
struct Visible {
    mean: f64,
    p95: u32,
}

/// One index in one world.
#[derive(Debug, Serialize)]
struct Row {
    index: &'static str,
    build_us: Spread,
    all_players: Looked,
    a_sixth: Looked,
    ns_per_query: f64,
    answers_compared: u64,
    exact: bool,
    /// Where it was not.
    wrong: Option<String>,
    /// Whether the goal is reached, for the index and the world that have one.
    holds: Option<bool>,
}

/// What looking around costs per tick.
#[derive(Debug, Serialize)]
struct Looked {
    query_us: Spread,
    /// With the build of the same tick.
    both_us: Spread,
}

/// Over ticks.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
}

impl Report {
    pub fn new(players: u16, ticks: u32, radius_m: i32, people: Option<usize>) -> Self {
        Self { players, ticks, radius_m, people, must_us: MUST_US, aim_us: AIM_US, worlds: Vec::new() }
    }

    pub fn add(&mut self, world: &'static str, measured: Measured) {
        let is_judged = world == JUDGED_WORLD && self.players == JUDGED_PLAYERS;
        let visible = Visible::of(&measured.visible);
        let rows = measured.indices.into_iter().map(|times| Row::new(times, self.players, is_judged)).collect();
        self.worlds.push(InWorld { world, visible, rows });
    }

    /// What does not hold, in words: wrong answers of anybody, and the goal.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for InWorld { world, rows, .. } in &self.worlds {
            for row in rows {
                missed.extend(row.wrong.iter().map(|wrong| format!("{world}: {wrong}")));
                if row.holds == Some(false) && row.exact {
                    let p50 = row.all_players.both_us.p50;
                    missed.push(format!("{world}, {}: {p50:.0} us of {MUST_US:.0}", row.index));
                }
            }
        }
        missed
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!(
            "{} players, {} ticks, radius {} m; build and everybody's query: must {MUST_US:.0} us, aim {AIM_US:.0} us",
            self.players, self.ticks, self.radius_m
        );
        if let Some(people) = self.people {
            println!("humans follow {people} recorded paths");
        }
        for InWorld { world, visible, rows } in &self.worlds {
            println!("\n{world}: {:.1} others near a player on average, {} at p95", visible.mean, visible.p95);
            println!("{:<9} {:^17}   {:^36}   {:^36}", "", "build us", "everybody looks, us", "a sixth looks, us");
            println!(
                "{:<9} {:>8} {:>8}   {:>8} {:>8}  {:>8} {:>8}   {:>8} {:>8}  {:>8} {:>8}   {:>8}  {:<5}  {:<5}",
                "index",
                "p50",
                "p99",
                "query50",
                "query99",
                "both50",
                "both99",
                "query50",
                "query99",
                "both50",
                "both99",
                "ns/query",
                "exact",
                "holds"
            );
            for row in rows {
                println!("{}", row.line());
            }
        }
        if self.worlds.iter().all(|world| world.rows.iter().all(|row| row.holds.is_none())) {
            println!(
                "\nNothing is judged but exactness: the goal is set for {JUDGED_PLAYERS} players where people were (--trace)."
            );
        }
        Ok(())
    }
}

impl Row {
    fn new(times: Times, players: u16, is_judged: bool) -> Self {
        let Times { name, build_ns, all_ns, sixth_ns, compared, wrong } = times;
        let all_players = Looked::of(&build_ns, &all_ns);
        let exact = wrong.is_none() && compared > 0;
        let is_judged = is_judged && name == JUDGED_INDEX;
        Self {
            index: name,
            build_us: Spread::of(build_ns.iter().copied()),
            ns_per_query: all_players.query_us.p50 * 1e3 / f64::from(players),
            a_sixth: Looked::of(&build_ns, &sixth_ns),
            answers_compared: compared,
            exact,
            wrong,
            holds: is_judged.then_some(exact && all_players.both_us.p50 <= MUST_US),
            all_players,
        }
    }

    fn line(&self) -> String {
        format!(
            "{:<9} {}   {}   {}   {:>8.0}  {:<5}  {}",
            self.index,
            self.build_us.cells(),
            self.all_players.cells(),
            self.a_sixth.cells(),
            self.ns_per_query,
            yes_no(self.exact),
            self.holds.map_or("-", yes_no)
        )
    }
}

impl Looked {
    fn of(build_ns: &[u64], query_ns: &[u64]) -> Self {
        let both = build_ns.iter().zip(query_ns).map(|(build, query)| build + query);
        Self { query_us: Spread::of(query_ns.iter().copied()), both_us: Spread::of(both) }
    }

    fn cells(&self) -> String {
        format!("{}  {}", self.query_us.cells(), self.both_us.cells())
    }
}

impl Spread {
    fn of(ns: impl Iterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = ns.collect();
        sorted.sort_unstable();
        let us = |share| quantile(&sorted, share).map_or(0.0, |ns| ns as f64 / 1e3);
        Self { p50: us(0.5), p99: us(0.99) }
    }

    fn cells(self) -> String {
        format!("{:>8.1} {:>8.1}", self.p50, self.p99)
    }
}

impl Visible {
    fn of(sorted: &[u32]) -> Self {
        let sum: f64 = sorted.iter().map(|count| f64::from(*count)).sum();
        Self { mean: sum / sorted.len().max(1) as f64, p95: quantile(sorted, 0.95).unwrap_or(0) }
    }
}

/// The smallest value that at least this share of an ascending list does not exceed.
fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

fn yes_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "NO" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(name: &'static str, all_us: u64) -> Times {
        let (build_ns, all_ns, sixth_ns) = (vec![20_000; 10], vec![all_us * 1_000; 10], vec![50_000; 10]);
        Times { name, build_ns, all_ns, sixth_ns, compared: 7, wrong: None }
    }

    fn missed(players: u16, world: &'static str, times: Times) -> Vec<String> {
        let mut report = Report::new(players, 10, 100, None);
        report.add(world, Measured { indices: vec![times], visible: vec![3, 5] });
        report.missed()
    }

    #[test]
    fn the_goal_is_the_quadtrees_where_people_were_at_two_thousand() {
        assert!(missed(2_000, "humans", times("quadtree", 980)).is_empty());
        assert_eq!(missed(2_000, "humans", times("quadtree", 981)), ["humans, quadtree: 1001 us of 1000"]);
        assert!(missed(2_000, "humans", times("grid r", 5_000)).is_empty());
        assert!(missed(2_000, "one spot", times("quadtree", 5_000)).is_empty());
        assert!(missed(4_000, "humans", times("quadtree", 5_000)).is_empty());
    }

    #[test]
    fn a_wrong_answer_is_nobodys_to_give() {
        for (players, world, name) in [(2_000, "humans", "quadtree"), (30, "one spot", "grid r")] {
            let wrong = Times { wrong: Some("it lies".to_owned()), ..times(name, 10) };
            assert_eq!(missed(players, world, wrong), [format!("{world}: it lies")]);
        }
    }

    #[test]
    fn both_adds_what_one_tick_took() {
        let (build, query) = ([1_000, 9_000, 1_000], [9_000, 1_000, 1_000]);
        let looked = Looked::of(&build, &query);
        assert_eq!((looked.query_us.p50, looked.both_us.p50, looked.both_us.p99), (1.0, 10.0, 10.0));
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|share| quantile(&hundred, share)), [50, 95, 99, 100].map(Some));
        assert_eq!(quantile::<u64>(&[], 0.5), None);
    }
}
