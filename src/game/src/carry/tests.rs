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

#[test]
fn nothing_changes_before_the_disk_has_it_and_nothing_at_all_if_it_refuses() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    let drop = Command::Drop { item: I(1), count: 2 };
    assert_eq!(shop.ask(a, drop), None);
    assert_eq!(shop.news(a), [News::Item(ItemRow { is_held: true, ..row(1, BREAD, 5, 0) })]);
    assert_eq!((shop.items(a), shop.rig.game.ground().len()), (vec![(BREAD, 5, 0)], 0));
    assert_eq!(shop.ask(a, drop), Some(Err(Refusal::InUse)), "it is held");
    shop.settle(false);
    assert_eq!(shop.answer(a), Some(Err(Refusal::NotSaved)));
    assert_eq!(shop.news(a), [News::Item(row(1, BREAD, 5, 0))]);
    assert_eq!(shop.done(a, drop), Ok(()));
    assert_eq!((shop.items(a), shop.rig.game.ground().len()), (vec![(BREAD, 3, 0)], 1));
}

#[test]
fn what_is_dropped_can_be_picked_up_by_one_and_joins_his_stack() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let (a, b) = (shop.a, shop.b);
    shop.endow(b, &[row(2, BREAD, 4, 3)], 0);
    shop.done(a, Command::Drop { item: I(1), count: 5 }).unwrap();
    assert!(shop.items(a).is_empty());
    let entity = shop.rig.game.ground()[0].0;
    let pick_up = Command::PickUp { entity };
    assert_eq!(shop.ask(b, pick_up), None);
    assert_eq!(shop.ask(a, pick_up), Some(Err(Refusal::InUse)));
    shop.settle(true);
    let looted = GameEvent::Looted { by: b, kind: BREAD, count: 5 };
    assert!(shop.rig.game.happenings().contains(&Happening { of: b, event: looted }));
    assert_eq!(shop.items(b), [(BREAD, 9, 3)]);
    assert_eq!((shop.rig.game.ended(), shop.rig.game.ground().len()), (&[entity][..], 0));
    assert_eq!(shop.ask(a, pick_up), Some(Err(Refusal::Gone)));
}

#[test]
fn two_who_pick_up_do_not_get_the_same_slot() {
    let mut shop = Shop::new(&[]);
    let a = shop.a;
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: 9, items: vec![(SWORD, 2)], ..Drop::default() });
    shop.settle(true);
    let lying = shop.rig.game.ground();
    assert_eq!(lying.len(), 3);
    for (entity, _) in lying {
        assert_eq!(shop.ask(a, Command::PickUp { entity }), None);
    }
    shop.settle(true);
    assert_eq!(shop.items(a), [(SWORD, 1, 0), (SWORD, 1, 1)]);
    assert_eq!(shop.coins(a), 1_009);
}

#[test]
fn what_a_mob_leaves_is_its_killers_for_a_while() {
    let mut shop = Shop::new(&[]);
    let (a, b) = (shop.a, shop.b);
    let place = (101 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    let owners = [a].into_iter().collect();
    shop.rig.game.leave(Drop { place, coins: 0, items: vec![(BREAD, 1)], owners });
    shop.settle(true);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(b, Command::PickUp { entity }), Some(Err(Refusal::NotYours)));
    shop.rig.game.despawn(a);
    assert_eq!(shop.done(b, Command::PickUp { entity }), Ok(()), "who has gone owns nothing here");
}

#[test]
fn what_lies_too_long_is_taken_away_by_a_transaction() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    shop.done(a, Command::Drop { item: I(1), count: 5 }).unwrap();
    let ticks = shop.rig.game.content().rules.ground_ticks;
    shop.rig.run(ticks + 16);
    let asked = shop.settle(false);
    assert_eq!(asked.len(), 1);
    assert_eq!(shop.rig.game.ground().len(), 1, "the disk would not");
    shop.rig.run(700);
    let asked = shop.settle(true);
    assert!(asked[0].entries.contains(&Entry::Made { kind: BREAD, count: -5, way: Way::Expired }));
    assert_eq!((asked.len(), shop.rig.game.ground().len()), (1, 0));
}

