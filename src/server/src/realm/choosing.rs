//! What guests do: they look at their characters, make some, delete some, and play one. spec: CHR-1, CHR-2
//!
//! What is told is what the disk has. A guest is told "done" when it has it, and his list with it.

use super::Realm;
use super::admission::reason_of;
use super::chronicle::Matter;
use super::evidence::Suspicion;
use super::lobby::{Change, Guest, Heard};
use super::player::Player;
use super::store::{CommitError, Enrolled, Found, LoadError};
use crate::SessionId;
use crate::outbound::Outbound;
use game::{BooksError, Listing};
use protocol::character::{CHARACTERS_MAX, is_name};
use protocol::message::{ClientMessage, ServerMessage};
use protocol::{AccountId, CharacterId, ClassId, Refusal, RosterRow, RosterStep};
use rudp::token::{Name, UserData};
use rudp::{Reason, channel};

/// Whatever a character may be called can be shown.
const _: () = assert!(protocol::character::NAME_BYTES_MAX <= rudp::token::NAME_BYTES_MAX);

impl Realm {
    /// Somebody comes to choose, or with the name of a character that must be shown to be his.
    pub(super) fn receive_guest(
        &mut self,
        session: SessionId,
        user: &UserData,
        wants: Option<CharacterId>,
        out: &mut Outbound,
    ) {
        let account = AccountId(user.account_id);
        if let Some(older) = self.lobby.of_account(account).map(|guest| guest.session) {
            out.close(older, Reason::TakenOver);
            self.lobby.remove(older);
        }
        self.lobby.insert(Guest::new(session, account, user.role, wants));
        self.store.roster(account);
    }

    /// A message of somebody who is not in the world, nor on his way there.
    pub(super) fn on_guest_message(&mut self, session: SessionId, message: &ClientMessage, out: &mut Outbound) {
        let now = self.game.now();
        let Some(guest) = self.lobby.find(session) else {
            if self.door.has(session) {
                self.on_waiting_message(session, message, out);
            } else {
                self.status.stale += 1;
            }
            return;
        };
        match *message {
            ClientMessage::Roster { number, ref step } => {
                let admitted = guest.admit_step(now);
                let result = admitted.and_then(|()| self.on_step(session, number, step, out));
                if let Err(refusal) = result {
                    self.refuse_step(session, number, refusal, out);
                    if refusal == Refusal::TooMany {
                        self.suspect(session, Suspicion::Flood, out);
                    }
                }
            }
            ClientMessage::Echo { number } => {
                out.message(session, channel::CONTROL, &ServerMessage::Echo { number });
            }
            ClientMessage::Do { number, command } => self.on_order(session, number, command, out),
            _ => self.status.refused += 1,
        }
    }

    /// Input of somebody who is not in the world.
    pub(super) fn on_stray(&mut self, session: SessionId) {
        match self.lobby.find(session) {
            Some(_) => self.status.refused += 1,
            None if self.door.has(session) => self.status.refused += 1,
            None => self.status.stale += 1,
        }
    }

    /// Says that nothing came of a step.
    pub(super) fn refuse_step(&mut self, session: SessionId, number: u16, refusal: Refusal, out: &mut Outbound) {
        self.status.roster_refused += 1;
        out.message(session, channel::CONTROL, &ServerMessage::Done { number, result: Err(refusal) });
    }

    /// What the disk has said since the last tick, before anything else is done: nobody enters as one who is gone.
    pub(super) fn hear_lobby(&mut self, out: &mut Outbound) {
        while let Some(heard) = self.lobby.heard.pop_front() {
            match heard {
                Heard::Roster { account, found } => self.on_roster_found(account, found, out),
                Heard::Loaded { character, found } => self.on_looked_up(character, found, out),
                Heard::Committed { id, refused } => {
                    if let Some(change) = self.lobby.take_under_way(id) {
                        self.on_changed(&change, refused, out);
                    }
                }
            }
        }
    }

