//! What somebody carries and wears, and his purse.

use crate::content::{Content, EquipSlot, ItemType};
use crate::growth::Estate;
use crate::lasting::ITEM_COOLDOWNS_MAX;
use crate::ledger::{Holder, ItemRecord, TransactionId};
use arrayvec::ArrayVec;
use bevy_ecs::prelude::Component;
use protocol::news::{BAG_SLOTS, ItemRow, WORN};
use protocol::{CharacterId, ItemId, ItemKind, Tick};
use serde::{Deserialize, Serialize};

/// Nobody takes more coins than make this many: beyond, programs that count in floating point could not say how many.
pub(crate) const COINS_MAX: u64 = 1 << 53;

/// Everything that somebody has. Items and coins change when the disk has it; holds and cooldowns at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Bag {
    /// By ascending slot.
    rows: Vec<Row>,
    /// What the disk says he has and what cannot be: of a kind that there is none of, in a slot that there is none of, two in
    /// one slot. It is given back as it came, and nothing is done with it until somebody has looked at it.
    strays: Vec<ItemRow>,
    pub(crate) coins: u64,
    /// Of these: what is to be paid when the disk has it, and what is offered in a trade.
    pub(crate) coins_held: u64,
    arriving: Vec<Arriving>,
    /// By kind; those that are over are dropped when another begins.
    cooldowns: Vec<(ItemKind, Ready)>,
    /// What was used up and does what it does in the coming tick.
    pub(crate) swallowed: Vec<ItemKind>,
    /// Whether he was told of all of it when he came.
    pub(crate) is_told: bool,
}

/// An item that somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) item: ItemId,
    pub(crate) kind: ItemKind,
    pub(crate) count: u32,
    pub(crate) durability: u16,
    pub(crate) slot: u8,
    pub(crate) hold: Hold,
}

/// What keeps an item from being used otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hold {
    /// Nothing.
    #[default]
    Free,
    /// A transaction is to change it.
    By(TransactionId),
    /// It is offered in a trade.
    InTrade,
}

/// Something that comes when the disk has it: its slot is kept for it, and its weight counts already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Arriving {
    by: TransactionId,
    slot: Option<u8>,
    grams: u64,
}

/// When items of a kind may be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ready {
    /// From this tick on.
    At(Tick),
    /// One of them is being used up.
    Pending,
}

/// A part of what is to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// So many onto a stack.
    Onto(ItemId, u32),
    /// So many into a free slot.
    Into(u8, u32),
}

impl Row {
    /// As its owner is told.
    pub(crate) fn told(&self) -> ItemRow {
        let Self { item, kind, count, durability, slot, hold } = *self;
        ItemRow { item, kind, count, durability, slot, is_held: hold != Hold::Free }
    }

    /// As the disk knows it.
    pub(crate) fn record(&self, character: CharacterId) -> ItemRecord {
        let Self { item, kind, count, durability, slot, .. } = *self;
        ItemRecord { item, kind, count, durability, holder: Holder::Character { character, slot } }
    }

    pub(crate) const fn is_worn(&self) -> bool {
        self.slot >= WORN
    }
}

/// The number of a slot of what is worn.
pub(crate) const fn worn(slot: EquipSlot) -> u8 {
    WORN + slot as u8
}

/// Most of a kind in one slot: what is worn, or wears out, lies alone.
pub(crate) fn stack_max(kind: &ItemType) -> u32 {
    if kind.slot.is_some() || kind.durability_max > 0 { 1 } else { kind.stack_max }
}

/// The weight of so many, in grams.
pub(crate) fn grams(content: &Content, kind: ItemKind, count: u32) -> u64 {
    content.items.find(kind).map_or(0, |kind| u64::from(kind.weight) * u64::from(count))
}

impl Bag {
    pub(crate) fn new(content: &Content, estate: &Estate) -> Self {
        let mut bag = Self { coins: estate.coins, ..Self::default() };
        for told in &estate.items {
            let ItemRow { item, kind, count, durability, slot, .. } = *told;
            let row = Row { item, kind, count, durability, slot, hold: Hold::Free };
            let is_twice = bag.row(item).is_some() || bag.in_slot(slot).is_some();
            if is_twice || !is_possible(content, &row) { bag.strays.push(*told) } else { bag.put(row) }
        }
        bag
    }

    /// By ascending slot.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// As [`Self`] says.
    pub(crate) fn strays(&self) -> &[ItemRow] {
        &self.strays
    }

    pub(crate) fn row(&self, item: ItemId) -> Option<&Row> {
        self.rows.iter().find(|row| row.item == item)
    }

