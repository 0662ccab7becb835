//! Who is in whose view (spec: SNP-11): the area of interest, with a gap between entering and leaving so that nobody flickers.

use super::view::View;
use game::{Quadtree, Replicas};
use protocol::NetId;

/// The terms of sight, in units.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// Comes into view nearer than this.
    pub enter_radius: i32,
    /// Goes out of view farther than this; larger than `enter_radius`.
    pub leave_radius: i32,
    /// At most this many are in view; beyond, the nearest.
    pub visible_max: usize,
}

/// Scratch space for one interest pass after another.
#[derive(Debug, Default)]
pub struct Interest {
    /// By row: the pass in which this entity was found present in the viewer's table.
    seen_in: Vec<u32>,
    pass: u32,
    /// Not in view yet but near enough: squared distance and who.
    candidates: Vec<(i64, NetId)>,
    /// In view: squared distance and slot.
    present: Vec<(i64, u16)>,
    /// In view no longer: slots.
    lost: Vec<u16>,
}

/// What the realm does about changes of sight.
#[derive(Debug)]
pub struct Change<M, E, L> {
    /// Whether an entity may come into view at all.
    pub may_enter: M,
    /// An entity came into view.
    pub entered: E,
    /// The entity in this slot is out of view: end its presence.
    pub leave: L,
}

impl Interest {
    /// Brings one viewer's table up to date.
    pub fn update<M: FnMut(NetId) -> bool, E: FnMut(NetId), L: FnMut(&mut View, u16)>(
        &mut self,
        viewer: NetId,
        view: &mut View,
        sight: &Sight,
        replicas: &Replicas,
        spatial: &Quadtree,
        change: Change<M, E, L>,
    ) {
        let Change { mut may_enter, mut entered, leave: mut left } = change;
        let (x, y) = (replicas.state(viewer).x, replicas.state(viewer).y);
        self.begin(replicas.len());
        self.scan_present(view, sight, replicas, (x, y), &mut left);
        let (seen_in, pass, candidates) = (&self.seen_in, self.pass, &mut self.candidates);
        spatial.query_circle(x, y, sight.enter_radius, &mut |id: NetId| {
            if id != viewer && seen_in[id.row()] != pass && replicas.is_live(id) && may_enter(id) {
                candidates.push((distance_squared(replicas, id, (x, y)), id));
            }
        });
        self.make_room(view, sight, &mut left);
        for &(_, id) in &self.candidates {
            if view.enter(id).is_none() {
                break;
            }
            entered(id);
        }
    }

    fn begin(&mut self, rows: usize) {
        self.pass = self.pass.wrapping_add(1);
        if self.pass == 0 {
            self.seen_in.fill(0);
            self.pass = 1;
        }
        if self.seen_in.len() < rows {
            self.seen_in.resize(rows, 0);
        }
        self.candidates.clear();
        self.present.clear();
        self.lost.clear();
    }

    fn scan_present(
        &mut self,
        view: &mut View,
        sight: &Sight,
        replicas: &Replicas,
        centre: (i32, i32),
        left: &mut impl FnMut(&mut View, u16),
    ) {
        let leave_squared = square(sight.leave_radius);
        for (slot, id) in view.in_view() {
            self.seen_in[id.row()] = self.pass;
            let distance = distance_squared(replicas, id, centre);
            if !replicas.is_live(id) || distance > leave_squared {
                self.lost.push(slot);
            } else {
                self.present.push((distance, slot));
            }
        }
        self.lost.iter().for_each(|&slot| left(view, slot));
    }

    /// Above the cap the nearest stay: the farthest in view make room for nearer newcomers.
    fn make_room(&mut self, view: &mut View, sight: &Sight, left: &mut impl FnMut(&mut View, u16)) {
        let total = self.present.len() + self.candidates.len();
        if total <= sight.visible_max {
            return;
        }
        self.candidates.sort_unstable();
        self.present.sort_unstable();
        let room = sight.visible_max.saturating_sub(self.present.len());
        let mut admitted = room.min(self.candidates.len());
        let mut stay = self.present.len();
        while admitted < self.candidates.len() && stay > 0 {
            let (newcomer, (farthest, slot)) = (self.candidates[admitted].0, self.present[stay - 1]);
            if newcomer >= farthest {
                break;
            }
            left(view, slot);
            stay -= 1;
            admitted += 1;
        }
        self.candidates.truncate(admitted);
    }
}

fn distance_squared(replicas: &Replicas, id: NetId, centre: (i32, i32)) -> i64 {
    let state = replicas.state(id);
    let (dx, dy) = (i64::from(state.x - centre.0), i64::from(state.y - centre.1));
    dx * dx + dy * dy
}

