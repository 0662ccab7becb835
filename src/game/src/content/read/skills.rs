//! `skills.toml`.

use super::outcomes::{SIDES, outcomes};
use super::reader::{Reader, Scale};
use crate::content::{Channel, Outcome, Skill, Targeting};
use protocol::SkillId;

/// Longest cast, in seconds: its ticks fit the event that tells of it.
const CAST_MAX: f64 = 60.0;
/// Longest cooldown, in seconds.
const COOLDOWN_MAX: f64 = 3_600.0;
/// Farthest target and widest circle, in metres: what a player is told of.
const REACH_MAX: f64 = 100.0;
/// Fastest missile, in metres a second.
const MISSILE_MAX: f64 = 200.0;
/// Most that a cast takes.
const MANA_MAX: i64 = 100_000;

const _: () = assert!(CAST_MAX as u32 * protocol::unit::TICK_RATE_HZ <= u16::MAX as u32, "CastBegan::ticks");

pub(super) fn skill(reader: &mut Reader<'_>, id: SkillId, name: String) -> Skill {
    reader.needs(&["target"]);
    let cast_ticks = reader.seconds("cast_s", 0.0..=CAST_MAX).unwrap_or_default();
    let channel = reader.inner("channel", channel);
    if channel.is_some() && cast_ticks > 0 {
        reader.complain("channel", "what is channelled has no cast_s");
    }
    let (targeting, range) = targeting(reader);
    let skill = Skill {
        id,
        name,
        mana: reader.whole("mana", 0..=MANA_MAX).unwrap_or_default(),
        cast_ticks,
        channel,
        cooldown_ticks: reader.seconds("cooldown_s", 0.0..=COOLDOWN_MAX).unwrap_or_default(),
        is_off_global: reader.flag("off_global").unwrap_or_default(),
        is_mobile: reader.flag("mobile").unwrap_or_default(),
        range,
        targeting,
        outcomes: outcomes(reader),
        ranks_max: reader.whole("ranks", 1..=10).unwrap_or(1),
    };
    let is_thrown_alone = skill.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Launch { .. }));
    if is_thrown_alone && targeting == Targeting::Own {
        reader.complain("outcomes", "nobody can be thrown away from himself");
    }
    skill
}

fn channel(reader: &mut Reader<'_>) -> Channel {
    reader.needs(&["length_s", "every_s"]);
    let ticks = reader.seconds("length_s", 0.1..=CAST_MAX).unwrap_or(1);
    let every_ticks = reader.seconds("every_s", 0.1..=CAST_MAX).unwrap_or(1);
    if every_ticks > ticks {
        reader.complain("every_s", "must be at most length_s");
    }
    Channel { ticks, every_ticks }
}

/// Which keys of a way to find targets are there.
#[derive(Clone, Copy)]
enum Way {
    Own,
    Unit,
    Ground,
    Cone,
    Chain,
    Ray,
    Missile,
}

const WAYS: [(&str, Way); 7] = [
    ("own", Way::Own),
    ("unit", Way::Unit),
    ("ground", Way::Ground),
    ("cone", Way::Cone),
    ("chain", Way::Chain),
    ("ray", Way::Ray),
    ("missile", Way::Missile),
];

/// Whom it reaches, and how far.
fn targeting(reader: &mut Reader<'_>) -> (Targeting, i32) {
    let Some(way) = reader.word("target", &WAYS) else {
        // What else there is can only be judged once this is known.
        for key in ["range_m", "side", "radius_m", "angle_deg", "jumps", "reach_m", "falloff", "speed_m_s", "splash_m"]
        {
            reader.forget(key);
        }
        return (Targeting::Own, 0);
    };
    let needed: &[&'static str] = match way {
        Way::Own => &[],
        Way::Unit => &["range_m", "side"],
        Way::Ground => &["range_m", "side", "radius_m"],
        Way::Cone => &["range_m", "side", "angle_deg"],
        Way::Chain => &["range_m", "side", "jumps", "reach_m"],
        Way::Ray => &["range_m"],
        Way::Missile => &["range_m", "speed_m_s"],
    };
    reader.needs(needed);
    let range = if needed.is_empty() { None } else { reader.metres("range_m", 0.5..=REACH_MAX) };
    let side = if needed.contains(&"side") { reader.word("side", &SIDES) } else { None };
    let side = side.unwrap_or(crate::content::Side::Enemies);
    let targeting = match way {
        Way::Own => Targeting::Own,
        Way::Unit => Targeting::Unit { side },
        Way::Ground => {
            Targeting::Ground { radius: reader.metres("radius_m", 0.5..=REACH_MAX).unwrap_or_default(), side }
        }
        Way::Cone => {
            let angle = reader.scaled("angle_deg", Scale::ANGLE, 1.0..=360.0);
            Targeting::Cone { angle: angle.unwrap_or_default() as u16, side }
        }
        Way::Chain => Targeting::Chain {
            jumps: reader.whole("jumps", 1..=10).unwrap_or_default(),
            reach: reader.metres("reach_m", 0.5..=REACH_MAX).unwrap_or_default(),
            falloff: reader.share("falloff", 0.0..=2.0).unwrap_or(1_000) as u16,
            side,
        },
        Way::Ray => Targeting::Ray,
        Way::Missile => Targeting::Missile {
            speed: reader.scaled("speed_m_s", Scale::SUBUNITS_PER_TICK, 1.0..=MISSILE_MAX).unwrap_or_default(),
            splash: reader.metres("splash_m", 0.0..=REACH_MAX).unwrap_or_default(),
        },
    };
    (targeting, range.unwrap_or_default())
}
