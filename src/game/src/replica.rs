//! What the rest of the server reads: the state of every entity, this tick and the 63 before, as dense tables.

use crate::Clock;
use crate::cast::Casting;
use crate::content::Stat;
use crate::fight::{Sheet, Vitals};
use crate::movement::Mobile;
use crate::player::View;
use crate::schedule::Phase;
use crate::thing::Thing;
use bevy_ecs::prelude::{Component, IntoScheduleConfigs, Query, Res, ResMut, Resource, Schedule, World};
use protocol::snapshot::BASELINE_TICKS;
use protocol::state::{self, health_share};
use protocol::{EntityKind, EntityState, NetId, Tick};
use serde::{Deserialize, Serialize};

/// States kept of an entity: as many as a client may name as a baseline.
const HISTORY_TICKS: usize = BASELINE_TICKS as usize;
const _: () = assert!(HISTORY_TICKS.is_power_of_two(), "or the ring would jump when ticks wrap");

/// What stands for an id that is not live.
static ABSENT: EntityState = EntityState { x: 0, y: 0, z: 0, yaw: 0, pitch: 0, flags: 0, kind: EntityKind::Player };

/// What others are told of somebody's health and doings.
pub(crate) fn status_of(vitals: &Vitals, sheet: &Sheet, casting: &Casting) -> u8 {
    let most = sheet.now.of(Stat::HealthMax).unsigned_abs();
    let share = if vitals.is_dead() { 0 } else { health_share(vitals.health.max(1).unsigned_abs(), most) };
    state::status(share, casting.is_casting())
}

/// Makes an entity known beyond the world.
#[derive(Clone, Copy, Debug, Component)]
pub struct Replica {
    pub(crate) id: NetId,
    pub(crate) kind: EntityKind,
}

impl Replica {
    /// Its name on the wire, and in every list that has an order.
    #[must_use]
    pub fn id(&self) -> NetId {
        self.id
    }

    /// What sort of thing it is.
    #[must_use]
    pub fn kind(&self) -> EntityKind {
        self.kind
    }
}

/// Tables indexed by [`NetId::row`], written in [`Phase::Publish`].
///
/// An entity is live here from the tick after its spawn until its despawn. The past is one ring for each entity: what a
/// difference builds on is mostly three ticks in a row, which lie in one or two lines of the cache. With one table for each
/// tick they lay in three, and to make the bits of a state took a third longer.
#[derive(Clone, Debug, Resource, Serialize, Deserialize)]
pub struct Replicas {
    now: Tick,
    rows: Vec<Row>,
    /// As of this tick.
    states: Vec<EntityState>,
    /// Ring after ring; the state of a tick is at its number in it.
    history: Vec<EntityState>,
    live: Vec<NetId>,
}

/// The states of one entity.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    ring: &'a [EntityState; HISTORY_TICKS],
    since: Tick,
    now: Tick,
}

impl<'a> Past<'a> {
    /// Its state at `tick`: `None` before its first tick, more than 63 ticks ago, or in the future.
    #[must_use]
    #[inline]
    pub fn at(&self, tick: Tick) -> Option<&'a EntityState> {
        let is_kept = tick >= self.since && tick <= self.now && self.now.since(tick) < BASELINE_TICKS;
        is_kept.then(|| &self.ring[tick.0 as usize % HISTORY_TICKS])
    }
}

/// How fast something moved in the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Pace {
    /// It stayed where it was; it may have turned.
    #[default]
    Still = 0,
    /// Less than 3.75 m/s along every axis.
    Walk = 1,
    /// Less than 7.5 m/s: as fast as players run.
    Run = 2,
    /// Faster.
    Rush = 3,
}

impl Pace {
    /// Every pace, slowest first.
    pub const ALL: [Self; 4] = [Self::Still, Self::Walk, Self::Run, Self::Rush];
    /// Units per tick from which on it is no walk, and no run any more.
    const RUN: u32 = 20;
    const RUSH: u32 = 40;

