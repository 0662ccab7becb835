//! How long the world stands still while the flight log turns a page, at 300 and at 1,000 players who run about and see each
//! other; and how long another thread then writes.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::motion::StaticMap;
use protocol::unit::{TICK_NS, units_from_m};
use protocol::{CharacterId, Input};
use rudp::PartOutcome;
use rudp::time::{NS_PER_S, Now};
use rudp::token::{Name, Role, UserData};
use server::flight::{Front, Kept, Key, Recorded, Shelf, Start, Terms, Veil};
use server::{
    Found, Inbound, Outbound, OutboundItem, Realm, RealmConfig, SessionEvent, SessionId, StoreDone, StoreJob,
};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Until everybody is where he is put, has run, and knows whom he sees.
const TICKS: u32 = 300;
/// Bytes of a snapshot: 60 a second of these are 60 KB/s.
const BUDGET_BYTES: i32 = 1_000;

/// A page in memory, of which the bench says when it is full.
#[derive(Clone, Default)]
struct Paper {
    bytes: Arc<Mutex<Vec<u8>>>,
    is_full: Arc<AtomicBool>,
    /// What another thread would write.
    front: Arc<Mutex<Option<Front>>>,
}

impl Shelf for Paper {
    fn keep(&mut self, bytes: &[u8]) -> Kept {
        self.bytes.lock().expect("one thread").extend_from_slice(bytes);
        Kept::Whole
    }

    fn may_turn(&self) -> bool {
        self.is_full.swap(false, Ordering::Relaxed)
    }

    fn turn(&mut self, _: &[u8], front: Front) {
        self.bytes.lock().expect("one thread").clear();
        *self.front.lock().expect("one thread") = Some(front);
    }

    fn end(&mut self, _: Option<&'static str>) {}
}

/// A world of so many, without a gate: people come to its door, and everything arrives.
struct Crowd {
    realm: Recorded,
    paper: Paper,
    now: Now,
    inbound: [Inbound; 1],
    out: Outbound,
}

impl Crowd {
    fn new(players: u32) -> Self {
        let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).expect("a sound map"));
        let content = Arc::new(game::content::shipped(""));
        let config = RealmConfig { seed: 1, content, players_max: players as usize, ..RealmConfig::new(map) };
        let (start, paper) = (Start::of(&config, "a bench", Vec::new()), Paper::default());
        let terms = Terms { veil: Veil::Keyed(Key::new([1; 16])), whole_every_ticks: 60 };
        let realm = Recorded::new(Realm::new(config), start, terms, Box::new(paper.clone()));
        let now = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
        let mut crowd = Self { realm, paper, now, inbound: [Inbound::default()], out: Outbound::default() };
        for player in 0..players {
            crowd.inbound[0]
                .push_event(SessionEvent::Joined { session: session(player), user: Box::new(user(player)) });
        }
        (0..TICKS).for_each(|tick| crowd.tick(players, tick));
        assert_eq!(crowd.realm.status().players, players as usize, "all are in the world");
        crowd
    }

    fn tick(&mut self, players: u32, tick: u32) {
        self.now = self.now.plus_ns(TICK_NS);
        for player in 0..players {
            let (session, inbound) = (session(player), &mut self.inbound[0]);
            inbound.push_budget(session, BUDGET_BYTES);
            let way = (tick / 60).wrapping_mul(97).wrapping_add(player * 37);
            let input = Input {
                move_x: way as u8 as i8,
                move_y: (way >> 3) as u8 as i8,
                yaw: way as u16 % 4_096,
                ..Input::default()
            };
            inbound.push_inputs(session, InputMessage::new(tick as u16, &[input]));
            if tick == 30 {
                let [x, y] = [player * 7_919 % 997, player * 104_729 % 991].map(|m| units_from_m(f64::from(m) + 1.0));
                let message = ClientMessage::Place { x_units: x, y_units: y };
                inbound.push_event(SessionEvent::Message { session, message });
            }
        }
        self.out.clear();
        self.realm.tick(self.now, &mut self.inbound, &mut self.out);
        self.inbound[0].clear();
        for item in self.out.items() {
            if let OutboundItem::Part { session, part, .. } = item {
                self.inbound[0].push_report(*session, *part, PartOutcome::Acked);
            }
        }
        while let Some(job) = self.realm.poll_store() {
            match job {
                StoreJob::Load { character } => {
                    let found = Ok(Found { checkpoint: None, estate: None });
                    self.realm.handle_completion(StoreDone::Loaded { character, found });
                }
                StoreJob::Save { character, revision, .. } => {
                    self.realm.handle_completion(StoreDone::Saved { character, revision });
                }
                _ => {}
            }
        }
        self.realm.handle_load(0);
    }

    /// Turns the page, as at the end of a tick.
    fn turn(&mut self) {
        self.paper.is_full.store(true, Ordering::Relaxed);
        black_box(self.realm.handle_load(0));
    }

    /// What the last page begins with.
    fn front(&self) -> Front {
        self.paper.front.lock().expect("one thread").take().expect("a page was turned")
    }
}

const fn session(player: u32) -> SessionId {
    SessionId { slot: player, generation: 1 }
}

/// Somebody who may be put anywhere.
fn user(player: u32) -> UserData {
    let id = CharacterId(u64::from(player) + 1).0;
    let name = Name::new(&format!("bot-{player}")).expect("a short name");
    UserData { account_id: id, character_id: id, name, role: Role::Operator, issued_at_ms: 0, serial: 0, epoch: 0 }
}

fn page_turn(c: &mut Criterion) {
    for players in [300, 1_000] {
        let mut crowd = Crowd::new(players);
        crowd.turn();
        let mut page = Vec::new();
        crowd.front()(&mut page);
        println!("{players} players: a page begins with {} bytes", page.len());
        let mut group = c.benchmark_group(format!("{players} players"));
        group.bench_function("the world waits", |b| b.iter(|| crowd.turn()));
        group.bench_function("the log's thread writes", |b| {
            b.iter_batched(
                || {
                    crowd.turn();
                    (crowd.front(), Vec::new())
                },
                |(front, mut page)| {
                    front(&mut page);
                    page
                },
                BatchSize::LargeInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, page_turn);
criterion_main!(benches);
