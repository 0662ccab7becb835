//! A set of networks that is asked about often and changed seldom.

use rudp::server::Network;
use std::net::IpAddr;

/// Ranges of addresses, in order and apart from each other, so that one is found by halves: 12 steps among 4,096.
#[derive(Clone, Debug, Default)]
pub struct NetworkSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl NetworkSet {
    /// The set of all addresses in any of these.
    pub fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match normal(network) {
                Network { address: IpAddr::V4(first), bits } => {
                    let first = first.to_bits();
                    v4.push((first, first | u32::MAX.checked_shr(bits.into()).unwrap_or(0)));
                }
                Network { address: IpAddr::V6(first), bits } => {
                    let first = first.to_bits();
                    v6.push((first, first | u128::MAX.checked_shr(bits.into()).unwrap_or(0)));
                }
            }
        }
        Self { v4: apart(v4), v6: apart(v6) }
    }

    /// Whether an address lies in any of them. IPv4 inside IPv6 must have been unmapped before.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => has(&self.v4, ip.to_bits()),
            IpAddr::V6(ip) => has(&self.v6, ip.to_bits()),
        }
    }

    /// Whether no address does.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

/// The same network with nothing beyond its bits, and those of IPv4 inside IPv6 as what they are.
pub fn normal(network: Network) -> Network {
    match network.address {
        IpAddr::V4(v4) => {
            let bits = network.bits.min(32);
            let mask = !u32::MAX.checked_shr(bits.into()).unwrap_or(0);
            Network { address: IpAddr::V4((v4.to_bits() & mask).into()), bits }
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) if network.bits >= 96 => normal(Network { address: v4.into(), bits: network.bits - 96 }),
            _ => {
                let bits = network.bits.min(128);
                let mask = !u128::MAX.checked_shr(bits.into()).unwrap_or(0);
                Network { address: IpAddr::V6((v6.to_bits() & mask).into()), bits }
            }
        },
    }
}

/// In order, and without those that lie in others: of two networks one contains the other, or they are apart.
fn apart<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1)));
    ranges.dedup_by(|next, kept| next.1 <= kept.1);
    ranges
}

fn has<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= address);
    after.checked_sub(1).is_some_and(|at| address <= ranges[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(address: &str, bits: u8) -> Network {
        Network { address: address.parse().unwrap(), bits }
    }

    #[test]
    fn a_network_is_its_bits() {
        assert_eq!(normal(network("10.1.2.3", 8)), network("10.0.0.0", 8));
        assert_eq!(normal(network("10.1.2.3", 0)), network("0.0.0.0", 0));
        assert_eq!(normal(network("10.1.2.3", 99)), network("10.1.2.3", 32));
        assert_eq!(normal(network("::ffff:10.1.2.3", 104)), network("10.0.0.0", 8));
        assert_eq!(normal(network("2001:db8:1::9", 32)), network("2001:db8::", 32));
        assert_eq!(normal(network("::ffff:10.1.2.3", 0)), network("::", 0));
    }

    #[test]
    fn the_ends_of_a_network_are_in_it_and_their_neighbours_are_not() {
        let set = NetworkSet::new([network("10.0.0.0", 8), network("10.5.0.0", 16), network("2001:db8::", 32)]);
        let has = |ip: &str| set.contains(ip.parse().unwrap());
        assert!(has("10.0.0.0") && has("10.255.255.255") && has("10.5.0.1"));
        assert!(!has("9.255.255.255") && !has("11.0.0.0") && !has("::a00:0"));
        assert!(has("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff") && !has("2001:db9::"));
        assert!(!NetworkSet::default().contains("10.0.0.1".parse().unwrap()) && NetworkSet::default().is_empty());
        assert!(NetworkSet::new([network("0.0.0.0", 0)]).contains("255.255.255.255".parse().unwrap()));
    }

    proptest! {
        /// Crowded into a few addresses, so that networks meet.
        #[test]
        fn a_set_says_what_its_networks_say(
            networks in prop::collection::vec((any::<bool>(), 0_u16..64, 0_u8..=32), 0..20),
            ips in prop::collection::vec((any::<bool>(), 0_u16..64), 1..50),
        ) {
            let ip = |is_v4: bool, low: u16| -> IpAddr {
                if is_v4 { std::net::Ipv4Addr::from_bits(u32::from(low) << 26).into() }
                else { std::net::Ipv6Addr::from_bits(u128::from(low) << 122).into() }
            };
            let networks: Vec<_> =
                networks.into_iter().map(|(is_v4, low, bits)| Network { address: ip(is_v4, low), bits }).collect();
            let set = NetworkSet::new(networks.iter().copied());
            for (is_v4, low) in ips {
                let ip = ip(is_v4, low);
                prop_assert_eq!(set.contains(ip), networks.iter().any(|network| network.contains(ip)));
            }
        }
    }
}
