//! What another server's journal left in MariaDB comes into this one, when whoever it is about enters the world here.

use super::estates::{self, ESTATES, GROUND, NAMES, ROSTERS, SUMS};
use super::packing::Packing;
use super::{JournalError, checkpoints, outbox, record};
use game::{AccountRow, Estate, GroundRecord, GroundRow, Heap, Listing, SumsRow};
use protocol::character::folded;
use protocol::{AccountId, CharacterId};
use redb::{ReadableTable, WriteTransaction};
use server::Saved;

/// Something that is newer than what this journal has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// A character.
    Character {
        /// Which.
        character: CharacterId,
        /// The highest number of all that is here.
        revision: u64,
        /// What it owns; none of one that never owned anything.
        estate: Option<Estate>,
    },
    /// Where a character was last seen.
    Checkpoint {
        /// Whose.
        character: CharacterId,
        /// The record.
        saved: Saved,
    },
    /// What lies on the ground of a world whose journal is lost, and what ever came into it. `revision` is the highest number
    /// of all that.
    World {
        /// The number.
        revision: u64,
        /// Items and heaps.
        ground: Vec<GroundRecord>,
        /// Of items and of coins.
        sums: SumsRow,
    },
    /// Which characters an account has.
    Roster {
        /// Whose.
        account: AccountId,
        /// The number of its last change.
        revision: u64,
        /// In the order of their making.
        roster: Vec<Listing>,
    },
}

/// Writes it over what is here, if that is older.
pub fn adopt(write: &WriteTransaction, adopted: &Adopted, packing: &mut Packing) -> Result<(), JournalError> {
    match adopted {
        Adopted::Character { character, revision, estate } => {
            if outbox::revision_now(write, *character)? >= *revision {
                return Ok(());
            }
            let mut estates = write.open_table(ESTATES)?;
            match estate {
                Some(estate) => drop(estates.insert(character.0, estates::estate_row(*character, estate).as_slice())?),
                None => drop(estates.remove(character.0)?),
            }
            outbox::set_revision(write, *character, *revision)
        }
        Adopted::World { revision, ground, sums } => {
            adopt_ground(write, ground)?;
            let row = estates::sums_row(sums);
            write.open_table(SUMS)?.insert(0, row.as_slice())?;
            outbox::raise_seq(write, *revision)
        }
        Adopted::Checkpoint { character, saved } => adopt_checkpoint(write, *character, saved, packing),
        Adopted::Roster { account, revision, roster } => {
            if outbox::account_revision_now(write, *account)? >= *revision {
                return Ok(());
            }
            adopt_roster(write, *account, roster)?;
            outbox::set_account_revision(write, *account, *revision)
        }
    }
}

fn adopt_ground(write: &WriteTransaction, ground: &[GroundRecord]) -> Result<(), JournalError> {
    let mut table = write.open_table(GROUND)?;
    for record in ground {
        let (item, row) = match *record {
            GroundRecord::Item(record) => (record.item, GroundRow { record: Some(record), heap: None }),
            GroundRecord::Coins { heap, coins, place } => {
                (heap, GroundRow { record: None, heap: Some(Heap { coins, place }) })
            }
        };
        table.insert(item.0, estates::ground_row(item, &row).as_slice())?;
    }
    Ok(())
}

fn adopt_checkpoint(
    write: &WriteTransaction,
    character: CharacterId,
    saved: &Saved,
    packing: &mut Packing,
) -> Result<(), JournalError> {
    let mut table = write.open_table(checkpoints::CHECKPOINTS)?;
    let known = table.get(character.0)?.map(|row| record::decode(character, row.value()).map(|(revision, _)| revision));
    // One that cannot be read is kept for whoever repairs it, and its owner is refused.
    if known.is_some_and(|known| known.is_err() || known.is_ok_and(|known| known >= saved.revision)) {
        return Ok(());
    }
    let mut bytes = Vec::new();
    record::encode(character, saved.revision, &saved.bytes, &mut bytes, packing);
    table.insert(character.0, bytes.as_slice())?;
    Ok(())
}

fn adopt_roster(write: &WriteTransaction, account: AccountId, roster: &[Listing]) -> Result<(), JournalError> {
    let (mut rosters, mut names) = (write.open_table(ROSTERS)?, write.open_table(NAMES)?);
    let known = rosters.get(account.0)?.map(|row| estates::read_roster(account, row.value()));
    for listing in known.and_then(Result::ok).into_iter().flat_map(|row| row.roster) {
        names.remove(folded(&listing.name).as_str())?;
    }
    for listing in roster {
        names.insert(folded(&listing.name).as_str(), listing.character.0)?;
    }
    if roster.is_empty() {
        rosters.remove(account.0)?;
    } else {
        let row = estates::roster_row(account, &AccountRow { roster: roster.to_vec() });
        rosters.insert(account.0, row.as_slice())?;
    }
    Ok(())
}