    fn between(before: &EntityState, now: &EntityState) -> Self {
        let (dx, dy) = (now.x.wrapping_sub(before.x), now.y.wrapping_sub(before.y));
        let dz = i32::from(now.z) - i32::from(before.z);
        match dx.unsigned_abs().max(dy.unsigned_abs()).max(dz.unsigned_abs()) {
            0 => Self::Still,
            1..Self::RUN => Self::Walk,
            Self::RUN..Self::RUSH => Self::Run,
            _ => Self::Rush,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Row {
    kind: EntityKind,
    is_live: bool,
    /// As of this tick.
    pace: Pace,
    /// The first tick of this life.
    since: Tick,
    changed: Tick,
}

impl Replicas {
    fn new() -> Self {
        Self { now: Tick(0), rows: Vec::new(), states: Vec::new(), history: Vec::new(), live: Vec::new() }
    }

    /// The last tick that was published.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.now
    }

    /// Rows in use: the highest id ever given out, plus one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no id was ever given out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether `id` names an entity of this tick.
    #[must_use]
    pub fn is_live(&self, id: NetId) -> bool {
        self.rows.get(id.row()).is_some_and(|row| row.is_live)
    }

    /// What sort of thing it is; the default kind if it is not live.
    #[must_use]
    pub fn kind(&self, id: NetId) -> EntityKind {
        self.rows.get(id.row()).filter(|row| row.is_live).map_or_else(EntityKind::default, |row| row.kind)
    }

    /// Its state now; all zero if it is not live.
    #[must_use]
    pub fn state(&self, id: NetId) -> &EntityState {
        if self.is_live(id) { &self.states[id.row()] } else { &ABSENT }
    }

    /// Its state now, the tick in which that last became another one, and how fast it is; `None` if it is not live.
    #[must_use]
    #[inline]
    pub fn live_state(&self, id: NetId) -> Option<(&EntityState, Tick, Pace)> {
        let row = self.rows.get(id.row()).filter(|row| row.is_live)?;
        Some((&self.states[id.row()], row.changed, row.pace))
    }

    /// The tick in which its state last became another one; `None` if it is not live.
    #[must_use]
    #[inline]
    pub fn live_changed(&self, id: NetId) -> Option<Tick> {
        self.rows.get(id.row()).filter(|row| row.is_live).map(|row| row.changed)
    }

    /// Its state at `tick`: `None` before its first tick, more than 63 ticks ago, in the future, or not live.
    #[must_use]
    pub fn state_at(&self, id: NetId, tick: Tick) -> Option<&EntityState> {
        self.past(id)?.at(tick)
    }

    /// What is kept of its states; `None` if it is not live.
    #[must_use]
    #[inline]
    pub fn past(&self, id: NetId) -> Option<Past<'_>> {
        let row = self.rows.get(id.row()).filter(|row| row.is_live)?;
        let ring = self.history.get(place(id, Tick(0))..)?.first_chunk()?;
        Some(Past { ring, since: row.since, now: self.now })
    }

    /// The tick in which its state last became another one, or its first tick; 0 if it is not live.
    #[must_use]
    pub fn changed(&self, id: NetId) -> Tick {
        self.rows.get(id.row()).filter(|row| row.is_live).map_or(Tick(0), |row| row.changed)
    }

    /// The ids of this tick, ascending.
    #[must_use]
    pub fn live(&self) -> &[NetId] {
        &self.live
    }

    /// Whether its tables are as long as those of a world with so many ids.
    pub(crate) fn is_possible(&self, rows: usize) -> bool {
        let len = self.rows.len();
        let is_known = |id: &NetId| self.rows.get(id.row()).is_some_and(|row| row.is_live);
        len <= rows
            && self.states.len() == len
            && self.history.len() == len * HISTORY_TICKS
            && self.live.iter().all(is_known)
            && self.live.is_sorted()
    }

    /// Makes room for `rows` entities, so that publishing never allocates.
    pub(crate) fn reserve_rows(&mut self, rows: usize) {
        if rows > self.rows.len() {
            self.rows.resize(rows, Row::default());
            self.live.reserve(rows - self.live.len());
            self.states.resize(rows, EntityState::default());
            self.history.resize(rows * HISTORY_TICKS, EntityState::default());
        }
    }

    /// Forgets an entity at once.
    pub(crate) fn remove(&mut self, id: NetId) {
        if let Some(row) = self.rows.get_mut(id.row()) {
            row.is_live = false;
        }
        if let Ok(at) = self.live.binary_search(&id) {
            self.live.remove(at);
        }
    }

    fn begin(&mut self, now: Tick) {
        self.now = now;
    }

    fn put(&mut self, replica: Replica, state: EntityState) {
        let index = replica.id.row();
        let row = &mut self.rows[index];
        if !row.is_live {
            let pace = Pace::default();
            *row = Row { kind: replica.kind, is_live: true, pace, since: self.now, changed: self.now };
            if let Err(at) = self.live.binary_search(&replica.id) {
                self.live.insert(at, replica.id);
            }
        } else {
            let before = &self.states[index];
            row.pace = Pace::between(before, &state);
            if *before != state {
                row.changed = self.now;
            }
        }
        self.states[index] = state;
        self.history[place(replica.id, self.now)] = state;
    }
}

/// Where in the history an entity's state of `tick` is.
const fn place(id: NetId, tick: Tick) -> usize {
    id.row() * HISTORY_TICKS + tick.0 as usize % HISTORY_TICKS
}

pub(crate) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(Replicas::new());
    schedule.add_systems(publish.in_set(Phase::Publish));
}

