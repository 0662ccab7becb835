//! Characters that people make, with real processes and sockets: they outlive the server, however it ends.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod guest;
mod program;

use guest::{Guest, start};
use program::{PATIENCE, throng};
use protocol::message::ServerMessage;
use protocol::{Refusal, RosterStep};
use serde_json::json;
use std::time::{Duration, Instant};

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
