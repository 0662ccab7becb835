//! The server's states, as one client's token and address meet them.
use super::{Row, Table, forged, moved, sent};
use crate::outer::Kind;
use crate::reason::Reason;
use crate::rig::hand::{Hand, close_body, hello_body, input_body};
use crate::rig::{Told, World, mint, user};
use crate::time::NS_PER_S;
use crate::token::ConnectToken;
use rand::SeedableRng;
use std::net::SocketAddr;

const HOME: &str = "198.51.100.1:5000";
const AWAY: &str = "203.0.113.9:6000";

struct Stage {
    world: World,
    hand: Hand,
    issued_at_ms: u64,
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
    assert_eq!(stage.state(), state, "set up for `{event}`");
    let (sent_before, told_before) = (stage.world.sent.len(), stage.world.told.len());
    let counted = stage.world.server.counters().clone();
    act(&mut stage);
    let world = &stage.world;
    let sends = world.sent[sent_before..].iter().filter(|datagram| datagram.from == world.server_address);
    Row {
        event,
        next: stage.state(),
        sends: sends.map(|datagram| sent(&datagram.bytes, datagram.to, stage.hand.address)).collect(),
        tells: world.told[told_before..].iter().map(told).collect(),
        counts: moved(&counted, world.server.counters()),
    }
}

fn told(told: &Told) -> String {
    match told {
        Told::Connected(..) => "connected".to_owned(),
        Told::Spoken(_) => "spoken".to_owned(),
        Told::Silent(_) => "silent".to_owned(),
        Told::Resumed(_) => "resumed".to_owned(),
        Told::Moved(..) => "moved".to_owned(),
        Told::Message(..) => "message".to_owned(),
        Told::Bulk(..) => "bulk".to_owned(),
        Told::Part(..) => "part".to_owned(),
        Told::Disconnected(_, reason) => format!("disconnected: {}", reason.label()),
    }
}

impl Stage {
    fn new() -> Self {
        let world = World::v4();
        let issued_at_ms = world.now.unix_s * 1_000;
        let hand = Hand::new(token(&world, 1, issued_at_ms), HOME);
        Self { world, hand, issued_at_ms }
    }

    /// What the server's tables say of this client and its address.
    fn state(&self) -> String {
        let server = &self.world.server;
        let newest = self.world.told.iter().rev().find_map(|told| match told {
            Told::Connected(id, 1, ..) => Some(*id),
            _ => None,
        });
        let mut parts = vec![];
        match newest.map(|id| (id, server.address(id))) {
            Some((id, Some(address))) => {
                let name = match (server.is_silent(id), server.is_spoken(id)) {
                    (true, _) => "silent",
                    (false, true) => "spoken",
                    (false, false) => "unspoken",
                };
                parts.push(if address == self.hand.address { name.to_owned() } else { format!("{name} elsewhere") });
            }
            Some((_, None)) => parts.push("closed".to_owned()),
            None => {}
        }
        for (address, place) in [(self.hand.address, ""), (AWAY.parse().unwrap(), " elsewhere")] {
            if let Some(is_proven) = server.pending_at(&address) {
                parts.push(format!("{}{place}", if is_proven { "proven" } else { "pending" }));
            }
        }
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }

    fn strike(&mut self, bytes: &[u8]) {
        self.world.strike(self.hand.address, bytes);
    }

    fn strike_from(&mut self, from: &str, bytes: &[u8]) {
        self.world.strike(from.parse().unwrap(), bytes);
    }

    /// The bearer of another token of the same client.
    fn rival(&self, issued_later_ms: i64, address: &str) -> Hand {
        let issued_at_ms = self.issued_at_ms.saturating_add_signed(issued_later_ms);
        Hand::new(token(&self.world, (7 + issued_later_ms) as u8, issued_at_ms), address)
    }

    /// The response to the newest challenge, or to none.
    fn response(&mut self) -> Vec<u8> {
        let address = self.hand.address;
        if self.world.sent.iter().any(|sent| sent.to == address && sent.bytes[0] & 15 == Kind::Challenge as u8) {
            self.hand.response(&self.world)
        } else {
            self.hand.seal(Kind::Response, &[0; 308])
        }
    }

    fn seal(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        self.hand.seal(kind, body)
    }

    fn path(&mut self, said: u64) -> Vec<u8> {
        let is_given = self.world.told.iter().any(|told| matches!(told, Told::Spoken(_)));
        let id = if is_given { self.hand.path_id(&self.world) } else { 7 };
        self.hand.path(id, said)
    }

