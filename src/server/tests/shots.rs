//! Shots and events from one client's aim to everybody's screen, in virtual time.

mod rig;

use game::{CLAMP_TICKS, EYE_HEIGHT, REWIND_TICKS_MAX};
use netem::{Link, LinkConfig};
use protocol::event::{Shot, ShotRefusal};
use protocol::motion::{self, Gait, StaticMap};
use protocol::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{EntityState, GameEvent, Input, NetId, Tick, ViewTick};
use rig::{Bot, Rig};
use server::{Crew, Task};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::rc::Rc;
use std::sync::Arc;

fn link(round_trip_ms: u64) -> LinkConfig {
    LinkConfig::with_latency_ns(round_trip_ms * 500_000)
}

/// Bots at these places in metres, each behind its link, standing still.
fn stand(links: &[LinkConfig], places: &[(f64, f64)]) -> Rig {
    stand_in(Rig::new(links[0], |_| {}), links, places)
}

fn stand_in(mut rig: Rig, links: &[LinkConfig], places: &[(f64, f64)]) -> Rig {
    for number in 0..places.len() {
        let index = rig.join(number as u64 + 1);
        let (link, seed) = (links[number % links.len()], number as u64 * 2);
        (rig.bots[index].up, rig.bots[index].down) = (Link::new(link, seed), Link::new(link, seed + 1));
        rig.bots[index].wanders = false;
    }
    rig.run_until_joined(300);
    for (index, &(x, y)) in places.iter().enumerate() {
        rig.place(index, x, y);
    }
    rig.run_ticks(90);
    rig
}

/// What a client draws of another at `view`: between the two states it has around it, in subunits.
fn drawn(bot: &Bot, id: NetId, view: ViewTick) -> [f64; 3] {
    let moment = |tick: Tick| f64::from(tick.0);
    let at = moment(view.tick) + f64::from(view.fraction) / 256.0;
    let of = |state: &EntityState| [state.x, state.y, i32::from(state.z)].map(|units| f64::from(units << SUBUNIT_BITS));
    let known = bot.updates.iter().rev().take(4_000).filter(|(_, of, _)| *of == id);
    let before = known.clone().filter(|(tick, ..)| *tick <= view.tick).max_by_key(|(tick, ..)| *tick);
    let after = known.filter(|(tick, ..)| *tick > view.tick).min_by_key(|(tick, ..)| *tick);
    match (before, after) {
        (Some((from, _, a)), Some((to, _, b))) => {
            let part = (at - moment(*from)) / (moment(*to) - moment(*from));
            let (a, b) = (of(a), of(b));
            [0, 1, 2].map(|axis| a[axis] + (b[axis] - a[axis]) * part)
        }
        (Some((_, _, state)), None) | (None, Some((_, _, state))) => of(state),
        (None, None) => of(&bot.client.sees(id).unwrap().state),
    }
}

/// The angles from a client's own eye, as it predicts itself, to what it draws of `target`'s chest.
fn aim(bot: &Bot, map: &StaticMap, target: NetId, view: ViewTick) -> (u16, u16) {
    let (_, own) = bot.client.own().unwrap();
    let mut body = own.body;
    for input in &bot.inputs[usize::from(own.input_applied)..] {
        motion::step(map, &mut body, input, Gait::default());
    }
    let [x, y, z] = drawn(bot, target, view);
    let (x, y) = (x - f64::from(body.x), y - f64::from(body.y));
    let z = z + f64::from(SUBUNITS_PER_M) - f64::from(body.z + EYE_HEIGHT);
    let steps = |angle: f64| (angle / TAU * 65_536.0).round() as i32 as u16;
    (steps(y.atan2(x)), steps((-z).atan2(x.hypot(y))))
}

/// The moment that a client draws: between one and two ticks behind the newest.
fn view_of(bot: &Bot, fraction: u8) -> ViewTick {
    ViewTick { tick: Tick(bot.client.newest_tick().0 - 2), fraction }
}

