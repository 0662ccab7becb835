//! Messages of which some fragments are here: all channels of a connection share one budget.
//!
//! A message is *begun* with its first fragment to arrive, and only if all of it fits: what was begun can always be
//! finished, so a full budget never locks a channel. Memory is taken for what has arrived, not for what was announced.

use super::ChannelId;
use super::fragment::{FRAGMENT_BYTES, MESSAGE_BYTES_MAX, Place};

/// Bytes of all begun messages of a connection at most: 128 KiB (spec: PKT-73).
pub const REASSEMBLY_BYTES_MAX: usize = 128 * 1_024;

/// Messages begun at a time, at most (spec: PKT-73).
pub const REASSEMBLY_MESSAGES_MAX: usize = 16;

/// Life of a begun unreliable message, in ns: 5 s (spec: PKT-74).
pub const REASSEMBLY_LIFE_NS: u64 = 5_000_000_000;

/// Of the budget, what is kept for the one message that a reliable channel waits for (spec: PKT-73).
const RESERVED_BYTES: usize = MESSAGE_BYTES_MAX;

const POOL_BYTES: usize = REASSEMBLY_BYTES_MAX - RESERVED_BYTES;
const POOL_MESSAGES: usize = REASSEMBLY_MESSAGES_MAX - 1;

/// Buffers kept for the next fragments.
const SPARE_BUFFERS_MAX: usize = 16;

/// A fragment that has passed its channel's window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) channel: ChannelId,
    /// Names the message: the number of its first fragment, or an unreliable message's own.
    pub(crate) message: u64,
    pub(crate) place: Place,
    pub(crate) bytes: &'a [u8],
}

/// Why a fragment's message may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Its channel delivers nothing before it: it may use the reserve.
    Awaited,
    /// Reliable, behind others.
    Reliable,
    /// Unreliable, arrived at this time in ns.
    Unreliable(u64),
}

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Stored,
    /// It was here already.
    Duplicate,
    /// Its message cannot be begun now.
    Full,
    /// Other fragments say otherwise about the same message.
    Mismatched,
}

#[derive(Debug)]
struct Assembly {
    channel: ChannelId,
    message: u64,
    size_less_one: u16,
    uses_reserve: bool,
    expires_ns: Option<u64>,
    pieces: Vec<(u8, Vec<u8>)>,
}

impl Assembly {
    fn place(&self) -> Place {
        Place { index: 0, size_less_one: self.size_less_one }
    }

    fn end(&self) -> u64 {
        self.message + self.place().fragments() as u64
    }

    fn is_complete(&self) -> bool {
        self.pieces.len() == self.place().fragments()
    }
}

/// The begun messages of one connection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    begun: Vec<Assembly>,
    spare: Vec<Vec<u8>>,
    /// Unreliable messages given up: their time was over, or others needed the room.
    pub(crate) given_up: u64,
}

impl Reassembly {
    /// Keeps a fragment, beginning its message if that is new.
    pub(crate) fn keep(&mut self, arrived: &Arrived<'_>, claim: Claim) -> Kept {
        let &Arrived { channel, message, place, bytes } = arrived;
        let at = match self.find(channel, message) {
            Some(at) => at,
            None => match self.begin(channel, message, place, claim) {
                Some(at) => at,
                None => return Kept::Full,
            },
        };
        let assembly = &mut self.begun[at];
        if assembly.size_less_one != place.size_less_one {
            return Kept::Mismatched;
        }
        if assembly.pieces.iter().any(|(index, _)| *index == place.index) {
            return Kept::Duplicate;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.reserve_exact(bytes.len());
        buffer.extend_from_slice(bytes);
        assembly.pieces.push((place.index, buffer));
        Kept::Stored
    }

    /// Whether a reliable message with these numbers would share some with a begun one that is not the same.
    pub(crate) fn conflicts(&self, channel: ChannelId, first: u64, count: u64, same: Option<Place>) -> bool {
        self.begun.iter().any(|begun| {
            let is_same =
                begun.message == first && same.is_some_and(|place| place.size_less_one == begun.size_less_one);
            begun.channel == channel && !is_same && first < begun.end() && begun.message < first + count
        })
    }

    /// Whether a message is begun.
    pub(crate) fn is_begun(&self, channel: ChannelId, message: u64) -> bool {
        self.find(channel, message).is_some()
    }

    /// The message, if all of it is here now. Its room is free again.
    pub(crate) fn take(&mut self, channel: ChannelId, message: u64) -> Option<Vec<u8>> {
        let at = self.find(channel, message).filter(|at| self.begun[*at].is_complete())?;
        Some(self.finish(at))
    }

    /// The message whose last fragment has number `end - 1`, if all of it is here.
    pub(crate) fn take_ending(&mut self, channel: ChannelId, end: u64) -> Option<Vec<u8>> {
        let ends = |begun: &Assembly| begun.channel == channel && begun.end() == end && begun.is_complete();
        let at = self.begun.iter().position(ends)?;
        Some(self.finish(at))
    }

    /// When the next unreliable message is given up.
    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.begun.iter().filter_map(|begun| begun.expires_ns).min()
    }

