//! The keys, their defaults and their ranges. `config/server.toml` documents the same list for people; a test holds
//! the two together.

use game::content::{distance, is_near};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Every key there is, as `section.key`.
pub const KEYS: &[&str] = &[
    "server.listen",
    "server.public_addresses",
    "server.data_dir",
    "server.name",
    "server.players_max",
    "server.queue_max",
    "server.seal_backend",
    "server.socket_batching",
    "server.nice",
    "ops.listen",
    "ops.test_commands",
    "ops.live_map",
    "auth.private_key_file",
    "auth.previous_key_file",
    "auth.takeover",
    "auth.skew_s",
    "auth.tokens_per_s",
    "auth.jwt_algorithm",
    "auth.jwt_key_files",
    "auth.jwt_issuer",
    "auth.jwt_audience",
    "auth.jwt_account_claim",
    "auth.jwt_max_age_s",
    "auth.jwt_leeway_s",
    "world.map_file",
    "world.content_dir",
    "world.enter_radius_m",
    "world.leave_radius_m",
    "world.mob_radius_m",
    "world.projectile_radius_m",
    "world.item_radius_m",
    "world.body_radius_m",
    "world.visible_max",
    "world.tell_threads",
    "world.nice",
    "world.mobs",
    "world.seed",
    "client.down_bytes_per_s",
    "client.held_s",
    "limits.request_exempt",
    "limits.allow",
    "limits.deny",
    "limits.sessions_per_account",
    "limits.sessions_per_address",
    "limits.auto_ban_s",
    "limits.auto_ban_strikes",
    "save.interval_s",
    "mariadb.servers",
    "mariadb.pair",
    "mariadb.password_file",
    "redis.url",
    "redis.password_file",
    "save.world_interval_s",
    "overload.highest",
    "overload.hot_ms",
    "overload.cool_ms",
    "cheats.action",
    "cheats.inputs_points",
    "cheats.state_points",
    "cheats.place_points",
    "cheats.aim_points",
    "cheats.impossible_points",
    "cheats.flood_points",
    "alerts.enabled",
    "alerts.webhook_url",
    "alerts.tick_rate_hz",
    "alerts.tick_rate_for_s",
    "alerts.tick_p99_ms",
    "alerts.tick_p99_for_s",
    "alerts.save_lag_s",
    "alerts.save_lag_for_s",
    "alerts.drops_per_s",
    "alerts.drops_for_s",
    "alerts.timeouts_percent",
    "alerts.timeouts_for_s",
    "alerts.overload_level",
    "alerts.overload_for_s",
    "alerts.forecast_min",
    "alerts.forecast_for_s",
    "alerts.journal_for_s",
    "alerts.store_for_s",
    "report.every_h",
    "report.keep",
    "flight.record",
    "flight.megabytes",
    "flight.plain_text",
    "flight.hash_every_ticks",
];

/// A whole number with its default and the range it must lie in, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Ranged {
    /// Used when nobody says otherwise.
    pub default: i64,
    /// Smallest allowed.
    pub min: i64,
    /// Largest allowed.
    pub max: i64,
}

