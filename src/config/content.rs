//! The content: a directory of the operator's, or what is built in.

use crate::config::Problems;
use crate::config::written::Written;
use game::content::{Content, ContentFile, SHIPPED};
use protocol::motion::StaticMap;
use std::path::{Path, PathBuf};

/// Longest content file, in bytes: ten thousand entries fit.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most files looked at in the directory of the content, which has six: more are a directory of something else.
const FILES_MAX: usize = 64;

/// The content that `world.content_dir` names, else that which is built in, for a map. What is wrong with it is noted in
/// `written`.
pub fn load(written: &mut Written, map_name: &str, map: &StaticMap) -> (Content, Texts) {
    let content = match written.path("world.content_dir") {
        Some(directory) => read(&directory, map_name, map),
        None => built_in(map_name, map).map(|content| (content, shipped_texts())),
    };
    content.unwrap_or_else(|problems| {
        for problem in problems.0 {
            written.problem(problem);
        }
        Default::default()
    })
}

/// What content files say, each with its name.
pub type Texts = Vec<(String, String)>;

fn shipped_texts() -> Texts {
    SHIPPED.iter().map(|file| (file.name.to_owned(), file.text.to_owned())).collect()
}

/// The content that these texts are.
///
/// # Errors
/// All that is wrong with any of them.
pub fn of_texts(texts: &Texts, map_name: &str, map: &StaticMap) -> Result<Content, Problems> {
    let files: Vec<ContentFile<'_>> = texts.iter().map(|(name, text)| ContentFile { name, text }).collect();
    Content::read(&files, map_name, map.extent()).map_err(|problems| Problems(problems.0))
}

/// The content that is built in, on a map of this name; a map that has no places in it has nobody living on it.
///
/// # Errors
/// The map has the name of one that comes with the server, but what stands on that one does not fit on it.
pub fn built_in(map_name: &str, map: &StaticMap) -> Result<Content, Problems> {
    Content::read(SHIPPED, map_name, map.extent()).map_err(|problems| Problems(problems.0))
}

/// Everything in a directory that is or might be meant to be content, read for a map.
fn read(directory: &Path, map_name: &str, map: &StaticMap) -> Result<(Content, Texts), Problems> {
    let mut names = names(directory).map_err(|problem| Problems(vec![problem]))?;
    let places = format!("places/{map_name}.toml");
    if directory.join(&places).exists() {
        names.push(places);
    }
    let mut problems = Vec::new();
    let mut texts = Vec::with_capacity(names.len());
    for name in names {
        match text(&directory.join(&name)) {
            Ok(text) => texts.push((name, text)),
            Err(problem) => problems.push(problem),
        }
    }
    // What a file that cannot be read might have said is not missed by others.
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let inside = |problem| format!("{}: {problem}", directory.display());
    match of_texts(&texts, map_name, map) {
        Ok(content) => Ok((content, texts)),
        Err(problems) => Err(Problems(problems.0.into_iter().map(inside).collect())),
    }
}

