//! `throng gate-log`: what a recording says of who came, went, moved and was turned away, a line each.

use super::page::Log;
use super::written::{Written, pages};
use rudp::time::NS_PER_S;
use server::SessionId;
use server::flight::{Damage, GateRecord, Gated};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

/// A session as the log calls it: its slot, and how many had that before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(SessionId);

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').map(|(slot, generation)| (slot.parse(), generation.parse()));
        match parts {
            Some((Ok(slot), Ok(generation))) => Ok(Self(SessionId { slot, generation })),
            _ => Err("a session is two numbers with a dot between them, as 12.0".to_owned()),
        }
    }
}

/// What is wanted of a gate's log.
#[derive(Clone, Copy, Debug, Default)]
pub struct GateWish {
    /// Only what became of this session; of all, if it is not said.
    pub session: Option<Named>,
    /// Each packet that was opened, too.
    pub packets: bool,
}

/// Writes down what a page, or all pages of a directory, say, and what they come to.
///
/// # Errors
/// One sentence: why a page cannot be read to its end, or that there is nothing of the session.
pub fn gate_log(log: &Path, wish: GateWish, out: &mut dyn Write) -> Result<(), String> {
    let pages = pages(log, Log::Gate)?;
    let mut told = Told { wish, recording: None, lines: 0, packets: 0, sessions: BTreeSet::new() };
    match told.tell_all(&pages, out) {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(Ended::Unheard(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(Ended::Unheard(error)) => return Err(format!("cannot write: {error}")),
        Err(Ended::Damaged(page, damage)) => return Err(format!("{page}: {damage}")),
    }
    match wish.session {
        Some(Named(session)) if (told.lines, told.packets) == (0, 0) => {
            Err(format!("nothing is said of session {}.{}", session.slot, session.generation))
        }
        _ => Ok(()),
    }
}

enum Ended {
    Damaged(String, Damage),
    Unheard(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Unheard(error)
    }
}

struct Told {
    wish: GateWish,
    /// Which one is being told: each start of a server numbers its sessions anew.
    recording: Option<u64>,
    lines: u64,
    packets: u64,
    sessions: BTreeSet<(Option<u64>, SessionId)>,
}

impl Told {
    fn tell_all(&mut self, pages: &[Written], out: &mut dyn Write) -> Result<(), Ended> {
        for (at, page) in pages.iter().enumerate() {
            let is_last = pages.get(at + 1).is_none_or(|next| next.head.recording != page.head.recording);
            if self.recording.replace(page.head.recording) != Some(page.head.recording) {
                writeln!(out, "recording {:016x}, begun at {} s since 1970", page.head.recording, page.head.unix_s)?;
            }
            self.tell(page, is_last, out)?;
        }
        let (packets, sessions) = (self.packets, self.sessions.len());
        writeln!(out, "{} pages: {packets} packets of {sessions} sessions were opened", pages.len())?;
        Ok(out.flush()?)
    }

    fn tell(&mut self, page: &Written, is_last: bool, out: &mut dyn Write) -> Result<(), Ended> {
        writeln!(out, "{}", page.name())?;
        let damaged = |damage| Ended::Damaged(page.name(), damage);
        let (mut frames, mut body) = (page.frames(), Vec::new());
        loop {
            let at = frames.at();
            match frames.next(&mut body) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(()),
                Err(Damage::Torn(_)) if is_last => return Ok(()),
                Err(damage) => return Err(damaged(damage)),
            }
            let record = GateRecord::decode(&body).ok_or_else(|| damaged(Damage::Unreadable(at)))?;
            if record.what == Gated::Turned && !is_last {
                // What follows here stands on the next page, too.
                return Ok(());
            }
            if let Some(line) = self.line(&record) {
                self.lines += 1;
                writeln!(out, "{line}")?;
            }
        }
    }

    fn line(&mut self, record: &GateRecord) -> Option<String> {
        let (session, what) = said(&record.what)?;
        if self.wish.session.is_some_and(|Named(wanted)| session != Some(wanted)) {
            return None;
        }
        if let (Gated::Payload { .. }, Some(session)) = (&record.what, session) {
            self.packets += 1;
            self.sessions.insert((self.recording, session));
            if !self.wish.packets {
                return None;
            }
        }
        let seconds = record.mono_ns as f64 / NS_PER_S as f64;
        let whose = session.map_or_else(|| "-".to_owned(), |id| format!("{}.{}", id.slot, id.generation));
        Some(format!("{seconds:>14.6}  {whose:>8}  {what}"))
    }
}

/// Of whom a record is, and what it says.
fn said(what: &Gated) -> Option<(Option<SessionId>, String)> {
    let (session, text) = match what {
        Gated::Payload { session, address, sequence, len, digest, bytes } => {
            let mut text = format!("packet {sequence} from {address:08x}, {len} bytes, {digest:016x}");
            for byte in bytes.iter().flatten() {
                let _ = write!(text, " {byte:02x}");
            }
            (session, text)
        }
        Gated::Connected { session, address, account } => {
            (session, format!("has a token of account {account}, from {address:08x}"))
        }
        Gated::Spoken(session) => (session, "has said hello and is in".to_owned()),
        Gated::Silent(session) => (session, "is not heard any more".to_owned()),
        Gated::Resumed(session) => (session, "is heard again".to_owned()),
        Gated::Moved(session, address) => (session, format!("comes from {address:08x} now")),
        Gated::Disconnected(session, reason) => (session, format!("is out: {reason}")),
        Gated::Counted(counts) => {
            let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            return Some((None, counts.join(", ")));
        }
        Gated::Turned => return None,
    };
    Some((Some(*session), text))
}

#[cfg(test)]
mod tests {
    use super::super::page::Head;
    use super::super::volume::path;
    use super::*;
    use rudp::Reason;
    use rudp::server::{Change, Witness};
    use rudp::time::Now;
    use server::flight::{Front, GateScribe, Kept, Key, Shelf};
    use std::sync::{Arc, Mutex};

    const ANN: SessionId = SessionId { slot: 3, generation: 2 };
    const BOB: SessionId = SessionId { slot: 4, generation: 0 };

    /// Two pages; once the second is begun, what is kept stands on both, as it does while that is not on the disk yet.
    #[derive(Clone, Default)]
    struct Two(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Shelf for Two {
        fn keep(&mut self, bytes: &[u8]) -> Kept {
            let mut pages = self.0.lock().unwrap();
            if pages.is_empty() {
                pages.push(Vec::new());
            }
            pages.iter_mut().for_each(|page| page.extend_from_slice(bytes));
            Kept::Whole
        }

        fn may_turn(&self) -> bool {
            self.0.lock().unwrap().first().is_some_and(|page| page.len() > 3_000) && self.0.lock().unwrap().len() == 1
        }

        fn turn(&mut self, last: &[u8], front: Front) {
            self.keep(last);
            let mut page = Vec::new();
            front(&mut page);
            self.0.lock().unwrap().push(page);
        }

        fn end(&mut self, _: Option<&'static str>) {}
    }

    /// Two people, one of whom sends so much that a page is turned.
    fn recorded(dir: &Path) {
        recorded_as(dir, 0, 7);
    }

    fn recorded_as(dir: &Path, first_page: u32, recording: u64) {
        let shelf = Two::default();
        let mut scribe = GateScribe::new(Box::new(shelf.clone()), Key::new([1; 16]), false);
        let from = "10.1.2.3:4000".parse().unwrap();
        let now = |tick: u64| Now { mono_ns: tick * NS_PER_S / 60, unix_s: 0 };
        scribe.on_change(now(1), ANN, Change::Connected { from, account: 5 });
        scribe.on_change(now(2), ANN, Change::Spoken);
        scribe.on_change(now(2), BOB, Change::Connected { from, account: 6 });
        for sequence in 0..300 {
            scribe.on_payload(now(3 + sequence), ANN, from, sequence, b"I am Ann");
        }
        scribe.on_change(now(400), ANN, Change::Disconnected { reason: Reason::UserQuit });
        let pages = shelf.0.lock().unwrap();
        assert_eq!(pages.len(), 2);
        for (number, page) in (first_page..).zip(&*pages) {
            let head = Head { log: Log::Gate, number, recording, unix_s: 1 }.encode();
            std::fs::write(path(dir, Log::Gate, number), [&head[..], page, &[0; 64]].concat()).unwrap();
        }
    }

    fn told(dir: &Path, wish: GateWish) -> Result<String, String> {
        let mut out = Vec::new();
        gate_log(dir, wish, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn who_came_and_went_is_told_and_packets_are_counted_once_over_all_pages() {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path());
        let all = told(dir.path(), GateWish::default()).unwrap();
        let lines: Vec<&str> = all.lines().filter(|line| line.starts_with(' ')).map(str::trim).collect();
        assert!(lines[0].starts_with("0.016667       3.2  has a token of account 5, from "), "{all}");
        assert_eq!(lines[1], "0.033333       3.2  has said hello and is in");
        assert_eq!((lines[3], lines.len()), ("6.666667       3.2  is out: the user quit", 4), "{all}");
        assert!(all.starts_with("recording 0000000000000007, begun at 1 s since 1970\ngate-000000.flight\n"), "{all}");
        assert!(all.ends_with(": 300 packets of 1 sessions were opened\n"), "{all}");
    }

    #[test]
    fn sessions_of_two_starts_are_two_and_pages_with_nothing_on_them_are_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let head = |number| Head { log: Log::Gate, number, recording: 7, unix_s: 1 }.encode();
        let empty =
            |number| std::fs::write(path(dir.path(), Log::Gate, number), [&head(number)[..], &[0; 64]].concat());
        (0..2).for_each(|number| empty(number).unwrap());
        assert!(
            told(dir.path(), GateWish::default()).unwrap().ends_with("2 pages: 0 packets of 0 sessions were opened\n")
        );
        recorded_as(dir.path(), 0, 7);
        recorded_as(dir.path(), 2, 8);
        let all = told(dir.path(), GateWish::default()).unwrap();
        assert!(all.contains("recording 0000000000000008,"), "{all}");
        assert!(all.ends_with("4 pages: 600 packets of 2 sessions were opened\n"), "{all}");
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path());
        let mut full = std::io::BufWriter::new(Full);
        assert_eq!(gate_log(dir.path(), GateWish::default(), &mut full).unwrap_err(), "cannot write: no space");
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn of_one_session_its_packets_are_told_and_of_nobody_nothing() {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path());
        let of = |name: &str, packets| told(dir.path(), GateWish { session: Some(name.parse().unwrap()), packets });
        assert_eq!(of("3.2", true).unwrap().lines().filter(|line| line.contains(" packet ")).count(), 300);
        assert!(!of("4.0", true).unwrap().contains("3.2"));
        assert_eq!(of("4.1", false).unwrap_err(), "nothing is said of session 4.1");
        assert!("4".parse::<Named>().is_err() && "4.x".parse::<Named>().is_err());
    }
}
