//! Capture the flag: a whole game beside the one that is here, and the server that runs it.
//!
//! Two teams, each with a base and a flag. Whoever touches the other team's flag carries it; whoever dies with it or lays it
//! down leaves it there, and one of its own team who touches it then brings it home. It lies for a second before anybody can
//! take it up, and after a minute it is at home again. A carried flag that is brought to the
//! carrier's base, while his own flag stands there, is a point; five points win, and it begins anew. A carrier's hands are
//! full: he has no mana.
//!
//! `cargo run --release --example capture_the_flag` takes all the options of the server. What a client needs of it are the
//! types that are a [`Kind`]: in a game of one's own they stand in a crate that both ends use.

use bevy_ecs::prelude::{Commands, Component, Entity, IntoScheduleConfigs, Query, Res, ResMut, Resource, World};
use bincode::{Decode, Encode};
use game::content::Outcome;
use game::extension::{Blows, Clock, Happenings, Mobile, Replica, Setup, Team, Vitals, entity_of};
use game::{Extension, Extensions, Phase};
use protocol::custom::Kind;
use protocol::event::Audience;
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ};
use protocol::{NetId, Refusal, Tick};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

/// The teams: flag 0 is that of the first.
const TEAMS: [Team; 2] = [Team::new(1), Team::new(2)];
/// One touches a flag or a base from so far away, in subunits: 2 m.
const REACH: i64 = 2 * SUBUNITS_PER_M as i64;
/// A flag lies for so long before somebody can touch it: a second.
const REST_TICKS: u32 = TICK_RATE_HZ;
/// And for so long at most: a minute.
const LYING_TICKS_MAX: u32 = 60 * TICK_RATE_HZ;
/// Points that win.
const POINTS_TO_WIN: u8 = 5;

fn main() -> ExitCode {
    throng::program::run(Extensions::none().with(CaptureTheFlag { bases_m: [(200, 200), (260, 200)] }))
}

/// The rules, on a map where the bases are here: east and north, in metres.
struct CaptureTheFlag {
    bases_m: [(i32, i32); 2],
}

impl Extension for CaptureTheFlag {
    fn build(&self, setup: &mut Setup<'_>) {
        let bases = self.bases_m.map(|(x, y)| (x * SUBUNITS_PER_M, y * SUBUNITS_PER_M));
        setup.insert_resource(Match { bases, flags: [Flag::Home; 2], points: [0; 2] });
        setup.save_resource::<Match>("capture_the_flag");
        setup.save::<Side>("capture_the_flag_side");
        setup.replicate::<Side>();
        setup.on_command::<Join>(join);
        setup.on_command::<LayDown>(lay_down);
        // Bodies have moved when the phase of movement is over; who is dead is known when blows have been dealt.
        setup.add_systems(Phase::Movement, (touch, burden).chain());
        setup.add_systems(Phase::Resolve, fall);
        setup.add_systems(Phase::Recover, show);
    }
}

/// How it stands.
#[derive(Clone, Debug, Resource, Serialize, Deserialize)]
struct Match {
    /// Where flags are at home, in subunits.
    bases: [(i32, i32); 2],
    flags: [Flag; 2],
    points: [u8; 2],
}

/// Where a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Flag {
    Home,
    With(NetId),
    Lying { place: (i32, i32), since: Tick },
}

/// What everybody sees of a player: his team, and whether he carries the other one's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Component, Encode, Decode, Serialize, Deserialize)]
struct Side {
    team: u8,
    carries: bool,
}

/// Somebody wants to play for a team: 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Join {
    team: u8,
}

/// Somebody lays the flag down that he carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct LayDown;

/// Everybody is told what becomes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
enum FlagNews {
    Taken {
        flag: u8,
    },
    Dropped {
        flag: u8,
    },
    Returned {
        flag: u8,
    },
    /// Points of both teams.
    Captured {
        points: [u8; 2],
    },
    Won {
        team: u8,
    },
}

impl Kind for Side {
    const KIND: u8 = 1;
}
impl Kind for Join {
    const KIND: u8 = 1;
}
impl Kind for LayDown {
    const KIND: u8 = 2;
}
impl Kind for FlagNews {
    const KIND: u8 = 1;
}

impl Match {
    /// The flag that somebody carries.
    fn carried_by(&self, who: NetId) -> Option<usize> {
        self.flags.iter().position(|flag| *flag == Flag::With(who))
    }

    /// Somebody of team `own` is here, alive.
    fn touch(&mut self, now: Tick, who: NetId, own: usize, here: (i32, i32)) -> Option<FlagNews> {
        let other = 1 - own;
        if self.flags[own] != Flag::Home && self.place(own, now).is_some_and(|place| is_near(place, here)) {
            self.flags[own] = Flag::Home;
            return Some(FlagNews::Returned { flag: own as u8 });
        }
        if self.place(other, now).is_some_and(|place| is_near(place, here)) {
            self.flags[other] = Flag::With(who);
            return Some(FlagNews::Taken { flag: other as u8 });
        }
        let is_home = self.flags == [Flag::Home, Flag::With(who)] || self.flags == [Flag::With(who), Flag::Home];
        (is_home && self.flags[own] == Flag::Home && is_near(self.bases[own], here)).then(|| self.capture(own))
    }

