//! Recorded links, from the text of their files.

const NS_PER_MS: u64 = 1_000_000;

/// Bytes that one delivery opportunity carries: the full-size packets with which such links are recorded.
pub const OPPORTUNITY_BYTES: u64 = 1_500;

/// A recording of probes has one per 10 ms.
pub const PROBE_INTERVAL_NS: u64 = 10 * NS_PER_MS;

/// What is wrong with a recording. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// Neither a line nor a number in it.
    #[error("the recording is empty")]
    Empty,
    /// Not what the format asks for.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Malformed {
        /// Where.
        line: usize,
        /// What the format has there.
        expected: &'static str,
        /// The line, at most its first 32 characters.
        found: String,
    },
    /// Delivery times must not step back.
    #[error("line {line}: {ms} ms lies before the line above it")]
    StepsBack {
        /// Where.
        line: usize,
        /// The time that steps back.
        ms: u64,
    },
    /// A recording repeats after its last line, so that must not be at 0 ms.
    #[error("the recording ends at 0 ms and cannot be repeated")]
    NoLength,
    /// Delay and loss are of one recording and have a line for each probe.
    #[error("{delays} delays but {losses} losses: the two files are not of one recording")]
    Unequal {
        /// Lines of the one.
        delays: usize,
        /// Lines of the other.
        losses: usize,
    },
}

/// Delivery opportunities of a recorded link, in the format of mahimahi: per line one integer, the millisecond in which
/// one packet of 1,500 bytes could be delivered. At its end the recording begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryTrace {
    /// Ascending, one entry per opportunity.
    at_ms: Vec<u64>,
}

impl DeliveryTrace {
    /// Reads a recording.
    ///
    /// # Errors
    /// [`TraceError`] with the line at fault.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let at_ms = numbers(text, "a whole number of milliseconds")?;
        if let Some(back) = at_ms.windows(2).position(|pair| pair[1].1 < pair[0].1) {
            let (line, ms) = at_ms[back + 1];
            return Err(TraceError::StepsBack { line, ms });
        }
        match at_ms.last() {
            None => Err(TraceError::Empty),
            Some((_, 0)) => Err(TraceError::NoLength),
            Some(_) => Ok(Self { at_ms: at_ms.into_iter().map(|(_, ms)| ms).collect() }),
        }
    }

    /// After this long the recording begins anew, ns.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.length_ms() * NS_PER_MS
    }

    /// Opportunities in one pass of the recording.
    #[must_use]
    pub fn opportunities(&self) -> usize {
        self.at_ms.len()
    }

    /// Number of the first opportunity at or after `now_ns`; numbers go on through all repetitions.
    #[must_use]
    pub fn first_from(&self, now_ns: u64) -> u64 {
        let ms = now_ns.div_ceil(NS_PER_MS);
        // The last entry of a pass and time 0 of the next are one moment: what lies there may belong to either.
        let pass = ms.saturating_sub(1) / self.length_ms();
        let within = ms - pass * self.length_ms();
        pass * self.at_ms.len() as u64 + self.at_ms.partition_point(|at_ms| *at_ms < within) as u64
    }

    /// When opportunity `number` is, ns.
    #[must_use]
    pub fn at_ns(&self, number: u64) -> u64 {
        let per_pass = self.at_ms.len() as u64;
        let place = usize::try_from(number % per_pass).expect("below a length in memory");
        (number / per_pass * self.length_ms() + self.at_ms[place]) * NS_PER_MS
    }

    /// Bytes that the link can carry from `from_ns` to before `to_ns`.
    #[must_use]
    pub fn bytes_between(&self, from_ns: u64, to_ns: u64) -> u64 {
        self.first_from(to_ns).saturating_sub(self.first_from(from_ns)) * OPPORTUNITY_BYTES
    }

    fn length_ms(&self) -> u64 {
        self.at_ms[self.at_ms.len() - 1]
    }
}

/// What one probe of a path met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// One-way delay, ns.
    pub delay_ns: u64,
    /// It did not arrive.
    pub lost: bool,
}

/// Probes of a recorded path, one per 10 ms. At its end the recording begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTrace {
    probes: Vec<Probe>,
}

impl ProbeTrace {
    /// Reads a recording: per line the one-way delay in ns, and in a second text per line 1 for lost and 0 for arrived.
    /// Without that text nothing is lost.
    ///
    /// # Errors
    /// [`TraceError`] with the line at fault.
    pub fn parse(delays: &str, losses: Option<&str>) -> Result<Self, TraceError> {
        let delays = numbers(delays, "a whole number of nanoseconds")?;
        let losses = losses.map(|losses| numbers(losses, "0 or 1")).transpose()?;
        if delays.is_empty() {
            return Err(TraceError::Empty);
        }
        if let Some(losses) = &losses {
            if losses.len() != delays.len() {
                return Err(TraceError::Unequal { delays: delays.len(), losses: losses.len() });
            }
            if let Some((line, lost)) = losses.iter().find(|(_, lost)| *lost > 1) {
                return Err(TraceError::Malformed { line: *line, expected: "0 or 1", found: lost.to_string() });
            }
        }
        let lost = |index: usize| losses.as_ref().is_some_and(|losses| losses[index].1 == 1);
        let probe = |(index, (_, delay_ns)): (usize, &(usize, u64))| Probe { delay_ns: *delay_ns, lost: lost(index) };
        Ok(Self { probes: delays.iter().enumerate().map(probe).collect() })
    }

