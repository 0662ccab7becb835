//! Who is in a view that has too few places: most are the nearest, and the other places go round (spec: SNP-11).
//!
//! Three quarters of the places belong to the nearest by right. For the others the rest of the crowd queues: whoever is out
//! of view gains with each tick that it waits, twice as much if it is in the nearer half, and the highest comes in for the
//! one that has been in view for longest. So nobody who is near is never seen, and what coming and going costs is bounded.
//!
//! That goes for the nearest, too, of whom the first come first when many have come near at once. Two thousand people who mill
//! about within ten metres are each among the nearest of the others for a moment only: let in at every look, 250 came and
//! went, which is all that a client's rate can tell, and of nobody's motion was anything told.

use protocol::message::nearest_places;
use protocol::{NetId, Tick};
use serde::{Deserialize, Serialize};

/// Somebody who is gone from view, or comes into it, costs about this many bits: an enter with all fields and its leave.
const CHANGE_BITS: usize = 150;
/// The places that go round may cost this part of the default budget of 3,200 bits a tick.
const CHANGE_BITS_PER_TICK_MAX: usize = 3_200 / 20;
const _: () = assert!(CHANGE_BITS <= CHANGE_BITS_PER_TICK_MAX, "one change a tick: a stay of a tick for each place");
/// Those who have come to be the nearest may cost this part of it...
const NEAREST_BITS_PER_TICK_MAX: usize = 3_200 / 4;
/// ...which is so many in a tick, 300 in a second: a view is another one within 3.3 s.
const NEAREST_PER_TICK_MAX: usize = NEAREST_BITS_PER_TICK_MAX / CHANGE_BITS;
/// Shortest stay in a place that goes round, in ticks: a second, or nobody could tell what he has seen.
const STAY_TICKS_MIN: u32 = 60;

/// Who waits for a place in one view, and who has come in lately. Nothing until the view is full for the first time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rotation {
    /// Near enough but not in view, and since when.
    waiting: Vec<(NetId, Tick)>,
    /// In view, and since when, of those who came in while others waited.
    seated: Vec<(NetId, Tick)>,
}

/// Somebody in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// Square of the distance, in units.
    pub distance_squared: i64,
    /// Where in the view.
    pub slot: u16,
    /// Who.
    pub id: NetId,
}

/// Somebody near enough to come into view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Square of the distance, in units.
    pub distance_squared: i64,
    /// Who.
    pub id: NetId,
}

/// Behind a distance in a rank: a bit that says who is in view, and its slot or id.
const RANK_SHIFT: u32 = 17;

impl Present {
    /// Nearest first, then by slot.
    fn rank(&self) -> u64 {
        (self.distance_squared as u64) << RANK_SHIFT | u64::from(self.slot)
    }
}

impl Candidate {
    /// Nearest first, then by id; behind all in view at the same distance.
    fn rank(&self) -> u64 {
        (self.distance_squared as u64) << RANK_SHIFT | 1 << (RANK_SHIFT - 1) | u64::from(self.id.0)
    }
}

/// Everybody whom one look finds near enough; scratch space of one look after another.
#[derive(Debug, Default)]
pub struct Crowd {
    /// In view.
    pub present: Vec<Present>,
    /// Not in view yet, then those who come in.
    pub candidates: Vec<Candidate>,
    /// Those in places that go round, who came first ahead.
    staying: Vec<(Tick, Present)>,
    /// Those who wait, and how much that counts.
    queue: Vec<(u64, Candidate)>,
    /// See [`Present::rank`].
    ranks: Vec<u64>,
    waiting: SinceByRow,
    seated: SinceByRow,
}

/// The moments of a list at hand by row. Hundreds are looked up in hundreds at every look: with a search in the sorted list
/// for each, and lists that were sorted for it, looks took a third of the server's time in a crowd of 800.
#[derive(Debug, Default)]
struct SinceByRow {
    /// Of the list that was laid out in which pass.
    moments: Vec<(u32, Tick)>,
    pass: u32,
}

/// Ticks for which nobody is put out of a place that goes round, unless somebody came near: with `places` of them as many,
/// so that one changes hands in a tick.
#[must_use]
pub fn stay_ticks(places: usize) -> u32 {
    (places as u32).max(STAY_TICKS_MIN)
}

impl Rotation {
    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// There is room for everybody.
    pub fn end(&mut self) {
        self.waiting.clear();
        self.seated.clear();
    }

