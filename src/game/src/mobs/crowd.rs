//! Where players are, as mobs need it: counted by squares once a tick.
//!
//! Nearly all mobs are far from everybody, and a mob asks only whether somebody is near and who is nearest. The squares
//! answer both for a few reads; they hold players alone, as of this tick, and not the last tick's index of everything.

use crate::fight::{Team, Vitals};
use crate::movement::{Ground, Mobile};
use crate::player::Avatar;
use crate::replica::Replica;
use crate::rulebook::Rulebook;
use bevy_ecs::prelude::{Query, Res, ResMut, Resource, With};
use protocol::NetId;
use protocol::unit::SUBUNITS_PER_M;

use super::way::between;

/// Side of a square: 64 m, in subunits. Who looks 72 m around looks at 9 or 16 of them.
const SQUARE: i32 = 64 * SUBUNITS_PER_M;

/// A player, as mobs see him.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: NetId,
    /// In subunits.
    pub(super) place: (i32, i32),
    /// Whether a mob may go for him: he lives, stands where one can be harmed, and is of no team that mobs spare.
    pub(super) is_prey: bool,
}

/// All players, by square.
#[derive(Debug, Default, Resource)]
pub(super) struct Crowd {
    /// Squares from west to east.
    across: usize,
    /// By square, row by row from the south: where its people begin in `people`; one more at the end.
    starts: Vec<u32>,
    people: Vec<Person>,
    /// As they came; kept for its memory.
    arrivals: Vec<(u32, Person)>,
    /// By [`NetId::row`]: the place in `people`, plus one; 0 for nobody.
    rows: Vec<u32>,
}

/// Counts the players. Whatever is asked of the squares has one answer whatever the order within a square, so the order of the
/// table is as good as any.
pub(super) fn gather(
    ground: Res<'_, Ground>,
    rulebook: Res<'_, Rulebook>,
    mut crowd: ResMut<'_, Crowd>,
    players: Query<'_, '_, (&Replica, &Mobile, &Vitals, &Team), With<Avatar>>,
) {
    let zones = &rulebook.0.places.safe_zones;
    let people = players.iter().map(|(replica, mobile, vitals, team)| {
        let place = (mobile.0.x, mobile.0.y);
        let is_safe = zones.iter().any(|zone| zone.holds(place.0, place.1));
        Person { id: replica.id, place, is_prey: !vitals.is_dead() && !is_safe && team.may_fight(Team::MOBS) }
    });
    crowd.fill(ground.0.extent(), people);
}

impl Crowd {
    fn fill(&mut self, (width, depth): (i32, i32), people: impl Iterator<Item = Person>) {
        let squares = |extent: i32| (extent / SQUARE) as usize + 1;
        let (across, up) = (squares(width), squares(depth));
        self.across = across;
        self.people.iter().for_each(|person| self.rows[person.id.row()] = 0);
        self.starts.clear();
        self.starts.resize(across * up + 1, 0);
        self.arrivals.clear();
        for person in people {
            let square = square_of(person.place.1, up) * across + square_of(person.place.0, across);
            self.starts[square + 1] += 1;
            self.arrivals.push((square as u32, person));
        }
        for square in 1..self.starts.len() {
            self.starts[square] += self.starts[square - 1];
        }
        self.people.clear();
        self.people.resize(self.arrivals.len(), Person::default());
        // Filled from the end of each square, so that what is left in `starts` are beginnings.
        for at in 0..self.arrivals.len() {
            let (square, person) = self.arrivals[at];
            let place = self.starts[square as usize + 1] - 1;
            self.starts[square as usize + 1] = place;
            self.people[place as usize] = person;
            let row = person.id.row();
            if row >= self.rows.len() {
                self.rows.resize(row + 1, 0);
            }
            self.rows[row] = place + 1;
        }
        self.starts.remove(0);
        self.starts.push(self.people.len() as u32);
    }

    /// A player of this tick.
    pub(super) fn find(&self, id: NetId) -> Option<&Person> {
        let place = *self.rows.get(id.row())?;
        self.people.get((place as usize).checked_sub(1)?)
    }

