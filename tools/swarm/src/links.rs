//! Links that differ from bot to bot: drawn by seed from a mixture of kinds, made up or recorded.
//!
//! A mixture is what `--links` names, each part with its weight: a link as for `--link`, a folder of recordings, or
//! `mixed`, the built-in kinds. Which bot has which is drawn from the seed alone, and so is where in a recording it begins.

use crate::dice::Dice;
use crate::movement::humans::read_recording;
use anyhow::{Context, Result, ensure};
use netem::Profile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What `mixed` stands for: kinds of link with their weights. Round figures of ours.
const MIXED: [(&str, f32); 8] = [
    ("fibre", 20.0),
    ("cable", 25.0),
    ("dsl", 10.0),
    ("wifi", 15.0),
    ("wifi-bursty", 10.0),
    ("lte", 10.0),
    ("starlink", 4.0),
    (MOBILE, 6.0),
];
/// A phone on a train: jitter that comes and goes, and times of a second or two in which nothing passes. Made from the
/// seed, see [`train`].
const MOBILE: &str = "lte,probes=train,losses=train-losses";
/// What [`MOBILE`] is called.
const MOBILE_NAME: &str = "mobile";
/// Probes of a made-up recording, one per 10 ms: two minutes.
const TRAIN_PROBES: usize = 12_000;
/// Between two times without a link, mean, in probes: 20 s.
const TRAIN_BETWEEN_PROBES: f32 = 2_000.0;
/// How long one lasts, in probes: 0.2 s to 3 s.
const TRAIN_OUT_PROBES: (f32, f32) = (20.0, 300.0);
/// What the train's way adds at most, ns.
const TRAIN_DELAY_NS_MAX: f32 = 80_000_000.0;
/// A bot begins somewhere in the first ten minutes of its recording.
const SHIFT_NS_MAX: usize = 600_000_000_000;
/// What a recorded cell has beside its capacity, which alone is in the recording.
const RECORDED_CELL: &str = "delay=25ms,jitter=3ms,queue=100";
/// What the names of recordings end with: way up and way down of one that tells its capacity.
const CAPACITY_ENDS: (&str, &str) = (".up", ".down");
/// And for one that tells delays: delays up and down, with the losses in files of the same names.
const DELAY_ENDS: (&str, &str) = ("-uplink_delay.txt", "-downlink_delay.txt");

/// Kinds of link, and how often each is to come.
#[derive(Clone, Debug, Default)]
pub struct Mixture {
    kinds: Vec<Kind>,
    /// All have the same link, and recordings begin at their beginning.
    is_one: bool,
}

/// One kind of link.
#[derive(Clone, Debug)]
struct Kind {
    name: String,
    profile: Profile,
    weight: f32,
}

impl Mixture {
    /// What `--link` named: the same for all.
    pub fn one(name: &str, profile: Profile) -> Self {
        Self { kinds: vec![Kind { name: name.to_owned(), profile, weight: 1.0 }], is_one: true }
    }

    /// Reads what `--links` names, each with `@WEIGHT` behind it or 1.
    ///
    /// # Errors
    /// One sentence for whoever typed it.
    pub fn read(parts: &[String], seed: u64) -> Result<Self> {
        let mut mixture = Self::default();
        for part in parts {
            let (named, weight) = split_weight(part);
            ensure!(weight.is_finite() && weight > 0.0, "--links {part}: a weight is above 0, as in lte@2");
            let kinds = match named {
                "mixed" => mixed(seed)?,
                _ if Path::new(named).is_dir() => recorded(Path::new(named))?,
                _ => Self::one(named, profile("--links", named)?).kinds,
            };
            let all: f32 = kinds.iter().map(|kind| kind.weight).sum();
            mixture.kinds.extend(kinds.into_iter().map(|kind| Kind { weight: kind.weight / all * weight, ..kind }));
        }
        Ok(mixture)
    }

    /// Whether there is any.
    pub fn is_there(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// Whether bots differ in it.
    pub fn is_mixed(&self) -> bool {
        self.is_there() && !self.is_one
    }

    /// The link of a bot, and how far into its recording it begins, ns; none without a mixture.
    pub fn draw(&self, bot: usize, seed: u64) -> Option<(&Profile, u64)> {
        let kind = &self.kinds[self.drawn(bot, seed)?];
        let shift_ns = Dice::new(seed ^ 0x5417, bot as u64).below(SHIFT_NS_MAX) as u64;
        Some((&kind.profile, if self.is_one { 0 } else { shift_ns }))
    }

    /// How many of so many bots have which kind.
    pub fn counts(&self, bots: usize, seed: u64) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for number in (0..bots).filter_map(|bot| self.drawn(bot, seed)) {
            *counts.entry(self.kinds[number].name.clone()).or_default() += 1;
        }
        counts
    }

