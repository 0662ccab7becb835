//! A socket and a clock around a [`Client`]: all that a small game or a tool needs to be in the world.
//!
//! [`Driver::pump`] once per frame is enough. Who has no frames lets [`Driver::turn`] wait. An engine with a loop of its
//! own uses [`Client`] directly and leaves this module out (without the feature `driver`).

use crate::{Client, ClientConfig, ClientEvent};
use protocol::Input;
use protocol::motion::StaticMap;
use rudp::ConnectToken;
use rudp::time::Now;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes of the largest datagram of ours, and one more to tell those that are larger.
const DATAGRAM_BYTES_MAX: usize = 1_500;
/// Datagrams taken at once at most: two seconds' worth. Whoever sends more does not keep the loop from its inputs.
const DATAGRAMS_MAX: usize = 256;
/// Longest sleep of [`Driver::turn`]: a datagram that comes meanwhile waits no longer than this.
const SLEEP_MAX: Duration = Duration::from_millis(1);

/// One session over one socket.
pub struct Driver {
    /// The session; ask it for views, send messages through it.
    pub client: Client,
    socket: UdpSocket,
    started: Instant,
    is_over: bool,
}

impl Driver {
    /// Begins to connect with this token, which serves once and for half a minute. With the server's map, collisions with
    /// it are predicted; without one the own body runs on an open field until the server says otherwise.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn connect(token: ConnectToken, map: Option<Arc<StaticMap>>) -> io::Result<Self> {
        let is_v6 = token.addresses.as_slice().first().is_some_and(SocketAddr::is_ipv6);
        let local: SocketAddr =
            if is_v6 { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        let started = clock();
        let content_hash = map.as_ref().map_or(0, |map| map.hash());
        let config = ClientConfig { token, seal: rudp::Backend::Auto, content_hash };
        let mut client = Client::new(config, since(started));
        client.enable_screen(map.unwrap_or_else(|| Arc::new(open_field())));
        Ok(Self { client, socket, started, is_over: false })
    }

    /// What the clocks read.
    #[must_use]
    pub fn now(&self) -> Now {
        since(self.started)
    }

    /// Whether the session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes in what has arrived, asks `input` for every input that is due, and sends what is to be sent. Never waits.
    ///
    /// # Errors
    /// The socket is broken. That nobody listens at the other end, or that a buffer is full, is no error but loss.
    pub fn pump(&mut self, mut input: impl FnMut(&mut Client, Now) -> Input) -> io::Result<()> {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..DATAGRAMS_MAX {
            match self.socket.recv_from(&mut buf) {
                Ok((len, from)) => self.client.handle_datagram(self.now(), from, &mut buf[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_loss(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let now = self.now();
        if self.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        while self.client.poll_input_due(now) {
            let wanted = input(&mut self.client, now);
            self.client.push_input(now, wanted);
        }
        while let Some(transmit) = self.client.poll_transmit(now, &mut buf) {
            match self.socket.send_to(&buf[..transmit.len], transmit.to) {
                Err(error) if error.kind() != ErrorKind::WouldBlock && !is_loss(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// As [`Self::pump`], and sleeps until something may be due again, at most a millisecond.
    ///
    /// # Errors
    /// As [`Self::pump`].
    #[expect(clippy::disallowed_methods, reason = "whoever calls this has nothing else to do")]
    pub fn turn(&mut self, input: impl FnMut(&mut Client, Now) -> Input) -> io::Result<()> {
        self.pump(input)?;
        let now_ns = self.now().mono_ns;
        let due_ns = [self.client.poll_timeout(), self.client.input_due_ns()].into_iter().flatten().min();
        let wait = due_ns.map_or(SLEEP_MAX, |due_ns| Duration::from_nanos(due_ns.saturating_sub(now_ns)));
        std::thread::sleep(wait.min(SLEEP_MAX));
        Ok(())
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        let event = self.client.poll_event();
        self.is_over |= matches!(event, Some(ClientEvent::Disconnected(_)));
        event
    }
}

/// The largest map there is, with nothing on it.
fn open_field() -> StaticMap {
    let side_m = (protocol::unit::WORLD_UNITS_MAX / protocol::unit::UNITS_PER_M) as u32;
    StaticMap::new(side_m, side_m, &[]).expect("the largest map is one")
}

/// Errors that say something of an earlier datagram, not of the socket.
fn is_loss(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable)
}

#[expect(clippy::disallowed_methods, reason = "the driver is where the clock is read")]
fn clock() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the driver is where the clock is read")]
fn since(started: Instant) -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    Now { mono_ns: started.elapsed().as_nanos() as u64, unix_s }
}