    pub(crate) fn row_mut(&mut self, item: ItemId) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.item == item)
    }

    pub(crate) fn in_slot(&self, slot: u8) -> Option<&Row> {
        self.rows.binary_search_by_key(&slot, |row| row.slot).ok().map(|at| &self.rows[at])
    }

    /// What is worn, in the order of the slots.
    pub(crate) fn worn(&self) -> &[Row] {
        &self.rows[self.rows.partition_point(|row| !row.is_worn())..]
    }

    /// Puts an item into its slot.
    ///
    /// # Panics
    /// If something is there, or it is here already: then something was doubled.
    pub(crate) fn put(&mut self, row: Row) {
        assert!(self.row(row.item).is_none(), "{row:?} is here already");
        let at = self.rows.partition_point(|other| other.slot < row.slot);
        assert!(self.rows.get(at).is_none_or(|other| other.slot != row.slot), "{row:?} comes where another is");
        self.rows.insert(at, row);
    }

    /// Takes an item out.
    pub(crate) fn take(&mut self, item: ItemId) -> Option<Row> {
        let at = self.rows.iter().position(|row| row.item == item)?;
        Some(self.rows.remove(at))
    }

    /// Keeps a slot, and lets so much weight count, until a transaction is settled.
    pub(crate) fn expect(&mut self, by: TransactionId, slot: Option<u8>, grams: u64) {
        self.arriving.push(Arriving { by, slot, grams });
    }

    /// A transaction is settled: nothing waits for it any more. Gives the items that were held for it and are still here.
    pub(crate) fn release(&mut self, by: TransactionId) -> impl Iterator<Item = &Row> {
        self.arriving.retain(|arriving| arriving.by != by);
        self.rows.iter_mut().filter(move |row| row.hold == Hold::By(by)).map(|row| {
            row.hold = Hold::Free;
            &*row
        })
    }

    /// Whether a slot is kept for something that comes.
    pub(crate) fn is_kept(&self, slot: u8) -> bool {
        self.arriving.iter().any(|arriving| arriving.slot == Some(slot))
    }

    /// Slots of the bag that are empty and kept for nothing, in order.
    pub(crate) fn free_slots(&self) -> impl Iterator<Item = u8> {
        (0..BAG_SLOTS).filter(|&slot| self.in_slot(slot).is_none() && !self.is_kept(slot))
    }

    /// Where so many of a kind go: onto stacks that have room, then into free slots. None if they do not all fit.
    pub(crate) fn room(&self, kind: &ItemType, count: u32) -> Option<Vec<Portion>> {
        let (most, mut left, mut portions) = (stack_max(kind), count, Vec::new());
        let open = self.rows.iter().filter(|row| row.kind == kind.id && row.hold == Hold::Free && !row.is_worn());
        for row in open {
            let part = most.saturating_sub(row.count).min(left);
            if part > 0 && most > 1 {
                portions.push(Portion::Onto(row.item, part));
                left -= part;
            }
        }
        for slot in self.free_slots() {
            let part = most.min(left);
            if part > 0 {
                portions.push(Portion::Into(slot, part));
                left -= part;
            }
        }
        (left == 0).then_some(portions)
    }

    /// Coins that may be spent.
    pub(crate) fn coins_free(&self) -> u64 {
        self.coins - self.coins_held
    }

    /// What it weighs, in grams, with what comes.
    pub(crate) fn load(&self, content: &Content) -> u64 {
        let here: u64 = self.rows.iter().map(|row| grams(content, row.kind, row.count)).sum();
        here + self.arriving.iter().map(|arriving| arriving.grams).sum::<u64>()
    }

    /// Whether items of this kind may be used.
    pub(crate) fn is_ready(&self, kind: ItemKind, now: Tick) -> bool {
        self.cooldowns.iter().all(|&(other, ready)| other != kind || matches!(ready, Ready::At(tick) if tick <= now))
    }

    /// Items of a kind may be used again from a tick on; none: not before it is known.
    pub(crate) fn cool(&mut self, kind: ItemKind, until: Option<Tick>, now: Tick) {
        let is_over = |ready| matches!(ready, Ready::At(tick) if tick <= now);
        self.cooldowns.retain(|&(other, ready)| other != kind && !is_over(ready));
        let ready = until.map_or(Ready::Pending, Ready::At);
        if !is_over(ready) {
            let at = self.cooldowns.partition_point(|(other, _)| *other < kind);
            self.cooldowns.insert(at, (kind, ready));
        }
    }

    /// Kinds that are not ready, each with the ticks that are left; of too many, those that are ready last. What is being
    /// used up is not among them: by the time its user is back the disk has answered.
    pub(crate) fn cooldowns_left(&self, now: Tick) -> ArrayVec<(ItemKind, u32), ITEM_COOLDOWNS_MAX> {
        let left = |&(kind, ready): &(ItemKind, Ready)| match ready {
            Ready::At(until) if until > now => Some((kind, until.since(now))),
            _ => None,
        };
        let mut all: Vec<_> = self.cooldowns.iter().filter_map(left).collect();
        all.sort_by_key(|&(kind, ticks)| (std::cmp::Reverse(ticks), kind));
        all.into_iter().take(ITEM_COOLDOWNS_MAX).collect()
    }

    /// Somebody has come back: kinds that there still are, and no longer than they cool down now.
    pub(crate) fn resume_cooldowns(&mut self, content: &Content, left: &[(ItemKind, u32)], now: Tick) {
        for &(kind, ticks) in left {
            if let Some(used) = content.items.find(kind).and_then(|kind| kind.use_.as_ref()) {
                self.cool(kind, Some(Tick(now.0.saturating_add(ticks.min(used.cooldown_ticks)))), now);
            }
        }
    }

    /// Whether all that it names is part of the content, and it does not contradict itself.
    pub(crate) fn is_sound(&self, content: &Content) -> bool {
        self.rows.is_sorted_by(|one, next| one.slot < next.slot)
            && self.rows.iter().all(|row| content.items.find(row.kind).is_some())
            && self.coins_held <= self.coins
    }
}

/// Whether there can be such an item in such a slot.
fn is_possible(content: &Content, row: &Row) -> bool {
    let Some(kind) = content.items.find(row.kind) else { return false };
    let is_place = match row.slot.checked_sub(WORN) {
        None => row.slot < BAG_SLOTS,
        Some(number) => kind.slot.is_some_and(|slot| slot as u8 == number) && row.count == 1,
    };
    is_place && row.count > 0
}
