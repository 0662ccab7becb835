//! `throng replay`: does again what a recording says that a world did, and holds it against what came of it then.

use super::page::Log;
use super::written::{Written, pages};
use crate::config::WorldSource;
use game::Extensions;
use protocol::CharacterId;
use rudp::time::NS_PER_S;
use server::RealmConfig;
use server::flight::{Damage, Record, Replay, Start, Story};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What is wanted of a replay.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Whose story is to be told; nobody's if it is not said.
    pub story: Option<CharacterId>,
    /// From which tick.
    pub from: u32,
    /// To which tick, which belongs to it.
    pub to: u32,
}

/// Replays a page, or all pages of a directory, and says what came of each.
///
/// # Errors
/// One sentence: the first difference, or why a page cannot be read to its end.
pub fn replay(log: &Path, extensions: &Extensions, wish: Wish) -> Result<(), String> {
    let pages = pages(log, Log::Realm)?;
    let (mut all, mut failed, mut run) = (Played::default(), None, Run::new(wish));
    for (at, page) in pages.iter().enumerate() {
        let same = |other: Option<&Written>| other.is_some_and(|other| other.head.recording == page.head.recording);
        if !same(at.checked_sub(1).and_then(|before| pages.get(before))) {
            run = run.anew();
        }
        let (played, result) = page.replay(&mut run, extensions, !same(pages.get(at + 1)));
        println!("{}: {played}", page.name());
        all.add(&played);
        match result {
            Ok(ended) => println!("  {ended}"),
            Err(problem) => {
                println!("  {problem}");
                failed.get_or_insert(format!("{}: {problem}", page.name()));
            }
        }
    }
    println!("{} pages: {all}", pages.len());
    failed.map_or(Ok(()), Err)?;
    let more = run.story.map_or(Ok(None), |story| story.end())?;
    more.into_iter().for_each(|more| println!("{more}"));
    Ok(())
}

/// How far a replay came.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    ticks: u64,
    whole: u64,
    took_s: f64,
    /// Of the world's own time.
    lasted_s: f64,
}

impl Played {
    fn add(&mut self, other: &Self) {
        let Self { ticks, whole, took_s, lasted_s } = *other;
        self.ticks += ticks;
        self.whole += whole;
        self.took_s += took_s;
        self.lasted_s += lasted_s;
    }
}

impl std::fmt::Display for Played {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { ticks, whole, took_s, lasted_s } = *self;
        let speed = lasted_s / took_s.max(1e-9);
        write!(f, "{ticks} ticks as recorded, {whole} of them with the game's hash; ")?;
        write!(f, "{lasted_s:.1} s, replayed in {took_s:.1} s ({speed:.1} times as fast)")
    }
}

impl Written {
    /// How far it came, and how it ended.
    fn replay(&self, run: &mut Run, extensions: &Extensions, is_last: bool) -> (Played, Result<String, String>) {
        let (began, before) = (Instant::now(), run.counted());
        run.began_ns = None;
        let (mut frames, mut body) = (self.frames(), Vec::new());
        let ended = loop {
            if run.is_over {
                break Err("not replayed: the page before it could not be".to_owned());
            }
            let at = frames.at();
            match frames.next(&mut body) {
                Ok(None) => break run.ended(is_last),
                Err(Damage::Torn(_)) if is_last => {
                    break Ok("the recording ends within a record: the server was killed".to_owned());
                }
                Err(damage) => break Err(damage.to_string()),
                Ok(Some(())) => {}
            }
            let Some(record) = Record::decode(&body) else { break Err(Damage::Unreadable(at).to_string()) };
            if matches!(record, Record::Turned) && !is_last {
                // What follows here stands on the next page, too.
                break run.ended(is_last);
            }
            if let Err(problem) = run.take(record, extensions) {
                break Err(problem);
            }
        };
        run.is_over |= ended.is_err();
        let (ticks, whole) = (run.counted().0 - before.0, run.counted().1 - before.1);
        let lasted_s = run.began_ns.map_or(0.0, |began| (run.now_ns - began) as f64 / NS_PER_S as f64);
        (Played { ticks, whole, took_s: began.elapsed().as_secs_f64(), lasted_s }, ended)
    }
}

/// A page under way.
struct Run {
    replay: Option<Replay>,
    source: WorldSource,
    story: Option<Story>,
    /// Read, and what it is the start of is not known yet.
    start: Option<Box<Start>>,
    began_ns: Option<u64>,
    now_ns: u64,
    /// Something differed, or could not be read: what follows has nothing to be held against.
    is_over: bool,
}

