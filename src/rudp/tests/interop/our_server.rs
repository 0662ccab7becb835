//! Their client at our server.
use crate::street::{CLIENT_ID, Clock, Maker, PRIVATE_KEY, PROTOCOL, receive, socket, streets, token, user};
use rudp::{ConnectionId, Event, HelloRules, Key, Reason, Server, ServerConfig};
use std::net::{SocketAddr, UdpSocket};

struct Street {
    clock: Clock,
    server: Server,
    socket: UdpSocket,
    client: netcode::Client,
    id: Option<ConnectionId>,
    ended: Option<Reason>,
    spoke: bool,
    /// Types of the packets our server sent, in order.
    kinds: Vec<u8>,
    /// Said by the client and not sent back yet, where sessions are raw.
    heard: Vec<Vec<u8>>,
}

impl Street {
    /// Their client on its way to our server, with a token of that make and time-out.
    fn new(address: SocketAddr, maker: Maker, timeout_s: i32) -> Self {
        Self::with(address, maker, timeout_s, false)
    }

    fn with(address: SocketAddr, maker: Maker, timeout_s: i32, raw: bool) -> Self {
        let socket = socket(address);
        let server_address = socket.local_addr().unwrap();
        let token = token(maker, server_address, timeout_s);
        let mut clock = Clock::new(token.create_unix_s - 60);
        let rules = HelloRules { versions: 1..=1, channel_hash: 1, motion_hash: 2, content_hash: 3 };
        let config = ServerConfig::new(PROTOCOL, Key::new(PRIVATE_KEY), server_address, rules, [5; 32]);
        let server = Server::new(ServerConfig { raw, ..config }, clock.now).unwrap();
        // The restart rule has run out.
        clock.now.unix_s += 60;
        let mut client = netcode::Client::new(address, clock.seconds).unwrap();
        client.connect(&token.encode()).unwrap();
        let (id, ended, spoke, kinds, heard) = (None, None, false, vec![], vec![]);
        Self { clock, server, socket, client, id, ended, spoke, kinds, heard }
    }

    fn run_s(&mut self, seconds: f64) {
        let until = self.clock.seconds + seconds;
        while self.clock.seconds < until {
            self.clock.step();
            self.client.update(self.clock.seconds);
            while let Some((mut datagram, from)) = receive(&self.socket) {
                self.server.handle_datagram(self.clock.now, from, &mut datagram);
            }
            self.server.handle_timeout(self.clock.now);
            while let Some(event) = self.server.poll_event() {
                match event {
                    Event::Connected { id, client_id, user: known, .. } => {
                        assert_eq!((client_id, known), (CLIENT_ID, Some(&user())));
                        self.id = Some(id);
                    }
                    Event::Message { bytes, .. } if self.heard.len() < 100 => {
                        self.spoke = true;
                        self.heard.push(bytes.to_vec());
                    }
                    Event::Spoken { .. } | Event::Message { .. } => self.spoke = true,
                    Event::Disconnected { reason, .. } => self.ended = Some(reason),
                    _ => {}
                }
            }
            let mut buf = [0; 1_300];
            while let Some(transmit) = self.server.poll_transmit(self.clock.now, &mut buf) {
                self.kinds.push(buf[0] & 15);
                self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
            }
            for payload in self.heard.drain(..) {
                let transmit = self.server.send_raw(self.clock.now, self.id.unwrap(), &payload, &mut buf).unwrap();
                self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
            }
        }
    }
}

#[test]
fn a_raw_session_carries_a_stock_clients_payloads_as_they_are_for_as_long_as_it_speaks() {
    for (address, maker) in streets() {
        let mut street = Street::with(address, maker, 3, true);
        street.run_s(1.0);
        let id = street.id.unwrap();
        let mut buf = [0; 1_300];
        assert!(street.server.send_raw(street.clock.now, id, &[], &mut buf).is_none());
        assert!(street.server.send_raw(street.clock.now, id, &[1; 1_201], &mut buf).is_none());
        // Far beyond the time in which a session of ours must have said hello.
        for number in 0..150_u8 {
            street.client.send_packet(&vec![number; 1 + usize::from(number) * 8]).unwrap();
            street.run_s(0.1);
            let (answer, _) = street.client.receive_packet().expect("an answer");
            assert_eq!(answer, vec![number; 1 + usize::from(number) * 8], "{address} {maker:?}");
        }
        assert_eq!(street.ended, None);
        street.client.disconnect();
        street.run_s(0.1);
        assert_eq!(street.ended, Some(Reason::Unstated));
    }
}

/// proves: LIF-1, LIF-11, SES-3, SES-4, SES-5, SES-7, SES-8, SES-11
#[test]
fn a_stock_client_is_held_beyond_its_tokens_time_out_and_let_go_after_10_s() {
    for (address, maker) in streets() {
        let mut street = Street::new(address, maker, 3);
        street.run_s(1.0);
        assert_eq!(street.client.state(), netcode::ClientState::Connected, "{address} {maker:?}");
        let id = street.id.unwrap();
        assert_eq!((street.client.client_index(), street.client.max_clients()), (id.slot as usize, 2_000));
        street.kinds.clear();
        // It says things that are not our language: counted, ignored, not answered.
        for number in 0..80 {
            street.client.send_packet(format!("walk {number}").as_bytes()).unwrap();
            street.run_s(0.1);
        }
        assert_eq!((street.client.state(), street.ended), (netcode::ClientState::Connected, None));
        assert_eq!(street.server.stats(id).unwrap().unspoken_in, 80);
        assert!(street.kinds.iter().all(|kind| *kind == 4), "keep-alives only: {:?}", street.kinds);
        assert!(street.kinds.len() >= 30, "four a second: {}", street.kinds.len());
        street.run_s(2.0);
        assert_eq!(street.ended, Some(Reason::UnspokenTooLong));
        // The reason goes out as payloads it cannot read, then the standard's disconnects.
        assert!(street.kinds.ends_with(&[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]), "{:?}", street.kinds);
        assert_eq!(street.client.state(), netcode::ClientState::Disconnected);
        assert!(!street.spoke && street.server.connections() == 0);
    }
}

#[test]
fn a_stock_client_that_leaves_is_gone_at_once() {
    for (address, maker) in streets() {
        let mut street = Street::new(address, maker, 3);
        street.run_s(1.0);
        street.client.disconnect();
        street.run_s(0.1);
        assert_eq!((street.ended, street.server.connections()), (Some(Reason::Unstated), 0), "{address} {maker:?}");
    }
}