    /// There is no room for everybody: leaves those candidates of the crowd who come in now, and calls `leave` with those
    /// present who go. `period_ticks` have passed since the last look, and the crowd is larger than `places_max`.
    pub fn exchange(
        &mut self,
        now: Tick,
        period_ticks: u32,
        places_max: usize,
        crowd: &mut Crowd,
        mut leave: impl FnMut(&Present),
    ) {
        let Crowd { present, candidates, staying, queue, ranks, waiting, seated } = crowd;
        assert!(present.len() + candidates.len() > places_max, "there is room for everybody");
        waiting.lay_out(&self.waiting);
        seated.lay_out(&self.seated);
        let nearest = nearest_places(places_max);
        let (stay, come) = nearest_of(present, candidates, nearest, ranks);
        let places = places_max - nearest;
        // What is free is for whoever is near, and for others the nearest come in a few at a time.
        let free = places_max.saturating_sub(present.len());
        let come = come.min(free + NEAREST_PER_TICK_MAX * period_ticks as usize);
        // Who was put behind the nearest by somebody who came nearer goes first.
        let mut leaving = (present.len() + come).saturating_sub(places_max).min(present.len() - stay);
        let queued = candidates.len() - come;
        let mut entering = free.saturating_sub(come).min(queued);
        let stay_ticks = stay_ticks(places);
        // No more than may change hands in the time since the last look, or a full view would change all at once.
        let mut turns = (places * period_ticks as usize).div_ceil(stay_ticks as usize).max(1);
        line_up_to_go(&present[stay..], leaving + turns, seated, staying);
        while turns > 0
            && entering < queued
            && staying.get(leaving).is_some_and(|(since, _)| now.since(*since) >= stay_ticks)
        {
            (leaving, entering, turns) = (leaving + 1, entering + 1, turns - 1);
        }
        line_up_to_come(now, &mut candidates[come..], entering, waiting, queue);
        staying[..leaving].iter().for_each(|(_, one)| leave(one));
        candidates.truncate(come);
        candidates.extend(queue[..entering].iter().map(|(_, one)| *one));
        self.note(now, leaving, entering, crowd);
    }

    /// Writes down who waits now and since when, and who is in view.
    fn note(&mut self, now: Tick, leaving: usize, entering: usize, crowd: &mut Crowd) {
        let Crowd { present, candidates: entered, staying, queue, waiting, seated, .. } = crowd;
        self.waiting.clear();
        // Who has just gone waits anew.
        for (_, one) in &staying[..leaving] {
            self.waiting.push((one.id, now));
            seated.forget(one.id);
        }
        self.waiting.extend(queue[entering..].iter().map(|(_, one)| (one.id, waiting.since(one.id).unwrap_or(now))));
        self.seated.clear();
        self.seated.extend(present.iter().filter_map(|one| Some((one.id, seated.since(one.id)?))));
        self.seated.extend(entered.iter().map(|one| (one.id, now)));
    }
}

impl SinceByRow {
    fn lay_out(&mut self, list: &[(NetId, Tick)]) {
        self.pass = self.pass.wrapping_add(1);
        if self.pass == 0 {
            self.moments.clear();
            self.pass = 1;
        }
        for &(id, since) in list {
            if self.moments.len() <= id.row() {
                self.moments.resize(id.row() + 1, (0, Tick(0)));
            }
            self.moments[id.row()] = (self.pass, since);
        }
    }

    fn since(&self, id: NetId) -> Option<Tick> {
        self.moments.get(id.row()).filter(|(pass, _)| *pass == self.pass).map(|(_, since)| *since)
    }

    fn forget(&mut self, id: NetId) {
        if let Some(moment) = self.moments.get_mut(id.row()) {
            moment.0 = 0;
        }
    }
}

/// Puts the first `leaving` of those in view behind the nearest in the order in which they go: who came first goes first.
fn line_up_to_go(present: &[Present], leaving: usize, seated: &SinceByRow, staying: &mut Vec<(Tick, Present)>) {
    staying.clear();
    staying.extend(present.iter().map(|&one| (seated.since(one.id).unwrap_or(Tick(0)), one)));
    let turn = |(since, one): &(Tick, Present)| (*since, std::cmp::Reverse((one.distance_squared, one.slot)));
    sort_first(staying, leaving, turn);
}

/// Puts the `entering` of those out of view behind the nearest whose turn it is first, in their order: by how long they have
/// waited, which counts twice for the nearer half.
fn line_up_to_come(
    now: Tick,
    candidates: &mut [Candidate],
    entering: usize,
    waiting: &SinceByRow,
    queue: &mut Vec<(u64, Candidate)>,
) {
    let half = candidates.len() / 2;
    if half > 0 && entering > 0 {
        candidates.select_nth_unstable_by_key(half, |one| (one.distance_squared, one.id));
    }
    queue.clear();
    queue.extend(candidates.iter().enumerate().map(|(at, &one)| {
        let waited = waiting.since(one.id).map_or(0, |since| now.since(since)) + 1;
        (u64::from(waited) << u32::from(at < half), one)
    }));
    let turn = |(waited, one): &(u64, Candidate)| (std::cmp::Reverse(*waited), one.distance_squared, one.id);
    sort_first(queue, entering, turn);
}

