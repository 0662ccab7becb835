//! What a player is told of his own figures: all of them whenever one has changed, ten times a second at most.

use super::{Growth, learn};
use crate::Clock;
use crate::carry::Bag;
use crate::cast::Cooldowns;
use crate::content::{Content, Stat};
use crate::effects::Effects;
use crate::event::Notices;
use crate::fight::{Sheet, Team, Vitals, formula};
use crate::replica::Replica;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::{Component, Entity, Local, Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use protocol::news::Figures;
use protocol::{NetId, News, Tick};
use serde::{Deserialize, Serialize};

/// From one look at somebody's figures to the next: a tenth of a second, as fast as people read bars.
const LOOK_TICKS: u32 = 6;

/// What a player was told last. It decides nothing, and a restored world has told nobody anything: it is not saved, but captured.
#[derive(Clone, Copy, Debug, Default, Component, Serialize, Deserialize)]
pub(crate) struct Told {
    /// None before his entry.
    figures: Option<Figures>,
    /// When they are looked at next.
    next: Tick,
}

/// Everything that figures are read from.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Reader {
    entity: Entity,
    replica: &'static Replica,
    told: &'static mut Told,
    growth: &'static Growth,
    sheet: &'static Sheet,
    vitals: &'static Vitals,
    team: &'static Team,
    effects: &'static Effects,
    cooldowns: &'static Cooldowns,
    bag: &'static Bag,
}

/// Tells all who are to be told, in the order of their ids.
pub(super) fn tell(
    clock: Res<'_, Clock>,
    rulebook: Res<'_, Rulebook>,
    mut players: Query<'_, '_, Reader>,
    mut due: Local<'_, Vec<(NetId, Entity)>>,
    mut notices: ResMut<'_, Notices>,
) {
    let content = &*rulebook.0;
    due.clear();
    for mut one in &mut players {
        // Coins change with an order that is answered in this tick: whoever is told "done" has been told of them, too. Bots that
        // began a trade right after they had picked up a heap counted from what they had before.
        let is_as_rich = one.told.figures.is_some_and(|figures| figures.coins == one.bag.coins);
        if clock.now < one.told.next && is_as_rich {
            continue;
        }
        one.told.next = Tick(clock.now.0.saturating_add(LOOK_TICKS));
        if one.told.figures != Some(figures_of(content, one.growth, one.sheet, one.vitals, *one.team, one.bag)) {
            due.push((one.replica.id, one.entity));
        }
    }
    due.sort_unstable();
    for &(id, entity) in &*due {
        let Ok(mut one) = players.get_mut(entity) else { continue };
        let figures = figures_of(content, one.growth, one.sheet, one.vitals, *one.team, one.bag);
        let before = one.told.figures.replace(figures);
        notices.tell(id, News::Figures(figures));
        if before.is_none() {
            tell_entry(content, id, &one, clock.now, &mut notices);
        }
    }
}

/// What else one is told who has just entered: all that he can do, when he can do it again, and all that lasts on him.
fn tell_entry(content: &Content, id: NetId, one: &ReaderItem<'_, '_>, now: Tick, notices: &mut Notices) {
    let growth = one.growth;
    let of_class = content.classes.find(growth.class).map_or(&[][..], |class| &class.skills);
    for &skill in of_class {
        notices.tell(id, News::Skill { skill, rank: growth.rank(content, skill) });
    }
    for &(skill, rank) in growth.learnt.iter().filter(|(skill, _)| !of_class.contains(skill)) {
        notices.tell(id, News::Skill { skill, rank });
    }
    for (skill, ticks) in one.cooldowns.left(now) {
        notices.tell(id, News::Cooldown { skill, ticks });
    }
    for (kind, ticks) in one.bag.cooldowns_left(now) {
        notices.tell(id, News::ItemCooldown { kind, ticks });
    }
    for active in &one.effects.0 {
        let ticks = active.until.0.saturating_sub(now.0);
        notices.tell(id, News::Effect { effect: active.effect, stacks: active.stacks, ticks });
    }
}

fn figures_of(content: &Content, growth: &Growth, sheet: &Sheet, vitals: &Vitals, team: Team, bag: &Bag) -> Figures {
    let of = |figure: i32| figure.max(0).unsigned_abs();
    let (_, experience) = formula::level_of(growth.experience, &content.rules);
    Figures {
        class: growth.class,
        team: team.0,
        level: sheet.level,
        experience,
        points: learn::points_left(content, growth, sheet.level),
        health: of(vitals.health),
        health_max: of(sheet.now.of(Stat::HealthMax)),
        mana: of(vitals.mana),
        mana_max: of(sheet.now.of(Stat::ManaMax)),
        coins: bag.coins,
        weight: u32::try_from(bag.load(content)).unwrap_or(u32::MAX),
    }
}
