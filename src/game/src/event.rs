//! What happened in a tick, in order; and what single players are told of themselves.

use bevy_ecs::prelude::Resource;
use protocol::custom::{Custom, Kind};
use protocol::event::Audience;
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
pub struct Happenings(pub(crate) Vec<Happening>);

impl Happenings {
    /// Something of a game of one's own happened to somebody, or he did it.
    pub fn tell_custom(&mut self, of: NetId, audience: Audience, what: &impl Kind) {
        self.tell(of, GameEvent::Custom { of, audience, what: Custom::of(what) });
    }

    pub(crate) fn tell(&mut self, of: NetId, event: GameEvent) {
        self.0.push(Happening { of, event });
    }
}

/// What single players are told in this tick, in order.
#[derive(Debug, Default, Resource)]
pub struct Notices(pub(crate) Vec<(NetId, News)>);

impl Notices {
    /// Tells a player something of a game of one's own.
    pub fn tell_custom(&mut self, to: NetId, what: &impl Kind) {
        self.tell(to, News::Custom(Custom::of(what)));
    }

    pub(crate) fn tell(&mut self, to: NetId, news: News) {
        self.0.push((to, news));
    }
}
