//! Addresses as the standard's C code writes them, and the one form in which we compare them.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use crate::cursor::{Reader, Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Server addresses one token may carry.
pub const ADDRESSES_MAX: usize = 32;

const TYPE_IPV4: u8 = 1;
const TYPE_IPV6: u8 = 2;

/// The form in which addresses are compared, looked up and limited: IPv4 inside IPv6 is IPv4, and what only the local
/// kernel reads (flow label) is cleared. The scope of a link-local address stays: without it a reply finds no way back.
/// spec: SES-1
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
        },
    }
}

/// 1 to 32 server addresses, in the order in which a client tries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressList {
    addresses: [SocketAddr; ADDRESSES_MAX],
    len: usize,
}

impl AddressList {
    /// The list of `addresses`; `None` when there are none or more than 32.
    #[must_use]
    pub fn new(addresses: &[SocketAddr]) -> Option<Self> {
        let mut list = Self::empty();
        for address in addresses {
            list.push(*address)?;
        }
        (list.len > 0).then_some(list)
    }

    /// The addresses in order.
    #[must_use]
    pub fn as_slice(&self) -> &[SocketAddr] {
        self.addresses.get(..self.len).unwrap_or(&[])
    }

    fn empty() -> Self {
        Self { addresses: [SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0); ADDRESSES_MAX], len: 0 }
    }

    fn push(&mut self, address: SocketAddr) -> Option<()> {
        *self.addresses.get_mut(self.len)? = address;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// spec: SES-4
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        writer.u32(self.len as u32);
        for address in self.as_slice() {
            match address {
                SocketAddr::V4(v4) => {
                    writer.u8(TYPE_IPV4);
                    writer.put(&v4.ip().octets());
                }
                SocketAddr::V6(v6) => {
                    writer.u8(TYPE_IPV6);
                    // Group by group, each little-endian: not the octets of the address in network order.
                    for group in v6.ip().segments() {
                        writer.u16(group);
                    }
                }
            }
            writer.u16(address.port());
        }
    }

    /// `None` when the count is not 1..=32, a type is unknown or the bytes run out.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.u32()? as usize;
        if count == 0 || count > ADDRESSES_MAX {
            return None;
        }
        let mut list = Self::empty();
        for _ in 0..count {
            let ip = match reader.u8()? {
                TYPE_IPV4 => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
                TYPE_IPV6 => {
                    let mut groups = [0; 8];
                    for group in &mut groups {
                        *group = reader.u16()?;
                    }
                    IpAddr::V6(Ipv6Addr::from(groups))
                }
                _ => return None,
            };
            list.push(SocketAddr::new(ip, reader.u16()?))?;
        }
        Some(list)
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn encoded(addresses: &[&str]) -> Vec<u8> {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let mut bytes = vec![0; 4 + addresses.len() * 19];
        let mut writer = Writer::new(&mut bytes);
        AddressList::new(&addresses).unwrap().encode(&mut writer);
        bytes
    }

    /// proves: SES-4
    #[test]
    fn an_ipv4_address_is_written_octet_by_octet() {
        assert_eq!(encoded(&["10.1.2.3:7777"])[..11], [1, 0, 0, 0, 1, 10, 1, 2, 3, 0x61, 0x1E]);
    }

    /// proves: SES-4
    #[test]
    fn an_ipv6_address_is_written_group_by_group_little_endian() {
        let bytes = encoded(&["[2001:db8::ff00:42:8329]:40000"]);
        assert_eq!(bytes[4..], [2, 0x01, 0x20, 0xB8, 0x0D, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0x42, 0, 0x29, 0x83, 0x40, 0x9C]);
    }

    #[test]
    fn lists_round_trip_and_keep_their_order() {
        let addresses: Vec<SocketAddr> = ["1.2.3.4:5", "[::1]:6", "255.255.255.255:65535", "[fe80::1]:0"]
            .iter()
            .map(|a| a.parse().unwrap())
            .collect();
        let list = AddressList::new(&addresses).unwrap();
        let mut bytes = [0; 80];
        list.encode(&mut Writer::new(&mut bytes));
        let again = AddressList::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(again.as_slice(), addresses);
    }

    #[test]
    fn bad_counts_types_and_lengths_are_refused() {
        let good = encoded(&["1.2.3.4:5"]);
        for cut in 0..11 {
            assert_eq!(AddressList::decode(&mut Reader::new(&good[..cut])), None);
        }
        for (at, value) in [(0, 0), (0, 33), (3, 1), (4, 0), (4, 3)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(AddressList::decode(&mut Reader::new(&bad)), None, "byte {at} = {value}");
        }
        assert_eq!(AddressList::new(&[]), None);
        assert_eq!(AddressList::new(&["1.2.3.4:5".parse().unwrap(); 33]), None);
    }

    /// proves: SES-1
    #[test]
    fn ipv4_inside_ipv6_is_ipv4() {
        let canonical = |a: &str| canonical(a.parse().unwrap()).to_string();
        assert_eq!(canonical("[::ffff:192.0.2.1]:9"), "192.0.2.1:9");
        assert_eq!(canonical("[2001:db8::1]:9"), "[2001:db8::1]:9");
        assert_eq!(canonical("192.0.2.1:9"), "192.0.2.1:9");
    }
}
