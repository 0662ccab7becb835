//! Pages for probes and Prometheus, which need no token.

use super::{Office, exposition, metrics as figures, status, store_metrics};
use crate::edge::clock;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Whether the world ticks.
pub async fn live(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    if office.board.is_alive(clock::mono_ns()) {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no tick within the last second\n")
    }
}

/// A store that is away does not make the server unready: who is known here plays on, and nothing is lost. It is said, because
/// whoever is not known here is turned away until it is back.
pub async fn ready(State(office): State<Arc<Office>>) -> (StatusCode, String) {
    if !office.board.is_ready() {
        let trouble = office.board.store.load().journal_trouble;
        let why = match trouble {
            Some((fault, since_ns)) => {
                let s = status::since_s(since_ns, clock::mono_ns());
                format!(": the journal cannot be written ({}) for {s:.0} s", fault.label())
            }
            None if office.board.is_draining() => ": an operator lets nobody in".to_owned(),
            None if office.board.is_overloaded() => ": the world has too much to do".to_owned(),
            None => String::new(),
        };
        return (StatusCode::SERVICE_UNAVAILABLE, format!("not accepting players{why}\n"));
    }
    let courier = office.board.courier.load();
    let away = store_metrics::states(&courier).filter_map(|(name, state)| {
        state.trouble.map(|(kind, s)| format!("; {name} is {} for {s:.0} s", kind.label()))
    });
    let torn = courier.done.torn.as_ref().map(|torn| format!("; nothing more goes to MariaDB: {torn}"));
    (StatusCode::OK, format!("ready{}{}\n", away.collect::<String>(), torn.unwrap_or_default()))
}

/// All figures, for Prometheus.
pub async fn metrics(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    match figures::text(&office.registry) {
        Ok(text) => {
            let (kind, text) = exposition::form(&text, &headers);
            ([(header::CONTENT_TYPE, kind)], text.into_owned()).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
