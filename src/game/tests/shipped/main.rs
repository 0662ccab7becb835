//! Everything that comes with the server is of use: each skill is cast and does all that it says, each effect begins and ends,
//! each mob lives, hurts somebody and dies. What there is comes from the content itself, so whatever is added to it and
//! cannot be used fails here with its name.

mod comeback;
mod deeds;
mod effects;
mod items;
mod mobs;
mod reload;
mod seen;
mod skills;
mod stage;

use game::content::{Content, Entry};
use seen::Seen;
use std::sync::OnceLock;

/// All of it is done once, for all facts.
fn everything() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let mut seen = Seen::default();
        skills::cast_all(&mut seen);
        mobs::meet_all(&mut seen);
        items::use_all(&mut seen);
        effects::enter_all(&mut seen);
        effects::outlast_all(&mut seen);
        seen
    })
}

fn names<'a, Id, T: Entry<Id> + 'a>(all: impl Iterator<Item = &'a T>, is: impl Fn(Id) -> bool) -> Vec<&'a str> {
    all.filter(|entry| !is(entry.id())).map(Entry::name).collect()
}

fn content() -> Content {
    stage::content()
}

#[test]
fn every_skill_is_cast_to_its_end_by_everybody_who_has_it() {
    let (seen, content) = (everything(), content());
    assert_eq!(names(content.skills.iter(), |skill| seen.cast.contains(&skill)), [""; 0]);
}

#[test]
fn everything_that_a_skill_or_an_item_says_that_it_does_is_done() {
    assert_eq!(everything().undone, [""; 0]);
}

#[test]
fn every_effect_begins_and_ends() {
    let (seen, content) = (everything(), content());
    assert_eq!(names(content.effects.iter(), |effect| seen.began.contains(&effect)), [""; 0], "never begin");
    assert_eq!(names(content.effects.iter(), |effect| seen.ended.contains(&effect)), [""; 0], "never end");
}

#[test]
fn every_mob_lives_somewhere_hurts_somebody_and_dies() {
    let (seen, content) = (everything(), content());
    assert_eq!(names(content.mobs.iter(), |mob| seen.living.contains(&mob)), [""; 0], "live nowhere");
    assert_eq!(names(content.mobs.iter(), |mob| seen.hurtful.contains(&mob)), [""; 0], "hurt nobody");
    assert_eq!(names(content.mobs.iter(), |mob| seen.dead.contains(&mob)), [""; 0], "never die");
}

#[test]
fn every_item_that_can_be_used_is_used() {
    let (seen, content) = (everything(), content());
    let used = content.items.iter().filter(|item| item.use_.is_some());
    assert_eq!(names(used, |item| seen.used.contains(&item)), [""; 0]);
}
