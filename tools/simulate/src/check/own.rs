//! Whether what people have, and what lies about, is what it should be: as they were told, as before a crash, as in the journal.

use super::{Broken, Check};
use crate::stores::Stores;
use game::{Entry, Estate, Game, GroundRecord};
use protocol::{CharacterId, ClassId, ItemId, NetId};
use std::collections::{BTreeMap, BTreeSet};

/// What characters had when their server was killed.
#[derive(Debug, Default)]
pub struct Estates {
    had: BTreeMap<CharacterId, Estate>,
    /// Estates that were compared.
    pub looks: u64,
}

impl Estates {
    /// The server is killed now: what everybody has whose affairs are all decided. Of whom a transaction is under way the disk
    /// may have more.
    pub fn on_crash(&mut self, game: &Game, players: impl Iterator<Item = NetId>) {
        for id in players {
            let (Some(character), Some(estate)) = (game.character(id), game.estate(id)) else { continue };
            if game.has_transactions(character) {
                self.had.remove(&character);
            } else {
                self.had.insert(character, sorted(estate));
            }
        }
    }

    /// A character has come back.
    ///
    /// # Errors
    /// With something else.
    pub fn on_back(&mut self, game: &Game, id: NetId) -> Result<(), Broken> {
        let Some(character) = game.character(id) else { return Ok(()) };
        let (Some(had), Some(has)) = (self.had.remove(&character), game.estate(id)) else { return Ok(()) };
        self.looks += 1;
        let has = sorted(has);
        if had == has {
            return Ok(());
        }
        Err(Broken::new(Check::Estates, format!("{character:?} had {had:?} before the crash and has {has:?} after it")))
    }
}

/// Whether somebody whose affairs are all decided has in the world what is his by the journal; gives how many were compared.
///
/// # Errors
/// It is not the same.
pub fn judge_estate(game: &Game, id: NetId, stores: &Stores) -> Result<u64, Broken> {
    let Some(character) = game.character(id).filter(|character| !game.has_transactions(*character)) else {
        return Ok(0);
    };
    let (Some(has), Some(owns)) = (game.estate(id), stores.owns(character)) else { return Ok(0) };
    let (mut has, owns) = (sorted(has), sorted(owns.clone()));
    if owns.class == ClassId(0) {
        // The disk was full when he was born. He plays as what he is, and is born when he comes the next time.
        (has.class, has.team) = (owns.class, owns.team);
    }
    if has == owns {
        return Ok(1);
    }
    Err(Broken::new(Check::Estates, format!("{character:?} has {has:?}, and the journal says {owns:?}")))
}

/// What counts, in one order: where things are in a bag, and how worn, may be as of the last checkpoint.
fn sorted(mut estate: Estate) -> Estate {
    for row in &mut estate.items {
        (row.is_held, row.durability, row.slot) = (false, 0, 0);
    }
    estate.items.sort_unstable_by_key(|row| row.item);
    estate.skills.sort_unstable();
    estate
}

/// Whether no item is in two bags.
///
/// # Errors
/// One is.
pub fn judge_bags(game: &Game, players: impl Iterator<Item = NetId>) -> Result<u64, Broken> {
    let mut seen = BTreeSet::new();
    for id in players {
        for row in game.estate(id).map(|estate| estate.items).unwrap_or_default() {
            if !seen.insert(row.item) {
                return Err(Broken::new(
                    Check::Conserved,
                    format!("{:?} is in two bags, one of them {id:?}'s", row.item),
                ));
            }
        }
    }
    Ok(seen.len() as u64)
}

/// Whether all that lies in the world lies there by the journal, apart from what is under way, and nothing is held for a
/// transaction that is over.
///
/// # Errors
/// Something is not so.
pub fn judge_ground(game: &Game, stores: &Stores) -> Result<(), Broken> {
    let broken = |what: String| Err(Broken::new(Check::Conserved, what));
    if let Some(item) = game.held_in_vain() {
        return broken(format!("{item:?} is held for a transaction that is over"));
    }
    let under_way: BTreeSet<ItemId> =
        game.under_way().flat_map(|transaction| &transaction.entries).flat_map(named).collect();
    let is_strange = |record: &GroundRecord| !under_way.contains(&record.name()) && !stores.lies(record);
    match game.ground().into_iter().find(|(_, record)| is_strange(record)) {
        Some((id, record)) => broken(format!("{id:?} lies in the world as {record:?}, and not in the journal")),
        None => Ok(()),
    }
}

/// Things that an entry is about.
fn named(entry: &Entry) -> impl Iterator<Item = ItemId> {
    let (before, after, heap) = match entry {
        Entry::Item { before, after } => (before.as_ref(), after.as_ref(), None),
        Entry::GroundCoins { item, .. } => (None, None, Some(*item)),
        _ => (None, None, None),
    };
    before.into_iter().chain(after).map(|record| record.item).chain(heap)
}

/// Whether what a client was told that it has is what it has, when it has heard all.
///
/// # Errors
/// It is not.
pub fn judge_sheet(game: &Game, id: NetId, coins: u64, items: &BTreeMap<ItemId, u32>) -> Result<(), Broken> {
    let Some(estate) = game.estate(id) else { return Ok(()) };
    let has: BTreeMap<ItemId, u32> = estate.items.iter().map(|row| (row.item, row.count)).collect();
    if has == *items && estate.coins == coins {
        return Ok(());
    }
    let what = format!("{id:?} was told {coins} coins and {items:?}, and has {} and {has:?}", estate.coins);
    Err(Broken::new(Check::Sheets, what))
}
