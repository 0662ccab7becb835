//! Entities that nobody plays, in the realm: who puts them there, and what becomes of their ids.

use super::Realm;
use game::{Game, SpawnError, Thing};
use protocol::NetId;
use protocol::motion::Body;

impl Realm {
    /// The world, to be looked at.
    #[must_use]
    pub const fn game(&self) -> &Game {
        &self.game
    }

    /// Puts a thing into the world, as [`Game::spawn_thing`] does. From the coming tick on those near enough are told of it.
    ///
    /// # Errors
    /// [`SpawnError`] when no id is left, or nothing can be there as this; nothing has changed then.
    pub fn spawn_thing(&mut self, body: Body, thing: Thing) -> Result<NetId, SpawnError> {
        self.game.spawn_thing(body, thing)
    }

    /// Takes a thing out of the world; no effect on players, who leave with their session. Viewers are told when they are
    /// looked after next, within 100 ms.
    pub fn despawn_thing(&mut self, id: NetId) {
        if self.game.thing(id).is_some() {
            self.game.despawn(id);
            self.departed.push(id);
        }
    }

    /// Ids of things that ended by themselves wait until no viewer names them any more.
    pub(super) fn note_ended(&mut self) {
        self.departed.extend_from_slice(self.game.ended());
    }
}
