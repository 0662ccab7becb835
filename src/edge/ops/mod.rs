//! The operations thread: HTTP for people, probes, Prometheus and the login service. It reads what the others have
//! published and never holds them up.

mod chronicle;
mod connection_metrics;
mod errands;
mod http;
mod metrics;
mod status;
mod store_metrics;
mod tally;
mod token;

pub use http::Limits;
pub use tally::Tally;
pub use token::{Desk, Rules, Source, Verifier};

use crate::edge::board::Board;
use crate::edge::persistence::Errand;
use crate::edge::reload::{AskReload, Reloaded};
use crate::edge::switchboard::Switchboard;
use crate::edge::{clock, secret};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossbeam::channel::Sender;
use prometheus_client::registry::Registry;
use rudp::token::CHOOSES;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use token::{BODY_BYTES_MAX, Issued, Moment, Refusal};
use tokio::sync::oneshot;

/// What the operations thread is given.
pub struct Offices {
    /// What the other threads have published.
    pub board: Arc<Board>,
    /// What this one counts.
    pub tally: Arc<Tally>,
    /// Mints tokens.
    pub desk: Arc<Desk>,
    /// What an operator must show.
    pub token: String,
    /// Passes on that keys are to be read again.
    pub reload: AskReload,
    /// The way to the persistence thread.
    pub errands: Sender<Errand>,
    /// The way to the gate.
    pub switchboard: Switchboard,
    /// MariaDB's servers, the preferred one first; none if there is no MariaDB.
    pub mariadb: Vec<String>,
    /// What callers may take.
    pub limits: Limits,
}

/// Everything a request may look at.
struct Office {
    board: Arc<Board>,
    tally: Arc<Tally>,
    desk: Arc<Desk>,
    registry: Registry,
    token: String,
    reload: AskReload,
    errands: Sender<Errand>,
    #[allow(dead_code, reason = "asked by the handlers of operations' commands")]
    switchboard: Switchboard,
    mariadb: Vec<String>,
    /// One at a time: the main thread answers them in order.
    reloading: tokio::sync::Mutex<()>,
    body_within: Duration,
}

/// Serves until `stop` is dropped or fires; runs on the calling thread.
///
/// # Errors
/// The runtime or the listener failed.
pub fn run(listener: TcpListener, offices: Offices, stop: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let Offices { board, tally, desk, token, reload, errands, switchboard, mariadb, limits } = offices;
        let office = Arc::new(Office {
            registry: metrics::registry(board.clone(), tally.clone()),
            board,
            tally: tally.clone(),
            desk,
            token,
            reload,
            errands,
            switchboard,
            mariadb,
            reloading: tokio::sync::Mutex::default(),
            body_within: limits.body,
        });
        tokio::select! {
            () = http::serve(listener, router(office), limits, tally) => {}
            // Requests under way are cut off: the answer would only say that the server is gone.
            _ = stop => {}
        }
        Ok(())
    })
}

fn router(office: Arc<Office>) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics_page))
        .route("/api/v1/status", get(status_page))
        .route("/api/v1/events", get(events_page))
        .route("/api/v1/token", post(token_page))
        .route("/api/v1/reload", post(reload_page))
        .route("/api/v1/backup", post(backup_page).get(backup_state_page))
        .route("/api/v1/export", post(export_page))
        .route("/api/v1/erase", post(erase_page))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(office)
}

async fn live(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    if office.board.is_alive(clock::mono_ns()) {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no tick within the last second\n")
    }
}

/// A store that is away does not make the server unready: who is known here plays on, and nothing is lost. It is said, because
/// whoever is not known here is turned away until it is back.
async fn ready(State(office): State<Arc<Office>>) -> (StatusCode, String) {
    if !office.board.is_ready() {
        let trouble = office.board.store.load().journal_trouble;
        let why = trouble.map_or_else(String::new, |(fault, since_ns)| {
            let s = status::since_s(since_ns, clock::mono_ns());
            format!(": the journal cannot be written ({}) for {s:.0} s", fault.label())
        });
        return (StatusCode::SERVICE_UNAVAILABLE, format!("not accepting players{why}\n"));
    }
    let courier = office.board.courier.load();
    let away = store_metrics::states(&courier).filter_map(|(name, state)| {
        state.trouble.map(|(kind, s)| format!("; {name} is {} for {s:.0} s", kind.label()))
    });
    let torn = courier.done.torn.as_ref().map(|torn| format!("; nothing more goes to MariaDB: {torn}"));
    (StatusCode::OK, format!("ready{}{}\n", away.collect::<String>(), torn.unwrap_or_default()))
}

async fn metrics_page(State(office): State<Arc<Office>>) -> Response {
    match metrics::text(&office.registry) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn status_page(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers, &office.token) {
        return unauthorised();
    }
    Json(status::Status::read(&office.board, clock::mono_ns())).into_response()
}

