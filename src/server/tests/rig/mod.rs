//! A server and its clients in one thread and virtual time, with a bad link in front of each client.
#![allow(dead_code, reason = "each test file uses its own part of the rig")]

use client::{Client, ClientConfig, ClientEvent};
use game::{Books, Transaction};
use netem::{Link, LinkConfig};
use protocol::message::{ClientMessage, ServerMessage};
use protocol::motion::StaticMap;
use protocol::unit::{TICK_NS, units_from_m};
use protocol::{AccountId, CharacterId, GameEvent, Input, NetId, OwnState, Refusal, Tick, motion};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rudp::seal::Key;
use rudp::time::Now;
use rudp::token::{CHOOSES, Mint, Name, Role, UserData};
use server::flight::{Front, Kept, Recorded, Shelf, Start, Terms};
use server::{
    AccessConfig, CommitError, Enrolled, Found, Gate, GateConfig, Inbound, LoadError, Outbound, Realm, RealmConfig,
    Saved, SavedWorld, SessionEvent, StoreDone, StoreJob,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

pub const SERVER: &str = "10.0.0.1:7777";
/// Virtual time advances in steps of this: four to a tick.
const STEP_NS: u64 = TICK_NS / 4;
/// When the virtual world begins.
const UNIX_S: u64 = 1_800_000_000;

pub type BeforeInput = Box<dyn FnMut(usize, &mut Bot)>;

pub struct Rig {
    pub now: Now,
    pub gate: Gate,
    pub realm: Held,
    pub bots: Vec<Bot>,
    pub journal: BTreeMap<CharacterId, Saved>,
    /// What every entity's owner was told: (tick, entity) to state.
    pub truth: BTreeMap<(Tick, NetId), OwnState>,
    pub comparisons: u64,
    /// The world thread does not turn; the gate's packets still leave.
    pub realm_is_stuck: bool,
    /// The world turns only in every so many of its ticks' times.
    pub realm_ticks_every: u64,
    /// The journal takes jobs but answers none until this is false again.
    pub journal_is_slow: bool,
    /// The same of transactions alone.
    pub commits_are_slow: bool,
    /// The journal takes nothing and says so.
    pub journal_is_full: bool,
    /// The journal gives nothing and says so.
    pub journal_is_unreadable: bool,
    waiting_jobs: Vec<StoreJob>,
    /// What is committed.
    pub books: Books,
    /// How many transactions the journal was asked for.
    pub seq: u64,
    /// The world as it was saved last.
    pub world: Option<SavedWorld>,
    /// Datagrams to addresses that no bot has.
    pub stray: Vec<(SocketAddr, Vec<u8>)>,
    /// What everybody was let in with.
    pub tokens: Vec<rudp::ConnectToken>,
    /// What the tokens of later joins call everybody.
    pub name: String,
    /// Tokens name no character.
    pub nameless: bool,
    /// Tokens leave the choice to their bearers.
    pub chooses: bool,
    /// Tokens name this character, whatever the account.
    pub named: Option<u64>,
    /// No two tokens are for one client, so that sessions of an account do not end each other before the realm.
    pub clients_are_strangers: bool,
    /// Clients that join later predict their own players.
    pub predicts: bool,
    /// What the tokens of later joins allow.
    pub role: Role,
    /// Called for each bot, with its index, right before it says what it wants in a client tick.
    pub before_input: Option<BeforeInput>,
    /// Messages of one session that the realm was given in one tick, at most.
    pub messages_most: usize,
    next_tick_ns: u64,
    steps: u64,
    map: Arc<StaticMap>,
    link: LinkConfig,
    rng: StdRng,
    serial: u64,
}

/// The realm, which a test may change past the log as long as there is none.
pub struct Held(Recorded);

impl Deref for Held {
    type Target = Realm;

    fn deref(&self) -> &Realm {
        &self.0
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Realm {
        self.0.unrecorded()
    }
}

/// A log in memory.
#[derive(Clone, Default)]
pub struct Tape {
    pub pages: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Bytes of a page; endless if it is nought.
    pub page_bytes: usize,
}

impl Tape {
    pub fn with_pages_of(page_bytes: usize) -> Self {
        Self { page_bytes, ..Self::default() }
    }

    /// All pages, one behind the other.
    pub fn bytes(&self) -> Vec<u8> {
        self.pages.lock().unwrap().concat()
    }
}

impl Shelf for Tape {
    fn keep(&mut self, bytes: &[u8]) -> Kept {
        let mut pages = self.pages.lock().unwrap();
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        let page = pages.last_mut().unwrap();
        if self.page_bytes > 0 && page.len() + bytes.len() > self.page_bytes {
            return Kept::Lost;
        }
        page.extend_from_slice(bytes);
        Kept::Whole
    }

    fn may_turn(&self) -> bool {
        let pages = self.pages.lock().unwrap();
        self.page_bytes > 0 && pages.last().is_some_and(|page| page.len() > self.page_bytes / 8 * 7)
    }

    fn turn(&mut self, last: &[u8], front: Front) {
        let mut pages = self.pages.lock().unwrap();
        pages.last_mut().unwrap().extend_from_slice(last);
        let mut page = Vec::new();
        front(&mut page);
        pages.push(page);
    }

    fn end(&mut self, why: Option<&'static str>) {
        assert_eq!(why, None);
    }
}

pub struct Bot {
    pub number: u64,
    pub client: Client,
    pub address: SocketAddr,
    pub up: Link,
    pub down: Link,
    /// Updates of others that wait for the truth of their tick.
    pub updates: Vec<(Tick, NetId, protocol::EntityState)>,
    /// What happened, each with the newest tick that was shown by then.
    pub happened: Vec<(Tick, Tick, GameEvent)>,
    /// All inputs that were sent; the first has number 1.
    pub inputs: Vec<Input>,
    pub events: Vec<ClientEvent>,
    pub echoes: Vec<u32>,
    /// Answers to commands.
    pub done: Vec<(u16, Result<(), Refusal>)>,
    pub gone: Option<rudp::Reason>,
    /// What it wants; a closure of time would need boxing.
    pub input: Input,
    pub wanders: bool,
    /// Its datagrams no longer leave the house.
    pub is_mute: bool,
    /// Datagrams to it no longer arrive.
    pub is_deaf: bool,
}

impl Rig {
    pub fn new(link: LinkConfig, configure: impl FnOnce(&mut RealmConfig)) -> Self {
        Self::with_rate(rudp::ConnectionConfig::default().rate_bytes_per_s, link, configure)
    }

    /// A server whose realm writes down what it takes in.
    pub fn recorded(link: LinkConfig, terms: Terms, tape: &Tape, configure: impl FnOnce(&mut RealmConfig)) -> Self {
        let mut made = None;
        let mut rig = Self::new(link, |config| {
            configure(config);
            made = Some(config.clone());
        });
        let config = made.expect("it was configured");
        let start = Start::of(&config, "a test", Vec::new());
        rig.realm = Held(Recorded::new(Realm::new(config), start, terms, Box::new(tape.clone())));
        rig
    }

    /// What the realm writes down as its own thread would: how long the last tick took.
    pub fn load(&mut self, took_ns: u64) {
        self.realm.0.handle_load(took_ns);
    }

    /// As an operator.
    pub fn operate(&mut self, operation: server::Operation) {
        self.realm.0.operate(operation);
    }

    /// The recording is over.
    pub fn end(&mut self) {
        self.realm.0.end();
    }

    /// A server that sends nobody more than so many bytes a second.
    pub fn with_rate(bytes_per_s: u32, link: LinkConfig, configure: impl FnOnce(&mut RealmConfig)) -> Self {
        Self::built(bytes_per_s, AccessConfig::default(), link, configure)
    }

    /// A server that does not let everybody in.
    pub fn guarded(access: AccessConfig, link: LinkConfig, configure: impl FnOnce(&mut RealmConfig)) -> Self {
        Self::built(rudp::ConnectionConfig::default().rate_bytes_per_s, access, link, configure)
    }

    fn built(
        bytes_per_s: u32,
        access: AccessConfig,
        link: LinkConfig,
        configure: impl FnOnce(&mut RealmConfig),
    ) -> Self {
        let now = Now { mono_ns: 1_000_000_000, unix_s: UNIX_S };
        let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
        let mut realm = RealmConfig { seed: 1, players_max: 400, queue_max: 0, ..RealmConfig::new(map.clone()) };
        configure(&mut realm);
        let mut transport = transport(&map);
        transport.connection.rate_bytes_per_s = bytes_per_s;
        let gate = Gate::new(GateConfig { transport, access }, now).unwrap();
        // Tokens of before the start are refused, so the world begins a second before anyone connects.
        let now = Now { unix_s: UNIX_S + 1, ..now };
        Self {
            now,
            gate,
            realm: Held(Recorded::silent(Realm::new(realm))),
            bots: Vec::new(),
            journal: BTreeMap::new(),
            truth: BTreeMap::new(),
            comparisons: 0,
            realm_is_stuck: false,
            realm_ticks_every: 1,
            journal_is_slow: false,
            commits_are_slow: false,
            journal_is_full: false,
            journal_is_unreadable: false,
            waiting_jobs: Vec::new(),
            books: Books::default(),
            seq: 0,
            world: None,
            stray: Vec::new(),
            predicts: false,
            role: Role::Operator,
            before_input: None,
            messages_most: 0,
            tokens: Vec::new(),
            name: "bot".to_owned(),
            nameless: false,
            chooses: false,
            named: None,
            clients_are_strangers: false,
            next_tick_ns: now.mono_ns,
            steps: 0,
            map,
            link,
            rng: StdRng::seed_from_u64(7),
            serial: 0,
        }
    }

    /// A client for character `number` starts to connect; returns its index.
    pub fn join(&mut self, number: u64) -> usize {
        let client = self.client(number);
        let address = SocketAddr::from(([10, 1, (self.serial >> 8) as u8, self.serial as u8], 4_000));
        let seed = self.serial * 2;
        self.bots.push(Bot {
            number,
            client,
            address,
            up: Link::new(self.link, seed),
            down: Link::new(self.link, seed + 1),
            updates: Vec::new(),
            happened: Vec::new(),
            inputs: Vec::new(),
            events: Vec::new(),
            echoes: Vec::new(),
            done: Vec::new(),
            gone: None,
            input: Input::default(),
            wanders: true,
            is_mute: false,
            is_deaf: false,
        });
        self.bots.len() - 1
    }

    fn client(&mut self, number: u64) -> Client {
        let (token, hello) = self.token_and_hello(number);
        self.tokens.push(token.clone());
        let config = ClientConfig { token, seal: rudp::Backend::Auto, content_hash: hello.content_hash };
        let mut client = Client::new(config, self.now);
        if self.predicts {
            client.enable_screen(self.map.clone());
        }
        client
    }

    /// What a client of character `number` needs to be let in; of account `number`'s nameless one in [`Rig::nameless`].
    pub fn token_and_hello(&mut self, number: u64) -> (rudp::ConnectToken, rudp::Hello) {
        self.serial += 1;
        let user = UserData {
            account_id: number,
            character_id: match self.named {
                Some(named) => named,
                None if self.chooses => CHOOSES,
                None if self.nameless => 0,
                None => number,
            },
            name: Name::new(&self.name).unwrap(),
            role: self.role,
            issued_at_ms: self.now.unix_s * 1_000,
            serial: self.serial,
            epoch: 0,
        };
        let mint = Mint { key: Key::new([7; 32]), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
        let addresses = [SERVER.parse().unwrap()];
        let client_id = if self.clients_are_strangers { self.serial << 32 } else { number };
        let token = mint.mint(self.now.unix_s * 1_000, client_id, &addresses, 10, &user, &mut self.rng).unwrap();
        let hello = rudp::Hello {
            version_min: rudp::INNER_VERSION,
            version_max: rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: motion::hash(),
            content_hash: self.map.hash(),
        };
        (token, hello)
    }

    pub fn run_ticks(&mut self, ticks: u32) {
        for _ in 0..ticks * 4 {
            self.step();
        }
    }

    /// Runs until every bot is in the world, at most `ticks`.
    pub fn run_until_joined(&mut self, ticks: u32) {
        for _ in 0..ticks {
            if self.bots.iter().all(|bot| bot.client.own().is_some()) {
                return;
            }
            self.run_ticks(1);
        }
        let out: Vec<_> = self.bots.iter().filter(|bot| bot.client.own().is_none()).map(|bot| bot.number).collect();
        panic!("still outside after {ticks} ticks: {out:?}; {:?}", self.gate.counters());
    }

    pub fn place(&mut self, index: usize, x_m: f64, y_m: f64) {
        let message = ClientMessage::Place { x_units: units_from_m(x_m), y_units: units_from_m(y_m) };
        self.bots[index].client.send(&message).unwrap();
    }

    pub fn own_id(&self, index: usize) -> NetId {
        self.bots[index].client.welcome().unwrap().own
    }

    pub fn sees(&self, viewer: usize, other: usize) -> bool {
        self.bots[viewer].client.sees(self.own_id(other)).is_some()
    }

    fn step(&mut self) {
        self.now = self.now.plus_ns(STEP_NS);
        self.steps += 1;
        self.carry_up();
        if self.now.mono_ns >= self.next_tick_ns {
            self.next_tick_ns += TICK_NS;
            if !self.realm_is_stuck && (self.steps / 4).is_multiple_of(self.realm_ticks_every) {
                self.tick();
            }
        }
        if self.gate.poll_timeout().is_some_and(|due| due <= self.now.mono_ns) {
            self.gate.handle_timeout(self.now);
        }
        self.transmit();
        let act = self.steps % 4;
        for index in 0..self.bots.len() {
            self.step_bot(index, act == index as u64 % 4);
        }
    }

    fn carry_up(&mut self) {
        for bot in &mut self.bots {
            while let Some(mut datagram) = bot.up.poll(self.now.mono_ns) {
                self.gate.handle_datagram(self.now, bot.address, &mut datagram);
            }
        }
    }

    fn tick(&mut self) {
        let mut inbound = [Inbound::default()];
        self.gate.swap_inbound(self.now, &mut inbound[0]);
        let mut messages = BTreeMap::<_, usize>::new();
        for event in inbound[0].events() {
            if let SessionEvent::Message { session, .. } = event {
                *messages.entry(*session).or_default() += 1;
            }
        }
        self.messages_most = self.messages_most.max(messages.into_values().max().unwrap_or(0));
        let mut out = Outbound::default();
        self.realm.0.tick(self.now, &mut inbound, &mut out);
        self.gate.handle_outbound(self.now, &out);
        self.waiting_jobs.extend(std::iter::from_fn(|| self.realm.0.poll_store()));
        if self.journal_is_slow {
            return;
        }
        for job in std::mem::take(&mut self.waiting_jobs) {
            if self.commits_are_slow && matches!(job, StoreJob::Commit { .. }) {
                self.waiting_jobs.push(job);
                continue;
            }
            let done = self.answer(job);
            self.realm.0.handle_completion(done);
        }
    }

    fn answer(&mut self, job: StoreJob) -> StoreDone {
        let broken = self.journal_is_unreadable.then(|| LoadError::Unreadable("the journal is unreadable".to_owned()));
        match job {
            StoreJob::Load { character } => {
                let checkpoint = self.journal.get(&character).cloned();
                let estate = self.books.estates.get(&character).cloned();
                StoreDone::Loaded { character, found: broken.map_or(Ok(Found { checkpoint, estate }), Err) }
            }
            StoreJob::Roster { account } => {
                StoreDone::Roster { account, found: broken.map_or_else(|| Ok(self.enrolled(account)), Err) }
            }
            StoreJob::Leave { character } => StoreDone::Left { character },
            StoreJob::Commit { transaction } => {
                let refused = self.commit(&transaction).err();
                self.seq += u64::from(refused.is_none());
                StoreDone::Committed { id: transaction.id, seq: self.seq, refused }
            }
            StoreJob::World { .. } if self.journal_is_full => {
                StoreDone::WorldSaved { refused: Some("the journal is full".to_owned()) }
            }
            StoreJob::World { upto, image } => {
                let mut bytes = Vec::new();
                image.to_bytes(&mut bytes);
                self.world = Some(SavedWorld { upto, bytes });
                StoreDone::WorldSaved { refused: None }
            }
            StoreJob::Save { character, revision, .. } if self.journal_is_full => {
                StoreDone::Failed { character, revision, error: "the journal is full".to_owned() }
            }
            StoreJob::Save { character, revision, bytes } => {
                self.journal.insert(character, Saved { revision, bytes });
                StoreDone::Saved { character, revision }
            }
        }
    }

    /// The characters of an account.
    pub fn enrolled(&self, account: AccountId) -> Vec<Enrolled> {
        let experience = |character| self.books.estates.get(character).map_or(0, |estate| estate.experience);
        let roster = self.books.rosters.get(&account).into_iter().flatten();
        roster.map(|one| Enrolled { listing: one.clone(), experience: experience(&one.character) }).collect()
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<(), CommitError> {
        if self.journal_is_full {
            return Err(CommitError::Disk("the journal is full".to_owned()));
        }
        self.books.apply(transaction)?;
        for character in Books::struck(transaction) {
            self.journal.remove(&character);
        }
        Ok(())
    }

    fn transmit(&mut self) {
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.gate.poll_transmit(self.now, &mut buf) {
            match self.bots.iter_mut().find(|bot| bot.address == transmit.to) {
                Some(bot) if bot.is_deaf => {}
                Some(bot) => bot.down.send(self.now.mono_ns, &buf[..transmit.len]),
                None => self.stray.push((transmit.to, buf[..transmit.len].to_vec())),
            }
        }
    }

    fn step_bot(&mut self, index: usize, acts: bool) {
        let (now, bot) = (self.now, &mut self.bots[index]);
        while let Some(mut datagram) = bot.down.poll(now.mono_ns) {
            bot.client.handle_datagram(now, SERVER.parse().unwrap(), &mut datagram);
        }
        if bot.client.poll_timeout().is_some_and(|due| due <= now.mono_ns) {
            bot.client.handle_timeout(now);
        }
        while let Some(event) = bot.client.poll_event() {
            match &event {
                ClientEvent::Own { tick, state } => {
                    self.truth.insert((*tick, bot.client.welcome().unwrap().own), *state);
                }
                ClientEvent::Update { tick, id, state } => bot.updates.push((*tick, *id, *state)),
                ClientEvent::Event { tick, event } => {
                    bot.happened.push((bot.client.newest_tick(), *tick, *event));
                }
                ClientEvent::Message(ServerMessage::Echo { number }) => bot.echoes.push(*number),
                ClientEvent::Message(ServerMessage::Done { number, result }) => bot.done.push((*number, *result)),
                ClientEvent::Disconnected(reason) => bot.gone = Some(*reason),
                _ => {}
            }
            if !matches!(event, ClientEvent::Own { .. } | ClientEvent::Update { .. }) {
                bot.events.push(event);
            }
        }
        if acts {
            if bot.wanders && self.rng.random_ratio(1, 40) {
                bot.input.move_x = self.rng.random_range(-127..=127);
                bot.input.move_y = self.rng.random_range(-127..=127);
                bot.input.buttons = u8::from(self.rng.random_ratio(1, 5));
            }
            if bot.wanders {
                bot.input.yaw = (bot.input.yaw + self.rng.random_range(0..40)) % 4_096;
            }
            if let Some(before_input) = &mut self.before_input {
                before_input(index, bot);
            }
            bot.client.push_input(now, bot.input);
            if bot.client.welcome().is_some() {
                bot.inputs.push(bot.input);
            }
        }
        let mut buf = [0; 1_500];
        while let Some(transmit) = bot.client.poll_transmit(now, &mut buf) {
            if !bot.is_mute {
                bot.up.send(now.mono_ns, &buf[..transmit.len]);
            }
        }
    }

    /// Compares every state that anyone was told of another with what that other was told of himself.
    pub fn assert_all_true(&mut self) {
        let mut unknown = 0_u64;
        for bot in &mut self.bots {
            for (tick, id, state) in bot.updates.drain(..) {
                match self.truth.get(&(tick, id)) {
                    Some(own) => {
                        assert_eq!(state, own.entity(), "bot {} saw {id:?} at {tick:?}", bot.number);
                        self.comparisons += 1;
                    }
                    None => unknown += 1,
                }
            }
            let stats = bot.client.stats();
            assert_eq!((stats.resyncs, stats.store.parts_refused, stats.messages_malformed), (0, 0, 0));
        }
        assert!(unknown <= self.comparisons, "{unknown} of {} have no truth to compare with", self.comparisons);
    }
}

fn transport(map: &StaticMap) -> rudp::ServerConfig {
    let rules = rudp::HelloRules {
        versions: rudp::INNER_VERSION..=rudp::INNER_VERSION,
        channel_hash: rudp::ChannelTable::GAME.hash(),
        motion_hash: motion::hash(),
        content_hash: map.hash(),
    };
    let address = SERVER.parse().unwrap();
    let config = rudp::ServerConfig::new(protocol::PROTOCOL_ID, Key::new([7; 32]), address, rules, [3; 32]);
    // Tokens are minted by the same clock.
    rudp::ServerConfig { skew_s: 0, ..config }
}
