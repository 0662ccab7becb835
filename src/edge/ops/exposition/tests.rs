//! The rules of the exposition formats, on the page of a server that has everything.

use super::super::metrics;
use super::super::tally::Tally;
use super::super::watch::{Figures, Settings, Watch};
use super::*;
use crate::config::{Config, Sources};
use crate::edge::board::{Board, ReactorReport, StartReport, WorldReport};
use crate::edge::persistence::{CourierReport, Query, StoreState, Timing};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a page says of a family, and its samples.
#[derive(Default)]
struct Family {
    help: Vec<String>,
    kinds: Vec<String>,
    /// Name and labels, as they stand there.
    series: Vec<(String, BTreeMap<String, String>)>,
}

/// The page of a server with all stores and so many players.
fn page(players: usize) -> String {
    let board = Arc::new(Board::new(StartReport { seal_backend: "aws-lc", ..StartReport::default() }));
    let mut world = WorldReport { ticks_total: 3, ..WorldReport::default() };
    world.realm.players = players;
    world.times.record(1_000_000);
    board.world.store(Arc::new(world));
    board.reactor.store(Arc::new(ReactorReport { connections: players, ..ReactorReport::default() }));
    let timings = vec![(Query::Save, Timing::default())];
    let state = StoreState { place: "\"quoted\\\" place\n".to_owned(), ..StoreState::default() };
    let mariadb = vec![state.clone(), state.clone()];
    let courier = CourierReport { redis: Some(state), mariadb, timings, ..CourierReport::default() };
    board.courier.store(Arc::new(courier));
    let config = Config::resolve(&Sources::default()).unwrap();
    let mut registry = metrics::registry(board.clone(), Arc::new(Tally::default()));
    registry.register_collector(Box::new(Figures(Watch::new(board, Settings::of(&config, 1)))));
    metrics::text(&registry).unwrap()
}

fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines().filter(|line| *line != "# EOF") {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["#", "HELP", name, about @ ..] => {
                current = (*name).to_owned();
                families.entry(current.clone()).or_default().help.push(about.join(" "));
            }
            ["#", "TYPE", name, kind] => {
                assert_eq!(*name, current, "a type stands under its help");
                families.entry(current.clone()).or_default().kinds.push((*kind).to_owned());
            }
            _ => {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
                families.get_mut(&current).expect("a family begins with its help").series.push(series_of(series));
            }
        }
    }
    families
}

