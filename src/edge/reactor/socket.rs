//! The server's UDP socket: bound, buffered, never fragmenting, never blocking.

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Bytes asked for each of the two kernel buffers: 8 MiB hold 2,500 players' datagrams of five ticks, at about 600 bytes
/// of kernel memory for a small one. The kernel grants at most net.core.rmem_max and wmem_max.
pub const SOCKET_BUFFER_BYTES: usize = 8 << 20;

/// A bound socket and what the kernel granted it.
#[derive(Debug)]
pub struct Bound {
    /// Ready for mio.
    pub socket: UdpSocket,
    /// Bytes of the receive buffer, as the kernel counts them (it doubles what it grants, for its own bookkeeping).
    pub recv_buffer_bytes: usize,
    /// Bytes of the send buffer, likewise.
    pub send_buffer_bytes: usize,
}

/// Binds `listen`.
///
/// # Errors
/// The address is taken, not ours, or out of reach for this user.
pub fn bind(listen: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        // One socket for both families; IPv4 peers appear mapped and are unmapped on the way in.
        socket.set_only_v6(false)?;
    }
    socket.bind(&listen.into())?;
    socket.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    crate::edge::sys::forbid_fragments(&socket, listen.is_ipv6())?;
    let socket = UdpSocket::from(socket);
    let options = SockRef::from(&socket);
    // Less than asked for is no error: the start-up log says what was granted.
    let _ = options.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = options.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    let (recv_buffer_bytes, send_buffer_bytes) = (options.recv_buffer_size()?, options.send_buffer_size()?);
    Ok(Bound { socket, recv_buffer_bytes, send_buffer_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_socket_has_more_buffer_than_the_default_and_refuses_to_fragment() {
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(bound.recv_buffer_bytes >= 200_000 && bound.send_buffer_bytes >= 200_000, "{bound:?}");
        #[cfg(target_os = "linux")]
        assert_eq!(crate::edge::sys::kernel_drops(&bound.socket).unwrap(), 0);
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.socket.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn datagrams_that_overflow_the_buffer_are_counted() {
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        SockRef::from(&bound.socket).set_recv_buffer_size(4_096).unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..100 {
            peer.send_to(&[0; 1_000], bound.socket.local_addr().unwrap()).unwrap();
        }
        let drops = crate::edge::sys::kernel_drops(&bound.socket).unwrap();
        assert!((50..100).contains(&drops), "{drops}");
    }
}
