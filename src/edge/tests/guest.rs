//! Somebody who comes to the lobby of a real server, over a real socket.
#![allow(dead_code, reason = "each test program uses a part")]

use crate::program::{PATIENCE, Running, throng};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use game::content::shipped;
use protocol::message::{ClientMessage, ServerMessage};
use protocol::{Refusal, RosterRow, RosterStep, codec, motion};
use rudp::{Client, ClientConfig, ClientEvent, ConnectToken, Hello, Now, Reason, channel};
use serde_json::json;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A server in a data directory of its own, ready for players.
pub fn start(dir: &Path) -> Running {
    Running::start(throng(dir).args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]))
}

/// A token that leaves the choice to its bearer.
fn token(running: &Running, dir: &Path, account: u64) -> ConnectToken {
    let bearer = std::fs::read_to_string(dir.join("d/ops.token")).unwrap();
    let claims = json!({ "account": account, "name": "ada", "character": "choose" }).to_string();
    let (status, page) = running.post("/api/v1/token", bearer.trim(), &claims);
    assert_eq!((status, &page["character"]), (200, &json!("choose")), "{page}");
    ConnectToken::decode(&STANDARD.decode(page["token"].as_str().unwrap()).unwrap()).unwrap()
}

/// A guest of a server: connected, in the lobby.
pub struct Guest {
    client: Client,
    socket: UdpSocket,
    started: Instant,
    number: u16,
}

impl Guest {
    /// Comes with a token of this account.
    pub fn join(running: &Running, dir: &Path, account: u64) -> Self {
        let hello = Hello {
            version_min: rudp::INNER_VERSION,
            version_max: rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: motion::hash(),
            content_hash: 0,
        };
        let started = Instant::now();
        let client = Client::new(ClientConfig::new(token(running, dir, account), hello), now(started));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        Self { client, socket, started, number: 0 }
    }

    /// The first message that answers, waited for; others are passed over.
    pub fn wait<T>(&mut self, mut answers: impl FnMut(ServerMessage) -> Option<T>) -> T {
        self.wait_until(|message| answers(message?))
    }

    /// The same, asked again and again, also without a message.
    fn wait_until<T>(&mut self, mut answers: impl FnMut(Option<ServerMessage>) -> Option<T>) -> T {
        let (start, mut buf) = (Instant::now(), [0; 1_500]);
        while start.elapsed() < PATIENCE {
            self.client.handle_timeout(now(self.started));
            self.client.on_tick_edge(now(self.started));
            while let Some(transmit) = self.client.poll_transmit(now(self.started), &mut buf) {
                self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
            }
            if let Ok((len, from)) = self.socket.recv_from(&mut buf) {
                self.client.handle_datagram(now(self.started), from, &mut buf[..len]);
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Message { channel: channel::CONTROL, bytes, .. } => {
                        if let Some(answer) = answers(Some(codec::decode(bytes).unwrap())) {
                            return answer;
                        }
                    }
                    ClientEvent::Disconnected { reason } => panic!("put out: {reason:?}"),
                    _ => {}
                }
            }
            if let Some(answer) = answers(None) {
                return answer;
            }
        }
        panic!("never answered");
    }

    /// Time passes, and what is said is passed over.
    pub fn wait_a_moment(&mut self) {
        let start = Instant::now();
        self.wait_until(|_| (start.elapsed() > Duration::from_millis(300)).then_some(()));
    }

    /// Says good-bye.
    pub fn leave(mut self) {
        self.client.disconnect(now(self.started), Reason::UserQuit);
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.client.poll_transmit(now(self.started), &mut buf) {
            self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
        }
    }

    /// Whom the account has.
    pub fn roster(&mut self) -> Vec<RosterRow> {
        self.wait(|message| if let ServerMessage::Roster(rows) = message { Some(rows) } else { None })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, step: RosterStep) -> Result<(), Refusal> {
        let number = self.tell(step);
        self.answer(number)
    }

    /// Asks, and does not wait: the number of the question.
    pub fn tell(&mut self, step: RosterStep) -> u16 {
        self.number += 1;
        let mut bytes = Vec::new();
        codec::encode(&ClientMessage::Roster { number: self.number, step }, &mut bytes);
        self.client.send(channel::CONTROL, &bytes).unwrap();
        self.number
    }

    /// The answer to a question.
    pub fn answer(&mut self, asked: u16) -> Result<(), Refusal> {
        self.wait(|message| match message {
            ServerMessage::Done { number, result } if number == asked => Some(result),
            _ => None,
        })
    }

    /// Makes a character.
    pub fn create(&mut self, name: &str) -> Result<(), Refusal> {
        self.ask(creation(name))
    }
}

/// The wish for a character of this name.
pub fn creation(name: &str) -> RosterStep {
    let class = shipped("meadow").classes.iter().nth(1).unwrap().id;
    RosterStep::Create { name: name.to_owned(), class, team: 2 }
}

fn now(started: Instant) -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Now { mono_ns: 1 + started.elapsed().as_nanos() as u64, unix_s }
}