    /// Whether there is anybody at most `radius` from a place, in subunits.
    pub(super) fn is_near(&self, place: (i32, i32), radius: i32) -> bool {
        self.around(place, radius).any(|(square, _)| square <= i64::from(radius) * i64::from(radius))
    }

    /// The nearest prey at most `radius` from a place that is `seen`, the lowest id among equals. At most
    /// [`LOOKS_MAX`] are looked at.
    pub(super) fn nearest(&self, place: (i32, i32), radius: i32, seen: impl Fn(&Person) -> bool) -> Option<&Person> {
        let most = i64::from(radius) * i64::from(radius);
        let mut after = None;
        for _ in 0..LOOKS_MAX {
            let prey = self.around(place, radius).filter(|(square, person)| *square <= most && person.is_prey);
            let next = prey.filter(|(square, person)| Some((*square, person.id)) > after);
            let (square, person) = next.min_by_key(|(square, person)| (*square, person.id))?;
            if seen(person) {
                return Some(person);
            }
            after = Some((square, person.id));
        }
        None
    }

    /// All people of the squares that a circle touches, each with the square of his distance.
    fn around(&self, place: (i32, i32), radius: i32) -> impl Iterator<Item = (i64, &Person)> {
        let across = self.across;
        let up = self.starts.len().checked_sub(1).and_then(|squares| squares.checked_div(across)).unwrap_or(0);
        let range = |at: i32, count: usize| {
            square_of(at.saturating_sub(radius), count)..square_of(at.saturating_add(radius), count) + 1
        };
        let (columns, rows) = (range(place.0, across), range(place.1, up));
        rows.filter(move |&row| row < up).flat_map(move |row| {
            // The squares of a row follow each other, and so do their people.
            let (first, end) = (row * across + columns.start, row * across + columns.end);
            let people = &self.people[self.starts[first] as usize..self.starts[end] as usize];
            people.iter().map(move |person| {
                let (dx, dy) = between(place, person.place);
                (dx * dx + dy * dy, person)
            })
        })
    }
}

/// Most people whom a mob looks for behind blocks in one thought.
const LOOKS_MAX: usize = 4;

fn square_of(at: i32, count: usize) -> usize {
    ((at.max(0) / SQUARE) as usize).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const M: i32 = SUBUNITS_PER_M;

    proptest! {
        #[test]
        fn the_squares_know_what_a_walk_over_all_knows(
            places in prop::collection::vec((0..300_i32, 0..200_i32, any::<bool>()), 0..60),
            (x, y) in (0..300_i32, 0..200_i32), radius in 0..150_i32, hidden in 0_u16..4,
        ) {
            let mut crowd = Crowd::default();
            let person = |(id, &(x, y, is_prey)): (usize, &(i32, i32, bool))| Person { id: NetId(id as u16), place: (x * M, y * M), is_prey };
            let people: Vec<Person> = places.iter().enumerate().map(person).collect();
            // Twice, because what is left of the tick before must not matter.
            crowd.fill((300 * M, 200 * M), people.iter().rev().copied());
            crowd.fill((300 * M, 200 * M), people.iter().copied());
            let place = (x * M, y * M);
            let square = |person: &Person| { let (dx, dy) = between(place, person.place); dx * dx + dy * dy };
            let most = i64::from(radius * M).pow(2);
            prop_assert_eq!(crowd.is_near(place, radius * M), people.iter().any(|person| square(person) <= most));
            let mut prey: Vec<&Person> = people.iter().filter(|person| person.is_prey && square(person) <= most).collect();
            prey.sort_by_key(|person| (square(person), person.id));
            let hidden: Vec<NetId> = prey.iter().take(usize::from(hidden)).map(|person| person.id).collect();
            let expected = prey.iter().find(|person| !hidden.contains(&person.id)).copied();
            prop_assert_eq!(crowd.nearest(place, radius * M, |person| !hidden.contains(&person.id)), expected);
            prop_assert!(people.iter().all(|person| crowd.find(person.id) == Some(person)));
            prop_assert_eq!(crowd.find(NetId(900)), None);
        }
    }
}
