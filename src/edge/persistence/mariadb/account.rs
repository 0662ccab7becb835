//! All that is held about a person: to be handed out, and to be taken away.

#![cfg_attr(
    not(test),
    allow(dead_code, reason = "the operator's command that erases is not built yet; what it will call is proved here")
)]

use super::servers::ServerId;
use super::session::Session;
use super::timing::Query;
use super::write::{COINS_KIND, body, skills_of};
use super::{Database, names};
use crate::edge::clock;
use game::{Entry, Posting, Row, Way};
use mysql_async::Value;
use protocol::{AccountId, CharacterId};
use serde_json::{Value as Json, json};
use server::StoreError;

/// What comes of erasing an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erased {
    /// Nothing of it is here any more.
    Done {
        /// So many characters are gone, those counted that were struck before.
        characters: usize,
        /// So many lines of the ledger name neither it nor its characters' names any more.
        ledger_lines: usize,
    },
    /// A server may still write one of its characters: log it out, and let that server drain first.
    Held {
        /// Which.
        character: CharacterId,
        /// That server.
        by: String,
    },
}

/// Lines of the ledger that are read at a time.
const PAGE_ROWS: usize = 1_000;

impl Database {
    /// Everything that is held about an account, as JSON: characters, what they own, their checkpoints (as hexadecimal
    /// digits: only the game reads them), names, leases, and every change in the ledger that concerns them. What the same
    /// transactions did to others is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn export(&self, account: AccountId) -> Result<Json, StoreError> {
        let (mut characters, mut ledger) = (Vec::new(), Vec::new());
        for character in self.characters_of(account).await? {
            characters.push(self.export_character(character).await?);
            let mut after = Vec::new();
            loop {
                let page = self.ledger_page(character, &after).await?;
                let Some((last, ..)) = page.last() else { break };
                after = last.clone();
                for (id, server, at_ms, posting) in page {
                    let entries: Vec<_> =
                        posting.transaction.entries.into_iter().filter(|e| e.concerns(character)).collect();
                    let seq = posting.seq;
                    ledger
                        .push(json!({ "transaction": hex(&id), "character": character.0, "server": server, "seq": seq,
                        "at_ms": at_ms, "entries": entries }));
                }
            }
        }
        let (revision, roster) = self.roster(account).await?;
        let order: Vec<u64> = roster.iter().map(|enrolled| enrolled.listing.character.0).collect();
        Ok(json!({ "account": account.0, "roster": order, "roster_revision": revision, "characters": characters,
            "ledger": ledger }))
    }

    /// Takes away everything that says who somebody is: his characters, with all that they own (which is booked as deleted,
    /// so that the sums still balance), their checkpoints, names and leases. The ledger keeps what was done, by characters
    /// whose numbers lead nowhere, without the account and without names.
    ///
    /// What servers' journals hold, and backups, is theirs to forget; and a database that is away may bring some of it back
    /// when it returns: erase again then. That does no harm.
    ///
    /// # Errors
    /// [`StoreError`]: then some of it may be erased; erasing again does the rest.
    pub async fn erase(&self, account: AccountId) -> Result<Erased, StoreError> {
        let characters = self.characters_of(account).await?;
        for character in &characters {
            if let Some(by) = self.holder_of(*character).await? {
                return Ok(Erased::Held { character: *character, by });
            }
        }
        // First what is found by the characters of the account, last what makes them found: after a fault all is found again.
        let mut ledger_lines = 0;
        for character in &characters {
            ledger_lines += self.forget_in_ledger(*character, account).await?;
        }
        let now_ms = clock::unix_ms();
        self.transaction(async |session| {
            for character in &characters {
                erase_character(session, *character, now_ms).await?;
            }
            session.run(Query::Erase, "DELETE FROM accounts WHERE account_id = ?", vec![account.0.into()]).await
        })
        .await?;
        Ok(Erased::Done { characters: characters.len(), ledger_lines })
    }

    /// Those that were struck, too.
    async fn characters_of(&self, account: AccountId) -> Result<Vec<CharacterId>, StoreError> {
        let statement = "SELECT character_id FROM characters WHERE account_id = ? ORDER BY character_id";
        let found: Vec<u64> =
            self.with(async |session| session.rows(Query::Export, statement, vec![account.0.into()]).await).await?;
        Ok(found.into_iter().map(CharacterId).collect())
    }

    async fn export_character(&self, character: CharacterId) -> Result<Json, StoreError> {
        let id = || vec![Value::from(character.0)];
        self.with(async |session| {
            let mut people: Vec<mysql_async::Row> = session.rows(Query::Export, PERSON, id()).await?;
            let items: Vec<(u64, u64, u64, u64, u64)> = session.rows(Query::Export, ITEMS, id()).await?;
            let names: Vec<Vec<u8>> = session.rows(Query::Export, NAMES, id()).await?;
            let leases: Vec<(String, u64, u8, u64)> = session.rows(Query::Export, LEASES, id()).await?;
            let checkpoints: Vec<(u64, Vec<u8>)> = session.rows(Query::Export, CHECKPOINTS, id()).await?;
            let item = |(item, kind, count, durability, slot): &(u64, u64, u64, u64, u64)| {
                json!({ "item": item, "kind": kind, "count": count, "durability": durability, "slot": slot })
            };
            let lease = |(server, epoch, is_undrained, taken_at): &(String, u64, u8, u64)| {
                json!({ "server": server, "epoch": epoch, "is_undrained": *is_undrained == 1, "taken_at_ms": taken_at })
            };
            let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let checkpoint = checkpoints.first();
            let checkpoint = checkpoint.map(|(revision, bytes)| json!({ "revision": revision, "record": hex(bytes) }));
            Ok(json!({ "character": character.0, "is": people.pop().map(person), "names": names,
                "items": items.iter().map(item).collect::<Vec<_>>(),
                "leases": leases.iter().map(lease).collect::<Vec<_>>(), "checkpoint": checkpoint }))
        })
        .await
    }

    /// Lines that touched a character, after this transaction: id, server, time, what was done.
    async fn ledger_page(
        &self,
        character: CharacterId,
        after: &[u8],
    ) -> Result<Vec<(Vec<u8>, u32, u64, Posting)>, StoreError> {
        let values: Vec<Value> = vec![character.0.into(), after.into(), (PAGE_ROWS as u64).into()];
        let rows: Vec<(Vec<u8>, u32, u64, Vec<u8>)> =
            self.with(async |session| session.rows(Query::Export, LEDGER, values).await).await?;
        let line = |(id, server, at_ms, body): (Vec<u8>, u32, u64, Vec<u8>)| {
            Some((id, server, at_ms, Posting::from_bytes(&body).ok()?))
        };
        let lines: Option<Vec<_>> = rows.into_iter().map(line).collect();
        lines.ok_or_else(|| self.unreadable(&format!("the ledger of character {}", character.0)))
    }

    /// Whose lease it is, if that is not drained.
    async fn holder_of(&self, character: CharacterId) -> Result<Option<String>, StoreError> {
        let leases: Vec<(String, u64, u8, u64)> =
            self.with(async |session| session.rows(Query::Erase, LEASES, vec![character.0.into()]).await).await?;
        Ok(leases.into_iter().find(|(_, _, is_undrained, _)| *is_undrained == 1).map(|(by, ..)| by))
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

fn person(mut row: mysql_async::Row) -> Json {
    let mut number = |name: &str| row.take_opt::<Option<u64>, _>(name).and_then(Result::ok).flatten();
    let numbers =
        ["account_id", "class", "team", "is_gone", "is_owner", "estate_class", "estate_team", "experience", "coins"];
    let mut person: serde_json::Map<_, _> =
        numbers.iter().map(|name| ((*name).to_owned(), json!(number(name)))).collect();
    let name = row.take_opt::<Option<String>, _>("name").and_then(Result::ok).flatten();
    let skills = row.take_opt::<Vec<u8>, _>("skills").and_then(Result::ok).and_then(|skills| skills_of(&skills));
    person.insert("name".to_owned(), json!(name));
    person.insert("skills".to_owned(), json!(skills));
    Json::Object(person)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const PERSON: &str = "SELECT account_id, name, class, team, is_gone, is_owner, estate_class, estate_team, experience, coins, \
    skills FROM characters WHERE character_id = ?";
const ITEMS: &str = "SELECT item_id, kind, count, durability, slot FROM items WHERE character_id = ? AND is_gone = 0 \
    ORDER BY item_id";
const NAMES: &str = "SELECT folded FROM names WHERE character_id = ? ORDER BY folded";
const LEASES: &str = "SELECT COALESCE(s.name, CONCAT('server ', l.server_id)), l.epoch, l.is_undrained, l.taken_at \
    FROM leases AS l LEFT JOIN servers AS s ON s.server_id = l.server_id WHERE l.character_id = ?";
const CHECKPOINTS: &str = "SELECT revision, record FROM checkpoints WHERE character_id = ?";
const LEDGER: &str = "SELECT l.transaction_id, l.server_id, l.at_ms, l.body FROM ledger_characters AS c \
    JOIN ledger AS l ON l.transaction_id = c.transaction_id WHERE c.character_id = ? AND c.transaction_id > ? \
    ORDER BY c.transaction_id LIMIT ?";
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
