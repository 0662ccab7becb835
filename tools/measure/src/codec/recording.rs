//! Recorded matches: who was where, frame by frame, and the same at the ticks of a server.

use crate::link::recording::name;
use crate::text_file;
use anyhow::{Context, Result, ensure};
use protocol::unit::{ANGLE_STEPS, TICK_RATE_HZ, UNITS_PER_M};
use protocol::{EntityKind, EntityState};
use std::collections::BTreeMap;
use std::path::Path;

/// Length of the recordings' unit, metres: an inch.
const INCH_M: f64 = 0.0254;
/// A recording is judged when most of its frames are no farther apart than this.
const FRAME_MS_MAX: i64 = 20;
/// Frames farther apart than this are a gap: nothing is measured across it. In recordings that are not judged it is so
/// many times the usual distance of frames.
const GAP_FACTOR: i64 = 2;
/// Bit of the flags that stands for being dead, in these measurements only.
const DEAD: u8 = 2;

/// Where a player was in one frame or tick.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since the recording began, ms.
    pub at_ms: i64,
    /// Where, in the units of the wire.
    pub state: EntityState,
    /// Whether the frames around it are near enough to each other.
    pub is_dense: bool,
}

/// One match.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is called in tables.
    pub name: String,
    /// By player: every frame as it was recorded.
    pub frames: Vec<Vec<Moment>>,
    /// By player: a straight line between frames, at the ticks of a server.
    pub ticks: Vec<Vec<Moment>>,
    /// Whether most frames are near enough to each other for the goal to count.
    pub is_judged: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    at_ms: i64,
    place_in: [f64; 3],
    pitch_deg: f64,
    yaw_deg: f64,
    is_dead: bool,
}

impl Recording {
    /// Reads `t_ms,player,x,y,z,pitch,yaw,roll,dead`, plain or gzip.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no frame.
    pub fn read(file: &Path) -> Result<Self> {
        let players = parse(&text_file::read(file)?).with_context(|| file.display().to_string())?;
        let usual_ms = usual_distance_ms(&players);
        let is_judged = usual_ms <= FRAME_MS_MAX;
        let gap_ms = if is_judged { FRAME_MS_MAX } else { usual_ms * GAP_FACTOR };
        let frames = players.iter().map(|frames| as_recorded(frames, gap_ms)).collect();
        let ticks = players.iter().map(|frames| at_ticks(frames, gap_ms)).collect();
        Ok(Self { name: name(file).trim_end_matches(".csv").to_owned(), frames, ticks, is_judged })
    }
}

fn parse(text: &str) -> Result<Vec<Vec<Frame>>> {
    let mut players: BTreeMap<u32, Vec<Frame>> = BTreeMap::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        let frame =
            frame(line).with_context(|| format!("line {}: not `t_ms,player,x,y,z,pitch,yaw,roll,dead`", index + 1))?;
        let frames = players.entry(frame.0).or_default();
        ensure!(frames.last().is_none_or(|last| last.at_ms < frame.1.at_ms), "line {}: time runs backwards", index + 1);
        frames.push(frame.1);
    }
    ensure!(!players.is_empty(), "no frame is in it");
    Ok(players.into_values().collect())
}

fn frame(line: &str) -> Option<(u32, Frame)> {
    let words: Vec<&str> = line.split(',').collect();
    let [at_ms, player, x, y, z, pitch, yaw, _roll, dead] = words.try_into().ok()?;
    let number = |word: &str| word.parse().ok().filter(|number: &f64| number.is_finite());
    let frame = Frame {
        at_ms: at_ms.parse().ok()?,
        place_in: [number(x)?, number(y)?, number(z)?],
        pitch_deg: number(pitch)?,
        yaw_deg: number(yaw)?,
        is_dead: dead.trim() == "1",
    };
    Some((player.parse().ok()?, frame))
}

/// The median.
fn usual_distance_ms(players: &[Vec<Frame>]) -> i64 {
    let pairs = players.iter().flat_map(|frames| frames.windows(2));
    let mut distances: Vec<i64> = pairs.map(|pair| pair[1].at_ms - pair[0].at_ms).collect();
    distances.sort_unstable();
    distances.get(distances.len() / 2).copied().unwrap_or(0)
}

fn as_recorded(frames: &[Frame], gap_ms: i64) -> Vec<Moment> {
    let mut before = None;
    let moment = |frame: &Frame| {
        let is_dense = before.is_some_and(|before| frame.at_ms - before <= gap_ms);
        before = Some(frame.at_ms);
        Moment { at_ms: frame.at_ms, state: frame.state(), is_dense }
    };
    frames.iter().map(moment).collect()
}

