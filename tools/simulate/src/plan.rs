//! Everything that a seed decides beforehand: who plays, over what link, and what goes wrong when.
//!
//! Each kind of fault has a stream of chance of its own, and each person another one in it: who leaves out a kind, or some
//! people, or the end, has all else go wrong at the same times as before. That is what shrinking a failure lives on.

use crate::dice::{Dice, mix};
use crate::fault::{Kind, KindSet, Per};
use protocol::unit::TICK_RATE_HZ;
use rudp::time::{NS_PER_MS, NS_PER_S};

/// How long a simulation lasts if nobody says: 90 s.
pub const TICKS_DEFAULT: u32 = 90 * TICK_RATE_HZ;
/// Nothing goes wrong any more in the last so many ticks, 20 s: within them all must be well again. Whoever has the most
/// patience tries anew after 14 s.
pub const CALM_TICKS: u32 = 20 * TICK_RATE_HZ;
/// How long most people wait for a server that is not heard, in seconds.
const PATIENCE_S: (f64, f64) = (2.0, 6.0);
/// How long some do: a session is silent after 10 s, and resumes if it is heard again.
const LONG_PATIENCE_S: (f64, f64) = (11.0, 14.0);
/// Their share.
const PATIENT: f64 = 0.5;
/// How long a session may be held: shorter than an outage that is silent lasts, about as long, and as by default.
const HELD_S: [u32; 4] = [1, 3, 8, 120];
/// People whose number a seed draws.
const PLAYERS_DRAWN: (i64, i64) = (4, 40);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Decides everything.
    pub seed: u64,
    /// Ticks of the world; none leaves it at the usual.
    pub ticks: Option<u32>,
    /// People; none leaves it to the seed.
    pub players: Option<u32>,
    /// Which kinds of fault may come.
    pub faults: KindSet,
    /// Hands that share in telling everybody. Nothing may depend on it.
    pub workers: usize,
}

impl Options {
    /// All that a seed decides.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self { seed, ticks: None, players: None, faults: KindSet::ALL, workers: 1 }
    }

    /// The command that does the same again.
    #[must_use]
    pub fn command(&self) -> String {
        let Plan { ticks, people, .. } = Plan::of(self);
        let (seed, players, faults) = (self.seed, people.len(), self.faults);
        // An assertion that is only in builds with all of them fails in such a build again.
        let profile = if cfg!(debug_assertions) { "--profile simulation" } else { "--release" };
        format!(
            "cargo run {profile} -p simulate -- --seed {seed} --ticks {ticks} --players {players} --faults {faults}"
        )
    }
}

/// What will happen.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Ticks of the world.
    pub ticks: u32,
    /// From here on nothing goes wrong.
    pub calm_from: u32,
    /// Whether the calm is long enough for all to be well again.
    pub is_judged_calm: bool,
    /// Who plays.
    pub people: Vec<PersonPlan>,
    /// What goes wrong, in the order of its beginning.
    pub episodes: Vec<Episode>,
    /// Players whom the world takes; the others wait.
    pub players_max: usize,
    /// Seconds from one image of the world to the next.
    pub world_interval_s: u64,
    /// How long a session is held that is not heard, in seconds.
    pub held_s: u32,
}

/// How a person's token says whom it plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It names a character.
    Named,
    /// It names none: the account has one of its own.
    Nameless,
    /// It leaves the choice to its bearer.
    Chooses,
}

/// One person, as the seed has it.
#[derive(Clone, Copy, Debug)]
pub struct PersonPlan {
    /// When it comes first.
    pub first_tick: u32,
    /// One way, in nanoseconds.
    pub latency_ns: u64,
    /// On top of it at most.
    pub jitter_ns: u64,
    /// By how many millionths its clock is fast.
    pub ppm: i64,
    /// How long it waits for a server that is not heard before it tries anew.
    pub patience_ns: u64,
    /// Whom it plays.
    pub way: Way,
    /// Whether it draws what it sees, and predicts itself.
    pub has_screen: bool,
}

/// Something that goes wrong for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// What.
    pub kind: Kind,
    /// From this tick on.
    pub from: u32,
    /// To before this one.
    pub until: u32,
    /// For whom; none if it is everybody's.
    pub person: Option<usize>,
    /// How bad, 0 to 1.
    pub strength: f64,
    /// Decides the rest.
    pub draw: u64,
}

