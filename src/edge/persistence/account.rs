//! What this server's journal holds about an account, to be handed out to whom it is about.

use super::journal::{Journal, JournalError};
use game::Listing;
use protocol::AccountId;
use serde_json::{Value, json};

/// All of it, as it is on disk: the roster and, of each character in it, what it owns, the number of its last transaction, the
/// revision of its checkpoint, and the epoch of its lease. A row that cannot be read is said to be so.
///
/// # Errors
/// The journal cannot be read.
pub fn held(journal: &mut Journal, account: AccountId) -> Result<Value, JournalError> {
    let roster = match journal.roster_row(account)? {
        Ok(roster) => roster,
        Err(unreadable) => return Ok(json!({ "account": account.0, "unreadable": unreadable })),
    };
    let leases = journal.leases()?;
    // No roster has the account's own character, if its tokens name none.
    let nameless = Listing { character: server::nameless(account), ..Listing::default() };
    let is_held = journal.revision(nameless.character)? > 0
        || leases.contains_key(&nameless.character)
        || journal.record_of(nameless.character)?.is_some();
    let roster = roster.into_iter().chain(is_held.then_some(nameless));
    let mut characters = Vec::new();
    for listing in roster {
        let lease = leases.get(&listing.character).copied();
        characters.push(character(journal, &listing, lease)?);
    }
    let revision = journal.account_revision(account)?;
    Ok(json!({ "account": account.0, "roster_revision": revision, "characters": characters }))
}

fn character(journal: &mut Journal, listing: &Listing, lease: Option<u64>) -> Result<Value, JournalError> {
    let Listing { character, name, class, team } = listing;
    let estate = match journal.estate(*character)? {
        Ok(estate) => json!(estate),
        Err(unreadable) => json!({ "unreadable": unreadable }),
    };
    let checkpoint = match journal.load(*character)? {
        Ok(saved) => json!(saved.map(|saved| saved.revision)),
        Err(unreadable) => json!({ "unreadable": unreadable.to_string() }),
    };
    let revision = journal.revision(*character)?;
    Ok(json!({ "character": character.0, "name": name, "class": class.0, "team": team, "revision": revision,
        "estate": estate, "checkpoint_revision": checkpoint, "lease_epoch": lease }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::persistence::journal::{Group, Save};
    use game::{Entry, Transaction, TransactionId, Way};
    use protocol::{CharacterId, ClassId};

    #[test]
    fn an_account_is_told_all_that_is_its_own_and_nothing_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let listing = |character, name: &str| Listing {
            character: CharacterId(character),
            name: name.to_owned(),
            class: ClassId(2),
            ..Listing::default()
        };
        let way = Way::Loot;
        let found = vec![Entry::Coins { character: CharacterId(1), change: 10, way }, Entry::Minted { coins: 10, way }];
        let deals = [
            listing(1, "Ada").creation(TransactionId(1), AccountId(7)),
            listing(2, "Eve").creation(TransactionId(2), AccountId(8)),
            Transaction { id: TransactionId(3), entries: found },
        ];
        let saves = [Save { character: CharacterId(1), revision: 5, bytes: b"here".to_vec() }];
        let taken = [(CharacterId(1), 4)];
        journal.commit(&Group { deals: &deals, saves: &saves, taken: &taken, ..Group::default() }).unwrap();
        let held_here = held(&mut journal, AccountId(7)).unwrap();
        let ada = &held_here["characters"][0];
        assert_eq!((ada["name"].as_str(), ada["estate"]["coins"].as_u64()), (Some("Ada"), Some(10)));
        assert_eq!([&ada["revision"], &ada["checkpoint_revision"], &ada["lease_epoch"]], [3, 5, 4]);
        assert_eq!(held_here["characters"].as_array().unwrap().len(), 1);
        assert!(!held_here.to_string().contains("Eve"));
        assert_eq!(held(&mut journal, AccountId(99)).unwrap()["characters"], json!([]));
    }
}
