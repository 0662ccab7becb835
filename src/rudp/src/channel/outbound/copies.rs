//! Messages in flight that are written once more before anybody knows whether they arrived.

use super::{Filled, Message, Outbound, State};
use crate::loss::LossLevel;
use crate::packet::Body;
use crate::sent::SentPacket;
use crate::sequence::narrow;
use std::ops::Range;

/// Undecided packets that may carry the same message at once; a probe beyond that is empty. At one probe in 2 s it is
/// reached after six minutes of silence.
const COPIES_MAX: u8 = 200;

/// Undecided packets that carry a small message redundantly, the first included (spec: PKT-46).
const REDUNDANT_COPIES_MAX: u8 = 4;

/// The same under heavy loss (spec: PKT-47): every packet of half a second. A burst that takes all copies of a message
/// holds up an ordered channel for a round trip; with bursts of four packets on average, p99 was 280 ms at ten copies.
/// What this costs is bounded by the bytes below.
const HEAVY_COPIES_MAX: u8 = 32;

/// Bytes per packet of the copies from the fifth on: what 32 waiting messages of four bytes ask for. What they may take of
/// a second the connection bounds.
const HEAVY_BYTES_MAX: usize = 256;

/// Longest message that is sent redundantly, in bytes (spec: PKT-46).
const REDUNDANT_BYTES_MAX: u16 = 128;

impl Message {
    /// In flight, small, and in that many undecided packets.
    fn may_ride_again(&self, copies: &Range<u8>) -> bool {
        let in_flight = self.state == State::InFlight && copies.contains(&self.copies);
        in_flight && self.place.is_none() && self.bytes <= REDUNDANT_BYTES_MAX
    }
}

impl Outbound {
    /// Writes the oldest messages in flight once more: the load of a probe. Whichever copy arrives first counts.
    pub(crate) fn copy_oldest(
        &mut self,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut Filled,
        frames_max: usize,
    ) {
        for index in 0..self.sendable() {
            let message = self.messages[index];
            if message.state == State::Acked {
                continue;
            }
            let copied = message.state == State::InFlight && message.copies < COPIES_MAX;
            if !copied || filled.frames >= frames_max || !self.write(index, body, packet) {
                return;
            }
            self.messages[index].copies += 1;
            filled.frames += 1;
            filled.resent += 1;
        }
    }

    /// Writes small messages in flight once more, oldest first, because the path loses packets (spec: PKT-46); under
    /// heavy loss those that have had their share too (spec: PKT-47).
    pub(crate) fn copy_redundant(
        &mut self,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut Filled,
        frames_max: usize,
        (level, bytes_max): (LossLevel, usize),
    ) {
        self.copy_again(body, packet, filled, frames_max, (0..REDUNDANT_COPIES_MAX, bytes_max));
        if level >= LossLevel::Heavy {
            // What all channels have taken, or this one by now.
            let bytes_max = bytes_max.min(filled.redundant_bytes + HEAVY_BYTES_MAX);
            let deep = (REDUNDANT_COPIES_MAX..HEAVY_COPIES_MAX, bytes_max);
            self.copy_again(body, packet, filled, frames_max, deep);
        }
    }

    /// Until so many bytes of the packet are copies.
    fn copy_again(
        &mut self,
        body: &mut Body<'_>,
        packet: &mut SentPacket,
        filled: &mut Filled,
        frames_max: usize,
        (copies, bytes_max): (Range<u8>, usize),
    ) {
        // What this packet carries already stands at the end: fresh messages were written first.
        for index in 0..self.sendable() {
            let message = self.messages[index];
            if !message.may_ride_again(&copies) || packet.carries(self.channel.0, narrow(self.base + index as u64)) {
                continue;
            }
            if !packet.has_spare_run_for(self.channel.0, narrow(self.base + index as u64)) {
                return;
            }
            let redundant_bytes = filled.redundant_bytes + message.frame_bytes();
            let is_beyond = redundant_bytes > bytes_max || filled.frames >= frames_max;
            if is_beyond || !self.write(index, body, packet) {
                return;
            }
            filled.redundant_bytes = redundant_bytes;
            self.messages[index].copies += 1;
            filled.frames += 1;
            filled.redundant += 1;
        }
    }

    /// Frame bytes that [`Self::copy_redundant`] would like to write.
    pub(crate) fn redundant_bytes(&self, level: LossLevel) -> usize {
        let wanted = |copies: Range<u8>| {
            let sendable = self.messages.iter().take(self.sendable());
            sendable.filter(|message| message.may_ride_again(&copies)).map(Message::frame_bytes).sum::<usize>()
        };
        match level {
            LossLevel::Low => 0,
            LossLevel::Some => wanted(0..REDUNDANT_COPIES_MAX),
            LossLevel::Heavy | LossLevel::Severe => {
                wanted(0..REDUNDANT_COPIES_MAX) + wanted(REDUNDANT_COPIES_MAX..HEAVY_COPIES_MAX).min(HEAVY_BYTES_MAX)
            }
        }
    }
}
