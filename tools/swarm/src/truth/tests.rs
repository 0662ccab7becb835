//! Made-up servers: one that is right, and one for each way of being wrong.

use super::*;
use protocol::motion::Body;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use std::collections::BTreeMap;

/// What the made-up server does wrong, to viewer 0 about bot 1 unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Never enters.
    Hide,
    /// Enters later than it should, by these many ticks.
    Late(u32),
    /// No updates after tick 500.
    Freeze,
    /// No updates from tick 500 on for these many ticks.
    Pause(u32),
    /// Leaves are forgotten.
    ForgetLeave,
    /// One unit off, in the update of tick 500.
    Shift,
    /// The first update comes without an enter.
    NoEnter,
    /// Nothing about anybody but at most these many nearest.
    Cap(usize),
    /// An entity that no bot plays.
    Stray,
}

const TICKS: u32 = 700;

/// Where a bot is at a tick, in metres.
type Path = fn(u32) -> (f64, f64);

struct Rig {
    checker: Checker,
    paths: [Path; 4],
    shown: Shown,
    fault: Fault,
    waited: BTreeMap<(usize, usize), u32>,
}

#[derive(Default)]
struct Shown(BTreeMap<(usize, NetId), Sight>);

impl Views for Shown {
    fn sight(&self, viewer: usize, id: NetId) -> Option<Sight> {
        self.0.get(&(viewer, id)).copied()
    }
}

fn id(bot: usize) -> NetId {
    NetId(bot as u16 + 100)
}

fn welcome(bot: usize, tick: u32, visible_max: u16) -> Welcome {
    let (enter, leave) = (100 * UNITS_PER_M, 115 * UNITS_PER_M);
    Welcome { own: id(bot), tick: Tick(tick), enter_radius_units: enter, leave_radius_units: leave, visible_max }
}

fn own(place: (f64, f64), tick: u32) -> OwnState {
    let subunits = |m: f64| (m * f64::from(SUBUNITS_PER_M)) as i32;
    let body = Body { x: subunits(place.0 + 1_000.0), y: subunits(place.1 + 1_000.0), ..Body::default() };
    OwnState { body, yaw: (tick % 4_096) as u16, ..OwnState::default() }
}

impl Rig {
    /// Bot 0 stands, bot 1 walks out of its view and back, bot 2 stands beside bot 0 and turns, bot 3 is far away.
    fn new(fault: Fault) -> Self {
        let paths: [Path; 4] = [
            |_| (0.0, 0.0),
            |tick| (80.0 + 60.0 * (f64::from(tick) / 150.0).sin(), 0.0),
            |_| (0.0, 10.0),
            |_| (900.0, 0.0),
        ];
        Self { checker: Checker::new(4), paths, shown: Shown::default(), fault, waited: BTreeMap::new() }
    }

    fn run(mut self) -> Checker {
        self.join_all(1);
        self.run_ticks(2..TICKS);
        self.checker
    }

    fn join_all(&mut self, tick: u32) {
        let visible_max = if let Fault::Cap(cap) = self.fault { cap as u16 } else { 1_000 };
        for bot in 0..self.paths.len() {
            self.checker.on_joined(bot, &welcome(bot, tick, visible_max));
        }
    }

    fn run_ticks(&mut self, ticks: std::ops::Range<u32>) {
        for tick in ticks {
            for bot in 0..self.paths.len() {
                self.checker.on_own(bot, Tick(tick), &own((self.paths[bot])(tick), tick));
            }
            for viewer in 0..self.paths.len() {
                self.tell(viewer, tick);
            }
            self.checker.judge(&self.shown);
        }
    }

    fn tell(&mut self, viewer: usize, tick: u32) {
        let distance = |bot: usize| {
            let ((ax, ay), (bx, by)) = ((self.paths[viewer])(tick), (self.paths[bot])(tick));
            (ax - bx).hypot(ay - by)
        };
        let distances: Vec<f64> = (0..self.paths.len()).map(distance).collect();
        for (bot, &distance) in distances.iter().enumerate().filter(|(bot, _)| *bot != viewer) {
            let nearer = distances.iter().filter(|d| **d < distance).count() - 1;
            let is_hidden = matches!(self.fault, Fault::Cap(cap) if nearer >= cap);
            self.tell_about(viewer, bot, tick, distance < 100.0 && !is_hidden, distance > 115.0 || is_hidden);
        }
        if self.fault == Fault::Stray && viewer == 0 && tick == 10 {
            self.checker.on_enter(0, Tick(tick), NetId(9));
        }
    }

