//! What a transport must survive before it is trusted: fifteen items, their numbers in the tests' names.
//!
//! `cargo test survival_` shows all of them: those of the packet layer stand beside it, those that need a whole gate and
//! a crowd in `src/server/tests/survival`.
mod crashes;
mod fields;
mod greed;
mod intruders;
mod outages;

use crate::client::ClientState;
use crate::rig::World;

const HOME: &str = "198.51.100.1:5000";

/// A client that has spoken for a second.
fn spoken(address: &str, client_id: u64) -> (World, usize) {
    let mut world = World::v4();
    let peer = world.join(address, client_id);
    world.run_ms(1_000);
    assert_eq!(world.state(peer), ClientState::Spoken);
    (world, peer)
}
