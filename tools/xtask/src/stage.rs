//! A server process on free loopback ports, for checks from outside.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ops_client::Status;

use crate::checkout::Checkout;
use crate::processors::{Halves, command_on};

/// What a server is started with; kept, so that it can be started again on the same place.
#[derive(Clone)]
pub struct Place {
    /// The server's executable.
    pub binary: PathBuf,
    /// Where it runs: the root of the checkout, as `cargo run` would.
    pub root: PathBuf,
    /// UDP address of the game.
    pub game: SocketAddr,
    /// TCP address of the operators' HTTP.
    pub ops: SocketAddr,
    /// Data directory.
    pub data: PathBuf,
    /// Further arguments.
    pub extra: Vec<String>,
    /// Settings by the environment.
    pub settings: Vec<(String, String)>,
    /// Which processors the server has and which the load.
    pub halves: Option<Halves>,
}

impl Place {
    /// Free ports on loopback and an empty data directory under `scratch`.
    pub fn new(checkout: &Checkout, binary: &Path, scratch: &Path, name: &str, extra: &[&str]) -> Result<Self> {
        let data = scratch.join(name).join("data");
        fs::create_dir_all(&data).with_context(|| format!("{} cannot be made", data.display()))?;
        Ok(Self {
            binary: binary.to_path_buf(),
            root: checkout.root.clone(),
            game: free_udp()?,
            ops: free_tcp()?,
            data,
            extra: extra.iter().map(|&argument| argument.to_owned()).collect(),
            settings: Vec::new(),
            halves: checkout.halves.clone(),
        })
    }

    /// The server's command line; nothing of our own environment configures it.
    pub fn command(&self) -> Command {
        let mut command = command_on(self.halves.as_ref().map(|halves| halves.server.as_str()), &self.binary);
        command.current_dir(&self.root);
        command.arg("--listen").arg(self.game.to_string()).arg("--ops").arg(self.ops.to_string());
        command.arg("--data").arg(&self.data).args(&self.extra);
        without_own_settings(&mut command);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What the server says of itself to operators.
    pub fn status(&self) -> Result<Status> {
        let token = self.data.join("ops.token");
        let token = fs::read_to_string(&token).with_context(|| format!("{} cannot be read", token.display()))?;
        let answer = ops_client::get(self.ops, "/api/v1/status", Some(token.trim()))?;
        if answer.status != 200 {
            bail!("the server answers {} to the question for its status", answer.status);
        }
        serde_json::from_str(&answer.body).context("the server's status is not understood")
    }

    /// Starts the server and waits until it accepts players.
    pub fn start(&self) -> Result<Server> {
        let mut server = self.spawn()?;
        server.wait_ready(self.ops, READY_WITHIN)?;
        Ok(server)
    }

    /// Starts the server and does not wait for anything.
    pub fn spawn(&self) -> Result<Server> {
        let log = self.data.with_file_name("server.log");
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("{} cannot be written", log.display()))?;
        let mut command = self.command();
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{} cannot be started", self.binary.display()))?;
        Ok(Server { child, log })
    }
}

/// A running server; it is killed and reaped when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// The process id, for its figures in /proc.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// SIGKILL, as a power cut would; returns when the process is gone.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.ended() {
            bail!("the server ended by itself with {status}{}", self.last_words());
        }
        self.child.kill().context("the server cannot be killed")?;
        self.child.wait().context("the server cannot be waited for")?;
        Ok(())
    }

    /// SIGTERM, and waits for the orderly end, which is exit 0.
    pub fn drain(mut self) -> Result<()> {
        if let Some(status) = self.ended() {
            bail!("the server ended by itself with {status}{}", self.last_words());
        }
        terminate(self.pid())?;
        match wait_limited(&mut self.child, DRAINED_WITHIN)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the server drained and ended with {status}{}", self.last_words()),
            None => bail!("the server had not drained within {} s{}", DRAINED_WITHIN.as_secs(), self.last_words()),
        }
    }

    /// Waits at most so long for it to end by itself; None when it still runs.
    pub fn wait_ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            sleep(POLL_EVERY);
        }
        None
    }

    /// Waits at most so long until it accepts players.
    pub fn wait_ready(&mut self, ops: SocketAddr, limit: Duration) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if let Some(status) = self.ended() {
                bail!("the server ended with {status} before it was ready{}", self.last_words());
            }
            if http_status(ops, "/ready") == Some(200) {
                return Ok(());
            }
            sleep(POLL_EVERY);
        }
        bail!("the server was not ready within {} s{}", limit.as_secs(), self.last_words())
    }

    /// The end of its log as part of a sentence.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        match log.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("; its last words: {line}"),
            None => "; it said nothing".to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SIGTERM to a process of ours.