    /// Does what can be done at once, asks the disk for all else.
    fn on_step(
        &mut self,
        session: SessionId,
        number: u16,
        step: &RosterStep,
        out: &mut Outbound,
    ) -> Result<(), Refusal> {
        match *step {
            RosterStep::Create { ref name, class, team } => self.create(session, number, name, class, team),
            RosterStep::Delete { character } => self.delete(session, number, character),
            RosterStep::Play { character } => {
                let row = self.guest(session)?.row(character)?.clone();
                if self.lobby.is_leaving(character) {
                    return Err(Refusal::InUse);
                }
                out.message(session, channel::CONTROL, &ServerMessage::Done { number, result: Ok(()) });
                self.play(session, &row, out);
                Ok(())
            }
        }
    }

    fn create(&mut self, session: SessionId, number: u16, name: &str, class: ClassId, team: u8) -> Result<(), Refusal> {
        let guest = self.guest(session)?;
        let (account, count) = (guest.account, guest.roster.as_ref().map_or(0, Vec::len));
        if count >= CHARACTERS_MAX {
            return Err(Refusal::NoSuchCharacter);
        }
        if !is_name(name) {
            return Err(Refusal::BadName);
        }
        if self.config.content.classes.find(class).is_none() {
            return Err(Refusal::WrongClass);
        }
        if team > self.config.content.rules.teams {
            return Err(Refusal::WrongSide);
        }
        self.admit_change(account)?;
        let character = self.lobby.new_character().ok_or(Refusal::NotSaved)?;
        let listing = Listing { character, name: name.to_owned(), class, team };
        let id =
            self.lobby.ask(Change { account, by: (session, number), listing: listing.clone(), is_deletion: false });
        self.store.commit(listing.creation(id, account));
        self.guest(session)?.is_waiting = true;
        Ok(())
    }

    /// spec: CHR-4. What it has must be known first. Until then nothing of it can change: it is not in the world, nothing about it is under
    /// way, and nobody enters as it.
    fn delete(&mut self, session: SessionId, number: u16, character: CharacterId) -> Result<(), Refusal> {
        let guest = self.guest(session)?;
        let (account, row) = (guest.account, guest.row(character)?.clone());
        let is_in_use = self.players.of_character(character).is_some()
            || self.game.has_transactions(character)
            || self.store.is_unconfirmed(character)
            || self.lobby.is_leaving(character);
        if is_in_use {
            return Err(Refusal::InUse);
        }
        self.admit_change(account)?;
        let RosterRow { name, class, team, .. } = row;
        let listing = Listing { character, name, class, team };
        self.lobby.look_up(Change { account, by: (session, number), listing, is_deletion: true });
        self.store.load(character);
        self.guest(session)?.is_waiting = true;
        Ok(())
    }

    /// spec: CHR-2. Whether the disk is asked at all.
    fn admit_change(&mut self, account: AccountId) -> Result<(), Refusal> {
        let is_admitted = self.lobby.turnover.admits(account, self.game.now());
        if is_admitted { Ok(()) } else { Err(Refusal::TooMany) }
    }

    fn guest(&mut self, session: SessionId) -> Result<&mut Guest, Refusal> {
        self.lobby.find(session).ok_or(Refusal::NotUsable)
    }

    /// A guest goes into the world as one of his characters.
    fn play(&mut self, session: SessionId, row: &RosterRow, out: &mut Outbound) {
        let Some(guest) = self.lobby.remove(session) else { return };
        let name = Name::new(&row.name).unwrap_or_default();
        let birth = Some((row.class, row.team));
        let Guest { account, evidence, is_silent, role, .. } = guest;
        let player = Player::loading(session, row.character, role);
        self.bring_in(Player { account, name, birth, evidence, is_silent, ..player }, out);
    }

