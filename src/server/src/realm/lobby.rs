//! Who is connected and has not said whom to play, and what is being done with characters.
//!
//! A guest is of an account, and there is one of each at most. What he has done is decided on the disk; he may be gone when
//! it answers, and somebody else of his account be here, who is told of it then.

use super::evidence::Evidence;
use super::store::{CommitError, Enrolled, Found, LoadError};
use super::turnover::Turnover;
use crate::SessionId;
use crate::flight::Veil;
use game::{Listing, TransactionId};
use protocol::unit::TICK_RATE_HZ;
use protocol::{AccountId, CharacterId, Refusal, RosterRow, Tick};
use rudp::token::Role;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Steps of a guest that are looked at in a second: nobody reads a list and decides faster.
pub const STEPS_PER_S_MAX: u32 = 4;
/// spec: SES-6. Ids from here to 2^63 belong to characters that were made here.
const MADE_HERE: u64 = 1 << 62;
/// Characters that are made in one start: 2^30, with which each of the 2^32 starts has ids of its own.
const MADE_BITS: u32 = 30;

/// Whether an id is one of those that this server gives to characters.
#[must_use]
pub fn is_made_here(character: CharacterId) -> bool {
    (MADE_HERE..1 << 63).contains(&character.0)
}

/// Somebody who has not said whom to play.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// The connection.
    pub session: SessionId,
    /// The person.
    pub account: AccountId,
    /// What the token allows.
    pub role: Role,
    /// The character that the token names: he is let in with it or not at all.
    pub wants: Option<CharacterId>,
    /// His account's characters; none until the disk has said so.
    pub roster: Option<Vec<RosterRow>>,
    /// A step of his waits for the disk.
    pub is_waiting: bool,
    /// When he took a step, and how often since then: the second is counted that begins with the first.
    pub steps: (Tick, u32),
    /// What speaks against him, also when he is in the world.
    pub evidence: Evidence,
    /// Nobody hears what it is told. It may well enter the world so.
    pub is_silent: bool,
}

impl Guest {
    /// Somebody who has just come.
    pub fn new(session: SessionId, account: AccountId, role: Role, wants: Option<CharacterId>) -> Self {
        Self {
            session,
            account,
            role,
            wants,
            roster: None,
            is_waiting: false,
            steps: (Tick(0), 0),
            evidence: Evidence::default(),
            is_silent: false,
        }
    }

    /// Whether he may take a step now; it counts in any case.
    ///
    /// # Errors
    /// How it is refused.
    pub fn admit_step(&mut self, now: Tick) -> Result<(), Refusal> {
        if now.since(self.steps.0) >= TICK_RATE_HZ {
            self.steps = (now, 0);
        }
        self.steps.1 = self.steps.1.saturating_add(1);
        if self.steps.1 > STEPS_PER_S_MAX || self.is_waiting {
            return Err(Refusal::TooMany);
        }
        if self.roster.is_some() { Ok(()) } else { Err(Refusal::TooEarly) }
    }

    /// A character of his.
    ///
    /// # Errors
    /// There is none.
    pub fn row(&self, character: CharacterId) -> Result<&RosterRow, Refusal> {
        let mut rows = self.roster.iter().flatten();
        rows.find(|row| row.character == character).ok_or(Refusal::NoSuchCharacter)
    }
}

/// A change of a roster that the disk has not answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub account: AccountId,
    /// Who asked for it, under which number.
    pub by: (SessionId, u16),
    /// The character.
    pub listing: Listing,
    /// Whether it goes, or comes.
    pub is_deletion: bool,
}

/// What the persistence thread has said to the lobby.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Heard {
    /// Which characters an account has.
    Roster { account: AccountId, found: Result<Vec<Enrolled>, LoadError> },
    /// What a character has that is to be deleted.
    Loaded { character: CharacterId, found: Result<Found, LoadError> },
    /// What became of a change.
    Committed { id: TransactionId, refused: Option<CommitError> },
}

