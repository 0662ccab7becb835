//! A screen that is told whatever a script says, at whatever times it says.

use crate::clock::LATENESS_NS_MAX;
use crate::screen::{OwnShown, Pose, Screen, Shown};
use crate::smoothing::SNAP_M;
use crate::track::{Certainty, EXTRAPOLATION_TICKS};
use crate::{ClientEvent, EventOrder};
use protocol::event::ShotRefusal;
use protocol::motion::{self, Block, Body, GAIT_SPEED_MAX, Gait, StaticMap};
use protocol::state::flag;
use protocol::unit::{ANGLE_STEPS, SUBUNITS_PER_M, TICK_NS, UNITS_PER_M};
use protocol::{EntityKind, EntityState, GameEvent, Input, NetId, Orientation, OwnState, Tick};
use rudp::fuzz::Script;
use std::collections::{BTreeMap, VecDeque};
use std::f64::consts::{PI, TAU};
use std::sync::{Arc, LazyLock};

/// A server, a path and a player by the script, and a screen between them. Whatever happens, nothing shown is out of bounds,
/// no moment shown comes before one shown earlier, and events come out once each and in order.
pub fn screen(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let mut story = Story::new(&mut script);
    while let Some(operation) = script.operation() {
        story.pass(u64::from(script.u8()) << 16);
        match operation % 16 {
            0..=4 => story.on_server_tick(script.u8(), script.u8()),
            5 | 6 => story.push_inputs(&mut script),
            7 => story.enter(&mut script),
            8 => story.leave(&mut script),
            9 => story.update_anything(&mut script),
            10 => story.own_anything(&mut script),
            11 => story.pass(u64::from(script.u8()) << (script.u8() % 40)),
            12 => story.tick = Tick(story.tick.0.wrapping_add_signed(i32::from(script.u16() as i16))),
            13 => story.screen.interrupt(),
            14 => story.happen(&mut script),
            _ => story.go_on(&mut script),
        }
        story.draw();
    }
    story.end();
}

/// Who may be in view.
const IDS: usize = 6;
/// In a byte that says of whom something is told: of oneself.
const OWN: u8 = 0x40;
/// Of everybody.
const ALL: u8 = 0xff;
/// Ticks of one story that may go on steadily: bounds the time of a run.
const STEADY_TICKS_MAX: u8 = 96;
/// How long an event waits for its tick to be stored, and then to be drawn: longer than anything is shown late, ns.
const PATIENCE_NS: [u64; 2] = [250_000_000, 4 * LATENESS_NS_MAX as u64];
/// Farthest that something goes in a tick without having been put elsewhere, on each axis, units: nothing is guessed to go on
/// faster.
const PACE_MAX: f64 = 4.0 * UNITS_PER_M as f64;
/// Farther than this from the middle of the world is no own state that can be told, m: 30 bits of subunits.
const OWN_M_MAX: f64 = (1 << 29) as f64 / SUBUNITS_PER_M as f64 + 1.0;
/// Inputs that may be asked for at one time: the one that is due, and four ticks made up for, by a 32nd shorter.
const INPUTS_AT_ONCE: usize = 6;

static MAP: LazyLock<Arc<StaticMap>> = LazyLock::new(|| {
    let wall = Block { x: 50.0, y: 50.0, width: 10.0, depth: 1.0, height: None };
    let blocks = [wall, Block { y: 51.0, height: Some(0.25), ..wall }, Block { y: 55.0, height: Some(0.8), ..wall }];
    Arc::new(StaticMap::new(100, 100, &blocks).expect("a map that can be"))
});

struct Story {
    screen: Screen,
    now_ns: u64,
    /// The server's.
    tick: Tick,
    body: Body,
    /// Inputs under way to the server.
    inputs: VecDeque<(u16, Input)>,
    applied: u16,
    number: u16,
    others: BTreeMap<NetId, Other>,
    steady_ticks_left: u8,
    /// The moment shown of what is told every tick.
    moment: Option<f64>,
    /// Events wait in the client, then until they are drawn.
    orders: [EventOrder; 2],
    happened: u16,
    drawn: u16,
}

/// What was told of one entity, and shown.
struct Other {
    kind: EntityKind,
    /// In the order of their ticks.
    told: Vec<(Tick, EntityState)>,
    /// The least and the most of all that was told, by axis, units.
    reach: [(f64, f64); 3],
    moment: Option<f64>,
}

