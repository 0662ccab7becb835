use crate::content::fixture::{Edit, edited, files, problems, read};
use crate::content::{
    Aura, Channel, Content, ContentFile, DamageKind, Modifier, Outcome, Pulse, Rules, SHIPPED, Side, Stat, Targeting,
    shipped,
};
use proptest::prelude::*;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{ClassId, EffectId, ItemKind, MobKind, SkillId};

#[test]
fn everything_is_counted_in_ticks_subunits_and_thousandths() {
    let content = edited(&[]).unwrap();
    let hit = content.skills.at(SkillId(1));
    assert_eq!((hit.cooldown_ticks, hit.range, hit.ranks_max), (90, 3 * SUBUNITS_PER_M, 1));
    assert_eq!(hit.targeting, Targeting::Unit { side: Side::Enemies });
    let burn = content.skills.at(SkillId(2));
    assert_eq!(
        burn.targeting,
        Targeting::Missile { speed: 20 * SUBUNITS_PER_M / 60 + 1, splash: 0 },
        "27,306.67 a tick"
    );
    let fire = Outcome::Damage { kind: DamageKind::Fire, amount: 1, attack: 0, power: 500 };
    assert_eq!(burn.outcomes, [fire, Outcome::Apply { effect: EffectId(1) }]);
    assert_eq!(content.skills.at(SkillId(3)).channel, Some(Channel { ticks: 240, every_ticks: 60 }));
    let weak = Outcome::Damage { kind: DamageKind::Fire, amount: 1, attack: 0, power: 0 };
    let burning = content.effects.at(EffectId(1));
    assert_eq!((burning.ticks, burning.stacks_max), (360, 3));
    assert_eq!(burning.pulse, Some(Pulse { every_ticks: 60, outcomes: vec![weak] }));
    let aura = Aura { radius: 10 * SUBUNITS_PER_M, side: Side::Allies, effect: EffectId(3) };
    assert_eq!(content.effects.at(EffectId(2)).aura, Some(aura));
    let fighter = content.classes.at(ClassId(1));
    assert_eq!((fighter.base.of(Stat::HealthMax), fighter.base.of(Stat::Speed)), (100, 100));
    assert_eq!(fighter.per_level.of(Stat::HealthMax), 1_250, "hundredths");
    assert_eq!(fighter.kit, [(ItemKind(2), 3)]);
    let loot = content.mobs.at(MobKind(1)).loot[0];
    assert_eq!((loot.chance, loot.count), (500_000, (1, 2)));
    assert_eq!(content.places.spawns[0].respawn_ticks, 3_600);
    assert_eq!(content.places.triggers[0].exit, Some((20 * SUBUNITS_PER_M, 20 * SUBUNITS_PER_M)));
}

#[test]
fn figures_are_counted_as_their_kind_is() {
    let adds = "adds = { attack = 2, critical = 0.05, speed = -0.1, carry_max = 1.5 }\nscales = { attack = 0.25 }";
    let content = edited(&[("items.toml", "adds = { attack = 2 }", adds)]).unwrap();
    let modifier = |stat, flat, share| Modifier { stat, flat, share };
    assert_eq!(
        content.items.at(ItemKind(1)).modifiers,
        [
            modifier(Stat::Attack, 2, 250),
            modifier(Stat::Critical, 50, 0),
            modifier(Stat::Speed, -10, 0),
            modifier(Stat::CarryMax, 1_500, 0),
        ]
    );
}

#[test]
fn what_is_left_out_is_as_it_says() {
    let content = edited(&[("rules.toml", "level_max = 10", "")]).unwrap();
    assert_eq!(content.rules, Rules::default());
    let rat = content.mobs.at(MobKind(1));
    assert_eq!((rat.stroll_percent, rat.leash_radius, rat.aggro_radius), (40, 40 * SUBUNITS_PER_M, 0));
    let bread = content.items.at(ItemKind(2));
    assert_eq!((bread.form, bread.level_min, bread.slot), (2, 1, None));
    assert!(bread.use_.as_ref().unwrap().is_consumed);
}

#[test]
fn each_mistake_is_one_sentence_with_file_key_and_the_nearest_that_is_right() {
    for (file, from, to, sentence) in MISTAKES {
        assert_eq!(problems(&[(file, from, to)]), [*sentence]);
    }
}

