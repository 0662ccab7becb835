//! The watch as a whole, in virtual time: what the system says is made up, and the board is ours.

use super::webhook::tests::{Manner, receiver};
use super::*;
use crate::config::Sources;
use crate::edge::board::{ReactorReport, StartReport, WorldReport};
use crate::edge::process::CpuSeconds;
use std::sync::atomic::{AtomicU64, Ordering};

const S: u64 = 1_000_000_000;

struct Bed {
    board: Arc<Board>,
    watch: Arc<Watch>,
    now_ns: AtomicU64,
    _dir: tempfile::TempDir,
}

fn bed(change: impl FnOnce(&mut Settings)) -> Bed {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::resolve(&Sources::default()).unwrap();
    let mut settings = Settings { data_dir: dir.path().to_owned(), ..Settings::of(&config, 1) };
    change(&mut settings);
    let board = Arc::new(Board::new(StartReport::default()));
    let watch = Watch::new(board.clone(), settings);
    // The sampler began by the real clock: what follows is later.
    let now_ns = AtomicU64::new(clock::mono_ns() + S);
    Bed { board, watch, now_ns, _dir: dir }
}

impl Bed {
    /// A second in which so many ticks of this length were made; true if it is time for a report.
    fn second(&self, ticks: u64, tick_ns: u64) -> bool {
        let mono_ns = self.now_ns.fetch_add(S, Ordering::Relaxed) + S;
        let mut world = WorldReport { at_ns: mono_ns, ..(**self.board.world.load()).clone() };
        (0..ticks).for_each(|_| world.times.record(tick_ns));
        world.ticks_total += ticks;
        (world.tick_rate_hz, world.tick_max_ns) = (ticks as f64, tick_ns);
        self.board.world.store(Arc::new(world));
        self.board.reactor.store(Arc::new(ReactorReport { at_ns: mono_ns, ..ReactorReport::default() }));
        let unix_s = 1_000_000 + mono_ns / S;
        self.watch.look(System { mono_ns, unix_s, cpu: CpuSeconds::default(), resident_bytes: 1 << 20 })
    }

    fn seconds(&self, count: u32, ticks: u64, tick_ns: u64) {
        for _ in 0..count {
            self.second(ticks, tick_ns);
        }
    }

    fn firing(&self) -> Vec<String> {
        let alerts = self.watch.alerts().alerts;
        alerts.into_iter().filter(|alert| alert.firing).map(|alert| alert.name).collect()
    }

    fn line(&self, name: &str) -> Option<String> {
        let mut registry = prometheus_client::registry::Registry::with_prefix("throng");
        registry.register_collector(Box::new(Figures(self.watch.clone())));
        let text = crate::edge::ops::metrics::text(&registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned())
    }
}

#[test]
fn twenty_milliseconds_of_work_in_every_tick_raise_an_alert_once_and_their_end_clears_it_once() {
    let bed = bed(|settings| settings.alerts.tick_p99_for_s = 30);
    bed.seconds(20, 60, 2_000_000);
    assert_eq!(bed.firing(), [""; 0]);
    bed.seconds(40, 45, 22_000_000);
    assert_eq!(bed.firing(), ["tick_slow"]);
    assert_eq!(bed.line("throng_alert_firing{alert=\"tick_slow\"}").as_deref(), Some("1.0"));
    bed.seconds(60, 60, 2_000_000);
    assert_eq!(bed.firing(), [""; 0]);
    for change in ["raised", "cleared"] {
        let line = format!("throng_alert_changes_total{{alert=\"tick_slow\",change=\"{change}\"}}");
        assert_eq!(bed.line(&line).as_deref(), Some("1"), "{change}");
    }
    let account = bed.watch.account(&system());
    assert_eq!(account.changes.iter().map(Change::word).collect::<Vec<_>>(), ["raised", "cleared"]);
}

