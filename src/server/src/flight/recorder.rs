//! A realm whose inputs are written down on their way in.
//!
//! Whoever drives the realm drives it through this, recording or not, so that no way into it can be forgotten. What a tick
//! takes in is written before it is ticked: of a tick that never ends the log has everything.

use super::check::{Check, Checker};
use super::frame;
use super::record::put;
use super::start::Start;
use super::veil::Veil;
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::realm::{Captured, Incident, Operation, PersonRow, Realm, Step, StoreDone, StoreJob};
use game::Probe;
use game::content::Content;
use rudp::time::Now;
use std::ops::Deref;
use std::sync::Arc;

/// What became of bytes that were to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// They are kept.
    Whole,
    /// They are not: there is no room for them on this page.
    Lost,
}

/// What writes the front of a page: it takes its time, and another thread may do it.
pub type Front = Box<dyn FnOnce(&mut Vec<u8>) + Send>;

/// Where records are kept: in files, or in memory for a test. It never waits.
pub trait Shelf: Send {
    /// Keeps bytes behind those of before. While a page is being turned they come behind the front of the next one as well.
    fn keep(&mut self, bytes: &[u8]) -> Kept;

    /// Whether it is time for the next page, and there is one.
    fn may_turn(&self) -> bool;

    /// Begins the next page, if [`Self::may_turn`]: `last` is kept on this one only, the next one begins with `front`. Until
    /// that is written both are kept, so that no moment is on none.
    fn turn(&mut self, last: &[u8], front: Front);

    /// The last bytes were kept. Says why, if it was not wanted.
    fn end(&mut self, why: Option<&'static str>);
}

/// How a recording is made.
#[derive(Debug)]
pub struct Terms {
    /// What stands between texts and the log.
    pub veil: Veil,
    /// Ticks from one realm's hash to the next; 1 takes it in every tick.
    pub whole_every_ticks: u32,
}

/// A realm, and who writes down what it takes in, if anybody does.
pub struct Recorded {
    realm: Realm,
    recorder: Option<Recorder>,
}

/// Writes down.
struct Recorder {
    shelf: Box<dyn Shelf>,
    terms: Terms,
    checker: Checker,
    jobs: u32,
    is_closing: bool,
    start: Start,
    /// The record that is being made, and as it is kept; for their memory.
    body: Vec<u8>,
    framed: Vec<u8>,
}

/// The realm is there to be looked at; all that changes it goes through here.
impl Deref for Recorded {
    type Target = Realm;

    fn deref(&self) -> &Realm {
        &self.realm
    }
}

impl Recorded {
    /// A realm of which nothing is written down.
    #[must_use]
    pub const fn silent(realm: Realm) -> Self {
        Self { realm, recorder: None }
    }

    /// A realm that has just been made as `start` says.
    #[must_use]
    pub fn new(realm: Realm, start: Start, terms: Terms, shelf: Box<dyn Shelf>) -> Self {
        let mut recorder = Recorder {
            shelf,
            terms,
            checker: Checker::default(),
            jobs: 0,
            is_closing: false,
            start,
            body: Vec::new(),
            framed: Vec::new(),
        };
        put::start(&recorder.start, &mut recorder.body);
        let mut recorded = Self { realm, recorder: Some(recorder) };
        recorded.keep();
        recorded
    }

    /// Whether what it takes in is written down.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    /// As [`Realm::handle_completion`].
    pub fn handle_completion(&mut self, done: StoreDone) {
        self.record(|recorder| put::done(&done, recorder.terms.veil, &mut recorder.body));
        self.realm.handle_completion(done);
    }

    /// As [`Realm::operate`].
    pub fn operate(&mut self, operation: Operation) {
        self.record(|recorder| put::operation(&operation, recorder.terms.veil, &mut recorder.body));
        self.realm.operate(operation);
    }

    /// As [`Realm::set_content`]; `source` is as [`Start::source`].
    pub fn set_content(&mut self, content: Arc<Content>, source: impl FnOnce() -> Vec<u8>) {
        self.record(|recorder| {
            let source = source();
            put::content(&source, &mut recorder.body);
            recorder.start.content = Some(source);
        });
        self.realm.set_content(content);
    }

    /// As [`Realm::tick`]; of `out` all counts, so it comes empty.
    pub fn tick(&mut self, now: Now, inbound: &mut [Inbound], out: &mut Outbound) {
        self.record(|recorder| put::tick(now, inbound, recorder.terms.veil, &mut recorder.body));
        self.realm.tick(now, inbound, out);
        if let Some(check) = self.check(out) {
            self.record(|recorder| put::check(&check, &mut recorder.body));
        }
    }

