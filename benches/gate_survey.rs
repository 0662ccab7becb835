//! What it costs to look at two thousand connections: `cargo bench -p throng --bench gate_survey`.
//!
//! The reactor does so once a second, between two wakes; all datagrams that come meanwhile wait.

use criterion::{Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rudp::token::{Mint, Name, Role, UserData};
use rudp::{Client, ClientConfig, Hello, HelloRules, Key, Now, ServerConfig};
use server::{AccessConfig, BANS_MAX, Ban, Barred, Gate, GateConfig, Imposed};
use std::hint::black_box;
use std::net::SocketAddr;

const SESSIONS: u32 = 2_000;
const NS_PER_S: u64 = 1_000_000_000;

/// A gate with so many sessions that have spoken, and as many bans as there may be.
fn gate() -> (Gate, Now) {
    let server: SocketAddr = "10.0.0.1:7777".parse().unwrap();
    let start = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
    let (channel_hash, motion_hash) = (rudp::ChannelTable::GAME.hash(), protocol::motion::hash());
    let versions = rudp::INNER_VERSION..=rudp::INNER_VERSION;
    let rules = HelloRules { versions, channel_hash, motion_hash, content_hash: 0 };
    let mut transport = ServerConfig::new(protocol::PROTOCOL_ID, Key::new([7; 32]), server, rules, [3; 32]);
    (transport.connections_max, transport.skew_s) = (SESSIONS, 0);
    let ban = |number: u32| Ban {
        what: Barred::Network(rudp::server::Network {
            address: (192 << 24 | number << 8).to_be_bytes().into(),
            bits: 24,
        }),
        until_unix_s: None,
        reason: String::new(),
        by: Imposed::Operator,
    };
    let access = AccessConfig { bans: (0..BANS_MAX as u32).map(ban).collect(), ..AccessConfig::default() };
    let mut gate = Gate::new(GateConfig { transport, access }, start).unwrap();
    let now = Now { unix_s: start.unix_s + 1, ..start };
    let mut clients: Vec<Client> = (1..=u64::from(SESSIONS)).map(|number| client(now, server, number)).collect();
    let at = |number: usize| SocketAddr::from(([10, 1, (number >> 8) as u8, number as u8], 4_000));
    let (mut now, mut buf) = (now, [0; 1_500]);
    for _ in 0..120 {
        now = now.plus_ns(NS_PER_S / 60);
        for (number, client) in clients.iter_mut().enumerate() {
            client.handle_timeout(now);
            client.on_tick_edge(now);
            while let Some(transmit) = client.poll_transmit(now, &mut buf) {
                gate.handle_datagram(now, at(number), &mut buf[..transmit.len]);
            }
        }
        gate.handle_timeout(now);
        while let Some(transmit) = gate.poll_transmit(now, &mut buf) {
            let SocketAddr::V4(to) = transmit.to else { continue };
            let [.., high, low] = to.ip().octets();
            let number = usize::from(high) << 8 | usize::from(low);
            clients[number].handle_datagram(now, server, &mut buf[..transmit.len]);
        }
    }
    assert_eq!(gate.connections(), SESSIONS as usize);
    (gate, now)
}

fn client(now: Now, server: SocketAddr, number: u64) -> Client {
    let user = UserData {
        account_id: number,
        character_id: number,
        name: Name::default(),
        role: Role::Player,
        issued_at_ms: now.unix_s * 1_000,
        serial: number,
        epoch: 0,
    };
    let mint = Mint { key: Key::new([7; 32]), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
    let mut rng = rand::rngs::StdRng::seed_from_u64(number);
    let token = mint.mint(now.unix_s * 1_000, number, &[server], 10, &user, &mut rng).unwrap();
    let hello = Hello {
        version_min: rudp::INNER_VERSION,
        version_max: rudp::INNER_VERSION,
        channel_hash: rudp::ChannelTable::GAME.hash(),
        motion_hash: protocol::motion::hash(),
        content_hash: 0,
    };
    Client::new(ClientConfig::new(token, hello), now)
}

fn benches(criterion: &mut Criterion) {
    let (mut gate, mut now) = gate();
    criterion.bench_function("survey of 2,000 connections", |bencher| {
        bencher.iter(|| {
            now = now.plus_ns(NS_PER_S);
            black_box(gate.survey(now));
        });
    });
    let mut rows = Vec::with_capacity(SESSIONS as usize);
    criterion.bench_function("rows of 2,000 connections", |bencher| {
        bencher.iter(|| {
            rows.clear();
            gate.rows(black_box(&mut rows));
        });
    });
    let from: SocketAddr = "192.3.7.9:4000".parse().unwrap();
    criterion.bench_function("request from one of 4,096 banned networks", |bencher| {
        bencher.iter(|| gate.handle_datagram(now, from, black_box(&mut [0; 1_078])));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
