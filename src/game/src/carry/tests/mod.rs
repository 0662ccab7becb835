//! A shop with a few kinds of things, and what all tests of belongings do in it.

mod bag;
mod ground;
mod restart;
mod vendor;
mod wear;

use super::bag::{Bag, Hold, worn};
use super::{Drop, GroundRecord};
use crate::content::{
    Circle, Class, Content, EquipSlot, ItemType, Modifier, Outcome, Places, Stat, Stats, Table, Use, Vendor,
};
use crate::event::Happening;
use crate::fight::{Sheet, Team, Vitals};
use crate::growth::{Estate, Growth};
use crate::rig::{self, Rig};
use crate::{Entry, Game, GameConfig, Transaction, Way};
use protocol::news::{ItemRow, WORN};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, ClassId, Command, GameEvent, ItemId, ItemKind, NetId, News, Refusal};
use std::sync::Arc;

pub(crate) const BREAD: ItemKind = ItemKind(1);
pub(crate) const SWORD: ItemKind = ItemKind(2);
const SHIELD: ItemKind = ItemKind(3);
const STAFF: ItemKind = ItemKind(4);
pub(crate) const LETTER: ItemKind = ItemKind(5);
const HORN: ItemKind = ItemKind(6);
const CROWN: ItemKind = ItemKind(7);
const DEAR: ItemKind = ItemKind(8);

/// A kind of item that nothing is special about.
pub(super) fn kind(id: u16, change: impl FnOnce(&mut ItemType)) -> ItemType {
    let mut kind = ItemType {
        id: ItemKind(id),
        name: format!("kind {id}"),
        form: id,
        stack_max: 20,
        weight: 100,
        slot: None,
        is_two_handed: false,
        level_min: 1,
        classes: Vec::new(),
        modifiers: Vec::new(),
        durability_max: 0,
        use_: None,
        price: 10,
        value: 4,
        is_bound: false,
    };
    change(&mut kind);
    kind
}

/// Something that is worn.
fn gear(id: ItemKind, slot: EquipSlot, change: impl FnOnce(&mut ItemType)) -> ItemType {
    kind(id.0, |kind| {
        (kind.slot, kind.durability_max, kind.stack_max) = (Some(slot), 40, 1);
        change(kind);
    })
}

fn usage(outcome: Outcome, is_consumed: bool) -> Option<Use> {
    Some(Use { outcomes: vec![outcome], cooldown_ticks: 30, is_consumed })
}

fn content() -> Content {
    let heal = Outcome::Heal { amount: 50, power: 0 };
    let items = vec![
        kind(BREAD.0, |kind| kind.use_ = usage(heal, true)),
        gear(SWORD, EquipSlot::MainHand, |kind| {
            kind.modifiers.push(Modifier { stat: Stat::Attack, flat: 7, share: 0 });
        }),
        gear(SHIELD, EquipSlot::OffHand, |_| ()),
        gear(STAFF, EquipSlot::MainHand, |kind| kind.is_two_handed = true),
        kind(LETTER.0, |kind| kind.is_bound = true),
        kind(HORN.0, |kind| kind.use_ = usage(heal, false)),
        gear(CROWN, EquipSlot::Head, |kind| (kind.level_min, kind.classes) = (5, vec![ClassId(9)])),
        kind(DEAR.0, |kind| (kind.price, kind.value) = (u32::MAX, 0)),
    ];
    let vendor = Vendor {
        name: "vendor".to_owned(),
        area: Circle { x: 100 * SUBUNITS_PER_M, y: 200 * SUBUNITS_PER_M, radius: 10 * SUBUNITS_PER_M },
        sells: vec![BREAD, SWORD, DEAR],
        repairs: true,
    };
    let class = Class {
        id: ClassId(1),
        name: "one".to_owned(),
        base: Stats::BARE,
        per_level: Stats::default(),
        skills: Vec::new(),
        tree: Vec::new(),
        kit: vec![(SWORD, 2), (STAFF, 1), (BREAD, 25)],
        coins: 30,
    };
    Content {
        items: Table::new(items).expect("the test numbers them"),
        classes: Table::new(vec![class]).expect("one has one number"),
        places: Places { vendors: vec![vendor], ..Places::default() },
        ..rig::content(vec![])
    }
}

