//! Who has been told about whom, by the enters and leaves alone.

use protocol::NetId;
use std::collections::{BTreeMap, BTreeSet};

/// Whom a net id means to a viewer at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// A bot of ours that the viewer was told to enter.
    Known(usize),
    /// A bot of ours that the viewer was never told to enter.
    NotEntered(usize),
    /// Something whose bot is not known yet or no longer, properly entered: nothing to compare it with.
    Unowned,
    /// Something that was never entered and belongs to no bot.
    Nobody,
}

/// Bots by net id, and for each pair of viewer and bot whether the one knows the other.
#[derive(Debug)]
pub struct Presence {
    bots: usize,
    words: usize,
    owner: Vec<Option<u32>>,
    own: Vec<Option<NetId>>,
    known: Vec<u64>,
    /// Tick of the last leave of each pair; 0 = never.
    left: Vec<u32>,
    strangers: BTreeMap<NetId, Stranger>,
    departed: BTreeMap<NetId, Departed>,
}

/// An entity that entered before (or without) its bot's welcome.
#[derive(Debug)]
pub struct Stranger {
    /// When it was first seen.
    pub since: u32,
    /// Who sees it.
    viewers: BTreeSet<usize>,
    reported: bool,
}

/// An entity whose bot has gone.
#[derive(Debug)]
pub struct Departed {
    /// Whose it was.
    bot: usize,
    /// When.
    pub tick: u32,
    /// Whether the server knows, so that it owes everyone a leave.
    pub is_owed: bool,
    /// Who still sees it.
    pub viewers: BTreeSet<usize>,
}

impl Presence {
    /// Nobody knows anybody: 4 B and a bit per pair.
    pub fn new(bots: usize) -> Self {
        let words = bots.div_ceil(64);
        Self {
            bots,
            words,
            owner: vec![None; usize::from(u16::MAX) + 1],
            own: vec![None; bots],
            known: vec![0; words * bots],
            left: vec![0; bots * bots],
            strangers: BTreeMap::new(),
            departed: BTreeMap::new(),
        }
    }

    /// `bot` plays the entity `id` from `tick` on, and has been told nothing yet.
    pub fn on_joined(&mut self, bot: usize, id: NetId, tick: u32) {
        // Whatever it played before, the server has ended: one session, one avatar.
        self.on_gone(bot, tick, true);
        for departed in self.departed.values_mut().filter(|departed| departed.bot == bot && !departed.is_owed) {
            (departed.is_owed, departed.tick) = (true, tick);
        }
        if let Some(before) = self.owner[id.row()] {
            self.on_gone(before as usize, tick, false);
        }
        self.departed.remove(&id);
        self.forget_viewer(bot);
        for viewer in 0..self.bots {
            self.left[viewer * self.bots + bot] = 0;
        }
        self.owner[id.row()] = Some(bot as u32);
        self.own[bot] = Some(id);
        for viewer in self.strangers.remove(&id).into_iter().flat_map(|stranger| stranger.viewers) {
            self.set(viewer, bot, true);
        }
    }

    /// `bot` plays nothing any more. `is_owed`: the server has closed the session and must tell everyone.
    pub fn on_gone(&mut self, bot: usize, tick: u32, is_owed: bool) {
        let Some(id) = self.own[bot].take() else { return };
        self.owner[id.row()] = None;
        let viewers: BTreeSet<_> = (0..self.bots).filter(|viewer| self.knows(*viewer, bot)).collect();
        for &viewer in &viewers {
            self.set(viewer, bot, false);
        }
        self.forget_viewer(bot);
        self.departed.insert(id, Departed { bot, tick, is_owed, viewers });
    }

    /// `viewer` was told that `id` enters.
    pub fn on_enter(&mut self, viewer: usize, tick: u32, id: NetId) {
        match self.owner[id.row()] {
            Some(bot) => self.set(viewer, bot as usize, true),
            None => {
                let fresh = || Stranger { since: tick, viewers: BTreeSet::new(), reported: false };
                // What enters after its bot has left the world is another one under the same id, whose welcome is under way.
                let departed = self.departed.get_mut(&id).filter(|departed| !departed.is_owed || tick <= departed.tick);
                let viewers = match departed {
                    Some(departed) => &mut departed.viewers,
                    None => &mut self.strangers.entry(id).or_insert_with(fresh).viewers,
                };
                viewers.insert(viewer);
            }
        }
    }

    /// `viewer` was told that `id` leaves; whom that meant.
    pub fn on_leave(&mut self, viewer: usize, tick: u32, id: NetId) -> Meant {
        let meant = self.meant(viewer, id);
        match meant {
            Meant::Known(bot) => {
                self.set(viewer, bot, false);
                self.left[viewer * self.bots + bot] = tick;
            }
            Meant::Unowned => {
                if let Some(stranger) = self.strangers.get_mut(&id) {
                    stranger.viewers.remove(&viewer);
                }
                // Whoever comes under its id is another stranger, seen since then.
                self.strangers.retain(|_, stranger| !stranger.viewers.is_empty());
                if let Some(departed) = self.departed.get_mut(&id) {
                    departed.viewers.remove(&viewer);
                }
            }
            Meant::NotEntered(_) | Meant::Nobody => {}
        }
        meant
    }

