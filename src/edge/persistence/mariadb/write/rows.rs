//! What a parcel says, as values of columns.

use super::super::names::release_values;
use super::super::servers::ServerId;
use game::{Entry, Heap, Holder, ItemRecord, Listing, Posting, Row, Transaction};
use mysql_async::Value;
use protocol::character::folded;
use protocol::{AccountId, CharacterId, ItemId, SkillId};
use server::Parcel;
use std::collections::BTreeMap;

/// What stands for coins where a kind is expected, in `sums`.
pub const COINS_KIND: i32 = -1;

/// A row of `ledger` for each transaction.
pub fn ledger(server: ServerId, parcel: &Parcel) -> Vec<Vec<Value>> {
    let mut lines: Vec<_> = parcel.ledger.iter().collect();
    lines.sort_unstable_by_key(|line| line.id);
    let row = |line: &&server::LedgerLine| {
        let id = line.id.0.to_be_bytes().to_vec();
        let transaction = Transaction { id: line.id, entries: line.entries.clone() };
        let body = body(&Posting { seq: line.seq, at_ms: line.at_ms, transaction, ..Posting::default() });
        vec![id.into(), server.0.into(), line.seq.into(), line.at_ms.into(), body.into()]
    };
    lines.iter().map(row).collect()
}

/// A transaction as the ledger keeps it: a posting that says only what was done.
pub fn body(posting: &Posting) -> Vec<u8> {
    let mut body = Vec::new();
    posting.to_bytes(&mut body);
    body
}

/// A row of `ledger_characters` for each character that a transaction touched.
pub fn ledger_characters(parcel: &Parcel) -> Vec<Vec<Value>> {
    let pairs = parcel.ledger.iter().flat_map(|line| line.characters.iter().map(|character| (*character, line.id)));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.iter().map(|(character, id)| vec![character.0.into(), id.0.to_be_bytes().to_vec().into()]).collect()
}

/// A row of `accounts` for each roster.
pub fn accounts(parcel: &Parcel) -> Vec<Vec<Value>> {
    let revisions: BTreeMap<_, _> = parcel.rosters.iter().map(|(revision, account, _)| (*account, *revision)).collect();
    revisions.iter().map(|(account, revision)| vec![account.0.into(), (*revision).into()]).collect()
}

/// For each roster: whoever of the account is not in it.
pub fn sweeps(parcel: &Parcel) -> Vec<Vec<Value>> {
    let sweep = |(revision, account, _): &(u64, AccountId, Vec<Listing>)| -> Vec<Value> {
        vec![(*revision).into(), account.0.into(), (*revision).into()]
    };
    parcel.rosters.iter().map(sweep).collect()
}

/// For each character that was struck: its name.
pub fn names_freed(parcel: &Parcel) -> Vec<Vec<Value>> {
    let struck = parcel.ledger.iter().flat_map(|line| line.entries.iter().map(|entry| (line.at_ms, entry)));
    let freed = struck.filter_map(|(at_ms, entry)| match entry {
        Entry::Struck { character, name, .. } => Some(release_values(&folded(name), *character, at_ms)),
        _ => None,
    });
    freed.collect()
}

/// When something came to disk, by its place in the journal; 0 if the parcel does not say.
fn at_ms(parcel: &Parcel, seq: u64) -> u64 {
    let line = parcel.ledger.binary_search_by_key(&seq, |line| line.seq);
    line.map_or(0, |at| parcel.ledger[at].at_ms)
}

/// A character, as a roster says.
#[derive(Clone, Debug)]
pub struct Person {
    revision: u64,
    at_ms: u64,
    account: AccountId,
    character: CharacterId,
    /// Its place in the roster; none of one that is struck.
    listing: Option<(u8, Listing)>,
}

impl Person {
    /// All whom rosters name, and all who were struck: who was made and struck in the same parcel is in no roster of it, and
    /// would come back with a late row that says he was made.
    pub fn all_of(parcel: &Parcel) -> BTreeMap<CharacterId, Self> {
        let mut people = BTreeMap::new();
        for line in &parcel.ledger {
            for entry in &line.entries {
                if let Entry::Struck { account, character, .. } = *entry {
                    let (revision, at_ms) = (line.seq, line.at_ms);
                    people.insert(character, Self { revision, at_ms, account, character, listing: None });
                }
            }
        }
        for (revision, account, roster) in &parcel.rosters {
            for (position, listing) in (0..).zip(roster) {
                let (revision, account, character) = (*revision, *account, listing.character);
                let at_ms = at_ms(parcel, revision);
                let listing = Some((position, listing.clone()));
                people.insert(character, Self { revision, at_ms, account, character, listing });
            }
        }
        people
    }

    /// For [`super::statements::ROSTER`].
    pub fn values(&self) -> Vec<Value> {
        let listing = self.listing.as_ref();
        vec![
            self.character.0.into(),
            self.account.0.into(),
            listing.map_or(0, |(position, _)| *position).into(),
            listing.map(|(_, listing)| listing.name.as_str()).into(),
            listing.map_or(0, |(_, listing)| listing.class.0).into(),
            listing.map_or(0, |(_, listing)| listing.team).into(),
            listing.is_none().into(),
            self.revision.into(),
        ]
    }