/// In which file what becomes what, and what is said to that.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    // Names.
    (
        "skills.toml",
        "\"burning\"",
        "\"burnin\"",
        "skills.toml: burn.outcomes[1].apply: there is no effect \"burnin\"; did you mean \"burning\"?",
    ),
    ("skills.toml", "\"burning\"", "\"fog\"", "skills.toml: burn.outcomes[1].apply: there is no effect \"fog\""),
    ("mobs.toml", "\"hit\"", "\"hot\"", "mobs.toml: rat.skills[1]: there is no skill \"hot\"; did you mean \"hit\"?"),
    (
        "mobs.toml",
        "\"bread\"",
        "\"bred\"",
        "mobs.toml: rat.loot[0].item: there is no item \"bred\"; did you mean \"bread\"?",
    ),
    (
        "classes.toml",
        "bread = 3",
        "braed = 3",
        "classes.toml: fighter.kit.braed: there is no item \"braed\"; did you mean \"bread\"?",
    ),
    (
        "places/test.toml",
        "\"rat\"",
        "\"bat\"",
        "places/test.toml: spawns[0].mob: there is no mob \"bat\"; did you mean \"rat\"?",
    ),
    (
        "items.toml",
        "stack = 5",
        "stack = 5\nclasses = [\"figter\"]",
        "items.toml: bread.classes[0]: there is no class \"figter\"; did you mean \"fighter\"?",
    ),
    ("mobs.toml", "\"burn\", \"hit\"", "\"hit\", \"hit\"", "mobs.toml: rat.skills[1]: \"hit\" is listed twice"),
    ("mobs.toml", "[rat]", "[Bat]\nid = 5\n[rat]", "mobs.toml: \"Bat\" is no name: take 1 to 32 of a-z, 0-9 and _"),
    // Keys.
    ("skills.toml", "mana = 5", "manna = 5", "skills.toml: burn: there is no key manna; did you mean mana?"),
    ("skills.toml", "power = 0.5", "strength = 0.5", "skills.toml: burn.outcomes[0]: there is no key strength"),
    ("rules.toml", "level_max", "level_mx", "rules.toml: there is no key level_mx; did you mean level_max?"),
    (
        "classes.toml",
        "{ health_max = 100 }",
        "{ health_max = 100, manamax = 1 }",
        "classes.toml: fighter.base: there is no key manamax; did you mean mana_max?",
    ),
    ("skills.toml", "target = \"own\"", "target = \"own\"\nrange_m = 3", "skills.toml: rest: there is no key range_m"),
    ("skills.toml", "range_m = 30\n", "", "skills.toml: burn: the key range_m is missing"),
    ("mobs.toml", "id = 1\n", "", "mobs.toml: rat: the key id is missing"),
    (
        "classes.toml",
        "{ health_max = 100 }",
        "{ attack = 1 }",
        "classes.toml: fighter.base: the key health_max is missing",
    ),
    (
        "skills.toml",
        "{ apply = \"burning\" }",
        "{ aply = \"burning\" }",
        "skills.toml: burn.outcomes[1]: an outcome has one of damage, heal, mana, apply, dispel, interrupt_s, launch_m_s, taunt, revive, and here is none; did you mean apply?",
    ),
    (
        "skills.toml",
        "{ heal = 5 }",
        "{ heal = 5, mana = 5 }",
        "skills.toml: rest.outcomes[0]: an outcome has one of damage, heal, mana, apply, dispel, interrupt_s, launch_m_s, taunt, revive, and here is heal and mana",
    ),
    // Types and ranges.
    (
        "skills.toml",
        "cooldown_s = 1.5",
        "cooldown_s = \"1.5\"",
        "skills.toml: hit.cooldown_s must be a number from 0 to 3600, not \"1.5\"",
    ),
    (
        "skills.toml",
        "cooldown_s = 1.5",
        "cooldown_s = -1",
        "skills.toml: hit.cooldown_s must be a number from 0 to 3600, not -1",
    ),
    (
        "skills.toml",
        "cooldown_s = 1.5",
        "cooldown_s = nan",
        "skills.toml: hit.cooldown_s must be a number from 0 to 3600, not nan",
    ),
    (
        "skills.toml",
        "mana = 5",
        "mana = 5.5",
        "skills.toml: burn.mana must be a whole number from 0 to 100000, not 5.5",
    ),
    (
        "skills.toml",
        "target = \"own\"",
        "target = \"self\"",
        "skills.toml: rest.target must be one of \"own\", \"unit\", \"ground\", \"cone\", \"chain\", \"ray\", \"missile\", not \"self\"",
    ),
    (
        "skills.toml",
        "side = \"enemies\"",
        "side = 1",
        "skills.toml: hit.side must be one of \"enemies\", \"allies\", \"everyone\", not 1",
    ),
    ("skills.toml", "id = 3", "id = 0", "skills.toml: rest.id must be a whole number from 1 to 65535, not 0"),
    ("skills.toml", "id = 3", "id = 65_536", "skills.toml: rest.id must be a whole number from 1 to 65535, not 65536"),
    ("effects.toml", "harmful = true", "harmful = 1", "effects.toml: burning.harmful must be true or false, not 1"),
    (
        "classes.toml",
        "skills = [\"hit\"]",
        "skills = \"hit\"",
        "classes.toml: fighter.skills must be a list of names of skills, not \"hit\"",
    ),
    (
        "classes.toml",
        "[\"hit\"]",
        "[1]",
        "classes.toml: fighter.skills[0] must be the name of a skill in quotes, not 1",
    ),
    (
        "items.toml",
        "use = { outcomes = [{ heal = 5 }] }",
        "use = 5",
        "items.toml: bread.use must be a table in braces, not 5",
    ),
    ("skills.toml", "[{ heal = 5 }]", "[5]", "skills.toml: rest.outcomes[0] must be a table in braces, not 5"),
    ("skills.toml", "[{ heal = 5 }]", "[]", "skills.toml: rest.outcomes: 1 to 8 are allowed, not 0"),
    (
        "mobs.toml",
        "[1, 2]",
        "[2, 1]",
        "mobs.toml: rat.loot[0].count must be a whole number from 1 to 1000, or two such as [from, to], not [2, 1]",
    ),
    (
        "places/test.toml",
        "[20, 20]",
        "[20]",
        "places/test.toml: triggers[0].exit_m must be a place in metres like [1500, 1500], not [20]",
    ),
    (
        "places/test.toml",
        "\"Smith\"",
        "\"\"",
        "places/test.toml: vendors[0].name must be a text of 1 to 32 bytes in quotes, not \"\"",
    ),
    ("mobs.toml", "[rat]", "bat = 1\n[rat]", "mobs.toml: bat must be a table that begins with [bat]"),
    // Numbers.
    ("skills.toml", "id = 3", "id = 1", "skills.toml: rest.id: 1 is the number of hit already"),
    // What cannot be together.
    (
        "skills.toml",
        "channel =",
        "cast_s = 1\nchannel =",
        "skills.toml: rest.channel: what is channelled has no cast_s",
    ),
    ("skills.toml", "every_s = 1 }", "every_s = 5 }", "skills.toml: rest.channel.every_s: must be at most length_s"),
    (
        "skills.toml",
        "{ heal = 5 }",
        "{ launch_m_s = 5 }",
        "skills.toml: rest.outcomes: nobody can be thrown away from himself",
    ),
    (
        "effects.toml",
        "{ damage = \"fire\", amount = 1 }",
        "{ taunt = true }",
        "effects.toml: burning.pulse.outcomes[0]: a pulse can only damage, heal or give mana",
    ),
    ("effects.toml", "every_s = 1,", "every_s = 7,", "effects.toml: burning.pulse.every_s: must be at most duration_s"),
    ("effects.toml", "stacks = 3\n", "", "effects.toml: burning: the key stacks is missing"),
    (
        "effects.toml",
        "\"comfort\"",
        "\"warmth\"",
        "effects.toml: warmth.aura.effect: an aura must not give itself, not even by way of others",
    ),
    (
        "effects.toml",
        "duration_s = 3\n",
        "duration_s = 1\n",
        "effects.toml: warmth.aura.effect: comfort must last longer than the second after which it is given anew",
    ),
    (
        "items.toml",
        "value = 5",
        "value = 11",
        "items.toml: stick.value: 11 is above the price, 10: buying and selling would make coins",
    ),
    ("items.toml", "stack = 5", "stack = 5\nbound = true", "items.toml: bread.value: what is bound cannot be sold"),
    (
        "items.toml",
        "stack = 5",
        "stack = 5\ntwo_handed = true",
        "items.toml: bread.two_handed: only what is worn in main_hand takes both hands",
    ),
    (
        "items.toml",
        "stack = 5",
        "stack = 5\nslot = \"ring\"",
        "items.toml: bread.stack: what is worn cannot be stacked",
    ),
    (
        "items.toml",
        "stack = 5",
        "stack = 5\ndurability = 5",
        "items.toml: bread.durability: what has no slot is never worn",
    ),
    (
        "items.toml",
        "stack = 5",
        "stack = 5\nlevel = 11",
        "items.toml: bread.level: nobody gets beyond level 10 (rules.toml: level_max)",
    ),
    (
        "classes.toml",
        "[\"hit\"]",
        "[]",
        "classes.toml: fighter.skills: a class needs at least one skill from the beginning",
    ),
    (
        "classes.toml",
        "{ skill = \"burn\" }",
        "{ skill = \"burn\", needs = [\"rest\"] }",
        "classes.toml: fighter.tree: what is needed goes in a circle: burn, rest, burn",
    ),
    (
        "classes.toml",
        "[\"burn\"]",
        "[\"rest\"]",
        "classes.toml: fighter.tree: what is needed goes in a circle: rest, rest",
    ),
    ("classes.toml", "[\"burn\"]", "[\"hit\"]", "classes.toml: fighter.tree[1].needs[0]: \"hit\" is not in this tree"),
    (
        "classes.toml",
        "{ skill = \"burn\" }",
        "{ skill = \"burn\" }, { skill = \"burn\" }",
        "classes.toml: fighter.tree[1].skill: it is in the tree already",
    ),
    (
        "classes.toml",
        "{ skill = \"burn\" }",
        "{ skill = \"burn\" }, { skill = \"hit\" }",
        "classes.toml: fighter.tree[1].skill: everybody of the class has it from the beginning",
    ),
    (
        "classes.toml",
        "level = 3",
        "level = 11",
        "classes.toml: fighter.tree[1].level: nobody gets beyond level 10 (rules.toml: level_max)",
    ),
    ("classes.toml", "bread = 3", "bread = 6", "classes.toml: fighter.kit: 6 of bread are more than one stack of 5"),
    (
        "mobs.toml",
        "[\"burn\", \"hit\"]",
        "[\"hit\", \"burn\"]",
        "mobs.toml: rat.skills[1]: the last skill must cost nothing, burn takes mana",
    ),
    ("mobs.toml", "[\"burn\", \"hit\"]", "[]", "mobs.toml: rat.skills: a mob needs at least one skill"),
    ("mobs.toml", "[1, 2]", "[1, 6]", "mobs.toml: rat.loot[0].count: 6 of bread are more than one stack of 5"),
    (
        "mobs.toml",
        "level = 1\n",
        "level = 1\naggro_m = 50\n",
        "mobs.toml: rat.leash_m: must be at least aggro_m, or it turns back before it has begun",
    ),
    // Places.
    (
        "places/test.toml",
        "x_m = 50",
        "x_m = 95",
        "places/test.toml: spawns[0]: the circle reaches over the edge of the map, which is 100 m by 100 m",
    ),
    (
        "places/test.toml",
        "y_m = 50",
        "y_m = 5",
        "places/test.toml: spawns[0]: the circle reaches over the edge of the map, which is 100 m by 100 m",
    ),
    (
        "places/test.toml",
        "[20, 20]",
        "[20, 100]",
        "places/test.toml: triggers[0].exit_m: it is outside of the map, which is 100 m by 100 m",
    ),
    ("places/test.toml", "\"stick\"", "\"bread\"", "places/test.toml: vendors[0].sells[0]: bread has no price"),
];

