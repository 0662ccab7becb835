//! Which game server may write a character. One at a time, and the next one only when all that the last one knew is here.

use super::Database;
use super::servers::ServerId;
use super::timing::Query;
use crate::edge::clock;
use protocol::CharacterId;
use server::StoreError;

/// A lease that a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lease {
    /// Of whom.
    pub character: CharacterId,
    /// The how many-th it is; each time that one is taken it is a higher number, also by the same server.
    pub epoch: u64,
}

/// What comes of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is the asker's, and undrained until he says otherwise.
    Taken {
        /// As in [`Lease::epoch`].
        epoch: u64,
    },
    /// Another server has it, and its journal may hold what is not here.
    Held {
        /// The other server's name.
        by: String,
    },
}

impl Database {
    /// Takes the lease of a character: of one that nobody has, that is one's own, or that is drained. One statement, so of
    /// two that ask at the same time one has it.
    ///
    /// # Errors
    /// [`StoreError`]: then it may be taken; asking again makes sure.
    pub async fn take_lease(&self, server: ServerId, character: CharacterId) -> Result<LeaseAnswer, StoreError> {
        let values = vec![character.0.into(), server.0.into(), clock::unix_ms().into()];
        let found: Vec<(u32, u64)> = self
            .again(async || self.with(async |session| session.rows(Query::Leases, TAKE, values.clone()).await).await)
            .await?;
        match found.first() {
            Some((holder, epoch)) if *holder == server.0 => Ok(LeaseAnswer::Taken { epoch: *epoch }),
            Some((holder, _)) => Ok(LeaseAnswer::Held { by: self.name_of(ServerId(*holder)).await? }),
            None => Ok(LeaseAnswer::Held { by: "a server that is gone".to_owned() }),
        }
    }

    /// All that this server knew of these characters is in the tables: others may have them. A lease that was taken again in
    /// the meantime stays.
    ///
    /// # Errors
    /// [`StoreError`]: then some may be released; saying it again makes sure.
    pub async fn release_leases(&self, server: ServerId, leases: &[Lease]) -> Result<(), StoreError> {
        let mut leases = leases.to_vec();
        leases.sort_unstable();
        let rows = leases.iter().map(|lease| vec![lease.character.0.into(), server.0.into(), lease.epoch.into()]);
        let rows: Vec<_> = rows.collect();
        self.transaction(async |session| session.run_all(Query::Leases, RELEASE, rows.clone()).await).await
    }

    /// The leases of a server that are not drained, by character.
    ///
    /// # Errors
    /// [`StoreError`] if the database could not be asked.
    pub async fn leases_of(&self, server: ServerId) -> Result<Vec<Lease>, StoreError> {
        let found: Vec<(u64, u64)> =
            self.with(async |session| session.rows(Query::Leases, UNDRAINED, vec![server.0.into()]).await).await?;
        let lease = |(character, epoch)| Lease { character: CharacterId(character), epoch };
        Ok(found.into_iter().map(lease).collect())
    }

    async fn name_of(&self, server: ServerId) -> Result<String, StoreError> {
        let statement = "SELECT name FROM servers WHERE server_id = ?";
        let found: Vec<String> =
            self.with(async |session| session.rows(Query::Leases, statement, vec![server.0.into()]).await).await?;
        Ok(found.into_iter().next().unwrap_or_else(|| format!("server {}", server.0)))
    }
}

/// From left to right: what an assignment reads has not been assigned before it.
pub const TAKE: &str = "INSERT INTO leases (character_id, server_id, epoch, is_undrained, taken_at) VALUES (?, ?, 1, 1, ?) \
    ON DUPLICATE KEY UPDATE \
    taken_at = IF(server_id = VALUES(server_id) OR is_undrained = 0, VALUES(taken_at), taken_at), \
    epoch = IF(server_id = VALUES(server_id) OR is_undrained = 0, epoch + 1, epoch), \
    server_id = IF(is_undrained = 0, VALUES(server_id), server_id), \
    is_undrained = 1 \
    RETURNING server_id, epoch";
const RELEASE: &str = "UPDATE leases SET is_undrained = 0 WHERE character_id = ? AND server_id = ? AND epoch = ?";
const UNDRAINED: &str = "SELECT character_id, epoch FROM leases WHERE server_id = ? AND is_undrained = 1 \
    ORDER BY character_id";
