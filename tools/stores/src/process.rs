//! One server process: started, killed, frozen and started again with the same command line.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::programs::{SETPRIV, find};

/// A server process and how to start it again. Dropping it kills it.
pub struct Process {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Remembers a command line; `log` is appended to by every start.
    pub fn new(name: &'static str, program: PathBuf, arguments: Vec<String>, log: PathBuf) -> Self {
        Self { name, program, arguments, log, child: None }
    }

    /// Starts it, or does nothing when it runs.
    pub fn start(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let mut command = mortal(&self.program);
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("{} cannot be written", self.log.display()))?;
        command.args(&self.arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn_for_life(command).with_context(|| format!("{} cannot be started", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Waits until `is_ready` says so; the process ending meanwhile, or a minute, is an error with its last words.
    pub fn wait_ready(&mut self, mut is_ready: impl FnMut() -> bool) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if let Some(status) = self.ended() {
                self.child = None;
                bail!("{} ended with {status} before it was ready{}", self.name, self.last_words());
            }
            if is_ready() {
                return Ok(());
            }
            thread::sleep(POLL_EVERY);
        }
        bail!("{} was not ready within {} s{}", self.name, READY_WITHIN.as_secs(), self.last_words())
    }

    /// SIGKILL, as a power cut would, also when frozen; returns when the process is gone. Nothing when it is.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().with_context(|| format!("{} cannot be killed", self.name))?;
            child.wait().with_context(|| format!("{} cannot be waited for", self.name))?;
        }
        Ok(())
    }

    /// SIGTERM, and waits for the orderly end.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let began = Instant::now();
        while began.elapsed() < READY_WITHIN {
            if self.ended().is_some() {
                self.child = None;
                return Ok(());
            }
            thread::sleep(POLL_EVERY);
        }
        bail!("{} did not end within {} s of SIGTERM{}", self.name, READY_WITHIN.as_secs(), self.last_words())
    }

    /// SIGSTOP: it keeps its connections and answers nothing; returns when the last of its threads has stopped.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)?;
        let pid = self.child.as_ref().map(Pid::from_child).with_context(|| format!("{} does not run", self.name))?;
        // Left to be waited for again, or freezing it twice would never return.
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT)
            .with_context(|| format!("{} does not stop", self.name))?;
        Ok(())
    }

    /// SIGCONT: it goes on where it was.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let Some(child) = &self.child else { bail!("{} does not run: it cannot be sent a signal", self.name) };
        let pid = Pid::from_child(child);
        kill_process(pid, signal).with_context(|| format!("{} cannot be sent a signal", self.name))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// The end of its log as part of a sentence.
    fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        match &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..] {
            [] => "; it said nothing".to_owned(),
            said => format!("; its last words: {}", said.join(" | ")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.kill();
    }
}

/// A TCP port on loopback that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free TCP port on loopback")?;
    Ok(socket.local_addr()?.port())
}

/// A command whose process gets SIGKILL when its parent dies. Where `setpriv` is missing or another one, only `Drop`
/// ends the process.
fn mortal(program: &Path) -> Command {
    static SETPRIV_PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    let setpriv = SETPRIV_PATH.get_or_init(|| {
        let setpriv = find(&SETPRIV).ok()?;
        let mut trial = Command::new(&setpriv);
        trial.args(["--pdeathsig", "KILL", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success()).then_some(setpriv)
    });
    match setpriv {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Starts a child from a thread that lives as long as this process. The death signal comes when the *thread* that
/// started the child ends: from the thread of a test, a server that several tests share would die with the first.
fn spawn_for_life(command: Command) -> io::Result<Child> {
    static NURSERY: OnceLock<Sender<(Command, Sender<io::Result<Child>>)>> = OnceLock::new();
    let nursery = NURSERY.get_or_init(|| {
        let (sender, orders) = channel::<(Command, Sender<io::Result<Child>>)>();
        thread::spawn(move || {
            for (mut command, answer) in orders {
                // Who ordered it waits for the answer; if it is gone, so is the need for the child.
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, answered) = channel();
    let gone = |_| io::Error::other("the thread that starts servers is gone");
    nursery.send((command, answer)).map_err(|_| io::Error::other("the thread that starts servers is gone"))?;
    answered.recv().map_err(gone)?
}

/// A database that recovers from a kill -9 on a busy machine is ready long before this.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a process or port is looked at.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// Lines of a log that an error quotes: MariaDB says why in the line before the last.
const LAST_WORDS_LINES: usize = 3;
