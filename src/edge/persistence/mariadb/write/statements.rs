//! The statements that write rows with revisions.

use std::sync::LazyLock;

/// Rosters, as revisions.
pub static ACCOUNTS: LazyLock<String> = LazyLock::new(|| upsert("accounts", &["account_id"], &[], "revision"));
/// A character as its roster says.
pub static ROSTER: LazyLock<String> = LazyLock::new(|| {
    let columns = ["account_id", "position", "name", "class", "team", "is_gone"];
    upsert("characters", &["character_id"], &columns, "roster_revision")
});
/// A character as what it owns.
pub static CHARACTERS: LazyLock<String> = LazyLock::new(|| {
    let columns = ["is_owner", "estate_class", "estate_team", "experience", "coins", "skills", "server_id"];
    upsert("characters", &["character_id"], &columns, "revision")
});
/// Items and heaps.
pub static ITEMS: LazyLock<String> = LazyLock::new(|| {
    let columns = [
        "kind",
        "count",
        "durability",
        "character_id",
        "slot",
        "x",
        "y",
        "z",
        "coins",
        "server_id",
        "is_gone",
        "gone_at",
    ];
    upsert("items", &["item_id"], &columns, "revision")
});
/// Sums.
pub static SUMS: LazyLock<String> =
    LazyLock::new(|| upsert("sums", &["server_id", "way", "kind"], &["amount"], "revision"));

/// Not `INSERT IGNORE`: that would also swallow what does not fit.
pub const LEDGER: &str = "INSERT INTO ledger (transaction_id, server_id, seq, at_ms, body) VALUES (?, ?, ?, ?, ?) \
    ON DUPLICATE KEY UPDATE transaction_id = transaction_id";
/// Whom transactions touched.
pub const LEDGER_CHARACTERS: &str = "INSERT INTO ledger_characters (character_id, transaction_id) VALUES (?, ?) \
    ON DUPLICATE KEY UPDATE character_id = character_id";
/// Who was in the roster of an account and is not any more. Those who are have its revision already.
pub const SWEEP: &str = "UPDATE characters SET position = 0, name = NULL, class = 0, team = 0, is_gone = 1, \
    roster_revision = ? WHERE account_id = ? AND is_gone = 0 AND roster_revision < ?";
/// The name of a character that is in a roster: usually it was reserved before. Not of one that a newer roster has struck.
pub const NAME: &str = "INSERT INTO names (folded, character_id, account_id, reserved_at, epoch) \
    SELECT ?, c.character_id, c.account_id, ?, 1 FROM characters AS c \
    WHERE c.character_id = ? AND c.is_gone = 0 AND c.name IS NOT NULL \
    ON DUPLICATE KEY UPDATE epoch = IF(names.character_id IS NULL, names.epoch + 1, names.epoch), \
    account_id = IF(names.character_id IS NULL, VALUES(account_id), names.account_id), \
    reserved_at = IF(names.character_id IS NULL, VALUES(reserved_at), names.reserved_at), \
    character_id = IFNULL(names.character_id, VALUES(character_id))";
/// How far a server's journal is in here.
pub const WATERMARK: &str = "INSERT INTO watermarks (server_id, seq) VALUES (?, ?) \
    ON DUPLICATE KEY UPDATE seq = GREATEST(seq, VALUES(seq))";

/// A row that is written over one of a lower or equal revision only. Its values come in the order keys, columns, revision.
fn upsert(table: &str, keys: &[&str], columns: &[&str], revision: &str) -> String {
    let all: Vec<&str> = keys.iter().chain(columns).chain([&revision]).copied().collect();
    let newer =
        |column: &&str| format!("{column} = IF(VALUES({revision}) >= {revision}, VALUES({column}), {column}), ");
    let updates: String = columns.iter().map(newer).collect();
    let values = vec!["?"; all.len()].join(", ");
    let names = all.join(", ");
    format!(
        "INSERT INTO {table} ({names}) VALUES ({values}) ON DUPLICATE KEY UPDATE {updates}\
         {revision} = GREATEST({revision}, VALUES({revision}))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_assigned_last_because_every_other_assignment_reads_it() {
        assert_eq!(
            *SUMS,
            "INSERT INTO sums (server_id, way, kind, amount, revision) VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE \
             amount = IF(VALUES(revision) >= revision, VALUES(amount), amount), \
             revision = GREATEST(revision, VALUES(revision))"
        );
    }
}
