use super::*;
use protocol::motion::{self, Block, Gait};
use protocol::state::{self, flag};
use protocol::{EntityState, Orientation, OwnState};

const MS: u64 = 1_000_000;
const A: NetId = NetId(7);
const START: Body = Body { x: 50 * SUBUNITS_PER_M, y: 50 * SUBUNITS_PER_M, z: 0, vx: 0, vy: 0, vz: 0 };

fn open() -> Arc<StaticMap> {
    Arc::new(StaticMap::new(200, 200, &[]).unwrap())
}

fn tick_ns(tick: u32) -> u64 {
    u64::from(tick) * 1_000_000_000 / 60
}

/// A screen that hears of ticks 100 and up, 50 ms after them; of `A` in every `period`-th, who runs 32 units a tick.
fn watching(ticks: u32, period: u32) -> Screen {
    let mut screen = Screen::new(open());
    screen.on_event(0, &ClientEvent::Enter { tick: Tick(100), id: A, kind: EntityKind::Player });
    for tick in 100..100 + ticks {
        hear(&mut screen, tick, (tick % period == 0).then_some(32 * tick as i32));
    }
    screen
}

fn hear(screen: &mut Screen, tick: u32, x: Option<i32>) {
    let now_ns = tick_ns(tick) + 50 * MS;
    screen.others(now_ns).for_each(drop);
    if let Some(x) = x {
        let state = EntityState { x, yaw: 1_024, pitch: 3_072, ..EntityState::default() };
        screen.on_event(now_ns, &ClientEvent::Update { tick: Tick(tick), id: A, state });
    }
    screen.on_event(now_ns, &ClientEvent::Own { tick: Tick(tick), state: OwnState::default() });
}

fn shown(screen: &mut Screen, now_ns: u64) -> Shown {
    screen.others(now_ns).next().expect("one is in view")
}

#[test]
fn who_is_told_every_tick_is_shown_one_tick_late_where_he_was() {
    let mut screen = watching(100, 1);
    let now_ns = tick_ns(199) + 60 * MS;
    let a = shown(&mut screen, now_ns);
    let behind_ms = (screen.clock().server_tick(now_ns) - a.tick) * 1_000.0 / 60.0;
    assert!((17.0..18.5).contains(&behind_ms), "{behind_ms} ms");
    assert!((a.pose.x - a.tick * 0.1).abs() < 1e-6, "{} at {}", a.pose.x, a.tick);
    assert_eq!((a.certainty, a.period_ticks), (Certainty::Known, 1));
    assert!((a.pose.yaw - PI / 2.0).abs() < 1e-9 && (a.pose.pitch + PI / 2.0).abs() < 1e-9);
    assert_eq!(screen.stats().frames_starved, 0);
    let view = Shown { tick: 198.75, ..a }.view_tick();
    assert_eq!((view.tick, view.fraction), (Tick(198), 192));
}

#[test]
fn who_is_told_every_sixth_tick_is_shown_his_period_and_fifty_milliseconds_late() {
    let mut screen = watching(300, 6);
    let now_ns = tick_ns(399) + 60 * MS;
    let a = shown(&mut screen, now_ns);
    let behind_ms = (screen.clock().server_tick(now_ns) - a.tick) * 1_000.0 / 60.0;
    assert!((148.0..152.0).contains(&behind_ms), "{behind_ms} ms");
    assert!((a.pose.x - a.tick * 0.1).abs() < 1e-6);
    assert_eq!((a.certainty, a.period_ticks), (Certainty::Known, 6));
}

#[test]
fn a_body_is_shown_between_two_turns_and_what_is_no_angle_is_not_turned() {
    let mut screen = Screen::new(open());
    screen.on_event(0, &ClientEvent::Enter { tick: Tick(100), id: A, kind: EntityKind::Body });
    // Fifty steps of an orientation in a tick, about the vertical: eight degrees.
    let told = |tick: u32| {
        let state = EntityState { kind: EntityKind::Body, ..EntityState::default() };
        state.with_orientation(Orientation::new(0, [0, 0, 50 * (tick as i32 - 100)]))
    };
    for tick in 100..104 {
        screen.on_event(0, &ClientEvent::Update { tick: Tick(tick), id: A, state: told(tick) });
        screen.on_event(tick_ns(tick), &ClientEvent::Own { tick: Tick(tick), state: OwnState::default() });
    }
    let body = shown(&mut screen, tick_ns(103) + 10 * MS);
    let (before, after) = (told(body.tick as u32), told(body.tick as u32 + 1));
    assert!(body.tick.fract() > 0.1 && body.tick.fract() < 0.9, "{}", body.tick);
    let [low, high] = [before, after].map(|state| state.orientation().shown()[3]);
    assert!(body.pose.turn[3] > low + 0.005 && body.pose.turn[3] < high - 0.005, "{body:?}");
    assert_eq!((body.pose.yaw, body.pose.pitch, body.told), (0.0, 0.0, before));
}

