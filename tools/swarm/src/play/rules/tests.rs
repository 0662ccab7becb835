//! Each rule, kept and broken.

use super::super::orders::{Had, Knew};
use super::*;
use game::content::shipped;
use protocol::command::Cast;
use protocol::news::ItemRow;
use protocol::{ClassId, ItemKind, NetId};

const AXE: SkillId = SkillId(102);
const STRIKE: SkillId = SkillId(101);

fn figures() -> Figures {
    Figures { class: ClassId(1), level: 2, health: 50, health_max: 60, mana_max: 40, ..Figures::default() }
}

fn sheet() -> Sheet {
    let mut sheet = Sheet::new(NetId(7));
    sheet.take(0, &News::Figures(figures()));
    sheet.take(0, &News::Skill { skill: AXE, rank: 1 });
    sheet
}

fn cast(skill: SkillId, knew: Knew) -> Asked {
    Asked { at_ns: 0, command: Command::Cast(Cast { skill, ..Cast::default() }), knew, had: Had::default() }
}

fn done(rules: &mut Rules, sheet: &mut Sheet, skill: SkillId, tick: u32) -> Result<(), String> {
    let event = GameEvent::CastEnded { by: sheet.own, skill, end: CastEnd::Done };
    rules.on_event(&shipped("meadow"), sheet, Tick(tick), &event)
}

#[test]
fn a_skill_that_comes_again_before_it_is_ready_breaks_a_rule_to_the_tick() {
    let (mut rules, mut sheet) = (Rules::default(), sheet());
    assert_eq!(done(&mut rules, &mut sheet, AXE, 1_000), Ok(()));
    assert!(done(&mut rules, &mut sheet, AXE, 1_359).unwrap_err().contains("is ready at 1360"));
    let (mut rules, mut sheet) = (Rules::default(), self::sheet());
    assert_eq!(done(&mut rules, &mut sheet, AXE, 1_000), Ok(()));
    assert_eq!(done(&mut rules, &mut sheet, AXE, 1_360), Ok(()));
}

#[test]
fn two_casts_are_at_least_half_a_global_cooldown_apart() {
    let (mut rules, mut sheet) = (Rules::default(), sheet());
    assert_eq!(done(&mut rules, &mut sheet, AXE, 100), Ok(()));
    assert_eq!(done(&mut rules, &mut sheet, STRIKE, 130), Ok(()), "with all the haste there is");
    assert!(done(&mut rules, &mut sheet, STRIKE, 159).is_err());
}

#[test]
fn a_cast_that_was_taken_must_be_possible_by_what_the_bot_knew() {
    let (rules, content, sheet) = (Rules::default(), shipped("meadow"), sheet());
    let judge = |skill, knew| rules.on_cast(&content, &sheet, &cast(skill, knew), Tick(500));
    let fine = Knew { is_learnt: true, mana: 40, ..Knew::default() };
    assert_eq!(judge(AXE, fine), Ok(()));
    assert!(judge(AXE, Knew { ready: Some(Tick(504)), ..fine }).is_err());
    assert_eq!(judge(AXE, Knew { ready: Some(Tick(503)), ..fine }), Ok(()), "the answer may be that much ahead");
    assert!(judge(STRIKE, Knew::default()).unwrap_err().contains("never learnt"));
    assert!(judge(SkillId(60_000), fine).is_err());
    let costly = content.skills.named("heavy_blow").unwrap().id;
    assert!(judge(costly, Knew { mana: 4, ..fine }).unwrap_err().contains("takes 15 mana"));
    assert_eq!(judge(costly, Knew { mana: 5, ..fine }), Ok(()), "some may have come back since");
    let dead = Sheet { is_dead: true, ..sheet.clone() };
    assert!(rules.on_cast(&content, &dead, &cast(AXE, Knew { is_dead: true, ..fine }), Tick(500)).is_err());
}

#[test]
fn figures_stay_in_their_range() {
    let (content, sheet) = (shipped("meadow"), sheet());
    let judge = |figures| Rules::default().on_news(&content, &sheet, &News::Figures(figures));
    assert_eq!(judge(figures()), Ok(()));
    for wrong in [
        Figures { health: 61, ..figures() },
        Figures { mana: 41, ..figures() },
        Figures { level: 31, ..figures() },
        Figures { level: 1, ..figures() },
        Figures { experience: 300, ..figures() },
        Figures { points: 2, ..figures() },
        Figures { class: ClassId(2), ..figures() },
    ] {
        assert!(judge(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn items_are_of_a_kind_in_a_slot_and_no_more_than_a_stack() {
    let (content, sheet) = (shipped("meadow"), sheet());
    let bread = content.items.named("bread").unwrap();
    let row = ItemRow { item: ItemId(1), kind: bread.id, count: 20, ..ItemRow::default() };
    let judge = |row| Rules::default().on_news(&content, &sheet, &News::Item(row));
    assert_eq!(judge(row), Ok(()));
    for wrong in [
        ItemRow { count: 0, ..row },
        ItemRow { count: 21, ..row },
        ItemRow { slot: 40, ..row },
        ItemRow { slot: 209, ..row },
        ItemRow { kind: ItemKind(60_000), ..row },
    ] {
        assert!(judge(wrong).is_err(), "{wrong:?}");
    }
    assert!(Rules::default().on_news(&content, &sheet, &News::ItemGone { item: ItemId(5) }).is_err());
}

#[test]
fn two_items_in_one_slot_are_forgiven_for_five_seconds() {
    let (content, mut sheet, mut rules) = (shipped("meadow"), sheet(), Rules::default());
    for item in [1, 2] {
        sheet.take(0, &News::Item(ItemRow { item: ItemId(item), slot: 4, ..ItemRow::default() }));
    }
    assert_eq!(rules.look(&content, &sheet, 1), Ok(()));
    assert_eq!(rules.look(&content, &sheet, 1 + AGREE_NS_MAX), Ok(()));
    assert!(rules.look(&content, &sheet, 2 + AGREE_NS_MAX).is_err());
}

#[test]
fn experience_by_figures_is_that_by_events() {
    let (content, mut sheet, mut rules) = (shipped("meadow"), sheet(), Rules::default());
    let gain = |rules: &mut Rules, sheet: &mut Sheet, amount| {
        rules.on_event(&content, sheet, Tick(1), &GameEvent::Experience { amount }).unwrap();
    };
    let news = News::Figures(figures());
    rules.on_news(&content, &sheet, &news).unwrap();
    gain(&mut rules, &mut sheet, 30);
    sheet.take(0, &News::Figures(Figures { experience: 30, ..figures() }));
    assert!([1, 2 + AGREE_NS_MAX].iter().all(|now| rules.look(&content, &sheet, *now).is_ok()));
    sheet.take(0, &News::Figures(Figures { experience: 45, ..figures() }));
    assert_eq!(rules.look(&content, &sheet, 1), Ok(()), "the event may still be on its way");
    assert!(rules.look(&content, &sheet, 2 + AGREE_NS_MAX).unwrap_err().contains("30 gained"));
}
