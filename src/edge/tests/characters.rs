//! Characters that people make, with real processes and sockets: they outlive the server, however it ends.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod program;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use game::content::shipped;
use program::{PATIENCE, Running, throng};
use protocol::message::{ClientMessage, ServerMessage};
use protocol::{Refusal, RosterRow, RosterStep, codec, motion};
use rudp::{Client, ClientConfig, ClientEvent, ConnectToken, Hello, Now, Reason, channel};
use serde_json::json;
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn start(dir: &Path) -> Running {
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

/// A guest of a server.
struct Guest {
    client: Client,
    socket: UdpSocket,
    started: Instant,
    number: u16,
}

impl Guest {
    fn join(running: &Running, dir: &Path, account: u64) -> Self {
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
    fn wait<T>(&mut self, mut answers: impl FnMut(ServerMessage) -> Option<T>) -> T {
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
                        if let Some(answer) = answers(codec::decode(bytes).unwrap()) {
                            return answer;
                        }
                    }
                    ClientEvent::Disconnected { reason } => panic!("put out: {reason:?}"),
                    _ => {}
                }
            }
        }
        panic!("never answered");
    }

    fn roster(&mut self) -> Vec<RosterRow> {
        self.wait(|message| if let ServerMessage::Roster(rows) = message { Some(rows) } else { None })
    }

    fn ask(&mut self, step: RosterStep) -> Result<(), Refusal> {
        self.number += 1;
        let (asked, mut bytes) = (self.number, Vec::new());
        codec::encode(&ClientMessage::Roster { number: asked, step }, &mut bytes);
        self.client.send(channel::CONTROL, &bytes).unwrap();
        self.wait(|message| match message {
            ServerMessage::Done { number, result } if number == asked => Some(result),
            _ => None,
        })
    }

    /// Says good-bye.
    fn leave(mut self) {
        self.client.disconnect(now(self.started), Reason::UserQuit);
        let mut buf = [0; 1_500];
        while let Some(transmit) = self.client.poll_transmit(now(self.started), &mut buf) {
            self.socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
        }
    }

    fn create(&mut self, name: &str) -> Result<(), Refusal> {
        let class = shipped("meadow").classes.iter().nth(1).unwrap().id;
        self.ask(RosterStep::Create { name: name.to_owned(), class, team: 2 })
    }
}

fn now(started: Instant) -> Now {
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Now { mono_ns: 1 + started.elapsed().as_nanos() as u64, unix_s }
}

#[test]
fn a_character_is_made_played_found_again_by_the_next_server_and_deleted_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path());
    let mut guest = Guest::join(&running, dir.path(), 7);
    assert_eq!(guest.roster(), []);
    assert_eq!(guest.create("Ada"), Ok(()));
    let ada = guest.roster().pop().unwrap();
    assert_eq!((ada.name.as_str(), ada.team, ada.level), ("Ada", 2, 1));
    assert_eq!(guest.ask(RosterStep::Play { character: ada.character }), Ok(()));
    guest.wait(|message| matches!(message, ServerMessage::Welcome(_)).then_some(()));
    running.wait_metric("throng_characters_total{what=\"created\"}", 1);
    assert_eq!(running.metric("throng_guests"), 0);
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));

    let mut running = start(dir.path());
    let mut guest = Guest::join(&running, dir.path(), 7);
    assert_eq!(guest.roster(), std::slice::from_ref(&ada));
    let mut other = Guest::join(&running, dir.path(), 8);
    assert_eq!(other.roster(), []);
    assert_eq!(other.create("ADA"), Err(Refusal::BadName));
    assert_eq!(other.ask(RosterStep::Delete { character: ada.character }), Err(Refusal::NoSuchCharacter));
    assert_eq!(guest.ask(RosterStep::Delete { character: ada.character }), Ok(()));
    assert_eq!(guest.roster(), []);
    assert_eq!(other.create("ADA"), Ok(()), "the name is free");
    let newer = other.roster().pop().unwrap();
    assert_ne!(newer.character, ada.character);
    // What was told as done is on disk, so it is there after the hardest end, too.
    running.child.kill().unwrap();
    running.child.wait().unwrap();

    let running = start(dir.path());
    assert_eq!(Guest::join(&running, dir.path(), 7).roster(), []);
    assert_eq!(Guest::join(&running, dir.path(), 8).roster(), [newer]);
}

#[test]
fn an_account_is_erased_when_it_has_logged_out_and_finds_nobody_at_its_next_login() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path());
    let bearer = std::fs::read_to_string(dir.path().join("d/ops.token")).unwrap();
    let post = |path: &str| running.post(path, bearer.trim(), "{\"account\":7}");
    let mut guest = Guest::join(&running, dir.path(), 7);
    guest.roster();
    assert_eq!(guest.create("Ada"), Ok(()));
    let ada = guest.roster().pop().unwrap();
    assert_eq!(guest.ask(RosterStep::Play { character: ada.character }), Ok(()));
    guest.wait(|message| matches!(message, ServerMessage::Welcome(_)).then_some(()));
    let (code, page) = post("/api/v1/erase");
    assert_eq!((code, page["error"].as_str().unwrap().ends_with("log it out first")), (409, true), "{page}");
    guest.leave();
    let start = Instant::now();
    let gone = loop {
        match post("/api/v1/erase") {
            (200, page) => break page,
            (code, page) => assert!(code == 409 && start.elapsed() < PATIENCE, "{page}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((&gone["characters"], &gone["stores"]), (&json!(1), &json!(["journal"])));
    let (_, held) = post("/api/v1/export");
    assert_eq!(held["journal"]["characters"], json!([]), "{held}");
    assert_eq!(Guest::join(&running, dir.path(), 7).roster(), []);
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
    let found = throng(dir.path()).args(["--data", "d", "verify"]).output().unwrap();
    assert!(found.status.success(), "the sums balance: {found:?}");
}
