//! The operations thread: HTTP for people, probes, Prometheus and the login service. It reads what the others have
//! published and never holds them up.

mod audit;
mod bans;
mod chronicle;
mod commands;
mod connection_metrics;
mod errands;
mod exposition;
mod health;
mod http;
mod limits;
mod metrics;
mod phase_metrics;
mod players;
mod profile;
mod refusal;
mod roles;
mod status;
mod store_metrics;
mod tally;
mod token;
mod watch;

pub use http::Limits;
pub use limits::InForce;
pub use roles::OpsTokens;
pub use tally::Tally;
pub use token::{Desk, Rules, Source, Verifier};
pub use watch::Settings as WatchSettings;

use crate::edge::asks::WorldAsk;
use crate::edge::board::Board;
use crate::edge::clock;
use crate::edge::countdown::Announced;
use crate::edge::persistence::Errand;
use crate::edge::reload::AskReload;
use crate::edge::switchboard::Switchboard;
use crate::edge::telemetry::{self, Throttle};
use audit::{AuditFile, Recent};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use crossbeam::channel::Sender;
use prometheus_client::registry::Registry;
use refusal::Refusal;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use token::BODY_BYTES_MAX;
use tokio::sync::oneshot;
use watch::Watch;

/// Passes to the main thread when the server is to go down, or that it is not; the answer is whether it was to before.
pub type AskShutdown = Box<dyn Fn(Option<Announced>, oneshot::Sender<bool>) + Send + Sync>;

/// What the operations thread is given.
pub struct Offices {
    /// What the other threads have published.
    pub board: Arc<Board>,
    /// What this one counts.
    pub tally: Arc<Tally>,
    /// Mints tokens.
    pub desk: Arc<Desk>,
    /// What operators must show.
    pub tokens: OpsTokens,
    /// Where the audit log and reports are kept.
    pub data_dir: PathBuf,
    /// The way to the world thread.
    pub world: Sender<WorldAsk>,
    /// Whether the world may be made slow.
    pub test_commands: bool,
    /// The way to the persistence thread.
    pub errands: Sender<Errand>,
    /// The way to the gate.
    pub switchboard: Switchboard,
    /// MariaDB's servers, the preferred one first; none if there is no MariaDB.
    pub mariadb: Vec<String>,
    /// What is watched over, and who is told.
    pub watch: WatchSettings,
    /// What callers may take.
    pub limits: Limits,
    /// What may be changed while the server runs.
    pub in_force: InForce,
}

/// What calls the main thread.
pub struct Bells {
    /// Passes on that keys are to be read again.
    pub reload: AskReload,
    /// Passes on when the server is to go down.
    pub shutdown: AskShutdown,
}

/// Everything a request may look at.
struct Office {
    board: Arc<Board>,
    tally: Arc<Tally>,
    desk: Arc<Desk>,
    registry: Registry,
    tokens: OpsTokens,
    recent: Mutex<Recent>,
    audit_file: Mutex<AuditFile>,
    refusal_log: Mutex<Throttle>,
    in_force: Mutex<limits::InForce>,
    /// One at a time: what two change at once is changed twice.
    limiting: tokio::sync::Mutex<()>,
    bells: Bells,
    world: Sender<WorldAsk>,
    test_commands: bool,
    errands: Sender<Errand>,
    switchboard: Switchboard,
    mariadb: Vec<String>,
    watch: Arc<Watch>,
    /// One at a time: the main thread answers them in order.
    reloading: tokio::sync::Mutex<()>,
    body_within: Duration,
}

/// Serves until `stop` is dropped or fires; runs on the calling thread.
///
/// # Errors
/// The runtime or the listener failed.
pub fn run(listener: TcpListener, offices: Offices, bells: Bells, stop: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (limits, tally) = (offices.limits, offices.tally.clone());
        let office = Arc::new(Office::new(offices, bells));
        let watch = office.watch.clone();
        tokio::select! {
            () = http::serve(listener, router(office), limits, tally) => {}
            () = watch.run() => {}
            // Requests under way are cut off: the answer would only say that the server is gone.
            _ = stop => {}
        }
        Ok(())
    })
}

