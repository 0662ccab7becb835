//! The flight log on its disk: files that are mapped into memory and go round, and what does a recording again.

mod gate_log;
mod page;
mod replay;
mod volume;
mod written;

pub use gate_log::{GateWish, Named as NamedSession, gate_log};
pub use replay::{Wish, replay};
pub use volume::FlightTally;

use crate::config::{Config, FlightConfig};
use crate::edge::secret;
use page::Log;
use server::flight::{GateScribe, Key, Recorded, Start, Terms, Veil};
use server::{Gate, Realm, RealmConfig};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use volume::{PAGES_MAX, Place, Volume};

/// Where the files are, below the data directory.
pub const FLIGHT_DIR: &str = "flight";
/// The realm's log and the gate's.
const LOGS: u64 = 2;

/// A recording that is about to begin.
pub struct Recording {
    start: Start,
    terms: Terms,
    volume: Volume,
    scribe: GateScribe,
}

impl Recording {
    /// Makes the first files of a recording of a realm that will be made as `realm` says; `None` if none is wanted, or none can
    /// be made: players do not wait for a recording, so the server starts without, says so, and counts it as stopped.
    pub fn of(config: &Config, realm: &RealmConfig, unix_s: u64, tally: &FlightTally) -> Option<Self> {
        if !config.flight.is_recording {
            return None;
        }
        let made = Self::make(config, realm, unix_s, tally);
        made.inspect_err(|error| {
            let dir = config.data_dir.join(FLIGHT_DIR);
            tracing::error!(%error, dir = %dir.display(), "the flight log cannot be begun: the server goes on without");
            for log in [&tally.realm, &tally.gate] {
                log.is_stopped.store(true, Ordering::Relaxed);
            }
        })
        .ok()
    }

    fn make(config: &Config, realm: &RealmConfig, unix_s: u64, tally: &FlightTally) -> io::Result<Self> {
        let FlightConfig { is_plain_text, hash_every_ticks, .. } = config.flight;
        let dir = directory(&config.data_dir)?;
        let place = Place { dir, log: Log::Realm, recording: number(), unix_s, page_bytes: page_bytes(config.flight) };
        let gate = Volume::open(Place { log: Log::Gate, ..place.clone() }, tally.gate.clone())?;
        let volume = Volume::open(place, tally.realm.clone())?;
        let scribe = GateScribe::new(Box::new(gate), key(), is_plain_text);
        let start = Start::of(realm, env!("CARGO_PKG_VERSION"), config.source.to_bytes());
        let veil = if is_plain_text { Veil::Plain } else { Veil::Keyed(key()) };
        Ok(Self { start, terms: Terms { veil, whole_every_ticks: hash_every_ticks }, volume, scribe })
    }

    /// Begins: the realm has just been made, and nobody has met the gate.
    pub fn begin(self, realm: Realm, gate: &mut Gate) -> Recorded {
        tracing::info!("the flight log records what world and gate take in");
        gate.set_witness(Box::new(self.scribe));
        Recorded::new(realm, self.start, self.terms, Box::new(self.volume))
    }
}

fn page_bytes(config: FlightConfig) -> usize {
    (config.bytes_max / LOGS / PAGES_MAX as u64) as usize
}

fn directory(data_dir: &Path) -> io::Result<PathBuf> {
    let dir = data_dir.join(FLIGHT_DIR);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(dir),
    }
}

/// Of a recording: no two have the same.
fn number() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = secret::random();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// One that nobody can guess, and that is kept nowhere.
fn key() -> Key {
    let mut secret = [0; 16];
    secret.copy_from_slice(&secret::random()[..16]);
    Key::new(secret)
}
