//! Who plays where, and where somebody played until a moment ago.

use super::{Each, Hot, Lua, keys};
use ::redis::{Cmd, Value, cmd, from_redis_value};
use protocol::CharacterId;
use server::StoreError;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a session is believed that nobody refreshes: three refreshes may fail.
pub const SESSION_TTL: Duration = Duration::from_secs(90);
/// How often [`Hot::enter`] is to be told again who is here.
pub const SESSION_REFRESH: Duration = Duration::from_secs(30);
const _: () = assert!(SESSION_TTL.as_secs() >= 3 * SESSION_REFRESH.as_secs());
/// Longest name or address that is believed. A host name has 253 bytes at most.
const TEXT_BYTES_MAX: usize = 255;

/// Keys: session, ticket. Arguments: server, address, epoch, since, milliseconds to live. Answer: 1, or 0 if a session of a
/// higher epoch is there.
pub const ENTER: &str = "
if higher(redis.call('HGET', KEYS[1], 'epoch'), ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'server', ARGV[1], 'address', ARGV[2], 'epoch', ARGV[3], 'since_ms', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
";
/// The same keys and arguments; the ticket lives so long, none at all if it is 0.
pub const LEAVE: &str = "
if higher(redis.call('HGET', KEYS[1], 'epoch'), ARGV[3]) then return 0 end
if higher(redis.call('HGET', KEYS[2], 'epoch'), ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
if ARGV[5] == '0' then return 1 end
redis.call('HSET', KEYS[2], 'server', ARGV[1], 'address', ARGV[2], 'epoch', ARGV[3], 'since_ms', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
";

/// A stay on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The server's name.
    pub server: String,
    /// Where clients reach it.
    pub address: String,
    /// Of the lease under which he plays there: a later stay has a higher one.
    pub epoch: u64,
    /// When he came, in milliseconds since 1970.
    pub since_ms: u64,
}

impl Hot {
    /// Says that these play there, and, told again every [`SESSION_REFRESH`], that they still do: a Redis that forgot them knows
    /// them again. Whoever is here needs no ticket any more. False for who plays elsewhere under a higher epoch.
    ///
    /// # Errors
    /// The store's; those of one player alone are in the answer.
    pub async fn enter(&mut self, who: &[(CharacterId, Session)]) -> Result<Vec<Each<bool>>, StoreError> {
        let commands = who.iter().map(|(who, stay)| moved(&self.scripts.enter, *who, stay, SESSION_TTL)).collect();
        self.ask_yes(commands).await
    }

    /// Says that these play there no more, and leaves each a ticket for `held`, as long as the server keeps his place: until
    /// then he does best to come back to it. False for who plays elsewhere under a higher epoch.
    ///
    /// # Errors
    /// The store's; those of one player alone are in the answer.
    pub async fn leave(
        &mut self,
        who: &[(CharacterId, Session)],
        held: Duration,
    ) -> Result<Vec<Each<bool>>, StoreError> {
        let commands = who.iter().map(|(who, stay)| moved(&self.scripts.leave, *who, stay, held)).collect();
        self.ask_yes(commands).await
    }

    /// Where somebody plays, as far as Redis knows.
    ///
    /// # Errors
    /// The store's, or that what lies there is not ours.
    pub async fn session_of(&mut self, character: CharacterId) -> Result<Option<Session>, StoreError> {
        self.stay_at(keys::session(character)).await
    }

    /// Where somebody is expected back.
    ///
    /// # Errors
    /// The store's, or that what lies there is not ours.
    pub async fn ticket_of(&mut self, character: CharacterId) -> Result<Option<Session>, StoreError> {
        self.stay_at(keys::ticket(character)).await
    }

    async fn stay_at(&mut self, key: String) -> Result<Option<Session>, StoreError> {
        let mut all = cmd("HGETALL");
        all.arg(&key);
        let answer = self.ask_each(vec![all]).await?.pop();
        let foreign = || self.place.foreign(&key);
        let value = answer.unwrap_or_else(|| Err(foreign()))?;
        let fields: BTreeMap<String, String> = from_redis_value(value).map_err(|_| foreign())?;
        if fields.is_empty() {
            return Ok(None);
        }
        stay(&fields).map(Some).ok_or_else(foreign)
    }

    /// Whether each answer is 1, and not 0.
    pub(super) async fn ask_yes(&mut self, commands: Vec<Cmd>) -> Result<Vec<Each<bool>>, StoreError> {
        let answers = self.ask_each(commands).await?;
        let yes = |answer: Each<Value>| match answer? {
            Value::Int(yes @ (0 | 1)) => Ok(yes == 1),
            _ => Err(self.place.broken("answers neither yes nor no")),
        };
        Ok(answers.into_iter().map(yes).collect())
    }
}

fn moved(script: &Lua, who: CharacterId, stay: &Session, lives: Duration) -> Cmd {
    let mut command = script.call(&[keys::session(who), keys::ticket(who)]);
    command.arg(&stay.server).arg(&stay.address).arg(stay.epoch).arg(stay.since_ms).arg(millis(lives));
    command
}

/// As Redis takes them.
pub(super) fn millis(lives: Duration) -> u64 {
    u64::try_from(lives.as_millis()).unwrap_or(u64::MAX)
}

fn stay(fields: &BTreeMap<String, String>) -> Option<Session> {
    let text = |name: &str| {
        let text = fields.get(name)?;
        let is_fit = text.len() <= TEXT_BYTES_MAX && !text.chars().any(char::is_control);
        is_fit.then(|| text.clone())
    };
    let number = |name: &str| fields.get(name)?.parse().ok();
    Some(Session {
        server: text("server")?,
        address: text("address")?,
        epoch: number("epoch")?,
        since_ms: number("since_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_session_or_one_with_strange_texts_is_not_ours() {
        let whole = [("server", "a"), ("address", "b:1"), ("epoch", "3"), ("since_ms", "9")];
        let fields = |of: &[(&str, &str)]| of.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let (server, address) = ("a".to_owned(), "b:1".to_owned());
        assert_eq!(stay(&fields(&whole)), Some(Session { server, address, epoch: 3, since_ms: 9 }));
        for without in 0..whole.len() {
            let mut part = whole.to_vec();
            part.remove(without);
            assert_eq!(stay(&fields(&part)), None, "{part:?}");
        }
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        for (at, strange) in [(0, long.as_str()), (1, "b\u{1b}[31m"), (2, "-1"), (3, "soon")] {
            let mut odd = whole;
            odd[at].1 = strange;
            assert_eq!(stay(&fields(&odd)), None, "{odd:?}");
        }
    }
}
