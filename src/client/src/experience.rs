//! How the game goes for this client, added up for the server once a second. spec: MSG-5

use crate::screen::ScreenStats;
use protocol::message::Experience;
use rudp::time::NS_PER_MS;

/// Inputs from one report to the next: a second. Half a second apart from the claims, which are as many.
const REPORT_INPUTS: u16 = 60;
const REPORT_AT: u16 = 30;
/// Who draws nothing has starved in a tick whose newest snapshot came in longer ago than this: two of the lowest rate would
/// still be in time.
const STARVED_NS: u64 = 100 * NS_PER_MS;

/// The second under way.
#[derive(Debug, Default)]
pub struct Ledger {
    /// When the newest snapshot came in; none before the first.
    snapshot_ns: Option<u64>,
    age_ns_max: u64,
    ticks_starved: u64,
    /// What had been counted on the screen when the second began.
    frames_lacking: u64,
    corrections: u64,
}

impl Ledger {
    /// A snapshot that is newer than all before came in.
    pub fn on_snapshot(&mut self, now_ns: u64) {
        self.snapshot_ns = Some(now_ns);
    }

    /// A tick of the client, with the number of its input. Gives what is to be reported, if it is time.
    pub fn on_input(
        &mut self,
        now_ns: u64,
        number: u16,
        screen: Option<&ScreenStats>,
        rtt_ns: u64,
    ) -> Option<Experience> {
        let age_ns = now_ns.saturating_sub(self.snapshot_ns?);
        self.age_ns_max = self.age_ns_max.max(age_ns);
        self.ticks_starved += u64::from(age_ns > STARVED_NS);
        (number % REPORT_INPUTS == REPORT_AT).then(|| self.close(screen, rtt_ns))
    }

    fn close(&mut self, screen: Option<&ScreenStats>, rtt_ns: u64) -> Experience {
        let shown = screen.copied().unwrap_or_default();
        let starved = match screen {
            Some(shown) => shown.frames_lacking.saturating_sub(self.frames_lacking),
            None => self.ticks_starved,
        };
        let experience = Experience {
            age_ms: milliseconds(self.age_ns_max),
            starved: bounded(starved),
            corrections: bounded(shown.corrections.saturating_sub(self.corrections)),
            rtt_ms: milliseconds(rtt_ns),
        };
        *self = Self {
            snapshot_ns: self.snapshot_ns,
            frames_lacking: shown.frames_lacking,
            corrections: shown.corrections,
            ..Self::default()
        };
        experience.clamped()
    }
}

fn milliseconds(ns: u64) -> u16 {
    bounded(ns / NS_PER_MS)
}

fn bounded(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::unit::TICK_NS;

    /// A client's ticks from `first` on; snapshots come as `comes` says. What was reported, with the numbers.
    fn played(ledger: &mut Ledger, ticks: std::ops::Range<u64>, comes: impl Fn(u64) -> bool) -> Vec<(u64, Experience)> {
        let mut reports = Vec::new();
        for tick in ticks {
            if comes(tick) {
                ledger.on_snapshot(tick * TICK_NS);
            }
            let report = ledger.on_input(tick * TICK_NS + 2 * NS_PER_MS, tick as u16, None, 40 * NS_PER_MS);
            reports.extend(report.map(|report| (tick, report)));
        }
        reports
    }

    /// proves: MSG-5
    #[test]
    fn once_a_second_the_worst_age_of_it_is_told() {
        let mut ledger = Ledger::default();
        let reports = played(&mut ledger, 1..200, |tick| !(60..64).contains(&tick));
        let fine = Experience { age_ms: 2, starved: 0, corrections: 0, rtt_ms: 40 };
        assert_eq!(reports, [(30, fine), (90, Experience { age_ms: 68, ..fine }), (150, fine)]);
    }

    /// proves: MSG-5
    #[test]
    fn who_draws_nothing_starves_in_ticks_whose_newest_snapshot_is_old() {
        let mut ledger = Ledger::default();
        let [(_, first), (_, second)] = played(&mut ledger, 1..100, |tick| !(31..=50).contains(&tick))[..] else {
            panic!("two reports")
        };
        // 2 ms after tick 36 the snapshot of tick 30 is 102 ms old.
        assert_eq!((first.starved, second.starved), (0, 15));
        assert_eq!(played(&mut Ledger::default(), 0..500, |_| false), [], "nothing is told of before the first");
    }

    /// proves: MSG-5
    #[test]
    fn what_was_drawn_and_corrected_is_told_as_the_difference_to_the_last_report() {
        let mut ledger = Ledger::default();
        ledger.on_snapshot(0);
        let mut told = |number, frames_lacking, corrections| {
            let shown = ScreenStats { frames_lacking, corrections, ..ScreenStats::default() };
            ledger.on_input(0, number, Some(&shown), u64::MAX).map(|report| (report.starved, report.corrections))
        };
        assert_eq!([told(30, 5, 2), told(31, 7, 9), told(90, 7, 3)], [Some((5, 2)), None, Some((2, 1))]);
        assert_eq!(told(150, 100_000, 100_000), Some((1_000, 120)), "never beyond the greatest");
    }
}
