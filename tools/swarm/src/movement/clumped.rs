//! People without recordings: drifting clusters whose sizes have a heavy tail.
//!
//! Human players crowd together: within 100 m of a 3,000 m map they have about 5 times the neighbours that an even
//! spread would give, and the most crowded twentieth about 12 times. The numbers below were chosen so that this crowd
//! has both ratios, at any number of bots (a test holds them to within 30 %).

use super::walker::Walker;
use super::{MAP_M, Place};
use crate::dice::Dice;

/// Clusters on the map.
const CLUSTERS: usize = 24;
/// The cluster of rank k holds a share proportional to k to the minus this.
const TAIL: f32 = 0.6;
/// Standard deviation on each axis of the waypoints of a cluster with an average share, in metres.
const SPREAD_M: (f32, f32) = (70.0, 84.0);
/// The spread grows with the share to this power: a larger crowd fills a larger place, but is denser too.
const SPREAD_POWER: f32 = 0.4;
/// Centres keep away from the edge, in metres.
const CENTRE_EDGE_M: f32 = 150.0;
/// Places drawn for each centre; the one farthest from all others is taken. Clusters on top of each other would make
/// one crowd out of two.
const CENTRE_DRAWS: usize = 8;
/// Clusters drift around a home on a circle of this radius in metres...
const DRIFT_M: f32 = 60.0;
/// ...at this speed in metres per second.
const DRIFT_M_S: f32 = 0.8;
/// Chance that a finished leg is followed by a walk to another cluster.
const CHANGE: f32 = 0.008;
/// Bots that begin on their way between two clusters: what [`CHANGE`] keeps up in the long run, for a leg takes some
/// 25 s and a change some 200 s.
const TRAVELLERS: f32 = 0.06;
/// Longest rest between legs, in seconds.
const REST_S_MAX: f32 = 3.0;

/// Clusters and who walks in them.
#[derive(Debug)]
pub struct Clumped {
    clusters: Vec<Cluster>,
    starts: Vec<Place>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Cluster {
    home: Place,
    /// Where on its circle it begins, in radians.
    phase: f32,
    spread_m: f32,
    /// Share of all bots in this cluster and those before it.
    share_until: f32,
}

#[derive(Debug)]
struct Member {
    cluster: usize,
    /// Its waypoint is relative to the cluster's centre.
    walker: Walker,
}

impl Clumped {
    /// `bots` people.
    pub fn new(bots: usize, seed: u64) -> Self {
        let clusters = clusters(&mut Dice::new(seed, u64::MAX));
        let (mut starts, mut members) = (Vec::with_capacity(bots), Vec::with_capacity(bots));
        for bot in 0..bots {
            let mut dice = Dice::new(seed, bot as u64);
            // Even steps through the shares: the sizes of clusters are then exact at any number of bots.
            let cluster = pick(&clusters, (bot as f32 * 0.618_034 + 0.5).fract());
            let from = if dice.chance(TRAVELLERS) { pick(&clusters, dice.unit()) } else { cluster };
            let leg_begin = clusters[from].place(0.0, clusters[from].offset(&mut dice));
            let waypoint = clusters[cluster].offset(&mut dice);
            // Somewhere along a leg, as one would meet them: otherwise the crowd would contract in its first minute.
            starts.push(leg_begin.towards(clusters[cluster].place(0.0, waypoint), dice.unit()));
            members.push(Member { cluster, walker: Walker::new(dice, waypoint) });
        }
        Self { clusters, starts, members }
    }

    /// Where this bot begins.
    pub fn start(&self, bot: usize) -> Place {
        self.starts[bot]
    }

    /// Where this bot walks.
    pub fn goal(&mut self, bot: usize, now_s: f64, at: Place) -> Place {
        let Member { cluster, walker } = &mut self.members[bot];
        let goal = self.clusters[*cluster].place(now_s, walker.waypoint);
        if !walker.is_idle(now_s, at.distance(goal), REST_S_MAX) {
            return goal;
        }
        if walker.dice.chance(CHANGE) {
            *cluster = pick(&self.clusters, walker.dice.unit());
        }
        walker.waypoint = self.clusters[*cluster].offset(&mut walker.dice);
        self.clusters[*cluster].place(now_s, walker.waypoint)
    }
}

impl Cluster {
    /// The place at `offset` from the centre as it lies at `now_s`.
    fn place(&self, now_s: f64, offset: Place) -> Place {
        let turned = now_s * f64::from(DRIFT_M_S / DRIFT_M) % std::f64::consts::TAU;
        let (sin, cos) = (self.phase + turned as f32).sin_cos();
        self.home.moved(DRIFT_M * cos + offset.x, DRIFT_M * sin + offset.y)
    }

