//! The 256 user bytes of a token: who this is, as the mint saw it. Layout version 1.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use crate::cursor::{Reader, Writer};
use serde::{Deserialize, Serialize};

/// User bytes in a token.
pub const USER_BYTES: usize = 256;
/// UTF-8 bytes of a display name.
pub const NAME_BYTES_MAX: usize = 32;

/// Marks user bytes as ours: the standard leaves all 256 to the application, and a stock mint fills them as it likes.
const MAGIC: [u8; 4] = *b"THRG";
const LAYOUT: u16 = 1;
/// Bytes that layout 1 uses; the rest is zero and belongs to later layouts.
const USED: usize = 80;

/// What the bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Plays.
    Player,
    /// Plays, and may use operator commands in the game.
    Operator,
}

/// A display name of at most 32 bytes of UTF-8, held without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    len: u8,
}

impl Name {
    /// The name `text`; `None` when it is longer than 32 bytes or contains NUL.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.contains('\0')).then_some(Self { bytes, len: text.len() as u8 })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("a display name is at most 32 bytes without NUL")
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.as_str().to_owned()
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Layout version 1 of the user bytes. spec: SES-6
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserData {
    /// The person.
    pub account_id: u64,
    /// The character to play: 0 = the account's own nameless one, [`CHOOSES`] = the bearer says when he is connected.
    pub character_id: u64,
    /// Display name.
    pub name: Name,
    /// What the bearer may do.
    pub role: Role,
    /// When the token was minted, milliseconds since 1970-01-01 UTC.
    pub issued_at_ms: u64,
    /// Breaks ties between tokens of one millisecond; rises per mint.
    pub serial: u64,
    /// The account's epoch: a login that took over a lock carries a higher one.
    pub epoch: u32,
}

/// Why 256 user bytes are not layout 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserDataError {
    /// The mint did not mark them as ours.
    #[error("user data carries no layout mark of ours")]
    Foreign,
    /// A layout from the future.
    #[error("user data layout {0} is unknown")]
    Layout(u16),
    /// Marked as layout 1 and yet not built like it.
    #[error("user data field {0} is malformed")]
    Field(&'static str),
}

/// Highest account or character id of a token. From 2^63 on ids are the server's own (spec: SES-6).
pub const ID_MAX: u64 = i64::MAX as u64;
/// In place of a character id: the bearer chooses among his account's characters (spec: SES-6).
pub const CHOOSES: u64 = u64::MAX;

impl UserData {
    /// The first of the ids that no token may name: those from 2^63 on are the server's own, and a token that named one would
    /// play somebody else's character. spec: SES-6
    #[must_use]
    pub fn forbidden_id(&self) -> Option<u64> {
        let chooses = self.character_id == CHOOSES;
        let ids = [self.account_id, if chooses { 0 } else { self.character_id }];
        ids.into_iter().find(|&id| id > ID_MAX)
    }

    /// The 256 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; USER_BYTES] {
        let mut bytes = [0; USER_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.put(&MAGIC);
        writer.u16(LAYOUT);
        writer.u8(match self.role {
            Role::Player => 0,
            Role::Operator => 1,
        });
        writer.u8(self.name.len);
        writer.u64(self.account_id);
        writer.u64(self.character_id);
        writer.u64(self.issued_at_ms);
        writer.u64(self.serial);
        writer.u32(self.epoch);
        writer.u32(0);
        writer.put(&self.name.bytes);
        bytes
    }

