//! A socket for each client, as every contestant here has them: the bare kernel and our own sessions, so that no row is
//! compared with one whose clients came by another way.

use anyhow::{Context, Result};
use measure::echo::kernel;
use measure::echo::load::{self, Answers, Figures, Plan, Players};
use measure::echo::sessions::{SessionKeys, new_client};
use measure::echo::{local, transport};
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use rudp::channel::{INPUT, SNAPSHOT};
use rudp::seal::Backend;
use rudp::{Client, ClientEvent, ClientState, Now, Reason};
use std::net::SocketAddr;

/// Bytes that fit a datagram buffer.
const BUFFER_BYTES: usize = 1_500;

/// `recvfrom` and `sendto`, no protocol.
///
/// # Errors
/// The system gives no sockets.
pub fn measure_kernel(plan: Plan) -> Result<Figures> {
    let host = kernel::start(local())?;
    let figures = load::run(&mut Bare { server: host.address, sockets: Vec::new() }, plan, &host);
    host.stop()?;
    figures.context("the bare kernel")
}

/// Our own transport as `measure echo` serves it.
///
/// # Errors
/// Not all got in; the system gives no sockets.
pub fn measure_sessions(plan: Plan, seal: Backend) -> Result<Figures> {
    let host = transport::start(local(), plan.clients, seal)?;
    let mut players = Sessions { server: host.address, keys: SessionKeys::new(seal), seats: Vec::new() };
    let figures = load::run(&mut players, plan, &host);
    host.stop()?;
    figures
}

fn connected(server: SocketAddr, index: usize, registry: &Registry) -> Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(local())?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    let mut socket = UdpSocket::from_std(socket);
    registry.register(&mut socket, Token(index), Interest::READABLE)?;
    Ok(socket)
}

struct Bare {
    server: SocketAddr,
    sockets: Vec<UdpSocket>,
}

impl Players for Bare {
    fn join(&mut self, index: usize, _now: Now, registry: &Registry) -> Result<()> {
        self.sockets.push(connected(self.server, index, registry)?);
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        index < self.sockets.len()
    }

    fn handle_readable(&mut self, index: usize, now: Now, answers: &mut Answers) {
        let mut buffer = [0; BUFFER_BYTES];
        while let Ok(len) = self.sockets[index].recv(&mut buffer) {
            answers.on_answer(now, &buffer[..len]);
        }
    }

    fn tick(&mut self, index: usize, _now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        if let Some(question) = question {
            // A full buffer loses the question, which the figures show.
            let _ = self.sockets[index].send(question);
        }
    }

    fn leave(&mut self, _index: usize, _now: Now) {}
}

struct Sessions {
    server: SocketAddr,
    keys: SessionKeys,
    seats: Vec<Seat>,
}

struct Seat {
    socket: UdpSocket,
    client: Client,
}

impl Seat {
    fn transmit(&mut self, now: Now) {
        let mut buffer = [0; BUFFER_BYTES];
        while let Some(transmit) = self.client.poll_transmit(now, &mut buffer) {
            // A full buffer loses the datagram, as any network may.
            let _ = self.socket.send(&buffer[..transmit.len]);
        }
    }
}

impl Players for Sessions {
    fn join(&mut self, index: usize, now: Now, registry: &Registry) -> Result<()> {
        let socket = connected(self.server, index, registry)?;
        let client = new_client(index, self.server, &mut self.keys, now)?;
        self.seats.push(Seat { socket, client });
        self.seats[index].transmit(now);
        Ok(())
    }

    fn is_in(&self, index: usize) -> bool {
        self.seats.get(index).is_some_and(|seat| seat.client.state() == ClientState::Spoken)
    }

    fn handle_readable(&mut self, index: usize, now: Now, answers: &mut Answers) {
        let seat = &mut self.seats[index];
        let mut buffer = [0; BUFFER_BYTES];
        while let Ok(len) = seat.socket.recv(&mut buffer) {
            seat.client.handle_datagram(now, self.server, &mut buffer[..len]);
        }
        while let Some(event) = seat.client.poll_event() {
            if let ClientEvent::Message { channel: SNAPSHOT, bytes, .. } = event {
                answers.on_answer(now, bytes);
            }
        }
    }

    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, _answers: &mut Answers) {
        let seat = &mut self.seats[index];
        if seat.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            seat.client.handle_timeout(now);
        }
        if let Some(question) = question {
            // What is refused is not answered, which the figures show.
            let _ = seat.client.send(INPUT, question);
        }
        seat.transmit(now);
    }

    fn leave(&mut self, index: usize, now: Now) {
        self.seats[index].client.disconnect(now, Reason::UserQuit);
        self.seats[index].transmit(now);
    }
}
