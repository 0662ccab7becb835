//! `classes.toml`.

use super::figures::{growth, stats};
use super::items::COINS_MAX;
use super::reader::Reader;
use crate::content::{Class, Node};
use protocol::{ClassId, SkillId};

/// Most of one item that a new character has.
const KIT_MAX: i64 = 1_000;

pub(super) fn class(reader: &mut Reader<'_>, id: ClassId, name: String) -> Class {
    reader.needs(&["base", "skills"]);
    let class = Class {
        id,
        name,
        base: reader.inner("base", stats).unwrap_or_default(),
        per_level: reader.inner("per_level", growth).unwrap_or_default(),
        skills: reader.list_of("skills").unwrap_or_default(),
        tree: reader.each("tree", node).unwrap_or_default().into_iter().flatten().collect(),
        kit: reader.counts("kit", 1..=KIT_MAX).unwrap_or_default(),
        coins: reader.whole("coins", 0..=COINS_MAX).unwrap_or_default(),
    };
    check_doubles(reader, &class);
    class
}

fn node(reader: &mut Reader<'_>) -> Option<Node> {
    reader.needs(&["skill"]);
    let skill = reader.named("skill");
    let points = reader.whole("points", 1..=100).unwrap_or(1);
    let level_min = reader.whole("level", 1..=100).unwrap_or(1);
    let needs = reader.list_of("needs").unwrap_or_default();
    Some(Node { skill: skill?, points, level_min, needs })
}

/// A skill has one place in a class.
fn check_doubles(reader: &mut Reader<'_>, class: &Class) {
    // Number 0 is one that has no number of its own yet, which was complained about.
    for (at, node) in class.tree.iter().enumerate().filter(|(_, node)| node.skill != SkillId(0)) {
        if class.skills.contains(&node.skill) {
            reader.complain(&format!("tree[{at}].skill"), "everybody of the class has it from the beginning");
        } else if class.tree[..at].iter().any(|before| before.skill == node.skill) {
            reader.complain(&format!("tree[{at}].skill"), "it is in the tree already");
        }
    }
}
