//! A link as people name it: `lte`, `delay=40ms,jitter=10ms,loss=2%`, or a file with a line for each of these.

mod value;

use crate::{Bottleneck, Burst, Capacity, DeliveryTrace, Link, LinkConfig, ProbeTrace, TraceError};
use std::path::Path;
use std::sync::Arc;

/// Datagrams that a queue holds unless `queue` says otherwise.
const QUEUE_DATAGRAMS: usize = 250;

/// The links that have a name. Round figures of ours, of the kind of link each is called after; not recordings.
pub const NAMED: [(&str, &str); 11] = [
    ("lan", "delay=0.2ms,jitter=0.1ms"),
    ("fibre", "delay=5ms,jitter=1ms,loss=0.01%"),
    ("dsl", "delay=15ms,jitter=3ms,loss=0.1%,down.rate=16mbit,up.rate=1mbit,queue=100"),
    ("cable", "delay=12ms,jitter=6ms,loss=0.1%,down.rate=100mbit,up.rate=10mbit"),
    ("wifi", "delay=10ms,jitter=8ms,loss=0.5%,dup=0.1%"),
    ("wifi-bursty", "delay=10ms,jitter=15ms,burst=1%/20%/60%,dup=0.1%"),
    ("lte", "delay=30ms,jitter=10ms,loss=0.2%,down.rate=20mbit,up.rate=5mbit"),
    ("3g", "delay=80ms,jitter=30ms,loss=1%,down.rate=2mbit,up.rate=400kbit"),
    ("starlink", "delay=22ms,jitter=8ms,burst=0.2%/10%/50%,down.rate=50mbit,up.rate=8mbit"),
    ("satellite", "delay=280ms,jitter=10ms,loss=0.5%,down.rate=10mbit,up.rate=1mbit"),
    ("bad", "delay=100ms,jitter=40ms,loss=5%,dup=1%,reorder=5%/40ms,corrupt=0.1%"),
];

/// How a profile is written, for `--help`.
pub const SYNTAX: &str = "\
A link is a name, settings, or both, as in `lte,loss=5%`; a file holds the same, one per line, with # for comments.
Each setting holds for both ways, or after `up.` or `down.` for one:
  delay=40ms              one way
  jitter=10ms             up to this on top, without reordering
  loss=2%                 each datagram by itself
  burst=1%/20%/60%        chance per datagram to enter and to leave a bad state, and the loss in it (Gilbert-Elliott)
  dup=1%  corrupt=0.1%    copies, and single flipped bits
  reorder=5%/40ms         detours of up to this
  rate=2mbit queue=250    a bottleneck and the datagrams that its queue holds
  trace=FILE              a bottleneck as recorded by mahimahi: the millisecond of each delivery of 1,500 B, per line
  probes=FILE losses=FILE delay in ns and loss (0 or 1) of one probe per 10 ms, added to all of the above
Names: lan, fibre, dsl, cable, wifi, wifi-bursty, lte, 3g, starlink, satellite, bad.";

/// Why a text is no profile. Each is one sentence for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Neither a name nor a setting.
    #[error(
        "there is no link named {0:?}; the names are lan, fibre, dsl, cable, wifi, wifi-bursty, lte, 3g, starlink, satellite, bad"
    )]
    UnknownName(String),
    /// A setting that does not exist.
    #[error("a link has no setting {0:?}")]
    UnknownKey(String),
    /// A value that does not fit its setting.
    #[error("{key}={value}: expected {expected}")]
    Value {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// A name behind something else: it would override what stands before it.
    #[error("the name {0:?} must come first")]
    NameNotFirst(String),
    /// Losses belong to probes.
    #[error("losses without probes")]
    LossesAlone,
    /// A recording, or a profile's own file, that cannot be read.
    #[error("{file}: {why}")]
    File {
        /// Its name as given.
        file: String,
        /// What the system says.
        why: String,
    },
    /// A recording that is none.
    #[error("{file}: {error}")]
    Trace {
        /// Its name as given.
        file: String,
        /// Where it breaks.
        error: TraceError,
    },
}

