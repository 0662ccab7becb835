//! Where saved things go beside the journal: the keys of `[mariadb]` and `[redis]`.

use crate::config::written::Written;
use std::path::PathBuf;

/// MariaDB.
#[derive(Clone, PartialEq, Eq)]
pub struct MariaDb {
    /// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, the preferred one first; one or two.
    pub servers: Vec<String>,
    /// Whether two of them replicate to each other, so that a thing is safe only when both have it.
    pub is_pair: bool,
    /// A file with the password that the addresses leave out.
    pub password_file: Option<PathBuf>,
}

/// All of them; none by default.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Stores {
    /// The truth.
    pub mariadb: Option<MariaDb>,
    /// Hot state: `redis://[USER:PASSWORD@]HOST:PORT[/NUMBER]`.
    pub redis_url: Option<String>,
    /// A file with the password that the address leaves out.
    pub redis_password_file: Option<PathBuf>,
}

/// Servers of MariaDB that one server of the game knows.
const SERVERS_MAX: usize = 2;

/// Takes the keys. What is wrong with an address is said without repeating it: it may hold a password.
pub fn resolve(written: &mut Written) -> Stores {
    let servers = written.secret_texts("mariadb.servers");
    let is_pair = written.boolean("mariadb.pair", false);
    let password_file = written.path("mariadb.password_file");
    let redis_url = written.text("redis.url");
    let redis_password_file = written.path("redis.password_file");
    if servers.iter().any(|url| !url.starts_with("mysql://")) {
        written.problem("mariadb.servers names an address that does not begin with mysql://".to_owned());
    }
    if servers.len() > SERVERS_MAX {
        written.problem(format!("mariadb.servers names {} servers, at most {SERVERS_MAX} are used", servers.len()));
    }
    if is_pair && servers.len() != SERVERS_MAX {
        written.problem(format!("mariadb.pair wants {SERVERS_MAX} servers in mariadb.servers, not {}", servers.len()));
    }
    if redis_url.as_ref().is_some_and(|url| !url.starts_with("redis://")) {
        written.problem("redis.url does not begin with redis://".to_owned());
    }
    let mariadb = (!servers.is_empty()).then_some(MariaDb { servers, is_pair, password_file });
    Stores { mariadb, redis_url, redis_password_file }
}

/// Passwords stand in it.
impl std::fmt::Debug for MariaDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MariaDb")
            .field("servers", &self.servers.len())
            .field("is_pair", &self.is_pair)
            .field("password_file", &self.password_file)
            .finish()
    }
}

/// As above.
impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores")
            .field("mariadb", &self.mariadb)
            .field("redis", &self.redis_url.is_some())
            .field("redis_password_file", &self.redis_password_file)
            .finish()
    }
}
