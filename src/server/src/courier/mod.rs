//! The deciding half of what goes to Redis and MariaDB: what to carry next, what to try again and when, what is done.
//!
//! Pure: the edge carries the orders out and says what came of them.

mod parcel;
mod trouble;

pub use parcel::{LedgerLine, Parcel};
pub use trouble::{StoreError, Trouble};
