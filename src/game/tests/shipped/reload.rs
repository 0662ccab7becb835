//! Other content while the world goes on: everybody's figures are those of the new one with the coming tick.

use crate::stage::{Person, Stage, content, masters};
use game::content::{Class, Content, ItemType, MobType, Modifier, Stat, Table};
use game::{Game, GameConfig, WorldImage};
use protocol::motion::StaticMap;
use protocol::news::{Figures, ItemRow, WORN};
use protocol::state::HEALTH_SHARE_FULL;
use protocol::unit::UNITS_PER_M;
use protocol::{GameEvent, ItemId, MobKind, NetId, News};
use std::sync::Arc;

/// A warrior of the highest level with a rusty sword in his hand, and a rat.
struct Town {
    stage: Stage,
    warrior: Person,
    rat: NetId,
}

impl Town {
    fn new() -> Self {
        let mut stage = Stage::new(content());
        let mut estate = masters(1).remove(0);
        let sword = stage.game.content().items.named("rusty_sword").unwrap();
        let row = ItemRow { item: ItemId(1), kind: sword.id, count: 1, slot: WORN, ..ItemRow::default() };
        estate.items = vec![ItemRow { durability: sword.durability_max, ..row }];
        let warrior = stage.enter(&estate, 100);
        let rat = stage.game.spawn_mob(rat(), 200 * UNITS_PER_M, 200 * UNITS_PER_M).unwrap();
        stage.ticks(10);
        Self { stage, warrior, rat }
    }

    /// The change comes into force, and a tick goes by.
    fn reload(&mut self, change: impl FnOnce(&mut Changes)) {
        self.set(change);
        self.stage.ticks(1);
    }

    fn set(&mut self, change: impl FnOnce(&mut Changes)) {
        let content = self.stage.game.content();
        let mut changes = Changes {
            classes: content.classes.iter().cloned().collect(),
            items: content.items.iter().cloned().collect(),
            mobs: content.mobs.iter().cloned().collect(),
        };
        change(&mut changes);
        let Changes { classes, items, mobs } = changes;
        let (classes, items) = (Table::new(classes).unwrap(), Table::new(items).unwrap());
        let next = Content { classes, items, mobs: Table::new(mobs).unwrap(), ..Content::clone(content) };
        let next = content.follow(next).unwrap();
        self.stage.game.set_content(Arc::new(next));
    }

    /// As he was told last.
    fn figures(&self) -> Figures {
        let figures = |(to, news): &(NetId, News)| match news {
            News::Figures(figures) if *to == self.warrior.id => Some(*figures),
            _ => None,
        };
        self.stage.news.iter().rev().find_map(figures).unwrap()
    }

    fn share(&self) -> u8 {
        self.stage.game.replicas().state(self.rat).health_share()
    }
}

struct Changes {
    classes: Vec<Class>,
    items: Vec<ItemType>,
    mobs: Vec<MobType>,
}

impl Changes {
    fn raise_class(&mut self, health: i32) {
        let base = &mut self.classes[0].base;
        base.set(Stat::HealthMax, base.of(Stat::HealthMax) + health);
    }

    fn strengthen_sword(&mut self, health: i32) {
        let sword = self.items.iter_mut().find(|item| item.name == "rusty_sword").unwrap();
        sword.modifiers.push(Modifier { stat: Stat::HealthMax, flat: health, share: 0 });
    }

    fn rat(&mut self) -> &mut MobType {
        &mut self.mobs[0]
    }
}

fn rat() -> MobKind {
    content().mobs.named("rat").unwrap().id
}

#[test]
fn a_class_and_what_is_worn_count_for_what_they_are_now() {
    let mut town = Town::new();
    let before = town.figures();
    town.reload(|changes| changes.raise_class(50));
    // Told ten times a second at most.
    town.stage.ticks(6);
    assert_eq!(town.figures().health_max, before.health_max + 50);
    town.reload(|changes| changes.strengthen_sword(77));
    town.stage.ticks(6);
    assert_eq!(town.figures().health_max, before.health_max + 50 + 77);
}

#[test]
fn nobody_has_more_than_he_can_have_any_more() {
    let mut town = Town::new();
    let most = town.figures().health_max as i32;
    assert_eq!(town.stage.life(town.warrior.id).health, most);
    town.reload(|changes| changes.raise_class(-100));
    assert_eq!(town.stage.life(town.warrior.id).health, most - 100);
    town.reload(|changes| changes.rat().stats.set(Stat::HealthMax, 10));
    assert_eq!(town.share(), HEALTH_SHARE_FULL);
}

#[test]
fn a_mob_that_lives_is_what_its_kind_is_now() {
    let mut town = Town::new();
    town.reload(|changes| {
        changes.rat().stats.set(Stat::HealthMax, 450);
        changes.rat().experience = 5_000;
        changes.rat().level = 30;
    });
    assert_eq!(town.share(), HEALTH_SHARE_FULL / 10, "of 450 it has 45");
    assert_eq!(town.stage.game.kind_of(town.rat).unwrap().level, 30);
    let beginner = masters(1).remove(0);
    let beginner = town.stage.enter(&game::Estate::newborn(beginner.class, 1), 200);
    town.stage.ticks(2);
    let gained = |event: &GameEvent| matches!(event, GameEvent::Experience { amount: 2_000.. });
    for _ in 0..200 {
        town.stage.game.wound_by_shot(beginner.id, town.rat);
    }
    assert!(town.stage.until(10, 0, gained), "it is worth what its kind is worth now");
}

#[test]
fn a_world_restored_with_the_new_content_goes_the_same_way() {
    let mut town = Town::new();
    town.set(|changes| {
        changes.raise_class(-100);
        changes.strengthen_sword(30);
        changes.rat().stats.set(Stat::HealthMax, 20);
        changes.rat().experience = 99;
    });
    for ticks in [0, 1, 30] {
        town.stage.ticks(ticks);
        let mut bytes = Vec::new();
        town.stage.game.save().to_bytes(&mut bytes);
        let content = Arc::clone(town.stage.game.content());
        let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
        let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 200 };
        let mut restored = Game::restore(config, &WorldImage::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(restored.hash(), town.stage.game.hash());
        for _ in 0..60 {
            restored.tick();
            town.stage.ticks(1);
        }
        assert_eq!(restored.hash(), town.stage.game.hash(), "saved {ticks} ticks later");
    }
}