    fn offset(&self, dice: &mut Dice) -> Place {
        let (x, y) = dice.normals();
        Place { x: x * self.spread_m, y: y * self.spread_m }
    }
}

fn clusters(dice: &mut Dice) -> Vec<Cluster> {
    let weight = |rank: usize| (rank as f32 + 1.0).powf(-TAIL);
    let total: f32 = (0..CLUSTERS).map(weight).sum();
    let mut share_until = 0.0;
    let mut clusters = Vec::with_capacity(CLUSTERS);
    for rank in 0..CLUSTERS {
        let share = weight(rank) / total;
        share_until += share;
        let spread_m = dice.range(SPREAD_M.0, SPREAD_M.1) * (share * CLUSTERS as f32).powf(SPREAD_POWER);
        let phase = dice.range(0.0, std::f32::consts::TAU);
        clusters.push(Cluster { home: home(&clusters, dice), phase, spread_m, share_until });
    }
    clusters
}

/// A place far from the homes of all clusters so far.
fn home(clusters: &[Cluster], dice: &mut Dice) -> Place {
    let mut draw = || {
        let mut axis = || dice.range(CENTRE_EDGE_M, MAP_M - CENTRE_EDGE_M);
        Place { x: axis(), y: axis() }
    };
    let nearest = |place: &Place| clusters.iter().map(|c| c.home.distance(*place)).fold(f32::MAX, f32::min);
    let mut best = draw();
    for _ in 1..CENTRE_DRAWS {
        let place = draw();
        if nearest(&place) > nearest(&best) {
            best = place;
        }
    }
    best
}

/// The cluster in which this share of all bots falls.
fn pick(clusters: &[Cluster], share: f32) -> usize {
    clusters.partition_point(|cluster| cluster.share_until <= share).min(clusters.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::super::{Movement, kinematics};
    use super::*;

    /// Mean and 95th percentile of neighbours within 100 m, each divided by the mean of an even spread.
    fn ratios(places: &[Place]) -> (f32, f32) {
        let mut counts = kinematics::neighbours(places, 100.0);
        counts.sort_unstable();
        let even = (places.len() - 1) as f32 * std::f32::consts::PI * 100.0 * 100.0 / (MAP_M * MAP_M);
        let mean = counts.iter().sum::<usize>() as f32 / places.len() as f32;
        (mean / even, counts[places.len() * 95 / 100] as f32 / even)
    }

    #[test]
    fn neighbours_are_as_many_as_people_have() {
        for bots in [500, 2_000] {
            for seed in [1, 2, 3] {
                let mut movement = Movement::Clumped(Clumped::new(bots, seed));
                let mut places: Vec<_> = (0..bots).map(|bot| movement.start(bot, 0.0)).collect();
                for (from_s, seconds) in [(0.0, 0.0), (0.0, 60.0), (60.0, 240.0)] {
                    kinematics::walk(&mut movement, &mut places, from_s, seconds, 0.5);
                    let (mean, p95) = ratios(&places);
                    println!("{bots} bots, seed {seed}, {} s: mean {mean:.2} p95 {p95:.2}", from_s + seconds);
                    assert!((3.5..=6.5).contains(&mean), "{bots} bots, seed {seed}, {from_s} s: mean ratio {mean}");
                    assert!((8.4..=15.6).contains(&p95), "{bots} bots, seed {seed}, {from_s} s: p95 ratio {p95}");
                }
            }
        }
    }

    #[test]
    fn pairs_part_within_seconds() {
        // A server that forgets to send leaves is found only if people part: 100 bots, 8 s, 100 m and 115 m.
        let bots = 100;
        let mut movement = Movement::Clumped(Clumped::new(bots, 1));
        let mut places: Vec<_> = (0..bots).map(|bot| movement.start(bot, 0.0)).collect();
        let mut met = vec![false; bots * bots];
        let mut parted = 0;
        for step in 0..80 {
            kinematics::walk(&mut movement, &mut places, f64::from(step) * 0.1, 0.05, 0.1);
            for pair in 0..bots * bots {
                let distance = places[pair / bots].distance(places[pair % bots]);
                met[pair] |= distance < 100.0;
                if met[pair] && distance > 115.0 && step < 65 {
                    met[pair] = false;
                    parted += 1;
                }
            }
        }
        assert!(parted >= 6, "only {parted} viewers saw somebody leave");
    }
}
