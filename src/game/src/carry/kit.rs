//! What a new character begins with.

use super::bag::{Bag, Hold, Row, stack_max, worn};
use super::bag_orders::other_hand;
use super::draft::Draft;
use super::ground::content;
use crate::Game;
use crate::content::{Content, ItemType};
use crate::fight::{Sheet, Team};
use crate::growth::Growth;
use crate::ledger::{Entry, Ledger, TransactionId, Way};
use crate::player::Avatar;
use protocol::{ClassId, NetId};

impl Game {
    /// Gives a new character the kit of its class, as one transaction that says that it was born, too. What can be worn is
    /// worn; what finds no room does not come into being. None if it is not live.
    pub fn give_kit(&mut self, id: NetId) -> Option<TransactionId> {
        let entity = self.entity(id)?;
        let content = content(&self.world);
        let character = self.world.get::<Avatar>(entity)?.character;
        let (class, team) = (self.world.get::<Growth>(entity)?.class, self.world.get::<Team>(entity)?.0);
        let level = self.world.get::<Sheet>(entity)?.level;
        // Filled for trial: the bag itself is filled when the disk has it.
        let mut bag = self.world.get::<Bag>(entity)?.clone();
        let mut draft = Draft { entries: vec![Entry::Born { character, class, team }], ..Draft::default() };
        let kit = content.classes.find(class);
        for &(kind, count) in kit.iter().flat_map(|class| &class.kit) {
            let kind = content.items.at(kind);
            let mut given = 0;
            while given < count {
                let Some(slot) = place(&content, &bag, kind, level, class) else { break };
                let count = (count - given).min(stack_max(kind).max(1));
                let item = self.world.resource_mut::<Ledger>().new_item();
                let row = Row { item, kind: kind.id, count, durability: kind.durability_max, slot, hold: Hold::Free };
                bag.put(row);
                draft.item(None, Some(row.record(character)));
                given += count;
            }
            if given > 0 {
                draft.entries.push(Entry::Made { kind: kind.id, count: i64::from(given), way: Way::Kit });
            }
        }
        let coins = kit.map_or(0, |class| class.coins);
        if coins > 0 {
            draft.mint(character, i64::from(coins), Way::Kit);
        }
        Some(draft.ask(&mut self.world, None))
    }
}

/// The slot for one stack more: where it is worn, if it can be and nothing is, else the first free one.
fn place(content: &Content, bag: &Bag, kind: &ItemType, level: u8, class: ClassId) -> Option<u8> {
    let is_his = level >= kind.level_min && (kind.classes.is_empty() || kind.classes.contains(&class));
    let wearable = kind.slot.filter(|&slot| {
        let other = other_hand(slot).and_then(|other| bag.in_slot(worn(other)));
        let is_other_two_handed = other.and_then(|row| content.items.find(row.kind)).is_some_and(|o| o.is_two_handed);
        let is_free = bag.in_slot(worn(slot)).is_none() && !bag.is_kept(worn(slot));
        is_his && is_free && !is_other_two_handed && !(kind.is_two_handed && other.is_some())
    });
    wearable.map(worn).or_else(|| bag.free_slots().next())
}