/// Shots of one shooter, by what came of them.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    fired: u32,
    hit: u32,
    refused: u32,
}

const PAIRS: usize = 10;

/// Runs to and fro at right angles to the other's sight, turns when nobody expects it, and jumps; seldom, for in the air one
/// turns slowly.
fn to_and_fro(turn: usize, speed: i8) -> Input {
    let phase = turn / 13 * 5 % 7;
    let move_x = if phase < 3 { speed } else { -speed };
    Input { move_x, move_y: phase as i8 * 9 - 27, buttons: u8::from(turn.is_multiple_of(200)), ..Input::default() }
}

/// Ten shooters with round trips from 20 to 200 ms, each with a runner 20 m away; both run. Every shooter aims five times a
/// second exactly at what he draws of his runner. If the server is not told what that was, shots meet the world as it is.
fn duel(spoil: impl Fn(LinkConfig) -> LinkConfig, tells_view: bool) -> (Rig, Vec<Score>) {
    let places: Vec<_> =
        (0..PAIRS * 2).map(|n| (100.0 + (n / 2) as f64 * 80.0, 400.0 + (n % 2) as f64 * 20.0)).collect();
    let links: Vec<_> = (0..PAIRS * 2).map(|n| spoil(link(20 + n as u64 / 2 * 20))).collect();
    let mut rig = stand(&links, &places);
    let ids: Vec<_> = (0..PAIRS * 2).map(|index| rig.own_id(index)).collect();
    let map = StaticMap::new(1_000, 1_000, &[]).unwrap();
    let aimed_at = Rc::new(RefCell::new(BTreeMap::new()));
    let noted = aimed_at.clone();
    let targets = ids.clone();
    rig.before_input = Some(Box::new(move |index, bot: &mut Bot| {
        let turn = bot.inputs.len() + index * 7;
        bot.input = to_and_fro(turn, if index % 2 == 0 { 80 } else { 127 });
        if index % 2 != 0 || !turn.is_multiple_of(12) {
            return;
        }
        let view = view_of(bot, (turn * 37) as u8);
        let (yaw, pitch) = aim(bot, &map, targets[index + 1], view);
        let told = if tells_view { view } else { ViewTick { tick: Tick(u32::MAX), fraction: 0 } };
        let number = bot.client.shoot(told, yaw, pitch).unwrap();
        noted.borrow_mut().insert((index, number), targets[index + 1]);
    }));
    rig.run_ticks(60 * 30);
    rig.before_input = None;
    rig.run_ticks(60);
    let mut scores = vec![Score::default(); PAIRS];
    for (&(index, number), &target) in aimed_at.borrow().iter() {
        let score = &mut scores[index / 2];
        score.fired += 1;
        let answers = rig.bots[index].happened.iter().filter_map(|(_, _, event)| match *event {
            GameEvent::Shot(shot) if shot.by == ids[index] && shot.number == number => Some(shot.target),
            GameEvent::ShotRefused { number: of, .. } if of == number => {
                score.refused += 1;
                Some(None)
            }
            _ => None,
        });
        let answers: Vec<_> = answers.collect();
        assert_eq!(answers.len(), 1, "each shot has one answer");
        score.hit += u32::from(answers[0] == Some(target));
    }
    (rig, scores)
}

fn ratio(scores: &[Score]) -> f64 {
    let [hit, fired] = [|s: &Score| s.hit, |s: &Score| s.fired].map(|of| scores.iter().map(of).sum::<u32>());
    f64::from(hit) / f64::from(fired)
}

fn print(name: &str, rig: &Rig, scores: &[Score]) {
    let status = rig.realm.status();
    let mean = status.shots_rewound_steps as f64 / status.shots as f64 / 256.0 * 1_000.0 / 60.0;
    let of = |score: &Score| format!("{}/{}-{}", score.hit, score.fired, score.refused);
    let rows: Vec<_> = scores.iter().map(of).collect();
    println!(
        "{name}: {:.2} % hit, rewound {mean:.0} ms on average; hit/fired-refused by round trip:",
        ratio(scores) * 100.0
    );
    println!("  20 to 200 ms: {}", rows.join(" "));
}

