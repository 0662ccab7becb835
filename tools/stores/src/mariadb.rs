//! A MariaDB of one's own, as durable as the real thing: every commit is on its disk before it answers.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::process::{Process, free_port};
use crate::programs::{MARIADB, MARIADB_INSTALL_DB, MARIADBD, find};

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct MariaDbOptions {
    /// Where its folder is made; the system's folder for temporary files when None. Either is deleted in the end.
    pub dir: Option<PathBuf>,
    /// `server_id` and `gtid_domain_id`: different for every server of a pair.
    pub server_id: u32,
    /// `auto_increment_increment`: 2 in a pair.
    pub increment: u32,
    /// `auto_increment_offset`: which of the numbers this server hands out.
    pub offset: u32,
    /// Further arguments of `mariadbd`, such as `--max_connections=5`.
    pub arguments: Vec<String>,
}

impl Default for MariaDbOptions {
    fn default() -> Self {
        Self { dir: None, server_id: 1, increment: 1, offset: 1, arguments: Vec::new() }
    }
}

/// A private `mariadbd` on a free loopback port, with the database `throng` and the user `throng`, who may do anything
/// in it, and over TCP only.
pub struct MariaDb {
    process: Process,
    port: u16,
    folder: TempDir,
    client: PathBuf,
}

impl MariaDb {
    /// Starts one and waits until it answers. The first of a machine takes seconds, because the system tables are made
    /// once; every further one copies them.
    pub fn start(options: &MariaDbOptions) -> Result<Self> {
        let program = find(&MARIADBD)?;
        let client = find(&MARIADB)?;
        let template = template()?;
        let folder = match &options.dir {
            Some(dir) => TempDir::with_prefix_in("mariadb-", dir),
            None => TempDir::with_prefix("mariadb-"),
        };
        let folder = folder.context("no folder can be made for mariadbd")?;
        copy_folder(template, &folder.path().join("data"))?;
        let port = free_port()?;
        let arguments = arguments(options, folder.path(), port);
        let process = Process::new("mariadbd", program, arguments, folder.path().join("mariadbd.log"));
        let mut server = Self { process, port, folder, client };
        server.restart()?;
        server.run(&["--execute", SET_UP])?;
        Ok(server)
    }

