//! Who is in whose view (spec: SNP-11): the area of interest, with a gap between entering and leaving so that nobody flickers.

use super::priority::Tiers;
use super::relevance::{Sight, look_at};
use super::rotation::{Candidate, Crowd, Present, Rotation};
use super::view::View;
use game::{Bonds, Game, Quadtree, Replicas};
use protocol::{NetId, Tick};

/// Interest is looked at anew every this many ticks (100 ms), each viewer in its own of them...
const PERIOD_TICKS: u32 = 6;
/// ...or every so many where more than [`CROWDED`] are in view or wait for a place in it: a look costs by their number, and
/// who comes to a crowd of hundreds is not missed for a fifth of a second.
const PERIOD_TICKS_CROWDED: u32 = 2 * PERIOD_TICKS;
const CROWDED: usize = 256;
/// ...or every so many where more than these are, of whom there cannot be room for all: with a snapshot and a way he is still
/// seen within half a second.
const PERIOD_TICKS_THRONGED: u32 = 3 * PERIOD_TICKS;
const THRONGED: usize = 1_024;

/// Ticks between two looks of a viewer.
#[must_use]
pub fn period_ticks(view: &View, rotation: &Rotation) -> u32 {
    match view.present() + rotation.waiting() {
        0..=CROWDED => PERIOD_TICKS,
        around if around <= THRONGED => PERIOD_TICKS_CROWDED,
        _ => PERIOD_TICKS_THRONGED,
    }
}

/// What there is to be seen: the same for all viewers in a tick.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    now: Tick,
    sight: &'a Sight,
    replicas: &'a Replicas,
    spatial: &'a Quadtree,
    bonds: &'a Bonds,
}

impl<'a> Surroundings<'a> {
    /// The world of this tick, to be seen on these terms.
    #[must_use]
    pub fn new(game: &'a Game, sight: &'a Sight) -> Self {
        let (replicas, spatial, bonds) = (game.replicas(), game.spatial(), game.bonds());
        Self { now: game.now(), sight, replicas, spatial, bonds }
    }

    /// Who matters to whom.
    #[must_use]
    pub const fn bonds(&self) -> &'a Bonds {
        self.bonds
    }
}

/// Scratch space for one interest pass after another.
#[derive(Debug, Default)]
pub struct Interest {
    /// By row: the pass in which this entity was found in the viewer's table; one less if it is told whatever the distance
    /// and was not found there.
    seen_in: Vec<u32>,
    /// Grows by two.
    pass: u32,
    crowd: Crowd,
    /// In view no longer: slots.
    lost: Vec<u16>,
    /// Squares, of all who are in view for being near.
    distances: Vec<i64>,
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
    /// Brings one viewer's table up to date; how far its tiers reach.
    pub fn update<M: FnMut(NetId) -> bool, E: FnMut(NetId), L: FnMut(&mut View, u16)>(
        &mut self,
        viewer: NetId,
        view: &mut View,
        rotation: &mut Rotation,
        around: &Surroundings<'_>,
        change: Change<M, E, L>,
    ) -> Tiers {
        let Change { mut may_enter, mut entered, leave: mut left } = change;
        let Surroundings { sight, replicas, spatial, bonds, .. } = *around;
        let always = || bonds.always(viewer).iter().chain(bonds.bosses()).copied().filter(|&id| id != viewer);
        let (x, y) = (replicas.state(viewer).x, replicas.state(viewer).y);
        let period = period_ticks(view, rotation);
        self.begin(replicas.len());
        always().for_each(|id| self.seen_in[id.row()] = self.pass - 1);
        self.scan_present(view, sight, replicas, (x, y), &mut left);
        for id in always() {
            // spec: SNP-19. Those not found in the table, each once.
            if std::mem::replace(&mut self.seen_in[id.row()], self.pass) != self.pass
                && replicas.is_live(id)
                && may_enter(id)
                && view.enter(id).is_some()
            {
                entered(id);
            }
        }
        let (seen_in, pass, candidates) = (&self.seen_in, self.pass, &mut self.crowd.candidates);
        spatial.query_circle(x, y, sight.enter_max, &mut |id: NetId| {
            if id != viewer && seen_in[id.row()] != pass && replicas.is_live(id) {
                let (kind, distance_squared) = look_at(replicas, id, (x, y));
                if sight.enters(kind, distance_squared) && may_enter(id) {
                    candidates.push(Candidate { distance_squared, id });
                }
            }
        });
        if self.crowd.present.len() + self.crowd.candidates.len() > sight.visible_max {
            let leave = |one: &Present| left(view, one.slot);
            rotation.exchange(around.now, period, sight.visible_max, &mut self.crowd, leave);
        } else {
            rotation.end();
        }
        // Whoever has just left, or finds no free slot, must not push one who is in view out of a tier.
        let stay = self.crowd.present.iter().filter(|one| view.phase(one.slot).is_present());
        self.distances.clear();
        self.distances.extend(stay.map(|one| one.distance_squared));
        for one in &self.crowd.candidates {
            if view.enter(one.id).is_none() {
                break;
            }
            entered(one.id);
            self.distances.push(one.distance_squared);
        }
        Tiers::of(&mut self.distances)
    }

