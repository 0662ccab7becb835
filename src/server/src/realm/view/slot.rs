//! One presence, packed: a view is read in every tick, and what is not read at all is fastest.

use protocol::snapshot::BASELINE_TICKS;
use protocol::{NetId, Tick};
use serde::{Deserialize, Serialize};

/// How far a presence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Never used or rested enough.
    Free,
    /// Over and acknowledged; the slot rests.
    Cooling,
    /// Out of view; the client has yet to acknowledge that.
    Leaving,
    /// Told, not acknowledged yet.
    Entering,
    /// The client provably has it.
    Known,
}

impl Phase {
    /// Whether the entity is in view.
    #[must_use]
    pub const fn is_present(self) -> bool {
        matches!(self, Self::Entering | Self::Known)
    }
}

/// Phase, epoch, and whether what was told last is under way or known to have arrived, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status(u8);

const PHASE_MASK: u8 = 0b111;
const SETTLED: u8 = 0b1000;
const EPOCH_SHIFT: u32 = 4;

impl Status {
    /// A slot that was never used. Its first presence is number 0.
    pub(super) const VACANT: Self = Self(15 << EPOCH_SHIFT | Phase::Free as u8);

    /// How far it has come.
    #[must_use]
    pub const fn phase(self) -> Phase {
        match self.0 & PHASE_MASK {
            0 => Phase::Free,
            1 => Phase::Cooling,
            2 => Phase::Leaving,
            3 => Phase::Entering,
            _ => Phase::Known,
        }
    }

    /// Counts presences in this slot, modulo 16.
    #[must_use]
    pub const fn epoch(self) -> u8 {
        self.0 >> EPOCH_SHIFT
    }

    /// Whether the newest that was told is not known to be lost; false if nothing was told.
    pub(super) const fn is_settled(self) -> bool {
        self.0 & SETTLED != 0
    }

    pub(super) fn set_phase(&mut self, phase: Phase) {
        self.0 = self.0 & !PHASE_MASK | phase as u8;
    }

    pub(super) fn set_settled(&mut self, is_settled: bool) {
        self.0 = if is_settled { self.0 | SETTLED } else { self.0 & !SETTLED };
    }

    /// The next presence: entering, and nothing told yet.
    pub(super) const fn next_presence(self) -> Self {
        Self((self.0 >> EPOCH_SHIFT).wrapping_add(1) << EPOCH_SHIFT | Phase::Entering as u8)
    }
}

/// Who is in a slot; sixteen of them are a cache line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Name {
    pub id: NetId,
    pub status: Status,
}

impl Name {
    /// A slot that was never used.
    pub const VACANT: Self = Self { id: NetId(0), status: Status::VACANT };
}

/// What was told of it, and what waits; four of them are a cache line.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Bit k: the state of `tick - k` was told, in the first part of its tick; or it was told in a further part and that
    /// has arrived.
    pub before: u64,
    /// The tick of the newest state told in this presence; 0 if none was.
    pub tick: Tick,
    /// Grows with every ranking in which the entity waits, up to [`super::PRIORITY_MAX`]; the highest are told first.
    pub priority: u32,
}

const _: () = assert!(size_of::<Name>() == 4 && size_of::<Told>() == 16, "lines are used to the end");

impl Told {
    pub const NOTHING: Self = Self { before: 0, tick: Tick(0), priority: 0 };
}

/// Bit k: the state of `newest - k` was told; moved on to a later newest.
pub(super) const fn moved_on(told: u64, newest: Tick, later: Tick) -> u64 {
    let ticks = later.since(newest);
    if ticks < BASELINE_TICKS { told << ticks } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_what_it_is_told() {
        let mut status = Status::VACANT;
        assert_eq!((status.phase(), status.epoch(), status.is_settled()), (Phase::Free, 15, false));
        for epoch in 0..20 {
            status = status.next_presence();
            assert_eq!((status.phase(), status.epoch(), status.is_settled()), (Phase::Entering, epoch % 16, false));
            for phase in [Phase::Known, Phase::Leaving, Phase::Cooling, Phase::Free, Phase::Entering] {
                status.set_settled(true);
                status.set_phase(phase);
                assert_eq!((status.phase(), status.epoch(), status.is_settled()), (phase, epoch % 16, true));
            }
        }
    }
}