async fn events_page(
    State(office): State<Arc<Office>>,
    Query(after): Query<chronicle::After>,
    headers: HeaderMap,
) -> Response {
    if !is_authorised(&headers, &office.token) {
        return unauthorised();
    }
    Json(chronicle::page(&office.board.world.load().chronicle, after)).into_response()
}

async fn token_page(State(office): State<Arc<Office>>, request: Request) -> Response {
    match mint(&office, request).await {
        Ok(issued) => {
            office.tally.minted.add();
            tracing::debug!(account = issued.account_id, serial = issued.serial, "a connect token was minted");
            let page = serde_json::json!({
                "token": STANDARD.encode(issued.token.encode().as_slice()),
                "addresses": office.desk.addresses(),
                "expires_at": issued.token.expire_unix_s,
                "account": issued.account_id,
                "character": character(issued.character_id),
                "serial": issued.serial,
            });
            // Whoever has the token can play as its owner: it is nobody's to keep on the way.
            ([(header::CACHE_CONTROL, "no-store")], Json(page)).into_response()
        }
        Err(refusal) => {
            office.tally.on_refused(&refusal);
            refused(&refusal)
        }
    }
}

/// As in the claims: a number, or the word of who chooses when he is connected.
fn character(id: u64) -> serde_json::Value {
    if id == CHOOSES { token::CHOOSE.into() } else { id.into() }
}

/// The body is read even if the bearer is wrong: closing on what is under way would reset the connection, and the caller
/// might never see why.
async fn mint(office: &Office, request: Request<Body>) -> Result<Issued, Refusal> {
    let is_operator = is_authorised(request.headers(), &office.token);
    let read = tokio::time::timeout(office.body_within, Bytes::from_request(request, &())).await;
    if !is_operator {
        return Err(Refusal::Bearer);
    }
    let body = read.map_err(|_| Refusal::BodyLate)?.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::BodySize,
        _ => Refusal::Body,
    })?;
    let at = Moment { mono_ns: clock::mono_ns(), unix_ms: clock::unix_ms() };
    office.desk.check_restart(at)?;
    if !office.board.is_ready() {
        return Err(Refusal::NotReady);
    }
    office.desk.issue(&body, at, secret::random())
}

fn refused(refusal: &Refusal) -> Response {
    let reason = token::REASONS[refusal.index()];
    let mut page = serde_json::json!({ "error": refusal.sentence(), "reason": reason });
    let mut headers = HeaderMap::new();
    if let Some(seconds) = refusal.retry_after_s() {
        page["retry_after"] = seconds.into();
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if matches!(refusal, Refusal::Body | Refusal::BodySize | Refusal::BodyLate) {
        // The rest of the body would be taken for the next request.
        headers.insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    if *refusal == Refusal::Bearer {
        headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    (refusal.status(), headers, Json(page)).into_response()
}

async fn reload_page(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers, &office.token) {
        return unauthorised();
    }
    let _turn = office.reloading.lock().await;
    let (reply, answer) = oneshot::channel();
    (office.reload)(reply);
    match answer.await {
        Ok(Ok(Reloaded { private_keys, jwt_keys, content })) => {
            let page = serde_json::json!({ "private_keys": private_keys, "jwt_keys": jwt_keys, "content": content });
            Json(page).into_response()
        }
        Ok(Err(problem)) => (StatusCode::CONFLICT, Json(serde_json::json!({ "error": problem }))).into_response(),
        Err(_) => {
            let error = "the server is going down";
            (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({ "error": error }))).into_response()
        }
    }
}

async fn backup_page(State(office): State<Arc<Office>>, request: Request) -> Response {
    if !is_authorised(request.headers(), &office.token) {
        return unauthorised();
    }
    errands::backup(&office, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn backup_state_page(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers, &office.token) {
        return unauthorised();
    }
    errands::backup_state(&office).unwrap_or_else(IntoResponse::into_response)
}

async fn export_page(State(office): State<Arc<Office>>, request: Request) -> Response {
    if !is_authorised(request.headers(), &office.token) {
        return unauthorised();
    }
    errands::export(&office, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn erase_page(State(office): State<Arc<Office>>, request: Request) -> Response {
    if !is_authorised(request.headers(), &office.token) {
        return unauthorised();
    }
    errands::erase(&office, request).await.unwrap_or_else(IntoResponse::into_response)
}

fn unauthorised() -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, "the token is missing or wrong\n").into_response()
}

/// Compares in constant time, so that a wrong token does not tell how much of it was right.
fn is_authorised(headers: &HeaderMap, token: &str) -> bool {
    let offered = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let offered = offered.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    offered.trim().as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