#[test]
fn nobody_is_shown_before_it_is_known_when_ticks_come() {
    let mut screen = Screen::new(open());
    screen.on_event(0, &ClientEvent::Enter { tick: Tick(100), id: A, kind: EntityKind::Player });
    screen.on_event(0, &ClientEvent::Update { tick: Tick(100), id: A, state: EntityState::default() });
    assert_eq!(screen.others(3_000 * MS).count(), 0, "three seconds after the start is no tick");
    screen.on_event(3_000 * MS, &ClientEvent::Own { tick: Tick(100), state: OwnState::default() });
    assert_eq!(screen.others(3_000 * MS).count(), 1);
}

#[test]
fn nobody_is_shown_going_back_while_the_path_gets_worse_and_he_is_told_more_rarely() {
    let mut screen = watching(100, 1);
    let mut before = shown(&mut screen, tick_ns(199) + 60 * MS).tick;
    // Half a second later than ever and more, and he only in every 30th tick.
    for tick in 200..900 {
        let now_ns = tick_ns(tick) + 800 * MS;
        let state = EntityState { x: 32 * tick as i32, ..EntityState::default() };
        if tick % 30 == 0 {
            screen.on_event(now_ns, &ClientEvent::Update { tick: Tick(tick), id: A, state });
        }
        screen.on_event(now_ns, &ClientEvent::Own { tick: Tick(tick), state: OwnState::default() });
        let a = shown(&mut screen, now_ns);
        assert!(a.tick >= before, "{} after {before}", a.tick);
        before = a.tick;
    }
}

#[test]
fn who_leaves_is_shown_up_to_the_moment_in_which_he_left() {
    let mut screen = watching(100, 1);
    screen.on_event(tick_ns(199) + 50 * MS, &ClientEvent::Leave { tick: Tick(200), id: A, kind: EntityKind::Player });
    assert_eq!(screen.others(tick_ns(199) + 55 * MS).count(), 1);
    assert_eq!(screen.others(tick_ns(201) + 70 * MS).count(), 0);
    screen.on_event(tick_ns(201) + 71 * MS, &ClientEvent::Enter { tick: Tick(202), id: A, kind: EntityKind::Player });
    assert_eq!(screen.others(tick_ns(201) + 72 * MS).count(), 0, "of him nothing is known yet");
}

#[test]
fn when_nothing_comes_the_others_go_on_a_little_and_that_is_counted() {
    let mut screen = watching(100, 1);
    let a = shown(&mut screen, tick_ns(199) + 100 * MS);
    assert_eq!(a.certainty, Certainty::Guessed);
    assert!((a.pose.x - a.tick * 0.1).abs() < 1e-6);
    let a = shown(&mut screen, tick_ns(199) + 900 * MS);
    assert_eq!(a.certainty, Certainty::Stale);
    assert!((a.pose.x - 20.5).abs() < 1e-6, "{}", a.pose.x);
    assert_eq!(screen.stats().frames_starved, 2);
}

/// A server and a screen with a round trip between them.
struct Walk {
    screen: Screen,
    server: Body,
    map: Arc<StaticMap>,
    now_ns: u64,
    number: u16,
    /// Own states under way.
    words: Vec<(Tick, OwnState)>,
}

const ROUND_TRIP_TICKS: usize = 8;
const EAST: Input = Input { move_x: 127, move_y: 0, yaw: 0, pitch: 0, buttons: 0 };

impl Walk {
    fn new(server_map: Arc<StaticMap>) -> Self {
        let mut screen = Screen::new(open());
        screen
            .on_event(0, &ClientEvent::Own { tick: Tick(100), state: OwnState { body: START, ..OwnState::default() } });
        Self { screen, server: START, map: server_map, now_ns: 0, number: 0, words: Vec::new() }
    }

    /// So many client ticks with frames in them; the largest step between two frames beyond what one runs, in metres.
    fn run(&mut self, ticks: usize, input: Input) -> f64 {
        (0..ticks).map(|_| self.tick(input)).fold(0.0, f64::max)
    }

    fn tick(&mut self, input: Input) -> f64 {
        self.number += 1;
        assert!(self.screen.poll_input(self.now_ns));
        self.screen.on_input(self.now_ns, self.number, input);
        motion::step(&self.map, &mut self.server, &input, Gait::default());
        let state = OwnState { body: self.server, input_applied: self.number, input_depth: 1, ..OwnState::default() };
        self.words.push((Tick(100 + u32::from(self.number)), state));
        if self.words.len() > ROUND_TRIP_TICKS {
            let (tick, state) = self.words.remove(0);
            self.screen.on_event(self.now_ns, &ClientEvent::Own { tick, state });
        }
        let mut jump: f64 = 0.0;
        for _ in 0..2 {
            let before = self.screen.own(self.now_ns).unwrap().pose;
            self.now_ns += TICK_NS / 2;
            let after = self.screen.own(self.now_ns).unwrap().pose;
            jump = jump.max((after.x - before.x).hypot(after.y - before.y) - 0.05);
        }
        self.now_ns = self.screen.input_due_ns().unwrap();
        jump
    }
}

