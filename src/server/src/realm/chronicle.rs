//! The log of what matters in the world, for whoever runs it: the last few hundred entries, numbered.

use super::judge::Incident;
use protocol::{CharacterId, GameEvent, Tick};
use std::collections::VecDeque;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chronicled {
    /// Counts up from 1, without gaps: whoever reads on knows what he has missed.
    pub number: u64,
    /// When.
    pub tick: Tick,
    /// Whom it is about, if it is somebody's character.
    pub character: Option<CharacterId>,
    /// What.
    pub what: Matter,
}

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Something happened in the game.
    Event(GameEvent),
    /// Too much speaks against somebody.
    Incident(Incident),
    /// Somebody came into the world.
    Entered,
    /// Somebody left it.
    Left,
    /// An account has a character more.
    Created,
    /// A character is gone for ever.
    Deleted,
}

/// Entries that are kept: at a death a second the last eight minutes; 32 KiB.
pub const CHRONICLE_MAX: usize = 512;

/// The last entries.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    entries: VecDeque<Chronicled>,
    written: u64,
}

impl Chronicle {
    /// Writes an entry; the oldest makes room.
    pub fn write(&mut self, tick: Tick, character: Option<CharacterId>, what: Matter) {
        if self.entries.len() == CHRONICLE_MAX {
            self.entries.pop_front();
        }
        self.written += 1;
        self.entries.push_back(Chronicled { number: self.written, tick, character, what });
    }

    /// What is kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Chronicled> {
        self.entries.iter()
    }

    /// Number of the newest entry; 0 before the first.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }
}

/// Whether an event is worth an entry: blows and casts are not, or they would be all there is.
pub const fn is_worth(event: &GameEvent) -> bool {
    matches!(event, GameEvent::Slain { .. } | GameEvent::LevelUp { .. } | GameEvent::Looted { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entries_are_kept_and_numbers_have_no_gaps() {
        let mut chronicle = Chronicle::default();
        for number in 0..CHRONICLE_MAX as u32 + 10 {
            chronicle.write(Tick(number), None, Matter::Entered);
        }
        let numbers: Vec<_> = chronicle.entries().map(|entry| entry.number).collect();
        assert_eq!(numbers, (11..=CHRONICLE_MAX as u64 + 10).collect::<Vec<_>>());
        assert_eq!(chronicle.written(), CHRONICLE_MAX as u64 + 10);
    }
}
