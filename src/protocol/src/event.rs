//! What happened in a tick and cannot be read off the states.
//!
//! spec: MSG-4. Events travel on the event channel with the number of their tick; a client takes them up when it has been
//! shown that tick. Variants are only ever added at the end, because their order is their number.

use crate::{NetId, ViewTick};
use bincode::{Decode, Encode};

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum GameEvent {
    /// Somebody shot; told to everyone who sees him or whom he hit, and to both.
    Shot(Shot),
    /// A shot of yours was not carried out; told to its shooter alone.
    ShotRefused {
        /// Which, as in [`Shoot::number`].
        number: u16,
        /// Why.
        reason: ShotRefusal,
    },
}

/// spec: SHO-3. What a client asks for when its player shoots. At most 19 bytes as a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Shoot {
    /// Comes back in the answer; counts the client's shots and wraps.
    pub number: u16,
    /// Number of the newest input the client had applied to its own player when it shot: the eye is where this one
    /// brings it.
    pub input: u16,
    /// The moment at which the client drew the others.
    pub view: ViewTick,
    /// Where to: 65,536 steps to a turn, 0 is east, a quarter turn north. Sixteen times finer than in states, whose step
    /// is 15 cm at 100 m.
    pub yaw: u16,
    /// As `yaw`; 0 is level, down is positive, up wraps.
    pub pitch: u16,
}

/// A shot that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Shot {
    /// Who.
    pub by: NetId,
    /// As the shooter counts.
    pub number: u16,
    /// Whom it hit, if anybody.
    pub target: Option<NetId>,
    /// Where it ended, in units: at whom or what it hit, else at the end of its range.
    pub x_units: i32,
    /// North.
    pub y_units: i32,
    /// Up.
    pub z_units: i32,
}

/// Why a shot was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ShotRefusal {
    /// What the shooter saw is longer ago than shots are judged by.
    Stale,
    /// The weapon was not ready.
    TooSoon,
}
