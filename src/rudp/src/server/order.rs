//! Which of two tokens is the newer one.
use crate::token::UserData;
use std::cmp::Ordering;

/// What a token says about its place among its owner's tokens. spec: LIF-9
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenOrder {
    /// Present when the user bytes have our layout.
    pub(super) issue: Option<(u64, u64)>,
    pub(super) expire_unix_s: u64,
}

impl TokenOrder {
    pub(super) fn new(user: Option<&UserData>, expire_unix_s: u64) -> Self {
        Self { issue: user.map(|user| (user.issued_at_ms, user.serial)), expire_unix_s }
    }

    /// By (issued at, serial) where both tokens carry them, else by expiry.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self.issue, other.issue) {
            (Some(ours), Some(theirs)) => ours.cmp(&theirs),
            _ => self.expire_unix_s.cmp(&other.expire_unix_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// proves: LIF-9
    #[test]
    fn issue_decides_before_expiry_and_expiry_where_one_has_none() {
        let order = |issue, expire_unix_s| TokenOrder { issue, expire_unix_s };
        assert_eq!(order(Some((2, 0)), 10).compare(&order(Some((1, 9)), 20)), Ordering::Greater);
        assert_eq!(order(Some((1, 1)), 10).compare(&order(Some((1, 2)), 10)), Ordering::Less);
        assert_eq!(order(Some((1, 1)), 10).compare(&order(Some((1, 1)), 20)), Ordering::Equal);
        assert_eq!(order(Some((9, 9)), 10).compare(&order(None, 11)), Ordering::Less);
        assert_eq!(order(None, 11).compare(&order(None, 11)), Ordering::Equal);
    }
}