    /// Gives up the unreliable messages whose time is over.
    pub(crate) fn on_timeout(&mut self, now_ns: u64) {
        let is_over = |begun: &Assembly| begun.expires_ns.is_some_and(|expires_ns| expires_ns <= now_ns);
        while let Some(at) = self.begun.iter().position(is_over) {
            self.give_up(at);
        }
    }

    /// Begun messages and the bytes held for them.
    pub(crate) fn held(&self) -> (usize, usize) {
        let bytes = self.begun.iter().flat_map(|begun| &begun.pieces).map(|(_, piece)| piece.capacity()).sum();
        (self.begun.len(), bytes)
    }

    fn find(&self, channel: ChannelId, message: u64) -> Option<usize> {
        self.begun.iter().position(|begun| begun.channel == channel && begun.message == message)
    }

    fn begin(&mut self, channel: ChannelId, message: u64, place: Place, claim: Claim) -> Option<usize> {
        let expires_ns = match claim {
            Claim::Unreliable(now_ns) => Some(now_ns + REASSEMBLY_LIFE_NS),
            Claim::Awaited | Claim::Reliable => None,
        };
        let uses_reserve = !self.has_room(place.message_bytes());
        let reserve_is_free = self.begun.iter().all(|begun| !begun.uses_reserve);
        if uses_reserve && !(claim == Claim::Awaited && reserve_is_free) {
            return None;
        }
        let size_less_one = place.size_less_one;
        self.begun.push(Assembly { channel, message, size_less_one, uses_reserve, expires_ns, pieces: Vec::new() });
        Some(self.begun.len() - 1)
    }

    /// Whether the pool takes a message of this length, after the oldest unreliable ones have given way.
    fn has_room(&mut self, message_bytes: usize) -> bool {
        loop {
            let pool = self.begun.iter().filter(|begun| !begun.uses_reserve);
            let (messages, bytes) =
                pool.fold((0, 0), |(messages, bytes), begun| (messages + 1, bytes + begun.place().message_bytes()));
            if messages < POOL_MESSAGES && bytes + message_bytes <= POOL_BYTES {
                return true;
            }
            let Some(oldest) = self.begun.iter().position(|begun| begun.expires_ns.is_some()) else { return false };
            self.give_up(oldest);
        }
    }

    fn give_up(&mut self, at: usize) {
        self.finish(at);
        self.given_up += 1;
    }

