//! What the realm says to the world on behalf of others: which things there are, and who matters to whom.

use super::Realm;
use game::{Drop, Game, SpawnError, Thing};
use protocol::motion::Body;
use protocol::{NetId, Tick};

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

    /// Leaves things on the ground, as [`Game::leave`] does: they lie there when the disk has them.
    pub fn leave(&mut self, drop: Drop) {
        self.game.leave(drop);
    }

    /// Says whether `viewer` is told of `id` from anywhere, as [`Game::set_always_relevant`] does; false if there was no room
    /// or one of them is not there. It shows when the viewer is looked after next, within 100 ms.
    pub fn set_always_relevant(&mut self, viewer: NetId, id: NetId, is_always: bool) -> bool {
        self.game.set_always_relevant(viewer, id, is_always)
    }

    /// Says whether everyone is told of `id` from anywhere, as [`Game::set_boss`] does; false if there was no room or it is
    /// not there.
    pub fn set_boss(&mut self, id: NetId, is_boss: bool) -> bool {
        self.game.set_boss(id, is_boss)
    }

    /// Says that two are fighting each other until a tick, as [`Game::set_fighting`] does.
    pub fn set_fighting(&mut self, a: NetId, b: NetId, until: Tick) {
        self.game.set_fighting(a, b, until);
    }

    /// Ids of things that ended by themselves wait until no viewer names them any more.
    pub(super) fn note_ended(&mut self) {
        self.departed.extend_from_slice(self.game.ended());
    }
}
