//! The outer packet: what any observer can send, and what only a holder of the key can.

use super::Script;
use crate::challenge::CHALLENGE_BODY_BYTES;
use crate::outer::{
    self, DATAGRAM_BYTES_MAX, HEADER_BYTES_MAX, KeepAlive, Kind, OuterError, PATH_BYTES, PAYLOAD_BYTES_MAX,
    REQUEST_BYTES, Reads, SEALED_BYTES_MIN,
};
use crate::seal::{Backend, Key, PacketKey, TAG_BYTES};
use crate::token::VERSION;

const PROTOCOL: u64 = 0x0102_0304_0506_0708;

/// The first byte says what the rest is: a datagram as it came, a packet that we seal, one sealed by a holder of the
/// key that keeps no rule, or a path packet.
pub fn outer(bytes: &[u8]) {
    let Some((&what, rest)) = bytes.split_first() else { return };
    match what % 4 {
        0 => judge_raw(rest),
        1 => judge_sealed(rest),
        2 => judge_unruly(rest),
        _ => judge_path(&mut Script::new(rest)),
    }
}

fn key() -> PacketKey {
    PacketKey::new(&Key::new([5; 32]), Backend::Crate)
}

/// Nobody seals by chance; a header that reads says what its first bytes say.
fn judge_raw(datagram: &[u8]) {
    for reads in [Reads::Server, Reads::Client] {
        let header = outer::decode_header(datagram, reads);
        assert_eq!(header.map(|_| ()), expected(datagram, reads));
        let Ok(header) = header else { continue };
        let opened = outer::open(&key(), PROTOCOL, header, &mut datagram.to_vec()).map(|body| body.len());
        assert_eq!(opened, Err(OuterError::Seal));
    }
    let peeked = outer::peek_request(datagram);
    assert_eq!(peeked.is_some(), datagram.len() == REQUEST_BYTES && datagram[0] == 0);
    let mut datagram = datagram.to_vec();
    assert_eq!(outer::decode_request(&mut datagram).ok().map(|(header, _)| header), peeked);
    if let Some(keep_alive) = KeepAlive::decode(&datagram) {
        assert_eq!(keep_alive.encode()[..], datagram);
    }
}

/// What we seal is read by the side it is for, and by nobody once a bit of it has changed.
fn judge_sealed(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let kind = [Kind::Denied, Kind::Challenge, Kind::Response, Kind::KeepAlive, Kind::Payload, Kind::Disconnect]
        [script.below(6)];
    let sequence = script.u64() >> (8 * script.below(8));
    let body_bytes = match kind {
        Kind::Challenge | Kind::Response => CHALLENGE_BODY_BYTES,
        Kind::KeepAlive => 8,
        Kind::Payload => 1 + usize::from(script.u16()) % PAYLOAD_BYTES_MAX,
        _ => 0,
    };
    let body = vec![script.u8(); body_bytes];
    let mut buf = [0; DATAGRAM_BYTES_MAX];
    let start = outer::body_offset(sequence);
    buf[start..start + body_bytes].copy_from_slice(&body);
    let len = outer::seal(&key(), PROTOCOL, kind, sequence, &mut buf, body_bytes);
    assert_eq!(len, outer::datagram_bytes(sequence, body_bytes));
    let flip = usize::from(script.u16()) % (len * 8);
    for reads in [Reads::Server, Reads::Client] {
        let header = outer::decode_header(&buf[..len], reads);
        assert_eq!(header.map(|_| ()), expected(&buf[..len], reads));
        let Ok(header) = header else { continue };
        assert_eq!((header.kind, header.sequence, header.path_id), (kind, sequence, 0));
        let mut datagram = buf;
        let opened = outer::open(&key(), PROTOCOL, header, &mut datagram[..len]).unwrap();
        assert_eq!((&*opened, outer::check_body(kind, opened)), (&body[..], Ok(())));
        assert_flipped_is_refused(&mut buf[..len].to_vec(), flip, reads);
    }
}

