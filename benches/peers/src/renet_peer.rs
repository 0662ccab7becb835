//! renet over renet_netcode: one unreliable channel, encrypted.

use crate::TICK;
use anyhow::{Result, anyhow, ensure};
use measure::echo::host::Host;
use measure::echo::load::{self, Answers, Figures, Plan, Players};
use measure::echo::local;
use mio::Registry;
use renet::{ConnectionConfig, DefaultChannel, RenetClient, RenetServer};
use renet_netcode::{
    ClientAuthentication, ConnectToken, NetcodeClientTransport, NetcodeServerTransport, ServerAuthentication,
    ServerConfig,
};
use rudp::Now;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More it refuses, by a panic.
const CLIENTS_MAX: usize = 1_024;
/// Names this game; nobody else uses it.
const PROTOCOL_ID: u64 = 0x7468_726f_6e67_0e01;
/// The key of a run that never leaves this machine.
const KEY: [u8; 32] = [0x5A; 32];
/// Seconds from minting a token to its expiry.
const LIFETIME_S: u64 = 60;
/// Seconds of silence after which a client is out.
const TIMEOUT_S: i32 = 15;

/// Measures it.
///
/// # Errors
/// More clients than it takes; not all got in; the system gives no sockets.
pub fn measure(plan: Plan) -> Result<Figures> {
    ensure!(plan.clients <= CLIENTS_MAX, "renet_netcode takes at most {CLIENTS_MAX} clients");
    let socket = measure::echo::bound_socket(local())?;
    let address = socket.local_addr()?;
    let began_unix = unix_time(throng::edge::clock::now());
    let config = ServerConfig {
        current_time: began_unix,
        max_clients: plan.clients,
        protocol_id: PROTOCOL_ID,
        public_addresses: vec![address],
        authentication: ServerAuthentication::Secure { private_key: KEY },
    };
    let host = Host::start(address, move |stop| serve(socket, config, &stop))?;
    let figures = load::run(&mut Clients { server: address, seats: Vec::new() }, plan, &host);
    host.stop()?;
    figures
}

fn unix_time(now: Now) -> Duration {
    Duration::from_secs(now.unix_s)
}

/// Every pass walks all clients, so it is driven as games drive it: once per tick.
fn serve(socket: UdpSocket, config: ServerConfig, stop: &AtomicBool) -> Result<()> {
    let mut server = RenetServer::new(ConnectionConfig::default());
    let mut transport = NetcodeServerTransport::new(config, socket)?;
    let mut last = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let passed = began - last;
        last = began;
        server.update(passed);
        transport.update(passed, &mut server).map_err(|error| anyhow!("renet_netcode: {error}"))?;
        for id in server.clients_id() {
            while let Some(question) = server.receive_message(id, DefaultChannel::Unreliable) {
                server.send_message(id, DefaultChannel::Unreliable, question);
            }
        }
        transport.send_packets(&mut server);
        thread::sleep(TICK.saturating_sub(began.elapsed()));
    }
    Ok(())
}

struct Clients {
    server: SocketAddr,
    seats: Vec<Seat>,
}

struct Seat {
    client: RenetClient,
    transport: NetcodeClientTransport,
    last_ns: u64,
}

impl Seat {
    fn update(&mut self, now: Now, answers: &mut Answers) {
        let passed = Duration::from_nanos(now.mono_ns.saturating_sub(self.last_ns));
        self.last_ns = now.mono_ns;
        self.client.update(passed);
        // A client that was put out is no longer in, and so asks no more; the figures show it.
        let _ = self.transport.update(passed, &mut self.client);
        while let Some(answer) = self.client.receive_message(DefaultChannel::Unreliable) {
            answers.on_answer(now, &answer);
        }
    }
}

impl Players for Clients {
    fn join(&mut self, index: usize, now: Now, _registry: &Registry) -> Result<()> {
        let socket = UdpSocket::bind(local())?;
        let id = index as u64 + 1;
        let time = unix_time(now);
        let token = ConnectToken::generate(time, PROTOCOL_ID, LIFETIME_S, id, TIMEOUT_S, vec![self.server], None, &KEY)
            .map_err(|error| anyhow!("renet_netcode mints no token: {error}"))?;
        let authentication = ClientAuthentication::Secure { connect_token: token };
        let transport = NetcodeClientTransport::new(time, authentication, socket)?;
        let client = RenetClient::new(ConnectionConfig::default());
        self.seats.push(Seat { client, transport, last_ns: now.mono_ns });
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.client.is_connected())
    }

    /// Nothing is registered: a client reads once per tick, as a game does. A look of renet's client costs about what
    /// its server's does, and twice as many looks would make the load late before the server is full.
    fn handle_readable(&mut self, _index: usize, _now: Now, _answers: &mut Answers) {}

    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, answers: &mut Answers) {
        let seat = &mut self.seats[index];
        seat.update(now, answers);
        if let Some(question) = question {
            seat.client.send_message(DefaultChannel::Unreliable, question.to_vec());
        }
        // What cannot be sent is not answered, which the figures show.
        let _ = seat.transport.send_packets(&mut seat.client);
    }

    fn leave(&mut self, index: usize, _now: Now) {
        self.seats[index].transport.disconnect();
    }
}
