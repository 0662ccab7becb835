//! The server: what `main.rs` starts, and what the tools measure in parts.
//!
//! [`config`] is what the operator chose; [`edge`] is where that becomes sockets and threads.

pub mod config;
pub mod edge;
