//! The challenge: proof that the sender of a request reads what arrives at the address it claims.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
use crate::cursor::{Reader, Writer};
use crate::seal::{Backend, Key, PacketKey, TAG_BYTES};
use crate::time::NS_PER_MS;
use crate::token::USER_BYTES;
use std::net::{IpAddr, SocketAddr};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Bytes of the sealed challenge token.
pub const CHALLENGE_TOKEN_BYTES: usize = 300;
/// Body of a challenge and of a response: the challenge's sequence, then the token.
pub const CHALLENGE_BODY_BYTES: usize = 8 + CHALLENGE_TOKEN_BYTES;
/// A response is accepted this long after its challenge was made: a stock client answers at once and repeats at 10 Hz.
pub const CHALLENGE_LIFETIME_NS: u64 = 5_000 * NS_PER_MS;

const PLAIN_BYTES: usize = CHALLENGE_TOKEN_BYTES - TAG_BYTES;
/// Client id, user data, 8 bytes of time, 12 of binding: the 284 bytes are full.
const BINDING_BYTES: usize = PLAIN_BYTES - 8 - USER_BYTES - 8;

/// Makes and opens challenges. Its key lives and dies with the server process.
pub struct ChallengeMint {
    key: PacketKey,
    binding_seed: u64,
    next_sequence: u64,
}

/// What a challenge is made for, and what its response must therefore show.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeSubject<'a> {
    /// Client id of the pending request.
    pub client_id: u64,
    /// User bytes of the pending request.
    pub user: &'a [u8; USER_BYTES],
    /// Where the request came from.
    pub address: SocketAddr,
    /// The tag of the sealed private token: names one token among all.
    pub token_tag: &'a [u8; TAG_BYTES],
}

/// Why a response proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// Not made by this process.
    #[error("challenge does not open")]
    Seal,
    /// Made for another client, address or token.
    #[error("challenge was made for another request")]
    Subject,
    /// Answered too late.
    #[error("challenge is older than 5 s")]
    Late,
}

impl ChallengeMint {
    /// A mint with its own key.
    pub fn new(rng: &mut impl rand::CryptoRng, backend: Backend) -> Self {
        let key = PacketKey::new(&Key::random(rng), backend);
        Self { key, binding_seed: rng.next_u64(), next_sequence: 0 }
    }

    /// Writes the body of a challenge. Every call uses a new sequence, so no nonce repeats under the mint's key.
    /// spec: SES-9
    pub fn make(&mut self, mono_ns: u64, subject: &ChallengeSubject<'_>, body: &mut [u8; CHALLENGE_BODY_BYTES]) {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        let mut writer = Writer::new(body);
        writer.u64(sequence);
        writer.u64(subject.client_id);
        writer.put(subject.user);
        writer.u64(mono_ns);
        writer.put(&self.binding(subject));
        if let Some((head, tag)) = body.split_last_chunk_mut::<TAG_BYTES>()
            && let Some((_, plain)) = head.split_first_chunk_mut::<8>()
        {
            *tag = self.key.seal(sequence, &[], plain);
        }
    }

    /// Checks the body of a response against the pending request it claims to answer. Opens in place. spec: LIF-7
    ///
    /// # Errors
    /// [`ChallengeError`] says what does not fit.
    pub fn check(
        &self,
        mono_ns: u64,
        subject: &ChallengeSubject<'_>,
        body: &mut [u8; CHALLENGE_BODY_BYTES],
    ) -> Result<(), ChallengeError> {
        use ChallengeError::{Late, Seal, Subject};
        let (head, tag) = body.split_last_chunk_mut::<TAG_BYTES>().ok_or(Seal)?;
        let (sequence, plain) = head.split_first_chunk_mut::<8>().ok_or(Seal)?;
        self.key.open(u64::from_le_bytes(*sequence), &[], plain, tag).map_err(|_| Seal)?;
        let mut reader = Reader::new(plain);
        let client_id = reader.u64().ok_or(Seal)?;
        let user = reader.array::<USER_BYTES>().ok_or(Seal)?;
        let made_ns = reader.u64().ok_or(Seal)?;
        let binding = reader.array::<BINDING_BYTES>().ok_or(Seal)?;
        if client_id != subject.client_id || user != *subject.user || binding != self.binding(subject) {
            return Err(Subject);
        }
        if mono_ns.saturating_sub(made_ns) > CHALLENGE_LIFETIME_NS {
            return Err(Late);
        }
        Ok(())
    }

