//! The rules of the game, checked again from the outside: what a bot is told of itself must be able to be true.
//!
//! Nothing here comes from the server's code but the content and its constants. Ticks of events are exact, so cooldowns are
//! judged to the tick; what is known late, as mana is, is judged with a margin.

mod wares;

pub use wares::judge_deal;

use super::orders::Asked;
use super::sheet::Sheet;
use game::content::{Content, EQUIP_SLOTS, Rules as Constants};
use protocol::event::CastEnd;
use protocol::news::{BAG_SLOTS, Figures, WORN};
use protocol::{Command, GameEvent, ItemId, News, SkillId, Tick};
use rudp::time::NS_PER_S;
use std::collections::BTreeMap;

/// An answer may be of this many ticks after the newest that was heard of.
const AHEAD_TICKS: u32 = 3;
/// Mana is told ten times a second and may have grown since: an eighth of the most, and this much.
const MANA_MARGIN: u32 = 5;
/// What two sources say must agree at last: 5 s.
const AGREE_NS_MAX: u64 = 5 * NS_PER_S;

/// What is remembered from one news or event to the next, of one session.
#[derive(Debug, Default)]
pub struct Rules {
    /// The cast under way, and when it began.
    casting: Option<(SkillId, Tick)>,
    /// When the last cast began that is on the global cooldown.
    global: Option<Tick>,
    /// All experience when the session began, and gained since by the events.
    grown: Option<(u64, u64)>,
    /// Since when experience by the figures is not that by the events.
    astray_ns: Option<u64>,
    /// Since when two items are in one slot.
    crowded_ns: Option<u64>,
}

impl Rules {
    /// Whether a cast is under way, and which.
    pub fn casting(&self) -> Option<SkillId> {
        self.casting.map(|(skill, _)| skill)
    }

    /// News came; `sheet` is from before.
    ///
    /// # Errors
    /// What cannot be, in words.
    pub fn on_news(&mut self, content: &Content, sheet: &Sheet, news: &News) -> Result<(), String> {
        match news {
            News::Figures(figures) => {
                let total = experience(figures, &content.rules);
                self.grown.get_or_insert((total, 0));
                judge_figures(content, sheet, figures)
            }
            News::Item(row) => {
                let Some(kind) = content.items.find(row.kind) else { return Err(format!("{row:?} is of no kind")) };
                let is_slot = row.slot < BAG_SLOTS || (WORN..WORN + EQUIP_SLOTS as u8).contains(&row.slot);
                let is_count = (1..=kind.stack_max.max(1)).contains(&row.count);
                let is_kind = sheet.items.get(&row.item).is_none_or(|before| before.kind == row.kind);
                let is_whole = row.durability <= kind.durability_max;
                if is_slot && is_count && is_kind && is_whole { Ok(()) } else { Err(format!("{row:?} cannot be")) }
            }
            News::ItemGone { item } if !sheet.items.contains_key(item) => {
                Err(format!("{item:?} is gone, which was never there"))
            }
            News::Skill { skill, rank } => {
                let most = content.skills.find(*skill).map_or(0, |skill| skill.ranks_max.max(1));
                if *rank >= 1 && *rank <= most { Ok(()) } else { Err(format!("{skill:?} has the rank {rank}")) }
            }
            News::Trade(trade) => {
                let own = trade.own.items.iter().all(|(item, kind, count)| {
                    sheet.items.get(item).is_some_and(|row| row.kind == *kind && *count >= 1 && *count <= row.count)
                });
                if own { Ok(()) } else { Err(format!("{:?} is offered, which is not there", trade.own)) }
            }
            _ => Ok(()),
        }
    }

    /// A cast was taken: by what the bot knew, could it be? `newest` is the newest tick heard of now.
    ///
    /// # Errors
    /// Which rule forbids it.
    pub fn on_cast(&self, content: &Content, sheet: &Sheet, asked: &Asked, newest: Tick) -> Result<(), String> {
        let Command::Cast(cast) = asked.command else { return Ok(()) };
        let Some(skill) = content.skills.find(cast.skill) else {
            return Err(format!("{:?} was cast, which is no skill", cast.skill));
        };
        let (knew, name) = (asked.knew, &skill.name);
        if knew.is_dead && sheet.is_dead {
            return Err(format!("{name} was cast by the dead"));
        }
        if !knew.is_learnt && !sheet.skills.contains_key(&skill.id) {
            return Err(format!("{name} was cast and never learnt"));
        }
        if let Some(ready) = knew.ready
            && ready.0 > newest.0 + AHEAD_TICKS
        {
            return Err(format!("{name} was cast by tick {}, and is ready at {}", newest.0, ready.0));
        }
        let margin = sheet.figures.mana_max / 8 + MANA_MARGIN;
        let most = knew.mana.max(sheet.figures.mana).saturating_add(margin);
        if skill.mana > most { Err(format!("{name} takes {} mana of {most} at most", skill.mana)) } else { Ok(()) }
    }

