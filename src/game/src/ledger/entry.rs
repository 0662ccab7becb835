//! What a transaction says.

use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind, SkillId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names a transaction for ever: whoever is told of one twice knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransactionId(pub u128);

impl TransactionId {
    /// The name of a transaction that no world asks for, but whoever lets people into it: `number` counts them in one start.
    #[must_use]
    pub const fn outside(incarnation: u32, number: u32) -> Self {
        // A world counts its own from 1, and will never come so far.
        Self((incarnation as u128) << 64 | 1 << 63 | number as u128)
    }
}

/// Changes that are made all or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its name.
    pub id: TransactionId,
    /// In order.
    pub entries: Vec<Entry>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// An item is so from now on. `before` is how it was, if it was before.
    Item {
        /// None of an item that is made, or split off.
        before: Option<ItemRecord>,
        /// None of an item that is gone, or is now part of another stack.
        after: Option<ItemRecord>,
    },
    /// So many of a kind came into the world, or left it (less than 0), by a way. Says what the items of this transaction
    /// do not balance by themselves.
    Made {
        /// Of what.
        kind: ItemKind,
        /// How many more.
        count: i64,
        /// By which way.
        way: Way,
    },
    /// Somebody has so many coins more, or fewer.
    Coins {
        /// Who.
        character: CharacterId,
        /// Less than 0 takes.
        change: i64,
        /// By which way.
        way: Way,
    },
    /// A heap of coins on the ground, which is an item of no kind, has so many more, or fewer; without any it is gone.
    GroundCoins {
        /// The heap.
        item: ItemId,
        /// Less than 0 takes.
        change: i64,
        /// Where it lies, in subunits: east, north, up.
        place: (i32, i32, i32),
    },
    /// So many coins came into the world, or left it.
    Minted {
        /// Less than 0 for left.
        coins: i64,
        /// By which way.
        way: Way,
    },
    /// Somebody has gained experience.
    Experience {
        /// Who.
        character: CharacterId,
        /// How much.
        gained: u64,
    },
    /// Somebody has learnt a skill.
    Skill {
        /// Who.
        character: CharacterId,
        /// What.
        skill: SkillId,
        /// How well from now on.
        rank: u8,
    },
    /// Somebody has come into being.
    Born {
        /// Who.
        character: CharacterId,
        /// What it is.
        class: ClassId,
        /// Its team.
        team: u8,
    },
    /// An account has a character more, which has never been played.
    Listed {
        /// Whose.
        account: AccountId,
        /// Which.
        character: CharacterId,
        /// Its name, which nobody else has.
        name: String,
        /// What it is.
        class: ClassId,
        /// Its team.
        team: u8,
    },
    /// An account has a character less. All that it had is gone in the same transaction.
    Struck {
        /// Whose.
        account: AccountId,
        /// Which.
        character: CharacterId,
        /// Its name, which anybody may have from now on.
        name: String,
    },
}

/// An item as the disk knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Which.
    pub item: ItemId,
    /// What.
    pub kind: ItemKind,
    /// How many; 1 or more.
    pub count: u32,
    /// Wear that it still bears.
    pub durability: u16,
    /// Who has it, and where.
    pub holder: Holder,
}

impl ItemRecord {
    /// The same with somebody, in this slot.
    #[must_use]
    pub const fn with(self, character: CharacterId, slot: u8) -> Self {
        Self { holder: Holder::Character { character, slot }, ..self }
    }
}

/// Where an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    /// With somebody.
    Character {
        /// With whom.
        character: CharacterId,
        /// As in [`protocol::news::ItemRow::slot`].
        slot: u8,
    },
    /// On the ground; in subunits.
    Ground {
        /// East.
        x: i32,
        /// North.
        y: i32,
        /// Up.
        z: i32,
    },
}

/// Ways by which things come into the world, leave it, or change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// A new character's kit: a source.
    Kit,
    /// What a mob leaves: a source.
    Loot,
    /// A vendor sold it: a source of items, a sink of coins.
    Bought,
    /// A vendor bought it: a sink of items, a source of coins.
    Sold,
    /// It was used up: a sink.
    Used,
    /// It lay on the ground for too long: a sink.
    Expired,
    /// A vendor mended it: a sink of coins.
    Mended,
    /// An operator gave or took it: both.
    Operator,
    /// It was dropped, picked up, traded or moved: neither.
    Handed,
    /// Its owner was deleted: a sink.
    Deleted,
}

impl Way {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Kit,
        Self::Loot,
        Self::Bought,
        Self::Sold,
        Self::Used,
        Self::Expired,
        Self::Mended,
        Self::Operator,
        Self::Handed,
        Self::Deleted,
    ];

    /// What other programs call it: in a database's rows and in exports.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kit => "kit",
            Self::Loot => "loot",
            Self::Bought => "bought",
            Self::Sold => "sold",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Mended => "mended",
            Self::Operator => "operator",
            Self::Handed => "handed",
            Self::Deleted => "deleted",
        }
    }
}

/// What does not balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Imbalance {
    /// So many of a kind more are there after it than were before and were made.
    Items(ItemKind, i64),
    /// So many coins more.
    Coins(i64),
    /// An item is said to become another kind, or to have another name.
    Changed(ItemId),
}

