//! `GET /stream`: a second at a time, for pages that are open (server-sent events).
//!
//! Every connection of the operations interface has an end after a minute, whatever it does, because that is what keeps
//! places from those who have fallen asleep. A stream is no exception: it ends in peace before that, and the browser, which is
//! told to, comes back at once for the next one. Each begins with the last minutes, so that a page lacks nothing of them.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

/// Pages at once: a quarter of all connections. Probes and scrapers have the rest.
pub const VIEWERS_MAX: usize = 16;
/// From the first to the last second of a stream: less than a connection lives.
const STREAM_LIFE: Duration = Duration::from_secs(50);
/// What a browser is to wait before it comes back, in milliseconds.
const RETRY_MS: u32 = 500;
/// What one that found no place is to wait, in seconds.
const RETRY_FULL_S: u32 = 10;

/// Who looks.
pub struct Viewers {
    /// The newest second, as all of them are sent it.
    newest: watch::Sender<Bytes>,
    places: Arc<Semaphore>,
}

impl Default for Viewers {
    fn default() -> Self {
        Self { newest: watch::Sender::new(Bytes::new()), places: Arc::new(Semaphore::new(VIEWERS_MAX)) }
    }
}

/// One who looks, until his stream ends.
struct Viewer {
    /// What he is sent first.
    past: Option<Bytes>,
    seconds: watch::Receiver<Bytes>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Viewers {
    /// How many look.
    pub fn count(&self) -> usize {
        VIEWERS_MAX - self.places.available_permits()
    }

    /// Shows a second to all who look. It is made once for all, and not at all for nobody.
    pub fn show<T: Serialize>(&self, second: impl FnOnce() -> T) {
        if self.newest.receiver_count() > 0 {
            self.newest.send_replace(event("second", &second()));
        }
    }

    /// A stream for one more; refused if there are too many.
    pub fn admit(&self, past: impl FnOnce() -> Value) -> Response {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let headers = [(header::RETRY_AFTER, RETRY_FULL_S)];
            return (StatusCode::SERVICE_UNAVAILABLE, headers, "too many pages are open\n").into_response();
        };
        let mut seconds = self.newest.subscribe();
        // One that was shown before he came is older than what he is told of the past.
        seconds.mark_unchanged();
        let mut first = format!("retry: {RETRY_MS}\n").into_bytes();
        first.extend_from_slice(&event("past", &past()));
        let until = Instant::now() + STREAM_LIFE;
        let viewer = Viewer { past: Some(first.into()), seconds, until, _place: place };
        let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
        (headers, Body::from_stream(stream::unfold(viewer, Viewer::next))).into_response()
    }
}

impl Viewer {
    /// What comes next. Whoever reads slowly is sent the newest second when he is ready, and those between never.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(past) = self.past.take() {
            return Some((Ok(past), self));
        }
        timeout_at(self.until, self.seconds.changed()).await.ok()?.ok()?;
        let second = self.seconds.borrow_and_update().clone();
        Some((Ok(second), self))
    }
}

/// An event of a stream. JSON has no line breaks of its own.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(chunks: &[Bytes]) -> Vec<&str> {
        chunks.iter().map(|chunk| std::str::from_utf8(chunk).unwrap()).collect()
    }

    async fn next(viewer: &mut Option<Viewer>) -> Option<Bytes> {
        let (second, rest) = viewer.take()?.next().await?;
        *viewer = Some(rest);
        second.ok()
    }

    fn viewer(viewers: &Viewers) -> Option<Viewer> {
        let place = viewers.places.clone().try_acquire_owned().unwrap();
        let mut seconds = viewers.newest.subscribe();
        seconds.mark_unchanged();
        let past = Some(event("past", &json!([])));
        Some(Viewer { past, seconds, until: Instant::now() + Duration::from_millis(50), _place: place })
    }

    #[tokio::test]
    async fn a_viewer_is_told_the_past_then_the_newest_second_and_his_stream_ends_in_time() {
        let viewers = Viewers::default();
        viewers.show(|| -> Value { panic!("nobody looks") });
        let mut viewer = viewer(&viewers);
        viewers.show(|| json!({ "second": 1 }));
        viewers.show(|| json!({ "second": 2 }));
        let first = [next(&mut viewer).await.unwrap(), next(&mut viewer).await.unwrap()];
        assert_eq!(texts(&first), ["event: past\ndata: []\n\n", "event: second\ndata: {\"second\":2}\n\n"]);
        assert_eq!(viewers.count(), 1);
        assert_eq!(next(&mut viewer).await, None, "nothing comes until then");
        assert_eq!(viewers.count(), 0, "his place is free again");
    }

    #[tokio::test]
    async fn one_too_many_is_told_to_come_back() {
        let viewers = Viewers::default();
        let streams: Vec<Response> = (0..VIEWERS_MAX).map(|_| viewers.admit(|| json!([]))).collect();
        assert!(streams.iter().all(|answer| answer.status() == StatusCode::OK));
        let refused = viewers.admit(|| panic!("he is told nothing"));
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "10");
        drop(streams);
        assert_eq!(viewers.admit(|| json!([])).status(), StatusCode::OK);
    }
}
