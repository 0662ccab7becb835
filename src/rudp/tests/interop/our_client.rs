//! Our client at their server.
use crate::street::{CLIENT_ID, Clock, Maker, PRIVATE_KEY, PROTOCOL, receive, socket, streets, token, user};
use netcode::{DisconnectReason, ServerEvent};
use rudp::{Client, ClientConfig, ClientEvent, ClientState, Hello, Reason};
use std::net::{SocketAddr, UdpSocket};

struct Street {
    clock: Clock,
    client: Client,
    socket: UdpSocket,
    server: netcode::Server,
    index: Option<(u32, u32)>,
    messages: u32,
    events: Vec<ServerEvent>,
    payloads: u32,
}

impl Street {
    fn new(address: SocketAddr, maker: Maker, timeout_s: i32) -> Self {
        let mut server = netcode::Server::new(address, PROTOCOL, &PRIVATE_KEY, 0.0).unwrap();
        server.start(16).unwrap();
        let token = token(maker, server.address(), timeout_s);
        let clock = Clock::new(token.create_unix_s);
        let hello = Hello { version_min: 1, version_max: 1, channel_hash: 1, motion_hash: 2, content_hash: 3 };
        let client = Client::new(ClientConfig::new(token, hello), clock.now);
        let (index, messages, events, payloads) = (None, 0, vec![], 0);
        Self { clock, client, socket: socket(address), server, index, messages, events, payloads }
    }

    fn run_s(&mut self, seconds: f64) {
        let until = self.clock.seconds + seconds;
        while self.clock.seconds < until {
            self.clock.step();
            while let Some((mut datagram, from)) = receive(&self.socket) {
                self.client.handle_datagram(self.clock.now, from, &mut datagram);
            }
            self.client.handle_timeout(self.clock.now);
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Connected { index, clients_max } => self.index = Some((index, clients_max)),
                    ClientEvent::Message { .. } | ClientEvent::Accepted { .. } => self.messages += 1,
                    _ => {}
                }
            }
            let mut buf = [0; 1_300];
            while let Some(transmit) = self.client.poll_transmit(self.clock.now, &mut buf) {
                self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
            }
            self.server.update(self.clock.seconds);
            while let Some(event) = self.server.next_event() {
                self.events.push(event);
            }
            while self.server.receive_packet(0).is_some() {
                self.payloads += 1;
            }
        }
    }
}

/// proves: LIF-1, LIF-2, LIF-13, SES-4, SES-7, SES-8, SES-10, SES-12
#[test]
fn our_client_is_held_by_a_stock_server_beyond_the_tokens_time_out() {
    for (address, maker) in streets() {
        let mut street = Street::new(address, maker, 3);
        street.run_s(1.0);
        assert_eq!(street.client.state(), ClientState::Connected, "{address} {maker:?}");
        assert_eq!(street.index, Some((0, 16)));
        assert_eq!(street.events, [ServerEvent::ClientConnected { client_index: 0 }]);
        assert_eq!(street.server.client_id(0), CLIENT_ID);
        assert_eq!(street.server.client_user_data(0), Some(&user().encode()));
        // Nobody accepts the hello there; what the server says is not our language.
        for number in 0..120_u8 {
            street.server.send_packet(0, &[number; 200]).unwrap();
            street.run_s(0.1);
        }
        assert_eq!((street.client.state(), street.server.client_connected(0)), (ClientState::Connected, true));
        assert!(street.payloads > 0, "the hello arrived");
        let unread = street.client.stats().unspoken_in + street.client.counters().payload_malformed;
        assert_eq!((unread, street.messages), (120, 0));

        street.client.disconnect(street.clock.now, Reason::UserQuit);
        street.run_s(0.1);
        let left = ServerEvent::ClientDisconnected { client_index: 0, reason: DisconnectReason::ClientDisconnect };
        assert_eq!(street.events.last(), Some(&left));
    }
}

#[test]
fn a_stock_server_that_sends_our_client_away_ends_it() {
    for (address, maker) in streets() {
        let mut street = Street::new(address, maker, 3);
        street.run_s(1.0);
        street.server.disconnect_client(0);
        street.run_s(0.1);
        assert_eq!(street.client.state(), ClientState::Ended(Reason::Unstated), "{address} {maker:?}");
    }
}

/// proves: LIF-3, LIF-8
#[test]
fn a_stock_server_without_room_denies_our_client() {
    for (address, maker) in streets() {
        let mut street = Street::new(address, maker, 3);
        street.server.start(1).unwrap();
        let mut first = netcode::Client::new(address, 0.0).unwrap();
        let other = netcode::generate_connect_token(
            &[street.server.address()],
            &[street.server.address()],
            30,
            3,
            CLIENT_ID + 1,
            PROTOCOL,
            &PRIVATE_KEY,
            &[0; 256],
        );
        first.connect(&other.unwrap()).unwrap();
        for step in 0..50 {
            first.update(f64::from(step) * 0.02);
            street.server.update(f64::from(step) * 0.02);
        }
        assert_eq!(first.state(), netcode::ClientState::Connected);
        street.run_s(1.0);
        assert_eq!(street.client.state(), ClientState::Ended(Reason::ServerFull), "{address} {maker:?}");
    }
}