impl Plan {
    /// What these options come to.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        let mut dice = Dice::new(options.seed, Stream::Plan as u64);
        let drawn = dice.whole(PLAYERS_DRAWN.0, PLAYERS_DRAWN.1) as u32;
        let players = options.players.unwrap_or(drawn) as usize;
        let ticks = options.ticks.unwrap_or(TICKS_DEFAULT);
        let is_judged_calm = ticks > CALM_TICKS;
        let calm_from = if is_judged_calm { ticks - CALM_TICKS } else { ticks / 2 };
        let players_max = if dice.chance(0.1) { (players * 4 / 5).max(2) } else { players + 8 };
        let mut plan = Self {
            ticks,
            calm_from,
            is_judged_calm,
            people: (0..players as u64).map(|number| person(options.seed, number)).collect(),
            episodes: Vec::new(),
            players_max,
            world_interval_s: dice.whole(4, 30) as u64,
            held_s: HELD_S[dice.below(HELD_S.len())],
        };
        for kind in options.faults.iter() {
            plan.add(options.seed, kind);
        }
        plan.episodes.sort_by_key(|episode| (episode.from, episode.kind, episode.person));
        plan
    }

    /// What goes wrong of one kind: not at all, seldom, as usual, or all the time.
    fn add(&mut self, seed: u64, kind: Kind) {
        let stream = mix(Stream::Faults as u64, kind as u64);
        let rate = match Dice::new(seed, stream).below(10) {
            0..3 => return,
            3..6 => 0.4,
            6..9 => 1.0,
            _ => 3.0,
        };
        match kind.habit().per {
            Per::World => self.add_episodes(Dice::new(seed, mix(stream, u64::MAX)), kind, rate, None),
            Per::Person => {
                for person in 0..self.people.len() {
                    self.add_episodes(Dice::new(seed, mix(stream, person as u64 + 1)), kind, rate, Some(person));
                }
            }
        }
    }

    fn add_episodes(&mut self, mut dice: Dice, kind: Kind, rate: f64, person: Option<usize>) {
        let habit = kind.habit();
        let hz = f64::from(TICK_RATE_HZ);
        let mut at_s = 0.0;
        loop {
            at_s += dice.wait(habit.every_s / rate);
            let lasts_s = dice.range(habit.short_s, habit.long_s);
            let (strength, draw) = (dice.range(0.0, 1.0), dice.number());
            let from = (at_s * hz) as u32;
            if from >= self.calm_from {
                return;
            }
            at_s += lasts_s;
            let until = ((at_s * hz) as u32).max(from + 1).min(self.calm_from);
            self.episodes.push(Episode { kind, from, until, person, strength, draw });
        }
    }
}

/// Streams of chance that are nobody's fault.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub enum Stream {
    /// What a plan is.
    Plan = 1,
    /// What goes wrong.
    Faults,
    /// Who people are.
    People,
    /// Links.
    Links,
    /// What people do.
    Minds,
    /// Keys of tokens.
    Mint,
    /// What a process draws from its system.
    Process,
    /// The world itself.
    World,
    /// The stores.
    Stores,
    /// Whoever is no player.
    Strangers,
}

fn person(seed: u64, number: u64) -> PersonPlan {
    let mut dice = Dice::new(seed, mix(Stream::People as u64, number));
    let latency_ms = if dice.chance(0.8) { dice.range(2.0, 60.0) } else { dice.range(60.0, 180.0) };
    let (least_s, most_s) = if dice.chance(PATIENT) { LONG_PATIENCE_S } else { PATIENCE_S };
    PersonPlan {
        first_tick: if dice.chance(0.7) { 60 + dice.below(180) as u32 } else { 60 + dice.below(1_500) as u32 },
        latency_ns: (latency_ms * NS_PER_MS as f64) as u64,
        jitter_ns: (dice.range(0.0, 12.0) * NS_PER_MS as f64) as u64,
        ppm: dice.whole(-100, 100),
        patience_ns: (dice.range(least_s, most_s) * NS_PER_S as f64) as u64,
        way: match dice.below(10) {
            0..6 => Way::Named,
            6..8 => Way::Nameless,
            _ => Way::Chooses,
        },
        has_screen: dice.chance(0.15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_is_somewhere_in_fifty_seeds() {
        let mut seen = KindSet::NONE;
        for seed in 0..50 {
            let plan = Plan::of(&Options::of_seed(seed));
            assert!(
                plan.episodes.iter().all(|episode| episode.from < episode.until && episode.until <= plan.calm_from)
            );
            seen = plan.episodes.iter().fold(seen, |seen, episode| seen.with(episode.kind));
        }
        assert_eq!(seen, KindSet::ALL);
    }

    #[test]
    fn who_leaves_out_a_kind_or_some_people_or_the_end_has_all_else_as_before() {
        let whole = Options { players: Some(10), ..Options::of_seed(7) };
        let all = Plan::of(&whole).episodes;
        let kinds = Plan::of(&Options { faults: KindSet::ALL.without(Kind::Loss), ..whole }).episodes;
        assert!(kinds.len() < all.len());
        assert_eq!(kinds, all.iter().copied().filter(|episode| episode.kind != Kind::Loss).collect::<Vec<_>>());
        let people = Plan::of(&Options { players: Some(4), ..whole }).episodes;
        let of_four = |episode: &Episode| episode.person.is_none_or(|person| person < 4);
        assert_eq!(people, all.iter().copied().filter(of_four).collect::<Vec<_>>());
        let shorter = Plan::of(&Options { ticks: Some(4_000), ..whole });
        let before = |episode: &Episode| episode.until < shorter.calm_from;
        let kept: Vec<_> = shorter.episodes.iter().copied().filter(before).collect();
        assert!(!kept.is_empty());
        assert_eq!(kept, all.iter().copied().filter(before).collect::<Vec<_>>());
    }
}
