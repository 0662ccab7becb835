//! What the operator chose, resolved once: a [`Config`] is valid by construction.
//!
//! Three places speak, each overriding the one before: the file, the environment (`THRONG_SECTION__KEY`), the flags.
//! Every problem in all of them is found and reported together; an unknown key is refused with the nearest real one.

mod content;
mod flight;
mod key;
mod login;
mod map;
mod source;
mod stores;
mod watch;
mod written;

use crate::config::key::{CLIENT_DOWN, HELD, Ranged, SAVE_INTERVAL, WORLD_INTERVAL};
pub use content::built_in as built_in_content;
pub use flight::FlightConfig;
use game::content::Content;
pub use key::{DATA_DIR as DEFAULT_DATA_DIR, LISTEN as DEFAULT_LISTEN, OPS_LISTEN as DEFAULT_OPS_LISTEN};
pub use login::{JwtAlgorithm, LoginConfig};
use protocol::motion::StaticMap;
use rudp::seal::Backend;
use rudp::server::Network;
use server::{AccessLimits, Action, KindRadii, LadderConfig, Policy, Radii, Step, Suspicion};
pub use source::WorldSource;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
pub use stores::{MariaDb, Stores};
pub use watch::{Alerts, Reports};
pub use written::Sources;
use written::Written;

/// Everything the server needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the game listens (UDP).
    pub listen: SocketAddr,
    /// The addresses that tokens may name for this server; never empty.
    pub public_addresses: Vec<SocketAddr>,
    /// Where keys, the operations token and the journal live.
    pub data_dir: PathBuf,
    /// This server's name, by which MariaDB and Redis know it.
    pub name: String,
    /// Where saved things go beside the journal.
    pub stores: Stores,
    /// People in the world and in the lobby at once.
    pub players_max: usize,
    /// People who wait for one of them to go.
    pub queue_max: usize,
    /// Which cipher implementation seals packets.
    pub seal_backend: Backend,
    /// Whether datagrams are read and written many per system call, where the platform can.
    pub socket_batching: bool,
    /// Where `/metrics`, `/live`, `/ready` and the API listen (TCP).
    pub ops_listen: SocketAddr,
    /// Whether operators may make the world slow, to see what happens.
    pub test_commands: bool,
    /// Whether the live page shows where people are.
    pub live_map: bool,
    /// The key that opens connect tokens; none means the one in the data directory, made at first start.
    pub private_key_file: Option<PathBuf>,
    /// A second key that still opens tokens while keys are being rotated.
    pub previous_key_file: Option<PathBuf>,
    /// Whether a newer session of the same client replaces the older one.
    pub takeover: bool,
    /// How far the clock of whoever mints tokens may be ahead or behind, in seconds.
    pub skew_s: u32,
    /// How the logins that tokens are minted from are checked; none means that no login service is known.
    pub login: Option<LoginConfig>,
    /// Connect tokens minted per second.
    pub tokens_per_s: u32,
    /// The map.
    pub map: Arc<StaticMap>,
    /// Its name: that of its file without the ending.
    pub map_name: String,
    /// What the world is filled with.
    pub content: Arc<Content>,
    /// What map and content were read from.
    pub source: Arc<WorldSource>,
    /// An entity nearer than this, in units, comes into view.
    pub enter_radius_units: i32,
    /// An entity in view and farther than this, in units, goes out of view; above `enter_radius_units`.
    pub leave_radius_units: i32,
    /// The same of what nobody plays; what goes out of view does so as much farther as players do.
    pub kind_radii: KindRadii,
    /// Entities one player may see at once.
    pub visible_max: u16,
    /// Threads that share in making snapshots; 0: as many as there are processors for.
    pub tell_threads: usize,
    /// Seed of the world's chances.
    pub seed: u64,
    /// What one client is sent, in bytes per second on the wire, headers included.
    pub down_bytes_per_s: u32,
    /// Seconds for which a session that fell silent is held.
    pub held_s: u32,
    /// Networks that the limits on connection requests do not bind.
    pub request_exempt: Vec<Network>,
    /// Networks from which alone anybody comes in; none: from everywhere.
    pub allow: Vec<Network>,
    /// Networks from which nobody comes in.
    pub deny: Vec<Network>,
    /// How many sessions and strikes are too many.
    pub access: AccessLimits,
    /// Seconds between two checkpoints of a player.
    pub save_interval_s: u32,
    /// Seconds between two images of the world.
    pub world_interval_s: u32,
    /// How the system is to rank the thread of the sockets among others, as `nice(1)` counts.
    pub reactor_nice: i32,
    /// How the system is to rank the world's thread among others, as `nice(1)` counts.
    pub world_nice: i32,
    /// What is given up when the world cannot keep its pace, and when.
    pub ladder: LadderConfig,
    /// What is done about those against whom too much speaks.
    pub policy: Policy,
    /// Of what the operator is told, and where.
    pub alerts: Alerts,
    /// When reports are written.
    pub reports: Reports,
    /// Whether the server writes down what it takes in, and how much of it.
    pub flight: FlightConfig,
}

