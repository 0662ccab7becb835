//! How every connection fares, looked at once a second.
//!
//! Rates are differences to the look before, which stands in the session's own row: nothing is added up per packet.

use super::Gate;
use crate::SessionId;
use crate::histogram::{BOUNDS, Histogram, rise};
use rudp::ConnectionStats;
use rudp::time::{NS_PER_S, Now};
use std::net::SocketAddr;

/// Round trips, in microseconds: 1 ms to half a second, closest where play is felt to change.
const RTT_US: [u32; BOUNDS] =
    [1_000, 2_000, 5_000, 10_000, 20_000, 35_000, 50_000, 75_000, 100_000, 150_000, 250_000, 500_000];
/// Lost packets of ten thousand: none at all has a bucket of its own.
const LOSS: [u32; BOUNDS] = [0, 10, 50, 100, 200, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000];
/// Bits per second: 2 kbit/s, a keep-alive and little else, to 4 Mbit/s; the largest budget of a client is 2 Mbit/s.
const RATE: [u32; BOUNDS] =
    [2_000, 8_000, 16_000, 32_000, 64_000, 96_000, 128_000, 192_000, 256_000, 512_000, 1_024_000, 4_096_000];
/// Bytes that wait, up to a connection's whole queue of 1 MiB.
const BACKLOG: [u32; BOUNDS] =
    [0, 256, 1_024, 4_096, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 786_432, 1_048_576];
const _: () = assert!(rise(&RTT_US) && rise(&LOSS) && rise(&RATE) && rise(&BACKLOG));

/// How many in ten thousand is all.
pub const LOSS_WHOLE: u32 = 10_000;

/// Connection-seconds since the start, of those whose hello was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Smoothed round trip, in microseconds; not of those who have none yet, nor of the silent.
    pub rtt_us: Histogram,
    /// Lost packets of ten thousand whose fate was decided in that second; not where none was.
    pub loss: Histogram,
    /// To the client, bits of packet bodies per second.
    pub down_bit_per_s: Histogram,
    /// From it.
    pub up_bit_per_s: Histogram,
    /// Bytes of reliable messages that wait for it.
    pub backlog_bytes: Histogram,
    /// Silent sessions at the last look.
    pub silent: usize,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            rtt_us: Histogram::new(&RTT_US),
            loss: Histogram::new(&LOSS),
            down_bit_per_s: Histogram::new(&RATE),
            up_bit_per_s: Histogram::new(&RATE),
            backlog_bytes: Histogram::new(&BACKLOG),
            silent: 0,
        }
    }
}

impl Survey {
    /// One connection's second.
    pub(super) fn add(&mut self, seen: &Seen, backlog_bytes: usize, is_silent: bool) {
        if is_silent {
            self.silent += 1;
        } else if seen.rtt_us > 0 {
            self.rtt_us.record(seen.rtt_us);
        }
        if let Some(loss) = seen.loss {
            self.loss.record(loss);
        }
        self.down_bit_per_s.record(seen.down_bit_per_s);
        self.up_bit_per_s.record(seen.up_bit_per_s);
        self.backlog_bytes.record(bounded(backlog_bytes as u64));
    }
}

/// One connection, as of the last look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Its session.
    pub session: SessionId,
    /// Whose it is.
    pub account: u64,
    /// Where its packets come from.
    pub address: SocketAddr,
    /// When its hello was accepted, in nanoseconds of the monotonic clock.
    pub since_ns: u64,
    /// Nothing is heard of it, and it is held.
    pub is_silent: bool,
    /// Bytes of reliable messages that wait for it, now.
    pub backlog_bytes: usize,
    /// How it fared.
    pub seen: Seen,
}

/// What a look at a connection found, over the time since the look before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Smoothed round trip, in microseconds; 0 before the first sample.
    pub rtt_us: u32,
    /// Lost packets of ten thousand whose fate was decided; none where none was.
    pub loss: Option<u32>,
    /// To the client, bits of packet bodies per second.
    pub down_bit_per_s: u32,
    /// From it.
    pub up_bit_per_s: u32,
}

impl Gate {
    /// Looks at every connection and adds its second to the figures: to be called once a second.
    pub fn survey(&mut self, now: Now) -> &Survey {
        self.access.expire(now.unix_s);
        self.survey.silent = 0;
        for &id in &self.spoken {
            let Some(stats) = self.transport.stats(id) else { continue };
            let session = &mut self.sessions[id.slot as usize];
            let seen = session.sample.look(now.mono_ns, session.since_ns, stats);
            self.survey.add(&seen, self.transport.backlog_bytes(id), self.transport.is_silent(id));
        }
        &self.survey
    }

