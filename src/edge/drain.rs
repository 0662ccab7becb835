//! How the server goes down: who waits for whom.
//!
//! Asked (by a signal) -> the gate refuses newcomers, tells everyone and hands over the last events -> the realm saves
//! everybody and hears that the journal has it -> the world ends -> the reactor says its goodbyes -> all are gone.

use std::sync::atomic::{AtomicBool, Ordering};

/// The steps, each set once and never taken back.
#[derive(Debug, Default)]
pub struct Drain {
    asked: AtomicBool,
    gate_closed: AtomicBool,
    world_done: AtomicBool,
    abandoned: AtomicBool,
}

impl Drain {
    /// Begin.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// Whether the server is going down.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// The gate has handed over its last event; called after that.
    pub fn on_gate_closed(&self) {
        self.gate_closed.store(true, Ordering::Release);
    }

    /// Whether every event of the gate is in the queue.
    pub fn is_gate_closed(&self) -> bool {
        self.gate_closed.load(Ordering::Acquire)
    }

    /// Everybody is saved; called after the last output went out.
    pub fn on_world_done(&self) {
        self.world_done.store(true, Ordering::Release);
    }

    /// Whether everybody is saved.
    pub fn is_world_done(&self) -> bool {
        self.world_done.load(Ordering::Acquire)
    }

    /// Do not wait for the players: finish what the journal has been given, then go.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
    }

    /// Whether to go at once.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
}
