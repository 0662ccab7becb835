//! What a simulation asks of a realm, to hold it against what clients show. A server asks nothing of it.

use super::Realm;
use super::player::Stage;
use super::view::Phase;
use crate::SessionId;
use protocol::NetId;

/// What a client is known to have been told of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub id: NetId,
    /// It has acknowledged that it is in view, and nothing else was decided since.
    pub is_acked: bool,
    /// It is out of view, which the client has not acknowledged.
    pub is_leaving: bool,
}

impl Realm {
    /// The entity that a session plays; none of one that does not play, or is over.
    #[must_use]
    pub fn plays(&self, session: SessionId) -> Option<NetId> {
        match self.players.look_at(session)?.stage {
            Stage::Playing(id) => Some(id),
            Stage::Loading => None,
        }
    }

    /// What a session's client is told of, in the order of its slots: an entity that the client shows is among them, and
    /// every one that is acknowledged is shown by it.
    pub fn shown(&self, session: SessionId) -> impl Iterator<Item = Shown> {
        let presences = self.players.look_at(session).into_iter().flat_map(|player| player.view.presences());
        presences.filter_map(|(id, phase)| match phase {
            Phase::Entering => Some(Shown { id, is_acked: false, is_leaving: false }),
            Phase::Known => Some(Shown { id, is_acked: true, is_leaving: false }),
            Phase::Leaving => Some(Shown { id, is_acked: false, is_leaving: true }),
            Phase::Cooling | Phase::Free => None,
        })
    }
}
