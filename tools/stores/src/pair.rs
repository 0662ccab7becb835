//! Two MariaDBs, each the primary and the replica of the other.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::mariadb::{MariaDb, MariaDbOptions};

/// A primary-primary pair: both take writes, the first hands out odd numbers and the second even ones.
///
/// Rows that collide are overwritten instead of stopping the replication (`slave_exec_mode=IDEMPOTENT`), and triggers
/// run on what is replicated (`slave_run_triggers_for_rbr=ENFORCE`; with `YES` they do not if the sender has them, too), which
/// is where a newer revision is defended.
pub struct Pair {
    /// The one with the odd numbers.
    pub one: MariaDb,
    /// The one with the even numbers.
    pub two: MariaDb,
}

impl Pair {
    /// Starts both, in folders of the system's for temporary files, and waits until each has what the other wrote.
    pub fn start() -> Result<Self> {
        Self::start_in(None)
    }

    /// The same with folders under `dir`.
    pub fn start_in(dir: Option<PathBuf>) -> Result<Self> {
        let options =
            |id| MariaDbOptions { dir: dir.clone(), server_id: id, increment: 2, offset: id, ..Default::default() };
        let pair = Self { one: MariaDb::start(&options(1))?, two: MariaDb::start(&options(2))? };
        follow(&pair.one, &pair.two)?;
        follow(&pair.two, &pair.one)?;
        pair.one.sql("CREATE TABLE throng.pair_is_up (server INT PRIMARY KEY)")?;
        pair.wait_in_step()?;
        pair.two.sql("DROP TABLE throng.pair_is_up")?;
        pair.wait_in_step()?;
        Ok(pair)
    }

    /// Both.
    pub fn both(&self) -> [&MariaDb; 2] {
        [&self.one, &self.two]
    }

    /// Waits until each has applied all that the other has written up to now.
    pub fn wait_in_step(&self) -> Result<()> {
        wait_for(&self.two, &self.one)?;
        wait_for(&self.one, &self.two)
    }
}

/// Makes `replica` follow `primary` by global transaction ids: its own place in the other's log is in a table of its
/// own and survives a kill -9 together with the rows.
fn follow(replica: &MariaDb, primary: &MariaDb) -> Result<()> {
    let port = primary.port();
    replica.sql(&format!(
        "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='replica', MASTER_PASSWORD='pw', \
         MASTER_CONNECT_RETRY={RETRY_S}, MASTER_HEARTBEAT_PERIOD=1, MASTER_USE_GTID=slave_pos; START SLAVE"
    ))?;
    Ok(())
}

fn wait_for(replica: &MariaDb, primary: &MariaDb) -> Result<()> {
    let position = primary.sql("SELECT @@gtid_binlog_pos")?;
    let began = Instant::now();
    while began.elapsed() < IN_STEP_WITHIN {
        // -1: not there within the half second. An error: it is not up, or not yet told whom to follow.
        let waited = replica.sql(&format!("SELECT MASTER_GTID_WAIT('{position}', 0.5)"));
        if waited.is_ok_and(|answer| answer == "0") {
            return Ok(());
        }
        thread::sleep(POLL_EVERY);
    }
    let said = replica.sql("SHOW SLAVE STATUS\\G").unwrap_or_else(|error| error.to_string());
    let faults: Vec<&str> = said.lines().map(str::trim).filter(|line| line.contains("Error: ")).collect();
    bail!("the replica was not in step within {} s: {}", IN_STEP_WITHIN.as_secs(), faults.join(", "))
}

/// Seconds between attempts of a replica to reach its primary; the server's own default is a minute.
const RETRY_S: u32 = 1;
/// A pair that was cut apart is in step again long before this.
const IN_STEP_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const POLL_EVERY: Duration = Duration::from_millis(20);