impl Run {
    fn new(wish: Wish) -> Self {
        Self::telling(wish.story.map(|character| Story::of(character, wish.from..=wish.to)))
    }

    /// For another recording.
    fn anew(self) -> Self {
        let mut story = self.story;
        story.iter_mut().for_each(Story::begin_again);
        Self::telling(story)
    }

    fn telling(story: Option<Story>) -> Self {
        let (replay, source) = (None, WorldSource::default());
        Self { replay, source, story, start: None, began_ns: None, now_ns: 0, is_over: false }
    }

    /// Ticks, and those of them with the game's hash.
    fn counted(&self) -> (u64, u64) {
        self.replay.as_ref().map_or((0, 0), |replay| (replay.ticks, replay.whole))
    }

    fn take(&mut self, record: Record, extensions: &Extensions) -> Result<(), String> {
        if !matches!(record, Record::Capture(_))
            && let Some(start) = self.start.take()
        {
            self.replay = Some(Replay::new(self.config(&start, extensions)?));
        }
        match record {
            Record::Start(start) => self.start = Some(start),
            Record::Capture(capture) => self.resume(&capture, extensions)?,
            Record::Content(source) => {
                if let Some(replay) = &mut self.replay {
                    self.source.follow(&source)?;
                    replay.set_content(Arc::new(self.source.read()?.1));
                }
            }
            record => self.advance(record)?,
        }
        Ok(())
    }

    /// The realm goes on, unless all that is known of it is the end of a page whose beginning is gone.
    fn advance(&mut self, record: Record) -> Result<(), String> {
        let Some(replay) = &mut self.replay else { return Ok(()) };
        let tick = replay.realm().game().now().next().0;
        if let Some(story) = &mut self.story {
            story.hear(replay.realm(), &record);
        }
        if let Record::Tick(now, _) = &record {
            self.began_ns.get_or_insert(now.mono_ns);
            self.now_ns = now.mono_ns;
        }
        let is_tick = matches!(record, Record::Tick(..));
        let taken = replay.take(record).map_err(|difference| difference.to_string());
        if let Some(story) = self.story.as_mut().filter(|_| is_tick) {
            let lines = story.tell(replay.realm(), replay.out());
            lines.iter().for_each(|line| println!("{tick:>8}  {line}"));
        }
        taken
    }

    /// Goes on from the realm as it was captured. One that has come here by itself must be the same, to the last bit.
    fn resume(&mut self, capture: &[u8], extensions: &Extensions) -> Result<(), String> {
        let start = self.start.take().ok_or(NO_START)?;
        let config = self.config(&start, extensions)?;
        let mut resumed = Replay::resume(config, capture).map_err(|error| error.to_string())?;
        if let Some(before) = &mut self.replay {
            let tick = before.realm().game().now().0;
            if before.capture() != capture {
                return Err(format!("after tick {tick}: the whole realm is otherwise than captured"));
            }
            (resumed.ticks, resumed.whole) = (before.ticks, before.whole);
        }
        self.replay = Some(resumed);
        Ok(())
    }

    fn config(&mut self, start: &Start, extensions: &Extensions) -> Result<RealmConfig, String> {
        self.source = WorldSource::from_bytes(&start.source)?;
        if let Some(newer) = &start.content {
            self.source.follow(newer)?;
        }
        let (map, content) = self.source.read()?;
        if start.build != env!("CARGO_PKG_VERSION") {
            println!("recorded by throng {}, replayed by {}", start.build, env!("CARGO_PKG_VERSION"));
        }
        let config = start.config(Arc::new(map), Arc::new(content))?;
        Ok(RealmConfig { extensions: extensions.clone(), ..config })
    }

    fn ended(&self, is_last: bool) -> Result<String, String> {
        match &self.replay {
            None => Ok("it goes on from a page that is gone: nothing can be made of it".to_owned()),
            Some(replay) if replay.has_ended => Ok("the recording ends as the server did".to_owned()),
            Some(_) if is_last => Ok("the recording ends while the server runs, or with its process".to_owned()),
            Some(_) => Ok("the recording goes on on the next page".to_owned()),
        }
    }
}

/// Why nothing can be made of a page.
const NO_START: &str = "a captured realm without what it was made of";

