//! Everything that a journal holds, counted row by row; what cannot be read, by name; and whether there is of everything as
//! much as was made.

use super::checkpoints::CHECKPOINTS;
use super::estates::{self, ESTATES, GROUND, NAMES, ROSTERS, STARTS, SUMS};
use super::leases::LEASES;
use super::outbox::{self, ACCOUNT_REVISIONS, APPLIED, CHARACTER_REVISIONS, Fact, INCARNATIONS, OUTBOX, RECENT};
use super::{JournalError, Torn, aside, record, world_row};
use game::{Estate, GroundRow, SumsRow};
use protocol::{AccountId, CharacterId, ItemId, ItemKind};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};
use std::collections::BTreeMap;

/// Unreadable rows that are named, one by one; more are only counted: a thousand lines are as many as a person reads.
const NAMED_MAX: usize = 1_000;

/// Whether there is as much as was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Yes.
    #[default]
    Even,
    /// No, and that is nobody's fault: through MariaDB things come from other servers' journals and go to them, and each counts
    /// only what was made in its own world.
    Shared,
    /// No.
    Off,
    /// A row that would have to be counted cannot be read.
    Unknown,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The file's layout.
    pub layout: u64,
    /// The journal's name.
    pub journal: u128,
    /// Number of the newest transaction.
    pub seq: u64,
    /// Up to here all is in MariaDB.
    pub drained: u64,
    /// Whether MariaDB has been told of it.
    pub is_introduced: bool,
    /// How often a server was started on it, MariaDB aside.
    pub starts: u32,
    /// Rows: what waits for MariaDB.
    pub outbox: u64,
    /// Postings that could not be read and were set aside: MariaDB has never had them.
    pub set_aside: u64,
    /// Transactions that are remembered by their ids.
    pub applied: u64,
    /// Characters that own something or are somebody.
    pub characters: u64,
    /// Accounts with characters.
    pub rosters: u64,
    /// Names that are taken.
    pub names: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Up to which transaction the saved world knows of all, if a world was saved.
    pub world: Option<u64>,
    /// Items and heaps on the ground.
    pub ground: u64,
    /// Coins, wherever they are.
    pub coins: i128,
    /// Items, wherever they are.
    pub items: i64,
    /// Of both.
    pub balance: Balance,
    /// Characters that are this server's to write.
    pub leases: u64,
    /// Starts that MariaDB has given and that were not used.
    pub incarnations: u64,
    /// Each row that cannot be used, with why.
    pub unreadable: Vec<String>,
    /// How many of those there are, the unnamed ones counted.
    pub unreadable_rows: u64,
}

impl Inventory {
    /// Whether every row can be used and nothing was made or lost in silence.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.unreadable_rows == 0 && matches!(self.balance, Balance::Even | Balance::Shared)
    }

    fn name(&mut self, row: String) {
        self.unreadable_rows += 1;
        if self.unreadable.len() < NAMED_MAX {
            self.unreadable.push(row);
        }
    }
}

/// What is counted beside what was made.
#[derive(Default)]
struct Count {
    kinds: BTreeMap<ItemKind, i64>,
    coins: i128,
    is_whole: bool,
}

impl Count {
    fn items(&mut self, kind: ItemKind, count: u32) {
        *self.kinds.entry(kind).or_default() += i64::from(count);
    }
}

/// Reads all of it.
///
/// # Errors
/// The database itself cannot be read.
pub fn take(read: &ReadTransaction) -> Result<Inventory, JournalError> {
    let fact = |of| outbox::fact(read, of);
    let mut inventory = Inventory {
        layout: fact(Fact::Format)?,
        journal: u128::from(fact(Fact::JournalHigh)?) << 64 | u128::from(fact(Fact::JournalLow)?),
        seq: fact(Fact::Seq)?,
        drained: fact(Fact::Drained)?,
        is_introduced: fact(Fact::Introduced)? == 1,
        starts: read.open_table(STARTS)?.get(0)?.map_or(0, |starts| starts.value()),
        names: read.open_table(NAMES)?.len()?,
        leases: read.open_table(LEASES)?.len()?,
        incarnations: read.open_table(INCARNATIONS)?.len()?,
        set_aside: aside::count(read)?,
        ..Inventory::default()
    };
    let mut count = Count { is_whole: true, ..Count::default() };
    take_estates(read, &mut inventory, &mut count)?;
    take_ground(read, &mut inventory, &mut count)?;
    take_rosters(read, &mut inventory)?;
    take_checkpoints(read, &mut inventory)?;
    take_outbox(read, &mut inventory)?;
    take_numbers(read, &mut inventory)?;
    take_world(read, &mut inventory)?;
    (inventory.items, inventory.coins) = (count.kinds.values().sum(), count.coins);
    inventory.balance = balance(read, &mut inventory, count)?;
    Ok(inventory)
}

