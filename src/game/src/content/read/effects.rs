//! `effects.toml`.

use super::figures::modifiers;
use super::outcomes::{SIDES, outcomes};
use super::reader::Reader;
use crate::content::{Aura, Effect, Holds, Outcome, Pulse, School, Side, Stacking};
use protocol::EffectId;

/// Longest effect, in seconds: a day.
const DURATION_MAX: f64 = 86_400.0;
/// Widest aura, in metres.
const RADIUS_MAX: f64 = 100.0;

const STACKINGS: [(&str, Stacking); 4] = [
    ("refresh", Stacking::Refresh),
    ("extend", Stacking::Extend),
    ("stack", Stacking::Stack),
    ("separate", Stacking::Separate),
];

pub(super) fn effect(reader: &mut Reader<'_>, id: EffectId, name: String) -> Effect {
    reader.needs(&["duration_s"]);
    let ticks = reader.seconds("duration_s", 0.1..=DURATION_MAX).unwrap_or_default();
    let stacking = reader.word("stacking", &STACKINGS).unwrap_or(Stacking::Refresh);
    let stacks_max = if stacking == Stacking::Stack {
        reader.needs(&["stacks"]);
        reader.whole("stacks", 2..=100).unwrap_or(2)
    } else {
        1
    };
    let pulse = reader.inner("pulse", pulse);
    if ticks > 0 && pulse.as_ref().is_some_and(|pulse| pulse.every_ticks > ticks) {
        reader.complain("pulse.every_s", "must be at most duration_s");
    }
    Effect {
        id,
        name,
        ticks,
        is_harmful: reader.flag("harmful").unwrap_or_default(),
        school: reader.word("school", &School::ALL.map(|school| (school.key(), school))),
        stacking,
        stacks_max,
        modifiers: modifiers(reader),
        holds: holds(reader),
        absorbs: reader.whole("absorbs", 1..=1_000_000).unwrap_or_default(),
        pulse,
        aura: reader.inner("aura", aura).flatten(),
    }
}

fn holds(reader: &mut Reader<'_>) -> Holds {
    Holds {
        root: reader.flag("root").unwrap_or_default(),
        silence: reader.flag("silence").unwrap_or_default(),
        stun: reader.flag("stun").unwrap_or_default(),
        immune: reader.flag("immune").unwrap_or_default(),
    }
}

fn pulse(reader: &mut Reader<'_>) -> Pulse {
    reader.needs(&["every_s"]);
    let every_ticks = reader.seconds("every_s", 0.1..=DURATION_MAX).unwrap_or(1);
    let outcomes = outcomes(reader);
    for (at, outcome) in outcomes.iter().enumerate() {
        if !matches!(outcome, Outcome::Damage { .. } | Outcome::Heal { .. } | Outcome::Mana { .. }) {
            reader.complain(&format!("outcomes[{at}]"), "a pulse can only damage, heal or give mana");
        }
    }
    Pulse { every_ticks, outcomes }
}

fn aura(reader: &mut Reader<'_>) -> Option<Aura> {
    reader.needs(&["radius_m", "effect"]);
    let radius = reader.metres("radius_m", 0.5..=RADIUS_MAX);
    let side = reader.word("side", &SIDES).unwrap_or(Side::Allies);
    let effect = reader.named("effect");
    Some(Aura { radius: radius?, side, effect: effect? })
}
