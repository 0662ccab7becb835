//! A Redis of one's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Process, free_port};
use crate::programs::{REDIS_SERVER, find};

/// A private `redis-server` on a free loopback port.
///
/// It logs its writes (`appendonly`), so that a killed one comes back with what it had answered for.
pub struct Redis {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one in a new folder under `dir` and waits until it answers.
    pub fn start(dir: &Path) -> Result<Self> {
        Self::start_with(dir, &[])
    }

    /// The same with further arguments, such as `--requirepass` or `--maxmemory`.
    pub fn start_with(dir: &Path, arguments: &[&str]) -> Result<Self> {
        let program = find(&REDIS_SERVER)?;
        let folder = TempDir::with_prefix_in("redis-", dir)
            .with_context(|| format!("no folder can be made under {}", dir.display()))?;
        let port = free_port()?;
        let all = [
            ["--port", &port.to_string()],
            ["--bind", "127.0.0.1"],
            ["--dir", &folder.path().display().to_string()],
            ["--daemonize", "no"],
            ["--save", ""],
            ["--appendonly", "yes"],
            ["--databases", "1"],
        ];
        let own = all.iter().flatten().map(|&word| word.to_owned());
        let all = own.chain(arguments.iter().map(|&word| word.to_owned())).collect();
        let process = Process::new("redis-server", program, all, folder.path().join("redis.log"));
        let mut redis = Self { process, port, _folder: folder };
        redis.restart()?;
        Ok(redis)
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id; an error when it was killed.
    pub fn pid(&self) -> Result<u32> {
        self.process.pid().context("redis-server does not run")
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// SIGTERM; returns when it is gone.
    pub fn stop(&mut self) -> Result<()> {
        self.process.stop()
    }

    /// Starts it again, killing it first if it runs, on the same data and port, and waits until it answers.
    pub fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.start()?;
        let port = self.port;
        self.process.wait_ready(|| {
            // One that wants a password or has one is up as well; one that loads its file says LOADING.
            ask(port, &["PING"]).is_ok_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
        })
    }

    /// SIGSTOP: connections stay, answers stop.
    pub fn freeze(&self) -> Result<()> {
        self.process.freeze()
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.process.thaw()
    }

    /// Sends one command and answers with the reply as Redis wrote it, without its last line end. For looking into it
    /// from a test; an error reply (`-...`) is an error here.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        let answer = ask(self.port, words)?;
        if let Some(refusal) = answer.strip_prefix('-') {
            bail!("redis refused {}: {refusal}", words.join(" "));
        }
        Ok(answer)
    }
}

/// One command on a connection of its own, in the protocol of Redis (RESP2).
fn ask(port: u16, words: &[&str]) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN).context("redis-server does not listen")?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    // It closes after the answer to QUIT: all that came before that is the answer.
    request.push_str("*1\r\n$4\r\nQUIT\r\n");
    stream.write_all(request.as_bytes()).context("redis-server does not take a command")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("redis-server does not answer")?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.trim_end().strip_suffix("+OK").unwrap_or(&answer).trim_end().to_owned())
}

/// For connecting, writing and reading, each. A frozen one is found out after this.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