    /// What a datagram meets that is sent at `now_ns`.
    #[must_use]
    pub fn at(&self, now_ns: u64) -> Probe {
        let slot = now_ns / PROBE_INTERVAL_NS % self.probes.len() as u64;
        self.probes[usize::try_from(slot).expect("below a length in memory")]
    }

    /// After this long the recording begins anew, ns.
    #[must_use]
    pub fn length_ns(&self) -> u64 {
        self.probes.len() as u64 * PROBE_INTERVAL_NS
    }
}

/// One whole number per line, with its line; blank lines are skipped.
fn numbers(text: &str, expected: &'static str) -> Result<Vec<(usize, u64)>, TraceError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let number = |(line, found): (usize, &str)| match found.parse() {
        Ok(number) => Ok((line, number)),
        Err(_) => Err(TraceError::Malformed { line, expected, found: found.chars().take(32).collect() }),
    };
    lines.filter(|(_, line)| !line.is_empty()).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opportunities_are_numbered_through_all_repetitions() {
        let trace = DeliveryTrace::parse("2\n2\n5\n10\n").expect("well formed");
        assert_eq!((trace.length_ns(), trace.opportunities()), (10 * NS_PER_MS, 4));
        let at: Vec<u64> = (0..9).map(|number| trace.at_ns(number) / NS_PER_MS).collect();
        assert_eq!(at, [2, 2, 5, 10, 12, 12, 15, 20, 22]);
        for (ms, first) in [(0, 0), (2, 0), (3, 2), (10, 3), (11, 4), (12, 4), (13, 6), (20, 7), (21, 8)] {
            assert_eq!(trace.first_from(ms * NS_PER_MS), first, "{ms} ms");
        }
        assert_eq!(trace.first_from(2 * NS_PER_MS + 1), 2, "a moment later both have passed");
    }

    #[test]
    fn capacity_is_the_opportunities_of_a_span() {
        let trace = DeliveryTrace::parse("1\n5\n10").expect("well formed");
        assert_eq!(trace.bytes_between(0, 5 * NS_PER_MS), 1_500);
        assert_eq!(trace.bytes_between(0, 100 * NS_PER_MS), 29 * 1_500, "the one at 100 ms is after it");
    }

    #[test]
    fn an_opportunity_at_time_0_is_met_in_every_pass() {
        let trace = DeliveryTrace::parse("0\n4").expect("well formed");
        let met: Vec<u64> =
            (trace.first_from(0)..trace.first_from(NS_PER_MS * 8 + 1)).map(|n| trace.at_ns(n)).collect();
        assert_eq!(met, [0, 4, 4, 8, 8].map(|ms| ms * NS_PER_MS));
    }

    #[test]
    fn a_faulty_recording_is_refused_with_its_line() {
        assert_eq!(DeliveryTrace::parse("\n \n"), Err(TraceError::Empty));
        assert_eq!(DeliveryTrace::parse("0\n0"), Err(TraceError::NoLength));
        assert_eq!(DeliveryTrace::parse("3\n\n2"), Err(TraceError::StepsBack { line: 3, ms: 2 }));
        let malformed = DeliveryTrace::parse("1\n2.5").expect_err("not whole");
        assert_eq!(malformed.to_string(), "line 2: expected a whole number of milliseconds, found \"2.5\"");
        assert_eq!(ProbeTrace::parse("", None), Err(TraceError::Empty));
        assert_eq!(ProbeTrace::parse("1\n2", Some("0")), Err(TraceError::Unequal { delays: 2, losses: 1 }));
        assert!(matches!(ProbeTrace::parse("1\n2", Some("0\n2")), Err(TraceError::Malformed { line: 2, .. })));
        assert!(matches!(ProbeTrace::parse("-1", None), Err(TraceError::Malformed { line: 1, .. })));
    }

    #[test]
    fn a_probe_speaks_for_its_ten_milliseconds() {
        let trace = ProbeTrace::parse("7\n8\n", Some("0\n1\n")).expect("well formed");
        assert_eq!(trace.at(PROBE_INTERVAL_NS - 1), Probe { delay_ns: 7, lost: false });
        assert_eq!(trace.at(PROBE_INTERVAL_NS), Probe { delay_ns: 8, lost: true });
        assert_eq!(trace.at(trace.length_ns()), trace.at(0));
    }
}
