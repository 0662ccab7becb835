//! A bad link as a value: latency, jitter, loss, duplication, reordering and corruption, all drawn from one seed.
//!
//! A [`Link`] is one direction. It reads no clock: datagrams go in with the time at which they are sent and come out
//! once the time at which they arrive has been reached. The same seed and the same calls give the same link.

mod config;
mod link;

pub use config::{Burst, LinkConfig};
pub use link::{Link, LinkCounters, QUEUE_DATAGRAMS_MAX};
