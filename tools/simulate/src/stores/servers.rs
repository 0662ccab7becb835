//! The servers of MariaDB: requests on their way, answers that are lost, what one of a pair has yet to hear of the other.

use super::plan::{self, PATIENCE_NS, Plan};
use super::rows::Rows;
use super::witness::Witness;
use protocol::{AccountId, CharacterId};
use rand::RngExt;
use rand::rngs::StdRng;
use rudp::time::{NS_PER_MS, NS_PER_S};
use server::{Enrolled, Parcel, Saved, Trouble};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a server is asked for.
#[derive(Clone, Debug)]
pub enum Request {
    /// To write a parcel.
    Parcel(Arc<Parcel>),
    /// To keep checkpoints.
    Keep(Arc<[(CharacterId, Saved)]>),
    /// For a character's lease.
    TakeLease(CharacterId),
    /// It hears from the other that a lease was given.
    Leased(CharacterId, u64),
    /// To take leases back.
    Release(Arc<[(CharacterId, u64)]>),
    /// What it has of a character.
    Load(CharacterId),
    /// Which characters an account has.
    Roster(AccountId),
    /// For a name, folded.
    Reserve(String, CharacterId),
    /// To free one.
    Free(String, CharacterId),
    /// How far the journal is in it.
    Watermark,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The journal is in it up to here.
    Watermark(u64),
    /// The lease has this epoch.
    Lease(u64),
    /// A character's checkpoint, and the number of its last transaction.
    Kept(u64, Option<Saved>),
    /// An account's characters, and the number of their roster.
    Roster(u64, Vec<Enrolled>),
    /// Whose a name is.
    Name(CharacterId),
}

/// A request on its way.
#[derive(Debug)]
pub struct Flight {
    /// To which server.
    pub node: usize,
    /// When it is over.
    pub ends_ns: u64,
    request: Request,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    /// It takes effect, and nobody hears of it.
    Unheard(Trouble),
    Refused(Trouble),
}

#[derive(Debug, Default)]
struct Node {
    rows: Rows,
    is_down: bool,
    /// It says so until then.
    starts_until_ns: u64,
    /// What the other has written, in order, and when it arrives.
    stream: VecDeque<(u64, Request)>,
}

/// The servers.
#[derive(Debug)]
pub struct Servers {
    nodes: Vec<Node>,
    plan: Plan,
    is_slow: bool,
    /// Asked by a process that is no more, and not done yet.
    orphans: Vec<Flight>,
    /// On purpose: rows are written over newer ones.
    pub is_unguarded: bool,
    /// When one did not do what it was asked for last, whether or not anything is wrong.
    pub failed_ns: Option<u64>,
}

/// Troubles of a server that is well otherwise.
const REFUSALS: [Trouble; 5] = [Trouble::Conflict, Trouble::Full, Trouble::Starting, Trouble::ReadOnly, Trouble::Slow];

impl Servers {
    /// As planned, all empty.
    pub fn new(plan: Plan) -> Self {
        let nodes = (0..plan.arrangement.servers()).map(|_| Node::default()).collect();
        Self { nodes, plan, is_slow: false, orphans: Vec::new(), is_unguarded: false, failed_ns: None }
    }

    /// What a server has.
    pub fn rows(&self, node: usize) -> &Rows {
        &self.nodes[node].rows
    }

    /// Those that must have what the journal forgets.
    pub fn required(&self) -> impl Iterator<Item = (usize, &Rows)> {
        self.nodes.iter().map(|node| &node.rows).enumerate().take(self.plan.arrangement.required())
    }

    /// A server goes down, or comes back and starts.
    pub fn set_down(&mut self, node: usize, is_down: bool, starts_until_ns: u64) {
        if let Some(node) = self.nodes.get_mut(node) {
            (node.is_down, node.starts_until_ns) = (is_down, starts_until_ns);
        }
    }

    /// All of them are slow, or not.
    pub fn set_slow(&mut self, is_slow: bool) {
        self.is_slow = is_slow;
    }

    /// Sends a request on its way.
    pub fn send(&self, node: usize, request: Request, now_ns: u64, rng: &mut StdRng) -> Flight {
        let refused = |trouble, ends_ns| (Fate::Refused(trouble), ends_ns);
        let soon_ns = now_ns + rng.random_range(1..=50) * NS_PER_MS;
        let is_replica = node > 0 && self.plan.arrangement == plan::Arrangement::Replica;
        let took_ns = plan::draw(rng, if self.is_slow { self.plan.sql_slow_ns } else { self.plan.sql_ns });
        let refusal = REFUSALS[rng.random_range(0..REFUSALS.len())];
        let (is_refused, is_lost) = (plan::happens(rng, self.plan.refused), plan::happens(rng, self.plan.answers_lost));
        let (fate, ends_ns) = match &self.nodes[node] {
            // It hangs up at once, or says nothing at all.
            Node { is_down: true, .. } if is_refused || soon_ns.is_multiple_of(2) => refused(Trouble::Down, soon_ns),
            Node { is_down: true, .. } => refused(Trouble::Slow, now_ns + PATIENCE_NS),
            node if now_ns < node.starts_until_ns => refused(Trouble::Starting, soon_ns),
            _ if is_replica && request.writes() => refused(Trouble::ReadOnly, soon_ns),
            _ if is_refused => refused(refusal, soon_ns),
            _ if took_ns > PATIENCE_NS && is_lost => refused(Trouble::Slow, now_ns + PATIENCE_NS),
            _ if took_ns > PATIENCE_NS => (Fate::Unheard(Trouble::Slow), now_ns + PATIENCE_NS),
            _ if is_lost => (Fate::Unheard(Trouble::Down), now_ns + took_ns),
            _ => (Fate::Answered, now_ns + took_ns),
        };
        Flight { node, ends_ns, request, fate }
    }

