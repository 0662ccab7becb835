//! What is said, and what both ends must compute alike.
//!
//! Message bodies, per-tick input, snapshot parts and the motion rules. Nothing here knows how bytes travel (that is
//! `rudp`) or who may see what (that is `server`): these are values, their bits, and integer arithmetic that gives the
//! same answer on every machine. The bytes are written down in `protocol-spec/`; clause ids are cited here.
pub mod bits;
pub mod character;
pub mod codec;
pub mod command;
pub mod custom;
pub mod event;
#[doc(hidden)]
pub mod fuzz;
pub mod id;
pub mod input;
pub mod message;
pub mod motion;
pub mod news;
pub mod orientation;
pub mod snapshot;
pub mod state;
pub mod unit;
pub mod view;

pub use character::{RosterRow, RosterStep};
pub use command::{Command, Refusal};
pub use custom::Custom;
pub use event::GameEvent;
pub use id::{AccountId, CharacterId, ClassId, EffectId, ItemId, ItemKind, MobKind, NetId, SkillId, Tick};
pub use input::Input;
pub use news::News;
pub use orientation::Orientation;
pub use state::{EntityKind, EntityState, OwnState};
pub use view::ViewTick;

/// Names this game in every NETCODE packet (`THRONG` and a version that changes only when old clients must not even
/// try; everything smaller is settled by the hello).
pub const PROTOCOL_ID: u64 = u64::from_be_bytes(*b"THRONG\0\x01");
