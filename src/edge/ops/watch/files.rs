//! Reports in `DATA/reports`: written whole or not at all, and not for ever.

use crate::edge::clock;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The directory, in the server's.
const DIRECTORY: &str = "reports";
const PREFIX: &str = "report-";
const ENDING: &str = ".html";
/// Of one that is being written.
const UNFINISHED: &str = "report.unfinished";

/// Writes a report of this moment and removes the oldest beyond `keep`.
///
/// # Errors
/// What the system says, with the file's name. What is there stays.
pub fn write(data_dir: &Path, unix_s: u64, text: &str, keep: usize) -> Result<PathBuf, String> {
    let directory = data_dir.join(DIRECTORY);
    let path = directory.join(format!("{PREFIX}{}{ENDING}", clock::utc(unix_s)));
    let written = fs::create_dir_all(&directory).and_then(|()| replace(&directory, &path, text));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    remove_oldest(&directory, keep).map_err(|error| format!("cannot remove old reports: {error}"))?;
    Ok(path)
}

/// Whoever reads the file finds all of it, whenever he does.
fn replace(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let unfinished = directory.join(UNFINISHED);
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Their names sort as their times do. What has another name is not ours.
fn remove_oldest(directory: &Path, keep: usize) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(ENDING)) {
            names.push(name);
        }
    }
    names.sort();
    let surplus = names.len().saturating_sub(keep);
    names[..surplus].iter().try_for_each(|name| fs::remove_file(directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_what_is_not_ours_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let reports = dir.path().join("reports");
        for s in 0..5 {
            let path = write(dir.path(), 951_782_398 + s, &format!("report {s}"), 3).unwrap();
            assert_eq!(fs::read_to_string(path).unwrap(), format!("report {s}"));
            fs::write(reports.join("notes.html"), "").unwrap();
        }
        let mut names: Vec<String> =
            fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let wanted = [
            "notes.html",
            "report-20000229T000000Z.html",
            "report-20000229T000001Z.html",
            "report-20000229T000002Z.html",
        ];
        assert_eq!(names, wanted);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("reports"), "a file").unwrap();
        let error = write(dir.path(), 0, "", 1).unwrap_err();
        assert!(error.starts_with("cannot write ") && error.contains("report-19700101T000000Z.html: "), "{error}");
    }
}