    /// `mysql://throng:pw@127.0.0.1:port/throng`.
    pub fn url(&self) -> String {
        format!("mysql://throng:{PASSWORD}@127.0.0.1:{}/throng", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id; an error when it was killed.
    pub fn pid(&self) -> Result<u32> {
        self.process.pid().context("mariadbd does not run")
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
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
        let mut question = client(&self.client, self.folder.path());
        question.args(["--connect-timeout=2", "--execute=SELECT 1"]).stdout(Stdio::null()).stderr(Stdio::null());
        self.process.wait_ready(|| question.status().is_ok_and(|status| status.success()))
    }

    /// SIGSTOP: connections stay, answers stop.
    pub fn freeze(&self) -> Result<()> {
        self.process.freeze()
    }

    /// SIGCONT.
    pub fn thaw(&self) -> Result<()> {
        self.process.thaw()
    }

    /// Runs statements as root over the server's own socket, in the database `throng`. The answer has a line for each
    /// row, its columns separated by tabs, without a head; NULL is the word NULL.
    pub fn sql(&self, statement: &str) -> Result<String> {
        self.run(&["--database=throng", &format!("--execute={statement}")])
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = client(&self.client, self.folder.path());
        command.args(arguments);
        let output = command.output().with_context(|| format!("{} cannot be started", self.client.display()))?;
        if !output.status.success() {
            // What it said comes first: a statement may be longer than what a report of a failed test keeps.
            let said = String::from_utf8_lossy(&output.stderr);
            let asked: String = arguments.join(" ").chars().take(STATEMENT_SHOWN).collect();
            bail!("mariadbd refused: {} ({}, on `{asked}`)", said.trim(), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

/// The command line of a server. Nothing of the machine's own configuration is read.
fn arguments(options: &MariaDbOptions, folder: &Path, port: u16) -> Vec<String> {
    let data = folder.join("data");
    let mut all = vec!["--no-defaults".to_owned()];
    all.extend(root_argument());
    all.extend([
        format!("--datadir={}", data.display()),
        format!("--socket={}", socket(folder).display()),
        format!("--pid-file={}", folder.join("mariadbd.pid").display()),
        format!("--port={port}"),
        format!("--server-id={}", options.server_id),
        format!("--gtid-domain-id={}", options.server_id),
        format!("--auto-increment-increment={}", options.increment),
        format!("--auto-increment-offset={}", options.offset),
    ]);
    all.extend(FIXED.iter().map(|&argument| argument.to_owned()));
    all.extend(options.arguments.iter().cloned());
    all
}

fn client(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
    command.arg(format!("--socket={}", socket(folder).display()));
    command
}

/// A path of a socket may have 107 bytes at most, which a folder under a deep build folder exceeds: it then lies in the
/// system's folder for temporary files.
fn socket(folder: &Path) -> PathBuf {
    let near = folder.join("sock");
    if near.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return near;
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    std::env::temp_dir().join(format!("{name}-{}.sock", std::process::id()))
}

/// A data directory as `mariadb-install-db` makes it: seconds of work, so it is kept for every later process, in a
/// folder that only this user may enter, under the version of the server.
fn template() -> Result<&'static Path> {
    static TEMPLATE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match TEMPLATE.get_or_init(|| make_template().map_err(|error| format!("{error:#}"))) {
        Ok(folder) => Ok(folder),
        Err(error) => bail!("{error}"),
    }
}

fn make_template() -> Result<PathBuf> {
    let kept = private_folder()?;
    let finished = kept.join(version()?);
    if finished.is_dir() {
        return Ok(finished);
    }
    let folder = TempDir::with_prefix_in("unfinished-", &kept).context("no folder can be made for a template")?;
    let mut command = Command::new(find(&MARIADB_INSTALL_DB)?);
    command.arg("--no-defaults").arg(format!("--datadir={}", folder.path().display())).args(root_argument());
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    command.args(["--innodb_log_file_size=32M", "--innodb_buffer_pool_size=64M", "--innodb_use_native_aio=0"]);
    let output = command.output().context("mariadb-install-db cannot be started")?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
        bail!("mariadb-install-db ended with {}; its last words: {last}", output.status);
    }
    let made = folder.keep();
    if let Err(error) = fs::rename(&made, &finished) {
        // Another process was faster with the same: then this one is not needed.
        let _ = fs::remove_dir_all(&made);
        if !finished.is_dir() {
            return Err(error).with_context(|| format!("{} cannot be made", finished.display()));
        }
    }
    Ok(finished)
}

/// A folder of this user's in the system's for temporary files. The name is no secret there: whoever else made it
/// could put anything into our databases, so it must be ours and closed to others.
fn private_folder() -> Result<PathBuf> {
    let own = geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("throng-stores-{own}"));
    let made = fs::DirBuilder::new().mode(0o700).create(&folder);
    let metadata = fs::symlink_metadata(&folder);
    let metadata = metadata.with_context(|| format!("{} cannot be made: {made:?}", folder.display()))?;
    if !metadata.is_dir() || metadata.uid() != own || metadata.mode() & 0o077 != 0 {
        bail!("{} is not a folder of this user's alone: delete it", folder.display());
    }
    Ok(folder)
}

/// What the server calls its version, as a name of a folder.
fn version() -> Result<String> {
    let output = Command::new(find(&MARIADBD)?).args(["--no-defaults", "--version"]).output();
    let said = output.context("mariadbd cannot be started")?.stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = said.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
    let version = version.with_context(|| format!("mariadbd says no version but {said:?}"))?;
    Ok(version.replace(|char: char| !char.is_ascii_alphanumeric() && char != '.', "-"))
}

/// `mariadbd` refuses to run as root unless it is told to.
fn root_argument() -> Option<String> {
    geteuid().is_root().then(|| "--user=root".to_owned())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let fault = || format!("{} cannot be copied", from.display());
    fs::create_dir(to).with_context(fault)?;
    for entry in fs::read_dir(from).with_context(fault)? {
        let entry = entry.with_context(fault)?;
        let target = to.join(entry.file_name());
        if entry.file_type().with_context(fault)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).with_context(fault)?;
        }
    }
    Ok(())
}

/// Of a user that exists only on loopback, in a server that lives as long as a test.
const PASSWORD: &str = "pw";
/// Not written to the binary log: in a pair each server makes its own, and neither sends it to the other.
const SET_UP: &str = "SET SESSION sql_log_bin = 0; CREATE DATABASE throng; \
    CREATE USER 'throng'@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT ALL ON throng.* TO 'throng'@'127.0.0.1'; \
    CREATE USER 'replica'@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1'";
/// What every server of ours has. The first line is the promise; the second what a pair needs, and a single one is not
/// hindered by; the third keeps it small: ten of them fit beside each other on a small machine.
const FIXED: [&str; 24] = [
    "--innodb_flush_log_at_trx_commit=1",
    "--sync_binlog=1",
    "--log-bin=binlog",
    "--binlog_format=ROW",
    "--relay-log=relaylog",
    "--relay-log-recovery=1",
    "--slave_exec_mode=IDEMPOTENT",
    "--slave_run_triggers_for_rbr=ENFORCE",
    "--slave_net_timeout=4",
    "--log_bin_trust_function_creators=1",
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb_buffer_pool_size=64M",
    "--innodb_log_file_size=32M",
    "--innodb_use_native_aio=0",
    "--performance_schema=0",
    "--key_buffer_size=1M",
    "--aria_pagecache_buffer_size=8M",
    "--query_cache_size=0",
    "--max_connections=100",
    "--table_open_cache=200",
    "--innodb_print_all_deadlocks=0",
    "--skip-slow-query-log",
];
/// Characters of a refused statement that an error has.
const STATEMENT_SHOWN: usize = 200;
/// `sun_path` has 108 bytes on Linux and 104 on others, the last one zero.
const SOCKET_PATH_BYTES_MAX: usize = 103;
