//! The client's states. Its token names two addresses; it speaks to the first.
use super::{Row, Table, forged, moved, sent};
use crate::channel;
use crate::client::{Client, ClientConfig, ClientEvent, ClientState};
use crate::outer::{DATAGRAM_BYTES_MAX, KeepAlive, Kind};
use crate::reason::Reason;
use crate::rig::hand::{Hand, close_body, input_body};
use crate::rig::{World, hello};
use crate::time::{NS_PER_MS, Now};
use std::net::SocketAddr;

const FIRST: &str = "192.0.2.10:7777";
const SECOND: &str = "192.0.2.11:7777";
const STRANGER: &str = "192.0.2.12:7777";
/// Where a server's numbers begin before there is a session.
const GLOBAL: u64 = 1 << 63;
const PATH_ID: u64 = 0xABCD;

struct Stage {
    client: Client,
    hand: Hand,
    now: Now,
    /// The server's next number in the session, and before it.
    down: u64,
    global: u64,
    sends: Vec<String>,
    tells: Vec<String>,
}

pub(super) fn tables() -> Vec<Table> {
    STATES
        .iter()
        .map(|(state, set)| {
            let rows = EVENTS.iter().map(|(event, act)| row(state, *set, event, *act));
            Table { state, rows: rows.collect() }
        })
        .collect()
}

fn row(state: &'static str, set: fn(&mut Stage), event: &'static str, act: fn(&mut Stage)) -> Row {
    let mut stage = Stage::new();
    set(&mut stage);
    stage.flush();
    assert_eq!(stage.state(), state, "set up for `{event}`");
    let counted = stage.client.counters().clone();
    stage.sends.clear();
    stage.tells.clear();
    act(&mut stage);
    stage.flush();
    let counts = moved(&counted, stage.client.counters());
    Row { event, next: stage.state(), sends: stage.sends, tells: stage.tells, counts }
}

impl Stage {
    fn new() -> Self {
        let world = World::v4();
        let addresses = [FIRST, SECOND].map(|address| address.parse().unwrap());
        let token = world.token_with(1, 1, 5, &addresses);
        let client = Client::new(ClientConfig::new(token.clone(), hello()), world.now);
        let hand = Hand::new(token, "198.51.100.1:5000");
        Self { client, hand, now: world.now, down: 0, global: GLOBAL, sends: vec![], tells: vec![] }
    }

    fn state(&self) -> String {
        let place = if self.client.server() == FIRST.parse().unwrap() { "" } else { ", second address" };
        let name = match self.client.state() {
            ClientState::Requesting => "requesting",
            ClientState::Responding => "responding",
            ClientState::Connected => "connected",
            ClientState::Spoken if self.client.is_silent() => "silent",
            ClientState::Spoken => "spoken",
            ClientState::Ended(_) => "ended",
        };
        format!("{name}{place}")
    }

    fn flush(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.tells.push(match event {
                ClientEvent::Connected { .. } => "connected".to_owned(),
                ClientEvent::Accepted { .. } => "accepted".to_owned(),
                ClientEvent::Silent => "silent".to_owned(),
                ClientEvent::Resumed => "resumed".to_owned(),
                ClientEvent::Message { .. } => "message".to_owned(),
                ClientEvent::Bulk { .. } => "bulk".to_owned(),
                ClientEvent::Disconnected { reason } => format!("disconnected: {}", reason.label()),
            });
        }
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        while let Some(transmit) = self.client.poll_transmit(self.now, &mut buf) {
            self.sends.push(sent(&buf[..transmit.len], transmit.to, FIRST.parse().unwrap()));
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.hear_from(FIRST, bytes);
    }

    fn hear_from(&mut self, from: &str, bytes: &[u8]) {
        let from: SocketAddr = from.parse().unwrap();
        self.client.handle_datagram(self.now, from, &mut bytes.to_vec());
        self.flush();
    }

    /// A packet of the server with its next number.
    fn seal(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        let number = match kind {
            Kind::Denied | Kind::Challenge => &mut self.global,
            _ => &mut self.down,
        };
        *number += 1;
        self.hand.seal_down(kind, *number - 1, body)
    }

    fn keep_alive(&mut self) -> Vec<u8> {
        self.seal(Kind::KeepAlive, &KeepAlive { index: 3, clients_max: 8 }.encode())
    }

    fn path(&mut self) -> Vec<u8> {
        self.down += 1;
        self.hand.path_down(PATH_ID, self.down - 1, 77)
    }

    fn twice(&mut self, packet: &[u8]) {
        self.client.handle_datagram(self.now, FIRST.parse().unwrap(), &mut packet.to_vec());
        self.hear(packet);
    }

    fn pass_ms(&mut self, ms: u64) {
        let until = self.now.plus_ns(ms * NS_PER_MS);
        while let Some(next) = self.client.poll_timeout().filter(|next| *next <= until.mono_ns) {
            self.now = self.now.plus_ns(next.saturating_sub(self.now.mono_ns));
            self.client.handle_timeout(self.now);
            self.flush();
        }
        self.now = until;
    }

    fn respond(&mut self) {
        self.flush();
        let challenge = self.seal(Kind::Challenge, &[5; 308]);
        self.hear(&challenge);
    }

    fn connect(&mut self) {
        self.respond();
        let keep_alive = self.keep_alive();
        self.hear(&keep_alive);
    }

    fn speak(&mut self) {
        self.connect();
        let accept = self.seal(Kind::Payload, &accept_body(1));
        self.hear(&accept);
    }
}

/// A payload that accepts that inner version and gives a path id.
fn accept_body(version: u16) -> Vec<u8> {
    [&[0, 2], version.to_le_bytes().as_slice(), &[5], &PATH_ID.to_le_bytes()].concat()
}

