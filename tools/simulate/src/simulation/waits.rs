//! How long people wait for what they are owed, and whether somebody waits in vain.

use super::Simulation;
use super::faults::AFTERMATH_NS;
use crate::check::{Broken, Check};
use crate::fault::Kind;
use crate::people::{GivenUp, Phase};
use crate::plan::Episode;
use protocol::unit::TICK_RATE_HZ;
use rudp::time::NS_PER_S;

/// Things go well again so long after what went wrong.
const QUIET_NS: u64 = 8 * NS_PER_S;
/// A client knows after so long that it hears nothing: ten seconds, and as long as a world may stand still before, of which
/// the transport hears and nobody else does.
const SILENT_NS: u64 = 12 * NS_PER_S;
/// A question is answered, and a message heard, within so many ticks: 4 s.
const ANSWER_TICKS: u32 = 4 * TICK_RATE_HZ;

impl Simulation {
    /// Whether nothing has been wrong with a person, the server or the stores for so long.
    pub(super) fn is_quiet(&self, person: usize, ns: u64, for_ns: u64) -> bool {
        let blamed_until_ns = self.troubled_until_ns.max(self.people[person].troubled_until_ns);
        ns + AFTERMATH_NS >= blamed_until_ns + for_ns
    }

    pub(super) fn judge_waits(&mut self, person: usize, ns: u64) -> Result<(), Broken> {
        if self.playing(person).is_none() || !self.is_quiet(person, ns, QUIET_NS) {
            return Ok(());
        }
        let Some(life) = self.people[person].life().filter(|life| !life.has_flooded) else { return Ok(()) };
        self.tally.looks.count(Check::Patience);
        let broken = |what: String| Err(Broken::new(Check::Patience, format!("person {person} {what}")));
        let is_late = |since: u32| since + ANSWER_TICKS < self.tick;
        if let Some(asked) = life.asked.front().copied().filter(|asked| is_late(*asked)) {
            return broken(format!("has no answer to what it asked at tick {asked}"));
        }
        if let Some(said) = life.told.oldest().filter(|said| is_late(*said)) {
            return broken(format!("has not heard what was said at tick {said}"));
        }
        Ok(())
    }

    /// Something else than silence was wrong with somebody in the last 20 s. A client that stood still has put off asking
    /// whether anybody is there, and over a path that loses nearly all it may hear just enough.
    fn is_half_heard(&self, person: usize) -> bool {
        let is_recent = |episode: &Episode| (episode.from..episode.until + 20 * TICK_RATE_HZ).contains(&self.tick);
        let of_person = |episode: &&Episode| episode.kind != Kind::Outage && episode.person == Some(person);
        self.plan.episodes.iter().filter(of_person).any(is_recent)
    }

    /// Somebody has not heard the server for longer than it likes, and tries anew.
    pub(super) fn on_given_up(&mut self, ns: u64, given_up: &GivenUp) -> Result<(), Broken> {
        let GivenUp { person, token, phase, quiet_ns, is_silent } = *given_up;
        self.say(|| format!("person {person} (token {token}) gives up"));
        if phase == Phase::In && quiet_ns > SILENT_NS && !is_silent && !self.is_half_heard(person) {
            let what = format!(
                "person {person} has heard nothing for {} ms, and its client has not noticed",
                quiet_ns / 1_000_000
            );
            return Err(Broken::new(Check::Patience, what));
        }
        let is_troubled = ns < self.troubled_until_ns.max(self.people[person].troubled_until_ns);
        if is_troubled || self.is_closing || phase == Phase::Queued {
            return Ok(());
        }
        let what = format!("person {person}, {phase:?}, has heard nothing for {} ms", quiet_ns / 1_000_000);
        Err(Broken::new(Check::Patience, what))
    }
}
