//! Who is killed when, drawn from a seed: the same seed gives the same plan on every machine.

use std::time::Duration;

/// Something that can be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// The game server.
    Server,
    /// Redis.
    Redis,
    /// MariaDB.
    MariaDb,
}

impl Victim {
    /// As in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Redis => "redis",
            Self::MariaDb => "mariadb",
        }
    }
}

/// One kill, of one or of two at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// How long everything runs before it, counted from when all was well again.
    pub after: Duration,
    /// Who dies, in the order of dying; they come back in this order, too.
    pub victims: Vec<Victim>,
    /// How long they stay dead.
    pub down: Duration,
}

impl Kill {
    /// Whether somebody is among the victims.
    pub fn hits(&self, victim: Victim) -> bool {
        self.victims.contains(&victim)
    }

    /// The victims as in the table, whatever their order.
    pub fn name(&self) -> String {
        let mut victims = self.victims.clone();
        victims.sort_unstable();
        victims.iter().map(|victim| victim.name()).collect::<Vec<_>>().join(" + ")
    }
}

/// So many kills. Every third or so is of two at once; any seven in a row have each single victim and each pair among
/// them, and one more server, because a plan that by chance spares somebody would prove nothing about him.
pub fn plan(seed: u64, count: usize) -> Vec<Kill> {
    let mut dice = Dice(seed);
    let mut kills = Vec::with_capacity(count);
    while kills.len() < count {
        let mut round = ROUND.map(<[Victim]>::to_vec).to_vec();
        dice.shuffle(&mut round);
        for mut victims in round {
            dice.shuffle(&mut victims);
            let (after, down) = (dice.between(AFTER_MS), dice.between(DOWN_MS));
            kills.push(Kill { after, victims, down });
        }
    }
    kills.truncate(count);
    kills
}

/// What seven kills in a row are of, in an order that is drawn.
const ROUND: [&[Victim]; 7] = [
    &[Victim::Server],
    &[Victim::Server],
    &[Victim::Redis],
    &[Victim::MariaDb],
    &[Victim::Server, Victim::Redis],
    &[Victim::Server, Victim::MariaDb],
    &[Victim::Redis, Victim::MariaDb],
];
/// Milliseconds of play between two kills, from, to.
const AFTER_MS: (u64, u64) = (200, 2_500);
/// Milliseconds that somebody stays dead: from at once to longer than what time-outs there are.
const DOWN_MS: (u64, u64) = (0, 3_000);

/// Draws numbers from a seed (SplitMix64: each state gives one number, all states come by).
pub struct Dice(pub u64);

impl Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time within these milliseconds, both ends included.
    pub fn between(&mut self, (from, to): (u64, u64)) -> Duration {
        Duration::from_millis(from + self.draw() % (to - from + 1))
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            let other = (self.draw() % (end as u64 + 1)) as usize;
            all.swap(end, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_gives_one_plan_and_another_seed_another() {
        assert_eq!(plan(7, 50), plan(7, 50));
        assert_ne!(plan(7, 50), plan(8, 50));
        assert_eq!(plan(7, 50)[..20], plan(7, 20)[..]);
    }

    #[test]
    fn seven_kills_in_a_row_spare_nobody_and_no_pair() {
        for seed in 0..100 {
            let names: BTreeSet<String> = plan(seed, 7).iter().map(Kill::name).collect();
            let wanted = ["mariadb", "redis", "redis + mariadb", "server", "server + mariadb", "server + redis"];
            assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn times_are_within_their_bounds_and_victims_of_a_pair_die_in_either_order() {
        let kills = plan(3, 700);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
        for kill in &kills {
            assert!((AFTER_MS.0..=AFTER_MS.1).contains(&millis(kill.after)));
            assert!((DOWN_MS.0..=DOWN_MS.1).contains(&millis(kill.down)));
        }
        let first = |victim| kills.iter().filter(|kill| kill.victims.len() == 2 && kill.victims[0] == victim).count();
        let all = [Victim::Server, Victim::Redis, Victim::MariaDb];
        assert!(all.into_iter().all(|victim| first(victim) > 50));
    }
}
