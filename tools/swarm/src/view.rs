//! Where bots look: recorded players of a shooter, or a generator that turns its head as they do.

use crate::dice::Dice;
use crate::movement::humans::read_recording;
use anyhow::{Context, Result, bail};
use protocol::unit::ANGLE_STEPS;
use std::collections::BTreeMap;
use std::path::Path;

/// Steps of yaw or pitch in a degree.
const STEPS_PER_DEGREE: f32 = ANGLE_STEPS as f32 / 360.0;
/// Shortest recording of one player worth replaying, in ticks (10 s).
const TRACK_TICKS_MIN: usize = 600;
/// Nobody looks further up or down than this, in steps (60 degrees).
const PITCH_MAX: f32 = 60.0 * STEPS_PER_DEGREE;

/// The looks of recorded players, one per 60 Hz tick.
#[derive(Debug)]
pub struct Recorded {
    tracks: Vec<Vec<(u16, u16)>>,
}

/// The head of one bot.
#[derive(Clone, Debug)]
pub enum View {
    /// Replays track number `.0`, next look number `.1`.
    Replay(usize, usize),
    /// Makes looks up.
    Made(Head),
}

/// State of the generator.
#[derive(Clone, Debug)]
pub struct Head {
    dice: Dice,
    yaw: f32,
    pitch: f32,
    yaw_speed: f32,
    pitch_speed: f32,
    ticks_left: u32,
}

impl View {
    /// The head of bot number `bot`.
    pub fn new(bot: usize, mut dice: Dice, recorded: Option<&Recorded>) -> Self {
        match recorded {
            Some(recorded) => {
                let track = bot % recorded.tracks.len();
                Self::Replay(track, dice.below(recorded.tracks[track].len()))
            }
            None => Self::Made(Head {
                yaw: dice.range(0.0, f32::from(ANGLE_STEPS)),
                pitch: 0.0,
                yaw_speed: 0.0,
                pitch_speed: 0.0,
                ticks_left: 0,
                dice,
            }),
        }
    }

    /// Yaw and pitch of the next tick, each 0..4,096.
    pub fn look(&mut self, recorded: Option<&Recorded>) -> (u16, u16) {
        match (self, recorded) {
            (Self::Replay(track, next), Some(recorded)) => {
                let looks = &recorded.tracks[*track];
                *next = (*next + 1) % looks.len();
                looks[*next]
            }
            (Self::Made(head), _) => head.look(),
            (Self::Replay(..), None) => (0, 0),
        }
    }
}

impl Head {
    /// Players hold still, follow something, or flick. Over five recorded matches yaw rests in a quarter of all ticks,
    /// turns by 15 steps in the median, 55 in nine of ten and 200 in 99 of 100; pitch rests more and moves a third.
    fn look(&mut self) -> (u16, u16) {
        if self.ticks_left == 0 {
            self.plan();
        }
        self.ticks_left -= 1;
        let tremor = self.dice.range(0.75, 1.25);
        self.yaw = (self.yaw + self.yaw_speed * tremor).rem_euclid(f32::from(ANGLE_STEPS));
        self.pitch = (self.pitch + self.pitch_speed * tremor).clamp(-PITCH_MAX, PITCH_MAX);
        (steps(self.yaw), steps(self.pitch))
    }

    fn plan(&mut self) {
        let kind = self.dice.unit();
        let (mean, ticks) = if kind < 0.25 {
            (0.0, self.dice.range(6.0, 30.0))
        } else if kind < 0.90 {
            (26.0, self.dice.range(6.0, 40.0))
        } else {
            (150.0, self.dice.range(3.0, 9.0))
        };
        let side = if self.dice.chance(0.5) { 1.0 } else { -1.0 };
        // Back towards the horizon more often than away from it.
        let level = if self.pitch > self.dice.range(-PITCH_MAX, PITCH_MAX) { -1.0 } else { 1.0 };
        self.yaw_speed = side * self.dice.exponential(mean);
        self.pitch_speed = if self.dice.chance(0.8) { level * self.dice.exponential(mean * 0.33) } else { 0.0 };
        self.ticks_left = ticks as u32;
    }
}

impl Recorded {
    /// Reads `t_ms,player,x,y,z,pitch,yaw,roll,dead` (degrees), plain or gzip, and samples each player at 60 Hz.
    ///
    /// # Errors
    /// The file cannot be read, a line is not of this form, or nobody played for ten seconds.
    pub fn load(file: &Path) -> Result<Self> {
        let text = read_recording(file)?;
        Self::parse(&text).with_context(|| format!("{} is no recording of views", file.display()))
    }

