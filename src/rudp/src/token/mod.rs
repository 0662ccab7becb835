//! Connect tokens: what a mint hands to a client over a secure channel and a server accepts once.
pub mod address;
mod mint;
mod private;
mod public;
mod user;

pub use address::AddressList;
pub use mint::{Mint, MintError};
pub use private::{PrivateToken, PrivateTokenError, seal_private};
pub use public::{ConnectToken, TokenError};
pub use user::{CHOOSES, ID_MAX, NAME_BYTES_MAX, Name, Role, USER_BYTES, UserData, UserDataError};

/// The version string of the standard, with its closing NUL. spec: SES-2
pub const VERSION: [u8; 13] = *b"NETCODE 1.02\0";
/// Bytes of a sealed private token.
pub const PRIVATE_TOKEN_BYTES: usize = 1024;
/// Bytes of a public connect token.
pub const CONNECT_TOKEN_BYTES: usize = 2048;

/// What a token's seal is bound to beside its content: version, protocol id, expiry. spec: SES-5
pub(crate) fn associated(protocol_id: u64, expire_unix_s: u64) -> [u8; 29] {
    let mut bytes = [0; 29];
    let mut writer = crate::cursor::Writer::new(&mut bytes);
    writer.put(&VERSION);
    writer.u64(protocol_id);
    writer.u64(expire_unix_s);
    bytes
}
