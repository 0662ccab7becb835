//! The relay without its sockets: flows, their links, and what is done to them. Time and datagrams come in as arguments.

use crate::plan::{Outage, Rebind};
use netem::{Link, LinkCounters, Profile};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;

/// A client that has not sent for this long is forgotten: twice as long as a server holds a silent session.
const IDLE_NS: u64 = 240_000_000_000;

/// What a hub is told at its start.
#[derive(Clone, Debug, Default)]
pub struct HubConfig {
    /// The link of every flow.
    pub profile: Profile,
    /// Of everything drawn by chance.
    pub seed: u64,
    /// Clients at once; what comes from further ones is dropped.
    pub flows_max: usize,
    /// New addresses.
    pub rebinds: Vec<Rebind>,
    /// Times without a link.
    pub outages: Vec<Outage>,
}

/// A datagram at the end of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// From this flow's socket to the server.
    ToServer(usize, Vec<u8>),
    /// To a client.
    ToClient(SocketAddr, Vec<u8>),
}

/// What became of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Both ways over all flows, those forgotten included.
    pub up: LinkCounters,
    /// As `up`.
    pub down: LinkCounters,
    /// Flows that began.
    pub flows: u64,
    /// Of those, forgotten.
    pub forgotten: u64,
    /// Datagrams of clients beyond the bound.
    pub refused: u64,
    /// Flows that could not begin, and moves that could not be made, because the system gave no socket.
    pub unopened: u64,
    /// Times a flow got another address.
    pub rebinds: u64,
    /// Datagrams that found their flow cut off.
    pub cut: u64,
}

/// All flows.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    slots: Vec<Option<Flow>>,
    by_client: BTreeMap<SocketAddr, usize>,
    /// When a slot's links have something; what does not agree with the flow's own `due_ns` is of the past.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    totals: Totals,
    forget_ns: u64,
}

#[derive(Debug)]
struct Flow {
    number: u64,
    client: SocketAddr,
    up: Link,
    down: Link,
    heard_ns: u64,
    /// Its one entry in the hub's heap that counts.
    due_ns: Option<u64>,
}

impl Hub {
    /// A hub without flows.
    pub fn new(config: HubConfig) -> Self {
        Self {
            config,
            slots: Vec::new(),
            by_client: BTreeMap::new(),
            due: BinaryHeap::new(),
            totals: Totals::default(),
            forget_ns: IDLE_NS,
        }
    }

    /// A client sent something. Answers the slot when that began a flow: it needs a socket before the next
    /// [`poll`](Self::poll).
    pub fn handle_client(&mut self, now_ns: u64, client: SocketAddr, datagram: &[u8]) -> Option<usize> {
        let known = self.by_client.get(&client).copied();
        let slot = match known {
            Some(slot) => slot,
            None if self.by_client.len() < self.config.flows_max => self.begin(now_ns, client),
            None => {
                self.totals.refused += 1;
                return None;
            }
        };
        self.carry(now_ns, slot, datagram, true);
        known.is_none().then_some(slot)
    }

    /// The flow that just began in this slot gets no socket. It is undone, and what its client sent is lost; its next
    /// datagram tries again.
    pub fn on_unopened(&mut self, slot: usize) {
        if let Some(flow) = self.slots.get_mut(slot).and_then(Option::take) {
            self.by_client.remove(&flow.client);
            self.totals.flows -= 1;
            self.totals.unopened += 1;
        }
    }

    /// A flow that was to move gets no other socket and keeps the one it has.
    pub fn on_unmoved(&mut self) {
        self.totals.rebinds -= 1;
        self.totals.unopened += 1;
    }

    /// The server sent something to this flow's socket.
    pub fn handle_server(&mut self, now_ns: u64, slot: usize, datagram: &[u8]) {
        self.carry(now_ns, slot, datagram, false);
    }

    /// The next datagram that has come to the end of its link.
    pub fn poll(&mut self, now_ns: u64) -> Option<Out> {
        while let Some(&Reverse((due_ns, slot))) = self.due.peek().filter(|Reverse((due_ns, _))| *due_ns <= now_ns) {
            self.due.pop();
            let flow = self.slots.get_mut(slot).and_then(Option::as_mut);
            let Some(flow) = flow.filter(|flow| flow.due_ns == Some(due_ns)) else { continue };
            flow.due_ns = None;
            let out = match flow.up.poll(now_ns) {
                Some(datagram) => Some(Out::ToServer(slot, datagram)),
                None => flow.down.poll(now_ns).map(|datagram| Out::ToClient(flow.client, datagram)),
            };
            self.schedule(slot);
            if out.is_some() {
                return out;
            }
        }
        None
    }

    /// Adds the slots of all flows that are to have a new socket by now.
    pub fn poll_rebind(&mut self, now_ns: u64, moved: &mut Vec<usize>) {
        for rebind in &mut self.config.rebinds {
            if rebind.at_ns > now_ns {
                continue;
            }
            rebind.at_ns = rebind.every_ns.map_or(u64::MAX, |every_ns| now_ns.max(rebind.at_ns) + every_ns);
            let share = rebind.share;
            let meant = |flow: &Option<Flow>| flow.as_ref().is_some_and(|flow| share.contains(flow.number));
            moved.extend((0..self.slots.len()).filter(|slot| meant(&self.slots[*slot])));
        }
        self.totals.rebinds += moved.len() as u64;
    }

