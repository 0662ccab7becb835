//! `GET /metrics`: the same numbers for Prometheus, prefix `throng_`, base units, never a player as a label.

use super::tally::Tally;
use super::{connection_metrics, phase_metrics, store_metrics};
use crate::edge::board::Board;
use crate::edge::process;
use crate::edge::queues::{INBOUND_BATCHES, OUTBOUND_WAITING_MAX, STORE_JOBS_MAX};
use crate::edge::tick_times::COARSE_NS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use protocol::unit::TICK_RATE_HZ;
use protocol::{GameEvent, ViewTick};
use server::{Histogram, Suspicion};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A registry that reads board and tally at each scrape.
pub fn registry(board: Arc<Board>, tally: Arc<Tally>) -> Registry {
    let mut registry = Registry::with_prefix("throng");
    registry.register_collector(Box::new(Figures { board, tally }));
    registry
}

/// All metrics as OpenMetrics.
///
/// # Errors
/// None that writing to a string gives.
pub fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Figures {
    board: Arc<Board>,
    tally: Arc<Tally>,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page { encoder };
        self.process(&mut page)?;
        self.traffic(&mut page)?;
        self.sessions(&mut page)?;
        connection_metrics::encode(&self.board, &mut page)?;
        self.world(&mut page)?;
        self.queues(&mut page)?;
        self.pools(&mut page)?;
        phase_metrics::encode(&self.board, &mut page)?;
        store_metrics::encode(&self.board, &mut page)?;
        self.flight(&mut page)?;
        self.operations(&mut page)
    }
}