/// Publishes outside a tick: for a world that was just restored.
pub(crate) fn publish_now(world: &mut World) {
    world.run_system_cached(publish).expect("a system without conditions runs");
}

/// What is told of a fighter beside its place.
type Alive<'a> = (&'a Vitals, &'a Sheet, &'a Casting);

/// Every row is written on its own, so the order of the table is as good as any.
fn publish(
    clock: Res<'_, Clock>,
    mut replicas: ResMut<'_, Replicas>,
    players: Query<'_, '_, (&Replica, &Mobile, &View, &Vitals, &Sheet, &Casting)>,
    things: Query<'_, '_, (&Replica, &Mobile, &Thing, Option<Alive<'_>>)>,
) {
    replicas.begin(clock.now);
    for (replica, mobile, view, vitals, sheet, casting) in &players {
        let status = status_of(vitals, sheet, casting);
        replicas.put(*replica, EntityState::of(&mobile.0, view.yaw, view.pitch).with_status(status));
    }
    for (replica, mobile, thing, fighter) in &things {
        let state = thing.state(&mobile.0);
        // A mob that cannot fight is told as full.
        let status = fighter.map(|(vitals, sheet, casting)| status_of(vitals, sheet, casting));
        replicas.put(*replica, status.map_or(state, |status| state.with_status(status)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: NetId = NetId(2);

    fn at(x: i32) -> EntityState {
        EntityState { x, ..EntityState::default() }
    }

    fn publish_x(replicas: &mut Replicas, tick: u32, x: i32) {
        replicas.begin(Tick(tick));
        replicas.put(Replica { id: ID, kind: EntityKind::Player }, at(x));
    }

    #[test]
    fn the_last_64_states_are_kept_and_no_more() {
        let mut replicas = Replicas::new();
        replicas.reserve_rows(3);
        for tick in 10..=200 {
            publish_x(&mut replicas, tick, tick as i32);
        }
        assert_eq!(replicas.state(ID).x, 200);
        for tick in 137..=200 {
            assert_eq!(replicas.state_at(ID, Tick(tick)), Some(&at(tick as i32)), "tick {tick}");
        }
        assert_eq!(replicas.state_at(ID, Tick(136)), None);
        assert_eq!(replicas.state_at(ID, Tick(201)), None);
    }

    #[test]
    fn a_new_life_under_an_old_id_has_no_past() {
        let mut replicas = Replicas::new();
        replicas.reserve_rows(3);
        publish_x(&mut replicas, 1, 5);
        replicas.remove(ID);
        assert!(!replicas.is_live(ID));
        assert_eq!((replicas.state_at(ID, Tick(1)), replicas.state(ID).x, replicas.live()), (None, 0, &[][..]));
        publish_x(&mut replicas, 4, 5);
        assert_eq!((replicas.state_at(ID, Tick(1)), replicas.state_at(ID, Tick(3))), (None, None));
        assert_eq!(replicas.state_at(ID, Tick(4)), Some(&at(5)));
        assert_eq!(replicas.changed(ID), Tick(4));
    }

    #[test]
    fn changed_names_the_tick_of_the_last_change() {
        let mut replicas = Replicas::new();
        replicas.reserve_rows(3);
        for (tick, x) in [(1, 7), (2, 7), (3, 8), (4, 8), (5, 8)] {
            publish_x(&mut replicas, tick, x);
            let expected = if tick < 3 { 1 } else { 3 };
            assert_eq!(replicas.changed(ID), Tick(expected), "at tick {tick}");
        }
    }

    #[test]
    fn the_pace_is_that_of_the_last_tick() {
        let mut replicas = Replicas::new();
        replicas.reserve_rows(3);
        for (tick, x, pace) in
            [(1, 7, Pace::Still), (2, 26, Pace::Walk), (3, -6, Pace::Run), (4, 40, Pace::Rush), (5, 40, Pace::Still)]
        {
            publish_x(&mut replicas, tick, x);
            assert_eq!(replicas.live_state(ID).unwrap().2, pace, "at tick {tick}");
        }
    }
}
