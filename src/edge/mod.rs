//! The only impure room: sockets, threads, clocks, files, the system's randomness. Everything below is handed these as
//! arguments.
//!
//! [`Edge::build`] does all that can fail, so that a start that cannot succeed says why in one sentence;
//! [`Edge::run`] starts the threads and stays until they have ended.
#![allow(clippy::disallowed_methods, reason = "the edge is where clocks are read and threads are started")]

mod asks;
mod bans;
mod board;
pub mod clock;
mod countdown;
pub mod crash;
mod crew;
mod drain;
mod flight;
mod herald;
mod long_ticks;
mod ops;
mod persistence;
mod prefetch;
mod process;
mod queues;
mod reactor;
mod reload;
mod secret;
mod shelf;
mod stopwatch;
mod switchboard;
#[cfg(target_os = "linux")]
mod sys;
pub mod telemetry;
mod threads;
mod tick_times;
#[cfg(feature = "tracy")]
mod tracy;
mod watchdog;
mod world;

/// For `benches/journal.rs` only: nobody but the persistence thread writes a server's journal.
#[doc(hidden)]
pub mod benched {
    pub use super::persistence::{Group, Journal, Save};
}

pub use board::ReactorCounters;
pub use flight::{GateWish, NamedSession, Wish as ReplayWish, gate_log, replay};
pub use prefetch::prefetch;
pub use process::outlive_file_limit;
pub use reactor::{Bound, Dock, Machine, bind};
use secret::OPS_READ_TOKEN_FILE;
pub use secret::{DEV_KEY_FILE, OPS_TOKEN_FILE};
pub use threads::RunError;

use crate::config::{Config, Stores};
use bans::{BANS_FILE, BansError, Clerk};
use board::{Board, StartReport};
use drain::Drain;
use flight::Recording;
use game::Extensions;
use ops::{Desk, InForce, Offices, OpsTokens, Rules, Source, Verifier};
pub use persistence::care;
use persistence::{BeginError, Courier, Credentials, Fact, Journal, JournalError, Keeper, OpenError, StoreError};
use reactor::Reactor;
use reload::Handover;
pub use reload::Reread;
use rudp::seal::Backend;
use rudp::server::TOKEN_LIFETIME_S;
use rudp::time::{NS_PER_S, Now};
use rudp::{ChannelTable, ConnectionConfig, HelloRules, INNER_VERSION, Key, Mint, Prefetch, ServerConfig};
use secret::SecretError;
use server::flight::Recorded;
use server::{AccessConfig, Gate, GateConfig, Origin, Realm, RealmConfig};
use shelf::Shelf;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use switchboard::Switchboard;
use thiserror::Error;
use world::World;

/// Bytes of IP and UDP header, for the clients' budgets.
const IPV4_UDP_BYTES: usize = 28;
const IPV6_UDP_BYTES: usize = 48;