    /// As [`Realm::poll_store`].
    pub fn poll_store(&mut self) -> Option<StoreJob> {
        let job = self.realm.poll_store()?;
        if let Some(recorder) = &mut self.recorder {
            recorder.jobs += 1;
        }
        Some(job)
    }

    /// As [`Realm::handle_load`]. The last that is said of a tick.
    pub fn handle_load(&mut self, took_ns: u64) -> Option<Step> {
        self.record(|recorder| put::load(took_ns, &mut recorder.body));
        let step = self.realm.handle_load(took_ns);
        self.turn_page();
        step
    }

    /// Between two ticks: a page that is nearly full makes room for one that begins with the realm as it is, so that whoever
    /// has that page and those after it needs none before it.
    fn turn_page(&mut self) {
        let Some(recorder) = self.recorder.as_mut().filter(|recorder| recorder.shelf.may_turn()) else { return };
        let (start, captured) = (recorder.start.clone(), self.realm.capture(recorder.terms.veil));
        let mut last = Vec::new();
        put::turned(&mut recorder.body);
        frame::put(&recorder.body, &mut last);
        recorder.shelf.turn(&last, Box::new(move |page| front(&start, &captured, page)));
    }

    /// As [`Realm::close`].
    pub fn close(&mut self) {
        let is_news = self.recorder.as_mut().is_some_and(|recorder| !std::mem::replace(&mut recorder.is_closing, true));
        if is_news {
            self.record(|recorder| put::close(&mut recorder.body));
        }
        self.realm.close();
    }

    /// Nothing will come any more.
    pub fn end(&mut self) {
        self.record(|recorder| put::end(&mut recorder.body));
        if let Some(mut recorder) = self.recorder.take() {
            recorder.shelf.end(None);
        }
    }

    /// The realm, to be changed past the log: for tests that need no log.
    #[doc(hidden)]
    pub fn unrecorded(&mut self) -> &mut Realm {
        assert!(self.recorder.is_none(), "what is done past the log is not in it");
        &mut self.realm
    }

    /// As [`Realm::people`], which changes nothing.
    pub fn people(&mut self) -> Vec<PersonRow> {
        self.realm.people()
    }

    /// As [`Realm::poll_incident`], which changes nothing that comes of anything.
    pub fn poll_incident(&mut self) -> Option<Incident> {
        self.realm.poll_incident()
    }

    /// As [`Realm::watch`], which changes nothing.
    pub fn watch(&mut self, probe: Arc<dyn Probe>) {
        self.realm.watch(probe);
    }

    fn check(&mut self, out: &Outbound) -> Option<Check> {
        let recorder = self.recorder.as_mut()?;
        let is_whole = self.realm.game().now().0.is_multiple_of(recorder.terms.whole_every_ticks.max(1));
        Some(recorder.checker.check(&self.realm, out, is_whole))
    }

    /// Writes a record; before it, how many jobs the store has taken since the last one.
    fn record(&mut self, put: impl FnOnce(&mut Recorder)) {
        let jobs = self.recorder.as_mut().map_or(0, |recorder| std::mem::take(&mut recorder.jobs));
        if let Some(recorder) = self.recorder.as_mut().filter(|_| jobs > 0) {
            put::jobs(jobs, &mut recorder.body);
            self.keep();
        }
        if let Some(recorder) = &mut self.recorder {
            put(recorder);
            self.keep();
        }
    }

    /// Keeps the record that has just been made. A log with a gap is of no use: it ends where there is no more room.
    fn keep(&mut self) {
        let Some(Recorder { shelf, body, framed, .. }) = &mut self.recorder else { return };
        framed.clear();
        frame::put(body, framed);
        if shelf.keep(framed) == Kept::Lost {
            shelf.end(Some("there is no more room for it"));
            self.recorder = None;
        }
    }
}

/// What a page begins with that is not the first: what the realm was made of, and how it is now.
fn front(start: &Start, captured: &Captured, page: &mut Vec<u8>) {
    let (mut bytes, mut body) = (Vec::new(), Vec::new());
    put::start(start, &mut body);
    frame::put(&body, page);
    captured.to_bytes(&mut bytes);
    put::capture(&bytes, &mut body);
    frame::put(&body, page);
}
