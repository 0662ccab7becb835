//! The ciphers: ChaCha20-Poly1305 per packet in two interchangeable implementations, XChaCha20-Poly1305 for tokens.
//!
//! Both packet backends give the same bytes (a test holds them against each other); they differ in speed only.
use crate::prefetch::Prefetch;
use aws_lc_rs::aead::{self as aws, LessSafeKey, UnboundKey};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use zeroize::Zeroize;

/// Bytes of a symmetric key.
pub const KEY_BYTES: usize = 32;
/// Bytes a seal adds: the Poly1305 tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of a token's nonce (XChaCha20: long enough to be drawn at random).
pub const TOKEN_NONCE_BYTES: usize = 24;

/// A 256-bit key that is wiped when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// The key made of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// A key drawn from `rng`, which must be seeded from the operating system outside tests.
    pub fn random(rng: &mut impl rand::CryptoRng) -> Self {
        let mut bytes = [0; KEY_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The bytes, for writing the key into a token or a key file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Which implementation seals packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The faster one on this platform: [`Backend::AwsLc`].
    #[default]
    Auto,
    /// The `chacha20poly1305` crate (pure Rust).
    Crate,
    /// `aws-lc-rs` (assembly); at 64-200 bytes two to four times as fast.
    AwsLc,
}

/// The bytes did not open: forged, damaged, or sealed under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open")]
pub struct SealBroken;

/// One direction of one session: the key schedule is done once, at construction.
pub struct PacketKey(Cipher);

enum Cipher {
    Crate(ChaCha20Poly1305),
    AwsLc(Box<LessSafeKey>),
}

impl PacketKey {
    /// Prepares `key` for `backend`.
    ///
    /// # Panics
    /// Never: both ciphers take every 32-byte key.
    #[must_use]
    pub fn new(key: &Key, backend: Backend) -> Self {
        Self(match backend {
            Backend::Crate => Cipher::Crate(ChaCha20Poly1305::new(&key.0.into())),
            Backend::Auto | Backend::AwsLc => {
                let unbound = UnboundKey::new(&aws::CHACHA20_POLY1305, &key.0).expect("32 bytes are a ChaCha20 key");
                Cipher::AwsLc(Box::new(LessSafeKey::new(unbound)))
            }
        })
    }

    /// About to be used.
    pub(crate) fn prefetch(&self, prefetch: Prefetch) {
        if let Cipher::AwsLc(cipher) = &self.0 {
            prefetch.value(&**cipher);
        }
    }

    /// Encrypts `body` in place under `sequence` and returns the tag. The caller never repeats a sequence under one key.
    ///
    /// # Panics
    /// Never for bodies below 256 GiB, the limit of the cipher.
    #[must_use]
    pub fn seal(&self, sequence: u64, associated: &[u8], body: &mut [u8]) -> [u8; TAG_BYTES] {
        let nonce = packet_nonce(sequence);
        match &self.0 {
            Cipher::Crate(cipher) => cipher
                .encrypt_inout_detached(&nonce.into(), associated, body.into())
                .expect("a packet is far below the cipher's limit")
                .into(),
            Cipher::AwsLc(cipher) => {
                let nonce = aws::Nonce::assume_unique_for_key(nonce);
                let tag = cipher
                    .seal_in_place_separate_tag(nonce, aws::Aad::from(associated), body)
                    .expect("a packet is far below the cipher's limit");
                tag.as_ref().try_into().expect("a Poly1305 tag has 16 bytes")
            }
        }
    }

    /// Decrypts `body` in place.
    ///
    /// # Errors
    /// [`SealBroken`] when the tag does not fit; `body` is then worthless and must not be read.
    pub fn open(
        &self,
        sequence: u64,
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealBroken> {
        let nonce = packet_nonce(sequence);
        match &self.0 {
            Cipher::Crate(cipher) => cipher
                .decrypt_inout_detached(&nonce.into(), associated, body.into(), &(*tag).into())
                .map_err(|_| SealBroken),
            Cipher::AwsLc(cipher) => {
                let nonce = aws::Nonce::assume_unique_for_key(nonce);
                cipher
                    .open_in_place_separate_tag(nonce, aws::Aad::from(associated), tag, body)
                    .map(|_| ())
                    .map_err(|_| SealBroken)
            }
        }
    }
}

impl std::fmt::Debug for PacketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PacketKey(..)")
    }
}