type Act = fn(&mut Stage);

const STATES: [(&str, Act); 6] = [
    ("requesting", |_| {}),
    ("responding", Stage::respond),
    ("connected", Stage::connect),
    ("spoken", Stage::speak),
    ("silent", |stage| {
        stage.speak();
        stage.pass_ms(12_000);
    }),
    ("ended", |stage| {
        stage.speak();
        let disconnect = stage.seal(Kind::Disconnect, &[]);
        stage.hear(&disconnect);
    }),
];

const EVENTS: [(&str, Act); 41] = [
    ("denied", |stage| {
        let packet = stage.seal(Kind::Denied, &[]);
        stage.hear(&packet);
    }),
    ("denied, forged", |stage| {
        let packet = forged(stage.seal(Kind::Denied, &[]));
        stage.hear(&packet);
    }),
    ("challenge", |stage| {
        let packet = stage.seal(Kind::Challenge, &[6; 308]);
        stage.hear(&packet);
    }),
    ("challenge, forged", |stage| {
        let packet = forged(stage.seal(Kind::Challenge, &[6; 308]));
        stage.hear(&packet);
    }),
    ("challenge from the token's other address", |stage| {
        let packet = stage.seal(Kind::Challenge, &[6; 308]);
        stage.hear_from(SECOND, &packet);
    }),
    ("challenge from a stranger", |stage| {
        let packet = stage.seal(Kind::Challenge, &[6; 308]);
        stage.hear_from(STRANGER, &packet);
    }),
    ("keep-alive", |stage| {
        let packet = stage.keep_alive();
        stage.hear(&packet);
    }),
    ("keep-alive, forged", |stage| {
        let packet = forged(stage.keep_alive());
        stage.hear(&packet);
    }),
    ("keep-alive, twice", |stage| {
        let packet = stage.keep_alive();
        stage.twice(&packet);
    }),
    ("keep-alive from the token's other address", |stage| {
        let packet = stage.keep_alive();
        stage.hear_from(SECOND, &packet);
    }),
    ("keep-alive from a stranger", |stage| {
        let packet = stage.keep_alive();
        stage.hear_from(STRANGER, &packet);
    }),
    ("payload: acceptance", |stage| {
        let packet = stage.seal(Kind::Payload, &accept_body(1));
        stage.hear(&packet);
    }),
    ("payload: acceptance of a version not offered", |stage| {
        let packet = stage.seal(Kind::Payload, &accept_body(2));
        stage.hear(&packet);
    }),
    ("payload: message", |stage| {
        let packet = stage.seal(Kind::Payload, &input_body(b"in"));
        stage.hear(&packet);
    }),
    ("payload: close", |stage| {
        let packet = stage.seal(Kind::Payload, &close_body(Reason::Kicked.code()));
        stage.hear(&packet);
    }),
    ("payload: malformed", |stage| {
        let packet = stage.seal(Kind::Payload, &[0xFF; 9]);
        stage.hear(&packet);
    }),
    ("payload, forged", |stage| {
        let packet = forged(stage.seal(Kind::Payload, &accept_body(1)));
        stage.hear(&packet);
    }),
    ("payload, twice", |stage| {
        let packet = stage.seal(Kind::Payload, &input_body(b"in"));
        stage.twice(&packet);
    }),
    ("payload from the token's other address", |stage| {
        let packet = stage.seal(Kind::Payload, &input_body(b"in"));
        stage.hear_from(SECOND, &packet);
    }),
    ("disconnect", |stage| {
        let packet = stage.seal(Kind::Disconnect, &[]);
        stage.hear(&packet);
    }),
    ("disconnect, forged", |stage| {
        let packet = forged(stage.seal(Kind::Disconnect, &[]));
        stage.hear(&packet);
    }),
    ("path", |stage| {
        let packet = stage.path();
        stage.hear(&packet);
    }),
    ("path, forged", |stage| {
        let packet = forged(stage.path());
        stage.hear(&packet);
    }),
    ("path, twice", |stage| {
        let packet = stage.path();
        stage.twice(&packet);
    }),
    ("path from the token's other address", |stage| {
        let packet = stage.path();
        stage.hear_from(SECOND, &packet);
    }),
    ("path from a stranger", |stage| {
        let packet = stage.path();
        stage.hear_from(STRANGER, &packet);
    }),
    ("request", |stage| stage.hear(&stage.hand.request())),
    ("response", |stage| stage.hear(&stage.hand.seal_down(Kind::Response, 0, &[0; 308]))),
    ("type 8", |stage| stage.hear(&[0x18; 40])),
    ("nothing", |stage| stage.hear(&[])),
    ("17 bytes", |stage| stage.hear(&[0x15; 17])),
    ("1,226 bytes", |stage| stage.hear(&[0x15; 1_226])),
    ("the application sends", |stage| {
        if let Err(error) = stage.client.send(channel::INPUT, b"in") {
            stage.tells.push(format!("error: {error}"));
        }
    }),
    ("the application leaves", |stage| stage.client.disconnect(stage.now, Reason::UserQuit)),
    ("the application's address changes", |stage| stage.client.handle_address_change(stage.now)),
    ("0.5 s without a packet", |stage| stage.pass_ms(500)),
    ("6 s without a packet", |stage| stage.pass_ms(6_000)),
    ("12 s without a packet", |stage| stage.pass_ms(12_000)),
    ("31 s without a packet", |stage| stage.pass_ms(31_000)),
    ("140 s without a packet", |stage| stage.pass_ms(140_000)),
    ("the client stands still for 15 s", |stage| {
        stage.now = stage.now.plus_ns(15_000 * NS_PER_MS);
        stage.client.handle_timeout(stage.now);
    }),
];
