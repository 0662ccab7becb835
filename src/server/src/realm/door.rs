//! Who waits to come in: one line, in which an account has one place. spec: LIF-21

use super::evidence::Evidence;
use crate::SessionId;
use crate::flight::Veil;
use protocol::unit::TICK_RATE_HZ;
use protocol::{AccountId, Tick};
use rudp::token::UserData;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The place of a session that a newer one of the same client has replaced is kept so long: by then its hello must have come
/// (LIF-11).
const KEPT_TICKS: u32 = 10 * TICK_RATE_HZ;
/// Whoever is silent keeps his place so long: a lift or a tunnel, and not so long that the silent fill the queue.
const SILENT_TICKS_MAX: u32 = 60 * TICK_RATE_HZ;
/// A place that has changed is told once in so many ticks at most.
const TOLD_TICKS: u32 = TICK_RATE_HZ;

/// Somebody in the line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The connection; none if it was replaced and the newer one has not said hello yet.
    session: Option<SessionId>,
    /// Who, as the token says.
    pub user: Box<UserData>,
    /// Nobody hears what it is told, or nobody is there, since then.
    absent: Option<Tick>,
    /// The place that he was told, and when.
    told: Option<(u16, Tick)>,
    /// What speaks against him.
    pub evidence: Evidence,
}

impl Waiting {
    fn account(&self) -> AccountId {
        AccountId(self.user.account_id)
    }

    fn is_ready(&self) -> bool {
        self.session.is_some() && self.absent.is_none()
    }
}

/// As many wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFull;

/// The line, and what is kept for those who are about to come back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Door {
    waiting_max: usize,
    line: VecDeque<Waiting>,
    /// Those of `line`.
    sessions: BTreeSet<SessionId>,
    /// Places in the world of sessions that were replaced, with when they are given up.
    kept: BTreeMap<AccountId, Tick>,
}

impl Door {
    /// One at which nobody waits, and at most so many will.
    pub fn new(waiting_max: usize) -> Self {
        Self { waiting_max, line: VecDeque::new(), sessions: BTreeSet::new(), kept: BTreeMap::new() }
    }

    /// Places in the line, also of those who are not there.
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether nobody waits who is there.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Places in the world that are kept for somebody.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Whether this session waits.
    pub fn has(&self, session: SessionId) -> bool {
        self.sessions.contains(&session)
    }

    /// Whether an account has a place in the line.
    pub fn has_account(&self, account: AccountId) -> bool {
        self.line.iter().any(|waiting| waiting.account() == account)
    }

    /// Whether anybody waits who could come in now.
    pub fn has_ready(&self) -> bool {
        self.line.iter().any(Waiting::is_ready)
    }

    /// Somebody in the line.
    pub fn find(&mut self, session: SessionId) -> Option<&mut Waiting> {
        if !self.has(session) {
            return None;
        }
        self.line.iter_mut().find(|waiting| waiting.session == Some(session))
    }

