//! How connections fare, and how the game goes for those who play it, as histograms of seconds.
//!
//! Each connection, and each player's report, adds one second to its histogram: `rate` of the buckets over a minute is the
//! distribution in that minute, and `histogram_quantile` of that is what so many of a hundred had. Nobody is a label.

use super::metrics::Page;
use crate::edge::board::Board;
use server::{Histogram, LOSS_WHOLE};
use std::fmt;

/// Bits of a byte, microseconds and milliseconds of a second.
const BITS_PER_BYTE: f64 = 8.0;
const US_PER_S: f64 = 1e6;
const MS_PER_S: f64 = 1e3;

/// Writes them, and what came of rules about who may come in.
pub fn encode(board: &Board, page: &mut Page<'_>) -> fmt::Result {
    let (reactor, world) = (board.reactor.load(), board.world.load());
    let (survey, gate) = (&reactor.survey, &reactor.gate);
    page.spread("rtt_seconds", "Smoothed round trip, by connection-second", &survey.rtt_us, US_PER_S)?;
    let help = "Lost part of the packets whose fate was decided, by connection-second";
    page.spread("loss_ratio", help, &survey.loss, f64::from(LOSS_WHOLE))?;
    let rates = [([("dir", "out")], &survey.down_bit_per_s), ([("dir", "in")], &survey.up_bit_per_s)];
    let help = "Packet bodies to (out) and from (in) a client, by connection-second";
    page.spreads_of("client_bytes_per_second", help, rates, BITS_PER_BYTE)?;
    let help = "Reliable bytes that wait for a client, by connection-second";
    page.spread("reliable_backlog_bytes", help, &survey.backlog_bytes, 1.0)?;
    page.gauge("silent_connections", "Sessions that are held and not heard", survey.silent as f64)?;
    let felt = &world.realm.experience;
    let help = "Age of the newest snapshot at the worst tick of a second, as the client says";
    page.spread("client_snapshot_age_seconds", help, &felt.age_ms, MS_PER_S)?;
    let help = "Frames of a second in which somebody was shown beyond his newest state, as the client says";
    page.spread("client_starved_frames", help, &felt.starved, 1.0)?;
    let help = "Corrections of the own player in a second, as the client says";
    page.spread("client_corrections", help, &felt.corrections, 1.0)?;
    page.spread("client_rtt_seconds", "Smoothed round trip, as the client says", &felt.rtt_ms, MS_PER_S)?;
    page.total("client_reports_clamped", "Reports with a figure beyond what counts", world.realm.reports_clamped)?;
    page.gauge("bans", "Bans in force", reactor.bans as f64)?;
    page.total("strikes", "Times an account broke the rules in a session", gate.strikes)?;
    let bans = [([("outcome", "imposed")], gate.bans_imposed), ([("outcome", "left_out")], gate.bans_left_out)];
    page.totals_of("automatic_bans", "Bans that came of strikes; left out where there was no room", bans)
}

/// Upper bounds with their counts, in units of which `whole` are one of the metric's.
pub(super) fn buckets(histogram: &Histogram, whole: f64) -> Vec<(f64, u64)> {
    let bounds = histogram.bounds().iter().map(|&bound| f64::from(bound) / whole).chain([f64::INFINITY]);
    bounds.zip(histogram.counts().iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use crate::edge::board::{Board, ReactorReport, StartReport, WorldReport};
    use crate::edge::ops::{Tally, metrics};
    use std::sync::Arc;

    #[test]
    fn seconds_are_counted_in_base_units_and_nobody_is_a_label() {
        let board = Arc::new(Board::new(StartReport::default()));
        let mut reactor = ReactorReport { bans: 2, ..ReactorReport::default() };
        [40_000, 40_000, 600_000].into_iter().for_each(|us| reactor.survey.rtt_us.record(us));
        [0, 150].into_iter().for_each(|part| reactor.survey.loss.record(part));
        reactor.survey.down_bit_per_s.record(90_000);
        (reactor.gate.dropped_banned, reactor.gate.refused_too_many) = (7, 3);
        board.reactor.store(Arc::new(reactor));
        let mut world = WorldReport::default();
        world.realm.experience.age_ms.record(20);
        world.realm.experience.corrections.record(0);
        (world.realm.queued, world.realm.refused_paused) = (5, 4);
        board.world.store(Arc::new(world));
        let text = metrics::text(&metrics::registry(board, Arc::new(Tally::default()))).unwrap();
        for line in [
            "throng_rtt_seconds_bucket{le=\"0.05\"} 2",
            "throng_rtt_seconds_bucket{le=\"0.5\"} 2",
            "throng_rtt_seconds_bucket{le=\"+Inf\"} 3",
            "throng_rtt_seconds_count 3",
            "throng_rtt_seconds_sum 0.68",
            "throng_loss_ratio_bucket{le=\"0.0\"} 1",
            "throng_loss_ratio_bucket{le=\"0.02\"} 2",
            "throng_client_bytes_per_second_bucket{le=\"12000.0\",dir=\"out\"} 1",
            "throng_client_bytes_per_second_count{dir=\"in\"} 0",
            "throng_client_snapshot_age_seconds_bucket{le=\"0.025\"} 1",
            "throng_client_corrections_bucket{le=\"0.0\"} 1",
            "throng_drops_total{reason=\"banned\"} 7",
            "throng_gate_refusals_total{reason=\"too_many_sessions\"} 3",
            "throng_refusals_total{reason=\"paused\"} 4",
            "throng_queued 5.0",
            "throng_bans 2.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
