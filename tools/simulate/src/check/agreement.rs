//! Whether a client and the server agree: about the bytes, about what has arrived, and about what the client holds.
//!
//! What a bad path does to datagrams none of this counts: it is counted when something that was opened makes no sense.

use super::{Broken, Check};
use client::ClientStats;

/// What a client that says only what clients say has counted.
///
/// # Errors
/// Something that never happens while both do as they should.
pub fn judge_agreement(person: usize, stats: &ClientStats) -> Result<(), Broken> {
    let ClientStats { transport, store, resyncs, messages_malformed, .. } = stats;
    let counted = [
        (store.parts_refused, "parts of snapshots refused"),
        (*resyncs, "times everything asked for anew"),
        (*messages_malformed, "messages that are none"),
        (transport.malformed_in, "packets that are none"),
        (transport.duplicates_in, "packets that came twice"),
        (transport.acks_unsent, "acks for packets that were never sent"),
        (transport.fragments_mismatched_in, "fragments that do not fit together"),
    ];
    match counted.iter().find(|(count, _)| *count > 0) {
        Some((count, what)) => {
            Err(Broken::new(Check::Agreement, format!("person {person} has counted {count} {what}")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_was_refused_is_told_and_one_that_came_late_is_not() {
        let mut stats = ClientStats::default();
        (stats.store.parts_late, stats.transport.packets_lost) = (3, 3);
        assert_eq!(judge_agreement(1, &stats), Ok(()));
        stats.store.parts_refused = 2;
        let broken = judge_agreement(1, &stats).unwrap_err();
        assert_eq!(broken.to_string(), "agreement: person 1 has counted 2 parts of snapshots refused");
    }

    #[test]
    fn a_packet_that_was_opened_twice_is_told() {
        let mut stats = ClientStats::default();
        stats.transport.duplicates_in = 1;
        assert_eq!(judge_agreement(0, &stats).unwrap_err().check, Check::Agreement);
    }
}
