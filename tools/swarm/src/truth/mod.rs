//! The checker: compares what bots are told about each other with what each is told about itself.
//!
//! It is fed every event of every bot ([`Checker::on_own`], [`Checker::on_update`], ...) and judges by brute force, with
//! exact integers and nothing of the server's own reasoning: no quadtree, no priorities, no baselines. It reads no clock
//! and knows no network: its time is the server's tick.
//!
//! Up to [`ROTATE_ABOVE_BOTS`] bots everything is judged; above, a tenth of the viewers at a time for two seconds each.
//! A pair is judged only while both have been in the world for [`SETTLED_TICKS`].

mod findings;
mod presence;
mod ring;
mod scan;
mod shots;

pub use findings::{Findings, KINDS, Kind};

use hdrhistogram::Histogram;
use presence::{Meant, Presence};
use protocol::message::{Welcome, nearest_places};
use protocol::{EntityState, NetId, OwnState, Tick};
use ring::Ring;
use scan::Scan;
use shots::Shots;

/// Up to this many bots every viewer is judged all the time.
pub const ROTATE_ABOVE_BOTS: usize = 500;
/// Above that, one viewer in this many at a time.
const ROTATE_GROUPS: usize = 10;
/// How long a group of viewers is judged before it is the next one's turn.
const ROTATE_TICKS: u32 = 120;
/// Bots are judged from two seconds after they joined: by then they stand where they will begin.
pub const SETTLED_TICKS: u32 = 120;
/// Updates are compared this many ticks after theirs: every bot has heard of itself by then or lost the packet.
const COMPARE_AFTER_TICKS: u32 = 32;
/// Rings of updates that wait for their comparison; more than [`COMPARE_AFTER_TICKS`], a power of two.
const WAITING_TICKS: usize = 64;
/// An own state this far ahead of all others (a minute) cannot be.
const JUMP_TICKS_MAX: u32 = 3_600;

/// What a viewer shows of an entity right now; the client answers this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Since when it has been in view without a break.
    pub entered: Tick,
    /// The tick of its newest state.
    pub newest: Tick,
}

/// The eyes of all bots.
pub trait Views {
    /// What `viewer` shows of `id`.
    fn sight(&self, viewer: usize, id: NetId) -> Option<Sight>;
}

/// The terms of the welcome, in the form in which distances are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Terms {
    enter_squared: i64,
    leave_squared: i64,
    visible_max: usize,
    /// Of so many, those that are the nearest: the others take turns.
    nearest: usize,
}

/// An update that waits for the truth of its tick.
#[derive(Clone, Copy, Debug)]
struct Told {
    viewer: u32,
    bot: u32,
    state: EntityState,
}

/// Holds the truth of all bots and everything they were told about each other.
#[derive(Debug)]
pub struct Checker {
    bots: usize,
    terms: Option<Terms>,
    ring: Ring,
    presence: Presence,
    joined: Vec<Option<u32>>,
    /// Bots that nothing reaches, and bots for two seconds after: what they show is not held against the server.
    deaf_until: Vec<u32>,
    /// The same for all of them, whatever reaches them.
    all_excused_until: u32,
    /// By viewer: members of its party, who are always told, and until when it may still show them.
    bonds: Vec<Vec<(NetId, u32)>>,
    /// By bot: ticks by which its link is behind, and those that it adds to what a server may take to tell something.
    lags: Vec<u32>,
    allowances: Vec<u32>,
    /// Bots that are in; the most that were in while any of the ticks that are remembered lasted, and until when.
    present: usize,
    peak: (usize, u32),
    /// Bots that may be in the world without their welcome having come: what is strange may be one of them.
    is_joining: bool,
    newest: u32,
    judged: u32,
    waiting: Vec<(u32, Vec<Told>)>,
    scan: Scan,
    shots: Shots,
    findings: Findings,
    comparisons: u64,
    visible: Histogram<u64>,
    ages: Histogram<u64>,
}

