//! SIGTERM with people in: nobody is let in from then on, all are told, all is saved, and the server ends in peace.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Night;
use crate::judge::{Line, figure, judge};

/// The limit of a drain; the server has its own of 9.5 s.
const DRAINED_WITHIN_S: f64 = 10.0;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub(super) fn try_it(night: &Night<'_>) -> Result<()> {
    let place = night.place("ending")?;
    let mut server = place.start()?;
    let run = night.run_of(night.bots, 60);
    let playing = run.start(&night.cast.swarm, &place)?;
    while place.status()?.players < u64::from(night.bots) {
        sleep(Duration::from_millis(500));
    }
    sleep(Duration::from_secs(6));
    crate::stage::terminate(server.pid())?;
    let began = Instant::now();
    // From the first look on the answer is "no": 503, or the door is gone already.
    let mut not_ready_before_the_end = false;
    let status = loop {
        let ready = ops_client::get(place.ops, "/ready", None);
        if let Some(status) = server.ended() {
            break status;
        }
        if ready.is_ok_and(|answer| answer.status == 503) {
            not_ready_before_the_end = true;
        }
        if began.elapsed() > Duration::from_secs(30) {
            bail!("the server did not end within 30 s{}", server.last_words());
        }
        sleep(LOOK_EVERY);
    };
    let took_s = began.elapsed().as_secs_f64();
    let outcome = playing.wait()?;
    let verified = std::process::Command::new(&place.binary).arg("verify").arg("--data").arg(&place.data).output()?;
    print!("{}", String::from_utf8_lossy(&verified.stdout));
    let log = std::fs::read_to_string(place.data.with_file_name("server.log"))?;
    let told = figure(&outcome, "disconnects_by.server_shutdown")?;
    judge(&[
        Line::exactly("/ready was false before the end", f64::from(u8::from(not_ready_before_the_end)), 1.0),
        Line::exactly("exit status", f64::from(status.code().unwrap_or(-1)), 0.0),
        Line::at_most("s from the signal to the end", took_s, DRAINED_WITHIN_S),
        Line::exactly("bots that were told why", told, f64::from(night.bots)),
        Line::exactly("said that everybody is saved", f64::from(u8::from(log.contains("everybody is saved"))), 1.0),
        Line::exactly("exit status of throng verify", f64::from(verified.status.code().unwrap_or(-1)), 0.0),
    ])
}