/// One direction of a profile, from which any number of links can be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    config: LinkConfig,
    capacity: Option<Capacity>,
    queue_datagrams: usize,
    probes: Option<Arc<ProbeTrace>>,
}

impl Way {
    /// A link of this kind.
    #[must_use]
    pub fn link(&self, seed: u64) -> Link {
        let mut link = Link::new(self.config, seed);
        if let Some(capacity) = &self.capacity {
            link = link.with_bottleneck(Bottleneck::new(capacity.clone(), self.queue_datagrams));
        }
        match &self.probes {
            Some(probes) => link.with_probes(Arc::clone(probes)),
            None => link,
        }
    }

    /// What is wrong with it beside capacity and recordings.
    #[must_use]
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }
}

/// Both directions between a client and a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// From client to server.
    pub up: Way,
    /// From server to client.
    pub down: Way,
}

/// Recordings named in one direction before they are read.
#[derive(Default)]
struct Files {
    probes: Option<String>,
    losses: Option<String>,
}

impl Profile {
    /// Reads a profile; `read` gives the text of the recordings that it names.
    ///
    /// # Errors
    /// [`ProfileError`], one sentence.
    pub fn parse(text: &str, read: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Self, ProfileError> {
        let mut profile = Self::default();
        let mut files = [Files::default(), Files::default()];
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let items = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty());
        for (place, item) in items.enumerate() {
            match item.split_once('=') {
                Some((key, value)) => profile.set(key.trim(), value.trim(), &mut files, read)?,
                None if place > 0 => return Err(ProfileError::NameNotFirst(item.to_owned())),
                None => profile = Self::named(item).ok_or_else(|| ProfileError::UnknownName(item.to_owned()))?,
            }
        }
        for (way, files) in [&mut profile.up, &mut profile.down].into_iter().zip(files) {
            way.probes = match (files.probes, files.losses) {
                (None, None) => None,
                (None, Some(_)) => return Err(ProfileError::LossesAlone),
                (Some(file), losses) => {
                    let delays = text_of(&file, read)?;
                    let losses = losses.map(|losses| text_of(&losses, read)).transpose()?;
                    let probes = ProbeTrace::parse(&delays, losses.as_deref());
                    Some(Arc::new(probes.map_err(|error| ProfileError::Trace { file, error })?))
                }
            };
        }
        Ok(profile)
    }

    /// A profile as it is named on a command line: the text itself or, when `is_file`, the file of that name, whose
    /// recordings are looked for beside it. `read` gives the text of a file.
    ///
    /// # Errors
    /// [`ProfileError`], one sentence.
    pub fn open(
        named: &str,
        is_file: bool,
        read: &mut dyn FnMut(&Path) -> Result<String, String>,
    ) -> Result<Self, ProfileError> {
        let file = Path::new(named);
        if !is_file {
            return Self::parse(named, &mut |recording| read(Path::new(recording)));
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let text = text_of(named, &mut |_| read(file))?;
        Self::parse(&text, &mut |recording| read(&folder.join(recording)))
    }

    /// The link of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = NAMED.iter().find(|(named, _)| *named == name)?;
        Self::parse(text, &mut |_| Err(String::new())).ok()
    }

