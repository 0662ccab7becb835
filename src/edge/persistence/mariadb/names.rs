//! Names of characters: each is one character's of all servers.

use super::Database;
use super::timing::Query;
use crate::edge::clock;
use mysql_async::Value;
use protocol::{AccountId, CharacterId};
use server::StoreError;

/// What comes of asking for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// It is this character's, and perhaps was.
    Yours,
    /// Another character has it.
    Taken {
        /// Which.
        by: CharacterId,
    },
}

impl Database {
    /// Takes a name, as [`protocol::character::folded`] writes it, for a character that is about to be made. It is the
    /// character's until he is struck or it is released.
    ///
    /// # Errors
    /// [`StoreError`]: then it may be taken; asking again makes sure.
    pub async fn reserve_name(
        &self,
        folded: &str,
        character: CharacterId,
        account: AccountId,
    ) -> Result<NameAnswer, StoreError> {
        let values: Vec<Value> =
            vec![folded.as_bytes().into(), character.0.into(), account.0.into(), clock::unix_ms().into()];
        let found: Vec<Option<u64>> = self
            .again(async || self.with(async |session| session.rows(Query::Names, RESERVE, values.clone()).await).await)
            .await?;
        match found.first() {
            Some(Some(by)) if *by != character.0 => Ok(NameAnswer::Taken { by: CharacterId(*by) }),
            _ => Ok(NameAnswer::Yours),
        }
    }

    /// The character was not made after all. Nothing happens if the name is another's.
    ///
    /// # Errors
    /// [`StoreError`]: then it may be released; saying it again makes sure.
    pub async fn release_name(&self, folded: &str, character: CharacterId) -> Result<(), StoreError> {
        let values = release_values(folded, character, clock::unix_ms());
        self.again(async || self.with(async |session| session.run(Query::Names, RELEASE, values.clone()).await).await)
            .await?;
        Ok(())
    }
}

/// The values of [`RELEASE`].
pub fn release_values(folded: &str, character: CharacterId, at_ms: u64) -> Vec<Value> {
    vec![at_ms.into(), folded.as_bytes().into(), character.0.into()]
}

/// A row is never deleted at once: a late one would take its place. Each taking and each freeing has a higher epoch.
const RESERVE: &str = "INSERT INTO names (folded, character_id, account_id, reserved_at, epoch) VALUES (?, ?, ?, ?, 1) \
    ON DUPLICATE KEY UPDATE epoch = IF(character_id IS NULL, epoch + 1, epoch), \
    account_id = IF(character_id IS NULL, VALUES(account_id), account_id), \
    reserved_at = IF(character_id IS NULL, VALUES(reserved_at), reserved_at), \
    character_id = IFNULL(character_id, VALUES(character_id)) \
    RETURNING character_id";
/// Frees a name.
pub const RELEASE: &str = "UPDATE names SET character_id = NULL, account_id = NULL, epoch = epoch + 1, \
    reserved_at = GREATEST(reserved_at, ?) WHERE folded = ? AND character_id = ?";