impl Story {
    fn new(script: &mut Script<'_>) -> Self {
        let now_ns = [0, 1_000_000_000, 1 << 45, 1 << 60][script.below(4)];
        let tick = Tick([0, 1_000, 70_000, u32::MAX - 300][script.below(4)]);
        Self {
            screen: Screen::new(Arc::clone(&MAP)),
            now_ns,
            tick,
            body: Body { x: 48 * SUBUNITS_PER_M, y: 48 * SUBUNITS_PER_M, ..Body::default() },
            inputs: VecDeque::new(),
            applied: 0,
            number: 0,
            others: BTreeMap::new(),
            steady_ticks_left: STEADY_TICKS_MAX,
            moment: None,
            orders: PATIENCE_NS.map(EventOrder::new),
            happened: 0,
            drawn: 0,
        }
    }

    fn pass(&mut self, passed_ns: u64) {
        self.now_ns += passed_ns;
    }

    /// As it mostly goes: a tick is told of the own player and of some others, who have gone on a little. Bits 0 to 5 say of
    /// whom, [`OWN`] whether of oneself.
    fn on_server_tick(&mut self, told: u8, way: u8) {
        self.tick = self.tick.next();
        if let Some((number, input)) = self.inputs.pop_front() {
            motion::step(&MAP, &mut self.body, &input, Gait::default());
            self.applied = number;
        }
        for id in (0..IDS as u16).filter(|id| told >> id & 1 == 1).map(NetId) {
            let Some(before) = self.others.get(&id).and_then(|other| other.told.last()) else { continue };
            let mut state = before.1;
            state.x = (state.x + i32::from(way)).min((1 << 21) - 1);
            if state.kind != EntityKind::Body {
                state.yaw = (state.yaw + u16::from(way)) % ANGLE_STEPS;
            }
            self.update(self.tick, id, state);
        }
        if told & OWN != 0 {
            let depth = self.inputs.len().min(15) as u8;
            let state =
                OwnState { body: self.body, input_applied: self.applied, input_depth: depth, ..OwnState::default() };
            self.own(self.tick, state);
        }
    }

    /// Somewhat later or sooner than before, and then steadily for up to a second, in which some are told of more rarely.
    fn go_on(&mut self, script: &mut Script<'_>) {
        self.pass(u64::from(script.u8()) << 22);
        self.tick = Tick(self.tick.0.saturating_add(u32::from(script.u8()) % 16));
        let [ticks, period, often, way, frames] = std::array::from_fn(|_| script.u8());
        let (ticks, frames) = ((ticks % 64).min(self.steady_ticks_left), 1 + frames % 2);
        self.steady_ticks_left -= ticks;
        for tick in 0..ticks {
            self.on_server_tick(if tick % (1 + period % 32) == 0 { ALL } else { often | OWN }, way);
            for _ in 0..frames {
                self.pass(TICK_NS / u64::from(frames));
                self.draw();
            }
        }
    }

    fn own_anything(&mut self, script: &mut Script<'_>) {
        let signed = |script: &mut Script<'_>, bits: u32| (script.u64() as i64 as i32) << (32 - bits) >> (32 - bits);
        self.body = Body { x: signed(script, 30), y: signed(script, 30), ..self.body };
        if script.below(2) == 0 {
            (self.body.vx, self.body.vy) = (signed(script, 16), signed(script, 16));
            (self.body.z, self.body.vz) = (signed(script, 24), signed(script, 18));
        }
        let [speed, status] = std::array::from_fn(|_| script.u8());
        let gait = Gait { speed: speed.min(GAIT_SPEED_MAX), can_jump: speed % 2 == 0 };
        let status = status & flag::STATUS;
        let state = OwnState { body: self.body, gait, status, input_applied: script.u16(), ..OwnState::default() };
        self.own(Tick(self.tick.0.wrapping_sub(u32::from(script.u8()) % 32)), state);
    }

    fn own(&mut self, tick: Tick, state: OwnState) {
        self.screen.on_event(self.now_ns, &ClientEvent::Own { tick, state });
        let next = self.screen.input_tick().expect("a state was told");
        assert!(next.since(tick) <= 1 << 15 && next >= tick, "{next:?} after {tick:?}");
    }

