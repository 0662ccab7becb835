//! People come and go: who leaves, crashes, falls silent or moves, when, and for how long, all drawn from a seed.
//!
//! An event befalls one bot at a time, and the same bot again only when it has long got over the one before. None begins
//! that would not be over well before the end of the run.

use crate::dice::Dice;
use crate::trouble::Blow;
use anyhow::Result;
use rudp::time::NS_PER_S;

/// More events a minute than this are a storm.
const PER_MIN_MAX: f32 = 6_000.0;
/// Between the end of one event and the next that befalls the same bot.
const REST_NS: u64 = 10 * NS_PER_S;
/// All is over so long before the run is, so that everybody can be seen to be back.
const BEFORE_END_NS: u64 = 15 * NS_PER_S;
/// The shortest and the longest absence after a goodbye, s...
const LEAVE_S: (f32, f32) = (1.0, 30.0);
/// ...of a client that crashed, which is back before the server misses it or well after...
const CRASH_S: (f32, f32) = (0.5, 30.0);
/// ...and of one that is silent, which the server holds after 10 s.
const SILENCE_S: (f32, f32) = (12.0, 60.0);

/// How people come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Going {
    /// With a goodbye; comes back as one who logs in.
    Leave,
    /// Without a word; a new client takes the old one's place while its session still stands.
    Crash,
    /// Nothing passes; then the same session goes on.
    Silence,
    /// It goes on from another address.
    Move,
}

/// How often people come and go, all bots together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Churn {
    /// Departures a minute.
    pub per_min: f32,
    /// Of which so many parts are of each kind.
    pub leave: f32,
    /// As `leave`.
    pub crash: f32,
    /// As `leave`.
    pub resume: f32,
}

impl Churn {
    /// `60/min`, or `60/min:leave@2,crash,resume`: what is not named does not come.
    ///
    /// # Errors
    /// A sentence for the command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (rate, kinds) = text.split_once(':').unwrap_or((text, "leave,crash,resume"));
        let mut churn = Self { per_min: per_min(rate)?, ..Self::default() };
        for kind in kinds.split(',') {
            let (name, weight) = kind.split_once('@').unwrap_or((kind, "1"));
            let part = match name {
                "leave" => &mut churn.leave,
                "crash" => &mut churn.crash,
                "resume" => &mut churn.resume,
                _ => return Err(format!("`{name}` is none of leave, crash and resume")),
            };
            let weight = weight.parse().ok().filter(|weight: &f32| weight.is_finite() && *weight > 0.0);
            *part = weight.ok_or_else(|| format!("`{kind}`: a weight is above 0, as in {name}@2"))?;
        }
        Ok(churn)
    }

    fn draw(self, dice: &mut Dice) -> Going {
        let at = dice.unit() * (self.leave + self.crash + self.resume);
        match at {
            _ if at < self.leave => Going::Leave,
            _ if at < self.leave + self.crash => Going::Crash,
            _ => Going::Silence,
        }
    }
}

/// `30/min`.
///
/// # Errors
/// A sentence for the command line.
pub fn per_min(text: &str) -> Result<f32, String> {
    let number = text.strip_suffix("/min").ok_or_else(|| format!("`{text}`: expected N/min, as in 30/min"))?;
    let rate = number.parse().ok().filter(|rate: &f32| *rate > 0.0 && *rate <= PER_MIN_MAX);
    rate.ok_or_else(|| format!("`{number}` is no number of times a minute above 0, up to {PER_MIN_MAX}"))
}

/// All that befalls `bots` bots in a window, with the time and the bot, in no order.
pub fn plan(
    churn: Option<Churn>,
    moves_per_min: f32,
    bots: usize,
    seed: u64,
    from_ns: u64,
    duration_ns: u64,
) -> Vec<(u64, usize, Blow)> {
    let end_ns = (from_ns + duration_ns).saturating_sub(BEFORE_END_NS);
    let churn = churn.unwrap_or_default();
    let all_per_min = churn.per_min + moves_per_min;
    let (mut dice, mut at_ns, mut moves) = (Dice::new(seed ^ 0xc4c4, 0), from_ns, 0);
    let mut free_ns = vec![from_ns; bots];
    let mut blows = Vec::new();
    if all_per_min <= 0.0 {
        return blows;
    }
    loop {
        at_ns += (f64::from(dice.exponential(60.0 / all_per_min)) * 1e9) as u64;
        if at_ns >= end_ns {
            return blows;
        }
        let is_move = dice.unit() * all_per_min < moves_per_min;
        let going = if is_move { Going::Move } else { churn.draw(&mut dice) };
        let left_s = (end_ns - at_ns) as f32 / 1e9;
        let (share, bot) = (dice.unit(), dice.below(bots));
        // A bot that has enough to do is left alone: where many are asked of few, fewer come.
        let Some(away_ns) = away_ns(going, share, left_s).filter(|_| free_ns[bot] <= at_ns) else { continue };
        free_ns[bot] = at_ns + away_ns + REST_NS;
        let (begin, end) = match going {
            Going::Leave => (Blow::Leave, Some(Blow::Return)),
            Going::Crash => (Blow::Crash, Some(Blow::Return)),
            Going::Silence => (Blow::Silence, Some(Blow::Mend)),
            Going::Move => (Blow::Rebind { number: moves }, None),
        };
        moves += usize::from(is_move);
        blows.push((at_ns, bot, begin));
        blows.extend(end.map(|end| (at_ns + away_ns, bot, end)));
    }
}