/// Puts the first `count` in their order, and no others.
fn sort_first<T, K: Ord>(all: &mut [T], count: usize, key: impl Fn(&T) -> K) {
    let count = count.min(all.len());
    if count > 0 && count < all.len() {
        all.select_nth_unstable_by_key(count, &key);
    }
    all[..count].sort_unstable_by_key(key);
}

/// How many of each are among the `count` nearest of both; they are the first of each then, the candidates in the order of
/// their distance. Who is in view is before who is not at the same distance.
fn nearest_of(
    present: &mut [Present],
    candidates: &mut [Candidate],
    count: usize,
    ranks: &mut Vec<u64>,
) -> (usize, usize) {
    ranks.clear();
    ranks.extend(present.iter().map(Present::rank));
    ranks.extend(candidates.iter().map(Candidate::rank));
    let Some(last) = count.checked_sub(1) else { return (0, 0) };
    let (_, &mut last, _) = ranks.select_nth_unstable(last);
    let stay = to_front(present, |one| one.rank() <= last);
    let come = to_front(candidates, |one| one.rank() <= last);
    candidates[..come].sort_unstable_by_key(Candidate::rank);
    (stay, come)
}

/// Puts those of whom this holds to the front; how many they are.
fn to_front<T>(all: &mut [T], is_in_front: impl Fn(&T) -> bool) -> usize {
    let mut front = 0;
    for at in 0..all.len() {
        // Always swapped: among those behind the front order means nothing, and half of the guesses would be wrong.
        all.swap(front, at);
        front += usize::from(is_in_front(&all[front]));
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    const PERIOD: u32 = 6;

    /// A square full of people of whom one view sees some, looked at every six ticks.
    struct Square {
        rotation: Rotation,
        crowd: Crowd,
        /// By id.
        distances: Vec<i64>,
        in_view: BTreeSet<NetId>,
        entered: BTreeMap<NetId, Tick>,
        now: Tick,
        places_max: usize,
    }

    impl Square {
        fn new(size: i64, places_max: usize) -> Self {
            Self {
                rotation: Rotation::default(),
                crowd: Crowd::default(),
                distances: (0..size).map(|at| at * at).collect(),
                in_view: BTreeSet::new(),
                entered: BTreeMap::new(),
                now: Tick(1_000),
                places_max,
            }
        }

        /// One look; who has left after how many ticks.
        fn look(&mut self) -> Vec<(NetId, u32)> {
            self.now = Tick(self.now.0 + PERIOD);
            let of = |id: NetId| self.distances[id.row()];
            let present = self.in_view.iter().map(|&id| Present { distance_squared: of(id), slot: id.0, id });
            self.crowd.present = present.collect();
            let all = (0..self.distances.len() as u16).map(NetId).filter(|id| !self.in_view.contains(id));
            self.crowd.candidates = all.map(|id| Candidate { distance_squared: of(id), id }).collect();
            let mut left = Vec::new();
            if self.distances.len() > self.places_max {
                let leave = |one: &Present| left.push((one.id, self.now.since(self.entered[&one.id])));
                self.rotation.exchange(self.now, PERIOD, self.places_max, &mut self.crowd, leave);
            } else {
                self.rotation.end();
            }
            left.iter().for_each(|(id, _)| assert!(self.in_view.remove(id)));
            for one in &self.crowd.candidates {
                assert!(self.in_view.insert(one.id));
                self.entered.insert(one.id, self.now);
            }
            assert!(self.in_view.len() <= self.places_max);
            let is_seated = |id: NetId| self.rotation.seated.iter().any(|(other, _)| *other == id);
            assert!(!self.rotation.waiting.iter().any(|&(id, _)| is_seated(id) || self.in_view.contains(&id)));
            left
        }
    }

    /// proves: SNP-11
    #[test]
    fn the_nearest_are_always_seen_and_the_others_in_turn_each_for_its_time() {
        let (size, max) = (400, 100);
        let mut square = Square::new(size as i64, max);
        let (places, mut unseen) = (max - nearest_places(max), (0..size as u16).map(NetId).collect::<BTreeSet<_>>());
        let stay = stay_ticks(places);
        // Whoever waits is passed only by someone who has waited half as long or more, and who then stays: after so many
        // ticks nobody has been passed by all others often enough to fill all turns.
        let bound = turns_bound(size - nearest_places(max), places, stay);
        let mut changes = 0;
        for _ in 0..bound / PERIOD {
            for (_, stayed) in square.look() {
                assert!(stayed >= stay, "put out after {stayed} ticks");
                changes += 1;
            }
            assert_eq!(square.in_view.len(), max);
            assert!((0..nearest_places(max) as u16).all(|id| square.in_view.contains(&NetId(id))));
            unseen.retain(|id| !square.in_view.contains(id));
        }
        assert_eq!(unseen.len(), 0, "after {bound} ticks");
        assert!(changes <= bound as usize, "more than one change a tick");
    }

    #[test]
    fn of_those_who_take_turns_the_nearer_half_come_more_often() {
        let (size, max) = (400, 100);
        let mut square = Square::new(size as i64, max);
        let mut times = vec![0; size];
        for look in 0..6_000 {
            square.look();
            let came = square.crowd.candidates.iter().filter(|_| look > 100);
            came.for_each(|one| times[one.id.row()] += 1);
        }
        let far = &times[nearest_places(max)..];
        let (nearer, farther) = far.split_at(far.len() / 2);
        let (nearer, farther): (u32, u32) = (nearer.iter().sum(), farther.iter().sum());
        assert!((5 * farther / 4..2 * farther).contains(&nearer), "{nearer}, {farther}");
    }

    /// Ticks after which everyone of `crowd` has had one of `places`: how often another can come in before one who has
    /// waited since the beginning is the sum of waits, each at least the stay and half of the time so far.
    fn turns_bound(crowd: usize, places: usize, stay: u32) -> u32 {
        let passes = |ticks: u32| {
            let next = |at: &u32| Some(2 * (at + stay)).filter(|at| *at <= ticks);
            std::iter::successors(Some(0), next).count()
        };
        let enough = |ticks: &u32| places * (ticks / (stay + PERIOD)) as usize >= crowd * passes(*ticks);
        (stay..).find(enough).unwrap_or(u32::MAX)
    }

    /// proves: SNP-11
    #[test]
    fn who_comes_near_is_in_at_the_next_look_and_who_moves_at_the_border_does_not_flicker() {
        let mut square = Square::new(200, 100);
        (0..50).for_each(|_| drop(square.look()));
        let far = (0..200).map(NetId).rfind(|id| !square.in_view.contains(id)).unwrap();
        square.distances[far.row()] = 0;
        square.look();
        assert!(square.in_view.contains(&far));
        // The last of the nearest and the first beyond them change places at every look.
        let mut left = BTreeMap::<NetId, u32>::new();
        for look in 0..200 {
            let (a, b) = (nearest_places(100) - 1, nearest_places(100));
            square.distances[a] = if look % 2 == 0 { 74 * 74 } else { 76 * 76 };
            square.distances[b] = if look % 2 == 0 { 76 * 76 } else { 74 * 74 };
            square.look().into_iter().for_each(|(id, _)| *left.entry(id).or_default() += 1);
        }
        assert!(left.values().all(|&times| times <= 200 * PERIOD / stay_ticks(25)), "{left:?}");
    }

    /// proves: SNP-11
    #[test]
    fn of_many_who_have_come_near_at_once_a_few_come_at_each_look_and_the_nearest_first() {
        let (max, nearest) = (100, nearest_places(100));
        let mut square = Square::new(400, max);
        square.look();
        assert_eq!(square.in_view.len(), max, "what is free is filled at once");
        (0..50).for_each(|_| drop(square.look()));
        // All are now as far on the other side.
        square.distances.reverse();
        let mut before = square.in_view.clone();
        let few = NEAREST_PER_TICK_MAX * PERIOD as usize;
        for look in 1..=nearest.div_ceil(few) {
            square.look();
            let come: BTreeSet<_> = square.in_view.difference(&before).copied().collect();
            assert!(come.len() <= few + PERIOD as usize, "{} come", come.len());
            let first = (400 - (few * look).min(nearest) as u16..400).map(NetId);
            assert!(first.clone().all(|id| square.in_view.contains(&id)), "look {look}: {come:?}");
            before = square.in_view.clone();
        }
        assert_eq!(square.in_view.len(), max);
    }

    #[test]
    fn when_there_is_room_again_everybody_is_in_and_nobody_waits() {
        let mut square = Square::new(120, 100);
        (0..20).for_each(|_| drop(square.look()));
        assert!(!square.rotation.waiting.is_empty() && !square.rotation.seated.is_empty());
        square.distances.truncate(100);
        square.in_view.retain(|id| id.row() < 100);
        square.look();
        assert_eq!(square.in_view.len(), 100);
        assert!(square.rotation.waiting.is_empty() && square.rotation.seated.is_empty());
    }

    #[test]
    fn one_place_is_always_the_nearests() {
        let mut square = Square::new(9, 1);
        for _ in 0..100 {
            square.look();
            assert_eq!(square.in_view.iter().collect::<Vec<_>>(), [&NetId(0)]);
        }
    }
}
