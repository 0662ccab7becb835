//! What is made of evidence: claims are held against the truth, and whoever goes beyond a limit is dealt with by policy.

use super::Realm;
use super::chronicle::Matter;
use super::evidence::{Action, Believed, Evidence, Suspicion, is_impossible};
use super::player::Stage;
use crate::SessionId;
use crate::outbound::Outbound;
use protocol::message::Claim;
use protocol::{AccountId, CharacterId};
use rudp::Reason;

/// Whom something speaks against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accused {
    /// A player.
    Character(CharacterId),
    /// A guest, who has no character yet.
    Account(AccountId),
}

/// Somebody went beyond a limit; for the log and whoever watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Who.
    pub who: Accused,
    /// What spoke against him.
    pub kind: Suspicion,
    /// Points of that kind, whole ones.
    pub points: u32,
    /// What was done.
    pub action: Action,
}

/// Incidents that wait to be asked for; beyond, the oldest is forgotten (it is counted all the same).
const INCIDENTS_WAITING_MAX: usize = 64;

impl Realm {
    /// The next incident that nobody has asked for.
    pub fn poll_incident(&mut self) -> Option<Incident> {
        self.incidents.pop_front()
    }

    /// Something speaks against a player, or a guest.
    pub(super) fn suspect(&mut self, session: SessionId, kind: Suspicion, out: &mut Outbound) {
        let (now, policy) = (self.game.now(), self.config.policy);
        self.status.suspicions[kind as usize] += 1;
        let Some((who, evidence)) = self.evidence_of(session) else { return };
        if !evidence.add(kind, now, &policy) {
            return;
        }
        evidence.is_flagged |= policy.action != Action::Log;
        let incident = Incident { who, kind, points: evidence.whole_points(kind, now), action: policy.action };
        self.status.incidents += 1;
        let character = match who {
            Accused::Character(character) => Some(character),
            Accused::Account(_) => None,
        };
        self.chronicle.write(now, character, Matter::Incident(incident));
        if self.incidents.len() == INCIDENTS_WAITING_MAX {
            self.incidents.pop_front();
        }
        self.incidents.push_back(incident);
        if policy.action == Action::Kick {
            self.status.kicked += 1;
            out.close(session, Reason::Suspected);
            self.door.on_left(session, false, now);
            self.on_left(session);
        }
    }

    fn evidence_of(&mut self, session: SessionId) -> Option<(Accused, &mut Evidence)> {
        match self.players.find(session) {
            Some(player) => Some((Accused::Character(player.character), &mut player.evidence)),
            None => match self.lobby.find(session) {
                Some(guest) => Some((Accused::Account(guest.account), &mut guest.evidence)),
                None => {
                    let waiting = self.door.find(session)?;
                    Some((Accused::Account(AccountId(waiting.user.account_id)), &mut waiting.evidence))
                }
            },
        }
    }

    /// spec: CMD-4. What a client holds of its own player must be what it was told.
    pub(super) fn on_claim(&mut self, session: SessionId, claim: &Claim, out: &mut Outbound) {
        let Some(player) = self.players.find(session) else { return };
        player.believed = claim.believed.map(|(input, place)| Believed { input, place });
        if !player.told.agrees(claim.tick, claim.digest) {
            self.suspect(session, Suspicion::State, out);
        }
    }

    /// Whoever believed to be somewhere after an input that has just been applied is there, or not.
    pub(super) fn judge_beliefs(&mut self, out: &mut Outbound) {
        let mut absurd = std::mem::take(&mut self.suspects);
        for player in self.players.iter_mut() {
            let (Some(believed), Stage::Playing(id)) = (player.believed, player.stage) else { continue };
            let ahead = believed.input.wrapping_sub(player.inbox.applied()) as i16;
            if ahead > 0 {
                continue;
            }
            player.believed = None;
            if ahead == 0 && self.game.body(id).is_some_and(|body| believed.is_absurd(body)) {
                absurd.push(player.session);
            }
        }
        for session in absurd.drain(..) {
            self.suspect(session, Suspicion::Place, out);
        }
        self.suspects = absurd;
    }

    /// A shot hit; it speaks against its shooter if he turned faster than hands do, to hit.
    pub(super) fn judge_aim(&mut self, session: SessionId, swing: u16, out: &mut Outbound) {
        if swing > SNAP_STEPS {
            self.suspect(session, Suspicion::Aim, out);
        }
    }

    /// An order was refused; it speaks against its giver if his client could have known.
    pub(super) fn judge_refusals(&mut self, out: &mut Outbound) {
        let mut wishful = std::mem::take(&mut self.suspects);
        let refused = self.game.answers().iter().filter(|answer| answer.result.is_err_and(is_impossible));
        wishful.extend(refused.filter_map(|answer| self.players.of_entity(answer.to)));
        for session in wishful.drain(..) {
            self.suspect(session, Suspicion::Impossible, out);
        }
        self.suspects = wishful;
    }
}

/// A turn from one input to the shot after it that no hand makes: a sixth of a turn, in steps of 4,096. Quick hands turn
/// ten times in a second, which is 683 steps in a tick, but do not stop at a head.
const SNAP_STEPS: u16 = 683;

/// How far apart two directions are, the shorter way round, in steps of 4,096.
pub(super) fn swing(from: u16, to: u16) -> u16 {
    let turn = to.wrapping_sub(from) & 0xfff;
    turn.min(4_096 - turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swing_is_the_shorter_way_round() {
        assert_eq!(
            [(0, 0), (10, 4_090), (0, 2_048), (4_000, 100)].map(|(from, to)| swing(from, to)),
            [0, 16, 2_048, 196]
        );
    }
}
