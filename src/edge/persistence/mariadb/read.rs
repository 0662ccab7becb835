//! What the tables know: of a character, of an account's characters, of the ground, and the sums.

use super::Database;
use super::servers::ServerId;
use super::timing::Query;
use super::write::{COINS_KIND, skills_of};
use game::{Estate, GroundRecord, Holder, ItemRecord, Listing, Way};
use mysql_async::Row;
use protocol::news::ItemRow;
use protocol::{AccountId, CharacterId, ClassId, ItemId, ItemKind};
use server::{Enrolled, StoreError, Trouble};

/// What is known of a character.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The highest revision of it and of all that it carries; whoever writes any of that next goes on above it.
    pub revision: u64,
    /// Whose it is, and how it is listed; none of a guest's or of one that was struck.
    pub listed: Option<(AccountId, Listing)>,
    /// What it owns, if it was ever played.
    pub estate: Option<Estate>,
    /// Revision and record of its last checkpoint.
    pub checkpoint: Option<(u64, Vec<u8>)>,
}

/// Something on the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Lying {
    /// Its revision.
    pub revision: u64,
    /// What, and where.
    pub record: GroundRecord,
}

/// What came into the world by some way, in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Its revision.
    pub revision: u64,
    /// By which way.
    pub way: Way,
    /// Of what; none for coins.
    pub kind: Option<ItemKind>,
    /// How many.
    pub amount: i64,
}

impl Database {
    /// All that is known of a character, in one round trip and as it was at one moment; none of one that nobody wrote of.
    ///
    /// # Errors
    /// [`StoreError`]: of [`Trouble::Broken`] only this character is concerned.
    pub async fn load(&self, character: CharacterId) -> Result<Option<Kept>, StoreError> {
        let values = vec![character.0.into(); 4];
        let rows: Vec<Row> = self.with(async |session| session.rows(Query::Load, LOAD, values).await).await?;
        let unreadable = || self.unreadable(&format!("character {}", character.0));
        kept(rows).ok_or_else(unreadable)
    }

    /// The characters of an account in the order of their making, with the revision of the roster; 0 and nobody of an
    /// account that never made one.
    ///
    /// # Errors
    /// [`StoreError`]: of [`Trouble::Broken`] only this account is concerned.
    pub async fn roster(&self, account: AccountId) -> Result<(u64, Vec<Enrolled>), StoreError> {
        let values = vec![account.0.into()];
        let rows: Vec<Row> = self.with(async |session| session.rows(Query::Roster, ROSTER, values).await).await?;
        let unreadable = || self.unreadable(&format!("account {}", account.0));
        enrolled(rows).ok_or_else(unreadable)
    }

    /// What lies on the ground of a server, by ascending name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ground(&self, server: ServerId) -> Result<Vec<Lying>, StoreError> {
        let values = vec![server.0.into()];
        let rows: Vec<Row> = self.with(async |session| session.rows(Query::Ground, GROUND, values).await).await?;
        let lying: Option<Vec<_>> = rows.into_iter().map(lying).collect();
        lying.ok_or_else(|| self.unreadable("the ground"))
    }

    /// What came into the world of a server's journal, in the order of the key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sums(&self, server: ServerId) -> Result<Vec<Sum>, StoreError> {
        let values = vec![server.0.into()];
        let rows: Vec<(String, i32, i64, u64)> =
            self.with(async |session| session.rows(Query::Sums, SUMS, values).await).await?;
        let sum = |(way, kind, amount, revision): (String, i32, i64, u64)| {
            let way = Way::ALL.into_iter().find(|known| known.label() == way)?;
            let kind = if kind == COINS_KIND { None } else { Some(ItemKind(kind.try_into().ok()?)) };
            Some(Sum { revision, way, kind, amount })
        };
        let sums: Option<Vec<_>> = rows.into_iter().map(sum).collect();
        sums.ok_or_else(|| self.unreadable("the sums"))
    }

    pub(super) fn unreadable(&self, what: &str) -> StoreError {
        let text = format!("MariaDB at {} has values for {what} that no build writes", self.place());
        StoreError { trouble: Trouble::Broken, text }
    }
}

/// Of the rows of [`LOAD`].
fn kept(rows: Vec<Row>) -> Option<Option<Kept>> {
    if rows.is_empty() {
        return Some(None);
    }
    let (mut kept, mut items) = (Kept::default(), Vec::new());
    for mut row in rows {
        match number(&row, 0)? {
            0 if number(&row, 5)? == 0 => kept.listed = listed(&mut row),
            0 => {}
            1 => {
                kept.revision = kept.revision.max(number(&row, 8)?);
                kept.estate = if number(&row, 2)? == 1 { Some(estate(&mut row)?) } else { None };
            }
            2 => {
                kept.revision = kept.revision.max(number(&row, 8)?);
                items.push(item_row(&row)?);
            }
            _ => kept.checkpoint = Some((number(&row, 8)?, row.take_opt(10)?.ok()?)),
        }
    }
    items.sort_unstable_by_key(|row| row.item);
    if let Some(estate) = &mut kept.estate {
        estate.items = items;
    }
    Some(Some(kept))
}

