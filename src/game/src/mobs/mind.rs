//! What goes on in a mob.
//!
//! | state  | what it does                        | and then                                                             |
//! |--------|-------------------------------------|----------------------------------------------------------------------|
//! | Asleep | nothing; nobody is near             | somebody is near, or has hurt it: Idle                               |
//! | Idle   | stands                              | hurt, or an enemy comes near: Chase; now and then: Stroll; nobody is near: Asleep |
//! | Stroll | walks to a place of its area        | as Idle; it is there, or does not get on: Idle                       |
//! | Chase  | goes for whom it is after, and casts | nobody is left, or it is too far from home: Return; little health, once in a fight: Flee |
//! | Flee   | runs from whom it was after         | after 4 s: Chase; nobody is left, or it is too far from home: Return |
//! | Return | goes home, heals, heeds nobody      | it is home: Idle; after 30 s: Idle where it is                       |
//! | Dead   | lies                                | after 3 s it is gone; somebody has made it live again: Idle          |
//!
//! Whom it is after is not part of the state: it is always the first of its [`Threat`], so that no name of one who has gone
//! is kept here. A mob thinks in every eighth tick, each in its own; in a fight near its target, and with something lasting
//! on it, in every second.

use super::arsenal::{Arsenal, Moment};
use super::crowd::{Crowd, Person};
use super::nest::{self, Nests};
use super::way::{self, Course, Will};
use super::{Mob, MobCasts, NO_AREA, Thrift, sight};
use crate::cast::Casting;
use crate::chance::{Dice, Question};
use crate::content::{Content, Holds, MobType, Stat};
use crate::effects::Effects;
use crate::fight::{Deaths, Sheet, Threat, Vitals};
use crate::movement::{Ground, Mobile};
use crate::replica::Replica;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::spatial::Quadtree;
use crate::thing::Ended;
use crate::{Clock, Seed};
use bevy_ecs::prelude::{Local, Query, Res, ResMut};
use bevy_ecs::query::QueryData;
use protocol::motion::StaticMap;
use protocol::unit::{SUBUNIT_BITS, SUBUNITS_PER_M, TICK_RATE_HZ, UNITS_PER_M, unit_of};
use protocol::{EntityKind, MobKind, NetId, Tick};
use serde::{Deserialize, Serialize};

/// Ticks from one thought to the next: 133 ms, in which nobody comes 1 m nearer.
const THINK_TICKS: u32 = 8;
/// The same where it matters more: a target so near, in subunits, or something that lasts on it.
const QUICK_TICKS: u32 = 2;
const QUICK_RANGE: i32 = 10 * SUBUNITS_PER_M;
/// It sleeps when nobody is nearer than 1.2 times the more of this and its aggro radius: 60 m, in subunits.
const WAKE_RADIUS: i32 = 60 * SUBUNITS_PER_M;
/// The same, without the 1.2, where mobs are to spare work: nobody sees from much farther what a mob does, in subunits.
const WAKE_RADIUS_SPARING: i32 = 25 * SUBUNITS_PER_M;
/// Thoughts from one stroll to the next, in the mean: 10 s.
const STROLL_THOUGHTS: u32 = 10 * TICK_RATE_HZ / THINK_TICKS;
/// No stroll takes longer: 15 s, in ticks.
const STROLL_TICKS_MAX: u32 = 15 * TICK_RATE_HZ;
/// So near to where it wants to be it is there: 1 m, in subunits.
const ARRIVAL: i32 = SUBUNITS_PER_M;
/// How long it flees: 4 s, in ticks.
const FLEE_TICKS: u32 = 4 * TICK_RATE_HZ;
/// Who finds no way home in this time gives up: 30 s, in ticks.
const RETURN_TICKS_MAX: u32 = 30 * TICK_RATE_HZ;
/// Of its most health a mob that goes home gets 10 % in a second: this part of it in a tick.
const HEAL_PART: i32 = 10 * TICK_RATE_HZ as i32;
/// How long a dead one lies: 3 s, in ticks.
const CORPSE_TICKS: u32 = 3 * TICK_RATE_HZ;