/// proves: SHO-1, SHO-3, SHO-4, SHO-5
#[test]
fn who_aims_exactly_at_what_he_sees_hits_it_whatever_his_round_trip() {
    let (rig, scores) = duel(|link| link, true);
    print("lag compensation", &rig, &scores);
    assert!(scores.iter().all(|score| score.fired >= 145));
    assert!(ratio(&scores) >= 0.99, "{scores:?}");
    let (control, without) = duel(|link| link, false);
    print("control without", &control, &without);
    assert_eq!(control.realm.status().shots_rewound_steps, 0);
    assert!(ratio(&without) <= 0.5, "{without:?}");
}

/// A shot is judged by what was seen while that is at most 250 ms ago, and by the oldest there is for 50 ms more; behind a
/// long way with jitter that is not always so, and then it is refused rather than judged by what nobody saw.
#[test]
fn over_links_that_lose_and_delay_at_random_a_shot_hits_or_is_refused() {
    let spoil = |link: LinkConfig| LinkConfig { jitter_ns: 8_000_000, loss: 0.02, ..link };
    let (rig, scores) = duel(spoil, true);
    print("2 % loss, up to 8 ms of jitter", &rig, &scores);
    let (near, far) = scores.split_at(8);
    assert!(ratio(near) >= 0.99 && near.iter().all(|score| score.refused <= 1), "up to 160 ms: {near:?}");
    assert!(far.iter().all(|score| score.hit + score.refused >= score.fired - 1), "180 and 200 ms: {far:?}");
    assert_eq!(rig.realm.status().shots_stale, u64::from(scores.iter().map(|score| score.refused).sum::<u32>()));
}

const TRIGGER_TICKS: u32 = 6;

/// Everybody in turn shoots at the sky, in his own ticks of each `period`.
fn shoot_in_turn(rig: &mut Rig, shooters: std::ops::Range<usize>, period: u32, ticks: u32) {
    for tick in 0..ticks {
        for index in shooters.clone().filter(|&index| (tick + index as u32).is_multiple_of(period)) {
            let bot = &mut rig.bots[index];
            bot.client.shoot(view_of(bot, 0), 0, 60_000).unwrap();
        }
        rig.run_ticks(1);
    }
}

fn shots_told(bot: &Bot, by: NetId) -> Vec<u16> {
    let shots = bot.happened.iter().filter_map(|(_, _, event)| match event {
        GameEvent::Shot(shot) if shot.by == by => Some(shot.number),
        _ => None,
    });
    shots.collect()
}

/// proves: MSG-4, SHO-8
#[test]
fn who_sees_the_shooter_is_told_in_order_exactly_once_and_nobody_else() {
    let bad = LinkConfig {
        jitter_ns: 30_000_000,
        loss: 0.1,
        duplicate: 0.02,
        reorder: 0.05,
        reorder_ns: 40_000_000,
        ..link(100)
    };
    // The last stands 300 m from the others.
    let mut rig = stand(&[bad], &[(500.0, 500.0), (505.0, 500.0), (510.0, 505.0), (520.0, 500.0), (800.0, 500.0)]);
    shoot_in_turn(&mut rig, 0..3, 10, 600);
    rig.run_ticks(120);
    let numbers: Vec<u16> = (0..60).collect();
    for shooter in 0..3 {
        let by = rig.own_id(shooter);
        for bot in &rig.bots[..4] {
            assert_eq!(shots_told(bot, by), numbers, "{} of {by:?}", bot.number);
        }
        assert_eq!(shots_told(&rig.bots[4], by), []);
    }
    let mut waited = 0;
    for bot in &rig.bots {
        let mut last = Tick(0);
        for &(shown, tick, _) in &bot.happened {
            assert!(tick >= last, "events keep the order of their ticks");
            last = tick;
            assert!(tick <= shown, "its tick was shown before it");
        }
        let order = bot.client.stats().order;
        assert_eq!((order.told, order.early), (bot.happened.len() as u64, 0));
        waited = waited.max(order.held_most);
    }
    assert!(waited >= 1, "some event came before its snapshot");
    assert_eq!(rig.realm.status().events_told, 4 * 180);
}