#[test]
fn stacks_are_split_and_merged_and_moved() {
    let mut shop = Shop::new(&[row(1, BREAD, 15, 0), row(2, BREAD, 8, 1), row(3, LETTER, 1, 2)]);
    let a = shop.a;
    let shift = |item, count, slot| Command::Move { item: I(item), count, slot };
    assert_eq!(shop.done(a, shift(1, 5, 7)), Ok(()));
    assert_eq!(shop.done(a, shift(2, 8, 0)), Ok(()));
    assert_eq!(shop.done(a, shift(3, 1, 39)), Ok(()));
    assert_eq!(shop.items(a), [(BREAD, 18, 0), (BREAD, 5, 7), (LETTER, 1, 39)]);
    for (command, refusal) in [
        (shift(1, 3, 7), None),
        (shift(1, 18, 7), Some(Refusal::NoRoom)),
        (shift(1, 1, 39), Some(Refusal::WrongSlot)),
        (shift(1, 1, 0), Some(Refusal::WrongSlot)),
        (shift(1, 1, 40), Some(Refusal::WrongSlot)),
        (shift(1, 1, 255), Some(Refusal::WrongSlot)),
        (shift(1, 1, WORN), Some(Refusal::WrongSlot)),
        (shift(1, 0, 5), Some(Refusal::WrongCount)),
        (shift(1, u32::MAX, 5), Some(Refusal::WrongCount)),
        (shift(99, 1, 5), Some(Refusal::NoSuchItem)),
    ] {
        let answer = shop.ask(a, command);
        assert_eq!(answer, refusal.map(Err), "{command:?}");
        if refusal.is_none() {
            shop.settle(false);
        }
    }
}

#[test]
fn what_is_worn_adds_to_figures_from_the_tick_in_which_it_is() {
    let mut shop = Shop::new(&[row(1, SWORD, 1, 4)]);
    let a = shop.a;
    let before = shop.rig.part::<Sheet>(a).now.of(Stat::Attack);
    assert_eq!(shop.ask(a, Command::Equip { item: I(1) }), None);
    assert_eq!(shop.rig.part::<Sheet>(a).now.of(Stat::Attack), before);
    shop.settle(true);
    assert_eq!(shop.items(a), [(SWORD, 1, worn(EquipSlot::MainHand))]);
    assert_eq!(shop.rig.part::<Sheet>(a).now.of(Stat::Attack), before + 7);
    assert_eq!(shop.done(a, Command::Equip { item: I(1) }), Err(Refusal::WrongSlot), "it is worn");
    for command in [Command::Drop { item: I(1), count: 1 }, Command::Sell { item: I(1), count: 1 }] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::WrongSlot)));
    }
    assert_eq!(shop.done(a, Command::Unequip { slot: worn(EquipSlot::MainHand) }), Ok(()));
    assert_eq!(shop.rig.part::<Sheet>(a).now.of(Stat::Attack), before);
    assert_eq!(shop.items(a), [(SWORD, 1, 0)]);
    for (slot, refusal) in
        [(255, Refusal::WrongSlot), (3, Refusal::WrongSlot), (209, Refusal::WrongSlot), (200, Refusal::NoSuchItem)]
    {
        assert_eq!(shop.ask(a, Command::Unequip { slot }), Some(Err(refusal)), "{slot}");
    }
}

#[test]
fn something_for_both_hands_and_what_is_in_the_other_exclude_each_other() {
    let (main, off) = (worn(EquipSlot::MainHand), worn(EquipSlot::OffHand));
    let mut shop = Shop::new(&[row(1, STAFF, 1, 5), row(2, SWORD, 1, main), row(3, SHIELD, 1, off)]);
    let a = shop.a;
    assert_eq!(shop.done(a, Command::Equip { item: I(1) }), Ok(()));
    assert_eq!(shop.items(a), [(SHIELD, 1, 0), (SWORD, 1, 5), (STAFF, 1, main)]);
    assert_eq!(shop.done(a, Command::Equip { item: I(3) }), Ok(()));
    assert_eq!(shop.items(a), [(STAFF, 1, 0), (SWORD, 1, 5), (SHIELD, 1, off)]);
    // While the staff is on its way to both hands, nothing else goes there.
    assert_eq!(shop.done(a, Command::Unequip { slot: off }), Ok(()));
    assert_eq!(shop.ask(a, Command::Equip { item: I(1) }), None);
    assert_eq!(shop.ask(a, Command::Equip { item: I(3) }), Some(Err(Refusal::InUse)));
    assert_eq!(shop.ask(a, Command::Equip { item: I(2) }), Some(Err(Refusal::InUse)));
}