    fn on_roster_found(&mut self, account: AccountId, found: Result<Vec<Enrolled>, LoadError>, out: &mut Outbound) {
        // Two who came one after the other have asked twice: the second answer is no news.
        let Some(guest) = self.lobby.of_account(account).filter(|guest| guest.roster.is_none()) else { return };
        let (session, wants) = (guest.session, guest.wants);
        let rules = &self.config.content.rules;
        let rows: Result<Vec<RosterRow>, LoadError> = found.map(|all| {
            let level = |experience| game::level_of(experience, rules);
            all.into_iter().map(|one| row_of(one.listing, level(one.experience))).collect()
        });
        match (rows, wants) {
            (Ok(rows), None) => {
                guest.roster = Some(rows);
                self.tell_roster(account, out);
            }
            (Ok(rows), Some(character)) => {
                let row = rows.iter().find(|row| row.character == character);
                match row.filter(|_| !self.lobby.is_leaving(character)) {
                    Some(row) => self.play(session, row, out),
                    None => self.send_away(session, Reason::SessionRefused, out),
                }
            }
            (Err(error), _) => self.send_away(session, reason_of(&error), out),
        }
    }

    fn send_away(&mut self, session: SessionId, reason: Reason, out: &mut Outbound) {
        self.count_refused(reason);
        self.lobby.remove(session);
        out.close(session, reason);
    }

    fn on_looked_up(&mut self, character: CharacterId, found: Result<Found, LoadError>, out: &mut Outbound) {
        let Some(change) = self.lobby.take_looked_up(character) else { return };
        match found {
            Ok(found) => {
                let (listing, account) = (change.listing.clone(), change.account);
                let id = self.lobby.ask(change);
                self.store.commit(listing.deletion(id, account, found.estate.as_ref()));
            }
            Err(error) => self.on_changed(&change, Some(CommitError::Disk(error.to_string())), out),
        }
    }

    /// The disk has a change, or will never have it.
    fn on_changed(&mut self, change: &Change, refused: Option<CommitError>, out: &mut Outbound) {
        let Change { account, by: (session, number), ref listing, is_deletion } = *change;
        let is_done = refused.is_none();
        if is_deletion {
            self.store.leave(listing.character);
        }
        if is_done {
            self.lobby.turnover.note(account, self.game.now());
            self.note(listing.character, is_deletion);
        }
        if let Some(guest) = self.lobby.find(session) {
            guest.is_waiting = false;
            match refused {
                None => out.message(session, channel::CONTROL, &ServerMessage::Done { number, result: Ok(()) }),
                Some(error) => self.refuse_step(session, number, refusal_of(&error), out),
            }
        }
        // Who asked may be gone, and somebody else of the account be here.
        let guest = self.lobby.of_account(account);
        if let Some(rows) = guest.and_then(|guest| guest.roster.as_mut()).filter(|_| is_done) {
            rows.retain(|row| row.character != listing.character);
            if !is_deletion {
                rows.push(row_of(listing.clone(), game::level_of(0, &self.config.content.rules)));
            }
            self.tell_roster(account, out);
        }
    }

    fn note(&mut self, character: CharacterId, is_deletion: bool) {
        let matter = if is_deletion { Matter::Deleted } else { Matter::Created };
        self.chronicle.write(self.game.now(), Some(character), matter);
        if is_deletion {
            self.store.forget(character);
        }
        self.status.characters_deleted += u64::from(is_deletion);
        self.status.characters_created += u64::from(!is_deletion);
    }

    fn tell_roster(&mut self, account: AccountId, out: &mut Outbound) {
        let Some(guest) = self.lobby.of_account(account) else { return };
        if let Some(rows) = &guest.roster {
            out.message(guest.session, channel::CONTROL, &ServerMessage::Roster(rows.clone()));
        }
    }
}

fn row_of(listing: Listing, level: u8) -> RosterRow {
    let Listing { character, name, class, team } = listing;
    RosterRow { character, name, class, team, level }
}

fn refusal_of(error: &CommitError) -> Refusal {
    match error {
        CommitError::Books(BooksError::Name(_)) => Refusal::BadName,
        CommitError::Books(BooksError::Full(_)) => Refusal::NoSuchCharacter,
        CommitError::Books(_) | CommitError::Disk(_) => Refusal::NotSaved,
    }
}
