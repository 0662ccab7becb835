//! The quadtree against the plainest search there is.

use super::{Point, Quadtree};
use proptest::prelude::*;
use protocol::NetId;

fn found(search: impl FnOnce(&mut Vec<NetId>)) -> Vec<NetId> {
    let mut ids = Vec::new();
    search(&mut ids);
    ids
}

fn square_of(tree: &Quadtree, x: i32, y: i32, radius: i32) -> Vec<NetId> {
    found(|ids| tree.query_square(x, y, radius, &mut |id| ids.push(id)))
}

fn circle_of(tree: &Quadtree, x: i32, y: i32, radius: i32) -> Vec<NetId> {
    found(|ids| tree.query_circle(x, y, radius, &mut |id| ids.push(id)))
}

fn sorted(mut ids: Vec<NetId>) -> Vec<NetId> {
    ids.sort_unstable();
    ids
}

/// What the tree makes of a coordinate: 2^30 units is the end of its plane.
fn known(coordinate: i32) -> i32 {
    coordinate.clamp(1 - (1 << 30), (1 << 30) - 1)
}

fn plain_square(points: &[Point], x: i32, y: i32, radius: i32) -> Vec<NetId> {
    let distance = |a: i32, b: i32| (i64::from(known(a)) - i64::from(known(b))).abs();
    let near = |p: &&Point| distance(p.x, x).max(distance(p.y, y)) <= i64::from(radius);
    sorted(points.iter().filter(near).map(|p| p.id).collect())
}

fn plain_circle(points: &[Point], x: i32, y: i32, radius: i32) -> Vec<NetId> {
    let square = |a: i32, b: i32| (i128::from(known(a)) - i128::from(known(b))).pow(2);
    let near = |p: &&Point| radius >= 0 && square(p.x, x) + square(p.y, y) <= i128::from(radius).pow(2);
    sorted(points.iter().filter(near).map(|p| p.id).collect())
}

/// Coordinates in the world, crowded in one corner of it, outside it, and at the ends of the type.
fn coordinate() -> impl Strategy<Value = i32> {
    prop_oneof![
        4 => 0..1_310_720_i32,
        4 => 5_000..6_000_i32,
        1 => -3_000_000..4_000_000_i32,
        1 => prop_oneof![Just(i32::MIN), Just(i32::MAX), Just(-1), Just(0), Just(2_097_151), Just(2_097_152)],
    ]
}

fn crowd() -> impl Strategy<Value = Vec<Point>> {
    prop::collection::vec((coordinate(), coordinate()), 0..300).prop_map(|places| {
        let named = places.into_iter().enumerate();
        named.map(|(row, (x, y))| Point { x, y, id: NetId(row as u16 * 7) }).collect()
    })
}

fn radius() -> impl Strategy<Value = i32> {
    prop_oneof![Just(0), Just(-1), Just(i32::MAX), 1..2_000_i32, 1..2_000_000_i32]
}

proptest! {
    #[test]
    fn queries_find_exactly_what_a_plain_search_finds(
        points in crowd(),
        queries in prop::collection::vec((coordinate(), coordinate(), radius()), 1..20),
    ) {
        let mut tree = Quadtree::new();
        tree.rebuild(points.iter().copied());
        for (x, y, radius) in queries {
            prop_assert_eq!(sorted(square_of(&tree, x, y, radius)), plain_square(&points, x, y, radius));
            prop_assert_eq!(sorted(circle_of(&tree, x, y, radius)), plain_circle(&points, x, y, radius));
        }
    }

    #[test]
    fn queries_stay_exact_through_moves_and_departures(
        mut points in crowd(),
        steps in prop::collection::vec((any::<prop::sample::Index>(), -900..900_i32, -40..40_i32), 1..12),
        reach in 1..200_000_i32,
    ) {
        let mut tree = Quadtree::new();
        for (gone, dx, dy) in steps {
            for (row, point) in points.iter_mut().enumerate() {
                point.x = point.x.saturating_add(dx * (row as i32 % 3));
                point.y = point.y.saturating_add(dy * (row as i32 % 5));
            }
            tree.rebuild(points.iter().copied());
            if !points.is_empty() {
                tree.remove(points.swap_remove(gone.index(points.len())).id);
            }
            prop_assert_eq!(tree.len(), points.len());
            for center in points.iter().take(20) {
                let (x, y) = (center.x, center.y);
                prop_assert_eq!(sorted(square_of(&tree, x, y, reach)), plain_square(&points, x, y, reach));
                prop_assert_eq!(sorted(circle_of(&tree, x, y, reach)), plain_circle(&points, x, y, reach));
            }
        }
    }

    #[test]
    fn the_visiting_order_depends_on_the_points_alone(points in crowd(), earlier in crowd(), seed in any::<u64>()) {
        let mut tree = Quadtree::new();
        tree.rebuild(points.iter().copied());
        let order = square_of(&tree, 0, 0, i32::MAX);
        let mut shuffled = points;
        shuffled.sort_by_key(|p| (u64::from(p.id.0) + 1).wrapping_mul(seed | 1));
        let mut used = Quadtree::new();
        // Some stay away for a while and come back to where they were.
        used.rebuild(shuffled.iter().copied());
        used.rebuild(earlier);
        used.rebuild(shuffled.iter().copied().skip(3));
        used.rebuild(shuffled);
        prop_assert_eq!(square_of(&used, 0, 0, i32::MAX), order);
    }
}

#[test]
fn everyone_in_one_place_is_one_leaf() {
    let mut tree = Quadtree::new();
    tree.rebuild((0..5_000).map(|row| Point { x: 77, y: 77, id: NetId(row) }));
    assert_eq!(circle_of(&tree, 77, 77, 0).len(), 5_000);
    assert!(circle_of(&tree, 78, 77, 0).is_empty());
}

#[test]
fn the_edge_of_a_circle_and_of_a_square_is_inside() {
    let mut tree = Quadtree::new();
    tree.rebuild([Point { x: 103, y: 204, id: NetId(1) }]);
    assert_eq!(circle_of(&tree, 100, 200, 5), [NetId(1)]);
    assert!(circle_of(&tree, 100, 200, 4).is_empty());
    assert_eq!(square_of(&tree, 100, 200, 4), [NetId(1)]);
    assert!(square_of(&tree, 100, 200, 3).is_empty());
}

#[test]
fn an_empty_tree_and_an_unknown_departure_are_harmless() {
    let mut tree = Quadtree::new();
    tree.remove(NetId(3));
    assert!(square_of(&tree, 0, 0, i32::MAX).is_empty());
    tree.rebuild([Point { x: 1, y: 1, id: NetId(1) }]);
    tree.remove(NetId(1));
    tree.remove(NetId(1));
    assert!(tree.is_empty() && square_of(&tree, 0, 0, i32::MAX).is_empty());
}

#[test]
fn a_point_that_was_taken_out_may_come_again_at_the_same_place() {
    let both = [Point { x: 1, y: 1, id: NetId(1) }, Point { x: 9, y: 9, id: NetId(2) }];
    let mut tree = Quadtree::new();
    tree.rebuild(both);
    tree.remove(NetId(1));
    assert_eq!(square_of(&tree, 0, 0, 10), [NetId(2)]);
    tree.rebuild(both);
    assert_eq!(square_of(&tree, 0, 0, 10), [NetId(1), NetId(2)]);
}
