//! Who has been told of whose marks, and who is to be told next. spec: CMD-7
//!
//! Marks are state, not events: what a viewer is owed is the difference between what he was told last and what there is now,
//! so whoever was silent, or had no bytes to spare, is told once of what has become of it. The channel is reliable and in
//! order, so what was told once is known.

use crate::SessionId;
use crate::outbound::Outbound;
use game::MarksTable;
use protocol::message::{Marks, ServerMessage};
use protocol::{Custom, NetId, Tick, codec};
use rudp::channel;
use serde::{Deserialize, Serialize};

/// What a marks message costs beside itself: the type, id and length of its frame (spec: PKT-20).
const FRAME_BYTES: i32 = 4;

/// What one viewer was told of marks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MarksTold {
    /// Of whom, in the order of ids, and which: the tick in which they became what he was told.
    told: Vec<(NetId, Tick)>,
    /// Whether that was all there was to tell.
    is_settled: bool,
}

impl MarksTold {
    /// Whether there may be something to tell. `looked`: others may have come into view or gone out of it in this tick. What
    /// somebody missed while he heard nothing is found at his next look, too.
    pub fn is_due(&self, table: &MarksTable, now: Tick, looked: bool) -> bool {
        let is_nothing = table.is_empty() && self.told.is_empty();
        !is_nothing && (!self.is_settled || looked || table.changed() == now)
    }
}

/// Somebody to be told of whose marks there are.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// His connection.
    pub session: SessionId,
    /// Himself: of his own marks he is told whatever it costs.
    pub own: NetId,
    /// Bytes that may be spent on others.
    pub bytes: i32,
}

/// Tells of marks, one viewer after another.
#[derive(Debug, Default)]
pub struct MarksTeller {
    /// Those of whom there may be something to tell, in the order of ids, and whether they are in view and have marks, or had.
    seen: Vec<(NetId, bool)>,
    next: Vec<(NetId, Tick)>,
    marks: Vec<Custom>,
    message: Vec<u8>,
    /// Messages since it was last taken.
    pub told: u64,
    /// Times a viewer had too few bytes for all, since it was last taken.
    pub put_off: u64,
}

impl MarksTeller {
    /// Tells a viewer what he is owed, as far as his bytes go; answers how many were spent.
    pub fn tell(
        &mut self,
        table: &MarksTable,
        now: Tick,
        viewer: Viewer,
        in_view: impl Iterator<Item = NetId>,
        told: &mut MarksTold,
        out: &mut Outbound,
    ) -> i32 {
        let is_marked = |&id: &NetId| table.of(id).changed != Tick(0);
        self.seen.clear();
        self.seen.extend(in_view.chain([viewer.own]).filter(is_marked).map(|id| (id, true)));
        // Of whom something was told and nothing is to be seen any more, he is told that, too.
        self.seen.extend(told.told.iter().map(|&(id, _)| (id, false)));
        self.seen.sort_unstable_by_key(|&(id, is_there)| (id, !is_there));
        self.seen.dedup_by_key(|&mut (id, _)| id);
        self.next.clear();
        told.is_settled = true;
        let mut spent = 0;
        // Another one is the first in every tick: whoever's marks change all the time must not hold up the others for ever.
        let first = now.0 as usize % self.seen.len().max(1);
        for at in (first..self.seen.len()).chain(0..first) {
            let (id, is_there) = self.seen[at];
            let known = told.told.binary_search_by_key(&id, |&(id, _)| id).ok().map(|at| told.told[at].1);
            let marks: &[Custom] = if is_there { &table.of(id).marks } else { &[] };
            let wanted = (!marks.is_empty()).then(|| table.of(id).changed);
            let bytes = if known == wanted { 0 } else { self.encode(now, id, marks) };
            let is_told = bytes > 0 && (id == viewer.own || spent + bytes <= viewer.bytes);
            if is_told {
                out.encoded(viewer.session, channel::EVENT, &self.message);
                self.told += 1;
                spent += bytes;
            }
            told.is_settled &= bytes == 0 || is_told;
            let known = if is_told { wanted } else { known };
            self.next.extend(known.map(|changed| (id, changed)));
        }
        self.put_off += u64::from(!told.is_settled);
        self.next.sort_unstable();
        std::mem::swap(&mut told.told, &mut self.next);
        spent
    }

    /// Makes the message and says what it costs, in bytes.
    fn encode(&mut self, tick: Tick, id: NetId, marks: &[Custom]) -> i32 {
        self.marks.clear();
        self.marks.extend_from_slice(marks);
        let message = ServerMessage::Marks(Marks { tick, id, marks: std::mem::take(&mut self.marks) });
        codec::encode(&message, &mut self.message);
        if let ServerMessage::Marks(Marks { marks, .. }) = message {
            self.marks = marks;
        }
        self.message.len() as i32 + FRAME_BYTES
    }
}