/// proves: MSG-4
#[test]
fn an_event_whose_snapshots_are_all_lost_is_told_after_a_quarter_of_a_second() {
    let mut rig = stand(&[link(20)], &[(500.0, 500.0)]);
    let bot = &mut rig.bots[0];
    bot.client.shoot(view_of(bot, 0), 0, 60_000).unwrap();
    bot.is_deaf = true;
    rig.run_ticks(6);
    assert_eq!(rig.realm.status().shots, 1);
    // From now on the world says nothing new, so what was lost with its part comes alone.
    rig.realm_is_stuck = true;
    rig.run_ticks(3);
    rig.bots[0].is_deaf = false;
    let heard_after = (0..60).find(|_| {
        rig.run_ticks(1);
        rig.bots[0].client.stats().order.held_most == 1
    });
    assert!(heard_after.is_some() && rig.bots[0].happened.is_empty(), "it came, and waits for its tick");
    rig.run_ticks(13);
    assert!(rig.bots[0].happened.is_empty());
    rig.run_ticks(3);
    assert_eq!((rig.bots[0].happened.len(), rig.bots[0].client.stats().order.early), (1, 1));
    rig.realm_is_stuck = false;
    rig.run_ticks(60);
    assert_eq!(rig.bots[0].happened.len(), 1);
}

/// proves: SHO-8
#[test]
fn who_is_hit_is_told_even_if_he_does_not_see_who_shot() {
    let places = [(500.0, 500.0), (560.0, 500.0), (560.0, 540.0)];
    for (sight_m, sees) in [(100, true), (50, false)] {
        let short_sighted = Rig::new(link(20), |config| {
            config.enter_radius_units = sight_m * UNITS_PER_M;
            config.leave_radius_units = (sight_m + 5) * UNITS_PER_M;
        });
        let mut rig = stand_in(short_sighted, &[link(20)], &places);
        assert_eq!(rig.sees(1, 0), sees);
        let bot = &mut rig.bots[0];
        bot.client.shoot(view_of(bot, 0), 0, 0).unwrap();
        rig.run_ticks(30);
        let (by, target) = (rig.own_id(0), Some(rig.own_id(1)));
        for bot in &rig.bots {
            let (_, tick, event) = bot.happened[0];
            assert!(matches!(event, GameEvent::Shot(Shot { by: of, target: at, .. }) if of == by && at == target));
            assert!(tick.0 > 0 && bot.happened.len() == 1, "the third sees him who was hit");
        }
    }
}

