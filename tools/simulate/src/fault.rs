//! What can go wrong: each kind of fault, how often it comes by itself, and the book of which came after which.

use crate::stores::StoreFault;
use std::fmt;
use std::str::FromStr;

/// Declares the kinds once: name, label, whom they meet, seconds from one to the next, seconds that one lasts.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident, $label:literal, $per:ident, $every:literal, $short:literal..$long:literal;)+) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name on the command line.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// How often it comes and how long it stays, where it comes at its usual rate.
            #[must_use]
            pub const fn habit(self) -> Habit {
                match self {
                    $(Self::$name => Habit { per: Per::$per, every_s: $every, short_s: $short, long_s: $long },)+
                }
            }
        }
    };
}

kinds! {
    /// Datagrams are lost, each by itself.
    Loss, "loss", Person, 100.0, 4.0..20.0;
    /// Datagrams are lost in bursts.
    Burst, "burst", Person, 120.0, 4.0..20.0;
    /// Datagrams come twice.
    Duplicate, "duplicate", Person, 120.0, 4.0..20.0;
    /// Datagrams overtake each other.
    Reorder, "reorder", Person, 120.0, 4.0..20.0;
    /// Bits of datagrams are flipped.
    Corrupt, "corrupt", Person, 150.0, 3.0..10.0;
    /// Everything takes much longer.
    Spike, "spike", Person, 120.0, 1.0..6.0;
    /// Nothing arrives, either way.
    Outage, "outage", Person, 150.0, 1.0..20.0;
    /// Nothing arrives, one way.
    OneWay, "one-way", Person, 200.0, 1.0..9.0;
    /// Many links are cut one after the other, and mended in another order.
    Swizzle, "swizzle", World, 90.0, 3.0..10.0;
    /// A client's address changes.
    Move, "move", Person, 80.0, 0.0..0.0;
    /// The clock of the issuer of tokens is set wrong for a while.
    IssuerClock, "issuer-clock", World, 90.0, 3.0..15.0;
    /// The server's wall clock is set wrong for a while.
    ServerClock, "server-clock", World, 90.0, 3.0..15.0;
    /// A client's clock jumps ahead. It has no other than the monotonic one: what time it is concerns it nowhere.
    ClientClock, "client-clock", Person, 200.0, 0.0..0.0;
    /// A client vanishes without a word, and comes back from another socket.
    Crash, "crash", Person, 180.0, 0.3..6.0;
    /// A client stands still.
    Stall, "stall", Person, 150.0, 0.5..5.0;
    /// A client leaves politely, and comes back.
    Relog, "relog", Person, 200.0, 0.1..4.0;
    /// A second client of the same person comes while the first one plays.
    Takeover, "takeover", Person, 250.0, 0.0..0.0;
    /// A client plays faster than time and claims what is not so.
    Cheat, "cheat", Person, 250.0, 3.0..10.0;
    /// A client asks without end.
    Flood, "flood", Person, 250.0, 2.0..6.0;
    /// Somebody with an account of his own says what no client can say.
    Vandal, "vandal", World, 90.0, 2.0..6.0;
    /// Somebody sends recorded datagrams again, from his own address and from others'.
    Replay, "replay", World, 60.0, 3.0..10.0;
    /// Somebody sends datagrams that he made up, in others' names.
    Forge, "forge", World, 60.0, 3.0..10.0;
    /// The server process is killed, and started again.
    ServerCrash, "server-crash", World, 80.0, 0.5..4.0;
    /// The same, while a commit reaches the disk in part.
    TornTail, "torn-tail", World, 110.0, 0.5..4.0;
    /// The world thread stands still.
    WorldStall, "world-stall", World, 60.0, 0.05..1.5;
    /// The reactor thread stands still.
    ReactorStall, "reactor-stall", World, 60.0, 0.05..1.5;
    /// No batch is free for the gate to hand over.
    BatchesOut, "batches-out", World, 60.0, 0.05..1.0;
    /// The queue to the gate is full.
    OutboundFull, "outbound-full", World, 60.0, 0.1..1.5;
    /// Ticks take longer than they may.
    Overload, "overload", World, 100.0, 4.0..10.0;
    /// Redis does not answer.
    RedisDown, "redis-down", World, 70.0, 2.0..15.0;
    /// Redis answers late.
    RedisSlow, "redis-slow", World, 70.0, 2.0..15.0;
    /// The MariaDB server that is written to does not answer.
    MariaDbDown, "mariadb-down", World, 70.0, 2.0..15.0;
    /// MariaDB answers late.
    MariaDbSlow, "mariadb-slow", World, 70.0, 2.0..15.0;
    /// Each commit of the journal takes long.
    JournalSlow, "journal-slow", World, 70.0, 2.0..12.0;
    /// The journal's disk is full.
    JournalFull, "journal-full", World, 80.0, 1.0..8.0;
    /// The journal cannot be read.
    JournalUnreadable, "journal-unreadable", World, 80.0, 1.0..8.0;
    /// The queue to the persistence thread has no room.
    StoreQueueFull, "store-queue-full", World, 70.0, 0.2..4.0;
}

/// How many there are.
pub const KINDS: usize = Kind::ALL.len();
const _: () = assert!(KINDS <= u64::BITS as usize, "a set of kinds is one number");

/// Whom a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One person at a time, each at its own times.
    Person,
    /// Everybody.
    World,
}