impl Checker {
    /// A checker for `bots` bots, none of which has joined.
    pub fn new(bots: usize) -> Self {
        Self {
            bots,
            terms: None,
            ring: Ring::new(bots),
            presence: Presence::new(bots),
            joined: vec![None; bots],
            deaf_until: vec![0; bots],
            all_excused_until: 0,
            bonds: vec![Vec::new(); bots],
            lags: vec![0; bots],
            allowances: vec![0; bots],
            present: 0,
            peak: (0, 0),
            is_joining: false,
            newest: 0,
            judged: 0,
            waiting: (0..WAITING_TICKS).map(|_| (0, Vec::new())).collect(),
            scan: Scan::default(),
            shots: Shots::default(),
            findings: Findings::default(),
            comparisons: 0,
            visible: histogram(),
            ages: histogram(),
        }
    }

    /// `bot` has joined under these terms.
    pub fn on_joined(&mut self, bot: usize, welcome: &Welcome) {
        let square = |units: i32| i64::from(units) * i64::from(units);
        let terms = Terms {
            enter_squared: square(welcome.enter_radius_units),
            leave_squared: square(welcome.leave_radius_units),
            visible_max: usize::from(welcome.visible_max),
            nearest: nearest_places(usize::from(welcome.visible_max)),
        };
        if self.terms.replace(terms).is_some_and(|before| before != terms) {
            self.findings.add(Kind::Other, || format!("bot {bot} was welcomed on other terms than those before it"));
        }
        if self.newest == 0 {
            (self.newest, self.judged) = (welcome.tick.0, welcome.tick.0);
        }
        self.ring.forget(bot);
        self.presence.on_joined(bot, welcome.own, welcome.tick.0);
        self.present += usize::from(self.joined[bot].is_none());
        self.joined[bot] = Some(welcome.tick.0.max(self.newest));
        self.deaf_until[bot] = 0;
        self.bonds[bot].clear();
    }

    /// `viewer` is in a party of these, or in none: its members are told of each other wherever they are.
    pub fn on_party(&mut self, viewer: usize, members: &[NetId]) {
        let (newest, bonds) = (self.newest, &mut self.bonds[viewer]);
        bonds.retain(|(id, until)| !members.contains(id) && *until >= newest);
        bonds.iter_mut().for_each(|(_, until)| *until = (*until).min(newest + SETTLED_TICKS));
        bonds.extend(members.iter().map(|id| (*id, u32::MAX)));
    }

    /// The session of `bot` is over. `server_knows`: the server closed it or was told, so the others must see it leave;
    /// a bot that merely hears nothing may still stand in the world.
    pub fn on_gone(&mut self, bot: usize, server_knows: bool) {
        if self.joined[bot].take().is_some() {
            let (most, until) = self.peak;
            let is_past = self.newest > until;
            self.peak =
                (if is_past { self.present } else { most.max(self.present) }, self.newest + ring::RING_TICKS as u32);
            self.present -= 1;
        }
        self.presence.on_gone(bot, self.newest, server_knows);
        self.ring.forget(bot);
    }

    /// Nothing reaches `bot` any more.
    pub fn on_deaf(&mut self, bot: usize) {
        self.deaf_until[bot] = u32::MAX;
    }

    /// `bot` hears the server again; two seconds later it is judged again, as after joining.
    pub fn on_hearing(&mut self, bot: usize) {
        self.deaf_until[bot] = self.newest + SETTLED_TICKS;
    }

    /// Nobody is judged by what he shows until two seconds from now: the swarm itself is so late that what has come to its bots
    /// lies unread, or the server is overrun on purpose.
    pub fn excuse_all(&mut self) {
        self.all_excused_until = self.newest + SETTLED_TICKS;
    }

    /// Whether that is so.
    pub fn are_all_excused(&self) -> bool {
        self.newest < self.all_excused_until
    }

    /// Nobody can tell `bot` anything sooner than its link allows: what it shows is judged `lag` ticks later, and it takes
    /// `allowance` ticks more before something is missing, stale or a ghost.
    pub fn allow(&mut self, bot: usize, lag: u32, allowance: u32) {
        (self.lags[bot], self.allowances[bot]) = (lag, allowance);
    }

