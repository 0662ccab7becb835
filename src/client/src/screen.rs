//! What is on the screen: the others a little while ago, oneself a little ahead, both smoothly.
//!
//! The server's word comes in with [`Screen::on_event`], the own inputs with [`Screen::on_input`]; frames of any rate
//! come out of [`Screen::others`] and [`Screen::own`]. Floats begin here: nothing shown is ever sent or computed on.

use crate::ClientEvent;
use crate::clock::{PlayoutClock, slewed};
use crate::curve::Key;
use crate::lead::InputLead;
use crate::prediction::{Prediction, Verdict};
use crate::smoothing::{Metres, Offset};
use crate::track::{Certainty, Track};
use crate::turn::Turn;
use protocol::motion::{Body, StaticMap};
use protocol::unit::{ANGLE_STEPS, SUBUNITS_PER_M, TICK_NS, UNITS_PER_M};
use protocol::{EntityKind, EntityState, Input, NetId, OwnState, Tick, ViewTick};
use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// Who is told more rarely than every tick is shown his own period and this much late: 50 ms, three ticks for what is lost
/// or comes when others are more urgent.
const SLOWER_NS: i64 = 50_000_000;

/// Where something is and which way it looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pose {
    /// East of the map's south-west corner, m.
    pub x: f64,
    /// North of it, m.
    pub y: f64,
    /// Above the ground, m.
    pub z: f64,
    /// Turn about the vertical, radians, 0 to below a full turn.
    pub yaw: f64,
    /// Look up and down, radians; level is 0, down is positive. Like `yaw`, 0 for kinds that have none.
    pub pitch: f64,
    /// Which way a body is turned: a quaternion w, x, y, z of length one; upright (1, 0, 0, 0) for the other kinds.
    pub turn: [f32; 4],
    /// As in [`protocol::EntityState::flags`].
    pub flags: u8,
}

/// Somebody else in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Who.
    pub id: NetId,
    /// What sort of thing.
    pub kind: EntityKind,
    /// Where.
    pub pose: Pose,
    /// The state told last before that moment: it says what is never between two states, as the form of an item.
    pub told: EntityState,
    /// At which moment of the server's, in ticks.
    pub tick: f64,
    /// Ticks from one state to the next: 1 is every tick.
    pub period_ticks: u32,
    /// How well that is known.
    pub certainty: Certainty,
}

impl Shown {
    /// The moment at which it is shown, as [`crate::Client::shoot`] wants to know it of what was aimed at.
    #[must_use]
    pub fn view_tick(&self) -> ViewTick {
        let steps = (self.tick.max(0.0) * f64::from(ViewTick::STEPS)) as u64;
        let (tick, fraction) = (steps / u64::from(ViewTick::STEPS), steps % u64::from(ViewTick::STEPS));
        ViewTick { tick: Tick(tick as u32), fraction: fraction as u8 }
    }
}

/// Oneself in a frame.
#[derive(Clone, Copy, Debug)]
pub struct OwnShown {
    /// Where.
    pub pose: Pose,
    /// After so much of input `input_number`: 0 is before it, 1 after it.
    pub share: f64,
    /// The newest input.
    pub input_number: u16,
    /// How far that is from what is believed, m: the rest of a correction.
    pub offset_m: f64,
}

/// Figures of what was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScreenStats {
    /// Of entities told every tick: times one was shown in a frame.
    pub frames: u64,
    /// Of these, times its newest state was older than the moment shown.
    pub frames_starved: u64,
    /// As `frames`, of those told more rarely.
    pub frames_slower: u64,
    /// As `frames_starved`, of those told more rarely.
    pub frames_slower_starved: u64,
    /// Frames in which any entity told every tick was shown beyond its newest state.
    pub frames_lacking: u64,
    /// Own states that were not as predicted.
    pub corrections: u64,
    /// Of these, those too large to be smoothed.
    pub snaps: u64,
    /// The largest that was smoothed, m.
    pub correction_m_max: f64,
}

/// Everything that makes a view smooth.
#[derive(Debug)]
pub struct Screen {
    clock: PlayoutClock,
    tracks: BTreeMap<NetId, Track>,
    /// When the last frame of others was made, ns.
    others_ns: u64,
    lead: InputLead,
    prediction: Prediction,
    offset: Offset,
    /// Where oneself was believed to be in the last frame, and when that was, ns.
    own_before: Option<(u64, Metres)>,
    looks: (u16, u16),
    told: Option<(Tick, OwnState)>,
    input_number: u16,
    stats: ScreenStats,
    /// [`ScreenStats::frames_starved`] when the last frame of others began.
    starved_before: u64,
}

