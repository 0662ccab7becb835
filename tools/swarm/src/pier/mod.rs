//! One socket for many bots, each of which has an address of its own among 127.64.0.0 to 127.127.255.255.
//!
//! Two thousand sockets are memory of the kernel's that is far away each time it is needed, and each datagram is a call. Of
//! one socket all is near, and one call takes or gives 64. The server cannot tell the difference: every bot comes from another
//! address. For a server on another machine, and where there are no such calls, each bot has a socket.
//!
//! What has come waits here until its bot asks, as it would in a socket of the bot's own.

#[cfg(target_os = "linux")]
mod calls;

use crate::tally::Tally;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

/// Largest datagram that can arrive: an Ethernet frame's payload.
const BYTES_MAX: usize = 1_500;
/// Datagrams a call: more save little, and their headers fill a near cache.
const BATCH: usize = 64;
/// Most calls that take before the bots have their turn again: whoever sends without an end may not keep them from it.
const CALLS_A_TURN: usize = 256;
/// Asked of the kernel for each bot: its datagrams of a fifth of a second, 2.3 KB each as the kernel counts. With less than
/// half of it what comes while the bots have their turns would be lost.
const BUFFER_BYTES_EACH: usize = 28 << 10;
/// Datagrams that wait for one bot; a socket's buffer would hold about as many.
const WAITING_MAX: u32 = 256;
/// Addresses from here on...
const FIRST: u32 = 0x7f40_0001;
/// ...and so many, after which the first is used again: by then nobody remembers it.
const ADDRESSES: u32 = (1 << 22) - 2;
const NONE: u32 = u32::MAX;

/// An address of the pier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Berth(u32);

/// Bytes of a datagram that waits for its bot.
struct Parcel {
    bytes: [u8; BYTES_MAX],
}

/// What there is to know of it. Not beside the bytes, each of which is read once and by then far away.
#[derive(Clone, Copy)]
struct Slip {
    next: u32,
    len: u32,
}

/// What waits for a bot, oldest first.
#[derive(Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
    count: u32,
    /// Where it comes to.
    berth: Berth,
}

/// The socket, and what waits on either side of it.
pub struct Pier {
    socket: UdpSocket,
    server: SocketAddrV4,
    /// By address, from [`FIRST`] on: whose it was last.
    owners: Vec<u32>,
    next_address: u32,
    queues: Vec<Queue>,
    parcels: Vec<Parcel>,
    slips: Vec<Slip>,
    free: Vec<u32>,
    leaving: Vec<(Berth, usize)>,
    leaving_bytes: Box<[[u8; BYTES_MAX]]>,
}

