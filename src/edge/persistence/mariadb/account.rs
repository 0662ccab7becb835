//! All that is held about a person, to be handed out.

use super::Database;
use super::timing::Query;
use super::write::skills_of;
use game::{Posting, Row};
use mysql_async::Value;
use protocol::{AccountId, CharacterId};
use serde_json::{Value as Json, json};
use server::StoreError;

/// Lines of the ledger that are read at a time.
const PAGE_ROWS: usize = 1_000;

impl Database {
    /// Everything that is held about an account, as JSON: characters, what they own, their checkpoints (as hexadecimal
    /// digits: only the game reads them), names, leases, and every change in the ledger that concerns them. What the same
    /// transactions did to others is left out. `also` as in [`Self::kin`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn export(&self, account: AccountId, also: &[CharacterId]) -> Result<Json, StoreError> {
        let (mut characters, mut ledger) = (Vec::new(), Vec::new());
        for character in self.kin(account, also).await? {
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

    /// The characters of an account, those that were struck, too; and those of `also` of whom anything is held: of whom a token
    /// made somebody, no table says whose he is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kin(&self, account: AccountId, also: &[CharacterId]) -> Result<Vec<CharacterId>, StoreError> {
        self.with(async |session| {
            let mut kin: Vec<u64> = session.rows(Query::Export, OF_ACCOUNT, vec![account.0.into()]).await?;
            for character in also {
                let held: Vec<u64> = session.rows(Query::Export, IS_HELD, vec![character.0.into(); 3]).await?;
                if held.first().is_some_and(|held| *held > 0) {
                    kin.push(character.0);
                }
            }
            kin.sort_unstable();
            kin.dedup();
            Ok(kin.into_iter().map(CharacterId).collect())
        })
        .await
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
    pub(super) async fn ledger_page(
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

const OF_ACCOUNT: &str = "SELECT character_id FROM characters WHERE account_id = ?";
/// Not of one that was erased: of him there is a row that says no more than that.
const IS_HELD: &str = "SELECT EXISTS(SELECT 1 FROM characters WHERE character_id = ? AND is_owner = 1) \
    + EXISTS(SELECT 1 FROM checkpoints WHERE character_id = ?) + EXISTS(SELECT 1 FROM leases WHERE character_id = ?)";
const PERSON: &str = "SELECT account_id, name, class, team, is_gone, is_owner, estate_class, estate_team, experience, coins, \
    skills FROM characters WHERE character_id = ?";
const ITEMS: &str = "SELECT item_id, kind, count, durability, slot FROM items WHERE character_id = ? AND is_gone = 0 \
    ORDER BY item_id";
/// Of a character, folded.
pub const NAMES: &str = "SELECT folded FROM names WHERE character_id = ? ORDER BY folded";
const LEASES: &str = "SELECT COALESCE(s.name, CONCAT('server ', l.server_id)), l.epoch, l.is_undrained, l.taken_at \
    FROM leases AS l LEFT JOIN servers AS s ON s.server_id = l.server_id WHERE l.character_id = ?";
const CHECKPOINTS: &str = "SELECT revision, record FROM checkpoints WHERE character_id = ?";
const LEDGER: &str = "SELECT l.transaction_id, l.server_id, l.at_ms, l.body FROM ledger_characters AS c \
    JOIN ledger AS l ON l.transaction_id = c.transaction_id WHERE c.character_id = ? AND c.transaction_id > ? \
    ORDER BY c.transaction_id LIMIT ?";