impl Entry {
    /// Whether it changes what somebody has or is.
    #[must_use]
    pub fn concerns(&self, somebody: CharacterId) -> bool {
        let holds = |record: &Option<ItemRecord>| {
            record.is_some_and(
                |record| matches!(record.holder, Holder::Character { character, .. } if character == somebody),
            )
        };
        match self {
            Self::Item { before, after } => holds(before) || holds(after),
            Self::Coins { character, .. }
            | Self::Experience { character, .. }
            | Self::Skill { character, .. }
            | Self::Born { character, .. }
            | Self::Listed { character, .. }
            | Self::Struck { character, .. } => *character == somebody,
            Self::Made { .. } | Self::GroundCoins { .. } | Self::Minted { .. } => false,
        }
    }
}

impl Transaction {
    /// Whether it changes what somebody has or is.
    #[must_use]
    pub fn concerns(&self, somebody: CharacterId) -> bool {
        self.entries.iter().any(|entry| entry.concerns(somebody))
    }

    /// Whether it makes and loses nothing but what it says it makes and loses.
    ///
    /// # Errors
    /// The first thing that does not balance.
    pub fn balance(&self) -> Result<(), Imbalance> {
        let mut kinds: BTreeMap<ItemKind, i64> = BTreeMap::new();
        let mut coins = 0_i64;
        for entry in &self.entries {
            match *entry {
                Entry::Item { before, after } => {
                    if let (Some(before), Some(after)) = (before, after)
                        && (before.item, before.kind) != (after.item, after.kind)
                    {
                        return Err(Imbalance::Changed(before.item));
                    }
                    if let Some(before) = before {
                        *kinds.entry(before.kind).or_default() -= i64::from(before.count);
                    }
                    if let Some(after) = after {
                        *kinds.entry(after.kind).or_default() += i64::from(after.count);
                    }
                }
                Entry::Made { kind, count, .. } => *kinds.entry(kind).or_default() -= count,
                Entry::Coins { change, .. } | Entry::GroundCoins { change, .. } => coins += change,
                Entry::Minted { coins: minted, .. } => coins -= minted,
                Entry::Experience { .. }
                | Entry::Skill { .. }
                | Entry::Born { .. }
                | Entry::Listed { .. }
                | Entry::Struck { .. } => {}
            }
        }
        if let Some((&kind, &count)) = kinds.iter().find(|(_, count)| **count != 0) {
            return Err(Imbalance::Items(kind, count));
        }
        if coins == 0 { Ok(()) } else { Err(Imbalance::Coins(coins)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Holder = Holder::Character { character: CharacterId(1), slot: 0 };
    const BOB: Holder = Holder::Character { character: CharacterId(2), slot: 3 };

    fn record(item: u64, count: u32, holder: Holder) -> Option<ItemRecord> {
        Some(ItemRecord { item: ItemId(item), kind: ItemKind(7), count, durability: 0, holder })
    }

    fn balance(entries: Vec<Entry>) -> Result<(), Imbalance> {
        Transaction { id: TransactionId(1), entries }.balance()
    }

    #[test]
    fn what_changes_hands_or_is_split_is_in_balance() {
        assert_eq!(balance(vec![Entry::Item { before: record(1, 5, ANN), after: record(1, 5, BOB) }]), Ok(()));
        let split = vec![
            Entry::Item { before: record(1, 5, ANN), after: record(1, 2, ANN) },
            Entry::Item { before: None, after: record(2, 3, BOB) },
        ];
        assert_eq!(balance(split), Ok(()));
        let way = Way::Handed;
        let paid = vec![
            Entry::Coins { character: CharacterId(1), change: -50, way },
            Entry::Coins { character: CharacterId(2), change: 50, way },
        ];
        assert_eq!(balance(paid), Ok(()));
    }

    #[test]
    fn what_comes_from_nowhere_or_goes_nowhere_is_named() {
        let kind = ItemKind(7);
        assert_eq!(
            balance(vec![Entry::Item { before: None, after: record(1, 5, ANN) }]),
            Err(Imbalance::Items(kind, 5))
        );
        let doubled = vec![
            Entry::Item { before: record(1, 5, ANN), after: record(1, 5, ANN) },
            Entry::Item { before: None, after: record(2, 5, BOB) },
        ];
        assert_eq!(balance(doubled), Err(Imbalance::Items(kind, 5)));
        let way = Way::Loot;
        let made = vec![Entry::Item { before: None, after: record(1, 5, ANN) }, Entry::Made { kind, count: 5, way }];
        assert_eq!(balance(made), Ok(()));
        let coins = Entry::Coins { character: CharacterId(1), change: 9, way };
        assert_eq!(balance(vec![coins.clone()]), Err(Imbalance::Coins(9)));
        assert_eq!(balance(vec![coins, Entry::Minted { coins: 9, way }]), Ok(()));
        let other = ItemRecord { kind: ItemKind(8), ..record(1, 5, ANN).unwrap() };
        let changed = vec![Entry::Item { before: record(1, 5, ANN), after: Some(other) }];
        assert_eq!(balance(changed), Err(Imbalance::Changed(ItemId(1))));
    }
}
