//! What map and content were read from, so that a recording can say where it took place.

use crate::config::content::{self, Texts};
use crate::config::map;
use game::content::Content;
use protocol::motion::StaticMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The texts.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldSource {
    /// The map's name, by which its places are found.
    pub map_name: String,
    /// What the map's file says.
    pub map: String,
    /// What the content's files say, each with its name.
    pub content: Texts,
    /// Whether anybody lives there.
    pub has_mobs: bool,
}

impl WorldSource {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }

    /// What [`Self::to_bytes`] made.
    ///
    /// # Errors
    /// One sentence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| format!("the recorded map and content cannot be read: {error}"))
    }

    /// Has the content of a newer source from now on; the map stays, whatever the newer one says.
    ///
    /// # Errors
    /// One sentence.
    pub fn follow(&mut self, newer: &[u8]) -> Result<(), String> {
        let map = std::mem::take(&mut self.map);
        *self = Self { map, ..Self::from_bytes(newer)? };
        Ok(())
    }

    /// The map and the content again.
    ///
    /// # Errors
    /// One sentence.
    pub fn read(&self) -> Result<(StaticMap, Content), String> {
        let map = map::parse("the recorded map", &self.map)?;
        let content = content::of_texts(&self.content, &self.map_name, &map);
        let mut content = content.map_err(|problems| format!("the recorded content: {problems}"))?;
        if !self.has_mobs {
            content.places.spawns.clear();
        }
        Ok((map, content))
    }
}

/// Nobody wants to read it in a log.
impl fmt::Debug for WorldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldSource").field("map_name", &self.map_name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources, WorldSource};

    #[test]
    fn map_and_content_come_back_from_their_source() {
        for mobs in [true, false] {
            let text = format!("[world]\nmobs = {mobs}\n");
            let file = Some(("server.toml".to_owned(), text));
            let config = Config::resolve(&Sources { file, ..Sources::default() }).unwrap();
            let source = WorldSource::from_bytes(&config.source.to_bytes()).unwrap();
            let (map, content) = source.read().unwrap();
            assert_eq!((map.hash(), content), (config.map.hash(), (*config.content).clone()));
        }
    }
}
