//! A bad link as a value: latency, jitter, loss, duplication, reordering and corruption, all drawn from one seed.
//!
//! A [`Link`] is one direction. It reads no clock: datagrams go in with the time at which they are sent and come out
//! once the time at which they arrive has been reached. The same seed and the same calls give the same link.
//!
//! What recordings know goes in as text: a [`DeliveryTrace`] is the capacity behind a drop-tail queue ([`Bottleneck`]),
//! a [`ProbeTrace`] the delay and loss of a path. A [`Profile`] is a link each way as a person names it.

mod bottleneck;
mod config;
mod link;
mod profile;
mod trace;

pub use bottleneck::{Bottleneck, Capacity};
pub use config::{Burst, LinkConfig};
pub use link::{Link, LinkCounters, QUEUE_DATAGRAMS_MAX};
pub use profile::{NAMED, Profile, ProfileError, SYNTAX, Way};
pub use trace::{DeliveryTrace, OPPORTUNITY_BYTES, PROBE_INTERVAL_NS, Probe, ProbeTrace, TraceError};
