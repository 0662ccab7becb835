//! Which code a number is written in: a few questions about what is known, each of which leads to the next.
//!
//! spec: SNP-21. A tree asks whether one piece of evidence is above a threshold. It has a root of its own for each class of
//! age, for age is what matters most, and ends in the number of a code.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::predict::{AGE_CLASSES, EVIDENCE_NAMES, Evidence};

/// Most questions on the way to a code.
pub const QUESTIONS_MAX: u32 = 8;
/// Two questions are answered at once, and as many steps always taken, at an end on the spot: to wait for one answer after
/// the other, and to foresee wrongly where the way ends, is most of what a tree costs.
const STEPS: u32 = QUESTIONS_MAX / 2;
/// Nothing is above it.
const NEVER: i16 = i16::MAX;

/// A question, the one after "no" and the one after "yes"; or an end.
#[derive(Clone, Copy, Debug, Default)]
struct Fork {
    /// What they compare.
    evidence: [u8; 3],
    /// The number of the code, of an end.
    code: u8,
    thresholds: [i16; 3],
    /// The first of four places, in the order of the answers; of an end the end itself.
    next: u16,
}

/// Questions about one number.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    forks: Vec<Fork>,
    /// By class of age.
    roots: [u16; AGE_CLASSES],
    /// Bit k: the root of class k was read.
    read: u16,
}

/// A part of a tree as it is written.
enum Part {
    End(u8),
    Question(u8, i16, Box<[Self; 2]>),
}

impl Tree {
    /// The number of the code for what is known.
    #[inline]
    pub(super) fn choose(&self, age_class: u8, evidence: &Evidence) -> usize {
        let [code] = choose_all([self], age_class, evidence);
        code
    }

    /// Whether every class of age has its part.
    pub(super) fn is_whole(&self) -> bool {
        self.read == (1 << AGE_CLASSES) - 1
    }

    /// Reads the part of an age class: `NAME>THRESHOLD` is a question, followed by the part for "no" and then that for
    /// "yes"; a number is the end. Every code is below `codes`, and only the first `known` pieces of evidence are there to
    /// be asked about. None if it is anything else.
    pub(super) fn take<'a>(
        &mut self,
        age_class: usize,
        words: &mut impl Iterator<Item = &'a str>,
        codes: usize,
        known: usize,
    ) -> Option<()> {
        let part = Part::take(words, codes, EVIDENCE_NAMES.get(..known)?, QUESTIONS_MAX)?;
        let root = self.room_for(1)?;
        *self.roots.get_mut(age_class)? = root;
        let before = self.read;
        self.read |= 1 << age_class;
        (self.read != before).then_some(())?;
        self.lay(root, &part)
    }

    fn lay(&mut self, at: u16, part: &Part) -> Option<()> {
        let Part::Question(first, threshold, after) = part else {
            let code = part.code();
            *self.forks.get_mut(usize::from(at))? = Fork { code, thresholds: [NEVER; 3], next: at, ..Fork::default() };
            return Some(());
        };
        let next = self.room_for(4)?;
        let mut fork = Fork { evidence: [*first; 3], code: 0, thresholds: [*threshold; 3], next };
        let behind = fork.evidence.iter_mut().zip(&mut fork.thresholds).skip(1);
        for (((evidence, threshold), part), next) in behind.zip(after.iter()).zip([next, next + 2]) {
            if let Part::Question(asked, limit, after) = part {
                (*evidence, *threshold) = (*asked, *limit);
                let [no, yes] = &**after;
                self.lay(next, no)?;
                self.lay(next + 1, yes)?;
            } else {
                *threshold = NEVER;
                self.lay(next, part)?;
            }
        }
        *self.forks.get_mut(usize::from(at))? = fork;
        Some(())
    }

    /// Room for more forks; where they begin.
    fn room_for(&mut self, forks: usize) -> Option<u16> {
        let at = self.forks.len();
        self.forks.resize(at + forks, Fork::default());
        u16::try_from(at + forks).ok()?;
        Some(at as u16)
    }
}

