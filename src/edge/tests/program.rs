//! The server as another process, for tests that look at it from outside.
#![allow(dead_code, reason = "each test program uses a part")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest that any step may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The program in a directory of its own, without what the environment of this run would tell it.
pub fn throng(dir: &Path) -> Command {
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
pub fn refused(command: &mut Command, status: i32) -> String {
    let Output { status: found, stdout, stderr } = command.output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(found.code(), Some(status), "{stderr}");
    assert_eq!(stdout, b"", "a failed start says nothing on stdout");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("throng: "), "{stderr}");
    stderr
}

/// A started server; it is killed with this value.
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it said first.
    pub greeting: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts it and waits for its greeting only.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting: Vec<_> = lines.map_while(Result::ok).take(5).collect();
        Self { child, greeting }
    }

    /// Starts it and waits until it accepts players.
    pub fn start(command: &mut Command) -> Self {
        let running = Self::spawn(command);
        running.wait_ready();
        running
    }

    /// Its operations address.
    pub fn ops(&self) -> &str {
        let line = self.greeting.iter().find_map(|line| line.split_once("http://")).expect("an ops address").1;
        line.split('/').next().unwrap()
    }

    /// The whole answer to a GET.
    pub fn ask(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.ops()).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The JSON of a page that is only for operators.
    pub fn page(&self, path: &str, bearer: &str) -> Value {
        let mut stream = TcpStream::connect(self.ops()).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nAuthorization: Bearer {bearer}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
    }

    /// Status and JSON that a POST gives.
    pub fn post(&self, path: &str, bearer: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.ops()).unwrap();
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.0\r\nAuthorization: Bearer {bearer}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("an answer has a status");
        let page = answer.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body).unwrap_or_default());
        (status, page.unwrap_or_default())
    }

    /// The value of a metric, by its whole name with labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.ask("/metrics").unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is missing")).parse::<f64>().unwrap() as u64
    }

    /// A number of the status that operators see; the server's data directory is `d`.
    pub fn status(&self, dir: &Path, key: &str) -> u64 {
        let token = std::fs::read_to_string(dir.join("d/ops.token")).unwrap();
        let body = self.page("/api/v1/status", token.trim());
        body[key].as_u64().unwrap_or_else(|| panic!("the status has no {key}: {body}"))
    }

    /// Waits until a metric is at least this.
    pub fn wait_metric(&self, name: &str, least: u64) {
        let start = Instant::now();
        while self.metric(name) < least {
            assert!(start.elapsed() < PATIENCE, "{name} stayed below {least}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until it accepts players.
    pub fn wait_ready(&self) {
        let start = Instant::now();
        while !self.ask("/ready").is_some_and(|answer| answer.contains(" 200 ")) {
            assert!(start.elapsed() < PATIENCE, "never ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap().success());
    }

    /// Waits for its end.
    pub fn exit_code(mut self) -> Option<i32> {
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
