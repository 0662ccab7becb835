//! The map: a file of the operator's, or the meadow that is built in.

use crate::config::written::{Written, parse_problem};
use protocol::motion::{MapFile, StaticMap};
use std::path::Path;

/// The map that comes with the server: 3 km of grass with walls and boxes to walk around.
const MEADOW: &str = include_str!("../../config/game/maps/meadow.toml");
/// Longest map file, in bytes; 65,536 blocks fit.
const MAP_BYTES_MAX: u64 = 8 << 20;

/// The name of the map that is built in.
const MEADOW_NAME: &str = "meadow";

/// A map and its name: that of its file, without what follows the last dot.
#[derive(Debug)]
pub struct Loaded {
    pub name: String,
    pub map: StaticMap,
}

/// The map that `world.map_file` names, else the meadow. What is wrong with the file is noted in `written`; then there is
/// none, so that nothing is said about what might have stood on it.
pub fn load(written: &mut Written) -> Option<Loaded> {
    let Some(path) = written.path("world.map_file") else {
        let map = parse("the built-in map", MEADOW).expect("the built-in map is tested");
        return Some(Loaded { name: MEADOW_NAME.to_owned(), map });
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    read(&path).map(|map| Loaded { name, map }).map_err(|problem| written.problem(problem)).ok()
}

fn read(path: &Path) -> Result<StaticMap, String> {
    let name = path.display();
    let fail = |error: std::io::Error| format!("world.map_file: cannot read {name}: {error}");
    let bytes = std::fs::metadata(path).map_err(fail)?.len();
    if bytes > MAP_BYTES_MAX {
        return Err(format!("world.map_file: {name} has {bytes} bytes, the limit is {MAP_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    parse(&name.to_string(), &text)
}

fn parse(name: &str, text: &str) -> Result<StaticMap, String> {
    let file: MapFile = toml::from_str(text).map_err(|error| parse_problem(name, text, &error))?;
    StaticMap::try_from(&file).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::motion::{BODY_RADIUS, Block};
    use protocol::unit::SUBUNITS_PER_M;
    use std::fmt::Write;

    #[test]
    fn the_meadow_is_wide_open_in_the_middle_and_built_up_elsewhere() {
        let file: MapFile = toml::from_str(MEADOW).unwrap();
        assert_eq!((file.width_m, file.depth_m), (3_000, 3_000));
        assert!((100..=200).contains(&file.blocks.len()), "{} blocks", file.blocks.len());
        let nearest = |block: &Block| {
            let gap = |start: f64, length: f64| (start - 1_500.0).max(1_500.0 - start - length).max(0.0);
            gap(block.x, block.width).hypot(gap(block.y, block.depth))
        };
        for block in &file.blocks {
            assert!(nearest(block) >= 20.0, "{block:?} stands in the spawn area");
        }
        let map = StaticMap::try_from(&file).unwrap();
        assert!(map.is_free(1_500 * SUBUNITS_PER_M, 1_500 * SUBUNITS_PER_M, BODY_RADIUS));
    }

    /// proves: MOT-3
    #[test]
    fn the_meadow_agrees_with_its_vector() {
        let map = parse("meadow", MEADOW).unwrap();
        let (width, depth) = map.extent();
        let mut text = format!("size {width} {depth}\n");
        for [west, south, east, north] in map.blocks() {
            writeln!(text, "block {west} {south} {east} {north}").unwrap();
        }
        writeln!(text, "hash {:016x}", map.hash()).unwrap();
        let pinned = include_str!("../../protocol-spec/vectors/meadow.txt");
        let pinned: String =
            pinned.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        assert_eq!(text, pinned.trim_start());
    }

    #[test]
    fn a_block_outside_the_map_is_named_with_its_file() {
        let text = "name = \"x\"\nwidth_m = 10\ndepth_m = 10\nblocks = [{ x = 9, y = 0, width = 2, depth = 1 }]\n";
        let problem = parse("my.toml", text).unwrap_err();
        assert!(problem.starts_with("my.toml: block 0"), "{problem}");
        assert_eq!(problem.lines().count(), 1);
    }
}
