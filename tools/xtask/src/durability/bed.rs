//! The server between its two stores, all of them to be killed and started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stores::{MariaDb, MariaDbOptions, Redis};

use super::audit::{Audit, Told, read_amounts, read_ledger};
use super::cost::cpu_s;
use super::plan::{Kill, Victim};
use super::window::Window;
use crate::checkout::Checkout;
use crate::metrics::Metrics;
use crate::stage::{Place, Server};

/// A release server attached to a Redis and a MariaDB of its own.
pub struct Bed {
    place: Place,
    server: Option<Server>,
    redis: Redis,
    /// To be frozen.
    pub mariadb: MariaDb,
    /// Where the swarm writes down what it was told.
    pub receipts: PathBuf,
}

/// What one kill came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    /// Who died, as in the table.
    pub who: String,
    /// Changes that were asked for and not answered at that moment.
    pub in_flight: f64,
    /// From the first start to when all of them answered and players were accepted.
    pub recovery: Duration,
}

impl Bed {
    /// Starts all three and waits until players are accepted.
    pub fn start(checkout: &Checkout, binary: &Path, scratch: &Path, name: &str) -> Result<Self> {
        // Mobs are what most changes come of: bots kill them, learn from it and take what they leave.
        Self::start_with(checkout, binary, scratch, name, &[("THRONG_WORLD__MOBS", "true".to_owned())])
    }

    /// The same with further settings.
    pub fn start_with(
        checkout: &Checkout,
        binary: &Path,
        scratch: &Path,
        name: &str,
        settings: &[(&str, String)],
    ) -> Result<Self> {
        let mut place = Place::new(checkout, binary, scratch, name, &[])?;
        let folder = place.data.parent().context("a data directory lies in a folder")?.to_path_buf();
        let redis = Redis::start(&folder)?;
        let options = MariaDbOptions { dir: Some(folder.clone()), ..MariaDbOptions::default() };
        let mariadb = MariaDb::start(&options)?;
        let stores = [("THRONG_MARIADB__SERVERS", mariadb.url()), ("THRONG_REDIS__URL", redis.url())];
        let all = stores.iter().chain(settings);
        place.settings = all.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let server = Some(place.start()?);
        Ok(Self { place, server, redis, mariadb, receipts: folder.join("receipts") })
    }

    /// Where it plays.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Kills and starts again as planned, when enough is in flight or there was time enough for it.
    pub fn suffer(&mut self, kill: &Kill, in_flight_within: Duration) -> Result<Death> {
        self.run_for(kill.after)?;
        let in_flight = self.wait_in_flight(in_flight_within)?;
        for victim in &kill.victims {
            self.kill(*victim)?;
        }
        if kill.hits(Victim::Server) {
            sleep(kill.down);
        } else {
            // A server that dies of the death of a store is not to be taken for a victim.
            self.run_for(kill.down)?;
        }
        let began = Instant::now();
        for victim in &kill.victims {
            match victim {
                Victim::Server => self.server = Some(self.place.spawn()?),
                Victim::Redis => self.redis.restart()?,
                Victim::MariaDb => self.mariadb.restart()?,
            }
        }
        self.wait_ready()?;
        Ok(Death { who: kill.name(), in_flight, recovery: began.elapsed() })
    }

    fn kill(&mut self, victim: Victim) -> Result<()> {
        match victim {
            Victim::Server => self.server.take().context("the server does not run")?.kill(),
            Victim::Redis => self.redis.kill(),
            Victim::MariaDb => self.mariadb.kill(),
        }
    }

