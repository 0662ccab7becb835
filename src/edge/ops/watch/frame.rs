//! What the live page is shown of a second. No name and no number of anybody is in it: it needs no token.

use super::alerts::{Alerts, Watched};
use super::forecast::Forecast;
use super::history::History;
use super::point::{Figure, Point};
use super::{Settings, State, states};
use crate::edge::board::Board;
use crate::edge::ops::status::since_s;
use serde::Serialize;
use serde_json::{Map, Value, json};
use server::Place;

/// Seconds that a page is told when it opens: its curves begin with five minutes.
const PAST_S: usize = 300;
/// The figures of which the page has curves.
const CURVES: [Figure; 11] = [
    Figure::Players,
    Figure::TickP99,
    Figure::TickRate,
    Figure::RttP50,
    Figure::RttP99,
    Figure::Loss,
    Figure::Down,
    Figure::Up,
    Figure::Cpu,
    Figure::Resident,
    Figure::SaveLag,
];

/// A second.
#[derive(Debug, Serialize)]
pub struct Frame {
    server: String,
    version: &'static str,
    unix_s: u64,
    uptime_s: f64,
    ready: bool,
    alive: bool,
    players_max: u32,
    /// By [`Figure::name`]; `null` where it is not known.
    figures: Map<String, Value>,
    alerts: Vec<ops_api::Alert>,
    forecast: Option<Forecast>,
    stores: Vec<Store>,
    threads: Vec<Thread>,
    map: Places,
}

/// A store and how it does.
#[derive(Debug, Serialize)]
pub struct Store {
    /// `journal`, `redis`, `mariadb_1`.
    pub name: String,
    /// `ok`, or what is wrong.
    pub state: &'static str,
    /// For so many seconds.
    pub since_s: f64,
}

#[derive(Debug, Serialize)]
struct Thread {
    name: String,
    percent: f64,
}

/// The map and who is where on it: east, north, east, north and so on, in metres.
#[derive(Debug, Serialize)]
struct Places {
    width_m: u32,
    depth_m: u32,
    players: Vec<u16>,
    mobs: Vec<u16>,
}

impl Frame {
    /// The second that was recorded last.
    pub(super) fn of(board: &Board, settings: &Settings, state: &State, mono_ns: u64) -> Self {
        let point = state.history.newest().copied().unwrap_or_else(|| Point::at(0));
        let threads = state.sampler.threads().iter();
        let world = board.world.load();
        let places: &[Place] = if settings.shows_map { &world.places } else { &[] };
        Self {
            server: settings.server.clone(),
            version: env!("CARGO_PKG_VERSION"),
            unix_s: point.unix_s,
            uptime_s: since_s(board.start.mono_ns, mono_ns),
            ready: board.is_ready(),
            alive: board.is_alive(mono_ns),
            players_max: board.players_max().unwrap_or(settings.players_max),
            figures: Figure::all().map(|figure| (figure.name().to_owned(), value(point.of(figure)))).collect(),
            alerts: alerts(&state.alerts, mono_ns).alerts,
            forecast: state.forecast.clone(),
            stores: stores(board, mono_ns).collect(),
            threads: threads.map(|(name, percent)| Thread { name: name.clone(), percent: short(*percent) }).collect(),
            map: Places::of(places, settings.map_m),
        }
    }
}

impl Places {
    fn of(places: &[Place], (width_m, depth_m): (u32, u32)) -> Self {
        let of = |is_player| {
            let wanted = places.iter().filter(move |place| place.is_player == is_player);
            wanted.flat_map(|place| [place.x_m, place.y_m]).collect()
        };
        Self { width_m, depth_m, players: of(true), mobs: of(false) }
    }
}

/// How all rules stand, as the API says it.
pub fn alerts(alerts: &Alerts, mono_ns: u64) -> ops_api::Alerts {
    let of = |watched: &Watched| ops_api::Alert {
        name: watched.rule.name.to_owned(),
        firing: watched.raised_ns.is_some(),
        since_s: watched.raised_ns.map_or(0.0, |raised_ns| since_s(raised_ns, mono_ns)),
        value: short(watched.last_value),
        threshold: watched.rule.raise,
        text: watched.rule.text.clone(),
    };
    ops_api::Alerts { alerts: alerts.all().iter().map(of).collect() }
}

/// The journal and all stores beside it.
pub fn stores(board: &Board, mono_ns: u64) -> impl Iterator<Item = Store> {
    let (trouble, courier) = (board.store.load().journal_trouble, board.courier.load_full());
    let journal = Store {
        name: "journal".to_owned(),
        state: trouble.map_or("ok", |(fault, _)| fault.label()),
        since_s: trouble.map_or(0.0, |(_, since_ns)| since_s(since_ns, mono_ns)),
    };
    let others: Vec<Store> = states(&courier)
        .map(|(name, state)| Store {
            name,
            state: state.trouble.map_or("ok", |(kind, _)| kind.label()),
            since_s: state.trouble.map_or(0.0, |(_, s)| s),
        })
        .collect();
    std::iter::once(journal).chain(others)
}

/// All figures of these points: the times in unix seconds, and a list by each name; `null` where one is not known.
pub fn columns<'a>(points: impl Iterator<Item = &'a Point> + Clone) -> Value {
    let times: Vec<u64> = points.clone().map(|point| point.unix_s).collect();
    let columns = Figure::all().map(|figure| {
        let column = points.clone().map(|point| value(point.of(figure))).collect::<Vec<_>>();
        (figure.name().to_owned(), column.into())
    });
    let mut columns: Map<String, Value> = columns.collect();
    columns.insert("unix_s".to_owned(), times.into());
    columns.into()
}

/// The figures of the last minutes that the page has curves of: a list by each name, the oldest first.
pub fn past(history: &History) -> Value {
    let columns = CURVES.iter().map(|&figure| {
        let column = history.last_seconds(PAST_S).map(|point| value(point.of(figure))).collect::<Vec<_>>();
        (figure.name().to_owned(), column.into())
    });
    json!({ "seconds": PAST_S, "figures": columns.collect::<Map<_, _>>() })
}

fn value(figure: Option<f64>) -> Value {
    figure.map_or(Value::Null, |value| short(value).into())
}

/// To a thousandth: more is not known, and only makes what is sent longer.
fn short(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