/// proves: SHO-4, SHO-5
#[test]
fn what_is_refused_is_told_to_its_shooter_alone_and_counted() {
    let mut rig = stand(&[link(20)], &[(500.0, 500.0), (505.0, 500.0)]);
    let newest = rig.bots[0].client.newest_tick();
    for age in [0, REWIND_TICKS_MAX + CLAMP_TICKS + 1] {
        let view = ViewTick { tick: Tick(newest.0 - age), fraction: 0 };
        rig.bots[0].client.shoot(view, 0, 60_000).unwrap();
    }
    rig.run_ticks(TRIGGER_TICKS * 3);
    for _ in 0..5 {
        let bot = &mut rig.bots[0];
        bot.client.shoot(view_of(bot, 0), 0, 60_000).unwrap();
    }
    rig.run_ticks(30);
    let answers: Vec<_> = rig.bots[0].happened.iter().map(|(_, _, event)| *event).collect();
    let kinds = answers.iter().map(|event| match event {
        GameEvent::Shot(shot) => (shot.number, None),
        GameEvent::ShotRefused { number, reason } => (*number, Some(*reason)),
        other => panic!("nobody did that: {other:?}"),
    });
    let (stale, soon) = (Some(ShotRefusal::Stale), Some(ShotRefusal::TooSoon));
    // A fourth shot in one tick is answered as soon as it comes.
    let wanted = [(0, None), (1, stale), (5, soon), (6, soon), (2, None), (3, None), (4, None)];
    assert_eq!(kinds.collect::<Vec<_>>(), wanted);
    assert_eq!(shots_told(&rig.bots[1], rig.own_id(0)), [0, 2, 3, 4]);
    assert_eq!(rig.bots[1].happened.len(), 4);
    let status = rig.realm.status();
    assert_eq!((status.shots, status.shots_stale, status.shots_too_soon, status.shots_hit), (4, 1, 2, 0));
    rig.run_ticks(TRIGGER_TICKS * 3);
    for _ in 0..3 {
        rig.bots[0].client.shoot(ViewTick::default(), 0, 0).unwrap();
    }
    let bot = &mut rig.bots[0];
    bot.client.shoot(view_of(bot, 0), 0, 0).unwrap();
    rig.run_ticks(30);
    let status = rig.realm.status();
    assert_eq!((status.shots, status.shots_stale, status.shots_too_soon), (4, 4, 3), "a stale shot is a shot, too");
}

/// proves: SHO-8
#[test]
fn who_is_silent_is_told_nothing_and_afterwards_what_happens_then() {
    let mut rig = stand(&[link(20)], &[(500.0, 500.0), (505.0, 500.0)]);
    rig.bots[1].is_mute = true;
    rig.run_ticks(60 * 16);
    assert_eq!(rig.gate.counters().sessions_silent, 1);
    shoot_in_turn(&mut rig, 0..1, 10, 300);
    rig.bots[1].is_mute = false;
    rig.run_ticks(120);
    assert_eq!((rig.bots[0].happened.len(), rig.bots[1].happened.len()), (30, 0));
    shoot_in_turn(&mut rig, 0..1, 10, 100);
    rig.run_ticks(60);
    assert_eq!(shots_told(&rig.bots[1], rig.own_id(0)), (30..40).collect::<Vec<_>>());
    assert_eq!(rig.realm.status().events_told, 30 + 20);
}

#[test]
fn in_a_battle_nobody_loses_his_own_answers_his_snapshots_or_his_session() {
    let places: Vec<_> = (0..60).map(|n| (500.0 + f64::from(n % 8) * 3.0, 500.0 + f64::from(n / 8) * 3.0)).collect();
    let mut rig = stand(&[link(60)], &places);
    rig.bots.iter_mut().for_each(|bot| bot.wanders = true);
    let before = rig.bots[0].client.stats().store;
    shoot_in_turn(&mut rig, 0..60, TRIGGER_TICKS, 600);
    rig.run_ticks(60);
    let status = *rig.realm.status();
    println!("{} shots, {} events told, {} not", status.shots, status.events_told, status.events_untold);
    assert_eq!((status.shots, status.shots_too_soon, status.shots_stale), (60 * 100, 0, 0));
    assert_eq!(status.events_told + status.events_untold, 60 * 6_000, "everybody sees everybody");
    assert!(status.events_untold > 60 * 1_000, "the budget is too small for all of it");
    for index in 0..60 {
        assert_eq!(shots_told(&rig.bots[index], rig.own_id(index)).len(), 100);
        assert_eq!(rig.bots[index].gone, None);
        let seen = (0..60).filter(|&by| by != index).map(|by| shots_told(&rig.bots[index], rig.own_id(by)).len());
        assert!(
            seen.clone().min().unwrap() > 30,
            "nobody's shots are always those left out: {:?}",
            seen.collect::<Vec<_>>()
        );
    }
    let after = rig.bots[0].client.stats().store;
    assert!(after.ticks - before.ticks > 600, "{} ticks", after.ticks - before.ticks);
    assert!(after.updates - before.updates > 600 * 5, "{} updates", after.updates - before.updates);
    rig.assert_all_true();
}

