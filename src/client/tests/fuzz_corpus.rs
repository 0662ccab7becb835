//! The fuzz bodies over their corpus, and over every truncation and one-byte change of it.

/// Places of a decoder's input that are changed: every one of a short input.
const PLACES: usize = 256;

/// Places of a script that are changed: a run of one takes a hundred times as long.
const SCRIPT_PLACES: usize = 1;

/// Calls `body` with each file of the corpus and its neighbours.
fn run(target: &str, body: fn(&[u8]), places: usize) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    for file in files {
        let mut bytes = std::fs::read(&file).unwrap();
        body(&bytes);
        let step = bytes.len().div_ceil(places).max(1);
        for at in (0..bytes.len()).step_by(step) {
            body(&bytes[..at]);
            for flip in [0x01, 0x80, 0xff] {
                bytes[at] ^= flip;
                body(&bytes);
                bytes[at] ^= flip;
            }
        }
    }
}

/// The same of sessions, whose operations may be bursts.
const SESSION_PLACES: usize = 24;

#[test]
fn part_survives_its_corpus() {
    run("part", protocol::fuzz::part, PLACES);
}

#[test]
fn input_survives_its_corpus() {
    run("input", protocol::fuzz::input, PLACES);
}

#[test]
fn message_survives_its_corpus() {
    run("message", protocol::fuzz::message, PLACES);
}

#[test]
fn store_survives_its_corpus() {
    run("store", client::fuzz::store, PLACES);
}

#[test]
fn screen_survives_its_corpus() {
    run("screen", client::fuzz::screen, SESSION_PLACES);
}

#[test]
fn datagrams_survives_its_corpus() {
    run("datagrams", rudp::fuzz::datagrams, PLACES);
}

#[test]
fn sessions_survives_its_corpus() {
    run("sessions", rudp::fuzz::sessions, SESSION_PLACES);
}

#[test]
fn payloads_survives_its_corpus() {
    run("payloads", rudp::fuzz::payloads, PLACES);
}

#[test]
fn token_survives_its_corpus() {
    run("token", rudp::fuzz::token, PLACES);
}

#[test]
fn outer_survives_its_corpus() {
    run("outer", rudp::fuzz::outer, PLACES);
}

#[test]
fn body_survives_its_corpus() {
    run("body", rudp::fuzz::body, PLACES);
}

#[test]
fn fragments_survives_its_corpus() {
    run("fragments", rudp::fuzz::fragments, SCRIPT_PLACES);
}

#[test]
fn connection_survives_its_corpus() {
    run("connection", rudp::fuzz::connection, SCRIPT_PLACES);
}

#[test]
fn endpoints_survives_its_corpus() {
    run("endpoints", rudp::fuzz::endpoints, SCRIPT_PLACES);
}
