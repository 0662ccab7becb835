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
fn store_survives_its_corpus() {
    run("store", client::fuzz::store);
}
