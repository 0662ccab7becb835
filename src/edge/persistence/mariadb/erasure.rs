//! All that is held about a person is taken away.

use super::account::NAMES;
use super::leases::TAKE;
use super::servers::ServerId;
use super::session::Session;
use super::timing::Query;
use super::write::{COINS_KIND, body};
use super::{Database, names};
use crate::edge::clock;
use game::{Entry, Way};
use mysql_async::Value;
use protocol::{AccountId, CharacterId};
use server::{StoreError, Trouble};

/// What comes of erasing an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing of it is here any more.
    Done {
        /// So many lines of the ledger name neither it nor its characters' names any more.
        ledger_lines: usize,
    },
    /// Another server may still write one of its characters: log it out, and let that server drain first.
    Held {
        /// Which.
        character: CharacterId,
        /// That server.
        by: String,
    },
}

impl Database {
    /// Takes away everything that says who somebody is: his characters, with all that they own (which is booked as deleted,
    /// so that the sums still balance), their checkpoints, names and leases. The ledger keeps what was done, by characters
    /// whose numbers lead nowhere, without the account and without names. Of the account its number stays, and that its
    /// roster has changed once more: so other servers hear at its next login that it has nobody, and a late row of it brings
    /// nobody back.
    ///
    /// `characters` are those that [`Self::kin`] finds. Leases of `server`, who asks, are not in the way: it has to have
    /// carried all that it knew of them.
    ///
    /// What servers' journals hold, and backups, is theirs to forget; and a database that is away may bring some of it back
    /// when it returns: erase again then. That does no harm.
    ///
    /// # Errors
    /// [`StoreError`]: then some of it may be erased; erasing again does the rest.
    pub async fn erase(
        &self,
        server: ServerId,
        account: AccountId,
        characters: &[CharacterId],
    ) -> Result<Erased, StoreError> {
        let mut characters = characters.to_vec();
        characters.sort_unstable();
        if let Some(held) = self.holder(server, &characters).await? {
            return Ok(held);
        }
        // First what is found by the characters of the account, last what makes them found: after a fault all is found again.
        let mut ledger_lines = 0;
        for character in &characters {
            ledger_lines += self.forget_in_ledger(*character, account).await?;
        }
        let now_ms = clock::unix_ms();
        let held = self
            .transaction(async |session| {
                if let Some(held) = holder(session, server, &characters).await? {
                    return Ok(Some(held));
                }
                take_all(session, server, &characters, now_ms).await?;
                for character in &characters {
                    erase_character(session, *character, now_ms).await?;
                }
                session.run(Query::Erase, ROSTER_CHANGED, vec![account.0.into()]).await?;
                Ok(None)
            })
            .await?;
        Ok(held.unwrap_or(Erased::Done { ledger_lines }))
    }

    /// [`Erased::Held`] if another server than `server` may still write one of these.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn holder(&self, server: ServerId, characters: &[CharacterId]) -> Result<Option<Erased>, StoreError> {
        self.with(async |session| holder(session, server, characters).await).await
    }

    async fn forget_in_ledger(&self, character: CharacterId, account: AccountId) -> Result<usize, StoreError> {
        let (mut after, mut changed) = (Vec::new(), 0);
        loop {
            let page = self.ledger_page(character, &after).await?;
            let Some((last, ..)) = page.last() else { return Ok(changed) };
            after = last.clone();
            for (id, _, _, mut posting) in page {
                if posting.transaction.entries.iter_mut().filter_map(|entry| forget(entry, account)).count() == 0 {
                    continue;
                }
                let values: Vec<Value> = vec![body(&posting).into(), id.into()];
                let statement = "UPDATE ledger SET body = ? WHERE transaction_id = ?";
                self.with(async |session| session.run(Query::Erase, statement, values).await).await?;
                changed += 1;
            }
        }
    }
}

/// The first of these that another server than the one who asks has and has not drained. In a transaction those rows stay as
/// they are until its end.
async fn holder(
    session: &mut Session<'_>,
    server: ServerId,
    characters: &[CharacterId],
) -> Result<Option<Erased>, StoreError> {
    for character in characters {
        let values = vec![character.0.into(), server.0.into()];
        let held: Vec<String> = session.rows(Query::Erase, HOLDER, values).await?;
        if let Some(by) = held.into_iter().next() {
            return Ok(Some(Erased::Held { character: *character, by }));
        }
    }
    Ok(None)
}

