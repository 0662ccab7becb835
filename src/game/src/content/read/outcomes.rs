//! What is done to a target: `outcomes = [{ damage = "fire", amount = 30, power = 0.5 }, { apply = "burning" }]`. The
//! first word of each says which it is.

use super::reader::{Reader, Scale};
use crate::content::spelling::nearest;
use crate::content::{DamageKind, Outcome, School, Side};

/// Most outcomes of one thing.
pub(super) const OUTCOMES_MAX: usize = 8;
/// Most that one outcome does by itself.
const AMOUNT_MAX: i64 = 100_000;
/// Most of an attacker's attack or power that one outcome adds, in parts of it.
const SHARE_MAX: f64 = 20.0;
/// Fastest throw along the ground or upwards, in metres a second.
const LAUNCH_MAX: f64 = 20.0;

/// The words that say which outcome it is.
const WORDS: [&str; 9] = ["damage", "heal", "mana", "apply", "dispel", "interrupt_s", "launch_m_s", "taunt", "revive"];

/// The sides by their words.
pub(super) const SIDES: [(&str, Side); 3] =
    [("enemies", Side::Enemies), ("allies", Side::Allies), ("everyone", Side::Everyone)];

/// A list of outcomes; at least one.
pub(super) fn outcomes(reader: &mut Reader<'_>) -> Vec<Outcome> {
    if !reader.has("outcomes") {
        reader.needs(&["outcomes"]);
        return Vec::new();
    }
    let Some(outcomes) = reader.each("outcomes", outcome) else { return Vec::new() };
    if outcomes.is_empty() || outcomes.len() > OUTCOMES_MAX {
        reader.complain("outcomes", &format!("1 to {OUTCOMES_MAX} are allowed, not {}", outcomes.len()));
    }
    outcomes.into_iter().flatten().collect()
}

fn outcome(reader: &mut Reader<'_>) -> Option<Outcome> {
    let found: Vec<&'static str> = WORDS.into_iter().filter(|word| reader.has(word)).collect();
    let &[word] = found.as_slice() else {
        complain_of_words(reader, &found);
        return None;
    };
    match word {
        "damage" => damage(reader),
        "heal" => {
            let power = part(reader, "power");
            reader.whole("heal", 0..=AMOUNT_MAX).map(|amount| Outcome::Heal { amount, power })
        }
        "mana" => reader.whole("mana", -AMOUNT_MAX..=AMOUNT_MAX).map(|amount| Outcome::Mana { amount }),
        "apply" => reader.named("apply").map(|effect| Outcome::Apply { effect }),
        "dispel" => {
            let is_harmful = reader.flag("harmful").unwrap_or(true);
            let count = reader.whole("count", 1..=100).unwrap_or(1);
            let school = reader.word("dispel", &School::ALL.map(|school| (school.key(), school)));
            school.map(|school| Outcome::Dispel { school, is_harmful, count })
        }
        "interrupt_s" => reader.seconds("interrupt_s", 0.0..=60.0).map(|lock_ticks| Outcome::Interrupt { lock_ticks }),
        "launch_m_s" => {
            let up = reader.scaled("up_m_s", Scale::SUBUNITS_PER_TICK, 0.0..=LAUNCH_MAX).unwrap_or_default();
            let speed = reader.scaled("launch_m_s", Scale::SUBUNITS_PER_TICK, 0.0..=LAUNCH_MAX);
            speed.map(|speed| Outcome::Launch { speed, up })
        }
        "taunt" => taunt(reader),
        _ => reader.share("revive", 0.001..=1.0).map(|health| Outcome::Revive { health: health as u16 }),
    }
}

/// Without its word, or with two, nobody knows what the other keys are.
fn complain_of_words(reader: &mut Reader<'_>, found: &[&str]) {
    let typed = reader.forget_all();
    let words = WORDS.join(", ");
    let found = if found.is_empty() {
        let hint = typed.iter().find_map(|key| nearest(key, WORDS));
        hint.map_or_else(|| "none".to_owned(), |word| format!("none; did you mean {word}?"))
    } else {
        found.join(" and ")
    };
    reader.complain("", &format!("an outcome has one of {words}, and here is {found}"));
}

fn damage(reader: &mut Reader<'_>) -> Option<Outcome> {
    let amount = reader.whole("amount", 0..=AMOUNT_MAX).unwrap_or_default();
    let (attack, power) = (part(reader, "attack"), part(reader, "power"));
    let kind = reader.word("damage", &DamageKind::ALL.map(|kind| (kind.key(), kind)));
    kind.map(|kind| Outcome::Damage { kind, amount, attack, power })
}

fn taunt(reader: &mut Reader<'_>) -> Option<Outcome> {
    let is_meant = reader.flag("taunt")?;
    if !is_meant {
        reader.complain("taunt", "leave it out instead of saying false");
    }
    is_meant.then_some(Outcome::Taunt)
}

fn part(reader: &mut Reader<'_>, key: &'static str) -> u32 {
    reader.share(key, 0.0..=SHARE_MAX).map_or(0, i32::unsigned_abs)
}
