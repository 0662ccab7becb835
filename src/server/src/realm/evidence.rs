//! What speaks against a player: points by kind, which fade.
//!
//! spec: CMD-4. The server decides everything itself, so most cheats change nothing; what is left is to notice who tries. No
//! single thing proves anything: links stall, hands are quick, clients have bugs. So each kind of evidence has points, half
//! of which are forgotten in a minute, and a limit; what happens beyond it is the operator's choice.

use protocol::command::Refusal;
use protocol::unit::TICK_RATE_HZ;
use protocol::{Tick, motion::Body};
use rudp::time::NS_PER_S;
use serde::{Deserialize, Serialize};

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Suspicion {
    /// More inputs than time: his clock runs fast, or he plays on the server's.
    Inputs,
    /// His picture of himself is not what he was told.
    State,
    /// He believes to be where nobody can have come.
    Place,
    /// He hits with turns that no hand makes.
    Aim,
    /// He asks for what his client could know to be impossible.
    Impossible,
    /// He asks for more than anybody can want.
    Flood,
}

/// How many there are.
pub const SUSPICIONS: usize = 6;

impl Suspicion {
    /// All, in the order of their numbers.
    pub const ALL: [Self; SUSPICIONS] =
        [Self::Inputs, Self::State, Self::Place, Self::Aim, Self::Impossible, Self::Flood];

    /// The name in configuration, logs and metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::State => "state",
            Self::Place => "place",
            Self::Aim => "aim",
            Self::Impossible => "impossible",
            Self::Flood => "flood",
        }
    }

    /// Points of one piece. A hundred are the usual limit: four states that differ, twenty impossible wishes, a hundred
    /// that are too many, within a minute or so.
    const fn points(self) -> u32 {
        match self {
            Self::Inputs => 30,
            Self::State => 25,
            Self::Place => 10,
            Self::Aim | Self::Impossible => 5,
            Self::Flood => 1,
        }
    }
}

/// What is done about a player beyond a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// It is counted and said in the log.
    Log,
    /// Also, he is marked for the operator.
    #[default]
    Flag,
    /// Also, his session ends.
    Kick,
}

/// The operator's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What is done beyond a limit.
    pub action: Action,
    /// Most points of each kind.
    pub limits: [u32; SUSPICIONS],
}

impl Default for Policy {
    fn default() -> Self {
        Self { action: Action::default(), limits: [100; SUSPICIONS] }
    }
}

/// Half of all points are forgotten in this time: a minute.
const HALF_LIFE_TICKS: u32 = 60 * TICK_RATE_HZ;

/// What speaks against one player.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// In 256ths, as of `at`.
    points: [u32; SUSPICIONS],
    at: [Tick; SUSPICIONS],
    /// He went beyond a limit and is marked.
    pub is_flagged: bool,
}

impl Evidence {
    /// One more piece; true if that is one too many.
    pub fn add(&mut self, kind: Suspicion, now: Tick, policy: &Policy) -> bool {
        let points = self.points(kind, now).saturating_add(kind.points() << 8);
        (self.points[kind as usize], self.at[kind as usize]) = (points, now);
        points > policy.limits[kind as usize] << 8
    }

    /// What is left of a kind's points, in 256ths: halved each half-life, straight in between.
    fn points(&self, kind: Suspicion, now: Tick) -> u32 {
        let (points, passed) = (self.points[kind as usize], now.since(self.at[kind as usize]));
        let halved = points.checked_shr(passed / HALF_LIFE_TICKS).unwrap_or(0);
        halved - (u64::from(halved) * u64::from(passed % HALF_LIFE_TICKS) / u64::from(2 * HALF_LIFE_TICKS)) as u32
    }

    /// The most points of any kind.
    #[must_use]
    pub fn most_points(&self, now: Tick) -> u32 {
        Suspicion::ALL.into_iter().map(|kind| self.whole_points(kind, now)).max().unwrap_or(0)
    }

    /// What is left of a kind's points.
    #[must_use]
    pub fn whole_points(&self, kind: Suspicion, now: Tick) -> u32 {
        self.points(kind, now) >> 8
    }
}

/// Whether a client that knows the rules would not have asked for that. Two who want the same thing in the same tick, or a
/// world that changed while the wish was under way, make all others honest.
#[must_use]
pub const fn is_impossible(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::UnknownSkill
            | Refusal::NotLearnt
            | Refusal::AlreadyLearnt
            | Refusal::NotOfClass
            | Refusal::NeedsAnother
            | Refusal::WrongTarget
            | Refusal::WrongCount
            | Refusal::WrongSlot
            | Refusal::WrongClass
            | Refusal::NotUsable
            | Refusal::Oneself
            | Refusal::NotForSale
            | Refusal::Bound
    )
}

/// Counts a player's inputs against time.
///
/// By the clock, not by ticks: the clients of a world that is late go on at their own pace, and everybody would look like a
/// cheat.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Pace {
    since_ns: u64,
    inputs: u32,
}

/// Inputs are counted over ten seconds, which are so many ticks.
const PACE_TICKS: u32 = 10 * TICK_RATE_HZ;
const PACE_NS: u64 = 10 * NS_PER_S;
/// Inputs beyond the ticks of that time that are still honest: a tenth for clocks that are adjusted (a client runs 5 % fast
/// at most to fill the server's buffer), and what one burst of a stalled link may bring.
const PACE_SPARE: u32 = PACE_TICKS / 10 + 32;

