//! Everybody's part of a tick: what he has received, whom he sees, what he is told.
//!
//! Who is told what depends on nobody else's part, so several hands may share the people. Each has a desk of its own:
//! scratch space, the bits it has made in this tick, and an arena. The bits of a state are the same whoever makes them
//! and the arenas are joined in the order of the people, so what is sent does not depend on how many hands there were.

use super::Realm;
use super::encode::EncodeCache;
use super::events::{Ear, Happened};
use super::interest::{Change, Interest, Surroundings, period_ticks};
use super::marks::{self, MarksTeller};
use super::player::{Player, Stage};
use super::snapshot::{SnapshotWriter, Viewer};
use super::view::View;
use crate::SessionId;
use crate::crew::HANDS_MAX;
use crate::outbound::Outbound;
use game::Game;
use protocol::{NetId, OwnState, Tick};
use rudp::{PartId, PartOutcome, Prefetch};
use std::{array, iter};

/// Rows of people between the one who is told and the one whose own row is asked for: his view follows at half the way.
const AHEAD: usize = 4;

/// What became of one part.
pub(super) type Report = (SessionId, PartId, PartOutcome);

/// What one hand works with, kept from tick to tick.
#[derive(Debug, Default)]
pub(super) struct Desk {
    interest: Interest,
    cache: EncodeCache,
    writer: SnapshotWriter,
    ear: Ear,
    marks: MarksTeller,
    tally: Tally,
    /// Entities that came into somebody's view in this tick, and that nobody's slot names any more, once for each.
    named: Vec<NetId>,
    unnamed: Vec<NetId>,
}

/// Counted in one tick.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    reports: usize,
    reports_unknown: u64,
    snapshots_skipped: u64,
    events_told: u64,
    events_untold: u64,
}

/// What all hands read and nobody writes.
#[derive(Clone, Copy)]
struct Scene<'a> {
    game: &'a Game,
    now: Tick,
    around: Surroundings<'a>,
    /// In the order of their sessions.
    reports: &'a [Report],
    happened: &'a Happened,
    /// Ticks from one snapshot of a viewer to the next.
    period: u32,
    prefetch: Prefetch,
    #[cfg(feature = "faults")]
    fault: Option<crate::Fault>,
}

/// One hand's share of the people.
struct Share<'a> {
    scene: Scene<'a>,
    /// A run of the people in the order of this tick, which may go over the end of the table.
    people: [&'a mut [Option<Player>]; 2],
    desk: &'a mut Desk,
    arena: &'a mut Outbound,
}

/// One hand's work of a tick; for a [`crate::Crew`].
#[derive(Default)]
pub struct Task<'a>(Option<Share<'a>>);

impl Task<'_> {
    /// Does it.
    pub fn work(&mut self) {
        if let Some(mut share) = self.0.take() {
            share.work();
        }
    }
}

impl Realm {
    /// Everybody in turn, starting from another one each tick, so that nobody is always told last.
    pub(super) fn tell_everyone(&mut self, out: &mut Outbound) {
        self.named_by.resize(self.named_by.len().max(self.game.replicas().len()), 0);
        self.reports.sort_unstable_by_key(|&(session, part, _)| (session.slot, session.generation, part.0));
        let now = self.game.now();
        let scene = Scene {
            game: &self.game,
            now,
            around: Surroundings::new(&self.game, &self.sight),
            reports: &self.reports,
            happened: &self.happened,
            period: self.ladder.step().snapshot_period(),
            prefetch: self.config.prefetch,
            #[cfg(feature = "faults")]
            fault: self.config.fault,
        };
        let hands = self.desks.len();
        let mut people = self.players.rotated_mut(now.0 as usize);
        let each = people.iter().map(|run| run.len()).sum::<usize>().div_ceil(hands);
        let mut desks = self.desks.iter_mut();
        let mut arenas = iter::once(&mut *out).chain(&mut self.arenas);
        let mut tasks: [Task<'_>; HANDS_MAX] = array::from_fn(|_| {
            let places = desks.next().zip(arenas.next());
            Task(places.map(|(desk, arena)| Share { scene, people: cut(&mut people, each), desk, arena }))
        });
        self.config.crew.run(&mut tasks[..hands]);
        self.arenas.iter_mut().for_each(|arena| out.append(arena));
        self.collect();
    }

    /// What the hands have found, put together.
    fn collect(&mut self) {
        let mut reported = 0;
        (self.status.updates, self.status.encoded) = (0, 0);
        for desk in &mut self.desks {
            desk.named.drain(..).for_each(|id| self.named_by[id.row()] += 1);
            desk.unnamed.drain(..).for_each(|id| self.named_by[id.row()] -= 1);
            let tally = std::mem::take(&mut desk.tally);
            reported += tally.reports;
            self.status.reports_unknown += tally.reports_unknown;
            self.status.snapshots_skipped += tally.snapshots_skipped;
            self.status.events_told += tally.events_told;
            self.status.events_untold += tally.events_untold;
            self.status.marks_told += std::mem::take(&mut desk.marks.told);
            self.status.marks_put_off += std::mem::take(&mut desk.marks.put_off);
            self.status.updates += desk.writer.updates;
            self.status.encoded += desk.cache.encoded;
        }
        self.status.stale += (self.reports.len() - reported) as u64;
        self.reports.clear();
    }
}

