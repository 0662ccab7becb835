//! A model of the disk: tables, and what comes into the world and leaves it.

use game::{Entry, Estate, GroundRecord, Holder, ItemRecord, Transaction, TransactionId};
use protocol::news::ItemRow;
use protocol::{CharacterId, ClassId, ItemId, ItemKind};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    pub items: BTreeMap<ItemId, ItemRecord>,
    pub coins: BTreeMap<CharacterId, u64>,
    pub heaps: BTreeMap<ItemId, (u64, (i32, i32, i32))>,
    pub made: BTreeMap<ItemKind, i64>,
    pub minted: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// As of the last transaction.
    pub tables: Tables,
    /// As of the last that the game was told of.
    pub told: Tables,
    /// What it has, in its order.
    pub log: Vec<Transaction>,
    /// Of these, so many were told.
    pub told_len: usize,
    pub done: BTreeSet<TransactionId>,
    pub refused: u32,
}

impl Disk {
    pub fn apply(&mut self, transaction: &Transaction) {
        assert!(self.done.insert(transaction.id), "{transaction:?} comes twice");
        assert!(transaction.balance().is_ok());
        self.tables.apply(transaction);
        self.tables.check();
        self.log.push(transaction.clone());
    }

    /// The next that the game is to be told of.
    pub fn tell(&mut self) -> Option<TransactionId> {
        let transaction = self.log.get(self.told_len)?;
        self.told_len += 1;
        self.told.apply(transaction);
        Some(transaction.id)
    }
}

impl Tables {
    fn apply(&mut self, transaction: &Transaction) {
        for entry in &transaction.entries {
            if let Entry::Item { before: Some(before), .. } = entry {
                let was = self.items.remove(&before.item);
                assert_eq!(was.as_ref(), Some(before), "{transaction:?} takes what is not so");
            }
        }
        for entry in &transaction.entries {
            match *entry {
                Entry::Item { after: Some(after), .. } => {
                    assert!(after.count > 0, "{transaction:?} makes a stack of none");
                    let is_taken = matches!(after.holder, Holder::Character { .. })
                        && self.items.values().any(|other| other.holder == after.holder);
                    assert!(!is_taken, "{transaction:?} puts two into one slot");
                    assert!(self.items.insert(after.item, after).is_none(), "{transaction:?} doubles an item");
                }
                Entry::Made { kind, count, .. } => *self.made.entry(kind).or_default() += count,
                Entry::Coins { character, change, .. } => {
                    let coins = self.coins.entry(character).or_default();
                    *coins = coins.checked_add_signed(change).expect("nobody pays what he has not");
                }
                Entry::GroundCoins { item, change, place } => {
                    let heap = self.heaps.entry(item).or_insert((0, place));
                    heap.0 = heap.0.checked_add_signed(change).expect("no heap has less than none");
                    if heap.0 == 0 {
                        self.heaps.remove(&item);
                    }
                }
                Entry::Minted { coins, .. } => self.minted += coins,
                _ => {}
            }
        }
    }

    /// What is there is what came, less what went.
    fn check(&self) {
        let mut kinds: BTreeMap<ItemKind, i64> = BTreeMap::new();
        for record in self.items.values() {
            *kinds.entry(record.kind).or_default() += i64::from(record.count);
        }
        for (kind, made) in &self.made {
            assert_eq!(kinds.get(kind).copied().unwrap_or(0), *made, "{kind:?}");
        }
        let coins = self.coins.values().sum::<u64>() + self.heaps.values().map(|heap| heap.0).sum::<u64>();
        assert_eq!(coins as i64, self.minted);
    }

    /// What somebody has.
    pub fn estate(&self, character: CharacterId) -> Estate {
        let mut items: Vec<ItemRow> = Vec::new();
        for record in self.items.values() {
            if let Holder::Character { character: of, slot } = record.holder
                && of == character
            {
                let ItemRecord { item, kind, count, durability, .. } = *record;
                items.push(ItemRow { item, kind, count, durability, slot, is_held: false });
            }
        }
        items.sort_by_key(|row| row.slot);
        let coins = self.coins.get(&character).copied().unwrap_or(0);
        Estate { coins, items, ..Estate::newborn(ClassId(1), 1) }
    }

    /// What lies on the ground, by name.
    pub fn ground(&self) -> Vec<GroundRecord> {
        let items = self.items.values().filter(|record| matches!(record.holder, Holder::Ground { .. }));
        let heaps = self.heaps.iter().map(|(&heap, &(coins, place))| GroundRecord::Coins { heap, coins, place });
        let mut ground: Vec<_> = items.copied().map(GroundRecord::Item).chain(heaps).collect();
        ground.sort_by_key(GroundRecord::name);
        ground
    }
}
