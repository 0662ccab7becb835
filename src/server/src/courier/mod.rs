//! The deciding half of what goes to Redis and MariaDB: what to carry next, what to try again and when, what is done.
//!
//! Pure: the edge carries the orders out and says what came of them.

mod dirty;
mod lane;
mod outflow;
mod parcel;
mod trouble;

pub use dirty::Dirty;
pub use lane::Lane;
pub use outflow::{Outflow, Outgoing, PARCEL_MAX};
pub use parcel::{LedgerLine, Parcel};
pub use trouble::{StoreError, Trouble};