    /// Starts the server that another command line describes, in place of the one that runs.
    pub fn restart_with(&mut self, binary: &Path, extra: &[String]) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.kill()?;
        }
        self.place.binary = binary.to_path_buf();
        self.place.extra = extra.to_vec();
        self.server = Some(self.place.spawn()?);
        Ok(())
    }

    /// Waits until the server has ended by itself; an error when it has not in that time.
    pub fn wait_crash(&mut self, limit: Duration) -> Result<()> {
        let mut server = self.server.take().context("the server does not run")?;
        if server.wait_ended(limit).is_none() {
            bail!("the server did not crash within {} s{}", limit.as_secs(), server.last_words());
        }
        Ok(())
    }

    /// Waits until players are accepted.
    pub fn wait_ready(&mut self) -> Result<()> {
        let server = self.server.as_mut().context("the server does not run")?;
        server.wait_ready(self.place.ops, RECOVERED_WITHIN)
    }

    /// Waits until so many people are in the world.
    pub fn wait_players(&mut self, count: u32, limit: Duration) -> Result<()> {
        wait_players(&self.place, self.server.as_mut().context("the server does not run")?, count, limit)
    }

    /// Looks at the server for so long.
    pub fn watch(&mut self, time: Duration) -> Result<Window> {
        Window::watch(&self.place, self.server.as_mut().context("the server does not run")?, time)
    }

    /// CPU seconds of Redis and of MariaDB; none where the system does not tell.
    pub fn stores_cpu_s(&self) -> Option<[f64; 2]> {
        Some([cpu_s(self.redis.pid().ok()?)?, cpu_s(self.mariadb.pid().ok()?)?])
    }

    fn run_for(&mut self, time: Duration) -> Result<()> {
        sleep(time);
        self.check_alive()
    }

    fn check_alive(&mut self) -> Result<()> {
        check_alive(self.server.as_mut().context("the server does not run")?)
    }

    /// Waits until enough changes wait for the disk, or as long as may be; gives how many do.
    fn wait_in_flight(&mut self, limit: Duration) -> Result<f64> {
        let began = Instant::now();
        loop {
            let metrics = Metrics::read(self.place.ops)?;
            let now = metrics.value("throng_transactions_under_way")?;
            if now >= IN_FLIGHT_WANTED || began.elapsed() >= limit {
                return Ok(now);
            }
            sleep(IN_FLIGHT_LOOK_EVERY);
        }
    }

    /// SIGTERM, exit 0; then what is told is compared with what is there.
    pub fn drain_and_audit(mut self) -> Result<Audit> {
        self.server.take().context("the server does not run")?.drain()?;
        let told = match fs::read_to_string(&self.receipts) {
            Ok(told) => Told::read(&told)?,
            // A swarm that does not write them down.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Told::default(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", self.receipts.display())),
        };
        audit_of(&self.mariadb, &told)
    }
}

/// Compares what was told with what a database holds.
pub fn audit_of(mariadb: &MariaDb, told: &Told) -> Result<Audit> {
    let ledger = read_ledger(&mariadb.sql(LEDGER)?)?;
    let (made, there) = (mariadb.sql(MADE)?, mariadb.sql(THERE)?);
    Ok(Audit::of(told, &ledger, &read_amounts(&made)?, &read_amounts(&there)?))
}

/// Waits until so many people are in a server's world.
pub fn wait_players(place: &Place, server: &mut Server, count: u32, limit: Duration) -> Result<()> {
    let began = Instant::now();
    let mut players = 0.0;
    while began.elapsed() < limit {
        check_alive(server)?;
        players = Metrics::read(place.ops).and_then(|metrics| metrics.value("throng_players")).unwrap_or(0.0);
        if players >= f64::from(count) {
            return Ok(());
        }
        sleep(LOOK_EVERY);
    }
    bail!("only {players} of {count} people were in the world after {} s", limit.as_secs())
}

fn check_alive(server: &mut Server) -> Result<()> {
    match server.ended() {
        Some(status) => bail!("the server ended by itself with {status}{}", server.last_words()),
        None => Ok(()),
    }
}

/// Every transaction, and how often it is there.
const LEDGER: &str = "SELECT LOWER(HEX(transaction_id)), COUNT(*) FROM ledger GROUP BY transaction_id";
/// What came into the world and left it, by kind; coins are kind -1 there and NULL here.
const MADE: &str = "SELECT NULLIF(kind, -1), SUM(amount) FROM sums GROUP BY kind";
/// What characters have and what lies on the ground, by kind.
const THERE: &str = "SELECT NULL, (SELECT COALESCE(SUM(coins), 0) FROM characters) \
    + (SELECT COALESCE(SUM(coins), 0) FROM items WHERE is_gone = 0) \
    UNION ALL SELECT kind, SUM(count) FROM items WHERE is_gone = 0 AND coins IS NULL GROUP BY kind";
/// So many changes are to wait for the disk when somebody is killed.
pub const IN_FLIGHT_WANTED: f64 = 10.0;
/// Between two looks for them: they wait for a few milliseconds only.
const IN_FLIGHT_LOOK_EVERY: Duration = Duration::from_millis(2);
/// Between two looks for people.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A server that reads its journal, and waits for a store that recovers, is ready before this.
const RECOVERED_WITHIN: Duration = Duration::from_secs(60);
