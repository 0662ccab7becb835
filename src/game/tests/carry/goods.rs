//! What there is to have in these tests.

use game::content::{
    Circle, Class, Content, DamageKind, EquipSlot, ItemType, Outcome, Places, Rules, Stats, Table, Use, Vendor,
};
use game::{Entry, Holder, ItemRecord, Transaction, TransactionId, Way};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{CharacterId, ClassId, ItemId, ItemKind};

pub const POTION: ItemKind = ItemKind(1);
pub const POISON: ItemKind = ItemKind(2);
pub const ARROW: ItemKind = ItemKind(3);
pub const SWORD: ItemKind = ItemKind(4);
pub const SHIELD: ItemKind = ItemKind(5);
pub const STAFF: ItemKind = ItemKind(6);
pub const HELMET: ItemKind = ItemKind(7);
pub const STONE: ItemKind = ItemKind(8);
pub const LETTER: ItemKind = ItemKind(9);

fn kind(id: ItemKind, stack_max: u32, weight: u32) -> ItemType {
    ItemType {
        id,
        name: format!("kind {}", id.0),
        form: id.0,
        stack_max,
        weight,
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
    }
}

fn worn(id: ItemKind, slot: EquipSlot) -> ItemType {
    ItemType { slot: Some(slot), durability_max: 40, price: 100, value: 30, ..kind(id, 1, 2_000) }
}

fn usage(outcome: Outcome, cooldown_ticks: u32) -> Option<Use> {
    Some(Use { outcomes: vec![outcome], cooldown_ticks, is_consumed: true })
}

pub fn content() -> Content {
    let heal = Outcome::Heal { amount: 50, power: 0 };
    let kill = Outcome::Damage { kind: DamageKind::Nature, amount: 100_000, attack: 0, power: 0 };
    let items = vec![
        ItemType { use_: usage(heal, 10), ..kind(POTION, 5, 200) },
        ItemType { use_: usage(kill, 10), ..kind(POISON, 3, 200) },
        kind(ARROW, 100, 20),
        worn(SWORD, EquipSlot::MainHand),
        worn(SHIELD, EquipSlot::OffHand),
        ItemType { is_two_handed: true, ..worn(STAFF, EquipSlot::MainHand) },
        worn(HELMET, EquipSlot::Head),
        kind(STONE, 4, 15_000),
        ItemType { is_bound: true, ..kind(LETTER, 1, 1) },
    ];
    let kit = vec![(SWORD, 1), (SHIELD, 1), (STAFF, 1), (POTION, 7), (ARROW, 150), (LETTER, 1), (HELMET, 1)];
    let class = Class {
        id: ClassId(1),
        name: "porter".to_owned(),
        base: Stats::BARE,
        per_level: Stats::default(),
        skills: Vec::new(),
        tree: Vec::new(),
        kit,
        coins: 500,
    };
    let middle = 100 * SUBUNITS_PER_M;
    let vendor = Vendor {
        name: "vendor".to_owned(),
        area: Circle { x: middle, y: middle, radius: 20 * SUBUNITS_PER_M },
        sells: vec![POTION, POISON, ARROW, SWORD, STONE],
        repairs: true,
    };
    Content {
        // Short, so that much lies too long.
        rules: Rules { ground_ticks: 240, loot_owner_ticks: 60, teams: 1, death_wear: 300, ..Rules::default() },
        items: Table::new(items).unwrap(),
        classes: Table::new(vec![class]).unwrap(),
        places: Places { vendors: vec![vendor], ..Places::default() },
        ..Content::default()
    }
}

/// A transaction that brings arrows into the world.
pub fn found(id: u128, count: u32) -> Transaction {
    let holder = Holder::Character { character: CharacterId(1), slot: 0 };
    let record = ItemRecord { item: ItemId(1), kind: ARROW, count, durability: 0, holder };
    let made = Entry::Made { kind: ARROW, count: i64::from(count), way: Way::Loot };
    let entries = vec![Entry::Item { before: None, after: Some(record) }, made];
    Transaction { id: TransactionId(id), entries }
}