impl Office {
    /// Inside a runtime of tokio.
    fn new(offices: Offices, bells: Bells) -> Self {
        let watch = Watch::new(offices.board.clone(), offices.watch);
        let mut registry = metrics::registry(offices.board.clone(), offices.tally.clone());
        registry.register_collector(Box::new(watch::Figures(watch.clone())));
        Self {
            registry,
            watch,
            board: offices.board,
            tally: offices.tally,
            desk: offices.desk,
            tokens: offices.tokens,
            recent: Mutex::default(),
            audit_file: Mutex::new(AuditFile::new(&offices.data_dir)),
            refusal_log: Mutex::default(),
            in_force: Mutex::new(offices.in_force),
            limiting: tokio::sync::Mutex::default(),
            bells,
            world: offices.world,
            test_commands: offices.test_commands,
            errands: offices.errands,
            switchboard: offices.switchboard,
            mariadb: offices.mariadb,
            reloading: tokio::sync::Mutex::default(),
            body_within: offices.limits.body,
        }
    }
}

fn router(office: Arc<Office>) -> Router {
    let guarded = Router::new()
        .route("/status", get(status_page))
        .route("/events", get(events_page))
        .route("/players", get(players_page))
        .route("/bans", get(bans_page))
        .route("/profile", get(profile_page))
        .route("/audit", get(audit_page))
        .route("/limits", get(limits_page).post(commands::page))
        .route("/log-level", get(log_level_page).post(commands::page))
        .route("/backup", get(backup_page).post(commands::page))
        .route("/{command}", post(commands::page))
        .merge(watch::guarded_routes())
        .layer(axum::middleware::from_fn_with_state(office.clone(), roles::guard));
    Router::new()
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/token", post(token::page))
        .nest("/api/v1", guarded)
        .merge(watch::open_routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .fallback(no_page)
        .method_not_allowed_fallback(no_method)
        .with_state(office)
}

async fn status_page(State(office): State<Arc<Office>>) -> Response {
    Json(status::Status::read(&office.board, office.watch.brief(), clock::mono_ns())).into_response()
}

async fn events_page(State(office): State<Arc<Office>>, after: Asked<chronicle::After>) -> Response {
    let Ok(Query(after)) = after else { return unread("a number: after") };
    Json(chronicle::page(&office.board.world.load().chronicle, after)).into_response()
}

async fn players_page(State(office): State<Arc<Office>>, wanted: Asked<players::Wanted>) -> Response {
    let Ok(Query(wanted)) = wanted else { return unread("who, sort and a number: limit") };
    answer(players::page(&office, wanted).await)
}

async fn bans_page(State(office): State<Arc<Office>>) -> Response {
    answer(bans::page(&office).await)
}

async fn profile_page(State(office): State<Arc<Office>>) -> Response {
    Json(profile::page(&office.board, clock::mono_ns())).into_response()
}

async fn audit_page(State(office): State<Arc<Office>>, after: Asked<AfterLine>) -> Response {
    let Ok(Query(after)) = after else { return unread("a number: after") };
    Json(office.recent.lock().unwrap_or_else(PoisonError::into_inner).page(after.after)).into_response()
}

async fn limits_page(State(office): State<Arc<Office>>) -> Response {
    answer(limits::page(&office).await)
}

async fn log_level_page() -> Response {
    Json(ops_api::LogLevel { filter: telemetry::filter() }).into_response()
}

async fn backup_page(State(office): State<Arc<Office>>) -> Response {
    errands::backup_state(&office).unwrap_or_else(IntoResponse::into_response)
}

/// Which lines of the audit log are wanted.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
struct AfterLine {
    /// Those with higher numbers than this.
    #[serde(default)]
    after: u64,
}

/// What is asked for behind the question mark.
type Asked<T> = Result<Query<T>, QueryRejection>;

/// To whoever asks for something else.
fn unread(wanted: &str) -> Response {
    Refusal::Request(format!("behind the question mark may stand {wanted}")).into_response()
}

async fn no_page() -> Refusal {
    Refusal::Missing("there is no such page".to_owned())
}

async fn no_method() -> Refusal {
    Refusal::Method
}

fn answer<T: serde::Serialize>(page: Result<T, Refusal>) -> Response {
    page.map_or_else(IntoResponse::into_response, |page| Json(page).into_response())
}

#[cfg(test)]
mod tests;