    fn tell_about(&mut self, viewer: usize, bot: usize, tick: u32, is_inside: bool, is_outside: bool) {
        let is_faulty = viewer == 0 && bot == 1;
        let key = (viewer, id(bot));
        if !self.shown.0.contains_key(&key) {
            let waited = self.waited.entry((viewer, bot)).or_insert(tick);
            let delay = if let (true, Fault::Late(late)) = (is_faulty, self.fault) { late } else { 0 };
            if !is_inside {
                *waited = tick + 1;
            }
            if !is_inside || tick < *waited + delay || (is_faulty && self.fault == Fault::Hide) {
                return;
            }
            self.shown.0.insert(key, Sight { entered: Tick(tick), newest: Tick(tick) });
            if !(is_faulty && self.fault == Fault::NoEnter) {
                self.checker.on_enter(viewer, Tick(tick), id(bot));
            }
        } else if is_outside && !(is_faulty && self.fault == Fault::ForgetLeave) {
            self.shown.0.remove(&key);
            self.checker.on_leave(viewer, Tick(tick), id(bot));
            return;
        }
        let is_paused = match self.fault {
            Fault::Freeze => tick >= 500,
            Fault::Pause(ticks) => (500..=500 + ticks).contains(&tick),
            _ => false,
        };
        if is_faulty && is_paused {
            return;
        }
        let mut state = own((self.paths[bot])(tick), tick).entity();
        if is_faulty && self.fault == Fault::Shift && tick == 500 {
            state.x += 1;
        }
        self.shown.0.get_mut(&key).unwrap().newest = Tick(tick);
        self.checker.on_update(viewer, Tick(tick), id(bot), &state);
    }
}

/// Kinds of error that this fault raises.
fn raised(fault: Fault) -> Vec<Kind> {
    let checker = Rig::new(fault).run();
    println!("{fault:?}: {:?}", checker.findings().cases());
    KINDS.into_iter().filter(|kind| checker.findings().count(*kind) > 0).collect()
}

#[test]
fn a_right_server_raises_nothing_and_is_compared() {
    let checker = Rig::new(Fault::None).run();
    assert_eq!(checker.findings().total(), 0, "{:?}", checker.findings().cases());
    // Bots 0 and 2 see each other in every settled tick but the last ones, bot 1 now and then.
    let ticks = u64::from(TICKS - SETTLED_TICKS - COMPARE_AFTER_TICKS);
    assert!(checker.comparisons() > 2 * ticks - 10, "{} comparisons", checker.comparisons());
    assert!((0.9..1.1).contains(&checker.visible().mean()), "{} visible", checker.visible().mean());
    assert_eq!(checker.ages().value_at_quantile(0.99), 0);
}

#[test]
fn a_hidden_neighbour_is_missing_and_nothing_else() {
    assert_eq!(raised(Fault::Hide), [Kind::Missing]);
}

#[test]
fn an_episode_counts_once() {
    let checker = Rig::new(Fault::Hide).run();
    assert_eq!(checker.findings().count(Kind::Missing), 1);
}

#[test]
fn an_enter_may_be_half_a_second_late_but_not_more() {
    assert_eq!(raised(Fault::Late(28)), []);
    assert_eq!(raised(Fault::Late(60)), [Kind::Missing]);
}

#[test]
fn a_forgotten_leave_is_a_ghost_and_nothing_else() {
    assert_eq!(raised(Fault::ForgetLeave), [Kind::Ghost]);
}

#[test]
fn a_mover_without_updates_is_stale_and_nothing_else() {
    assert_eq!(raised(Fault::Freeze), [Kind::Stale]);
}

#[test]
fn updates_may_pause_for_a_second_but_not_more() {
    assert_eq!(raised(Fault::Pause(55)), []);
    assert_eq!(raised(Fault::Pause(100)), [Kind::Stale]);
}

#[test]
fn one_unit_in_one_update_is_a_desync_and_nothing_else() {
    assert_eq!(raised(Fault::Shift), [Kind::Desync]);
    assert_eq!(Rig::new(Fault::Shift).run().findings().count(Kind::Desync), 1);
}

#[test]
fn updates_without_an_enter_are_impossible() {
    assert_eq!(raised(Fault::NoEnter).last(), Some(&Kind::Other));
}

#[test]
fn an_entity_of_nobody_is_impossible() {
    assert_eq!(raised(Fault::Stray), [Kind::Other]);
}

#[test]
fn beyond_the_cap_nobody_is_missed() {
    assert_eq!(raised(Fault::Cap(1)), []);
}