    fn finish(&mut self, at: usize) -> Vec<u8> {
        let mut assembly = self.begun.remove(at);
        assembly.pieces.sort_unstable_by_key(|(index, _)| *index);
        let mut message = Vec::with_capacity(assembly.pieces.len() * FRAGMENT_BYTES);
        for (_, mut piece) in assembly.pieces {
            message.extend_from_slice(&piece);
            if self.spare.len() < SPARE_BUFFERS_MAX {
                piece.clear();
                self.spare.push(piece);
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: ChannelId = ChannelId(5);
    const FULL: &[u8] = &[7; FRAGMENT_BYTES];

    fn arrived(message: u64, index: u8, message_bytes: usize) -> Arrived<'static> {
        let place = Place { index, size_less_one: u16::try_from(message_bytes - 1).expect("at most 64 KiB") };
        Arrived { channel: CHANNEL, message, place, bytes: &FULL[..place.bytes().expect("inside")] }
    }

    #[test]
    fn a_message_is_whole_once_every_fragment_is_here_in_whatever_order() {
        // proves: PKT-72
        let mut reassembly = Reassembly::default();
        for index in [2, 0, 0, 1] {
            assert_eq!(reassembly.take(CHANNEL, 40), None);
            reassembly.keep(&arrived(40, index, 2_500), Claim::Reliable);
        }
        assert_eq!(reassembly.keep(&arrived(40, 1, 2_500), Claim::Reliable), Kept::Duplicate);
        assert_eq!(reassembly.take(CHANNEL, 40), Some(vec![7; 2_500]));
        assert_eq!(reassembly.held(), (0, 0));
    }

    #[test]
    fn only_what_has_arrived_costs_memory() {
        // proves: PKT-73
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.keep(&arrived(0, 63, 65_536), Claim::Reliable), Kept::Stored);
        assert_eq!(reassembly.held(), (1, 1_024));
    }

    #[test]
    fn what_was_begun_can_always_be_finished_and_the_awaited_message_can_always_be_begun() {
        // proves: PKT-73
        let mut reassembly = Reassembly::default();
        for message in 0..4 {
            assert_eq!(reassembly.keep(&arrived(100 + 16 * message, 3, 16_384), Claim::Reliable), Kept::Stored);
        }
        assert_eq!(reassembly.keep(&arrived(300, 0, 1_025), Claim::Reliable), Kept::Full);
        assert_eq!(reassembly.keep(&arrived(0, 5, 65_536), Claim::Awaited), Kept::Stored);
        assert_eq!(reassembly.keep(&arrived(400, 0, 1_025), Claim::Awaited), Kept::Full, "one reserve");
        for index in 0..64 {
            reassembly.keep(&arrived(0, index, 65_536), Claim::Reliable);
        }
        assert!(reassembly.held().1 <= REASSEMBLY_BYTES_MAX);
        assert_eq!(reassembly.take(CHANNEL, 0).map(|message| message.len()), Some(65_536));
        assert_eq!(reassembly.keep(&arrived(400, 0, 1_025), Claim::Awaited), Kept::Stored, "the reserve is free");
    }

    #[test]
    fn at_most_sixteen_messages_are_begun() {
        // proves: PKT-73
        let mut reassembly = Reassembly::default();
        let kept = (0..20).map(|message| reassembly.keep(&arrived(2 * message, 0, 1_025), Claim::Awaited));
        assert_eq!(kept.filter(|kept| *kept == Kept::Stored).count(), REASSEMBLY_MESSAGES_MAX);
    }

    #[test]
    fn unreliable_messages_live_five_seconds_and_give_way_oldest_first() {
        // proves: PKT-74
        let mut reassembly = Reassembly::default();
        for message in 0..10_000 {
            assert_eq!(reassembly.keep(&arrived(message, 0, 40_000), Claim::Unreliable(message)), Kept::Stored);
            assert!(reassembly.held() == (1, 1_024));
        }
        assert_eq!(reassembly.given_up, 9_999);
        assert_eq!(reassembly.deadline_ns(), Some(9_999 + REASSEMBLY_LIFE_NS));
        reassembly.on_timeout(9_998 + REASSEMBLY_LIFE_NS);
        assert!(reassembly.is_begun(CHANNEL, 9_999));
        reassembly.on_timeout(9_999 + REASSEMBLY_LIFE_NS);
        assert_eq!((reassembly.held(), reassembly.deadline_ns()), ((0, 0), None));
        reassembly.keep(&arrived(1, 0, 65_536), Claim::Reliable);
        reassembly.on_timeout(u64::MAX);
        assert_eq!(reassembly.held(), (1, 1_024), "a reliable message lives as long as the session");
        assert_eq!(reassembly.keep(&arrived(2, 0, 40_000), Claim::Unreliable(0)), Kept::Full);
    }

    #[test]
    fn fragments_that_disagree_about_their_message_are_told_apart() {
        // proves: PKT-72
        let mut reassembly = Reassembly::default();
        reassembly.keep(&arrived(10, 0, 3_000), Claim::Reliable);
        assert_eq!(reassembly.keep(&arrived(10, 1, 3_001), Claim::Reliable), Kept::Mismatched);
        let place = arrived(10, 0, 3_000).place;
        assert!(!reassembly.conflicts(CHANNEL, 10, 3, Some(place)));
        assert!(reassembly.conflicts(CHANNEL, 12, 1, None), "a whole message inside");
        assert!(reassembly.conflicts(CHANNEL, 8, 3, Some(place)), "overlapping below");
        assert!(reassembly.conflicts(CHANNEL, 12, 3, Some(place)), "overlapping above");
        assert!(
            !reassembly.conflicts(CHANNEL, 13, 3, Some(place)) && !reassembly.conflicts(CHANNEL, 7, 3, Some(place))
        );
        assert!(!reassembly.conflicts(ChannelId(0), 12, 1, None), "another channel");
    }
}
