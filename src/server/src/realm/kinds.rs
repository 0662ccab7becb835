//! What a client holds of all that it is to be told: thousands of states, and few kinds of them.
//!
//! What was told together has mostly arrived together, so hardly ever does one entity build on other ages than the one before
//! it. Each kind is found once, and counted as it is found.

use protocol::snapshot::BaselineAges;

/// Ages that differences build on.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub ages: BaselineAges,
    /// [`BaselineAges::number`].
    pub number: u16,
}

/// Which kind it is; some number for all that nothing is held of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(u16);

/// The kinds of one viewer's tick.
#[derive(Debug)]
pub struct Kinds {
    /// In the order in which they were found, and of how many entities.
    all: Vec<(Held, usize)>,
    /// The acknowledged ages asked for last, and what they came to.
    last: (u64, Kind),
}

const NOTHING: Kind = Kind(u16::MAX);

impl Default for Kinds {
    fn default() -> Self {
        Self { all: Vec::new(), last: (0, NOTHING) }
    }
}

impl Kinds {
    /// None yet.
    pub fn clear(&mut self) {
        self.all.clear();
        self.last = (0, NOTHING);
    }

    /// Counts an entity of which states of these ages are acknowledged (bit k: k ticks ago).
    #[inline]
    pub fn note(&mut self, acked: u64) -> Kind {
        if acked != self.last.0 {
            self.last = (acked, self.find(acked));
        }
        let kind = self.last.1;
        if let Some((_, count)) = self.all.get_mut(usize::from(kind.0)) {
            *count += 1;
        }
        kind
    }

    /// What those of a kind build on; none if there is nothing to build on.
    #[inline]
    pub fn get(&self, kind: Kind) -> Option<Held> {
        self.all.get(usize::from(kind.0)).map(|(held, _)| *held)
    }

    /// The two that most build on, of equals the first.
    pub fn usual(&self) -> Option<[BaselineAges; 2]> {
        let most = |but: Option<u16>| {
            let others = self.all.iter().filter(|(held, _)| Some(held.number) != but);
            others.rev().max_by_key(|(_, count)| *count).map(|(held, _)| *held)
        };
        let first = most(None)?;
        let second = most(Some(first.number)).unwrap_or(first);
        Some([first.ages, second.ages])
    }

    fn find(&mut self, acked: u64) -> Kind {
        let Some(ages) = BaselineAges::choose(acked) else { return NOTHING };
        let number = ages.number();
        let at = self.all.iter().position(|(held, _)| held.number == number).unwrap_or_else(|| {
            self.all.push((Held { ages, number }, 0));
            self.all.len() - 1
        });
        Kind(at as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_that_most_build_on_are_usual_and_of_equals_the_first() {
        let mut kinds = Kinds::default();
        assert_eq!((kinds.usual(), kinds.get(kinds.last.1).is_none()), (None, true));
        let ages = |acked| BaselineAges::choose(acked).unwrap();
        let [six, seven, nine] = [1 << 6, 1 << 7, 1 << 9];
        let of: Vec<Kind> = [seven, six, 0, six, nine, 0, nine].map(|acked| kinds.note(acked)).to_vec();
        assert_eq!((of[1], of[4], of[2]), (of[3], of[6], of[5]));
        assert_eq!(kinds.get(of[0]).map(|held| (held.ages, held.number)), Some((ages(seven), ages(seven).number())));
        assert!(kinds.get(of[2]).is_none(), "nothing is held");
        assert_eq!(kinds.usual(), Some([ages(six), ages(nine)]));
        kinds.note(seven);
        assert_eq!(kinds.usual(), Some([ages(seven), ages(six)]));
        kinds.clear();
        assert_eq!(kinds.usual(), None);
        let alone = kinds.note(nine);
        assert_eq!(kinds.usual(), Some([ages(nine); 2]));
        assert_eq!(kinds.note(nine), alone);
    }

    #[test]
    fn masks_that_come_to_the_same_baseline_are_one_kind() {
        let mut kinds = Kinds::default();
        let with_older = kinds.note(0b101_0101 << 6 | 1 << 40);
        assert_eq!((kinds.note(0b101_0101 << 6), kinds.note(0)), (with_older, NOTHING));
        assert_eq!(kinds.all.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2]);
    }
}
