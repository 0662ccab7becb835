//! Facts about the server, told by the rig of `rig.rs`.
mod ahead;
mod allocation;
mod budgets;
mod bulk;
mod crowd;
mod lifecycle;
mod migration;
mod requests;
mod silence;
mod survival;
mod takeover;
