//! Orders about skills and coming back.

use super::revive::{self, may_return};
use super::{Growth, learn};
use crate::chance::Dice;
use crate::effects::Effects;
use crate::event::Happenings;
use crate::fight::{Harm, Sheet, Vitals};
use crate::ledger::Ledger;
use crate::movement::{Ground, Mobile};
use crate::order::{Answers, Desk, Orders};
use crate::player::{self, Avatar};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::{Clock, Seed};
use bevy_ecs::prelude::{Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use bevy_ecs::system::SystemParam;
use protocol::motion::Body;
use protocol::{Command, GameEvent, NetId, Refusal, SkillId};

/// Everything of a player that such an order asks about or changes.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Learner {
    avatar: &'static Avatar,
    growth: &'static Growth,
    vitals: &'static mut Vitals,
    sheet: &'static mut Sheet,
    effects: &'static mut Effects,
    harm: &'static mut Harm,
    mobile: &'static mut Mobile,
}

/// What every such order needs.
#[derive(SystemParam)]
pub(super) struct Scene<'w> {
    clock: Res<'w, Clock>,
    seed: Res<'w, Seed>,
    rulebook: Res<'w, Rulebook>,
    ground: Res<'w, Ground>,
    ledger: ResMut<'w, Ledger>,
    happenings: ResMut<'w, Happenings>,
}

/// One after the other, in the order in which they were given.
pub(super) fn carry_out(
    mut scene: Scene<'_>,
    orders: Res<'_, Orders>,
    roster: Res<'_, Roster>,
    mut learners: Query<'_, '_, Learner>,
    mut answers: ResMut<'_, Answers>,
) {
    for order in orders.of(Desk::Growth) {
        let Some(Ok(mut one)) = roster.entity(order.by).map(|entity| learners.get_mut(entity)) else { continue };
        let result = match order.command {
            // Answered when the disk has it.
            Command::Learn { skill } => match scene.learn((order.by, order.number), &one, skill) {
                Ok(()) => continue,
                refused => refused,
            },
            _ => scene.bring_back(order.by, &mut one),
        };
        answers.answer(order, result);
    }
}

impl Scene<'_> {
    fn learn(&mut self, order: (NetId, u16), one: &LearnerItem<'_, '_>, skill: SkillId) -> Result<(), Refusal> {
        if one.vitals.is_dead() {
            return Err(Refusal::Dead);
        }
        let known = (one.growth, one.sheet.level);
        let entry = learn::learn(&self.rulebook.0, &self.ledger, one.avatar.character, known, skill)?;
        self.ledger.ask(Some(order), vec![entry]);
        Ok(())
    }

    /// He is indexed where he fell until the coming tick: who strikes there in this one may still reach him.
    fn bring_back(&mut self, id: NetId, one: &mut LearnerItem<'_, '_>) -> Result<(), Refusal> {
        let content = &*self.rulebook.0;
        may_return(&one.vitals, &content.rules, self.clock.now)?;
        let dice = Dice::new(self.seed.0, self.clock.now);
        let Body { x, y, .. } = one.mobile.0;
        one.mobile.0 = revive::graveyard(content, &self.ground.0, dice, id, (x, y)).unwrap_or_else(|| {
            // Where he lies is free: a map without a free place in its middle leaves him there.
            player::place(&self.ground.0, self.seed.0, self.clock.now, one.avatar.character, None).unwrap_or(Body {
                x,
                y,
                ..Body::default()
            })
        });
        *one.vitals = revive::revived(&one.sheet, &content.rules);
        one.effects.0.clear();
        one.harm.0.clear();
        one.sheet.is_stale = true;
        self.happenings.tell(id, GameEvent::Revived { who: id });
        Ok(())
    }
}
