//! Profiles and recordings from files.

use anyhow::{Context, Result};
use flate2::read::MultiGzDecoder;
use netem::Profile;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A profile: the text itself, or the file of that name. Recordings are looked for from the file's folder on.
///
/// # Errors
/// It is neither.
pub fn profile(named: &str) -> Result<Profile> {
    let profile = Profile::open(named, Path::new(named).is_file(), &mut text);
    profile.with_context(|| format!("--profile {named}"))
}

/// The text of a file, plain or gzip.
fn text(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(file).and_then(|mut opened| {
        if file.extension().is_some_and(|ending| ending == "gz") {
            MultiGzDecoder::new(opened).read_to_string(&mut text)
        } else {
            opened.read_to_string(&mut text)
        }
    });
    read.map_err(|error| error.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_recordings_from_where_it_lies() {
        let folder = std::env::temp_dir().join(format!("relay-profile-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("down"), "1\n2\n").unwrap();
        std::fs::write(folder.join("mine"), "delay=20ms\ndown.trace=down\n").unwrap();
        let mine = folder.join("mine").display().to_string();
        assert!(profile(&mine).is_ok_and(|mine| mine.down != mine.up));
        std::fs::write(folder.join("mine"), "down.trace=gone\n").unwrap();
        assert!(format!("{:#}", profile(&mine).unwrap_err()).contains("gone: "));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(profile("lte").unwrap(), Profile::named("lte").unwrap());
        assert!(profile("no-such-link").is_err());
    }
}
