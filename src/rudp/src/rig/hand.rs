//! A client made by hand: it holds the keys of a token and seals whatever a test wants, in any order.
use super::{Datagram, PROTOCOL, World};
use crate::outer::{self, DATAGRAM_BYTES_MAX, Header, Kind, Reads};
use crate::seal::{Backend, PacketKey};
use crate::token::ConnectToken;
use std::net::SocketAddr;

pub(crate) struct Hand {
    pub(crate) token: ConnectToken,
    pub(crate) address: SocketAddr,
    up: PacketKey,
    down: PacketKey,
    /// Number of the next packet.
    pub(crate) sequence: u64,
}

impl Hand {
    pub(crate) fn new(token: ConnectToken, address: &str) -> Self {
        let up = PacketKey::new(&token.client_to_server, Backend::Crate);
        let down = PacketKey::new(&token.server_to_client, Backend::Crate);
        Self { token, address: address.parse().unwrap(), up, down, sequence: 0 }
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let mut bytes = vec![0; outer::REQUEST_BYTES];
        let _ = outer::encode_request(&self.token, &mut bytes);
        bytes
    }

    /// A packet with the next number.
    pub(crate) fn seal(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        self.seal_as(kind, self.sequence - 1, body)
    }

    pub(crate) fn seal_as(&self, kind: Kind, sequence: u64, body: &[u8]) -> Vec<u8> {
        sealed(&self.up, kind, sequence, body)
    }

    /// A path packet with the next number.
    pub(crate) fn path(&mut self, id: u64, said: u64) -> Vec<u8> {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        self.sequence += 1;
        let len = outer::seal_path(&self.up, PROTOCOL, id, self.sequence - 1, said, &mut buf);
        buf[..len].to_vec()
    }

    /// A packet of the server with that number.
    pub(crate) fn seal_down(&self, kind: Kind, sequence: u64, body: &[u8]) -> Vec<u8> {
        sealed(&self.down, kind, sequence, body)
    }

    pub(crate) fn path_down(&self, id: u64, sequence: u64, said: u64) -> Vec<u8> {
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let len = outer::seal_path(&self.down, PROTOCOL, id, sequence, said, &mut buf);
        buf[..len].to_vec()
    }

    /// What the server wrote.
    pub(crate) fn open(&self, datagram: &Datagram) -> (Header, Vec<u8>) {
        let mut bytes = datagram.bytes.clone();
        let header = outer::decode_header(&bytes, Reads::Client).unwrap();
        let body = outer::open(&self.down, PROTOCOL, header, &mut bytes).expect("sealed for this client").to_vec();
        (header, body)
    }

    /// The response to the newest challenge that was sent to this address.
    pub(crate) fn response(&mut self, world: &World) -> Vec<u8> {
        let to_me = |sent: &&Datagram| sent.to == self.address && sent.bytes[0] & 15 == Kind::Challenge as u8;
        let challenge = world.sent.iter().rfind(to_me).expect("a challenge was sent");
        let (_, body) = self.open(challenge);
        self.seal(Kind::Response, &body)
    }

    /// Request, challenge, response, and the hello.
    pub(crate) fn connect(&mut self, world: &mut World) {
        world.strike(self.address, &self.request());
        let response = self.response(world);
        world.strike(self.address, &response);
    }

    pub(crate) fn speak(&mut self, world: &mut World) {
        let hello = self.seal(Kind::Payload, &hello_body(22));
        world.strike(self.address, &hello);
    }

    /// The newest path id that the server gave.
    pub(crate) fn path_id(&self, world: &World) -> u64 {
        let given = world.sent.iter().rev().filter(|sent| sent.to == self.address && sent.bytes[0] & 15 == 5);
        let ids = given.filter_map(|sent| {
            let (_, body) = self.open(sent);
            let packet =
                crate::packet::Packet::decode(&body, &crate::ChannelTable::GAME, crate::packet::Side::Client).unwrap();
            packet.frames(crate::ChannelTable::GAME, crate::packet::Side::Client).find_map(|frame| match frame {
                crate::packet::Frame::Path { id } => Some(id),
                _ => None,
            })
        });
        ids.into_iter().next().expect("a path id was given")
    }
}

fn sealed(key: &PacketKey, kind: Kind, sequence: u64, body: &[u8]) -> Vec<u8> {
    let mut buf = [0; DATAGRAM_BYTES_MAX];
    let start = outer::body_offset(sequence);
    buf[start..start + body.len()].copy_from_slice(body);
    let len = outer::seal(key, PROTOCOL, kind, sequence, &mut buf, body.len());
    buf[..len].to_vec()
}

/// A payload without acks that says hello; the rig's rules want the motion hash 22.
pub(crate) fn hello_body(motion_hash: u64) -> Vec<u8> {
    let said = super::hello();
    let mut body = vec![0, 1];
    body.extend(said.version_min.to_le_bytes());
    body.extend(said.version_max.to_le_bytes());
    for hash in [said.channel_hash, motion_hash, said.content_hash] {
        body.extend(hash.to_le_bytes());
    }
    body
}

/// A payload without acks that closes with that reason.
pub(crate) fn close_body(code: u8) -> Vec<u8> {
    vec![0, 3, code, 0]
}

/// A payload without acks with one unreliable message on the input channel.
pub(crate) fn input_body(bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 128);
    [&[0, 0x12, bytes.len() as u8], bytes].concat()
}
