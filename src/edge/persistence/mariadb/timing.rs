//! How long statements take: a histogram for each kind, and a line in the log for the slow ones.

use crate::edge::telemetry::Throttle;

/// A statement of more than this is written to the log: fifty times what one of 256 rows takes on a busy machine, and a
/// twentieth of the time-out.
pub const SLOW_QUERY_NS: u64 = 250_000_000;

/// What is asked of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// A connection is made.
    Connect,
    /// Whether it is there.
    Ping,
    /// Tables are made or changed.
    Migrate,
    /// A transaction begins, or is undone.
    Begin,
    /// A transaction ends.
    Commit,
    /// A server says its name.
    Enlist,
    /// A server takes numbers for its starts.
    Incarnations,
    /// How far a server's journal is in it.
    Watermark,
    /// Transactions are written.
    WriteLedger,
    /// Rosters are written, with names.
    WriteRosters,
    /// Characters are written.
    WriteCharacters,
    /// Items and heaps are written.
    WriteItems,
    /// Sums are written.
    WriteSums,
    /// Checkpoints are written.
    Save,
    /// A character is read.
    Load,
    /// A roster is read.
    Roster,
    /// A name is taken or freed.
    Names,
    /// Leases are taken, released or read.
    Leases,
    /// What lies on the ground is read.
    Ground,
    /// Sums are read.
    Sums,
    /// All of an account is read.
    Export,
    /// All of an account is taken away.
    Erase,
    /// What is long gone is deleted.
    Prune,
}

impl Query {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 23] = [
        Self::Connect,
        Self::Ping,
        Self::Migrate,
        Self::Begin,
        Self::Commit,
        Self::Enlist,
        Self::Incarnations,
        Self::Watermark,
        Self::WriteLedger,
        Self::WriteRosters,
        Self::WriteCharacters,
        Self::WriteItems,
        Self::WriteSums,
        Self::Save,
        Self::Load,
        Self::Roster,
        Self::Names,
        Self::Leases,
        Self::Ground,
        Self::Sums,
        Self::Export,
        Self::Erase,
        Self::Prune,
    ];

    /// As metrics and the log call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Ping => "ping",
            Self::Migrate => "migrate",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Enlist => "enlist",
            Self::Incarnations => "incarnations",
            Self::Watermark => "watermark",
            Self::WriteLedger => "write_ledger",
            Self::WriteRosters => "write_rosters",
            Self::WriteCharacters => "write_characters",
            Self::WriteItems => "write_items",
            Self::WriteSums => "write_sums",
            Self::Save => "save",
            Self::Load => "load",
            Self::Roster => "roster",
            Self::Names => "names",
            Self::Leases => "leases",
            Self::Ground => "ground",
            Self::Sums => "sums",
            Self::Export => "export",
            Self::Erase => "erase",
            Self::Prune => "prune",
        }
    }
}

/// Upper bounds of the buckets in milliseconds; what takes longer is in a last one.
pub const BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/// How long one kind of statement took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Statements by the first of [`BOUNDS_MS`] that they did not exceed.
    pub buckets: [u64; BOUNDS_MS.len() + 1],
    /// Nanoseconds of all.
    pub total_ns: u64,
    /// Rows that they carried or brought.
    pub rows: u64,
    /// How many failed.
    pub failures: u64,
}

impl Timing {
    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Those of all kinds.
#[derive(Debug, Default)]
pub struct Timings {
    all: [Timing; Query::ALL.len()],
    slow_log: Throttle,
}

impl Timings {
    /// A copy, in the order of [`Query::ALL`].
    pub fn snapshot(&self) -> [(Query, Timing); Query::ALL.len()] {
        Query::ALL.map(|query| (query, self.all[query as usize]))
    }

    /// A statement began and ended at these times.
    pub fn add(&mut self, query: Query, rows: usize, is_failure: bool, (began_ns, ended_ns): (u64, u64)) {
        let took_ns = ended_ns.saturating_sub(began_ns);
        let took_ms = took_ns.div_ceil(1_000_000);
        let timing = &mut self.all[query as usize];
        timing.buckets[BOUNDS_MS.partition_point(|bound| *bound < took_ms)] += 1;
        timing.total_ns += took_ns;
        timing.rows += rows as u64;
        timing.failures += u64::from(is_failure);
        if took_ns >= SLOW_QUERY_NS
            && let Some(missed) = self.slow_log.pass(ended_ns)
        {
            tracing::warn!(query = query.label(), rows, took_ms, is_failure, missed, "a slow statement of MariaDB");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_number_and_a_label_of_its_own() {
        let mut labels = Query::ALL.map(Query::label).to_vec();
        for (number, query) in Query::ALL.into_iter().enumerate() {
            assert_eq!(query as usize, number);
        }
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Query::ALL.len());
    }

    #[test]
    fn a_statement_is_counted_in_the_first_bucket_that_holds_it() {
        let mut timings = Timings::default();
        for (took_ns, failed) in [(0, false), (1_000_000, false), (1_000_001, true), (5_000_000_001, false)] {
            timings.add(Query::Save, 10, failed, (7, 7 + took_ns));
        }
        let (query, timing) = timings.snapshot()[Query::Save as usize];
        assert_eq!((query, timing.count(), timing.rows, timing.failures), (Query::Save, 4, 40, 1));
        assert_eq!((timing.buckets[0], timing.buckets[1], timing.buckets[BOUNDS_MS.len()]), (2, 1, 1));
        assert_eq!(timings.snapshot()[Query::Load as usize].1, Timing::default());
    }
}
