//! What the server's own game shows of others, as it was told last. spec: CMD-7

use protocol::message::Marks;
use protocol::{Custom, NetId};
use std::collections::BTreeMap;

/// Entities whose marks are kept: twice as many as a view has places. A server that tells of more has lost count.
const KEPT_MAX: usize = 2_048;

/// Marks by entity; of whom there are none, nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct MarksKept(BTreeMap<NetId, Vec<Custom>>);

impl MarksKept {
    /// They are so from now on. False, and nothing is kept, if there are too many.
    pub(crate) fn take(&mut self, told: &Marks) -> bool {
        if told.marks.is_empty() {
            self.0.remove(&told.id);
            return true;
        }
        let has_room = self.0.len() < KEPT_MAX || self.0.contains_key(&told.id);
        if has_room {
            self.0.insert(told.id, told.marks.clone());
        }
        has_room
    }

    /// Those of somebody.
    pub(crate) fn of(&self, id: NetId) -> &[Custom] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bincode::{Decode, Encode};
    use protocol::Tick;
    use protocol::custom::Kind;

    #[derive(Debug, PartialEq, Eq, Encode, Decode)]
    struct Flag(u8);

    impl Kind for Flag {
        const KIND: u8 = 1;
    }

    fn told(id: u16, flags: &[u8]) -> Marks {
        Marks { tick: Tick(1), id: NetId(id), marks: flags.iter().map(|&flag| Custom::of(&Flag(flag))).collect() }
    }

    /// proves: CMD-7
    #[test]
    fn what_was_told_last_is_what_there_is() {
        let mut kept = MarksKept::default();
        assert!(kept.take(&told(1, &[7, 8])) && kept.take(&told(2, &[9])) && kept.take(&told(1, &[5])));
        assert_eq!((kept.of(NetId(1)), kept.of(NetId(2)).len()), (&[Custom::of(&Flag(5))][..], 1));
        assert!(kept.take(&told(1, &[])));
        assert_eq!((kept.of(NetId(1)).len(), kept.of(NetId(2)).len()), (0, 1));
    }

    #[test]
    fn a_server_cannot_make_a_client_keep_without_end() {
        let mut kept = MarksKept::default();
        let taken = (0..KEPT_MAX as u16 + 9).filter(|&id| kept.take(&told(id, &[1]))).count();
        assert_eq!(taken, KEPT_MAX);
        assert!(kept.take(&told(3, &[2])), "one that is kept may change");
    }
}
