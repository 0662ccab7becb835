//! One socket for many bots, each of which has an address of its own among 127.64.0.0 to 127.127.255.255.
//!
//! Two thousand sockets are memory of the kernel's that is far away each time it is needed, and each datagram is a call. Of
//! one socket all is near, and one call takes or gives 64. The server cannot tell the difference: every bot comes from another
//! address. For a server on another machine, and where there are no such calls, each bot has a socket.
//!
//! What has come waits here until its bot asks, as it would in a socket of the bot's own.

#![allow(
    unsafe_code,
    reason = "recvmmsg and sendmmsg with addresses of both ends have no safe face in the crates at hand"
)]

use crate::tally::Tally;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

/// Largest datagram that can arrive: an Ethernet frame's payload.
const BYTES_MAX: usize = 1_500;
/// Datagrams a call: more save little, and their headers fill a near cache.
const BATCH: usize = 64;
/// Asked of the kernel: two thousand bots' datagrams of a fifth of a second, 2.3 KB each as the kernel counts.
const BUFFER_BYTES: usize = 64 << 20;
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

/// A datagram that waits for its bot.
struct Parcel {
    next: u32,
    len: u32,
    bytes: [u8; BYTES_MAX],
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
    /// A pier for so many bots, or none if the server cannot be reached from such addresses.
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
        calls::prepare(&socket, BUFFER_BYTES)?;
        let nobody = Queue { first: NONE, last: NONE, count: 0, berth: Berth(NONE) };
        Ok(Some(Self {
            socket,
            server,
            owners: Vec::new(),
            next_address: 0,
            queues: vec![nobody; bots],
            parcels: Vec::new(),
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
        let parcel = &self.parcels[slot as usize];
        let len = (parcel.len as usize).min(buf.len());
        buf[..len].copy_from_slice(&parcel.bytes[..len]);
        Some(len)
    }

    /// Where the next datagram for the bot is, if one waits.
    pub fn peek(&self, bot: usize) -> Option<&[u8]> {
        let parcel = self.parcels.get(self.queues[bot].first as usize)?;
        parcel.bytes.get(..parcel.len as usize)
    }

    /// Takes everything that has come.
    pub fn gather(&mut self) {
        loop {
            while self.free.len() < BATCH {
                self.free.push(self.parcels.len() as u32);
                self.parcels.push(Parcel { next: NONE, len: 0, bytes: [0; BYTES_MAX] });
            }
            let mut slots = [NONE; BATCH];
            let kept = self.free.len() - BATCH;
            slots.copy_from_slice(&self.free[kept..]);
            let mut came = [(0, 0); BATCH];
            // An ICMP answer to an earlier datagram, or nothing there: the time-outs deal with the one, the next turn with the other.
            let count = calls::recv(&self.socket, &mut self.parcels, &slots, &mut came).unwrap_or(0);
            self.free.truncate(kept);
            for (slot, (to, len)) in slots.into_iter().zip(came).take(count) {
                self.parcels[slot as usize].len = len;
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
        match self.parcels.get_mut(last as usize) {
            Some(last) => last.next = slot,
            None => queue.first = slot,
        }
        self.parcels[slot as usize].next = NONE;
    }

    /// The place of the next datagram for the bot, which is free from now on.
    fn take(&mut self, bot: usize) -> Option<u32> {
        let queue = &mut self.queues[bot];
        let slot = queue.first;
        queue.first = self.parcels.get(slot as usize)?.next;
        queue.count -= 1;
        if queue.first == NONE {
            queue.last = NONE;
        }
        self.free.push(slot);
        Some(slot)
    }
}

/// The calls. Pointers are made of live slices right before each and do not outlive it.
#[cfg(target_os = "linux")]
mod calls {
    use super::{BATCH, BYTES_MAX, Berth, Parcel};
    use std::io;
    use std::mem::{size_of, zeroed};
    use std::net::{SocketAddrV4, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::ptr;

    pub const ARE_THERE: bool = true;
    /// Room for a header and the addresses of both ends.
    const CONTROL_BYTES: usize = 64;

    #[derive(Clone, Copy)]
    #[repr(align(8))]
    struct Control([u8; CONTROL_BYTES]);

    pub fn prepare(socket: &UdpSocket, buffer_bytes: usize) -> io::Result<()> {
        let set = |level, option, value: libc::c_int| {
            let bytes = size_of::<libc::c_int>() as libc::socklen_t;
            // SAFETY: `value` is a live c_int of the stated length.
            let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), bytes) };
            if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        };
        for (forced, asked) in [(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF), (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF)] {
            // Whoever may not force it gets what is allowed.
            let bytes = buffer_bytes as libc::c_int;
            if set(libc::SOL_SOCKET, forced, bytes).is_err() {
                set(libc::SOL_SOCKET, asked, bytes)?;
            }
        }
        set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)?;
        set(libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    }

    /// Fills the parcels in `slots` from the first on, and says of each to what address it came and how long it is.
    pub fn recv(
        socket: &UdpSocket,
        parcels: &mut [Parcel],
        slots: &[u32; BATCH],
        came: &mut [(u32, u32); BATCH],
    ) -> io::Result<usize> {
        let mut controls = [Control([0; CONTROL_BYTES]); BATCH];
        let mut pieces: [libc::iovec; BATCH] = std::array::from_fn(|at| libc::iovec {
            iov_base: parcels[slots[at] as usize].bytes.as_mut_ptr().cast(),
            iov_len: BYTES_MAX,
        });
        // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for (at, header) in headers.iter_mut().enumerate() {
            header.msg_hdr.msg_iov = &raw mut pieces[at];
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = controls[at].0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL_BYTES as _;
        }
        let (fd, batch) = (socket.as_raw_fd(), BATCH as libc::c_uint);
        // SAFETY: each header points at a distinct iovec, buffer and room for control of the stated length, all alive until
        // the return; the slots are those of distinct parcels.
        let count =
            unsafe { libc::recvmmsg(fd, headers.as_mut_ptr(), batch, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (header, came) in headers[..count].iter().zip(came) {
            *came = (destination(&header.msg_hdr), header.msg_len);
        }
        Ok(count)
    }

    /// What address a datagram came to; 0 if the kernel did not say.
    fn destination(header: &libc::msghdr) -> u32 {
        // SAFETY: the kernel wrote the control data of this header, whose room is alive.
        unsafe {
            let control = libc::CMSG_FIRSTHDR(header);
            if control.is_null()
                || (*control).cmsg_level != libc::IPPROTO_IP
                || (*control).cmsg_type != libc::IP_PKTINFO
            {
                return 0;
            }
            let info: libc::in_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(control).cast());
            u32::from_be(info.ipi_addr.s_addr)
        }
    }

    /// Sends datagrams and says how many of them left, first ones first.
    pub fn send(
        socket: &UdpSocket,
        server: SocketAddrV4,
        leaving: &[(Berth, usize)],
        bytes: &[[u8; BYTES_MAX]],
    ) -> io::Result<usize> {
        let count = leaving.len().min(bytes.len()).min(BATCH);
        let mut controls = [Control([0; CONTROL_BYTES]); BATCH];
        let mut pieces = [const { libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 } }; BATCH];
        let mut name = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: server.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from(*server.ip()).to_be() },
            sin_zero: [0; 8],
        };
        // SAFETY: all-zero bytes are a valid mmsghdr: null pointers with zero lengths.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for at in 0..count {
            let (Berth(from), len) = leaving[at];
            pieces[at] = libc::iovec { iov_base: bytes[at].as_ptr().cast_mut().cast(), iov_len: len.min(BYTES_MAX) };
            let header = &mut headers[at].msg_hdr;
            header.msg_name = (&raw mut name).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
            header.msg_iov = &raw mut pieces[at];
            header.msg_iovlen = 1;
            header.msg_control = controls[at].0.as_mut_ptr().cast();
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr { s_addr: from.to_be() },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            // SAFETY: the room for control is larger than a header and this address, and alive until the return.
            unsafe {
                let info_bytes = size_of::<libc::in_pktinfo>() as libc::c_uint;
                header.msg_controllen = libc::CMSG_SPACE(info_bytes) as _;
                let control = libc::CMSG_FIRSTHDR(header);
                (*control).cmsg_level = libc::IPPROTO_IP;
                (*control).cmsg_type = libc::IP_PKTINFO;
                (*control).cmsg_len = libc::CMSG_LEN(info_bytes) as _;
                ptr::write_unaligned(libc::CMSG_DATA(control).cast(), info);
            }
        }
        let fd = socket.as_raw_fd();
        // SAFETY: the first `count` headers point at live names, iovecs, buffers and control of the stated lengths; sendmmsg
        // only reads through them.
        let sent = unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count as libc::c_uint, libc::MSG_DONTWAIT as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Elsewhere every bot has a socket of its own.
#[cfg(not(target_os = "linux"))]
mod calls {
    use super::{BATCH, BYTES_MAX, Berth, Parcel};
    use std::io;
    use std::net::{SocketAddrV4, UdpSocket};

    pub const ARE_THERE: bool = false;

    pub fn prepare(_: &UdpSocket, _: usize) -> io::Result<()> {
        Ok(())
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
