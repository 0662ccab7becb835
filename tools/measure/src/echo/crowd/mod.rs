//! One socket that plays every client: client i is the address 127.1.0.0 + i on its port.
//!
//! A socket per client costs the load a system call and an event per datagram, which is more than the server spends on
//! it. Here datagrams go out and come in 64 at a time; each carries its client's own address, so that to the server
//! they are as many peers as before.

mod sys;

use anyhow::{Context, Result, bail};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

/// Datagrams per system call.
const BATCH: usize = 64;
/// Bytes that fit a datagram buffer.
pub const BUFFER_BYTES: usize = 1_500;
/// Client 0. All of 127.0.0.0/8 is this machine; servers stand at its beginning.
const FIRST: u32 = u32::from_be_bytes([127, 1, 0, 0]);
/// Clients that fit before the addresses run into the broadcast one.
pub const CLIENTS_MAX: usize = 1 << 20;

/// The load's socket.
#[derive(Debug)]
pub struct Crowd {
    socket: UdpSocket,
    server: SocketAddrV4,
    arrivals: Box<Batch>,
    departures: Box<Batch>,
    /// Departures that wait.
    waiting: usize,
}

/// What [`Crowd::receive`] tells, by the client's index.
#[derive(Debug)]
pub enum Arrival<'a> {
    /// One of the next datagrams is this client's.
    Expected(usize),
    /// A datagram, which may be changed.
    Datagram(usize, &'a mut [u8]),
}

/// Datagrams of one system call, and the address each came to or leaves from.
#[derive(Debug)]
struct Batch {
    buffers: [[u8; BUFFER_BYTES]; BATCH],
    lens: [usize; BATCH],
    locals: [Ipv4Addr; BATCH],
}

impl Batch {
    fn new() -> Box<Self> {
        let (lens, locals) = ([0; BATCH], [Ipv4Addr::UNSPECIFIED; BATCH]);
        Box::new(Self { buffers: [[0; BUFFER_BYTES]; BATCH], lens, locals })
    }
}

impl Crowd {
    /// A socket for clients of `server`.
    ///
    /// # Errors
    /// `server` is not an IPv4 address of this machine, or the system gives no socket.
    pub fn new(server: SocketAddr) -> Result<Self> {
        let SocketAddr::V4(server) = server else { bail!("{server} is not IPv4: a crowd stands on 127.0.0.0/8") };
        if !server.ip().is_loopback() {
            bail!("{server} is not on this machine: a crowd's addresses are 127.0.0.0/8");
        }
        // As the server's, with the same buffers.
        let socket = super::bound_socket(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        sys::tell_destinations(&socket).context("the kernel does not tell where datagrams came to")?;
        Ok(Self { socket, server, arrivals: Batch::new(), departures: Batch::new(), waiting: 0 })
    }

    /// Lends a buffer to `write`, which answers the datagram's length, or none if client `index` has nothing to say;
    /// answers the same. It leaves with the batch or with [`Crowd::flush`].
    pub fn send(&mut self, index: usize, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
        if self.waiting == BATCH {
            self.flush();
        }
        let len = write(&mut self.departures.buffers[self.waiting])?;
        self.departures.lens[self.waiting] = len;
        self.departures.locals[self.waiting] = local(index);
        self.waiting += 1;
        Some(len)
    }

    /// Sends what waits. What the kernel refuses is lost, as any network may, and shows as questions unanswered.
    pub fn flush(&mut self) {
        let mut first = 0;
        while first < self.waiting {
            match sys::send_many(&self.socket, &self.departures, first..self.waiting, self.server) {
                Ok(sent) => first += sent,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => first += 1,
            }
        }
        self.waiting = 0;
    }

    /// Hands over everything that has come, a batch at a time: first whose datagrams it holds, then each of them.
    pub fn receive(&mut self, mut take: impl FnMut(Arrival<'_>)) {
        loop {
            let count = match sys::recv_many(&self.socket, &mut self.arrivals) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The kernel's word on an earlier datagram.
                Err(_) => continue,
            };
            let Batch { buffers, lens, locals } = &mut *self.arrivals;
            locals[..count].iter().filter_map(|local| index(*local)).for_each(|index| take(Arrival::Expected(index)));
            for ((buffer, len), local) in buffers.iter_mut().zip(lens).zip(locals).take(count) {
                if let Some(index) = index(*local) {
                    take(Arrival::Datagram(index, &mut buffer[..*len]));
                }
            }
            if count < BATCH {
                return;
            }
        }
    }
}

fn local(index: usize) -> Ipv4Addr {
    assert!(index < CLIENTS_MAX, "a client without an address");
    Ipv4Addr::from(FIRST + index as u32)
}

/// The client with this address; none for any other.
fn index(local: Ipv4Addr) -> Option<usize> {
    u32::from(local).checked_sub(FIRST).map(|index| index as usize).filter(|index| *index < CLIENTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// More than one batch.
    const COUNT: usize = 100;

    fn note(heard: &mut Vec<(usize, Vec<u8>)>, arrival: Arrival<'_>) {
        if let Arrival::Datagram(index, datagram) = arrival {
            heard.push((index, datagram.to_vec()));
        }
    }

    fn server() -> UdpSocket {
        let server = UdpSocket::bind(crate::echo::local()).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        server
    }

    #[test]
    fn every_client_speaks_from_its_own_address_and_hears_what_is_sent_there() {
        let server = server();
        let mut crowd = Crowd::new(server.local_addr().unwrap()).unwrap();
        for index in 0..COUNT {
            let sent = crowd.send(index, |buffer| {
                buffer[0] = index as u8;
                Some(1)
            });
            assert_eq!(sent, Some(1));
        }
        assert_eq!(crowd.send(COUNT, |_| None), None);
        crowd.flush();
        let mut buffer = [0; 8];
        for index in 0..COUNT {
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!((len, buffer[0], from.ip()), (1, index as u8, local(index).into()));
            server.send_to(&[index as u8, 1], from).unwrap();
        }
        let mut heard = Vec::new();
        // On loopback a datagram has arrived when its send returns.
        crowd.receive(|arrival| note(&mut heard, arrival));
        let expected: Vec<_> = (0..COUNT).map(|index| (index, vec![index as u8, 1])).collect();
        assert_eq!(heard, expected);
        crowd.receive(|_| panic!("nothing waits any more"));
    }

    #[test]
    fn a_datagram_to_an_address_that_no_client_has_is_nobodys() {
        let server = server();
        let mut crowd = Crowd::new(server.local_addr().unwrap()).unwrap();
        let port = crowd.socket.local_addr().unwrap().port();
        server.send_to(b"stray", ("127.0.0.1", port)).unwrap();
        server.send_to(b"stray", ("127.99.0.0", port)).unwrap();
        server.send_to(b"good", (local(7), port)).unwrap();
        let mut heard = Vec::new();
        crowd.receive(|arrival| note(&mut heard, arrival));
        assert_eq!(heard, [(7, b"good".to_vec())]);
    }

    #[test]
    fn a_crowd_stands_on_this_machine_alone() {
        assert!(Crowd::new("192.0.2.1:9".parse().unwrap()).is_err());
        assert!(Crowd::new("[::1]:9".parse().unwrap()).is_err());
    }
}
