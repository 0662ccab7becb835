//! A table of content by the numbers that the files give.

use std::fmt::Debug;

/// A number that content files give.
pub trait ContentId: Copy + Debug + Ord {
    /// As it is.
    fn number(self) -> u16;
}

macro_rules! content_ids {
    ($($name:ident)*) => { $(impl ContentId for protocol::$name {
        fn number(self) -> u16 {
            self.0
        }
    })* };
}
content_ids!(ClassId SkillId EffectId ItemKind MobKind);

/// What a table holds.
pub trait Entry<Id> {
    /// Its number.
    fn id(&self) -> Id;
    /// Its name in the files, and for people.
    fn name(&self) -> &str;
}

/// Entries in the order of their numbers. Numbers may have gaps; looking one up is two reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Table<Id, T> {
    entries: Vec<T>,
    /// By number: the place in `entries` plus one; 0 for none.
    places: Vec<u16>,
    ids: std::marker::PhantomData<Id>,
}

impl<Id, T> Default for Table<Id, T> {
    fn default() -> Self {
        Self { entries: Vec::new(), places: Vec::new(), ids: std::marker::PhantomData }
    }
}

impl<Id: ContentId, T: Entry<Id>> Table<Id, T> {
    /// A table of these.
    ///
    /// # Errors
    /// The number that two of them have.
    pub fn new(mut entries: Vec<T>) -> Result<Self, Id> {
        entries.sort_by_key(Entry::id);
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].id() == pair[1].id()) {
            return Err(pair[0].id());
        }
        let mut places = vec![0; entries.last().map_or(0, |last| usize::from(last.id().number()) + 1)];
        for (at, entry) in entries.iter().enumerate() {
            places[usize::from(entry.id().number())] = at as u16 + 1;
        }
        Ok(Self { entries, places, ids: std::marker::PhantomData })
    }

    /// The entry with this number: `None` for a number that nothing has, which may come from anywhere.
    #[must_use]
    pub fn find(&self, id: Id) -> Option<&T> {
        let place = *self.places.get(usize::from(id.number()))?;
        self.entries.get(usize::from(place).checked_sub(1)?)
    }

    /// The entry with this number, which content or a checked record has named.
    ///
    /// # Panics
    /// If there is none: then something was let in unchecked.
    #[must_use]
    pub fn at(&self, id: Id) -> &T {
        self.find(id).unwrap_or_else(|| panic!("{id:?} is not part of the content"))
    }

    /// The entry with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&T> {
        self.entries.iter().find(|entry| entry.name() == name)
    }

    /// All entries, by ascending number.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.entries.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

macro_rules! entry {
    ($type:ty, $id:ty) => {
        impl crate::content::Entry<$id> for $type {
            fn id(&self) -> $id {
                self.id
            }

            fn name(&self) -> &str {
                &self.name
            }
        }
    };
}
pub(super) use entry;

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::SkillId;

    struct Named(u16);

    impl Entry<SkillId> for Named {
        fn id(&self) -> SkillId {
            SkillId(self.0)
        }

        fn name(&self) -> &str {
            if self.0 == 7 { "seven" } else { "other" }
        }
    }

    #[test]
    fn numbers_with_gaps_are_found_and_others_are_not() {
        let table = Table::new(vec![Named(7), Named(2), Named(300)]).ok().unwrap();
        for number in 0..400 {
            let found = table.find(SkillId(number)).map(|entry| entry.0);
            assert_eq!(found, [2, 7, 300].contains(&number).then_some(number));
        }
        assert_eq!(table.iter().map(|entry| entry.0).collect::<Vec<_>>(), [2, 7, 300]);
        assert_eq!(table.named("seven").map(|entry| entry.0), Some(7));
        assert!(table.find(SkillId(u16::MAX)).is_none());
    }

    #[test]
    fn a_number_that_two_have_is_named() {
        assert_eq!(Table::new(vec![Named(1), Named(5), Named(5)]).err(), Some(SkillId(5)));
    }
}