    /// Adds every connection to `out`, with rates as of the last survey.
    pub fn rows(&self, out: &mut Vec<ConnectionRow>) {
        out.extend(self.spoken.iter().filter_map(|&id| {
            let session = &self.sessions[id.slot as usize];
            Some(ConnectionRow {
                session: id,
                account: session.account,
                address: self.transport.address(id)?,
                since_ns: session.since_ns,
                is_silent: self.transport.is_silent(id),
                backlog_bytes: self.transport.backlog_bytes(id),
                seen: session.sample.seen,
            })
        }));
    }
}

/// What a session keeps from one look to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    at_ns: u64,
    lost: u64,
    acked: u64,
    bytes_out: u64,
    bytes_in: u64,
    /// What the last look found.
    pub(super) seen: Seen,
}

impl Sample {
    /// Looks again. Two looks at the same time find the same.
    pub(super) fn look(&mut self, now_ns: u64, since_ns: u64, stats: &ConnectionStats) -> Seen {
        let passed_ns = now_ns.saturating_sub(self.at_ns.max(since_ns));
        if passed_ns == 0 {
            return self.seen;
        }
        // A late ack takes its packet out of the lost again.
        let lost = stats.packets_lost.saturating_sub(self.lost);
        let acked = stats.packets_acked.saturating_sub(self.acked);
        let rate = |now: u64, before: u64| {
            let bits = u128::from(now.saturating_sub(before)) * 8;
            bounded((bits * u128::from(NS_PER_S) / u128::from(passed_ns)) as u64)
        };
        let seen = Seen {
            rtt_us: bounded(stats.rtt_smoothed_ns / 1_000),
            loss: (lost * u64::from(LOSS_WHOLE)).checked_div(lost + acked).map(bounded),
            down_bit_per_s: rate(stats.bytes_out, self.bytes_out),
            up_bit_per_s: rate(stats.bytes_in, self.bytes_in),
        };
        *self = Self {
            at_ns: now_ns,
            lost: stats.packets_lost,
            acked: stats.packets_acked,
            bytes_out: stats.bytes_out,
            bytes_in: stats.bytes_in,
            seen,
        };
        seen
    }
}

fn bounded(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(lost: u64, acked: u64, out: u64, into: u64) -> ConnectionStats {
        let (packets_lost, packets_acked, bytes_out, bytes_in) = (lost, acked, out, into);
        ConnectionStats {
            rtt_smoothed_ns: 40_123_456,
            packets_lost,
            packets_acked,
            bytes_out,
            bytes_in,
            ..Default::default()
        }
    }

    #[test]
    fn rates_are_of_the_time_since_the_look_before() {
        let mut sample = Sample::default();
        let first = sample.look(5 * NS_PER_S, 4 * NS_PER_S, &stats(1, 99, 3_000, 500));
        let expected = Seen { rtt_us: 40_123, loss: Some(100), down_bit_per_s: 24_000, up_bit_per_s: 4_000 };
        assert_eq!(first, expected, "a second since the hello");
        assert_eq!(sample.look(5 * NS_PER_S, 4 * NS_PER_S, &stats(9, 99, 9_999, 900)), first, "no time has passed");
        let second = sample.look(7 * NS_PER_S, 4 * NS_PER_S, &stats(1, 99, 3_000, 1_500));
        assert_eq!(second, Seen { loss: None, down_bit_per_s: 0, up_bit_per_s: 4_000, ..expected });
        let third = sample.look(8 * NS_PER_S, 4 * NS_PER_S, &stats(0, 109, 3_000, 1_500));
        assert_eq!(third.loss, Some(0), "late acks take back losses, and nothing is below none");
    }

    #[test]
    fn a_silent_one_has_no_round_trip_and_one_without_packets_no_loss() {
        let mut survey = Survey::default();
        let seen = Seen { rtt_us: 40_000, loss: None, down_bit_per_s: 100, up_bit_per_s: 0 };
        survey.add(&seen, 2_000_000_000, true);
        survey.add(&seen, 0, false);
        survey.add(&Seen { rtt_us: 0, loss: Some(LOSS_WHOLE), ..seen }, 0, false);
        assert_eq!((survey.rtt_us.total(), survey.loss.total(), survey.silent), (1, 1, 1));
        assert_eq!((survey.down_bit_per_s.total(), survey.backlog_bytes.total()), (3, 3));
        assert_eq!(survey.backlog_bytes.counts()[BOUNDS], 1);
    }
}