    /// Forgets clients that are long gone; answers whose sockets may be closed.
    pub fn forget_idle(&mut self, now_ns: u64) -> Vec<usize> {
        if now_ns < self.forget_ns {
            return Vec::new();
        }
        self.forget_ns = now_ns + IDLE_NS / 8;
        let is_idle = |flow: &Option<Flow>| flow.as_ref().is_some_and(|flow| flow.heard_ns + IDLE_NS <= now_ns);
        let idle: Vec<usize> = (0..self.slots.len()).filter(|slot| is_idle(&self.slots[*slot])).collect();
        for &slot in &idle {
            if let Some(flow) = self.slots[slot].take() {
                self.by_client.remove(&flow.client);
                self.totals.forgotten += 1;
                add(&mut self.totals.up, flow.up.counters());
                add(&mut self.totals.down, flow.down.counters());
            }
        }
        idle
    }

    /// When there is something to poll next, ns.
    pub fn next_ns(&self) -> Option<u64> {
        let rebinds = self.config.rebinds.iter().map(|rebind| rebind.at_ns);
        self.due.peek().map(|Reverse((due_ns, _))| *due_ns).into_iter().chain(rebinds).min()
    }

    /// Gives the buffer of a datagram back to the flow it came from.
    pub fn recycle(&mut self, slot: usize, buffer: Vec<u8>) {
        if let Some(flow) = self.slots.get_mut(slot).and_then(Option::as_mut) {
            flow.up.recycle(buffer);
        }
    }

    /// What became of everything.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals;
        for flow in self.slots.iter().flatten() {
            add(&mut totals.up, flow.up.counters());
            add(&mut totals.down, flow.down.counters());
        }
        totals
    }

    /// All flows are to move at this time.
    #[cfg(test)]
    pub fn rebind_all_at(&mut self, at_ns: u64) {
        self.config.rebinds = vec![Rebind { at_ns, ..crate::plan::rebind_at("0s").unwrap() }];
    }

    fn begin(&mut self, now_ns: u64, client: SocketAddr) -> usize {
        let number = self.totals.flows;
        self.totals.flows += 1;
        let seed = self.config.seed.wrapping_add(number.wrapping_mul(2));
        let Profile { up, down } = &self.config.profile;
        let flow = Flow {
            number,
            client,
            up: up.link(seed),
            down: down.link(seed.wrapping_add(1)),
            heard_ns: now_ns,
            due_ns: None,
        };
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(flow);
        self.by_client.insert(client, slot);
        slot
    }

    fn carry(&mut self, now_ns: u64, slot: usize, datagram: &[u8], is_up: bool) {
        let Some(flow) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        if is_up {
            flow.heard_ns = now_ns;
        }
        if self.config.outages.iter().any(|outage| outage.is_on(now_ns, flow.number)) {
            self.totals.cut += 1;
            return;
        }
        let link = if is_up { &mut flow.up } else { &mut flow.down };
        link.send(now_ns, datagram);
        self.schedule(slot);
    }

    /// Sees to it that the flow is looked at when its links have something, and that it stands there once.
    fn schedule(&mut self, slot: usize) {
        let Some(flow) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        if let Some(next_ns) = flow.next_ns().filter(|next_ns| flow.due_ns.is_none_or(|due_ns| *next_ns < due_ns)) {
            flow.due_ns = Some(next_ns);
            self.due.push(Reverse((next_ns, slot)));
        }
    }
}

impl Flow {
    fn next_ns(&self) -> Option<u64> {
        [self.up.next_ns(), self.down.next_ns()].into_iter().flatten().min()
    }
}

