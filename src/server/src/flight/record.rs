//! One record of a realm's log: what the realm took in, in the order in which it did, and what came of it.

use super::check::Check;
use super::code;
use super::start::Start;
use super::taken::{self, Batch};
use crate::realm::{Operation, StoreDone};
use rudp::time::Now;

/// A record, as it is read.
#[derive(Debug)]
pub enum Record {
    /// The log, or a page of it, begins: what the realm is made of.
    Start(Box<Start>),
    /// The realm as it was when the page began; without one it had just been made.
    Capture(Vec<u8>),
    /// [`crate::Realm::handle_completion`].
    Done(StoreDone),
    /// [`crate::Realm::operate`].
    Operation(Operation),
    /// [`crate::Realm::set_content`]; where it came from.
    Content(Vec<u8>),
    /// [`crate::Realm::tick`].
    Tick(Now, Vec<Batch>),
    /// What came of the tick.
    Check(Check),
    /// [`crate::Realm::poll_store`] gave so many jobs.
    Jobs(u32),
    /// [`crate::Realm::handle_load`].
    Load(u64),
    /// [`crate::Realm::close`].
    Close,
    /// The recording ends here because it was told to.
    End,
    /// The next page begins with the realm as it is here. What follows stands there, too: here it is for the case that the
    /// next page was not written to its end.
    Turned,
}

const START: u8 = 1;
const CAPTURE: u8 = 2;
const DONE: u8 = 3;
const OPERATION: u8 = 4;
const CONTENT: u8 = 5;
const TICK: u8 = 6;
const CHECK: u8 = 7;
const JOBS: u8 = 8;
const LOAD: u8 = 9;
const CLOSE: u8 = 10;
const END: u8 = 11;
const TURNED: u8 = 12;

impl Record {
    /// Reads a record from all of `body`; `None` if it is none that this build knows.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let (&kind, mut rest) = body.split_first()?;
        let rest = &mut rest;
        let record = match kind {
            START => {
                let bytes = code::unpack(std::mem::take(rest))?;
                let mut bytes = bytes.as_slice();
                let start = code::take(&mut bytes)?;
                bytes.is_empty().then_some(Self::Start(Box::new(start)))?
            }
            CAPTURE => Self::Capture(code::unpack(std::mem::take(rest))?),
            DONE => Self::Done(code::take(rest)?),
            OPERATION => Self::Operation(code::take(rest)?),
            CONTENT => Self::Content(code::unpack(std::mem::take(rest))?),
            TICK => {
                let (mono_ns, unix_s) = code::take(rest)?;
                Self::Tick(Now { mono_ns, unix_s }, taken::take(rest)?)
            }
            CHECK => Self::Check(code::take(rest)?),
            JOBS => Self::Jobs(code::take(rest)?),
            LOAD => Self::Load(code::take(rest)?),
            CLOSE => Self::Close,
            END => Self::End,
            TURNED => Self::Turned,
            _ => return None,
        };
        rest.is_empty().then_some(record)
    }
}

/// Writes records, each into a body that is cleared first.
pub mod put {
    use super::*;
    use crate::flight::veil::Veil;
    use crate::inbound::Inbound;

    /// As [`Record::Start`].
    pub fn start(start: &Start, body: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        code::put(start, &mut bytes);
        packed(START, &bytes, body);
    }

    /// As [`Record::Capture`].
    pub fn capture(capture: &[u8], body: &mut Vec<u8>) {
        packed(CAPTURE, capture, body);
    }

    /// As [`Record::Done`].
    pub fn done(done: &StoreDone, veil: Veil, body: &mut Vec<u8>) {
        begin(DONE, body);
        code::put(&veil.done(done), body);
    }

    /// As [`Record::Operation`].
    pub fn operation(operation: &Operation, veil: Veil, body: &mut Vec<u8>) {
        begin(OPERATION, body);
        code::put(&veil.operation(operation), body);
    }

    /// As [`Record::Content`].
    pub fn content(source: &[u8], body: &mut Vec<u8>) {
        packed(CONTENT, source, body);
    }

    /// As [`Record::Tick`].
    pub fn tick(now: Now, batches: &[Inbound], veil: Veil, body: &mut Vec<u8>) {
        begin(TICK, body);
        code::put(&(now.mono_ns, now.unix_s), body);
        taken::put(batches, veil, body);
    }

    /// As [`Record::Check`].
    pub fn check(check: &Check, body: &mut Vec<u8>) {
        begin(CHECK, body);
        code::put(check, body);
    }

    /// As [`Record::Jobs`].
    pub fn jobs(jobs: u32, body: &mut Vec<u8>) {
        begin(JOBS, body);
        code::put(&jobs, body);
    }

    /// As [`Record::Load`].
    pub fn load(took_ns: u64, body: &mut Vec<u8>) {
        begin(LOAD, body);
        code::put(&took_ns, body);
    }

    /// As [`Record::Close`].
    pub fn close(body: &mut Vec<u8>) {
        begin(CLOSE, body);
    }

    /// As [`Record::End`].
    pub fn end(body: &mut Vec<u8>) {
        begin(END, body);
    }

    /// As [`Record::Turned`].
    pub fn turned(body: &mut Vec<u8>) {
        begin(TURNED, body);
    }

    fn begin(kind: u8, body: &mut Vec<u8>) {
        body.clear();
        body.push(kind);
    }

    fn packed(kind: u8, bytes: &[u8], body: &mut Vec<u8>) {
        begin(kind, body);
        code::pack(bytes, body);
    }
}
