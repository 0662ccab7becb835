//! The gate's log: which packets it opened, and what became of sessions and of those who knocked.
//!
//! Of a payload the log has whose it is, from which address, its number and its length. Its bytes hold names, as people write
//! them, in places that only the world's rules can find; so under the veil there is a number in their place that is
//! another one for other bytes. Addresses are such numbers in any case. What the payloads said is in the realm's log.

use super::code;
use super::frame;
use super::recorder::{Kept, Shelf};
use super::veil::Key;
use crate::SessionId;
use rudp::server::{Change, Witness};
use rudp::time::{NS_PER_S, Now};
use rudp::{Counters, Reason};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// A record of the gate's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRecord {
    /// On the monotonic clock.
    pub mono_ns: u64,
    /// What.
    pub what: Gated,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gated {
    /// A payload was opened.
    Payload {
        /// Whose.
        session: SessionId,
        /// Stands for the address it came from.
        address: u32,
        /// Its packet's number.
        sequence: u64,
        /// How long it was.
        len: u32,
        /// The same for the same bytes.
        digest: u64,
        /// The bytes, if names and words are written as they are.
        bytes: Option<Vec<u8>>,
    },
    /// A token was accepted.
    Connected {
        /// The new session.
        session: SessionId,
        /// As above.
        address: u32,
        /// Whose it is.
        account: u64,
    },
    /// A hello was accepted.
    Spoken(SessionId),
    /// Somebody is not heard any more.
    Silent(SessionId),
    /// He was heard again.
    Resumed(SessionId),
    /// He comes from elsewhere.
    Moved(SessionId, u32),
    /// A session is over.
    Disconnected(SessionId, Reason),
    /// So many more of each were counted since the last of these: what was refused before there was a session among them.
    Counted(Vec<(String, u64)>),
    /// What follows on this page stands on the next one too, if there is one: that was being begun meanwhile.
    Turned,
}

impl GateRecord {
    /// Reads a record from all of `body`; `None` if it is none.
    #[must_use]
    pub fn decode(mut body: &[u8]) -> Option<Self> {
        let record = code::take(&mut body)?;
        body.is_empty().then_some(record)
    }
}

/// Counters are looked at so often.
const COUNTED_EVERY_NS: u64 = NS_PER_S;

/// Writes the gate's log.
pub struct GateScribe {
    shelf: Option<Box<dyn Shelf>>,
    key: Key,
    is_plain: bool,
    counted: Vec<u64>,
    counted_ns: u64,
    body: Vec<u8>,
    framed: Vec<u8>,
}

impl GateScribe {
    /// Into that; addresses and bytes stand there as numbers that nobody can undo who does not have the key.
    #[must_use]
    pub fn new(shelf: Box<dyn Shelf>, key: Key, is_plain: bool) -> Self {
        let (body, framed) = (Vec::new(), Vec::new());
        Self { shelf: Some(shelf), key, is_plain, counted: Vec::new(), counted_ns: 0, body, framed }
    }

    fn address(&self, address: SocketAddr) -> u32 {
        let mut bytes = [0; 18];
        match address.ip() {
            std::net::IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            std::net::IpAddr::V6(ip) => bytes[..16].copy_from_slice(&ip.octets()),
        }
        bytes[16..].copy_from_slice(&address.port().to_le_bytes());
        self.key.digest(&bytes) as u32
    }

    fn frame(&mut self, now: Now, what: Gated) {
        self.body.clear();
        code::put(&GateRecord { mono_ns: now.mono_ns, what }, &mut self.body);
        self.framed.clear();
        frame::put(&self.body, &mut self.framed);
    }

    fn keep(&mut self, now: Now, what: Gated) {
        if self.shelf.as_ref().is_some_and(|shelf| shelf.may_turn()) {
            self.frame(now, Gated::Turned);
            // Each page can be read alone, so the next one needs no front.
            self.shelf.iter_mut().for_each(|shelf| shelf.turn(&self.framed, Box::new(|_| {})));
        }
        if self.shelf.is_some() {
            self.frame(now, what);
        }
        let Some(shelf) = &mut self.shelf else { return };
        if shelf.keep(&self.framed) == Kept::Lost {
            shelf.end(Some("there is no more room for it"));
            self.shelf = None;
        }
    }
}

impl Witness for GateScribe {
    fn on_payload(&mut self, now: Now, session: SessionId, from: SocketAddr, sequence: u64, body: &[u8]) {
        let (address, digest) = (self.address(from), self.key.digest(body));
        let bytes = self.is_plain.then(|| body.to_vec());
        self.keep(now, Gated::Payload { session, address, sequence, len: body.len() as u32, digest, bytes });
    }

    fn on_change(&mut self, now: Now, session: SessionId, change: Change) {
        let what = match change {
            Change::Connected { from, account } => Gated::Connected { session, address: self.address(from), account },
            Change::Spoken => Gated::Spoken(session),
            Change::Silent => Gated::Silent(session),
            Change::Resumed => Gated::Resumed(session),
            Change::Moved { to } => Gated::Moved(session, self.address(to)),
            Change::Disconnected { reason } => Gated::Disconnected(session, reason),
        };
        self.keep(now, what);
    }

