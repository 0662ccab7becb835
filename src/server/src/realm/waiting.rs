//! Whether somebody comes in at once, waits, or goes. spec: LIF-21

use super::Realm;
use super::admission::character_of;
use super::evidence::Suspicion;
use super::ladder::Step;
use super::lobby;
use crate::SessionId;
use crate::outbound::Outbound;
use protocol::message::{ClientMessage, ServerMessage};
use protocol::{AccountId, CharacterId, Refusal};
use rudp::token::{CHOOSES, UserData};
use rudp::{Reason, channel};

/// Let in from the line in one tick: each is a look-up in the journal, and a thousand at once would hold up everybody's.
const ADMITTED_PER_TICK_MAX: usize = 16;

impl Realm {
    /// Lets nobody in any more who is not here already, or everybody again. Meanwhile newcomers wait in the queue; when
    /// that is full, they go for this reason.
    pub fn pause_joins(&mut self, reason: Option<Reason>) {
        self.joins_paused = reason;
    }

    /// Why nobody is let in, if so.
    #[must_use]
    pub const fn joins_paused(&self) -> Option<Reason> {
        self.joins_paused
    }

    /// Changes how many may be in the world and in the lobby: at least one, and at most as many as there was room for,
    /// queue included, when the realm was made. Answers what it is now. Nobody goes for it.
    pub fn set_players_max(&mut self, players_max: usize) -> usize {
        self.config.players_max = players_max.clamp(1, self.places);
        self.config.players_max
    }

    /// How many may be in the world and in the lobby.
    #[must_use]
    pub const fn players_max(&self) -> usize {
        self.config.players_max
    }

    /// The most that [`Self::set_players_max`] may be told.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.places
    }

    /// Who waits and is there, with his account, first come first.
    pub fn waiting(&self) -> impl Iterator<Item = (SessionId, AccountId)> {
        self.door.iter()
    }

    /// Somebody's hello was accepted.
    pub(super) fn on_joined(&mut self, session: SessionId, user: Box<UserData>, out: &mut Outbound) {
        let account = AccountId(user.account_id);
        let has_place = self.door.take_kept(account) || self.takes_over(&user);
        let is_free =
            || !self.is_shut() && !self.is_full() && !self.door.has_ready() && !self.door.has_account(account);
        if has_place || is_free() {
            return self.let_in(session, &user, out);
        }
        match self.door.join(session, user) {
            Ok(Some(older)) => out.close(older, Reason::TakenOver),
            Ok(None) => {}
            Err(_) => self.turn_away(session, out),
        }
    }

    /// Those whose turn has come, and what the others are told.
    pub(super) fn admit_waiting(&mut self, out: &mut Outbound) {
        let now = self.game.now();
        self.door.expire(now, |session| out.close(session, Reason::TimedOut));
        for _ in 0..ADMITTED_PER_TICK_MAX {
            if self.is_shut() || self.is_full() {
                break;
            }
            let Some((session, user)) = self.door.next() else { break };
            self.let_in(session, &user, out);
        }
        self.door.tell(now, |session, place, of| {
            out.message(session, channel::CONTROL, &ServerMessage::Queued { place, of });
        });
    }

    /// A message of somebody who waits.
    pub(super) fn on_waiting_message(&mut self, session: SessionId, message: &ClientMessage, out: &mut Outbound) {
        match *message {
            ClientMessage::Echo { number } => {
                out.message(session, channel::CONTROL, &ServerMessage::Echo { number });
            }
            ClientMessage::Do { number, command } => self.on_order(session, number, command, out),
            ClientMessage::Roster { number, .. } => {
                self.refuse_step(session, number, Refusal::TooEarly, out);
                self.suspect(session, Suspicion::Flood, out);
            }
            _ => self.status.refused += 1,
        }
    }

    /// A session is over. If a newer one of its client has ended it, that has its place.
    pub(super) fn on_ended(&mut self, session: SessionId, reason: Reason) {
        let (now, is_replaced) = (self.game.now(), reason == Reason::TakenOver && !self.is_closing);
        self.door.on_left(session, is_replaced, now);
        let player = self.players.find(session).map(|player| player.account);
        let account = player.or_else(|| self.lobby.find(session).map(|guest| guest.account));
        if let Some(account) = account.filter(|_| is_replaced) {
            self.door.keep(account, now);
        }
        self.on_left(session);
    }

    pub(super) fn is_full(&self) -> bool {
        self.players.len() + self.lobby.len() + self.door.kept() >= self.config.players_max
    }

    fn is_shut(&self) -> bool {
        self.joins_paused.is_some() || self.is_closing || self.ladder.step() >= Step::Joins
    }

    /// Whether somebody takes the place of one who is in the world, or in the lobby.
    fn takes_over(&mut self, user: &UserData) -> bool {
        let account = AccountId(user.account_id);
        match CharacterId(user.character_id) {
            CharacterId(CHOOSES) => self.lobby.of_account(account).is_some(),
            character if lobby::is_made_here(character) => {
                self.lobby.of_account(account).is_some()
                    || self.players.of_character(character).is_some_and(|session| self.is_of(session, account))
            }
            _ => self.players.of_character(character_of(user)).is_some(),
        }
    }

    fn is_of(&mut self, session: SessionId, account: AccountId) -> bool {
        self.players.find(session).is_some_and(|player| player.account == account)
    }

    fn turn_away(&mut self, session: SessionId, out: &mut Outbound) {
        match self.joins_paused {
            Some(reason) => {
                self.status.refused_paused += 1;
                out.close(session, reason);
            }
            None => {
                self.status.refused_full += 1;
                out.close(session, Reason::ServerFull);
            }
        }
    }
}
