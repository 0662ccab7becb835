//! Facts about the outer packet.
use super::*;
use crate::seal::{Backend, Key};

const PROTOCOL: u64 = 0x1122_3344_5566_7788;

fn key() -> PacketKey {
    PacketKey::new(&Key::new(std::array::from_fn(|i| i as u8)), Backend::Auto)
}

fn sealed(kind: Kind, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut buf = [0xEE; DATAGRAM_BYTES_MAX];
    let start = body_offset(sequence);
    buf[start..start + body.len()].copy_from_slice(body);
    let len = seal(&key(), PROTOCOL, kind, sequence, &mut buf, body.len());
    assert_eq!(len, datagram_bytes(sequence, body.len()));
    buf[..len].to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The expected bytes were computed by an independent implementation of RFC 8439.
///
/// proves: SES-10, SES-11, SES-12
#[test]
fn packets_under_a_fixed_key_are_pinned() {
    assert_eq!(hex(&sealed(Kind::Disconnect, 0, &[])), "16009757560c02539430fdd5fafa4f273158");
    let keep_alive = KeepAlive { index: 7, clients_max: 2000 }.encode();
    assert_eq!(hex(&keep_alive), "07000000d0070000");
    assert_eq!(
        hex(&sealed(Kind::KeepAlive, 0x1234, &keep_alive)),
        "2434127f7d0e05b1f063533eb9c18814505b7e0e6d1b559bf9f21c"
    );
    assert_eq!(
        hex(&sealed(Kind::Payload, 0x01_0000, b"throng")),
        "350000015c6db89509e6e9094d413cb92db851dae8fb521b4317"
    );
    assert_eq!(hex(&sealed(Kind::Denied, 1 << 63, &[])), "8100000000000000800668e5d1aea42765082a5b4a8e5c5138");
}

/// proves: SES-10
#[test]
fn the_prefix_carries_type_and_sequence_length() {
    for (sequence, bytes) in
        [(0, 1), (255, 1), (256, 2), (0xFFFF, 2), (0x1_0000, 3), (1 << 32, 5), (1 << 56, 8), (u64::MAX, 8)]
    {
        let packet = sealed(Kind::Payload, sequence, b"x");
        assert_eq!(packet[0], (bytes << 4) | 5, "{sequence:#x}");
        assert_eq!(packet.len(), 1 + usize::from(bytes) + 1 + 16);
        assert_eq!(decode_header(&packet, Reads::Server).unwrap().sequence, sequence);
    }
}

#[test]
fn every_sealed_type_round_trips() {
    let bodies: [(Kind, Vec<u8>); 8] = [
        (Kind::Denied, vec![]),
        (Kind::Challenge, vec![1; 308]),
        (Kind::Response, vec![2; 308]),
        (Kind::KeepAlive, vec![3; 8]),
        (Kind::Payload, vec![4]),
        (Kind::Payload, vec![5; 1200]),
        (Kind::Disconnect, vec![]),
        (Kind::Payload, vec![0; 17]),
    ];
    for (kind, body) in bodies {
        let mut packet = sealed(kind, 300, &body);
        let reads = if kind == Kind::Response { Reads::Server } else { Reads::Client };
        let header = decode_header(&packet, reads).unwrap();
        assert_eq!((header.kind, header.sequence), (kind, 300));
        let opened = open(&key(), PROTOCOL, header, &mut packet).unwrap();
        assert_eq!(opened, &body[..]);
        assert_eq!(check_body(kind, opened), Ok(()));
    }
}

/// proves: SES-11
#[test]
fn any_flipped_bit_breaks_the_seal() {
    let packet = sealed(Kind::Payload, 300, b"hello");
    for bit in 0..packet.len() * 8 {
        let mut bad = packet.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(header) = decode_header(&bad, Reads::Server) {
            assert_eq!(open(&key(), PROTOCOL, header, &mut bad), Err(OuterError::Seal), "bit {bit}");
        }
    }
    let header = decode_header(&packet, Reads::Server).unwrap();
    assert_eq!(open(&key(), PROTOCOL + 1, header, &mut packet.clone()), Err(OuterError::Seal));
}

/// proves: SES-13
#[test]
fn headers_are_refused_in_the_order_of_the_checks() {
    let packet = sealed(Kind::Payload, 300, &[0; 30]);
    let with_prefix = |prefix: u8| {
        let mut bad = packet.clone();
        bad[0] = prefix;
        bad
    };
    for len in 0..18 {
        assert_eq!(decode_header(&packet[..len], Reads::Server), Err(OuterError::Length), "{len} bytes");
    }
    assert_eq!(decode_header(&[0x15; DATAGRAM_BYTES_MAX + 1], Reads::Server), Err(OuterError::Length));
    for kind in 8..=15 {
        assert_eq!(decode_header(&with_prefix(0x20 | kind), Reads::Server), Err(OuterError::Kind));
    }
    for kind in [0, 1, 2] {
        assert_eq!(decode_header(&with_prefix(0x20 | kind), Reads::Server), Err(OuterError::Role));
    }
    for kind in [0, 3] {
        assert_eq!(decode_header(&with_prefix(0x20 | kind), Reads::Client), Err(OuterError::Role));
    }
    for nibble in [0u8, 9, 10, 11, 12, 13, 14, 15] {
        assert_eq!(decode_header(&with_prefix(nibble << 4 | 5), Reads::Server), Err(OuterError::SequenceBytes));
    }
    for bytes in 2..=8u8 {
        let mut short = vec![bytes << 4 | 5; 18];
        assert_eq!(decode_header(&short, Reads::Server), Err(OuterError::Length), "{bytes} sequence bytes in 18");
        short.resize(17 + usize::from(bytes), 0);
        assert!(decode_header(&short, Reads::Server).is_ok());
    }
}

/// proves: SES-12
#[test]
fn body_sizes_are_exact_per_type() {
    for (kind, good, bad) in [
        (Kind::Denied, vec![0], vec![1, 8]),
        (Kind::Challenge, vec![308], vec![0, 307, 309]),
        (Kind::Response, vec![308], vec![0, 307, 309]),
        (Kind::KeepAlive, vec![8], vec![0, 7, 9]),
        (Kind::Payload, vec![1, 2, 1200], vec![0, 1201]),
        (Kind::Disconnect, vec![0], vec![1]),
    ] {
        for len in good {
            assert_eq!(check_body(kind, &vec![0; len]), Ok(()));
        }
        for len in bad {
            assert_eq!(check_body(kind, &vec![0; len]), Err(OuterError::BodySize), "{kind:?} of {len}");
        }
    }
}

/// proves: SES-8
#[test]
fn a_request_has_1078_bytes_at_fixed_places() {
    let token = ConnectToken {
        protocol_id: PROTOCOL,
        create_unix_s: 1,
        expire_unix_s: 0x0102_0304,
        nonce: [0xAA; 24],
        sealed: Box::new([0xBB; 1024]),
        timeout_s: 10,
        addresses: crate::token::AddressList::new(&["1.2.3.4:5".parse().unwrap()]).unwrap(),
        client_to_server: Key::new([1; 32]),
        server_to_client: Key::new([2; 32]),
    };
    let mut buf = [0xEE; 1200];
    assert_eq!(encode_request(&token, &mut buf), 1078);
    assert_eq!(buf[0], 0);
    assert_eq!(&buf[1..14], b"NETCODE 1.02\0");
    assert_eq!(buf[14..22], PROTOCOL.to_le_bytes());
    assert_eq!(buf[22..30], [4, 3, 2, 1, 0, 0, 0, 0]);
    assert_eq!(buf[30..54], [0xAA; 24]);
    assert_eq!(buf[54..1078], [0xBB; 1024]);
    assert_eq!(buf[1078], 0xEE);
    let (header, sealed) = decode_request(&mut buf[..1078]).unwrap();
    assert_eq!((header.version, header.protocol_id, header.expire_unix_s), (VERSION, PROTOCOL, 0x0102_0304));
    assert_eq!((header.nonce, *sealed), ([0xAA; 24], [0xBB; 1024]));
    for len in [0, 1, 18, 1077, 1079, 1200] {
        assert_eq!(decode_request(&mut buf[..len]).map(|_| ()), Err(OuterError::Length), "{len} bytes");
    }
}

#[test]
fn only_requests_responses_and_path_packets_may_come_from_anywhere() {
    let by_kind: Vec<bool> = (0..=7).map(|kind| comes_from_anywhere(&[0x10 | kind, 1, 2])).collect();
    assert_eq!(by_kind, [true, false, false, true, false, false, false, true]);
    assert!(comes_from_anywhere(&[0]) && !comes_from_anywhere(&[]) && !comes_from_anywhere(&[0x88]));
}
