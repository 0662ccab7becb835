//! One poll over all sockets: where clients send to, and one per flow towards the server.
#![allow(clippy::disallowed_methods, reason = "the relay is a rim: somebody has to read the clock")]

use crate::args::Setup;
use crate::hub::{Hub, Out, Totals};
use crate::process::raise_file_limit;
use anyhow::{Context, Result};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use netem::LinkCounters;
use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: Token = Token(0);
/// Readiness events taken per turn.
const EVENTS_MAX: usize = 1_024;
/// Datagrams taken from one socket per turn, so that none starves the others.
const BATCH_MAX: usize = 256;
/// The largest UDP payload there is.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Descriptors beside those of the flows: standard streams, the poll, the socket that clients send to, and some to spare.
const FILES_SPARE: u64 = 64;
/// How long a signal may wait to be noticed.
const SIGNAL_EVERY: Duration = Duration::from_millis(200);

/// Relays until the time is over or a signal comes; answers the table of counters.
///
/// # Errors
/// The address is taken, or the system gives no sockets.
pub fn run(setup: Setup) -> Result<String> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("signals cannot be watched")?;
    }
    let files = setup.hub.flows_max as u64 + FILES_SPARE;
    if let Err(left) = raise_file_limit(files) {
        eprintln!(
            "relay: {files} open files are needed for so many --flows and {left} allowed: further clients are refused"
        );
    }
    let mut relay = Relay::new(setup)?;
    let mut events = Events::with_capacity(EVENTS_MAX);
    while !stop.load(Ordering::Relaxed) && relay.duration_ns.is_none_or(|span_ns| relay.now_ns() < span_ns) {
        relay.turn(&mut events)?;
    }
    Ok(table(&relay.hub.totals(), relay.send_errors))
}

struct Relay {
    hub: Hub,
    poll: Poll,
    clients: UdpSocket,
    flows: Vec<Option<UdpSocket>>,
    /// Sockets that may hold more than was taken from them.
    unread: Vec<usize>,
    to: SocketAddr,
    began: Instant,
    duration_ns: Option<u64>,
    moves: u32,
    send_errors: u64,
    buf: Vec<u8>,
}

impl Relay {
    fn new(setup: Setup) -> Result<Self> {
        let poll = Poll::new().context("the system gives no poll")?;
        let mut clients =
            UdpSocket::bind(setup.listen).with_context(|| format!("cannot listen on {}", setup.listen))?;
        poll.registry().register(&mut clients, CLIENTS, Interest::READABLE)?;
        Ok(Self {
            hub: Hub::new(setup.hub),
            poll,
            clients,
            flows: Vec::new(),
            unread: Vec::new(),
            to: setup.to,
            began: Instant::now(),
            duration_ns: setup.duration_ns,
            moves: 0,
            send_errors: 0,
            buf: vec![0; DATAGRAM_BYTES_MAX],
        })
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn turn(&mut self, events: &mut Events) -> Result<()> {
        let now_ns = self.now_ns();
        let until_ns = self.hub.next_ns().into_iter().chain(self.duration_ns).min();
        let wait = until_ns.map_or(SIGNAL_EVERY, |at_ns| Duration::from_nanos(at_ns.saturating_sub(now_ns)));
        let wait = if self.unread.is_empty() { wait.min(SIGNAL_EVERY) } else { Duration::ZERO };
        match self.poll.poll(events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error).context("the poll failed"),
            _ => {}
        }
        let now_ns = self.now_ns();
        let mut readable = std::mem::take(&mut self.unread);
        readable.extend(events.iter().map(|event| event.token().0));
        for token in readable {
            self.read(now_ns, token);
        }
        self.deliver(now_ns);
        let mut moved = Vec::new();
        self.hub.poll_rebind(now_ns, &mut moved);
        for slot in moved {
            self.moves += 1;
            if self.open(slot).is_err() {
                self.hub.on_unmoved();
            }
        }
        for slot in self.hub.forget_idle(now_ns) {
            self.flows[slot] = None;
        }
        Ok(())
    }

