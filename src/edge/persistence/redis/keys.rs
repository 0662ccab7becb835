//! The keys of a player. What stands in braces decides the slot, so all of them are in one.

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

fn key(of: CharacterId, what: &str) -> String {
    format!("throng:{{player:{}}}:{what}", of.0)
}

#[cfg(test)]
mod tests {
    use super::*;

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
