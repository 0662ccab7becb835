//! Socket addresses as the kernel writes them: `sockaddr_in` and `sockaddr_in6`, byte by byte.

use super::NAME_BYTES;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Bytes of `sockaddr_in`.
const V4_BYTES: usize = 16;
/// Bytes of `sockaddr_in6`.
const V6_BYTES: usize = 28;

/// The address in a name that the kernel filled. An IPv4 address that came through an IPv6 socket is unmapped, so that
/// nobody has two names. None for a family we never bind.
pub fn decode(name: &[u8; NAME_BYTES]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes([name[0], name[1]]));
    let port = u16::from_be_bytes([name[2], name[3]]);
    if family == libc::AF_INET {
        let octets: [u8; 4] = name[4..8].try_into().ok()?;
        return Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port));
    }
    if family != libc::AF_INET6 {
        return None;
    }
    let octets: [u8; 16] = name[8..24].try_into().ok()?;
    let scope = u32::from_ne_bytes(name[24..28].try_into().ok()?);
    Some(unmapped(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(octets), port, 0, scope))))
}

/// The name to send to, and how many of its bytes count. An IPv6 socket reaches IPv4 peers by their mapped address.
pub fn encode(to: SocketAddr, ipv6_socket: bool) -> ([u8; NAME_BYTES], usize) {
    let mut name = [0; NAME_BYTES];
    match mapped(to, ipv6_socket) {
        SocketAddr::V4(to) => {
            name[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&to.port().to_be_bytes());
            name[4..8].copy_from_slice(&to.ip().octets());
            (name, V4_BYTES)
        }
        SocketAddr::V6(to) => {
            name[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
            name[2..4].copy_from_slice(&to.port().to_be_bytes());
            name[8..24].copy_from_slice(&to.ip().octets());
            name[24..28].copy_from_slice(&to.scope_id().to_ne_bytes());
            (name, V6_BYTES)
        }
    }
}

/// `address` with an IPv4-mapped IPv6 address turned back into IPv4.
pub fn unmapped(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

/// `address` as a socket of this family can send to it.
pub fn mapped(address: SocketAddr, ipv6_socket: bool) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if ipv6_socket => SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way_to_the_kernel_and_back() {
        for text in ["127.0.0.1:7777", "203.0.113.9:1", "[2001:db8::5]:65535", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            let (name, len) = encode(address, address.is_ipv6());
            assert_eq!(decode(&name), Some(address), "{text}");
            assert_eq!(len, if address.is_ipv4() { 16 } else { 28 });
        }
    }

    #[test]
    fn names_are_what_the_system_library_writes() {
        for text in ["127.0.0.1:7777", "[2001:db8::5]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            let system = socket2::SockAddr::from(address);
            assert_eq!(encode(address, false).1, system.len() as usize);
            // The round trip through a real socket is tested with the batches.
        }
    }

    #[test]
    fn an_ipv4_peer_of_an_ipv6_socket_has_one_name() {
        let peer: SocketAddr = "192.0.2.1:5".parse().unwrap();
        let (name, len) = encode(peer, true);
        assert_eq!(len, V6_BYTES);
        assert_eq!(decode(&name), Some(peer));
    }

    #[test]
    fn an_unknown_family_has_no_address() {
        let mut name = [0; NAME_BYTES];
        name[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        assert_eq!(decode(&name), None);
    }
}
