//! Whether the server writes down what it takes in: the keys of `[flight]`.

use crate::config::key;
use crate::config::written::Written;

/// How a recording is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightConfig {
    /// Whether one is.
    pub is_recording: bool,
    /// Bytes of all its files together, with those of recordings before.
    pub bytes_max: u64,
    /// Whether names and words are written as they are.
    pub is_plain_text: bool,
    /// Ticks from one hash of the whole realm to the next.
    pub hash_every_ticks: u32,
}

/// Takes the keys.
pub fn resolve(written: &mut Written) -> FlightConfig {
    FlightConfig {
        is_recording: written.boolean("flight.record", false),
        bytes_max: (written.integer("flight.megabytes", key::FLIGHT_MEGABYTES) as u64) << 20,
        is_plain_text: written.boolean("flight.plain_text", false),
        hash_every_ticks: written.integer("flight.hash_every_ticks", key::FLIGHT_HASH_EVERY_TICKS) as u32,
    }
}
