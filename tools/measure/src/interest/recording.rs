//! Recorded paths of people: read, refused by line, and interpolated.

use crate::text_file;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::Path;

use protocol::unit::UNITS_PER_M;

/// Units in a pixel of the recordings: 2 m.
const UNITS_PER_PIXEL: f64 = 2.0 * UNITS_PER_M as f64;
/// The paths begin here, in seconds of the recording: what people do before is a parachute drop.
const BEGIN_S: f64 = 90.0;
/// Shortest path worth following from there on, in seconds.
const PATH_S_MIN: f64 = 30.0;
/// Faster than this, in metres per second, is a respawn: who is there stays until it is time to be elsewhere.
const WALK_M_S_MAX: f64 = 15.0;
/// Each further player of the same path is this many seconds ahead on it. Coprime to usual lengths, so that two players
/// of a path hardly ever meet.
const AHEAD_S: f64 = 97.0;
/// Coordinates in pixels keep below this, so that differences of places in units fit 32 bits.
const PIXELS_MAX: f64 = 1e6;
/// Times in seconds keep below this: a day, long past any recording.
const SECONDS_MAX: f64 = 86_400.0;

/// The paths of a recording.
#[derive(Debug)]
pub struct Recording {
    paths: Vec<Vec<Sample>>,
}

/// Somebody was here at that time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    /// Seconds after the begin of the path.
    at_s: f64,
    /// East, in units.
    x: f64,
    /// North, in units.
    y: f64,
}

impl Recording {
    /// Reads `trace,t_s,x,y`, plain or gzip.
    ///
    /// # Errors
    /// The file cannot be read, a line is not of this form, or no path is long enough; one sentence that names the file
    /// and the line.
    pub fn load(file: &Path) -> Result<Self> {
        Self::parse(&text_file::read(file)?).with_context(|| file.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default().trim();
        ensure!(!head.is_empty(), "line 1: empty, expected `trace,t_s,x,y`");
        ensure!(head == "trace,t_s,x,y", "line 1: expected `trace,t_s,x,y`");
        let mut traces: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
        for (index, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = index + 2;
            let (name, sample) = sample(line).with_context(|| format!("line {number}"))?;
            let trace = traces.entry(name).or_default();
            let is_later = trace.last().is_none_or(|last| last.at_s < sample.at_s);
            ensure!(is_later, "line {number}: trace {name} does not go on in time");
            trace.push(sample);
        }
        let paths: Vec<_> = traces.into_values().filter_map(path).collect();
        ensure!(!paths.is_empty(), "no trace goes on for {PATH_S_MIN} s after second {BEGIN_S}");
        Ok(Self { paths })
    }

    /// People whose paths are long enough to be followed.
    pub fn people(&self) -> usize {
        self.paths.len()
    }

    /// Where this player is `now_s` seconds into the run: east and north, in units. A path starts again at its end.
    pub fn place(&self, player: usize, now_s: f64) -> (f64, f64) {
        let path = &self.paths[player % self.paths.len()];
        // The last place lasts a second, as every other does at 1 Hz.
        let round_s = path.last().map_or(0.0, |last| last.at_s) + 1.0;
        let at_s = (now_s + (player / self.paths.len()) as f64 * AHEAD_S) % round_s;
        let after = path.partition_point(|sample| sample.at_s <= at_s);
        // Before the first place, which may come a little after the begin, people stand there.
        let from = path[after.saturating_sub(1)];
        let Some(to) = path.get(after).filter(|to| is_walk(from, **to)) else { return (from.x, from.y) };
        let share = ((at_s - from.at_s) / (to.at_s - from.at_s)).max(0.0);
        (from.x + (to.x - from.x) * share, from.y + (to.y - from.y) * share)
    }
}

/// Whether people get from one place to the other on foot.
fn is_walk(from: Sample, to: Sample) -> bool {
    let seconds = to.at_s - from.at_s;
    seconds > 0.0 && (to.x - from.x).hypot(to.y - from.y) <= WALK_M_S_MAX * f64::from(UNITS_PER_M) * seconds
}

/// What of a trace is followed: everything from the begin on, with times counted from there.
fn path(trace: Vec<Sample>) -> Option<Vec<Sample>> {
    let rest = trace.into_iter().filter(|sample| sample.at_s >= BEGIN_S);
    let path: Vec<_> = rest.map(|sample| Sample { at_s: sample.at_s - BEGIN_S, ..sample }).collect();
    path.last().is_some_and(|last| last.at_s + 1.0 >= PATH_S_MIN).then_some(path)
}

fn sample(line: &str) -> Result<(&str, Sample)> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let [trace, second, x, y] = fields[..] else { bail!("expected 4 fields, found {}", fields.len()) };
    let at_s = number("t_s", second, 0.0, SECONDS_MAX)?;
    let x = number("x", x, -PIXELS_MAX, PIXELS_MAX)? * UNITS_PER_PIXEL;
    let y = number("y", y, -PIXELS_MAX, PIXELS_MAX)? * UNITS_PER_PIXEL;
    Ok((trace, Sample { at_s, x, y }))
}

