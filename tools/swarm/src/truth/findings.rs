//! What was wrong, counted by kind, with the first few cases in words.

/// Kinds of error; a correct server causes none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Inside the enter radius and within the cap, yet unknown for more than 500 ms.
    Missing,
    /// In view, changed, and not refreshed for 1 s (2 s when more than 256 are visible).
    Stale,
    /// Still known 1 s after it left the view or the world.
    Ghost,
    /// Told to be somewhere else than it was, by a unit or more.
    Desync,
    /// A gap or repeat on a reliable channel.
    OutOfOrder,
    /// Anything else that cannot happen.
    Other,
}

/// Every kind, in the order of the report.
pub const KINDS: [Kind; 6] = [Kind::Missing, Kind::Stale, Kind::Ghost, Kind::Desync, Kind::OutOfOrder, Kind::Other];
/// Cases of each kind kept in words: the first ones tell most.
const CASES_MAX: usize = 3;

/// The counts and cases of a run.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    counts: [u64; KINDS.len()],
    cases: Vec<(Kind, String)>,
}

impl Kind {
    /// As it is spelled in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Ghost => "ghost",
            Self::Desync => "desync",
            Self::OutOfOrder => "out_of_order",
            Self::Other => "other",
        }
    }
}

impl Findings {
    /// Counts one error; `case` is only put into words while few of its kind are known.
    pub fn add(&mut self, kind: Kind, case: impl FnOnce() -> String) {
        let count = &mut self.counts[kind as usize];
        *count += 1;
        if *count <= CASES_MAX as u64 {
            self.cases.push((kind, case()));
        }
    }

    /// Errors of this kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// All errors.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The first cases, oldest first.
    pub fn cases(&self) -> &[(Kind, String)] {
        &self.cases
    }
}
