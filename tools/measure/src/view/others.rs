//! What a client shows of the walkers, against the truth.

use super::figures::Spread;
use super::walkers::{Class, Walkers};
use anyhow::{Result, ensure};
use client::{ClientEvent, Shown};
use protocol::unit::{TICK_RATE_HZ, UNITS_PER_M};
use protocol::{NetId, Tick};
use std::collections::BTreeMap;

/// What was shown of one class.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Times one was shown in a frame.
    pub frames: u64,
    /// Of these, with nothing as new as the moment shown.
    pub starved: u64,
    pub delay_ms: Spread,
    pub age_ms: Spread,
    pub error_cm: Spread,
    /// States sent, and the same per second and walker.
    pub told: u64,
    pub told_hz: f64,
}

impl Judged {
    pub fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.starved += other.starved;
        self.delay_ms.extend(&other.delay_ms);
        self.age_ms.extend(&other.age_ms);
        self.error_cm.extend(&other.error_cm);
        self.told += other.told;
    }
}

/// The judge of one client's view.
#[derive(Debug, Default)]
pub struct Others {
    pub near: Judged,
    pub far: Judged,
    newest: BTreeMap<NetId, Tick>,
}

impl Others {
    /// The client was told something.
    ///
    /// # Errors
    /// It is not true.
    pub fn on_event(&mut self, event: &ClientEvent, walkers: &Walkers) -> Result<()> {
        if let ClientEvent::Update { tick, id, state } = event
            && let Some(truth) = walkers.state(*id, *tick)
        {
            ensure!(state == truth, "a client was told {state:?} of {id:?} at {tick:?}, but it was {truth:?}");
            let newest = self.newest.entry(*id).or_default();
            *newest = (*newest).max(*tick);
        }
        Ok(())
    }

    /// A state left the server.
    pub fn on_sent(&mut self, event: &ClientEvent, walkers: &Walkers) {
        if let ClientEvent::Update { id, .. } = event
            && let Some(judged) = self.of(*id, walkers)
        {
            judged.told += 1;
        }
    }

    /// Somebody is shown in a frame. `server_tick`: what the client holds to be the newest that could have come;
    /// `true_tick`: what it is at the server now.
    pub fn on_shown(&mut self, shown: &Shown, server_tick: f64, true_tick: f64, walkers: &Walkers) {
        let newest = self.newest.get(&shown.id).copied().unwrap_or_default();
        let Some(judged) = self.of(shown.id, walkers) else { return };
        let ms = |ticks: f64| ticks * 1_000.0 / f64::from(TICK_RATE_HZ);
        judged.frames += 1;
        judged.starved += u64::from(shown.tick > f64::from(newest.0) + 1e-6);
        judged.delay_ms.push(ms(server_tick - shown.tick));
        judged.age_ms.push(ms(true_tick - shown.tick));
        if let Some(error_cm) = error_cm(shown, walkers) {
            judged.error_cm.push(error_cm);
        }
    }

    fn of(&mut self, id: NetId, walkers: &Walkers) -> Option<&mut Judged> {
        Some(match walkers.class(id)? {
            Class::Near => &mut self.near,
            Class::Far => &mut self.far,
        })
    }
}

/// From what is shown to the truth, which between two ticks lies on the straight way.
fn error_cm(shown: &Shown, walkers: &Walkers) -> Option<f64> {
    let before = Tick(shown.tick as u32);
    let (from, to) = (walkers.state(shown.id, before)?, walkers.state(shown.id, before.next())?);
    let share = shown.tick.fract();
    let metres = |from: i32, to: i32| (f64::from(from) + f64::from(to - from) * share) / f64::from(UNITS_PER_M);
    let (dx, dy) = (shown.pose.x - metres(from.x, to.x), shown.pose.y - metres(from.y, to.y));
    Some(dx.hypot(dy) * 100.0)
}
