//! Which tokens have been seen: pending at some addresses, or used up. spec: LIF-6
use super::filter::Refusal;
use crate::bucket::hasher;
use crate::seal::TAG_BYTES;
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Addresses from which one token may be pending at a time: someone who copies a request on its way and sends it first
/// cannot lock the owner out.
pub(super) const TOKEN_ADDRESSES_MAX: usize = 4;

/// The tag of a sealed private token: no two tokens share one.
pub(super) type TokenTag = [u8; TAG_BYTES];

/// Slots of the pending requests of one token.
pub(super) type PendingSlots = [Option<u32>; TOKEN_ADDRESSES_MAX];

enum State {
    Pending(PendingSlots),
    Consumed,
}

/// Every token that opened, until it expires. Bounded: when it is full, new tokens are refused, because forgetting one
/// that is still valid would let it in twice, and with it the same keys under the same nonces.
pub(super) struct History {
    tokens: HashMap<TokenTag, State, foldhash::quality::SeedableRandomState>,
    /// Soonest expiry on top.
    expiries: BinaryHeap<Reverse<(u64, TokenTag)>>,
    tokens_max: usize,
    /// Latest expiry among the forgotten: nothing that expires by then is let in again, whatever the wall clock says.
    forgotten_expire_s: u64,
}

impl History {
    pub(super) fn new(tokens_max: usize, seed: u64) -> Self {
        Self {
            tokens: HashMap::with_capacity_and_hasher(tokens_max, hasher(seed)),
            expiries: BinaryHeap::with_capacity(tokens_max),
            tokens_max,
            forgotten_expire_s: 0,
        }
    }

    /// Forgets tokens that have expired by `unix_s`; a request of theirs is refused by its expiry.
    pub(super) fn forget_expired(&mut self, unix_s: u64) {
        while let Some(Reverse((expire, tag))) = self.expiries.peek().copied().filter(|Reverse((at, _))| *at <= unix_s)
        {
            self.expiries.pop();
            self.tokens.remove(&tag);
            self.forgotten_expire_s = self.forgotten_expire_s.max(expire);
        }
    }

    /// Whether a token may be opened at all: used and possibly forgotten ones may not. Reads only.
    pub(super) fn judge(&self, tag: &TokenTag, expire_unix_s: u64) -> Result<(), Refusal> {
        if matches!(self.tokens.get(tag), Some(State::Consumed)) {
            return Err(Refusal::Consumed);
        }
        if expire_unix_s <= self.forgotten_expire_s && !self.tokens.contains_key(tag) {
            return Err(Refusal::Forgotten);
        }
        Ok(())
    }

    /// Where a token is pending; nowhere when it is unknown.
    pub(super) fn slots_of(&self, tag: &TokenTag) -> PendingSlots {
        match self.tokens.get(tag) {
            Some(State::Pending(slots)) => *slots,
            _ => [None; TOKEN_ADDRESSES_MAX],
        }
    }

    /// Where a token that passed [`judge`](Self::judge) is pending; a new token is entered.
    pub(super) fn pending_slots(&mut self, tag: TokenTag, expire_unix_s: u64) -> Result<&mut PendingSlots, Refusal> {
        if !self.tokens.contains_key(&tag) {
            if self.tokens.len() >= self.tokens_max {
                return Err(Refusal::HistoryFull);
            }
            self.expiries.push(Reverse((expire_unix_s, tag)));
        }
        match self.tokens.entry(tag).or_insert(State::Pending([None; TOKEN_ADDRESSES_MAX])) {
            State::Pending(slots) => Ok(slots),
            State::Consumed => Err(Refusal::Consumed),
        }
    }

    /// A pending request of this token is gone.
    pub(super) fn on_pending_removed(&mut self, tag: &TokenTag, slot: u32) {
        if let Some(State::Pending(slots)) = self.tokens.get_mut(tag) {
            for entry in slots.iter_mut().filter(|entry| **entry == Some(slot)) {
                *entry = None;
            }
        }
    }

    /// The token begins a session, once. Returns where it was pending; none if it may not: it was consumed, or it has
    /// expired and been forgotten, and then nobody could tell whether it had been consumed before.
    pub(super) fn consume(&mut self, tag: &TokenTag) -> Option<PendingSlots> {
        match self.tokens.get_mut(tag).map(|state| std::mem::replace(state, State::Consumed)) {
            Some(State::Pending(slots)) => Some(slots),
            _ => None,
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        assert_eq!(self.tokens.len(), self.expiries.len());
        self.tokens.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consumed_token_is_refused_until_it_expires_and_then_still() {
        let mut history = History::new(4, 0);
        let tag = [1; TAG_BYTES];
        assert_eq!(history.judge(&tag, 100), Ok(()));
        history.pending_slots(tag, 100).unwrap()[2] = Some(7);
        assert_eq!(history.judge(&tag, 100), Ok(()), "pending is not consumed");
        assert_eq!(history.consume(&tag), Some([None, None, Some(7), None]));
        assert_eq!(history.judge(&tag, 100), Err(Refusal::Consumed));
        history.forget_expired(99);
        assert_eq!(history.judge(&tag, 100), Err(Refusal::Consumed));
        history.forget_expired(100);
        assert_eq!(history.len(), 0);
        assert_eq!(history.judge(&tag, 100), Err(Refusal::Forgotten), "the wall clock may have gone back");
        assert_eq!(history.judge(&[2; TAG_BYTES], 101), Ok(()));
    }

    #[test]
    fn a_full_history_refuses_new_tokens_and_knows_the_old() {
        let mut history = History::new(2, 0);
        for tag in [1, 2] {
            history.pending_slots([tag; TAG_BYTES], 100 + u64::from(tag)).unwrap();
        }
        assert_eq!(history.pending_slots([3; TAG_BYTES], 100), Err(Refusal::HistoryFull));
        assert!(history.pending_slots([2; TAG_BYTES], 102).is_ok());
        history.forget_expired(101);
        assert!(history.pending_slots([3; TAG_BYTES], 103).is_ok());
        assert_eq!(history.len(), 2);
    }
}
