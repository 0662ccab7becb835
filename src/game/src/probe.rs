//! Who watches where the time of a tick goes.
//!
//! This room reads no clock. It says when each part of a tick begins, and whoever stands above it may look at one then:
//! what he finds out is for people and never comes back here.

use crate::schedule::{Doing, Phase, Settling};
use bevy_ecs::prelude::{Res, Resource};
use std::fmt::Debug;
use std::sync::Arc;

/// A part of a tick, by number: those of the game are named by [`GAME_PARTS`], those above belong to the rooms above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(pub u8);

/// Hears that a part of a tick begins, and with that, that the one before has ended.
pub trait Probe: Send + Sync + Debug {
    /// It begins now.
    fn enter(&self, part: Part);
}

/// What a tick of the game consists of, in its order; where a phase has parts of its own they stand in its place.
pub const GAME_PARTS: [&str; 21] = [
    "begin", "input", "think", "movement", "spatial", "effects", "parties", "growth", "carrying", "casting", "meeting",
    "entering", "custom", "resolve", "heard", "credit", "deaths", "leaving", "recover", "publish", "end",
];

/// What comes before the first phase.
pub(crate) const BEGIN: Part = Part(0);
/// What comes after the last.
pub(crate) const END: Part = Part(20);

/// Who watches, if anybody does.
#[derive(Debug, Default, Resource)]
pub(crate) struct Watched(pub(crate) Option<Arc<dyn Probe>>);

impl Watched {
    pub(crate) fn enter(&self, part: Part) {
        if let Some(probe) = &self.0 {
            probe.enter(part);
        }
    }
}

/// A system that says that a part begins.
pub(crate) fn mark(part: Part) -> impl Fn(Res<'_, Watched>) {
    move |watched| watched.enter(part)
}

/// The part with which a phase begins; none of one that consists of parts.
pub(crate) const fn of_phase(phase: Phase) -> Option<Part> {
    match phase {
        Phase::Input => Some(Part(1)),
        Phase::Think => Some(Part(2)),
        Phase::Movement => Some(Part(3)),
        Phase::Spatial => Some(Part(4)),
        Phase::Act | Phase::Settle => None,
        Phase::Resolve => Some(Part(13)),
        Phase::Recover => Some(Part(18)),
        Phase::Publish => Some(Part(19)),
    }
}

/// The parts of [`Phase::Act`].
pub(crate) const fn of_doing(doing: Doing) -> Part {
    Part(5 + doing as u8)
}

/// The parts of [`Phase::Settle`].
pub(crate) const fn of_settling(settling: Settling) -> Part {
    Part(14 + settling as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{Rig, content};
    use std::sync::Mutex;

    #[derive(Debug, Default)]
    struct Heard(Mutex<Vec<u8>>);

    impl Probe for Heard {
        fn enter(&self, part: Part) {
            self.0.lock().unwrap().push(part.0);
        }
    }

    #[test]
    fn every_part_is_said_once_a_tick_in_its_order() {
        let (mut game, heard) = (Rig::new(content(Vec::new()), 3).game, Arc::new(Heard::default()));
        game.watch(heard.clone());
        game.tick();
        game.tick();
        let parts: Vec<u8> = (0..GAME_PARTS.len() as u8).collect();
        assert_eq!(*heard.0.lock().unwrap(), [parts.clone(), parts].concat());
    }

    #[test]
    fn who_watches_changes_nothing() {
        let (mut watched, mut alone) = (Rig::new(content(Vec::new()), 3).game, Rig::new(content(Vec::new()), 3).game);
        watched.watch(Arc::new(Heard::default()));
        for _ in 0..100 {
            watched.tick();
            alone.tick();
        }
        assert_eq!(watched.hash(), alone.hash());
    }
}