fn at_ticks(frames: &[Frame], gap_ms: i64) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut next = 0;
    let first_ms = frames[0].at_ms as f64;
    for tick in 0.. {
        let at_ms = first_ms + f64::from(tick) * 1_000.0 / f64::from(TICK_RATE_HZ);
        while frames.get(next + 1).is_some_and(|frame| (frame.at_ms as f64) <= at_ms) {
            next += 1;
        }
        let (before, Some(after)) = (frames[next], frames.get(next + 1)) else { break };
        let way = (at_ms - before.at_ms as f64) / (after.at_ms - before.at_ms) as f64;
        let is_dense = after.at_ms - before.at_ms <= gap_ms;
        moments.push(Moment { at_ms: at_ms as i64, state: before.towards(after, way).state(), is_dense });
    }
    moments
}

impl Frame {
    /// A straight line, except where nobody walks that fast: there one has been put elsewhere.
    fn towards(self, after: &Self, way: f64) -> Self {
        const LEAP_IN: f64 = 40.0;
        if (0..3).any(|axis| (after.place_in[axis] - self.place_in[axis]).abs() > LEAP_IN) {
            return self;
        }
        let turn = |from: f64, to: f64| from + ((to - from + 540.0).rem_euclid(360.0) - 180.0) * way;
        let axis = |axis: usize| self.place_in[axis] + (after.place_in[axis] - self.place_in[axis]) * way;
        Self {
            place_in: std::array::from_fn(axis),
            pitch_deg: turn(self.pitch_deg, after.pitch_deg),
            yaw_deg: turn(self.yaw_deg, after.yaw_deg),
            ..self
        }
    }

    fn state(&self) -> EntityState {
        let units = |inches: f64| (inches * INCH_M * f64::from(UNITS_PER_M)).round() as i32;
        let angle =
            |deg: f64| ((deg / 360.0 * f64::from(ANGLE_STEPS)).round() as i32).rem_euclid(ANGLE_STEPS.into()) as u16;
        let [x, y, z] = self.place_in.map(units);
        EntityState {
            x,
            y,
            z: z.clamp(i16::MIN.into(), i16::MAX.into()) as i16,
            yaw: angle(self.yaw_deg),
            pitch: angle(self.pitch_deg),
            flags: if self.is_dead { DEAD } else { 0 },
            kind: EntityKind::Player,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "t_ms,player,x,y,z,pitch,yaw,roll,dead\n";

    #[test]
    fn frames_are_quantised_and_ticks_lie_between_them() {
        let players = parse(&format!("{HEAD}0,3,0,0,0,0,350,0,0\n20,3,10,-10,8,-90,10,0,0\n")).unwrap();
        let ticks = at_ticks(&players[0], 20);
        let states: Vec<_> = ticks.iter().map(|m| (m.state.x, m.state.y, m.state.yaw, m.state.pitch)).collect();
        // A tick after 16.67 of 20 ms: 8.33 inches of 10, 8.128 units each; 16.67 of 20 degrees across the turn.
        assert_eq!(states, [(0, 0, 3_982, 0), (68, -68, 76, 3_243)]);
        assert!(ticks.iter().all(|moment| moment.is_dense));
    }

    #[test]
    fn a_line_that_is_no_frame_is_named() {
        let error = |text: &str| format!("{:#}", parse(text).unwrap_err());
        assert!(error(&format!("{HEAD}0,1,0,0,0,0,0,0\n")).starts_with("line 2: not"));
        assert!(error(&format!("{HEAD}0,1,0,NaN,0,0,0,0,0\n")).starts_with("line 2: not"));
        assert_eq!(error(&format!("{HEAD}5,1,0,0,0,0,0,0,0\n5,1,0,0,0,0,0,0,0\n")), "line 3: time runs backwards");
        assert_eq!(error(HEAD), "no frame is in it");
    }

    #[test]
    fn who_is_put_elsewhere_does_not_glide_there() {
        let players =
            parse(&format!("{HEAD}0,1,0,0,0,0,0,0,0\n20,1,4000,0,0,0,0,0,0\n40,1,4000,0,0,0,0,0,0\n")).unwrap();
        assert_eq!(at_ticks(&players[0], 20)[1].state.x, 0);
    }
}