    /// Whether anybody is on the way in. Until all are, nobody is a stranger; then whoever still belongs to none is.
    pub fn on_joining(&mut self, is_joining: bool) {
        self.is_joining = is_joining;
    }

    /// Another server process answers: its ticks and ids have nothing to do with those before. Counts stay.
    pub fn on_server_restarted(&mut self) {
        self.ring.clear();
        self.presence = Presence::new(self.bots);
        self.joined.fill(None);
        (self.present, self.peak, self.is_joining) = (0, (0, 0), false);
        self.deaf_until.fill(0);
        self.all_excused_until = 0;
        self.bonds.iter_mut().for_each(Vec::clear);
        (self.newest, self.judged) = (0, 0);
        self.waiting.iter_mut().for_each(|(_, told)| told.clear());
        self.scan = Scan::default();
        self.shots.clear();
    }

    /// `bot` was told its own state.
    pub fn on_own(&mut self, bot: usize, tick: Tick, state: &OwnState) {
        if self.joined[bot].is_none() {
            return self.findings.add(Kind::Other, || format!("bot {bot} was told its state before it was welcomed"));
        }
        if tick.since(Tick(self.newest)) > JUMP_TICKS_MAX {
            let newest = self.newest;
            return self
                .findings
                .add(Kind::Other, || format!("bot {bot} was told tick {} while it was {newest}", tick.0));
        }
        if self.ring.record(bot, tick.0, state.entity()).is_err() {
            self.findings.add(Kind::Other, || format!("bot {bot} was told two states of its own for tick {}", tick.0));
        }
        let behind = self.ring.newest(bot).map_or(0, |(newest, _)| Tick(newest).since(tick));
        if behind as usize >= ring::RING_TICKS {
            self.findings.add(Kind::Other, || format!("bot {bot} was told tick {} {behind} ticks late", tick.0));
        }
        self.newest = self.newest.max(tick.0);
    }

    /// `viewer` was told that `id` enters its view.
    pub fn on_enter(&mut self, viewer: usize, tick: Tick, id: NetId) {
        self.presence.on_enter(viewer, tick.0, id);
    }

    /// `viewer` was told the state of `id` in `tick`.
    pub fn on_update(&mut self, viewer: usize, tick: Tick, id: NetId, state: &EntityState) {
        if !self.is_judged(viewer, tick.0) {
            return;
        }
        match self.presence.meant(viewer, id) {
            Meant::Known(bot) if bot != viewer => {
                if tick.since(Tick(self.newest)) < COMPARE_AFTER_TICKS {
                    self.wait(tick.0, Told { viewer: viewer as u32, bot: bot as u32, state: *state });
                }
            }
            Meant::Known(_) => {
                self.findings.add(Kind::Other, || format!("bot {viewer} was shown itself as entity {}", id.0));
            }
            Meant::Unowned => {}
            Meant::NotEntered(_) | Meant::Nobody => {
                let case = || format!("bot {viewer} was told a state of entity {}, which never entered its view", id.0);
                self.findings.add(Kind::Other, case);
            }
        }
    }

    /// `viewer` was told that `id` leaves its view.
    pub fn on_leave(&mut self, viewer: usize, tick: Tick, id: NetId) {
        match self.presence.on_leave(viewer, tick.0, id) {
            Meant::Known(bot) => self.scan.on_leave(viewer, bot),
            Meant::Unowned => {}
            Meant::NotEntered(_) | Meant::Nobody => {
                let case = || format!("bot {viewer} was told that entity {} leaves, which it never saw enter", id.0);
                self.findings.add(Kind::Other, case);
            }
        }
    }

    /// Judges every tick that has passed since the last call. Call it once per turn of the loop.
    pub fn judge(&mut self, views: &impl Views) {
        while self.judged < self.newest {
            self.judged += 1;
            if let Some(tick) = self.judged.checked_sub(COMPARE_AFTER_TICKS) {
                let slot = tick as usize % WAITING_TICKS;
                if self.waiting[slot].0 == tick {
                    self.compare(slot);
                }
            }
            self.judge_shots();
            // Sights are those of this moment: ticks that are caught up with after a stall cannot be judged by them.
            if self.newest - self.judged < scan::DELAY_TICKS {
                self.look(views);
            }
        }
    }

