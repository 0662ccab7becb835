//! Who matters to whom, wherever they are: parties and targets, bosses, and who is fighting whom.
//!
//! Nothing here changes what happens in the world, only what is told of it. Party and target belong to a session and end
//! with it, and a fight lasts seconds, so none of them is saved; that somebody is a boss is.

use bevy_ecs::prelude::Resource;
use protocol::{NetId, Tick};
use serde::{Deserialize, Serialize};

/// Most entities that are always told to one viewer: a party of eight, a target and its target, and room. Told in every
/// tick they cost 16 x 40 bits, a fifth of the default budget.
pub const ALWAYS_MAX: usize = 16;
/// Most entities that everyone is told of, wherever they are.
pub const BOSSES_MAX: usize = 16;
/// Most opponents that one entity has at once; told in every tick they cost 8 x 40 bits, a tenth of the default budget.
pub const FIGHTING_MAX: usize = 8;

/// By entity: who matters to it.
#[derive(Clone, Debug, Resource, Serialize, Deserialize)]
pub struct Bonds {
    rows: Vec<Row>,
    /// By row: how many it is fighting. Asked of everybody in every tick, and nearly always 0: a line of the cache has 64.
    opponents_len: Vec<u8>,
    bosses: Vec<NetId>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Row {
    always: [NetId; ALWAYS_MAX],
    opponents: [Opponent; FIGHTING_MAX],
    always_len: u8,
    /// In how many rows, or as a boss, this entity stands.
    named_by: u16,
}

/// Somebody to fight with, and the last tick of the fight.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Opponent {
    id: NetId,
    until: Tick,
}