    fn begin(&mut self, rows: usize) {
        self.pass = self.pass.wrapping_add(2);
        if self.pass < 2 {
            self.seen_in.fill(0);
            self.pass = 2;
        }
        if self.seen_in.len() < rows {
            self.seen_in.resize(rows, 0);
        }
        self.crowd.candidates.clear();
        self.crowd.present.clear();
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
        view.in_view().for_each(|(slot, id)| {
            let is_always = std::mem::replace(&mut self.seen_in[id.row()], self.pass) == self.pass - 1;
            let (kind, distance_squared) = look_at(replicas, id, centre);
            if !replicas.is_live(id) || (!is_always && !sight.stays(kind, distance_squared)) {
                self.lost.push(slot);
            } else if !is_always {
                self.crowd.present.push(Present { distance_squared, slot, id });
            }
        });
        self.lost.iter().for_each(|&slot| left(view, slot));
    }
}

#[cfg(test)]
mod tests {
    use super::super::relevance::{KindRadii, Radii};
    use super::*;
    use game::{GameConfig, Thing};
    use protocol::motion::{Body, StaticMap};
    use protocol::orientation::ONE;
    use protocol::unit::{SUBUNIT_BITS, UNITS_PER_M, units_from_m};
    use protocol::{CharacterId, EntityKind};
    use rand::{RngExt, SeedableRng, rngs::StdRng};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn sight(visible_max: usize) -> Sight {
        Sight::of(Radii::of_m(100), &KindRadii::DEFAULT, visible_max)
    }