#[test]
fn a_full_bag_has_no_room_for_what_would_leave_the_other_hand() {
    let (main, off) = (worn(EquipSlot::MainHand), worn(EquipSlot::OffHand));
    let mut items: Vec<_> = (0..40).map(|slot| row(100 + u64::from(slot), LETTER, 1, slot)).collect();
    items[0] = row(1, STAFF, 1, 0);
    items.extend([row(2, SWORD, 1, main), row(3, SHIELD, 1, off)]);
    let mut shop = Shop::new(&items);
    let a = shop.a;
    assert_eq!(shop.ask(a, Command::Equip { item: I(1) }), Some(Err(Refusal::NoRoom)));
    assert_eq!(shop.ask(a, Command::Unequip { slot: main }), Some(Err(Refusal::NoRoom)));
    assert_eq!(shop.ask(a, Command::Buy { kind: SWORD, count: 1 }), Some(Err(Refusal::NoRoom)));
}

#[test]
fn what_is_not_for_him_or_broken_is_not_worn() {
    let broken = ItemRow { durability: 0, ..row(2, SWORD, 1, 1) };
    let mut shop = Shop::new(&[row(1, CROWN, 1, 0), broken, row(3, BREAD, 1, 2)]);
    let a = shop.a;
    let equip = |item| Command::Equip { item: I(item) };
    assert_eq!(shop.ask(a, equip(1)), Some(Err(Refusal::LevelTooLow)));
    shop.rig.part::<Sheet>(a).level = 5;
    assert_eq!(shop.ask(a, equip(1)), Some(Err(Refusal::WrongClass)));
    shop.rig.part::<Growth>(a).class = ClassId(9);
    assert_eq!(shop.ask(a, equip(1)), None);
    assert_eq!(shop.ask(a, equip(2)), Some(Err(Refusal::Broken)));
    assert_eq!(shop.ask(a, equip(3)), Some(Err(Refusal::WrongSlot)));
}

#[test]
fn what_is_used_up_works_when_the_disk_has_it_and_its_kind_cools_down() {
    let mut shop = Shop::new(&[row(1, BREAD, 2, 0), row(2, BREAD, 1, 1), row(3, LETTER, 1, 2)]);
    let a = shop.a;
    shop.rig.part::<Vitals>(a).health = 100;
    let use_ = |item| Command::Use { item: I(item) };
    assert_eq!(shop.ask(a, use_(1)), None);
    assert_eq!(shop.ask(a, use_(2)), Some(Err(Refusal::OnCooldown)), "one of a kind at a time");
    shop.settle(false);
    assert_eq!(shop.ask(a, use_(2)), None, "what was not used does not cool down");
    shop.settle(true);
    assert!(shop.news(a).contains(&News::ItemCooldown { kind: BREAD, ticks: 30 }));
    assert!(shop.news(a).contains(&News::ItemGone { item: I(2) }));
    assert_eq!(shop.rig.health(a), 100);
    shop.rig.run(1);
    assert_eq!(shop.rig.health(a), 150);
    shop.rig.run(28);
    assert_eq!(shop.ask(a, use_(1)), None, "30 ticks later");
    assert_eq!(shop.ask(a, use_(3)), Some(Err(Refusal::NotUsable)));
}

