//! Whoever wants in is looked up, whoever wants a name asks for it: each within three seconds, at whichever server answers.

use super::Stores;
use super::courier::Courier;
use super::keeper::Letter;
use super::servers::{Answer, Flight, Request};
use game::TransactionId;
use protocol::{AccountId, CharacterId};
use rudp::time::{NS_PER_MS, NS_PER_S};
use server::{LoadError, Saved};
use std::sync::Arc;

/// Whoever waits for longer is told that it cannot be now.
const WITHIN_NS: u64 = 3 * NS_PER_S;
/// Between two tries.
const PAUSE_NS: u64 = 150 * NS_PER_MS;
/// What Redis may take of it.
const HOT_WITHIN_NS: u64 = 500 * NS_PER_MS;

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Word {
    /// The lease of a character, and what is known of it.
    Look(CharacterId),
    /// An account's characters.
    Roster(AccountId),
    /// A name for a character that is about to be made.
    Reserve {
        /// By this transaction.
        id: TransactionId,
        /// Folded.
        name: String,
        /// Whose.
        character: CharacterId,
    },
    /// The character was not made after all.
    Unreserve {
        /// Folded.
        name: String,
        /// Whose it would have been.
        character: CharacterId,
    },
    /// Others may have these.
    Release(Arc<[(CharacterId, u64)]>),
}

/// Somebody who waits.
#[derive(Debug)]
pub struct Ask {
    word: Word,
    /// What is asked now was asked first then.
    began_ns: u64,
    due_ns: u64,
    /// The how many-th server of this round, or of all who are asked for a name.
    nth: usize,
    /// The lease, when it is taken.
    epoch: Option<u64>,
    /// What MariaDB has, when Redis is asked.
    kept: Option<(u64, Vec<Saved>)>,
    is_answered: bool,
    /// The request that is under way.
    pub flight: Option<Flight>,
}

impl Ask {
    fn request(&self) -> Request {
        match &self.word {
            Word::Look(character) if self.epoch.is_none() => Request::TakeLease(*character),
            Word::Look(character) => Request::Load(*character),
            Word::Roster(account) => Request::Roster(*account),
            Word::Reserve { name, character, .. } => Request::Reserve(name.clone(), *character),
            Word::Unreserve { name, character } => Request::Free(name.clone(), *character),
            Word::Release(leases) => Request::Release(leases.clone()),
        }
    }

    fn begin(&mut self, now_ns: u64) {
        (self.began_ns, self.due_ns, self.nth) = (now_ns, now_ns, 0);
    }
}

impl Courier {
    /// Begins to look something up.
    pub fn hear(&mut self, word: Word, now_ns: u64) {
        let (epoch, kept, flight) = (None, None, None);
        let began_ns = now_ns;
        self.asks.push(Ask { word, began_ns, due_ns: now_ns, nth: 0, epoch, kept, is_answered: false, flight });
    }
}

impl Stores {
    /// Goes on with all who wait.
    pub(super) fn look_up(&mut self, now_ns: u64) {
        for mut ask in std::mem::take(&mut self.courier.asks) {
            match self.go_on(&mut ask, now_ns) {
                Some(Some(letter)) => self.keeper.post(letter),
                Some(None) => {}
                None => self.courier.asks.push(ask),
            }
        }
    }

    /// Goes on with one; when it is over, what is said of it, if anybody waits for that.
    fn go_on(&mut self, ask: &mut Ask, now_ns: u64) -> Option<Option<Letter>> {
        if let Some(kept) = ask.kept.take() {
            return self.on_hot(ask, kept, now_ns);
        }
        let is_reserve = matches!(ask.word, Word::Reserve { .. });
        if let Some(flight) = ask.flight.take() {
            if flight.ends_ns > now_ns {
                if now_ns >= ask.began_ns + WITHIN_NS && !is_reserve {
                    self.servers.orphan(flight, &mut self.rng);
                    return Some(away(ask));
                }
                ask.flight = Some(flight);
                return None;
            }
            let node = flight.node;
            let landed = self.servers.land(flight, now_ns, &mut self.rng, &mut self.witness);
            ask.nth += 1;
            match landed {
                Ok(answer) => {
                    if let Some(over) = self.on_answer(ask, answer, now_ns) {
                        return Some(over);
                    }
                }
                Err(trouble) if !is_reserve => self.courier.on_mariadb(node, trouble, now_ns),
                Err(_) => {}
            }
        }
        if is_reserve { self.ask_all(ask, now_ns) } else { self.ask_any(ask, now_ns) }
    }

