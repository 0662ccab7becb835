//! HTTP/1 for few and patient callers: every connection has a place, a pace and an end.

use super::tally::Tally;
use axum::extract::Request;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// What one caller may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; one more is closed. Each holds at most 40 KiB.
    pub connections_max: usize,
    /// From the first to the last byte of a request's head, and between two requests of one connection.
    pub head: Duration,
    /// For a request's body.
    pub body: Duration,
    /// From a connection's first byte to its last, whatever it does: whoever does not read answers is gone then too.
    pub life: Duration,
    /// After that, for the answer under way.
    pub farewell: Duration,
}

impl Default for Limits {
    /// Probes, scrapers, a login service and a few people; a scraper that comes every 15 s connects anew.
    fn default() -> Self {
        Self {
            connections_max: 64,
            head: Duration::from_secs(5),
            body: Duration::from_secs(5),
            life: Duration::from_secs(60),
            farewell: Duration::from_secs(5),
        }
    }
}

/// Who asks: every request carries it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// Address and port of whoever sent this, in words.
    pub fn of(request: &Request) -> String {
        request.extensions().get::<Self>().map_or_else(|| "nobody".to_owned(), |peer| peer.0.to_string())
    }
}

/// Header lines of a request.
const HEADERS_MAX: usize = 64;
/// Bytes of a request's head, and of an answer that waits to be sent.
const BUFFER_BYTES_MAX: usize = 16 * 1_024;
/// After a failed accept (no descriptor left, for one): trying at once would only keep the processor busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `router` on `listener` until it is dropped.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, tally: Arc<Tally>) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            // Closed at once rather than left waiting: a probe then knows where it stands.
            tally.turned_away.add();
            continue;
        };
        tally.connections.add();
        let (router, tally) = (router.clone().layer(Extension(Peer(peer))), tally.clone());
        tokio::spawn(async move {
            if !converse(stream, router, limits).await {
                tally.cut_off.add();
            }
            drop(place);
        });
    }
}

/// One connection to its end; false if that came by a limit of time.
async fn converse(stream: TcpStream, router: Router, limits: Limits) -> bool {
    // Answers are written whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    match timeout(limits.life, connection.as_mut()).await {
        Ok(result) => !result.is_err_and(|error| error.is_timeout()),
        Err(_) => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(limits.farewell, connection).await;
            false
        }
    }
}
