//! Pages that a server has left behind, to be read.

use super::page::{HEAD_BYTES, Head, Log};
use super::volume::{numbers, path as page_path};
use server::flight::Frames;
use std::path::{Path, PathBuf};

/// A page that was read.
pub struct Written {
    path: PathBuf,
    /// What it says of itself.
    pub head: Head,
    bytes: Vec<u8>,
}

/// The pages of one of the two logs that `place` is or has, in order.
///
/// # Errors
/// One sentence: it cannot be read, or is none of them.
pub fn pages(place: &Path, log: Log) -> Result<Vec<Written>, String> {
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", place.display());
    let paths = if std::fs::metadata(place).map_err(fail)?.is_dir() {
        let numbers = numbers(place, log).map_err(fail)?;
        numbers.into_iter().map(|number| page_path(place, log, number)).collect()
    } else {
        vec![place.to_owned()]
    };
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let head = Head::decode(&bytes).filter(|head| head.log == log);
        let head = head
            .ok_or_else(|| format!("{} is no page of a {}'s log that this build reads", path.display(), log.label()))?;
        Ok(Written { path, head, bytes })
    };
    let pages: Result<Vec<Written>, String> = paths.into_iter().map(read).collect();
    let mut pages = pages?;
    // One that lies ready, or was being begun when the server was killed; a log in which nothing stands yet has no other.
    if pages.iter().any(Written::is_begun) {
        pages.retain(Written::is_begun);
    }
    if pages.is_empty() {
        return Err(format!("{} has no {}-*.flight", place.display(), log.label()));
    }
    Ok(pages)
}

impl Written {
    fn is_begun(&self) -> bool {
        let first = self.bytes.get(HEAD_BYTES..HEAD_BYTES + 4);
        first.is_some_and(|length| length != [0; 4])
    }

    /// Its file's name.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What stands on it, from its front.
    pub fn frames(&self) -> Frames<'_> {
        Frames::new(self.bytes.get(HEAD_BYTES..).unwrap_or_default())
    }
}