/// Everything that is wrong, in the order in which it was found; shown as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads every source and resolves it.
    ///
    /// # Errors
    /// All problems at once.
    pub fn resolve(sources: &Sources) -> Result<Self, Problems> {
        let mut written = Written::read(sources);
        let config = Self::from_written(&mut written);
        let problems = written.into_problems();
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Takes each key; a value that cannot be used leaves a problem behind and its default in place.
    fn from_written(written: &mut Written) -> Self {
        let listen = written.address("server.listen", key::LISTEN);
        let private_key_file = written.path("auth.private_key_file");
        if !listen.ip().is_loopback() && private_key_file.is_none() {
            written.problem(format!(
                "server.listen is {listen}, beyond this machine: set auth.private_key_file to a key of your own first"
            ));
        }
        // Who mints on this machine reads this machine's clock.
        let skew_default = if private_key_file.is_some() { key::SKEW_FOREIGN_S } else { 0 };
        let ops_listen = written.address("ops.listen", key::OPS_LISTEN);
        let (enter_radius_m, leave_radius_m) = radii(written);
        let kind_radii = kind_radii(written, enter_radius_m, leave_radius_m);
        let World { map_name, map, content, source } = world(written);
        Self {
            listen,
            public_addresses: public_addresses(written, listen),
            data_dir: written.path("server.data_dir").unwrap_or_else(|| PathBuf::from(key::DATA_DIR)),
            name: name(written),
            stores: stores::resolve(written),
            players_max: written.integer("server.players_max", key::PLAYERS_MAX) as usize,
            queue_max: written.integer("server.queue_max", key::QUEUE_MAX) as usize,
            seal_backend: seal_backend(written),
            socket_batching: written.boolean("server.socket_batching", true),
            ops_listen,
            live_map: written.boolean("ops.live_map", ops_listen.ip().is_loopback()),
            test_commands: written.boolean("ops.test_commands", false),
            private_key_file,
            previous_key_file: written.path("auth.previous_key_file"),
            takeover: written.boolean("auth.takeover", true),
            skew_s: written.integer("auth.skew_s", Ranged { default: skew_default, ..key::SKEW_S }) as u32,
            login: login::resolve(written),
            tokens_per_s: written.integer("auth.tokens_per_s", key::TOKENS_PER_S) as u32,
            map: Arc::new(map),
            map_name,
            content: Arc::new(content),
            source: Arc::new(source),
            enter_radius_units: enter_radius_m as i32 * protocol::unit::UNITS_PER_M,
            leave_radius_units: leave_radius_m as i32 * protocol::unit::UNITS_PER_M,
            kind_radii,
            visible_max: written.integer("world.visible_max", key::VISIBLE_MAX) as u16,
            tell_threads: written.integer("world.tell_threads", key::TELL_THREADS) as usize,
            seed: written.integer("world.seed", key::SEED) as u64,
            down_bytes_per_s: written.integer("client.down_bytes_per_s", CLIENT_DOWN) as u32,
            held_s: written.integer("client.held_s", HELD) as u32,
            request_exempt: written.networks("limits.request_exempt", &Network::LOOPBACK),
            allow: written.networks("limits.allow", &[]),
            deny: written.networks("limits.deny", &[]),
            access: access(written),
            save_interval_s: written.integer("save.interval_s", SAVE_INTERVAL) as u32,
            reactor_nice: written.integer("server.nice", key::REACTOR_NICE) as i32,
            world_nice: written.integer("world.nice", key::WORLD_NICE) as i32,
            world_interval_s: written.integer("save.world_interval_s", WORLD_INTERVAL) as u32,
            ladder: ladder(written),
            policy: policy(written),
            alerts: watch::alerts(written),
            reports: watch::reports(written),
            flight: flight::resolve(written),
        }
    }
}

/// Where it all takes place.
struct World {
    map_name: String,
    map: StaticMap,
    content: Content,
    source: WorldSource,
}

/// The map with its name, and what it is filled with; without a map nothing can be said about the places on it.
fn world(written: &mut Written) -> World {
    match map::load(written) {
        Some(map::Loaded { name, map, text }) => {
            let (mut content, texts) = content::load(written, &name, &map);
            let has_mobs = written.boolean("world.mobs", true);
            if !has_mobs {
                content.places.spawns.clear();
            }
            let source = WorldSource { map_name: name.clone(), map: text, content: texts, has_mobs };
            World { map_name: name, map, content, source }
        }
        None => {
            let nowhere = StaticMap::new(1, 1, &[]).expect("a metre of nothing is a map");
            let (content, _) = content::load(written, "", &nowhere);
            World { map_name: String::new(), map: nowhere, content, source: WorldSource::default() }
        }
    }
}