#[test]
fn what_is_not_used_up_works_at_once() {
    let mut shop = Shop::new(&[row(1, HORN, 1, 0)]);
    let a = shop.a;
    shop.rig.part::<Vitals>(a).health = 100;
    assert_eq!(shop.ask(a, Command::Use { item: I(1) }), Some(Ok(())));
    assert_eq!(shop.rig.health(a), 150);
    assert_eq!(shop.ask(a, Command::Use { item: I(1) }), Some(Err(Refusal::OnCooldown)));
    assert!(shop.rig.game.take_transactions().is_empty());
}

#[test]
fn a_vendor_sells_buys_and_mends() {
    let worn_out = ItemRow { durability: 20, ..row(1, SWORD, 1, 0) };
    let mut shop = Shop::new(&[worn_out, row(2, LETTER, 1, 1), row(3, DEAR, 1, 2)]);
    let a = shop.a;
    let buy = |kind, count| Command::Buy { kind, count };
    assert_eq!(shop.ask(a, buy(BREAD, 25)), None);
    assert_eq!(shop.ask(a, buy(BREAD, 76)), Some(Err(Refusal::NoCoins)), "what is to be paid cannot be spent");
    let asked = shop.settle(true);
    assert!(asked[0].entries.contains(&Entry::Minted { coins: -250, way: Way::Bought }));
    assert_eq!(shop.items(a)[3..], [(BREAD, 20, 3), (BREAD, 5, 4)]);
    assert_eq!(shop.coins(a), 750);
    assert_eq!(shop.done(a, Command::Repair { item: I(1) }), Ok(()));
    assert_eq!(shop.coins(a), 748);
    let bread = shop.rig.game.estate(a).unwrap().items[4].item;
    let sell = |item, count| Command::Sell { item, count };
    assert_eq!(shop.done(a, sell(bread, 5)), Ok(()));
    assert_eq!(shop.coins(a), 768);
    for (command, refusal) in [
        (Command::Repair { item: I(1) }, Refusal::NotWorn),
        (Command::Repair { item: I(2) }, Refusal::NotWorn),
        (sell(I(2), 1), Refusal::Bound),
        (sell(I(3), 1), Refusal::NotForSale),
        (sell(I(1), 2), Refusal::WrongCount),
        (buy(BREAD, 0), Refusal::WrongCount),
        (buy(SHIELD, 1), Refusal::NotForSale),
        (buy(ItemKind(999), 1), Refusal::NotForSale),
        (buy(DEAR, u32::MAX), Refusal::NoCoins),
        (buy(BREAD, u32::MAX), Refusal::NoCoins),
        (buy(SWORD, 1), Refusal::TooHeavy),
    ] {
        if refusal == Refusal::TooHeavy {
            shop.rig.part::<Sheet>(a).now.set(Stat::CarryMax, 2_050);
        }
        assert_eq!(shop.ask(a, command), Some(Err(refusal)), "{command:?}");
    }
    shop.rig.game.place_player(a, 150 * UNITS_PER_M, 200 * UNITS_PER_M);
    for command in [buy(BREAD, 1), sell(I(1), 1), Command::Repair { item: I(1) }] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::NoVendor)));
    }
}

#[test]
fn whoever_is_rich_beyond_measure_overflows_nothing() {
    let mut shop = Shop::new(&[]);
    let a = shop.a;
    shop.endow(a, &[], u64::MAX);
    assert_eq!(shop.ask(a, Command::Buy { kind: DEAR, count: u32::MAX }), Some(Err(Refusal::NoCoins)));
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: u64::MAX, ..Drop::default() });
    shop.settle(true);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(a, Command::PickUp { entity }), Some(Err(Refusal::NoRoom)));
}