    /// As [`Recorded::load`], from the text itself.
    ///
    /// # Errors
    /// As there.
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        if !lines.next().is_some_and(|line| line.starts_with("t_ms,player,x,y,z,pitch,yaw")) {
            bail!("its first line is not `t_ms,player,x,y,z,pitch,yaw,roll,dead`");
        }
        let mut players: BTreeMap<&str, Vec<Look>> = BTreeMap::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (player, look) = look(line).with_context(|| format!("line {} is malformed", number + 2))?;
            players.entry(player).or_default().push(look);
        }
        let tracks: Vec<_> =
            players.values().map(|looks| sample(looks)).filter(|track| track.len() >= TRACK_TICKS_MIN).collect();
        if tracks.is_empty() {
            bail!("nobody in it plays for ten seconds");
        }
        Ok(Self { tracks })
    }
}

/// One line: milliseconds, degrees.
struct Look {
    t_ms: f32,
    yaw: f32,
    pitch: f32,
}

fn look(line: &str) -> Result<(&str, Look)> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let [t_ms, player, _, _, _, pitch, yaw, ..] = fields[..] else { bail!("it has fewer than seven fields") };
    let number = |text: &str, name: &str| text.parse::<f32>().with_context(|| format!("{name} is not a number"));
    Ok((player, Look { t_ms: number(t_ms, "t_ms")?, yaw: number(yaw, "yaw")?, pitch: number(pitch, "pitch")? }))
}

/// One look per tick, interpolated the short way round.
fn sample(looks: &[Look]) -> Vec<(u16, u16)> {
    let mut samples = Vec::new();
    for pair in looks.windows(2) {
        let (from, to) = (&pair[0], &pair[1]);
        let span_ms = to.t_ms - from.t_ms;
        let turn = (to.yaw - from.yaw + 180.0).rem_euclid(360.0) - 180.0;
        loop {
            let at_ms = looks[0].t_ms + samples.len() as f32 * 1_000.0 / 60.0;
            if at_ms >= to.t_ms || span_ms <= 0.0 {
                break;
            }
            let share = ((at_ms - from.t_ms) / span_ms).max(0.0);
            let (yaw, pitch) = (from.yaw + turn * share, from.pitch + (to.pitch - from.pitch) * share);
            samples.push((steps(yaw * STEPS_PER_DEGREE), steps(pitch * STEPS_PER_DEGREE)));
        }
    }
    samples
}

/// Folds an angle in steps into 0..4,096.
fn steps(angle: f32) -> u16 {
    (angle.round() as i32).rem_euclid(i32::from(ANGLE_STEPS)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(from: u16, to: u16) -> u16 {
        let forward = to.wrapping_sub(from) % ANGLE_STEPS;
        forward.min(ANGLE_STEPS - forward)
    }

    #[test]
    fn made_looks_turn_as_recorded_players_do() {
        let mut turns = Vec::new();
        for bot in 0..40 {
            let mut view = View::new(bot, Dice::new(5, bot as u64), None);
            let mut last = view.look(None);
            for _ in 0..1_000 {
                let next = view.look(None);
                assert!(next.0 < ANGLE_STEPS && next.1 < ANGLE_STEPS);
                assert!(next.1 < 700 || next.1 > 3_396, "pitch {}", next.1);
                turns.push(turned(last.0, next.0));
                last = next;
            }
        }
        turns.sort_unstable();
        let at = |share: usize| turns[turns.len() * share / 100];
        let resting = turns.partition_point(|turn| *turn == 0) * 100 / turns.len();
        println!("resting {resting} %, median {}, p90 {}, p99 {}", at(50), at(90), at(99));
        assert!((15..40).contains(&resting), "{resting} % of ticks at rest");
        assert!((7..25).contains(&at(50)) && (35..90).contains(&at(90)) && (90..300).contains(&at(99)));
    }

    #[test]
    fn recorded_looks_are_sampled_at_60_hz_the_short_way_round() {
        let mut text = String::from("t_ms,player,x,y,z,pitch,yaw,roll,dead\n");
        for frame in 0..700 {
            let yaw = if frame % 2 == 0 { 179.0 } else { -179.0 };
            text += &format!("{},7,0,0,0,-10.0,{yaw},0,0\n", frame * 25);
        }
        let recorded = Recorded::parse(&text).unwrap();
        let ticks = recorded.tracks[0].len();
        assert!((1_040..=1_050).contains(&ticks), "{ticks} ticks in 17.5 s");
        assert!(recorded.tracks[0].iter().all(|look| look.0.abs_diff(2_048) <= 12), "a look went the long way round");
        assert!(recorded.tracks[0].iter().all(|look| look.1 == steps(-10.0 * STEPS_PER_DEGREE)));
        let mut view = View::new(0, Dice::new(1, 1), Some(&recorded));
        assert!(view.look(Some(&recorded)).0.abs_diff(2_048) <= 12);
    }

    #[test]
    fn malformed_views_are_refused_by_line() {
        let error = Recorded::parse("t_ms,player,x,y,z,pitch,yaw,roll,dead\n0,1,2\n").unwrap_err();
        assert_eq!(format!("{error:#}"), "line 2 is malformed: it has fewer than seven fields");
    }
}
