//! A failure made smaller: fewer kinds of fault, then fewer people, then fewer ticks, as long as the same check breaks.

use crate::check::Check;
use crate::fault::KindSet;
use crate::plan::{CALM_TICKS, Options, Plan};
use crate::simulation::{Failure, Tally, run};

/// The smallest that was found.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// How it fails.
    pub failure: Failure,
    /// Simulations that it took.
    pub runs: u32,
}

/// Makes a failure smaller; none if these options do not fail. `tell` hears of every step that worked.
pub fn shrink(options: &Options, tell: impl FnMut(&Failure)) -> Option<Shrunk> {
    shrink_by(run, options, tell)
}

fn shrink_by(run: Run, options: &Options, tell: impl FnMut(&Failure)) -> Option<Shrunk> {
    let failure = *run(options).err()?;
    let mut shrinker = Shrinker { run, check: failure.broken.check, failure, runs: 1, tell };
    // Written out, so that leaving out people or ticks leaves the rest as it was.
    let Plan { people, ticks, .. } = Plan::of(options);
    shrinker.failure.options.players = Some(people.len() as u32);
    shrinker.failure.options.ticks = Some(ticks);
    shrinker.leave_out_faults();
    shrinker.leave_out_people();
    shrinker.leave_out_ticks();
    let Shrinker { failure, runs, .. } = shrinker;
    Some(Shrunk { failure, runs })
}

/// Simulates what is asked for.
type Run = fn(&Options) -> Result<Tally, Box<Failure>>;

struct Shrinker<F> {
    run: Run,
    check: Check,
    failure: Failure,
    runs: u32,
    tell: F,
}

impl<F: FnMut(&Failure)> Shrinker<F> {
    /// Whether the same breaks with these, too; then they are what there is from now on.
    fn fails(&mut self, options: Options) -> bool {
        self.runs += 1;
        match (self.run)(&options) {
            Err(failure) if failure.broken.check == self.check => {
                (self.tell)(&failure);
                self.failure = *failure;
                true
            }
            _ => false,
        }
    }

    /// Halves first, then one by one.
    fn leave_out_faults(&mut self) {
        if self.fails(Options { faults: KindSet::NONE, ..self.failure.options }) {
            return;
        }
        let mut size = self.failure.options.faults.len() / 2;
        while size > 0 {
            let kinds: Vec<_> = self.failure.options.faults.iter().collect();
            for chunk in kinds.chunks(size) {
                let fewer = chunk.iter().fold(self.failure.options.faults, |set, kind| set.without(*kind));
                self.fails(Options { faults: fewer, ..self.failure.options });
            }
            size /= 2;
        }
    }

    fn leave_out_people(&mut self) {
        let mut step = self.failure.options.players.unwrap_or(0) / 2;
        while step > 0 {
            let players = self.failure.options.players.unwrap_or(0);
            let fewer = Some(players.saturating_sub(step)).filter(|&fewer| fewer > 0 && fewer < players);
            if !fewer.is_some_and(|fewer| self.fails(Options { players: Some(fewer), ..self.failure.options })) {
                step /= 2;
            }
        }
    }

    /// What breaks while things go wrong needs no calm behind it; what breaks in the calm needs all of it.
    fn leave_out_ticks(&mut self) {
        let (ticks, now) = (self.failure.tick + 1 + CALM_TICKS, self.failure.options.ticks.unwrap_or(0));
        if ticks < now && self.fails(Options { ticks: Some(ticks), ..self.failure.options }) {
            return;
        }
        let mut step = self.failure.options.ticks.unwrap_or(0) / 2;
        while step >= 60 {
            let fewer = self.failure.options.ticks.unwrap_or(0).saturating_sub(step);
            if fewer == 0 || !self.fails(Options { ticks: Some(fewer), ..self.failure.options }) {
                step /= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Broken;
    use crate::fault::Kind;
    use crate::plan::TICKS_DEFAULT;

    fn broken(options: &Options, check: Check, tick: u32) -> Result<Tally, Box<Failure>> {
        Err(Box::new(Failure { options: *options, tick, broken: Broken::new(check, String::new()) }))
    }

    /// Needs loss, three people and 3,000 ticks; with fewer ticks something else breaks.
    fn breaks_early(options: &Options) -> Result<Tally, Box<Failure>> {
        let (players, ticks) = (options.players.unwrap_or(20), options.ticks.unwrap_or(TICKS_DEFAULT));
        match (options.faults.has(Kind::Loss) && players >= 3, ticks >= 3_000) {
            (true, true) => broken(options, Check::Order, 200),
            (true, false) => broken(options, Check::Drain, 100),
            _ => Ok(Tally::default()),
        }
    }

    fn breaks_at_its_end(options: &Options) -> Result<Tally, Box<Failure>> {
        broken(options, Check::Order, options.ticks.unwrap_or(TICKS_DEFAULT))
    }

    #[test]
    fn what_the_same_failure_needs_is_left() {
        let mut told = 0;
        let Shrunk { failure, runs } = shrink_by(breaks_early, &Options::of_seed(7), |_| told += 1).unwrap();
        let Options { players, ticks, faults, .. } = failure.options;
        assert_eq!((players, faults, failure.broken.check), (Some(3), KindSet::NONE.with(Kind::Loss), Check::Order));
        assert!(ticks.is_some_and(|ticks| (3_000..3_060).contains(&ticks)), "{ticks:?}");
        assert!(told > 3 && told < runs, "{told} of {runs}");
    }

    #[test]
    fn what_breaks_in_the_calm_gets_no_longer() {
        let Shrunk { failure, .. } = shrink_by(breaks_at_its_end, &Options::of_seed(7), |_| {}).unwrap();
        let Options { players, ticks, faults, .. } = failure.options;
        assert_eq!((players, faults), (Some(1), KindSet::NONE));
        assert!(ticks.is_some_and(|ticks| ticks <= TICKS_DEFAULT / 2), "{ticks:?}");
    }

    #[test]
    fn what_holds_is_not_made_smaller() {
        assert!(shrink_by(|_| Ok(Tally::default()), &Options::of_seed(7), |_| {}).is_none());
    }
}
