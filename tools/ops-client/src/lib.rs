//! The asking end of a server's operations interface: one request at a time, and what the answers mean.
mod http;
mod status;

pub use http::{Answer, get, get_and_wait, post, post_and_wait, with_query};
pub use status::{BothWays, Bound, CpuSeconds, Forecast, Quantiles, Status, Store, Stores, TickHistogram};