    fn drawn(&self, bot: usize, seed: u64) -> Option<usize> {
        let all: f32 = self.kinds.iter().map(|kind| kind.weight).sum();
        let mut at = Dice::new(seed ^ 0x114b, bot as u64).unit() * all;
        let met = self.kinds.iter().position(|kind| {
            at -= kind.weight;
            at < 0.0
        });
        met.or_else(|| self.kinds.len().checked_sub(1))
    }
}

/// A link by name, by settings, or from a file, whose recordings are looked for beside it. `option` is what named it.
///
/// # Errors
/// One sentence for whoever typed it.
pub fn profile(option: &str, named: &str) -> Result<Profile> {
    let mut read = |file: &Path| read_recording(file).map_err(|error| format!("{error:#}"));
    let profile = Profile::open(named, Path::new(named).is_file(), &mut read);
    profile.with_context(|| format!("{option} {named}"))
}

/// `LINK@WEIGHT`; an `@` that no number follows belongs to the name.
fn split_weight(part: &str) -> (&str, f32) {
    let split = part.rsplit_once('@');
    split.and_then(|(named, weight)| Some((named, weight.parse().ok()?))).unwrap_or((part, 1.0))
}

fn mixed(seed: u64) -> Result<Vec<Kind>> {
    let (delays, losses) = train(seed);
    let mut read = |name: &str| Ok(if name == "train" { delays.clone() } else { losses.clone() });
    let kind = |&(text, weight): &(&str, f32)| {
        let name = if text == MOBILE { MOBILE_NAME } else { text };
        Ok(Kind { name: name.to_owned(), profile: Profile::parse(text, &mut read)?, weight })
    };
    MIXED.iter().map(kind).collect()
}

/// A made-up recording in the format of real ones: a delay per line that wanders, and a 1 per line while nothing passes.
fn train(seed: u64) -> (String, String) {
    let mut dice = Dice::new(seed ^ 0x7a17, 0);
    let (mut delays, mut losses) = (String::new(), String::new());
    let mut delay_ns = 0.0;
    let mut out = 0;
    for _ in 0..TRAIN_PROBES {
        let (step, _) = dice.normals();
        delay_ns = (delay_ns + step * 2e6).clamp(0.0, TRAIN_DELAY_NS_MAX);
        if out == 0 && dice.chance(1.0 / TRAIN_BETWEEN_PROBES) {
            out = dice.range(TRAIN_OUT_PROBES.0, TRAIN_OUT_PROBES.1) as u32;
        }
        delays += &format!("{delay_ns:.0}\n");
        losses += if out > 0 { "1\n" } else { "0\n" };
        out = out.saturating_sub(1);
    }
    (delays, losses)
}

/// Every recording of a folder that has both ways.
fn recorded(folder: &Path) -> Result<Vec<Kind>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("--links {}", folder.display()))? {
        files.push(entry?.path());
    }
    files.sort();
    let mut kinds = Vec::new();
    for file in &files {
        let (up_end, down_end) = CAPACITY_ENDS;
        if let Some(other) = other_way(file, down_end, up_end).filter(|other| files.contains(other)) {
            let text = format!("{RECORDED_CELL},down.trace={},up.trace={}", name_of(file), name_of(&other));
            kinds.push(kind_of(file, down_end, &text)?);
        }
        let (up_end, down_end) = DELAY_ENDS;
        if let Some(other) = other_way(file, down_end, up_end).filter(|other| files.contains(other)) {
            let mut text = format!("down.probes={},up.probes={}", name_of(file), name_of(&other));
            for (way, delays) in [("down", file), ("up", &other)] {
                let losses = other_way(delays, "_delay.txt", "_loss.txt").filter(|losses| files.contains(losses));
                text += &losses.map_or(String::new(), |losses| format!(",{way}.losses={}", name_of(&losses)));
            }
            kinds.push(kind_of(file, down_end, &text)?);
        }
    }
    ensure!(
        !kinds.is_empty(),
        "--links {}: no recording there has both ways, as NAME.down and NAME.up or NAME-downlink_delay.txt and \
         NAME-uplink_delay.txt, each plain or .gz",
        folder.display()
    );
    Ok(kinds)
}

