//! Counts up over a reliable ordered channel and expects the same numbers back, each once, in order.

use std::collections::VecDeque;

/// An answer older than this will not come any more, in nanoseconds: 3 s, far above any resend.
pub const ANSWER_NS_MAX: u64 = 3_000_000_000;

/// What came back that should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disorder {
    /// Numbers were skipped: these many answers are missing.
    Gap(u32),
    /// A number came again, or one that was never asked.
    Repeat(u32),
}

impl Disorder {
    /// What bot number `bot` got instead of the next answer, when that to `what` number `number` came.
    pub fn told(self, bot: usize, what: &str, number: u32) -> String {
        match self {
            Self::Gap(answers) => format!("bot {bot} missed {answers} answers before {what} {number}"),
            Self::Repeat(number) => format!("bot {bot} got an answer to {what} {number} that was not due"),
        }
    }
}

/// One session's questions and answers.
#[derive(Clone, Debug, Default)]
pub struct Echo {
    next: u32,
    /// When each unanswered question was asked; the front has the number `next - asked_ns.len()`.
    asked_ns: VecDeque<u64>,
}

impl Echo {
    /// The number to ask for next; call [`Echo::on_asked`] once it was accepted for sending.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// The number [`Echo::next`] is on its way.
    pub fn on_asked(&mut self, now_ns: u64) {
        self.next += 1;
        self.asked_ns.push_back(now_ns);
    }

    /// An answer arrived.
    ///
    /// # Errors
    /// [`Disorder`] says how it breaks the promise of the channel.
    pub fn on_answer(&mut self, number: u32) -> Result<(), Disorder> {
        let expected = self.next - self.asked_ns.len() as u32;
        if number < expected || number >= self.next {
            return Err(Disorder::Repeat(number));
        }
        let skipped = number - expected;
        self.asked_ns.drain(..=skipped as usize);
        if skipped == 0 { Ok(()) } else { Err(Disorder::Gap(skipped)) }
    }

    /// Questions whose answer must be taken for lost.
    pub fn overdue(&self, now_ns: u64) -> usize {
        self.asked_ns.iter().take_while(|asked| now_ns.saturating_sub(**asked) > ANSWER_NS_MAX).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(questions: u64) -> Echo {
        let mut echo = Echo::default();
        for question in 0..questions {
            echo.on_asked(question * 1_000_000_000);
        }
        echo
    }

    #[test]
    fn answers_in_order_are_fine() {
        let mut echo = asked(3);
        assert_eq!([echo.on_answer(0), echo.on_answer(1), echo.on_answer(2)], [Ok(()); 3]);
        assert_eq!(echo.overdue(u64::MAX), 0);
    }

    #[test]
    fn a_doubled_answer_is_a_repeat() {
        let mut echo = asked(2);
        assert_eq!(echo.on_answer(0), Ok(()));
        assert_eq!(echo.on_answer(0), Err(Disorder::Repeat(0)));
        assert_eq!(echo.on_answer(1), Ok(()));
    }

    #[test]
    fn a_skipped_answer_is_a_gap_and_counted_once() {
        let mut echo = asked(3);
        assert_eq!(echo.on_answer(1), Err(Disorder::Gap(1)));
        assert_eq!(echo.on_answer(2), Ok(()));
    }

    #[test]
    fn an_answer_nobody_asked_for_is_a_repeat() {
        assert_eq!(asked(1).on_answer(1), Err(Disorder::Repeat(1)));
    }

    #[test]
    fn an_answer_that_never_comes_is_overdue_after_three_seconds() {
        let echo = asked(2);
        assert_eq!(echo.overdue(3_000_000_000), 0);
        assert_eq!(echo.overdue(3_000_000_001), 1);
    }
}