    fn on_counters(&mut self, now: Now, counters: &Counters) {
        if now.mono_ns.saturating_sub(self.counted_ns) < COUNTED_EVERY_NS {
            return;
        }
        self.counted_ns = now.mono_ns;
        let mut before = std::mem::take(&mut self.counted);
        before.resize(counters.iter().count(), 0);
        let news = counters.iter().zip(&before).map(|((name, count), before)| (name.to_owned(), count - before));
        let news: Vec<_> = news.filter(|(_, count)| *count > 0).collect();
        self.counted = counters.iter().map(|(_, count)| count).collect();
        if !news.is_empty() {
            self.keep(now, Gated::Counted(news));
        }
    }
}

impl Drop for GateScribe {
    fn drop(&mut self) {
        if let Some(mut shelf) = self.shelf.take() {
            shelf.end(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Damage, Frames, Front};
    use super::*;
    use std::sync::{Arc, Mutex};

    /// The second page is begun at once, the first one is kept on for a while.
    #[derive(Clone, Default)]
    struct Tape(Arc<Mutex<Vec<u8>>>, Arc<Mutex<Option<Vec<u8>>>>, usize);

    impl Tape {
        fn bytes(&self) -> Vec<u8> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Shelf for Tape {
        fn keep(&mut self, bytes: &[u8]) -> Kept {
            self.0.lock().unwrap().extend_from_slice(bytes);
            self.1.lock().unwrap().iter_mut().for_each(|second| second.extend_from_slice(bytes));
            Kept::Whole
        }

        fn may_turn(&self) -> bool {
            self.2 > 0 && self.1.lock().unwrap().is_none() && self.bytes().len() >= self.2
        }

        fn turn(&mut self, last: &[u8], front: Front) {
            self.0.lock().unwrap().extend_from_slice(last);
            let mut page = Vec::new();
            front(&mut page);
            *self.1.lock().unwrap() = Some(page);
        }

        fn end(&mut self, _: Option<&'static str>) {}
    }

    const WHO: SessionId = SessionId { slot: 3, generation: 2 };

    fn written(is_plain: bool) -> Vec<u8> {
        let tape = Tape::default();
        let mut scribe = GateScribe::new(Box::new(tape.clone()), Key::new([7; 16]), is_plain);
        let now = Now { mono_ns: 2 * NS_PER_S, unix_s: 0 };
        let from: SocketAddr = "10.1.2.3:4000".parse().unwrap();
        scribe.on_change(now, WHO, Change::Connected { from, account: 5 });
        scribe.on_payload(now, WHO, from, 9, b"I am Ada");
        let counters = Counters { request_seal: 4, ..Counters::default() };
        scribe.on_counters(now, &counters);
        scribe.on_counters(now, &counters);
        scribe.on_change(now, WHO, Change::Disconnected { reason: Reason::UserQuit });
        tape.bytes()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Gated>, Damage> {
        let (mut frames, mut body, mut all) = (Frames::new(bytes), Vec::new(), Vec::new());
        while frames.next(&mut body)?.is_some() {
            all.extend(GateRecord::decode(&body).map(|record| record.what));
        }
        Ok(all)
    }

    #[test]
    fn packets_sessions_and_what_was_refused_are_there_and_under_the_veil_no_byte_of_them() {
        for is_plain in [false, true] {
            let bytes = written(is_plain);
            let all = read(&bytes).unwrap();
            let [Gated::Connected { address, account: 5, .. }, payload, Gated::Counted(counted), last] = &all[..]
            else {
                panic!("{all:?}")
            };
            let Gated::Payload { session: WHO, address: from, sequence: 9, len: 8, bytes: said, .. } = payload else {
                panic!("{payload:?}")
            };
            assert_eq!((address, said.as_deref()), (from, is_plain.then_some(&b"I am Ada"[..])));
            assert_eq!(counted[..], [("request_seal".to_owned(), 4)]);
            assert_eq!(*last, Gated::Disconnected(WHO, Reason::UserQuit));
            assert_eq!(bytes.windows(3).any(|window| window == b"Ada"), is_plain);
            assert!(!bytes.windows(4).any(|window| window == [10, 1, 2, 3]), "nor where anybody lives");
        }
    }

    #[test]
    fn a_page_says_from_where_on_the_next_one_has_the_same() {
        let tape = Tape(Arc::default(), Arc::default(), 1);
        let mut scribe = GateScribe::new(Box::new(tape.clone()), Key::new([7; 16]), false);
        let now = Now { mono_ns: NS_PER_S, unix_s: 0 };
        for change in [Change::Spoken, Change::Silent, Change::Resumed] {
            scribe.on_change(now, WHO, change);
        }
        let first = read(&tape.bytes()).unwrap();
        assert_eq!(first, [Gated::Spoken(WHO), Gated::Turned, Gated::Silent(WHO), Gated::Resumed(WHO)]);
        let second = tape.1.lock().unwrap().clone().unwrap();
        assert_eq!(read(&second).unwrap(), first[2..]);
    }

    #[test]
    fn damaged_bytes_are_no_records() {
        let mut body = Vec::new();
        code::put(&GateRecord { mono_ns: 5, what: Gated::Moved(WHO, 77) }, &mut body);
        assert!(GateRecord::decode(&body).is_some());
        for len in 0..body.len() {
            assert_eq!(GateRecord::decode(&body[..len]), None);
        }
        body.push(0);
        assert_eq!(GateRecord::decode(&body), None);
    }
}