    fn enter(&mut self, script: &mut Script<'_>) {
        let id = NetId(script.below(IDS) as u16);
        let kind = EntityKind::ALL[script.below(EntityKind::ALL.len())];
        self.screen.on_event(self.now_ns, &ClientEvent::Enter { tick: self.tick, id, kind });
        self.others.insert(id, Other { kind, told: Vec::new(), reach: [(f64::MAX, f64::MIN); 3], moment: None });
        let state = state(script, kind);
        self.update(self.tick, id, state);
    }

    fn leave(&mut self, script: &mut Script<'_>) {
        let id = NetId(script.below(IDS) as u16);
        let Some(kind) = self.others.get(&id).map(|other| other.kind) else { return };
        self.screen.on_event(self.now_ns, &ClientEvent::Leave { tick: self.tick, id, kind });
    }

    fn update_anything(&mut self, script: &mut Script<'_>) {
        let id = NetId(script.below(IDS) as u16);
        let tick = Tick(self.tick.0.wrapping_sub(u32::from(script.u8()) % 64));
        let Some(kind) = self.others.get(&id).map(|other| other.kind) else { return };
        let state = state(script, kind);
        self.update(tick, id, state);
    }

    fn update(&mut self, tick: Tick, id: NetId, state: EntityState) {
        self.screen.on_event(self.now_ns, &ClientEvent::Update { tick, id, state });
        let Some(other) = self.others.get_mut(&id) else { return };
        let at = other.told.partition_point(|(of, _)| *of <= tick);
        other.told.insert(at, (tick, state));
        for ((least, most), told) in other.reach.iter_mut().zip(place(&state)) {
            (*least, *most) = (told.min(*least), told.max(*most));
        }
    }

    fn push_inputs(&mut self, script: &mut Script<'_>) {
        let mut asked = 0;
        while self.screen.poll_input(self.now_ns) {
            asked += 1;
            assert!(asked <= INPUTS_AT_ONCE, "inputs are asked for without an end");
            let [move_x, move_y] = [script.u8() as i8, script.u8() as i8];
            let input = Input { move_x, move_y, yaw: script.u16() % ANGLE_STEPS, buttons: move_x as u8 & 1, pitch: 9 };
            self.number = self.number.wrapping_add(1);
            self.screen.on_input(self.now_ns, self.number, input);
            self.inputs.push_back((self.number, input));
        }
        let due_ns = self.screen.input_due_ns().expect("it was asked");
        assert!(due_ns > self.now_ns && due_ns - self.now_ns <= TICK_NS + TICK_NS / 32, "{due_ns} at {}", self.now_ns);
    }

    /// Something happens, and is told.
    fn happen(&mut self, script: &mut Script<'_>) {
        let event = GameEvent::ShotRefused { number: self.happened, reason: ShotRefusal::Stale };
        let tick = Tick(self.tick.0.wrapping_add(u32::from(script.u8()) % 8).wrapping_sub(4));
        self.happened += 1;
        assert_eq!(self.orders[0].push(self.now_ns, tick, event), None, "there is room for all of a script");
    }

    /// A frame: everything that is shown, and checked.
    fn draw(&mut self) {
        let shown: Vec<Shown> = self.screen.others(self.now_ns).collect();
        for one in &shown {
            let other = self.others.get_mut(&one.id).expect("only who entered is shown");
            other.check(one);
        }
        if let Some(own) = self.screen.own(self.now_ns) {
            check_own(&own);
        }
        let clock = self.screen.clock();
        if !clock.is_running() {
            assert!(shown.is_empty(), "nobody can be shown before it is known when");
            return;
        }
        let moment = clock.render_tick(self.now_ns, 0);
        assert!(self.moment.replace(moment).is_none_or(|before| before <= moment), "time runs backwards to {moment}");
        let newest = clock.newest();
        self.tell(newest, Tick(moment.clamp(0.0, f64::from(u32::MAX)) as u32));
    }

    /// Events whose tick was stored go on to where they wait until it is drawn.
    fn tell(&mut self, stored: Tick, drawn: Tick) {
        while let Some((tick, event)) = self.orders[0].due(stored, self.now_ns) {
            assert_eq!(self.orders[1].push(self.now_ns, tick, event), None);
        }
        while let Some((tick, event)) = self.orders[1].due(drawn, self.now_ns) {
            let expected = GameEvent::ShotRefused { number: self.drawn, reason: ShotRefusal::Stale };
            assert_eq!(event, expected, "of {tick:?}");
            self.drawn += 1;
        }
    }

