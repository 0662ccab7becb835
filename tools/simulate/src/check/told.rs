//! Whether what the server says on the reliable channels comes once, in order, and all of it.

use super::{Broken, Check};
use protocol::codec;
use protocol::message::ServerMessage;
use rudp::{ChannelId, channel};
use std::collections::VecDeque;
use xxhash_rust::xxh3::xxh3_64;

/// What one session was told and has not heard, by channel, each with when it was said.
#[derive(Debug, Default)]
pub struct Told {
    control: VecDeque<(u64, u32)>,
    event: VecDeque<(u64, u32)>,
    scratch: Vec<u8>,
    /// Messages heard.
    pub heard: u64,
}

impl Told {
    /// The server says this, in this tick of the simulation.
    pub fn on_said(&mut self, channel: ChannelId, bytes: &[u8], tick: u32) {
        self.queue(channel).push_back((xxh3_64(bytes), tick));
    }

    /// The client hears this.
    ///
    /// # Errors
    /// It is not what was said next.
    pub fn on_heard(&mut self, channel: ChannelId, message: &ServerMessage) -> Result<(), Broken> {
        let mut scratch = std::mem::take(&mut self.scratch);
        codec::encode(message, &mut scratch);
        let hash = xxh3_64(&scratch);
        self.scratch = scratch;
        self.heard += 1;
        let queue = self.queue(channel);
        match queue.pop_front() {
            Some((said, _)) if said == hash => Ok(()),
            Some(_) => {
                let lost = queue.iter().position(|(said, _)| *said == hash);
                let how = lost.map_or_else(
                    || "was not said, or was heard before".to_owned(),
                    |at| format!("came before {} others", at + 1),
                );
                Err(Broken::new(Check::Order, format!("{message:?} {how}")))
            }
            None => Err(Broken::new(Check::Order, format!("{message:?} was heard and nothing was left to hear"))),
        }
    }

    /// When the oldest was said of what has not been heard.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        self.control.front().into_iter().chain(self.event.front()).map(|(_, tick)| *tick).min()
    }

    /// Whether all was heard that was said on the control channel.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.control.is_empty()
    }

    fn queue(&mut self, channel: ChannelId) -> &mut VecDeque<(u64, u32)> {
        if channel == channel::EVENT { &mut self.event } else { &mut self.control }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        let mut told = Told::default();
        for number in 0..3 {
            let mut bytes = Vec::new();
            codec::encode(&ServerMessage::Echo { number }, &mut bytes);
            told.on_said(channel::CONTROL, &bytes, number);
        }
        told
    }

    #[test]
    fn what_is_said_is_heard_once_and_in_order() {
        let mut told = told();
        assert_eq!(told.oldest(), Some(0));
        let echo = |number| ServerMessage::Echo { number };
        assert!((0..3).all(|number| told.on_heard(channel::CONTROL, &echo(number)).is_ok()));
        assert!(told.is_up_to_date() && told.on_heard(channel::CONTROL, &echo(2)).is_err(), "twice");
    }

    #[test]
    fn what_is_left_out_and_what_comes_on_another_channel_is_told() {
        let error = told().on_heard(channel::CONTROL, &ServerMessage::Echo { number: 2 }).unwrap_err();
        assert_eq!(error.what, "Echo { number: 2 } came before 2 others");
        assert!(told().on_heard(channel::EVENT, &ServerMessage::Echo { number: 0 }).is_err());
    }
}
