//! What a bot counts from second to second.

use super::{Bot, HEARING_NS, SETTLED_NS};
use crate::flock::Flock;
use crate::truth::Kind;
use crate::wire::Wire;
use protocol::message::ClientMessage;
use protocol::unit::TICK_RATE_HZ;
use rudp::time::{NS_PER_S, Now};

/// What one bot saw since its last full second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Second {
    since_ns: u64,
    bot_ticks: u32,
    pub(super) snapshot_ticks: u32,
    parts_refused: u64,
    messages_malformed: u64,
}

impl Second {
    /// One that begins now.
    pub(super) fn since(since_ns: u64) -> Self {
        Self { since_ns, ..Self::default() }
    }
}

impl Bot {
    /// After sixty ticks: figures, and the next echo.
    pub(super) fn count_second(&mut self, now: Now, flock: &mut Flock) {
        self.second.bot_ticks += 1;
        if self.second.bot_ticks < TICK_RATE_HZ {
            return;
        }
        let Some(client) = &self.client else { return };
        let stats = client.stats();
        let last = self.second;
        let span_ns = now.mono_ns - last.since_ns;
        flock.tally.on_second(stats.transport.rtt_smoothed_ns, last.snapshot_ticks, span_ns);
        let index = self.index;
        // Without snapshots there is no truth to hold the bot's view against: that nothing is told must itself be told.
        let settled = now.mono_ns - self.joined_ns > SETTLED_NS
            && !self.hearing.is_excused(now.mono_ns)
            && !flock.checker.are_all_excused();
        if settled && last.snapshot_ticks == 0 && now.mono_ns - self.heard_ns < HEARING_NS {
            flock
                .checker
                .report(Kind::Stale, || format!("bot {index} hears the server but got no snapshot for a second"));
        }
        // What a link held back or lost excuses the server, so it must be known that the server did put something on it.
        let came_ns = self.wire.as_ref().map_or(0, Wire::came_ns);
        if settled && flock.link_of(index).is_some() && !flock.rejoin && now.mono_ns - came_ns > NS_PER_S {
            flock.checker.report(Kind::Stale, || format!("bot {index} was sent nothing at all for a second"));
        }
        for _ in last.parts_refused..stats.store.parts_refused {
            flock.checker.report(Kind::Other, || format!("bot {index} could not decode a snapshot part"));
        }
        for _ in last.messages_malformed..stats.messages_malformed {
            flock.checker.report(Kind::Other, || format!("bot {index} could not decode a message"));
        }
        self.second = Second {
            since_ns: now.mono_ns,
            parts_refused: stats.store.parts_refused,
            messages_malformed: stats.messages_malformed,
            ..Second::default()
        };
        let question = ClientMessage::Echo { number: self.echo.next() };
        if self.say(flock, &question) {
            self.echo.on_asked(now.mono_ns);
        }
    }
}
