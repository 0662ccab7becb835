//! Whether any packet number is used twice under one key in one direction.
//!
//! Senders count up, so it is enough that each number is above the last: stricter than the promise, and nothing need be
//! remembered of all that was. A server has two counts: one for each session, and one from 2^63 on for what it says to those
//! who have none, which goes on through all sessions of a process.

use super::{Broken, Check};
use rudp::outer::{self, Kind, Reads};
use std::collections::BTreeMap;

/// Who seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// The client that has this token.
    Client(u64),
    /// The server, to the client that has this token.
    Server(u64),
    /// The server, to whoever it is: of this start.
    Start(u32),
}

/// The last numbers.
#[derive(Debug, Default)]
pub struct Nonces {
    last: BTreeMap<Sender, u64>,
    /// Numbers looked at.
    pub looks: u64,
}

/// Numbers from here on are of the count that goes on through all sessions.
const SHARED: u64 = 1 << 63;

impl Nonces {
    /// The client of a token sends this.
    ///
    /// # Errors
    /// The number was used.
    pub fn on_client(&mut self, token: u64, datagram: &[u8]) -> Result<(), Broken> {
        if datagram.first().is_none_or(|prefix| prefix & 0x0f == Kind::Request as u8) {
            return Ok(());
        }
        let number = number(datagram, Reads::Server)?;
        self.note(Sender::Client(token), number)
    }

    /// The server sends this to where the client of a token is, or to where nobody is.
    ///
    /// # Errors
    /// The number was used.
    pub fn on_server(&mut self, incarnation: u32, token: Option<u64>, datagram: &[u8]) -> Result<(), Broken> {
        let number = number(datagram, Reads::Client)?;
        if number >= SHARED {
            self.note(Sender::Start(incarnation), number)?;
        }
        match token {
            // Under the key of a token the shared count goes on over a restart, too.
            Some(token) if number >= SHARED => self.note(Sender::Server(token | SHARED), number),
            Some(token) => self.note(Sender::Server(token), number),
            None => Ok(()),
        }
    }

    /// Nothing is sent under the key of a token any more.
    pub fn forget(&mut self, token: u64) {
        for sender in [Sender::Client(token), Sender::Server(token), Sender::Server(token | SHARED)] {
            self.last.remove(&sender);
        }
    }

    fn note(&mut self, sender: Sender, number: u64) -> Result<(), Broken> {
        self.looks += 1;
        match self.last.insert(sender, number) {
            Some(last) if number <= last => {
                Err(Broken::new(Check::Nonces, format!("{sender:?} used the number {number} after {last}")))
            }
            _ => Ok(()),
        }
    }
}

fn number(datagram: &[u8], reads: Reads) -> Result<u64, Broken> {
    let header = outer::decode_header(datagram, reads);
    header.map(|header| header.sequence).map_err(|error| {
        Broken::new(Check::Nonces, format!("a datagram of {} bytes left that nobody reads: {error}", datagram.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(number: u8) -> [u8; 40] {
        let mut datagram = [0; 40];
        (datagram[0], datagram[1]) = (0x15, number);
        datagram
    }

    #[test]
    fn a_number_that_comes_again_under_one_key_and_direction_is_told() {
        let mut nonces = Nonces::default();
        for number in [0, 1, 5] {
            assert_eq!(nonces.on_client(1, &payload(number)), Ok(()));
            assert_eq!(nonces.on_server(1, Some(1), &payload(number)), Ok(()));
        }
        assert_eq!(nonces.on_client(2, &payload(0)), Ok(()), "another key");
        let broken = nonces.on_server(1, Some(1), &payload(0)).unwrap_err();
        assert_eq!((broken.check, &*broken.what), (Check::Nonces, "Server(1) used the number 0 after 5"));
    }
}
