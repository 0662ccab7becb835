//! Who is in a view that has too few places: most are the nearest, and the other places go round (spec: SNP-11).
//!
//! Three quarters of the places belong to the nearest by right. For the others the rest of the crowd queues: whoever is out
//! of view gains with each tick that it waits, twice as much if it is in the nearer half, and the highest comes in for the
//! one that has been in view for longest. So nobody who is near is never seen, and what coming and going costs is bounded.

use protocol::message::nearest_places;
use protocol::{NetId, Tick};

/// Somebody who is gone from view, or comes into it, costs about this many bits: an enter with all fields and its leave.
const CHANGE_BITS: usize = 150;
/// The places that go round may cost this part of the default budget of 3,200 bits a tick.
const CHANGE_BITS_PER_TICK_MAX: usize = 3_200 / 20;
const _: () = assert!(CHANGE_BITS <= CHANGE_BITS_PER_TICK_MAX, "one change a tick: a stay of a tick for each place");
/// Shortest stay in a place that goes round, in ticks: a second, or nobody could tell what he has seen.
const STAY_TICKS_MIN: u32 = 60;

/// Who waits for a place in one view, and who has come in lately. Nothing until the view is full for the first time.
#[derive(Debug, Default)]
pub struct Rotation {
    /// Near enough but not in view, and since when; in the order of ids.
    waiting: Vec<(NetId, Tick)>,
    /// In view, and since when, of those who came in while others waited; in the order of ids.
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

/// Everybody whom one look finds near enough; scratch space of one look after another.
#[derive(Debug, Default)]
pub struct Crowd {
    /// In view.
    pub present: Vec<Present>,
    /// Not in view yet, then those who come in.
    pub candidates: Vec<Candidate>,
    /// Those in places that go round, who came first ahead.
    staying: Vec<(Tick, Present)>,
    /// Those who wait, whose turn it is first ahead.
    queue: Vec<(u64, Candidate)>,
    list: Vec<(NetId, Tick)>,
}

/// Ticks for which nobody is put out of a place that goes round, unless somebody came near: with `places` of them as many,
/// so that one changes hands in a tick.
#[must_use]
pub fn stay_ticks(places: usize) -> u32 {
    (places as u32).max(STAY_TICKS_MIN)
}

impl Rotation {
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
        let Crowd { present, candidates, staying, queue, .. } = crowd;
        assert!(present.len() + candidates.len() > places_max, "there is room for everybody");
        present.sort_unstable_by_key(|one| (one.distance_squared, one.slot));
        candidates.sort_unstable_by_key(|one| (one.distance_squared, one.id));
        let nearest = nearest_places(places_max);
        let (stay, come) = nearest_of(present, candidates, nearest);
        let places = places_max - nearest;
        self.line_up_to_go(&present[stay..], staying);
        self.line_up_to_come(now, &candidates[come..], queue);
        // Who was put behind the nearest by somebody who came nearer goes first.
        let mut leaving = staying.len().saturating_sub(places);
        let mut entering = places.saturating_sub(staying.len()).min(queue.len());
        let stay_ticks = stay_ticks(places);
        // No more than may change hands in the time since the last look, or a full view would change all at once.
        let mut turns = (places * period_ticks as usize).div_ceil(stay_ticks as usize).max(1);
        while turns > 0
            && entering < queue.len()
            && staying.get(leaving).is_some_and(|(since, _)| now.since(*since) >= stay_ticks)
        {
            (leaving, entering, turns) = (leaving + 1, entering + 1, turns - 1);
        }
        staying[..leaving].iter().for_each(|(_, one)| leave(one));
        candidates.truncate(come);
        candidates.extend(queue[..entering].iter().map(|(_, one)| *one));
        self.note(now, leaving, entering, crowd);
    }

    /// Puts those in view behind the nearest in the order in which they go: who came first goes first.
    fn line_up_to_go(&self, present: &[Present], staying: &mut Vec<(Tick, Present)>) {
        staying.clear();
        staying.extend(present.iter().map(|&one| (since(&self.seated, one.id).unwrap_or(Tick(0)), one)));
        staying.sort_unstable_by_key(|(since, one)| (*since, std::cmp::Reverse((one.distance_squared, one.slot))));
    }

    /// Puts those out of view behind the nearest in the order in which they come: by how long they have waited, which counts
    /// twice for the nearer half.
    fn line_up_to_come(&self, now: Tick, candidates: &[Candidate], queue: &mut Vec<(u64, Candidate)>) {
        queue.clear();
        let half = candidates.len() / 2;
        queue.extend(candidates.iter().enumerate().map(|(at, &one)| {
            let waited = since(&self.waiting, one.id).map_or(0, |since| now.since(since)) + 1;
            (u64::from(waited) << u32::from(at < half), one)
        }));
        queue.sort_unstable_by_key(|(waited, one)| (std::cmp::Reverse(*waited), one.distance_squared, one.id));
    }

    /// Writes down who waits now and since when, and who is in view.
    fn note(&mut self, now: Tick, leaving: usize, entering: usize, crowd: &mut Crowd) {
        let Crowd { present, candidates: entered, staying, queue, list } = crowd;
        list.clear();
        // Who has just gone waits anew.
        list.extend(staying[..leaving].iter().map(|(_, one)| (one.id, now)));
        list.extend(queue[entering..].iter().map(|(_, one)| (one.id, since(&self.waiting, one.id).unwrap_or(now))));
        list.sort_unstable();
        std::mem::swap(&mut self.waiting, list);
        list.clear();
        list.extend(present.iter().filter_map(|one| Some((one.id, since(&self.seated, one.id)?))));
        list.extend(entered.iter().map(|one| (one.id, now)));
        list.retain(|(id, _)| since(&self.waiting, *id).is_none());
        list.sort_unstable();
        std::mem::swap(&mut self.seated, list);
    }
}

/// Since when, of a list in the order of ids.
fn since(list: &[(NetId, Tick)], id: NetId) -> Option<Tick> {
    list.binary_search_by_key(&id, |(other, _)| *other).ok().map(|at| list[at].1)
}

/// How many of each are among the `count` nearest of both, which are in the order of their distance. Who is in view is
/// before who is not at the same distance.
fn nearest_of(present: &[Present], candidates: &[Candidate], count: usize) -> (usize, usize) {
    let (mut stay, mut come) = (0, 0);
    while stay + come < count {
        match (present.get(stay), candidates.get(come)) {
            (Some(here), Some(there)) if there.distance_squared < here.distance_squared => come += 1,
            (Some(_), _) => stay += 1,
            (None, Some(_)) => come += 1,
            (None, None) => break,
        }
    }
    (stay, come)
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