/// Points of one kind that may speak against a player before something is done.
pub const CHEAT_POINTS: Ranged = Ranged { default: 100, min: 1, max: 1_000_000 };
/// Where the game listens: loopback, so that a first start exposes nothing.
pub const LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7777));
/// Where operations listen.
pub const OPS_LISTEN: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9777));
/// Beside the build, so that `cargo clean` removes every trace of a trial.
pub const DATA_DIR: &str = "target/throng";
/// This server's name where nobody has given it one.
pub const NAME: &str = "one";
/// A column of MariaDB has room for so much.
pub const NAME_BYTES_MAX: usize = 64;
/// A session takes at most 64 KiB in steady play: 160 MiB for the default, 640 MiB for the largest.
pub const PLAYERS_MAX: Ranged = Ranged { default: 2_500, min: 1, max: 10_000 };
/// Who waits has a session, up to 16 KiB of it while nothing is played: 4 MiB for the default, 64 MiB for the largest.
pub const QUEUE_MAX: Ranged = Ranged { default: 256, min: 0, max: 4_096 };
/// Sessions; a mint that gives an account one client id, as ours does, has one of each anyway.
pub const SESSIONS_PER_ACCOUNT: Ranged = Ranged { default: 4, min: 1, max: 64 };
/// Sessions; behind one address of a carrier, a school or a café there are many people, and each needs a token.
pub const SESSIONS_PER_ADDRESS: Ranged = Ranged { default: 256, min: 1, max: 10_000 };
/// Seconds, up to a week; who should stay away for longer is an operator's decision.
pub const AUTO_BAN_S: Ranged = Ranged { default: 600, min: 0, max: 604_800 };
/// Strikes; one may be a bug, and one is forgotten in ten minutes.
pub const AUTO_BAN_STRIKES: Ranged = Ranged { default: 3, min: 1, max: 100 };
/// A netcode connect token has room for 32 addresses.
pub const PUBLIC_ADDRESSES_MAX: usize = 32;
/// Seconds; a wider allowance refuses fresh tokens for longer after a restart.
pub const SKEW_S: Ranged = Ranged { default: 0, min: 0, max: 10 };
/// Default allowance when tokens are minted elsewhere: NTP keeps machines within a fraction of it.
pub const SKEW_FOREIGN_S: i64 = 2;
/// Tokens minted per second, and twice as many at once. Checking one signature takes up to 0.1 ms of a core.
pub const TOKENS_PER_S: Ranged = Ranged { default: 200, min: 1, max: 5_000 };
/// Key files of the login service: each one more that every forged signature is tried under.
pub const JWT_KEY_FILES_MAX: usize = 4;
/// Seconds from a login to its last connect token; until then whoever copied the login can play as its owner.
pub const JWT_MAX_AGE_S: Ranged = Ranged { default: 300, min: 10, max: 86_400 };
/// Seconds that the clock of the login service may be ahead or behind.
pub const JWT_LEEWAY_S: Ranged = Ranged { default: 5, min: 0, max: 60 };
/// The claim that holds the account unless somebody says otherwise: RFC 7519's subject.
pub const JWT_ACCOUNT_CLAIM: &str = "sub";
/// Metres. A weapon's reach is far below; the cost of a view grows with the square.
pub const ENTER_RADIUS_M: Ranged = Ranged { default: 100, min: 5, max: 1_000 };
/// Metres; 15 above the entry keeps a walker at the edge from flickering.
pub const LEAVE_RADIUS_M: Ranged = Ranged { default: 115, min: 6, max: 1_200 };
/// Metres; mobs fight as players do.
pub const MOB_RADIUS_M: Ranged = Ranged { default: 100, min: 5, max: 1_000 };
/// Metres; a shot of the farthest player in view is seen from its start.
pub const PROJECTILE_RADIUS_M: Ranged = Ranged { default: 100, min: 5, max: 1_000 };
/// Metres; nobody picks up from farther, and a sixth of the items of a player's radius lie within it.
pub const ITEM_RADIUS_M: Ranged = Ranged { default: 40, min: 5, max: 1_000 };
/// Metres; what may stand in the way or fall on somebody soon.
pub const BODY_RADIUS_M: Ranged = Ranged { default: 60, min: 5, max: 1_000 };
/// Entities in one view; 1,000 is what the wire's view can number.
pub const VISIBLE_MAX: Ranged = Ranged { default: 1_000, min: 1, max: 1_000 };
/// Threads; 0 leaves it to the machine.
pub const TELL_THREADS: Ranged = Ranged { default: 0, min: 0, max: server::HANDS_MAX as i64 };
/// As `nice(1)` counts: 10 below all others gives a thread nine times their share where it meets one of them...
pub const REACTOR_NICE: Ranged = Ranged { default: -10, min: -20, max: 19 };
/// ...and 5 below that three times the reactor's. Ranked alike, they met on one processor while bots had the other, and a
/// tenth of the ticks took twice as long.
pub const WORLD_NICE: Ranged = Ranged { default: -15, min: -20, max: 19 };
/// Any number TOML can hold that is not negative.
pub const SEED: Ranged = Ranged { default: 1, min: 0, max: i64::MAX };
/// Bytes per second to one client, IP and UDP headers included.
pub const CLIENT_DOWN: Ranged = Ranged { default: 24_000, min: 4_000, max: 256_000 };
/// Seconds; a lift or a tunnel, and not so long that the silent fill the server.
pub const HELD: Ranged =
    Ranged { default: rudp::liveness::HELD_DEFAULT_S as i64, min: 0, max: rudp::liveness::HELD_MAX_S as i64 };