impl std::fmt::Debug for Pier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pier").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Pier {
    /// A pier for so many bots, or none if the server cannot be reached from such addresses, or if one socket may not hold as
    /// much as theirs together (that is for `net.core.rmem_max` to say, but not to who may do anything).
    ///
    /// # Errors
    /// The system gives no socket.
    pub fn open(server: SocketAddr, bots: usize) -> io::Result<Option<Self>> {
        let SocketAddr::V4(server) = server else { return Ok(None) };
        if !server.ip().is_loopback() || !calls::ARE_THERE {
            return Ok(None);
        }
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        let wanted = BUFFER_BYTES_EACH * bots.max(1);
        if calls::prepare(&socket, wanted)? < wanted / 2 {
            return Ok(None);
        }
        let nobody = Queue { first: NONE, last: NONE, count: 0, berth: Berth(NONE) };
        Ok(Some(Self {
            socket,
            server,
            owners: Vec::new(),
            next_address: 0,
            queues: vec![nobody; bots],
            parcels: Vec::new(),
            slips: Vec::new(),
            free: Vec::new(),
            leaving: Vec::with_capacity(BATCH),
            leaving_bytes: vec![[0; BYTES_MAX]; BATCH].into_boxed_slice(),
        }))
    }

    /// An address that the bot has not had before. What waited for it at another one is gone.
    pub fn moor(&mut self, bot: usize) -> Berth {
        while self.take(bot).is_some() {}
        let number = self.next_address;
        self.next_address = (number + 1) % ADDRESSES;
        if self.owners.len() <= number as usize {
            self.owners.resize(number as usize + 1, NONE);
        }
        self.owners[number as usize] = bot as u32;
        let berth = Berth(FIRST + number);
        self.queues[bot].berth = berth;
        berth
    }

    /// The next datagram that waits for the bot, into `buf`.
    pub fn recv(&mut self, bot: usize, buf: &mut [u8]) -> Option<usize> {
        let slot = self.take(bot)?;
        let len = (self.slips[slot as usize].len as usize).min(buf.len());
        buf[..len].copy_from_slice(&self.parcels[slot as usize].bytes[..len]);
        Some(len)
    }

    /// Where the next datagram for the bot is, if one waits.
    pub fn peek(&self, bot: usize) -> Option<&[u8]> {
        let slot = self.queues[bot].first as usize;
        self.parcels.get(slot)?.bytes.get(..self.slips[slot].len as usize)
    }

    /// Takes what has come, or a turn's share of it.
    pub fn gather(&mut self) {
        for _ in 0..CALLS_A_TURN {
            while self.free.len() < BATCH {
                self.free.push(self.parcels.len() as u32);
                self.parcels.push(Parcel { bytes: [0; BYTES_MAX] });
                self.slips.push(Slip { next: NONE, len: 0 });
            }
            let mut slots = [NONE; BATCH];
            let kept = self.free.len() - BATCH;
            slots.copy_from_slice(&self.free[kept..]);
            let mut came = [(0, 0); BATCH];
            // An ICMP answer to an earlier datagram, or nothing there: the time-outs deal with the one, the next turn with the other.
            let count = calls::recv(&self.socket, &mut self.parcels, &slots, &mut came).unwrap_or(0);
            self.free.truncate(kept);
            for (slot, (to, len)) in slots.into_iter().zip(came).take(count) {
                self.slips[slot as usize].len = len;
                self.put(slot, Berth(to));
            }
            self.free.extend(&slots[count..]);
            if count < BATCH {
                return;
            }
        }
    }

    /// Lets a datagram leave: soon, in the order of the calls.
    pub fn send(&mut self, from: Berth, datagram: &[u8], tally: &mut Tally) {
        let Some(room) = self.leaving_bytes.get_mut(self.leaving.len()) else { return };
        let len = datagram.len().min(BYTES_MAX);
        room[..len].copy_from_slice(&datagram[..len]);
        self.leaving.push((from, len));
        if self.leaving.len() == BATCH {
            self.flush(tally);
        }
    }

    /// Lets everything leave now.
    pub fn flush(&mut self, tally: &mut Tally) {
        let mut done = 0;
        while done < self.leaving.len() {
            match calls::send(&self.socket, self.server, &self.leaving[done..], &self.leaving_bytes[done..]) {
                Ok(count) if count > 0 => {
                    self.leaving[done..done + count].iter().for_each(|(_, len)| tally.on_sent(*len));
                    done += count;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The network may lose a datagram at any time; a full socket buffer is no different.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tally.sends_blocked += (self.leaving.len() - done) as u64;
                    break;
                }
                // It is about the first of them.
                _ => done += 1,
            }
        }
        self.leaving.clear();
    }

    fn put(&mut self, slot: u32, to: Berth) {
        let owner = to.0.checked_sub(FIRST).and_then(|number| self.owners.get(number as usize));
        let queue = owner.and_then(|owner| self.queues.get_mut(*owner as usize));
        let Some(queue) = queue.filter(|queue| queue.berth == to && queue.count < WAITING_MAX) else {
            return self.free.push(slot);
        };
        queue.count += 1;
        let last = std::mem::replace(&mut queue.last, slot);
        match self.slips.get_mut(last as usize) {
            Some(last) => last.next = slot,
            None => queue.first = slot,
        }
        self.slips[slot as usize].next = NONE;
    }

    /// The place of the next datagram for the bot, which is free from now on.
    fn take(&mut self, bot: usize) -> Option<u32> {
        let queue = &mut self.queues[bot];
        let slot = queue.first;
        queue.first = self.slips.get(slot as usize)?.next;
        queue.count -= 1;
        if queue.first == NONE {
            queue.last = NONE;
        }
        self.free.push(slot);
        Some(slot)
    }
}