/// Until the end of the transaction nobody else can take these: also whom nobody has ever had.
async fn take_all(
    session: &mut Session<'_>,
    server: ServerId,
    characters: &[CharacterId],
    now_ms: u64,
) -> Result<(), StoreError> {
    for character in characters {
        let values = vec![character.0.into(), server.0.into(), now_ms.into()];
        let taken: Vec<(u32, u64)> = session.rows(Query::Erase, TAKE, values).await?;
        if taken.first().is_none_or(|(by, _)| *by != server.0) {
            // It was taken for the first time just now; the next attempt sees by whom.
            let text = format!("character {} is being let in by another server", character.0);
            return Err(StoreError { trouble: Trouble::Conflict, text });
        }
    }
    Ok(())
}

/// Takes account and name out of what names this account.
fn forget(entry: &mut Entry, erased: AccountId) -> Option<()> {
    match entry {
        Entry::Listed { account, name, .. } | Entry::Struck { account, name, .. } if *account == erased => {
            *account = AccountId(0);
            name.clear();
            Some(())
        }
        _ => None,
    }
}

async fn erase_character(session: &mut Session<'_>, character: CharacterId, now_ms: u64) -> Result<(), StoreError> {
    let (id, nobody, deleted) =
        (Value::from(character.0), Value::from(ServerId::NOBODY.0), Value::from(Way::Deleted.label()));
    session.run(Query::Erase, ITEMS_LOST, vec![nobody.clone(), deleted.clone(), id.clone()]).await?;
    session.run(Query::Erase, COINS_LOST, vec![nobody, deleted, COINS_KIND.into(), id.clone()]).await?;
    session.run(Query::Erase, ITEMS_GONE, vec![now_ms.into(), id.clone()]).await?;
    let held: Vec<Vec<u8>> = session.rows(Query::Erase, NAMES, vec![id.clone()]).await?;
    for folded in held {
        let folded = String::from_utf8_lossy(&folded).into_owned();
        session.run(Query::Erase, names::RELEASE, names::release_values(&folded, character, now_ms)).await?;
    }
    session.run(Query::Erase, "DELETE FROM checkpoints WHERE character_id = ?", vec![id.clone()]).await?;
    session.run(Query::Erase, "DELETE FROM leases WHERE character_id = ?", vec![id.clone()]).await?;
    session.run(Query::Erase, NOBODY, vec![id]).await?;
    Ok(())
}

const ITEMS_LOST: &str = "INSERT INTO sums (server_id, way, kind, amount, revision) \
    SELECT ?, ?, kind, -SUM(count), 1 FROM items WHERE character_id = ? AND is_gone = 0 GROUP BY kind \
    ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount), revision = sums.revision + 1";
const COINS_LOST: &str = "INSERT INTO sums (server_id, way, kind, amount, revision) \
    SELECT ?, ?, ?, -CAST(coins AS SIGNED), 1 FROM characters WHERE character_id = ? AND coins > 0 \
    ON DUPLICATE KEY UPDATE amount = amount + VALUES(amount), revision = sums.revision + 1";
const ITEMS_GONE: &str = "UPDATE items SET kind = 0, count = 0, durability = 0, slot = NULL, is_gone = 1, gone_at = ?, \
    revision = revision + 1, character_id = NULL WHERE character_id = ? AND is_gone = 0";
const NOBODY: &str = "UPDATE characters SET account_id = NULL, position = 0, name = NULL, class = 0, team = 0, is_gone = 1, \
    roster_revision = roster_revision + 1, is_owner = 0, estate_class = 0, estate_team = 0, experience = 0, coins = 0, \
    skills = '', revision = revision + 1 WHERE character_id = ?";
const ROSTER_CHANGED: &str = "UPDATE accounts SET revision = revision + 1 WHERE account_id = ?";
const HOLDER: &str = "SELECT COALESCE(s.name, CONCAT('server ', l.server_id)) FROM leases AS l \
    LEFT JOIN servers AS s ON s.server_id = l.server_id \
    WHERE l.character_id = ? AND l.server_id <> ? AND l.is_undrained = 1 FOR UPDATE";