/// How long it lasts, if there is time enough left.
fn away_ns(going: Going, share: f32, left_s: f32) -> Option<u64> {
    let (least_s, most_s) = match going {
        Going::Leave => LEAVE_S,
        Going::Crash => CRASH_S,
        Going::Silence => SILENCE_S,
        Going::Move => return Some(0),
    };
    let most_s = most_s.min(left_s);
    let away_s = least_s + (most_s - least_s) * share;
    (least_s <= most_s).then_some((away_s * 1e9) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60 * NS_PER_S;

    fn planned(text: &str, moves_per_min: f32, seed: u64) -> Vec<(u64, usize, Blow)> {
        let mut blows = plan(Some(Churn::parse(text).unwrap()), moves_per_min, 1_000, seed, MINUTE, 60 * MINUTE);
        blows.sort_by_key(|(at_ns, bot, _)| (*at_ns, *bot));
        blows
    }

    fn count(blows: &[(u64, usize, Blow)], is_meant: fn(&Blow) -> bool) -> f64 {
        blows.iter().filter(|(.., blow)| is_meant(blow)).count() as f64
    }

    #[test]
    fn kinds_come_as_often_as_they_are_asked_for() {
        let blows = planned("90/min:leave@3,crash@2,resume", 30.0, 1);
        let within = |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 0.12, "{found} for {wanted}");
        within(count(&blows, |blow| *blow == Blow::Leave), 45.0 * 59.75);
        within(count(&blows, |blow| *blow == Blow::Crash), 30.0 * 59.75);
        within(count(&blows, |blow| *blow == Blow::Silence), 15.0 * 59.75);
        within(count(&blows, |blow| matches!(blow, Blow::Rebind { .. })), 30.0 * 59.75);
        let alone = planned("90/min:crash", 0.0, 1);
        assert_eq!(count(&alone, |blow| matches!(blow, Blow::Leave | Blow::Silence)), 0.0);
    }

    #[test]
    fn a_seed_gives_one_plan() {
        assert_eq!(planned("60/min", 10.0, 3), planned("60/min", 10.0, 3));
        assert_ne!(planned("60/min", 10.0, 3), planned("60/min", 10.0, 4));
    }

    #[test]
    fn nobody_is_befallen_twice_at_once_and_all_is_over_before_the_end() {
        let blows = planned("3000/min", 600.0, 5);
        let mut away = vec![None; 1_000];
        for (at_ns, bot, blow) in &blows {
            assert!((MINUTE..=61 * MINUTE - BEFORE_END_NS).contains(at_ns));
            match blow {
                Blow::Return | Blow::Mend => assert!(away[*bot].take().is_some(), "{blow:?} of nobody"),
                Blow::Rebind { .. } => assert!(away[*bot].is_none()),
                _ => assert!(away[*bot].replace(*at_ns).is_none(), "{blow:?} of one who is away"),
            }
        }
        assert!(away.iter().all(Option::is_none), "everybody is back");
    }

    #[test]
    fn what_is_no_churn_is_refused_with_a_sentence() {
        let told = |text: &str| Churn::parse(text).unwrap_err();
        assert_eq!(told("60"), "`60`: expected N/min, as in 30/min");
        assert_eq!(told("0/min"), "`0` is no number of times a minute above 0, up to 6000");
        assert_eq!(told("60/min:sleep"), "`sleep` is none of leave, crash and resume");
        assert_eq!(told("60/min:crash@0"), "`crash@0`: a weight is above 0, as in crash@2");
        assert!(Churn::parse("NaN/min").is_err() && Churn::parse("60/min:").is_err());
        assert_eq!(Churn::parse("60/min"), Churn::parse("60/min:leave,crash,resume"));
    }
}
