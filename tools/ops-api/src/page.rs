//! The pages that answer.

use crate::Role;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/players`: who is here. With `?who=WHOM` only those; with `?sort=KEY&limit=N` the first of an order: `name`,
/// `rtt`, `loss`, `down`, `up`, `backlog`, `age`, `suspicion`, `connected`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Players {
    /// How many there are that were asked for; `players` may be fewer.
    pub total: usize,
    /// Who.
    pub players: Vec<PlayerRow>,
}

/// Somebody who is here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayerRow {
    /// Slot and generation of the session: `3.1`.
    pub session: String,
    /// The account.
    pub account: u64,
    /// The character; nought of who has not chosen one.
    pub character: u64,
    /// The name in the token, or the character's.
    pub name: String,
    /// `player` or `operator`.
    pub role: String,
    /// `playing`, `loading`, `lobby`, `queued`.
    pub state: String,
    /// Nothing is heard of it at present, and it is held.
    pub silent: bool,
    /// IP address and port.
    pub address: String,
    /// Seconds since it came.
    pub connected_s: f64,
    /// Its place in the world, in metres.
    pub x_m: f64,
    /// The same, to the north.
    pub y_m: f64,
    /// Its level.
    pub level: u8,
    /// Others in its view.
    pub visible: usize,
    /// Round trip.
    pub rtt_ms: f64,
    /// Part of what was sent to it in the last second that was lost, 0 to 1.
    pub loss_ratio: f64,
    /// To it, in the last second, payload bytes.
    pub down_kbit_per_s: f64,
    /// From it.
    pub up_kbit_per_s: f64,
    /// Bytes of reliable messages that wait for it.
    pub backlog_bytes: usize,
    /// As it says of itself: how old the newest snapshot is, the frames without one, corrections of its own player, its
    /// round trip. Nought of a client that says nothing.
    pub snapshot_age_ms: f64,
    /// Frames of its last second for which it had no snapshot.
    pub starved: u32,
    /// Corrections of its own player in its last second.
    pub corrections: u32,
    /// What speaks against it, most of all kinds.
    pub suspicion_points: u32,
    /// It went beyond a limit.
    pub flagged: bool,
}

/// `GET /api/v1/bans`: who is kept out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bans {
    /// Who.
    pub bans: Vec<Ban>,
}

/// Somebody who is kept out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ban {
    /// `account:42`, an address or a network.
    pub what: String,
    /// Seconds until it ends; none if it does not.
    pub left_s: Option<u64>,
    /// Why.
    pub reason: String,
    /// `operator`, or `evidence` if the server imposed it itself.
    pub by: String,
}

/// `GET /api/v1/limits`: what may be changed while the server runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// All.
    pub limits: Vec<Limit>,
}

/// A limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// Its name.
    pub name: String,
    /// As it is.
    pub value: u64,
    /// The least that it may be.
    pub min: u64,
    /// The most.
    pub max: u64,
    /// What it bounds.
    pub about: String,
}

/// `GET /api/v1/log-level`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLevel {
    /// What is logged.
    pub filter: String,
}

/// `GET /api/v1/alerts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// All that there are rules for.
    pub alerts: Vec<Alert>,
}

/// A rule, and how it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// It is raised.
    pub firing: bool,
    /// For so many seconds.
    pub since_s: f64,
    /// The figure that it is about, as it was last.
    pub value: f64,
    /// Raised at or beyond this.
    pub threshold: f64,
    /// What it means, in words.
    pub text: String,
}

/// `GET /api/v1/audit?after=NUMBER`: which commands were given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditPage {
    /// In order.
    pub lines: Vec<AuditLine>,
    /// Number of the newest.
    pub newest: u64,
}

/// A command that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Counts up, since the server's start.
    pub number: u64,
    /// When, in UTC: `20261130T010203Z`.
    pub at: String,
    /// By whom: address and port of whoever asked.
    pub from: String,
    /// The right that it was given by; none if it had none.
    pub role: Option<Role>,
    /// Its name.
    pub command: String,
    /// Its fields, as JSON on one line; secrets never.
    pub fields: String,
    /// The status that was answered.
    pub status: u16,
}

/// `GET /api/v1/profile`: where the time went since the start. Two of them give what happened between.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Ticks since the start.
    pub ticks: u64,
    /// Player-ticks since the start.
    pub player_ticks: u64,
    /// By thread.
    pub threads: Vec<ThreadTime>,
    /// By phase: `world/...` of a tick, `game/...` of the game's part of it, `reactor/...` of a wake.
    pub phases: Vec<PhaseTime>,
}

/// Processor time of a thread.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreadTime {
    /// Which.
    pub name: String,
    /// User and system seconds since the start.
    pub seconds: f64,
}

/// Time in a phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseTime {
    /// Which: `world/tell`.
    pub name: String,
    /// How often it was passed.
    pub count: u64,
    /// Seconds in it since the start.
    pub seconds: f64,
    /// The longest pass of the last second, in seconds.
    pub max_last_second: f64,
}

/// What comes with every status above 399.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Refused {
    /// One sentence.
    pub error: String,
}