fn take_estates(read: &ReadTransaction, into: &mut Inventory, count: &mut Count) -> Result<(), JournalError> {
    for row in read.open_table(ESTATES)?.iter()? {
        let (key, row) = row?;
        into.characters += 1;
        match estates::read_estate(CharacterId(key.value()), row.value()) {
            Ok(Estate { coins, items, .. }) => {
                count.coins += i128::from(coins);
                items.iter().for_each(|item| count.items(item.kind, item.count));
            }
            Err(error) => {
                count.is_whole = false;
                into.name(format!("what character {} owns: {error}", key.value()));
            }
        }
    }
    Ok(())
}

fn take_ground(read: &ReadTransaction, into: &mut Inventory, count: &mut Count) -> Result<(), JournalError> {
    for row in read.open_table(GROUND)?.iter()? {
        let (key, row) = row?;
        into.ground += 1;
        match estates::read_ground(ItemId(key.value()), row.value()) {
            Ok(GroundRow { record, heap }) => {
                record.iter().for_each(|record| count.items(record.kind, record.count));
                count.coins += heap.map_or(0, |heap| i128::from(heap.coins));
            }
            Err(error) => {
                count.is_whole = false;
                into.name(format!("item {:#x} on the ground: {error}", key.value()));
            }
        }
    }
    Ok(())
}

fn take_rosters(read: &ReadTransaction, into: &mut Inventory) -> Result<(), JournalError> {
    for row in read.open_table(ROSTERS)?.iter()? {
        let (key, row) = row?;
        into.rosters += 1;
        if let Err(error) = estates::read_roster(AccountId(key.value()), row.value()) {
            into.name(format!("the characters of account {}: {error}", key.value()));
        }
    }
    Ok(())
}

fn take_checkpoints(read: &ReadTransaction, into: &mut Inventory) -> Result<(), JournalError> {
    for row in read.open_table(CHECKPOINTS)?.iter()? {
        let (key, row) = row?;
        into.checkpoints += 1;
        if let Err(error) = record::decode(CharacterId(key.value()), row.value()) {
            into.name(format!("the checkpoint of character {}: {error}", key.value()));
        }
    }
    Ok(())
}

fn take_outbox(read: &ReadTransaction, into: &mut Inventory) -> Result<(), JournalError> {
    for row in read.open_table(OUTBOX)?.iter()? {
        let (key, row) = row?;
        into.outbox += 1;
        let seq = key.value();
        match outbox::read_posting(seq, row.value()) {
            Ok(_) if seq <= into.drained || seq > into.seq => {
                into.name(format!("posting {seq} of the outbox: no number between {} and {}", into.drained, into.seq));
            }
            Ok(_) => {}
            Err(error) => into.name(Torn::of(seq, &error).to_string()),
        }
    }
    Ok(())
}

fn take_world(read: &ReadTransaction, into: &mut Inventory) -> Result<(), JournalError> {
    match world_row::load(read)? {
        Ok(Some(world)) if world.upto > into.seq => {
            into.name(format!(
                "the saved world: it knows of transaction {}, and the newest is {}",
                world.upto, into.seq
            ));
        }
        Ok(world) => into.world = world.map(|world| world.upto),
        Err(error) => into.name(error.to_string()),
    }
    Ok(())
}

/// The rows that are numbers, each of which must be one that was given.
fn take_numbers(read: &ReadTransaction, into: &mut Inventory) -> Result<(), JournalError> {
    let applied = read.open_table(APPLIED)?;
    into.applied = applied.len()?;
    for row in read.open_table(RECENT)?.iter()? {
        let (seq, id) = row?;
        if applied.get(id.value())?.map(|row| row.value()) != Some(seq.value()) {
            into.name(format!("transaction {:x}: remembered by number {} alone", id.value(), seq.value()));
        }
    }
    for (what, table) in [("character", CHARACTER_REVISIONS), ("account", ACCOUNT_REVISIONS)] {
        for row in read.open_table(table)?.iter()? {
            let (id, revision) = row?;
            if revision.value() > into.seq {
                let (id, revision) = (id.value(), revision.value());
                into.name(format!("the revision of {what} {id}: {revision} is above the newest, {}", into.seq));
            }
        }
    }
    Ok(())
}

fn balance(read: &ReadTransaction, into: &mut Inventory, count: Count) -> Result<Balance, JournalError> {
    let sums = read.open_table(SUMS)?.get(0)?.map(|row| estates::read_sums(row.value()));
    let SumsRow { made, minted } = match sums.unwrap_or_else(|| Ok(SumsRow::default())) {
        Ok(sums) => sums,
        Err(error) => {
            into.name(format!("the sums: {error}"));
            return Ok(Balance::Unknown);
        }
    };
    if !count.is_whole {
        return Ok(Balance::Unknown);
    }
    let mut left = count.kinds;
    made.into_iter().for_each(|((_, kind), count)| *left.entry(kind).or_default() -= count);
    let coins: i128 = minted.values().map(|&coins| i128::from(coins)).sum();
    Ok(match left.values().all(|&count| count == 0) && coins == count.coins {
        true => Balance::Even,
        false if into.is_introduced => Balance::Shared,
        false => Balance::Off,
    })
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
