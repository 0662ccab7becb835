//! Datagrams in and out of the socket: many per system call where the platform can, else one by one.

use super::name;
use super::{BATCH, DATAGRAM_BYTES, NAME_BYTES};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Where a slot points before its first datagram.
const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// How datagrams pass the socket. Both ways deliver the same; they differ in system calls only.
pub trait DatagramIo: Send + std::fmt::Debug {
    /// Fills `arrivals` from the front without blocking; what was in it is gone.
    ///
    /// # Errors
    /// `WouldBlock` when nothing waits; else the kernel's complaint about an earlier datagram.
    fn recv(&mut self, socket: &mio::net::UdpSocket, arrivals: &mut Arrivals) -> io::Result<()>;

    /// Sends from the front of `departures` without blocking, and removes what left.
    ///
    /// # Errors
    /// `WouldBlock` when the socket's buffer is full; else what is wrong with the datagram at the front, which stays.
    fn send(&mut self, socket: &mio::net::UdpSocket, departures: &mut Departures) -> io::Result<()>;
}

/// The best way this platform has, or the plain one when `batching` is off.
pub fn datagram_io(batching: bool) -> Box<dyn DatagramIo> {
    #[cfg(target_os = "linux")]
    if batching {
        return Box::new(Batched);
    }
    let _ = batching;
    Box::new(Plain)
}

/// Datagrams that arrived in one call: 64 buffers of 1,500 bytes, made once.
#[derive(Debug)]
pub struct Arrivals {
    buffers: Box<[[u8; DATAGRAM_BYTES]; BATCH]>,
    names: Box<[[u8; NAME_BYTES]; BATCH]>,
    lens: [usize; BATCH],
    from: [SocketAddr; BATCH],
    count: usize,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            buffers: boxed([0; DATAGRAM_BYTES]),
            names: boxed([0; NAME_BYTES]),
            lens: [0; BATCH],
            from: [NOWHERE; BATCH],
            count: 0,
        }
    }
}

impl Arrivals {
    /// How many arrived.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether every buffer was used, so that more may wait.
    pub fn is_full(&self) -> bool {
        self.count == BATCH
    }

    /// Each sender, in order of arrival.
    pub fn senders(&self) -> &[SocketAddr] {
        &self.from[..self.count]
    }

    /// Each sender and datagram, in order of arrival.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let lens = &self.lens[..self.count];
        self.buffers.iter_mut().zip(lens).zip(&self.from).map(|((buffer, &len), &from)| (from, &mut buffer[..len]))
    }
}

/// Datagrams on their way out: filled by the gate, emptied by the socket.
#[derive(Debug)]
pub struct Departures {
    buffers: Box<[[u8; DATAGRAM_BYTES]; BATCH]>,
    lens: [usize; BATCH],
    to: [SocketAddr; BATCH],
    names: Box<[([u8; NAME_BYTES], usize); BATCH]>,
    /// First slot not sent yet, and first slot free.
    head: usize,
    tail: usize,
    ipv6_socket: bool,
}

impl Departures {
    /// None waiting, for a socket of this family.
    pub fn new(ipv6_socket: bool) -> Self {
        Self {
            buffers: boxed([0; DATAGRAM_BYTES]),
            lens: [0; BATCH],
            to: [NOWHERE; BATCH],
            names: boxed(([0; NAME_BYTES], 0)),
            head: 0,
            tail: 0,
            ipv6_socket,
        }
    }

    /// Lends a free buffer to `write`, which answers none if it has nothing to send. False then, or when no buffer is free.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> Option<(SocketAddr, usize)>) -> bool {
        if self.tail == BATCH {
            return false;
        }
        let Some((to, len)) = write(&mut self.buffers[self.tail]) else { return false };
        assert!(len <= DATAGRAM_BYTES, "a datagram longer than its buffer");
        self.lens[self.tail] = len;
        self.to[self.tail] = to;
        self.names[self.tail] = name::encode(to, self.ipv6_socket);
        self.tail += 1;
        true
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.tail - self.head
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Whether no buffer is free until all have left.
    pub fn is_full(&self) -> bool {
        self.tail == BATCH
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.lens[self.head..self.tail].iter().sum()
    }