#[test]
fn the_dead_and_the_far_away_take_nothing() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0), row(2, SWORD, 1, 1)]);
    let (a, b) = (shop.a, shop.b);
    shop.done(a, Command::Drop { item: I(1), count: 1 }).unwrap();
    let entity = shop.rig.game.ground()[0].0;
    let pick_up = Command::PickUp { entity };
    shop.rig.game.place_player(b, 105 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(b, pick_up), Some(Err(Refusal::OutOfRange)));
    assert_eq!(shop.ask(b, Command::PickUp { entity: a }), Some(Err(Refusal::UnknownTarget)));
    assert_eq!(shop.ask(b, Command::PickUp { entity: NetId(u16::MAX) }), Some(Err(Refusal::Gone)));
    assert_eq!(shop.ask(b, Command::Drop { item: I(1), count: 1 }), Some(Err(Refusal::NoSuchItem)), "it is another's");
    shop.rig.part::<Sheet>(b).now.set(Stat::CarryMax, 99);
    shop.rig.game.place_player(b, 101 * UNITS_PER_M, 200 * UNITS_PER_M);
    assert_eq!(shop.ask(b, pick_up), Some(Err(Refusal::TooHeavy)));
    shop.rig.part::<Vitals>(a).health = 0;
    shop.rig.run(1);
    for command in [pick_up, Command::Equip { item: I(2) }, Command::Use { item: I(1) }] {
        assert_eq!(shop.ask(a, command), Some(Err(Refusal::Dead)));
    }
    assert_eq!(shop.items(a), [(BREAD, 4, 0), (SWORD, 1, 1)], "the dead lose nothing");
}

#[test]
fn a_death_wears_all_that_is_worn_until_it_is_broken_and_adds_nothing() {
    let main = worn(EquipSlot::MainHand);
    let mut shop = Shop::new(&[row(1, SWORD, 1, main), row(2, SHIELD, 1, 0)]);
    let a = shop.a;
    let die = |shop: &mut Shop| {
        *shop.rig.part::<Vitals>(a) = Vitals { health: 0, died: None, ..Vitals::default() };
        shop.rig.run(1);
        shop.settle(true)
    };
    assert_eq!(die(&mut shop).len(), 1);
    let durability = |shop: &Shop| shop.rig.game.estate(a).unwrap().items.iter().map(|row| row.durability).collect();
    let left: Vec<u16> = durability(&shop);
    assert_eq!(left, [40, 38], "a twentieth of 40, of what is worn");
    (0..19).for_each(|_| drop(die(&mut shop)));
    let left: Vec<u16> = durability(&shop);
    assert_eq!(left, [40, 0]);
    assert_eq!(shop.rig.part::<Sheet>(a).now.of(Stat::Attack), 0);
    assert!(die(&mut shop).is_empty(), "nothing is left to wear");
}

#[test]
fn a_kit_comes_as_one_transaction_and_what_fits_is_worn() {
    let mut shop = Shop::new(&[]);
    let b = shop.b;
    shop.rig.part::<Growth>(b).class = ClassId(1);
    assert!(shop.rig.game.give_kit(b).is_some());
    let asked = shop.settle(true);
    assert_eq!(asked.len(), 1);
    assert!(matches!(asked[0].entries[0], Entry::Born { class: ClassId(1), .. }));
    let main = worn(EquipSlot::MainHand);
    let expected = [(SWORD, 1, 0), (STAFF, 1, 1), (BREAD, 20, 2), (BREAD, 5, 3), (SWORD, 1, main)];
    assert_eq!((shop.items(b), shop.coins(b)), (expected.to_vec(), 30));
}

#[test]
fn what_cannot_be_is_kept_aside_and_given_back() {
    let strays = [
        row(5, ItemKind(777), 3, 4),
        row(6, BREAD, 1, 41),
        row(7, BREAD, 1, 255),
        row(8, BREAD, 1, 0),
        row(9, BREAD, 0, 9),
    ];
    let strays = [&strays[..], &[row(10, BREAD, 1, WORN), row(1, BREAD, 1, 12)]].concat();
    let items = [&[row(1, BREAD, 2, 0)], &strays[..]].concat();
    let mut shop = Shop::new(&items);
    let a = shop.a;
    assert_eq!(shop.rig.game.strays(a), strays);
    assert_eq!(shop.rig.game.estate(a).unwrap().items, items);
    assert_eq!(shop.ask(a, Command::Drop { item: I(5), count: 1 }), Some(Err(Refusal::NoSuchItem)));
}