impl Figures {
    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let start = &self.board.start;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("seal_backend", start.seal_backend)];
        page.gauges("build_info", "Always 1; what this server is", [(&build[..], 1.0)])?;
        let cpu = process::cpu_seconds();
        let threads = cpu.by_name().into_iter().map(|(name, seconds)| ([("thread", name)], seconds));
        page.counters_of("thread_cpu_seconds", "User and system time by thread", threads)?;
        page.counter_s("process_cpu_seconds", "User and system time of the process", cpu.total)?;
        page.gauge("resident_bytes", "Resident memory", process::resident_bytes() as f64)?;
        if let Some(bytes) = process::allocated_bytes() {
            page.gauge("allocated_bytes", "Memory asked of the allocator and not given back", bytes as f64)?;
        }
        page.gauge("start_time_seconds", "When the server started, in unix time", start.unix_s as f64)?;
        let sizes =
            [([("dir", "in")], start.recv_buffer_bytes as f64), ([("dir", "out")], start.send_buffer_bytes as f64)];
        page.gauges_of("socket_buffer_bytes", "Kernel buffer of the game's socket as granted", sizes)?;
        page.gauge("ready", "1 while players are accepted", flag(self.board.is_ready()))?;
        page.gauge("draining", "1 while an operator lets nobody in", flag(self.board.is_draining()))?;
        let is_announced = flag(self.board.shutdown_ns().is_some());
        page.gauge("shutdown_initiated", "1 from the announcement of a shutdown on", is_announced)
    }

    fn traffic(&self, page: &mut Page<'_>) -> fmt::Result {
        let reactor = self.board.reactor.load();
        let edge = &reactor.edge;
        let packets = [([("dir", "in")], edge.packets_in), ([("dir", "out")], edge.packets_out)];
        page.totals_of("packets", "Datagrams through the socket", packets)?;
        let bytes = [([("dir", "in")], edge.bytes_in), ([("dir", "out")], edge.bytes_out)];
        page.totals_of("bytes", "Bytes of those datagrams, UDP payload only", bytes)?;
        page.total("reactor_wakes", "Times the reactor's poll returned", edge.wakes)?;
        page.total("send_blocked", "Times the socket's send buffer was full", edge.send_blocked)?;
        let errors = [([("dir", "in")], edge.recv_errors), ([("dir", "out")], edge.send_errors)];
        page.totals_of("socket_errors", "Errors the kernel reported for single datagrams", errors)?;
        page.total("kernel_drops", "Datagrams dropped because the receive buffer was full", edge.kernel_drops)?;
        // The transport's own list: what was refused, then everything else it counted.
        let is_drop =
            |name: &str| ["drop_", "request_", "response_", "payload_"].iter().any(|prefix| name.starts_with(prefix));
        let listed = |drops: bool| reactor.transport.iter().filter(move |(name, _)| is_drop(name) == drops);
        let labelled = |label, drops| listed(drops).map(move |(name, count)| ([(label, name)], count));
        let gate = &reactor.gate;
        let kept_out = [
            ([("reason", "not_allowed")], gate.dropped_not_allowed),
            ([("reason", "denied")], gate.dropped_denied),
            ([("reason", "banned")], gate.dropped_banned),
        ];
        let drops = labelled("reason", true).chain(kept_out);
        page.totals_of("drops", "Datagrams dropped or refused before anything was made of them", drops)?;
        page.totals_of("transport_events", "What else the transport counted", labelled("event", false))
    }

    fn sessions(&self, page: &mut Page<'_>) -> fmt::Result {
        let reactor = self.board.reactor.load();
        let (gate, transport) = (&reactor.gate, &reactor.transport);
        let all = transport.sessions_started.saturating_sub(transport.sessions_ended);
        let unspoken = all.saturating_sub(reactor.connections as u64);
        let states = [([("state", "spoken")], reactor.connections as f64), ([("state", "unspoken")], unspoken as f64)];
        page.gauges_of("connections", "Sessions by state", states)?;
        page.total("sessions_joined", "Sessions whose hello was accepted", gate.sessions_joined)?;
        page.total("sessions_left", "Of those, sessions that ended", gate.sessions_left)?;
        let ended = gate.disconnects.iter().map(|(reason, count)| ([("reason", reason)], count));
        page.totals_of("disconnects", "Sessions that ended, spoken or not", ended)?;
        let messages = [([("dir", "in")], gate.message_bytes_in), ([("dir", "out")], gate.message_bytes_out)];
        page.totals_of("message_bytes", "Bytes of messages on reliable channels, as bincode has them", messages)?;
        let dropped = [
            ([("reason", "inputs_malformed")], gate.inputs_malformed),
            ([("reason", "inputs_dropped")], gate.inputs_dropped),
            ([("reason", "messages_malformed")], gate.messages_malformed),
            ([("reason", "items_stale")], gate.items_stale),
            ([("reason", "slow_consumers")], gate.slow_consumers),
            ([("reason", "windows_closed")], gate.windows_closed),
            ([("reason", "messages_left_behind")], gate.messages_left_behind),
            ([("reason", "bulk_bytes_untaken")], gate.bulk_bytes_untaken),
            ([("reason", "banned")], gate.refused_banned),
            ([("reason", "too_many_sessions")], gate.refused_too_many),
            ([("reason", "session_replaced")], gate.sessions_replaced),
        ];
        page.totals_of("gate_refusals", "What the gate dropped or held back", dropped)
    }

    fn world(&self, page: &mut Page<'_>) -> fmt::Result {
        let world = self.board.world.load();
        let realm = &world.realm;
        page.gauge("players", "People in the world", realm.players as f64)?;
        page.gauge("guests", "People who have not chosen whom to play", realm.guests as f64)?;
        page.gauge("queued", "People who wait to come in", realm.queued as f64)?;
        page.gauge("entities", "Entities in the world", realm.entities as f64)?;
        page.total("ticks", "Ticks of the world", world.ticks_total)?;
        page.total("tick_overruns", "Times the tick schedule was moved", world.overruns_total)?;
        let long = [([("kind", "own")], world.long.own), ([("kind", "waited")], world.long.waited)];
        page.totals_of("long_ticks", "Ticks longer than two; waited if the thread had to wait for a processor", long)?;
        page.total("updates", "Records of other entities told to players", realm.updates)?;
        page.total("player_ticks", "Sum over ticks of the players in the world", realm.player_ticks)?;
        page.total("encoded", "Times an entity's record was encoded", realm.encoded)?;
        let refused = [
            ([("reason", "full")], realm.refused_full),
            ([("reason", "paused")], realm.refused_paused),
            ([("reason", "record")], realm.refused_record),
            ([("reason", "stores")], realm.refused_stores),
            ([("reason", "role")], realm.refused),
            ([("reason", "resync")], realm.resyncs_refused),
            ([("reason", "report")], realm.reports_refused),
            ([("reason", "roster")], realm.roster_refused),
        ];
        page.totals_of("refusals", "Joins and messages the world refused", refused)?;
        let inputs = [([("what", "starved")], realm.inputs_starved), ([("what", "skipped")], realm.inputs_skipped)];
        page.totals_of("inputs_irregular", "Player-ticks without an input and inputs without a tick", inputs)?;
        page.total("snapshots_skipped", "Snapshots that had no byte left", realm.snapshots_skipped)?;
        page.total("resyncs", "Times a client was told everything anew", realm.resyncs)?;
        self.shots(page)?;
        self.game(page)?;
        page.gauge("overload_level", "Steps of the overload ladder taken", f64::from(realm.overload_level))?;
        let steps = [([("dir", "up")], realm.overload_ups), ([("dir", "down")], realm.overload_downs)];
        page.totals_of("overload_steps", "Steps of the overload ladder taken and taken back", steps)?;
        let times = &world.times;
        let mut buckets: Vec<(f64, u64)> =
            COARSE_NS.iter().zip(times.coarse()).map(|(&ns, &count)| (ns as f64 / 1e9, count)).collect();
        buckets.push((f64::INFINITY, times.total() - times.coarse().iter().sum::<u64>()));
        page.histogram(
            "tick_duration_seconds",
            "Duration of a tick",
            times.sum_ns() as f64 / 1e9,
            times.total(),
            &buckets,
        )
    }

    fn game(&self, page: &mut Page<'_>) -> fmt::Result {
        let world = self.board.world.load();
        let realm = &world.realm;
        let events = GameEvent::KINDS.iter().zip(realm.events).map(|(kind, count)| ([("kind", *kind)], count));
        page.totals_of("game_events", "What happened in the game", events)?;
        let orders = [
            ([("result", "done")], realm.orders.saturating_sub(realm.orders_refused)),
            ([("result", "refused")], realm.orders_refused),
        ];
        page.totals_of("commands", "Commands of players that were answered", orders)?;
        let characters =
            [([("what", "created")], realm.characters_created), ([("what", "deleted")], realm.characters_deleted)];
        page.totals_of("characters", "Characters that people made and deleted", characters)?;
        let suspicions = Suspicion::ALL.map(|kind| ([("kind", kind.label())], realm.suspicions[kind as usize]));
        page.totals_of("suspicions", "Pieces of evidence against players", suspicions)?;
        let dealt = [([("what", "beyond_limit")], realm.incidents), ([("what", "kicked")], realm.kicked)];
        page.totals_of("incidents", "Players against whom too much spoke", dealt)?;
        let commits =
            [([("result", "done")], realm.commits_confirmed), ([("result", "refused")], realm.commits_refused)];
        page.totals_of("transactions", "Changes of who owns what, by what the disk said", commits)?;
        page.gauge("transactions_under_way", "Changes that the disk has not answered", realm.commits_under_way as f64)?;
        let left_out = [
            ([("what", "ground")], realm.ground_left_out as u64),
            ([("what", "thing")], realm.things_left_out),
            ([("what", "mob")], realm.mobs_put_off),
        ];
        page.totals_of("left_out", "What should be in the world and found no id, no place or no kind", left_out)?;
        page.total("stray_items", "Items that people came with and that cannot be", realm.strays)
    }

    fn shots(&self, page: &mut Page<'_>) -> fmt::Result {
        let world = self.board.world.load();
        let realm = &world.realm;
        let shots = [
            ([("outcome", "hit")], realm.shots_hit),
            ([("outcome", "missed")], realm.shots.saturating_sub(realm.shots_hit)),
            ([("outcome", "stale")], realm.shots_stale),
            ([("outcome", "too_soon")], realm.shots_too_soon),
        ];
        page.totals_of("shots", "Shots of players; stale and too_soon were refused", shots)?;
        let rewound = realm.shots_rewound_steps as f64 / f64::from(ViewTick::STEPS * TICK_RATE_HZ);
        page.counter_s(
            "shot_rewind_seconds",
            "How long ago shooters saw what they shot at, summed over shots",
            rewound,
        )?;
        let events = [([("outcome", "told")], realm.events_told), ([("outcome", "left_out")], realm.events_untold)];
        page.totals_of("events", "Events by receiver; left out where a battle would take all his bytes", events)?;
        let marks = [([("outcome", "told")], realm.marks_told), ([("outcome", "put_off")], realm.marks_put_off)];
        page.totals_of("marks", "Marks by receiver; put off until he has bytes for all of them", marks)
    }

    fn queues(&self, page: &mut Page<'_>) -> fmt::Result {
        let (reactor, world) = (self.board.reactor.load(), self.board.world.load());
        let depth = [
            ([("queue", "inbound")], reactor.inbound_depth as f64),
            ([("queue", "outbound")], reactor.outbound_depth as f64),
            ([("queue", "store")], world.store_jobs as f64),
        ];
        page.gauges_of("queue_depth", "Entries waiting between threads", depth)?;
        let items = [
            ([("queue", "inbound")], reactor.edge.batches),
            ([("queue", "outbound")], reactor.edge.arenas),
            ([("queue", "store")], world.store_jobs_total),
        ];
        page.totals_of("queue_items", "Entries that one thread has given another", items)?;
        let bound = [
            ([("queue", "inbound")], INBOUND_BATCHES as f64),
            ([("queue", "outbound")], OUTBOUND_WAITING_MAX as f64),
            ([("queue", "store")], STORE_JOBS_MAX as f64),
        ];
        page.gauges_of("queue_bound", "Most entries that may wait", bound)?;
        page.total("inbound_held", "Times no batch was free for the gate's events", reactor.edge.inbound_held)?;
        page.total("outbound_late", "Ticks whose output found its queue full", world.outbound_late_total)?;
        page.total("outbound_made", "Output arenas made because none had come back", world.outbound_made_total)
    }

    /// Arenas that go round between two threads: how many lie ready, and how often none did.
    fn pools(&self, page: &mut Page<'_>) -> fmt::Result {
        let (reactor, world) = (self.board.reactor.load(), self.board.world.load());
        let free = [
            ([("pool", "inbound")], reactor.inbound_free as f64),
            ([("pool", "outbound")], world.outbound_free as f64),
        ];
        page.gauges_of("pool_free", "Arenas that lie ready", free)?;
        let misses =
            [([("pool", "inbound")], reactor.edge.inbound_held), ([("pool", "outbound")], world.outbound_made_total)];
        page.totals_of("pool_misses", "Times an arena was wanted and none lay ready", misses)
    }

    /// What the flight log has come to; all nought if there is none.
    fn flight(&self, page: &mut Page<'_>) -> fmt::Result {
        let logs = [("realm", &self.board.flight.realm), ("gate", &self.board.flight.gate)];
        let bytes = logs.map(|(name, log)| ([("log", name)], log.bytes.load(Ordering::Relaxed)));
        page.totals_of("flight_bytes", "Bytes of the flight log", bytes)?;
        let files = logs.map(|(name, log)| ([("log", name)], log.pages.load(Ordering::Relaxed)));
        page.totals_of("flight_files", "Files of the flight log that were begun", files)?;
        let stopped = logs.map(|(name, log)| ([("log", name)], flag(log.is_stopped.load(Ordering::Relaxed))));
        page.gauges_of("flight_stopped", "1 from when a recording had no more room or its disk failed", stopped)
    }

    fn operations(&self, page: &mut Page<'_>) -> fmt::Result {
        let tally = &self.tally;
        page.total("tokens_minted", "Connect tokens minted", tally.minted.value())?;
        let refused = tally.refusals().map(|(reason, count)| ([("reason", reason)], count));
        page.totals_of("tokens_refused", "Requests for a connect token that were refused", refused)?;
        let reloads = [
            ([("outcome", "done")], tally.reloaded.value()),
            ([("outcome", "refused")], tally.reloads_refused.value()),
        ];
        page.totals_of("reloads", "Times keys and login rules were read again", reloads)?;
        page.total("audit_failures", "Commands that the audit log's disk did not take", tally.audit_failures.value())?;
        page.total("commands_unauthorised", "Commands by whom they are not for", tally.commands_refused.value())?;
        let connections = [
            ([("outcome", "taken")], tally.connections.value()),
            ([("outcome", "turned_away")], tally.turned_away.value()),
        ];
        page.totals_of("ops_connections", "HTTP connections", connections)?;
        page.total(
            "ops_connections_cut_off",
            "HTTP connections closed by a limit of time, idle ones included",
            tally.cut_off.value(),
        )
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Short words for the encoder.
pub(super) struct Page<'a> {
    pub(super) encoder: DescriptorEncoder<'a>,
}