impl Desk {
    /// An empty one.
    #[cfg_attr(not(feature = "faults"), expect(unused_variables, reason = "only a faults build looks at it"))]
    pub(super) fn new(config: &super::RealmConfig) -> Self {
        Self {
            #[cfg(feature = "faults")]
            writer: SnapshotWriter::with_fault(config.fault),
            named: Vec::with_capacity(CHANGES_RESERVED),
            unnamed: Vec::with_capacity(CHANGES_RESERVED),
            ..Self::default()
        }
    }
}

/// Entities that come into view or out of the last slot in one tick, without asking for memory: 4 KiB for 2,000.
const CHANGES_RESERVED: usize = 2_000;

impl Share<'_> {
    fn work(&mut self) {
        let Scene { now, prefetch, .. } = self.scene;
        self.desk.cache.begin(now, self.scene.game.replicas().len());
        let people = std::mem::take(&mut self.people);
        for run in people {
            for at in 0..run.len() {
                prefetch.maybe(run.get(at + AHEAD));
                if let Some(Some(coming)) = run.get(at + AHEAD / 2)
                    && (coming.budget_bytes > 0 || looks(now, coming))
                {
                    coming.view.prefetch(prefetch);
                }
                if let Some(player) = &mut run[at] {
                    self.tell(player);
                }
            }
        }
    }

    /// A view is larger than what the caches hold of it from one tick to the next, so all that is done to it is done while
    /// it is at hand.
    fn tell(&mut self, player: &mut Player) {
        let (now, desk) = (self.scene.now, &mut *self.desk);
        for &(_, part, outcome) in of_session(self.scene.reports, player.session) {
            desk.tally.reports_unknown += u64::from(!player.view.on_report(part, outcome, now));
            desk.tally.reports += 1;
        }
        let Stage::Playing(id) = player.stage else { return };
        player.view.cool(now, |id| desk.unnamed.push(id));
        let looked = looks(now, player);
        if looked {
            self.look(id, player);
        }
        let Some(own) = self.scene.game.own(id) else { return };
        player.told.note(now, own.digest());
        if player.is_silent {
            return;
        }
        // Before the parts of the tick that they belong to.
        let told = self.desk.ear.tell(self.scene.happened, id, player, self.arena);
        self.desk.tally.events_told += told.told;
        self.desk.tally.events_untold += told.left_out;
        self.tell_marks(id, player, looked);
        // Each viewer in a tick of his own: a third of them in each, not all in every third.
        if !(now.0.wrapping_add(player.session.slot)).is_multiple_of(self.scene.period) {
            return;
        }
        if player.budget_bytes <= 0 {
            self.desk.tally.snapshots_skipped += 1;
            return;
        }
        #[cfg(feature = "faults")]
        if self.scene.fault == Some(crate::Fault::StopSnapshots) && player.session.slot % 50 == 7 && now.0 > 300 {
            return;
        }
        let (input_applied, input_depth) = (player.inbox.applied(), player.inbox.len().min(15) as u8);
        let own = OwnState { input_applied, input_depth, ..own };
        let viewer = Viewer {
            session: player.session,
            id,
            bonds: self.scene.around.bonds(),
            tiers: player.tiers,
            own,
            budget_bytes: player.budget_bytes,
            period: self.scene.period,
        };
        let Desk { writer, cache, .. } = &mut *self.desk;
        writer.write(&viewer, &mut player.view, self.scene.game.replicas(), cache, now, self.arena);
        // Spent: the gate publishes the next tick's bytes when it has sent this tick's.
        player.budget_bytes = 0;
    }

    fn tell_marks(&mut self, own: NetId, player: &mut Player, looked: bool) {
        let (now, table) = (self.scene.now, self.scene.game.marks());
        if !player.marks.is_due(table, now, looked) {
            return;
        }
        let viewer = marks::Viewer { session: player.session, own, bytes: player.others_bytes };
        let in_view = player.view.in_view().map(|(_, id)| id);
        let spent = self.desk.marks.tell(table, now, viewer, in_view, &mut player.marks, self.arena);
        player.others_bytes -= spent;
        player.budget_bytes -= spent;
    }

    fn look(&mut self, id: NetId, player: &mut Player) {
        let Desk { interest, named, .. } = &mut *self.desk;
        #[cfg(feature = "faults")]
        let change = lying_change(self.scene.fault, id, self.scene.now, named);
        #[cfg(not(feature = "faults"))]
        let change = honest_change(named);
        player.tiers = interest.update(id, &mut player.view, &mut player.rotation, &self.scene.around, change);
    }
}

