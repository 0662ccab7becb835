//! A small place with everything that the shipped content has, near enough together that nobody is alone.

use game::content::{Circle, Content, Places, SpawnArea, Vendor, shipped};
use game::{Entry, Holder, ItemRecord, Transaction, TransactionId, Way};
use protocol::motion::{Block, StaticMap};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{CharacterId, ClassId, ItemId, ItemKind};
use std::sync::Arc;

/// Side of the map, in metres.
pub const SIDE_M: i32 = 240;
/// Everybody's middle.
pub const MIDDLE_M: i32 = SIDE_M / 2;
/// Items that were there before are named from here on: the game gives other names.
const FIRST_ITEM: u64 = 1 << 60;

pub fn map() -> Arc<StaticMap> {
    let wall = |x, y, width, depth| Block { x, y, width, depth, height: None };
    let blocks = [wall(90.0, 130.0, 20.0, 1.0), wall(150.0, 90.0, 1.0, 25.0), wall(118.0, 60.0, 6.0, 6.0)];
    Arc::new(StaticMap::new(SIDE_M as u32, SIDE_M as u32, &blocks).unwrap())
}

/// The shipped content; what is where is drawn closer together.
pub fn content() -> Content {
    let mut content = shipped("meadow");
    let middle = |dx: i32, dy: i32, radius: i32| Circle {
        x: (MIDDLE_M + dx) * SUBUNITS_PER_M,
        y: (MIDDLE_M + dy) * SUBUNITS_PER_M,
        radius: radius * SUBUNITS_PER_M,
    };
    let corners = [(-22, 0), (22, 0), (0, 22)];
    let vendors = content.places.vendors.iter().zip(corners);
    let vendors = vendors.map(|(vendor, (dx, dy))| Vendor { area: middle(dx, dy, 20), ..vendor.clone() }).collect();
    let triggers = content.places.triggers.iter().cloned().zip(corners);
    let triggers = triggers.map(|(mut trigger, (dx, dy))| {
        trigger.area = middle(dx / 2, dy / 2 - 10, 6);
        trigger.exit = trigger.exit.map(|_| (middle(0, 0, 0).x, middle(0, 0, 0).y));
        trigger
    });
    // A ring of them, the weakest nearest.
    let ring = [(1, 0), (0, 1), (-1, 0), (0, -1)].into_iter().cycle();
    let spawns = content.mobs.iter().zip(ring).map(|(kind, (east, north))| {
        let away = if kind.is_boss { 100 } else { 40 + 2 * i32::from(kind.level) };
        let count = if kind.is_boss { 1 } else { 3 + u16::from(kind.level < 5) * 5 };
        SpawnArea { mob: kind.id, count, area: middle(east * away, north * away, 12), respawn_ticks: 600 }
    });
    let places = Places {
        spawns: spawns.collect(),
        safe_zones: vec![middle(-35, -35, 6)],
        graveyards: vec![middle(0, -10, 8)],
        vendors,
        triggers: triggers.collect(),
    };
    content.places = places;
    content
}

/// What a character has who has been here for long: experience for more than a level and nearly for the next, coins, and
/// things to do something with.
pub fn past(content: &Content, character: CharacterId, class: ClassId, team: u8, level: u64) -> Transaction {
    let rules = &content.rules;
    let of = |n: u64| u64::from(rules.experience_base) * n + u64::from(rules.experience_growth) * n * (n - 1);
    let mut entries = vec![Entry::Born { character, class, team }];
    entries.push(Entry::Experience { character, gained: (1..=level).map(of).sum::<u64>() - 1 });
    entries.push(Entry::Coins { character, change: 20_000, way: Way::Kit });
    entries.push(Entry::Minted { coins: 20_000, way: Way::Kit });
    let kit = &content.classes.at(class).kit;
    let drinks = ["health_potion", "mana_potion", "antidote", "bandage", "bread"];
    let drinks = drinks.map(|name| (content.items.named(name).unwrap().id, 5));
    for (slot, (kind, count)) in (0_u8..).zip(kit.iter().copied().chain(drinks)) {
        let item = ItemId(FIRST_ITEM + character.0 * 256 + u64::from(slot));
        entries.extend(given(content, item, kind, count, Holder::Character { character, slot }));
    }
    Transaction { id: TransactionId(u128::from(character.0) | 1 << 120), entries }
}

fn given(content: &Content, item: ItemId, kind: ItemKind, count: u32, holder: Holder) -> [Entry; 2] {
    let durability = content.items.at(kind).durability_max;
    let record = ItemRecord { item, kind, count, durability, holder };
    let made = Entry::Made { kind, count: i64::from(count), way: Way::Kit };
    [Entry::Item { before: None, after: Some(record) }, made]
}