fn add(sum: &mut LinkCounters, more: LinkCounters) {
    sum.sent += more.sent;
    sum.delivered += more.delivered;
    sum.lost += more.lost;
    sum.duplicated += more.duplicated;
    sum.reordered += more.reordered;
    sum.corrupted += more.corrupted;
    sum.overflowed += more.overflowed;
    sum.tail_dropped += more.tail_dropped;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{outage, rebind_at, rebind_every};

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn hub(profile: &str) -> Hub {
        let profile = Profile::parse(profile, &mut |_| Err(String::new())).unwrap();
        Hub::new(HubConfig { profile, seed: 1, flows_max: 2, rebinds: vec![], outages: vec![] })
    }

    fn client(number: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, number], 5_000))
    }

    #[test]
    fn each_way_takes_its_own_time_and_finds_its_own_client() {
        let mut hub = hub("up.delay=10ms,down.delay=30ms");
        assert_eq!(hub.handle_client(0, client(1), b"a"), Some(0));
        assert_eq!(hub.handle_client(0, client(2), b"b"), Some(1));
        assert_eq!(hub.handle_client(MS, client(1), b"c"), None);
        hub.handle_server(2 * MS, 1, b"d");
        let mut story = Vec::new();
        while let Some(now_ns) = hub.next_ns() {
            while let Some(out) = hub.poll(now_ns) {
                story.push((now_ns / MS, out));
            }
        }
        let wanted = [
            (10, Out::ToServer(0, b"a".to_vec())),
            (10, Out::ToServer(1, b"b".to_vec())),
            (11, Out::ToServer(0, b"c".to_vec())),
            (32, Out::ToClient(client(2), b"d".to_vec())),
        ];
        assert_eq!(story, wanted);
    }

    #[test]
    fn flows_are_bounded_and_forgotten_when_their_client_is_gone() {
        let mut hub = hub("");
        hub.handle_client(0, client(1), b"a");
        hub.handle_client(0, client(2), b"b");
        assert_eq!((hub.handle_client(0, client(3), b"c"), hub.totals().refused), (None, 1));
        hub.handle_client(100 * S, client(2), b"b");
        assert_eq!(hub.forget_idle(IDLE_NS), [0]);
        assert_eq!(hub.handle_client(IDLE_NS, client(3), b"c"), Some(0));
        assert_eq!((hub.totals().flows, hub.totals().forgotten, hub.totals().up.sent), (3, 1, 4));
    }

    #[test]
    fn a_flow_without_a_socket_is_undone_and_its_clients_next_datagram_begins_it_anew() {
        let mut hub = hub("");
        assert_eq!(hub.handle_client(0, client(1), b"a"), Some(0));
        hub.on_unopened(0);
        assert_eq!((hub.poll(S), hub.totals().flows, hub.totals().unopened), (None, 0, 1));
        assert_eq!(hub.handle_client(2 * S, client(2), b"b"), Some(0));
        assert_eq!(hub.handle_client(2 * S, client(1), b"a"), Some(1));
        assert_eq!(hub.poll(2 * S), Some(Out::ToServer(0, b"b".to_vec())));
        assert_eq!(hub.poll(2 * S), Some(Out::ToServer(1, b"a".to_vec())));
        assert_eq!((hub.totals().flows, hub.totals().unopened), (2, 1));
    }

    #[test]
    fn the_last_seed_is_as_good_as_any() {
        for seed in [u64::MAX, u64::MAX - 1] {
            let mut hub = hub("");
            hub.config.seed = seed;
            assert_eq!(hub.handle_client(0, client(1), b"a"), Some(0));
            assert_eq!(hub.handle_client(0, client(2), b"b"), Some(1));
        }
    }

    #[test]
    fn flows_move_once_or_again_and_again() {
        let mut hub = hub("");
        hub.config.rebinds = vec![rebind_at("2s").unwrap(), rebind_every("5s@0%").unwrap()];
        hub.handle_client(0, client(1), b"a");
        let moved = |hub: &mut Hub, now_ns| {
            let mut moved = Vec::new();
            hub.poll_rebind(now_ns, &mut moved);
            moved
        };
        assert_eq!(
            (moved(&mut hub, 2 * S - 1), moved(&mut hub, 2 * S), moved(&mut hub, 3 * S)),
            (vec![], vec![0], vec![])
        );
        hub.config.rebinds = vec![rebind_every("5s").unwrap()];
        assert_eq!(
            (moved(&mut hub, 5 * S), moved(&mut hub, 9 * S), moved(&mut hub, 10 * S)),
            (vec![0], vec![], vec![0])
        );
        assert_eq!(hub.totals().rebinds, 3);
    }

    #[test]
    fn an_outage_cuts_off_both_ways_and_ends() {
        let mut hub = hub("");
        hub.config.outages = vec![outage("1s..2s").unwrap()];
        for at_ms in [500, 1_500, 2_500] {
            hub.handle_client(at_ms * MS, client(1), b"up");
            hub.handle_server(at_ms * MS, 0, b"down");
        }
        let totals = hub.totals();
        assert_eq!((totals.cut, totals.up.sent, totals.down.sent), (2, 2, 2));
    }

    #[test]
    fn nothing_due_is_left_behind_when_time_jumps() {
        let mut hub = hub("delay=5ms,jitter=20ms,dup=10%,reorder=20%/30ms");
        for at_ms in 0..200 {
            hub.handle_client(at_ms * MS, client(1), b"up");
            hub.handle_server(at_ms * MS, 0, b"down");
        }
        let mut delivered = 0;
        while hub.poll(S).is_some() {
            delivered += 1;
        }
        let totals = hub.totals();
        assert_eq!(delivered, totals.up.delivered + totals.down.delivered);
        assert_eq!(delivered, 400 + totals.up.duplicated + totals.down.duplicated);
        assert_eq!(hub.next_ns(), None);
    }

    #[test]
    fn a_busy_flow_does_not_pile_up_wake_ups() {
        let mut hub = hub("delay=50ms,reorder=50%/40ms");
        for at_ms in 0..5_000 {
            hub.handle_client(at_ms * MS, client(1), b"up");
            while hub.poll(at_ms * MS).is_some() {}
        }
        assert!(hub.due.len() < 60, "{}", hub.due.len());
    }
}
