//! `POST /api/v1/token`: from a login to a connect token.

use super::{CHOOSE, Issued, Moment, REASONS, Refusal};
use crate::edge::ops::Office;
use crate::edge::{clock, secret};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ops_api::Role;
use rudp::token::CHOOSES;
use std::sync::Arc;

/// The page.
pub async fn page(State(office): State<Arc<Office>>, request: Request) -> Response {
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
    if id == CHOOSES { CHOOSE.into() } else { id.into() }
}

/// The body is read even if the bearer is wrong: closing on what is under way would reset the connection, and the caller
/// might never see why.
async fn mint(office: &Office, request: Request<Body>) -> Result<Issued, Refusal> {
    let is_operator = office.tokens.role(request.headers()) == Some(Role::Operate);
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
    let reason = REASONS[refusal.index()];
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
