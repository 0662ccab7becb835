use super::*;
use crate::content::{EquipSlot, Outcome, Places, Rules, School, Side, Skill, Stacking, Targeting};
use protocol::ItemKind;
use std::collections::BTreeSet;

fn meadow() -> Content {
    shipped("meadow")
}

/// Every outcome of skills, pulses and items.
fn outcomes(content: &Content) -> Vec<Outcome> {
    let pulses = content.effects.iter().filter_map(|effect| effect.pulse.as_ref()).flat_map(|pulse| &pulse.outcomes);
    let uses = content.items.iter().filter_map(|item| item.use_.as_ref()).flat_map(|used| &used.outcomes);
    content.skills.iter().flat_map(|skill| &skill.outcomes).chain(pulses).chain(uses).copied().collect()
}

#[test]
fn both_maps_have_somebody_living_on_them_and_any_other_has_nobody() {
    for map in ["meadow", "canyon"] {
        assert!(!shipped(map).places.spawns.is_empty());
    }
    assert_eq!(shipped("moon").places, Places::default());
}

#[test]
fn the_rules_stand_in_their_file_as_they_are_without_it() {
    assert_eq!(meadow().rules, Rules::default());
    let rules = SHIPPED.iter().find(|file| file.name == "rules.toml").unwrap();
    let written: toml::Table = rules.text.parse().unwrap();
    assert_eq!(written.len(), 24, "every rule there is");
}

#[test]
fn there_is_enough_of_everything() {
    let content = meadow();
    assert_eq!(content.classes.len(), 3);
    let of_classes: BTreeSet<_> =
        content.classes.iter().flat_map(|class| class.tree.iter().map(|node| node.skill)).collect();
    assert!(of_classes.len() >= 36, "{} skills of classes", of_classes.len());
    assert!(content.classes.iter().all(|class| class.tree.len() >= 12 && class.skills.len() >= 2));
    assert!(content.skills.len() >= 40 && content.effects.len() >= 25);
    assert!(content.items.len() >= 60 && content.mobs.len() >= 10);
}

#[test]
fn every_way_to_find_targets_and_every_outcome_is_in_use() {
    let content = meadow();
    let ways: BTreeSet<u8> = content.skills.iter().map(|skill| way(skill.targeting)).collect();
    assert_eq!(ways.len(), 7);
    let kinds: BTreeSet<u8> = outcomes(&content).into_iter().map(kind).collect();
    assert_eq!(kinds.len(), 9);
    let sides: BTreeSet<u8> =
        content.skills.iter().filter_map(|skill| side(skill.targeting)).map(|side| side as u8).collect();
    assert_eq!(sides.len(), 3);
    let damages: BTreeSet<_> = outcomes(&content).into_iter().filter_map(sort).collect();
    assert_eq!(damages.len(), 5);
    let any = |is: fn(&Skill) -> bool| content.skills.iter().any(is);
    assert!(
        any(|skill| skill.channel.is_some()) && any(|skill| skill.cast_ticks > 0) && any(|skill| skill.is_off_global)
    );
    assert!(any(|skill| skill.channel.is_none() && skill.cast_ticks == 0) && any(|skill| skill.ranks_max > 1));
}

fn way(targeting: Targeting) -> u8 {
    match targeting {
        Targeting::Own => 0,
        Targeting::Unit { .. } => 1,
        Targeting::Ground { .. } => 2,
        Targeting::Cone { .. } => 3,
        Targeting::Chain { .. } => 4,
        Targeting::Ray => 5,
        Targeting::Missile { .. } => 6,
    }
}

fn side(targeting: Targeting) -> Option<Side> {
    match targeting {
        Targeting::Unit { side }
        | Targeting::Ground { side, .. }
        | Targeting::Cone { side, .. }
        | Targeting::Chain { side, .. } => Some(side),
        Targeting::Own | Targeting::Ray | Targeting::Missile { .. } => None,
    }
}

fn kind(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Damage { .. } => 0,
        Outcome::Heal { .. } => 1,
        Outcome::Mana { .. } => 2,
        Outcome::Apply { .. } => 3,
        Outcome::Dispel { .. } => 4,
        Outcome::Interrupt { .. } => 5,
        Outcome::Launch { .. } => 6,
        Outcome::Taunt => 7,
        Outcome::Revive { .. } => 8,
    }
}

fn sort(outcome: Outcome) -> Option<crate::content::DamageKind> {
    match outcome {
        Outcome::Damage { kind, .. } => Some(kind),
        _ => None,
    }
}

#[test]
fn every_kind_of_effect_is_in_use() {
    let content = meadow();
    let any = |is: &dyn Fn(&crate::content::Effect) -> bool| content.effects.iter().any(is);
    for stacking in [Stacking::Refresh, Stacking::Extend, Stacking::Stack, Stacking::Separate] {
        assert!(any(&|effect| effect.stacking == stacking), "{stacking:?}");
    }
    for school in School::ALL {
        assert!(any(&|effect| effect.school == Some(school)), "{school:?}");
    }
    assert!(any(&|effect| effect.holds.root) && any(&|effect| effect.holds.silence));
    assert!(any(&|effect| effect.holds.stun) && any(&|effect| effect.holds.immune));
    assert!(any(&|effect| effect.absorbs > 0) && any(&|effect| effect.aura.is_some()));
    for wanted in [0, 1, 2] {
        let pulses = |outcome: &Outcome| kind(*outcome) == wanted;
        assert!(
            any(&|effect| effect.pulse.as_ref().is_some_and(|pulse| pulse.outcomes.iter().any(pulses))),
            "{wanted}"
        );
    }
}