/// Elsewhere every bot has a socket of its own.
#[cfg(not(target_os = "linux"))]
mod calls {
    use super::{BATCH, BYTES_MAX, Berth, Parcel};
    use std::io;
    use std::net::{SocketAddrV4, UdpSocket};

    pub const ARE_THERE: bool = false;

    pub fn prepare(_: &UdpSocket, _: usize) -> io::Result<usize> {
        Ok(0)
    }

    pub fn recv(_: &UdpSocket, _: &mut [Parcel], _: &[u32; BATCH], _: &mut [(u32, u32); BATCH]) -> io::Result<usize> {
        Ok(0)
    }

    pub fn send(_: &UdpSocket, _: SocketAddrV4, _: &[(Berth, usize)], _: &[[u8; BYTES_MAX]]) -> io::Result<usize> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What comes to a bot next.
    fn recv(pier: &mut Pier, bot: usize) -> Vec<u8> {
        let mut buf = [0; BYTES_MAX];
        loop {
            pier.gather();
            if let Some(len) = pier.recv(bot, &mut buf) {
                return buf[..len].to_vec();
            }
        }
    }

    #[test]
    fn each_bot_comes_from_an_address_of_its_own_and_gets_what_is_sent_there() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let Some(mut pier) = Pier::open(server.local_addr().unwrap(), 3).unwrap() else { return };
        let (mut tally, mut buf) = (Tally::default(), [0; 64]);
        let berths = [pier.moor(0), pier.moor(1)];
        pier.send(berths[0], b"from nought", &mut tally);
        pier.send(berths[1], b"from one", &mut tally);
        pier.flush(&mut tally);
        let mut from = Vec::new();
        for said in ["from nought", "from one"] {
            let (len, at) = server.recv_from(&mut buf).unwrap();
            assert_eq!(&buf[..len], said.as_bytes());
            from.push(at);
        }
        assert_ne!(from[0].ip(), from[1].ip());
        server.send_to(b"first", from[1]).unwrap();
        server.send_to(b"second", from[1]).unwrap();
        server.send_to(b"third", from[0]).unwrap();
        assert_eq!([recv(&mut pier, 1), recv(&mut pier, 1)], [b"first".to_vec(), b"second".to_vec()]);
        assert_eq!((recv(&mut pier, 0), pier.recv(2, &mut buf)), (b"third".to_vec(), None));
        assert_eq!(pier.peek(0), None);

        server.send_to(b"to the old address", from[0]).unwrap();
        let berth = pier.moor(0);
        server.send_to(b"to the old address", from[0]).unwrap();
        pier.send(berth, b"from elsewhere", &mut tally);
        pier.flush(&mut tally);
        let (_, elsewhere) = server.recv_from(&mut buf).unwrap();
        assert_ne!(elsewhere, from[0]);
        server.send_to(b"to the new one", elsewhere).unwrap();
        assert_eq!(recv(&mut pier, 0), b"to the new one");
        assert_eq!(tally.sends_blocked, 0);
    }

    #[test]
    fn what_nobody_fetches_is_lost_beyond_a_socketful() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let Some(mut pier) = Pier::open(server.local_addr().unwrap(), 1).unwrap() else { return };
        let (mut tally, mut buf) = (Tally::default(), [0; 64]);
        let berth = pier.moor(0);
        pier.send(berth, b"here", &mut tally);
        pier.flush(&mut tally);
        let (_, from) = server.recv_from(&mut buf).unwrap();
        for number in 0..=WAITING_MAX {
            server.send_to(&number.to_le_bytes(), from).unwrap();
            pier.gather();
        }
        let mut waited = 0;
        while pier.recv(0, &mut buf).is_some() {
            assert_eq!(buf[..4], u32::to_le_bytes(waited));
            waited += 1;
        }
        assert_eq!(waited, WAITING_MAX);
        assert!(pier.parcels.len() <= WAITING_MAX as usize + BATCH && pier.free.len() == pier.parcels.len());
        assert!(Pier::open("192.0.2.1:1".parse().unwrap(), 1).unwrap().is_none(), "not from 127/8");
    }
}