/// Why the server cannot start. Each is one sentence for whoever started it.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made or used.
    #[error("cannot use the data directory {}: {error}", path.display())]
    DataDir {
        /// Which directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A key or the token.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Who is kept out.
    #[error(transparent)]
    Bans(#[from] BansError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// It can be read and not written.
    #[error("cannot start: {0}")]
    JournalWrite(#[from] JournalError),
    /// What the world needs of the stores.
    #[error(transparent)]
    Begin(#[from] BeginError),
    /// An address in the configuration.
    #[error("wrong configuration: {0}")]
    Stores(StoreError),
    /// The courier.
    #[error("cannot start the courier: {0}")]
    Courier(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}/{protocol}: {}", bind_reason(error))]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// `udp` or `tcp`.
        protocol: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The transport refused its settings.
    #[error(transparent)]
    Transport(#[from] rudp::server::ConfigError),
    /// The process has no descriptors left, or the like.
    #[error("cannot set up the reactor: {0}")]
    Reactor(io::Error),
}

fn bind_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied (ports below 1024 need a privilege)".to_owned(),
        _ => error.to_string(),
    }
}

/// A server that is ready to run: every file open, every port bound, no thread started.
pub struct Edge {
    reactor: Reactor,
    waker: Arc<mio::Waker>,
    world: World,
    keeper: Keeper,
    clerk: Clerk,
    ops_listener: TcpListener,
    offices: Offices,
    board: Arc<Board>,
    drain: Arc<Drain>,
    handover: Arc<Handover>,
    shelf: Arc<Shelf>,
    data_dir: PathBuf,
    listen: SocketAddr,
    ops_listen: SocketAddr,
    ranks: Ranks,
}

/// How the system is to rank the two threads that play waits for, as `nice(1)` counts.
#[derive(Clone, Copy, Debug)]
struct Ranks {
    reactor: i32,
    world: i32,
}

impl Edge {
    /// Opens and binds everything that `config` names. `realm` is the world's configuration, made from the same.
    ///
    /// # Errors
    /// [`StartError`]; nothing keeps running.
    pub fn build(config: &Config, realm: RealmConfig) -> Result<Self, StartError> {
        make_data_dir(&config.data_dir)?;
        // First, because it proves that no other server uses the directory.
        let mut journal = Journal::open(&config.data_dir)?;
        let stores = persistence::addressed(&config.stores)?;
        let incarnation = persistence::incarnation(&mut journal, &config.name, &stores)?;
        let realm = RealmConfig { incarnation, ..remembered(&mut journal, realm)? };
        let keys = keys(config)?;
        let ops_tokens = OpsTokens {
            operate: secret::token_or_new(&config.data_dir.join(OPS_TOKEN_FILE))?,
            read: secret::token_or_new(&config.data_dir.join(OPS_READ_TOKEN_FILE))?,
        };
        let Doors { bound, ops_listener, listen, ops_listen } = Doors::open(config)?;

        let now = clock::now();
        let board = Arc::new(Board::new(StartReport {
            mono_ns: now.mono_ns,
            unix_s: now.unix_s,
            seal_backend: seal_name(config.seal_backend),
            recv_buffer_bytes: bound.recv_buffer_bytes,
            send_buffer_bytes: bound.send_buffer_bytes,
        }));
        let drain = Arc::new(Drain::default());
        let handover = Arc::new(Handover::default());
        let shelf = Arc::new(Shelf::new(config.content.clone()));
        let (gate_ends, realm_ends, store_ends) = queues::connect();
        let shared = (board.clone(), drain.clone(), handover.clone());
        let Front { mut reactor, waker, clerk, switchboard, desk } =
            Front::build(config, keys, bound, (listen, ops_listen), gate_ends, shared, now)?;
        let (world_asks, asks) = asks::to_world();
        let outlook = world::Outlook {
            waker: waker.clone(),
            board: board.clone(),
            drain: drain.clone(),
            shelf: shelf.clone(),
            asks,
        };
        let recording = Recording::of(config, &realm, now.unix_s, &board.flight);
        let realm = Realm::new(realm);
        match realm.origin() {
            origin @ Origin::Unusable(_) => tracing::warn!("{origin}"),
            origin => tracing::info!("{origin}"),
        }
        let realm = match recording {
            Some(recording) => recording.begin(realm, reactor.gate_mut()),
            None => Recorded::silent(realm),
        };
        let world = World::new(realm, realm_ends, outlook);
        let mut keeper = keeper(journal, store_ends, &stores, config, (&board, &drain, listen))?;
        let (errands, asked) = persistence::errands();
        keeper.listen(asked);
        let offices = Offices {
            board: board.clone(),
            tally: Arc::default(),
            desk,
            tokens: ops_tokens,
            data_dir: config.data_dir.clone(),
            world: world_asks,
            test_commands: config.test_commands,
            errands,
            switchboard,
            mariadb: stores.mariadb.map_or_else(Vec::new, |mariadb| mariadb.servers),
            watch: ops::WatchSettings::of(config, seed()),
            limits: ops::Limits::default(),
            in_force: InForce {
                players_max: config.players_max as u64,
                players_room: (config.players_max + config.queue_max) as u64,
            },
        };
        Ok(Self {
            clerk,
            reactor,
            waker,
            world,
            keeper,
            ops_listener,
            offices,
            board,
            drain,
            handover,
            shelf,
            data_dir: config.data_dir.clone(),
            listen,
            ops_listen,
            ranks: Ranks { reactor: config.reactor_nice, world: config.world_nice },
        })
    }

    /// Where the game listens; the port is real even if 0 was asked for.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where operations listen.
    pub fn ops_listen(&self) -> SocketAddr {
        self.ops_listen
    }

    /// Runs until a signal has drained the server. On SIGHUP, and when an operator asks, keys and login rules are taken
    /// from what `reread` resolves.
    ///
    /// # Errors
    /// A thread failed, or not everything could be saved in time.
    pub fn run(self, reread: Reread) -> Result<(), RunError> {
        threads::run(self, reread)
    }
}

/// Who meets the network: the reactor with the gate, and those who speak with it.
struct Front {
    reactor: Reactor,
    waker: Arc<mio::Waker>,
    clerk: Clerk,
    switchboard: Switchboard,
    desk: Arc<Desk>,
}

impl Front {
    fn build(
        config: &Config,
        keys: Vec<Key>,
        bound: Bound,
        (listen, ops_listen): (SocketAddr, SocketAddr),
        ends: queues::GateEnds,
        (board, drain, handover): (Arc<Board>, Arc<Drain>, Arc<Handover>),
        now: Now,
    ) -> Result<Self, StartError> {
        let rules = login_rules(config, &keys, ops_listen)?;
        let bans_file = config.data_dir.join(BANS_FILE);
        let access = access(config, bans::load(&bans_file, now.unix_s)?);
        let gate = Gate::new(GateConfig { transport: transport(config, keys, listen), access }, now)?;
        let (clerk, to_clerk) = Clerk::new(bans_file);
        let (switchboard, exchange) = switchboard::switchboard(to_clerk);
        let addresses = public_addresses(config, listen);
        let desk = Arc::new(Desk::new(rules, addresses, gate.first_admissible_expiry(), seed()));
        let outlook = reactor::Outlook { board, drain, handover, desk: desk.clone(), exchange };
        let (reactor, waker) =
            Reactor::new(gate, bound.socket, config.socket_batching, ends, outlook).map_err(StartError::Reactor)?;
        Ok(Self { reactor, switchboard: switchboard.with_waker(waker.clone()), waker, clerk, desk })
    }
}

/// Where people and operators come in: bound, and nobody listens yet.
struct Doors {
    bound: Bound,
    ops_listener: TcpListener,
    listen: SocketAddr,
    ops_listen: SocketAddr,
}

impl Doors {
    fn open(config: &Config) -> Result<Self, StartError> {
        let bind_error = |address, protocol| move |error| StartError::Bind { address, protocol, error };
        let bound = reactor::bind(config.listen).map_err(bind_error(config.listen, "udp"))?;
        let ops_listener = TcpListener::bind(config.ops_listen).map_err(bind_error(config.ops_listen, "tcp"))?;
        let listen = bound.socket.local_addr().map_err(StartError::Reactor)?;
        let ops_listen = ops_listener.local_addr().map_err(StartError::Reactor)?;
        Ok(Self { bound, ops_listener, listen, ops_listen })
    }
}

/// The stores with the passwords that stand in files.
///
/// # Errors
/// A file cannot be read, in one sentence.
pub fn stores_with_passwords(stores: &Stores) -> Result<Stores, String> {
    persistence::addressed(stores).map_err(|error| error.to_string())
}

/// The persistence thread's state, with a courier if there is anybody to bring something to.
fn keeper(
    mut journal: Journal,
    ends: queues::StoreEnds,
    stores: &Stores,
    config: &Config,
    (board, drain, listen): (&Arc<Board>, &Arc<Drain>, SocketAddr),
) -> Result<Keeper, StartError> {
    let credentials = Credentials {
        journal_id: journal.id()?,
        drained: journal.drained()?,
        incarnations: journal.incarnations()?,
        server: (config.name.clone(), public_addresses(config, listen)[0].to_string()),
        held: Duration::from_secs(u64::from(config.held_s)),
        seed: seed(),
    };
    let courier = Courier::new(stores, credentials, board.clone()).map_err(StartError::Stores)?;
    let mut keeper = Keeper::new(journal, ends, board.clone(), drain.clone());
    if let Some((courier, ends)) = courier {
        keeper.employ(courier, ends).map_err(StartError::Courier)?;
    }
    Ok(keeper)
}

/// What the journal knows of the world. A saved world that cannot be read is as good as none.
fn remembered(journal: &mut Journal, realm: RealmConfig) -> Result<RealmConfig, JournalError> {
    let world = journal.world()?.unwrap_or_else(|error| {
        tracing::warn!(%error, "the world begins as content says");
        None
    });
    let (ground, journal_seq) = (journal.ground()?.into(), journal.fact(Fact::Seq)?);
    Ok(RealmConfig { ground, world: world.map(Arc::new), journal_seq, ..realm })
}

/// The realm's settings out of the server's.
pub fn realm_config(config: &Config) -> RealmConfig {
    RealmConfig {
        seed: config.seed,
        map: config.map.clone(),
        extensions: Extensions::none(),
        content: config.content.clone(),
        policy: config.policy,
        ladder: config.ladder,
        // Said by the journal when it is open.
        incarnation: 0,
        ground: Arc::new([]),
        world: None,
        journal_seq: 0,
        players_max: config.players_max,
        queue_max: config.queue_max,
        enter_radius_units: config.enter_radius_units,
        leave_radius_units: config.leave_radius_units,
        kind_radii: config.kind_radii,
        visible_max: config.visible_max,
        prefetch: Prefetch::new(prefetch::prefetch),
        crew: crew::crew(config.tell_threads),
        save_interval_ns: u64::from(config.save_interval_s) * NS_PER_S,
        world_interval_ns: u64::from(config.world_interval_s) * NS_PER_S,
        #[cfg(feature = "faults")]
        fault: None,
    }
}

fn transport(config: &Config, keys: Vec<Key>, listen: SocketAddr) -> ServerConfig {
    let hello = HelloRules {
        versions: INNER_VERSION..=INNER_VERSION,
        channel_hash: ChannelTable::GAME.hash(),
        motion_hash: protocol::motion::hash(),
        content_hash: config.map.hash(),
    };
    let public_addresses = public_addresses(config, listen);
    let mut transport =
        ServerConfig::new(protocol::PROTOCOL_ID, keys[0].clone(), public_addresses[0], hello, secret::random());
    transport.private_keys = keys;
    transport.public_addresses = public_addresses;
    // Who waits is connected, and is told so.
    transport.connections_max = (config.players_max + config.queue_max) as u32;
    transport.skew_s = u64::from(config.skew_s);
    transport.takeover = config.takeover;
    transport.held_s = config.held_s;
    transport.seal = config.seal_backend;
    transport.prefetch = Prefetch::new(prefetch::prefetch);
    transport.requests.exempt.clone_from(&config.request_exempt);
    transport.connection = ConnectionConfig {
        rate_bytes_per_s: config.down_bytes_per_s,
        ip_udp_bytes: if listen.is_ipv6() { IPV6_UDP_BYTES } else { IPV4_UDP_BYTES },
        ..ConnectionConfig::default()
    };
    transport
}

/// Who may come in: as configured, and without whom the last start kept out.
fn access(config: &Config, bans: Vec<server::Ban>) -> AccessConfig {
    AccessConfig { allow: config.allow.clone(), deny: config.deny.clone(), limits: config.access, bans }
}

/// What tokens name: port 0 was a wish, and this is what came of it.
fn public_addresses(config: &Config, listen: SocketAddr) -> Vec<SocketAddr> {
    let real = |&address: &SocketAddr| if address == config.listen { listen } else { address };
    config.public_addresses.iter().map(real).collect()
}

/// What the desk goes by: it mints with the first of `keys`, the newest. Claims that nobody signed are believed only
/// where nobody else can come in: with the development key, which stays on loopback, and an interface that does too.
fn login_rules(config: &Config, keys: &[Key], ops_listen: SocketAddr) -> Result<Rules, SecretError> {
    let is_trial =
        config.private_key_file.is_none() && config.listen.ip().is_loopback() && ops_listen.ip().is_loopback();
    let source = match &config.login {
        Some(login) => Source::Jwt(Box::new(Verifier::load(login)?)),
        None if is_trial => Source::Typed,
        None => Source::Nobody,
    };
    let mint = Mint { key: keys[0].clone(), protocol_id: protocol::PROTOCOL_ID, lifetime_s: TOKEN_LIFETIME_S };
    Ok(Rules { mint, source, tokens_per_s: config.tokens_per_s })
}

fn seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = secret::random();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// The keys that open tokens, the newest first.
fn keys(config: &Config) -> Result<Vec<Key>, SecretError> {
    let current = match &config.private_key_file {
        Some(path) => secret::key(path)?,
        None => secret::key_or_new(&config.data_dir.join(DEV_KEY_FILE))?,
    };
    let previous = config.previous_key_file.as_deref().map(secret::key).transpose()?;
    Ok(std::iter::once(current).chain(previous).collect())
}

/// Makes the directory, its owner's only; one that exists keeps its mode, which is its owner's business.
fn make_data_dir(path: &Path) -> Result<(), StartError> {
    let fail = |error| StartError::DataDir { path: path.to_owned(), error };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(fail(error)),
        _ => std::fs::read_dir(path).map(drop).map_err(fail),
    }
}

fn seal_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Crate => "chacha20poly1305",
        // What `auto` stands for on every platform so far.
        Backend::Auto | Backend::AwsLc => "aws-lc",
    }
}