impl Pace {
    /// So many new inputs came; true if that is more than time allows.
    pub fn count(&mut self, inputs: u32, now_ns: u64) -> bool {
        if now_ns.saturating_sub(self.since_ns) >= PACE_NS {
            *self = Self { since_ns: now_ns, inputs: 0 };
        }
        let before = self.inputs;
        self.inputs = self.inputs.saturating_add(inputs);
        let most = PACE_TICKS + PACE_SPARE;
        before <= most && self.inputs > most
    }
}

/// What a client says of itself once a second, until it can be judged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Believed {
    /// Number of the input.
    pub input: u16,
    /// Where it believes to be after it, in units.
    pub place: [i32; 3],
}

/// What the last own states stood for, by tick: what claims are held against.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    #[serde(with = "super::long")]
    digests: [u32; TOLD_TICKS],
    since: Tick,
    newest: Tick,
}

/// Own states that are remembered: a second, the longest round trip that one plays over.
const TOLD_TICKS: usize = 64;

impl Default for Told {
    fn default() -> Self {
        Self { digests: [0; TOLD_TICKS], since: Tick(u32::MAX), newest: Tick(0) }
    }
}

impl Told {
    /// The own state of this tick, one after the other, stands for that.
    pub fn note(&mut self, now: Tick, digest: u32) {
        self.since = self.since.min(now);
        self.newest = now;
        self.digests[now.0 as usize % TOLD_TICKS] = digest;
    }

    /// Whether that is what the own state of a tick stood for; true of one that nobody remembers.
    #[must_use]
    pub fn agrees(&self, tick: Tick, digest: u32) -> bool {
        let is_known = tick >= self.since && tick <= self.newest && self.newest.since(tick) < TOLD_TICKS as u32;
        !is_known || self.digests[tick.0 as usize % TOLD_TICKS] == digest
    }
}

/// How far one may believe to be from where one is, in units: 8 m, what a throw makes of a round trip of 400 ms.
const BELIEVED_UNITS_MAX: u32 = 8 * protocol::unit::UNITS_PER_M as u32;

impl Believed {
    /// Whether nobody can believe that who is there.
    #[must_use]
    pub fn is_absurd(&self, body: &Body) -> bool {
        let place = [body.x, body.y, body.z].map(protocol::unit::unit_of);
        self.place.iter().zip(place).any(|(believed, is)| believed.abs_diff(is) > BELIEVED_UNITS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pieces_are_borne_and_too_many_at_once_are_not() {
        let (mut evidence, policy) = (Evidence::default(), Policy::default());
        let verdicts = [(); 5].map(|()| evidence.add(Suspicion::State, Tick(1_000), &policy));
        assert_eq!(verdicts, [false, false, false, false, true]);
        assert!(!evidence.add(Suspicion::Place, Tick(1_000), &policy), "each kind has its own");
    }

    #[test]
    fn half_of_it_is_forgotten_in_a_minute_and_the_same_rate_for_ever_is_borne() {
        let (mut evidence, policy) = (Evidence::default(), Policy::default());
        for _ in 0..4 {
            evidence.add(Suspicion::State, Tick(0), &policy);
        }
        let points =
            [0, 1_800, 3_600, 7_200, 36_000, u32::MAX].map(|t| evidence.whole_points(Suspicion::State, Tick(t)));
        assert_eq!(points, [100, 75, 50, 25, 0, 0]);
        let mut evidence = Evidence::default();
        assert!(
            (0..1_000).all(|n| !evidence.add(Suspicion::State, Tick(n * HALF_LIFE_TICKS), &policy)),
            "one a minute"
        );
    }

    #[test]
    fn inputs_as_fast_as_time_are_honest_and_a_fifth_more_are_not() {
        let told = |per_ten_ticks: u32| {
            let mut pace = Pace::default();
            let at = |tick: u64| tick * NS_PER_S / u64::from(TICK_RATE_HZ);
            (1..6_001).filter(|&tick| pace.count(if tick % 10 == 1 { per_ten_ticks } else { 0 }, at(tick))).count()
        };
        assert_eq!([0, 10, 11].map(told), [0; 3]);
        assert_eq!(told(12), 10, "once in each stretch");
    }

    #[test]
    fn a_claim_is_held_against_the_state_of_its_tick_for_a_second() {
        let mut told = Told::default();
        assert!(told.agrees(Tick(5), 1), "nothing is known yet");
        (10..200).for_each(|tick| told.note(Tick(tick), tick * 3));
        assert!(told.agrees(Tick(199), 597) && told.agrees(Tick(136), 408));
        assert!(!told.agrees(Tick(199), 598) && !told.agrees(Tick(136), 409));
        assert!(told.agrees(Tick(135), 0) && told.agrees(Tick(200), 0) && told.agrees(Tick(9), 0), "nobody remembers");
    }

    #[test]
    fn who_believes_to_be_across_the_street_is_absurd() {
        let body = Body { x: 1_000 << 8, y: 1_000 << 8, ..Body::default() };
        let at = |x, y, z| Believed { input: 0, place: [x, y, z] }.is_absurd(&body);
        assert!(!at(1_000, 1_000, 0) && !at(1_000 + 8 * 320, 1_000, 0));
        assert!(at(1_001 + 8 * 320, 1_000, 0) && at(1_000, i32::MIN, 0) && at(1_000, 1_000, i32::MAX));
    }
}
