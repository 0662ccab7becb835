//! Private Redis and MariaDB servers for tests and trials: real ones, on free loopback ports, in folders of their own.
//!
//! Each can be killed as by a power cut, frozen and thawed, and started again on the same data and the same port.
//! Nothing is mocked, because what is to be proved is what the real servers do at bad moments. All of them end when
//! they are dropped, and, where `setpriv` is there, also when the process that started them is killed.
//!
//! It also knows which further programs tests need ([`missing`]), because who brings the servers brings those too.
// A test bed lives in real time: it waits for programs and asks the clock how long.
#![allow(clippy::disallowed_methods)]

mod mariadb;
mod pair;
mod process;
mod programs;
mod redis;

pub use mariadb::{MariaDb, MariaDbOptions};
pub use pair::Pair;
pub use programs::{CHROMIUM, Missing, PROMTOOL, Program, find, missing, missing_in};
pub use redis::Redis;
