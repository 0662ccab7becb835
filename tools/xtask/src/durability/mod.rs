//! Trials of the promise that nothing which matters is lost, with real Redis and MariaDB servers beside the release
//! server: all of them killed at any moment, a database that stands still, the price of saving a full world, a pair of
//! databases of which one dies.

mod audit;
mod bed;
mod cost;
mod frozen;
mod kills;
mod pair;
mod plan;
mod window;

pub use self::bed::Bed;
pub use self::cost::run as cost;
pub use self::frozen::run as frozen;
pub use self::kills::{Extent, run as kills};
pub use self::pair::run as pair;

use crate::swarm::Run;

/// Bots that stay until they are told to end, and come back whenever they are thrown out.
fn until_told(name: &str, bots: u32, limit_s: u32, ramp_s: u32, extra: Vec<String>) -> Run {
    let mut all = vec!["--survive".to_owned()];
    all.extend(extra);
    Run {
        name: name.to_owned(),
        bots,
        duration_s: limit_s,
        ramp_s,
        movement: None,
        rejoin: false,
        truth_only: true,
        extra: all,
    }
}