fn square(radius: i32) -> i64 {
    i64::from(radius) * i64::from(radius)
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::{Game, GameConfig};
    use protocol::CharacterId;
    use protocol::motion::StaticMap;
    use protocol::unit::{UNITS_PER_M, units_from_m};
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    const SIGHT: Sight = Sight { enter_radius: 100 * UNITS_PER_M, leave_radius: 115 * UNITS_PER_M, visible_max: 1_000 };

    /// A world with players at these places, in metres.
    fn world(places: &[(f64, f64)]) -> (Game, Vec<NetId>) {
        let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
        let mut game = Game::new(GameConfig { seed: 1, map, entities_max: 1_000 });
        let ids: Vec<_> = (0..places.len()).map(|i| game.spawn_player(CharacterId(i as u64), None).unwrap()).collect();
        put(&mut game, &ids, places);
        (game, ids)
    }

    fn put(game: &mut Game, ids: &[NetId], places: &[(f64, f64)]) {
        for (&id, &(x, y)) in ids.iter().zip(places) {
            game.place_player(id, units_from_m(x), units_from_m(y));
        }
        game.tick();
    }

    fn look(interest: &mut Interest, game: &Game, viewer: NetId, view: &mut View, sight: &Sight) {
        let change = Change { may_enter: |_| true, entered: |_| {}, leave: |view: &mut View, slot| view.leave(slot) };
        interest.update(viewer, view, sight, game.replicas(), game.spatial(), change);
    }

    fn seen(view: &View) -> BTreeSet<NetId> {
        view.in_view().map(|(_, id)| id).collect()
    }

    /// proves: SNP-11
    #[test]
    fn between_the_two_radii_one_stays_as_one_was() {
        let (mut game, ids) = world(&[(500.0, 500.0), (610.0, 500.0)]);
        let (mut interest, mut view) = (Interest::default(), View::default());
        let mut at = |x: f64| {
            put(&mut game, &ids, &[(500.0, 500.0), (x, 500.0)]);
            look(&mut interest, &game, ids[0], &mut view, &SIGHT);
            seen(&view).contains(&ids[1])
        };
        assert_eq!([110.0, 99.0, 110.0, 116.0, 110.0].map(|d| at(500.0 + d)), [false, true, true, false, false]);
    }

    #[test]
    fn sight_equals_brute_force_in_a_moving_crowd() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut places: Vec<(f64, f64)> =
            (0..200).map(|_| (rng.random_range(300.0..700.0), rng.random_range(300.0..700.0))).collect();
        let (mut game, ids) = world(&places);
        let (mut interest, mut view) = (Interest::default(), View::default());
        let mut expected = BTreeSet::new();
        for _ in 0..60 {
            for place in &mut places {
                place.0 += rng.random_range(-20.0..20.0);
                place.1 += rng.random_range(-20.0..20.0);
            }
            put(&mut game, &ids, &places);
            look(&mut interest, &game, ids[0], &mut view, &SIGHT);
            let me = *game.replicas().state(ids[0]);
            for &id in &ids[1..] {
                let distance = distance_squared(game.replicas(), id, (me.x, me.y));
                if distance <= square(SIGHT.enter_radius) {
                    expected.insert(id);
                } else if distance > square(SIGHT.leave_radius) {
                    expected.remove(&id);
                }
            }
            assert_eq!(seen(&view), expected);
        }
        assert!(expected.len() > 5);
    }

    #[test]
    fn above_the_cap_the_nearest_are_seen() {
        let places: Vec<_> = (0..50).map(|i| (500.0 + f64::from(i), 500.0)).collect();
        let (mut game, ids) = world(&places);
        let (mut interest, mut view) = (Interest::default(), View::default());
        let sight = Sight { visible_max: 10, ..SIGHT };
        look(&mut interest, &game, ids[0], &mut view, &sight);
        assert_eq!(seen(&view), ids[1..=10].iter().copied().collect());
        let mirrored: Vec<_> = (0..50).map(|i| (500.0 + f64::from((50 - i) % 50), 500.0)).collect();
        put(&mut game, &ids, &mirrored);
        look(&mut interest, &game, ids[0], &mut view, &sight);
        assert_eq!(seen(&view), ids[40..].iter().copied().collect());
    }

    #[test]
    fn the_dead_leave_at_once() {
        let (mut game, ids) = world(&[(500.0, 500.0), (510.0, 500.0)]);
        let (mut interest, mut view) = (Interest::default(), View::default());
        look(&mut interest, &game, ids[0], &mut view, &SIGHT);
        assert_eq!(view.present(), 1);
        game.despawn(ids[1]);
        look(&mut interest, &game, ids[0], &mut view, &SIGHT);
        assert_eq!(view.present(), 0);
    }
}