    /// A request is over: what the server says.
    pub fn land(
        &mut self,
        flight: Flight,
        now_ns: u64,
        rng: &mut StdRng,
        witness: &mut Witness,
    ) -> Result<Answer, Trouble> {
        let Flight { node, request, fate, .. } = flight;
        // It went down in the meantime: before, or after the commit.
        let fate = match fate {
            Fate::Refused(_) => fate,
            _ if !self.nodes[node].is_down => fate,
            _ if rng.random_bool(0.5) => Fate::Unheard(Trouble::Down),
            _ => Fate::Refused(Trouble::Down),
        };
        if fate != Fate::Answered {
            self.failed_ns = Some(now_ns);
        }
        match fate {
            Fate::Refused(trouble) => Err(trouble),
            Fate::Unheard(trouble) => {
                self.apply(node, &request, now_ns, rng, witness);
                Err(trouble)
            }
            Fate::Answered => Ok(self.apply(node, &request, now_ns, rng, witness)),
        }
    }

    /// Nobody waits for this any more; it may happen all the same.
    pub fn orphan(&mut self, flight: Flight, rng: &mut StdRng) {
        if flight.fate != Fate::Answered || rng.random_bool(0.5) {
            self.orphans.push(flight);
        }
    }

    /// What was written to one comes to the other, and what nobody waits for happens.
    pub fn advance(&mut self, now_ns: u64, rng: &mut StdRng, witness: &mut Witness) {
        for at in (0..self.orphans.len()).rev() {
            if self.orphans[at].ends_ns <= now_ns {
                let orphan = self.orphans.swap_remove(at);
                let _ = self.land(orphan, now_ns, rng, witness);
            }
        }
        if self.nodes.iter().any(|node| node.is_down || now_ns < node.starts_until_ns) {
            return;
        }
        for node in 0..self.nodes.len() {
            while self.nodes[node].stream.front().is_some_and(|(arrives_ns, _)| *arrives_ns <= now_ns) {
                let Some((_, request)) = self.nodes[node].stream.pop_front() else { break };
                self.do_it(node, &request, witness);
            }
        }
    }

    /// Whether nothing is on its way between them or to them from a process that is no more.
    pub fn is_settled(&self) -> bool {
        self.orphans.is_empty() && self.nodes.iter().all(|node| node.stream.is_empty())
    }

    fn apply(
        &mut self,
        node: usize,
        request: &Request,
        now_ns: u64,
        rng: &mut StdRng,
        witness: &mut Witness,
    ) -> Answer {
        let answer = self.do_it(node, request, witness);
        let is_heard = self.plan.arrangement == plan::Arrangement::Pair || node == 0;
        if request.writes() && self.nodes.len() > 1 && is_heard {
            let stream = &mut self.nodes[1 - node].stream;
            let newest_ns = stream.back().map_or(0, |(arrives_ns, _)| *arrives_ns);
            let arrives_ns = newest_ns.max(now_ns + plan::draw(rng, self.plan.lag_ns));
            let told = match (request, &answer) {
                // The other must not count it once more.
                (Request::TakeLease(character), Answer::Lease(epoch)) => Request::Leased(*character, *epoch),
                _ => request.clone(),
            };
            stream.push_back((arrives_ns, told));
        }
        answer
    }

    fn do_it(&mut self, node: usize, request: &Request, witness: &mut Witness) -> Answer {
        let is_guarded = !self.is_unguarded;
        // A replica is looked at by nobody.
        let is_required = node < self.plan.arrangement.required();
        let rows = &mut self.nodes[node].rows;
        match request {
            Request::Parcel(parcel) => {
                let before = rows.watermark;
                rows.write(parcel, is_guarded);
                if is_required {
                    witness.on_written(node, rows, parcel, before);
                }
                Answer::Done
            }
            Request::Keep(records) => {
                for (character, saved) in records.iter() {
                    rows.keep(*character, saved);
                    witness.on_kept("MariaDB", *character, saved);
                }
                Answer::Done
            }
            Request::TakeLease(character) => Answer::Lease(rows.take_lease(*character)),
            Request::Leased(character, epoch) => {
                let there = rows.leases.entry(*character).or_default();
                *there = (*epoch, true).max(*there);
                Answer::Done
            }
            Request::Release(leases) => {
                rows.release(leases);
                Answer::Done
            }
            Request::Load(character) => {
                let revision = rows.revision(super::rows::Key::Character(*character));
                Answer::Kept(revision, rows.checkpoints.get(character).cloned())
            }
            Request::Roster(account) => {
                let (revision, roster) = rows.roster(*account);
                Answer::Roster(revision, roster)
            }
            Request::Reserve(name, character) => Answer::Name(rows.reserve(name, *character)),
            Request::Free(name, character) => {
                rows.free(name, *character);
                Answer::Done
            }
            Request::Watermark => Answer::Watermark(rows.watermark),
        }
    }
}

impl Request {
    fn writes(&self) -> bool {
        !matches!(self, Self::Load(_) | Self::Roster(_) | Self::Watermark)
    }
}

/// How long a server that comes back says that it is starting, at most.
pub const STARTS_NS: u64 = NS_PER_S;