    fn read(&mut self, now_ns: u64, token: usize) {
        for _ in 0..BATCH_MAX {
            let read = match token.checked_sub(1) {
                None => self.clients.recv_from(&mut self.buf).map(|(len, from)| (len, Some(from))),
                Some(slot) => match self.flows.get(slot).and_then(Option::as_ref) {
                    Some(socket) => socket.recv(&mut self.buf).map(|len| (len, None)),
                    None => return,
                },
            };
            match read {
                Ok((len, Some(from))) => {
                    if let Some(slot) = self.hub.handle_client(now_ns, from, &self.buf[..len])
                        && self.open(slot).is_err()
                    {
                        self.hub.on_unopened(slot);
                    }
                }
                Ok((len, None)) => self.hub.handle_server(now_ns, token - 1, &self.buf[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // An ICMP answer to an earlier datagram: nobody listens there now.
                Err(_) => {}
            }
        }
        self.unread.push(token);
    }

    fn deliver(&mut self, now_ns: u64) {
        while let Some(out) = self.hub.poll(now_ns) {
            let sent = match &out {
                Out::ToServer(slot, datagram) => self.flows[*slot].as_ref().map(|socket| socket.send(datagram)),
                Out::ToClient(client, datagram) => Some(self.clients.send_to(datagram, *client)),
            };
            // The network may lose a datagram at any time; a full socket buffer is no different.
            self.send_errors += u64::from(sent.is_none_or(|sent| sent.is_err()));
            if let Out::ToServer(slot, buffer) = out {
                self.hub.recycle(slot, buffer);
            }
        }
    }

    /// A socket towards the server for this flow, in the place of the one it had; that one stays when the system gives
    /// no other, as at the limit of open files.
    fn open(&mut self, slot: usize) -> io::Result<()> {
        let socket = std::net::UdpSocket::bind(source(self.to, self.moves))?;
        socket.set_nonblocking(true)?;
        socket.connect(self.to)?;
        let mut socket = UdpSocket::from_std(socket);
        self.poll.registry().register(&mut socket, Token(slot + 1), Interest::READABLE)?;
        if slot >= self.flows.len() {
            self.flows.resize_with(slot + 1, || None);
        }
        self.flows[slot] = Some(socket);
        Ok(())
    }
}

/// Where a flow sends from: any port, and on this machine with each move another of its many addresses too.
fn source(to: SocketAddr, moves: u32) -> SocketAddr {
    match to.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => {
            let [_, b, c, d] = (1 + moves % 0x00FF_FFFE).to_be_bytes();
            (Ipv4Addr::new(127, b, c, d), 0).into()
        }
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn table(totals: &Totals, send_errors: u64) -> String {
    let Totals { flows, forgotten, refused, unopened, rebinds, cut, .. } = totals;
    let mut text = format!(
        "{flows} flows ({forgotten} forgotten), {refused} datagrams of further clients refused, {unopened} for \
         want of a socket, {rebinds} moves, {cut} datagrams cut off, {send_errors} not taken by the system\n"
    );
    for (name, way) in [("up", &totals.up), ("down", &totals.down)] {
        let LinkCounters { sent, delivered, lost, duplicated, reordered, corrupted, overflowed, tail_dropped } = way;
        let _ = writeln!(
            text,
            "{name:<5} {sent} in, {delivered} out, {lost} lost, {tail_dropped} dropped by the queue, {overflowed} too \
             many on the way, {duplicated} copies, {reordered} detours, {corrupted} corrupted"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::HubConfig;

    #[test]
    fn on_this_machine_a_move_changes_the_address_and_elsewhere_the_port() {
        let loopback: SocketAddr = "127.0.0.1:7777".parse().unwrap();
        assert_eq!(source(loopback, 0).to_string(), "127.0.0.1:0");
        assert_eq!(source(loopback, 300).to_string(), "127.0.1.45:0");
        assert_eq!(source("192.0.2.1:7".parse().unwrap(), 300).to_string(), "0.0.0.0:0");
        assert_eq!(source("[::1]:7".parse().unwrap(), 300).to_string(), "[::]:0");
    }

    /// Real sockets: the loop is given turns until the datagram has come, however long the machine takes.
    #[test]
    fn a_datagram_goes_through_and_its_answer_comes_back_also_after_a_move() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let hub = HubConfig { flows_max: 4, ..HubConfig::default() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut relay = Relay::new(Setup { listen, to: server.local_addr().unwrap(), duration_ns: None, hub }).unwrap();
        client.connect(relay.clients.local_addr().unwrap()).unwrap();
        let mut events = Events::with_capacity(8);
        let mut from = Vec::new();
        for socket in [&server, &client] {
            socket.set_nonblocking(true).unwrap();
        }
        for round in 0..2 {
            client.send(b"ping").unwrap();
            let mut buf = [0; 16];
            from.push(until(&mut relay, &mut events, || server.recv_from(&mut buf)).1);
            server.send_to(b"pong", from[round]).unwrap();
            assert_eq!(until(&mut relay, &mut events, || client.recv(&mut buf)), 4);
            relay.moves += 1;
            relay.open(0).unwrap();
        }
        assert_ne!(from[0].ip(), from[1].ip());
    }

    #[test]
    fn without_a_socket_a_client_is_refused_or_stays_where_it_is_and_the_relay_goes_on() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        // No socket may be connected there, so it is as if the system gave none.
        let nowhere = "255.255.255.255:7".parse().unwrap();
        let hub = HubConfig { flows_max: 4, ..HubConfig::default() };
        let listen = "127.0.0.1:0".parse().unwrap();
        let mut relay = Relay::new(Setup { listen, to: nowhere, duration_ns: None, hub }).unwrap();
        client.connect(relay.clients.local_addr().unwrap()).unwrap();
        let mut events = Events::with_capacity(8);
        for socket in [&server, &client] {
            socket.set_nonblocking(true).unwrap();
        }
        client.send(b"lost").unwrap();
        for _ in 0..1_000 {
            relay.turn(&mut events).unwrap();
            if relay.hub.totals().unopened > 0 {
                break;
            }
        }
        let totals = relay.hub.totals();
        assert_eq!((totals.unopened, totals.flows, totals.up.sent), (1, 0, 0));

        relay.to = server.local_addr().unwrap();
        client.send(b"ping").unwrap();
        let mut buf = [0; 16];
        let (len, before) = until(&mut relay, &mut events, || server.recv_from(&mut buf));
        assert_eq!((len, relay.hub.totals().flows), (4, 1));

        relay.to = nowhere;
        relay.hub.rebind_all_at(0);
        relay.turn(&mut events).unwrap();
        assert_eq!((relay.hub.totals().unopened, relay.hub.totals().rebinds), (2, 0));
        client.send(b"still").unwrap();
        assert_eq!(until(&mut relay, &mut events, || server.recv_from(&mut buf)), (5, before));
    }

    fn until<T>(relay: &mut Relay, events: &mut Events, mut read: impl FnMut() -> io::Result<T>) -> T {
        for _ in 0..1_000 {
            relay.turn(events).unwrap();
            if let Ok(read) = read() {
                return read;
            }
        }
        panic!("nothing came");
    }
}