#[test]
fn somebody_who_never_moves_needs_no_updates() {
    let mut rig = Rig::new(Fault::None);
    rig.join_all(1);
    for tick in 2..600 {
        for bot in [0, 2] {
            let mut state = own((0.0, 0.0), 7);
            state.body.x += bot as i32 * SUBUNITS_PER_M;
            rig.checker.on_own(bot, Tick(tick), &state);
            if tick == 2 {
                let other = 2 - bot;
                rig.checker.on_enter(bot, Tick(tick), id(other));
                rig.shown.0.insert((bot, id(other)), Sight { entered: Tick(2), newest: Tick(2) });
            }
        }
        rig.checker.judge(&rig.shown);
    }
    assert_eq!(rig.checker.findings().total(), 0, "{:?}", rig.checker.findings().cases());
}

#[test]
fn an_enter_may_overtake_the_welcome() {
    let mut checker = Checker::new(2);
    checker.on_joined(0, &welcome(0, 1, 1_000));
    checker.on_enter(0, Tick(2), id(1));
    checker.on_joined(1, &welcome(1, 2, 1_000));
    checker.on_update(0, Tick(3), id(1), &own((0.0, 0.0), 3).entity());
    checker.on_leave(0, Tick(4), id(1));
    assert_eq!(checker.findings().total(), 0, "{:?}", checker.findings().cases());
}

#[test]
fn somebody_shown_long_after_it_left_is_a_ghost() {
    let mut rig = Rig::new(Fault::None);
    rig.join_all(1);
    rig.run_ticks(2..500);
    rig.checker.on_gone(2, true);
    for tick in 500..600 {
        rig.checker.on_own(0, Tick(tick), &own((0.0, 0.0), tick));
        rig.checker.judge(&rig.shown);
    }
    assert_eq!(rig.checker.findings().count(Kind::Ghost), 2, "viewers 0 and 1 were never told");
}

#[test]
fn a_silent_bot_may_stay_in_the_world() {
    let mut rig = Rig::new(Fault::None);
    rig.join_all(1);
    rig.run_ticks(2..300);
    rig.checker.on_gone(2, false);
    for tick in 300..400 {
        rig.checker.on_own(0, Tick(tick), &own((0.0, 0.0), tick));
        rig.checker.judge(&rig.shown);
    }
    assert_eq!(rig.checker.findings().count(Kind::Ghost), 0);
}

#[test]
fn a_restarted_server_counts_its_own_ticks() {
    let mut rig = Rig::new(Fault::None);
    rig.join_all(1);
    rig.run_ticks(2..400);
    let before = rig.checker.comparisons();
    rig.checker.on_server_restarted();
    rig.shown.0.clear();
    rig.waited.clear();
    rig.join_all(1);
    rig.run_ticks(2..400);
    assert_eq!(rig.checker.findings().total(), 0, "{:?}", rig.checker.findings().cases());
    assert_eq!(rig.checker.comparisons(), 2 * before);
}

#[test]
fn a_tick_told_twice_and_differently_is_impossible() {
    let mut checker = Checker::new(1);
    checker.on_joined(0, &welcome(0, 1, 1_000));
    checker.on_own(0, Tick(5), &own((0.0, 0.0), 5));
    checker.on_own(0, Tick(5), &own((1.0, 0.0), 5));
    assert_eq!(checker.findings().count(Kind::Other), 1);
}

#[test]
fn a_tick_from_another_world_is_impossible() {
    let mut checker = Checker::new(1);
    checker.on_joined(0, &welcome(0, 1, 1_000));
    checker.on_own(0, Tick(1_000_000), &own((0.0, 0.0), 5));
    checker.judge(&Shown::default());
    assert_eq!((checker.findings().count(Kind::Other), checker.newest()), (1, Tick(1)));
}

#[test]
fn large_crowds_are_judged_a_tenth_at_a_time_and_all_in_twenty_seconds() {
    let crowd = |bots: usize| {
        let mut checker = Checker::new(ROTATE_ABOVE_BOTS + 100);
        (0..bots).for_each(|bot| checker.on_joined(bot, &welcome(bot, 1, 1_000)));
        checker
    };
    let mut checker = crowd(ROTATE_ABOVE_BOTS + 100);
    let judged_at = |tick| (0..600).filter(|viewer| checker.is_judged(*viewer, tick)).count();
    assert!((0..1_200).step_by(60).all(|tick| judged_at(tick) == 60));
    let ever = (0..600).filter(|viewer| (0..1_200).step_by(60).any(|tick| checker.is_judged(*viewer, tick))).count();
    assert_eq!(ever, 600);
    let few = crowd(ROTATE_ABOVE_BOTS);
    assert!((0..500).all(|viewer| few.is_judged(viewer, 0)));
    (0..100).for_each(|bot| checker.on_gone(bot, true));
    let judged_at = |tick| (0..600).filter(|viewer| checker.is_judged(*viewer, tick)).count();
    assert_eq!((judged_at(200), judged_at(300)), (60, 600), "until the last tick of the crowd is forgotten");
}