    /// A world with players at these places, in metres.
    fn world(places: &[(f64, f64)]) -> (Game, Vec<NetId>) {
        let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
        let mut game =
            Game::new(GameConfig { seed: 1, map, content: Arc::default(), incarnation: 1, entities_max: 1_100 });
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

    /// One viewer's table and what it takes to keep it.
    struct Eyes {
        of: NetId,
        interest: Interest,
        view: View,
        rotation: Rotation,
        sight: Sight,
        tiers: Tiers,
    }

    impl Eyes {
        fn new(of: NetId, visible_max: usize) -> Self {
            let (interest, view, rotation) = (Interest::default(), View::default(), Rotation::default());
            Self { of, interest, view, rotation, sight: sight(visible_max), tiers: Tiers::default() }
        }

        /// Looks; who is in view.
        fn look(&mut self, game: &Game) -> BTreeSet<NetId> {
            let change =
                Change { may_enter: |_| true, entered: |_| {}, leave: |view: &mut View, slot| view.leave(slot) };
            let around = Surroundings::new(game, &self.sight);
            self.tiers = self.interest.update(self.of, &mut self.view, &mut self.rotation, &around, change);
            self.view.in_view().map(|(_, id)| id).collect()
        }
    }

    /// proves: SNP-11
    #[test]
    fn between_the_two_radii_one_stays_as_one_was() {
        let (mut game, ids) = world(&[(500.0, 500.0), (610.0, 500.0)]);
        let mut eyes = Eyes::new(ids[0], 1_000);
        let mut at = |x: f64| {
            put(&mut game, &ids, &[(500.0, 500.0), (x, 500.0)]);
            eyes.look(&game).contains(&ids[1])
        };
        assert_eq!([110.0, 99.0, 110.0, 116.0, 110.0].map(|d| at(500.0 + d)), [false, true, true, false, false]);
    }

    #[test]
    fn sight_equals_brute_force_in_a_moving_crowd_of_all_kinds() {
        let mut rng = StdRng::seed_from_u64(5);
        let mut places: Vec<(f64, f64)> =
            (0..200).map(|_| (rng.random_range(300.0..700.0), rng.random_range(300.0..700.0))).collect();
        let (mut game, ids) = world(&places);
        let things: Vec<_> = (0..300).map(|_| thing(&mut game, &mut rng)).collect();
        let mut eyes = Eyes::new(ids[0], 1_000);
        let mut expected = BTreeSet::new();
        let mut kinds = BTreeSet::new();
        for _ in 0..60 {
            for place in &mut places {
                place.0 += rng.random_range(-20.0..20.0);
                place.1 += rng.random_range(-20.0..20.0);
            }
            put(&mut game, &ids, &places);
            let seen = eyes.look(&game);
            let me = *game.replicas().state(ids[0]);
            for &id in ids[1..].iter().chain(&things) {
                let (kind, distance_squared) = look_at(game.replicas(), id, (me.x, me.y));
                let enter_m = match kind {
                    EntityKind::Item => 40,
                    EntityKind::Body => 60,
                    _ => 100,
                };
                let square = |radius: i32| i64::from(radius) * i64::from(radius);
                if distance_squared <= square(enter_m * UNITS_PER_M) {
                    expected.insert(id);
                } else if distance_squared > square(enter_m * UNITS_PER_M * 115 / 100) {
                    expected.remove(&id);
                }
            }
            assert_eq!(seen, expected);
            kinds.extend(seen.iter().map(|&id| game.replicas().kind(id)));
        }
        assert!(expected.len() > 5 && kinds.len() == 5, "{} of {kinds:?}", expected.len());
    }

    /// Something of any kind, anywhere in the middle.
    fn thing(game: &mut Game, rng: &mut StdRng) -> NetId {
        let mut place = || units_from_m(rng.random_range(300.0..700.0)) << SUBUNIT_BITS;
        let body = Body { x: place(), y: place(), z: 1_000, vx: 900, ..Body::default() };
        let thing = match rng.random_range(0..4) {
            0 => Thing::Mob { yaw: 0, pitch: 0 },
            1 => Thing::Projectile { yaw: 0, pitch: 0, ticks_left: 10_000 },
            2 => Thing::Item { yaw: 0, form: 1 },
            _ => Thing::Body { turn: [ONE, 0, 0, 0], spin: [0; 3] },
        };
        game.spawn_thing(body, thing).unwrap()
    }

    /// In a crowd in which places go round, until those who leave have used up all slots and nobody comes in any more.
    #[test]
    fn tiers_are_of_those_in_view() {
        let mut rng = StdRng::seed_from_u64(6);
        let mut anywhere = || (rng.random_range(420.0..580.0), rng.random_range(420.0..580.0));
        let (mut game, ids) = world(&[(500.0, 500.0); 100]);
        let mut eyes = Eyes::new(ids[0], 50);
        let mut is_short = false;
        for _ in 0..150 {
            let places: Vec<_> = ids.iter().map(|_| anywhere()).collect();
            put(&mut game, &ids, &places);
            let seen = eyes.look(&game);
            is_short |= eyes.view.enter(NetId(999)).inspect(|&slot| eyes.view.leave(slot)).is_none();
            let me = *game.replicas().state(ids[0]);
            let mut distances: Vec<_> = seen.iter().map(|&id| look_at(game.replicas(), id, (me.x, me.y)).1).collect();
            assert_eq!(eyes.tiers, Tiers::of(&mut distances), "of {} in view", seen.len());
        }
        assert!(is_short, "there were slots to the end");
    }

    /// proves: SNP-11
    #[test]
    fn above_the_cap_three_quarters_are_the_nearest() {
        let places: Vec<_> = (0..50).map(|i| (500.0 + f64::from(i), 500.0)).collect();
        let (mut game, ids) = world(&places);
        let mut eyes = Eyes::new(ids[0], 10);
        let nearest = |seen: &BTreeSet<NetId>, ids: &[NetId]| ids.iter().all(|id| seen.contains(id));
        let seen = eyes.look(&game);
        assert!(seen.len() == 10 && nearest(&seen, &ids[1..=8]), "{seen:?}");
        let mirrored: Vec<_> = (0..50).map(|i| (500.0 + f64::from((50 - i) % 50), 500.0)).collect();
        put(&mut game, &ids, &mirrored);
        let seen = eyes.look(&game);
        assert!(seen.len() == 10 && nearest(&seen, &ids[42..]), "{seen:?}");
    }

    /// proves: SNP-11
    #[test]
    fn one_looks_less_often_where_hundreds_are_in_view_or_wait_for_a_place() {
        for (others, visible_max, ticks) in
            [(256, 1_000, 6), (257, 1_000, 12), (256, 10, 6), (257, 10, 12), (1_024, 1_000, 12), (1_025, 1_000, 18)]
        {
            let places = vec![(500.0, 500.0); others + 1];
            let (game, ids) = world(&places);
            let mut eyes = Eyes::new(ids[0], visible_max);
            eyes.look(&game);
            assert_eq!(period_ticks(&eyes.view, &eyes.rotation), ticks, "{others} others, {visible_max} places");
        }
    }

    /// proves: SNP-19
    #[test]
    fn who_is_always_told_is_in_view_from_anywhere_and_takes_no_place() {
        let places: Vec<_> = (0..30).map(|i| (100.0 + 25.0 * f64::from(i), 500.0)).collect();
        let (mut game, ids) = world(&places);
        let mut eyes = Eyes::new(ids[0], 2);
        assert!(game.set_always_relevant(ids[0], ids[29], true) && game.set_always_relevant(ids[0], ids[1], true));
        assert!(game.set_boss(ids[28], true) && game.set_boss(ids[29], true) && game.set_boss(ids[0], true));
        let seen = eyes.look(&game);
        let of = |rows: &[usize]| rows.iter().map(|&row| ids[row]).collect::<BTreeSet<_>>();
        assert!(seen.is_superset(&of(&[1, 2, 28, 29])) && seen.len() == 5, "{seen:?}");
        assert_eq!(eyes.look(&game), seen, "one who is there is not taken in again");
        game.set_always_relevant(ids[0], ids[29], false);
        assert!(eyes.look(&game).contains(&ids[29]), "it is still a boss");
        game.set_boss(ids[29], false);
        game.set_always_relevant(ids[0], ids[1], false);
        let seen = eyes.look(&game);
        assert!(!seen.contains(&ids[29]) && seen.contains(&ids[28]) && seen.len() == 3, "{seen:?}");
        game.despawn(ids[28]);
        assert_eq!(eyes.look(&game).len(), 2);
    }

    #[test]
    fn the_dead_leave_at_once() {
        let (mut game, ids) = world(&[(500.0, 500.0), (510.0, 500.0)]);
        let mut eyes = Eyes::new(ids[0], 1_000);
        assert_eq!(eyes.look(&game).len(), 1);
        game.despawn(ids[1]);
        assert_eq!((eyes.look(&game).len(), eyes.view.present()), (0, 0));
    }
}