    /// For [`super::statements::NAME`].
    pub fn name_taken(&self) -> Option<Vec<Value>> {
        let (_, listing) = self.listing.as_ref()?;
        Some(vec![folded(&listing.name).as_bytes().into(), self.at_ms.into(), self.character.0.into()])
    }
}

/// For [`super::statements::CHARACTERS`].
pub fn characters(server: ServerId, parcel: &Parcel) -> Vec<Vec<Value>> {
    let all: BTreeMap<_, _> = parcel.characters.iter().map(|(seq, after)| (after.character, (*seq, after))).collect();
    let row = |(seq, after): &(u64, &game::CharacterAfter)| {
        vec![
            after.character.0.into(),
            after.exists.into(),
            after.class.0.into(),
            after.team.into(),
            after.experience.into(),
            after.coins.into(),
            skills_column(&after.skills).into(),
            server.0.into(),
            (*seq).into(),
        ]
    };
    all.values().map(row).collect()
}

/// Three bytes each: id, little-endian, and rank.
fn skills_column(skills: &[(SkillId, u8)]) -> Vec<u8> {
    skills.iter().flat_map(|(skill, rank)| [skill.0.to_le_bytes()[0], skill.0.to_le_bytes()[1], *rank]).collect()
}

/// What [`skills_column`] wrote; none if nobody wrote that.
pub fn skills_of(column: &[u8]) -> Option<Vec<(SkillId, u8)>> {
    let (skills, rest) = column.as_chunks::<3>();
    let skill = |&[low, high, rank]: &[u8; 3]| (SkillId(u16::from_le_bytes([low, high])), rank);
    rest.is_empty().then(|| skills.iter().map(skill).collect())
}

/// An item or a heap.
#[derive(Clone, Copy, Debug)]
pub struct Thing {
    server: ServerId,
    revision: u64,
    item: ItemId,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Item(ItemRecord),
    Heap(Heap),
    Gone { at_ms: u64 },
}

impl Thing {
    /// All of a parcel.
    pub fn all_of(server: ServerId, parcel: &Parcel) -> BTreeMap<ItemId, Self> {
        let gone = |seq| What::Gone { at_ms: at_ms(parcel, seq) };
        let items = parcel.items.iter().map(|&(seq, item, record)| (seq, item, record.map_or(gone(seq), What::Item)));
        let heaps = parcel.heaps.iter().map(|&(seq, item, heap)| (seq, item, heap.map_or(gone(seq), What::Heap)));
        let all = items.chain(heaps);
        all.map(|(revision, item, what)| (item, Self { server, revision, item, what })).collect()
    }

    /// For [`super::statements::ITEMS`]. Of what is gone nothing is said but that: whoever hears of it at its end only must
    /// write the same row as who knew it before.
    pub fn values(&self) -> Vec<Value> {
        let (kind, count, durability) = match self.what {
            What::Item(record) => (record.kind.0, record.count, record.durability),
            What::Heap(_) | What::Gone { .. } => (0, 0, 0),
        };
        let holder = match self.what {
            What::Item(ItemRecord { holder: Holder::Character { character, slot }, .. }) => Some((character.0, slot)),
            _ => None,
        };
        let place = match self.what {
            What::Item(ItemRecord { holder: Holder::Ground { x, y, z }, .. }) => Some((x, y, z)),
            What::Heap(heap) => Some(heap.place),
            _ => None,
        };
        let (coins, gone_at) = match self.what {
            What::Heap(heap) => (Some(heap.coins), None),
            What::Gone { at_ms } => (None, Some(at_ms)),
            What::Item(_) => (None, None),
        };
        vec![
            self.item.0.into(),
            kind.into(),
            count.into(),
            durability.into(),
            holder.map(|(character, _)| character).into(),
            holder.map(|(_, slot)| slot).into(),
            place.map(|(x, _, _)| x).into(),
            place.map(|(_, y, _)| y).into(),
            place.map(|(_, _, z)| z).into(),
            coins.into(),
            place.map(|_| self.server.0).into(),
            gone_at.is_some().into(),
            gone_at.into(),
            self.revision.into(),
        ]
    }
}

/// For [`super::statements::SUMS`].
pub fn sums(server: ServerId, parcel: &Parcel) -> Vec<Vec<Value>> {
    let kind = |kind: Option<protocol::ItemKind>| kind.map_or(COINS_KIND, |kind| i32::from(kind.0));
    let key = |(seq, way, of, amount): &(u64, game::Way, Option<protocol::ItemKind>, i64)| {
        ((way.label(), kind(*of)), (*amount, *seq))
    };
    let all: BTreeMap<_, _> = parcel.sums.iter().map(key).collect();
    let row = |((way, kind), (amount, seq)): (&(&str, i32), &(i64, u64))| -> Vec<Value> {
        vec![server.0.into(), (*way).into(), (*kind).into(), (*amount).into(), (*seq).into()]
    };
    all.iter().map(row).collect()
}