#[test]
fn what_a_deaf_bot_shows_is_judged_again_two_seconds_after_it_hears() {
    let mut rig = Rig::new(Fault::Freeze);
    rig.join_all(1);
    rig.run_ticks(2..490);
    rig.checker.on_deaf(0);
    rig.run_ticks(490..640);
    rig.checker.on_hearing(0);
    rig.run_ticks(640..700);
    assert_eq!(rig.checker.findings().total(), 0, "{:?}", rig.checker.findings().cases());
    rig.run_ticks(700..800);
    assert_eq!(rig.checker.findings().count(Kind::Stale), 1);
}

/// A swarm that shares its processors with a server which everybody joins at once reads a second late what came in time.
#[test]
fn a_swarm_that_was_late_judges_what_its_bots_show_again_after_two_seconds_and_compares_all_the_while() {
    let mut rig = Rig::new(Fault::Freeze);
    rig.join_all(1);
    rig.run_ticks(2..490);
    let compared = rig.checker.comparisons();
    for from in [490, 590] {
        rig.checker.excuse_all();
        rig.run_ticks(from..from + 10);
        assert!(rig.checker.are_all_excused());
        rig.run_ticks(from + 10..from + 100);
    }
    assert_eq!(rig.checker.findings().total(), 0, "{:?}", rig.checker.findings().cases());
    assert!(rig.checker.comparisons() > compared);
    rig.run_ticks(690..800);
    assert_eq!((rig.checker.findings().count(Kind::Stale), rig.checker.are_all_excused()), (1, false));
}

#[test]
fn a_bad_link_excuses_what_it_delays_and_no_more() {
    for (late, found) in [(60, 0), (100, 1)] {
        let mut rig = Rig::new(Fault::Late(late));
        (0..4).for_each(|bot| rig.checker.allow(bot, 0, 40));
        assert_eq!(rig.run().findings().count(Kind::Missing), found, "{late} ticks");
    }
}

#[test]
fn a_slow_link_is_judged_later_and_by_its_own_allowance_alone() {
    for (late, lag, allowance, found) in [(60, 0, 0, 1), (50, 20, 0, 0), (80, 20, 0, 1), (80, 20, 40, 0)] {
        let mut rig = Rig::new(Fault::Late(late));
        rig.checker.allow(0, lag, allowance);
        assert_eq!(rig.run().findings().count(Kind::Missing), found, "{late} {lag} {allowance}");
    }
    let mut rig = Rig::new(Fault::Late(60));
    rig.checker.allow(2, 0, 40);
    assert_eq!(rig.run().findings().count(Kind::Missing), 1, "viewer 0 has no bad link");
}

#[test]
fn who_left_while_a_bot_was_deaf_may_be_shown_until_it_has_heard_for_two_seconds() {
    let mut rig = Rig::new(Fault::None);
    rig.join_all(1);
    rig.run_ticks(2..490);
    rig.checker.on_deaf(0);
    rig.checker.on_gone(2, true);
    let go_on = |rig: &mut Rig, ticks: std::ops::Range<u32>| {
        for tick in ticks {
            rig.checker.on_own(0, Tick(tick), &own((0.0, 0.0), tick));
            rig.checker.judge(&rig.shown);
        }
        rig.checker.findings().count(Kind::Ghost)
    };
    assert_eq!(go_on(&mut rig, 490..690), 1, "viewer 1 is not deaf and was never told");
    rig.checker.on_hearing(0);
    assert_eq!(go_on(&mut rig, 690..808), 1);
    assert_eq!(go_on(&mut rig, 808..840), 2);
}

#[test]
fn nobody_is_a_stranger_while_somebody_is_on_the_way_in() {
    let mut rig = Rig::new(Fault::Stray);
    rig.checker.on_joining(true);
    rig.join_all(1);
    rig.run_ticks(2..400);
    assert_eq!(rig.checker.findings().total(), 0);
    rig.checker.on_joining(false);
    rig.run_ticks(400..410);
    assert_eq!(rig.checker.findings().count(Kind::Other), 1);
}
