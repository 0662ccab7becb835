//! What was sent, what was heard, and what of it must agree.

use super::stream::Stream;
use crate::channel::{CONTROL, ChannelId, EVENT, PartId, PartOutcome, SNAPSHOT};
use crate::connection::Sink;
use crate::fuzz::{GOSSIP, LATEST, LETTERS, STREAM};
use crate::hello::{Hello, HelloRefusal};
use crate::reason::Reason;
use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

/// Message number n is what begins at offset 13 n of this pattern: long, without a short period, and built once.
pub(super) static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..OFFSETS + 65_536).map(byte).collect()
});

const OFFSETS: usize = 1 << 14;

/// A message that was sent: where it begins in the pattern, and its length.
type Sent = (usize, usize);

/// What one end sent and the other has not heard.
#[derive(Debug, Default)]
pub(super) struct Promises {
    serial: usize,
    /// By channel, oldest first.
    sent: [VecDeque<Sent>; 8],
    pub(super) stream: Stream,
}

impl Promises {
    /// The bytes of the next message.
    pub(super) fn next_message(&self, size: usize) -> &'static [u8] {
        bytes_of((self.serial * 13 % OFFSETS, size))
    }

    /// The next message was taken.
    pub(super) fn on_taken(&mut self, channel: ChannelId, size: usize) {
        self.sent[usize::from(channel.0)].push_back((self.serial * 13 % OFFSETS, size));
        self.serial += 1;
    }

    /// A snapshot part begins with its id.
    pub(super) fn part(&mut self, part: PartId, size: usize) -> Vec<u8> {
        let mut bytes = part.0.to_le_bytes().to_vec();
        bytes.extend_from_slice(bytes_of((self.serial % OFFSETS, size - 4)));
        bytes
    }

    /// The other end delivered a message: it must have been sent, once, and in order where there is one.
    pub(super) fn on_heard(&mut self, channel: ChannelId, bytes: &[u8]) {
        let sent = &mut self.sent[usize::from(channel.0)];
        let is_it = |sent: &Sent| bytes_of(*sent) == bytes;
        match channel {
            CONTROL | EVENT | LETTERS => {
                let front = sent.pop_front();
                assert!(front.as_ref().is_some_and(is_it), "{channel:?}: not the next message, {front:?} was");
            }
            SNAPSHOT => {}
            LATEST => {
                let at = sent.iter().position(is_it);
                let at = at.unwrap_or_else(|| panic!("{channel:?}: never sent, or older than one delivered"));
                sent.drain(..=at);
            }
            _ => {
                let at = sent.iter().position(is_it);
                let at = at.unwrap_or_else(|| panic!("{channel:?}: never sent, or delivered before"));
                sent.remove(at);
            }
        }
    }

    /// Nothing reliable is missing.
    pub(super) fn assert_kept(&self) {
        for channel in [CONTROL, EVENT, LETTERS, GOSSIP] {
            let missing = self.sent[usize::from(channel.0)].len();
            assert_eq!(missing, 0, "{channel:?}: {missing} messages were acked and never delivered");
        }
        self.stream.assert_kept();
    }
}

fn bytes_of((start, len): Sent) -> &'static [u8] {
    &PATTERN[start..start + len]
}

/// Hears one end's connection.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) heard: Vec<(ChannelId, Vec<u8>)>,
    /// Nothing has arrived that the other end did not write, and the session goes on.
    pub(super) is_honest: bool,
    pub(super) refuses_parts: bool,
    /// Packets that will not be acked because their part was refused.
    pub(super) refused: Vec<u64>,
    pub(super) parts_sent: u64,
    pub(super) parts_decided: u64,
    /// A chunk was announced, and since then there was always another.
    pub(super) has_chunk: bool,
    /// This end ends the session because of what it was told.
    pub(super) has_sent_away: bool,
    /// The other end does.
    pub(super) may_be_sent_away: bool,
    decided: BTreeSet<PartId>,
    greetings: u32,
}

impl Default for Ear {
    fn default() -> Self {
        Self {
            heard: Vec::new(),
            is_honest: true,
            refuses_parts: false,
            refused: Vec::new(),
            parts_sent: 0,
            parts_decided: 0,
            has_chunk: false,
            has_sent_away: false,
            may_be_sent_away: false,
            decided: BTreeSet::new(),
            greetings: 0,
        }
    }
}

impl Sink for Ear {
    fn on_hello(&mut self, _hello: &Hello, _version: u16) {
        self.greetings += 1;
        assert_eq!(self.greetings, 1, "a hello is told once");
    }

    fn on_hello_refused(&mut self, _hello: &Hello, _refusal: HelloRefusal) {
        assert!(!self.is_honest, "an honest hello was refused");
    }

    fn on_hello_accepted(&mut self, _version: u16) {
        self.greetings += 1;
        assert_eq!(self.greetings, 1, "an acceptance is told once");
    }

    fn on_message(&mut self, sequence: u64, channel: ChannelId, bytes: &[u8]) {
        assert_eq!(self.greetings, 1, "a message before the hello was settled");
        if channel == SNAPSHOT && self.refuses_parts {
            self.refused.push(sequence);
        }
        self.heard.push((channel, bytes.to_vec()));
    }

    fn on_part(&mut self, part: PartId, _outcome: PartOutcome) {
        self.parts_decided += 1;
        assert!(self.decided.insert(part), "{part:?} has two fates");
    }

    fn on_bulk(&mut self, channel: ChannelId) {
        assert_eq!(channel, STREAM);
        self.has_chunk = true;
    }

    fn on_misbehaved(&mut self, text: &str) {
        assert!(!self.is_honest, "an honest peer was sent away: {text}");
        self.has_sent_away = true;
    }

    fn on_close(&mut self, _reason: Reason, _text: &str) {
        assert!(!self.is_honest || self.may_be_sent_away, "nobody closed the session");
        self.is_honest = false;
    }
}
