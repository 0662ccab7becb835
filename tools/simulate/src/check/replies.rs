//! Whether an address at which nobody has shown to be is sent more than came from it.

use super::{Broken, Check};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Bytes from and to addresses of which nobody has a seat.
#[derive(Debug, Default)]
pub struct Replies {
    bytes: BTreeMap<SocketAddr, (u64, u64)>,
    /// Datagrams looked at.
    pub looks: u64,
}

impl Replies {
    /// This many bytes come from an address.
    pub fn on_heard(&mut self, from: SocketAddr, bytes: usize) {
        self.bytes.entry(from).or_default().0 += bytes as u64;
    }

    /// This many bytes are sent to an address where nobody is.
    ///
    /// # Errors
    /// With them it has been sent more than has come from it.
    pub fn on_said(&mut self, to: SocketAddr, bytes: usize) -> Result<(), Broken> {
        self.looks += 1;
        let (heard, said) = self.bytes.entry(to).or_default();
        *said += bytes as u64;
        if said <= heard {
            return Ok(());
        }
        Err(Broken::new(Check::Replies, format!("{to} was sent {said} bytes, and {heard} have come from there")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_sent_more_than_he_sent_is_told() {
        let (mut replies, at) = (Replies::default(), SocketAddr::from(([10, 0, 0, 9], 4)));
        replies.on_heard(at, 100);
        assert_eq!(replies.on_said(at, 60), Ok(()));
        let broken = replies.on_said(at, 60).unwrap_err();
        assert_eq!(broken.to_string(), "replies: 10.0.0.9:4 was sent 120 bytes, and 100 have come from there");
    }
}
