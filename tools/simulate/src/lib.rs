//! The whole server and its clients in one thread and virtual time, with faults drawn from a seed.

pub mod stores;