#[cfg(test)]
mod tests {
    use super::super::page::HEAD_BYTES;
    use super::super::volume::{LogTally, Place, Volume, path as page_path};
    use super::*;
    use crate::config::{Config, Sources};
    use crate::edge::realm_config;
    use crossbeam::channel::{Receiver, Sender, bounded};
    use protocol::unit::TICK_NS;
    use rudp::time::Now;
    use server::flight::{Front, Kept, Recorded, Shelf, Terms, Veil};
    use server::{Outbound, Realm};
    use std::sync::atomic::Ordering;

    /// Bytes of a page, of which the world's beginning takes most.
    const PAGE_BYTES: usize = 200_000;
    const WISH: Wish = Wish { story: None, from: 0, to: 0 };

    /// A volume that writes what a page begins with when it is told to.
    struct Slow(Volume, Receiver<()>, Sender<()>);

    impl Shelf for Slow {
        fn keep(&mut self, bytes: &[u8]) -> Kept {
            self.0.keep(bytes)
        }

        fn may_turn(&self) -> bool {
            self.0.may_turn()
        }

        fn turn(&mut self, last: &[u8], front: Front) {
            let wait = self.1.clone();
            let slow = move |page: &mut Vec<u8>| {
                wait.recv().unwrap();
                front(page);
            };
            self.0.turn(last, Box::new(slow));
            self.2.send(()).unwrap();
        }

        fn end(&mut self, why: Option<&'static str>) {
            self.0.end(why);
        }
    }

    /// A recording of a world over two pages: `overlap` ticks went by while the second one was begun. Gives the ticks of all.
    fn recorded(dir: &Path, overlap: u32) -> u64 {
        let config = Config::resolve(&Sources::default()).unwrap();
        let place = Place { dir: dir.to_owned(), log: Log::Realm, recording: 7, unix_s: 1, page_bytes: PAGE_BYTES };
        let tally = std::sync::Arc::<LogTally>::default();
        let volume = Volume::open(place, tally.clone()).unwrap();
        let ((go, wait), (turned, has_turned)) = (bounded(1), bounded(1));
        let realm = RealmConfig { incarnation: 1, ..realm_config(&config) };
        let start = Start::of(&realm, env!("CARGO_PKG_VERSION"), config.source.to_bytes());
        let terms = Terms { veil: Veil::Keyed(server::flight::Key::new([1; 16])), whole_every_ticks: 60 };
        let mut realm = Recorded::new(Realm::new(realm), start, terms, Box::new(Slow(volume, wait, turned)));
        let mut now = Now { mono_ns: NS_PER_S, unix_s: 1_800_000_000 };
        let mut tick = |realm: &mut Recorded| {
            now = now.plus_ns(TICK_NS);
            realm.tick(now, &mut [], &mut Outbound::default());
            while realm.poll_store().is_some() {}
            realm.handle_load(0);
            u64::from(realm.game().now().0)
        };
        while has_turned.try_recv().is_err() {
            tick(&mut realm);
        }
        for _ in 0..overlap {
            tick(&mut realm);
        }
        go.send(()).unwrap();
        // The thread that begins pages has a processor when the system gives it one, and until then the first page goes on.
        while tally.pages.load(Ordering::Relaxed) < 2 {
            std::thread::yield_now();
            tick(&mut realm);
        }
        let ticks = (0..50).map(|_| tick(&mut realm)).last().unwrap();
        realm.end();
        ticks
    }

    fn ticks_of(dir: &Path) -> u64 {
        let (mut run, mut ticks) = (Run::new(WISH), 0);
        let pages = pages(dir, Log::Realm).unwrap();
        for (at, page) in pages.iter().enumerate() {
            let (played, ended) = page.replay(&mut run, &Extensions::none(), at + 1 == pages.len());
            ended.unwrap();
            ticks += played.ticks;
        }
        ticks
    }

    #[test]
    fn ticks_that_stand_on_two_pages_are_replayed_once_and_also_if_the_second_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let ticks = recorded(dir.path(), 20);
        assert_eq!(pages(dir.path(), Log::Realm).unwrap().len(), 2);
        assert_eq!(ticks_of(dir.path()), ticks);
        replay(dir.path(), &Extensions::none(), WISH).unwrap();
        let second = page_path(dir.path(), Log::Realm, 1);
        let mut bytes = std::fs::read(&second).unwrap();
        bytes[HEAD_BYTES..].fill(0);
        std::fs::write(&second, bytes).unwrap();
        // Before the fifty comes the tick in the middle of which the second page took over, or at its beginning.
        let first = ticks_of(dir.path());
        assert!((ticks - 51..=ticks - 50).contains(&first), "{first} of {ticks}: the twenty are on the first, too");
    }
}
