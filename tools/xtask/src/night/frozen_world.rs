//! The world's thread stands still: probes notice within two seconds, the watchdog says where, and the server ends.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::{Night, command};
use crate::judge::{Line, judge};

/// Longer than the watchdog waits.
const FREEZE_MS: u64 = 30_000;

pub(super) fn try_it(night: &Night<'_>) -> Result<()> {
    let place = night.place("frozen_world")?;
    let mut server = place.start()?;
    // Some ticks, so that there is something to report.
    sleep(Duration::from_secs(2));
    let lives = |limit: Duration, wanted: u16| {
        let began = Instant::now();
        while began.elapsed() < limit {
            if ops_client::get(place.ops, "/live", None).is_ok_and(|answer| answer.status == wanted) {
                return Some(began.elapsed().as_secs_f64());
            }
            sleep(Duration::from_millis(20));
        }
        None
    };
    let lived = lives(Duration::from_secs(5), 200).is_some();
    command(&place, "test", &json!({ "freeze_ms": FREEZE_MS }))?;
    let noticed_s = lives(Duration::from_secs(10), 503).unwrap_or(f64::INFINITY);
    let began = Instant::now();
    let status = server.wait_ended(Duration::from_secs(25)).context("the watchdog did not end the server")?;
    let ended_s = noticed_s + began.elapsed().as_secs_f64();
    let log = std::fs::read_to_string(place.data.with_file_name("server.log"))?;
    let report = log.lines().rfind(|line| line.contains("a thread stands still")).unwrap_or_default();
    println!("  {report}");
    let names = report.contains("drill") && report.contains("tell");
    judge(&[
        Line::exactly("/live was true before", f64::from(u8::from(lived)), 1.0),
        Line::at_most("s until /live was false", noticed_s, 2.0),
        Line::at_most("s until the server ended", ended_s, 15.0),
        Line::exactly("exit status", f64::from(status.code().unwrap_or(-1)), 1.0),
        Line::exactly("the report names the part and the times of the others", f64::from(u8::from(names)), 1.0),
    ])
}