/// See the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Asleep,
    Idle,
    Stroll {
        /// In subunits.
        to: (i32, i32),
    },
    Chase {
        /// Whether its target was within [`QUICK_RANGE`] when it thought last.
        is_near: bool,
    },
    Flee,
    Return,
    Dead,
}

/// What it is about, and what it remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mind {
    pub(super) state: State,
    /// When that began.
    pub(super) since: Tick,
    /// It has fled in this fight.
    has_fled: bool,
    arsenal: Arsenal,
    course: Course,
}

impl Mind {
    pub(super) fn new(now: Tick) -> Self {
        let (arsenal, course) = (Arsenal::default(), Course::default());
        Self { state: State::Idle, since: now, has_fled: false, arsenal, course }
    }

    /// Whether the places that it names can be.
    pub(super) fn is_possible(&self) -> bool {
        let is_sound = !matches!(self.state, State::Stroll { to } if !way::is_place(to));
        is_sound && self.course.is_possible()
    }

    fn enter(&mut self, state: State, now: Tick) {
        (self.state, self.since) = (state, now);
        self.course = Course::default();
    }

    /// Whether it does nothing that a call for help would keep it from. A call wakes: who shoots from afar would else have
    /// them one by one.
    fn is_at_leisure(&self) -> bool {
        matches!(self.state, State::Asleep | State::Idle | State::Stroll { .. })
    }
}

/// Everything of a mob that its thoughts need.
#[derive(QueryData)]
#[query_data(mutable)]
pub(super) struct Minded {
    replica: &'static Replica,
    mob: &'static mut Mob,
    will: &'static mut Will,
    threat: &'static mut Threat,
    vitals: &'static mut Vitals,
    mobile: &'static Mobile,
    sheet: &'static Sheet,
    effects: &'static Effects,
    casting: &'static Casting,
}

/// Somebody goes for a target, and those of its kind near it join. By ascending id of who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    by: NetId,
    kind: MobKind,
    place: (i32, i32),
    target: NetId,
}

/// All mobs whose turn it is. Each thinks for itself, from what others were before: the order of the table is as good as any,
/// and what they say to each other is put in order.
#[expect(clippy::too_many_arguments, reason = "a system names what it touches")]
pub(super) fn think(
    (clock, seed, thrift): (Res<'_, Clock>, Res<'_, Seed>, Res<'_, Thrift>),
    rulebook: Res<'_, Rulebook>,
    ground: Res<'_, Ground>,
    crowd: Res<'_, Crowd>,
    (tree, roster): (Res<'_, Quadtree>, Res<'_, Roster>),
    mut casts: ResMut<'_, MobCasts>,
    mut mobs: Query<'_, '_, Minded>,
    mut calls: Local<'_, Vec<Call>>,
) {
    casts.0.clear();
    calls.clear();
    let (content, now) = (&*rulebook.0, clock.now);
    let scene = Scene { content, map: &ground.0, crowd: &crowd, dice: Dice::new(seed.0, now), now, thrift: *thrift };
    for mut one in &mut mobs {
        if is_turn(&one, now) {
            let kind = content.mobs.at(one.mob.kind);
            Thinker { scene, kind, casts: &mut casts.0, calls: &mut calls }.think(&mut one);
        }
    }
    casts.0.sort_unstable();
    calls.sort_unstable();
    for call in &*calls {
        let radius = content.mobs.at(call.kind).help_radius;
        if radius > 0 {
            answer(call, radius, &tree, &roster, &mut mobs, now);
        }
    }
}

fn is_turn(one: &MindedItem<'_, '_>, now: Tick) -> bool {
    let every = match one.mob.mind.state {
        State::Chase { is_near: true } => QUICK_TICKS,
        State::Asleep | State::Dead => THINK_TICKS,
        _ if one.effects.0.is_empty() => THINK_TICKS,
        _ => QUICK_TICKS,
    };
    (now.0.wrapping_add(u32::from(one.replica.id.0))).is_multiple_of(every)
}

/// Those who are called go at once, and do not call others: else one blow would bring a whole valley.
fn answer(call: &Call, radius: i32, tree: &Quadtree, roster: &Roster, mobs: &mut Query<'_, '_, Minded>, now: Tick) {
    // The index is a tick old: whoever it finds is measured where he is now.
    let (x, y) = (unit_of(call.place.0), unit_of(call.place.1));
    tree.query_circle(x, y, (radius >> SUBUNIT_BITS) + UNITS_PER_M, &mut |id| {
        let Some(Ok(mut one)) = roster.entity(id).map(|entity| mobs.get_mut(entity)) else { return };
        let place = (one.mobile.0.x, one.mobile.0.y);
        let is_kin = id != call.by && one.mob.kind == call.kind && way::is_within(call.place, place, radius);
        // Who was put here since the last tick is not in the index, but would be after a restart.
        let is_settled = now.since(one.mob.mind.since) > 1;
        if is_kin && is_settled && one.mob.mind.is_at_leisure() && !one.vitals.is_dead() {
            one.threat.0.add(call.target, 1);
            one.mob.mind.enter(State::Chase { is_near: false }, now);
        }
    });
}

/// What all who think see.
#[derive(Clone, Copy)]
struct Scene<'a> {
    content: &'a Content,
    map: &'a StaticMap,
    crowd: &'a Crowd,
    dice: Dice,
    now: Tick,
    thrift: Thrift,
}

