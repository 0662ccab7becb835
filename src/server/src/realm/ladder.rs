//! The overload ladder: what a world that cannot keep its pace gives up, step by step, and takes back.
//!
//! Time is looked at in seconds of sixty ticks. Of each the slow twentieth counts (three ticks may be worse: a machine that
//! is shared takes some away, and that is no overload). After two seconds in a row beyond what is borne the next step is
//! taken; after five in a row that are well below it the last one is taken back. A step needs its two seconds to show what
//! it brings, so there are never two at once.

use protocol::unit::TICK_RATE_HZ;
use serde::{Deserialize, Serialize};

/// What is given up, each step with all those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Step {
    /// Nothing.
    #[default]
    None,
    /// Everybody is told of the world thirty times a second instead of sixty.
    Rate,
    /// Twenty times a second, a quarter less far, and of 9/16 as many at most.
    Radius,
    /// Twelve times a second, and mobs sleep unless somebody is close.
    Mobs,
    /// Nobody is let in.
    Joins,
    /// Time goes at half its pace.
    Time,
}

impl Step {
    /// All, in the order in which they are taken.
    pub const ALL: [Self; 6] = [Self::None, Self::Rate, Self::Radius, Self::Mobs, Self::Joins, Self::Time];

    /// How many are taken: what `throng_overload_level` says.
    #[must_use]
    pub const fn level(self) -> u8 {
        self as u8
    }

    /// In words, for the log and for players.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::None => "the world keeps its pace",
            Self::Rate => "snapshots go out 30 times a second",
            Self::Radius => "snapshots go out 20 times a second, and sight is a quarter shorter",
            Self::Mobs => "snapshots go out 12 times a second, and mobs far from everybody sleep",
            Self::Joins => "nobody is let in",
            Self::Time => "time goes at half its pace",
        }
    }

    /// Ticks from one snapshot to the next.
    #[must_use]
    pub const fn snapshot_period(self) -> u32 {
        match self {
            Self::None => 1,
            Self::Rate => 2,
            Self::Radius => 3,
            // The floor: what is drawn is 100 ms old, and would stand still between two snapshots that are farther apart. A
            // sixth is for what comes late.
            Self::Mobs | Self::Joins | Self::Time => 5,
        }
    }
}

/// When steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderConfig {
    /// A second is hot whose slow ticks took longer than this, in nanoseconds.
    pub hot_ns: u64,
    /// A second is cool whose slow ticks took less than this; below `hot_ns`.
    pub cool_ns: u64,
    /// The last step that is ever taken; [`Step::None`] turns the ladder off.
    pub highest: Step,
}

impl Default for LadderConfig {
    /// 14 of the 16.7 ms that a tick has, and 10; time is not slowed.
    fn default() -> Self {
        Self { hot_ns: 14_000_000, cool_ns: 10_000_000, highest: Step::Joins }
    }
}

/// Ticks that are looked at together: a second.
const WINDOW: usize = TICK_RATE_HZ as usize;
/// Ticks of a window that may be worse than what counts.
const SLOWER: usize = 3;
/// Hot seconds in a row until a step is taken.
const HOT_WINDOWS: u32 = 2;
/// Cool seconds in a row until one is taken back.
const COOL_WINDOWS: u32 = 5;

/// Where the world stands on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ladder {
    config: LadderConfig,
    step: Step,
    /// How long the ticks of this second took.
    #[serde(with = "super::long")]
    took_ns: [u64; WINDOW],
    ticks: usize,
    hot: u32,
    cool: u32,
    /// Steps taken, and taken back, since start.
    pub ups: u64,
    /// See above.
    pub downs: u64,
}

impl Ladder {
    /// At its foot.
    #[must_use]
    pub fn new(config: LadderConfig) -> Self {
        assert!(config.cool_ns < config.hot_ns, "or steps would be taken and taken back for ever");
        Self { config, step: Step::None, took_ns: [0; WINDOW], ticks: 0, hot: 0, cool: 0, ups: 0, downs: 0 }
    }

    /// What is given up now.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// A tick took so long, in nanoseconds. Answers with the new step if that changes it.
    pub fn on_tick(&mut self, took_ns: u64) -> Option<Step> {
        self.took_ns[self.ticks] = took_ns;
        self.ticks += 1;
        if self.ticks < WINDOW {
            return None;
        }
        self.ticks = 0;
        let (_, &mut slow_ns, _) = self.took_ns.select_nth_unstable(WINDOW - 1 - SLOWER);
        self.hot = if slow_ns > self.config.hot_ns { self.hot + 1 } else { 0 };
        self.cool = if slow_ns < self.config.cool_ns { self.cool + 1 } else { 0 };
        let at = usize::from(self.step.level());
        let next = if self.hot >= HOT_WINDOWS && self.step < self.config.highest {
            self.ups += 1;
            at + 1
        } else if self.cool >= COOL_WINDOWS && at > 0 {
            self.downs += 1;
            at - 1
        } else {
            return None;
        };
        (self.hot, self.cool) = (0, 0);
        self.step = Step::ALL[next];
        Some(self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// What so many seconds of such ticks lead to.
    fn seconds(ladder: &mut Ladder, count: usize, took_ms: u64) -> Vec<Step> {
        (0..count * WINDOW).filter_map(|_| ladder.on_tick(took_ms * MS)).collect()
    }

    #[test]
    fn a_world_that_stays_too_slow_climbs_a_step_every_two_seconds_to_the_highest() {
        let mut ladder = Ladder::new(LadderConfig::default());
        assert_eq!(seconds(&mut ladder, 1, 20), []);
        assert_eq!(seconds(&mut ladder, 1, 20), [Step::Rate]);
        assert_eq!(seconds(&mut ladder, 6, 20), [Step::Radius, Step::Mobs, Step::Joins]);
        assert_eq!(seconds(&mut ladder, 20, 20), [], "time is slowed only where it is asked for");
        let config = LadderConfig { highest: Step::Time, ..LadderConfig::default() };
        assert_eq!(seconds(&mut Ladder::new(config), 20, 20).last(), Some(&Step::Time));
    }

    #[test]
    fn what_was_given_up_is_taken_back_step_by_step_when_there_is_room_again() {
        let mut ladder = Ladder::new(LadderConfig::default());
        seconds(&mut ladder, 4, 20);
        assert_eq!(ladder.step(), Step::Radius);
        assert_eq!(seconds(&mut ladder, 100, 12), [], "between the two lines nothing changes");
        assert_eq!(seconds(&mut ladder, 4, 9), []);
        assert_eq!(seconds(&mut ladder, 6, 9), [Step::Rate, Step::None]);
        assert_eq!((ladder.ups, ladder.downs), (2, 2));
    }

    #[test]
    fn a_few_slow_ticks_in_a_second_are_no_overload_and_four_are() {
        let mut ladder = Ladder::new(LadderConfig::default());
        let mut with_slow = |slow: usize| {
            (0..10 * WINDOW).filter_map(|tick| ladder.on_tick(if tick % WINDOW < slow { 40 * MS } else { MS })).count()
        };
        assert_eq!(with_slow(SLOWER), 0);
        assert!(with_slow(SLOWER + 1) > 0);
    }

    #[test]
    fn a_ladder_that_is_off_stays_where_it_is() {
        let config = LadderConfig { highest: Step::None, ..LadderConfig::default() };
        assert_eq!(seconds(&mut Ladder::new(config), 60, 100), []);
    }
}
