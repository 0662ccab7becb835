//! What a fighter is casting.

use bevy_ecs::prelude::Component;
use protocol::Tick;
use serde::{Deserialize, Serialize};

/// The cast under way, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Casting {
    /// Nothing is cast until then.
    pub(crate) locked_until: Tick,
    /// Somebody has put an end to the cast under way; it is told when casts are looked at next.
    pub(crate) is_interrupted: bool,
}

impl Casting {
    /// Whether a cast is under way.
    pub(crate) const fn is_casting(&self) -> bool {
        false
    }

    /// Ends the cast under way, and forbids others until a tick.
    pub(crate) fn interrupt(&mut self, until: Tick) {
        self.locked_until = self.locked_until.max(until);
        self.is_interrupted = true;
    }
}