pub(super) type Labels<'a> = [(&'a str, &'a str)];

impl Page<'_> {
    pub(super) fn total(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    pub(super) fn counter_s(&mut self, name: &str, help: &str, seconds: f64) -> fmt::Result {
        ConstCounter::new(seconds).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    pub(super) fn totals_of<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 1], u64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(family.encode_family(&labels)?))
    }

    pub(super) fn totals_by<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 2], u64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(family.encode_family(&labels)?))
    }

    pub(super) fn counters_of<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 1], f64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstCounter::new(value).encode(family.encode_family(&labels)?))
    }

    pub(super) fn gauges_of<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 1], f64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstGauge::new(value).encode(family.encode_family(&labels)?))
    }

    pub(super) fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = (&'l Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        rows.into_iter().try_for_each(|(labels, value)| ConstGauge::new(value).encode(family.encode_family(&labels)?))
    }

    /// A histogram for each label: sum, count and buckets that are not cumulative.
    pub(super) fn histograms_by<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 2], f64, u64, Vec<(f64, u64)>)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        rows.into_iter().try_for_each(|(labels, sum, count, buckets)| {
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    /// A histogram of whole numbers, of which `whole` are one of the metric's unit.
    pub(super) fn spread(&mut self, name: &str, help: &str, histogram: &Histogram, whole: f64) -> fmt::Result {
        let buckets = connection_metrics::buckets(histogram, whole);
        self.histogram(name, help, histogram.sum() as f64 / whole, histogram.total(), &buckets)
    }

    /// Several under one name.
    pub(super) fn spreads_of<'l>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl IntoIterator<Item = ([(&'l str, &'l str); 1], &'l Histogram)>,
        whole: f64,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        rows.into_iter().try_for_each(|(labels, histogram)| {
            let buckets = connection_metrics::buckets(histogram, whole);
            let (sum, count) = (histogram.sum() as f64 / whole, histogram.total());
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    pub(super) fn histogram(
        &mut self,
        name: &str,
        help: &str,
        sum: f64,
        count: u64,
        buckets: &[(f64, u64)],
    ) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(sum, count, buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::{ReactorReport, StartReport, WorldReport};
    use crate::edge::ops::token::Refusal;

    #[test]
    fn the_text_has_prefix_totals_and_cumulative_buckets() {
        let board = Arc::new(Board::new(StartReport { seal_backend: "aws-lc", ..StartReport::default() }));
        let mut world = WorldReport { ticks_total: 3, ..WorldReport::default() };
        for ns in [400_000, 900_000, 2_000_000_000] {
            world.times.record(ns);
        }
        (world.realm.shots, world.realm.shots_hit, world.realm.shots_stale) = (10, 4, 2);
        (world.realm.shots_rewound_steps, world.realm.events_untold) = (256 * 90, 7);
        (world.realm.ground_left_out, world.realm.mobs_put_off, world.realm.strays) = (2, 5, 3);
        board.world.store(Arc::new(world));
        let tally = Arc::new(Tally::default());
        tally.minted.add();
        tally.on_refused(&Refusal::JwtExpired);
        let mut reactor = ReactorReport::default();
        reactor.gate.disconnects.count(rudp::Reason::TakenOver);
        reactor.gate.disconnects.count(rudp::Reason::TakenOver);
        board.reactor.store(Arc::new(reactor));
        let text = text(&registry(board, tally)).unwrap();
        for line in [
            "throng_ticks_total 3",
            "throng_tick_duration_seconds_bucket{le=\"0.0005\"} 1",
            "throng_tick_duration_seconds_bucket{le=\"0.001\"} 2",
            "throng_tick_duration_seconds_bucket{le=\"0.1\"} 2",
            "throng_tick_duration_seconds_bucket{le=\"+Inf\"} 3",
            "throng_tick_duration_seconds_count 3",
            "throng_shots_total{outcome=\"hit\"} 4",
            "throng_shots_total{outcome=\"missed\"} 6",
            "throng_shots_total{outcome=\"stale\"} 2",
            "throng_shot_rewind_seconds_total 1.5",
            "throng_events_total{outcome=\"left_out\"} 7",
            "throng_left_out_total{what=\"ground\"} 2",
            "throng_left_out_total{what=\"mob\"} 5",
            "throng_stray_items_total 3",
            "throng_packets_total{dir=\"in\"} 0",
            "throng_drops_total{reason=\"request_seal\"} 0",
            "throng_transport_events_total{event=\"sessions_started\"} 0",
            "throng_disconnects_total{reason=\"taken_over\"} 2",
            "throng_disconnects_total{reason=\"other\"} 0",
            "throng_queue_bound{queue=\"outbound\"} 4.0",
            "throng_flight_bytes_total{log=\"realm\"} 0",
            "throng_flight_stopped{log=\"gate\"} 0.0",
            "throng_tokens_minted_total 1",
            "throng_tokens_refused_total{reason=\"jwt_expired\"} 1",
            "throng_tokens_refused_total{reason=\"restart\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
        assert!(text.contains("throng_build_info{version=") && text.ends_with("# EOF\n"));
        let names = text.lines().filter(|line| line.starts_with("# TYPE")).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names.len(), text.lines().filter(|line| line.starts_with("# TYPE")).count(), "no name twice");
        assert!(names.iter().all(|line| line.starts_with("# TYPE throng_")));
    }
}