    /// A path packet from elsewhere, and back what the server asked there, changed by `change`.
    fn answer_path(&mut self, change: u64) {
        let path = self.path(0);
        self.strike_from(AWAY, &path);
        let away: SocketAddr = AWAY.parse().unwrap();
        let asked = self.world.sent.iter().rfind(|sent| sent.to == away && sent.bytes[0] == 0x87);
        let said = asked.map_or(9, |asked| u64::from_le_bytes(self.hand.open(asked).1.try_into().unwrap()));
        let answer = self.path(said ^ change);
        self.strike_from(AWAY, &answer);
    }

    fn twice(&mut self, kind: Kind, body: &[u8]) {
        let packet = self.seal(kind, body);
        // The first was taken before the event: only the second is of interest.
        self.world.server.handle_datagram(self.world.now, self.hand.address, &mut packet.clone());
        self.strike(&packet);
    }
}

fn token(world: &World, seed: u8, issued_at_ms: u64) -> ConnectToken {
    let mut rng = rand::rngs::StdRng::from_seed([seed; 32]);
    let unix_ms = world.now.unix_s * 1_000;
    mint().mint(unix_ms, 1, &[world.server_address], 5, &user(1, issued_at_ms), &mut rng).unwrap()
}

type Act = fn(&mut Stage);

const STATES: [(&str, Act); 7] = [
    ("none", |_| {}),
    ("pending", |stage| stage.strike(&stage.hand.request())),
    ("unspoken elsewhere, proven", |stage| {
        stage.rival(1, "192.0.2.77:1").connect(&mut stage.world);
        stage.hand.connect(&mut stage.world);
    }),
    ("unspoken", |stage| stage.hand.connect(&mut stage.world)),
    ("spoken", |stage| {
        stage.hand.connect(&mut stage.world);
        stage.hand.speak(&mut stage.world);
    }),
    ("silent", |stage| {
        stage.hand.connect(&mut stage.world);
        stage.hand.speak(&mut stage.world);
        stage.world.run_ms(12_000);
    }),
    ("closed", |stage| {
        stage.hand.connect(&mut stage.world);
        let disconnect = stage.seal(Kind::Disconnect, &[]);
        stage.strike(&disconnect);
    }),
];

