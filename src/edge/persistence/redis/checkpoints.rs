//! The newest checkpoint of each character that Redis was told.

use super::{Each, Hot, keys};
use ::redis::{Value, cmd};
use protocol::CharacterId;
use server::StoreError;
use std::time::Duration;

/// How long a checkpoint is kept after the last one: who comes back later is loaded from the truth.
pub const CHECKPOINT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// A value is the revision in so many digits, then the record.
const REVISION_DIGITS: usize = 20;

/// Keys: the checkpoint. Arguments: the value, seconds to live. Answer: 1 if it is kept, 0 if a newer one is there.
pub const KEEP: &str = "
local there = redis.call('GETRANGE', KEYS[1], 0, 19)
if higher(there, string.sub(ARGV[1], 1, 20)) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
";

/// A checkpoint to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint<'a> {
    /// Whose.
    pub character: CharacterId,
    /// Which.
    pub revision: u64,
    /// The record, which can prove itself whole.
    pub record: &'a [u8],
}

/// What became of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is there.
    Yes,
    /// A newer one is.
    NewerIsThere,
}

impl Hot {
    /// Keeps each checkpoint unless a newer one of the same character is there, and answers for each in order.
    ///
    /// # Errors
    /// The store's: some of them may be there. Those of one player alone are in the answer, such as a value that is not ours
    /// at his key.
    pub async fn keep(&mut self, checkpoints: &[Checkpoint<'_>]) -> Result<Vec<Each<Kept>>, StoreError> {
        let mut value = Vec::new();
        let mut commands = Vec::with_capacity(checkpoints.len());
        for checkpoint in checkpoints {
            value.clear();
            value.extend_from_slice(format!("{:020}", checkpoint.revision).as_bytes());
            value.extend_from_slice(checkpoint.record);
            let mut command = self.scripts.keep.call(&[keys::checkpoint(checkpoint.character)]);
            command.arg(value.as_slice()).arg(CHECKPOINT_TTL.as_secs());
            commands.push(command);
        }
        let answers = self.ask_each(commands).await?;
        let kept = |answer: Each<Value>| match answer? {
            Value::Int(1) => Ok(Kept::Yes),
            Value::Int(0) => Ok(Kept::NewerIsThere),
            _ => Err(self.place.broken("does not say whether it keeps a checkpoint")),
        };
        Ok(answers.into_iter().map(kept).collect())
    }

    /// Revision and record of the newest checkpoint, if there is one. The record is as it lies there: it has to prove
    /// itself, and to agree about the revision.
    ///
    /// # Errors
    /// The store's, or that what lies there is not ours.
    pub async fn newest(&mut self, character: CharacterId) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let mut get = cmd("GET");
        get.arg(keys::checkpoint(character));
        let answer = self.ask_each(vec![get]).await?.pop();
        let foreign = || self.place.foreign(&keys::checkpoint(character));
        match answer.unwrap_or_else(|| Err(foreign()))? {
            Value::Nil => Ok(None),
            Value::BulkString(value) => split(value).map(Some).ok_or_else(foreign),
            _ => Err(foreign()),
        }
    }
}

fn split(mut value: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let digits = value.get(..REVISION_DIGITS).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let revision = std::str::from_utf8(digits).ok()?.parse().ok()?;
    value.drain(..REVISION_DIGITS);
    Some((revision, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_a_revision_is_not_ours() {
        let value = |text: &str| text.as_bytes().to_vec();
        assert_eq!(split(value("00000000000000000042here")), Some((42, b"here".to_vec())));
        assert_eq!(split(value("18446744073709551615")), Some((u64::MAX, vec![])));
        for foreign in ["", "42here", "0000000000000000042 here", "18446744073709551616x", "+0000000000000000042x"] {
            assert_eq!(split(value(foreign)), None, "{foreign}");
        }
    }
}
