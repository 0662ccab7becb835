//! What befalls bots in mid-run: new addresses, times in which nothing reaches them, and goings of all kinds.

use crate::churn::{self, Churn};
use serde::Serialize;

/// Rebindings are spread over this part of the measured window, in percent.
const REBIND_SPAN_PERCENT: (u64, u64) = (10, 80);
/// An outage begins this long after the window opens.
pub const OUTAGE_AFTER_NS: u64 = 5_000_000_000;
/// And must end this long before the window closes, so that everybody can be seen to come back.
pub const OUTAGE_BEFORE_END_NS: u64 = 15_000_000_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Troubles {
    /// Bots that change their address once.
    pub rebinds: usize,
    /// Bots that are cut off once, all at the same time, and for how long, ns.
    pub outage: Option<(usize, u64)>,
    /// Bots that come and go.
    pub churn: Option<Churn>,
    /// Changes of address a minute, of any bots.
    pub moves_per_min: f32,
}

impl Troubles {
    /// Whether bots are asked to change their address.
    pub fn has_moves(&self) -> bool {
        self.rebinds > 0 || self.moves_per_min > 0.0
    }
}

/// Something that befalls one bot now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It goes on from another address.
    Rebind {
        /// Its number among those that move.
        number: usize,
    },
    /// Nothing reaches it any more, nor those that are cut off with it.
    Cut,
    /// Nothing reaches it alone any more.
    Silence,
    /// Everything does again.
    Mend,
    /// It says goodbye and goes.
    Leave,
    /// It goes without a word.
    Crash,
    /// It is there again, as one who is new.
    Return,
}

/// What a bot gets over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ordeal {
    /// Another address.
    Move,
    /// An outage.
    Outage,
    /// A silence of its own.
    Silence,
    /// It had left.
    Leave,
    /// It had crashed.
    Crash,
}

/// How bots got over each kind of ordeal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recoveries([Recovery; 5]);

impl Recoveries {
    /// Of this kind.
    pub const fn of(&self, ordeal: Ordeal) -> Recovery {
        self.0[ordeal as usize]
    }

    /// Of this kind, to add to it.
    pub const fn of_mut(&mut self, ordeal: Ordeal) -> &mut Recovery {
        &mut self.0[ordeal as usize]
    }
}

/// The blows that are still to come, in order of time.
#[derive(Debug, Default)]
pub struct Schedule {
    /// Time and bot, latest first.
    blows: Vec<(u64, usize, Blow)>,
}

impl Schedule {
    /// The blows of a window that opens now. The last bots are cut off and the first ones move, so that with bots
    /// enough nobody suffers both.
    pub fn new(troubles: Troubles, bots: usize, seed: u64, from_ns: u64, duration_ns: u64) -> Self {
        let Troubles { churn, moves_per_min, .. } = troubles;
        let mut blows = churn::plan(churn, moves_per_min, bots, seed, from_ns, duration_ns);
        let (first, last) = REBIND_SPAN_PERCENT;
        let rebinds = troubles.rebinds.min(bots);
        for number in 0..rebinds {
            let span_ns = duration_ns / 100 * (last - first);
            let at_ns = from_ns + duration_ns / 100 * first + span_ns / rebinds as u64 * number as u64;
            blows.push((at_ns, number, Blow::Rebind { number }));
        }
        if let Some((cut, span_ns)) = troubles.outage {
            for bot in bots.saturating_sub(cut)..bots {
                let at_ns = from_ns + OUTAGE_AFTER_NS;
                blows.extend([(at_ns, bot, Blow::Cut), (at_ns + span_ns, bot, Blow::Mend)]);
            }
        }
        blows.sort_by_key(|(at_ns, bot, _)| std::cmp::Reverse((*at_ns, *bot)));
        Self { blows }
    }

    /// The next blow that has come due.
    pub fn poll(&mut self, now_ns: u64) -> Option<(usize, Blow)> {
        let (_, bot, blow) = self.blows.pop_if(|(at_ns, ..)| *at_ns <= now_ns)?;
        Some((bot, blow))
    }

    /// When that will be.
    pub fn next_ns(&self) -> Option<u64> {
        self.blows.last().map(|(at_ns, ..)| *at_ns)
    }
}

/// How bots got over one kind of trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Recovery {
    /// Bots that it befell.
    pub bots: u64,
    /// Of those, told of themselves again by the server.
    pub back: u64,
    /// Longest time until then, from the move or the end of the outage, ms.
    pub slowest_ms: f64,
    /// Mean of it, ms.
    pub mean_ms: f64,
}

impl Recovery {
    /// It befell one more.
    pub fn on_begun(&mut self) {
        self.bots += 1;
    }

    /// One is back after this time.
    pub fn on_back(&mut self, after_ns: u64) {
        let after_ms = after_ns as f64 / 1e6;
        self.slowest_ms = self.slowest_ms.max(after_ms);
        self.mean_ms = (self.mean_ms * self.back as f64 + after_ms) / (self.back + 1) as f64;
        self.back += 1;
    }

    /// As part of a table.
    pub fn line(&self) -> String {
        let Self { bots, back, slowest_ms, mean_ms } = self;
        format!("{back} of {bots} bots back, after {mean_ms:.0} ms on average, {slowest_ms:.0} at most")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn moves_are_spread_over_the_run_and_an_outage_takes_the_others_all_at_once() {
        let troubles = Troubles { rebinds: 4, outage: Some((2, 60 * S)), ..Troubles::default() };
        let mut schedule = Schedule::new(troubles, 6, 1, 100 * S, 80 * S);
        let mut story = Vec::new();
        while let Some(at_ns) = schedule.next_ns() {
            assert_eq!(schedule.poll(at_ns - 1), None);
            let (bot, blow) = schedule.poll(at_ns).unwrap();
            story.push((at_ns / S, bot, blow));
        }
        let rebind = |at_s, number| (at_s, number, Blow::Rebind { number });
        let wanted = [
            (105, 4, Blow::Cut),
            (105, 5, Blow::Cut),
            rebind(108, 0),
            rebind(122, 1),
            rebind(136, 2),
            rebind(150, 3),
            (165, 4, Blow::Mend),
            (165, 5, Blow::Mend),
        ];
        assert_eq!(story, wanted);
    }

    #[test]
    fn a_recovery_knows_its_slowest_and_its_mean() {
        let mut recovery = Recovery::default();
        recovery.on_begun();
        recovery.on_begun();
        recovery.on_back(10_000_000);
        recovery.on_back(30_000_000);
        assert_eq!(recovery, Recovery { bots: 2, back: 2, slowest_ms: 30.0, mean_ms: 20.0 });
    }
}
