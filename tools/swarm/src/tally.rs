//! What a run adds up besides errors: times, rates, bytes.

use crate::shooter::ShotCounts;
use crate::trouble::Recoveries;
use hdrhistogram::Histogram;
use rudp::Reason;
use std::collections::BTreeMap;

/// Bytes of IPv4 and UDP headers before each payload.
pub const HEADER_BYTES: u64 = 28;
/// Snapshot rates are kept in hundredths of a hertz.
const RATE_SCALE: f64 = 100.0;

/// The figures of the measured window, and what happened over the whole run.
#[derive(Debug)]
pub struct Tally {
    /// Whether the window is open.
    pub is_measuring: bool,
    /// Smoothed round trips, in microseconds, one per bot and second.
    pub rtt_us: Histogram<u64>,
    /// Round trips as they were sampled, in microseconds: one per packet that an ack told of.
    pub rtt_sample_us: Histogram<u64>,
    rates: Histogram<u64>,
    /// How long ago bots were last told of themselves, in microseconds, one per bot tick.
    pub own_age_us: Histogram<u64>,
    /// How late bot ticks began, in microseconds.
    pub lag_us: Histogram<u64>,
    /// The same while a storm goes on, which is not what the swarm's load is judged by.
    storm_lag_us: Histogram<u64>,
    /// Whether one does.
    pub is_stormy: bool,
    /// On the wire, headers included.
    pub down_bytes: u64,
    /// On the wire, headers included.
    pub up_bytes: u64,
    /// Bot ticks of bots that were in.
    pub ticks_in: u64,
    /// Bot ticks of all bots.
    pub ticks: u64,
    /// Of those, the ones outside of storms while which the swarm was too late to judge what bots show.
    pub ticks_late: u64,
    /// Sessions that ended although nobody here wanted it, by reason.
    pub disconnects: BTreeMap<Reason, u64>,
    /// Sessions given up after silence.
    pub silences: u64,
    /// Times a bot was welcomed.
    pub logins: u64,
    /// Bots that were given back where they were.
    pub restored: RestoredCount,
    /// Receipts that bots were told; both sides of a trade count.
    pub receipts: u64,
    /// Most bots that waited in the queue at a time.
    pub queued_max: usize,
    /// What operators said to bots, or the server did.
    pub notices: u64,
    /// Times a client found the server silent...
    pub silents: u64,
    /// ...and heard it again.
    pub resumes: u64,
    /// What bots shot.
    pub shots: ShotCounts,
    /// Bots that something befell.
    pub recoveries: Recoveries,
    /// Ticks of bots behind links of their own, and of those the ones for which the link excused the server.
    pub passages: (u64, u64),
    /// Attempts to join that were refused, by reason.
    pub refusals: BTreeMap<Reason, u64>,
    /// Datagrams that the kernel would not take.
    pub sends_blocked: u64,
    /// Since the last look: sum and count of round trips and of rates, for the progress line.
    recent: Recent,
}

/// Of those who came back after a loss: how many places were compared, and how old the oldest was.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoredCount {
    /// How many.
    pub bots: u64,
    /// Times that it had been told of itself since it was there, which is sixty times a second.
    pub oldest: usize,
}

impl RestoredCount {
    /// One stood where it had stood so many states ago.
    pub fn note(&mut self, age: usize) {
        self.bots += 1;
        self.oldest = self.oldest.max(age);
    }
}

/// What happened since the last progress line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recent {
    rtt_us: u64,
    rate_hz: f64,
    samples: u32,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            is_measuring: false,
            receipts: 0,
            restored: RestoredCount::default(),
            rtt_us: histogram(60_000_000),
            rtt_sample_us: histogram(60_000_000),
            rates: histogram(100_000),
            own_age_us: histogram(60_000_000),
            lag_us: histogram(60_000_000),
            storm_lag_us: histogram(60_000_000),
            is_stormy: false,
            down_bytes: 0,
            up_bytes: 0,
            ticks_in: 0,
            ticks: 0,
            ticks_late: 0,
            disconnects: BTreeMap::new(),
            silences: 0,
            logins: 0,
            queued_max: 0,
            notices: 0,
            silents: 0,
            resumes: 0,
            shots: ShotCounts::default(),
            recoveries: Recoveries::default(),
            passages: (0, 0),
            refusals: BTreeMap::new(),
            sends_blocked: 0,
            recent: Recent::default(),
        }
    }
}

impl Tally {
    /// A datagram arrived.
    pub fn on_received(&mut self, bytes: usize) {
        if self.is_measuring {
            self.down_bytes += bytes as u64 + HEADER_BYTES;
        }
    }

    /// A datagram was sent.
    pub fn on_sent(&mut self, bytes: usize) {
        if self.is_measuring {
            self.up_bytes += bytes as u64 + HEADER_BYTES;
        }
    }

