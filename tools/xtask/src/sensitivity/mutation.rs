//! The mistakes, as data.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde::Deserialize;

/// One mistake that somebody could make.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What it is called.
    pub name: String,
    /// The rule that does not hold any more, in one sentence.
    pub breaks: String,
    /// Where, from the root of the checkout.
    pub file: String,
    /// What stands there once.
    find: String,
    /// What stands there instead.
    put: String,
    /// So many ticks are needed until it can be seen, if it is more than others are given.
    ticks: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutation: Vec<Mutation>,
}

/// All lists, by what the mistakes are in.
const LISTS: [(&str, &str); 5] = [
    ("rudp", include_str!("mutations/rudp.toml")),
    ("server", include_str!("mutations/server.toml")),
    ("store", include_str!("mutations/store.toml")),
    ("game", include_str!("mutations/game.toml")),
    ("client", include_str!("mutations/client.toml")),
];

/// The mutations of these names, or all, in the order of the lists: neighbours share most of what is built.
pub fn chosen(names: &[String]) -> Result<Vec<Mutation>> {
    let mut mutations = all()?;
    let known: BTreeSet<_> = mutations.iter().map(|mutation| mutation.name.clone()).collect();
    if let Some(stranger) = names.iter().find(|name| !known.contains(*name)) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        bail!("there is no mutation `{stranger}`, only {}", known.join(", "));
    }
    mutations.retain(|mutation| names.is_empty() || names.contains(&mutation.name));
    Ok(mutations)
}

fn all() -> Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    for (name, text) in LISTS {
        match toml::from_str::<List>(text) {
            Ok(list) => mutations.extend(list.mutation),
            Err(error) => bail!("the list {name}: {error}"),
        }
    }
    Ok(mutations)
}

impl Mutation {
    /// The text of its file with the mistake in it.
    pub fn made_in(&self, text: &str) -> Result<String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.put, 1)),
            count => bail!("{}: what {} replaces stands there {count} times, not once", self.file, self.name),
        }
    }

    /// What the simulation is told beside the seed, with as many ticks as this one needs.
    pub fn arguments(&self, usual: &[String]) -> Vec<String> {
        let mut arguments = usual.to_vec();
        if let (Some(ticks), Some(at)) = (self.ticks, usual.iter().position(|argument| argument == "--ticks"))
            && let Some(value) = arguments.get_mut(at + 1)
        {
            *value = ticks.to_string();
        }
        arguments
    }

    /// The crate that it is in.
    pub fn room(&self) -> &str {
        self.file.split('/').nth(1).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Checkout;
    use std::fs;

    #[test]
    fn every_mutation_changes_what_stands_once_in_its_file() {
        let root = Checkout::find().unwrap().root;
        for mutation in all().unwrap() {
            let text = fs::read_to_string(root.join(&mutation.file)).unwrap_or_else(|error| {
                panic!("{}: {}: {error}", mutation.name, mutation.file);
            });
            let broken = mutation.made_in(&text).unwrap();
            assert_ne!(broken, text, "{}", mutation.name);
        }
    }

    #[test]
    fn who_needs_more_ticks_gets_them_and_nothing_else_changes() {
        let usual = ["--faults", "all", "--ticks", "2400"].map(str::to_owned);
        let with = |ticks| Mutation { ticks, ..all().unwrap().remove(0) }.arguments(&usual);
        assert_eq!((with(None), with(Some(5_400))[..3].to_vec()), (usual.to_vec(), usual[..3].to_vec()));
        assert_eq!(with(Some(5_400))[3], "5400");
    }

    #[test]
    fn names_are_unique_and_every_mutation_says_in_a_sentence_what_it_breaks() {
        let mutations = all().unwrap();
        let names: BTreeSet<_> = mutations.iter().map(|mutation| &mutation.name).collect();
        assert_eq!(names.len(), mutations.len());
        for Mutation { name, breaks, .. } in &mutations {
            assert!(name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'), "{name}");
            assert!(breaks.ends_with('.') && breaks.starts_with(char::is_uppercase), "{name}: {breaks}");
        }
    }

    #[test]
    fn there_are_eighteen_at_least_and_some_of_every_room_and_three_of_the_store_machine() {
        let mutations = all().unwrap();
        assert!(mutations.len() >= 18, "{}", mutations.len());
        let of = |part: &str| mutations.iter().filter(|mutation| mutation.file.starts_with(part)).count();
        for room in ["src/rudp/", "src/server/", "src/game/", "src/client/", "src/server/src/courier/"] {
            assert!(of(room) >= 3, "{room}");
        }
        assert!(of("src/server/src/realm/store.rs") >= 3);
    }

    #[test]
    fn a_text_that_stands_twice_or_nowhere_is_not_replaced() {
        let mutation = &all().unwrap()[0];
        assert!(mutation.made_in("").is_err());
        assert_eq!(mutation.made_in(&mutation.find).unwrap(), mutation.put);
        assert!(mutation.made_in(&mutation.find.repeat(2)).is_err());
    }
}