/// Seconds. With the journal's own delay the promise "at most 5 s old" holds for every value in range.
pub const SAVE_INTERVAL: Ranged = Ranged { default: 4, min: 1, max: 4 };
/// Seconds; an image is half a megabyte for 4,000 entities, and older ones bring back who was killed long ago.
pub const WORLD_INTERVAL: Ranged = Ranged { default: 30, min: 5, max: 600 };
/// Ticks per second; below half of the sixty that there should be, which the overload ladder may make of them, the world is no
/// longer in step with anybody.
pub const ALERT_TICK_RATE_HZ: Ranged = Ranged { default: 25, min: 1, max: 59 };
/// Milliseconds of the 16.7 that a tick has.
pub const ALERT_TICK_P99_MS: Ranged = Ranged { default: 14, min: 1, max: 1_000 };
/// Seconds; three times what a server that is well needs at the most.
pub const ALERT_SAVE_LAG_S: Ranged = Ranged { default: 15, min: 1, max: 86_400 };
/// Datagrams per second; a server that keeps up drops none.
pub const ALERT_DROPS_PER_S: Ranged = Ranged { default: 1, min: 1, max: 1_000_000 };
/// In a hundred sessions and a minute.
pub const ALERT_TIMEOUTS_PERCENT: Ranged = Ranged { default: 2, min: 1, max: 100 };
/// Steps of the overload ladder.
pub const ALERT_OVERLOAD_LEVEL: Ranged = Ranged { default: 3, min: 1, max: 5 };
/// Minutes; enough for a person to wake up and do something.
pub const ALERT_FORECAST_MIN: Ranged = Ranged { default: 30, min: 1, max: 240 };
/// Hours between two reports; 0: none.
pub const REPORT_EVERY_H: Ranged = Ranged { default: 24, min: 0, max: 168 };
/// Reports that are kept; each takes up to 300 KB.
pub const REPORTS_KEPT: Ranged = Ranged { default: 14, min: 1, max: 1_000 };

/// Seconds for which a figure must be bad before anybody is told.
#[must_use]
pub const fn alert_for_s(default: i64) -> Ranged {
    Ranged { default, min: 0, max: 3_600 }
}

/// Milliseconds of a tick's 16.7, for nineteen ticks of twenty: beyond it the next step of the overload ladder is taken.
pub const OVERLOAD_HOT_MS: Ranged = Ranged { default: 14, min: 2, max: 1_000 };
/// Milliseconds, below those: under it a step is taken back.
pub const OVERLOAD_COOL_MS: Ranged = Ranged { default: 10, min: 1, max: 999 };

/// The real key that `typed` most probably meant, if any is near.
#[must_use]
pub fn nearest(typed: &str) -> Option<&'static str> {
    let bare = typed.rsplit('.').next().unwrap_or(typed);
    let score = |key: &'static str| {
        let key_bare = key.rsplit('.').next().unwrap_or(key);
        // The right name in the wrong section is two mistakes, however far the sections are apart.
        distance(typed, key).min(distance(bare, key_bare) + 2)
    };
    let (best, key) = KEYS.iter().map(|&key| (score(key), key)).min()?;
    is_near(best, bare).then_some(key)
}

/// Megabytes of the disk for all files of the flight log together; a thousand players fill about five of them in a second.
pub const FLIGHT_MEGABYTES: Ranged = Ranged { default: 512, min: 128, max: 65_536 };
/// Ticks; the hash is taken over the image of the whole world, milliseconds of a large one.
pub const FLIGHT_HASH_EVERY_TICKS: Ranged = Ranged { default: 60, min: 1, max: 3_600 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_across_typing_mistakes_and_wrong_sections() {
        assert_eq!(nearest("server.player_max"), Some("server.players_max"));
        assert_eq!(nearest("world.players_max"), Some("server.players_max"));
        assert_eq!(nearest("data_dir"), Some("server.data_dir"));
        assert_eq!(nearest("serer.listen"), Some("server.listen"));
        assert_eq!(nearest("colour.of_the_sky"), None);
    }
}
