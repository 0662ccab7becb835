//! The persistence thread and its courier with real servers of Redis and MariaDB: what is promised when they are well, when
//! they are away, and when a server of the game dies.
#![allow(clippy::disallowed_methods, reason = "these tests run in real time, with real servers")]

mod away;
mod erasing;
mod forgetting;
mod pair;
mod rig;
mod sharing;