    fn set(
        &mut self,
        key: &str,
        value: &str,
        files: &mut [Files; 2],
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<(), ProfileError> {
        let (ways, bare) = match (key.strip_prefix("up."), key.strip_prefix("down.")) {
            (Some(bare), _) => (&[0][..], bare),
            (_, Some(bare)) => (&[1][..], bare),
            _ => (&[0, 1][..], key),
        };
        for &place in ways {
            let way = if place == 0 { &mut self.up } else { &mut self.down };
            match bare {
                "probes" => files[place].probes = Some(value.to_owned()),
                "losses" => files[place].losses = Some(value.to_owned()),
                "trace" => {
                    let trace = DeliveryTrace::parse(&text_of(value, read)?);
                    let trace = trace.map_err(|error| ProfileError::Trace { file: value.to_owned(), error })?;
                    way.narrow(Capacity::Recorded(Arc::new(trace)));
                }
                _ => way.set(bare, value)?,
            }
        }
        Ok(())
    }
}

impl Way {
    fn narrow(&mut self, capacity: Capacity) {
        self.capacity = Some(capacity);
        self.queue_datagrams = if self.queue_datagrams == 0 { QUEUE_DATAGRAMS } else { self.queue_datagrams };
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ProfileError> {
        let wrong = |expected| ProfileError::Value { key: key.to_owned(), value: value.to_owned(), expected };
        let span = || value::span_ns(value).ok_or_else(|| wrong("a span of up to 10 s, as in 40ms"));
        let share = || value::share(value).ok_or_else(|| wrong("0% to 100%"));
        match key {
            "delay" => self.config.latency_ns = span()?,
            "jitter" => self.config.jitter_ns = span()?,
            "loss" => self.config.loss = share()?,
            "dup" => self.config.duplicate = share()?,
            "corrupt" => self.config.corrupt = share()?,
            "burst" => {
                let shares: Option<Vec<f64>> = value.split('/').map(value::share).collect();
                let burst = shares.and_then(|shares| <[f64; 3]>::try_from(shares).ok());
                let [enter, leave, loss] = burst.ok_or_else(|| wrong("ENTER/LEAVE/LOSS, as in 1%/20%/60%"))?;
                self.config.burst = Some(Burst { enter, leave, loss });
            }
            "reorder" => {
                let detour = value.split_once('/');
                let detour = detour.and_then(|(share, span)| Some((value::share(share)?, value::span_ns(span)?)));
                (self.config.reorder, self.config.reorder_ns) =
                    detour.ok_or_else(|| wrong("SHARE/SPAN, as in 5%/40ms"))?;
            }
            "rate" => {
                let bytes_per_s = value::bytes_per_s(value).ok_or_else(|| wrong("bits per second, as in 2mbit"))?;
                self.narrow(Capacity::Constant { bytes_per_s });
            }
            "queue" => {
                let datagrams = value.parse().ok().filter(|datagrams| (1..=10_000).contains(datagrams));
                self.queue_datagrams = datagrams.ok_or_else(|| wrong("1 to 10000 datagrams"))?;
            }
            _ => return Err(ProfileError::UnknownKey(key.to_owned())),
        }
        Ok(())
    }
}

fn text_of(file: &str, read: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<String, ProfileError> {
    read(file).map_err(|why| ProfileError::File { file: file.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn parse(text: &str) -> Result<Profile, ProfileError> {
        let mut read = |file: &str| match file {
            "lte.down" => Ok("10\n20\n".to_owned()),
            "delay" => Ok("5000000\n".to_owned()),
            "loss" => Ok("1\n".to_owned()),
            "empty" => Ok(String::new()),
            _ => Err("there is none".to_owned()),
        };
        Profile::parse(text, &mut read)
    }

    #[test]
    fn a_file_names_its_recordings_from_where_it_lies_and_a_text_from_here() {
        let mut asked = Vec::new();
        let mut open = |named: &str, is_file| {
            let mut read = |file: &Path| {
                asked.push(file.display().to_string());
                match file.to_str() {
                    Some("links/mine") => Ok("delay=20ms\ndown.trace=down\n".to_owned()),
                    Some("links/down" | "down") => Ok("1\n2\n".to_owned()),
                    _ => Err("there is none".to_owned()),
                }
            };
            Profile::open(named, is_file, &mut read)
        };
        assert_eq!(open("links/mine", true), open("delay=20ms,down.trace=down", false));
        assert_eq!(open("lte", false).ok(), Profile::named("lte"));
        assert_eq!(open("links/gone", true).unwrap_err().to_string(), "links/gone: there is none");
        assert_eq!(asked, ["links/mine", "links/down", "down", "links/gone"]);
    }

    #[test]
    fn settings_hold_for_both_ways_or_for_the_one_that_is_named() {
        let profile = parse("delay=40ms, jitter=1.5ms, up.loss=2%, down.reorder=5%/30ms, burst=1%/20%/60%").unwrap();
        let (up, down) = (profile.up.config(), profile.down.config());
        assert_eq!((up.latency_ns, down.latency_ns, up.jitter_ns), (40 * MS, 40 * MS, 1_500_000));
        assert_eq!((up.loss, down.loss, up.reorder, down.reorder), (0.02, 0.0, 0.0, 0.05));
        assert_eq!(down.reorder_ns, 30 * MS);
        assert_eq!(up.burst, Some(Burst { enter: 0.01, leave: 0.2, loss: 0.6 }));
    }

    #[test]
    fn a_name_can_be_changed_and_a_file_has_a_line_for_each_setting() {
        let changed = parse("lte,down.loss=5%").unwrap();
        assert_eq!(changed.up, parse("lte").unwrap().up);
        assert_eq!(changed.down.config().loss, 0.05);
        assert_eq!(parse("# theirs\nlte  # as named\ndown.loss=5%\n\n").unwrap(), changed);
        assert_eq!(parse(""), Ok(Profile::default()));
    }

    #[test]
    fn every_name_is_a_link_and_stands_in_the_help() {
        for (name, text) in NAMED {
            assert!(Profile::named(name).is_some_and(|profile| profile != Profile::default()), "{name}: {text}");
            assert!(SYNTAX.contains(name) && ProfileError::UnknownName(String::new()).to_string().contains(name));
        }
    }

    #[test]
    fn a_rate_and_a_recording_make_a_bottleneck() {
        let constant = parse("up.rate=800kbit,queue=2").unwrap();
        assert_eq!(constant.up.capacity, Some(Capacity::Constant { bytes_per_s: 100_000 }));
        assert_eq!((constant.up.queue_datagrams, constant.down.capacity), (2, None));
        let mut link = parse("down.trace=lte.down").unwrap().down.link(1);
        link.send(0, &[0; 1_500]);
        assert_eq!(link.next_ns(), Some(0));
        assert_eq!((link.poll(0), link.next_ns()), (None, Some(10 * MS)));
    }

    #[test]
    fn probes_bring_their_delay_and_their_losses() {
        let mut link = parse("down.probes=delay").unwrap().down.link(1);
        link.send(0, b"x");
        assert_eq!(link.next_ns(), Some(5 * MS));
        let mut link = parse("losses=loss,probes=delay").unwrap().up.link(1);
        link.send(0, b"x");
        assert_eq!(link.counters().lost, 1);
    }

    #[test]
    fn what_is_wrong_is_told_in_one_sentence() {
        let told = |text| parse(text).unwrap_err().to_string();
        assert!(told("isdn").starts_with("there is no link named \"isdn\""));
        assert_eq!(told("colour=red"), "a link has no setting \"colour\"");
        assert_eq!(told("loss=2"), "loss=2: expected 0% to 100%");
        assert_eq!(told("up.delay=fast"), "delay=fast: expected a span of up to 10 s, as in 40ms");
        assert_eq!(told("loss=1%,lte"), "the name \"lte\" must come first");
        assert_eq!(told("trace=gone"), "gone: there is none");
        assert_eq!(told("losses=loss"), "losses without probes");
        assert!(told("trace=empty").starts_with("empty: the recording is empty"));
        for text in ["burst=1%/2%", "reorder=5%", "rate=0bit", "rate=fast", "queue=0", "loss=101%", "delay=11s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
