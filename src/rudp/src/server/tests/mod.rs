//! Facts about the server, told by the rig of `rig.rs`.
mod allocation;
mod bulk;
mod lifecycle;
mod migration;
mod requests;
mod silence;
mod takeover;