    /// Everybody in the line who is there, with his account, first come first.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, AccountId)> {
        self.line.iter().filter_map(|waiting| Some((waiting.session?, waiting.account())))
    }

    /// The same, with what their tokens say.
    pub fn people(&self) -> impl Iterator<Item = (SessionId, &UserData)> {
        self.line.iter().filter_map(|waiting| Some((waiting.session?, &*waiting.user)))
    }

    /// Somebody comes to wait: at the end, or where his account has a place already. Gives the session that had it.
    ///
    /// # Errors
    /// [`LineFull`].
    pub fn join(&mut self, session: SessionId, user: Box<UserData>) -> Result<Option<SessionId>, LineFull> {
        let newcomer =
            Waiting { session: Some(session), user, absent: None, told: None, evidence: Evidence::default() };
        let account = newcomer.account();
        if let Some(place) = self.line.iter_mut().find(|waiting| waiting.account() == account) {
            let Waiting { session: older, evidence, .. } = std::mem::replace(place, newcomer);
            place.evidence = evidence;
            if let Some(older) = older {
                self.sessions.remove(&older);
            }
            self.sessions.insert(session);
            return Ok(older);
        }
        if self.line.len() >= self.waiting_max {
            return Err(LineFull);
        }
        self.line.push_back(newcomer);
        self.sessions.insert(session);
        Ok(None)
    }

    /// Somebody has gone; if `is_replaced`, his place is kept for a while.
    pub fn on_left(&mut self, session: SessionId, is_replaced: bool, now: Tick) {
        if !self.sessions.remove(&session) {
            return;
        }
        let Some(at) = self.line.iter().position(|waiting| waiting.session == Some(session)) else { return };
        if is_replaced {
            (self.line[at].session, self.line[at].absent) = (None, Some(now));
        } else {
            self.line.remove(at);
        }
    }

    /// Somebody fell silent or was heard again; false if he does not wait.
    pub fn on_presence(&mut self, session: SessionId, is_silent: bool, now: Tick) -> bool {
        let Some(waiting) = self.find(session) else { return false };
        waiting.absent = is_silent.then_some(now);
        true
    }

    /// Somebody's place in the world is kept, because a newer session of his is about to take it. One that waits already is
    /// next.
    pub fn keep(&mut self, account: AccountId, now: Tick) {
        match self.line.iter().position(|waiting| waiting.account() == account) {
            Some(at) => self.line.remove(at).into_iter().for_each(|waiting| self.line.push_front(waiting)),
            None => drop(self.kept.insert(account, Tick(now.0.saturating_add(KEPT_TICKS)))),
        }
    }

    /// Whether a place in the world is kept for an account; it is taken by that.
    pub fn take_kept(&mut self, account: AccountId) -> bool {
        self.kept.remove(&account).is_some()
    }

    /// Gives up the places of those who did not come, and of those who were silent for too long; these are named.
    pub fn expire(&mut self, now: Tick, mut silent: impl FnMut(SessionId)) {
        self.kept.retain(|_, until| *until > now);
        let sessions = &mut self.sessions;
        self.line.retain(|waiting| {
            let most = if waiting.session.is_some() { SILENT_TICKS_MAX } else { KEPT_TICKS };
            let is_over = waiting.absent.is_some_and(|since| now.since(since) >= most);
            if let Some(session) = waiting.session.filter(|_| is_over) {
                sessions.remove(&session);
                silent(session);
            }
            !is_over
        });
    }

    /// The same, with names under the veil.
    pub fn veiled(&self, veil: Veil) -> Self {
        let mut door = self.clone();
        door.line.iter_mut().for_each(|waiting| *waiting.user = veil.user(&waiting.user));
        door
    }

    /// Nobody will come any more.
    pub fn close(&mut self) {
        self.kept.clear();
        self.line.retain(|waiting| waiting.session.is_some());
    }

    /// The first who can come in now leaves the line.
    pub fn next(&mut self) -> Option<(SessionId, Box<UserData>)> {
        let at = self.line.iter().position(Waiting::is_ready)?;
        let waiting = self.line.remove(at)?;
        let session = waiting.session?;
        self.sessions.remove(&session);
        Some((session, waiting.user))
    }

    /// Says to whom his place is to be told: session, place, of how many.
    pub fn tell(&mut self, now: Tick, mut say: impl FnMut(SessionId, u16, u16)) {
        let of = self.line.len().min(usize::from(u16::MAX)) as u16;
        for (place, waiting) in (1..=of).zip(&mut self.line) {
            let is_news = waiting.told.is_none_or(|(told, at)| told != place && now.since(at) >= TOLD_TICKS);
            if let Some(session) = waiting.session.filter(|_| is_news && waiting.absent.is_none()) {
                waiting.told = Some((place, now));
                say(session, place, of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rudp::token::{Name, Role};

    fn id(slot: u32) -> SessionId {
        SessionId { slot, generation: 0 }
    }

    fn user(account_id: u64) -> Box<UserData> {
        Box::new(UserData {
            account_id,
            character_id: 0,
            name: Name::default(),
            role: Role::Player,
            issued_at_ms: 0,
            serial: 0,
            epoch: 0,
        })
    }

    /// Of accounts 1, 2 and so on, in slots of the same numbers.
    fn line(count: u32) -> Door {
        let mut door = Door::new(10);
        for slot in 1..=count {
            door.join(id(slot), user(slot.into())).unwrap();
        }
        door
    }

    fn told(door: &mut Door, now: u32) -> Vec<(u32, u16, u16)> {
        let mut told = Vec::new();
        door.tell(Tick(now), |session, place, of| told.push((session.slot, place, of)));
        told
    }

    /// proves: LIF-21
    #[test]
    fn places_are_told_when_they_change_and_once_a_second_at_most() {
        let mut door = line(3);
        assert_eq!(told(&mut door, 0), [(1, 1, 3), (2, 2, 3), (3, 3, 3)]);
        assert_eq!(told(&mut door, 600), [], "nothing has changed");
        door.on_left(id(1), false, Tick(600));
        assert_eq!(told(&mut door, 601), [(2, 1, 2), (3, 2, 2)]);
        door.on_left(id(2), false, Tick(602));
        assert_eq!(told(&mut door, 602), [], "too soon");
        assert_eq!(told(&mut door, 661), [(3, 1, 1)]);
    }

    /// proves: LIF-21
    #[test]
    fn who_is_silent_is_passed_over_for_a_minute_and_keeps_his_place_until_then() {
        let mut door = line(2);
        assert!(door.on_presence(id(1), true, Tick(0)) && !door.on_presence(id(9), true, Tick(0)));
        assert_eq!(told(&mut door, 0), [(2, 2, 2)], "he is not told anything");
        assert_eq!(door.next().unwrap().0, id(2));
        assert!(door.next().is_none() && !door.has_ready() && door.has(id(1)));
        door.expire(Tick(SILENT_TICKS_MAX - 1), |_| panic!("not yet"));
        door.on_presence(id(1), false, Tick(SILENT_TICKS_MAX - 1));
        assert_eq!(told(&mut door, SILENT_TICKS_MAX), [(1, 1, 1)]);
        door.on_presence(id(1), true, Tick(SILENT_TICKS_MAX));
        let mut gone = Vec::new();
        door.expire(Tick(2 * SILENT_TICKS_MAX), |session| gone.push(session));
        assert_eq!((gone, door.len(), door.is_empty()), (vec![id(1)], 0, true));
    }

    /// proves: LIF-21
    #[test]
    fn an_account_has_one_place_which_a_newer_session_takes() {
        let mut door = line(3);
        assert_eq!(door.join(id(7), user(2)), Ok(Some(id(2))));
        assert_eq!(door.iter().map(|(session, _)| session.slot).collect::<Vec<_>>(), [1, 7, 3]);
        assert!(!door.has(id(2)) && door.has(id(7)));
        // Replaced by the transport, before its hello.
        door.on_left(id(7), true, Tick(100));
        assert_eq!((door.len(), door.has_account(AccountId(2))), (3, true));
        door.expire(Tick(99 + KEPT_TICKS), |_| panic!("nobody was there"));
        assert_eq!(door.join(id(8), user(2)), Ok(None));
        assert_eq!(door.iter().map(|(session, _)| session.slot).collect::<Vec<_>>(), [1, 8, 3]);
        door.on_left(id(8), true, Tick(100));
        door.expire(Tick(100 + KEPT_TICKS), |_| panic!("nobody was there"));
        assert!(!door.has_account(AccountId(2)), "he did not come");
    }

    /// proves: LIF-21
    #[test]
    fn a_place_in_the_world_is_kept_for_ten_seconds_and_for_its_account_alone() {
        let mut door = line(2);
        door.keep(AccountId(9), Tick(5));
        assert!(!door.take_kept(AccountId(8)) && door.kept() == 1);
        assert!(door.take_kept(AccountId(9)) && !door.take_kept(AccountId(9)));
        door.keep(AccountId(9), Tick(5));
        door.expire(Tick(5 + KEPT_TICKS), |_| {});
        assert_eq!(door.kept(), 0);
        door.keep(AccountId(2), Tick(5));
        assert_eq!((door.kept(), door.next().unwrap().0), (0, id(2)), "who waits already is next");
    }

    /// proves: LIF-21
    #[test]
    fn of_a_full_line_nobody_is_the_end_and_one_of_none_has_no_place() {
        let mut door = line(10);
        assert_eq!(door.join(id(11), user(11)), Err(LineFull));
        assert_eq!(door.join(id(12), user(3)), Ok(Some(id(3))), "he has a place");
        assert_eq!(Door::new(0).join(id(1), user(1)), Err(LineFull));
    }
}
