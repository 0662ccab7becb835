//! What a game of one's own says beside what every game says: commands, events, news and marks with a body of its own.
//!
//! spec: CMD-6. The server that runs the game and its clients share the types; everybody else sees a number and bytes.

use crate::codec;
use bincode::de::Decoder;
use bincode::de::read::Reader;
use bincode::enc::Encoder;
use bincode::enc::write::Writer;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

/// Most bytes of a body. It travels in a packet with others, lies in every queue that its sort lies in, and 1,000 people
/// may see one change: more than this belongs on the bulk channel.
pub const BODY_BYTES_MAX: usize = 64;
/// Most marks of one entity: as many sorts of them as a game may have.
pub const MARKS_MAX: usize = 8;

/// A type of a game's own that goes over the wire.
///
/// What stands under one number must be told apart by where it stands, not by it: a command and a mark may have the same.
pub trait Kind: Encode + Decode<()> {
    /// Its number among those of its sort: commands, events, news or marks.
    const KIND: u8;
}

/// A value of some [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Custom {
    /// [`Kind::KIND`] of its type.
    pub kind: u8,
    body: Body,
}

impl Custom {
    /// This value.
    ///
    /// # Panics
    /// If it takes more than [`BODY_BYTES_MAX`] bytes: whoever makes such types bounds them.
    #[must_use]
    pub fn of<K: Kind>(value: &K) -> Self {
        let mut bytes = [0; BODY_BYTES_MAX];
        let len = codec::encode_into(value, &mut bytes);
        Self { kind: K::KIND, body: Body { len: len as u8, bytes } }
    }

    /// The value, if it is one of this type.
    #[must_use]
    pub fn read<K: Kind>(&self) -> Option<K> {
        (self.kind == K::KIND).then(|| codec::decode(self.body.bytes()).ok())?
    }
}

/// So many bytes; those beyond are 0, so that equal bodies are equal.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Body {
    len: u8,
    bytes: [u8; BODY_BYTES_MAX],
}

impl Body {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.bytes().fmt(f)
    }
}

impl Encode for Body {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.len.encode(encoder)?;
        encoder.writer().write(self.bytes())
    }
}

impl<C> Decode<C> for Body {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = u8::decode(decoder)?;
        let mut bytes = [0; BODY_BYTES_MAX];
        let Some(body) = bytes.get_mut(..usize::from(len)) else {
            return Err(DecodeError::Other("the body is longer than a body may be"));
        };
        decoder.claim_bytes_read(body.len())?;
        decoder.reader().read(body)?;
        Ok(Self { len, bytes })
    }
}

bincode::impl_borrow_decode!(Body);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Encode, Decode)]
    struct Score {
        red: u32,
        blue: u32,
    }

    impl Kind for Score {
        const KIND: u8 = 3;
    }

    #[derive(Debug, PartialEq, Eq, Encode, Decode)]
    struct Long(Vec<u8>);

    impl Kind for Long {
        const KIND: u8 = 4;
    }

    fn bytes_of(custom: &Custom) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec::encode(custom, &mut bytes);
        bytes
    }

    /// proves: CMD-6
    #[test]
    fn a_value_reads_back_as_its_own_kind_and_as_no_other() {
        let custom = Custom::of(&Score { red: 300, blue: 1 });
        let bytes = bytes_of(&custom);
        assert_eq!(bytes, [3, 4, 251, 44, 1, 1]);
        let read: Custom = codec::decode(&bytes).unwrap();
        assert_eq!((read, read.read::<Score>()), (custom, Some(Score { red: 300, blue: 1 })));
        assert_eq!(read.read::<Long>(), None);
    }

    /// proves: CMD-6
    #[test]
    fn a_body_of_the_greatest_length_fits_and_a_longer_one_is_refused() {
        let most = Custom::of(&Long(vec![7; BODY_BYTES_MAX - 1]));
        let mut bytes = bytes_of(&most);
        assert_eq!(codec::decode::<Custom>(&bytes).unwrap().read::<Long>(), Some(Long(vec![7; 63])));
        for len in 0..bytes.len() {
            assert!(codec::decode::<Custom>(&bytes[..len]).is_err(), "{len} bytes");
        }
        bytes[1] = 65;
        bytes.push(0);
        assert!(codec::decode::<Custom>(&bytes).is_err());
    }

    #[test]
    fn a_body_that_is_no_value_of_its_kind_reads_as_none() {
        for body in [&[1, 0][..], &[], &[1, 2, 3]] {
            let mut bytes = vec![3, body.len() as u8];
            bytes.extend_from_slice(body);
            assert_eq!(codec::decode::<Custom>(&bytes).unwrap().read::<Score>().is_some(), body.len() == 2, "{body:?}");
        }
    }

    #[test]
    #[should_panic(expected = "over its limit")]
    fn a_value_that_is_too_long_is_a_mistake_of_who_made_the_type() {
        let _ = Custom::of(&Long(vec![0; BODY_BYTES_MAX]));
    }
}
