//! ENet (its Rust port): unreliable packets without order, no encryption.

use anyhow::{Result, anyhow, ensure};
use measure::echo::host::Host;
use measure::echo::load::{self, Answers, Figures, Plan, Players};
use measure::echo::local;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rudp::Now;
use rusty_enet::consts::{PEER_PACKET_THROTTLE_ACCELERATION, PEER_PACKET_THROTTLE_INTERVAL, PROTOCOL_MAXIMUM_PEER_ID};
use rusty_enet::{Event, Host as Enet, HostSettings, Packet, Peer};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the socket, as the server of `measure echo` rests under load.
pub const REST: Duration = Duration::from_micros(250);

/// Measures it, its server driven once per `period`.
///
/// # Errors
/// More clients than ENet has names for; not all got in; the system gives no sockets.
pub fn measure(plan: Plan, period: Duration) -> Result<Figures> {
    ensure!(plan.clients <= PROTOCOL_MAXIMUM_PEER_ID as usize, "ENet takes at most {PROTOCOL_MAXIMUM_PEER_ID} peers");
    let socket = measure::echo::bound_socket(local())?;
    let clients = plan.clients;
    let host = Host::start(socket.local_addr()?, move |stop| serve(socket, clients, period, &stop))?;
    let figures = load::run(&mut Clients { server: host.address, seats: Vec::new() }, plan, &host);
    host.stop()?;
    figures
}

fn new_enet(socket: UdpSocket, peer_limit: usize) -> Result<Enet<UdpSocket>> {
    let settings = HostSettings { peer_limit, channel_limit: 1, ..HostSettings::default() };
    Enet::new(socket, settings).map_err(|error| anyhow!("ENet does not start: {error:?}"))
}

fn serve(socket: UdpSocket, clients: usize, period: Duration, stop: &AtomicBool) -> Result<()> {
    let mut enet = new_enet(socket, clients)?;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        while let Some(event) = enet.service()? {
            match event {
                Event::Connect { peer, .. } => keep_all(peer),
                Event::Receive { peer, packet, .. } => {
                    // Refused only when the peer is gone.
                    let _ = peer.send(0, &Packet::unreliable_unsequenced(packet.data()));
                }
                Event::Disconnect { .. } => {}
            }
        }
        enet.flush();
        thread::sleep(period.saturating_sub(began.elapsed()).max(REST));
    }
    Ok(())
}

/// ENet throws unreliable packets away when the round trip grows; here that would be loss of its own making.
fn keep_all(peer: &mut Peer<UdpSocket>) {
    peer.set_throttle(PEER_PACKET_THROTTLE_INTERVAL, PEER_PACKET_THROTTLE_ACCELERATION, 0);
}

struct Clients {
    server: SocketAddr,
    seats: Vec<Seat>,
}

struct Seat {
    enet: Enet<UdpSocket>,
    is_in: bool,
}

impl Seat {
    fn service(&mut self, now: Now, answers: &mut Answers) {
        while let Ok(Some(event)) = self.enet.service() {
            match event {
                Event::Connect { peer, .. } => {
                    keep_all(peer);
                    self.is_in = true;
                }
                Event::Disconnect { .. } => self.is_in = false,
                Event::Receive { packet, .. } => answers.on_answer(now, packet.data()),
            }
        }
    }
}

impl Players for Clients {
    fn join(&mut self, index: usize, _now: Now, registry: &Registry) -> Result<()> {
        let socket = UdpSocket::bind(local())?;
        registry.register(&mut SourceFd(&socket.as_raw_fd()), Token(index), Interest::READABLE)?;
        let mut enet = new_enet(socket, 1)?;
        enet.connect(self.server, 1, 0).map_err(|error| anyhow!("ENet does not connect: {error:?}"))?;
        enet.flush();
        self.seats.push(Seat { enet, is_in: false });
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.is_in)
    }

    fn handle_readable(&mut self, index: usize, now: Now, answers: &mut Answers) {
        self.seats[index].service(now, answers);
    }

    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, answers: &mut Answers) {
        let seat = &mut self.seats[index];
        if let Some(question) = question {
            for peer in seat.enet.connected_peers_mut() {
                let _ = peer.send(0, &Packet::unreliable_unsequenced(question));
            }
        }
        seat.service(now, answers);
    }

    fn leave(&mut self, index: usize, _now: Now) {
        for peer in self.seats[index].enet.connected_peers_mut() {
            peer.disconnect_now(0);
        }
    }
}
