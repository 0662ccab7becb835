//! Where the time goes, between two samples: `profile`.

use crate::server::{Server, parsed};
use crate::terminal::{self, Side, sentence};
use crate::{now, pause};
use anyhow::{Result, bail};
use clap::Args;
use ops_api::{PhaseTime, Profile};
use std::time::Duration;

/// For how long to look.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// Seconds between the two samples, 1 to 3,600
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Print the two samples as the server gave them instead, as a JSON array
    #[arg(long)]
    json: bool,
}

/// The server publishes once a second: a sample later than that is surely another.
const PUBLISHED_PAUSE: Duration = Duration::from_millis(50);

impl ProfileArgs {
    /// By thread and phase.
    pub fn run(&self, server: &Server) -> Result<String> {
        let (first, since) = (server.page("/api/v1/profile")?, now());
        let before: Profile = parsed(&first)?;
        pause(Duration::from_secs(self.seconds) + PUBLISHED_PAUSE);
        let second = server.page("/api/v1/profile")?;
        if self.json {
            return Ok(terminal::json(&format!("[{first},{second}]")));
        }
        report(&before, &parsed(&second)?, since.elapsed().as_secs_f64())
    }
}

/// What happened from `before` to `after`, which were taken so many seconds apart.
fn report(before: &Profile, after: &Profile, seconds: f64) -> Result<String> {
    if after.uptime_s < before.uptime_s {
        bail!("the server was started anew meanwhile: ask again");
    }
    let ticks = after.ticks.saturating_sub(before.ticks);
    let player_ticks = after.player_ticks.saturating_sub(before.player_ticks);
    let base = Base { seconds, ticks, player_ticks };
    let players = if ticks == 0 { 0.0 } else { player_ticks as f64 / ticks as f64 };
    let head = format!("{seconds:.1} s, {ticks} ticks, {players:.1} players on average");
    Ok(format!("{head}\n\n{}\n{}", threads(before, after, base), phases(before, after, base)))
}

/// Between the samples.
#[derive(Clone, Copy)]
struct Base {
    seconds: f64,
    ticks: u64,
    player_ticks: u64,
}

impl Base {
    /// Microseconds per tick and per player-tick.
    fn shares(self, seconds: f64) -> [String; 2] {
        let per = |number: u64, digits: usize| match number {
            0 => "-".to_owned(),
            number => format!("{:.digits$}", seconds * 1e6 / number as f64),
        };
        [per(self.ticks, 1), per(self.player_ticks, 3)]
    }
}

fn threads(before: &Profile, after: &Profile, base: Base) -> String {
    let head = [
        ("thread", Side::Left),
        ("% of a core", Side::Right),
        ("share %", Side::Right),
        ("us/tick", Side::Right),
        ("us/player-tick", Side::Right),
    ];
    let spent = |name: &str, now: f64| {
        let earlier = before.threads.iter().find(|thread| thread.name == name).map_or(0.0, |thread| thread.seconds);
        (now - earlier).max(0.0)
    };
    let mut spent: Vec<_> =
        after.threads.iter().map(|thread| (&thread.name, spent(&thread.name, thread.seconds))).collect();
    spent.sort_by(|a, b| b.1.total_cmp(&a.1));
    let total: f64 = spent.iter().map(|(_, seconds)| seconds).sum();
    let row = |name: String, seconds: f64| {
        let [tick, player_tick] = base.shares(seconds);
        vec![name, percent(seconds, base.seconds), percent(seconds, total), tick, player_tick]
    };
    let rows = spent.iter().map(|(name, seconds)| row(sentence(name), *seconds));
    terminal::table(&head, &rows.chain([row("all".to_owned(), total)]).collect::<Vec<_>>())
}

