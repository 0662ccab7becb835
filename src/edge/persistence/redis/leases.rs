//! Who writes whom, as a hint. The lease itself is a row in MariaDB: what is said here spares a question there when the
//! answer would be no, and permits nothing.

use super::sessions::millis;
use super::{Each, Hot, Lua, keys};
use ::redis::{Cmd, Value, from_redis_value};
use protocol::CharacterId;
use server::StoreError;
use std::time::Duration;

/// Keys: the lease. Arguments: server, epoch, milliseconds to live. Answer: nothing if it is granted, else who has it and
/// under which epoch.
pub const CLAIM: &str = "
local there = redis.call('HMGET', KEYS[1], 'server', 'epoch')
if there[1] and there[1] ~= ARGV[1] and number(there[2]) and not higher(ARGV[2], there[2]) then return there end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'server', ARGV[1], 'epoch', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {}
";
/// The same keys and arguments. Answer: 1, or 0 if it is not his.
pub const RENEW: &str = "
local there = redis.call('HMGET', KEYS[1], 'server', 'epoch')
if there[1] ~= ARGV[1] or there[2] ~= ARGV[2] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
";
/// The same keys and arguments. Answer: 1, or 0 if it is not his.
pub const RELEASE: &str = "
local there = redis.call('HMGET', KEYS[1], 'server', 'epoch')
if there[1] ~= ARGV[1] or there[2] ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1
";

/// A claim to write a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whom.
    pub character: CharacterId,
    /// The name of the server that does.
    pub server: String,
    /// Its number in the row of the lease: a later owner has a higher one.
    pub epoch: u64,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The hint says so now.
    Granted,
    /// Another server has it, under an epoch that is not lower.
    Held(Lease),
}

impl Hot {
    /// Takes each lease that nobody has, or the same server, or another under a lower epoch, for `ttl`.
    ///
    /// # Errors
    /// The store's; those of one player alone are in the answer.
    pub async fn claim(&mut self, leases: &[Lease], ttl: Duration) -> Result<Vec<Each<Claim>>, StoreError> {
        let commands = commands(&self.scripts.claim, leases, ttl);
        let answers = self.ask_each(commands).await?;
        let claim = |(answer, lease): (Each<Value>, &Lease)| {
            let foreign = || self.place.foreign(&keys::lease(lease.character));
            let there: Vec<String> = from_redis_value(answer?).map_err(|_| foreign())?;
            match there.as_slice() {
                [] => Ok(Claim::Granted),
                [server, epoch] => {
                    let epoch = epoch.parse().map_err(|_| foreign())?;
                    Ok(Claim::Held(Lease { character: lease.character, server: server.clone(), epoch }))
                }
                _ => Err(foreign()),
            }
        };
        Ok(answers.into_iter().zip(leases).map(claim).collect())
    }

    /// Keeps each for another `ttl`; false for one that this server does not have under this epoch.
    ///
    /// # Errors
    /// The store's; those of one player alone are in the answer.
    pub async fn renew(&mut self, leases: &[Lease], ttl: Duration) -> Result<Vec<Each<bool>>, StoreError> {
        let commands = commands(&self.scripts.renew, leases, ttl);
        self.ask_yes(commands).await
    }

    /// Gives each back; false for one that this server does not have under this epoch.
    ///
    /// # Errors
    /// The store's; those of one player alone are in the answer.
    pub async fn release(&mut self, leases: &[Lease]) -> Result<Vec<Each<bool>>, StoreError> {
        let commands = commands(&self.scripts.release, leases, Duration::ZERO);
        self.ask_yes(commands).await
    }
}

fn commands(script: &Lua, leases: &[Lease], ttl: Duration) -> Vec<Cmd> {
    let command = |lease: &Lease| {
        let mut command = script.call(&[keys::lease(lease.character)]);
        command.arg(&lease.server).arg(lease.epoch).arg(millis(ttl));
        command
    };
    leases.iter().map(command).collect()
}