const EVENTS: [(&str, Act); 50] = [
    ("request", |stage| stage.strike(&stage.hand.request())),
    ("request from elsewhere", |stage| stage.strike_from(AWAY, &stage.hand.request())),
    ("request, newer token", |stage| stage.strike(&stage.rival(2, HOME).request())),
    ("request, older token", |stage| stage.strike(&stage.rival(-1, HOME).request())),
    ("request, forged", |stage| stage.strike(&forged(stage.hand.request()))),
    ("request, cut", |stage| stage.strike(&stage.hand.request()[..1_077])),
    ("response", |stage| {
        let response = stage.response();
        stage.strike(&response);
    }),
    ("response, forged", |stage| {
        let response = forged(stage.response());
        stage.strike(&response);
    }),
    ("response to no challenge of ours", |stage| {
        let response = stage.seal(Kind::Response, &[0; 308]);
        stage.strike(&response);
    }),
    ("response from elsewhere", |stage| {
        let response = stage.response();
        stage.strike_from(AWAY, &response);
    }),
    ("response after 5 s", |stage| {
        let response = stage.response();
        stage.world.now = stage.world.now.plus_ns(5 * NS_PER_S + 1);
        stage.strike(&response);
    }),
    ("newer token from elsewhere, as far as its response", |stage| {
        let mut rival = stage.rival(2, AWAY);
        stage.world.strike(rival.address, &rival.request());
        let response = rival.response(&stage.world);
        stage.world.strike(rival.address, &response);
    }),
    ("newer token from the same address, as far as its response", |stage| {
        let mut rival = stage.rival(2, HOME);
        stage.world.strike(rival.address, &rival.request());
        let response = rival.response(&stage.world);
        stage.world.strike(rival.address, &response);
    }),
    ("keep-alive", |stage| {
        let packet = stage.seal(Kind::KeepAlive, &[0; 8]);
        stage.strike(&packet);
    }),
    ("keep-alive, forged", |stage| {
        let packet = forged(stage.seal(Kind::KeepAlive, &[0; 8]));
        stage.strike(&packet);
    }),
    ("keep-alive, twice", |stage| stage.twice(Kind::KeepAlive, &[0; 8])),
    ("keep-alive from elsewhere", |stage| {
        let packet = stage.seal(Kind::KeepAlive, &[0; 8]);
        stage.strike_from(AWAY, &packet);
    }),
    ("payload: hello", |stage| {
        let packet = stage.seal(Kind::Payload, &hello_body(22));
        stage.strike(&packet);
    }),
    ("payload: hello of other rules", |stage| {
        let packet = stage.seal(Kind::Payload, &hello_body(23));
        stage.strike(&packet);
    }),
    ("payload: message", |stage| {
        let packet = stage.seal(Kind::Payload, &input_body(b"in"));
        stage.strike(&packet);
    }),
    ("payload: close", |stage| {
        let packet = stage.seal(Kind::Payload, &close_body(Reason::UserQuit.code()));
        stage.strike(&packet);
    }),
    ("payload: malformed", |stage| {
        let packet = stage.seal(Kind::Payload, &[0xFF; 9]);
        stage.strike(&packet);
    }),
    ("payload, forged", |stage| {
        let packet = forged(stage.seal(Kind::Payload, &hello_body(22)));
        stage.strike(&packet);
    }),
    ("payload, twice", |stage| stage.twice(Kind::Payload, &input_body(b"in"))),
    ("payload from elsewhere", |stage| {
        let packet = stage.seal(Kind::Payload, &input_body(b"in"));
        stage.strike_from(AWAY, &packet);
    }),
    ("disconnect", |stage| {
        let packet = stage.seal(Kind::Disconnect, &[]);
        stage.strike(&packet);
    }),
    ("disconnect, forged", |stage| {
        let packet = forged(stage.seal(Kind::Disconnect, &[]));
        stage.strike(&packet);
    }),
    ("disconnect, twice", |stage| stage.twice(Kind::Disconnect, &[])),
    ("disconnect from elsewhere", |stage| {
        let packet = stage.seal(Kind::Disconnect, &[]);
        stage.strike_from(AWAY, &packet);
    }),
    ("path", |stage| {
        let packet = stage.path(0);
        stage.strike(&packet);
    }),
    ("path, forged", |stage| {
        let packet = forged(stage.path(0));
        stage.strike(&packet);
    }),
    ("path, twice", |stage| {
        let packet = stage.path(0);
        stage.world.server.handle_datagram(stage.world.now, stage.hand.address, &mut packet.clone());
        stage.strike(&packet);
    }),
    ("path, id unknown", |stage| {
        let packet = stage.hand.path(8, 0);
        stage.strike(&packet);
    }),
    ("path from elsewhere", |stage| {
        let packet = stage.path(0);
        stage.strike_from(AWAY, &packet);
    }),
    ("path from elsewhere, wrong answer", |stage| stage.answer_path(1)),
    ("path from elsewhere, answered", |stage| stage.answer_path(0)),
    ("denied", |stage| stage.strike(&stage.hand.seal_as(Kind::Denied, 0, &[]))),
    ("challenge", |stage| stage.strike(&stage.hand.seal_as(Kind::Challenge, 0, &[0; 308]))),
    ("type 8", |stage| stage.strike(&[0x18; 40])),
    ("no sequence bytes", |stage| stage.strike(&[0x05; 40])),
    ("nine sequence bytes", |stage| stage.strike(&[0x95; 40])),
    ("nothing", |stage| stage.strike(&[])),
    ("17 bytes", |stage| stage.strike(&[0x15; 17])),
    ("1,226 bytes", |stage| stage.strike(&[0x15; 1_226])),
    ("the application ends it", |stage| {
        if stage.world.told.iter().any(|told| matches!(told, Told::Connected(..))) {
            let (now, id) = (stage.world.now, stage.world.id_of(1));
            stage.world.server.disconnect(now, id, Reason::Kicked);
            stage.world.flush();
        }
    }),
    ("a second without a packet", |stage| stage.world.run_ms(1_000)),
    ("6 s without a packet", |stage| stage.world.run_ms(6_000)),
    ("12 s without a packet", |stage| stage.world.run_ms(12_000)),
    ("140 s without a packet", |stage| stage.world.run_ms(140_000)),
    ("the server stands still for 15 s", |stage| {
        stage.world.freeze_ms(15_000);
        let now = stage.world.now;
        stage.world.server.handle_timeout(now);
        stage.world.flush();
    }),
];
