//! A loopback socket for a machine of ours, virtual time for both ends, and tokens of either make.
use rudp::token::{Name, Role, UserData};
use rudp::{ConnectToken, Key, Mint, Now};
use std::net::{SocketAddr, UdpSocket};

pub const PROTOCOL: u64 = 0x5448_524F_4E47_0001;
pub const PRIVATE_KEY: [u8; 32] = [7; 32];
pub const CLIENT_ID: u64 = 77;
/// Both ends are called this often.
pub const STEP_S: f64 = 0.02;
const STEP_NS: u64 = 20_000_000;

/// Whose generator makes the token.
#[derive(Clone, Copy, Debug)]
pub enum Maker {
    Ours,
    Theirs,
}

/// Every combination of address family and token maker that this machine can run.
pub fn streets() -> impl Iterator<Item = (SocketAddr, Maker)> {
    ["127.0.0.1:0", "[::1]:0"]
        .map(|address| address.parse::<SocketAddr>().unwrap())
        .into_iter()
        .filter(|address| {
            let bound = UdpSocket::bind(address).is_ok();
            assert!(bound || address.is_ipv6(), "no loopback");
            bound
        })
        .flat_map(|address| [Maker::Ours, Maker::Theirs].map(|maker| (address, maker)))
}

pub fn socket(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// The next datagram that has arrived.
pub fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buf = [0; 2_048];
    socket.recv_from(&mut buf).ok().map(|(len, from)| (buf[..len].to_vec(), from))
}

pub fn user() -> UserData {
    let name = Name::new("ada").unwrap();
    UserData { account_id: 5, character_id: 6, name, role: Role::Player, issued_at_ms: 1, serial: 1, epoch: 0 }
}

/// A token for the server at `server`. Their generator reads the wall clock; it is the only clock here.
pub fn token(maker: Maker, server: SocketAddr, timeout_s: i32) -> ConnectToken {
    let user = user();
    let bytes = netcode::generate_connect_token(
        &[server],
        &[server],
        30,
        timeout_s,
        CLIENT_ID,
        PROTOCOL,
        &PRIVATE_KEY,
        &user.encode(),
    );
    let theirs = ConnectToken::decode(&bytes.unwrap()).unwrap();
    match maker {
        Maker::Theirs => theirs,
        Maker::Ours => {
            use rand::SeedableRng;
            let mint = Mint { key: Key::new(PRIVATE_KEY), protocol_id: PROTOCOL, lifetime_s: 30 };
            let mut rng = rand::rngs::StdRng::from_seed([9; 32]);
            mint.mint(theirs.create_unix_s * 1_000, CLIENT_ID, &[server], timeout_s, &user, &mut rng).unwrap()
        }
    }
}

/// Time as each end wants it.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub now: Now,
    pub seconds: f64,
}

impl Clock {
    pub fn new(unix_s: u64) -> Self {
        Self { now: Now { mono_ns: 1_000_000_000, unix_s }, seconds: 0.0 }
    }

    pub fn step(&mut self) {
        self.now = self.now.plus_ns(STEP_NS);
        self.seconds += STEP_S;
    }
}
