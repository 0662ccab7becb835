//! The thread that serves while it is measured.

use super::process::ThreadClock;
use anyhow::{Context, Result};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

/// A server on a thread of its own, and the clock of that thread.
#[derive(Debug)]
pub struct Host {
    /// Where it listens.
    pub address: SocketAddr,
    clock: ThreadClock,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Host {
    /// Starts `serve` on a thread. It is to return soon after the flag is set; a datagram comes with that, so that a
    /// server may wait for datagrams alone.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        address: SocketAddr,
        serve: impl FnOnce(Arc<AtomicBool>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let seen = stop.clone();
        let body = move || {
            let _ = tell.send(ThreadClock::of_this_thread());
            serve(seen)
        };
        let thread = std::thread::Builder::new().name("host".to_owned()).spawn(body)?;
        let clock = told.recv().context("the server's thread ended at once")??;
        Ok(Self { address, clock, stop, thread })
    }

    /// Nanoseconds of processor time that the server has used.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu_ns(&self) -> Result<u64> {
        self.clock.ns().context("the server ended while it was measured")
    }

    /// Ends it.
    ///
    /// # Errors
    /// What it failed with.
    pub fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Release);
        let local = if self.address.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" };
        UdpSocket::bind(local)?.send_to(&[0], self.address)?;
        self.thread.join().map_err(|_| anyhow::anyhow!("the server's thread panicked"))?
    }
}
