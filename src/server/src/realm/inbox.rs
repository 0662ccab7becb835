//! The inputs of one player that wait for their tick. spec: INP-2

use protocol::Input;
use protocol::input::InputMessage;
use serde::{Deserialize, Serialize};

/// Inputs that may wait: 8 ticks, 133 ms. When a burst brings more, the oldest are forgotten: the newest win.
pub const DEPTH_MAX: usize = 8;
/// Above this many waiting inputs two are taken in a tick, of which the newer counts: a client whose clock runs fast, or
/// whose datagrams came in a burst, must not stay delayed for ever.
const DEPTH_AIM: usize = 4;

/// After this many ticks without an input (half a second) the player stands still: what his last one wanted no longer
/// counts as his will.
const PATIENCE_TICKS: u32 = 30;

/// A ring of waiting inputs, oldest first.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct InputBuffer {
    /// With their numbers: after a burst of losses the numbers that wait have gaps.
    waiting: [(u16, Input); DEPTH_MAX],
    len: u8,
    /// Number of the newest input ever taken in; earlier ones are repeats.
    newest: Option<u16>,
    /// Number of the input that the last tick used.
    applied: u16,
    /// Inputs that were forgotten because the buffer was full or too deep.
    pub skipped: u32,
    /// The input that was taken last.
    last: Input,
    /// Ticks in a row for which no input was there.
    starved: u32,
}

impl InputBuffer {
    /// Takes in what is new in a message.
    pub fn insert(&mut self, message: &InputMessage) {
        let first = message.newest.wrapping_sub(message.inputs().len() as u16 - 1);
        for (i, input) in message.inputs().rev().enumerate() {
            let number = first.wrapping_add(i as u16);
            if self.newest.is_none_or(|newest| (number.wrapping_sub(newest) as i16) > 0) {
                self.newest = Some(number);
                self.push(number, *input);
            }
        }
    }

    /// The input for this tick, if one is there.
    pub fn pop(&mut self) -> Option<Input> {
        if self.len == 0 {
            self.starved = self.starved.saturating_add(1);
            let stands = Input { move_x: 0, move_y: 0, buttons: 0, ..self.last };
            return (self.starved == PATIENCE_TICKS).then_some(stands);
        }
        self.starved = 0;
        if self.len() > DEPTH_AIM {
            self.skipped += 1;
            self.remove_front();
        }
        (self.applied, self.last) = self.remove_front();
        Some(self.last)
    }

    /// Number of the input that the last tick used.
    #[must_use]
    pub fn applied(&self) -> u16 {
        self.applied
    }

    /// Number of the newest input that ever came; none before the first.
    #[must_use]
    pub fn newest(&self) -> Option<u16> {
        self.newest
    }

    /// Where the input that was taken last looks, 4,096 steps to a turn.
    #[must_use]
    pub fn yaw(&self) -> u16 {
        self.last.yaw
    }

    /// Inputs that wait, oldest first, up to the one with this number.
    pub fn ahead(&self, until: u16) -> impl Iterator<Item = &Input> {
        let waiting = self.waiting[..self.len()].iter();
        waiting.take_while(move |(number, _)| until.wrapping_sub(*number) as i16 >= 0).map(|(_, input)| input)
    }

    /// Inputs that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    fn push(&mut self, number: u16, input: Input) {
        if self.len() == DEPTH_MAX {
            self.skipped += 1;
            self.remove_front();
        }
        self.waiting[self.len()] = (number, input);
        self.len += 1;
    }

    fn remove_front(&mut self) -> (u16, Input) {
        let front = self.waiting[0];
        let len = self.len();
        self.waiting.copy_within(1..len, 0);
        self.len -= 1;
        front
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(n: i8) -> Input {
        Input { move_x: n, ..Input::default() }
    }

    /// The newest four inputs up to `newest`, as a client sends them.
    fn message(newest: u16) -> InputMessage {
        let inputs: Vec<_> = (0..4).map(|back| input(newest.wrapping_sub(back) as i8)).collect();
        InputMessage::new(newest, &inputs)
    }

    #[test]
    fn lost_messages_are_made_up_by_the_redundant_inputs() {
        let mut buffer = InputBuffer::default();
        buffer.insert(&message(3));
        buffer.insert(&message(6));
        let taken: Vec<_> = std::iter::from_fn(|| buffer.pop()).map(|i| i.move_x).collect();
        assert_eq!(taken, [1, 3, 4, 5, 6], "above four waiting, two are taken in a tick and the newer counts");
        assert_eq!(buffer.applied(), 6);
    }

    #[test]
    fn the_number_applied_is_that_of_the_input_taken_even_when_some_were_lost() {
        let mut buffer = InputBuffer::default();
        buffer.insert(&message(3));
        buffer.insert(&message(10));
        let mut numbers = Vec::new();
        while let Some(input) = buffer.pop() {
            assert_eq!(u16::from(input.move_x as u8), buffer.applied());
            numbers.push(buffer.applied());
        }
        assert_eq!(numbers, [1, 3, 7, 8, 9, 10], "4 to 6 never came; 0 and 2 were skipped to catch up");
    }

    #[test]
    fn old_and_repeated_messages_add_nothing() {
        let mut buffer = InputBuffer::default();
        buffer.insert(&message(10));
        buffer.insert(&message(10));
        buffer.insert(&message(8));
        assert_eq!(buffer.len(), 4);
    }

    /// proves: SHO-5
    #[test]
    fn ahead_are_the_inputs_that_wait_up_to_the_one_named() {
        let mut buffer = InputBuffer::default();
        buffer.insert(&message(1));
        buffer.pop();
        let ahead = |buffer: &InputBuffer, until| buffer.ahead(until).map(|i| i.move_x).collect::<Vec<_>>();
        assert_eq!(buffer.applied(), u16::MAX - 1);
        assert_eq!(ahead(&buffer, 0), [-1, 0], "numbers wrap");
        assert_eq!(ahead(&buffer, 9), [-1, 0, 1], "what has not come yet is not waited for");
        assert_eq!(ahead(&buffer, u16::MAX - 1), [], "it was applied already");
        assert_eq!(ahead(&buffer, u16::MAX - 9), []);
    }

    #[test]
    fn numbers_wrap() {
        let mut buffer = InputBuffer::default();
        buffer.insert(&message(u16::MAX));
        buffer.insert(&message(1));
        while buffer.pop().is_some() {}
        assert_eq!(buffer.applied(), 1);
    }

    /// proves: INP-2
    #[test]
    fn after_half_a_second_without_input_the_player_stands_still() {
        let mut buffer = InputBuffer::default();
        let runs = Input { move_x: 100, yaw: 9, buttons: 1, ..Input::default() };
        buffer.insert(&InputMessage::new(1, &[runs]));
        assert_eq!(buffer.pop(), Some(runs));
        for _ in 1..PATIENCE_TICKS {
            assert_eq!(buffer.pop(), None);
        }
        assert_eq!(buffer.pop(), Some(Input { yaw: 9, ..Input::default() }));
        assert_eq!(buffer.pop(), None, "he is told to stand once");
    }

    #[test]
    fn a_burst_keeps_the_newest() {
        let mut buffer = InputBuffer::default();
        for newest in (3..=63).step_by(4) {
            buffer.insert(&message(newest));
        }
        assert_eq!(buffer.len(), DEPTH_MAX);
        while buffer.pop().is_some() {}
        assert_eq!(buffer.applied(), 63);
        assert!(buffer.skipped > 0);
    }
}
