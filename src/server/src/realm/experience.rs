//! How the game goes for those who play it, as their clients say once a second. spec: MSG-5
//!
//! It is figures for people, and nothing in the world depends on it: whoever lies about himself spoils a curve.

use super::Realm;
use super::evidence::Suspicion;
use crate::SessionId;
use crate::histogram::{BOUNDS, Histogram, rise};
use crate::outbound::Outbound;
use protocol::message::Experience;
use rudp::time::NS_PER_S;

/// From one report that counts to the next: half a second by the clock, whatever the world's pace is. A client sends one a second, and a lost datagram may bring two
/// closer together.
const REPORT_PAUSE_NS: u64 = NS_PER_S / 2;

/// Milliseconds: a snapshot at 60, 30, 20 and 10 Hz, and what is beyond playing.
const AGE_MS: [u32; BOUNDS] = [17, 25, 34, 50, 67, 84, 100, 150, 250, 500, 1_000, 2_000];
/// Frames of a second.
const STARVED: [u32; BOUNDS] = [0, 1, 2, 3, 6, 12, 20, 30, 45, 60, 120, 240];
/// Corrections of a second.
const CORRECTIONS: [u32; BOUNDS] = [0, 1, 2, 3, 4, 6, 8, 12, 20, 30, 60, 119];
/// Milliseconds, as the gate counts its own round trips.
const RTT_MS: [u32; BOUNDS] = [1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 250, 500];
const _: () = assert!(rise(&AGE_MS) && rise(&STARVED) && rise(&CORRECTIONS) && rise(&RTT_MS));

/// Player-seconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Experienced {
    /// The newest snapshot's age at the worst of the second's ticks, in ms.
    pub age_ms: Histogram,
    /// Frames in which somebody was shown beyond his newest state.
    pub starved: Histogram,
    /// Corrections of the own player.
    pub corrections: Histogram,
    /// Smoothed round trip, in ms.
    pub rtt_ms: Histogram,
}

impl Default for Experienced {
    fn default() -> Self {
        Self {
            age_ms: Histogram::new(&AGE_MS),
            starved: Histogram::new(&STARVED),
            corrections: Histogram::new(&CORRECTIONS),
            rtt_ms: Histogram::new(&RTT_MS),
        }
    }
}

impl Experienced {
    fn record(&mut self, experience: &Experience) {
        let Experience { age_ms, starved, corrections, rtt_ms } = *experience;
        self.age_ms.record(age_ms.into());
        self.starved.record(starved.into());
        self.corrections.record(corrections.into());
        self.rtt_ms.record(rtt_ms.into());
    }
}

impl Realm {
    /// What the client of a session said last of how the game goes; nothing of one that has not said anything, and of one
    /// that is not in the world or on its way there.
    #[must_use]
    pub fn experience(&mut self, session: SessionId) -> Option<Experience> {
        let (experience, next) = self.players.find(session)?.experience;
        (next != 0).then_some(experience)
    }

    pub(super) fn on_report(&mut self, session: SessionId, said: Experience, out: &mut Outbound) {
        let now_ns = self.now_ns;
        let Some(player) = self.players.find(session) else { return };
        if now_ns < player.experience.1 {
            self.status.reports_refused += 1;
            return self.suspect(session, Suspicion::Flood, out);
        }
        let experience = said.clamped();
        player.experience = (experience, now_ns + REPORT_PAUSE_NS);
        self.status.reports_clamped += u64::from(experience != said);
        self.status.experience.record(&experience);
    }
}
