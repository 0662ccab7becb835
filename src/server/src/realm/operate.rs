//! What an operator does to the world, and what he is shown of the people in it.

use super::Realm;
use super::ladder::Step;
use super::player::Stage;
use super::relevance::{KindRadii, Radii, Sight};
use crate::SessionId;
use crate::outbound::Outbound;
use game::Probe;
use protocol::message::{Experience, ServerMessage};
use protocol::{AccountId, CharacterId};
use rudp::token::Role;
use rudp::{Reason, channel};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that an operator wants of the world; done at the beginning of the coming tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// Ends sessions; nothing happens to those that are over.
    Close {
        /// Which.
        sessions: Vec<SessionId>,
        /// Why.
        reason: Reason,
    },
    /// Lets nobody in, or again; whoever is here stays. Who comes waits, and goes for this reason if too many do.
    PauseJoins(Option<Reason>),
    /// Lets so many in at once, within [`Realm::room`]; who is in stays.
    PlayersMax(usize),
    /// Tells people something, in words.
    Say {
        /// Whom; everybody who is connected if it is not said. Who has gone hears nothing.
        to: Option<Vec<SessionId>>,
        /// The words: [`protocol::message::is_notice`].
        text: String,
    },
}

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// His record is being fetched.
    Loading,
    /// He has not chosen whom to play.
    Lobby,
    /// He is in the world.
    Playing,
    /// He waits to be let in.
    Queued,
}

/// Somebody who is here, for an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// The connection.
    pub session: SessionId,
    /// The person.
    pub account: AccountId,
    /// Whom he plays; none of who has not chosen.
    pub character: Option<CharacterId>,
    /// What he is called.
    pub name: String,
    /// What his token allows.
    pub role: Role,
    /// How far he has come.
    pub standing: Standing,
    /// He is not heard at present.
    pub is_silent: bool,
    /// Where he is, east and north, in units; nought of who is not in the world.
    pub place_units: [i32; 2],
    /// His level; 0 of who is not in the world.
    pub level: u8,
    /// Others in his view.
    pub visible: usize,
    /// What speaks against him: the most points of any kind.
    pub suspicion_points: u32,
    /// He went beyond a limit.
    pub is_flagged: bool,
    /// What his client said last of how the game goes for him, if it has.
    pub experience: Option<Experience>,
}

impl PersonRow {
    /// Somebody who is not in the world.
    fn outside(session: SessionId, account: AccountId, standing: Standing) -> Self {
        Self {
            session,
            account,
            character: None,
            name: String::new(),
            role: Role::Player,
            standing,
            is_silent: false,
            place_units: [0; 2],
            level: 0,
            visible: 0,
            suspicion_points: 0,
            is_flagged: false,
            experience: None,
        }
    }
}

