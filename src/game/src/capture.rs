//! The world between two ticks, as it is: its image, and what an image leaves out because a restart may forget it.
//!
//! A world that was restored from its image goes on as a world would that has just begun: nobody has a past to be shot at in,
//! open trades are over, targets are forgotten. A world that is resumed from its capture goes on as the captured one does, to
//! the last bit of what anybody is told.

use crate::bond::Bonds;
use crate::extension::{Extensions, MarksTable};
use crate::fight::Departed;
use crate::growth::Told;
use crate::replica::Replicas;
use crate::rooms::parts;
use crate::stored;
use crate::thing::Ended;
use crate::{Game, GameConfig, ImageError, WorldImage, mobs};
use protocol::NetId;
use serde::{Deserialize, Serialize};

/// What an image leaves out.
#[derive(Debug, Serialize, Deserialize)]
struct Past {
    replicas: Replicas,
    bonds: Bonds,
    marks: Vec<u8>,
    /// By ascending id.
    told: Vec<(NetId, Told)>,
    departed: Vec<NetId>,
    ended: Vec<NetId>,
}

/// The world as it was between two ticks; to be written by whoever has time.
#[derive(Debug)]
pub struct CapturedWorld {
    image: WorldImage,
    past: Past,
}

impl CapturedWorld {
    /// Appends it.
    pub fn to_bytes(&self, bytes: &mut Vec<u8>) {
        let mut image = Vec::new();
        self.image.to_bytes(&mut image);
        stored::write(&image, bytes);
        stored::write(&self.past, bytes);
    }
}

impl Game {
    /// A copy of everything that decides the future of this world, and what is told of it. To be called between two ticks.
    #[must_use]
    pub fn capture(&self) -> CapturedWorld {
        let world = &self.world;
        let past = Past {
            replicas: world.resource::<Replicas>().clone(),
            bonds: world.resource::<Bonds>().clone(),
            marks: world.resource::<MarksTable>().to_bytes(),
            told: parts::<Told>(world),
            departed: world.resource::<Departed>().0.clone(),
            ended: world.resource::<Ended>().0.clone(),
        };
        CapturedWorld { image: self.save(), past }
    }

    /// The world of a capture again, and how many of `bytes` it took. `is_sparing` is as it was told last by
    /// [`Self::spare_mobs`].
    ///
    /// # Errors
    /// [`ImageError`] if they are not a capture of such a world.
    pub fn resume(
        config: GameConfig,
        extensions: &Extensions,
        bytes: &[u8],
        is_sparing: bool,
    ) -> Result<(Self, usize), ImageError> {
        let (image, image_bytes): (Vec<u8>, usize) = stored::take(bytes).ok_or(ImageError::Truncated)?;
        let rest = bytes.get(image_bytes..).unwrap_or_default();
        let (past, past_bytes): (Past, usize) = stored::take(rest).ok_or(ImageError::Truncated)?;
        let image = WorldImage::from_bytes(&image)?;
        let mut game = Self::restore_as(config, extensions, &image, false)?;
        if !past.replicas.is_possible(game.roster().rows()) {
            return Err(ImageError::Truncated);
        }
        let Past { replicas, bonds, marks, told, departed, ended } = past;
        game.world.resource_mut::<MarksTable>().resume(&marks).ok_or(ImageError::Extension)?;
        game.world.insert_resource(replicas);
        game.world.insert_resource(bonds);
        game.world.insert_resource(Departed(departed));
        game.world.insert_resource(Ended(ended));
        for (id, told) in told {
            if let Some(entity) = game.entity(id) {
                game.world.entity_mut(entity).insert(told);
            }
        }
        mobs::spare(&mut game.world, is_sparing);
        Ok((game, image_bytes.saturating_add(past_bytes)))
    }
}