/// At 4,000 bytes a second a snapshot is paid for in six ticks, and in most of them there is a debt.
///
/// proves: SHO-8
#[test]
fn over_a_slow_link_one_hears_of_all_that_hits_one_and_of_what_one_sees() {
    let places: Vec<_> = (0..4).map(|n| (500.0 + f64::from(n) * 5.0, 500.0)).collect();
    let mut rig = stand_in(Rig::with_rate(4_000, link(60), |_| {}), &[link(60)], &places);
    let before = rig.bots[3].client.stats().store.ticks;
    for _ in 0..60 {
        for (index, yaw) in [(0, 0), (1, 0), (2, 0)] {
            let bot = &mut rig.bots[index];
            bot.client.shoot(view_of(bot, 0), yaw, 0).unwrap();
        }
        rig.run_ticks(10);
    }
    rig.run_ticks(60);
    let told = [0, 1, 2].map(|by| shots_told(&rig.bots[3], rig.own_id(by)).len());
    println!("told of {told:?} of 60 shots each; {} not", rig.realm.status().events_untold);
    assert_eq!(told[2], 60, "each of the third's hits the fourth");
    assert!(told[..2].iter().all(|&shots| shots >= 10), "the others hit whom the fourth sees: {told:?}");
    let ticks = rig.bots[3].client.stats().store.ticks - before;
    assert!(ticks > 60, "and snapshots come, too: {ticks}");
}

/// Three hands, the last first.
#[derive(Debug)]
struct Backwards;

impl Crew for Backwards {
    fn hands(&self) -> usize {
        3
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        tasks.iter_mut().rev().for_each(Task::work);
    }
}

#[test]
fn what_is_told_of_a_battle_does_not_depend_on_how_many_hands_tell_it() {
    let battle = |crew: Arc<dyn Crew>| {
        let places: Vec<_> =
            (0..30).map(|n| (500.0 + f64::from(n % 6) * 3.0, 500.0 + f64::from(n / 6) * 3.0)).collect();
        let mut rig = stand_in(Rig::new(link(60), |config| config.crew = crew), &[link(60)], &places);
        rig.bots.iter_mut().for_each(|bot| bot.wanders = true);
        shoot_in_turn(&mut rig, 0..30, TRIGGER_TICKS, 120);
        rig.run_ticks(30);
        rig.bots.iter().map(|bot| bot.happened.clone()).collect::<Vec<_>>()
    };
    let (one, three) = (battle(server::alone()), battle(Arc::new(Backwards)));
    assert!(one.iter().all(|happened| happened.len() > 200));
    assert_eq!(one, three);
}

/// proves: SHO-4
#[test]
fn shots_of_one_tick_are_carried_out_in_the_order_of_ids_however_they_came() {
    let mut rig = stand(&[link(20)], &[(500.0, 500.0), (505.0, 500.0), (510.0, 500.0)]);
    for round in 0..20 {
        for index in [2, 0, 1, 2] {
            let bot = &mut rig.bots[index];
            bot.client.shoot(view_of(bot, 0), 0, 60_000).unwrap();
        }
        rig.run_ticks(30 + round % 4);
    }
    let mut sorted = 0;
    let ids = [0, 1, 2].map(|index| rig.own_id(index));
    for pair in rig.bots[0].happened.windows(2) {
        let [(_, tick, GameEvent::Shot(one)), (_, next, GameEvent::Shot(other))] = pair else { panic!("{pair:?}") };
        if tick == next {
            assert!((one.by, one.number) < (other.by, other.number));
            sorted += 1;
        }
    }
    assert!(ids.is_sorted() && sorted > 30, "{sorted}");
}
