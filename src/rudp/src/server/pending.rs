//! Requests whose token opened and whose sender has not yet answered its challenge. spec: LIF-6
use super::filter::Refusal;
use super::history::{History, PendingSlots, TokenTag};
use super::order::TokenOrder;
use super::origin::Prefix;
use crate::arena::Arena;
use crate::bucket::hasher;
use crate::challenge::{CHALLENGE_LIFETIME_NS, ChallengeSubject};
use crate::seal::PacketKey;
use crate::token::USER_BYTES;
use hashbrown::HashMap;
use std::cmp::Ordering;
use std::net::SocketAddr;

/// A pending request is dropped this long after its latest request: no response can be valid any more.
pub(super) const PENDING_LIFETIME_NS: u64 = CHALLENGE_LIFETIME_NS;

/// What to send to the address of a pending request; always smaller than the request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Challenge,
    Denied,
}

pub(super) struct Pending {
    pub(super) address: SocketAddr,
    pub(super) tag: TokenTag,
    pub(super) order: TokenOrder,
    pub(super) client_id: u64,
    pub(super) timeout_s: i32,
    pub(super) user: [u8; USER_BYTES],
    pub(super) opens: PacketKey,
    pub(super) seals: PacketKey,
    /// A valid response came and could not be accepted: the address is proven.
    pub(super) is_proven: bool,
    /// Not sent yet; a second request before the first reply left asks for the same reply.
    pub(super) reply: Option<Reply>,
    pub(super) requested_ns: u64,
}

impl Pending {
    pub(super) fn subject(&self) -> ChallengeSubject<'_> {
        ChallengeSubject { client_id: self.client_id, user: &self.user, address: self.address, token_tag: &self.tag }
    }
}

pub(super) struct PendingTable {
    arena: Arena<Box<Pending>>,
    by_address: HashMap<SocketAddr, u32, foldhash::quality::SeedableRandomState>,
    pub(super) history: History,
}

/// What an admitted request did to the table.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) slot: u32,
    /// A pending request that made room.
    pub(super) displaced: Option<u32>,
}

impl PendingTable {
    pub(super) fn new(pending_max: u32, tokens_max: usize, seeds: [u64; 2]) -> Self {
        Self {
            arena: Arena::new(pending_max),
            by_address: HashMap::with_capacity_and_hasher(pending_max as usize, hasher(seeds[0])),
            history: History::new(tokens_max, seeds[1]),
        }
    }

    /// Enters a request whose token has been opened, or refreshes it when this token is pending at this address.
    /// `make` builds the entry. Changes nothing when it refuses.
    pub(super) fn admit(
        &mut self,
        address: SocketAddr,
        tag: TokenTag,
        order: TokenOrder,
        mono_ns: u64,
        make: impl FnOnce() -> Pending,
    ) -> Result<Admitted, Refusal> {
        let at_address = self.by_address.get(&address).copied();
        let mut displaced = None;
        if let Some(slot) = at_address
            && let Some(pending) = self.arena.at_mut(slot)
        {
            if pending.tag == tag {
                pending.requested_ns = mono_ns;
                return Ok(Admitted { slot, displaced: None });
            }
            // A late duplicate of an older request must not take the place of the newer one.
            if order.compare(&pending.order) == Ordering::Less {
                return Err(Refusal::OlderToken);
            }
            displaced = Some(slot);
        }
        let slots = self.history.slots_of(&tag);
        if slots.iter().all(Option::is_some) {
            if displaced.is_some() {
                return Err(Refusal::TokenAddresses);
            }
            displaced = Some(self.to_displace(&slots, Prefix::host(address.ip())).ok_or(Refusal::TokenAddresses)?);
        }
        if self.arena.is_full() && displaced.is_none() {
            return Err(Refusal::PendingFull);
        }
        self.history.pending_slots(tag, order.expire_unix_s)?;
        if let Some(slot) = displaced {
            self.remove(slot);
        }
        let slot = self.arena.insert_with(|_, _| Box::new(make())).ok_or(Refusal::PendingFull)?;
        self.by_address.insert(address, slot);
        let slots = self.history.pending_slots(tag, order.expire_unix_s)?;
        if let Some(free) = slots.iter_mut().find(|entry| entry.is_none()) {
            *free = Some(slot);
        }
        Ok(Admitted { slot, displaced })
    }

    /// Whether a request is pending at this address, and if so whether its sender is proven; for tests.
    #[cfg(test)]
    pub(super) fn is_proven_at(&self, address: &SocketAddr) -> Option<bool> {
        self.at(self.slot_of(address)?).map(|pending| pending.is_proven)
    }

    pub(super) fn slot_of(&self, address: &SocketAddr) -> Option<u32> {
        self.by_address.get(address).copied()
    }

    pub(super) fn at(&self, slot: u32) -> Option<&Pending> {
        self.arena.at(slot).map(|pending| &**pending)
    }