/// How a kind of fault comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    /// Whom it meets.
    pub per: Per,
    /// Seconds from one to the next, on average.
    pub every_s: f64,
    /// Seconds that one lasts, at least.
    pub short_s: f64,
    /// At most.
    pub long_s: f64,
}

impl Kind {
    /// What it is to the stores, if it is one of theirs.
    #[must_use]
    pub const fn of_store(self) -> Option<StoreFault> {
        match self {
            Self::RedisDown => Some(StoreFault::RedisDown),
            Self::RedisSlow => Some(StoreFault::RedisSlow),
            Self::MariaDbDown => Some(StoreFault::MariaDbDown),
            Self::MariaDbSlow => Some(StoreFault::MariaDbSlow),
            Self::JournalSlow => Some(StoreFault::JournalSlow),
            Self::JournalFull => Some(StoreFault::JournalFull),
            Self::JournalUnreadable => Some(StoreFault::JournalUnreadable),
            Self::StoreQueueFull => Some(StoreFault::QueueFull),
            _ => None,
        }
    }
}

/// Some kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindSet(u64);

impl KindSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << KINDS) - 1);

    /// Whether a kind is one of them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u8 & 1 != 0
    }

    /// The same with one more.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// The same without one.
    #[must_use]
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Those of them, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.iter().copied().filter(move |&kind| self.has(kind))
    }

    /// How many.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => f.write_str("none"),
            Self::ALL => f.write_str("all"),
            some => f.write_str(&some.iter().map(Kind::label).collect::<Vec<_>>().join(",")),
        }
    }
}

impl FromStr for KindSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self::NONE),
            "all" => return Ok(Self::ALL),
            _ => {}
        }
        text.split(',').try_fold(Self::NONE, |set, name| {
            let kind = Kind::ALL.iter().find(|kind| kind.label() == name);
            let known = || Kind::ALL.iter().map(|kind| kind.label()).collect::<Vec<_>>().join(", ");
            kind.map(|&kind| set.with(kind))
                .ok_or_else(|| format!("no fault is called '{name}': all, none, {}", known()))
        })
    }
}

/// A fault counts as after another if it begins within so many ticks of its beginning, or while it lasts: 10 s.
pub const AFTER_TICKS: u32 = 600;

/// Which faults came, and which after which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultBook {
    /// How often each kind came.
    pub fired: [u64; KINDS],
    /// By the first of two kinds: those that came after it.
    pub after: [u64; KINDS],
    /// Until when something counts as after the last of a kind.
    until: [Option<u32>; KINDS],
}

impl Default for FaultBook {
    fn default() -> Self {
        Self { fired: [0; KINDS], after: [0; KINDS], until: [None; KINDS] }
    }
}

impl FaultBook {
    /// One of a kind begins, and lasts so long.
    pub fn begin(&mut self, kind: Kind, tick: u32, lasts: u32) {
        self.fired[kind as usize] += 1;
        for (first, until) in self.until.iter().enumerate() {
            if first != kind as usize && until.is_some_and(|until| tick <= until) {
                self.after[first] |= 1 << kind as u8;
            }
        }
        let until = tick + lasts.max(AFTER_TICKS);
        let latest = &mut self.until[kind as usize];
        *latest = (*latest).max(Some(until));
    }

    /// What another simulation saw, too.
    pub fn add(&mut self, other: &Self) {
        self.fired.iter_mut().zip(other.fired).for_each(|(sum, more)| *sum += more);
        self.after.iter_mut().zip(other.after).for_each(|(sum, more)| *sum |= more);
    }

    /// Ordered pairs of two different kinds that came.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.after.iter().map(|after| after.count_ones() as usize).sum()
    }

    /// Ordered pairs that did not.
    pub fn missing(&self) -> impl Iterator<Item = (Kind, Kind)> {
        Kind::ALL.iter().flat_map(move |&first| {
            let after = self.after[first as usize];
            Kind::ALL
                .iter()
                .filter(move |&&kind| kind != first && after >> kind as u8 & 1 == 0)
                .map(move |&kind| (first, kind))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_as_it_is_written() {
        for set in [KindSet::NONE, KindSet::ALL, KindSet::NONE.with(Kind::Move).with(Kind::Loss)] {
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        assert_eq!("move,loss".parse::<KindSet>().unwrap().to_string(), "loss,move");
        assert!("losses".parse::<KindSet>().unwrap_err().starts_with("no fault is called 'losses': all, none, loss"));
    }

    #[test]
    fn one_fault_comes_after_another_within_ten_seconds_or_while_it_lasts() {
        let mut book = FaultBook::default();
        book.begin(Kind::Loss, 0, 10);
        book.begin(Kind::Move, AFTER_TICKS, 0);
        book.begin(Kind::Crash, AFTER_TICKS + 1, 0);
        let follows = |book: &FaultBook, first: Kind, then: Kind| book.after[first as usize] >> then as u8 & 1 != 0;
        assert!(follows(&book, Kind::Loss, Kind::Move) && !follows(&book, Kind::Loss, Kind::Crash));
        assert!(follows(&book, Kind::Move, Kind::Crash) && !follows(&book, Kind::Crash, Kind::Move));
        book.begin(Kind::Outage, 5_000, 2_000);
        book.begin(Kind::Loss, 6_900, 1);
        assert!(follows(&book, Kind::Outage, Kind::Loss));
        assert_eq!((book.fired[Kind::Loss as usize], book.pairs()), (2, 3));
        assert_eq!(book.missing().count(), KINDS * (KINDS - 1) - 3);
    }
}