    /// Removes `count` from the front.
    pub fn pop(&mut self, count: usize) {
        self.head += count;
        assert!(self.head <= self.tail, "more datagrams left than there were");
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
        }
    }
}

/// One datagram per system call; works everywhere.
#[derive(Debug)]
pub struct Plain;

impl DatagramIo for Plain {
    fn recv(&mut self, socket: &mio::net::UdpSocket, arrivals: &mut Arrivals) -> io::Result<()> {
        arrivals.count = 0;
        while arrivals.count < BATCH {
            let slot = arrivals.count;
            match socket.recv_from(&mut arrivals.buffers[slot]) {
                Ok((len, from)) => {
                    arrivals.lens[slot] = len;
                    arrivals.from[slot] = name::unmapped(from);
                    arrivals.count += 1;
                }
                Err(error) if arrivals.count == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn send(&mut self, socket: &mio::net::UdpSocket, departures: &mut Departures) -> io::Result<()> {
        while !departures.is_empty() {
            let slot = departures.head;
            let to = name::mapped(departures.to[slot], departures.ipv6_socket);
            socket.send_to(&departures.buffers[slot][..departures.lens[slot]], to)?;
            departures.pop(1);
        }
        Ok(())
    }
}

/// Up to [`BATCH`] datagrams per system call.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Batched;

#[cfg(target_os = "linux")]
impl DatagramIo for Batched {
    fn recv(&mut self, socket: &mio::net::UdpSocket, arrivals: &mut Arrivals) -> io::Result<()> {
        arrivals.count = 0;
        let Arrivals { buffers, names, lens, from, count } = arrivals;
        *count = crate::edge::sys::recv_many(socket, buffers, names, lens)?;
        for (from, name) in from.iter_mut().zip(names.iter()).take(*count) {
            // The socket is of one of the two families, so the kernel writes no other; no answer would reach NOWHERE.
            *from = name::decode(name).unwrap_or(NOWHERE);
        }
        Ok(())
    }

    fn send(&mut self, socket: &mio::net::UdpSocket, departures: &mut Departures) -> io::Result<()> {
        while !departures.is_empty() {
            let waiting = departures.head..departures.tail;
            let sent = crate::edge::sys::send_many(
                socket,
                &departures.buffers[waiting.clone()],
                &departures.names[waiting.clone()],
                &departures.lens[waiting],
            )?;
            departures.pop(sent);
        }
        Ok(())
    }
}

/// `BATCH` copies on the heap, without a detour over the stack.
fn boxed<T: Copy>(value: T) -> Box<[T; BATCH]> {
    vec![value; BATCH].into_boxed_slice().try_into().ok().expect("BATCH elements were made")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::time::Duration;

    /// More than two batches, of every length class, so that one call is never enough.
    const COUNT: usize = 150;

    fn message(number: usize) -> Vec<u8> {
        vec![number as u8; 1 + number * 9 % 1_300]
    }

    fn ours(ip: &str) -> mio::net::UdpSocket {
        let any_port = SocketAddr::new(ip.parse().unwrap(), 0);
        mio::net::UdpSocket::from_std(super::super::socket::bind(any_port).unwrap().socket)
    }

    /// A peer whose buffer holds everything that is sent to it in one go.
    fn peer(ip: &str) -> UdpSocket {
        let peer = UdpSocket::bind((ip, 0)).unwrap();
        socket2::SockRef::from(&peer).set_recv_buffer_size(1 << 20).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        peer
    }

    fn ways() -> Vec<Box<dyn DatagramIo>> {
        vec![datagram_io(false), datagram_io(true)]
    }

    #[test]
    fn both_ways_of_receiving_deliver_the_same_datagrams() {
        for ip in ["127.0.0.1", "::1"] {
            let received: Vec<_> = ways().iter_mut().map(|io| receive_all(io.as_mut(), ip)).collect();
            let expected: Vec<_> = (0..COUNT).map(message).collect();
            assert_eq!(received[0], expected);
            assert_eq!(received[1], expected);
        }
    }

    fn receive_all(io: &mut dyn DatagramIo, ip: &str) -> Vec<Vec<u8>> {
        let socket = ours(ip);
        let peer = peer(ip);
        for number in 0..COUNT {
            peer.send_to(&message(number), socket.local_addr().unwrap()).unwrap();
        }
        let mut arrivals = Arrivals::default();
        let mut received = Vec::new();
        while received.len() < COUNT {
            io.recv(&socket, &mut arrivals).unwrap();
            assert_eq!(arrivals.is_full(), arrivals.len() == BATCH);
            for (from, datagram) in arrivals.iter_mut() {
                assert_eq!(from, peer.local_addr().unwrap());
                received.push(datagram.to_vec());
            }
        }
        assert_eq!(io.recv(&socket, &mut arrivals).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(arrivals.len(), 0);
        received
    }

    /// A read of nothing is not the end of what waits.
    #[test]
    fn survival_09_empty_datagrams_in_the_middle_of_a_drain_end_nothing() {
        for ip in ["127.0.0.1", "::1"] {
            for mut io in ways() {
                let (socket, peer) = (ours(ip), peer(ip));
                let expected: Vec<_> = (0..COUNT).map(|n| if n % 3 == 0 { vec![] } else { message(n) }).collect();
                for datagram in &expected {
                    peer.send_to(datagram, socket.local_addr().unwrap()).unwrap();
                }
                let (mut arrivals, mut received) = (Arrivals::default(), Vec::new());
                while io.recv(&socket, &mut arrivals).is_ok() {
                    received.extend(arrivals.iter_mut().map(|(_, datagram)| datagram.to_vec()));
                }
                assert_eq!(received, expected);
            }
        }
    }

    #[test]
    fn both_ways_of_sending_deliver_the_same_datagrams() {
        for ip in ["127.0.0.1", "::1"] {
            for mut io in ways() {
                let socket = ours(ip);
                let peer = peer(ip);
                let to = peer.local_addr().unwrap();
                let mut departures = Departures::new(to.is_ipv6());
                let mut buffer = [0; DATAGRAM_BYTES];
                for number in 0..COUNT {
                    let text = message(number);
                    assert!(departures.push(|slot| {
                        slot[..text.len()].copy_from_slice(&text);
                        Some((to, text.len()))
                    }));
                    if departures.is_full() || number + 1 == COUNT {
                        io.send(&socket, &mut departures).unwrap();
                        assert!(departures.is_empty());
                    }
                }
                for number in 0..COUNT {
                    let (len, from) = peer.recv_from(&mut buffer).unwrap();
                    assert_eq!((&buffer[..len], from), (&message(number)[..], socket.local_addr().unwrap()));
                }
            }
        }
    }

    #[test]
    fn an_ipv6_socket_answers_an_ipv4_peer_under_its_own_name() {
        for mut io in ways() {
            let socket = super::super::socket::bind("[::]:0".parse().unwrap()).unwrap().socket;
            let socket = mio::net::UdpSocket::from_std(socket);
            let peer = peer("127.0.0.1");
            peer.send_to(b"ask", ("127.0.0.1", socket.local_addr().unwrap().port())).unwrap();
            let mut arrivals = Arrivals::default();
            io.recv(&socket, &mut arrivals).unwrap();
            let (from, _) = arrivals.iter_mut().next().unwrap();
            assert_eq!(from, peer.local_addr().unwrap());
            let mut departures = Departures::new(true);
            departures.push(|slot| {
                slot[..6].copy_from_slice(b"answer");
                Some((from, 6))
            });
            io.send(&socket, &mut departures).unwrap();
            let mut buffer = [0; 16];
            assert_eq!(peer.recv(&mut buffer).unwrap(), 6);
        }
    }

    #[test]
    fn a_datagram_that_cannot_be_sent_stays_at_the_front_and_is_named_by_its_error() {
        for mut io in ways() {
            let socket = ours("127.0.0.1");
            let mut departures = Departures::new(false);
            // Port 0 is nobody's.
            departures.push(|_| Some(("127.0.0.1:0".parse().unwrap(), 5)));
            departures.push(|_| Some((socket.local_addr().unwrap(), 5)));
            assert!(io.send(&socket, &mut departures).is_err());
            assert_eq!(departures.len(), 2);
            departures.pop(1);
            io.send(&socket, &mut departures).unwrap();
            assert!(departures.is_empty());
        }
    }
}
