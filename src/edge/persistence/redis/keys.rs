//! The keys of a player. What stands in braces decides the slot, so all of them are in one.

use ::redis::{Arg, Cmd};
use protocol::CharacterId;

/// What was last saved of where somebody is.
pub fn checkpoint(of: CharacterId) -> String {
    key(of, "checkpoint")
}

/// Where he plays.
pub fn session(of: CharacterId) -> String {
    key(of, "session")
}

/// Where he played until a moment ago.
pub fn ticket(of: CharacterId) -> String {
    key(of, "ticket")
}

/// Who writes him.
pub fn lease(of: CharacterId) -> String {
    key(of, "lease")
}

/// What stands in the braces of a command's first key; none for a command about nobody.
pub fn tag_in(command: &Cmd) -> Option<&[u8]> {
    let words = command.args_iter().filter_map(|arg| if let Arg::Simple(word) = arg { Some(word) } else { None });
    let mut keys = words.filter_map(|word| word.strip_prefix(b"throng:{"));
    let key = keys.next()?;
    Some(&key[..key.iter().position(|byte| *byte == b'}')?])
}

fn key(of: CharacterId, what: &str) -> String {
    format!("throng:{{player:{}}}:{what}", of.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_command_the_tag_of_its_first_key_counts() {
        let mut call = ::redis::cmd("EVALSHA");
        call.arg("hash").arg(1).arg(lease(CharacterId(7))).arg("throng:{another}");
        assert_eq!(tag_in(&call), Some(&b"player:7"[..]));
        assert_eq!(tag_in(&::redis::cmd("PING")), None);
    }

    /// Other programs look them up.
    #[test]
    fn the_keys_are_these() {
        let ann = CharacterId(u64::MAX);
        assert_eq!(checkpoint(ann), "throng:{player:18446744073709551615}:checkpoint");
        assert_eq!(session(CharacterId(7)), "throng:{player:7}:session");
        assert_eq!(ticket(CharacterId(7)), "throng:{player:7}:ticket");
        assert_eq!(lease(CharacterId(7)), "throng:{player:7}:lease");
    }
}
