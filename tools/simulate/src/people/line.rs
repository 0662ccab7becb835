//! A person's link: a bad one each way, and the seats from which it was used.
//!
//! A datagram carries the seat in front while it is on the way: what was sent before an address changed comes from the old one,
//! and what was sent to that reaches nobody.

use super::address;
use crate::dice::mix;
use crate::plan::{PersonPlan, Stream};
use netem::{Burst, Link, LinkConfig};
use rudp::time::NS_PER_MS;
use std::net::SocketAddr;

/// What is wrong with a link, on top of what it is anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effects {
    /// Lost by themselves.
    pub loss: f64,
    /// Lost in bursts.
    pub burst: f64,
    /// Come twice.
    pub duplicate: f64,
    /// Overtaken.
    pub reorder: f64,
    /// With a flipped bit.
    pub corrupt: f64,
    /// Later by so much.
    pub spike_ns: u64,
    /// Nothing arrives at the server: so many reasons.
    pub cuts_up: u32,
    /// Nothing arrives at the client.
    pub cuts_down: u32,
}

/// The link.
#[derive(Debug)]
pub struct Line {
    number: usize,
    base: LinkConfig,
    up: Link,
    down: Link,
    /// What is wrong with it.
    pub effects: Effects,
    /// By seat: the address, and the token of the client that sat there.
    seats: Vec<(SocketAddr, u64)>,
    networks: u8,
    framed: Vec<u8>,
}

/// No detour is longer.
const DETOUR_NS: u64 = 120 * NS_PER_MS;

impl Line {
    /// As the seed has it.
    #[must_use]
    pub fn new(seed: u64, number: usize, plan: &PersonPlan) -> Self {
        let base = LinkConfig { latency_ns: plan.latency_ns, jitter_ns: plan.jitter_ns, ..LinkConfig::default() };
        let link = |way: u64| Link::new(base, mix(seed, mix(Stream::Links as u64, number as u64 * 2 + way)));
        let (up, down) = (link(0), link(1));
        Self { number, base, up, down, effects: Effects::default(), seats: Vec::new(), networks: 1, framed: Vec::new() }
    }

    /// Another seat, for the client of this token; at the same network address or at another.
    pub fn take_seat(&mut self, token: u64, keeps_ip: bool) -> u16 {
        if !keeps_ip {
            self.networks = self.networks % 200 + 1;
        }
        let seat = self.seats.len() as u16;
        self.seats.push((address(self.number, self.networks, seat), token));
        seat
    }

    /// What is wrong has changed.
    pub fn set_effects(&mut self, change: impl FnOnce(&mut Effects)) {
        change(&mut self.effects);
        let Effects { loss, burst, duplicate, reorder, corrupt, spike_ns, .. } = self.effects;
        let burst = (burst > 0.0).then_some(Burst { enter: 0.02 * burst, leave: 0.12, loss: 0.9 });
        let latency_ns = self.base.latency_ns + spike_ns;
        let reorder_ns = if reorder > 0.0 || duplicate > 0.0 { DETOUR_NS } else { 0 };
        let config = LinkConfig { latency_ns, loss, burst, duplicate, reorder, reorder_ns, corrupt, ..self.base };
        self.up.set_config(config);
        self.down.set_config(config);
    }

    /// Who sat at this address, if it is one of this person's: the seat, and the token.
    #[must_use]
    pub fn seat_of(&self, address: SocketAddr) -> Option<(u16, u64)> {
        let seat = address.port().checked_sub(4_000)?;
        let (at, token) = self.seats.get(usize::from(seat))?;
        (*at == address).then_some((seat, *token))
    }

    /// The client at a seat sends this.
    pub fn send_up(&mut self, ns: u64, seat: u16, datagram: &[u8]) {
        if self.effects.cuts_up == 0 {
            frame(&mut self.framed, seat, datagram);
            self.up.send(ns, &self.framed);
        }
    }

    /// The server sends this to a seat.
    pub fn send_down(&mut self, ns: u64, seat: u16, datagram: &[u8]) {
        if self.effects.cuts_down == 0 {
            frame(&mut self.framed, seat, datagram);
            self.down.send(ns, &self.framed);
        }
    }

    /// The next datagram that reaches the server, behind two bytes, and from where it comes.
    pub fn poll_up(&mut self, ns: u64) -> Option<(SocketAddr, Vec<u8>)> {
        if self.up.next_ns()? > ns {
            return None;
        }
        let datagram = self.up.poll(ns)?;
        // What has lost its seat to a flipped bit comes from nowhere.
        let from = seat_in(&datagram).and_then(|seat| self.seats.get(usize::from(seat)));
        let from = from.map_or_else(|| address(self.number, 250, 1), |(at, _)| *at);
        Some((from, datagram))
    }

    /// The next datagram that reaches a seat, behind two bytes.
    pub fn poll_down(&mut self, ns: u64) -> Option<(u16, Vec<u8>)> {
        if self.down.next_ns()? > ns {
            return None;
        }
        let datagram = self.down.poll(ns)?;
        Some((seat_in(&datagram).unwrap_or(u16::MAX), datagram))
    }

    /// Takes a buffer back.
    pub fn recycle_down(&mut self, buffer: Vec<u8>) {
        self.down.recycle(buffer);
    }
}

fn frame(framed: &mut Vec<u8>, seat: u16, datagram: &[u8]) {
    framed.clear();
    framed.extend_from_slice(&with_parity(seat).to_le_bytes());
    framed.extend_from_slice(datagram);
}

/// The seat, and a bit by which it is known that none of the others was flipped. Without it the server was heard to use a number
/// again, where another client had sat: a packet of the new one had come from there (seed 723).
const fn with_parity(seat: u16) -> u16 {
    seat << 1 | (seat.count_ones() & 1) as u16
}

fn seat_in(framed: &[u8]) -> Option<u16> {
    let word = u16::from_le_bytes(*framed.first_chunk()?);
    (word == with_parity(word >> 1)).then_some(word >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_makes_no_other_seat() {
        let mut framed = Vec::new();
        for seat in [0, 1, 7, 300] {
            frame(&mut framed, seat, b"said");
            assert_eq!(seat_in(&framed), Some(seat));
            for bit in 0..16 {
                let mut flipped = framed.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(seat_in(&flipped), None, "bit {bit} of {seat}");
            }
        }
    }
}
