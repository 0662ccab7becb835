//! The whole realm between two ticks as bytes, and again: what a page of the flight log begins with.
//!
//! A realm that is resumed tells everybody the same as the captured one, to the last bit. What is only counted or kept for
//! whoever runs it (the status, the chronicle, incidents) is not part of it; an image of the world in the making is
//! finished in the same tick and is not whole.

use super::door::Door;
use super::ladder::{Ladder, Step};
use super::lobby::Lobby;
use super::origin::{Beginning, Origin};
use super::player::PlayerTable;
use super::store::Store;
use super::{Operation, Realm, RealmConfig};
use crate::flight::{Veil, code};
use game::{CapturedWorld, Game, ImageError, Survey};
use protocol::NetId;
use rudp::Reason;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why bytes are no realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResumeError {
    /// Cut short, or of another build.
    #[error("the captured realm cannot be read")]
    Unreadable,
    /// Its world is none.
    #[error(transparent)]
    World(#[from] ImageError),
}

/// The realm as it was between two ticks, names and words under a veil; to be written by whoever has time.
#[derive(Debug)]
pub struct Captured {
    kept: Kept,
    world: CapturedWorld,
}

impl Captured {
    /// Appends it.
    pub fn to_bytes(&self, bytes: &mut Vec<u8>) {
        code::put(&self.kept, bytes);
        self.world.to_bytes(bytes);
    }
}

/// Everything but the world.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    players: PlayerTable,
    lobby: Lobby,
    door: Door,
    store: Store,
    operations: Vec<Operation>,
    ladder: Ladder,
    named_by: Vec<u32>,
    departed: Vec<NetId>,
    joins_paused: Option<Reason>,
    players_max: usize,
    now_ns: u64,
    world_due_ns: Option<u64>,
    /// How far in the journal an image in the making has come, and at how many ids it has looked.
    survey: Option<(u64, usize)>,
    is_closing: bool,
    is_left: bool,
}

impl Realm {
    /// A copy of the whole realm, names and words under the veil.
    ///
    /// It is made between two ticks, and the world waits for it: so it is copied here and written by somebody else. What is
    /// in people's views is most of it, 6 KB for each of 300 players and 15 KB for each of 1,000. Of 1,000 the copy takes
    /// half a tick; when it was also written and packed here it took several (`cargo bench -p server --bench page_turn`).
    pub(crate) fn capture(&self, veil: Veil) -> Captured {
        let (mut players, mut store) = (self.players.clone(), self.store.clone());
        players.veil_names(veil);
        store.veil_names(veil);
        let kept = Kept {
            players,
            lobby: self.lobby.veiled(veil),
            door: self.door.veiled(veil),
            store,
            operations: self.operations.iter().map(|operation| veil.operation(operation)).collect(),
            ladder: self.ladder.clone(),
            named_by: self.named_by.clone(),
            departed: self.departed.clone(),
            joins_paused: self.joins_paused,
            players_max: self.config.players_max,
            now_ns: self.now_ns,
            world_due_ns: self.world_due_ns,
            survey: self.survey.as_ref().map(|(upto, survey)| (*upto, survey.next())),
            is_closing: self.is_closing,
            is_left: self.is_left,
        };
        Captured { kept, world: self.game.capture() }
    }

    /// The realm of a capture again; `config` is that which the captured one was made with, and the content in force then.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub(crate) fn resume(config: RealmConfig, mut bytes: &[u8]) -> Result<Self, ResumeError> {
        let kept: Kept = code::take(&mut bytes).ok_or(ResumeError::Unreadable)?;
        let is_sparing = kept.ladder.step() >= Step::Mobs;
        let (game, used) = Game::resume(Self::world_of(&config), &config.extensions, bytes, is_sparing)?;
        if used != bytes.len() {
            return Err(ResumeError::Unreadable);
        }
        let beginning = Beginning { game, ground_left_out: 0, departed: Vec::new(), origin: Origin::Content };
        let mut realm = Self::begun(config, beginning);
        (realm.players, realm.store) = (kept.players, kept.store);
        (realm.lobby, realm.door, realm.operations) = (kept.lobby, kept.door, kept.operations);
        (realm.named_by, realm.departed) = (kept.named_by, kept.departed);
        (realm.joins_paused, realm.config.players_max) = (kept.joins_paused, kept.players_max);
        (realm.now_ns, realm.world_due_ns) = (kept.now_ns, kept.world_due_ns);
        realm.survey = kept.survey.map(|(upto, next)| (upto, Survey::from(next)));
        (realm.is_closing, realm.is_left) = (kept.is_closing, kept.is_left);
        realm.ladder = kept.ladder;
        if realm.ladder.step() >= Step::Radius {
            realm.sight = realm.shorter_sight();
        }
        Ok(realm)
    }
}

/// An image of the world that waits to be asked for, as its own bytes.
pub mod world_image {
    use game::WorldImage;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    type Waiting = Option<(u64, Box<WorldImage>)>;

    pub fn serialize<S: Serializer>(image: &Waiting, to: S) -> Result<S::Ok, S::Error> {
        let bytes = image.as_ref().map(|(upto, image)| {
            let mut bytes = Vec::new();
            image.to_bytes(&mut bytes);
            (*upto, bytes)
        });
        bytes.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Waiting, D::Error> {
        let bytes = Option::<(u64, Vec<u8>)>::deserialize(from)?;
        let read = |(upto, bytes): (u64, Vec<u8>)| Ok((upto, Box::new(WorldImage::from_bytes(&bytes)?)));
        bytes.map(read).transpose().map_err(|error: game::ImageError| D::Error::custom(error))
    }
}