/// One who thinks, and to whom it says it.
struct Thinker<'a> {
    scene: Scene<'a>,
    kind: &'a MobType,
    casts: &'a mut Vec<(NetId, protocol::SkillId, NetId)>,
    calls: &'a mut Vec<Call>,
}

/// Thoughts in a row that may each lead to the next: whoever wakes may see somebody and go for him at once.
const THOUGHTS_MAX: usize = 3;

impl Thinker<'_> {
    fn think(&mut self, one: &mut MindedItem<'_, '_>) {
        if one.vitals.is_dead() {
            return;
        }
        for _ in 0..THOUGHTS_MAX {
            let before = one.mob.mind.state;
            let next = match before {
                State::Asleep if self.is_alone(one) => State::Asleep,
                State::Asleep | State::Dead => State::Idle,
                State::Idle | State::Stroll { .. } => self.rest(one, before),
                State::Chase { .. } => self.chase(one),
                State::Flee => self.flee(one),
                State::Return => self.go_home(one),
            };
            if std::mem::discriminant(&before) == std::mem::discriminant(&next) {
                one.mob.mind.state = next;
                return;
            }
            self.turn_to(one, next);
        }
    }

    fn turn_to(&self, one: &mut MindedItem<'_, '_>, state: State) {
        match state {
            State::Return => one.threat.0.clear(),
            State::Idle => one.mob.mind.has_fled = false,
            _ => {}
        }
        one.mob.mind.enter(state, self.scene.now);
        self.stand(one, None);
    }

    fn is_alone(&self, one: &MindedItem<'_, '_>) -> bool {
        let radius = if self.scene.thrift.0 {
            WAKE_RADIUS_SPARING.max(self.kind.aggro_radius)
        } else {
            let radius = WAKE_RADIUS.max(self.kind.aggro_radius);
            radius.saturating_add(radius / 5)
        };
        one.threat.0.is_empty() && !self.scene.crowd.is_near(here(one), radius)
    }

    /// Idle or on a stroll.
    fn rest(&mut self, one: &mut MindedItem<'_, '_>, state: State) -> State {
        if let Some(target) = self.provoked(one) {
            let (by, kind, place) = (one.replica.id, self.kind.id, here(one));
            self.calls.push(Call { by, kind, place, target });
            return State::Chase { is_near: false };
        }
        if self.is_alone(one) {
            return State::Asleep;
        }
        let State::Stroll { to } = state else {
            let dice = self.scene.dice;
            let goes =
                self.kind.stroll_percent > 0 && dice.below(Question::Stroll, one.replica.id, 0, STROLL_THOUGHTS) == 0;
            let to =
                goes.then(|| nest::place_in_area(self.scene.content, self.scene.map, dice, &one.mob, one.replica.id));
            return to.flatten().map_or(State::Idle, |to| State::Stroll { to });
        };
        let is_over = self.scene.now.since(one.mob.mind.since) >= STROLL_TICKS_MAX;
        self.walk(one, to, i32::from(self.kind.stroll_percent));
        if is_over || way::is_within(here(one), to, ARRIVAL) || one.mob.mind.course.is_detour(self.scene.now) {
            return State::Idle;
        }
        state
    }

    /// Whom it goes for who was at rest until now: who has hurt it, else the nearest enemy that it sees.
    fn provoked(&self, one: &mut MindedItem<'_, '_>) -> Option<NetId> {
        if let Some(target) = self.target(&mut one.threat) {
            return Some(target.id);
        }
        let (place, radius) = (here(one), self.kind.aggro_radius);
        // Too far from home it would only turn round again.
        if radius <= 0 || !way::is_within(place, one.mob.home, self.kind.leash_radius) {
            return None;
        }
        let sees = |person: &Person| sight::is_open(self.scene.map, place, person.place);
        let prey = self.scene.crowd.nearest(place, radius, sees)?.id;
        one.threat.0.add(prey, 1);
        Some(prey)
    }

    /// The first of those it is after. Whoever is dead, gone or safe is forgotten.
    fn target(&self, threat: &mut Threat) -> Option<Person> {
        while let Some(first) = threat.0.first() {
            match self.scene.crowd.find(first) {
                Some(person) if person.is_prey => return Some(*person),
                _ => threat.0.forget(first),
            }
        }
        None
    }

    fn chase(&mut self, one: &mut MindedItem<'_, '_>) -> State {
        let Some(target) = self.target_within_leash(one) else { return State::Return };
        let (now, place) = (self.scene.now, here(one));
        if self.loses_heart(one) {
            one.mob.mind.has_fled = true;
            return State::Flee;
        }
        let distance = way::distance(place, target.place);
        let state = State::Chase { is_near: distance <= i64::from(QUICK_RANGE) };
        let holds = one.effects.holds(self.scene.content);
        if holds.stun || one.mob.mind.arsenal.stands(now) && one.casting.locked_until <= now {
            self.stand(one, (!holds.stun).then_some(target.place));
            return state;
        }
        let vitals = *one.vitals;
        let moment = Moment {
            content: self.scene.content,
            now,
            vitals: &vitals,
            health_max: one.sheet.now.of(Stat::HealthMax),
            is_silenced: holds.silence,
            distance,
        };
        let sees = sight::is_open(self.scene.map, place, target.place);
        let arsenal = &mut one.mob.mind.arsenal;
        let may_cast = sees && one.casting.locked_until <= now;
        if let Some(choice) = may_cast.then(|| arsenal.choose(self.kind, &moment)).flatten() {
            arsenal.note(self.scene.content, choice, now);
            let by = one.replica.id;
            self.casts.push((by, choice.skill, if choice.is_own { by } else { target.id }));
            self.stand(one, Some(target.place));
        } else if sees && distance <= i64::from(arsenal.reach(self.kind, &moment)) {
            self.stand(one, Some(target.place));
        } else {
            self.walk(one, target.place, one.sheet.now.of(Stat::Speed));
        }
        state
    }

    fn flee(&self, one: &mut MindedItem<'_, '_>) -> State {
        let Some(target) = self.target_within_leash(one) else { return State::Return };
        if self.scene.now.since(one.mob.mind.since) >= FLEE_TICKS {
            return State::Chase { is_near: false };
        }
        let (x, y) = here(one);
        let (dx, dy) = way::between(target.place, (x, y));
        // Who is run over has no direction to run to: any is as good.
        let (dx, dy) = if (dx, dy) == (0, 0) { (1, 0) } else { (dx as i32, dy as i32) };
        let away = (x.saturating_add(dx), y.saturating_add(dy));
        self.walk(one, away, one.sheet.now.of(Stat::Speed));
        State::Flee
    }

    fn target_within_leash(&self, one: &mut MindedItem<'_, '_>) -> Option<Person> {
        let target = self.target(&mut one.threat)?;
        way::is_within(here(one), one.mob.home, self.kind.leash_radius).then_some(target)
    }

    fn loses_heart(&self, one: &MindedItem<'_, '_>) -> bool {
        let (health, most) = (i64::from(one.vitals.health), i64::from(one.sheet.now.of(Stat::HealthMax)));
        !one.mob.mind.has_fled && health * 1_000 < most * i64::from(self.kind.flee_below)
    }

    fn go_home(&self, one: &mut MindedItem<'_, '_>) -> State {
        one.threat.0.clear();
        let most = one.sheet.now.of(Stat::HealthMax);
        let ticks = if one.effects.0.is_empty() { THINK_TICKS } else { QUICK_TICKS };
        let healed = part_by_tick(most, self.scene.now, ticks);
        one.vitals.health = one.vitals.health.saturating_add(healed).min(most);
        let has_given_up = self.scene.now.since(one.mob.mind.since) >= RETURN_TICKS_MAX;
        if has_given_up || way::is_within(here(one), one.mob.home, ARRIVAL) {
            return State::Idle;
        }
        self.walk(one, one.mob.home, one.sheet.now.of(Stat::Speed));
        State::Return
    }

    fn walk(&self, one: &mut MindedItem<'_, '_>, to: (i32, i32), percent: i32) {
        let Holds { root, stun, .. } = one.effects.holds(self.scene.content);
        if root || stun {
            self.stand(one, (!stun).then_some(to));
            return;
        }
        let (now, place, id) = (self.scene.now, here(one), one.replica.id);
        let draw = || self.scene.dice.below(Question::Stroll, id, SIDE, 2) == 0;
        *one.will = one.mob.mind.course.towards(place, to, percent.min(100), now, draw);
    }

    /// Stands, and looks at a place or where it has looked.
    fn stand(&self, one: &mut MindedItem<'_, '_>, at: Option<(i32, i32)>) {
        let place = here(one);
        *one.will = Will::looking(at.map_or(one.will.yaw(), |at| way::bearing(way::between(place, at))));
        one.mob.mind.course.rest(place, self.scene.now);
    }
}

