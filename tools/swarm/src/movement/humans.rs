//! Recorded paths of people, to be followed by bots.

use super::{EDGE_M, MAP_M, Place};
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Metres in a pixel of the recordings: 1,500 px fill the map of 3,000 m.
pub const PIXEL_M: f32 = 2.0;
/// Faster than this in m/s is no walk but a respawn: nothing is interpolated across it.
const RESPAWN_M_S: f32 = 15.0;
/// Shortest path worth following after the start, in seconds.
const PATH_S_MIN: usize = 30;
/// Each further round through the same recordings starts this many seconds later in them. Coprime to usual lengths, so
/// that copies do not meet.
const SHIFT_S: usize = 97;
/// Bytes of a recording after unpacking that we are willing to hold: 64 MiB, fifty times what there is.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Paths with one point per second.
#[derive(Debug)]
pub struct Humans {
    /// How many seconds each path has.
    lens: Vec<u32>,
    /// Where everybody is in the first second, path by path, then in the next: bots have their turns one after the other, and
    /// all in the same second. With one run of places for each path, every bot waited for memory to learn where to go.
    places: Vec<Place>,
}

impl Humans {
    /// Reads `trace,t_s,x,y` (pixels), plain or gzip. Time 0 of the run is `t0_s` of the recording.
    ///
    /// # Errors
    /// The file cannot be read, a line is not of this form, or no path is long enough.
    pub fn load(file: &Path, t0_s: u32) -> Result<Self> {
        let text = read_text(file)?;
        Self::parse(&text, t0_s).with_context(|| format!("{} is no recording of paths", file.display()))
    }

    /// As [`Humans::load`], from the text itself.
    ///
    /// # Errors
    /// As there.
    pub fn parse(text: &str, t0_s: u32) -> Result<Self> {
        let mut lines = text.lines();
        if lines.next().map(str::trim) != Some("trace,t_s,x,y") {
            bail!("its first line is not `trace,t_s,x,y`");
        }
        let mut traces: BTreeMap<&str, BTreeMap<u32, Place>> = BTreeMap::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (trace, second, place) = point(line).with_context(|| format!("line {} is malformed", number + 2))?;
            traces.entry(trace).or_default().insert(second, place);
        }
        let paths: Vec<_> =
            traces.values().map(|points| path(points, t0_s)).filter(|path| path.len() >= PATH_S_MIN).collect();
        if paths.is_empty() {
            bail!("no path in it goes on for {PATH_S_MIN} s after {t0_s} s");
        }
        let lens: Vec<_> = paths.iter().map(|path| path.len() as u32).collect();
        let seconds = paths.iter().map(Vec::len).max().unwrap_or(0);
        let places = (0..seconds).flat_map(|second| paths.iter().map(move |path| path[second.min(path.len() - 1)]));
        Ok(Self { lens, places: places.collect() })
    }

    /// Where the person whom bot number `bot` follows is `now_s` seconds into the run. Paths start again at their end.
    pub fn at(&self, bot: usize, now_s: f64) -> Place {
        let (path, round) = (bot % self.lens.len(), bot / self.lens.len());
        let shifted = now_s + (round * SHIFT_S) as f64;
        let len = self.lens[path] as usize;
        let second = shifted as usize % len;
        let place = |second: usize| self.places[second * self.lens.len() + path];
        let (from, to) = (place(second), place((second + 1) % len));
        if from.distance(to) > RESPAWN_M_S { from } else { from.towards(to, shifted.fract() as f32) }
    }
}

fn read_text(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let unpacked = MultiGzDecoder::new(bytes.as_slice()).take(FILE_BYTES_MAX).read_to_string(&mut text);
        unpacked.with_context(|| format!("{} cannot be unpacked", file.display()))?;
    } else {
        text = String::from_utf8(bytes).with_context(|| format!("{} is not text", file.display()))?;
    }
    Ok(text)
}

/// As [`read_text`]; recordings of views come in the same two forms.
pub(crate) fn read_recording(file: &Path) -> Result<String> {
    read_text(file)
}

