//! Whoever is no player: who sends again what he recorded, who makes datagrams up, and who comes in to say what no client can.

use crate::clock::Clock;
use crate::dice::Dice;
use crate::people::address;
use crate::simulation::server_address;
use rudp::seal::Backend;
use rudp::{Hello, INNER_VERSION, channel};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Datagrams that are recorded.
const TAPE: usize = 256;
/// Strangers' addresses are those of people with numbers from here on.
const NUMBERS: usize = 60_000;
/// Datagrams that a forger or a replayer sends at a time at most.
const AT_ONCE: usize = 3;

/// What strangers know, and what they do now.
pub struct Strangers {
    dice: Dice,
    /// To the server.
    tape: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Somebody sends datagrams again.
    pub replays: bool,
    /// Somebody makes datagrams up.
    pub forges: bool,
    /// Somebody who says what no client can.
    pub vandal: Option<Vandal>,
}

/// A client of its own make.
pub struct Vandal {
    client: rudp::Client,
    address: SocketAddr,
    clock: Clock,
    has_said: bool,
    inbox: VecDeque<Vec<u8>>,
}

impl Strangers {
    /// They know nothing yet.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self { dice, tape: VecDeque::new(), replays: false, forges: false, vandal: None }
    }

    /// They see a datagram on its way to the server.
    pub fn overhear(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.dice.chance(0.05) {
            if self.tape.len() == TAPE {
                self.tape.pop_front();
            }
            self.tape.push_back((from, datagram.to_vec()));
        }
    }

    /// What they send now.
    pub fn act(&mut self, mut send: impl FnMut(SocketAddr, Vec<u8>)) {
        for _ in 0..self.dice.below(AT_ONCE + 1) {
            let Some((from, datagram)) = self.tape.get(self.dice.below(self.tape.len())).cloned() else { break };
            if self.replays {
                let own = address(NUMBERS + self.dice.below(4), 1, self.dice.below(50) as u16);
                send(if self.dice.chance(0.5) { from } else { own }, datagram.clone());
            }
            if self.forges {
                send(from, self.forge(datagram));
            }
        }
    }

    /// Somewhat like the real one.
    fn forge(&mut self, mut datagram: Vec<u8>) -> Vec<u8> {
        match self.dice.below(4) {
            0 => datagram.truncate(self.dice.below(datagram.len())),
            1 => datagram.iter_mut().for_each(|byte| *byte = self.dice.number() as u8),
            2 => {
                let at = self.dice.below(datagram.len());
                datagram[at..].iter_mut().for_each(|byte| *byte ^= self.dice.number() as u8);
            }
            _ => {
                // The next number or so, and a seal that nobody made.
                if let Some(byte) = datagram.get_mut(1) {
                    *byte = byte.wrapping_add(self.dice.below(8) as u8);
                }
                datagram.iter_mut().rev().take(16).for_each(|byte| *byte = self.dice.number() as u8);
            }
        }
        datagram
    }
}

impl Vandal {
    /// One with this token, at an address of his own.
    #[must_use]
    pub fn new(ns: u64, number: u64, token: rudp::ConnectToken, content_hash: u64) -> Self {
        let clock = Clock::new(5_000_000_000, 0);
        let hello = Hello {
            version_min: INNER_VERSION,
            version_max: INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: protocol::motion::hash(),
            content_hash,
        };
        let config = rudp::ClientConfig { seal: Backend::Auto, ..rudp::ClientConfig::new(token, hello) };
        let address = address(NUMBERS + 100, 1, (number % 50_000) as u16);
        let client = rudp::Client::new(config, clock.at(ns));
        Self { client, address, clock, has_said: false, inbox: VecDeque::new() }
    }

    /// Where he is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server sends him this.
    pub fn receive(&mut self, datagram: &[u8]) {
        self.inbox.push_back(datagram.to_vec());
    }

    /// His turn.
    pub fn step(&mut self, ns: u64, dice: &mut Dice, mut send: impl FnMut(SocketAddr, Vec<u8>)) {
        let now = self.clock.at(ns);
        while let Some(mut datagram) = self.inbox.pop_front() {
            self.client.handle_datagram(now, server_address(), &mut datagram);
        }
        if self.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            self.client.handle_timeout(now);
        }
        while self.client.poll_event().is_some() {}
        if self.client.state() == rudp::ClientState::Spoken && !self.has_said {
            self.has_said = true;
            let garbage: Vec<u8> = (0..40).map(|_| dice.number() as u8 | 0x80).collect();
            let channel = if dice.chance(0.5) { channel::CONTROL } else { channel::INPUT };
            // Whether it can be queued is no matter.
            let _ = self.client.send(channel, &garbage);
        }
        self.client.on_tick_edge(now);
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.client.poll_transmit(now, &mut buf) {
            send(self.address, buf[..transmit.len].to_vec());
        }
    }
}

impl Strangers {
    /// The vandal's turn, if there is one.
    pub fn step_vandal(&mut self, ns: u64, send: impl FnMut(SocketAddr, Vec<u8>)) {
        if let Some(vandal) = &mut self.vandal {
            vandal.step(ns, &mut self.dice, send);
        }
    }
}
