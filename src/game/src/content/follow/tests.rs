use crate::content::fixture::{Edit, edited};

/// What is wrong with these changes while the world goes on; each of them is right by itself.
fn refused(edits: &[Edit<'_>]) -> Vec<String> {
    let next = edited(edits).unwrap_or_else(|problems| panic!("{edits:?} is not right: {problems}"));
    match edited(&[]).unwrap().follow(next) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0,
    }
}

#[test]
fn content_may_follow_itself() {
    let content = edited(&[]).unwrap();
    assert_eq!(content.follow(content.clone()).unwrap(), content);
}

#[test]
fn figures_places_and_names_may_change_and_more_may_come() {
    let next: &[Edit<'_>] = &[
        ("skills.toml", "amount = 5", "amount = 50"),
        ("skills.toml", "[rest]", "[wait]\nid = 7\ntarget = \"own\"\noutcomes = [{ heal = 1 }]\n[rest]"),
        ("items.toml", "[stick]", "[staff]"),
        ("items.toml", "stack = 5", "stack = 50"),
        ("places/test.toml", "\"stick\"", "\"staff\""),
        ("places/test.toml", "count = 4", "count = 1"),
        ("rules.toml", "level_max = 10", "level_max = 20"),
    ];
    let content = edited(&[]).unwrap().follow(edited(next).unwrap()).unwrap();
    assert_eq!(content, edited(next).unwrap());
}

#[test]
fn a_number_that_is_gone_is_refused_in_every_table() {
    for (file, entry, sentence) in [
        ("items.toml", "id = 2", "items.toml: bread was item 2 and cannot become 9, numbers are for ever"),
        ("classes.toml", "id = 1", "classes.toml: fighter was class 1 and cannot become 9, numbers are for ever"),
        ("skills.toml", "id = 3", "skills.toml: rest was skill 3 and cannot become 9, numbers are for ever"),
        ("effects.toml", "id = 1", "effects.toml: burning was effect 1 and cannot become 9, numbers are for ever"),
        ("mobs.toml", "id = 1", "mobs.toml: rat was mob 1 and cannot become 9, numbers are for ever"),
    ] {
        let refused = refused(&[(file, entry, "id = 9")]);
        assert!(refused.contains(&sentence.to_owned()), "{refused:?}");
    }
    let gone: &[Edit<'_>] =
        &[("items.toml", "[stick]\nid = 1", "[club]\nid = 7"), ("places/test.toml", "stick", "club")];
    assert_eq!(refused(gone), ["items.toml: item 1 (stick) is gone, and people may have it"]);
}

#[test]
fn two_that_change_their_numbers_are_both_refused() {
    let swapped: &[Edit<'_>] = &[
        ("effects.toml", "[burning]\nid = 1", "[burning]\nid = 2"),
        ("effects.toml", "[warmth]\nid = 2", "[warmth]\nid = 1"),
    ];
    assert_eq!(
        refused(swapped)[..2],
        [
            "effects.toml: burning was effect 1 and cannot become 2, numbers are for ever",
            "effects.toml: warmth was effect 2 and cannot become 1, numbers are for ever",
        ]
    );
}

#[test]
fn what_people_hold_wear_or_have_learnt_keeps_its_kind() {
    for (file, from, to, sentence) in [
        (
            "items.toml",
            "slot = \"main_hand\"",
            "slot = \"ring\"",
            "items.toml: stick is worn in main_hand and cannot be in ring, people may wear it",
        ),
        (
            "items.toml",
            "slot = \"main_hand\"",
            "slot = \"main_hand\"\ntwo_handed = true",
            "items.toml: stick cannot become two-handed, people may wear something beside it",
        ),
        (
            "items.toml",
            "stack = 5",
            "stack = 4",
            "items.toml: bread.stack was 5 and cannot become 4, people may have that many",
        ),
        (
            "skills.toml",
            "ranks = 3",
            "ranks = 2",
            "skills.toml: burn.ranks was 3 and cannot become 2, people may have that many",
        ),
        (
            "effects.toml",
            "stacks = 3",
            "stacks = 2",
            "effects.toml: burning.stacks was 3 and cannot become 2, people may have that many",
        ),
        (
            "classes.toml",
            ", { skill = \"rest\", level = 3, needs = [\"burn\"] }",
            "",
            "classes.toml: fighter cannot lose rest, which people may have learnt",
        ),
        (
            "rules.toml",
            "level_max = 10",
            "level_max = 9",
            "rules.toml: level_max was 10 and cannot become 9 while the world goes on",
        ),
    ] {
        assert_eq!(refused(&[(file, from, to)]), [sentence]);
    }
}

#[test]
fn everything_that_cannot_follow_is_told_at_once() {
    let all: &[Edit<'_>] = &[
        ("items.toml", "stack = 5", "stack = 4"),
        ("items.toml", "slot = \"main_hand\"", "slot = \"ring\""),
        ("rules.toml", "level_max = 10", "level_max = 9\nteams = 1"),
    ];
    assert_eq!(refused(all).len(), 4);
}
