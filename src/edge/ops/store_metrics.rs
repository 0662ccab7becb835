//! The part of `/metrics` that tells how saving goes: the journal, Redis, MariaDB.

use super::metrics::Page;
use super::status::save_lag_seconds;
use crate::edge::board::{Board, StoreReport};
use crate::edge::persistence::{BOUNDS_MS, CourierReport, Fault, StoreState, Timing};
use prometheus_client::encoding::NoLabelSet;
use prometheus_client::metrics::MetricType;
use server::Trouble;
use std::collections::BTreeMap;
use std::fmt;

/// Writes all of it.
pub(super) fn encode(board: &Board, page: &mut Page<'_>) -> fmt::Result {
    let (store, world, courier) = (board.store.load(), board.world.load(), board.courier.load());
    let lag_ns = world.realm.save_lag_ns.max(store.remote_lag_ns);
    page.gauge("save_lag_seconds", "Age of the oldest state that is not yet everywhere", save_lag_seconds(lag_ns))?;
    let journal_lag = save_lag_seconds(world.realm.save_lag_ns);
    page.gauge("journal_lag_seconds", "Age of the oldest state that the journal does not have", journal_lag)?;
    journal(&store, page)?;
    if courier.redis.is_some() || !courier.mariadb.is_empty() {
        stores(&courier, &store, page)?;
        queries(&courier, page)?;
    }
    Ok(())
}

fn journal(store: &StoreReport, page: &mut Page<'_>) -> fmt::Result {
    page.total("journal_commits", "Transactions of the journal", store.commits)?;
    page.counter_s("journal_commit_seconds", "Time those took", store.commit_ns as f64 / 1e9)?;
    let max_s = store.commit_max_ns as f64 / 1e9;
    page.gauge("journal_commit_max_seconds", "The longest of the last second", max_s)?;
    let is_up = store.journal_trouble.is_none();
    page.gauge("journal_up", "Whether the last one succeeded", f64::from(u8::from(is_up)))?;
    let failures =
        Fault::ALL.iter().zip(store.journal_failures).map(|(fault, count)| ([("kind", fault.label())], count));
    page.totals_of("journal_errors", "Commits of the journal that failed, by kind", failures)?;
    page.gauge("commits_undecided", "Transactions that a failed journal may have or not", store.undecided as f64)?;
    let packing = store.packing;
    let bytes = [([("dir", "in")], packing.plain_bytes), ([("dir", "out")], packing.packed_bytes)];
    page.totals_of("journal_packed_bytes", "Bytes that LZ4 was given for the journal, and that came of them", bytes)?;
    let saves = [([("outcome", "saved")], store.saves), ([("outcome", "failed")], store.save_failures)];
    page.totals_of("saves", "Checkpoints by outcome", saves)?;
    let deals = [([("outcome", "committed")], store.deals), ([("outcome", "refused")], store.deal_failures)];
    page.totals_of("commits", "Transactions of the game by outcome", deals)?;
    let failed = store.load_failures + store.loads_away + store.loads_elsewhere;
    let loads = [
        ([("outcome", "loaded")], store.loads.saturating_sub(failed)),
        ([("outcome", "failed")], store.load_failures),
        ([("outcome", "away")], store.loads_away),
        ([("outcome", "elsewhere")], store.loads_elsewhere),
    ];
    page.totals_of("loads", "Look-ups of players and of accounts' characters by outcome", loads)
}

fn stores(courier: &CourierReport, store: &StoreReport, page: &mut Page<'_>) -> fmt::Result {
    let up = |state: &StoreState| f64::from(u8::from(state.trouble.is_none()));
    let states: Vec<(String, &StoreState)> = states(courier).collect();
    page.gauges_of("store_up", "Whether a store did what it was last asked for", {
        states.iter().map(|(name, state)| ([("store", name.as_str())], up(state)))
    })?;
    let errors: Vec<_> = (states.iter())
        .flat_map(|(name, state)| {
            let kinds = Trouble::ALL.iter().zip(state.failures);
            kinds.map(move |(kind, count)| ([("store", name.as_str()), ("kind", kind.label())], count))
        })
        .collect();
    page.totals_by("store_errors", "What stores did not do, by kind", errors)?;
    let waiting = [
        ([("what", "postings")], store.outbox as f64),
        ([("what", "redis_checkpoints")], store.waiting[0] as f64),
        ([("what", "mariadb_checkpoints")], store.waiting[1] as f64),
    ];
    page.gauges_of("store_waiting", "What stores do not have yet", waiting)?;
    let done = &courier.done;
    let batches = [
        ([("what", "postings")], done.parcels),
        ([("what", "redis_checkpoints")], done.batches[0]),
        ([("what", "mariadb_checkpoints")], done.batches[1]),
    ];
    page.totals_of("store_batches", "Batches that stores have taken", batches)?;
    let rows = [
        ([("what", "postings")], done.postings),
        ([("what", "redis_checkpoints")], done.records[0]),
        ([("what", "mariadb_checkpoints")], done.records[1]),
    ];
    page.totals_of("store_rows", "What was in those batches", rows)?;
    page.gauge("store_batch_max_rows", "Postings in the largest batch", done.parcel_max as f64)?;
    page.gauge("outbox_up", "Whether the outbox can be read", f64::from(u8::from(done.torn.is_none())))?;
    let torn_at = done.torn.as_ref().map_or(0, |torn| torn.seq);
    page.gauge("outbox_torn_at", "Number of the posting that cannot be read, 0 if all can", torn_at as f64)?;
    let unusable = done.redis_refusals + store.hot_unreadable;
    page.total("redis_unusable", "Values in Redis that could not be used", unusable)?;
    page.gauge("leases", "Characters that are this server's to write", store.leases as f64)
}

