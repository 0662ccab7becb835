//! Checkpoints: where characters are and how they are, as the realm writes it. Nothing here reads them.

use super::Database;
use super::session::Session;
use super::timing::Query;
use mysql_async::Value;
use protocol::CharacterId;
use server::StoreError;

impl Database {
    /// Keeps these records, each with its revision, over older ones. Of two of one character the newer one is kept.
    ///
    /// They need not be all or none; each statement is a transaction of its own.
    ///
    /// # Errors
    /// [`StoreError`]: then some may be kept; saving again makes sure.
    pub async fn save(&self, records: &[(CharacterId, u64, &[u8])]) -> Result<(), StoreError> {
        let mut order: Vec<_> = records.iter().collect();
        order.sort_unstable_by_key(|(character, revision, _)| (*character, *revision));
        let row = |(character, revision, record): &&(CharacterId, u64, &[u8])| -> Vec<Value> {
            vec![character.0.into(), (*record).into(), (*revision).into()]
        };
        let rows: Vec<_> = order.iter().map(row).collect();
        let save = async |session: &mut Session<'_>| {
            self.check_journal(session).await?;
            session.run_all(Query::Save, SAVE, rows.clone()).await
        };
        self.again(async || self.with(save).await).await
    }
}

const SAVE: &str = "INSERT INTO checkpoints (character_id, record, revision) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE \
    record = IF(VALUES(revision) >= revision, VALUES(record), record), revision = GREATEST(revision, VALUES(revision))";