    /// Address and token in 12 bytes. The hash needs no cryptographic strength of its own: it is seeded by a secret and
    /// travels sealed, so nobody outside can read one, choose one or search for two that agree.
    fn binding(&self, subject: &ChallengeSubject<'_>) -> [u8; BINDING_BYTES] {
        let mut bytes = [0; TAG_BYTES + 16 + 2 + 4];
        let mut writer = Writer::new(&mut bytes);
        writer.put(subject.token_tag);
        match subject.address.ip() {
            IpAddr::V4(v4) => writer.put(&v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => writer.put(&v6.octets()),
        }
        writer.u16(subject.address.port());
        writer.u32(match subject.address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(v6) => v6.scope_id(),
        });
        let hash = xxh3_128_with_seed(&bytes, self.binding_seed).to_le_bytes();
        let mut binding = [0; BINDING_BYTES];
        Writer::new(&mut binding).put(hash.first_chunk::<BINDING_BYTES>().unwrap_or(&[0; BINDING_BYTES]));
        binding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const USER: [u8; USER_BYTES] = [4; USER_BYTES];
    const TAG: [u8; TAG_BYTES] = [5; TAG_BYTES];

    fn mint() -> ChallengeMint {
        ChallengeMint::new(&mut rand::rngs::StdRng::from_seed([1; 32]), Backend::Crate)
    }

    fn subject() -> ChallengeSubject<'static> {
        ChallengeSubject { client_id: 8, user: &USER, address: "192.0.2.1:999".parse().unwrap(), token_tag: &TAG }
    }

    fn answer(
        mint: &ChallengeMint,
        at: u64,
        subject: &ChallengeSubject<'_>,
        body: &[u8; 308],
    ) -> Result<(), ChallengeError> {
        mint.check(at, subject, &mut body.clone())
    }

    /// proves: LIF-7
    #[test]
    fn a_response_is_good_for_its_own_request_only() {
        let mut mint = mint();
        let mut body = [0; CHALLENGE_BODY_BYTES];
        mint.make(0, &subject(), &mut body);
        assert_eq!(answer(&mint, 0, &subject(), &body), Ok(()));
        let others = [
            ChallengeSubject { client_id: 9, ..subject() },
            ChallengeSubject { user: &[3; USER_BYTES], ..subject() },
            ChallengeSubject { address: "192.0.2.1:998".parse().unwrap(), ..subject() },
            ChallengeSubject { address: "192.0.2.2:999".parse().unwrap(), ..subject() },
            ChallengeSubject { address: "[2001:db8::1]:999".parse().unwrap(), ..subject() },
            ChallengeSubject { token_tag: &[6; TAG_BYTES], ..subject() },
        ];
        for other in &others {
            assert_eq!(answer(&mint, 0, other, &body), Err(ChallengeError::Subject), "{other:?}");
        }
    }

    #[test]
    fn a_response_lives_5_seconds() {
        let mut mint = mint();
        let mut body = [0; CHALLENGE_BODY_BYTES];
        mint.make(1_000, &subject(), &mut body);
        assert_eq!(answer(&mint, 1_000 + CHALLENGE_LIFETIME_NS, &subject(), &body), Ok(()));
        assert_eq!(answer(&mint, 1_001 + CHALLENGE_LIFETIME_NS, &subject(), &body), Err(ChallengeError::Late));
    }

    #[test]
    fn a_damaged_or_foreign_challenge_does_not_open() {
        let (mut ours, mut body) = (mint(), [0; CHALLENGE_BODY_BYTES]);
        ours.make(0, &subject(), &mut body);
        for byte in [0, 8, 200, 307] {
            let mut bad = body;
            bad[byte] ^= 1;
            assert_eq!(answer(&ours, 0, &subject(), &bad), Err(ChallengeError::Seal));
        }
        let other = ChallengeMint::new(&mut rand::rngs::StdRng::from_seed([2; 32]), Backend::Crate);
        assert_eq!(answer(&other, 0, &subject(), &body), Err(ChallengeError::Seal));
    }

    /// proves: SES-9
    #[test]
    fn challenges_count_from_zero_and_are_pinned() {
        let (mut mint, mut first, mut second) = (mint(), [0; CHALLENGE_BODY_BYTES], [0; CHALLENGE_BODY_BYTES]);
        mint.make(0, &subject(), &mut first);
        mint.make(0, &subject(), &mut second);
        assert_eq!(first[..8], 0u64.to_le_bytes());
        assert_eq!(second[..8], 1u64.to_le_bytes());
        assert_ne!(first[8..], second[8..]);
    }
}
