//! Bodies of the fuzz targets in `fuzz/`: compiled with the library so that they cannot rot, and run over their corpus by
//! the tests. [`store`] is a long-lived snapshot store fed one hostile part after another, [`screen`] what is drawn of the
//! most that such a store can tell.

mod screen;

pub use screen::screen;

use crate::ClientEvent;
use crate::among::Among;
use crate::store::SnapshotStore;
use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};

/// Bytes are cut into parts, each behind its length in one byte. Whatever they say, what the store tells of who is in
/// view agrees with what it shows, and one among many tells the same.
pub fn store(mut bytes: &[u8]) {
    let (mut store, mut other_store) = (SnapshotStore::default(), SnapshotStore::default());
    let mut among = AMONG.take().unwrap_or_else(|| Among::new(rudp::Prefetch::NONE));
    let (mut events, mut same_events) = (VecDeque::new(), VecDeque::new());
    let mut present = BTreeSet::new();
    while let Some((&len, rest)) = bytes.split_first() {
        let (part, rest) = rest.split_at(usize::from(len).min(rest.len()));
        bytes = rest;
        let applied = store.apply(part, None, &mut events);
        assert_eq!(other_store.apply(part, Some(&mut among), &mut same_events), applied);
        assert_eq!(format!("{same_events:?}"), format!("{events:?}"));
        same_events.clear();
        for event in events.drain(..) {
            match event {
                ClientEvent::Enter { id, .. } => assert!(present.insert(id), "{id:?} entered twice"),
                ClientEvent::Leave { id, .. } => assert!(present.remove(&id), "{id:?} left without having entered"),
                ClientEvent::Update { id, .. } => {
                    assert!(present.contains(&id), "{id:?} was told of before it entered");
                }
                _ => {}
            }
        }
        let shown: BTreeSet<_> = store.entities().map(|(id, _)| id).collect();
        assert_eq!(shown, present);
        assert!(shown.iter().all(|&id| store.sees(id).is_some()));
    }
    AMONG.set(Some(among));
}

thread_local! {
    /// Over all runs: to make one takes longer than a run.
    static AMONG: Cell<Option<Among>> = const { Cell::new(None) };
}
