//! The server as a program: what it prints, what it leaves behind, how it exits.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod program;

use program::{Running, refused, throng};
use std::net::{TcpListener, UdpSocket};
use std::time::{Duration, Instant};

#[test]
fn without_any_set_up_it_makes_its_own_and_a_signal_ends_it_well() {
    let dir = tempfile::tempdir().unwrap();
    // Only the ports are chosen, because the default ones may be in use here.
    let running = Running::start(throng(dir.path()).args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"]));
    assert!(
        running.greeting.iter().any(|line| line.contains("-p swarm -- --bots 500 --duration 30s --server 127.0.0.1:"))
    );
    for (file, mode) in [("", 0o700), ("dev.key", 0o600), ("ops.token", 0o600)] {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join("target/throng").join(file);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{file}");
    }
    let key = std::fs::read_to_string(dir.path().join("target/throng/dev.key")).unwrap();
    assert!(key.trim().len() == 64 && key.trim().bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert!(running.ask("/live").unwrap().contains(" 200 "));
    assert!(running.ask("/metrics").unwrap().contains("throng_ticks_total"));
    let start = Instant::now();
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_second_start_keeps_key_and_token() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = || ["dev.key", "ops.token"].map(|file| std::fs::read(dir.path().join("d").join(file)).unwrap());
    let mut found = Vec::new();
    for _ in 0..2 {
        let args = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"];
        let running = Running::start(throng(dir.path()).args(args));
        found.push(secrets());
        running.signal("-INT");
        assert_eq!(running.exit_code(), Some(0));
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn two_servers_do_not_share_a_data_directory_or_a_port() {
    let dir = tempfile::tempdir().unwrap();
    let first =
        Running::start(throng(dir.path()).args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]));
    let again = refused(throng(dir.path()).args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]), 1);
    assert!(again.contains(&format!("in use by another server (process {})", first.child.id())), "{again}");
}

#[test]
fn a_port_in_use_is_one_sentence_for_either_port() {
    let dir = tempfile::tempdir().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = udp.local_addr().unwrap().to_string();
    let text = refused(throng(dir.path()).args(["--listen", &taken, "--ops", "127.0.0.1:0"]), 1);
    assert!(text.contains(&format!("cannot listen on {taken}/udp: the port is in use")), "{text}");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = tcp.local_addr().unwrap().to_string();
    let text = refused(throng(dir.path()).args(["--listen", "127.0.0.1:0", "--ops", &taken]), 1);
    assert!(text.contains(&format!("cannot listen on {taken}/tcp: the port is in use")), "{text}");
}

#[test]
fn wrong_configuration_is_exit_status_two_and_lists_everything() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.toml"), "[server]\nplayer_max = 5\n[save]\ninterval_s = 9\n").unwrap();
    let text = refused(throng(dir.path()).args(["--config", "c.toml"]), 2);
    assert!(text.contains("server.player_max; did you mean server.players_max?"), "{text}");
    assert!(text.contains("; c.toml: save.interval_s must be a whole number from 1 to 4, not 9"), "{text}");
    let text = refused(throng(dir.path()).env("THRONG_WORLD__SEED", "blue"), 2);
    assert!(text.contains("THRONG_WORLD__SEED"), "{text}");
    for args in [
        &["--config", "missing.toml"][..],
        &["--colour"],
        &["--listen"],
        &["--listen", "0.0.0.0:7777"],
        &["--log", "a=b=c"],
    ] {
        refused(throng(dir.path()).args(args), 2);
    }
    assert!(!dir.path().join("target").exists(), "a refused start leaves nothing behind");
}

#[test]
fn files_that_cannot_be_used_are_exit_status_one() {
    let dir = tempfile::tempdir().unwrap();
    let base = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"];
    let text = refused(throng(dir.path()).args(base).env("THRONG_AUTH__PRIVATE_KEY_FILE", "missing.key"), 1);
    assert!(text.contains("cannot read missing.key"), "{text}");
    std::fs::write(dir.path().join("short.key"), "1234").unwrap();
    let text = refused(throng(dir.path()).args(base).env("THRONG_AUTH__PRIVATE_KEY_FILE", "short.key"), 1);
    assert!(text.contains("short.key does not hold 32 bytes"), "{text}");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let text = refused(throng(dir.path()).args(base).args(["--data", "file"]), 1);
    assert!(text.contains("cannot use the data directory file"), "{text}");
    let bans = dir.path().join("d/bans.json");
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::write(&bans, "{\"version\":1,").unwrap();
    let text = refused(throng(dir.path()).args(base).args(["--data", "d"]), 1);
    assert!(text.contains("d/bans.json is no list of bans") && text.contains("move it away"), "{text}");
    std::fs::write(&bans, "{\"version\":1,\"bans\":[]}").unwrap();
    let running = Running::start(throng(dir.path()).args(base).args(["--data", "d"]));
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_flight_log_that_cannot_be_begun_keeps_nobody_out() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("d")).unwrap();
    std::fs::write(dir.path().join("d/flight"), "in the way").unwrap();
    let mut server = throng(dir.path());
    server.args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]);
    let running = Running::start(server.env("THRONG_FLIGHT__RECORD", "true"));
    assert!(running.ask("/ready").unwrap().contains(" 200 "));
    let metrics = running.ask("/metrics").unwrap();
    assert!(metrics.contains("throng_flight_stopped{log=\"realm\"} 1"), "{metrics}");
}