impl Screen {
    /// Nothing to be seen yet. The own body is predicted on `map`.
    #[must_use]
    pub fn new(map: Arc<StaticMap>) -> Self {
        Self {
            clock: PlayoutClock::default(),
            tracks: BTreeMap::new(),
            others_ns: 0,
            lead: InputLead::default(),
            prediction: Prediction::new(map),
            offset: Offset::default(),
            own_before: None,
            looks: (0, 0),
            told: None,
            input_number: 0,
            stats: ScreenStats::default(),
            starved_before: 0,
        }
    }

    /// The server told something.
    pub fn on_event(&mut self, now_ns: u64, event: &ClientEvent) {
        match event {
            ClientEvent::Enter { id, kind, .. } => {
                self.tracks.insert(*id, Track::new(*kind));
            }
            ClientEvent::Update { tick, id, state } => {
                if let Some(track) = self.tracks.get_mut(id) {
                    let newest = track.newest_tick().unwrap_or(*tick);
                    track.insert(*tick, state, self.clock.heard_between(newest, *tick));
                }
            }
            ClientEvent::Leave { tick, id, .. } => {
                if let Some(track) = self.tracks.get_mut(id) {
                    track.left = Some(*tick);
                }
            }
            ClientEvent::Own { tick, state } => {
                self.clock.on_tick(now_ns, *tick);
                self.on_own(now_ns, *tick, state);
            }
            _ => {}
        }
    }

    /// An input leaves.
    pub fn on_input(&mut self, now_ns: u64, number: u16, input: Input) {
        self.lead.on_input(now_ns, number);
        self.prediction.push(number, input);
        self.looks = (input.yaw, input.pitch);
        self.input_number = number;
    }

    /// The own body after the newest input, as predicted.
    #[must_use]
    pub fn predicted(&self) -> Option<Body> {
        self.prediction.newest()
    }

    /// The server is not heard and takes no inputs.
    pub fn interrupt(&mut self) {
        self.lead.interrupt();
        self.prediction.interrupt();
    }

    /// Everybody else in a frame made now, by net id, as soon as it is known when ticks come; those whose states have all
    /// been used up and who have left are forgotten.
    pub fn others(&mut self, now_ns: u64) -> impl Iterator<Item = Shown> {
        let Self { clock, tracks, stats, starved_before, .. } = self;
        // Of the frame before: only now is it known whom it was asked for.
        let starved = stats.frames_starved;
        stats.frames_lacking += u64::from(std::mem::replace(starved_before, starved) != starved);
        let moved_ns = clock.advance(now_ns);
        let passed_ns = now_ns.saturating_sub(self.others_ns) as i64;
        self.others_ns = now_ns;
        let clock = &*clock;
        tracks.retain(|_, track| {
            let extra_ns = slewed(track.extra_ns, extra_aim_ns(clock, track.period_ticks()), passed_ns);
            // Where the moment of all stands still already, to fall farther behind it would be to go back.
            track.extra_ns = extra_ns.min(track.extra_ns + moved_ns);
            track.left.is_none_or(|left| clock.render_tick(now_ns, track.extra_ns) < f64::from(left.0))
        });
        tracks.iter_mut().filter(|_| clock.is_running()).filter_map(move |(id, track)| {
            let tick = clock.render_tick(now_ns, track.extra_ns);
            let unmentioned = clock.heard_between(track.newest_tick()?, clock.newest().next());
            let (key, certainty) = track.show(tick, passed_ns as f64 / 1e9, unmentioned)?;
            stats.on_shown(track.period_ticks(), certainty);
            let (kind, period_ticks) = (track.kind, track.period_ticks());
            Some(Shown { id: *id, kind, pose: pose_of(&key), told: key.told, tick, period_ticks, certainty })
        })
    }

    /// Oneself in a frame made now, once the server has told anything.
    pub fn own(&mut self, now_ns: u64) -> Option<OwnShown> {
        let (believed, share) = self.believed(now_ns)?;
        let (before_ns, before) = self.own_before.replace((now_ns, believed)).unwrap_or((now_ns, believed));
        let motion = std::array::from_fn(|axis| believed[axis] - before[axis]);
        self.offset.advance(now_ns.saturating_sub(before_ns) as f64 / 1e9, motion);
        let offset = self.offset.metres();
        let (yaw, pitch) = (angle(f64::from(self.looks.0)), signed(angle(f64::from(self.looks.1))));
        let [x, y, z] = std::array::from_fn(|axis| believed[axis] + offset[axis]);
        let status = self.told.map_or(0, |(_, own)| own.status);
        let flags = EntityState::of(&self.prediction.newest()?, 0, 0).with_status(status).flags;
        let pose = Pose { x, y, z, yaw, pitch, turn: Turn::default().parts(), flags };
        Some(OwnShown { pose, share, input_number: self.input_number, offset_m: self.offset.length() })
    }