#[test]
fn every_slot_has_something_and_every_effect_comes_of_something() {
    let content = meadow();
    for slot in EquipSlot::ALL {
        assert!(content.items.iter().any(|item| item.slot == Some(slot)), "{slot:?}");
    }
    let any = |is: fn(&crate::content::ItemType) -> bool| content.items.iter().any(is);
    assert!(any(|item| item.is_two_handed) && any(|item| item.is_bound) && any(|item| item.stack_max > 1));
    assert!(
        any(|item| item.use_.as_ref().is_some_and(|used| !used.is_consumed)) && any(|item| item.durability_max > 0)
    );
    let applied: Vec<_> = outcomes(&content)
        .into_iter()
        .filter_map(|outcome| if let Outcome::Apply { effect } = outcome { Some(effect) } else { None })
        .chain(content.effects.iter().filter_map(|effect| effect.aura).map(|aura| aura.effect))
        .chain(content.places.triggers.iter().filter_map(|trigger| trigger.effect))
        .collect();
    for effect in content.effects.iter() {
        assert!(applied.contains(&effect.id), "nothing gives {}", effect.name);
    }
}

#[test]
fn every_skill_belongs_to_somebody_and_every_item_can_be_had() {
    let content = meadow();
    let classes =
        content.classes.iter().flat_map(|class| class.skills.iter().chain(class.tree.iter().map(|node| &node.skill)));
    let known: BTreeSet<_> = classes.chain(content.mobs.iter().flat_map(|mob| &mob.skills)).collect();
    for skill in content.skills.iter() {
        assert!(known.contains(&skill.id), "nobody has {}", skill.name);
    }
    let left = content.mobs.iter().flat_map(|mob| mob.loot.iter().map(|loot| loot.item));
    let given = content.classes.iter().flat_map(|class| class.kit.iter().map(|(item, _)| *item));
    let sold = content.places.vendors.iter().flat_map(|vendor| vendor.sells.iter().copied());
    let had: BTreeSet<ItemKind> = left.chain(given).chain(sold).collect();
    for item in content.items.iter() {
        assert!(had.contains(&item.id), "nobody gets {}", item.name);
    }
}

#[test]
fn a_new_character_can_wear_and_use_what_it_has() {
    let content = meadow();
    for class in content.classes.iter() {
        for &(item, _) in &class.kit {
            let item = content.items.at(item);
            let is_wearable = item.slot.is_none() || item.level_min == 1;
            assert!(is_wearable, "{} of {}", item.name, class.name);
            assert!(item.classes.is_empty() || item.classes.contains(&class.id), "{} of {}", item.name, class.name);
        }
    }
}

#[test]
fn the_points_of_thirty_levels_learn_every_branch_once_but_not_every_rank() {
    let content = meadow();
    let points = u32::from(content.rules.points_per_level) * (u32::from(content.rules.level_max) - 1);
    for class in content.classes.iter() {
        let cost = |ranks: fn(&Skill) -> u32| -> u32 {
            class.tree.iter().map(|node| u32::from(node.points) * ranks(content.skills.at(node.skill))).sum()
        };
        assert!(cost(|_| 1) <= points, "{}: {} points", class.name, cost(|_| 1));
        assert!(cost(|skill| u32::from(skill.ranks_max)) > points, "{}", class.name);
    }
}

#[test]
fn the_meadow_has_three_hundred_mobs_and_a_middle_where_nobody_fights() {
    let content = meadow();
    let places = &content.places;
    let mobs: u32 = places.spawns.iter().map(|spawn| u32::from(spawn.count)).sum();
    assert!((280..=320).contains(&mobs), "{mobs} mobs");
    let middle = 1_500 * SUBUNITS_PER_M;
    for spawn in &places.spawns {
        let circle = crate::content::Circle { radius: spawn.area.radius + 60 * SUBUNITS_PER_M, ..spawn.area };
        assert!(!circle.holds(middle, middle), "{spawn:?}");
    }
    let [safe] = places.safe_zones[..] else { panic!("one safe zone") };
    assert_eq!((safe.x, safe.y, safe.radius), (middle, middle, 25 * SUBUNITS_PER_M));
    assert!(places.graveyards.len() >= 3 && places.vendors.len() >= 2 && places.triggers.len() >= 2);
    assert!(places.vendors.iter().all(|vendor| safe.holds(vendor.area.x, vendor.area.y)));
    let quarters: BTreeSet<_> =
        places.spawns.iter().map(|spawn| (spawn.area.x > middle, spawn.area.y > middle)).collect();
    assert_eq!(quarters.len(), 4);
}

#[test]
fn stronger_mobs_live_farther_out_and_give_more() {
    let content = meadow();
    let mut mobs: Vec<_> = content.mobs.iter().filter(|mob| !mob.is_boss).collect();
    mobs.sort_by_key(|mob| mob.level);
    assert!(mobs.windows(2).all(|pair| pair[0].level < pair[1].level));
    assert!(content.mobs.iter().any(|mob| mob.is_boss) && mobs.iter().any(|mob| mob.flee_below > 0));
    let distance = |mob: protocol::MobKind| {
        let spawns = content.places.spawns.iter().filter(|spawn| spawn.mob == mob);
        spawns
            .map(|spawn| {
                (spawn.area.x - 1_500 * SUBUNITS_PER_M)
                    .unsigned_abs()
                    .max((spawn.area.y - 1_500 * SUBUNITS_PER_M).unsigned_abs())
            })
            .min()
            .unwrap()
    };
    let (rat, drake) = (content.mobs.named("rat").unwrap(), content.mobs.named("drake").unwrap());
    assert!(distance(rat.id) < distance(drake.id) / 4);
    assert!(rat.experience < drake.experience / 10);
}
