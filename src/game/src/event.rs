//! What happened in a tick, in order; and what single players are told of themselves.

use bevy_ecs::prelude::Resource;
use protocol::{GameEvent, NetId, News};

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// To whom, or by whom.
    pub of: NetId,
    /// What; [`GameEvent::audience`] says who is told.
    pub event: GameEvent,
}

/// What happened in this tick, in the order in which it did.
#[derive(Debug, Default, Resource)]
pub(crate) struct Happenings(pub(crate) Vec<Happening>);

impl Happenings {
    pub(crate) fn tell(&mut self, of: NetId, event: GameEvent) {
        self.0.push(Happening { of, event });
    }
}

/// What single players are told in this tick, in order.
#[derive(Debug, Default, Resource)]
pub(crate) struct Notices(pub(crate) Vec<(NetId, News)>);

impl Notices {
    pub(crate) fn tell(&mut self, to: NetId, news: News) {
        self.0.push((to, news));
    }
}