/// How many sessions and strikes are too many.
fn access(written: &mut Written) -> AccessLimits {
    AccessLimits {
        sessions_per_account: written.integer("limits.sessions_per_account", key::SESSIONS_PER_ACCOUNT) as u32,
        sessions_per_address: written.integer("limits.sessions_per_address", key::SESSIONS_PER_ADDRESS) as u32,
        auto_ban_s: written.integer("limits.auto_ban_s", key::AUTO_BAN_S) as u32,
        auto_ban_strikes: written.integer("limits.auto_ban_strikes", key::AUTO_BAN_STRIKES) as u32,
    }
}

/// What is done about those against whom too much speaks.
fn policy(written: &mut Written) -> Policy {
    let choices = [("flag", Action::Flag), ("log", Action::Log), ("kick", Action::Kick)];
    let action = written.choice("cheats.action", &choices);
    let limits = Suspicion::ALL.map(|kind| {
        let key = match kind {
            Suspicion::Inputs => "cheats.inputs_points",
            Suspicion::State => "cheats.state_points",
            Suspicion::Place => "cheats.place_points",
            Suspicion::Aim => "cheats.aim_points",
            Suspicion::Impossible => "cheats.impossible_points",
            Suspicion::Flood => "cheats.flood_points",
        };
        written.integer(key, key::CHEAT_POINTS) as u32
    });
    Policy { action, limits }
}

/// What is given up when the world cannot keep its pace, and when.
fn ladder(written: &mut Written) -> LadderConfig {
    let choices = [
        ("joins", Step::Joins),
        ("off", Step::None),
        ("rate", Step::Rate),
        ("radius", Step::Radius),
        ("mobs", Step::Mobs),
        ("time", Step::Time),
    ];
    let highest = written.choice("overload.highest", &choices);
    let hot_ms = written.integer("overload.hot_ms", key::OVERLOAD_HOT_MS);
    let cool_ms = written.integer("overload.cool_ms", key::OVERLOAD_COOL_MS);
    if cool_ms >= hot_ms {
        written.problem(format!(
            "overload.cool_ms ({cool_ms}) must be below overload.hot_ms ({hot_ms}), or steps are taken and taken back for ever"
        ));
        return LadderConfig::default();
    }
    LadderConfig { hot_ns: hot_ms as u64 * 1_000_000, cool_ns: cool_ms as u64 * 1_000_000, highest }
}

fn radii(written: &mut Written) -> (i64, i64) {
    let enter = written.integer("world.enter_radius_m", key::ENTER_RADIUS_M);
    let leave = written.integer("world.leave_radius_m", key::LEAVE_RADIUS_M);
    if leave <= enter {
        written.problem(format!(
            "world.leave_radius_m ({leave}) must be above world.enter_radius_m ({enter}), or entities flicker at the edge"
        ));
    }
    (enter, leave)
}

/// The gap between entering and leaving is the same part of the radius for all kinds: at least a metre.
fn kind_radii(written: &mut Written, enter_m: i64, leave_m: i64) -> KindRadii {
    let mut radii = |key, range| {
        let kind_enter_m = written.integer(key, range);
        let kind_leave_m = (kind_enter_m * leave_m / enter_m).max(kind_enter_m + 1);
        let units = |metres: i64| metres as i32 * protocol::unit::UNITS_PER_M;
        Radii { enter: units(kind_enter_m), leave: units(kind_leave_m) }
    };
    KindRadii {
        mob: radii("world.mob_radius_m", key::MOB_RADIUS_M),
        projectile: radii("world.projectile_radius_m", key::PROJECTILE_RADIUS_M),
        item: radii("world.item_radius_m", key::ITEM_RADIUS_M),
        body: radii("world.body_radius_m", key::BODY_RADIUS_M),
    }
}

fn public_addresses(written: &mut Written, listen: SocketAddr) -> Vec<SocketAddr> {
    let listed = written.addresses("server.public_addresses");
    if listed.len() > key::PUBLIC_ADDRESSES_MAX {
        let max = key::PUBLIC_ADDRESSES_MAX;
        written.problem(format!("server.public_addresses names {} addresses, a token holds {max}", listed.len()));
    }
    if let Some(vague) = listed.iter().find(|address| address.ip().is_unspecified() || address.port() == 0) {
        written.problem(format!("server.public_addresses names {vague}, which no client can reach"));
    }
    if !listed.is_empty() {
        return listed;
    }
    if listen.ip().is_unspecified() {
        written.problem(format!(
            "server.listen is {listen}, which no client can name: list server.public_addresses as clients see them"
        ));
    }
    vec![listen]
}

/// Letters, digits, `-` and `_`: it stands in keys, rows and logs.
fn name(written: &mut Written) -> String {
    let name = written.text("server.name").unwrap_or_else(|| key::NAME.to_owned());
    let is_good = (1..=key::NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_good {
        let most = key::NAME_BYTES_MAX;
        written.problem(format!("server.name must be 1 to {most} letters, digits, - or _"));
    }
    name
}

fn seal_backend(written: &mut Written) -> Backend {
    let choices = [("auto", Backend::Auto), ("chacha20poly1305", Backend::Crate), ("aws-lc", Backend::AwsLc)];
    written.choice("server.seal_backend", &choices)
}

#[cfg(test)]
mod tests;