/// Redis and MariaDB's servers by the names that labels have.
pub(super) fn states(courier: &CourierReport) -> impl Iterator<Item = (String, &StoreState)> {
    let redis = courier.redis.iter().map(|state| ("redis".to_owned(), state));
    redis.chain(courier.mariadb.iter().enumerate().map(|(nth, state)| (format!("mariadb_{}", nth + 1), state)))
}

fn queries(courier: &CourierReport, page: &mut Page<'_>) -> fmt::Result {
    let mut timings: BTreeMap<&str, Timing> = BTreeMap::new();
    for (query, timing) in &courier.timings {
        let sum = timings.entry(query.label()).or_default();
        sum.buckets.iter_mut().zip(timing.buckets).for_each(|(sum, more)| *sum += more);
        sum.total_ns += timing.total_ns;
        sum.failures += timing.failures;
    }
    let help = "Time that statements took, by what they are for";
    let mut family = page.encoder.encode_descriptor("query_duration_seconds", help, None, MetricType::Histogram)?;
    for (query, timing) in timings {
        let bounds = BOUNDS_MS.iter().map(|&ms| ms as f64 / 1e3).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(timing.buckets).collect();
        family.encode_family(&[("query", query)])?.encode_histogram::<NoLabelSet>(
            timing.total_ns as f64 / 1e9,
            timing.count(),
            &buckets,
            None,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::metrics::{registry, text};
    use super::super::tally::Tally;
    use super::*;
    use crate::edge::board::StartReport;
    use crate::edge::persistence::{Packing, Query};
    use std::sync::Arc;

    #[test]
    fn the_text_tells_how_each_store_does_and_what_waits_for_it() {
        let board = Arc::new(Board::new(StartReport::default()));
        let down = StoreState { trouble: Some((Trouble::Down, 3.0)), ..StoreState::default() };
        let mut courier = CourierReport { redis: Some(StoreState::default()), ..CourierReport::default() };
        courier.mariadb = vec![StoreState { failures: [7, 0, 0, 0, 0, 0, 0, 0, 0], ..down }, StoreState::default()];
        let mut timing = Timing { total_ns: 3_000_000_000, ..Timing::default() };
        (timing.buckets[0], timing.buckets[BOUNDS_MS.len()]) = (2, 1);
        courier.timings = vec![(Query::Save, timing), (Query::Save, timing)];
        board.courier.store(Arc::new(courier));
        let report = StoreReport {
            outbox: 12,
            waiting: [3, 4],
            remote_lag_ns: 2_500_000_000,
            packing: Packing { plain_bytes: 90, packed_bytes: 30 },
            ..StoreReport::default()
        };
        board.store.store(Arc::new(report));
        let text = text(&registry(board, Arc::new(Tally::default()))).unwrap();
        for line in [
            "throng_save_lag_seconds 2.5",
            "throng_journal_lag_seconds 0.0",
            "throng_journal_up 1.0",
            "throng_journal_packed_bytes_total{dir=\"in\"} 90",
            "throng_journal_packed_bytes_total{dir=\"out\"} 30",
            "throng_store_up{store=\"redis\"} 1.0",
            "throng_store_up{store=\"mariadb_1\"} 0.0",
            "throng_store_up{store=\"mariadb_2\"} 1.0",
            "throng_store_errors_total{store=\"mariadb_1\",kind=\"down\"} 7",
            "throng_store_waiting{what=\"postings\"} 12.0",
            "throng_store_waiting{what=\"mariadb_checkpoints\"} 4.0",
            "throng_query_duration_seconds_bucket{le=\"0.001\",query=\"save\"} 4",
            "throng_query_duration_seconds_bucket{le=\"+Inf\",query=\"save\"} 6",
            "throng_query_duration_seconds_count{query=\"save\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