pub fn terminate(pid: u32) -> Result<()> {
    let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().context("kill cannot be started")?;
    if !sent.success() {
        bail!("process {pid} takes no SIGTERM");
    }
    Ok(())
}

/// Takes away the environment's configuration of the server, so that a check means the same everywhere.
pub fn without_own_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(SETTINGS_PREFIX) {
            command.env_remove::<&OsStr>(&name);
        }
    }
    // Trials are of the network and the world's load: nobody is to be eaten meanwhile, and be put elsewhere.
    command.env("THRONG_WORLD__MOBS", "false");
}

/// Waits for a child at most `limit`; None when it was still running then and had to be killed.
pub fn wait_limited(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if let Some(status) = child.try_wait().context("a child process cannot be waited for")? {
            return Ok(Some(status));
        }
        sleep(POLL_EVERY);
    }
    child.kill().context("a child process cannot be killed")?;
    child.wait().context("a child process cannot be waited for")?;
    Ok(None)
}

/// A UDP port on loopback that was free a moment ago.
pub fn free_udp() -> Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no free UDP port on loopback")?;
    Ok(socket.local_addr()?)
}

/// A TCP port on loopback that was free a moment ago.
pub fn free_tcp() -> Result<SocketAddr> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on loopback")?;
    Ok(socket.local_addr()?)
}

/// The status of a GET, None when there was no answer that looks like HTTP within a second.
fn http_status(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, HTTP_WITHIN).ok()?;
    stream.set_read_timeout(Some(HTTP_WITHIN)).ok()?;
    stream.set_write_timeout(Some(HTTP_WITHIN)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut head = [0; STATUS_LINE_BYTES];
    stream.read_exact(&mut head).ok()?;
    status_of(&head)
}

fn status_of(head: &[u8; STATUS_LINE_BYTES]) -> Option<u16> {
    let text = std::str::from_utf8(head).ok()?;
    text.strip_prefix("HTTP/1.")?.get(2..)?.parse().ok()
}

/// Environment variables that configure the server begin so.
const SETTINGS_PREFIX: &str = "THRONG_";
/// A server that restores a world and opens its journal is still ready long before this.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Everybody is told, and all that waits for a disk or a store is there, long before this.
const DRAINED_WITHIN: Duration = Duration::from_secs(60);
/// For connecting, writing and reading, each.
const HTTP_WITHIN: Duration = Duration::from_secs(1);
/// How often a process or port is looked at.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// `HTTP/1.1 200`: the part of an answer that says the status.
const STATUS_LINE_BYTES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::spawn;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            assert!(request.starts_with(b"GET /ready HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn the_status_of_an_answer_is_read() {
        assert_eq!(http_status(answering("HTTP/1.1 200 OK\r\n\r\n"), "/ready"), Some(200));
        assert_eq!(http_status(answering("HTTP/1.0 503 Service Unavailable\r\n\r\n"), "/ready"), Some(503));
    }

    #[test]
    fn no_listener_a_short_answer_and_no_http_are_no_status() {
        assert_eq!(http_status(free_tcp().unwrap(), "/ready"), None);
        assert_eq!(http_status(answering("HTTP"), "/ready"), None);
        assert_eq!(http_status(answering("SSH-2.0-whatever"), "/ready"), None);
    }

    fn place(program: &str, extra: &[&str], name: &str) -> Place {
        let checkout = Checkout::find().unwrap();
        let scratch = checkout.scratch(name).unwrap();
        let mut place = Place::new(&checkout, Path::new(program), &scratch, "server", extra).unwrap();
        place.data = scratch.join("data");
        place
    }

    #[test]
    fn the_command_line_is_the_agreed_one() {
        let place = place("throng", &["--fault", "drop-entity"], "stage-line");
        let command = place.command();
        let arguments: Vec<String> =
            command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let (game, ops) = (place.game.to_string(), place.ops.to_string());
        let data = place.data.to_string_lossy().into_owned();
        assert_eq!(arguments, ["--listen", &game, "--ops", &ops, "--data", &data, "--fault", "drop-entity"]);
        fs::remove_dir_all(place.data.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_is_reported_with_its_last_words() {
        let mut place = place("ls", &[], "stage-early");
        place.extra = vec!["--no-such-option".to_owned()];
        let error = place.start().err().unwrap().to_string();
        assert!(error.starts_with("the server ended with exit status: "), "{error}");
        assert!(error.contains("before it was ready; its last words: "), "{error}");
        fs::remove_dir_all(place.data.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_child_that_overstays_is_killed() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        assert!(wait_limited(&mut child, Duration::ZERO).unwrap().is_none());
        assert!(child.try_wait().unwrap().is_some());
    }
}
