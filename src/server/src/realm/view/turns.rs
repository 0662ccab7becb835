//! In a crowd those farther off take turns.
//!
//! Among hundreds a viewer can be told of a few in each tick, and to weigh all of them each time costs more than to tell
//! those few. Worse, two viewers then hardly ever tell of the same one in the same ticks, so that nothing which was encoded
//! for the one is of use to the other. So an entity has its turn every few ticks, in the same ticks for all viewers; what it
//! has waited since its last turn is then counted at once, and whether it is near now is found out. How often it is told is
//! still for its priority to say.

use super::slot_set::bits;
use protocol::{NetId, Tick};
use serde::{Deserialize, Serialize};

/// Most steps from one turn of an entity to the next: in ticks 267 ms, of the second or two that may pass until one among
/// hundreds is told.
const PERIOD_MAX: u32 = 16;

/// Slots by whose turn it is together: for each 64 of them those whose entity has this number modulo [`PERIOD_MAX`]. With
/// it nobody is looked at whose turn it is not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct TurnTable(Vec<[u64; PERIOD_MAX as usize]>);

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// Steps between two turns of an entity; a power of two, so that who takes longer turns takes them when others do.
    period: u32,
    /// Ticks of a step: as many as from one snapshot to the next. With steps of a tick whatever that is, a server that tells
    /// everybody twelve times a second weighed five turns at once, several times as many as it could tell.
    step: u32,
}

/// The turns since slots were ranked before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    turns: Turns,
    /// Steps until now.
    now: u32,
    /// Steps since then, 1 or more.
    elapsed: u32,
}

impl Turns {
    /// It is everybody's turn in each tick.
    #[cfg(test)]
    pub const ALL: Self = Self { period: 1, step: 1 };

    /// Those of a view with so many entities that are not near, of which so many can be told at once, every `step` ticks: as
    /// many have their turn as can be told, or up to twice as many.
    #[must_use]
    pub fn of(far: usize, told: usize, step: u32) -> Self {
        let crowd = u32::try_from(far / told.max(1)).unwrap_or(u32::MAX).clamp(1, PERIOD_MAX);
        Self { period: 1 << crowd.ilog2(), step }
    }

    pub(super) fn since(self, ranked: Tick, now: Tick) -> Due {
        let (before, now) = (ranked.0 / self.step, now.0 / self.step);
        Due { turns: self, now, elapsed: now.saturating_sub(before).max(1) }
    }
}

impl Due {
    /// Whether it had its turn: on a slow link slots are not ranked in every tick, and no turn may be passed over.
    pub fn is_turn_of(self, number: u32) -> bool {
        (number.wrapping_add(self.now) & (self.turns.period - 1)) < self.elapsed
    }

    /// Bit k: whether it is the turn of the numbers that are k modulo [`PERIOD_MAX`].
    pub fn classes(self) -> u64 {
        (0..PERIOD_MAX).fold(0, |classes, number| classes | u64::from(self.is_turn_of(number)) << number)
    }

    /// How many rankings a turn stands for.
    pub fn worth(self) -> u16 {
        (self.turns.period / self.elapsed).max(1) as u16
    }
}

impl TurnTable {
    pub fn with_capacity(slots: usize) -> Self {
        Self(Vec::with_capacity(slots.div_ceil(u64::BITS as usize)))
    }

    /// The slot is this entity's from now on.
    pub fn assign(&mut self, slot: usize, id: NetId) {
        let (at, bit) = (slot / u64::BITS as usize, 1 << (slot % u64::BITS as usize));
        if self.0.len() <= at {
            self.0.resize(at + 1, [0; PERIOD_MAX as usize]);
        }
        self.0[at].iter_mut().for_each(|class| *class &= !bit);
        self.0[at][id.row() % PERIOD_MAX as usize] |= bit;
    }

    /// Of the `at`-th 64 slots those whose entities are of these classes.
    pub fn slots(&self, at: usize, classes: u64) -> u64 {
        if classes == (1 << PERIOD_MAX) - 1 {
            return u64::MAX;
        }
        bits(classes).fold(0, |slots, class| slots | self.0[at][usize::from(class)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_have_their_turn_as_can_be_told_or_up_to_twice_as_many() {
        for (far, told, period) in
            [(0, 40, 1), (79, 40, 1), (80, 40, 2), (700, 40, 16), (10_000, 40, 16), (50, 0, 16), (3, 0, 2)]
        {
            assert_eq!(Turns::of(far, told, 1).period, period, "{far} of whom {told} are told");
        }
    }

    #[test]
    fn everybody_has_a_turn_in_each_period_however_seldom_slots_are_ranked() {
        let turns = Turns::of(1_000, 10, 1);
        for step in 1..40 {
            let mut had = [0; 100];
            let mut ranked = Tick(1_000);
            for now in (1_000 + step..1_000 + step * 17).step_by(step as usize).map(Tick) {
                let due = turns.since(std::mem::replace(&mut ranked, now), now);
                (0..100_u32).for_each(|id| had[id as usize] += u32::from(due.is_turn_of(id)));
            }
            let turns = (step * 16 / PERIOD_MAX).min(16);
            assert!(had.iter().all(|had| (turns..=turns + 1).contains(had)), "every {step} ticks: {had:?}");
        }
    }

    #[test]
    fn whoever_is_told_of_every_fifth_tick_weighs_one_turn_each_time_and_everybody_has_his() {
        let turns = Turns::of(160, 10, 5);
        for phase in 0..5 {
            let mut had = [0; 100];
            let ticks = (1_000 + phase..).step_by(5).map(Tick);
            for (ranked, now) in ticks.clone().zip(ticks.skip(1)).take(32) {
                let due = turns.since(ranked, now);
                let now: Vec<usize> = (0..100).filter(|&id| due.is_turn_of(id as u32)).collect();
                assert!((6..=7).contains(&now.len()) && due.worth() == 16, "{now:?} of 100");
                now.into_iter().for_each(|id| had[id] += 1);
            }
            assert_eq!(had, [2; 100], "phase {phase}");
        }
    }

    #[test]
    fn longer_turns_fall_on_shorter_ones() {
        let is_turn = |period_of: usize, now| Turns::of(period_of, 1, 1).since(Tick(now), Tick(now + 1)).is_turn_of(5);
        for now in 0..64 {
            let turns = [16, 8, 4, 2, 1].map(|of| is_turn(of, now));
            assert!(turns.is_sorted(), "{turns:?}");
        }
    }

    #[test]
    fn the_table_has_those_whose_turn_it_is() {
        let mut table = TurnTable::default();
        let ids: Vec<u16> = (0..150).map(|slot| slot * 37 % 1_000).collect();
        (0..150).for_each(|slot| table.assign(slot, NetId(999)));
        ids.iter().enumerate().for_each(|(slot, &id)| table.assign(slot, NetId(id)));
        for period_of in [1, 5, 90] {
            for (now, elapsed) in [(100, 1), (117, 1), (118, 3), (119, 40)] {
                let due = Turns::of(period_of, 1, 1).since(Tick(now), Tick(now + elapsed));
                for (slot, &id) in ids.iter().enumerate() {
                    let is_in = table.slots(slot / 64, due.classes()) >> (slot % 64) & 1 == 1;
                    assert_eq!(is_in, due.is_turn_of(id.into()), "{id}");
                }
            }
        }
    }
}