#[test]
fn help_and_version_go_to_stdout() {
    let dir = tempfile::tempdir().unwrap();
    for (flag, word) in [("--help", "THRONG_SECTION__KEY"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = throng(dir.path()).arg(flag).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(String::from_utf8(output.stdout).unwrap().contains(word));
    }
}

#[test]
fn a_running_server_is_backed_up_and_the_backup_is_restored_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"];
    let running = Running::start(throng(dir.path()).args(args));
    let token = std::fs::read_to_string(dir.path().join("d/ops.token")).unwrap();
    let (code, page) = running.post("/api/v1/backup", token.trim(), "{\"to\":\"b\"}");
    assert_eq!((code, page["name"].as_str()), (202, Some("b")), "{page}");
    let start = Instant::now();
    let made = loop {
        let page = running.page("/api/v1/backup", token.trim());
        if page["state"] != "copying" {
            break page;
        }
        assert!(start.elapsed() < program::PATIENCE, "never done: {page}");
    };
    assert_eq!((made["state"].as_str(), made["file"].as_str()), (Some("done"), Some("d/backups/b")), "{made}");
    for errand in [&["verify"][..], &["restore", "d/backups/b"]] {
        let error = refused(throng(dir.path()).args(errand).args(["--data", "d"]), 1);
        assert!(error.contains(&format!("in use by another server (process {})", running.child.id())), "{error}");
    }
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));

    let done = |args: &[&str]| {
        let output = throng(dir.path()).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let restored = done(&["restore", "d/backups/b", "--data", "e"]);
    assert!(restored.contains("there was no journal"), "{restored}");
    let found = done(&["--data", "e", "verify"]);
    assert!(found.contains("in balance: as much as was made") && found.contains("0 rows"), "{found}");
    let nowhere = refused(throng(dir.path()).args(["import", "d", "--name", "dead"]), 1);
    assert!(nowhere.contains("names no MariaDB"), "{nowhere}");
    let forget = ["forget", "--name", "dead", "--yes-the-journal-is-lost"];
    let nothing = refused(throng(dir.path()).args(forget), 1);
    assert!(nothing.contains("names no MariaDB"), "{nothing}");
    let hasty = refused(throng(dir.path()).args(&forget[..3]), 1);
    assert!(hasty.contains("--yes-the-journal-is-lost"), "{hasty}");
}

/// At the end of an orderly stop the world is saved; a kill goes back to the last one that was.
#[test]
fn a_world_goes_on_after_a_stop_and_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = throng(dir.path());
        command.args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]);
        Running::start(command.env("THRONG_WORLD__MOBS", "true"))
    };
    // The tick that the world has come to, and what lives in it, as published after so many ticks of the process.
    let after = |running: &Running, ticks: u64| {
        running.wait_metric("throng_ticks_total", ticks);
        ["tick", "entities"].map(|key| running.status(dir.path(), key))
    };
    let first = start();
    let [stopped_after, mobs] = after(&first, 90);
    assert!(mobs > 0);
    first.signal("-TERM");
    assert_eq!(first.exit_code(), Some(0));
    let second = start();
    let [tick, found] = after(&second, 1);
    assert!(tick > stopped_after, "went on to tick {tick}, stopped after {stopped_after}");
    assert_eq!(found, mobs);
    drop(second);
    let [tick, found] = after(&start(), 1);
    assert!(tick > stopped_after, "was killed, went on to tick {tick}");
    assert_eq!(found, mobs);
}

#[test]
fn a_posting_that_cannot_be_read_is_named_by_verify_and_set_aside_only_when_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"];
    let running = Running::start(throng(dir.path()).args(args));
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
    let outbox = redb::TableDefinition::<u64, &[u8]>::new("outbox");
    let database = redb::Database::open(dir.path().join("d/journal.redb")).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(outbox).unwrap().insert(41, &b"of tomorrow"[..]).unwrap();
    write.commit().unwrap();
    drop(database);
    let verify = |flags: &[&str]| {
        let output = throng(dir.path()).args(["verify", "--data", "d"]).args(flags).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for _ in 0..2 {
        let (code, said) = verify(&[]);
        assert!(code == Some(1) && said.contains("unreadable: posting 41 of the outbox: the row is damaged"), "{said}");
    }
    let (code, said) = verify(&["--set-aside-unreadable"]);
    assert!(code == Some(0) && said.starts_with("set aside: posting 41 of the outbox"), "{said}");
    let (code, said) = verify(&["--set-aside-unreadable"]);
    assert!(code == Some(0) && said.starts_with("set aside: nothing"), "{said}");
    assert!(said.contains("1 postings that could not be read"), "{said}");
}
