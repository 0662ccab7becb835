//! What the rest of the server asks and says about belongings.

use super::bag::{Bag, Hold, Row};
use super::ground::Lying;
use super::loot::{self, Drop};
use super::{Bodies, ground};
use crate::Game;
use crate::fight::Team;
use crate::growth::{Estate, Growth, Told};
use crate::ledger::{self, Ledger, Transaction, TransactionId};
use crate::party::Parties;
use crate::thing::Ended;
use protocol::news::ItemRow;
use protocol::{CharacterId, ItemId, NetId};

impl Game {
    /// What a player's character owns, as far as the disk has confirmed it. What was not understood when it came
    /// ([`Self::strays`]) is part of it.
    #[must_use]
    pub fn estate(&self, id: NetId) -> Option<Estate> {
        let entity = self.entity(id)?;
        let (growth, bag) = (self.world.get::<Growth>(entity)?, self.world.get::<Bag>(entity)?);
        Some(Estate {
            class: growth.class,
            team: self.world.get::<Team>(entity)?.0,
            experience: growth.experience,
            skills: growth.learnt.to_vec(),
            coins: bag.coins,
            items: bag.rows().iter().map(super::bag::Row::told).chain(bag.strays().iter().copied()).collect(),
        })
    }

    /// Items that a player's character came with and that cannot be: of a kind that there is none of, in a slot that there is
    /// none of, two in one slot. They are kept as they came; somebody should look at them.
    #[must_use]
    pub fn strays(&self, id: NetId) -> &[ItemRow] {
        let bag = self.entity(id).and_then(|entity| self.world.get::<Bag>(entity));
        bag.map_or(&[], Bag::strays)
    }

    /// Coins that a player has, and what he carries, in grams, with what is on its way to him.
    #[must_use]
    pub fn purse_and_load(&self, id: NetId) -> Option<(u64, u64)> {
        let bag = self.world.get::<Bag>(self.entity(id)?)?;
        Some((bag.coins, bag.load(self.content())))
    }

    /// Whether the disk has yet to answer something that concerns a character. Until it has, the character must not be loaded:
    /// it might be loaded as it was before.
    #[must_use]
    pub fn has_transactions(&self, character: CharacterId) -> bool {
        self.under_way().any(|transaction| transaction.concerns(character))
    }

    /// Transactions that the disk has not answered, in the order of their names.
    pub fn under_way(&self) -> impl Iterator<Item = &Transaction> {
        self.world.resource::<Ledger>().under_way().map(|under_way| &under_way.transaction)
    }

    /// Something that is held for a transaction that is over: there never is such a thing, and whoever checks a world asks.
    #[must_use]
    pub fn held_in_vain(&self) -> Option<ItemId> {
        let is_over = |by: TransactionId| self.under_way().all(|transaction| transaction.id != by);
        let in_bag = |row: &Row| matches!(row.hold, Hold::By(by) if is_over(by)).then_some(row.item);
        let entities = || self.roster().live().iter().filter_map(|&id| self.entity(id));
        let bags = entities().filter_map(|entity| self.world.get::<Bag>(entity));
        let lying = entities().filter_map(|entity| self.world.get::<Lying>(entity));
        let on_ground = |lying: &Lying| lying.held.is_some_and(is_over).then(|| lying.record.name());
        bags.flat_map(|bag| bag.rows().iter().filter_map(in_bag)).chain(lying.filter_map(on_ground)).next()
    }

    /// Does at once what the disk has and an image that was restored may not: to be told all that came to disk after the image
    /// was made, in the order of the disk, before the first tick. Of characters who are not here nothing is done.
    pub fn replay(&mut self, transaction: &Transaction) {
        ledger::replay(&mut self.world, transaction);
        for id in self.land() {
            self.despawn(id);
        }
    }

    /// Says that nothing of what is under way will ever be on disk: after a restart, when all that the disk has was replayed.
    /// It is refused in the coming tick.
    pub fn refuse_under_way(&mut self) {
        self.world.resource_mut::<Ledger>().refuse_all();
    }

    /// Leaves things on the ground as a mob does: they lie there when the disk has them.
    pub fn leave(&mut self, drop: Drop) {
        loot::leave(&mut self.world, drop);
    }

    /// Things that were not laid down because no id was free; it only grows. Loot among them has never been, all else is on
    /// disk.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.world.resource::<ground::Falls>().left_out
    }

    /// Brings what fell and what went in this tick into the world and out of it. What went counts as ended.
    pub(crate) fn settle_ground(&mut self) {
        let going = self.land();
        let mut ended = self.world.resource_mut::<Ended>();
        ended.0.extend(going);
        ended.0.sort_unstable();
    }

    /// Tells a player everything of his own anew in the coming tick: after a silence in which nothing reached him.
    pub fn tell_anew(&mut self, id: NetId) {
        let Some(entity) = self.entity(id) else { return };
        if let Some(mut bag) = self.world.get_mut::<Bag>(entity) {
            bag.is_told = false;
        }
        if let Some(mut told) = self.world.get_mut::<Told>(entity) {
            *told = Told::default();
        }
        self.world.resource_mut::<Parties>().tell_anew(id);
    }

    /// The id of a character in the world.
    #[must_use]
    pub fn id_of(&self, character: CharacterId) -> Option<NetId> {
        self.world.resource::<Bodies>().of(character)
    }
}
