//! What is worn, what it adds, and how it wears out.

use super::*;

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