#[test]
fn whoever_comes_is_told_what_he_has() {
    let mut shop = Shop::new(&[]);
    let estate = Estate { items: vec![row(9, BREAD, 2, 3)], ..Estate::newborn(ClassId(1), 1) };
    let id = shop.rig.game.spawn_character(CharacterId(70), None, &estate).unwrap();
    shop.rig.run(1);
    let news = shop.all_news(id);
    assert_eq!(news[0], News::Item(row(9, BREAD, 2, 3)));
    assert!(matches!(news[1..], [News::Figures(figures)] if figures.weight == 200), "{news:?}");
    shop.rig.run(1);
    assert_eq!(shop.news(id), []);
}

#[test]
fn what_is_under_way_when_its_owner_goes_happens_without_him() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let (a, character) = (shop.a, CharacterId(0));
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 2 }), None);
    shop.rig.game.despawn(a);
    assert!(shop.rig.game.has_transactions(character));
    // Somebody else comes under his id, and has nothing to do with it.
    shop.rig.game.recycle(a);
    assert_eq!(shop.rig.game.spawn_player(CharacterId(90), None), Ok(a));
    shop.settle(true);
    assert_eq!(shop.answer(a), None);
    assert!(!shop.rig.game.has_transactions(character));
    let ground: Vec<GroundRecord> = shop.rig.game.ground().into_iter().map(|(_, record)| record).collect();
    assert!(matches!(ground[..], [GroundRecord::Item(record)] if record.count == 2));
    assert!(shop.items(a).is_empty());
}

#[test]
fn who_comes_back_with_what_the_disk_has_does_not_get_it_twice() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    assert_eq!(shop.ask(a, Command::Sell { item: I(1), count: 2 }), None);
    shop.rig.game.despawn(a);
    // The disk has it, and the game is told after he has come back.
    let estate = Estate { coins: 1_008, items: vec![row(1, BREAD, 3, 0)], ..Estate::newborn(ClassId(1), 1) };
    let id = shop.rig.game.spawn_character(CharacterId(0), None, &estate).unwrap();
    shop.settle(true);
    assert_eq!((shop.items(id), shop.coins(id)), (vec![(BREAD, 3, 0)], 1_008));
}

#[test]
fn another_start_does_not_ask_again_what_the_last_one_asked() {
    let mut shop = busy();
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(shop.rig.game.content());
    let config = GameConfig { seed: 1, map, content, incarnation: 2, entities_max: 1_000 };
    let mut restored = Game::restore(config, &shop.rig.game.save()).unwrap();
    assert_eq!(restored.take_transactions(), []);
    assert_eq!(restored.under_way().count(), shop.rig.game.take_transactions().len());
}

#[test]
fn an_order_of_one_who_has_gone_is_not_his_heirs() {
    let mut shop = Shop::new(&[]);
    let b = shop.b;
    assert!(shop.rig.game.order(b, 1, Command::Buy { kind: BREAD, count: 1 }));
    shop.rig.game.despawn(b);
    shop.rig.game.recycle(b);
    assert_eq!(shop.rig.game.spawn_player(CharacterId(91), None), Ok(b));
    shop.rig.run(1);
    assert_eq!((shop.answer(b), shop.rig.game.take_transactions().len()), (None, 0));
}

#[test]
fn a_world_without_ids_refuses_what_would_lie_in_it() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    while shop.rig.game.spawn_player(CharacterId(1_000), None).is_ok() {}
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 1 }), Some(Err(Refusal::WorldFull)));
    let place = (100 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    shop.rig.game.leave(Drop { place, coins: 9, items: vec![(BREAD, 21)], ..Drop::default() });
    assert_eq!((shop.rig.game.left_out(), shop.rig.game.take_transactions().len()), (2, 0));
}