/// The key shared by the token mint and the servers.
pub struct TokenKey(XChaCha20Poly1305);

impl TokenKey {
    /// Prepares `key`.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(XChaCha20Poly1305::new(&key.0.into()))
    }

    /// Encrypts `body` in place and returns the tag.
    ///
    /// # Panics
    /// Never for bodies below 256 GiB, the limit of the cipher.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; TOKEN_NONCE_BYTES], associated: &[u8], body: &mut [u8]) -> [u8; TAG_BYTES] {
        self.0
            .encrypt_inout_detached(&(*nonce).into(), associated, body.into())
            .expect("a token is far below the cipher's limit")
            .into()
    }

    /// Decrypts `body` in place.
    ///
    /// # Errors
    /// [`SealBroken`] when the tag does not fit; `body` is then unchanged.
    pub fn open(
        &self,
        nonce: &[u8; TOKEN_NONCE_BYTES],
        associated: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealBroken> {
        self.0.decrypt_inout_detached(&(*nonce).into(), associated, body.into(), &(*tag).into()).map_err(|_| SealBroken)
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

/// spec: SES-11. Four zero bytes, then the sequence.
fn packet_nonce(sequence: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&sequence.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (PacketKey, PacketKey) {
        let key = Key::new(std::array::from_fn(|i| i as u8));
        (PacketKey::new(&key, Backend::Crate), PacketKey::new(&key, Backend::AwsLc))
    }

    #[test]
    fn both_backends_write_the_same_bytes_and_open_each_other() {
        let (pure, fast) = keys();
        for len in [0usize, 1, 8, 63, 64, 65, 200, 308, 1200] {
            for sequence in [0, 1, 255, 256, 1 << 63, u64::MAX] {
                let plain: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
                let (mut a, mut b) = (plain.clone(), plain.clone());
                let tag_a = pure.seal(sequence, b"associated", &mut a);
                let tag_b = fast.seal(sequence, b"associated", &mut b);
                assert_eq!((&a, tag_a), (&b, tag_b), "length {len}, sequence {sequence}");
                assert_eq!(fast.open(sequence, b"associated", &mut a, &tag_a), Ok(()));
                assert_eq!(pure.open(sequence, b"associated", &mut b, &tag_b), Ok(()));
                assert_eq!((&a, &b), (&plain, &plain));
            }
        }
    }

    #[test]
    fn a_change_of_any_input_breaks_the_seal() {
        let (pure, fast) = keys();
        for key in [&pure, &fast] {
            let mut sealed = *b"eight by";
            let tag = key.seal(5, b"ad", &mut sealed);
            for byte in 0..sealed.len() {
                let mut bad = sealed;
                bad[byte] ^= 1;
                assert_eq!(key.open(5, b"ad", &mut bad, &tag), Err(SealBroken));
            }
            let mut bad_tag = tag;
            bad_tag[15] ^= 0x80;
            assert_eq!(key.open(5, b"ad", &mut sealed.clone(), &bad_tag), Err(SealBroken));
            assert_eq!(key.open(6, b"ad", &mut sealed.clone(), &tag), Err(SealBroken));
            assert_eq!(key.open(5, b"ae", &mut sealed.clone(), &tag), Err(SealBroken));
            assert_eq!(key.open(5, b"ad", &mut sealed, &tag), Ok(()));
        }
    }

    #[test]
    fn keys_do_not_print_themselves() {
        assert_eq!(format!("{:?}", Key::new([0xAB; 32])), "Key(..)");
    }

    /// The AEAD example of RFC 8439, 2.8.2, shifted into our nonce form is not possible (its nonce has a non-zero
    /// prefix), so the vector here is the XChaCha one of draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn the_token_cipher_matches_the_published_vector() {
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        let key = TokenKey::new(&Key::new(std::array::from_fn(|i| 0x80 + i as u8)));
        let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
        let associated = [0x50, 0x51, 0x52, 0x53, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7];
        let mut body = plain.to_vec();
        let tag = key.seal(&nonce, &associated, &mut body);
        assert_eq!(body[..8], [0xBD, 0x6D, 0x17, 0x9D, 0x3E, 0x83, 0xD4, 0x3B]);
        assert_eq!(
            tag,
            [0xC0, 0x87, 0x59, 0x24, 0xC1, 0xC7, 0x98, 0x79, 0x47, 0xDE, 0xAF, 0xD8, 0x78, 0x0A, 0xCF, 0x49]
        );
    }
}