/// Everyone who has not chosen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lobby {
    incarnation: u32,
    /// Characters made, and transactions asked for, in this start.
    made: u32,
    transactions: u32,
    guests: BTreeMap<SessionId, Guest>,
    by_account: BTreeMap<AccountId, SessionId>,
    /// Deletions whose character's belongings are being looked up.
    looked_up: BTreeMap<CharacterId, Change>,
    under_way: BTreeMap<TransactionId, Change>,
    /// How often accounts have changed their rosters.
    pub turnover: Turnover,
    /// In order, until the coming tick.
    pub heard: VecDeque<Heard>,
}

impl Lobby {
    /// An empty one; no two with the same `incarnation` share a disk.
    pub fn new(incarnation: u32) -> Self {
        Self {
            incarnation,
            made: 0,
            transactions: 0,
            guests: BTreeMap::new(),
            by_account: BTreeMap::new(),
            looked_up: BTreeMap::new(),
            under_way: BTreeMap::new(),
            turnover: Turnover::default(),
            heard: VecDeque::new(),
        }
    }

    /// Guests.
    pub fn len(&self) -> usize {
        self.guests.len()
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.guests.is_empty()
    }

    /// All guests, in the order of their sessions.
    pub fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.guests.values()
    }

    /// A session's guest.
    pub fn find(&mut self, session: SessionId) -> Option<&mut Guest> {
        self.guests.get_mut(&session)
    }

    /// An account's guest.
    pub fn of_account(&mut self, account: AccountId) -> Option<&mut Guest> {
        self.guests.get_mut(self.by_account.get(&account)?)
    }

    /// Adds somebody whose account has nobody here.
    pub fn insert(&mut self, guest: Guest) {
        let before = self.by_account.insert(guest.account, guest.session);
        assert!(before.is_none(), "an account has one guest at a time");
        self.guests.insert(guest.session, guest);
    }

    /// Takes somebody out. What he has asked for and the disk has not been asked for is not done.
    pub fn remove(&mut self, session: SessionId) -> Option<Guest> {
        let guest = self.guests.remove(&session)?;
        self.by_account.remove(&guest.account);
        self.looked_up.retain(|_, change| change.by.0 != session);
        Some(guest)
    }

    /// An id that no other character has; none when this start has given out all of its own.
    pub fn new_character(&mut self) -> Option<CharacterId> {
        let number = Some(self.made).filter(|&made| made < 1 << MADE_BITS)?;
        self.made += 1;
        Some(CharacterId(MADE_HERE | u64::from(self.incarnation) << MADE_BITS | u64::from(number)))
    }

    /// A change waits until it is known what the character has.
    pub fn look_up(&mut self, change: Change) {
        self.looked_up.insert(change.listing.character, change);
    }

    /// The change that waited for what this character has.
    pub fn take_looked_up(&mut self, character: CharacterId) -> Option<Change> {
        self.looked_up.remove(&character)
    }

    /// Whether it is asked what this character has, because it is to be deleted.
    pub fn waits_for(&self, character: CharacterId) -> bool {
        self.looked_up.contains_key(&character)
    }

    /// A change is asked of the disk under this name.
    pub fn ask(&mut self, change: Change) -> TransactionId {
        self.transactions += 1;
        let id = TransactionId::outside(self.incarnation, self.transactions);
        self.under_way.insert(id, change);
        id
    }

    /// The change of this name, which the disk has answered.
    pub fn take_under_way(&mut self, id: TransactionId) -> Option<Change> {
        self.under_way.remove(&id)
    }

    /// Whether the disk has yet to answer a change of this name.
    pub fn is_under_way(&self, id: TransactionId) -> bool {
        self.under_way.contains_key(&id)
    }

    /// The same, with names under the veil.
    pub fn veiled(&self, veil: Veil) -> Self {
        let mut lobby = self.clone();
        for row in lobby.guests.values_mut().flat_map(|guest| guest.roster.iter_mut().flatten()) {
            row.name = veil.name(&row.name);
        }
        for change in lobby.looked_up.values_mut().chain(lobby.under_way.values_mut()) {
            change.listing.name = veil.name(&change.listing.name);
        }
        for heard in &mut lobby.heard {
            match heard {
                Heard::Roster { found, .. } => veil.roster(found),
                Heard::Loaded { found: Err(error), .. } => *error = error.wordless(),
                Heard::Committed { refused: Some(CommitError::Disk(error)), .. } => error.clear(),
                Heard::Loaded { .. } | Heard::Committed { .. } => {}
            }
        }
        lobby
    }

    /// Whether a character is being deleted: nobody enters as it.
    pub fn is_leaving(&self, character: CharacterId) -> bool {
        let is_it = |change: &Change| change.is_deletion && change.listing.character == character;
        self.waits_for(character) || self.under_way.values().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(slot: u32, account: u64) -> Guest {
        let session = SessionId { slot, generation: 0 };
        Guest { roster: Some(Vec::new()), ..Guest::new(session, AccountId(account), Role::Player, None) }
    }

    fn deletion(of: &Guest, character: u64) -> Change {
        let listing = Listing { character: CharacterId(character), ..Listing::default() };
        Change { account: of.account, by: (of.session, 0), listing, is_deletion: true }
    }

    /// proves: SES-6
    #[test]
    fn no_two_starts_give_out_the_same_id_and_none_that_a_token_or_the_nameless_may_have() {
        let first = Lobby::new(1).new_character().unwrap();
        let mut lobby = Lobby::new(1);
        lobby.made = (1 << MADE_BITS) - 1;
        let last = lobby.new_character().unwrap();
        assert_eq!(lobby.new_character(), None, "there are no more");
        let next = Lobby::new(2).new_character().unwrap();
        assert!(first < last && last < next);
        lobby = Lobby::new(u32::MAX);
        lobby.made = (1 << MADE_BITS) - 1;
        let highest = lobby.new_character().unwrap();
        assert_eq!(highest.0, (1 << 63) - 1);
        assert!([first, last, next, highest].into_iter().all(is_made_here));
        assert!([0, 7, MADE_HERE - 1, 1 << 63, u64::MAX].map(CharacterId).into_iter().all(|id| !is_made_here(id)));
    }

    #[test]
    fn a_guest_takes_four_steps_in_a_second_and_one_at_a_time() {
        let mut one = guest(1, 7);
        let steps: Vec<_> = (0..6).map(|_| one.admit_step(Tick(100))).collect();
        assert_eq!((&steps[..4], &steps[4..]), (&[Ok(()); 4][..], &[Err(Refusal::TooMany); 2][..]));
        assert_eq!(one.admit_step(Tick(159)), Err(Refusal::TooMany));
        assert_eq!(one.admit_step(Tick(160)), Ok(()));
        one.is_waiting = true;
        assert_eq!(one.admit_step(Tick(500)), Err(Refusal::TooMany), "one waits for the disk");
        let mut early = Guest { roster: None, ..guest(2, 8) };
        assert_eq!(early.admit_step(Tick(1)), Err(Refusal::TooEarly), "he has not been told whom he has");
    }

    #[test]
    fn what_the_disk_was_not_asked_for_goes_with_its_guest_and_what_it_was_stays() {
        let mut lobby = Lobby::new(1);
        let (one, other) = (guest(1, 7), guest(2, 8));
        lobby.look_up(deletion(&one, 10));
        lobby.look_up(deletion(&other, 20));
        let id = lobby.ask(deletion(&one, 11));
        let (gone, stays) = (one.session, other.session);
        lobby.insert(one);
        lobby.insert(other);
        assert!([10, 11, 20].map(CharacterId).iter().all(|&character| lobby.is_leaving(character)));
        assert!(lobby.remove(gone).is_some() && lobby.remove(gone).is_none());
        assert_eq!([10, 11, 20].map(|character| lobby.is_leaving(CharacterId(character))), [false, true, true]);
        assert!(lobby.of_account(AccountId(7)).is_none() && lobby.find(stays).is_some());
        assert!(lobby.take_under_way(id).is_some() && !lobby.is_leaving(CharacterId(11)));
    }
}
