//! Points in columns, so that a test reads many of one axis at once.

use super::region::{Bounds, CHUNK, Region};
use protocol::NetId;
use std::ops::Range;

/// Bits in a mask: so many points are tested before the first of them is visited. The end of a loop over few hits is
/// what a processor guesses worst, so it should come seldom.
const GROUP: usize = u64::BITS as usize;
const _: () = assert!(GROUP.is_multiple_of(CHUNK), "a group is whole chunks");

/// Places by index, and who is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// In units; at least [`CHUNK`] fillers follow the last place, so that a chunk may begin at any.
    xs: Vec<i32>,
    ys: Vec<i32>,
    ids: Vec<NetId>,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn clear(&mut self) {
        self.xs.clear();
        self.ys.clear();
        self.ids.clear();
    }

    /// One more; after the last of them comes [`Self::fill`].
    pub(super) fn push(&mut self, x: i32, y: i32, id: NetId) {
        self.xs.push(x);
        self.ys.push(y);
        self.ids.push(id);
    }

    /// Appends the fillers.
    pub(super) fn fill(&mut self) {
        self.xs.resize(self.ids.len() + CHUNK, 0);
        self.ys.resize(self.ids.len() + CHUNK, 0);
    }

    /// Takes the place at this index out; those after it move up.
    pub(super) fn remove(&mut self, at: usize) {
        self.xs.remove(at);
        self.ys.remove(at);
        self.ids.remove(at);
    }

    pub(super) fn bounds(&self, run: Range<usize>) -> Bounds {
        let mut bounds = Bounds::EMPTY;
        for (&x, &y) in self.xs[run.clone()].iter().zip(&self.ys[run]) {
            bounds.include(&Bounds { west: x, south: y, east: x, north: y });
        }
        bounds
    }

    /// Visits all of a run. A function of its own, so that its loop has all registers: one crowded spot is this loop.
    #[inline(never)]
    pub(super) fn visit(&self, run: Range<usize>, visit: &mut impl FnMut(NetId)) {
        self.ids[run].iter().for_each(|id| visit(*id));
    }

    /// Visits those of a run that lie in the region, in their order. Inlined by force: as a call it costs a pass 3 %.
    #[inline(always)]
    pub(super) fn search(&self, run: Range<usize>, region: &impl Region, visit: &mut impl FnMut(NetId)) {
        let mut start = run.start;
        while start < run.end {
            let ids = &self.ids[start..run.end.min(start + GROUP)];
            let (mut hits, mut at) = (0_u64, 0);
            while at < ids.len() {
                let (xs, ys) = (self.xs[start + at..].first_chunk(), self.ys[start + at..].first_chunk());
                let (Some(xs), Some(ys)) = (xs, ys) else { unreachable!("a chunk of fillers follows the last place") };
                hits |= u64::from(region.holds_which(xs, ys)) << at;
                at += CHUNK;
            }
            // What the last chunk says of places beyond the run.
            hits &= u64::MAX >> (GROUP - ids.len());
            while hits != 0 {
                visit(ids[hits.trailing_zeros() as usize]);
                hits &= hits - 1;
            }
            start += GROUP;
        }
    }
}