/// Tells the draw of a side from those of a place.
const SIDE: u32 = u32::MAX;

fn here(one: &MindedItem<'_, '_>) -> (i32, i32) {
    (one.mobile.0.x, one.mobile.0.y)
}

/// What comes of a [`HEAL_PART`]th of `most` in each of the last `ticks`, so that all of it comes in [`HEAL_PART`] of them
/// however they are put together.
fn part_by_tick(most: i32, now: Tick, ticks: u32) -> i32 {
    let until = |tick: u32| i64::from(most) * i64::from(tick) / i64::from(HEAL_PART);
    (until(now.0) - until(now.0.saturating_sub(ticks))) as i32
}

/// The dead lie, their areas are told, and those who have lain long enough are gone.
pub(super) fn die(
    clock: Res<'_, Clock>,
    rulebook: Res<'_, Rulebook>,
    roster: Res<'_, Roster>,
    deaths: Res<'_, Deaths>,
    mut nests: ResMut<'_, Nests>,
    mut ended: ResMut<'_, Ended>,
    mut mobs: Query<'_, '_, (&Replica, &mut Mob, &mut Will, &mut Threat, &Vitals)>,
) {
    for death in deaths.0.iter().filter(|death| death.kind == EntityKind::Mob) {
        let Some(Ok(one)) = roster.entity(death.who).map(|entity| mobs.get_mut(entity)) else { continue };
        let (_, mut mob, mut will, mut threat, _) = one;
        nests.lose(&rulebook.0.places.spawns, mob.area, clock.now);
        mob.area = NO_AREA;
        mob.mind.enter(State::Dead, clock.now);
        *will = Will::looking(will.yaw());
        threat.0.clear();
    }
    for (replica, mob, _, _, vitals) in &mobs {
        let is_over = mob.mind.state == State::Dead && clock.now.since(mob.mind.since) >= CORPSE_TICKS;
        if is_over && vitals.is_dead() {
            ended.0.push(replica.id);
        }
    }
}