    fn capture(&mut self, own: usize) -> FlagNews {
        self.flags = [Flag::Home; 2];
        self.points[own] += 1;
        if self.points[own] < POINTS_TO_WIN {
            return FlagNews::Captured { points: self.points };
        }
        self.points = [0; 2];
        FlagNews::Won { team: own as u8 + 1 }
    }

    /// Where a flag stands or lies for somebody to touch.
    fn place(&self, flag: usize, now: Tick) -> Option<(i32, i32)> {
        match self.flags[flag] {
            Flag::Home => Some(self.bases[flag]),
            Flag::Lying { place, since } => (now.since(since) >= REST_TICKS).then_some(place),
            Flag::With(_) => None,
        }
    }
}

fn is_near((ax, ay): (i32, i32), (bx, by): (i32, i32)) -> bool {
    let (dx, dy) = (i64::from(ax) - i64::from(bx), i64::from(ay) - i64::from(by));
    dx * dx + dy * dy <= REACH * REACH
}

fn join(world: &mut World, by: NetId, Join { team }: Join) -> Result<(), Refusal> {
    let entity = entity_of(world, by).ok_or(Refusal::UnknownTarget)?;
    let team = TEAMS.into_iter().find(|known| known.number() == team).ok_or(Refusal::WrongSide)?;
    if world.resource::<Match>().carried_by(by).is_some() {
        return Err(Refusal::Busy);
    }
    world.entity_mut(entity).insert((team, Side { team: team.number(), carries: false }));
    Ok(())
}

fn lay_down(world: &mut World, by: NetId, _: LayDown) -> Result<(), Refusal> {
    let flag = world.resource::<Match>().carried_by(by).ok_or(Refusal::NoSuchItem)?;
    let body =
        entity_of(world, by).and_then(|entity| world.get::<Mobile>(entity)).ok_or(Refusal::UnknownTarget)?.body();
    let (place, since) = ((body.x, body.y), world.resource::<Clock>().now());
    world.resource_mut::<Match>().flags[flag] = Flag::Lying { place, since };
    let news = FlagNews::Dropped { flag: flag as u8 };
    world.resource_mut::<Happenings>().tell_custom(by, Audience::World, &news);
    Ok(())
}

/// Players on foot touch flags and bases. By id, so that of two who touch one in the same tick it is always the same.
fn touch(
    clock: Res<'_, Clock>,
    mut game: ResMut<'_, Match>,
    mut happenings: ResMut<'_, Happenings>,
    players: Query<'_, '_, (&Replica, &Mobile, &Vitals, &Side)>,
) {
    let mut alive: Vec<_> = players.iter().filter(|(_, _, vitals, _)| !vitals.is_dead()).collect();
    alive.sort_unstable_by_key(|(replica, ..)| replica.id());
    for (replica, mobile, _, side) in alive {
        let (id, body) = (replica.id(), mobile.body());
        if let Some(news) = game.touch(clock.now(), id, usize::from(side.team) - 1, (body.x, body.y)) {
            happenings.tell_custom(id, Audience::World, &news);
        }
    }
}

/// Who carries a flag cannot cast.
fn burden(game: Res<'_, Match>, mut blows: ResMut<'_, Blows>) {
    for flag in game.flags {
        if let Flag::With(carrier) = flag {
            blows.deal(carrier, Outcome::Mana { amount: i32::MIN / 2 });
        }
    }
}

/// What a carrier carried lies where he died; if he has left the world, it is at home, and so is what lay for too long.
fn fall(
    clock: Res<'_, Clock>,
    mut game: ResMut<'_, Match>,
    mut happenings: ResMut<'_, Happenings>,
    players: Query<'_, '_, (&Replica, &Mobile, &Vitals)>,
) {
    for number in 0..game.flags.len() {
        if matches!(game.flags[number], Flag::Lying { since, .. } if clock.now().since(since) >= LYING_TICKS_MAX) {
            game.flags[number] = Flag::Home;
        }
        let Flag::With(carrier) = game.flags[number] else { continue };
        let found = players.iter().find(|(replica, ..)| replica.id() == carrier);
        game.flags[number] = match found {
            Some((.., vitals)) if !vitals.is_dead() => continue,
            Some((_, mobile, _)) => Flag::Lying { place: (mobile.body().x, mobile.body().y), since: clock.now() },
            None => Flag::Home,
        };
        happenings.tell_custom(carrier, Audience::World, &FlagNews::Dropped { flag: number as u8 });
    }
}

/// Only what has changed is written, because everybody who sees him is told of it.
fn show(game: Res<'_, Match>, players: Query<'_, '_, (Entity, &Replica, &Side)>, mut commands: Commands<'_, '_>) {
    for (entity, replica, side) in &players {
        let carries = game.carried_by(replica.id()).is_some();
        if side.carries != carries {
            commands.entity(entity).insert(Side { carries, ..*side });
        }
    }
}

#[cfg(test)]
#[path = "capture_the_flag/tests.rs"]
mod tests;