/// Whether it is the tick in which a viewer looks about anew.
fn looks(now: Tick, player: &Player) -> bool {
    let period = period_ticks(&player.view, &player.rotation);
    player.view.present() == 0 || (now.0 + player.session.slot).is_multiple_of(period)
}

/// Takes so many people from the front of two runs.
fn cut<'a>(runs: &mut [&'a mut [Option<Player>]; 2], count: usize) -> [&'a mut [Option<Player>]; 2] {
    let mut left = count;
    std::array::from_fn(|run| {
        let people = std::mem::take(&mut runs[run]);
        let (cut, rest) = people.split_at_mut(left.min(people.len()));
        runs[run] = rest;
        left -= cut.len();
        cut
    })
}

/// The reports of one session among those of all, which are in the order of their sessions.
fn of_session(reports: &[Report], session: SessionId) -> &[Report] {
    let key = |of: SessionId| (of.slot, of.generation);
    let from = reports.partition_point(|&(of, ..)| key(of) < key(session));
    let rest = reports.get(from..).unwrap_or_default();
    &rest[..rest.partition_point(|&(of, ..)| of == session)]
}

/// What changes of sight bring about.
#[expect(clippy::type_complexity, reason = "three closures, none of which has a name")]
#[cfg(not(feature = "faults"))]
fn honest_change(
    named: &mut Vec<NetId>,
) -> Change<impl FnMut(NetId) -> bool, impl FnMut(NetId), impl FnMut(&mut View, u16)> {
    Change { may_enter: |_| true, entered: |id: NetId| named.push(id), leave: |view: &mut View, slot| view.leave(slot) }
}

/// As `honest_change`, unless a lie is to be told.
#[expect(clippy::type_complexity, reason = "three closures, none of which has a name")]
#[cfg(feature = "faults")]
fn lying_change(
    fault: Option<crate::Fault>,
    viewer: NetId,
    now: Tick,
    named: &mut Vec<NetId>,
) -> Change<impl FnMut(NetId) -> bool, impl FnMut(NetId), impl FnMut(&mut View, u16)> {
    Change {
        may_enter: move |id: NetId| {
            let dropped = crate::fault::mix(u64::from(viewer.0), u64::from(id.0)).is_multiple_of(1_000);
            !(fault == Some(crate::Fault::DropEntity) && dropped)
        },
        entered: |id: NetId| named.push(id),
        leave: move |view: &mut View, slot: u16| {
            if fault == Some(crate::Fault::ForgetLeave) && (now.0 + u32::from(slot)).is_multiple_of(4) {
                view.forget(slot, now);
            } else {
                view.leave(slot);
            }
        },
    }
}