/// A holder of the key writes any prefix, any sequence bytes and any body: the size rules decide.
fn judge_unruly(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let (prefix, sequence) = (script.u8(), script.u64());
    let body_bytes = usize::from(script.u16()) % (PAYLOAD_BYTES_MAX + 16);
    let sequence_bytes = usize::from(prefix >> 4);
    let mut datagram = vec![prefix];
    datagram.extend_from_slice(&sequence.to_le_bytes()[..sequence_bytes.min(8)]);
    let start = datagram.len();
    datagram.resize(start + body_bytes, script.u8());
    let said = if sequence_bytes < 8 { sequence & ((1 << (8 * sequence_bytes)) - 1) } else { sequence };
    let associated = [&VERSION[..], &PROTOCOL.to_le_bytes(), &[prefix]].concat();
    let tag = key().seal(said, &associated, &mut datagram[start..]);
    datagram.extend_from_slice(&tag);
    for reads in [Reads::Server, Reads::Client] {
        let header = outer::decode_header(&datagram, reads);
        assert_eq!(header.map(|_| ()), expected(&datagram, reads));
        let Ok(header) = header else { continue };
        let opened = outer::open(&key(), PROTOCOL, header, &mut datagram.clone()).map(|body| body.to_vec());
        if header.kind == Kind::Path {
            assert_eq!(opened, Err(OuterError::Seal), "sealed without its path id");
            continue;
        }
        let body = opened.unwrap();
        assert_eq!((header.sequence, body.len()), (said, body_bytes));
        assert_eq!(outer::check_body(header.kind, &body).is_ok(), allows(header.kind, body_bytes));
    }
}

fn judge_path(script: &mut Script<'_>) {
    let (path_id, sequence, said) = (script.u64(), script.u64(), script.u64());
    let mut buf = [0; DATAGRAM_BYTES_MAX];
    let len = outer::seal_path(&key(), PROTOCOL, path_id, sequence, said, &mut buf);
    assert_eq!(len, PATH_BYTES);
    let flip = usize::from(script.u16()) % (len * 8);
    for reads in [Reads::Server, Reads::Client] {
        let header = outer::decode_header(&buf[..len], reads).unwrap();
        assert_eq!((header.kind, header.sequence, header.path_id), (Kind::Path, sequence, path_id));
        let mut datagram = buf;
        let opened = outer::open(&key(), PROTOCOL, header, &mut datagram[..len]).unwrap();
        assert_eq!((&*opened, outer::check_body(Kind::Path, opened)), (&said.to_le_bytes()[..], Ok(())));
        assert_flipped_is_refused(&mut buf[..len].to_vec(), flip, reads);
    }
}

fn assert_flipped_is_refused(datagram: &mut [u8], bit: usize, reads: Reads) {
    datagram[bit / 8] ^= 1 << (bit % 8);
    if let Ok(header) = outer::decode_header(datagram, reads) {
        assert!(outer::open(&key(), PROTOCOL, header, datagram).is_err(), "opened with bit {bit} changed");
    }
}

/// The checks of a header in their order (protocol-spec: SES-10, SES-13, SES-16), written once more.
fn expected(datagram: &[u8], reads: Reads) -> Result<(), OuterError> {
    if !(SEALED_BYTES_MIN..=HEADER_BYTES_MAX + PAYLOAD_BYTES_MAX + TAG_BYTES).contains(&datagram.len()) {
        return Err(OuterError::Length);
    }
    let (kind, sequence_bytes) = (datagram[0] & 0x0f, usize::from(datagram[0] >> 4));
    let foreign: &[u8] = if reads == Reads::Server { &[0, 1, 2] } else { &[0, 3] };
    if kind > 7 {
        Err(OuterError::Kind)
    } else if foreign.contains(&kind) {
        Err(OuterError::Role)
    } else if if kind == 7 { sequence_bytes != 8 } else { !(1..=8).contains(&sequence_bytes) } {
        Err(OuterError::SequenceBytes)
    } else if if kind == 7 { datagram.len() != 41 } else { datagram.len() < 1 + sequence_bytes + 16 } {
        Err(OuterError::Length)
    } else {
        Ok(())
    }
}

/// Body sizes by type (protocol-spec: SES-12), written once more.
fn allows(kind: Kind, bytes: usize) -> bool {
    match kind {
        Kind::Request => false,
        Kind::Denied | Kind::Disconnect => bytes == 0,
        Kind::Challenge | Kind::Response => bytes == 308,
        Kind::KeepAlive | Kind::Path => bytes == 8,
        Kind::Payload => (1..=1_200).contains(&bytes),
    }
}