    /// Reads 256 bytes back.
    ///
    /// # Errors
    /// [`UserDataError`]: foreign, from a later layout, or malformed.
    pub fn decode(bytes: &[u8; USER_BYTES]) -> Result<Self, UserDataError> {
        use UserDataError::{Field, Foreign, Layout};
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(MAGIC) {
            return Err(Foreign);
        }
        let layout = reader.u16().ok_or(Foreign)?;
        if layout != LAYOUT {
            return Err(Layout(layout));
        }
        let role = match reader.u8() {
            Some(0) => Role::Player,
            Some(1) => Role::Operator,
            _ => return Err(Field("role")),
        };
        let name_len = reader.u8().ok_or(Field("name"))?;
        let mut field = |name| reader.u64().ok_or(Field(name));
        let (account_id, character_id) = (field("account id")?, field("character id")?);
        let (issued_at_ms, serial) = (field("issued at")?, field("serial")?);
        let epoch = reader.u32().ok_or(Field("epoch"))?;
        let reserved = reader.u32();
        let name = reader.array::<NAME_BYTES_MAX>().ok_or(Field("name"))?;
        let text = name.get(..usize::from(name_len)).and_then(|text| std::str::from_utf8(text).ok());
        let name = text.and_then(Name::new).filter(|text| text.bytes == name).ok_or(Field("name"))?;
        debug_assert_eq!(reader.rest().len(), USER_BYTES.saturating_sub(USED));
        if reserved != Some(0) || reader.rest().iter().any(|byte| *byte != 0) {
            return Err(Field("reserved"));
        }
        let user = Self { account_id, character_id, name, role, issued_at_ms, serial, epoch };
        if user.forbidden_id().is_some() { Err(Field("id")) } else { Ok(user) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> UserData {
        UserData {
            account_id: 0x1111,
            character_id: 0x2222,
            name: Name::new("Ünal").unwrap(),
            role: Role::Operator,
            issued_at_ms: 1_800_000_000_123,
            serial: 9,
            epoch: 3,
        }
    }

    /// proves: SES-6
    #[test]
    fn layout_1_is_pinned() {
        let bytes = sample().encode();
        let hex: String = bytes[..80].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "5448524701000105111100000000000022220000000000007b505c18a30100000900000000000000\
             0300000000000000c39c6e616c000000000000000000000000000000000000000000000000000000"
        );
        assert!(bytes[80..].iter().all(|b| *b == 0));
    }

    #[test]
    fn it_round_trips_with_names_of_0_and_32_bytes() {
        for name in ["", "x", "0123456789abcdef0123456789abcdef"] {
            let user = UserData { name: Name::new(name).unwrap(), ..sample() };
            assert_eq!(UserData::decode(&user.encode()), Ok(user));
            assert_eq!(user.name.as_str(), name);
        }
        assert_eq!(Name::new("0123456789abcdef0123456789abcdef!"), None);
        assert_eq!(Name::new("a\0b"), None);
    }

    /// proves: SES-6
    #[test]
    fn in_place_of_a_character_a_token_may_leave_the_choice_to_its_bearer() {
        let user = UserData { character_id: CHOOSES, ..sample() };
        assert_eq!(UserData::decode(&user.encode()), Ok(user));
        for character_id in [ID_MAX + 1, CHOOSES - 1] {
            let user = UserData { character_id, ..sample() };
            assert_eq!(UserData::decode(&user.encode()), Err(UserDataError::Field("id")));
        }
        let account = UserData { account_id: CHOOSES, ..sample() };
        assert_eq!(UserData::decode(&account.encode()), Err(UserDataError::Field("id")));
    }

    #[test]
    fn each_malformed_field_is_named() {
        let change = |at: usize, value: u8| {
            let mut bytes = sample().encode();
            bytes[at] = value;
            UserData::decode(&bytes)
        };
        assert_eq!(change(0, b'X'), Err(UserDataError::Foreign));
        assert_eq!(change(4, 2), Err(UserDataError::Layout(2)));
        assert_eq!(change(6, 2), Err(UserDataError::Field("role")));
        assert_eq!(change(7, 33), Err(UserDataError::Field("name")));
        assert_eq!(change(7, 4), Err(UserDataError::Field("name")), "bytes after the name must be zero");
        assert_eq!(change(7, 1), Err(UserDataError::Field("name")), "half a character is not UTF-8");
        assert_eq!(change(15, 0x80), Err(UserDataError::Field("id")));
        assert_eq!(change(23, 0x80), Err(UserDataError::Field("id")));
        assert_eq!(change(44, 1), Err(UserDataError::Field("reserved")));
        assert_eq!(change(255, 1), Err(UserDataError::Field("reserved")));
        assert_eq!(UserData::decode(&[0; USER_BYTES]), Err(UserDataError::Foreign));
    }
}