/// A row of an estate.
pub(crate) fn row(item: u64, kind: ItemKind, count: u32, slot: u8) -> ItemRow {
    let durability = if [SWORD, SHIELD, STAFF, CROWN].contains(&kind) { 40 } else { 0 };
    ItemRow { item: ItemId(item), kind, count, durability, slot, is_held: false }
}

/// Players in a row 2 m apart, all of one team, the first with these and 1,000 coins.
pub(crate) struct Shop {
    pub(crate) rig: Rig,
    pub(crate) a: NetId,
    pub(crate) b: NetId,
}

impl Shop {
    pub(crate) fn new(items: &[ItemRow]) -> Self {
        let mut rig = Rig::new(content(), 2);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        for id in [a, b] {
            *rig.part(id) = Team(1);
            let sheet = rig.part::<Sheet>(id);
            sheet.base.set(Stat::CarryMax, 10_000);
            sheet.is_stale = true;
        }
        let mut shop = Self { rig, a, b };
        shop.endow(a, items, 1_000);
        shop.rig.run(1);
        shop
    }

    pub(crate) fn endow(&mut self, id: NetId, items: &[ItemRow], coins: u64) {
        let estate = Estate { coins, items: items.to_vec(), ..Estate::newborn(ClassId(1), 1) };
        let mut bag = Bag::new(self.rig.game.content(), &estate);
        bag.is_told = true;
        *self.rig.part::<Bag>(id) = bag;
    }

    /// Gives an order and ticks; none if its answer waits for the disk.
    pub(crate) fn ask(&mut self, id: NetId, command: Command) -> Option<Result<(), Refusal>> {
        assert!(self.rig.game.order(id, 7, command));
        self.rig.game.tick();
        self.answer(id)
    }

    pub(crate) fn answer(&self, id: NetId) -> Option<Result<(), Refusal>> {
        let mut answers = self.rig.game.answers().iter().filter(|answer| answer.to == id);
        let answer = answers.next().map(|answer| answer.result);
        assert!(answers.next().is_none(), "one answer for one order");
        answer
    }

    /// The disk takes or refuses all that was asked; one tick.
    pub(crate) fn settle(&mut self, is_durable: bool) -> Vec<Transaction> {
        let asked = self.rig.game.take_transactions();
        asked.iter().for_each(|transaction| self.rig.game.settle(transaction.id, is_durable));
        self.rig.game.tick();
        asked
    }

    /// Gives an order, and the disk takes what comes of it.
    pub(crate) fn done(&mut self, id: NetId, command: Command) -> Result<(), Refusal> {
        self.ask(id, command).unwrap_or_else(|| {
            self.settle(true);
            self.answer(id).expect("what was settled is answered")
        })
    }

    /// What somebody has: kind, count and slot.
    pub(crate) fn items(&self, id: NetId) -> Vec<(ItemKind, u32, u8)> {
        let estate = self.rig.game.estate(id).expect("it is live");
        estate.items.iter().map(|row| (row.kind, row.count, row.slot)).collect()
    }

    pub(crate) fn coins(&self, id: NetId) -> u64 {
        self.rig.game.estate(id).expect("it is live").coins
    }

    /// What somebody was told in this tick, figures apart.
    pub(crate) fn news(&self, id: NetId) -> Vec<News> {
        self.all_news(id).into_iter().filter(|news| !matches!(news, News::Figures(_))).collect()
    }

    fn all_news(&self, id: NetId) -> Vec<News> {
        self.rig.game.notices().iter().filter(|(to, _)| *to == id).map(|(_, news)| news.clone()).collect()
    }
}

const I: fn(u64) -> ItemId = ItemId;