/// Name and labels. None of our labels holds what would have to be escaped.
fn series_of(series: &str) -> (String, BTreeMap<String, String>) {
    let Some((name, labels)) = series.split_once('{') else { return (series.to_owned(), BTreeMap::new()) };
    let labels = labels.strip_suffix("\"}").unwrap_or_else(|| panic!("{series}"));
    let pairs: Vec<(String, String)> = labels
        .split("\",")
        .map(|pair| pair.split_once("=\"").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let count = pairs.len();
    let labels: BTreeMap<String, String> = pairs.into_iter().collect();
    assert_eq!(labels.len(), count, "no label twice: {series}");
    (name.to_owned(), labels)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
}

#[test]
fn every_family_has_one_help_one_type_our_prefix_and_base_units() {
    for (name, family) in families(&page(3)) {
        assert_eq!((family.help.len(), family.kinds.len()), (1, 1), "{name}");
        assert!(family.help[0].len() > 3, "{name} is explained");
        assert!(is_name(&name) && name.starts_with("throng_"), "{name}");
        assert!(["counter", "gauge", "histogram"].contains(&family.kinds[0].as_str()), "{name}");
        for scaled in ["ms", "us", "ns", "kib", "mib", "kb", "kbit", "minutes", "hours", "percent", "milliseconds"] {
            assert!(!name.split('_').any(|word| word == scaled), "{name}: seconds, bytes and ratios only");
        }
    }
}

#[test]
fn samples_have_the_endings_of_their_type_and_none_stands_twice() {
    let mut seen = BTreeSet::new();
    for (name, family) in families(&page(3)) {
        let endings: &[&str] = match family.kinds[0].as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        for (series, labels) in family.series {
            assert!(endings.iter().any(|ending| series == format!("{name}{ending}")), "{series} of {name}");
            let is_bucket = series.ends_with("_bucket");
            assert_eq!(labels.contains_key("le"), is_bucket, "{series}");
            assert!(seen.insert((series.clone(), labels)), "{series} stands twice");
        }
    }
}

#[test]
fn labels_are_few_and_none_is_a_person_or_a_place() {
    const NAMES: &[&str] = &[
        "alert",
        "change",
        "dir",
        "event",
        "kind",
        "le",
        "log",
        "outcome",
        "part",
        "phase",
        "pool",
        "query",
        "queue",
        "reason",
        "result",
        "seal_backend",
        "state",
        "store",
        "thread",
        "version",
        "what",
    ];
    let page = page(3);
    for (name, family) in families(&page) {
        // Of a histogram not its buckets.
        let count = family.series.iter().filter(|(_, labels)| !labels.contains_key("le")).count();
        assert!(count <= 100, "{name} has {count} series");
        for label in family.series.iter().flat_map(|(_, labels)| labels.keys()) {
            assert!(NAMES.contains(&label.as_str()), "{name} has a label {label}");
        }
    }
    assert!(!page.contains("place\n") && !page.contains("quoted"), "a store's address is on no label");
}

#[test]
fn there_are_as_many_series_with_two_thousand_players_as_with_none() {
    let series = |players| families(&page(players)).values().map(|family| family.series.len()).sum::<usize>();
    // Threads of this test come and go beside it.
    let threads = |players| families(&page(players))["throng_thread_cpu_seconds"].series.len();
    assert!(series(0).abs_diff(series(2_000)) <= threads(0).max(threads(2_000)));
    assert!(series(2_000) < 1_000);
}

#[test]
fn the_rules_and_the_dashboard_name_only_what_a_server_tells() {
    let page = page(3);
    let told: BTreeSet<String> =
        families(&page).into_values().flat_map(|family| family.series).map(|(series, _)| series).collect();
    let rules = include_str!("../../../../config/ops/rules.yml");
    let recorded: BTreeSet<String> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned).collect();
    assert!(!recorded.is_empty());
    let others =
        [include_str!("../../../../config/ops/dashboard.json"), include_str!("../../../../config/ops/rules_test.yml")];
    for text in [rules].into_iter().chain(others) {
        for name in names_in(text) {
            assert!(told.contains(&name) || recorded.contains(&name), "no server tells {name}");
        }
    }
}

/// Everything that looks like one of our series.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let words = text.split(|char| !is_part(char)).map(|word| word.trim_end_matches(':'));
    words.filter(|word| word.starts_with("throng_") || word.starts_with("throng:")).map(str::to_owned).collect()
}

#[test]
fn plain_text_is_told_to_whoever_wants_nothing_else() {
    let text = page(3);
    let asked = |accept: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static(accept));
        headers
    };
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for headers in [HeaderMap::new(), asked("*/*"), asked(prometheus)] {
        assert_eq!(form(&text, &headers), (OPEN_METRICS, Cow::Borrowed(text.as_str())));
    }
    let (kind, plain) = form(&text, &asked("text/plain"));
    assert_eq!(kind, PLAIN);
    for line in [
        "# TYPE throng_ticks_total counter",
        "# HELP throng_ticks_total Ticks of the world",
        "throng_ticks_total 3",
        "# TYPE throng_players gauge",
        "# TYPE throng_tick_duration_seconds histogram",
    ] {
        assert!(plain.lines().any(|found| found == line), "{line} is missing in\n{plain}");
    }
    assert!(!plain.contains("# EOF"));
}
