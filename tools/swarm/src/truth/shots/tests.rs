//! Shots on a plain, each told rightly and in every wrong way.

use super::super::{SETTLED_TICKS, Sight, Views};
use super::*;
use protocol::event::Shot;
use protocol::message::Welcome;
use protocol::motion::Body;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{NetId, OwnState, ViewTick};

/// The tick in which shots are carried out, and the one in which their targets were seen.
const NOW: Tick = Tick(400);
const SEEN: Tick = Tick(394);

const _: () = assert!(SEEN.0 > SETTLED_TICKS, "or nobody is judged");

struct Blind;

impl Views for Blind {
    fn sight(&self, _: usize, _: NetId) -> Option<Sight> {
        None
    }
}

fn id(bot: usize) -> NetId {
    NetId(bot as u16 + 100)
}

fn units(metres: f64) -> i32 {
    (metres * f64::from(UNITS_PER_M)).round() as i32
}

/// Bot 0 shoots from (100 m, 100 m); the others stand where `places` says, in metres from there, and walk 1 m/s north.
fn checker(places: &[(f64, f64)]) -> Checker {
    let mut checker = Checker::new(places.len() + 1);
    let metres = |m: f64| (m * f64::from(SUBUNITS_PER_M)) as i32;
    for bot in 0..=places.len() {
        // Nobody is near enough to be owed an enter.
        let welcome =
            Welcome { own: id(bot), tick: Tick(1), enter_radius_units: 0, leave_radius_units: 0, visible_max: 9 };
        checker.on_joined(bot, &welcome);
    }
    for tick in 2..=NOW.0 + COMPARE_AFTER_TICKS {
        let walked = (f64::from(tick) - f64::from(SEEN.0)) / 60.0;
        for bot in 0..=places.len() {
            let (x, y) = bot.checked_sub(1).map_or((0.0, 0.0), |other| (places[other].0, places[other].1 + walked));
            let body = Body { x: metres(100.0 + x), y: metres(100.0 + y), ..Body::default() };
            checker.on_own(bot, Tick(tick), &OwnState { body, ..OwnState::default() });
        }
    }
    checker
}

/// A level shot east that ends so far away, metres, and where its line begins aside of the shooter's eye.
fn east(length: f64, aside: f64, target: Option<usize>) -> (Shoot, Shot) {
    let view = ViewTick { tick: SEEN, fraction: 0 };
    let (x_units, y_units, z_units) = (units(100.0 + length), units(100.0 + aside), units(1.6));
    let shot = Shot { by: id(0), number: 0, target: target.map(id), x_units, y_units, z_units };
    (Shoot { view, ..Shoot::default() }, shot)
}

/// The kinds of error that are found, and how many shots were followed to their end.
fn found(places: &[(f64, f64)], (asked, shot): (Shoot, Shot)) -> (Vec<Kind>, u64) {
    let mut checker = checker(places);
    checker.on_shot(0, NOW, &asked, &shot);
    checker.judge(&Blind);
    println!("{:?}", checker.findings().cases());
    let kinds = super::super::KINDS.into_iter().filter(|kind| checker.findings().count(*kind) > 0);
    (kinds.collect(), checker.shots_judged())
}

#[test]
fn a_hit_that_ends_at_the_body_as_it_was_seen_is_right() {
    assert_eq!(found(&[(20.0, 0.0)], east(19.6, 0.0, Some(1))), (vec![], 1));
    assert_eq!(found(&[(20.0, 0.3)], east(19.735, 0.0, Some(1))), (vec![], 1));
    assert_eq!(
        found(&[(20.0, 0.0)], east(20.0 - (0.4_f64.powi(2) - 0.3_f64.powi(2)).sqrt(), 0.3, Some(1))),
        (vec![], 1)
    );
}