#[test]
fn an_aura_that_gives_itself_by_way_of_another_is_told_of_both() {
    let circle = ("effects.toml", "adds = { health_regen = 10 }", "aura = { radius_m = 5, effect = \"warmth\" }");
    let sentence =
        |name| format!("effects.toml: {name}.aura.effect: an aura must not give itself, not even by way of others");
    assert_eq!(problems(&[circle]), [sentence("warmth"), sentence("comfort")]);
}

#[test]
fn several_mistakes_are_reported_together_each_once() {
    let edits: &[Edit<'_>] = &[
        ("skills.toml", "\"burning\"", "\"burnin\""),
        ("skills.toml", "cooldown_s = 1.5", "cooldown_s = -1"),
        ("classes.toml", "level = 3", "level = 11"),
        ("items.toml", "value = 5", "value = 11"),
        ("mobs.toml", "level = 1", "level = \"one\""),
        ("places/test.toml", "x_m = 50", "x_m = 95"),
        ("rules.toml", "level_max", "level_mx"),
    ];
    // Without its rule the highest level is 30, and the eleventh is fine.
    assert_eq!(problems(edits).len(), edits.len() - 1, "{:?}", problems(edits));
}

#[test]
fn a_file_that_is_no_toml_is_one_sentence_with_its_line_and_blames_nobody_else() {
    let found = problems(&[("items.toml", "price = 10", "price = ")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("items.toml: line 6: ") && found[0].lines().count() == 1, "{found:?}");
}

#[test]
fn a_file_that_is_missing_unknown_or_given_twice_is_named() {
    let mut less = files();
    less.retain(|file| file.name != "effects.toml");
    assert_eq!(read(&less).unwrap_err().0, ["effects.toml is missing"]);
    let more = |name| [files(), vec![ContentFile { name, text: "" }]].concat();
    let unknown = "skils.toml: there is no content file of this name; did you mean skills.toml?";
    assert_eq!(read(&more("skils.toml")).unwrap_err().0, [unknown]);
    assert_eq!(read(&more("rules.toml")).unwrap_err().0, ["rules.toml is given twice"]);
}

#[test]
fn a_map_without_places_is_empty_and_places_of_other_maps_are_not_read() {
    let mut other = files();
    for file in &mut other {
        if file.name == "places/test.toml" {
            *file = ContentFile { name: "places/moon.toml", text: "craters = 1" };
        }
    }
    assert_eq!(read(&other).unwrap().places, crate::content::Places::default());
}

#[test]
fn a_wrong_value_is_told_on_one_line_and_not_at_length() {
    let long = format!("target = \"{}\\n\"", "x".repeat(500));
    let found = problems(&[("skills.toml", "target = \"own\"", &long)]);
    assert_eq!(found.len(), 1);
    assert!(found[0].lines().count() == 1 && found[0].len() < 250, "{found:?}");
}

/// What is done to a line of a file.
#[derive(Clone, Debug)]
enum Mutation {
    Deleted,
    Twice,
    Number(String),
    Letter(u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let numbers = ["0", "-1", "1e300", "nan", "99999999999", "0.00001", "\"1\"", "65536", "[1, 2]", "{}", "true"];
    prop_oneof![
        Just(Mutation::Deleted),
        Just(Mutation::Twice),
        proptest::sample::select(numbers.to_vec()).prop_map(|number| Mutation::Number(number.to_owned())),
        any::<u8>().prop_map(Mutation::Letter),
    ]
}

fn mutate(text: &str, line: usize, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // What is said to people changes nothing: only other lines are chosen.
    let told: Vec<usize> =
        (0..lines.len()).filter(|&at| !lines[at].starts_with('#') && !lines[at].is_empty()).collect();
    let at = told[line % told.len()];
    match mutation {
        Mutation::Deleted => _ = lines.remove(at),
        Mutation::Twice => lines.insert(at, lines[at].clone()),
        Mutation::Number(number) => {
            let start = lines[at].find(|letter: char| letter.is_ascii_digit()).unwrap_or(lines[at].len());
            let rest = lines[at][start..]
                .trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.')
                .to_owned();
            lines[at] = format!("{}{number}{rest}", &lines[at][..start]);
        }
        Mutation::Letter(letter) => {
            let place = usize::from(*letter) % lines[at].len();
            lines[at].replace_range(place..=place, char::from(b'a' + letter % 26).encode_utf8(&mut [0; 4]));
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_is_done_to_the_shipped_files_reading_them_ends_with_content_or_with_sentences(
        changes in prop::collection::vec((0..SHIPPED.len(), any::<prop::sample::Index>(), mutation()), 1..4),
    ) {
        let mut texts: Vec<String> = SHIPPED.iter().map(|file| file.text.to_owned()).collect();
        for (file, line, mutation) in &changes {
            texts[*file] = mutate(&texts[*file], line.index(1 << 16), mutation);
        }
        let files: Vec<ContentFile<'_>> =
            SHIPPED.iter().zip(&texts).map(|(file, text)| ContentFile { name: file.name, text }).collect();
        let side = 3_000 * SUBUNITS_PER_M;
        match Content::read(&files, "meadow", (side, side)) {
            Ok(content) => _ = shipped("meadow").follow(content),
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                for problem in &problems.0 {
                    prop_assert!(problem.lines().count() == 1 && problem.contains(".toml"), "{problem}");
                }
            }
        }
    }
}