/// The names of the TOML files that stand in a directory itself, sorted, because no two machines list them alike.
fn names(directory: &Path) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("world.content_dir: cannot read {}: {error}", directory.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(fail)? {
        let path: PathBuf = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    if names.len() > FILES_MAX {
        return Err(format!(
            "world.content_dir: {} has {} files, the limit is {FILES_MAX}",
            directory.display(),
            names.len()
        ));
    }
    names.sort_unstable();
    Ok(names)
}

fn text(path: &Path) -> Result<String, String> {
    let name = path.display();
    let fail = |error: std::io::Error| format!("world.content_dir: cannot read {name}: {error}");
    let bytes = std::fs::metadata(path).map_err(fail)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("world.content_dir: {name} has {bytes} bytes, the limit is {FILE_BYTES_MAX}"));
    }
    std::fs::read_to_string(path).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};
    use game::content::shipped;

    /// A directory with what is built in.
    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("places")).unwrap();
        for file in SHIPPED {
            std::fs::write(directory.path().join(file.name), file.text).unwrap();
        }
        directory
    }

    fn configured(lines: &str) -> Result<Config, Problems> {
        let file = Some(("server.toml".to_owned(), format!("[world]\n{lines}")));
        Config::resolve(&Sources { file, ..Sources::default() })
    }

    fn from(directory: &tempfile::TempDir) -> Result<Config, Problems> {
        configured(&format!("content_dir = '{}'\n", directory.path().display()))
    }

    #[test]
    fn without_a_directory_the_content_is_that_of_the_meadow() {
        let config = configured("").unwrap();
        assert_eq!(config.map_name, "meadow");
        assert_eq!(*config.content, shipped("meadow"));
    }

    #[test]
    fn a_directory_with_the_shipped_files_is_the_same_content() {
        let config = from(&directory()).unwrap();
        assert_eq!(*config.content, shipped("meadow"));
    }

    #[test]
    fn a_map_of_ones_own_is_called_as_its_file_and_has_nobody_on_it_until_its_places_are_written() {
        let directory = directory();
        let map = directory.path().join("maps/arena.toml");
        std::fs::create_dir(map.parent().unwrap()).unwrap();
        std::fs::write(&map, "name = \"The arena\"\nwidth_m = 40\ndepth_m = 40\nblocks = []\n").unwrap();
        let lines = format!("content_dir = '{}'\nmap_file = '{}'\n", directory.path().display(), map.display());
        let config = configured(&lines).unwrap();
        assert_eq!(config.map_name, "arena");
        assert!(config.content.places.spawns.is_empty());
        let places = "spawns = [{ mob = \"rat\", count = 3, x_m = 20, y_m = 20, radius_m = 5 }]\n";
        std::fs::write(directory.path().join("places/arena.toml"), places).unwrap();
        assert_eq!(configured(&lines).unwrap().content.places.spawns.len(), 1);
    }

    #[test]
    fn mistakes_of_content_are_reported_with_those_of_the_settings() {
        let directory = directory();
        std::fs::write(directory.path().join("rules.toml"), "level_max = 0\nteams = 9\n").unwrap();
        std::fs::write(directory.path().join("skils.toml"), "").unwrap();
        let lines = format!("content_dir = '{}'\nvisible_max = 0\n", directory.path().display());
        let problems = configured(&lines).unwrap_err().0;
        let name = directory.path().display();
        for sentence in [
            format!("{name}: rules.toml: level_max must be a whole number from 1 to 100, not 0"),
            format!("{name}: rules.toml: teams must be a whole number from 0 to 8, not 9"),
            format!("{name}: skils.toml: there is no content file of this name; did you mean skills.toml?"),
        ] {
            assert!(problems.contains(&sentence), "{problems:?}");
        }
        assert!(problems.iter().any(|problem| problem.contains("world.visible_max")), "{problems:?}");
        assert_eq!(problems.len(), 4, "{problems:?}");
    }

    #[test]
    fn a_file_or_a_directory_that_cannot_be_read_is_named() {
        let missing = configured("content_dir = '/nowhere/at/all'\n").unwrap_err().0;
        assert!(missing[0].starts_with("world.content_dir: cannot read /nowhere/at/all: "), "{missing:?}");
        let directory = directory();
        let long = " ".repeat(FILE_BYTES_MAX as usize + 1);
        std::fs::write(directory.path().join("items.toml"), long).unwrap();
        std::fs::write(directory.path().join("mobs.toml"), [0xff]).unwrap();
        let problems = from(&directory).unwrap_err().0;
        assert_eq!(problems.len(), 2);
        assert!(problems[0].ends_with("items.toml has 1048577 bytes, the limit is 1048576"), "{problems:?}");
        assert!(problems[1].contains("mobs.toml: ") && problems[1].starts_with("world.content_dir: cannot read"));
    }

    #[test]
    fn a_map_that_cannot_be_read_is_one_problem() {
        let problems = configured("map_file = '/nowhere/meadow.toml'\n").unwrap_err().0;
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn a_map_with_the_name_but_not_the_size_of_a_shipped_one_is_told_that_its_places_do_not_fit() {
        let small = StaticMap::new(100, 100, &[]).unwrap();
        let problems = built_in("meadow", &small).unwrap_err().0;
        let sentence =
            "places/meadow.toml: spawns[0]: the circle reaches over the edge of the map, which is 100 m by 100 m";
        assert!(problems.contains(&sentence.to_owned()), "{problems:?}");
    }
}
