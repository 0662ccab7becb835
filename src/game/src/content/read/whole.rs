//! What entries say about each other: circles, and what one may not be because of what another is.
//!
//! Entries with a mistake of their own are not here; whoever names one of them is let be.

use super::Kind;
use crate::content::{Class, Content, Effect};
use protocol::unit::TICK_RATE_HZ;
use protocol::{EffectId, ItemKind, SkillId};

/// Most mobs that live on one map: what is left of a view's numbers for players is many times more.
const MOBS_MAX: u32 = 5_000;

pub(super) fn check(content: &Content, places_file: &str, notes: &mut Vec<String>) {
    for class in content.classes.iter() {
        check_class(content, class, notes);
    }
    for effect in content.effects.iter() {
        check_aura(content, effect, notes);
    }
    for item in content.items.iter() {
        if item.level_min > content.rules.level_max {
            notes.push(too_high(Kind::Item, &format!("{}.level", item.name), content));
        }
    }
    check_mobs(content, notes);
    check_places(content, places_file, notes);
}

fn too_high(kind: Kind, place: &str, content: &Content) -> String {
    format!("{}: {place}: nobody gets beyond level {} (rules.toml: level_max)", kind.file(), content.rules.level_max)
}

fn check_class(content: &Content, class: &Class, notes: &mut Vec<String>) {
    let (file, name) = (Kind::Class.file(), &class.name);
    if class.skills.is_empty() {
        notes.push(format!("{file}: {name}.skills: a class needs at least one skill from the beginning"));
    }
    for (at, node) in class.tree.iter().enumerate() {
        if node.level_min > content.rules.level_max {
            notes.push(too_high(Kind::Class, &format!("{name}.tree[{at}].level"), content));
        }
        for (index, &need) in node.needs.iter().enumerate() {
            if class.node(need).is_none() {
                let need = skill_name(content, need);
                notes.push(format!("{file}: {name}.tree[{at}].needs[{index}]: \"{need}\" is not in this tree"));
            }
        }
    }
    if let Some(circle) = circle_of_needs(class) {
        let circle: Vec<String> = circle.into_iter().map(|skill| skill_name(content, skill)).collect();
        notes.push(format!("{file}: {name}.tree: what is needed goes in a circle: {}", circle.join(", ")));
    }
    for &(item, count) in &class.kit {
        check_stack(content, item, count, &format!("{file}: {name}.kit"), notes);
    }
}

fn skill_name(content: &Content, skill: SkillId) -> String {
    content.skills.find(skill).map_or_else(|| format!("number {}", skill.0), |skill| skill.name.clone())
}

/// A circle in a tree, first and last the same; nodes are taken away that need nothing of what is left, until none can be.
fn circle_of_needs(class: &Class) -> Option<Vec<SkillId>> {
    let mut left: Vec<SkillId> = class.tree.iter().map(|node| node.skill).collect();
    let need_of = |skill: SkillId, left: &[SkillId]| {
        class.node(skill).and_then(|node| node.needs.iter().copied().find(|need| left.contains(need)))
    };
    while let Some(at) = left.iter().position(|&skill| need_of(skill, &left).is_none()) {
        left.remove(at);
    }
    // Each that is left needs another that is left: following them must come back to one.
    let mut path = vec![*left.first()?];
    loop {
        let need = need_of(*path.last()?, &left)?;
        if let Some(start) = path.iter().position(|&skill| skill == need) {
            let mut circle = path.split_off(start);
            circle.push(need);
            return Some(circle);
        }
        path.push(need);
    }
}

/// An aura that gives itself, be it by way of others, would never end once it is there.
fn check_aura(content: &Content, effect: &Effect, notes: &mut Vec<String>) {
    let Some(aura) = effect.aura else { return };
    let (file, name) = (Kind::Effect.file(), &effect.name);
    let given = |id: EffectId| content.effects.find(id).and_then(|effect| effect.aura).map(|aura| aura.effect);
    let mut at = aura.effect;
    for _ in 0..content.effects.len() {
        if at == effect.id {
            notes.push(format!("{file}: {name}.aura.effect: an aura must not give itself, not even by way of others"));
            return;
        }
        match given(at) {
            Some(next) => at = next,
            None => break,
        }
    }
    if let Some(given) = content.effects.find(aura.effect).filter(|given| given.ticks <= TICK_RATE_HZ) {
        let given = &given.name;
        notes.push(format!(
            "{file}: {name}.aura.effect: {given} must last longer than the second after which it is given anew"
        ));
    }
}

fn check_mobs(content: &Content, notes: &mut Vec<String>) {
    let file = Kind::Mob.file();
    for mob in content.mobs.iter() {
        let name = &mob.name;
        match mob.skills.last() {
            None => notes.push(format!("{file}: {name}.skills: a mob needs at least one skill")),
            Some(&last) => {
                if let Some(skill) = content.skills.find(last).filter(|skill| skill.mana > 0) {
                    let (at, skill) = (mob.skills.len() - 1, &skill.name);
                    notes.push(format!(
                        "{file}: {name}.skills[{at}]: the last skill must cost nothing, {skill} takes mana"
                    ));
                }
            }
        }
        for (at, loot) in mob.loot.iter().enumerate() {
            check_stack(content, loot.item, loot.count.1, &format!("{file}: {name}.loot[{at}].count"), notes);
        }
    }
}

/// What is given at once is one stack.
fn check_stack(content: &Content, item: ItemKind, count: u32, place: &str, notes: &mut Vec<String>) {
    if let Some(item) = content.items.find(item).filter(|item| count > item.stack_max) {
        notes.push(format!("{place}: {count} of {} are more than one stack of {}", item.name, item.stack_max));
    }
}

fn check_places(content: &Content, file: &str, notes: &mut Vec<String>) {
    let places = &content.places;
    let mobs: u32 = places.spawns.iter().map(|spawn| u32::from(spawn.count)).sum();
    if mobs > MOBS_MAX {
        notes.push(format!("{file}: spawns: {mobs} mobs are too many, at most {MOBS_MAX} live on a map"));
    }
    for (at, vendor) in places.vendors.iter().enumerate() {
        for (index, &item) in vendor.sells.iter().enumerate() {
            if let Some(item) = content.items.find(item).filter(|item| item.price == 0) {
                notes.push(format!("{file}: vendors[{at}].sells[{index}]: {} has no price", item.name));
            }
        }
    }
}