/// The numbers of the codes in several trees, which are walked side by side.
#[inline]
pub(super) fn choose_all<const N: usize>(trees: [&Tree; N], age_class: u8, evidence: &Evidence) -> [usize; N] {
    let mut places = trees.map(|tree| tree.roots.get(usize::from(age_class)).copied().unwrap_or(0));
    for _ in 0..STEPS {
        for (at, tree) in places.iter_mut().zip(trees) {
            let Some(fork) = tree.forks.get(usize::from(*at)) else { continue };
            let ([first, no, yes], [of_first, of_no, of_yes]) = (fork.evidence, fork.thresholds);
            let answer = evidence.get(first) > of_first;
            let next = (answer & (evidence.get(yes) > of_yes)) | (!answer & (evidence.get(no) > of_no));
            *at = fork.next + 2 * u16::from(answer) + u16::from(next);
        }
    }
    let mut codes = [0; N];
    for ((code, at), tree) in codes.iter_mut().zip(places).zip(trees) {
        *code = tree.forks.get(usize::from(at)).map_or(0, |fork| usize::from(fork.code));
    }
    codes
}

impl Part {
    fn take<'a>(
        words: &mut impl Iterator<Item = &'a str>,
        codes: usize,
        names: &[&str],
        questions_left: u32,
    ) -> Option<Self> {
        let word = words.next()?;
        let Some((name, threshold)) = word.split_once('>') else {
            return word.parse().ok().filter(|&code: &u8| usize::from(code) < codes).map(Self::End);
        };
        let evidence = names.iter().position(|&known| known == name)? as u8;
        let questions_left = questions_left.checked_sub(1)?;
        let threshold = threshold.parse().ok().filter(|&threshold| threshold < NEVER)?;
        let no = Self::take(words, codes, names, questions_left)?;
        let yes = Self::take(words, codes, names, questions_left)?;
        Some(Self::Question(evidence, threshold, Box::new([no, yes])))
    }

    /// Of an end.
    const fn code(&self) -> u8 {
        match self {
            Self::End(code) => *code,
            Self::Question(..) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::{Baseline, BaselineAges};
    use super::super::predict::{EVIDENCE, Outlook};
    use super::*;
    use crate::EntityState;

    /// A tree that is the same for all classes of age.
    fn tree(text: &str) -> Option<Tree> {
        let mut tree = Tree::default();
        for class in 0..AGE_CLASSES {
            let mut words = text.split_ascii_whitespace();
            tree.take(class, &mut words, 10, EVIDENCE)?;
            words.next().is_none().then_some(())?;
        }
        Some(tree)
    }

    /// Evidence of something that goes up at this speed, whose difference along the way is this.
    fn evidence(climb: i16, along: i32) -> Evidence {
        let states = [0, -climb].map(|z| EntityState { z, ..EntityState::default() });
        let mut states = states.iter().copied();
        let baseline = Baseline::gather(BaselineAges::new(6, 1, 1).unwrap(), |_| states.next()).unwrap();
        let mut evidence = Outlook::of(&baseline).evidence();
        evidence.learn(1, along);
        evidence
    }

    /// proves: SNP-21
    #[test]
    fn questions_lead_to_the_code_whatever_their_depth() {
        let tree = tree("climb>7 along>-1 1 along>0 2 along>2 3 |along|>3 4 5 6").unwrap();
        let code = |climb, along| tree.choose(3, &evidence(climb, along));
        assert_eq!([-5, -1, 0, 1, 2, 3, 4].map(|along| code(0, along)), [1, 1, 2, 3, 3, 4, 5]);
        assert_eq!([code(0, 9), code(1, 0), code(9, 0)], [5, 6, 6], "climb is told in eighths");
        let [first, second] = choose_all([&tree, &tree], 3, &evidence(0, 4));
        assert_eq!((first, second), (5, 5));
    }

    /// proves: SNP-21
    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(tree("3").is_some());
        for text in ["", "10", "climb>1 2", "climb>1 2 3 4", "cloud>1 2 3", "climb>40000 1 2", "climb>32767 1 2", "-1"]
        {
            assert!(tree(text).is_none(), "{text}");
        }
        let comb = |depth: usize| "climb>1 0 ".repeat(depth) + "1";
        assert!(tree(&comb(8)).is_some() && tree(&comb(9)).is_none());
        let mut twice = tree("1").unwrap();
        assert!(twice.take(0, &mut ["1"].into_iter(), 10, EVIDENCE).is_none());
        let known_later = Tree::default().take(0, &mut ["yaw>1", "1", "2"].into_iter(), 10, 14);
        assert!(known_later.is_none(), "what is read later cannot be asked about");
    }
}
