//! Everything that the journal holds about an account is taken out of it.

use super::estates::{self, ESTATES, NAMES, ROSTERS, SUMS};
use super::leases::LEASES;
use super::outbox::{self, ACCOUNT_REVISIONS, CHARACTER_REVISIONS};
use super::{Journal, JournalError, checkpoints};
use game::Way;
use protocol::character::folded;
use protocol::{AccountId, CharacterId};
use redb::{ReadableTable, WriteTransaction};
use std::collections::BTreeSet;

impl Journal {
    /// Takes out all that is held about an account and these characters, which are all of its own; of whom there was anything.
    /// What they own is booked as deleted, unless MariaDB keeps the sums. Nothing of it may wait in the outbox.
    ///
    /// # Errors
    /// The outer error is the journal's; the inner one names the row that cannot be read, and nothing was changed.
    pub fn erase(
        &mut self,
        account: AccountId,
        characters: &BTreeSet<CharacterId>,
    ) -> Result<Result<BTreeSet<CharacterId>, String>, JournalError> {
        let is_booked = !self.is_attached;
        self.write(|write| erase(write, account, characters, is_booked))
    }
}

/// Takes it out; which of the characters there was anything of. `is_booked`: what they own is booked as deleted, because nobody
/// else keeps the sums; MariaDB books it itself.
///
/// # Errors
/// The inner error names the row that cannot be read; then nothing was changed.
fn erase(
    write: &WriteTransaction,
    account: AccountId,
    characters: &BTreeSet<CharacterId>,
    is_booked: bool,
) -> Result<Result<BTreeSet<CharacterId>, String>, JournalError> {
    // All that may be unreadable is read before anything is changed: what was begun is committed.
    let mut rosters = write.open_table(ROSTERS)?;
    let roster = rosters.get(account.0)?.map(|row| estates::read_roster(account, row.value()));
    let listed = match roster.transpose() {
        Ok(row) => row.unwrap_or_default().roster,
        Err(error) => return Ok(Err(format!("the characters of account {}: {error}", account.0))),
    };
    if is_booked && let Err(unreadable) = book(write, characters)? {
        return Ok(Err(unreadable));
    }
    rosters.remove(account.0)?;
    let mut names = write.open_table(NAMES)?;
    for listing in &listed {
        names.remove(folded(&listing.name).as_str())?;
    }
    write.open_table(ACCOUNT_REVISIONS)?.remove(account.0)?;
    let mut found: BTreeSet<_> = listed.iter().map(|listing| listing.character).collect();
    for &character in characters {
        if forget(write, character)? {
            found.insert(character);
        }
    }
    // Whoever of the account is in the lobby still goes on above all that MariaDB was told.
    outbox::next_seq(write)?;
    Ok(Ok(found))
}

/// Whether there was anything of this character.
fn forget(write: &WriteTransaction, character: CharacterId) -> Result<bool, JournalError> {
    let is_owner = write.open_table(ESTATES)?.remove(character.0)?.is_some();
    let was_seen = checkpoints::is_there(write, character)?;
    checkpoints::forget(write, character)?;
    write.open_table(CHARACTER_REVISIONS)?.remove(character.0)?;
    write.open_table(LEASES)?.remove(character.0)?;
    Ok(is_owner || was_seen)
}

fn book(write: &WriteTransaction, characters: &BTreeSet<CharacterId>) -> Result<Result<(), String>, JournalError> {
    let mut sums = match estates::sums_now(write)? {
        Ok(sums) => sums,
        Err(error) => return Ok(Err(format!("the sums: {error}"))),
    };
    let estates = write.open_table(ESTATES)?;
    for &character in characters {
        let estate = match estates.get(character.0)?.map(|row| estates::read_estate(character, row.value())) {
            Some(Ok(estate)) => estate,
            Some(Err(error)) => return Ok(Err(format!("what character {} owns: {error}", character.0))),
            None => continue,
        };
        for row in &estate.items {
            *sums.made.entry((Way::Deleted, row.kind)).or_default() -= i64::from(row.count);
        }
        let Ok(coins) = i64::try_from(estate.coins) else {
            return Ok(Err(format!("what character {} owns: more coins than can be booked", character.0)));
        };
        if coins > 0 {
            *sums.minted.entry(Way::Deleted).or_default() -= coins;
        }
    }
    write.open_table(SUMS)?.insert(0, estates::sums_row(&sums).as_slice())?;
    Ok(Ok(()))
}

#[cfg(test)]
#[path = "erasure_tests.rs"]
mod tests;
