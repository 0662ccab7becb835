//! The pages: the live one for everybody who reaches the operations address, reports and alerts for operators.

use super::Watch;
use super::frame;
use crate::edge::ops::refusal::Refusal;
use crate::edge::ops::{Office, commands};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::sync::{Arc, LazyLock};

/// The live page: one file, and nothing beside it.
const PAGE: &str = include_str!("page.html");

/// What a browser may do with the page: run its script and no other, ask this server and nobody else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let (script, style) = (fingerprint(PAGE, "script"), fingerprint(PAGE, "style"));
    format!(
        "default-src 'none'; script-src '{script}'; style-src '{style}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `GET /` and `GET /stream`, which need no token.
pub fn open_routes() -> Router<Arc<Office>> {
    Router::new().route("/", get(live_page)).route("/stream", get(stream))
}

/// The watch's pages of `/api/v1`, without that.
pub fn guarded_routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/alerts", get(alerts))
        .route("/history", get(history))
        .route("/report", get(report).post(commands::page))
}

async fn live_page() -> Response {
    document(PAGE.to_owned(), &POLICY)
}

async fn stream(State(office): State<Arc<Office>>) -> Response {
    let watch: &Watch = &office.watch;
    watch.viewers.admit(|| frame::past(&watch.state().history))
}

async fn alerts(State(office): State<Arc<Office>>) -> Response {
    Json(office.watch.alerts()).into_response()
}

/// Which points are wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Span {
    /// The last hour, a point a second.
    #[default]
    Hour,
    /// The last day, a point a minute.
    Day,
}

/// What is wanted of the history.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    span: Span,
}

async fn history(State(office): State<Arc<Office>>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let Ok(Query(Wanted { span })) = wanted else {
        return Refusal::Request("a history has a span, which is hour or day, and nothing else".to_owned())
            .into_response();
    };
    let state = office.watch.state();
    let columns = match span {
        Span::Hour => frame::columns(state.history.seconds()),
        Span::Day => frame::columns(state.history.minutes()),
    };
    Json(columns).into_response()
}

async fn report(State(office): State<Arc<Office>>) -> Response {
    match office.watch.report().await {
        Ok(page) => {
            let style = fingerprint(&page, "style");
            document(page, &format!("default-src 'none'; style-src '{style}'; frame-ancestors 'none'"))
        }
        Err(error) => Refusal::Failed(error).into_response(),
    }
}

fn document(page: String, policy: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page).into_response()
}

/// What stands for the text of the page's only element of this name: `sha256-...`.
fn fingerprint(page: &str, element: &str) -> String {
    let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
    let text = page.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end)).map_or("", |(text, _)| text);
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_the_only_script_and_style_there_are() {
        assert_eq!((PAGE.matches("<script").count(), PAGE.matches("<style").count()), (1, 1));
        assert_eq!(POLICY.matches("'sha256-").count(), 2);
        let nothing = fingerprint("", "script");
        assert_eq!(nothing, "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "of an empty text");
        assert!(!POLICY.contains(&nothing));
    }

    #[test]
    fn the_page_asks_nobody_but_this_server() {
        for outside in ["http:", "https:", "src=", "@import", "url(", "style=\"", "onclick"] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
    }
}
