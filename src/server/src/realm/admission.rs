//! Who comes into the world, and as whom.

use super::Realm;
use super::chronicle::Matter;
use super::lobby;
use super::player::{Player, Stage};
use super::store::{Found, LoadError};
use crate::SessionId;
use crate::outbound::Outbound;
use game::{Estate, PlayerRecord};
use protocol::message::{ServerMessage, Welcome};
use protocol::{AccountId, CharacterId, ClassId, NetId};
use rudp::token::{CHOOSES, UserData};
use rudp::{Reason, channel};

/// First checkpoints are spread over the interval in this many parts.
const SAVE_SPREAD: u32 = 256;
/// spec: SES-6. Ids from here on belong to accounts whose tokens name no character.
const NAMELESS: u64 = 1 << 63;

/// Whom a token lets in as. Each account has one character of its own beside those it names: were nought a character
/// like any other, everybody whose login service knows no characters would throw the others out.
pub(crate) fn character_of(user: &UserData) -> CharacterId {
    if user.character_id == 0 { nameless(AccountId(user.account_id)) } else { CharacterId(user.character_id) }
}

/// The character that an account has whose tokens name none.
#[must_use]
pub fn nameless(account: AccountId) -> CharacterId {
    CharacterId(NAMELESS | account.0)
}

/// What is said to whom nothing can be found for.
pub(super) fn reason_of(error: &LoadError) -> Reason {
    match error {
        LoadError::Unreadable(_) => Reason::SessionRefused,
        LoadError::Away(_) => Reason::StoresAway,
        LoadError::Elsewhere(_) => Reason::HeldElsewhere,
    }
}

impl Realm {
    /// Somebody may come in.
    pub(super) fn let_in(&mut self, session: SessionId, user: &UserData, out: &mut Outbound) {
        // spec: CHR-1, SES-6. A character that was made here is its account's alone, whatever a token says.
        match CharacterId(user.character_id) {
            CharacterId(CHOOSES) => self.receive_guest(session, user, None, out),
            character if lobby::is_made_here(character) => self.receive_guest(session, user, Some(character), out),
            _ => {
                let player = Player::loading(session, character_of(user), user.role);
                let account = AccountId(user.account_id);
                self.bring_in(Player { name: user.name, account, ..player }, out);
            }
        }
    }

    /// Somebody is to enter the world when his record is there.
    pub(super) fn bring_in(&mut self, player: Player, out: &mut Outbound) {
        let (session, character) = (player.session, player.character);
        if let Some(older) = self.players.of_character(character) {
            // The newest token wins; what the older session did is saved first and loaded by the new one.
            out.close(older, Reason::TakenOver);
            self.on_left(older);
        }
        self.players.insert(session, player);
        self.store.load(character);
    }

    /// Those whose records were found.
    pub(super) fn admit_loaded(&mut self, out: &mut Outbound) {
        while let Some((session, found)) = self.players.next_loaded() {
            // A takeover while the first load was under way brings two answers for one person: the second is late.
            let waits = |player: &&mut Player| player.stage == Stage::Loading;
            let Some(player) = self.players.find(session).filter(waits) else { continue };
            let (character, birth) = (player.character, player.birth);
            if self.game.has_transactions(character) {
                // What he did before he left is not decided yet: he is asked for again, and found as it leaves him.
                self.store.load(character);
                continue;
            }
            match found.and_then(|found| self.read(character, found)) {
                Ok((record, estate)) => {
                    let (estate, is_new) = self.born(character, birth, estate);
                    self.bring_to_life(session, character, record.as_ref(), &estate, is_new, out);
                }
                // One unreadable record concerns one person: refused, told so, and nothing is overwritten.
                Err(error) => {
                    let reason = reason_of(&error);
                    self.count_refused(reason);
                    self.players.remove(session);
                    self.store.leave(character);
                    out.close(session, reason);
                }
            }
        }
    }

    pub(super) fn count_refused(&mut self, reason: Reason) {
        match reason {
            Reason::SessionRefused => self.status.refused_record += 1,
            _ => self.status.refused_stores += 1,
        }
    }

    /// What was found of a character.
    fn read(
        &mut self,
        character: CharacterId,
        found: Found,
    ) -> Result<(Option<PlayerRecord>, Option<Estate>), LoadError> {
        let Some(saved) = found.checkpoint else { return Ok((None, found.estate)) };
        let record = PlayerRecord::from_bytes(&saved.bytes);
        let record = record.map_err(|error| LoadError::Unreadable(error.to_string()))?;
        self.store.on_loaded(character, saved.revision);
        Ok((Some(record), found.estate))
    }

    /// What a character has, and whether it was nobody until now: also whoever has something, but whose birth the disk has
    /// refused, is born now.
    fn born(&self, character: CharacterId, birth: Option<(ClassId, u8)>, known: Option<Estate>) -> (Estate, bool) {
        let newborn = self.newborn(character, birth);
        let is_nobody = |estate: &Estate| estate.class == ClassId(0) && newborn.class != ClassId(0);
        let is_new = known.as_ref().is_none_or(is_nobody);
        let known = known.unwrap_or_default();
        (if is_new { Estate { class: newborn.class, team: newborn.team, ..known } } else { known }, is_new)
    }

    fn bring_to_life(
        &mut self,
        session: SessionId,
        character: CharacterId,
        record: Option<&PlayerRecord>,
        estate: &Estate,
        is_new: bool,
        out: &mut Outbound,
    ) {
        let Ok(id) = self.game.spawn_character(character, record, estate) else {
            self.status.refused_full += 1;
            self.players.remove(session);
            self.store.leave(character);
            return out.close(session, Reason::ServerFull);
        };
        if is_new {
            self.game.give_kit(id);
        }
        self.welcome(session, id, out);
    }

    /// Who has never been here: what he was made as. Who has not chosen what to be is of one class after the other, and of no
    /// team.
    fn newborn(&self, character: CharacterId, birth: Option<(ClassId, u8)>) -> Estate {
        if let Some((class, team)) = birth {
            return Estate::newborn(class, team);
        }
        let classes = &self.config.content.classes;
        let nth = (character.0 % classes.len().max(1) as u64) as usize;
        let class = classes.iter().nth(nth).map_or(ClassId(0), |class| class.id);
        Estate::newborn(class, 0)
    }

    fn welcome(&mut self, session: SessionId, own: NetId, out: &mut Outbound) {
        let player = self.players.find(session).expect("found by the caller");
        player.stage = Stage::Playing(own);
        self.players.enter(own, session);
        self.status.strays += self.game.strays(own).len() as u64;
        let character = self.game.character(own);
        self.chronicle.write(self.game.now(), character, Matter::Entered);
        let player = self.players.find(session).expect("it has just entered");
        // Spread by slot, so that those who came in one storm are not saved in one.
        let part = u64::from(session.slot % SAVE_SPREAD) + 1;
        player.save_due_ns = self.now_ns + self.config.save_interval_ns * part / u64::from(SAVE_SPREAD);
        let welcome = Welcome {
            own,
            tick: self.game.now(),
            enter_radius_units: self.config.enter_radius_units,
            leave_radius_units: self.config.leave_radius_units,
            visible_max: self.config.visible_max,
        };
        out.message(session, channel::CONTROL, &ServerMessage::Welcome(welcome));
    }
}