    /// Something happened to this bot or by it.
    ///
    /// # Errors
    /// Which rule forbids it.
    pub fn on_event(
        &mut self,
        content: &Content,
        sheet: &mut Sheet,
        tick: Tick,
        event: &GameEvent,
    ) -> Result<(), String> {
        match *event {
            GameEvent::CastBegan { by, skill, .. } if by == sheet.own => {
                let judged = self.begin(content, sheet, skill, tick);
                self.casting = Some((skill, tick));
                judged
            }
            GameEvent::CastEnded { by, skill, end } if by == sheet.own => self.end(content, sheet, skill, end, tick),
            GameEvent::Experience { amount } => {
                if let Some((_, gained)) = &mut self.grown {
                    *gained += u64::from(amount);
                }
                Ok(())
            }
            GameEvent::LevelUp { who, level } if who == sheet.own => {
                let most = content.rules.level_max;
                let before = sheet.figures.level;
                if level <= most && (!sheet.is_known || level >= before) {
                    Ok(())
                } else {
                    Err(format!("level {level} was reached from {before}"))
                }
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, content: &Content, sheet: &Sheet, skill: SkillId, tick: Tick) -> Result<(), String> {
        let Some(kind) = content.skills.find(skill) else { return Err(format!("{skill:?} began, which is no skill")) };
        if let Some(ready) = sheet.ready.get(&skill).filter(|ready| **ready > tick) {
            return Err(format!("{} began at tick {}, and is ready at {}", kind.name, tick.0, ready.0));
        }
        if kind.is_off_global {
            return Ok(());
        }
        // Haste takes half of it at most.
        let least = content.rules.global_cooldown_ticks / 2;
        match self.global.replace(tick) {
            Some(before) if tick.since(before) < least => {
                Err(format!("{} began {} ticks after the cast before it", kind.name, tick.since(before)))
            }
            _ => Ok(()),
        }
    }

    fn end(
        &mut self,
        content: &Content,
        sheet: &mut Sheet,
        skill: SkillId,
        end: CastEnd,
        tick: Tick,
    ) -> Result<(), String> {
        let was_casting = self.casting.take_if(|(under_way, _)| *under_way == skill).is_some();
        let judged = if end == CastEnd::Done && !was_casting {
            // What takes no time is not told when it begins.
            self.begin(content, sheet, skill, tick)
        } else {
            Ok(())
        };
        let kind = content.skills.find(skill);
        let cools = end == CastEnd::Done || was_casting && kind.is_some_and(|kind| kind.channel.is_some());
        if let Some(kind) = kind.filter(|kind| cools && kind.cooldown_ticks > 0) {
            sheet.ready.insert(skill, Tick(tick.0 + kind.cooldown_ticks));
        }
        judged
    }

    /// What must agree at last, looked at now and then.
    ///
    /// # Errors
    /// What has not agreed for too long.
    pub fn look(&mut self, content: &Content, sheet: &Sheet, now_ns: u64) -> Result<(), String> {
        if let Some((from, gained)) = self.grown {
            let told = experience(&sheet.figures, &content.rules);
            if is_overdue(&mut self.astray_ns, told != from + gained, now_ns) {
                // Once: from here on it is counted anew.
                self.grown = Some((told, 0));
                return Err(format!("experience is {told}, and was {from} with {gained} gained since"));
            }
        }
        let shared = two_in_one(&sheet.items);
        if is_overdue(&mut self.crowded_ns, shared.is_some(), now_ns) {
            return Err(format!("two items are in one slot: {shared:?}"));
        }
        Ok(())
    }
}

/// Whether something has been wrong for too long.
fn is_overdue(since_ns: &mut Option<u64>, is_wrong: bool, now_ns: u64) -> bool {
    if !is_wrong {
        *since_ns = None;
        return false;
    }
    let is_over = *since_ns.get_or_insert(now_ns) + AGREE_NS_MAX < now_ns;
    if is_over {
        *since_ns = Some(now_ns);
    }
    is_over
}

fn judge_figures(content: &Content, sheet: &Sheet, figures: &Figures) -> Result<(), String> {
    let rules = &content.rules;
    let Figures { class, team, level, experience, points, health, health_max, mana, mana_max, .. } = *figures;
    let is_level = (1..=rules.level_max).contains(&level);
    let is_grown = level == rules.level_max || experience < to_next(level, rules);
    let is_share = health <= health_max && mana <= mana_max && health_max > 0;
    let is_spent = u32::from(points) <= u32::from(level.saturating_sub(1)) * u32::from(rules.points_per_level);
    let before = &sheet.figures;
    let is_same = !sheet.is_known || (before.class == class && before.team == team && before.level <= level);
    let is_class = content.classes.find(class).is_some();
    if is_level && is_grown && is_share && is_spent && is_same && is_class {
        Ok(())
    } else {
        Err(format!("{figures:?} cannot be"))
    }
}

/// Experience from a level to the next, as the rules of the content say.
fn to_next(level: u8, rules: &Constants) -> u64 {
    let n = u64::from(level);
    u64::from(rules.experience_base) * n + u64::from(rules.experience_growth) * n * n.saturating_sub(1)
}

/// All that one with these figures ever gained.
fn experience(figures: &Figures, rules: &Constants) -> u64 {
    (1..figures.level).map(|level| to_next(level, rules)).sum::<u64>() + figures.experience
}

/// Two items in one slot, if there are any.
fn two_in_one(items: &BTreeMap<ItemId, protocol::news::ItemRow>) -> Option<(ItemId, ItemId)> {
    let mut taken: [Option<ItemId>; 256] = [None; 256];
    items.values().find_map(|row| {
        let before = taken[usize::from(row.slot)].replace(row.item)?;
        Some((before, row.item))
    })
}

#[cfg(test)]
mod tests;
