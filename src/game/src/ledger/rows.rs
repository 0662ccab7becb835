//! The books as rows on a disk: one for each account, one for each character, one for each thing on the ground, one for the
//! sums.
//!
//! Each begins with the version of its format, so that later ones can still read it.

use super::books::{Books, Heap};
use super::entry::{ItemRecord, Way};
use super::listing::Listing;
use crate::growth::Estate;
use crate::records::RecordError;
use crate::stored;
use protocol::ItemKind;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest version that this code writes and reads.
const VERSION: u16 = 1;

/// Something on the ground: an item, or a heap of coins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroundRow {
    /// None of a heap.
    pub record: Option<ItemRecord>,
    /// None of an item.
    pub heap: Option<Heap>,
}

/// The characters that an account has made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// In the order of their making.
    pub roster: Vec<Listing>,
}

/// What was ever made and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SumsRow {
    /// As in [`Books::made`].
    pub made: BTreeMap<(Way, ItemKind), i64>,
    /// As in [`Books::minted`].
    pub minted: BTreeMap<Way, i64>,
}

impl SumsRow {
    /// Those of these books.
    #[must_use]
    pub fn of(books: &Books) -> Self {
        Self { made: books.made.clone(), minted: books.minted.clone() }
    }
}

/// A value that is a row on a disk.
pub trait Row: Serialize + DeserializeOwned {
    /// Appends the row to `bytes`.
    fn to_bytes(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        stored::write(self, bytes);
    }

    /// Reads a row from all of `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] for anything but exactly one row of a known version.
    fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let (version, rest) = bytes.split_first_chunk().ok_or(RecordError::Truncated)?;
        let version = u16::from_le_bytes(*version);
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let (row, used) = stored::take(rest).ok_or(RecordError::Truncated)?;
        if used == rest.len() { Ok(row) } else { Err(RecordError::Trailing(rest.len() - used)) }
    }
}

impl Row for AccountRow {}
impl Row for Estate {}
impl Row for GroundRow {}
impl Row for SumsRow {}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::news::ItemRow;
    use protocol::{ClassId, ItemId, SkillId};

    #[test]
    fn a_row_reads_back_and_every_cut_and_every_other_version_is_an_error() {
        let items = vec![ItemRow { item: ItemId(1 << 40), kind: ItemKind(3), count: 9, ..ItemRow::default() }];
        let skills = vec![(SkillId(4), 2)];
        let estate = Estate { class: ClassId(2), team: 1, experience: 70_000, skills, coins: u64::MAX, items };
        let mut bytes = Vec::new();
        estate.to_bytes(&mut bytes);
        assert_eq!(Estate::from_bytes(&bytes), Ok(estate));
        for len in 0..bytes.len() {
            assert!(Estate::from_bytes(&bytes[..len]).is_err(), "{len} bytes");
        }
        bytes.push(0);
        assert_eq!(Estate::from_bytes(&bytes), Err(RecordError::Trailing(1)));
        bytes[0] = 2;
        assert_eq!(Estate::from_bytes(&bytes), Err(RecordError::Version(2)));
    }

    #[test]
    fn a_length_out_of_all_bounds_is_refused_before_it_is_believed() {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        // Class, team, experience, and as many skills as fit a u64.
        bytes.extend_from_slice(&[1, 1, 1, 253, 255, 255, 255, 255, 255, 255, 255, 127]);
        assert!(Estate::from_bytes(&bytes).is_err());
    }
}
