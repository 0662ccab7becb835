//! Several hands tell everybody the same as one.

mod stand;

use server::{Crew, Task};
use stand::{PLAYERS, Stand};
use std::sync::Arc;

/// So many hands, the last of which begins.
#[derive(Debug)]
struct Reversed(usize);

impl Crew for Reversed {
    fn hands(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: &mut [Task<'_>]) {
        assert_eq!(tasks.len(), self.0);
        tasks.iter_mut().rev().for_each(Task::work);
    }
}

/// All that was sent in some seconds, and what the world came to.
fn told_by(hands: usize) -> (Vec<String>, u64, u64) {
    let mut stand = Stand::new(|config| config.crew = Arc::new(Reversed(hands)));
    stand.join();
    let mut told = Vec::new();
    for _ in 0..200 {
        stand.speak();
        stand.turn();
        let out = &stand.outbound;
        told.extend(out.items().iter().map(|item| match item {
            server::OutboundItem::Part { session, part, bytes } => {
                format!("part {part:?} for {session:?}: {:?}", out.bytes(bytes))
            }
            other => format!("{other:?}"),
        }));
        stand.hand_over();
    }
    assert!(stand.parts > 100 * u64::from(PLAYERS) && stand.answers > u64::from(PLAYERS), "there was something to say");
    (told, stand.realm.status().updates, stand.realm.hash())
}

#[test]
fn what_is_sent_and_in_which_order_does_not_depend_on_how_many_hands_there_are() {
    let alone = told_by(1);
    // More hands than divide the people evenly, and more than some tick needs.
    for hands in [2, 3, 7, 16] {
        let shared = told_by(hands);
        let first_other = alone.0.iter().zip(&shared.0).position(|(one, other)| one != other);
        assert_eq!(first_other, None, "with {hands} hands");
        assert!(shared == alone, "with {hands} hands");
    }
}
