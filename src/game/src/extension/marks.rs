//! What is shown of somebody beyond what every game shows: his marks, as of this tick.

use crate::Clock;
use crate::replica::Replica;
use crate::schedule::Phase;
use crate::stored;
use bevy_ecs::prelude::{
    Changed, Component, IntoScheduleConfigs, Query, RemovedComponents, Res, ResMut, Resource, Schedule, SystemSet,
    World,
};
use protocol::custom::{Custom, Kind, MARKS_MAX};
use protocol::{NetId, Tick, codec};

/// Everybody's marks, by row.
#[derive(Debug, Default, Resource)]
pub struct MarksTable {
    rows: Vec<Shown>,
    /// Kinds there are, in the order in which they were added.
    kinds: Vec<u8>,
    /// The tick of the newest change of anybody's.
    changed: Tick,
    /// Entities with any mark, or that had one since they came.
    marked: usize,
}

/// The marks of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The tick in which they became what they are; 0 if there never were any.
    pub changed: Tick,
    /// Each of another kind, in the order of kinds.
    pub marks: Vec<Custom>,
}

/// A table as it is kept.
type Kept = (Tick, usize, Vec<(Tick, Vec<Vec<u8>>)>);

static NOTHING: Shown = Shown { changed: Tick(0), marks: Vec::new() };

impl MarksTable {
    /// Those of somebody.
    #[must_use]
    pub fn of(&self, id: NetId) -> &Shown {
        self.rows.get(id.row()).unwrap_or(&NOTHING)
    }

    /// Whether nobody has any, nor had one since he came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marked == 0
    }

    /// The tick of the newest change of anybody's; 0 before the first.
    #[must_use]
    pub fn changed(&self) -> Tick {
        self.changed
    }

    /// What everybody has, and since when.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut coded = Vec::new();
        let rows: Vec<(Tick, Vec<Vec<u8>>)> = (self.rows.iter())
            .map(|row| {
                let marks = row.marks.iter().map(|mark| {
                    codec::encode(mark, &mut coded);
                    coded.clone()
                });
                (row.changed, marks.collect())
            })
            .collect();
        stored::write(&(self.changed, self.marked, rows), &mut bytes);
        bytes
    }

    /// Goes on with what [`Self::to_bytes`] made; `None` if it is not that.
    pub(crate) fn resume(&mut self, bytes: &[u8]) -> Option<()> {
        let ((changed, marked, rows), _): (Kept, usize) = stored::take(bytes)?;
        let shown = rows.into_iter().map(|(changed, marks)| {
            let marks = marks.iter().map(|mark| codec::decode(mark).ok()).collect::<Option<Vec<Custom>>>()?;
            Some(Shown { changed, marks })
        });
        self.rows = shown.collect::<Option<Vec<Shown>>>()?;
        (self.changed, self.marked) = (changed, marked);
        Some(())
    }

    fn add_kind(&mut self, kind: u8) {
        assert!(!self.kinds.contains(&kind), "two marks have the number {kind}");
        assert!(self.kinds.len() < MARKS_MAX, "there are at most {MARKS_MAX} kinds of marks");
        self.kinds.push(kind);
    }

    /// The mark of a kind that somebody has from now on, if any.
    fn set(&mut self, now: Tick, id: NetId, kind: u8, mark: Option<Custom>) {
        if self.rows.len() <= id.row() {
            self.rows.resize(id.row() + 1, Shown::default());
        }
        let row = &mut self.rows[id.row()];
        let at = row.marks.binary_search_by_key(&kind, |mark| mark.kind);
        match (at, mark) {
            (Ok(at), Some(mark)) if row.marks[at] == mark => return,
            (Ok(at), Some(mark)) => row.marks[at] = mark,
            (Err(at), Some(mark)) => row.marks.insert(at, mark),
            (Ok(at), None) => drop(row.marks.remove(at)),
            (Err(_), None) => return,
        }
        self.marked += usize::from(row.changed == Tick(0));
        row.changed = now;
        self.changed = now;
    }

    /// Somebody is gone.
    pub(crate) fn forget(&mut self, id: NetId) {
        if let Some(row) = self.rows.get_mut(id.row()) {
            self.marked -= usize::from(row.changed != Tick(0));
            *row = Shown::default();
        }
    }
}

/// The systems that look at one kind, by its place among kinds: so that they have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, SystemSet)]
struct Marking(usize);

pub(super) fn register(world: &mut World) {
    world.insert_resource(MarksTable::default());
}

pub(super) fn replicate<C: Component + Kind>(world: &mut World, schedule: &mut Schedule) {
    let mut table = world.resource_mut::<MarksTable>();
    table.add_kind(C::KIND);
    let place = table.kinds.len();
    schedule.add_systems(publish::<C>.in_set(Marking(place)).in_set(Phase::Publish));
    schedule.configure_sets(Marking(place).after(Marking(place - 1)));
}

/// The order in which marks are set does not matter: each is a row and a kind of its own.
fn publish<C: Component + Kind>(
    clock: Res<'_, Clock>,
    changed: Query<'_, '_, (&Replica, &C), Changed<C>>,
    mut removed: RemovedComponents<'_, '_, C>,
    bare: Query<'_, '_, &Replica, bevy_ecs::prelude::Without<C>>,
    mut table: ResMut<'_, MarksTable>,
) {
    // Whoever is gone himself has no replica either.
    for replica in removed.read().filter_map(|entity| bare.get(entity).ok()) {
        table.set(clock.now, replica.id, C::KIND, None);
    }
    for (replica, mark) in &changed {
        table.set(clock.now, replica.id, C::KIND, Some(Custom::of(mark)));
    }
}