#[test]
fn oneself_is_shown_at_once_where_the_input_leads() {
    let mut walk = Walk::new(open());
    assert!(walk.run(200, EAST) < 1e-6);
    let own = walk.screen.own(walk.now_ns).unwrap();
    assert!((own.pose.x - f64::from(walk.server.x) / f64::from(SUBUNITS_PER_M)).abs() < 0.001);
    assert_eq!((walk.screen.stats().corrections, own.offset_m), (0, 0.0));
    assert_eq!(walk.screen.input_tick(), Some(Tick(301)));
}

#[test]
fn oneself_on_a_crate_is_not_in_the_air_and_is_as_well_as_one_was_told() {
    let crate_of = |height| Block { x: 49.0, y: 49.0, width: 2.0, depth: 2.0, height: Some(height) };
    let mut screen = Screen::new(Arc::new(StaticMap::new(200, 200, &[crate_of(0.8)]).unwrap()));
    let status = state::status(9, true);
    let body = Body { z: SUBUNITS_PER_M * 8 / 10, ..START };
    screen.on_event(0, &ClientEvent::Own { tick: Tick(100), state: OwnState { body, status, ..OwnState::default() } });
    screen.on_input(0, 1, Input::default());
    let shown = screen.own(TICK_NS).unwrap().pose;
    assert_eq!((shown.z, shown.flags), (0.8, status));
    screen.on_input(TICK_NS, 2, Input { buttons: 1, ..Input::default() });
    assert_eq!(screen.own(2 * TICK_NS).unwrap().pose.flags, status | flag::AIRBORNE);
}

#[test]
fn the_next_input_is_used_no_sooner_than_the_tick_that_was_told() {
    let mut screen = Screen::new(open());
    let mut used = |tick: u32, input_applied: u16| {
        let state = OwnState { input_applied, ..OwnState::default() };
        screen.on_event(0, &ClientEvent::Own { tick: Tick(tick), state });
        screen.on_input(0, 65_535, Input::default());
        screen.input_tick().unwrap().0
    };
    assert_eq!(used(500, 65_533), 503, "numbers wrap");
    assert_eq!([used(501, 0), used(502, 3), used(503, 20_000)], [501, 502, 503], "more was applied than was sent");
    assert_eq!(used(u32::MAX - 1, 65_000), u32::MAX);
}

#[test]
fn a_wall_that_the_client_does_not_know_is_corrected_without_a_jump_and_forgotten_within_half_a_second() {
    let wall = Block { x: 55.0, y: 0.0, width: 1.0, depth: 100.0, height: None };
    let mut walk = Walk::new(Arc::new(StaticMap::new(200, 200, &[wall]).unwrap()));
    let jump = walk.run(80, EAST);
    assert!(walk.screen.stats().corrections > 10 && walk.screen.stats().snaps == 0, "{:?}", walk.screen.stats());
    let jump = jump.max(walk.run(30 + ROUND_TRIP_TICKS, Input::default()));
    assert!(jump <= 0.05, "{jump} m in a frame");
    let own = walk.screen.own(walk.now_ns).unwrap();
    assert_eq!(own.offset_m, 0.0);
    assert!((own.pose.x - f64::from(walk.server.x) / f64::from(SUBUNITS_PER_M)).abs() < 0.001);
}

#[test]
fn who_is_put_elsewhere_is_there_at_once() {
    let mut walk = Walk::new(open());
    walk.run(20, Input::default());
    walk.server.x += 20 * SUBUNITS_PER_M;
    walk.run(ROUND_TRIP_TICKS + 1, Input::default());
    let own = walk.screen.own(walk.now_ns).unwrap();
    assert!((own.pose.x - 70.0).abs() < 0.001, "{own:?}");
    assert_eq!(walk.screen.stats().snaps, 1);
}

#[test]
fn a_silence_forgets_the_inputs_under_way() {
    let mut walk = Walk::new(open());
    walk.run(20, EAST);
    walk.screen.interrupt();
    let told = walk.words[0].1.body;
    assert!(walk.screen.poll_input(walk.now_ns), "inputs go on to be asked for");
    assert!(!walk.screen.poll_input(walk.now_ns));
    assert!(walk.screen.prediction.newest().unwrap().x <= told.x);
}