/// The file of the same recording that ends otherwise, if this one ends so.
fn other_way(file: &Path, ends: &str, otherwise: &str) -> Option<PathBuf> {
    let name = name_of(file);
    let (bare, packed) = name.strip_suffix(".gz").map_or((name.as_str(), ""), |bare| (bare, ".gz"));
    Some(file.with_file_name(format!("{}{otherwise}{packed}", bare.strip_suffix(ends)?)))
}

fn kind_of(file: &Path, ends: &str, text: &str) -> Result<Kind> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut read = |name: &str| read_recording(&folder.join(name)).map_err(|error| format!("{error:#}"));
    let profile = Profile::parse(text, &mut read).with_context(|| format!("--links {}", folder.display()))?;
    let name = name_of(file).trim_end_matches(".gz").trim_end_matches(ends).to_owned();
    Ok(Kind { name, profile, weight: 1.0 })
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parts: &[&str]) -> Result<Mixture> {
        Mixture::read(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>(), 7)
    }

    #[test]
    fn each_part_comes_as_often_as_its_weight_asks_and_the_seed_decides_where() {
        let mixture = read(&["cable@3", "lte,loss=1%@1"]).unwrap();
        let counts = mixture.counts(4_000, 7);
        assert!((2_880..=3_120).contains(&counts["cable"]), "{counts:?}");
        assert_eq!(counts["cable"] + counts["lte,loss=1%"], 4_000);
        assert_eq!(counts, read(&["cable@3", "lte,loss=1%@1"]).unwrap().counts(4_000, 7));
        assert_ne!(counts, mixture.counts(4_000, 8));
        let drawn = |bot| mixture.draw(bot, 7).map(|(profile, shift_ns)| (profile.clone(), shift_ns));
        assert_eq!(drawn(5), drawn(5));
        assert_ne!(drawn(5).unwrap().1, drawn(6).unwrap().1);
        assert!(Mixture::default().draw(0, 7).is_none());
    }

    #[test]
    fn the_built_in_mixture_has_all_its_kinds_and_a_train_that_loses_its_link() {
        let counts = read(&["mixed"]).unwrap().counts(2_000, 1);
        assert_eq!(counts.len(), MIXED.len(), "{counts:?}");
        assert!((80..=160).contains(&counts[MOBILE_NAME]), "{counts:?}");
        let (delays, losses) = train(1);
        assert_eq!((delays.lines().count(), losses.lines().count()), (TRAIN_PROBES, TRAIN_PROBES));
        let out = losses.lines().filter(|line| *line == "1").count();
        assert!((TRAIN_PROBES / 50..TRAIN_PROBES / 5).contains(&out), "{out}");
        assert_eq!(train(1), train(1));
        assert_ne!(train(1), train(2));
    }

    #[test]
    fn a_folder_gives_its_recordings_one_weight_between_them() {
        let folder = std::env::temp_dir().join(format!("swarm-links-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        for name in ["cell.up", "cell.down", "alone.down"] {
            put(name, "1\n5\n");
        }
        for name in ["sky-downlink_delay.txt", "sky-uplink_delay.txt"] {
            put(name, "5000000\n");
        }
        put("sky-uplink_loss.txt", "0\n");
        let part = format!("{}@2", folder.display());
        let counts = read(&[&part, "cable@2"]).unwrap().counts(4_000, 7);
        assert_eq!(counts.keys().collect::<Vec<_>>(), ["cable", "cell", "sky"]);
        assert!((1_880..=2_120).contains(&counts["cable"]), "{counts:?}");
        put("sky-uplink_loss.txt", "0\n1\n");
        assert!(format!("{:#}", read(&[&part]).unwrap_err()).contains("not of one recording"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_mixture_is_refused_with_a_sentence() {
        let told = |part: &str| format!("{:#}", read(&[part]).unwrap_err());
        assert!(told("isdn").starts_with("--links isdn: there is no link named"));
        assert_eq!(told("lte@0"), "--links lte@0: a weight is above 0, as in lte@2");
        let folder = std::env::temp_dir().join(format!("swarm-no-links-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(told(&folder.display().to_string()).contains("no recording there has both ways"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
