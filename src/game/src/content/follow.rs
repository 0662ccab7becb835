//! What content may follow other content while the world goes on: it may change and add, but what people may hold cannot
//! vanish, and no number can come to mean something else.

use super::read::{Kind, Named, RULES_FILE};
use super::table::{ContentId, Entry, Table};
use super::{Content, Problems};

impl Content {
    /// `next`, if it may follow this content at run time. Places may change as they like; renames are fine.
    ///
    /// # Errors
    /// Everything that people may hold and that would be gone or something else.
    pub fn follow(&self, next: Self) -> Result<Self, Problems> {
        let mut notes = Vec::new();
        self.follow_rules(&next, &mut notes);
        follow_table(&self.classes, &next.classes, &mut notes);
        follow_table(&self.skills, &next.skills, &mut notes);
        follow_table(&self.effects, &next.effects, &mut notes);
        follow_table(&self.items, &next.items, &mut notes);
        follow_table(&self.mobs, &next.mobs, &mut notes);
        self.follow_skills(&next, &mut notes);
        self.follow_items(&next, &mut notes);
        if notes.is_empty() { Ok(next) } else { Err(Problems(notes)) }
    }

    /// Levels and teams that characters have reached and chosen.
    fn follow_rules(&self, next: &Self, notes: &mut Vec<String>) {
        for (key, was, is) in
            [("level_max", self.rules.level_max, next.rules.level_max), ("teams", self.rules.teams, next.rules.teams)]
        {
            if is < was {
                notes.push(format!("{RULES_FILE}: {key} was {was} and cannot become {is} while the world goes on"));
            }
        }
    }

    /// Ranks and skills that characters have learnt, and stacks that effects have.
    fn follow_skills(&self, next: &Self, notes: &mut Vec<String>) {
        for class in self.classes.iter() {
            let Some(after) = next.classes.find(class.id) else { continue };
            let learnable = class.skills.iter().chain(class.tree.iter().map(|node| &node.skill));
            for &skill in learnable.filter(|&&skill| !after.skills.contains(&skill) && after.node(skill).is_none()) {
                let (file, name, skill) = (Kind::Class.file(), &after.name, &self.skills.at(skill).name);
                notes.push(format!("{file}: {name} cannot lose {skill}, which people may have learnt"));
            }
        }
        for skill in self.skills.iter() {
            if let Some(after) = next.skills.find(skill.id).filter(|after| after.ranks_max < skill.ranks_max) {
                lowered(Kind::Skill, &after.name, "ranks", skill.ranks_max.into(), after.ranks_max.into(), notes);
            }
        }
        for effect in self.effects.iter() {
            if let Some(after) = next.effects.find(effect.id).filter(|after| after.stacks_max < effect.stacks_max) {
                lowered(Kind::Effect, &after.name, "stacks", effect.stacks_max.into(), after.stacks_max.into(), notes);
            }
        }
    }

    /// Stacks that people have, and what they wear.
    fn follow_items(&self, next: &Self, notes: &mut Vec<String>) {
        let file = Kind::Item.file();
        for item in self.items.iter() {
            let Some(after) = next.items.find(item.id) else { continue };
            let name = &after.name;
            if after.slot != item.slot {
                let shown = |slot: Option<super::EquipSlot>| slot.map_or("nowhere", super::EquipSlot::key);
                let (was, is) = (shown(item.slot), shown(after.slot));
                notes.push(format!("{file}: {name} is worn in {was} and cannot be in {is}, people may wear it"));
            } else if after.is_two_handed && !item.is_two_handed {
                notes.push(format!("{file}: {name} cannot become two-handed, people may wear something beside it"));
            }
            if after.stack_max < item.stack_max {
                lowered(Kind::Item, name, "stack", item.stack_max, after.stack_max, notes);
            }
        }
    }
}

fn lowered(kind: Kind, name: &str, key: &str, was: u32, is: u32, notes: &mut Vec<String>) {
    let file = kind.file();
    notes.push(format!("{file}: {name}.{key} was {was} and cannot become {is}, people may have that many"));
}

/// No number is gone, and no name has moved to another number: then whoever has the old one would have something else.
fn follow_table<Id: ContentId + Named, T: Entry<Id>>(old: &Table<Id, T>, new: &Table<Id, T>, notes: &mut Vec<String>) {
    let (file, kind) = (Id::KIND.file(), Id::KIND.word());
    for entry in old.iter() {
        let (id, name) = (entry.id().number(), entry.name());
        if let Some(moved) = new.named(name).filter(|moved| moved.id() != entry.id()) {
            let is = moved.id().number();
            notes.push(format!("{file}: {name} was {kind} {id} and cannot become {is}, numbers are for ever"));
        } else if new.find(entry.id()).is_none() {
            notes.push(format!("{file}: {kind} {id} ({name}) is gone, and people may have it"));
        }
    }
}

#[cfg(test)]
mod tests;
