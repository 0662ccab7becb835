//! From a login to a connect token: `POST /api/v1/token`.
//!
//! A [`Desk`] takes time, bytes and a seed and gives a token or a refusal; reading the clock, the request and the
//! system's randomness is the business of whoever stands before it.

mod jwt;
mod login;
mod page;
mod refusal;
#[cfg(test)]
pub mod signer;

pub use jwt::Verifier;
pub use login::CHOOSE;
pub use page::page;
pub use refusal::{REASONS, Refusal};

use arc_swap::ArcSwap;
use login::{Claims, Login};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rudp::token::UserData;
use rudp::{BucketTable, ConnectToken, Mint, Rate};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the body at most: a JWT signed with RSA-8192 and 4 KiB of claims has some 7,000.
pub const BODY_BYTES_MAX: usize = 16 * 1_024;
/// Seconds of silence until the hello after which either end gives up.
const TIMEOUT_S: i32 = 10;
/// Tokens for one account: a client that reconnects takes one, and one that is in a loop is slowed.
const ACCOUNT_RATE: Rate = Rate { per_s: 1, burst: 5 };
/// Buckets for accounts: 128 KiB. With a 200th of them in use two accounts share one now and then, and are slowed early.
const ACCOUNT_BUCKETS: usize = 1 << 14;

/// What may change while the server runs.
#[derive(Debug)]
pub struct Rules {
    /// Seals the tokens, with the newest private key.
    pub mint: Mint,
    /// What is believed.
    pub source: Source,
    /// Tokens per second in all.
    pub tokens_per_s: u32,
}

impl Rules {
    /// Keys that logins are checked with.
    pub fn jwt_keys(&self) -> usize {
        match &self.source {
            Source::Jwt(verifier) => verifier.keys(),
            Source::Typed | Source::Nobody => 0,
        }
    }
}

/// Who says who somebody is.
#[derive(Debug)]
pub enum Source {
    /// A login service, by its signature.
    Jwt(Box<Verifier>),
    /// Whoever holds the operations token: for trying things out on one machine.
    Typed,
    /// Nobody.
    Nobody,
}

/// When a request is judged.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the monotonic clock, for rates.
    pub mono_ns: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub unix_ms: u64,
}

/// A minted token, and what its receiver may know of it.
#[derive(Debug)]
pub struct Issued {
    /// The token.
    pub token: ConnectToken,
    /// Whose it is.
    pub account_id: u64,
    /// As whom they play; 0 = the account's own nameless character, [`rudp::token::CHOOSES`] = they choose later.
    pub character_id: u64,
    /// Rises with each token.
    pub serial: u64,
}

/// Mints tokens from logins.
#[derive(Debug)]
pub struct Desk {
    rules: ArcSwap<Rules>,
    addresses: Vec<SocketAddr>,
    /// Tokens that expire earlier are refused by the server itself (spec: LIF-5).
    first_expiry_unix_s: u64,
    ledger: Mutex<Ledger>,
}

/// What the desk remembers from one token to the next.
#[derive(Debug)]
struct Ledger {
    issued_at_ms: u64,
    serial: u64,
    total: u64,
    accounts: BucketTable,
}

impl Desk {
    /// A desk whose tokens name `addresses` and must expire at `first_expiry_unix_s` at the earliest; `seed` decides
    /// which accounts share a bucket.
    pub fn new(rules: Rules, addresses: Vec<SocketAddr>, first_expiry_unix_s: u64, seed: u64) -> Self {
        let accounts = BucketTable::new(ACCOUNT_RATE, ACCOUNT_BUCKETS, seed);
        Self {
            rules: ArcSwap::from_pointee(rules),
            addresses,
            first_expiry_unix_s,
            ledger: Mutex::new(Ledger { issued_at_ms: 0, serial: 0, total: 0, accounts }),
        }
    }

    /// Goes by other rules from the next request on.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.store(Arc::new(rules));
    }

    /// Who is believed, in a word or two.
    pub fn believes(&self) -> &'static str {
        match self.rules.load().source {
            Source::Jwt(_) => "signed logins",
            Source::Typed => "typed claims (development key, loopback)",
            Source::Nobody => "nobody (no login service is configured)",
        }
    }

    /// The addresses that tokens name, in the order in which clients try them.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A token for the login in `body`. `seed` is 32 bytes of the system's randomness, new for each call: keys and nonce
    /// are drawn from it.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was minted.
    pub fn issue(&self, body: &[u8], at: Moment, seed: [u8; 32]) -> Result<Issued, Refusal> {
        let rules = self.rules.load();
        self.check_restart(at)?;
        self.admit(|ledger| {
            let total = Rate { per_s: rules.tokens_per_s, burst: rules.tokens_per_s * 2 };
            total.admit(&mut ledger.total, at.mono_ns).then_some(()).ok_or(Refusal::Rate)
        })?;
        let login = rules.source.read(body.trim_ascii(), at.unix_ms / 1_000)?;
        let user = self.admit(|ledger| {
            let has_room = ledger.accounts.admit(login.account_id, at.mono_ns);
            if has_room { Ok(ledger.enter(&login, at.unix_ms)) } else { Err(Refusal::AccountRate) }
        })?;
        let mut rng = StdRng::from_seed(seed);
        let token = rules
            .mint
            .mint(at.unix_ms, login.account_id, &self.addresses, TIMEOUT_S, &user, &mut rng)
            .expect("the configuration lists 1 to 32 addresses");
        Ok(Issued { token, account_id: login.account_id, character_id: login.character_id, serial: user.serial })
    }

    /// Whether a token minted now would be let in.
    ///
    /// # Errors
    /// [`Refusal::Restart`].
    pub fn check_restart(&self, at: Moment) -> Result<(), Refusal> {
        let expiry = (at.unix_ms / 1_000).saturating_add(self.rules.load().mint.lifetime_s);
        match self.first_expiry_unix_s.saturating_sub(expiry) {
            0 => Ok(()),
            retry_after_s => Err(Refusal::Restart { retry_after_s }),
        }
    }

    fn admit<T>(&self, judge: impl FnOnce(&mut Ledger) -> Result<T, Refusal>) -> Result<T, Refusal> {
        judge(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ledger {
    /// The login's user data. Its order, (issued at, serial), is later than that of every token before, even if the
    /// wall clock went back: else a player who logs in again could not take over from himself. spec: SES-6
    fn enter(&mut self, login: &Login, unix_ms: u64) -> UserData {
        self.issued_at_ms = self.issued_at_ms.max(unix_ms);
        self.serial += 1;
        UserData {
            account_id: login.account_id,
            character_id: login.character_id,
            name: login.name,
            role: login.role,
            issued_at_ms: self.issued_at_ms,
            serial: self.serial,
            epoch: 0,
        }
    }
}

impl Source {
    fn read(&self, body: &[u8], unix_s: u64) -> Result<Login, Refusal> {
        // No JWT begins so: its first letter is that of "{" in base64.
        let typed: Option<Claims> = if body.starts_with(b"{") { serde_json::from_slice(body).ok() } else { None };
        match (self, typed) {
            (Self::Jwt(verifier), None) => verifier.verify(body, unix_s),
            (Self::Jwt(_), Some(_)) => Err(Refusal::Unsigned),
            (Self::Typed, Some(claims)) => Login::read_typed(&claims),
            (Self::Typed, None) if body.starts_with(b"{") => Err(Refusal::Claims),
            (Self::Typed | Self::Nobody, _) => Err(Refusal::NoLogin),
        }
    }
}

#[cfg(test)]
mod tests;