    /// The server that is written to, then the others, again and again until one has answered or the time is over.
    fn ask_any(&mut self, ask: &mut Ask, now_ns: u64) -> Option<Option<Letter>> {
        if now_ns < ask.due_ns || ask.kept.is_some() {
            return None;
        }
        let flow = self.courier.flow.as_ref()?;
        let servers = flow.lanes().len();
        while ask.nth < servers {
            let node = (flow.node() + ask.nth) % servers;
            if flow.lanes()[node].is_open(now_ns) {
                ask.flight = Some(self.servers.send(node, ask.request(), now_ns, &mut self.rng));
                return None;
            }
            ask.nth += 1;
        }
        if now_ns + PAUSE_NS >= ask.began_ns + WITHIN_NS {
            return Some(away(ask));
        }
        (ask.nth, ask.due_ns) = (0, now_ns + PAUSE_NS);
        None
    }

    /// A name is asked for at all servers, one after the other, as far as they answer.
    fn ask_all(&mut self, ask: &mut Ask, now_ns: u64) -> Option<Option<Letter>> {
        let servers = self.courier.flow.as_ref()?.lanes().len();
        if ask.nth < servers {
            ask.flight = Some(self.servers.send(ask.nth, ask.request(), now_ns, &mut self.rng));
            return None;
        }
        let Word::Reserve { id, .. } = ask.word else { return Some(None) };
        Some(if ask.is_answered { Some(Letter::Reserved(id, Ok(None))) } else { away(ask) })
    }

    fn on_answer(&mut self, ask: &mut Ask, answer: Answer, now_ns: u64) -> Option<Option<Letter>> {
        match (&ask.word, answer) {
            (Word::Look(_), Answer::Lease(epoch)) => {
                ask.epoch = Some(epoch);
                ask.begin(now_ns);
                None
            }
            (Word::Look(_), Answer::Kept(revision, checkpoint)) => {
                ask.begin(now_ns);
                let (ends_ns, trouble) = self.redis.send(&self.plan, now_ns, &mut self.rng);
                ask.due_ns = ends_ns.min(now_ns + HOT_WITHIN_NS);
                // Nobody hears what comes too late.
                ask.is_answered = trouble.is_none() && ends_ns <= now_ns + HOT_WITHIN_NS;
                ask.kept = Some((revision, checkpoint.into_iter().collect()));
                None
            }
            (Word::Roster(account), Answer::Roster(revision, roster)) => {
                Some(Some(Letter::Rostered(*account, Ok((revision, roster)))))
            }
            (Word::Reserve { id, character, .. }, Answer::Name(by)) if by != *character => {
                Some(Some(Letter::Reserved(*id, Ok(Some(by)))))
            }
            (Word::Reserve { .. }, _) => {
                ask.is_answered = true;
                None
            }
            _ => Some(None),
        }
    }

    /// What Redis has, if it answers soon.
    fn on_hot(&mut self, ask: &mut Ask, kept: (u64, Vec<Saved>), now_ns: u64) -> Option<Option<Letter>> {
        if now_ns < ask.due_ns {
            ask.kept = Some(kept);
            return None;
        }
        let Word::Look(character) = ask.word else { return Some(None) };
        let (revision, mut records) = kept;
        let is_asked = self.plan.has_redis && self.courier.redis_lane.is_open(now_ns);
        if is_asked && ask.is_answered && !self.redis.is_down {
            records.extend(self.redis.checkpoints.get(&character).cloned());
        }
        Some(Some(Letter::Looked(character, Ok((ask.epoch.unwrap_or(0), revision, records)))))
    }
}

/// The time is over.
fn away(ask: &Ask) -> Option<Letter> {
    let error = LoadError::Away("MariaDB does not answer".to_owned());
    match &ask.word {
        Word::Look(character) => Some(Letter::Looked(*character, Err(error))),
        Word::Roster(account) => Some(Letter::Rostered(*account, Err(error))),
        Word::Reserve { id, .. } => Some(Letter::Reserved(*id, Err(error))),
        Word::Unreserve { .. } | Word::Release(_) => None,
    }
}
