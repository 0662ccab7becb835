//! Into what a tick of the realm is divided for whoever watches where its time goes; the game's own parts lie between.

use game::{GAME_PARTS, Part};

/// Parts of the realm's tick, in order: part `n` is number [`FROM`] + `n`.
pub const REALM_PARTS: [&str; 7] = ["inbox", "admit", "hear", "own", "tell", "save", "status"];
/// The number of the first of them.
pub const FROM: u8 = 32;

const _: () = assert!(GAME_PARTS.len() <= FROM as usize);

/// What the gate and the disk have said is taken in.
pub(super) const INBOX: Part = Part(FROM);
/// Those whose records were found come in, and everybody's input is set. Then the game's own parts.
pub(super) const ADMIT: Part = Part(FROM + 1);
/// What the game has to say is sorted by whom it concerns; shots are carried out.
pub(super) const HEAR: Part = Part(FROM + 2);
/// Each is told what concerns him alone.
pub(super) const OWN: Part = Part(FROM + 3);
/// Each is shown the world: interest, priorities, snapshots.
pub(super) const TELL: Part = Part(FROM + 4);
/// Checkpoints, and images of the world, are made.
pub(super) const SAVE: Part = Part(FROM + 5);
/// Ids are given back, figures are taken.
pub(super) const STATUS: Part = Part(FROM + 6);
