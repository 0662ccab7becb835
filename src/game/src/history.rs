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
/// world later than that shoots at what has long been elsewhere, and his targets would be hit behind cover.
pub const REWIND_TICKS_MAX: u32 = TICK_RATE_HZ / 4;
const _: () = assert!(REWIND_TICKS_MAX < BASELINE_TICKS, "the tables reach back far enough");

/// A moment that is older by at most this, 50 ms, means the oldest there is: in that time nobody runs farther than 30 cm,
/// less than he is wide. Without it a player at the edge, whose delay changes by a tick, would have every second shot
/// refused.
pub const CLAMP_TICKS: u32 = 3;

/// What the shooter saw is older than [`REWIND_TICKS_MAX`] by more than [`CLAMP_TICKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale;

/// All bodies at one moment of the last [`REWIND_TICKS_MAX`] ticks.
#[derive(Clone, Copy, Debug)]
pub struct Rewind<'a> {
    replicas: &'a Replicas,
    view: ViewTick,
}

impl<'a> Rewind<'a> {
    /// The world as it was drawn at `view`. A moment later than the last tick means the last tick: nobody sees the future;
    /// one that is a little too old means the oldest.
    ///
    /// # Errors
    /// [`Stale`] if that is too long ago; then there is nothing to judge by, and nothing near it is made up.
    pub fn new(replicas: &'a Replicas, view: ViewTick) -> Result<Self, Stale> {
        let now = replicas.now();
        let age = view.age_steps(now);
        if age > u64::from((REWIND_TICKS_MAX + CLAMP_TICKS) * ViewTick::STEPS) {
            return Err(Stale);
        }
        let is_too_old = age > u64::from(REWIND_TICKS_MAX * ViewTick::STEPS);
        let oldest = ViewTick { tick: Tick(now.0 - REWIND_TICKS_MAX.min(now.0)), fraction: 0 };
        Ok(Self { replicas, view: if is_too_old { oldest } else { view.at_most(now) } })
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
