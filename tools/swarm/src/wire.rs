//! A bot's way to the server: its socket, and the bad links before it if there are any.

use crate::bot::DATAGRAM_BYTES_MAX;
use crate::lane::Lane;
use crate::pier::{Berth, Pier};
use crate::tally::Tally;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use netem::Profile;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// When whose links have something to give.
pub type Arrivals = BinaryHeap<Reverse<(u64, usize)>>;

/// One bot's socket and links.
#[derive(Debug)]
pub struct Wire {
    index: usize,
    line: Line,
    links: Option<Links>,
    /// When the server's end last had something for it, ns.
    came_ns: u64,
    /// Nothing passes, either way.
    is_cut: bool,
}

/// Where its datagrams pass into the network.
#[derive(Debug)]
enum Line {
    /// Among others, at an address of its own.
    Berth(Berth),
    /// A socket of its own, and whether the poll tells when something has come.
    Socket(UdpSocket, bool),
}

/// Both directions, and the one entry among the arrivals that counts.
#[derive(Debug)]
struct Links {
    up: Lane,
    down: Lane,
    due_ns: Option<u64>,
}

impl Links {
    fn next_ns(&self) -> Option<u64> {
        [self.up.next_ns(), self.down.next_ns()].into_iter().flatten().min()
    }
}

/// What both links do to a bot at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// One of them carries nothing, or nothing in time.
    pub is_broken: bool,
    /// How far the one down was behind lately, ns.
    pub down_lag_ns: u64,
    /// How far both were, ns.
    pub round_trip_ns: u64,
}

/// Where a socket sends from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Any port of the usual address.
    Port,
    /// Another of this machine's addresses too, by number; the same as `Port` for a server elsewhere.
    Address(u32),
}

impl Wire {
    /// A new socket, watched as number `index`; with the links of a profile, so far into their recordings. At the pier, if
    /// there is one, and no link, where the moment counts in which a datagram comes.
    ///
    /// # Errors
    /// The system gives none.
    pub fn open(
        index: usize,
        server: SocketAddr,
        source: Source,
        registry: &Registry,
        pier: Option<&mut Pier>,
        profile: Option<(&Profile, u64)>,
        seed: u64,
    ) -> io::Result<Self> {
        let line = match pier {
            Some(pier) if profile.is_none() => Line::Berth(pier.moor(index)),
            _ => Line::Socket(watched(socket(server, source)?, index, registry)?, true),
        };
        let seed = seed.wrapping_add(2 * index as u64);
        let links = profile.map(|(Profile { up, down }, shift_ns)| Links {
            up: Lane::new(up, seed, shift_ns),
            down: Lane::new(down, seed.wrapping_add(1), shift_ns),
            due_ns: None,
        });
        Ok(Self { index, line, links, came_ns: 0, is_cut: false })
    }

    /// Goes on from another address; what was on its way to the old one is lost, as behind a router that forgot.
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn rebind(&mut self, server: SocketAddr, registry: &Registry, source: Source) -> io::Result<()> {
        let socket = socket(server, source)?;
        self.line = if self.is_watched() {
            Line::Socket(watched(socket, self.index, registry)?, true)
        } else {
            Line::Socket(socket, false)
        };
        if let Some(links) = &mut self.links {
            links.down.cut();
        }
        Ok(())
    }

    /// From now on it is read when its bot thinks of it: unless what comes has a link before it, where the moment counts.
    pub fn unwatch(&mut self, registry: &Registry) {
        if let Line::Socket(socket, is_watched @ true) = &mut self.line
            && self.links.is_none()
        {
            // One that stays watched costs a little more.
            *is_watched = registry.deregister(socket).is_err();
        }
    }

    /// Whether the poll tells when something has come.
    pub fn is_watched(&self) -> bool {
        matches!(self.line, Line::Socket(_, true))
    }

