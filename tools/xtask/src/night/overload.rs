//! Each tick has 20 ms of work more: the ladder climbs and comes back, people stay, an alert is raised once and cleared once.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::receiver::Receiver;
use super::{Night, command};
use crate::judge::{Line, judge};
use crate::metrics::Metrics;

/// Work in each tick, and for how long: long enough for four steps, and for the alert that waits for the third.
const WORK_MS: u64 = 20;
const WORK_FOR_S: u64 = 20;
/// From the end of the work until the last step is taken back: four times five seconds, and as much again.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The alert is about this, and here it waits for two seconds.
const ALERT: &str = "overload";

pub(super) fn try_it(night: &Night<'_>) -> Result<()> {
    let receiver = Receiver::listen()?;
    let mut place = night.place("overload")?;
    let settings = [("ALERTS__WEBHOOK_URL", receiver.url()), ("ALERTS__OVERLOAD_FOR_S", "2".to_owned())];
    place.settings.extend(settings.map(|(key, value)| (format!("THRONG_{key}"), value)));
    let server = place.start()?;
    let run = night.run_of(night.bots, 120);
    let playing = run.start(&night.cast.swarm, &place)?;
    while place.status()?.players < u64::from(night.bots) {
        sleep(LOOK_EVERY);
    }
    let left_before = Metrics::read(place.ops)?.value("throng_sessions_left_total")?;
    command(&place, "test", &json!({ "work_ms": WORK_MS, "for_s": WORK_FOR_S }))?;
    let began = Instant::now();
    let (mut highest, mut back_after) = (0, None);
    while began.elapsed() < Duration::from_secs(WORK_FOR_S) + BACK_WITHIN {
        let level = place.status()?.overload_level;
        highest = highest.max(level);
        if highest >= 4 && level == 0 {
            back_after = Some(began.elapsed());
            break;
        }
        sleep(LOOK_EVERY);
    }
    // What was raised has been cleared, and the webhook told, within the alert's own second.
    sleep(Duration::from_secs(3));
    let metrics = Metrics::read(place.ops)?;
    let left = metrics.value("throng_sessions_left_total")? - left_before;
    let people = place.status()?.players;
    crate::stage::terminate(playing.pid())?;
    let outcome = playing.wait()?;
    print!("{}", outcome.out);
    server.drain()?;
    let told = receiver.told();
    let count = |change: &str| told.iter().filter(|one| one.alert == ALERT && one.change == change).count() as f64;
    told.iter().for_each(|one| println!("  webhook: {} {}", one.alert, one.change));
    let back_s = back_after.map_or(f64::INFINITY, |after| after.as_secs_f64());
    judge(&[
        Line::at_least("highest level of the ladder", highest as f64, 4.0),
        Line::at_most("s until all was taken back", back_s, WORK_FOR_S as f64 + BACK_WITHIN.as_secs_f64()),
        Line::exactly("steps taken back", metrics.value("throng_overload_steps_total{dir=\"down\"}")?, 4.0),
        Line::exactly("people in at the end", people as f64, f64::from(night.bots)),
        Line::exactly("sessions that ended meanwhile", left, 0.0),
        Line::exactly("times the webhook heard it raised", count("raised"), 1.0),
        Line::exactly("times it heard it cleared", count("cleared"), 1.0),
    ])
}