    /// An error that another part of the swarm noticed.
    pub fn report(&mut self, kind: Kind, case: impl FnOnce() -> String) {
        self.findings.add(kind, case);
    }

    /// Starts the figures of the measured window; errors and comparisons count from the beginning.
    pub fn start_measuring(&mut self) {
        self.visible.reset();
        self.ages.reset();
    }

    /// The newest tick that any bot has heard of; 0 before the first.
    pub fn newest(&self) -> Tick {
        Tick(self.newest)
    }

    /// By how many ticks what `bot` was told of itself is behind what anybody has heard; none if it was told nothing.
    pub fn behind(&self, bot: usize) -> Option<u32> {
        self.ring.newest(bot).map(|(newest, _)| self.newest.saturating_sub(newest))
    }

    /// What was wrong.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// States of others that were compared with the truth.
    pub fn comparisons(&self) -> u64 {
        self.comparisons
    }

    /// Shots that were followed to their end.
    pub fn shots_judged(&self) -> u64 {
        self.shots.judged
    }

    /// Others within the enter radius, by brute force, per viewer.
    pub fn visible(&self) -> &Histogram<u64> {
        &self.visible
    }

    /// Ticks by which what a viewer shows of another is behind what it could know; 0 for what has not changed since.
    pub fn ages(&self) -> &Histogram<u64> {
        &self.ages
    }

    /// Whether it is this viewer's turn to be judged.
    fn is_judged(&self, viewer: usize, tick: u32) -> bool {
        self.most_present(tick) <= ROTATE_ABOVE_BOTS || viewer % ROTATE_GROUPS == group(tick)
    }

    /// The most bots that were in while any of the ticks that are remembered lasted.
    fn most_present(&self, tick: u32) -> usize {
        let (most, until) = self.peak;
        if tick <= until { most.max(self.present) } else { self.present }
    }

    fn is_settled(&self, bot: usize, tick: u32) -> bool {
        self.joined[bot].is_some_and(|joined| tick >= joined + SETTLED_TICKS)
    }

    /// Whether `viewer` is told of `bot` wherever both are.
    fn is_bound(&self, viewer: usize, bot: usize, tick: u32) -> bool {
        let own = self.presence.own(bot);
        self.bonds[viewer].iter().any(|(id, until)| Some(*id) == own && tick <= *until)
    }

    fn is_deaf(&self, bot: usize, tick: u32) -> bool {
        tick < self.deaf_until[bot].max(self.all_excused_until)
    }

    fn wait(&mut self, tick: u32, told: Told) {
        let slot = tick as usize % WAITING_TICKS;
        if self.waiting[slot].0 != tick {
            self.compare(slot);
            self.waiting[slot].0 = tick;
        }
        self.waiting[slot].1.push(told);
        if tick + COMPARE_AFTER_TICKS <= self.judged {
            self.compare(slot);
        }
    }

    /// Compares all that was told about the tick in this slot with the truth of that tick.
    fn compare(&mut self, slot: usize) {
        let (tick, mut told) = std::mem::take(&mut self.waiting[slot]);
        for Told { viewer, bot, state } in told.drain(..) {
            let (viewer, bot) = (viewer as usize, bot as usize);
            let Some(fact) = self.ring.at(bot, tick) else { continue };
            if !self.is_settled(viewer, tick) || !self.is_settled(bot, tick) {
                continue;
            }
            self.comparisons += 1;
            if fact.state != state {
                let truth = fact.state;
                let case = || format!("bot {viewer} was told {state:?} of bot {bot} at tick {tick}, it was {truth:?}");
                self.findings.add(Kind::Desync, case);
            }
        }
        self.waiting[slot] = (tick, told);
    }
}

/// The group of viewers that is judged in `tick`.
fn group(tick: u32) -> usize {
    (tick / ROTATE_TICKS) as usize % ROTATE_GROUPS
}

/// Counts up to 2^20, three digits exact.
fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 1 << 20, 3).expect("these bounds are valid");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests;
