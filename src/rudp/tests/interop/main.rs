//! Interoperation with the standard's own Rust implementation, both ways, over IPv4 and IPv6.
//!
//! That implementation owns its sockets, so datagrams travel over loopback; time is a number to both ends, so whole
//! time-outs pass in moments.

mod our_client;
mod our_server;
mod street;
mod vectors;
