//! The content that comes with the server: config/game, compiled in.

use super::{Content, ContentFile};
use protocol::unit::SUBUNITS_PER_M;

macro_rules! file {
    ($name:literal) => {
        ContentFile { name: $name, text: include_str!(concat!("../../../../config/game/", $name)) }
    };
}

/// Its files, as [`Content::read`] takes them.
pub const SHIPPED: &[ContentFile<'static>] = &[
    file!("rules.toml"),
    file!("classes.toml"),
    file!("skills.toml"),
    file!("effects.toml"),
    file!("items.toml"),
    file!("mobs.toml"),
    file!("places/meadow.toml"),
    file!("places/canyon.toml"),
];

/// The sides of the maps that come with the server, in metres.
const MAPS: [(&str, i32); 2] = [("meadow", 3_000), ("canyon", 1_500)];

/// The content that comes with the server, on one of its maps: `meadow` or `canyon`. Any other has empty places.
///
/// # Panics
/// Never: a test reads it.
#[must_use]
pub fn shipped(map: &str) -> Content {
    let side_m = MAPS.iter().find(|(name, _)| *name == map).map_or(1, |&(_, side_m)| side_m);
    let side = side_m * SUBUNITS_PER_M;
    Content::read(SHIPPED, map, (side, side)).unwrap_or_else(|problems| panic!("the shipped content: {problems}"))
}

#[cfg(test)]
mod tests;