impl Bonds {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), opponents_len: Vec::new(), bosses: Vec::with_capacity(BOSSES_MAX) }
    }

    /// Those whom `viewer` is told of whatever the distance, in no order; bosses are not among them.
    #[must_use]
    pub fn always(&self, viewer: NetId) -> &[NetId] {
        self.rows.get(viewer.row()).map_or(&[], |row| &row.always[..usize::from(row.always_len)])
    }

    /// Those whom everyone is told of whatever the distance, in no order.
    #[must_use]
    pub fn bosses(&self) -> &[NetId] {
        &self.bosses
    }

    /// Those with whom `id` is fighting at `now`, in no order.
    pub fn opponents(&self, id: NetId, now: Tick) -> impl Iterator<Item = NetId> {
        let len = self.opponents_len.get(id.row()).map_or(0, |&len| usize::from(len));
        let opponents = if len == 0 { &[][..] } else { &self.rows[id.row()].opponents[..len] };
        opponents.iter().filter(move |opponent| opponent.until >= now).map(|opponent| opponent.id)
    }

    /// Makes room for `rows` entities.
    pub(crate) fn reserve_rows(&mut self, rows: usize) {
        if rows > self.rows.len() {
            self.rows.resize(rows, Row::default());
            self.opponents_len.resize(rows, 0);
        }
    }

    /// Adds to or takes from what is always told to a viewer; both are live. False if there was no room.
    pub(crate) fn set_always(&mut self, viewer: NetId, id: NetId, is_always: bool) -> bool {
        let row = &mut self.rows[viewer.row()];
        let len = usize::from(row.always_len);
        let at = row.always[..len].iter().position(|other| *other == id);
        match (at, is_always) {
            (Some(_), true) | (None, false) => {}
            (Some(at), false) => {
                row.always.swap(at, len - 1);
                row.always_len -= 1;
                self.rows[id.row()].named_by -= 1;
            }
            (None, true) if len == ALWAYS_MAX => return false,
            (None, true) => {
                row.always[len] = id;
                row.always_len += 1;
                self.rows[id.row()].named_by += 1;
            }
        }
        true
    }

    /// Adds to or takes from the bosses. False if there was no room.
    pub(crate) fn set_boss(&mut self, id: NetId, is_boss: bool) -> bool {
        let at = self.bosses.iter().position(|other| *other == id);
        match (at, is_boss) {
            (Some(_), true) | (None, false) => {}
            (Some(at), false) => {
                self.bosses.swap_remove(at);
                self.rows[id.row()].named_by -= 1;
            }
            (None, true) if self.bosses.len() == BOSSES_MAX => return false,
            (None, true) => {
                self.bosses.push(id);
                self.rows[id.row()].named_by += 1;
            }
        }
        true
    }

    /// `id` is fighting with `with` until a tick. Fights that are over at `now` are forgotten; of more than
    /// [`FIGHTING_MAX`] others the one that ends first is.
    pub(crate) fn set_opponent(&mut self, id: NetId, with: NetId, until: Tick, now: Tick) {
        self.forget_ended(id, now);
        let row = &mut self.rows[id.row()];
        let len = usize::from(self.opponents_len[id.row()]);
        let opponent = Opponent { id: with, until };
        if let Some(known) = row.opponents[..len].iter_mut().find(|known| known.id == with) {
            known.until = until;
        } else if len < FIGHTING_MAX {
            row.opponents[len] = opponent;
            self.opponents_len[id.row()] += 1;
            self.rows[with.row()].named_by += 1;
        } else if let Some(first) = row.opponents.iter_mut().min_by_key(|known| known.until)
            && first.until < until
        {
            let forgotten = std::mem::replace(first, opponent).id;
            self.rows[forgotten.row()].named_by -= 1;
            self.rows[with.row()].named_by += 1;
        }
    }

    /// An entity is gone: it matters to nobody, and nobody to it. Its id may name another one later.
    pub(crate) fn forget(&mut self, id: NetId) {
        let Some(&Row { always, opponents, always_len, .. }) = self.rows.get(id.row()) else { return };
        let opponents_len = std::mem::take(&mut self.opponents_len[id.row()]);
        always[..usize::from(always_len)].iter().for_each(|other| self.rows[other.row()].named_by -= 1);
        opponents[..usize::from(opponents_len)].iter().for_each(|other| self.rows[other.id.row()].named_by -= 1);
        self.rows[id.row()] = Row { named_by: self.rows[id.row()].named_by, ..Row::default() };
        self.set_boss(id, false);
        // Most that go stand in nobody's row: a projectile must not cost a walk over all.
        for row in 0..self.rows.len() {
            if self.rows[id.row()].named_by == 0 {
                break;
            }
            self.set_always(NetId(row as u16), id, false);
            self.end_fight(row, id);
        }
    }

    /// Whoever has fought once would otherwise be looked up for ever, and be in the way of a walk over all.
    fn forget_ended(&mut self, id: NetId, now: Tick) {
        for at in (0..usize::from(self.opponents_len[id.row()])).rev() {
            if self.rows[id.row()].opponents[at].until < now {
                self.forget_opponent(id.row(), at);
            }
        }
    }

    fn end_fight(&mut self, row: usize, with: NetId) {
        let opponents = &self.rows[row].opponents[..usize::from(self.opponents_len[row])];
        if let Some(at) = opponents.iter().position(|known| known.id == with) {
            self.forget_opponent(row, at);
        }
    }

    fn forget_opponent(&mut self, row: usize, at: usize) {
        self.opponents_len[row] -= 1;
        let opponents = &mut self.rows[row].opponents;
        opponents.swap(at, usize::from(self.opponents_len[row]));
        let forgotten = opponents[usize::from(self.opponents_len[row])].id;
        self.rows[forgotten.row()].named_by -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANN: NetId = NetId(0);
    const BOB: NetId = NetId(1);

    fn bonds(rows: usize) -> Bonds {
        let mut bonds = Bonds::new();
        bonds.reserve_rows(rows);
        bonds
    }

    #[test]
    fn a_full_set_takes_no_more_until_there_is_room() {
        let mut bonds = bonds(40);
        for other in 1..=ALWAYS_MAX as u16 {
            assert!(bonds.set_always(ANN, NetId(other), true));
            assert!(bonds.set_boss(NetId(other), true));
        }
        assert!(bonds.set_always(ANN, NetId(3), true), "it is there already");
        assert!(!bonds.set_always(ANN, NetId(30), true) && !bonds.set_boss(NetId(30), true));
        assert!(bonds.set_always(ANN, NetId(3), false) && bonds.set_always(ANN, NetId(30), true));
        assert_eq!((bonds.always(ANN).len(), bonds.always(BOB).len(), bonds.bosses().len()), (16, 0, 16));
        assert!(bonds.always(ANN).contains(&NetId(30)) && !bonds.always(ANN).contains(&NetId(3)));
    }

    #[test]
    fn a_fight_ends_with_its_tick_and_of_too_many_the_one_that_ends_first_is_forgotten() {
        let mut bonds = bonds(40);
        for other in 1..=FIGHTING_MAX as u16 {
            bonds.set_opponent(ANN, NetId(other), Tick(100 + u32::from(other)), Tick(0));
        }
        assert_eq!(bonds.opponents(ANN, Tick(102)).count(), FIGHTING_MAX - 1);
        assert_eq!(bonds.opponents(ANN, Tick(200)).count(), 0);
        bonds.set_opponent(ANN, NetId(20), Tick(50), Tick(0));
        assert!(bonds.opponents(ANN, Tick(0)).all(|id| id != NetId(20)), "it ends before all others");
        bonds.set_opponent(ANN, NetId(21), Tick(500), Tick(0));
        assert!(bonds.opponents(ANN, Tick(0)).all(|id| id != BOB));
        assert_eq!(bonds.opponents(ANN, Tick(300)).collect::<Vec<_>>(), [NetId(21)]);
    }

    #[test]
    fn fights_that_are_over_take_no_room_and_name_nobody() {
        let mut bonds = bonds(40);
        for other in 1..=FIGHTING_MAX as u16 {
            bonds.set_opponent(ANN, NetId(other), Tick(100 + u32::from(other) % 2), Tick(0));
        }
        bonds.set_opponent(ANN, NetId(20), Tick(300), Tick(101));
        assert_eq!(bonds.opponents_len[ANN.row()], 5, "those until 101 are not over at 101");
        bonds.set_opponent(ANN, NetId(21), Tick(200), Tick(102));
        assert_eq!(bonds.opponents_len[ANN.row()], 2);
        assert_eq!(bonds.opponents(ANN, Tick(102)).collect::<Vec<_>>(), [NetId(20), NetId(21)]);
        let named: Vec<_> = (0..40).filter(|&row| bonds.rows[row].named_by > 0).collect();
        assert_eq!(named, [20, 21]);
        bonds.set_opponent(ANN, NetId(21), Tick(900), Tick(901));
        assert_eq!(bonds.opponents_len[ANN.row()], 1, "one that is over is begun anew, once");
    }

    proptest! {
        #[test]
        fn who_is_gone_is_in_no_set_and_counts_stay_true(
            calls in prop::collection::vec((0_u8..5, 0_u16..24, 0_u16..24, any::<bool>(), 0_u32..9), 0..400),
        ) {
            let mut bonds = bonds(24);
            for (call, a, b, is, until) in calls {
                let (a, b) = (NetId(a), NetId(b));
                match call {
                    0 | 1 => drop(bonds.set_always(a, b, is)),
                    2 => drop(bonds.set_boss(a, is)),
                    3 => bonds.set_opponent(a, b, Tick(until), Tick(until / 2)),
                    _ => {
                        bonds.forget(a);
                        prop_assert_eq!(bonds.rows[a.row()].named_by, 0);
                    }
                }
                let mut named = [0; 24];
                for row in 0..24 {
                    bonds.always(NetId(row)).iter().for_each(|id| named[id.row()] += 1);
                    bonds.opponents(NetId(row), Tick(0)).for_each(|id| named[id.row()] += 1);
                }
                bonds.bosses().iter().for_each(|id| named[id.row()] += 1);
                prop_assert!(bonds.rows.iter().zip(named).all(|(row, named)| row.named_by == named));
            }
        }
    }
}