fn phases(before: &Profile, after: &Profile, base: Base) -> String {
    let head = [
        ("phase", Side::Left),
        ("passes", Side::Right),
        ("us/pass", Side::Right),
        ("share %", Side::Right),
        ("us/tick", Side::Right),
        ("us/player-tick", Side::Right),
        ("longest now, us", Side::Right),
    ];
    let spent = |phase: &PhaseTime| {
        let earlier = before.phases.iter().find(|earlier| earlier.name == phase.name);
        let (count, seconds) = earlier.map_or((0, 0.0), |earlier| (earlier.count, earlier.seconds));
        (phase.count.saturating_sub(count), (phase.seconds - seconds).max(0.0))
    };
    let mut spent: Vec<_> = after.phases.iter().map(|phase| (phase, spent(phase))).collect();
    // Phases of one group share their group's time; the game's are a part of the world's.
    spent.sort_by(|(a, (_, a_s)), (b, (_, b_s))| group(&a.name).cmp(group(&b.name)).then(b_s.total_cmp(a_s)));
    let of_group = |name: &str| -> f64 {
        spent.iter().filter(|(phase, _)| group(&phase.name) == group(name)).map(|(_, (_, seconds))| seconds).sum()
    };
    let row = |phase: &PhaseTime, count: u64, seconds: f64| {
        let [tick, player_tick] = base.shares(seconds);
        let pass = if count == 0 { "-".to_owned() } else { format!("{:.1}", seconds * 1e6 / count as f64) };
        let share = percent(seconds, of_group(&phase.name));
        let longest = format!("{:.0}", phase.max_last_second * 1e6);
        vec![sentence(&phase.name), count.to_string(), pass, share, tick, player_tick, longest]
    };
    let rows: Vec<_> = spent.iter().map(|(phase, (count, seconds))| row(phase, *count, *seconds)).collect();
    terminal::table(&head, &rows)
}

/// What stands before the slash.
fn group(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

fn percent(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1}", part * 100.0 / whole) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::misused;
    use ops_api::ThreadTime;

    fn sample(uptime_s: f64, ticks: u64, world_s: f64, tell: (u64, f64), game: (u64, f64)) -> Profile {
        let phase = |name: &str, (count, seconds)| PhaseTime {
            name: name.to_owned(),
            count,
            seconds,
            max_last_second: 0.001_5,
        };
        let thread = |name: &str, seconds| ThreadTime { name: name.to_owned(), seconds };
        Profile {
            uptime_s,
            ticks,
            player_ticks: ticks * 500,
            threads: vec![thread("ops", 1.0), thread("world", world_s)],
            phases: vec![phase("game/combat", game), phase("world/drain", (ticks, 0.0)), phase("world/tell", tell)],
        }
    }

    #[test]
    fn what_happened_between_the_samples_is_told_by_thread_and_phase() {
        let before = sample(100.0, 6_000, 40.0, (6_000, 30.0), (6_000, 2.0));
        let after = sample(110.0, 6_600, 43.0, (6_600, 32.4), (6_600, 2.6));
        let text = report(&before, &after, 10.0).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(text.starts_with("10.0 s, 600 ticks, 500.0 players on average\n"), "{text}");
        // 3 s of 10 s; 3 s / 600 ticks; / 300,000 player-ticks.
        assert_eq!(lines[3], ["world", "30.0", "100.0", "5000.0", "10.000"], "{text}");
        assert_eq!(lines[4], ["ops", "0.0", "0.0", "0.0", "0.000"], "{text}");
        assert_eq!(lines[5][0], "all", "{text}");
        assert_eq!(lines[8], ["game/combat", "600", "1000.0", "100.0", "1000.0", "2.000", "1500"], "{text}");
        assert_eq!(lines[9], ["world/tell", "600", "4000.0", "100.0", "4000.0", "8.000", "1500"], "{text}");
        assert_eq!(lines[10][0], "world/drain", "the longest of a group comes first: {text}");
    }

    #[test]
    fn a_world_that_stood_still_and_a_server_that_began_anew_are_no_division_by_nought() {
        let before = sample(100.0, 6_000, 40.0, (6_000, 30.0), (6_000, 2.0));
        let text = report(&before, &before, 1.0).unwrap();
        assert!(
            text.starts_with("1.0 s, 0 ticks, 0.0 players") && !text.contains("NaN") && !text.contains("inf"),
            "{text}"
        );
        let anew = sample(1.0, 60, 0.4, (60, 0.3), (60, 0.0));
        assert!(report(&before, &anew, 1.0).unwrap_err().to_string().contains("started anew"));
        assert!(misused("profile --seconds 0").contains("0 is not in 1..=3600"));
    }

    #[test]
    fn the_two_samples_can_be_had_as_they_are() {
        let dir = crate::rig::data_dir();
        let pages = ["{\"ticks\":1}", "{\"ticks\":61}"].map(|page| crate::rig::answer(200, page));
        let (ops, asked) = crate::rig::answering_all(pages.to_vec());
        let json = ProfileArgs { seconds: 1, json: true }.run(&crate::rig::server(ops, &dir)).unwrap();
        assert_eq!(json, "[{\"ticks\":1},{\"ticks\":61}]");
        assert!(asked.join().unwrap().iter().all(|request| request.starts_with("GET /api/v1/profile ")));
    }
}
