//! By what strangers are told apart before anything about them is proven: their address and their network.
use crate::bucket::{BucketTable, Rate};
use std::net::IpAddr;

/// Buckets for single addresses: 512 KiB. To starve one of them by collision an attacker has to fill all of them, with
/// 655,360 datagrams a second at the default limit.
const ADDRESS_BUCKETS: usize = 1 << 16;
/// Buckets for networks: 128 KiB.
const NETWORK_BUCKETS: usize = 1 << 14;

/// The leading bits of an address; the families never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Prefix {
    is_ipv6: bool,
    bits: u64,
}

impl Prefix {
    /// An IPv4 address or an IPv6 /64: what one household or one rented machine can send from.
    pub(super) fn host(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self { is_ipv6: false, bits: u64::from(v4.to_bits()) },
            IpAddr::V6(v6) => Self { is_ipv6: true, bits: (v6.to_bits() >> 64) as u64 },
        }
    }

    /// An IPv4 /24 or an IPv6 /48: the least that is routed by itself.
    pub(super) fn network(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self { is_ipv6: false, bits: u64::from(v4.to_bits() >> 8) },
            IpAddr::V6(v6) => Self { is_ipv6: true, bits: (v6.to_bits() >> 80) as u64 },
        }
    }
}

/// Whose bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crowded {
    Address,
    Network,
}

/// One bucket per address and one per network.
pub(super) struct OriginRates {
    addresses: BucketTable,
    networks: BucketTable,
}

impl OriginRates {
    pub(super) fn new(per_address: Rate, per_network: Rate, seeds: [u64; 2]) -> Self {
        Self {
            addresses: BucketTable::new(per_address, ADDRESS_BUCKETS, seeds[0]),
            networks: BucketTable::new(per_network, NETWORK_BUCKETS, seeds[1]),
        }
    }

    /// Takes one datagram from each of the two buckets, or says which of them has none left.
    pub(super) fn judge(&mut self, from: IpAddr, mono_ns: u64) -> Result<(), Crowded> {
        if !self.addresses.admit(Prefix::host(from), mono_ns) {
            return Err(Crowded::Address);
        }
        if !self.networks.admit(Prefix::network(from), mono_ns) {
            return Err(Crowded::Network);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_networks_are_the_leading_bits_of_their_family() {
        let host = |ip: &str| Prefix::host(ip.parse().unwrap());
        let network = |ip: &str| Prefix::network(ip.parse().unwrap());
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("192.0.2.254"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(host("2001:db8:0:1::1"), host("2001:db8:0:1:ffff::"));
        assert_ne!(host("2001:db8:0:1::1"), host("2001:db8:0:2::1"));
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:ffff::1"));
        assert_ne!(network("::c000:201"), network("192.0.2.1"));
    }
}
