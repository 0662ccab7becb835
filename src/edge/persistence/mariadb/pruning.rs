//! Deleting what is long gone, a little at a time.

use super::Database;
use super::timing::Query;
use server::StoreError;

/// How long a thing that is gone stays: a late row of it may come from a database that was away for as long.
pub const GONE_KEPT_MS: u64 = 7 * 24 * 3_600 * 1_000;
/// Rows of one statement: it holds their locks, and a replica has to do it again, for a fraction of a second.
const PRUNE_ROWS_MAX: u32 = 1_000;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Items and heaps.
    pub items: u64,
    /// Names that nobody has.
    pub names: u64,
    /// There may be more to delete.
    pub is_more: bool,
}

impl Database {
    /// Deletes some of what has been gone for [`GONE_KEPT_MS`]. To be called now and then.
    ///
    /// # Errors
    /// [`StoreError`]; what was deleted stays so.
    pub async fn prune(&self, now_ms: u64) -> Result<Pruned, StoreError> {
        let before_ms = now_ms.saturating_sub(GONE_KEPT_MS);
        let delete = async |statement: &str| {
            let values = vec![before_ms.into(), PRUNE_ROWS_MAX.into()];
            self.with(async |session| session.run(Query::Prune, statement, values).await).await
        };
        let (items, names) = (delete(ITEMS).await?, delete(NAMES).await?);
        let is_more = items.max(names) >= u64::from(PRUNE_ROWS_MAX);
        Ok(Pruned { items, names, is_more })
    }
}

/// In order, so that both ends of a pair delete the same ones.
const ITEMS: &str = "DELETE FROM items WHERE gone_at < ? AND is_gone = 1 ORDER BY gone_at, item_id LIMIT ?";
const NAMES: &str = "DELETE FROM names WHERE character_id IS NULL AND reserved_at < ? ORDER BY folded LIMIT ?";
