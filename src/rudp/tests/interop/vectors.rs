//! One whole session of the standard's implementation with itself, pinned: we must read every packet of it.
use crate::street::{CLIENT_ID, PRIVATE_KEY, PROTOCOL, receive, socket, user};
use rudp::outer::{self, KeepAlive, Kind, Reads};
use rudp::seal::{PacketKey, TokenKey};
use rudp::token::PrivateToken;
use rudp::{Backend, ConnectToken, Key};
use std::collections::BTreeMap;

fn vectors() -> BTreeMap<String, Vec<u8>> {
    let path = format!("{}/../../protocol-spec/vectors/sessions.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let byte = |hex: &[u8]| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
    lines.map(|(name, hex)| (name.to_owned(), hex.as_bytes().chunks(2).map(byte).collect())).collect()
}

/// Opens the packet of that name: type, sequence, body.
fn open(vectors: &BTreeMap<String, Vec<u8>>, name: &str) -> (Kind, u64, Vec<u8>) {
    let token = ConnectToken::decode(&vectors["token"]).unwrap();
    let mut datagram = vectors[name].clone();
    let (key, reads) = match name.split_once(' ').unwrap().0 {
        "client" => (&token.client_to_server, Reads::Server),
        _ => (&token.server_to_client, Reads::Client),
    };
    let header = outer::decode_header(&datagram, reads).unwrap();
    let mut bodies = [Backend::Crate, Backend::AwsLc].map(|backend| {
        let mut copy = datagram.clone();
        outer::open(&PacketKey::new(key, backend), token.protocol_id, header, &mut copy).unwrap().to_vec()
    });
    assert_eq!(bodies[0], bodies[1]);
    let body = std::mem::take(&mut bodies[0]);
    outer::check_body(header.kind, &body).unwrap();
    // And what we seal from it are the same bytes.
    let start = outer::body_offset(header.sequence);
    let mut ours = vec![0; outer::DATAGRAM_BYTES_MAX];
    ours[start..start + body.len()].copy_from_slice(&body);
    let key = PacketKey::new(key, Backend::Auto);
    let len = outer::seal(&key, token.protocol_id, header.kind, header.sequence, &mut ours, body.len());
    assert_eq!(ours[..len], *datagram.as_mut_slice(), "{name}");
    (header.kind, header.sequence, body)
}

fn read_token_and_request(vectors: &BTreeMap<String, Vec<u8>>) {
    let token = ConnectToken::decode(&vectors["token"]).unwrap();
    assert_eq!(token.encode().as_slice(), vectors["token"]);
    assert_eq!((token.protocol_id, token.timeout_s), (PROTOCOL, 15));
    let mut request = vectors["client request"].clone();
    let mut ours = [0; outer::REQUEST_BYTES];
    assert_eq!(outer::encode_request(&token, &mut ours), request.len());
    assert_eq!(ours.as_slice(), request);
    let (header, sealed) = outer::decode_request(&mut request).unwrap();
    let key = TokenKey::new(&Key::new(PRIVATE_KEY));
    let private = PrivateToken::open(sealed, &key, PROTOCOL, header.expire_unix_s, &header.nonce).unwrap();
    assert_eq!((private.client_id, private.timeout_s, private.user), (CLIENT_ID, 15, user().encode()));
    assert_eq!(private.client_to_server, token.client_to_server);
    assert_eq!(private.addresses.as_slice().len(), 1);
}

fn read_packets(vectors: &BTreeMap<String, Vec<u8>>) {
    let (kind, sequence, challenge) = open(vectors, "server challenge");
    assert_eq!((kind, sequence), (Kind::Challenge, 1 << 63));
    let (kind, _, response) = open(vectors, "client response");
    assert_eq!((kind, &response), (Kind::Response, &challenge));
    let (kind, sequence, body) = open(vectors, "server keep-alive");
    let told = KeepAlive { index: 0, clients_max: 16 };
    assert_eq!((kind, sequence, KeepAlive::decode(&body)), (Kind::KeepAlive, 0, Some(told)));
    let (kind, _, body) = open(vectors, "client keep-alive");
    assert_eq!((kind, KeepAlive::decode(&body)), (Kind::KeepAlive, Some(KeepAlive::default())));
    let (kind, _, body) = open(vectors, "client payload");
    assert_eq!((kind, body.as_slice()), (Kind::Payload, b"up".as_slice()));
    let (kind, _, body) = open(vectors, "server payload");
    assert_eq!((kind, body.as_slice()), (Kind::Payload, b"down".as_slice()));
    let (kind, _, body) = open(vectors, "client disconnect");
    assert_eq!((kind, body.len()), (Kind::Disconnect, 0));
}

/// proves: SES-3, SES-5, SES-7, SES-8
#[test]
fn the_pinned_token_and_request_are_read() {
    read_token_and_request(&vectors());
}

/// proves: SES-9, SES-10, SES-11, SES-12
#[test]
fn the_pinned_packets_are_read_and_written() {
    read_packets(&vectors());
}

/// So that the file is known to be what that implementation says, and can be made anew from this.
#[test]
fn a_session_recorded_now_reads_like_the_pinned_one() {
    let recorded = record();
    assert!(vectors().keys().filter(|name| *name != "private key").eq(recorded.keys()));
    read_token_and_request(&recorded);
    read_packets(&recorded);
}

/// The token, then the first packet of each type in each direction, of their client with their server.
fn record() -> BTreeMap<String, Vec<u8>> {
    let [near, far] = ["127.0.0.1:0", "127.0.0.1:0"].map(|address| socket(address.parse().unwrap()));
    let mut server = netcode::Server::new("127.0.0.1:0".parse().unwrap(), PROTOCOL, &PRIVATE_KEY, 0.0).unwrap();
    server.start(16).unwrap();
    let token = netcode::generate_connect_token(
        &[near.local_addr().unwrap()],
        &[server.address()],
        30,
        15,
        CLIENT_ID,
        PROTOCOL,
        &PRIVATE_KEY,
        &user().encode(),
    );
    let token = token.unwrap();
    let mut client = netcode::Client::new("127.0.0.1:0".parse().unwrap(), 0.0).unwrap();
    client.connect(&token).unwrap();
    let mut heard: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut client_address = None;
    for step in 0..200 {
        let seconds = f64::from(step) * 0.02;
        match step {
            100 => client.send_packet(b"up").unwrap(),
            120 => server.send_packet(0, b"down").unwrap(),
            180 => client.disconnect(),
            _ => {}
        }
        client.update(seconds);
        server.update(seconds);
        let mut note = |end: &str, datagram: &[u8]| {
            let kinds = ["request", "denied", "challenge", "response", "keep-alive", "payload", "disconnect"];
            let name = format!("{end} {}", kinds[usize::from(datagram[0] & 15)]);
            heard.entry(name).or_insert_with(|| datagram.to_vec());
        };
        while let Some((datagram, from)) = receive(&near) {
            client_address = Some(from);
            note("client", &datagram);
            far.send_to(&datagram, server.address()).unwrap();
        }
        while let Some((datagram, _)) = receive(&far) {
            note("server", &datagram);
            near.send_to(&datagram, client_address.unwrap()).unwrap();
        }
    }
    heard.insert("token".to_owned(), token.to_vec());
    heard
}