/// A world with something of everything in it that is under way.
fn busy() -> Shop {
    let mut shop = Shop::new(&[row(1, BREAD, 9, 0), row(2, SWORD, 1, 1), row(3, HORN, 1, 2)]);
    let (a, b) = (shop.a, shop.b);
    let place = (101 * SUBUNITS_PER_M, 200 * SUBUNITS_PER_M, 0);
    let owners = [b].into_iter().collect();
    shop.rig.game.leave(Drop { place, coins: 40, items: vec![(BREAD, 3)], owners });
    shop.settle(true);
    shop.done(a, Command::Use { item: I(3) }).unwrap();
    assert_eq!(shop.ask(a, Command::Drop { item: I(1), count: 2 }), None);
    assert_eq!(shop.ask(a, Command::Equip { item: I(2) }), None);
    assert_eq!(shop.ask(a, Command::Buy { kind: BREAD, count: 30 }), None);
    let entity = shop.rig.game.ground()[0].0;
    assert_eq!(shop.ask(b, Command::PickUp { entity }), None);
    shop
}

#[test]
fn a_world_saved_with_everything_under_way_goes_on_as_it_would_have() {
    let mut shop = busy();
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(shop.rig.game.content());
    let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    let mut bytes = Vec::new();
    shop.rig.game.save().to_bytes(&mut bytes);
    let image = crate::WorldImage::from_bytes(&bytes).unwrap();
    let mut restored = Game::restore(config, &image).unwrap();
    assert_eq!(restored.hash(), shop.rig.game.hash());
    for game in [&mut shop.rig.game, &mut restored] {
        for (nth, transaction) in (0..).zip(game.take_transactions()) {
            game.settle(transaction.id, nth != 1);
        }
        (0..50).for_each(|_| game.tick());
    }
    assert_eq!(restored.ground(), shop.rig.game.ground());
    assert_eq!(restored.hash(), shop.rig.game.hash());
}

#[test]
fn an_image_that_keeps_an_id_twice_is_refused() {
    let shop = busy();
    let mut image = shop.rig.game.save();
    let claimed = image.rooms.claimed().next().unwrap();
    image.recycled.push(claimed);
    let map = protocol::motion::StaticMap::new(400, 400, &[]).unwrap();
    let refused = image.check(&map, shop.rig.game.content(), 1_000);
    assert_eq!(refused, Err(crate::ImageError::Id(claimed)));
}

#[test]
fn the_ground_comes_back_once() {
    let mut shop = busy();
    shop.settle(true);
    let ground: Vec<GroundRecord> = shop.rig.game.ground().into_iter().map(|(_, record)| record).collect();
    let mut fresh = Shop::new(&[]);
    assert_eq!(fresh.rig.game.restore_ground(&ground), 0);
    assert_eq!(fresh.rig.game.ground().len(), ground.len());
    assert_eq!(fresh.rig.game.restore_ground(&ground), ground.len(), "it is there already");
}

#[test]
fn a_bag_fills_its_stacks_before_its_slots() {
    use super::bag::Portion::{Into, Onto};
    let content = content();
    let items = vec![row(1, BREAD, 15, 0), row(2, BREAD, 20, 1), row(3, BREAD, 19, 3)];
    let mut bag = Bag::new(&content, &Estate { items, ..Estate::default() });
    let bread = content.items.at(BREAD);
    assert_eq!(bag.room(bread, 30), Some(vec![Onto(I(1), 5), Onto(I(3), 1), Into(2, 20), Into(4, 4)]));
    bag.row_mut(I(1)).unwrap().hold = Hold::InTrade;
    assert_eq!(bag.room(bread, 2), Some(vec![Onto(I(3), 1), Into(2, 1)]));
    assert_eq!(bag.room(bread, 37 * 20 + 2), None);
}

#[test]
fn who_is_told_done_has_been_told_how_many_coins_he_has() {
    let mut shop = Shop::new(&[row(1, BREAD, 5, 0)]);
    let a = shop.a;
    for _ in 0..20 {
        let coins = shop.rig.game.purse_and_load(a).unwrap().0;
        assert_eq!(shop.done(a, Command::Buy { kind: BREAD, count: 1 }), Ok(()));
        let now = shop.rig.game.purse_and_load(a).unwrap().0;
        assert!(now < coins);
        let told = shop.all_news(a).into_iter().find_map(|news| match news {
            News::Figures(figures) => Some(figures.coins),
            _ => None,
        });
        assert_eq!(told, Some(now));
    }
}
