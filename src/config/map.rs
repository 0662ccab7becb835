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
    /// What its file says.
    pub text: String,
}

/// The map that `world.map_file` names, else the meadow. What is wrong with the file is noted in `written`; then there is
/// none, so that nothing is said about what might have stood on it.
pub fn load(written: &mut Written) -> Option<Loaded> {
    let Some(path) = written.path("world.map_file") else {
        let map = parse("the built-in map", MEADOW).expect("the built-in map is tested");
        return Some(Loaded { name: MEADOW_NAME.to_owned(), map, text: MEADOW.to_owned() });
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let loaded = read(&path).map(|(map, text)| Loaded { name, map, text });
    loaded.map_err(|problem| written.problem(problem)).ok()
}

fn read(path: &Path) -> Result<(StaticMap, String), String> {
    let name = path.display();
    let fail = |error: std::io::Error| format!("world.map_file: cannot read {name}: {error}");
    let bytes = std::fs::metadata(path).map_err(fail)?.len();
    if bytes > MAP_BYTES_MAX {
        return Err(format!("world.map_file: {name} has {bytes} bytes, the limit is {MAP_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    Ok((parse(&name.to_string(), &text)?, text))
}

/// The map that a text is; `name` is what it is called where it is wrong.
///
/// # Errors
/// One sentence.
pub fn parse(name: &str, text: &str) -> Result<StaticMap, String> {
    let file: MapFile = toml::from_str(text).map_err(|error| parse_problem(name, text, &error))?;
    StaticMap::try_from(&file).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Input;
    use protocol::input::button;
    use protocol::motion::{self, BODY_RADIUS, Block, Body, Gait};
    use protocol::unit::SUBUNITS_PER_M;
    use std::collections::BTreeSet;
    use std::fmt::Write;

    /// The other map that comes with the server, for `world.map_file`.
    const CANYON: &str = include_str!("../../config/game/maps/canyon.toml");

    #[test]
    fn the_meadow_is_wide_open_in_the_middle_and_built_up_elsewhere() {
        let blocks = blocks_of(MEADOW, 3_000);
        assert!((100..=200).contains(&blocks.len()), "{} blocks", blocks.len());
        assert!(heights(&blocks).is_superset(&BTreeSet::from([25, 50, 75, 80, 100])), "{:?}", heights(&blocks));
    }

    #[test]
    fn the_canyon_has_walls_and_terraces_around_a_free_middle() {
        let blocks = blocks_of(CANYON, 1_500);
        assert!(blocks.len() >= 100, "{} blocks", blocks.len());
        assert!(heights(&blocks).len() >= 8, "{:?}", heights(&blocks));
    }

    /// Up the stairs of the canyon's first terrace without a jump, and from each level to the next with one.
    #[test]
    fn the_terraces_of_the_canyon_can_be_climbed() {
        let map = parse("canyon", CANYON).unwrap();
        let climbed = |x: i32, y: i32, buttons: u8| {
            let mut body = Body { x: x * SUBUNITS_PER_M, y: y * SUBUNITS_PER_M, ..Body::default() };
            let input = Input { move_y: 127, buttons, ..Input::default() };
            let heights: BTreeSet<_> = (0..600)
                .map(|_| {
                    motion::step(&map, &mut body, &input, Gait::default());
                    if body.vz == 0 { body.z * 10 / SUBUNITS_PER_M } else { 0 }
                })
                .collect();
            heights
        };
        assert_eq!(climbed(230, 864, button::JUMP), BTreeSet::from([0, 6, 12, 20]));
        assert_eq!(climbed(230, 864, 0), BTreeSet::from([0]));
        let mut body = Body { x: 154 * SUBUNITS_PER_M, y: 875 * SUBUNITS_PER_M, ..Body::default() };
        let east = Input { move_x: 127, ..Input::default() };
        (0..90).for_each(|_| motion::step(&map, &mut body, &east, Gait::default()));
        assert_eq!((body.z, body.vz), (6 * SUBUNITS_PER_M / 10, 0));
    }

    /// The blocks of a square map, none of which is within 20 m of its middle; some of them end and some do not.
    fn blocks_of(text: &str, side_m: u32) -> Vec<Block> {
        let file: MapFile = toml::from_str(text).unwrap();
        assert_eq!((file.width_m, file.depth_m), (side_m, side_m));
        let middle_m = f64::from(side_m) / 2.0;
        let nearest = |block: &Block| {
            let gap = |start: f64, length: f64| (start - middle_m).max(middle_m - start - length).max(0.0);
            gap(block.x, block.width).hypot(gap(block.y, block.depth))
        };
        for block in &file.blocks {
            assert!(nearest(block) >= 20.0, "{block:?} stands in the spawn area");
        }
        let map = StaticMap::try_from(&file).unwrap();
        let middle = side_m as i32 / 2 * SUBUNITS_PER_M;
        assert!(map.is_free(middle, middle, 0, BODY_RADIUS));
        let walls = file.blocks.iter().filter(|block| block.height.is_none()).count();
        assert!(walls >= 20 && file.blocks.len() - walls >= 20, "{walls} of {} are walls", file.blocks.len());
        file.blocks
    }

    /// Of those blocks that end, in cm.
    fn heights(blocks: &[Block]) -> BTreeSet<i32> {
        blocks.iter().filter_map(|block| block.height).map(|height| (height * 100.0).round() as i32).collect()
    }

    /// proves: MOT-3
    #[test]
    fn the_meadow_agrees_with_its_vector() {
        let map = parse("meadow", MEADOW).unwrap();
        let (width, depth) = map.extent();
        let mut text = format!("size {width} {depth}\n");
        for [west, south, east, north, top] in map.blocks() {
            writeln!(text, "block {west} {south} {east} {north} {top}").unwrap();
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
