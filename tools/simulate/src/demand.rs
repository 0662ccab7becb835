//! What a campaign must come to before it proves anything: enough time, enough people, and every kind of fault often enough.

use crate::fault::Kind;
use crate::simulation::Tally;
use protocol::unit::TICK_RATE_HZ;

/// Simulated hours at least: a thousand seeds of a minute and a half.
const HOURS_MIN: f64 = 25.0;
/// Hours that people have played at least, all together.
const PLAYER_HOURS_MIN: f64 = 500.0;
/// Each kind of fault at least so many times.
const FIRED_MIN: u64 = 100;

/// What is short of it, a sentence each; nothing if it is enough.
#[must_use]
pub fn shortfalls(tally: &Tally) -> Vec<String> {
    let hours = |ticks: u64| ticks as f64 / f64::from(TICK_RATE_HZ) / 3_600.0;
    let mut short = Vec::new();
    for (what, found, least) in [
        ("simulated hours", hours(tally.ticks), HOURS_MIN),
        ("player-hours", hours(tally.player_ticks), PLAYER_HOURS_MIN),
    ] {
        if found < least {
            short.push(format!("{found:.2} {what}, and {least} are wanted"));
        }
    }
    for &kind in Kind::ALL {
        let fired = tally.book.fired[kind as usize];
        if fired < FIRED_MIN {
            short.push(format!("{} came {fired} times, and {FIRED_MIN} are wanted", kind.label()));
        }
    }
    let missing = |(first, then): (Kind, Kind)| format!("{} never came after {}", then.label(), first.label());
    short.extend(tally.book.missing().map(missing));
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::KINDS;

    fn enough() -> Tally {
        let mut tally = Tally { ticks: 25 * 216_000, player_ticks: 500 * 216_000, ..Tally::default() };
        tally.book.fired = [FIRED_MIN; KINDS];
        tally.book.after = std::array::from_fn(|first| ((1 << KINDS) - 1) & !(1 << first));
        tally
    }

    #[test]
    fn what_is_enough_lacks_nothing() {
        assert_eq!(shortfalls(&enough()), [""; 0]);
    }

    #[test]
    fn whatever_is_short_is_said() {
        let mut tally = enough();
        tally.ticks -= 1;
        tally.player_ticks /= 2;
        tally.book.fired[Kind::Move as usize] = 99;
        tally.book.after[Kind::Loss as usize] &= !(1 << Kind::Move as u8);
        let short = shortfalls(&tally);
        assert_eq!(short.len(), 4, "{short:?}");
        assert!(short[1].contains("250.00 player-hours") && short[2].contains("move came 99 times"), "{short:?}");
        assert_eq!(short[3], "move never came after loss");
        assert!(shortfalls(&Tally::default()).len() > KINDS);
    }
}