#[test]
fn a_hit_that_ends_elsewhere_is_a_desync() {
    for shot in [east(20.6, 0.0, Some(1)), east(19.0, 0.0, Some(1)), east(19.9, 0.5, Some(1))] {
        assert_eq!(found(&[(20.0, 0.0)], shot), (vec![Kind::Desync], 0));
    }
    let (asked, shot) = east(19.6, 0.0, Some(1));
    let above = Shot { z_units: units(1.9), ..shot };
    assert_eq!(found(&[(20.0, 0.0)], (asked, above)), (vec![Kind::Desync], 0));
}

#[test]
fn who_was_there_when_the_shot_came_but_not_when_he_was_seen_is_not_hit() {
    // He walked into the line since: 0.1 m in six ticks.
    assert_eq!(found(&[(20.0, -0.45)], east(19.8, 0.0, Some(1))), (vec![Kind::Desync], 0));
}

#[test]
fn what_is_seen_too_long_ago_is_judged_as_of_15_ticks_ago_and_then_by_nothing() {
    let seen = |ago: u32, shot: (Shoot, Shot)| {
        (Shoot { view: ViewTick { tick: Tick(NOW.0 - ago), fraction: 0 }, ..shot.0 }, shot.1)
    };
    // Fifteen ticks ago he stood 0.15 m farther south than when he was "seen"; that is still within the line.
    assert_eq!(found(&[(20.0, 0.15)], seen(18, east(19.6, 0.0, Some(1)))), (vec![], 1));
    assert_eq!(found(&[(20.0, 0.0)], seen(19, east(19.6, 0.0, Some(1)))), (vec![Kind::Other], 0));
}

#[test]
fn a_shot_that_does_not_come_from_its_shooter_is_a_desync() {
    assert_eq!(found(&[(-50.0, 0.0)], east(100.0, 1.0, None)), (vec![], 1), "inputs that wait may have moved him");
    assert_eq!(found(&[(-50.0, 0.0)], east(100.0, 1.5, None)), (vec![Kind::Desync], 0));
    assert_eq!(found(&[(-50.0, 0.0)], east(102.0, 0.0, None)), (vec![Kind::Desync], 0), "beyond its reach");
    assert_eq!(found(&[(-50.0, 0.0)], east(-2.0, 0.0, None)), (vec![Kind::Desync], 0), "behind him");
}

#[test]
fn a_shot_that_goes_through_somebody_is_a_desync() {
    assert_eq!(found(&[(20.0, 0.0)], east(100.0, 0.0, None)), (vec![Kind::Desync], 0));
    assert_eq!(found(&[(20.0, 0.0), (40.0, 0.0)], east(39.6, 0.0, Some(2))), (vec![Kind::Desync], 0));
    // Beside the line, behind its end, or so near that he may be behind the eye.
    for place in [(20.0, 0.4), (20.0, -0.4), (101.0, 0.0), (0.9, 0.0)] {
        assert_eq!(found(&[place], east(100.0, 0.0, None)), (vec![], 1), "{place:?}");
    }
}

#[test]
fn who_hits_himself_or_nobody_known_is_told_nonsense() {
    assert_eq!(found(&[(20.0, 0.0)], east(19.6, 0.0, Some(0))), (vec![Kind::Other], 0));
    assert_eq!(found(&[(20.0, 0.0)], east(19.6, 0.0, Some(7))), (vec![Kind::Other], 0));
}

#[test]
fn a_shot_into_the_ground_meets_nobody_behind() {
    // Down by 45 degrees: it is in the ground after 1.6 m, before it comes to anybody.
    let (asked, shot) = east(1.6, 0.0, None);
    let down = (Shoot { pitch: 8_192, ..asked }, Shot { z_units: 0, ..shot });
    assert_eq!(found(&[(3.0, 0.0)], down), (vec![], 1));
    let level = (asked, down.1);
    assert_eq!(found(&[(3.0, 0.0)], level), (vec![Kind::Desync], 0), "its line began at his feet");
}