impl Realm {
    /// Does this at the beginning of the coming tick.
    pub fn operate(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// From now on `probe` hears when each part of a tick begins.
    pub fn watch(&mut self, probe: Arc<dyn Probe>) {
        self.game.watch(probe.clone());
        self.probe = Some(probe);
    }

    /// The last tick took so long, in nanoseconds. Answers with what is given up from now on, if that changes.
    pub fn handle_load(&mut self, took_ns: u64) -> Option<Step> {
        let step = self.ladder.on_tick(took_ns)?;
        self.status.overload_level = step.level();
        (self.status.overload_ups, self.status.overload_downs) = (self.ladder.ups, self.ladder.downs);
        self.sight = if step >= Step::Radius { self.shorter_sight() } else { Sight::new(&self.config) };
        self.game.spare_mobs(step >= Step::Mobs);
        Some(step)
    }

    /// What is given up now.
    #[must_use]
    pub fn step(&self) -> Step {
        self.ladder.step()
    }

    /// The session that plays a character, or is about to.
    #[must_use]
    pub fn session_of(&self, character: CharacterId) -> Option<SessionId> {
        self.players.of_character(character)
    }

    /// Characters that are played, or are about to be, by ascending id.
    pub fn characters(&self) -> impl Iterator<Item = CharacterId> {
        self.players.characters()
    }

    /// Everybody who is here, in the order of their sessions.
    pub fn people(&mut self) -> Vec<PersonRow> {
        let now = self.game.now();
        let mut rows: Vec<PersonRow> = Vec::with_capacity(self.players.len() + self.lobby.len());
        for player in self.players.iter_mut() {
            let id = match player.stage {
                Stage::Playing(id) => Some(id),
                Stage::Loading => None,
            };
            let state = id.and_then(|id| self.game.replicas().live_state(id)).map(|(state, ..)| state);
            rows.push(PersonRow {
                session: player.session,
                account: player.account,
                character: Some(player.character),
                name: player.name.as_str().to_owned(),
                role: player.role,
                standing: if id.is_some() { Standing::Playing } else { Standing::Loading },
                is_silent: player.is_silent,
                place_units: state.map_or([0; 2], |state| [state.x, state.y]),
                level: id.and_then(|id| self.game.kind_of(id)).map_or(0, |kind| kind.level),
                visible: player.view.present(),
                suspicion_points: player.evidence.most_points(now),
                is_flagged: player.evidence.is_flagged,
                experience: (player.experience.1 != 0).then_some(player.experience.0),
            });
        }
        rows.extend(self.lobby.iter().map(|guest| PersonRow {
            role: guest.role,
            is_silent: guest.is_silent,
            suspicion_points: guest.evidence.most_points(now),
            is_flagged: guest.evidence.is_flagged,
            ..PersonRow::outside(guest.session, guest.account, Standing::Lobby)
        }));
        rows.extend(self.door.people().map(|(session, user)| PersonRow {
            name: user.name.as_str().to_owned(),
            role: user.role,
            ..PersonRow::outside(session, AccountId(user.account_id), Standing::Queued)
        }));
        rows.sort_unstable_by_key(|row| row.session);
        rows
    }

    /// Does what was asked since the last tick.
    pub(super) fn carry_out_operations(&mut self, out: &mut Outbound) {
        for operation in std::mem::take(&mut self.operations) {
            match operation {
                Operation::Close { sessions, reason } => {
                    sessions.into_iter().for_each(|session| self.put_out(session, reason, out));
                }
                Operation::PauseJoins(reason) => self.pause_joins(reason),
                Operation::PlayersMax(most) => drop(self.set_players_max(most)),
                Operation::Say { to: Some(sessions), text } => {
                    sessions.iter().for_each(|&session| self.say(session, &text, out));
                }
                Operation::Say { to: None, text } => {
                    let everybody: Vec<SessionId> = self.sessions().collect();
                    everybody.iter().for_each(|&session| self.say(session, &text, out));
                }
            }
        }
    }

    fn put_out(&mut self, session: SessionId, reason: Reason, out: &mut Outbound) {
        if self.is_here(session) {
            out.close(session, reason);
            self.door.on_left(session, false, self.game.now());
            self.on_left(session);
        }
    }

    fn say(&mut self, session: SessionId, text: &str, out: &mut Outbound) {
        if self.is_here(session) {
            out.message(session, channel::CONTROL, &ServerMessage::Notice { text: text.to_owned() });
        }
    }

    fn is_here(&mut self, session: SessionId) -> bool {
        self.players.find(session).is_some() || self.lobby.find(session).is_some() || self.door.has(session)
    }

    fn sessions(&mut self) -> impl Iterator<Item = SessionId> {
        let players = self.players.iter_mut().map(|player| player.session);
        let guests = self.lobby.iter().map(|guest| guest.session);
        players.chain(guests).chain(self.door.iter().map(|(session, _)| session))
    }

    /// A quarter less far than was configured, of every kind, and as many fewer as that is less of the plane: in one spot
    /// nobody is farther off than three quarters.
    pub(super) fn shorter_sight(&self) -> Sight {
        let shorter = |radii: Radii| Radii { enter: radii.enter * 3 / 4, leave: radii.leave * 3 / 4 };
        let KindRadii { mob, projectile, item, body } = self.config.kind_radii;
        let others =
            KindRadii { mob: shorter(mob), projectile: shorter(projectile), item: shorter(item), body: shorter(body) };
        let players = Radii { enter: self.config.enter_radius_units, leave: self.config.leave_radius_units };
        Sight::of(shorter(players), &others, (usize::from(self.config.visible_max) * 9 / 16).max(1))
    }

    pub(super) fn enter(&self, part: game::Part) {
        if let Some(probe) = &self.probe {
            probe.enter(part);
        }
    }
}
