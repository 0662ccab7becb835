//! A commit as it lies on the journal's disk: its length, a checksum, and what it brings.

use game::{Posting, Row, Transaction};
use protocol::CharacterId;
use server::{Saved, SavedWorld};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Length (u64) and checksum (u64) of what follows.
const HEADER_BYTES: usize = 16;

/// What one commit brings to disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Checkpoints that come out of other stores.
    pub adopted: Vec<(CharacterId, Saved)>,
    /// Transactions of the game.
    pub deals: Vec<Transaction>,
    /// Checkpoints.
    pub saves: Vec<(CharacterId, Saved)>,
    /// Checkpoints that MariaDB has.
    pub sent: Vec<(CharacterId, u64)>,
    /// Up to here the outbox is where it is to be.
    pub drained: u64,
    /// Characters that are this server's from now on, with the epochs of their leases.
    pub taken: Vec<(CharacterId, u64)>,
    /// Characters that are not any more.
    pub given_up: Vec<CharacterId>,
    /// An image of the world.
    pub world: Option<Arc<SavedWorld>>,
}

impl Change {
    /// Whether there is nothing to write, apart from how far the outbox is.
    pub fn is_empty(&self) -> bool {
        let nothing = Self { at_ms: self.at_ms, drained: self.drained, ..Self::default() };
        *self == nothing
    }

    /// The record.
    pub fn to_record(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, self.at_ms);
        put_saves(&mut body, &self.adopted);
        put(&mut body, self.deals.len() as u64);
        for transaction in &self.deals {
            let mut row = Vec::new();
            Posting { transaction: transaction.clone(), ..Posting::default() }.to_bytes(&mut row);
            put_bytes(&mut body, &row);
        }
        put_saves(&mut body, &self.saves);
        put_pairs(&mut body, &self.sent);
        put(&mut body, self.drained);
        put_pairs(&mut body, &self.taken);
        let given_up: Vec<_> = self.given_up.iter().map(|character| (*character, 0)).collect();
        put_pairs(&mut body, &given_up);
        put(&mut body, self.world.iter().count() as u64);
        if let Some(world) = &self.world {
            put(&mut body, world.upto);
            put_bytes(&mut body, &world.bytes);
        }
        let mut record = Vec::with_capacity(HEADER_BYTES + body.len());
        put(&mut record, body.len() as u64);
        put(&mut record, xxh3_64(&body));
        record.extend_from_slice(&body);
        record
    }

    /// The first record of these bytes, and what is behind it; none if it is not whole. With `believes` the checksum is taken
    /// on trust.
    pub fn take(bytes: &[u8], believes: bool) -> Option<(Self, &[u8])> {
        let mut rest = bytes;
        let (len, checksum) = (take(&mut rest)?, take(&mut rest)?);
        let (mut body, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        if xxh3_64(body) != checksum && !believes {
            return None;
        }
        let change = Self::take_body(&mut body)?;
        body.is_empty().then_some((change, behind))
    }

    fn take_body(body: &mut &[u8]) -> Option<Self> {
        let at_ms = take(body)?;
        let adopted = take_saves(body)?;
        let deals = take_all(body, |body| Some(Posting::from_bytes(take_bytes(body)?).ok()?.transaction))?;
        let saves = take_saves(body)?;
        let sent = take_pairs(body)?;
        let drained = take(body)?;
        let taken = take_pairs(body)?;
        let given_up = take_pairs(body)?.into_iter().map(|(character, _)| character).collect();
        let world = take_all(body, |body| {
            let upto = take(body)?;
            Some(Arc::new(SavedWorld { upto, bytes: take_bytes(body)?.to_vec() }))
        })?;
        Some(Self { at_ms, adopted, deals, saves, sent, drained, taken, given_up, world: world.into_iter().next() })
    }
}

fn put(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, more: &[u8]) {
    put(bytes, more.len() as u64);
    bytes.extend_from_slice(more);
}

fn put_pairs(bytes: &mut Vec<u8>, pairs: &[(CharacterId, u64)]) {
    put(bytes, pairs.len() as u64);
    for (character, number) in pairs {
        put(bytes, character.0);
        put(bytes, *number);
    }
}

fn put_saves(bytes: &mut Vec<u8>, saves: &[(CharacterId, Saved)]) {
    put(bytes, saves.len() as u64);
    for (character, saved) in saves {
        put(bytes, character.0);
        put(bytes, saved.revision);
        put_bytes(bytes, &saved.bytes);
    }
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

fn take_all<T>(bytes: &mut &[u8], one: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = take(bytes)?;
    // What is claimed asks for no memory before it is there.
    (0..count).map(|_| one(bytes)).collect()
}

fn take_pairs(bytes: &mut &[u8]) -> Option<Vec<(CharacterId, u64)>> {
    take_all(bytes, |bytes| Some((CharacterId(take(bytes)?), take(bytes)?)))
}

fn take_saves(bytes: &mut &[u8]) -> Option<Vec<(CharacterId, Saved)>> {
    take_all(bytes, |bytes| {
        let (character, revision) = (CharacterId(take(bytes)?), take(bytes)?);
        Some((character, Saved { revision, bytes: take_bytes(bytes)?.to_vec() }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Entry, TransactionId, Way};

    const ANN: CharacterId = CharacterId(1);

    fn change() -> Change {
        let saved = |revision| (ANN, Saved { revision, bytes: b"here".to_vec() });
        let coins = |change| Entry::Coins { character: ANN, change, way: Way::Kit };
        Change {
            at_ms: 5,
            adopted: vec![saved(3)],
            deals: vec![Transaction { id: TransactionId(9), entries: vec![coins(4), coins(-4)] }],
            saves: vec![saved(4), saved(5)],
            sent: vec![(ANN, 2)],
            drained: 7,
            taken: vec![(ANN, 1)],
            given_up: vec![CharacterId(2)],
            world: Some(Arc::new(SavedWorld { upto: 6, bytes: b"world".to_vec() })),
        }
    }

    #[test]
    fn a_record_reads_back_and_what_is_behind_it_is_left() {
        let record = [change().to_record(), b"more".to_vec()].concat();
        assert_eq!(Change::take(&record, false), Some((change(), &b"more"[..])));
        assert!(Change { at_ms: 1, drained: 2, ..Change::default() }.is_empty() && !change().is_empty());
    }

    #[test]
    fn any_cut_and_any_changed_byte_is_noticed() {
        let record = change().to_record();
        for at in 0..record.len() {
            let mut damaged = record.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Change::take(&damaged, false), None, "byte {at}");
            assert_eq!(Change::take(&record[..at], false), None, "cut at {at}");
        }
    }
}
