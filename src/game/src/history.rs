//! The world as somebody saw it: lag compensation's view of the past.
//!
//! spec: SHO-4. [`Replicas`] keep more than a second; a [`Rewind`] reads at most [`REWIND_TICKS_MAX`] of it. Nothing is
//! moved back: a rewind is a moment and a reference, and asks the tables for each body that matters.

use crate::Replicas;
use protocol::snapshot::BASELINE_TICKS;
use protocol::unit::TICK_RATE_HZ;
use protocol::view::Place;
use protocol::{EntityKind, NetId, Tick, ViewTick};

/// How far back a shot is judged: 250 ms, in ticks. A round trip of 200 ms and 50 ms of interpolation; whoever sees the
/// world later than that shoots at what has long been elsewhere, and his targets would fall behind cover.
pub const REWIND_TICKS_MAX: u32 = TICK_RATE_HZ / 4;
const _: () = assert!(REWIND_TICKS_MAX < BASELINE_TICKS, "the tables reach back far enough");

/// What the shooter saw is more than [`REWIND_TICKS_MAX`] ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// All bodies at one moment of the last [`REWIND_TICKS_MAX`] ticks.
#[derive(Clone, Copy, Debug)]
pub struct Rewind<'a> {
    replicas: &'a Replicas,
    view: ViewTick,
}

impl<'a> Rewind<'a> {
    /// The world as it was drawn at `view`. A moment later than the last tick means the last tick: nobody sees the future.
    ///
    /// # Errors
    /// [`Stale`] if that is too long ago; then there is nothing to judge by, and nothing near it is made up.
    pub fn new(replicas: &'a Replicas, view: ViewTick) -> Result<Self, Stale> {
        let now = replicas.now();
        if view.age_steps(now) > u64::from(REWIND_TICKS_MAX * ViewTick::STEPS) {
            return Err(Stale);
        }
        Ok(Self { replicas, view: view.at_most(now) })
    }

    /// The moment.
    #[must_use]
    pub fn view(&self) -> ViewTick {
        self.view
    }

    /// How long ago it is, in steps of 1/256 tick.
    #[must_use]
    pub fn age_steps(&self) -> u64 {
        self.view.age_steps(self.replicas.now())
    }

    /// Where an entity was drawn in that moment; `None` if it was not live then or is not now.
    #[must_use]
    pub fn place(&self, id: NetId) -> Option<Place> {
        let ViewTick { tick, fraction } = self.view;
        let from = self.replicas.state_at(id, tick)?;
        if fraction == 0 {
            return Some(Place::of(from));
        }
        // A moment between two ticks is before the last one, so the state after it is there.
        let to = self.replicas.state_at(id, tick.next())?;
        Some(Place::between(from, to, fraction))
    }

    /// What sort of thing it is.
    #[must_use]
    pub fn kind(&self, id: NetId) -> EntityKind {
        self.replicas.kind(id)
    }

    /// The last tick.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.replicas.now()
    }
}
