//! A server process whose request limits bind everybody, and swarms sent to it.
#![allow(clippy::disallowed_methods, reason = "other programs are waited for in real time")]

use anyhow::{Context, Result, bail};
use rudp::Key;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Seconds over which the bots of a phase join.
pub const RAMP_S: u32 = 5;
const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// What a swarm takes beside joining and measuring, at most.
const OVERTIME: Duration = Duration::from_secs(60);
/// Hex digits of a key.
const KEY_DIGITS: usize = 64;

/// A server.
pub struct Stand {
    /// Where the game is.
    pub game: SocketAddr,
    /// Where operations are.
    pub ops: SocketAddr,
    data: PathBuf,
    /// The process and its folder, if it is ours.
    own: Option<(Child, PathBuf)>,
}

impl Stand {
    /// A server that somebody else started.
    pub fn existing(game: SocketAddr, ops: SocketAddr, data: PathBuf) -> Self {
        Self { game, ops, data, own: None }
    }

    /// Starts one on free ports of this machine, in a folder of its own.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start(binary: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("throng-handshake-{}", std::process::id()));
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let game = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let ops = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let data = folder.join("data");
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("THRONG_")) {
            command.env_remove(name);
        }
        command.arg("--listen").arg(game.to_string()).arg("--ops").arg(ops.to_string()).arg("--data").arg(&data);
        command.env("THRONG_LIMITS__REQUEST_EXEMPT", "").stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut stand = Self { game, ops, data, own: Some((child, folder)) };
        stand.wait_ready()?;
        Ok(stand)
    }

    fn wait_ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if let Some(status) = self.own.as_mut().and_then(|(child, _)| child.try_wait().ok().flatten()) {
                bail!("the server ended with {status} before it was ready");
            }
            if ops_client::get(self.ops, "/ready", None).is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            sleep(POLL_EVERY);
        }
        bail!("the server was not ready within {} s", READY_WITHIN.as_secs())
    }

    /// The key that its tokens are sealed with.
    ///
    /// # Errors
    /// There is none in its data directory.
    pub fn key(&self) -> Result<Key> {
        let file = self.data.join("dev.key");
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        key(text.trim()).with_context(|| format!("{} does not hold {KEY_DIGITS} hex digits", file.display()))
    }

    /// Its `/metrics`.
    ///
    /// # Errors
    /// It does not answer.
    pub fn metrics(&self) -> Result<String> {
        Ok(ops_client::get(self.ops, "/metrics", None)?.body)
    }

    /// Sends a swarm in which every bot has an address of its own; answers its report.
    ///
    /// # Errors
    /// It cannot be started, does not end, or writes none.
    pub fn play(&self, swarm: &Path, players: u32, seconds: u32) -> Result<Value> {
        let json = std::env::temp_dir().join(format!("throng-handshake-{}.json", std::process::id()));
        let mut command = Command::new(swarm);
        command.args(["--spread", "--truth-only", "--bots", &players.to_string()]);
        command.args(["--ramp", &format!("{RAMP_S}s"), "--duration", &format!("{seconds}s")]);
        command.arg("--server").arg(self.game.to_string()).arg("--ops").arg(self.ops.to_string());
        command.arg("--data").arg(&self.data).arg("--json").arg(&json);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("no swarm")?;
        let limit = Duration::from_secs(u64::from(RAMP_S + seconds)) + OVERTIME;
        let began = Instant::now();
        while child.try_wait()?.is_none() {
            if began.elapsed() > limit {
                child.kill()?;
                child.wait()?;
                bail!("the swarm was still running after {} s and was killed", limit.as_secs());
            }
            sleep(POLL_EVERY);
        }
        let text = std::fs::read_to_string(&json).context("the swarm wrote no report")?;
        std::fs::remove_file(&json)?;
        serde_json::from_str(&text).context("the swarm's report is no JSON")
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some((mut child, folder)) = self.own.take() {
            // Already gone is as good as killed.
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn key(digits: &str) -> Option<Key> {
    if digits.len() != KEY_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; KEY_DIGITS / 2];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(Key::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hex_digits() {
        assert_eq!(key(&format!("{}0f", "ab".repeat(31))).map(|key| key.as_bytes()[31]), Some(0x0f));
        assert!(key("ab").is_none() && key(&"xy".repeat(32)).is_none());
    }
}