    /// Whether an input is due.
    pub fn poll_input(&mut self, now_ns: u64) -> bool {
        self.lead.poll(now_ns)
    }

    /// When the next input is due, ns.
    #[must_use]
    pub fn input_due_ns(&self) -> Option<u64> {
        self.lead.due_ns()
    }

    /// The tick in which the server will use the next input, as far as one can tell.
    #[must_use]
    pub fn input_tick(&self) -> Option<Tick> {
        let (tick, own) = self.told?;
        // A server that has applied what was never sent would else use the next one in a quarter of an hour.
        let ahead = self.input_number.wrapping_add(1).wrapping_sub(own.input_applied) as i16;
        Some(Tick(tick.0.saturating_add(u32::from(ahead.max(0).unsigned_abs()))))
    }

    /// When ticks come.
    #[must_use]
    pub fn clock(&self) -> &PlayoutClock {
        &self.clock
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> &ScreenStats {
        &self.stats
    }

    fn on_own(&mut self, now_ns: u64, tick: Tick, state: &OwnState) {
        self.told = Some((tick, *state));
        self.lead.on_own(state);
        let before = self.believed(now_ns);
        let verdict = self.prediction.reconcile(state);
        if verdict == Verdict::Right {
            return;
        }
        let (Some((before, _)), Some((after, _))) = (before, self.believed(now_ns)) else { return };
        let change: Metres = std::array::from_fn(|axis| after[axis] - before[axis]);
        if let Some((_, last)) = &mut self.own_before {
            *last = std::array::from_fn(|axis| last[axis] + change[axis]);
        }
        self.stats.corrections += 1;
        if self.offset.absorb(change) {
            self.stats.snaps += 1;
        } else {
            self.stats.correction_m_max = self.stats.correction_m_max.max(length(change));
        }
    }

    /// Where oneself is believed to be, and how much of the newest input has been carried out: it takes a tick.
    fn believed(&self, now_ns: u64) -> Option<(Metres, f64)> {
        let share = (now_ns.saturating_sub(self.lead.last_ns()) as f64 / TICK_NS as f64).min(1.0);
        let (before, after) = (metres(&self.prediction.before_newest()?), metres(&self.prediction.newest()?));
        Some((std::array::from_fn(|axis| before[axis] + (after[axis] - before[axis]) * share), share))
    }
}

impl ScreenStats {
    fn on_shown(&mut self, period_ticks: u32, certainty: Certainty) {
        let starved = u64::from(certainty != Certainty::Known);
        if period_ticks == 1 {
            self.frames += 1;
            self.frames_starved += starved;
        } else {
            self.frames_slower += 1;
            self.frames_slower_starved += starved;
        }
    }
}

/// How much later than what is told every tick something is shown that is told every `period_ticks`.
fn extra_aim_ns(clock: &PlayoutClock, period_ticks: u32) -> i64 {
    if period_ticks <= 1 {
        return 0;
    }
    let delay_ns = i64::from(period_ticks) * TICK_NS as i64 + clock.lateness_ns().max(SLOWER_NS);
    (delay_ns - clock.delay_aim_ns()).max(0)
}

fn pose_of(key: &Key) -> Pose {
    let [x, y, z] = [key.x, key.y, key.z].map(|units| units / f64::from(UNITS_PER_M));
    let (yaw, pitch) = (angle(key.yaw), signed(angle(key.pitch)));
    Pose { x, y, z, yaw, pitch, turn: key.turn.parts(), flags: key.told.flags }
}

fn metres(body: &Body) -> Metres {
    [body.x, body.y, body.z].map(|subunits| f64::from(subunits) / f64::from(SUBUNITS_PER_M))
}

fn length(metres: Metres) -> f64 {
    metres.iter().map(|axis| axis * axis).sum::<f64>().sqrt()
}

fn angle(steps: f64) -> f64 {
    steps * TAU / f64::from(ANGLE_STEPS)
}

/// The same angle above minus half a turn and up to half a turn.
fn signed(angle: f64) -> f64 {
    if angle > PI { angle - TAU } else { angle }
}

#[cfg(test)]
mod tests;
