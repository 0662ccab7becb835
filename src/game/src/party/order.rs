//! Orders about parties, and what their members are told.

use super::Parties;
use crate::Clock;
use crate::bond::Bonds;
use crate::event::Notices;
use crate::fight::Team;
use crate::order::{Answers, Desk, Orders};
use crate::player::Avatar;
use crate::roster::Roster;
use bevy_ecs::prelude::{Query, Res, ResMut, With};
use protocol::command::PartyStep;
use protocol::{Command, NetId, News, Refusal};

/// One after the other, in the order in which they were given. The dead may: it is talk.
#[expect(clippy::too_many_arguments, reason = "a system names all that it touches")]
pub(super) fn carry_out(
    clock: Res<'_, Clock>,
    orders: Res<'_, Orders>,
    roster: Res<'_, Roster>,
    teams: Query<'_, '_, &Team, With<Avatar>>,
    mut parties: ResMut<'_, Parties>,
    mut bonds: ResMut<'_, Bonds>,
    mut answers: ResMut<'_, Answers>,
    mut notices: ResMut<'_, Notices>,
) {
    let team = |id: NetId| roster.entity(id).and_then(|entity| teams.get(entity).ok()).copied();
    for order in orders.of(Desk::Party) {
        let (Command::Party(step), by) = (order.command, order.by) else { continue };
        // Whoever has gone since he gave it waits for no answer.
        let Some(own) = team(by) else { continue };
        let result = match step {
            PartyStep::Invite { who } if who == by => Err(Refusal::Oneself),
            PartyStep::Invite { who } => match team(who) {
                None => Err(Refusal::UnknownTarget),
                Some(other) if own.may_fight(other) => Err(Refusal::WrongSide),
                Some(_) => {
                    let invited = parties.invite(by, who, clock.now);
                    if invited.is_ok() {
                        notices.tell(who, News::PartyInvited { by });
                    }
                    invited
                }
            },
            PartyStep::Accept => parties.accept(by, clock.now, &mut bonds),
            PartyStep::Decline => parties.take_invitation(by, clock.now).map(|_| ()),
            PartyStep::Leave => parties.leave(by, &mut bonds),
            PartyStep::Kick { who } => parties.kick(by, who, &mut bonds),
            PartyStep::Lead { who } => parties.lead(by, who),
            PartyStep::Rule { rule } => parties.set_rule(by, rule),
        };
        answers.answer(order, result);
    }
}

/// Tells all whose party has changed what it is now, once.
pub(super) fn tell(mut parties: ResMut<'_, Parties>, mut notices: ResMut<'_, Notices>) {
    if parties.untold.is_empty() {
        return;
    }
    let mut untold = std::mem::take(&mut parties.untold);
    untold.sort_unstable();
    untold.dedup();
    for id in untold.drain(..) {
        notices.tell(id, News::Party(parties.news(id)));
    }
    parties.untold = untold;
}
