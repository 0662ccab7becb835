//! The fuzz bodies over their corpus, and over every truncation and one-byte change of it.

/// Calls `body` with each file of the corpus and its neighbours.
fn run(target: &str, body: fn(&[u8])) {
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
        let step = bytes.len().div_ceil(256).max(1);
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

#[test]
fn part_survives_its_corpus() {
    run("part", protocol::fuzz::part);
}

#[test]
fn input_survives_its_corpus() {
    run("input", protocol::fuzz::input);
}

#[test]
fn message_survives_its_corpus() {
    run("message", protocol::fuzz::message);
}

#[test]
fn store_survives_its_corpus() {
    run("store", client::fuzz::store);
}

#[test]
fn datagrams_survives_its_corpus() {
    run("datagrams", rudp::fuzz::datagrams);
}

#[test]
fn sessions_survives_its_corpus() {
    run("sessions", rudp::fuzz::sessions);
}

#[test]
fn payloads_survives_its_corpus() {
    run("payloads", rudp::fuzz::payloads);
}
