//! What the world begins with, and what it leaves for the next process.
//!
//! Every now and then, and when all have gone at the end, the realm hands out an image of the world without its players,
//! together with how far in the journal it has come. The next process begins with the newest image and what the journal
//! says about the ground. An image that cannot be used is no reason not to begin: then the world is as content says.

use super::{Realm, RealmConfig};
use game::{Game, GameConfig, ImageError, Survey, WorldImage};
use protocol::{NetId, Tick};
use std::fmt;

/// Ids that are looked at in one tick for an image of the world: at 2.5 us each, a third of a millisecond, and 4,000 of them
/// take half a second.
const SURVEYED_PER_TICK_MAX: usize = 128;

/// A world as it was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedWorld {
    /// The newest transaction of the journal that had been done in it, by its number there.
    pub upto: u64,
    /// The image.
    pub bytes: Vec<u8>,
}

/// What the world began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// As content says: nothing was saved.
    Content,
    /// As it was saved.
    Saved {
        /// The tick after which it was.
        tick: Tick,
        /// As in [`SavedWorld::upto`].
        upto: u64,
    },
    /// As content says, because what was saved cannot be used; a sentence that says why.
    Unusable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => f.write_str("the world begins as content says"),
            Self::Saved { tick, upto } => {
                write!(f, "the world goes on after tick {}, which had come to transaction {upto}", tick.0)
            }
            Self::Unusable(why) => write!(f, "the world begins as content says: {why}"),
        }
    }
}

/// A world at its beginning.
pub(super) struct Beginning {
    pub(super) game: Game,
    /// Things that lie on the ground and could not be laid down.
    pub(super) ground_left_out: usize,
    /// Ids that wait to be given out again.
    pub(super) departed: Vec<NetId>,
    pub(super) origin: Origin,
}

impl Beginning {
    /// As it was saved, if it was and can be, else as content says; in any case with the ground of the journal.
    pub(super) fn of(config: &RealmConfig, world: GameConfig) -> Self {
        let origin = match config.world.as_deref().map(|saved| Self::saved(config, &world, saved)) {
            Some(Ok(beginning)) => return beginning,
            Some(Err(why)) => Origin::Unusable(why),
            None => Origin::Content,
        };
        let mut game = Game::extended(world, &config.extensions);
        let ground_left_out = game.restore_ground(&config.ground);
        Self { game, ground_left_out, departed: Vec::new(), origin }
    }

    fn saved(config: &RealmConfig, world: &GameConfig, saved: &SavedWorld) -> Result<Self, String> {
        let SavedWorld { upto, ref bytes } = *saved;
        if upto > config.journal_seq {
            let newest = config.journal_seq;
            return Err(format!(
                "the saved world had come to transaction {upto}, and the journal ends with {newest}: it is an older one"
            ));
        }
        let said = |error: ImageError| error.to_string();
        let image = WorldImage::from_bytes(bytes).map_err(said)?;
        let restored = Game::restore_vacant(world.clone(), &config.extensions, &image, &config.ground);
        let (game, ground_left_out) = restored.map_err(said)?;
        let departed = game.retired().collect();
        Ok(Self { game, ground_left_out, departed, origin: Origin::Saved { tick: image.tick(), upto } })
    }
}

impl Realm {
    /// What the world began with.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Nobody will come any more: when all have gone and all is saved, the world is saved for the last time, and only then
    /// [`Self::is_drained`].
    pub fn close(&mut self) {
        self.is_closing = true;
        self.door.close();
    }

    /// Saves the world when it is time to: some of it in each tick, at the very end all at once. What the disk has answered
    /// was done in this tick, so an image that begins now has come as far as the newest of its answers.
    pub(super) fn save_world_due(&mut self) {
        let due_ns = *self.world_due_ns.get_or_insert(self.now_ns.saturating_add(self.config.world_interval_ns));
        let is_last = self.is_closing && !self.is_left && self.is_vacated();
        if is_last {
            self.survey = None;
        }
        if self.survey.is_none() {
            if self.store.is_world_unconfirmed() || (self.now_ns < due_ns && !is_last) {
                return;
            }
            self.survey = Some((self.store.upto(), Survey::default()));
            self.world_due_ns = Some(self.now_ns.saturating_add(self.config.world_interval_ns));
            self.is_left = is_last;
        }
        let Some((upto, survey)) = &mut self.survey else { return };
        let ids_max = if is_last { usize::MAX } else { SURVEYED_PER_TICK_MAX };
        if let Some(image) = self.game.survey(survey, ids_max) {
            self.store.save_world(*upto, image);
            self.survey = None;
        }
    }

    /// Whether nobody is in, and all of theirs is saved.
    pub(super) fn is_vacated(&self) -> bool {
        self.players.is_empty() && self.lobby.is_empty() && self.door.is_empty() && self.store.is_drained()
    }

    /// Whether the world itself is saved, if it is to be.
    pub(super) fn is_left_behind(&self) -> bool {
        !self.is_closing || (self.is_left && !self.store.is_world_unconfirmed())
    }
}
