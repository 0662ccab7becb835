//! What must never be lost and never be doubled: who owns what, and how far characters have come.
//!
//! Nothing of that changes in the tick in which it is asked for. The room that wants a change checks it, holds what it takes
//! (an item that is held can be in no other transaction, coins that are held cannot be spent), and writes a [`Transaction`].
//! The caller brings it to disk and says so ([`crate::Game::settle`]); in the next tick it takes effect, or, if the disk
//! refused it, what was held is free again. So whoever is told "done" has it, whatever happens to this process.
//!
//! Entries of two transactions under way do not depend on each other: an item is held by one of them, coins and experience
//! are told as changes. Items and coins come into the world and leave it by the ways of [`Way`] and no other, and each
//! transaction is in balance ([`Transaction::balance`]).

mod books;
mod entry;
mod listing;
mod posting;
mod rows;
mod settle;

pub use books::{Books, BooksError, Heap};
pub use entry::{Entry, Holder, Imbalance, ItemRecord, Transaction, TransactionId, Way};
pub use listing::Listing;
pub use posting::{CharacterAfter, Posting};
pub use rows::{AccountRow, GroundRow, Row, SumsRow};

use crate::schedule::Settling;
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{IntoScheduleConfigs, Resource, Schedule, World};
use protocol::{CharacterId, ItemId, ItemKind, NetId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(crate) use settle::{replay, settle};

pub(crate) fn register(world: &mut World, schedule: &mut Schedule, incarnation: u32) {
    world.insert_resource(Ledger::new(incarnation));
    schedule.add_systems(settle.in_set(Settling::Heard));
}

/// Transactions under way, and those that are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Resource, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Which start of which process this is; no two are the same, so ids made here are made nowhere else.
    incarnation: u32,
    /// Counts the items made here.
    items: u32,
    /// Counts the transactions.
    transactions: u64,
    /// Asked for and not yet fetched by the caller.
    asked: Vec<Transaction>,
    /// Not settled yet.
    under_way: BTreeMap<TransactionId, UnderWay>,
    /// What the disk has said since the last tick, in its order: whether it has it.
    heard: Vec<(TransactionId, bool)>,
}

/// A transaction that the disk has not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UnderWay {
    pub(crate) transaction: Transaction,
    /// The order that it came of, if a player waits for its answer.
    pub(crate) order: Option<(NetId, u16)>,
    /// What it was asked for, as far as its entries do not say it.
    pub(crate) why: Why,
    /// Ids kept for what is to lie on the ground, in the order of its entries.
    pub(crate) places: Vec<NetId>,
    /// Those who have left the world since: what they have is read from the disk when they come back, so nothing of this
    /// is done to them here.
    pub(crate) gone: Vec<CharacterId>,
}

/// What a transaction was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Why {
    /// Its entries are all there is to it.
    #[default]
    Plain,
    /// One of a kind was used up by who gave the order.
    Used(ItemKind),
    /// Something was picked up by who gave the order.
    PickedUp,
    /// Somebody left it who was killed: it is theirs for a while; everybody's, if they are none.
    Left(ArrayVec<NetId, LOOTERS_MAX>),
    /// Two have traded.
    Traded,
}

/// Most who share the right to what a mob left: a party.
pub(crate) const LOOTERS_MAX: usize = protocol::news::PARTY_MAX;

impl Ledger {
    pub(crate) fn new(incarnation: u32) -> Self {
        Self { incarnation, ..Self::default() }
    }

    /// Goes on from a saved one. Another incarnation counts from the beginning: its ids are its own. And it does not ask what
    /// the saved one had not asked yet: what came to disk since may be about the same things.
    pub(crate) fn resume(&mut self, saved: &Self) {
        let Self { incarnation, items, transactions, .. } = *self;
        *self = saved.clone();
        if incarnation != saved.incarnation {
            (self.incarnation, self.items, self.transactions) = (incarnation, items, transactions);
            self.asked.clear();
        }
    }

    /// An id that no other item has.
    pub(crate) fn new_item(&mut self) -> ItemId {
        self.items = self.items.checked_add(1).expect("four billion items take years to make");
        ItemId(u64::from(self.incarnation) << 32 | u64::from(self.items))
    }

    /// Asks the disk for these changes. Everything that they take is held already.
    ///
    /// # Panics
    /// If they are not in balance: then the room that asks would make or lose something.
    pub(crate) fn ask(&mut self, order: Option<(NetId, u16)>, entries: Vec<Entry>) -> TransactionId {
        self.ask_for(order, entries, Why::Plain, Vec::new())
    }

    /// As [`Self::ask`], with what the entries do not say: what for, and the ids of what is to lie on the ground.
    pub(crate) fn ask_for(
        &mut self,
        order: Option<(NetId, u16)>,
        entries: Vec<Entry>,
        why: Why,
        places: Vec<NetId>,
    ) -> TransactionId {
        self.transactions += 1;
        let id = TransactionId(u128::from(self.incarnation) << 64 | u128::from(self.transactions));
        let transaction = Transaction { id, entries };
        assert_eq!(transaction.balance(), Ok(()), "{transaction:?}");
        self.asked.push(transaction.clone());
        self.under_way.insert(id, UnderWay { transaction, order, why, places, gone: Vec::new() });
        id
    }

    /// Fetches what was asked for since the last call, in order.
    pub(crate) fn take_asked(&mut self) -> impl Iterator<Item = Transaction> {
        self.asked.drain(..)
    }

    /// The disk has said something. Of a transaction that is not under way it says nothing new.
    pub(crate) fn hear(&mut self, id: TransactionId, is_durable: bool) {
        self.heard.push((id, is_durable));
    }

    /// The transactions that the disk has answered since the last call, in its order, each with whether it has it.
    pub(crate) fn take_settled(&mut self) -> Vec<(UnderWay, bool)> {
        let heard = std::mem::take(&mut self.heard);
        heard.into_iter().filter_map(|(id, is_durable)| Some((self.under_way.remove(&id)?, is_durable))).collect()
    }

    /// Nothing that is under way will ever be on disk: all of it is refused.
    pub(crate) fn refuse_all(&mut self) {
        self.asked.clear();
        self.heard.extend(self.under_way.keys().map(|&id| (id, false)));
    }

    /// Forgets all that is under way, and gives back the ids that were kept for it.
    pub(crate) fn abandon(&mut self) -> Vec<NetId> {
        (self.asked, self.heard) = (Vec::new(), Vec::new());
        std::mem::take(&mut self.under_way).into_values().flat_map(|under_way| under_way.places).collect()
    }

    /// A transaction that is not to be waited for any longer.
    pub(crate) fn take(&mut self, id: TransactionId) -> Option<UnderWay> {
        self.under_way.remove(&id)
    }

    /// Somebody leaves the world: nobody waits for answers under this id, what is under way does nothing to him, and what
    /// was left to him is not his any more.
    pub(crate) fn forget(&mut self, id: NetId, character: CharacterId) {
        for under_way in self.under_way.values_mut() {
            under_way.order.take_if(|(by, _)| *by == id);
            if under_way.transaction.concerns(character) {
                under_way.gone.push(character);
            }
            if let Why::Left(owners) = &mut under_way.why {
                owners.retain(|owner| *owner != id);
            }
        }
    }

    /// Transactions that the disk has not answered.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &UnderWay> {
        self.under_way.values()
    }
}