    /// Cuts it off, and all that is on its way is lost; or mends it.
    pub fn cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
        // Nothing is put on a link while it is cut, so it stays empty until it is mended.
        if let Some(links) = self.links.as_mut().filter(|_| is_cut) {
            links.up.cut();
            links.down.cut();
        }
    }

    /// Takes the next datagram that has come all the way into `buf`: from the socket, or from the end of the link that
    /// everything in the socket is put on first.
    pub fn recv(
        &mut self,
        now_ns: u64,
        buf: &mut [u8; DATAGRAM_BYTES_MAX],
        pier: &mut Option<Pier>,
        tally: &mut Tally,
    ) -> Option<usize> {
        loop {
            let received = match &self.line {
                Line::Socket(socket, _) => socket.recv(buf),
                Line::Berth(_) => {
                    let len = pier.as_mut().and_then(|pier| pier.recv(self.index, buf));
                    len.ok_or_else(|| ErrorKind::WouldBlock.into())
                }
            };
            match received {
                Ok(len) => {
                    tally.on_received(len);
                    self.came_ns = now_ns;
                    match &mut self.links {
                        _ if self.is_cut => {}
                        Some(links) => links.down.send(now_ns, &buf[..len]),
                        None => return Some(len),
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // An ICMP answer to an earlier datagram: nobody listens there now. The time-outs deal with it.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
        let datagram = self.links.as_mut()?.down.poll(now_ns)?;
        let len = datagram.len().min(buf.len());
        buf[..len].copy_from_slice(&datagram[..len]);
        if let Some(links) = &mut self.links {
            links.down.recycle(datagram);
        }
        Some(len)
    }

    /// Sends, over the link if there is one.
    pub fn send(&mut self, now_ns: u64, datagram: &[u8], pier: &mut Option<Pier>, tally: &mut Tally) {
        match &mut self.links {
            _ if self.is_cut => {}
            Some(links) => links.up.send(now_ns, datagram),
            None => self.put(datagram, pier, tally),
        }
    }

    /// Sends past the link: for last words, after which nobody is there to wait for it.
    pub fn send_past_link(&mut self, datagram: &[u8], pier: &mut Option<Pier>, tally: &mut Tally) {
        if !self.is_cut {
            self.put(datagram, pier, tally);
        }
    }

    /// When the server's end last had something for it, ns; 0 before the first.
    pub fn came_ns(&self) -> u64 {
        self.came_ns
    }

    /// How the links fare, if there are any.
    pub fn passage(&self, now_ns: u64) -> Option<Passage> {
        let Links { up, down, .. } = self.links.as_ref()?;
        Some(Passage {
            is_broken: up.is_broken(now_ns) || down.is_broken(now_ns),
            down_lag_ns: down.lag_ns(now_ns),
            round_trip_ns: up.lag_ns(now_ns) + down.lag_ns(now_ns),
        })
    }

    /// Puts what has come to the end of the link up into the socket.
    pub fn flush(&mut self, now_ns: u64, pier: &mut Option<Pier>, tally: &mut Tally) {
        while let Some(datagram) = self.links.as_mut().and_then(|links| links.up.poll(now_ns)) {
            self.put(&datagram, pier, tally);
            if let Some(links) = &mut self.links {
                links.up.recycle(datagram);
            }
        }
    }

    /// Whether an entry of the arrivals is about what is on the links now. Such an entry is used up by asking.
    pub fn take_due(&mut self, due_ns: u64) -> bool {
        let Some(links) = &mut self.links else { return false };
        let is_current = links.due_ns == Some(due_ns);
        if is_current {
            links.due_ns = None;
        }
        is_current
    }

    /// Sees to it that the bot is called when its links have something. To be called after everything else.
    pub fn schedule(&mut self, arrivals: &mut Arrivals) {
        let Some(links) = &mut self.links else { return };
        if let Some(next_ns) = links.next_ns().filter(|next_ns| links.due_ns.is_none_or(|due_ns| *next_ns < due_ns)) {
            links.due_ns = Some(next_ns);
            arrivals.push(Reverse((next_ns, self.index)));
        }
    }

    fn put(&mut self, datagram: &[u8], pier: &mut Option<Pier>, tally: &mut Tally) {
        let socket = match &self.line {
            Line::Socket(socket, _) => socket,
            Line::Berth(berth) => {
                return pier.iter_mut().for_each(|pier| pier.send(*berth, datagram, tally));
            }
        };
        match socket.send(datagram) {
            Ok(len) => tally.on_sent(len),
            // The network may lose a datagram at any time; a full socket buffer is no different.
            Err(error) if error.kind() == ErrorKind::WouldBlock => tally.sends_blocked += 1,
            Err(_) => {}
        }
    }
}

fn watched(mut socket: UdpSocket, index: usize, registry: &Registry) -> io::Result<UdpSocket> {
    registry.register(&mut socket, Token(index), Interest::READABLE)?;
    Ok(socket)
}

fn socket(server: SocketAddr, source: Source) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(local(server, source))?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    Ok(UdpSocket::from_std(socket))
}

fn local(server: SocketAddr, source: Source) -> SocketAddr {
    match (server.ip(), source) {
        (IpAddr::V4(ip), Source::Address(number)) if ip.is_loopback() => {
            // 127.1.0.1 and up, so that the usual 127.0.0.1 is never among them.
            let [_, b, c, d] = (0x0001_0001 + number % 0x00F0_0000).to_be_bytes();
            (Ipv4Addr::new(127, b, c, d), 0).into()
        }
        (IpAddr::V4(_), _) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        (IpAddr::V6(_), _) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn pair(profile: Option<&Profile>) -> (std::net::UdpSocket, Wire, mio::Poll) {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let poll = mio::Poll::new().unwrap();
        let wire = Wire::open(
            0,
            server.local_addr().unwrap(),
            Source::Port,
            poll.registry(),
            None,
            profile.map(|profile| (profile, 0)),
            1,
        )
        .unwrap();
        (server, wire, poll)
    }

    #[test]
    fn a_datagram_waits_on_its_link_until_its_time_has_come() {
        let profile = Profile::parse("up.delay=10ms,down.delay=30ms", &mut |_| Err(String::new())).unwrap();
        let (server, mut wire, _poll) = pair(Some(&profile));
        let (mut tally, mut arrivals, mut buf) = (Tally::default(), Arrivals::new(), [0; DATAGRAM_BYTES_MAX]);
        wire.send(0, b"up", &mut None, &mut tally);
        wire.schedule(&mut arrivals);
        assert_eq!(arrivals.pop(), Some(Reverse((10 * MS, 0))));
        assert!(wire.take_due(10 * MS) && !wire.take_due(10 * MS));
        wire.flush(10 * MS, &mut None, &mut tally);
        let (len, from) = server.recv_from(&mut buf).unwrap();
        assert_eq!(&buf[..len], b"up");
        server.send_to(b"down", from).unwrap();
        let mut at_ns = 10 * MS;
        while wire.links.as_ref().is_some_and(|links| links.down.is_empty()) {
            assert_eq!(wire.recv(at_ns, &mut buf, &mut None, &mut tally), None);
        }
        wire.schedule(&mut arrivals);
        at_ns += 30 * MS;
        assert_eq!(arrivals.pop(), Some(Reverse((at_ns, 0))));
        assert_eq!(
            (wire.recv(at_ns - 1, &mut buf, &mut None, &mut tally), wire.recv(at_ns, &mut buf, &mut None, &mut tally)),
            (None, Some(4))
        );
    }

    /// Waits until what the server sends is on the wire's link down.
    fn on_the_link(server: &std::net::UdpSocket, wire: &mut Wire, now_ns: u64, tally: &mut Tally) {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        wire.send_past_link(b"here", &mut None, tally);
        let (_, from) = server.recv_from(&mut buf).unwrap();
        server.send_to(b"down", from).unwrap();
        while wire.links.as_ref().is_some_and(|links| links.down.is_empty()) {
            assert_eq!(wire.recv(now_ns, &mut buf, &mut None, tally), None);
        }
    }

    #[test]
    fn what_is_on_its_way_to_an_address_left_behind_or_cut_off_is_lost() {
        let profile = Profile::parse("up.delay=10ms,down.delay=30ms", &mut |_| Err(String::new())).unwrap();
        let (server, mut wire, poll) = pair(Some(&profile));
        let (mut tally, mut buf) = (Tally::default(), [0; DATAGRAM_BYTES_MAX]);
        let mut recv = |wire: &mut Wire, tally: &mut Tally, at_ms| wire.recv(at_ms * MS, &mut buf, &mut None, tally);
        on_the_link(&server, &mut wire, 0, &mut tally);
        assert_eq!(recv(&mut wire, &mut tally, 30), Some(4), "without a blow it comes");

        on_the_link(&server, &mut wire, 100 * MS, &mut tally);
        wire.rebind(server.local_addr().unwrap(), poll.registry(), Source::Port).unwrap();
        assert_eq!(recv(&mut wire, &mut tally, 130), None);
        assert_eq!(recv(&mut wire, &mut tally, 1_000), None);

        on_the_link(&server, &mut wire, 2_000 * MS, &mut tally);
        wire.send(2_000 * MS, b"up", &mut None, &mut tally);
        let before = format!("{tally:?}");
        wire.cut(true);
        assert_eq!(recv(&mut wire, &mut tally, 2_030), None);
        wire.cut(false);
        wire.flush(3_000 * MS, &mut None, &mut tally);
        assert_eq!(recv(&mut wire, &mut tally, 3_000), None, "nor when it is mended");
        assert_eq!(format!("{tally:?}"), before, "nothing left or came meanwhile");

        on_the_link(&server, &mut wire, 4_000 * MS, &mut tally);
        assert_eq!(recv(&mut wire, &mut tally, 4_030), Some(4), "and from then on all comes again");
    }

    #[test]
    fn a_wire_that_is_cut_passes_nothing_and_another_address_is_another() {
        let (server, mut wire, poll) = pair(None);
        let (mut tally, mut buf) = (Tally::default(), [0; 16]);
        wire.cut(true);
        wire.send(0, b"lost", &mut None, &mut tally);
        wire.cut(false);
        wire.send(0, b"first", &mut None, &mut tally);
        let (len, before) = server.recv_from(&mut buf).unwrap();
        assert_eq!(&buf[..len], b"first");
        for (source, ip) in [(Source::Port, "127.0.0.1"), (Source::Address(300), "127.1.1.45")] {
            wire.rebind(server.local_addr().unwrap(), poll.registry(), source).unwrap();
            wire.send(0, b"again", &mut None, &mut tally);
            let (_, after) = server.recv_from(&mut buf).unwrap();
            assert_eq!(after.ip().to_string(), ip);
            assert_ne!(after, before);
        }
    }
}
