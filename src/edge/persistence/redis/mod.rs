//! Redis: where players are now, and where each was last seen. Never the truth.
//!
//! Everything here may be lost at any moment and is written again by whoever has it; what is read is checked like a
//! stranger's. Each command names keys of one player only, which one tag puts into one slot, so a Redis Cluster takes them
//! as they are; what is on another of its servers than the one that was asked is asked for there. Numbers are decimal text,
//! because those of Redis' scripts have 53 bits.

mod checkpoints;
mod erasure;
mod keys;
mod leases;
mod nodes;
mod sessions;
#[cfg(test)]
mod tests;
mod trouble;

pub use checkpoints::Checkpoint;
#[cfg(test)]
pub use checkpoints::{CHECKPOINT_TTL, Kept};
#[cfg(test)]
pub use leases::Claim;
pub use leases::Lease;
pub use sessions::{SESSION_REFRESH, SESSION_TTL, Session};

use ::redis::io::tcp::TcpSettings;
use ::redis::{Arg, Cmd, ConnectionInfo, IntoConnectionInfo, Script, Value, cmd};
use nodes::Nodes;
use server::{StoreError, Trouble};
use trouble::Place;

/// Commands in one pipeline. At 1 KB for a checkpoint that is half a megabyte, which a Redis works off in about 5 ms; more
/// would keep its other users waiting.
pub const BATCH_MAX: usize = 512;

/// What one player's part of a call came to; that of the others is not touched by it.
pub type Each<T> = Result<T, StoreError>;

/// The connection to Redis.
///
/// It is made by the first call and made anew by the next one after a failure: whoever calls decides how often to try.
/// Every call may be repeated; twice the same does no harm. It lives in the runtime that first called it.
pub struct Hot {
    nodes: Nodes,
    place: Place,
    scripts: Scripts,
}

/// Prepared once: their names are hashes of their text.
struct Scripts {
    keep: Lua,
    enter: Lua,
    leave: Lua,
    claim: Lua,
    renew: Lua,
    release: Lua,
}

impl Scripts {
    /// The same call with the script's text in the place of its name.
    fn in_full(&self, call: &Cmd) -> Cmd {
        let all = [&self.keep, &self.enter, &self.leave, &self.claim, &self.renew, &self.release];
        let mut words = call.args_iter().filter_map(|arg| if let Arg::Simple(word) = arg { Some(word) } else { None });
        let name = words.by_ref().nth(1).unwrap_or_default();
        let Some(script) = all.into_iter().find(|script| script.hash.as_bytes() == name) else { return call.clone() };
        let mut full = cmd("EVAL");
        full.arg(&script.text);
        for word in words {
            full.arg(word);
        }
        full
    }
}

impl Hot {
    /// Of the Redis at `redis://[user:password@]host:port[/database]`. Does not connect: a server starts without it.
    ///
    /// # Errors
    /// The operator wrote what is no such address.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let refused = |what: &str| {
            let text = format!("the address of Redis {what}: it must be like redis://host:6379");
            StoreError { trouble: Trouble::Broken, text }
        };
        let info = url.into_connection_info().map_err(|_| refused("cannot be read"))?;
        if !info.addr().is_supported() {
            return Err(refused("asks for TLS, which this build has not"));
        }
        let place = Place::of(&info);
        let nodes = Nodes::new(tuned(info));
        let scripts = Scripts {
            keep: Lua::new(checkpoints::KEEP),
            enter: Lua::new(sessions::ENTER),
            leave: Lua::new(sessions::LEAVE),
            claim: Lua::new(leases::CLAIM),
            renew: Lua::new(leases::RENEW),
            release: Lua::new(leases::RELEASE),
        };
        Ok(Self { nodes, place, scripts })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not, and why.
    #[cfg(test)]
    pub async fn ping(&mut self) -> Result<(), StoreError> {
        let mut answers = self.ask_each(vec![cmd("PING")]).await?;
        answers.pop().unwrap_or_else(|| Err(self.place.broken("does not answer a ping"))).map(drop)
    }

    /// The answer to each command, in order. An error of one that is not the player's own but the store's is the error of all:
    /// the others would fare no better.
    async fn ask_each(&mut self, commands: Vec<Cmd>) -> Result<Vec<Each<Value>>, StoreError> {
        let mut answers = Vec::with_capacity(commands.len());
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let batch: Vec<Cmd> = commands.by_ref().take(BATCH_MAX).collect();
            for value in self.ask(&batch).await? {
                answers.push(match self.place.answer(value) {
                    Err(error) if error.trouble != Trouble::Broken => return Err(error),
                    own => own,
                });
            }
        }
        Ok(answers)
    }

    /// The answers to a batch as they come. A Redis that was started anew has forgotten the scripts: what it could not do
    /// without is asked again with their text, which it then remembers.
    async fn ask(&mut self, batch: &[Cmd]) -> Result<Vec<Value>, StoreError> {
        let mut values = self.send(batch).await?;
        let forgotten: Vec<usize> =
            (0..values.len()).filter(|&at| trouble::code(&values[at]) == Some("NOSCRIPT")).collect();
        if !forgotten.is_empty() {
            let again: Vec<Cmd> = forgotten.iter().map(|&at| self.scripts.in_full(&batch[at])).collect();
            for (at, value) in forgotten.into_iter().zip(self.send(&again).await?) {
                values[at] = value;
            }
        }
        Ok(values)
    }

    async fn send(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, StoreError> {
        self.nodes.send(commands).await.map_err(|error| self.place.trouble(&error))
    }
}

/// Without it, the last piece of a batch waits for an acknowledgement of the one before.
fn tuned(info: ConnectionInfo) -> ConnectionInfo {
    info.set_tcp_settings(TcpSettings::default().set_nodelay(true))
}

/// A script, and the hash by which it is called once Redis was told it.
struct Lua {
    text: String,
    hash: String,
}

impl Lua {
    /// With what all of them know: whether one number in decimal is higher than another. What is no number is lower.
    fn new(text: &str) -> Self {
        const PRELUDE: &str = "
local function number(text) return text and string.match(text, '^%d+$') and #text <= 20 end
local function higher(this, than)
  if not number(this) then return false end
  if not number(than) then return true end
  if #this ~= #than then return #this > #than end
  return this > than
end
";
        let text = format!("{PRELUDE}{text}");
        Self { hash: Script::new(&text).get_hash().to_owned(), text }
    }

    fn call(&self, keys: &[String]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.hash).arg(keys.len()).arg(keys);
        call
    }
}
