//! A client and a server of whose words each is chosen: what the client does when it cannot follow them.

use client::{Client, ClientConfig, ClientEvent};
use protocol::bits::BitRun;
use protocol::event::ShotRefusal;
use protocol::message::{ClientMessage, ServerMessage, Welcome};
use protocol::snapshot::{PartHeader, PartWriter, Record, RecordBody, encode_full};
use protocol::unit::TICK_NS;
use protocol::{EntityKind, EntityState, GameEvent, NetId, Tick, codec};
use rand::SeedableRng;
use rudp::token::{Mint, Name, Role, UserData};
use rudp::{ConnectionId, Event, PartId, ServerConfig, channel};
use std::net::SocketAddr;

/// The tick that the welcome names.
const START: u32 = 1_000;

struct Pair {
    server: rudp::Server,
    client: Client,
    now: rudp::Now,
    session: Option<ConnectionId>,
    parts: u32,
    /// Messages of the client, each with the tick of this world in which it came.
    heard: Vec<(u32, ClientMessage)>,
    tick: u32,
}

impl Pair {
    /// Both, once the server has heard the client's hello.
    fn new() -> Self {
        let key = rudp::Key::new([7; 32]);
        let address: SocketAddr = "10.0.0.1:7777".parse().unwrap();
        let now = rudp::Now { mono_ns: 1_000_000_000, unix_s: 1_800_000_000 };
        let rules = rudp::HelloRules {
            versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: protocol::motion::hash(),
            content_hash: 0,
        };
        let config = ServerConfig::new(protocol::PROTOCOL_ID, key.clone(), address, rules, [3; 32]);
        let server = rudp::Server::new(ServerConfig { skew_s: 0, ..config }, now).unwrap();
        // Tokens of before the start are refused.
        let now = rudp::Now { unix_s: now.unix_s + 1, ..now };
        let user = UserData {
            account_id: 1,
            character_id: 1,
            name: Name::new("ada").unwrap(),
            role: Role::Player,
            issued_at_ms: now.unix_s * 1_000,
            serial: 1,
            epoch: 0,
        };
        let mint = Mint { key, protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let token = mint.mint(now.unix_s * 1_000, 1, &[address], 10, &user, &mut rng).unwrap();
        let client = Client::new(ClientConfig { token, seal: rudp::Backend::Auto, content_hash: 0 }, now);
        let mut pair = Self { server, client, now, session: None, parts: 0, heard: Vec::new(), tick: START };
        while pair.session.is_none() {
            assert!(pair.tick < START + 100, "it was not let in");
            pair.turn();
        }
        pair.tick = START;
        pair
    }

    /// A tick passes, and what both have to say arrives; what the client told.
    fn turn(&mut self) -> Vec<ClientEvent> {
        let (server, client): (SocketAddr, SocketAddr) =
            ("10.0.0.1:7777".parse().unwrap(), "10.0.0.2:4000".parse().unwrap());
        self.tick += 1;
        self.now = self.now.plus_ns(TICK_NS);
        let mut buf = [0; 1_500];
        if let Some(session) = self.session {
            self.server.on_tick_edge(self.now, session);
        }
        if self.server.poll_timeout().is_some_and(|due| due <= self.now.mono_ns) {
            self.server.handle_timeout(self.now);
        }
        while let Some(transmit) = self.server.poll_transmit(self.now, &mut buf) {
            self.client.handle_datagram(self.now, server, &mut buf[..transmit.len]);
        }
        if self.client.poll_timeout().is_some_and(|due| due <= self.now.mono_ns) {
            self.client.handle_timeout(self.now);
        }
        self.client.push_input(self.now, protocol::Input::default());
        while let Some(transmit) = self.client.poll_transmit(self.now, &mut buf) {
            self.server.handle_datagram(self.now, client, &mut buf[..transmit.len]);
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Spoken { id } => self.session = Some(id),
                Event::Message { channel: channel::CONTROL, bytes, .. } => {
                    self.heard.push((self.tick, codec::decode(bytes).unwrap()));
                }
                _ => {}
            }
        }
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    fn say(&mut self, channel: rudp::ChannelId, message: &ServerMessage) {
        let mut bytes = Vec::new();
        codec::encode(message, &mut bytes);
        self.server.send(self.session.unwrap(), channel, &bytes).unwrap();
    }

    fn welcome(&mut self) {
        let welcome = Welcome {
            own: NetId(1),
            tick: Tick(START),
            enter_radius_units: 100,
            leave_radius_units: 115,
            visible_max: 10,
        };
        self.say(channel::CONTROL, &ServerMessage::Welcome(welcome));
    }

    /// A part of the coming turn's tick with one record, of a player in slot 0.
    fn part(&mut self, body: RecordBody) {
        let last_code = PartHeader::last_code_of(None, [body]);
        let header =
            PartHeader { tick: Tick(self.tick + 1), own: None, usual: None, last_code, gap_bits: 0, records: 1 };
        let mut buf = [0; 100];
        let mut writer = PartWriter::new(&mut buf, &header, true);
        let run = if matches!(body, RecordBody::Leave { .. }) { BitRun::default() } else { encode_full(&SOMEBODY) };
        writer.put(Record { slot: 0, body }, run);
        let len = writer.finish();
        self.server.send_snapshot(self.session.unwrap(), PartId(self.parts), &buf[..len]).unwrap();
        self.parts += 1;
    }

    /// When the client has asked for everything anew.
    fn resyncs(&self) -> Vec<u32> {
        self.heard.iter().filter(|(_, message)| *message == ClientMessage::Resync).map(|&(tick, _)| tick).collect()
    }
}

const SOMEBODY: EntityState = EntityState { x: 5, y: 6, z: 0, yaw: 7, pitch: 0, flags: 0, kind: EntityKind::Player };
const ENTER: RecordBody = RecordBody::Enter { epoch: 0, net_id: NetId(7), kind: EntityKind::Player };

/// proves: SNP-2, MSG-2
#[test]
fn whose_resync_is_ignored_asks_again_a_second_later_until_he_can_follow() {
    let mut pair = Pair::new();
    pair.welcome();
    pair.turn();
    for _ in 0..200 {
        // Of a slot that was never entered.
        pair.part(RecordBody::Refresh);
        pair.turn();
    }
    let asked = pair.resyncs();
    assert_eq!(asked.len(), 4, "in 200 ticks: {asked:?}");
    assert!(asked.windows(2).all(|pair| (60..=63).contains(&(pair[1] - pair[0]))), "{asked:?}");
    for _ in 0..200 {
        pair.part(ENTER);
        pair.turn();
    }
    assert_eq!(pair.resyncs().len(), 4, "he can follow, and asks no more");
    assert_eq!(pair.client.sees(NetId(7)).unwrap().state, SOMEBODY);
}

/// proves: MSG-4
#[test]
fn an_event_waits_for_a_snapshot_also_if_it_is_of_the_welcomes_tick() {
    let event = GameEvent::ShotRefused { number: 3, reason: ShotRefusal::Stale };
    for shows in [true, false] {
        let mut pair = Pair::new();
        pair.welcome();
        pair.say(channel::EVENT, &ServerMessage::Event { tick: Tick(START), event });
        let is_told =
            |told: &ClientEvent| matches!(told, ClientEvent::Event { tick: Tick(START), event: of } if *of == event);
        // It comes in the first of these turns.
        let told: Vec<_> = (0..5).flat_map(|_| pair.turn()).collect();
        assert!(matches!(told[..], [ClientEvent::Joined(_)]), "nothing is shown yet: {told:?}");
        if shows {
            pair.part(ENTER);
            let told = pair.turn();
            assert!(matches!(told[0], ClientEvent::Enter { .. }) && is_told(&told[told.len() - 1]), "{told:?}");
            assert_eq!(pair.client.stats().order.early, 0);
        } else {
            let told_after = (1..60).find(|_| pair.turn().iter().any(is_told));
            assert_eq!(told_after, Some(12), "more than a quarter of a second after it came");
            assert_eq!(pair.client.stats().order.early, 1);
        }
    }
}

/// proves: MSG-6, LIF-21
#[test]
fn who_waits_is_told_his_place_until_he_is_in_and_everybody_what_an_operator_says() {
    let mut pair = Pair::new();
    pair.say(channel::CONTROL, &ServerMessage::Queued { place: 2, of: 3 });
    pair.say(channel::CONTROL, &ServerMessage::Notice { text: "Patience.".to_owned() });
    let told: Vec<_> = (0..5).flat_map(|_| pair.turn()).collect();
    let [ClientEvent::Queued { place: 2, of: 3 }, ClientEvent::Notice(text)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((text.as_str(), pair.client.queued()), ("Patience.", Some((2, 3))));
    pair.welcome();
    (0..5).for_each(|_| drop(pair.turn()));
    assert_eq!(pair.client.queued(), None);
    for text in ["", "\u{1b}[31mred", &"x".repeat(257)] {
        pair.say(channel::CONTROL, &ServerMessage::Notice { text: text.to_owned() });
    }
    let told: Vec<_> = (0..5).flat_map(|_| pair.turn()).collect();
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(pair.client.stats().messages_malformed, 3);
}

/// proves: MSG-5
#[test]
fn how_the_game_goes_is_reported_once_a_second_by_itself() {
    let mut pair = Pair::new();
    pair.welcome();
    pair.turn();
    for tick in 0..240 {
        // Nothing comes for a fifth of the third second.
        if !(130..142).contains(&tick) {
            pair.part(ENTER);
        }
        pair.turn();
    }
    let reports: Vec<_> = pair
        .heard
        .iter()
        .filter_map(|(tick, message)| match message {
            ClientMessage::Report(experience) => Some((*tick, *experience)),
            _ => None,
        })
        .collect();
    assert_eq!((reports.len(), pair.client.stats().reports), (4, 4), "{reports:?}");
    assert!(reports.windows(2).all(|pair| (59..=61).contains(&(pair[1].0 - pair[0].0))), "{reports:?}");
    let ages: Vec<_> = reports.iter().map(|(_, report)| (report.age_ms > 150, report.starved > 0)).collect();
    assert_eq!(ages, [(false, false), (false, false), (true, true), (false, false)], "{reports:?}");
    assert!(reports.iter().all(|(_, report)| report.corrections == 0));
}
