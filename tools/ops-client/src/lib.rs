//! The asking end of a server's operations interface: one request at a time, and what the answers mean.
mod http;
mod status;

pub use http::{Answer, get, post, post_and_wait};
pub use status::{Bound, CpuSeconds, Status, Stores, TickHistogram};