/// A column that is a number or NULL, which is 0.
fn number(row: &Row, column: usize) -> Option<u64> {
    row.get_opt::<Option<u64>, _>(column)?.ok().map(Option::unwrap_or_default)
}

fn small<T: TryFrom<u64>>(row: &Row, column: usize) -> Option<T> {
    number(row, column)?.try_into().ok()
}

fn listed(row: &mut Row) -> Option<(AccountId, Listing)> {
    let account = row.get_opt::<Option<u64>, _>(2)?.ok()??;
    let name = row.take_opt::<Option<String>, _>(9)?.ok()??;
    let (character, class, team) = (CharacterId(number(row, 1)?), ClassId(small(row, 3)?), small(row, 4)?);
    Some((AccountId(account), Listing { character, name, class, team }))
}

fn estate(row: &mut Row) -> Option<Estate> {
    let skills: Vec<u8> = row.take_opt(10)?.ok()?;
    Some(Estate {
        class: ClassId(small(row, 3)?),
        team: small(row, 4)?,
        experience: number(row, 5)?,
        skills: skills_of(&skills)?,
        coins: number(row, 6)?,
        items: Vec::new(),
    })
}

fn item_row(row: &Row) -> Option<ItemRow> {
    let (item, kind) = (ItemId(number(row, 1)?), ItemKind(small(row, 2)?));
    let (count, durability, slot) = (small(row, 3)?, small(row, 4)?, small(row, 5)?);
    Some(ItemRow { item, kind, count, durability, slot, is_held: false })
}

/// Of the rows of [`ROSTER`].
fn enrolled(rows: Vec<Row>) -> Option<(u64, Vec<Enrolled>)> {
    let (mut revision, mut enrolled) = (0, Vec::new());
    for mut row in rows {
        revision = number(&row, 0)?;
        // An account whose last character was struck has one row, of nobody.
        if row.get_opt::<Option<u64>, _>(1)?.ok()?.is_some() {
            let (_, listing) = listed(&mut row)?;
            enrolled.push(Enrolled { listing, experience: number(&row, 5)? });
        }
    }
    Some((revision, enrolled))
}

fn lying(row: Row) -> Option<Lying> {
    let place = |column| row.get_opt::<i32, _>(column)?.ok();
    let (item, (x, y, z)) = (ItemId(number(&row, 0)?), (place(4)?, place(5)?, place(6)?));
    let record = match row.get_opt::<Option<u64>, _>(7)?.ok()? {
        Some(coins) => GroundRecord::Coins { heap: item, coins, place: (x, y, z) },
        None => {
            let (kind, count, durability) = (ItemKind(small(&row, 1)?), small(&row, 2)?, small(&row, 3)?);
            GroundRecord::Item(ItemRecord { item, kind, count, durability, holder: Holder::Ground { x, y, z } })
        }
    };
    Some(Lying { revision: number(&row, 8)?, record })
}

/// One statement sees the tables as they are at one moment. Its rows are of four kinds, told apart by the first column.
const LOAD: &str = "\
    SELECT 0, character_id, account_id, class, team, is_gone, position, NULL, roster_revision, name, NULL \
    FROM characters WHERE character_id = ? \
    UNION ALL \
    SELECT 1, character_id, is_owner, estate_class, estate_team, experience, coins, server_id, revision, NULL, skills \
    FROM characters WHERE character_id = ? \
    UNION ALL \
    SELECT 2, item_id, kind, count, durability, slot, NULL, NULL, revision, NULL, NULL \
    FROM items WHERE character_id = ? AND is_gone = 0 \
    UNION ALL \
    SELECT 3, character_id, NULL, NULL, NULL, NULL, NULL, NULL, revision, NULL, record \
    FROM checkpoints WHERE character_id = ?";
/// The columns from the second on stand as in [`LOAD`], for [`listed`].
const ROSTER: &str = "SELECT a.revision, c.character_id, c.account_id, c.class, c.team, c.experience, NULL, NULL, NULL, c.name \
    FROM accounts AS a LEFT JOIN characters AS c ON c.account_id = a.account_id AND c.is_gone = 0 \
    WHERE a.account_id = ? ORDER BY c.position";
const GROUND: &str = "SELECT item_id, kind, count, durability, x, y, z, coins, revision FROM items \
    WHERE server_id = ? AND is_gone = 0 ORDER BY item_id";
const SUMS: &str = "SELECT way, kind, amount, revision FROM sums WHERE server_id = ? ORDER BY way, kind";
