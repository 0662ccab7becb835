//! Messages on the reliable channels.
//!
//! spec: MSG-1. Each is a bincode enum; variants are only ever added at the end, because their order is their number.

use crate::event::{GameEvent, Shoot};
use crate::{Command, NetId, News, Refusal, Tick};
use bincode::{Decode, Encode};

/// What a client says on the control and event channels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ClientMessage {
    /// Asks for the same number back, in order: proves that the reliable channel neither loses, doubles nor reorders.
    Echo {
        /// Counts up from 0 in each session.
        number: u32,
    },
    /// The client met a snapshot part that it could not decode and wants every entity from scratch.
    Resync,
    /// Puts the sender's avatar at a place, in units. Obeyed only for tokens with the operator role: load generators use
    /// it to start where their recorded players stood.
    Place {
        /// East.
        x_units: i32,
        /// North.
        y_units: i32,
    },
    /// The player shoots. On the event channel, so that nothing said on the other holds it up.
    Shoot(Shoot),
    /// The player does something.
    Do {
        /// Comes back in the answer; counts the client's commands and wraps.
        number: u16,
        /// What.
        command: Command,
    },
}

/// What the server says on the control and event channels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ServerMessage {
    /// First message of a session: who you are and how you will be told about the world.
    Welcome(Welcome),
    /// The answer to [`ClientMessage::Echo`].
    Echo {
        /// As asked.
        number: u32,
    },
    /// Something happened; on the event channel.
    Event {
        /// In which tick.
        tick: Tick,
        /// What.
        event: GameEvent,
    },
    /// The answer to [`ClientMessage::Do`]: exactly one for each. What was done is true from this tick on.
    Done {
        /// As asked.
        number: u16,
        /// Why it was not, if it was not.
        result: Result<(), Refusal>,
    },
    /// Something of the player's own.
    News(News),
}

/// The terms under which a client sees the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The client's own entity.
    pub own: NetId,
    /// The tick in which it entered the world; later 16-bit ticks expand against it.
    pub tick: Tick,
    /// Others are shown once nearer than this, in units.
    pub enter_radius_units: i32,
    /// Others are hidden once farther than this, in units.
    pub leave_radius_units: i32,
    /// At most this many others are shown at once.
    pub visible_max: u16,
}

/// spec: SNP-11. Of so many places in a view, those that belong to the nearest; the others go round.
#[must_use]
pub const fn nearest_places(visible_max: usize) -> usize {
    visible_max - visible_max / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ViewTick;
    use crate::codec::{DecodeError, decode, encode};
    use crate::event::{Shot, ShotRefusal};

    fn bytes_of<M: Encode>(message: &M) -> Vec<u8> {
        let mut buf = Vec::new();
        encode(message, &mut buf);
        buf
    }

    /// proves: MSG-1. Contracts: a change here is a change of the inner version.
    #[test]
    fn message_bytes_are_pinned() {
        assert_eq!(bytes_of(&ClientMessage::Echo { number: 7 }), [0, 7]);
        assert_eq!(bytes_of(&ClientMessage::Resync), [1]);
        assert_eq!(bytes_of(&ClientMessage::Place { x_units: 3, y_units: -1 }), [2, 6, 1]);
        let welcome = Welcome {
            own: NetId(300),
            tick: Tick(5),
            enter_radius_units: 32_000,
            leave_radius_units: -1,
            visible_max: 256,
        };
        let bytes = bytes_of(&ServerMessage::Welcome(welcome));
        assert_eq!(bytes, [0, 251, 44, 1, 5, 251, 0, 250, 1, 251, 0, 1]);
        assert_eq!(decode::<ServerMessage>(&bytes).unwrap(), ServerMessage::Welcome(welcome));
        assert_eq!(bytes_of(&ServerMessage::Echo { number: 251 }), [1, 251, 251, 0]);
        let view = ViewTick { tick: Tick(300), fraction: 255 };
        let shoot = ClientMessage::Shoot(Shoot { number: 1, input: 2, view, yaw: 65_535, pitch: 0 });
        let bytes = bytes_of(&shoot);
        assert_eq!(bytes, [3, 1, 2, 251, 44, 1, 255, 251, 255, 255, 0]);
        assert_eq!(decode::<ClientMessage>(&bytes).unwrap(), shoot);
        let shot = Shot { by: NetId(1), number: 2, target: Some(NetId(3)), x_units: 4, y_units: -4, z_units: 0 };
        let event = ServerMessage::Event { tick: Tick(5), event: GameEvent::Shot(shot) };
        assert_eq!(bytes_of(&event), [2, 5, 0, 1, 2, 1, 3, 8, 7, 0]);
        let event = GameEvent::Shot(Shot { target: None, ..shot });
        assert_eq!(bytes_of(&ServerMessage::Event { tick: Tick(5), event }), [2, 5, 0, 1, 2, 0, 8, 7, 0]);
        let event = GameEvent::ShotRefused { number: 2, reason: ShotRefusal::TooSoon };
        assert_eq!(bytes_of(&ServerMessage::Event { tick: Tick(5), event }), [2, 5, 1, 2, 1]);
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(matches!(decode::<ClientMessage>(&[1, 0]), Err(DecodeError::Trailing(1))));
    }

    #[test]
    fn every_truncation_and_unknown_variant_is_an_error() {
        let whole = bytes_of(&ClientMessage::Echo { number: 70_000 });
        for len in 0..whole.len() {
            assert!(decode::<ClientMessage>(&whole[..len]).is_err(), "{len} bytes");
        }
        assert!(decode::<ClientMessage>(&[9]).is_err());
    }
}
