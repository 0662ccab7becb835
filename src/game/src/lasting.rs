//! What was going on with a player when he left, as part of his record.
//!
//! Time goes on only while he is in the world: whoever comes back has as many ticks left of each cooldown and each effect as
//! when he went. So leaving neither ends a cooldown or a curse, nor does a blessing run out while nobody has it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::Cursor;
use crate::effects::EFFECTS_MAX;
use crate::growth::SKILLS_MAX;
use crate::records::RecordError;
use arrayvec::ArrayVec;
use protocol::{EffectId, ItemKind, SkillId};

/// Most kinds of items that are remembered as not ready; of more, those that are ready last are. The shipped content has 16
/// that can be used, and nobody uses twice as many within their cooldowns.
pub const ITEM_COOLDOWNS_MAX: usize = 32;

/// What waits for somebody who has left; times in ticks that are left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lasting {
    /// Until a skill that waits for the global cooldown may begin.
    pub global_ticks: u32,
    /// Until anything may be cast again after an interruption.
    pub locked_ticks: u32,
    /// Skills that are not ready.
    pub skills: ArrayVec<(SkillId, u32), SKILLS_MAX>,
    /// Kinds of items that are not ready.
    pub items: ArrayVec<(ItemKind, u32), ITEM_COOLDOWNS_MAX>,
    /// Effects, in the order in which they came.
    pub effects: ArrayVec<LastingEffect, EFFECTS_MAX>,
}

/// An effect on somebody who has left. Who put it there is not known any more, unless he did himself; how strong that one
/// was is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastingEffect {
    /// Which.
    pub effect: EffectId,
    /// Whether he put it there himself.
    pub is_own: bool,
    /// How often; 1 or more.
    pub stacks: u8,
    /// Ticks until it ends.
    pub ticks: u32,
    /// Ticks until it does something next.
    pub next_ticks: u32,
    /// Damage that it still takes.
    pub absorbs: u32,
    /// Level of who put it there; 1 if a rule did.
    pub level: u8,
    /// His attack, power, critical chance and threat, in the units of the figures.
    pub force: [i32; 4],
}

impl Lasting {
    /// Most bytes that it takes: two times, and three counted lists.
    pub(crate) const BYTES_MAX: usize =
        2 * 4 + (1 + SKILLS_MAX * 6) + (1 + ITEM_COOLDOWNS_MAX * 6) + (1 + EFFECTS_MAX * LastingEffect::BYTES);

    /// Appends it to `bytes`: the two times as u32; u8 count and the skills, u8 count and the items, each u16 and u32; u8
    /// count and the effects, field by field; all little-endian.
    pub(crate) fn to_bytes(&self, bytes: &mut Vec<u8>) {
        for ticks in [self.global_ticks, self.locked_ticks] {
            bytes.extend_from_slice(&ticks.to_le_bytes());
        }
        let skills = self.skills.iter().map(|&(skill, ticks)| (skill.0, ticks));
        put_times(self.skills.len(), skills, bytes);
        put_times(self.items.len(), self.items.iter().map(|&(kind, ticks)| (kind.0, ticks)), bytes);
        bytes.push(self.effects.len() as u8);
        self.effects.iter().for_each(|effect| effect.to_bytes(bytes));
    }

    pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            global_ticks: cursor.u32()?,
            locked_ticks: cursor.u32()?,
            skills: list("cooldowns", cursor, |cursor| Ok((SkillId(cursor.u16()?), cursor.u32()?)))?,
            items: list("item cooldowns", cursor, |cursor| Ok((ItemKind(cursor.u16()?), cursor.u32()?)))?,
            effects: list("effects", cursor, LastingEffect::take)?,
        })
    }
}

impl LastingEffect {
    const BYTES: usize = 2 + 1 + 1 + 3 * 4 + 1 + 4 * 4;

    fn to_bytes(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.effect.0.to_le_bytes());
        bytes.extend_from_slice(&[u8::from(self.is_own), self.stacks]);
        for number in [self.ticks, self.next_ticks, self.absorbs] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.push(self.level);
        for figure in self.force {
            bytes.extend_from_slice(&figure.to_le_bytes());
        }
    }

    fn take(cursor: &mut Cursor<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            effect: EffectId(cursor.u16()?),
            is_own: within("is_own", cursor.u8()?, 0, 1)? == 1,
            stacks: within("stacks", cursor.u8()?, 1, u8::MAX)?,
            ticks: cursor.u32()?,
            next_ticks: cursor.u32()?,
            absorbs: cursor.u32()?,
            level: cursor.u8()?.max(1),
            force: [cursor.i32()?, cursor.i32()?, cursor.i32()?, cursor.i32()?],
        })
    }
}

fn put_times(len: usize, times: impl Iterator<Item = (u16, u32)>, bytes: &mut Vec<u8>) {
    bytes.push(len as u8);
    for (number, ticks) in times {
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(&ticks.to_le_bytes());
    }
}

fn list<'a, T, const MOST: usize>(
    field: &'static str,
    cursor: &mut Cursor<'a>,
    take: impl Fn(&mut Cursor<'a>) -> Result<T, RecordError>,
) -> Result<ArrayVec<T, MOST>, RecordError> {
    let len = within(field, cursor.u8()?, 0, MOST as u8)?;
    (0..len).map(|_| take(cursor)).collect()
}

fn within(field: &'static str, value: u8, least: u8, most: u8) -> Result<u8, RecordError> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        Err(RecordError::OutOfWorld { field, value: i32::from(value) })
    }
}

const _: () = assert!(SKILLS_MAX < 256 && ITEM_COOLDOWNS_MAX < 256 && EFFECTS_MAX < 256, "counts have one byte");
