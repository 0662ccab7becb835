//! What a whole gate with a crowd must survive. Names and numbers as in the packet layer's own `survival_` tests.

#[path = "../rig/mod.rs"]
mod rig;

mod greed;
mod storms;

use rig::Rig;
use rudp::{Client, ClientConfig, ClientEvent, ClientState, Reason};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Clients of the bare transport around a gate and its world; datagrams arrive in the tick in which they are sent.
struct Crowd {
    rig: Rig,
    members: Vec<Member>,
    by_address: BTreeMap<SocketAddr, usize>,
}

struct Member {
    client: Client,
    address: SocketAddr,
    gone: Vec<Reason>,
}

impl Crowd {
    fn new(players_max: usize) -> Self {
        let rig = Rig::new(netem::LinkConfig::with_latency_ns(0), |realm| {
            realm.players_max = players_max;
            // Everybody begins in one place; what they see of each other is not at issue.
            realm.visible_max = 4;
            realm.enter_radius_units = protocol::unit::units_from_m(2.0);
            realm.leave_radius_units = protocol::unit::units_from_m(3.0);
        });
        Self { rig, members: Vec::new(), by_address: BTreeMap::new() }
    }

    /// A client of its own host and network begins to connect.
    fn join(&mut self) -> usize {
        let index = self.members.len();
        let (token, hello) = self.rig.token_and_hello(1 + index as u64);
        let client = Client::new(ClientConfig::new(token, hello), self.rig.now);
        let address = SocketAddr::from(([10, 128 + (index >> 8) as u8, index as u8, 1], 4_000));
        self.by_address.insert(address, index);
        self.members.push(Member { client, address, gone: Vec::new() });
        index
    }

    fn tick(&mut self) {
        self.rig.run_ticks(1);
        self.deliver_down();
        for index in 0..self.members.len() {
            self.members[index].client.handle_timeout(self.rig.now);
        }
        self.deliver_up();
    }

    fn deliver_down(&mut self) {
        let now = self.rig.now;
        for (to, mut datagram) in std::mem::take(&mut self.rig.stray) {
            let member = &mut self.members[self.by_address[&to]];
            member.client.handle_datagram(now, rig::SERVER.parse().unwrap(), &mut datagram);
        }
        for member in &mut self.members {
            while let Some(event) = member.client.poll_event() {
                if let ClientEvent::Disconnected { reason } = event {
                    member.gone.push(reason);
                }
            }
        }
    }

    /// Everything the members have to say, in one wake of the gate.
    fn deliver_up(&mut self) {
        let mut buf = [0; 1_500];
        for member in &mut self.members {
            while let Some(transmit) = member.client.poll_transmit(self.rig.now, &mut buf) {
                self.rig.gate.handle_datagram(self.rig.now, member.address, &mut buf[..transmit.len]);
            }
        }
    }

    fn spoken(&self) -> usize {
        self.members.iter().filter(|member| member.client.state() == ClientState::Spoken).count()
    }
}
