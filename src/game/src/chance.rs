//! What is left to chance, as a function: the same seed, tick and question give the same answer, in whatever order they are
//! asked. No generator is carried along, so nothing of it has to be saved.

use protocol::{NetId, Tick};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a draw decides. Each question has its own, or two answers would go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Question {
    /// How hard a blow is.
    Spread,
    /// Whether it is critical.
    Critical,
    /// Whether it is blocked.
    Block,
    /// What a mob leaves.
    Loot,
    /// Where a mob appears.
    Spawn,
    /// Where it goes when nothing happens.
    Stroll,
    /// Where in a graveyard somebody comes back.
    Return,
}

/// The draws of one tick.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    seed: u64,
    now: Tick,
}

impl Dice {
    pub(crate) const fn new(seed: u64, now: Tick) -> Self {
        Self { seed, now }
    }

    /// 64 bits about `who`; `nth` tells several draws of one question in one tick apart.
    pub(crate) fn draw(self, question: Question, who: NetId, nth: u32) -> u64 {
        let mut bytes = [0; 11];
        bytes[..4].copy_from_slice(&self.now.0.to_le_bytes());
        bytes[4..6].copy_from_slice(&who.0.to_le_bytes());
        bytes[6] = question as u8;
        bytes[7..].copy_from_slice(&nth.to_le_bytes());
        xxh3_64_with_seed(&bytes, self.seed)
    }

    /// A number in `0..below`, each as likely as the others to within 2^-32; 0 if `below` is 0.
    pub(crate) fn below(self, question: Question, who: NetId, nth: u32, below: u32) -> u32 {
        ((u64::from(self.draw(question, who, nth) as u32) * u64::from(below)) >> 32) as u32
    }

    /// True so many times in a thousand.
    pub(crate) fn per_mille(self, question: Question, who: NetId, nth: u32, share: i32) -> bool {
        (self.below(question, who, nth, 1_000) as i32) < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer_and_another_has_another() {
        let dice = Dice::new(7, Tick(100));
        let draw = |dice: Dice, question, who, nth| dice.draw(question, NetId(who), nth);
        let first = draw(dice, Question::Loot, 3, 0);
        assert_eq!(first, draw(Dice::new(7, Tick(100)), Question::Loot, 3, 0));
        let others = [
            draw(Dice::new(8, Tick(100)), Question::Loot, 3, 0),
            draw(Dice::new(7, Tick(101)), Question::Loot, 3, 0),
            draw(dice, Question::Spawn, 3, 0),
            draw(dice, Question::Loot, 4, 0),
            draw(dice, Question::Loot, 3, 1),
        ];
        assert!(others.iter().all(|other| *other != first));
    }

    #[test]
    fn a_share_comes_true_as_often_as_it_says() {
        let times = |share| {
            (0..20_000).filter(|&tick| Dice::new(1, Tick(tick)).per_mille(Question::Block, NetId(1), 0, share)).count()
        };
        assert_eq!((times(0), times(1_000)), (0, 20_000));
        let quarter = times(250);
        assert!((4_750..5_250).contains(&quarter), "{quarter}");
    }
}
