//! The people of the realm, by session, in an order that is the same in every run.

use super::evidence::{Believed, Evidence, Pace, Told};
use super::inbox::InputBuffer;
use super::marks::MarksTold;
use super::priority::Tiers;
use super::rotation::Rotation;
use super::store::{Found, LoadError};
use super::view::View;
use crate::SessionId;
use crate::flight::Veil;
use game::Trigger;
use protocol::message::Experience;
use protocol::{AccountId, CharacterId, ClassId, NetId, Tick};
use rudp::token::{Name, Role};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// How far a person has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The record is being fetched.
    Loading,
    /// In the world as this entity.
    Playing(NetId),
}

/// One person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Player {
    /// The connection.
    pub session: SessionId,
    /// The person, as the token says.
    pub account: AccountId,
    /// Whose record.
    pub character: CharacterId,
    /// What he is called: as his character, or as the token says of one that has no name.
    pub name: Name,
    /// What he was made as, class and team; counts if he enters for the first time.
    pub birth: Option<(ClassId, u8)>,
    /// What the token allows.
    pub role: Role,
    /// How far.
    pub stage: Stage,
    /// Inputs that wait.
    pub inbox: InputBuffer,
    /// When he may shoot again.
    pub trigger: Trigger,
    /// Shots that he has asked for since the last tick.
    pub shots_asked: u32,
    /// Commands that he has given since the last tick.
    pub orders_asked: u32,
    /// What speaks against him.
    pub evidence: Evidence,
    /// His inputs against time.
    pub pace: Pace,
    /// What his own states stood for.
    pub told: Told,
    /// What he believes of himself, until the input comes that it is about.
    pub believed: Option<Believed>,
    /// How the game goes for him, as his client said last, and from when on it may say more.
    pub experience: (Experience, u64),
    /// When he asked who somebody is, and how often since then: the second is counted that begins with the first.
    pub asks: (Tick, u32),
    /// Nobody hears what it is told: its player stays, and no snapshots are written.
    pub is_silent: bool,
    /// What the client knows of others.
    pub view: View,
    /// From which tick on it may be told anew.
    pub resync_from: Tick,
    /// Who waits to come into it.
    pub rotation: Rotation,
    /// How far the first ones reach among those in view.
    pub tiers: Tiers,
    /// Bytes that the next snapshot may have: the last grant, less what was spent of it.
    pub budget_bytes: i32,
    /// Bytes left for telling of others' shots until the next snapshot that may have any.
    pub others_bytes: i32,
    /// What he was told of what games of one's own show.
    pub marks: MarksTold,
    /// When the next checkpoint is due.
    pub save_due_ns: u64,
    /// The last checkpoint.
    pub saved: Vec<u8>,
}

impl Player {
    /// Someone whose record is being fetched.
    #[must_use]
    pub fn loading(session: SessionId, character: CharacterId, role: Role) -> Self {
        Self {
            session,
            account: AccountId(0),
            character,
            name: Name::default(),
            birth: None,
            role,
            stage: Stage::Loading,
            inbox: InputBuffer::default(),
            trigger: Trigger::default(),
            shots_asked: 0,
            orders_asked: 0,
            experience: (Experience::default(), 0),
            asks: (Tick(0), 0),
            evidence: Evidence::default(),
            pace: Pace::default(),
            told: Told::default(),
            believed: None,
            is_silent: false,
            view: View::new(),
            resync_from: Tick(0),
            rotation: Rotation::default(),
            tiers: Tiers::default(),
            budget_bytes: 0,
            others_bytes: 0,
            marks: MarksTold::default(),
            save_due_ns: 0,
            saved: Vec::new(),
        }
    }

    /// The gate says how many bytes the next snapshot may have: none or fewer while one before it is paid for, which over a
    /// slow link takes several ticks. Others shoot in those, too, so their share stays what it was.
    ///
    /// What was granted stands until it is spent. The gate grants in every sixth tick over a slow link, the ladder lets him
    /// be told in every third: if the one had to fall into the other, some would never be told anything again.
    pub fn grant(&mut self, snapshot_bytes: i32) {
        if snapshot_bytes > 0 || self.budget_bytes <= 0 {
            self.budget_bytes = snapshot_bytes;
        }
        if snapshot_bytes > 0 {
            self.others_bytes = snapshot_bytes / 2;
        }
    }
}

/// What a load found, as the persistence thread says it.
type Answer = Result<Found, LoadError>;