    /// Whom `id` means to `viewer`.
    pub fn meant(&self, viewer: usize, id: NetId) -> Meant {
        if let Some(bot) = self.owner[id.row()] {
            let bot = bot as usize;
            return if self.knows(viewer, bot) { Meant::Known(bot) } else { Meant::NotEntered(bot) };
        }
        let strange = self.strangers.get(&id).is_some_and(|stranger| stranger.viewers.contains(&viewer));
        let departed = self.departed.get(&id).is_some_and(|departed| departed.viewers.contains(&viewer));
        if strange || departed { Meant::Unowned } else { Meant::Nobody }
    }

    /// Whether `viewer` knows `bot` now.
    pub fn knows(&self, viewer: usize, bot: usize) -> bool {
        self.known[viewer * self.words + bot / 64] >> (bot % 64) & 1 == 1
    }

    /// Bots that `viewer` knows now.
    pub fn known_count(&self, viewer: usize) -> u32 {
        self.known[viewer * self.words..(viewer + 1) * self.words].iter().map(|word| word.count_ones()).sum()
    }

    /// Whether `viewer` has known nothing of `bot` since `tick` or before (given that it knows nothing now).
    pub fn unknown_since(&self, viewer: usize, bot: usize, tick: u32) -> bool {
        self.left[viewer * self.bots + bot] <= tick
    }

    /// The entity that `bot` plays.
    pub fn own(&self, bot: usize) -> Option<NetId> {
        self.own[bot]
    }

    /// The bot that plays an entity.
    pub fn bot(&self, id: NetId) -> Option<usize> {
        self.owner[id.row()].map(|bot| bot as usize)
    }

    /// Whether the bot that played an entity has gone.
    pub fn is_departed(&self, id: NetId) -> bool {
        self.departed.contains_key(&id)
    }

    /// Entities that were seen before `tick` and still belong to no bot; each is given once.
    pub fn poll_stranger(&mut self, tick: u32) -> Option<(NetId, usize)> {
        let overdue = |stranger: &Stranger| !stranger.reported && stranger.since < tick;
        let (id, stranger) = self.strangers.iter_mut().find(|(_, stranger)| overdue(stranger))?;
        stranger.reported = true;
        stranger.viewers.first().map(|viewer| (*id, *viewer))
    }

    /// Viewers that know an entity although its bot left at a tick so long ago that they must know; each is given once.
    pub fn poll_departed(&mut self, is_late: impl Fn(usize, u32) -> bool) -> Option<(NetId, u32, usize)> {
        let owed = self.departed.iter_mut().filter(|(_, departed)| departed.is_owed);
        let late =
            |departed: &Departed| departed.viewers.iter().copied().find(|viewer| is_late(*viewer, departed.tick));
        let (viewer, id, departed) =
            owed.into_iter().find_map(|(id, departed)| Some((late(departed)?, *id, departed)))?;
        departed.viewers.remove(&viewer);
        Some((id, departed.tick, viewer))
    }

    fn forget_viewer(&mut self, viewer: usize) {
        self.known[viewer * self.words..(viewer + 1) * self.words].fill(0);
        self.left[viewer * self.bots..(viewer + 1) * self.bots].fill(0);
        self.strangers.values_mut().for_each(|stranger| {
            stranger.viewers.remove(&viewer);
        });
        self.strangers.retain(|_, stranger| !stranger.viewers.is_empty());
        self.departed.values_mut().for_each(|departed| {
            departed.viewers.remove(&viewer);
        });
    }

    fn set(&mut self, viewer: usize, bot: usize, known: bool) {
        let word = &mut self.known[viewer * self.words + bot / 64];
        *word = *word & !(1 << (bot % 64)) | u64::from(known) << (bot % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: NetId = NetId(9);

    /// Bot 0 sees bot 1, whose id bot 2 is given after bot 1 has left in tick 100.
    fn left() -> Presence {
        let mut presence = Presence::new(3);
        presence.on_joined(0, NetId(7), 1);
        presence.on_joined(1, SHARED, 1);
        presence.on_enter(0, 2, SHARED);
        presence.on_gone(1, 100, true);
        assert_eq!(presence.on_leave(0, 103, SHARED), Meant::Unowned);
        presence
    }

    #[test]
    fn who_comes_under_the_id_of_one_who_has_left_may_be_seen_before_he_is_welcomed() {
        let mut presence = left();
        presence.on_enter(0, 200, SHARED);
        assert_eq!(presence.meant(0, SHARED), Meant::Unowned);
        presence.on_joined(2, SHARED, 199);
        assert_eq!(presence.meant(0, SHARED), Meant::Known(2));
        assert!(presence.poll_departed(|_, left| left < 10_000).is_none() && presence.poll_stranger(10_000).is_none());
    }

    #[test]
    fn who_was_seen_once_more_while_he_left_is_not_taken_for_who_comes_under_his_id() {
        let mut presence = left();
        presence.on_enter(0, 102, SHARED);
        assert_eq!(presence.on_leave(0, 104, SHARED), Meant::Unowned);
        presence.on_enter(0, 200, SHARED);
        assert!(presence.poll_stranger(150).is_none(), "this one has only just come");
        presence.on_joined(2, SHARED, 199);
        assert_eq!(presence.meant(0, SHARED), Meant::Known(2));
    }

    #[test]
    fn who_is_shown_after_he_has_left_still_counts() {
        let mut presence = left();
        presence.on_enter(0, 99, SHARED);
        assert_eq!(presence.poll_departed(|_, left| left < 300), Some((SHARED, 100, 0)));
        let mut presence = left();
        presence.on_enter(0, 150, SHARED);
        assert_eq!(presence.poll_stranger(300), Some((SHARED, 0)));
    }
}