#[test]
fn a_receiver_is_told_of_it_once_and_of_its_end_once() {
    let (address, letters) = receiver(&[Manner::Answers(500), Manner::Answers(200)]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bed = bed(|settings| {
            settings.alerts.tick_p99_for_s = 30;
            settings.alerts.webhook_url = Some(format!("http://{address}/"));
        });
        bed.seconds(40, 45, 22_000_000);
        bed.seconds(60, 60, 2_000_000);
        let delivered = || bed.line("throng_webhook_letters_total{outcome=\"delivered\"}");
        let arrived = async {
            while delivered().as_deref() != Some("2") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrived).await.expect("both arrive");
    });
    let told: Vec<_> = letters.try_iter().map(|(_, page)| (page["id"].clone(), page["change"].clone())).collect();
    let [failed, raised, cleared] = told.as_slice() else { panic!("three attempts, not {told:?}") };
    assert_eq!((failed, raised.1.as_str(), cleared.1.as_str()), (raised, Some("raised"), Some("cleared")));
    assert_ne!(raised.0, cleared.0);
}

#[test]
fn a_world_that_stands_still_is_an_alert_after_some_seconds() {
    let bed = bed(|_| {});
    bed.seconds(10, 60, 2_000_000);
    // Nothing is published any more.
    for s in 1..=12 {
        let mono_ns = bed.now_ns.load(Ordering::Relaxed) + s * S;
        bed.watch.look(System { mono_ns, unix_s: 2_000_000 + s, ..System::default() });
    }
    assert_eq!(bed.firing(), ["world_stalled"]);
}

#[test]
fn whoever_wants_no_alerts_has_none() {
    let bed = bed(|settings| settings.alerts.is_enabled = false);
    bed.seconds(100, 10, 90_000_000);
    assert_eq!(bed.watch.alerts(), ops_api::Alerts::default());
    assert_eq!(bed.line("throng_alert_firing"), None);
}

#[test]
fn a_report_is_due_every_so_many_hours_and_never_if_that_is_nought() {
    let due = |every_h, seconds| {
        let bed = bed(|settings| settings.reports.every_h = every_h);
        (0..seconds).filter(|_| bed.second(60, 1_000_000)).count()
    };
    assert_eq!(due(1, 3_500), 0);
    assert_eq!(due(1, 7_300), 2);
    assert_eq!(due(0, 7_300), 0);
}

#[test]
fn a_report_is_written_into_the_data_directory() {
    let bed = bed(|_| {});
    bed.second(60, 1_000_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = runtime.block_on(bed.watch.write_report()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(path.ends_with(path.file_name().unwrap()) && text.starts_with("<!doctype html>"));
    assert_eq!(bed.line("throng_reports_total{outcome=\"written\"}").as_deref(), Some("1"));
    assert_eq!(runtime.block_on(bed.watch.report()).unwrap().matches("<svg").count(), text.matches("<svg").count());
    assert_eq!(runtime.block_on(bed.watch.test_alert()), Ok(false), "there is nowhere to send it");
}

#[test]
fn a_second_of_the_page_has_every_figure_and_nobodys_name() {
    let bed = bed(|_| {});
    let place = |x_m, y_m, is_player| server::Place { x_m, y_m, is_player };
    let places = [place(1, 2, true), place(300, 4, false), place(5, 6, true)];
    bed.board.world.store(Arc::new(WorldReport { places: Arc::new(places), ..WorldReport::default() }));
    bed.second(60, 1_000_000);
    let state = bed.watch.state();
    let frame = Frame::of(&bed.board, &bed.watch.settings, &state, bed.now_ns.load(Ordering::Relaxed));
    let page = serde_json::to_value(frame).unwrap();
    assert_eq!(page["map"]["players"], serde_json::json!([1, 2, 5, 6]));
    assert_eq!(page["map"]["mobs"], serde_json::json!([300, 4]));
    assert_eq!(page["figures"].as_object().unwrap().len(), point::FIGURES);
    assert!(page["figures"]["rtt_p50_ms"].is_null() && page["figures"]["tick_rate_hz"] == 60.0);
    assert_eq!(page["stores"], serde_json::json!([{ "name": "journal", "state": "ok", "since_s": 0.0 }]));
    assert_eq!(page["alerts"].as_array().unwrap().len(), rules::RULES);
    let past = frame::past(&state.history);
    assert_eq!(past["figures"]["tick_rate_hz"], serde_json::json!([60.0]));
}
