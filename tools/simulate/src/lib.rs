//! The whole server and its clients in one thread and virtual time, with faults drawn from a seed.

pub mod campaign;
pub mod check;
pub mod clock;
pub mod demand;
pub mod dice;
pub mod fault;
pub mod hash;
pub mod people;
pub mod plan;
pub mod process;
pub mod report;
pub mod shrink;
pub mod simulation;
pub mod stores;
pub mod strangers;
pub mod world;

pub use fault::{Kind, KindSet};
pub use plan::Options;
pub use simulation::{Failure, Simulation, Tally, run};
