//! The server: what `main.rs` starts, and what the tools measure in parts.
//!
//! [`config`] is what the operator chose; [`edge`] is where that becomes sockets and threads; [`program`] is all of it, to be
//! run with a game of one's own (`src/examples`).

pub mod config;
pub mod edge;
mod errand;
pub mod program;
