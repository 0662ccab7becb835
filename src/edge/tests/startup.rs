//! The server as a program: what it prints, what it leaves behind, how it exits.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest that any step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn throng(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
    command.current_dir(dir).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THRONG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a start that must fail, and checks the form of its complaint.
fn refused(command: &mut Command, status: i32) -> String {
    let Output { status: found, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(found.code(), Some(status), "{stderr}");
    assert_eq!(stdout, b"", "a failed start says nothing on stdout");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("throng: "), "{stderr}");
    stderr
}

struct Running {
    child: Child,
    greeting: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting: Vec<_> = lines.map_while(Result::ok).take(5).collect();
        let running = Self { child, greeting };
        running.wait_ready();
        running
    }

    fn ops(&self) -> &str {
        let line = self.greeting.iter().find_map(|line| line.split_once("http://")).expect("an ops address").1;
        line.split('/').next().unwrap()
    }

    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.ops()).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn wait_ready(&self) {
        let start = Instant::now();
        while !self.ask("/ready").is_some_and(|answer| answer.contains(" 200 ")) {
            assert!(start.elapsed() < PATIENCE, "never ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap().success());
    }

    fn exit_code(mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "never ended");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

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