fn number(name: &str, text: &str, low: f64, high: f64) -> Result<f64> {
    let number = text.trim().parse::<f64>().ok().filter(|number| (low..=high).contains(number));
    number.with_context(|| format!("{name} is `{text}`, expected a number from {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn csv(rows: impl Iterator<Item = (u32, u32, f64, f64)>) -> String {
        let lines: String = rows.map(|(trace, t, x, y)| format!("{trace},{t},{x},{y}\n")).collect();
        format!("trace,t_s,x,y\n{lines}")
    }

    /// In pixels, as the recordings are.
    fn pixels(recording: &Recording, player: usize, now_s: f64) -> (f64, f64) {
        let (x, y) = recording.place(player, now_s);
        (x / UNITS_PER_PIXEL, y / UNITS_PER_PIXEL)
    }

    fn refused(text: &str) -> String {
        format!("{:#}", Recording::parse(text).unwrap_err())
    }

    #[test]
    fn a_path_begins_at_ninety_seconds_and_is_interpolated() {
        let recording = Recording::parse(&csv((0..200).map(|t| (0, t, f64::from(t), 50.0)))).unwrap();
        assert_eq!((recording.place(0, 0.0), pixels(&recording, 0, 0.0)), ((57_600.0, 32_000.0), (90.0, 50.0)));
        assert_eq!(pixels(&recording, 0, 1.25), (91.25, 50.0));
    }

    #[test]
    fn seconds_that_were_not_recorded_are_walked_through() {
        let rows = (90..140).filter(|t| !(100..104).contains(t)).map(|t| (0, t, f64::from(t), 7.0));
        let recording = Recording::parse(&csv(rows)).unwrap();
        let (x, _) = pixels(&recording, 0, 11.5);
        assert!((x - 101.5).abs() < 1e-9, "{x}");
    }

    #[test]
    fn a_respawn_is_a_jump() {
        // 7 px are 14 m and walked within the second, 8 px are 16 m and a respawn.
        for (width, half) in [(7.0, 3.5), (8.0, 0.0)] {
            let rows = (90..140).map(|t| (0, t, if t < 100 { 0.0 } else { width }, 0.0));
            let recording = Recording::parse(&csv(rows)).unwrap();
            assert_eq!(pixels(&recording, 0, 9.5), (half, 0.0));
            assert_eq!(pixels(&recording, 0, 10.0), (width, 0.0));
        }
    }

    #[test]
    fn a_path_starts_again_at_its_end_and_further_players_are_ahead_on_it() {
        let recording = Recording::parse(&csv((90..190).map(|t| (0, t, f64::from(t), 0.0)))).unwrap();
        assert_eq!(pixels(&recording, 0, 99.5), (189.0, 0.0));
        assert_eq!(recording.place(0, 105.0), recording.place(0, 5.0));
        assert_eq!(recording.place(1, 2.0), recording.place(0, 99.0));
    }

    #[test]
    fn traces_that_end_too_early_are_left_out() {
        let rows = (0..119).map(|t| (0, t, 1.0, 1.0)).chain((0..120).map(|t| (1, t, 5.0, 5.0)));
        let recording = Recording::parse(&csv(rows)).unwrap();
        assert_eq!((recording.people(), pixels(&recording, 0, 0.0)), (1, (5.0, 5.0)));
        assert_eq!(refused(&csv((0..119).map(|t| (0, t, 1.0, 1.0)))), "no trace goes on for 30 s after second 90");
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        let line = |line: &str| refused(&format!("trace,t_s,x,y\n0,0,1,1\n{line}\n"));
        assert_eq!(refused(""), "line 1: empty, expected `trace,t_s,x,y`");
        assert_eq!(refused("t,x,y\n"), "line 1: expected `trace,t_s,x,y`");
        assert_eq!(line("0,1,1"), "line 3: expected 4 fields, found 3");
        assert_eq!(line("0,1,1,1,1"), "line 3: expected 4 fields, found 5");
        assert_eq!(line("0,1,one,1"), "line 3: x is `one`, expected a number from -1000000 to 1000000");
        assert_eq!(line("0,1,1,NaN"), "line 3: y is `NaN`, expected a number from -1000000 to 1000000");
        assert_eq!(line("0,-1,1,1"), "line 3: t_s is `-1`, expected a number from 0 to 86400");
        assert_eq!(line("0,0,2,2"), "line 3: trace 0 does not go on in time");
    }

    #[test]
    fn files_are_plain_or_packed_and_bad_ones_are_named() {
        let folder = std::env::temp_dir().join(format!("measure-interest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = csv((0..200).map(|t| (0, t, 3.0, 4.0)));
        let (plain, packed, torn) = (folder.join("plain.csv"), folder.join("packed.csv.gz"), folder.join("torn.gz"));
        std::fs::write(&plain, &text).unwrap();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        let bytes = encoder.finish().unwrap();
        std::fs::write(&packed, &bytes).unwrap();
        std::fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
        for file in [&plain, &packed] {
            assert_eq!(Recording::load(file).unwrap().people(), 1);
        }
        for file in [&torn, &folder, &folder.join("absent")] {
            let told = format!("{:#}", Recording::load(file).unwrap_err());
            assert!(told.contains(&file.display().to_string()), "{told}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
