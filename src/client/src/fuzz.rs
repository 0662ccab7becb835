//! Bodies of the fuzz targets in `fuzz/`: compiled with the library so that they cannot rot, and run over their corpus by
//! the tests. [`store`] is a long-lived snapshot store fed one hostile part after another, [`screen`] what is drawn of the
//! most that such a store can tell.

mod screen;

pub use screen::screen;

use crate::ClientEvent;
use crate::store::SnapshotStore;
use std::collections::{BTreeSet, VecDeque};

/// Bytes are cut into parts, each behind its length in one byte. Whatever they say, what the store tells of who is in
/// view agrees with what it shows.
pub fn store(mut bytes: &[u8]) {
    let mut store = SnapshotStore::default();
    let mut events = VecDeque::new();
    let mut present = BTreeSet::new();
    while let Some((&len, rest)) = bytes.split_first() {
        let (part, rest) = rest.split_at(usize::from(len).min(rest.len()));
        bytes = rest;
        let _ = store.apply(part, &mut events);
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
}
