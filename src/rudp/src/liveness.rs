//! Whether the other end of a spoken session is still there: heard, probed, silent, and at last given up. The same rule
//! at both ends. spec: LIF-17
//!
//! All times are on the patient clock, which does not advance while this end itself stands still.
use crate::time::NS_PER_S;

/// After this much silence the peer is asked for a sign of life, once per [`PROBE_INTERVAL_NS`]. An honest one sends a
/// keep-alive a second: five were lost in a row.
pub const PROBE_AFTER_NS: u64 = 5 * NS_PER_S;
/// Between two probes, also of a silent peer.
pub const PROBE_INTERVAL_NS: u64 = NS_PER_S;
/// A peer is silent after this time, if it also left [`SILENT_PROBES_MIN`] probes unanswered.
pub const SILENT_AFTER_NS: u64 = 10 * NS_PER_S;
/// Silence nobody asked into proves nothing.
pub const SILENT_PROBES_MIN: u32 = 4;
/// How long a silent session is held, seconds, unless configured otherwise: a lift, a tunnel, a change of networks.
pub const HELD_DEFAULT_S: u32 = 120;
/// Longest time a silent session may be held, seconds: it occupies a slot and its character.
pub const HELD_MAX_S: u32 = 600;

/// What is known of a peer's life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    heard_ns: u64,
    /// When the next probe is due.
    probe_ns: u64,
    /// Probes since the peer was last heard.
    probes: u32,
    silent_since_ns: Option<u64>,
    held_ns: u64,
}

/// What became due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask the peer for a sign of life.
    Probe,
    /// The peer is silent from now on.
    Silent,
    /// It was silent for too long.
    Closed,
}

impl Liveness {
    pub(crate) fn new(patient_ns: u64, held_s: u32) -> Self {
        Self {
            heard_ns: patient_ns,
            probe_ns: patient_ns + PROBE_AFTER_NS,
            probes: 0,
            silent_since_ns: None,
            held_ns: u64::from(held_s) * NS_PER_S,
        }
    }

    /// When a packet of the peer was last opened.
    pub(crate) fn heard_ns(&self) -> u64 {
        self.heard_ns
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.silent_since_ns.is_some()
    }

    /// A packet of the peer was opened; true when that ended a silence.
    pub(crate) fn on_heard(&mut self, patient_ns: u64) -> bool {
        self.heard_ns = patient_ns;
        self.probe_ns = patient_ns + PROBE_AFTER_NS;
        self.probes = 0;
        self.silent_since_ns.take().is_some()
    }

    /// The next thing that is due; call until `None`.
    pub(crate) fn poll(&mut self, patient_ns: u64) -> Option<Due> {
        if self.silent_since_ns.is_none() && self.silent_ns().is_some_and(|at| at <= patient_ns) {
            self.silent_since_ns = Some(patient_ns);
            return Some(Due::Silent);
        }
        if self.closed_ns().is_some_and(|at| at <= patient_ns) {
            return Some(Due::Closed);
        }
        if self.probe_ns <= patient_ns {
            self.probe_ns = patient_ns + PROBE_INTERVAL_NS;
            self.probes += 1;
            return Some(Due::Probe);
        }
        None
    }

    /// When [`poll`](Self::poll) will have something to say.
    pub(crate) fn next_ns(&self) -> u64 {
        let end_ns = if self.is_silent() { self.closed_ns() } else { self.silent_ns() };
        end_ns.map_or(self.probe_ns, |end_ns| end_ns.min(self.probe_ns))
    }

    fn silent_ns(&self) -> Option<u64> {
        (self.probes >= SILENT_PROBES_MIN).then(|| self.heard_ns + SILENT_AFTER_NS)
    }

    fn closed_ns(&self) -> Option<u64> {
        self.silent_since_ns.map(|since| since + self.held_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls at each deadline up to `until_s`: what was due, in seconds after the start.
    fn story(liveness: &mut Liveness, until_s: u64) -> Vec<(u64, Due)> {
        let mut told = vec![];
        while liveness.next_ns() <= until_s * NS_PER_S {
            let now = liveness.next_ns();
            while let Some(due) = liveness.poll(now) {
                told.push((now / NS_PER_S, due));
                if due == Due::Closed {
                    return told;
                }
            }
            assert!(liveness.next_ns() > now);
        }
        told
    }

    #[test]
    fn silence_is_probed_then_stated_then_held_then_closed() {
        let mut liveness = Liveness::new(0, 3);
        let told = story(&mut liveness, 60);
        let probes = |range: std::ops::RangeInclusive<u64>| range.map(|at| (at, Due::Probe));
        let expected: Vec<_> =
            probes(5..=9).chain([(10, Due::Silent)]).chain(probes(10..=12)).chain([(13, Due::Closed)]).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn without_four_probes_nobody_is_silent() {
        let mut liveness = Liveness::new(0, 120);
        // Called late: the deadlines of the probes passed unused.
        assert_eq!(liveness.poll(60 * NS_PER_S), Some(Due::Probe));
        assert_eq!(liveness.poll(60 * NS_PER_S), None);
        assert!(!liveness.is_silent());
        let told = story(&mut liveness, 63);
        assert_eq!(told, [(61, Due::Probe), (62, Due::Probe), (63, Due::Probe), (63, Due::Silent)]);
    }

    #[test]
    fn whoever_is_heard_begins_anew() {
        let mut liveness = Liveness::new(0, 120);
        story(&mut liveness, 100);
        assert!(liveness.on_heard(100 * NS_PER_S) && !liveness.is_silent());
        assert!(!liveness.on_heard(101 * NS_PER_S));
        let told = story(&mut liveness, 111);
        assert_eq!(told[0], (106, Due::Probe));
        assert_eq!(told[5..], [(111, Due::Silent), (111, Due::Probe)]);
    }

    #[test]
    fn a_session_that_is_not_held_closes_when_it_falls_silent() {
        let told = story(&mut Liveness::new(0, 0), 60);
        assert_eq!(told[told.len() - 2..], [(10, Due::Silent), (10, Due::Closed)]);
    }
}
