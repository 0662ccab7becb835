//! How a message that is too long for one packet is cut. Both ends compute the same cut from the message's length
//! alone: no fragment can claim a length or a place of its own.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// Bytes of every fragment but the last, and of the longest message that is sent whole: with its frame overhead and the
/// longest header it still fits one packet of 1,200 B (spec: PKT-70).
pub const FRAGMENT_BYTES: usize = 1_024;

/// Bytes of one message at most, on the kinds that fragment: 64 KiB, 64 fragments (spec: PKT-70).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1_024;

/// The place of a fragment in its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 0 for the first.
    pub index: u8,
    /// Bytes of the whole message less one, so that 64 KiB fits.
    pub size_less_one: u16,
}

impl Place {
    /// Bytes of the whole message.
    #[must_use]
    pub const fn message_bytes(self) -> usize {
        (self.size_less_one as usize).saturating_add(1)
    }

    /// Fragments of the whole message, 1 to 64.
    #[must_use]
    pub const fn fragments(self) -> usize {
        self.message_bytes().div_ceil(FRAGMENT_BYTES)
    }

    /// Bytes of this fragment: full, or what is left for the last. `None`: the message has no such fragment, or needs
    /// none (spec: PKT-71).
    #[must_use]
    pub fn bytes(self) -> Option<usize> {
        let start = usize::from(self.index).saturating_mul(FRAGMENT_BYTES);
        let left = self.message_bytes().checked_sub(start).filter(|left| *left > 0)?;
        (self.message_bytes() > FRAGMENT_BYTES).then_some(left.min(FRAGMENT_BYTES))
    }
}

/// Cuts a message; `None` as the place says that it goes whole.
pub(crate) fn cut(message: &[u8]) -> impl Iterator<Item = (Option<Place>, &[u8])> {
    let whole = message.len() <= FRAGMENT_BYTES;
    let size_less_one = u16::try_from(message.len().saturating_sub(1)).unwrap_or(u16::MAX);
    // An empty message is one empty piece.
    let empty = message.is_empty().then_some((None, message));
    let pieces = (0_u8..).zip(message.chunks(FRAGMENT_BYTES));
    let pieces = pieces.map(move |(index, piece)| ((!whole).then_some(Place { index, size_less_one }), piece));
    empty.into_iter().chain(pieces)
}

/// Pieces that [`cut`] makes of a message of this length.
pub(crate) const fn pieces(message_bytes: usize) -> usize {
    if message_bytes == 0 { 1 } else { message_bytes.div_ceil(FRAGMENT_BYTES) }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn the_cut_is_a_function_of_the_length_alone() {
        // proves: PKT-70, PKT-71
        for bytes in [0, 1, 1_024, 1_025, 2_048, 2_049, 65_535, 65_536] {
            let message = vec![7; bytes];
            let pieces_cut: Vec<_> = cut(&message).collect();
            assert_eq!(pieces_cut.len(), pieces(bytes));
            assert_eq!(pieces_cut.iter().map(|(_, piece)| piece.len()).sum::<usize>(), bytes);
            for (at, (place, piece)) in pieces_cut.iter().enumerate() {
                let Some(place) = place else {
                    assert!(bytes <= 1_024);
                    continue;
                };
                assert_eq!((place.message_bytes(), place.fragments()), (bytes, pieces_cut.len()));
                assert_eq!((usize::from(place.index), place.bytes()), (at, Some(piece.len())));
            }
        }
    }

    #[test]
    fn a_place_outside_its_message_has_no_bytes() {
        // proves: PKT-71
        assert_eq!(Place { index: 2, size_less_one: 2_047 }.bytes(), None);
        assert_eq!(Place { index: 1, size_less_one: 2_047 }.bytes(), Some(1_024));
        assert_eq!(Place { index: 1, size_less_one: 2_046 }.bytes(), Some(1_023));
        assert_eq!(Place { index: 0, size_less_one: 1_023 }.bytes(), None, "it would have gone whole");
        assert_eq!(Place { index: 255, size_less_one: u16::MAX }.bytes(), None);
    }
}