    /// A bot tick began this late, and maybe too late to judge.
    pub fn on_tick(&mut self, lag_ns: u64, is_in: bool, is_late: bool) {
        if self.is_measuring {
            let lags = if self.is_stormy { &mut self.storm_lag_us } else { &mut self.lag_us };
            lags.saturating_record(lag_ns / 1_000);
            self.ticks += 1;
            self.ticks_in += u64::from(is_in);
            self.ticks_late += u64::from(is_late && !self.is_stormy);
        }
    }

    /// A tick of a bot behind a link of its own.
    pub fn on_passage(&mut self, is_excused: bool) {
        if self.is_measuring {
            self.passages.0 += 1;
            self.passages.1 += u64::from(is_excused);
        }
    }

    /// How late the swarm was during the storm that is over, ms: 99 of 100 bot ticks began no later.
    pub fn take_storm_lag_ms_p99(&mut self) -> f64 {
        let lag_us = self.storm_lag_us.value_at_quantile(0.99);
        self.storm_lag_us.reset();
        lag_us as f64 / 1_000.0
    }

    /// A bot acts, and was last told of itself so long ago.
    pub fn on_own_age(&mut self, age_ns: u64) {
        if self.is_measuring {
            self.own_age_us.saturating_record(age_ns / 1_000);
        }
    }

    /// One round trip, as it was: what is smoothed hides a spike.
    pub fn on_round_trip(&mut self, rtt_ns: u64) {
        if self.is_measuring {
            self.rtt_sample_us.saturating_record(rtt_ns / 1_000);
        }
    }

    /// One bot's second: its smoothed round trip and the snapshot ticks it heard in `span_ns`.
    pub fn on_second(&mut self, rtt_ns: u64, snapshot_ticks: u32, span_ns: u64) {
        let rate_hz = f64::from(snapshot_ticks) * 1e9 / span_ns.max(1) as f64;
        self.recent.rtt_us += rtt_ns / 1_000;
        self.recent.rate_hz += rate_hz;
        self.recent.samples += 1;
        if self.is_measuring {
            self.rtt_us.saturating_record(rtt_ns / 1_000);
            self.rates.saturating_record((rate_hz * RATE_SCALE).round() as u64);
        }
    }

    /// Snapshot rate in hertz: mean over bots and seconds.
    pub fn rate_mean_hz(&self) -> f64 {
        self.rates.mean() / RATE_SCALE
    }

    /// Snapshot rate in hertz that 99 of 100 bots and seconds reached.
    pub fn rate_p1_hz(&self) -> f64 {
        self.rates.value_at_quantile(0.01) as f64 / RATE_SCALE
    }

    /// Mean round trip in milliseconds and mean snapshot rate in hertz since the last call.
    pub fn take_recent(&mut self) -> Option<(f64, f64)> {
        let Recent { rtt_us, rate_hz, samples } = std::mem::take(&mut self.recent);
        let samples = f64::from(samples);
        (samples > 0.0).then(|| (rtt_us as f64 / 1_000.0 / samples, rate_hz / samples))
    }
}

fn histogram(max: u64) -> Histogram<u64> {
    Histogram::new_with_bounds(1, max, 3).expect("these bounds are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_before_the_window_opens() {
        let mut tally = Tally::default();
        tally.on_received(100);
        tally.on_tick(5_000, true, true);
        tally.on_second(1_000_000, 60, 1_000_000_000);
        tally.on_round_trip(1_000_000);
        tally.on_own_age(1_000_000);
        assert_eq!((tally.down_bytes, tally.ticks, tally.rtt_us.len(), tally.rtt_sample_us.len()), (0, 0, 0, 0));
        assert_eq!(tally.own_age_us.len(), 0);
        assert_eq!(tally.take_recent(), Some((1.0, 60.0)));
        assert_eq!(tally.take_recent(), None);
    }

    #[test]
    fn a_spike_of_one_round_trip_in_fifty_is_the_p99_of_samples() {
        let mut tally = Tally { is_measuring: true, ..Tally::default() };
        (0..100).for_each(|number| tally.on_round_trip(if number % 50 == 0 { 40_000_000 } else { 2_000_000 }));
        let p99_us = tally.rtt_sample_us.value_at_quantile(0.99);
        assert!((39_900..=40_100).contains(&p99_us), "{p99_us} us");
    }

    #[test]
    fn bytes_include_headers_and_rates_their_span() {
        let mut tally = Tally { is_measuring: true, ..Tally::default() };
        tally.on_received(100);
        tally.on_sent(50);
        tally.on_second(2_000_000, 61, 1_016_666_667);
        assert_eq!((tally.down_bytes, tally.up_bytes), (128, 78));
        assert!((tally.rate_mean_hz() - 60.0).abs() < 0.1 && (tally.rate_p1_hz() - 60.0).abs() < 0.1);
    }
}
