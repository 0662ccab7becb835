//! The names that content files give, collected before any of it is read: whoever names something may stand before it.

use crate::content::spelling::nearest;
use protocol::{ClassId, EffectId, ItemKind, MobKind, SkillId};
use std::collections::BTreeMap;

/// What has names and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::content) enum Kind {
    Class,
    Skill,
    Effect,
    Item,
    Mob,
}

impl Kind {
    pub(in crate::content) const ALL: [Self; 5] = [Self::Class, Self::Skill, Self::Effect, Self::Item, Self::Mob];

    /// The file that they stand in.
    pub(in crate::content) const fn file(self) -> &'static str {
        match self {
            Self::Class => "classes.toml",
            Self::Skill => "skills.toml",
            Self::Effect => "effects.toml",
            Self::Item => "items.toml",
            Self::Mob => "mobs.toml",
        }
    }

    /// One of them, in sentences.
    pub(in crate::content) const fn word(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Skill => "skill",
            Self::Effect => "effect",
            Self::Item => "item",
            Self::Mob => "mob",
        }
    }

    /// Several of them.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Class => "classes",
            Self::Skill => "skills",
            Self::Effect => "effects",
            Self::Item => "items",
            Self::Mob => "mobs",
        }
    }

    /// Any of them.
    pub(super) const fn with_article(self) -> &'static str {
        match self {
            Self::Class => "a class",
            Self::Skill => "a skill",
            Self::Effect => "an effect",
            Self::Item => "an item",
            Self::Mob => "a mob",
        }
    }
}

/// A number that stands for a name.
pub(in crate::content) trait Named: Sized {
    /// Of what.
    const KIND: Kind;
    /// From the file.
    fn from_number(number: u16) -> Self;
}

macro_rules! named {
    ($($id:ident $kind:ident)*) => { $(impl Named for $id {
        const KIND: Kind = Kind::$kind;

        fn from_number(number: u16) -> Self {
            Self(number)
        }
    })* };
}
named!(ClassId Class SkillId Skill EffectId Effect ItemKind Item MobKind Mob);

/// The names of everything and their numbers.
#[derive(Default)]
pub(super) struct Names {
    /// By [`Kind`]; none of a file that cannot be read, so that nobody is blamed for naming what stands in it.
    by_kind: [Option<BTreeMap<String, u16>>; 5],
}

/// Longest name.
const NAME_BYTES_MAX: usize = 32;

impl Names {
    /// Takes the names of a file, and notes names that are none and numbers that two have.
    pub(super) fn collect(&mut self, kind: Kind, table: &toml::Table, notes: &mut Vec<String>) {
        let file = kind.file();
        let mut names = BTreeMap::new();
        let mut owners: BTreeMap<u16, &str> = BTreeMap::new();
        for (name, entry) in table {
            if !is_name(name) {
                let name = name.escape_default();
                notes.push(format!("{file}: \"{name}\" is no name: take 1 to {NAME_BYTES_MAX} of a-z, 0-9 and _"));
            }
            let id = entry.get("id").and_then(toml::Value::as_integer).and_then(|id| u16::try_from(id).ok());
            let id = id.filter(|&id| id != 0);
            let owner = id.and_then(|id| owners.get(&id));
            if let (Some(id), Some(owner)) = (id, owner) {
                notes.push(format!("{file}: {name}.id: {id} is the number of {owner} already"));
            }
            // Whoever has no number of its own is complained about once; its name is there all the same, as number 0.
            let own = id.filter(|_| owner.is_none());
            owners.extend(own.map(|id| (id, name.as_str())));
            names.insert(name.clone(), own.unwrap_or_default());
        }
        self.by_kind[kind as usize] = Some(names);
    }

    /// The number of a name.
    ///
    /// # Errors
    /// There is none of this name; the nearest, if any is near.
    pub(super) fn find<Id: Named>(&self, name: &str) -> Result<Id, Option<&str>> {
        let Some(names) = &self.by_kind[Id::KIND as usize] else { return Ok(Id::from_number(0)) };
        match names.get(name) {
            Some(&number) => Ok(Id::from_number(number)),
            None => Err(nearest(name, names.keys().map(String::as_str))),
        }
    }
}

/// Whether a key can be a name.
pub(super) fn is_name(name: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_right)
}