    /// In the end everything was told.
    fn end(&mut self) {
        self.pass(PATIENCE_NS.iter().sum());
        self.tell(Tick(0), Tick(u32::MAX));
        self.tell(Tick(0), Tick(u32::MAX));
        assert_eq!(self.drawn, self.happened, "every event comes out");
        let stats = self.screen.stats();
        assert!(stats.frames_starved <= stats.frames && stats.frames_slower_starved <= stats.frames_slower);
        // From an offset on one side to one on the other.
        assert!(stats.snaps <= stats.corrections && stats.correction_m_max <= 2.0 * SNAP_M, "{stats:?}");
    }
}

/// Anything that can be told of this kind.
fn state(script: &mut Script<'_>, kind: EntityKind) -> EntityState {
    let place = |script: &mut Script<'_>| i32::from(script.u16() as i16) << (script.u8() % 7);
    let state =
        EntityState { x: place(script), y: place(script), z: script.u16() as i16, kind, ..EntityState::default() };
    let (yaw, pitch) = (script.u16(), script.u16());
    match kind {
        EntityKind::Body => state.with_orientation(Orientation::from_bits(u32::from(pitch) << 16 | u32::from(yaw))),
        EntityKind::Item => EntityState { yaw: yaw % ANGLE_STEPS, ..state }.with_form(pitch),
        _ => EntityState { yaw: yaw % ANGLE_STEPS, pitch: pitch % ANGLE_STEPS, flags: script.u8(), ..state },
    }
}

impl Other {
    fn check(&mut self, shown: &Shown) {
        check_pose(&shown.pose);
        assert_eq!(shown.kind, self.kind);
        assert!(self.moment.replace(shown.tick).is_none_or(|before| before <= shown.tick), "backwards: {shown:?}");
        assert!(self.told.iter().rev().any(|(_, state)| *state == shown.told), "that was never told: {shown:?}");
        assert!(f64::from(shown.view_tick().tick.0) <= shown.tick.max(0.0));
        let (newest_tick, newest) = self.told.last().expect("an enter has a state");
        let beyond = shown.tick - f64::from(newest_tick.0);
        let pose = [shown.pose.x, shown.pose.y, shown.pose.z];
        let off = |axis: usize| (pose[axis] * f64::from(UNITS_PER_M) - place(newest)[axis]).abs();
        let snap = SNAP_M * f64::from(UNITS_PER_M) + 1e-3;
        let (is_guess, reach) = match shown.certainty {
            Certainty::Known if beyond <= 0.0 => return self.check_within(pose, snap),
            Certainty::Known => (true, 0.0),
            Certainty::Guessed => (beyond > 0.0 && beyond <= EXTRAPOLATION_TICKS, beyond * PACE_MAX),
            Certainty::Stale => (beyond > EXTRAPOLATION_TICKS, EXTRAPOLATION_TICKS * PACE_MAX),
        };
        assert!(is_guess, "{shown:?} after {newest_tick:?}");
        assert!((0..3).all(|axis| off(axis) <= reach + snap), "{shown:?} is too far from {newest:?}");
    }

    /// Between states it is no farther out than those, but for what is smoothed.
    fn check_within(&self, pose: [f64; 3], snap: f64) {
        for (metres, (least, most)) in pose.into_iter().zip(self.reach) {
            let at = metres * f64::from(UNITS_PER_M);
            assert!(at >= least - snap && at <= most + snap, "{at} is not within {least} to {most}");
        }
    }
}

fn place(state: &EntityState) -> [f64; 3] {
    [f64::from(state.x), f64::from(state.y), f64::from(state.z)]
}

fn check_pose(pose: &Pose) {
    assert!([pose.x, pose.y, pose.z].iter().all(|metres| metres.is_finite()), "{pose:?}");
    assert!((0.0..TAU).contains(&pose.yaw) && pose.pitch > -PI && pose.pitch <= PI, "{pose:?}");
    let length = pose.turn.iter().map(|part| part * part).sum::<f32>();
    assert!((length - 1.0).abs() < 1e-4, "{pose:?}");
}

fn check_own(own: &OwnShown) {
    check_pose(&own.pose);
    assert!(own.pose.x.abs() <= OWN_M_MAX + SNAP_M && own.pose.y.abs() <= OWN_M_MAX + SNAP_M, "{own:?}");
    assert!((0.0..=1.0).contains(&own.share) && own.offset_m <= SNAP_M, "{own:?}");
}