/// Everyone, by transport slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PlayerTable {
    rows: Vec<Option<Player>>,
    by_character: BTreeMap<CharacterId, SessionId>,
    /// By row of the entity that it plays.
    by_entity: Vec<Option<SessionId>>,
    loaded: VecDeque<(SessionId, Answer)>,
    /// A record on its way to be compared or saved; kept for its memory.
    #[serde(skip)]
    pub scratch: Vec<u8>,
}

impl PlayerTable {
    /// Everyone, loading or playing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_character.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_character.is_empty()
    }

    /// Those in the world.
    #[must_use]
    pub fn playing(&self) -> usize {
        self.rows.iter().flatten().filter(|player| matches!(player.stage, Stage::Playing(_))).count()
    }

    /// Adds someone whose character is not here yet.
    pub fn insert(&mut self, session: SessionId, player: Player) {
        let row = session.slot as usize;
        if self.rows.len() <= row {
            self.rows.resize_with(row + 1, || None);
        }
        let before = self.by_character.insert(player.character, session);
        assert!(before.is_none(), "a character is played by one session at a time");
        assert!(self.rows[row].is_none(), "the gate gave a slot away twice");
        self.rows[row] = Some(player);
    }

    /// The session's player, unless the session is over.
    pub fn find(&mut self, session: SessionId) -> Option<&mut Player> {
        self.rows.get_mut(session.slot as usize)?.as_mut().filter(|player| player.session == session)
    }

    /// The same, to be looked at.
    #[must_use]
    pub fn look_at(&self, session: SessionId) -> Option<&Player> {
        self.rows.get(session.slot as usize)?.as_ref().filter(|player| player.session == session)
    }

    /// Takes someone out.
    pub fn remove(&mut self, session: SessionId) -> Option<Player> {
        let row = self.rows.get_mut(session.slot as usize)?;
        let player = row.take_if(|player| player.session == session)?;
        self.by_character.remove(&player.character);
        Some(player)
    }

    /// A session plays this entity from now on.
    pub fn enter(&mut self, id: NetId, session: SessionId) {
        if self.by_entity.len() <= id.row() {
            self.by_entity.resize(id.row() + 1, None);
        }
        self.by_entity[id.row()] = Some(session);
    }

    /// Nobody plays this entity any more.
    pub fn leave(&mut self, id: NetId) {
        self.by_entity[id.row()] = None;
    }

    /// Who plays this entity.
    #[must_use]
    pub fn of_entity(&self, id: NetId) -> Option<SessionId> {
        self.by_entity.get(id.row()).copied().flatten()
    }

    /// Who plays this character.
    #[must_use]
    pub fn of_character(&self, character: CharacterId) -> Option<SessionId> {
        self.by_character.get(&character).copied()
    }

    /// All that are played or about to be, by ascending id.
    pub fn characters(&self) -> impl Iterator<Item = CharacterId> {
        self.by_character.keys().copied()
    }

    /// A record was fetched; whoever waits for it is admitted in the next tick.
    pub fn on_loaded(&mut self, character: CharacterId, found: Answer) {
        let Some(session) = self.of_character(character) else { return };
        if self.find(session).is_some_and(|player| player.stage == Stage::Loading) {
            self.loaded.push_back((session, found));
        }
    }

    /// The next person whose record was fetched.
    pub fn next_loaded(&mut self) -> Option<(SessionId, Answer)> {
        self.loaded.pop_front()
    }

    /// Everyone in slot order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Player> {
        self.rows.iter_mut().flatten()
    }

    /// Puts everybody's name under the veil.
    pub fn veil_names(&mut self, veil: Veil) {
        for player in self.iter_mut() {
            player.name = Name::new(&veil.name(player.name.as_str())).unwrap_or_default();
        }
    }

    /// Everyone in slot order, starting from another row each tick, so that nobody is always served last: the rows from
    /// there to the end, and those before.
    pub fn rotated_mut(&mut self, start: usize) -> [&mut [Option<Player>]; 2] {
        let middle = if self.rows.is_empty() { 0 } else { start % self.rows.len() };
        let (before, after) = self.rows.split_at_mut(middle);
        [after, before]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_stands_until_it_is_spent_and_a_newer_one_takes_its_place() {
        let session = SessionId { slot: 0, generation: 0 };
        let mut player = Player::loading(session, CharacterId(1), Role::Player);
        for (granted, stands) in [(-60, -60), (-20, -20), (300, 300), (-60, 300), (120, 120)] {
            player.grant(granted);
            assert_eq!(player.budget_bytes, stands);
        }
        player.budget_bytes = 0;
        player.grant(-60);
        assert_eq!(player.budget_bytes, -60, "spent, and the next is not due yet");
    }
}