fn point(line: &str) -> Result<(&str, u32, Place)> {
    let mut fields = line.trim().split(',');
    let mut field = || fields.next().context("it has fewer than four fields");
    let (trace, second, x, y) = (field()?, field()?, field()?, field()?);
    let second: f32 = second.parse().context("t_s is not a number")?;
    let metres = |pixels: &str, axis: &str| -> Result<f32> {
        let pixels: f32 = pixels.parse().with_context(|| format!("{axis} is not a number"))?;
        Ok((pixels * PIXEL_M).clamp(EDGE_M, MAP_M - EDGE_M))
    };
    Ok((trace, second as u32, Place { x: metres(x, "x")?, y: metres(y, "y")? }))
}

/// One point per second from `t0_s` to the last; missing seconds repeat the one before.
fn path(points: &BTreeMap<u32, Place>, t0_s: u32) -> Vec<Place> {
    let Some((&last_s, _)) = points.last_key_value() else { return Vec::new() };
    let mut here = None;
    let mut path = Vec::new();
    for second in t0_s..=last_s {
        here = points.get(&second).copied().or(here).or_else(|| points.range(..=second).next_back().map(|(_, p)| *p));
        path.extend(here);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(rows: impl Iterator<Item = (u32, u32, f32, f32)>) -> String {
        let lines: String = rows.map(|(trace, t, x, y)| format!("{trace},{t},{x},{y}\n")).collect();
        format!("trace,t_s,x,y\n{lines}")
    }

    #[test]
    fn a_path_starts_at_t0_in_metres_and_is_interpolated() {
        let humans = Humans::parse(&recording((0..200).map(|t| (0, t, 100.0 + t as f32, 50.0))), 90).unwrap();
        assert_eq!(humans.at(0, 0.0), Place { x: 380.0, y: 100.0 });
        assert_eq!(humans.at(0, 1.5), Place { x: 383.0, y: 100.0 });
    }

    #[test]
    fn a_respawn_is_not_interpolated() {
        let rows = (0..100).map(|t| (0, t, if t < 50 { 10.0 } else { 1_000.0 }, 10.0));
        let humans = Humans::parse(&recording(rows), 0).unwrap();
        assert_eq!(humans.at(0, 49.9), Place { x: 20.0, y: 20.0 });
        assert_eq!(humans.at(0, 50.0), Place { x: 2_000.0, y: 20.0 });
    }

    #[test]
    fn a_path_starts_again_at_its_end_and_copies_are_shifted() {
        let rows = (0..100).map(|t| (0, t, 10.0 + t as f32, 10.0));
        let humans = Humans::parse(&recording(rows), 0).unwrap();
        assert_eq!(humans.at(0, 105.0), humans.at(0, 5.0));
        assert_eq!(humans.at(1, 0.0), humans.at(0, SHIFT_S as f64));
    }

    #[test]
    fn paths_that_end_too_early_are_left_out() {
        let rows = (0..95).map(|t| (0, t, 1.0, 1.0)).chain((0..200).map(|t| (1, t, 500.0, 500.0)));
        let humans = Humans::parse(&recording(rows), 90).unwrap();
        assert_eq!(humans.lens.len(), 1);
        assert_eq!(humans.at(0, 0.0), Place { x: 1_000.0, y: 1_000.0 });
    }

    #[test]
    fn malformed_recordings_are_refused_by_line() {
        assert!(Humans::parse("t,x\n", 0).is_err());
        let error = Humans::parse("trace,t_s,x,y\n0,0,1,1\n0,1,one,1\n", 0).unwrap_err();
        assert_eq!(format!("{error:#}"), "line 3 is malformed: x is not a number: invalid float literal");
    }

    #[test]
    fn real_recordings_load_where_they_are_present() {
        let root = std::env::var_os("THRONG_DATA").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            std::path::PathBuf::from,
        );
        let file = root.join("movement/fortnite-humans.csv.gz");
        if !file.exists() {
            println!("{} is absent: nothing to check", file.display());
            return;
        }
        let humans = Humans::load(&file, 90).unwrap();
        assert!(humans.lens.len() > 300, "{} paths", humans.lens.len());
        let places: Vec<_> = (0..2_000).map(|bot| humans.at(bot, 10.0)).collect();
        let counts = super::super::kinematics::neighbours(&places, 100.0);
        let mean = counts.iter().sum::<usize>() as f32 / 2_000.0;
        assert!((30.0..70.0).contains(&mean), "{mean} neighbours on average");
    }
}
