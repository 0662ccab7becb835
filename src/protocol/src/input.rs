//! What a player wants, sixty times a second.
//!
//! spec: INP-1. An input message carries the newest inputs, newest first, so that a lost datagram loses nothing: each input
//! travels in [`INPUTS_PER_MESSAGE`] datagrams. An input equal to the one before it costs one bit.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitWriter, OutOfBits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One tick's wishes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Wanted direction east, -127..=127 of full speed. World axes, not relative to the view: the motion rules need no
    /// trigonometry, so any language can follow them to the unit.
    pub move_x: i8,
    /// Wanted direction north.
    pub move_y: i8,
    /// Where the player looks, 0..4,096.
    pub yaw: u16,
    /// As in [`crate::EntityState::pitch`].
    pub pitch: u16,
    /// [`button`] bits.
    pub buttons: u8,
}

/// Bits of [`Input::buttons`].
pub mod button {
    /// Leave the ground.
    pub const JUMP: u8 = 1;
    /// Go at half the speed.
    pub const WALK: u8 = 2;
}

/// Inputs that one message carries at most: 4 survive three lost datagrams in a row.
pub const INPUTS_PER_MESSAGE: usize = 4;
/// Bytes of the largest input message: 16 + 2 + 4 * (1 + 48) bits.
pub const INPUT_MESSAGE_BYTES_MAX: usize = (16 + 2 + INPUTS_PER_MESSAGE * 49).div_ceil(8);

/// The newest inputs of a client. `inputs[i]` has the number `newest - i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputMessage {
    /// Number of the newest input; counts client ticks and wraps at 2^16.
    pub newest: u16,
    inputs: [Input; INPUTS_PER_MESSAGE],
    len: u8,
}

/// Why bytes are not an input message: the client's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InputError {
    /// Truncated.
    #[error(transparent)]
    OutOfBits(#[from] OutOfBits),
    /// Bytes or set bits behind the last input.
    #[error("bytes after the last input")]
    Trailing,
}

impl InputMessage {
    /// A message of `inputs`, newest first; at least one, at most [`INPUTS_PER_MESSAGE`] are taken.
    #[must_use]
    pub fn new(newest: u16, inputs: &[Input]) -> Self {
        assert!(!inputs.is_empty(), "an input message carries at least one input");
        let mut taken = [Input::default(); INPUTS_PER_MESSAGE];
        let len = inputs.len().min(INPUTS_PER_MESSAGE);
        for (slot, input) in taken.iter_mut().zip(inputs) {
            *slot = *input;
        }
        Self { newest, inputs: taken, len: len as u8 }
    }

    /// The inputs, newest first.
    pub fn inputs(&self) -> impl DoubleEndedIterator<Item = &Input> + ExactSizeIterator {
        self.inputs.iter().take(usize::from(self.len))
    }

    /// Writes the message and returns its length in bytes.
    pub fn encode(&self, buf: &mut [u8; INPUT_MESSAGE_BYTES_MAX]) -> usize {
        let mut writer = BitWriter::new(buf);
        writer.put(u64::from(self.newest), 16);
        writer.put(u64::from(self.len) - 1, 2);
        let mut newer = None;
        for input in self.inputs() {
            writer.put_bool(newer == Some(input));
            if newer != Some(input) {
                put_input(&mut writer, input);
            }
            newer = Some(input);
        }
        writer.finish()
    }

    /// Reads a message from all of `bytes`.
    ///
    /// # Errors
    /// [`InputError`] for anything but exactly one message.
    pub fn decode(bytes: &[u8]) -> Result<Self, InputError> {
        let mut reader = BitReader::new(bytes);
        let newest = reader.take(16)? as u16;
        let len = reader.take(2)? as u8 + 1;
        let mut inputs = [Input::default(); INPUTS_PER_MESSAGE];
        let mut newer = Input::default();
        for slot in inputs.iter_mut().take(usize::from(len)) {
            if !reader.take_bool()? {
                newer = take_input(&mut reader)?;
            }
            *slot = newer;
        }
        if reader.is_finished() { Ok(Self { newest, inputs, len }) } else { Err(InputError::Trailing) }
    }
}

fn put_input(writer: &mut BitWriter<'_>, input: &Input) {
    writer.put(u64::from(input.move_x as u8), 8);
    writer.put(u64::from(input.move_y as u8), 8);
    writer.put(u64::from(input.yaw & 0xfff), 12);
    writer.put(u64::from(input.pitch & 0xfff), 12);
    writer.put(u64::from(input.buttons), 8);
}

fn take_input(reader: &mut BitReader<'_>) -> Result<Input, OutOfBits> {
    Ok(Input {
        move_x: reader.take(8)? as u8 as i8,
        move_y: reader.take(8)? as u8 as i8,
        yaw: reader.take(12)? as u16,
        pitch: reader.take(12)? as u16,
        buttons: reader.take(8)? as u8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_input() -> impl Strategy<Value = Input> {
        (any::<i8>(), any::<i8>(), 0_u16..4_096, 0_u16..4_096, any::<u8>())
            .prop_map(|(move_x, move_y, yaw, pitch, buttons)| Input { move_x, move_y, yaw, pitch, buttons })
    }

    proptest! {
        /// proves: INP-1
        #[test]
        fn inputs_round_trip(newest in any::<u16>(), inputs in prop::collection::vec(any_input(), 1..=4)) {
            let message = InputMessage::new(newest, &inputs);
            let mut buf = [0; INPUT_MESSAGE_BYTES_MAX];
            let len = message.encode(&mut buf);
            prop_assert_eq!(InputMessage::decode(&buf[..len]), Ok(message));
            for shorter in 0..len {
                prop_assert!(InputMessage::decode(&buf[..shorter]).is_err());
            }
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = InputMessage::decode(&bytes);
        }
    }

    #[test]
    fn repeated_inputs_cost_one_bit() {
        let same = [Input { move_x: 5, yaw: 77, ..Input::default() }; 4];
        let mut buf = [0; INPUT_MESSAGE_BYTES_MAX];
        assert_eq!(InputMessage::new(9, &same).encode(&mut buf), (16 + 2 + 49 + 3_usize).div_ceil(8));
    }
}