    pub(super) fn at_mut(&mut self, slot: u32) -> Option<&mut Pending> {
        self.arena.at_mut(slot).map(|pending| &mut **pending)
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Pending>> {
        let pending = self.arena.remove(slot)?;
        self.by_address.remove(&pending.address);
        self.history.on_pending_removed(&pending.tag, slot);
        Some(pending)
    }

    /// Who makes room for a newcomer: of the host that would then hold the most places, the oldest that has proven
    /// nothing. Whoever copies a request and sends it from many ports displaces himself.
    fn to_displace(&self, slots: &PendingSlots, newcomer: Prefix) -> Option<u32> {
        let at = |slot: u32| self.at(slot).map(|pending| (pending, Prefix::host(pending.address.ip())));
        let held = |host: Prefix| {
            let here = slots.iter().flatten().filter(|slot| at(**slot).is_some_and(|(_, other)| other == host));
            here.count() + usize::from(host == newcomer)
        };
        let unproven = slots.iter().flatten().filter_map(|slot| Some((*slot, at(*slot)?)));
        unproven
            .filter(|(_, (pending, _))| !pending.is_proven)
            .min_by_key(|(_, (pending, host))| (std::cmp::Reverse(held(*host)), pending.requested_ns))
            .map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Backend, Key};

    /// Ports of 100 and more: another host for every hundred.
    fn address(n: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, (n / 100) as u8], n))
    }

    fn order(expire_unix_s: u64) -> TokenOrder {
        TokenOrder { issue: None, expire_unix_s }
    }

    fn admit(table: &mut PendingTable, from: u16, token: u8, expire: u64, at: u64) -> Result<Admitted, Refusal> {
        let key = || PacketKey::new(&Key::new([1; 32]), Backend::Crate);
        table.admit(address(from), [token; 16], order(expire), at, || Pending {
            address: address(from),
            tag: [token; 16],
            order: order(expire),
            client_id: 1,
            timeout_s: 5,
            user: [0; USER_BYTES],
            opens: key(),
            seals: key(),
            is_proven: false,
            reply: None,
            requested_ns: at,
        })
    }

    fn table() -> PendingTable {
        PendingTable::new(8, 16, [0, 1])
    }

    /// proves: LIF-6
    #[test]
    fn a_fifth_address_replaces_the_oldest_that_has_proven_nothing() {
        let mut table = table();
        for from in 1..=4 {
            admit(&mut table, from, 9, 100, u64::from(from)).unwrap();
        }
        let slot = table.slot_of(&address(1)).unwrap();
        table.at_mut(slot).unwrap().is_proven = true;
        let admitted = admit(&mut table, 5, 9, 100, 5).unwrap();
        assert!(admitted.displaced.is_some());
        assert!(table.slot_of(&address(1)).is_some(), "the proven one stays");
        assert!(table.slot_of(&address(2)).is_none(), "the oldest unproven one goes");
        for from in [3, 4, 5] {
            let slot = table.slot_of(&address(from)).unwrap();
            table.at_mut(slot).unwrap().is_proven = true;
        }
        assert_eq!(admit(&mut table, 6, 9, 100, 6).unwrap_err(), Refusal::TokenAddresses);
        assert!(admit(&mut table, 6, 8, 100, 6).is_ok(), "another token has its own four");
    }

    /// proves: LIF-6
    #[test]
    fn a_host_that_copies_a_request_under_many_ports_displaces_itself() {
        let mut table = table();
        admit(&mut table, 100, 9, 100, 0).unwrap();
        for port in 200..300 {
            admit(&mut table, port, 9, 100, u64::from(port)).unwrap();
            assert!(table.slot_of(&address(100)).is_some(), "port {port} took the owner's place");
        }
        // Two such hosts: the one with more places makes room, whoever comes.
        admit(&mut table, 300, 9, 100, 400).unwrap();
        admit(&mut table, 301, 9, 100, 401).unwrap();
        admit(&mut table, 302, 9, 100, 402).unwrap();
        assert!(table.slot_of(&address(100)).is_some());
        // An owner who comes last displaces the copies.
        let mut table = self::table();
        for port in 200..204 {
            admit(&mut table, port, 9, 100, u64::from(port)).unwrap();
        }
        admit(&mut table, 100, 9, 100, 500).unwrap();
        for port in 204..300 {
            admit(&mut table, port, 9, 100, 501).unwrap();
        }
        assert!(table.slot_of(&address(100)).is_some());
    }

    #[test]
    fn a_repeated_request_keeps_its_entry() {
        let mut table = table();
        let first = admit(&mut table, 1, 9, 100, 0).unwrap().slot;
        let second = admit(&mut table, 1, 9, 100, 50).unwrap();
        assert_eq!((second.slot, second.displaced), (first, None));
        assert_eq!(table.at(first).unwrap().requested_ns, 50);
    }

    #[test]
    fn at_one_address_a_newer_token_replaces_an_older_one_and_not_the_other_way() {
        let mut table = table();
        let old = admit(&mut table, 1, 9, 100, 0).unwrap().slot;
        assert_eq!(admit(&mut table, 1, 8, 101, 1).unwrap().displaced, Some(old));
        assert_eq!(admit(&mut table, 1, 9, 100, 2).unwrap_err(), Refusal::OlderToken);
        assert_eq!(table.history.consume(&[9; 16]), Some([None; 4]), "the displaced entry is off its token's list");
    }

    #[test]
    fn a_full_table_refuses() {
        let mut table = table();
        for from in 1..=8 {
            admit(&mut table, from, from as u8, 100, 0).unwrap();
        }
        assert_eq!(admit(&mut table, 9, 9, 100, 0).unwrap_err(), Refusal::PendingFull);
        table.remove(table.slot_of(&address(3)).unwrap()).unwrap();
        assert!(admit(&mut table, 9, 9, 100, 0).is_ok());
    }
}
