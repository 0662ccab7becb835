//! What the operations thread itself counts. Read by `/metrics` while others write.

use super::token::{REASONS, Refusal};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since start.
#[derive(Debug, Default)]
pub struct Tally {
    /// Tokens minted.
    pub minted: Count,
    /// Tokens refused, in the order of [`REASONS`].
    refused: [Count; REASONS.len()],
    /// HTTP connections taken.
    pub connections: Count,
    /// HTTP connections closed at once because all places were taken.
    pub turned_away: Count,
    /// HTTP connections closed by a limit of time: slow, idle or simply old.
    pub cut_off: Count,
    /// Times keys and login rules were read again and taken.
    pub reloaded: Count,
    /// Times they were read again and refused.
    pub reloads_refused: Count,
    /// Commands that the audit log's disk did not take.
    pub audit_failures: Count,
    /// Commands by whom they are not for.
    pub commands_refused: Count,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// A token was refused.
    pub fn on_refused(&self, refusal: &Refusal) {
        self.refused[refusal.index()].add();
    }

    /// All refusals by name, also those that have not happened.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        REASONS.iter().zip(&self.refused).map(|(reason, count)| (*reason, count.value()))
    }
}
