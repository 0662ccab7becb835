//! The operations thread: HTTP for people, probes and Prometheus. It reads what the others have published and never
//! holds them up.

mod metrics;
mod status;

use crate::edge::board::Board;
use crate::edge::clock;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

/// Everything a request may look at.
struct Office {
    board: Arc<Board>,
    registry: Registry,
    token: String,
}

/// Serves until `stop` is dropped or fires; runs on the calling thread.
///
/// # Errors
/// The runtime or the listener failed.
pub fn run(listener: TcpListener, board: Arc<Board>, token: String, stop: oneshot::Receiver<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let office = Arc::new(Office { registry: metrics::registry(board.clone()), board, token });
        tokio::select! {
            result = axum::serve(listener, router(office)).into_future() => result,
            // Requests under way are cut off: the answer would only say that the server is gone.
            _ = stop => Ok(()),
        }
    })
}

fn router(office: Arc<Office>) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics_page))
        .route("/api/v1/status", get(status_page))
        .with_state(office)
}

async fn live(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    if office.board.is_alive(clock::mono_ns()) {
        (StatusCode::OK, "live\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no tick within the last second\n")
    }
}

async fn ready(State(office): State<Arc<Office>>) -> (StatusCode, &'static str) {
    if office.board.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not accepting players\n")
    }
}

async fn metrics_page(State(office): State<Arc<Office>>) -> Response {
    match metrics::text(&office.registry) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn status_page(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers, &office.token) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge, "the token is missing or wrong\n").into_response();
    }
    Json(status::Status::read(&office.board, clock::mono_ns())).into_response()
}

/// Compares in constant time, so that a wrong token does not tell how much of it was right.
fn is_authorised(headers: &HeaderMap, token: &str) -> bool {
    let offered = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let offered = offered.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    offered.trim().as_bytes().ct_eq(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::thread::JoinHandle;

    struct Served {
        address: SocketAddr,
        board: Arc<Board>,
        stop: Option<oneshot::Sender<()>>,
        thread: Option<JoinHandle<io::Result<()>>>,
    }

    impl Drop for Served {
        fn drop(&mut self) {
            drop(self.stop.take());
            self.thread.take().unwrap().join().unwrap().unwrap();
        }
    }

    fn serve() -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let board = Arc::new(Board::new(StartReport::default()));
        let (stop, stopped) = oneshot::channel();
        let served = board.clone();
        let thread = std::thread::spawn(move || run(listener, served, "c0ffee".to_owned(), stopped));
        Served { address, board, stop: Some(stop), thread: Some(thread) }
    }

    /// Status code and body of a GET with these extra header lines.
    fn ask(served: &Served, path: &str, extra: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(served.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: x\r\n{extra}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    #[test]
    fn the_status_wants_the_token_and_nothing_but_the_token() {
        let served = serve();
        for extra in [
            "",
            "Authorization: Bearer \r\n",
            "Authorization: Bearer c0ffe\r\n",
            "Authorization: Bearer c0ffeee\r\n",
            "Authorization: Bearer C0FFEE\r\n",
            "Authorization: Basic c0ffee\r\n",
        ] {
            let (code, body) = ask(&served, "/api/v1/status", extra);
            assert_eq!((code, body.contains("version")), (401, false), "{extra}");
        }
        let (code, body) = ask(&served, "/api/v1/status", "Authorization: Bearer c0ffee\r\n");
        assert_eq!(code, 200);
        let page: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(page["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn ready_follows_the_server_and_needs_no_token() {
        let served = serve();
        assert_eq!(ask(&served, "/ready", "").0, 503);
        served.board.publish_ready(true);
        assert_eq!(ask(&served, "/ready", "").0, 503, "the gate would refuse a fresh token");
        served.board.publish_accepting(true);
        assert_eq!(ask(&served, "/ready", ""), (200, "ready\n".to_owned()));
        served.board.publish_ready(false);
        assert_eq!(ask(&served, "/ready", "").0, 503);
    }

    #[test]
    fn live_means_that_a_tick_finished_within_a_second() {
        let served = serve();
        assert_eq!(ask(&served, "/live", "").0, 503, "no tick yet");
        served.board.on_tick(clock::mono_ns());
        assert_eq!(ask(&served, "/live", "").0, 200);
        served.board.on_tick(clock::mono_ns().saturating_sub(2_000_000_000).max(1));
        assert_eq!(ask(&served, "/live", "").0, 503, "the last tick is too old");
    }

    #[test]
    fn metrics_need_no_token_and_other_pages_do_not_exist() {
        let served = serve();
        let (code, body) = ask(&served, "/metrics", "");
        assert!(code == 200 && body.contains("throng_build_info") && body.ends_with("# EOF\n"));
        assert_eq!(ask(&served, "/", "").0, 404);
    }
}
