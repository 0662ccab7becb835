//! Training of the codec's tables: which part of a velocity lasts, which code to choose by what is known, and the codes.
//!
//! Everything is counted over states of the recordings against baselines of all ages, and in frames as they were recorded.
//! Trees and books are grown in [`super::grow`]; codes are the best of limited length (package-merge, Larmore and Hirschberg
//! 1990).

use super::cases::Case;
use super::followers;
use super::grow::{Forest, Sight, gather};
use super::recording::{Moment, Recording};
use anyhow::{Result, ensure};
use protocol::EntityState;
use protocol::snapshot::{
    AGE_CLASSES, BOOKS, Baseline, BaselineAges, CODE_BITS_MAX, Codes, DIFFERENCES, Deviation, EVIDENCE, Evidence,
    FIELD_NAMES, GAIN_SCALE, MASK_BOOKS, MASK_NAME, MASKS, PLACE_NAMES, difference_symbol, evidence_of,
};
use std::fmt::Write;

const FIELDS: usize = FIELD_NAMES.len();
/// Ages of baselines that are trained on, each as often as it stands here.
const AGES: [u8; 16] = [1, 2, 4, 4, 6, 6, 6, 8, 8, 12, 12, 16, 24, 32, 40, 48];
/// Steps and older states of these baselines, likewise.
const BEHIND: [(u8, u8); 10] = [(1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (2, 2), (3, 2), (6, 2), (1, 1), (0, 0)];
/// Of the ticks of a track so many-th are learnt from: those between them say nearly the same.
const EVERY: usize = 2;
/// The same of those who run after recorded players.
const EVERY_OF_FOLLOWERS: usize = 12;
/// How often a frame as it was recorded counts: they alone have the unrest of a real server's clock in them.
const FRAMES_COUNT: usize = 4;
/// Ends of the tree of a field, and of that of the mask.
const ENDS: usize = 256;
const MASK_ENDS: usize = 96;
/// Imagined observations of every code, spread as all observations are, and of every symbol: what was never seen must have a
/// code too.
const IMAGINED: f64 = 6.0;
const IMAGINED_EACH: f64 = 0.02;

/// Share of all states in which nothing, only the view, or only the way is imagined to be otherwise than predicted. The
/// recorded people never run at one speed for long, those of our own game do; 4 % cost the recorded ones 0.05 bits.
const STEADY: [(usize, f64); 4] = [(0, 0.02), (0b01000, 0.01), (0b11000, 0.005), (0b00011, 0.005)];

/// What a state was told against in training.
#[derive(Clone, Copy)]
struct Lesson {
    now: EntityState,
    baseline: Baseline,
}

/// Tables trained on these recordings, as the text of their file.
pub fn train(recordings: &[&Recording], provenance: &str) -> Result<String> {
    let mut lessons = Vec::new();
    for recording in recordings {
        recording.ticks.iter().enumerate().for_each(|(track, ticks)| learn(track, ticks, EVERY, &mut lessons));
        if recording.is_judged {
            for frames in &recording.frames {
                let told = Case::Frames(100).told(frames, &[], 0).into_iter().flatten();
                let told = told.filter_map(|told| Some((told.now, told.baseline?)));
                lessons.extend(told.flat_map(|(now, baseline)| [Lesson { now, baseline }; FRAMES_COUNT]));
            }
        }
    }
    ensure!(lessons.len() > 5_000, "too little to learn from: {} states", lessons.len());
    for (track, ticks) in followers::tracks(recordings)?.iter().enumerate() {
        learn(track, ticks, EVERY_OF_FOLLOWERS, &mut lessons);
    }
    let gains = gains(&lessons)?;
    let codes = parse(&gains, &flat_codes())?;
    let comment: String = provenance.lines().map(|line| format!("# {line}\n")).collect();
    Ok(format!("{comment}{gains}{}", code_rows(&codes, &lessons)))
}

fn learn(track: usize, moments: &[Moment], every: usize, lessons: &mut Vec<Lesson>) {
    for at in (64..moments.len()).skip(track % every).step_by(every) {
        for (turn, newest) in AGES.into_iter().enumerate() {
            let (step, older) = BEHIND[(at / every * 7 + turn * 3 + track) % BEHIND.len()];
            let Some(ages) = BaselineAges::new(newest, step, older) else { continue };
            let moment = |age: u8| &moments[at - usize::from(age)];
            let is_dense = moments[at].is_dense && ages.ticks().all(|age| moment(age).is_dense);
            let baseline = Baseline::gather(ages, |age| Some(moment(age).state)).filter(|_| is_dense);
            let now = moments[at].state;
            lessons.extend(baseline.filter(|b| b.states()[0] != now).map(|baseline| Lesson { now, baseline }));
        }
    }
}

fn parse(gains: &str, codes: &str) -> Result<Codes> {
    Ok(Codes::parse(&format!("{gains}{codes}"))?)
}

/// For each field and class of age the gain that leaves the smallest differences; x and y have one together.
fn gains(lessons: &[Lesson]) -> Result<String> {
    let mut best = [[(f64::INFINITY, 0); AGE_CLASSES]; FIELDS];
    for gain in (0..=GAIN_SCALE).step_by(2) {
        let row = |field: &str| format!("gain {field}{}\n", format!(" {gain}").repeat(AGE_CLASSES));
        let codes = parse(&PLACE_NAMES.map(row).concat(), &flat_codes())?;
        let mut sizes = [[0.0; AGE_CLASSES]; FIELDS];
        for lesson in lessons {
            let Some(seen) = codes.deviation(&lesson.now, &lesson.baseline) else { continue };
            for (field, residual) in seen.residuals.iter().enumerate() {
                sizes[field.max(1)][usize::from(seen.outlook.age_class())] += (1.0 + f64::from(residual.abs())).log2();
            }
        }
        for (best, size) in best.iter_mut().flatten().zip(sizes.iter().flatten()) {
            *best = if *size < best.0 { (*size, gain) } else { *best };
        }
    }
    best[0] = best[1];
    let row = |(name, best): (&&str, &[(f64, i32); AGE_CLASSES])| {
        let gains: String = best.iter().map(|(_, gain)| format!(" {gain}")).collect();
        format!("gain {name}{gains}\n")
    };
    Ok(PLACE_NAMES.iter().zip(&best).map(row).collect())
}

/// Trees, and a code for every end of them.
fn code_rows(codes: &Codes, lessons: &[Lesson]) -> String {
    let deviations = || lessons.iter().filter_map(|l| codes.deviation(&l.now, &l.baseline));
    let fields = (0..FIELDS).map(|field| {
        let sights: Vec<Sight> = deviations().filter_map(|deviation| sight(field, &deviation)).collect();
        Forest::grow(&sights, DIFFERENCES, ENDS)
    });
    let mut fields: Vec<Forest> = fields.collect();
    let books = gather(&mut fields, BOOKS);
    let sights: Vec<Sight> = deviations().map(|deviation| mask_sight(&deviation)).collect();
    let mut masks = [Forest::grow(&sights, MASKS, MASK_ENDS)];
    let mut mask_books = gather(&mut masks, MASK_BOOKS);
    for weights in &mut mask_books {
        let seen: f64 = weights.iter().sum();
        STEADY.iter().for_each(|&(mask, share)| weights[mask] += share * seen);
    }
    let mut text = String::new();
    for (name, forest) in FIELD_NAMES.iter().chain([&MASK_NAME]).zip(fields.iter().chain(&masks)) {
        text += &forest.rows(name);
    }
    for (name, books) in [("book", books), ("mask", mask_books)] {
        for (number, weights) in imagine(books).iter().enumerate() {
            let _ = writeln!(text, "{name} {number} {}", digits(&lengths(weights)));
        }
    }
    text
}

/// What is known of a field's difference, and what it was.
fn sight(field: usize, deviation: &Deviation) -> Option<Sight> {
    let mut evidence = deviation.outlook.evidence();
    for (before, &residual) in deviation.residuals[..field].iter().enumerate() {
        evidence.learn(before, residual * evidence.sign(before));
    }
    let residual = deviation.residuals[field];
    let symbol = (residual != 0).then(|| difference_symbol(residual * evidence.sign(field)).0)?;
    Some(seen(deviation, &evidence, evidence_of(field), symbol))
}

fn mask_sight(deviation: &Deviation) -> Sight {
    seen(deviation, &deviation.outlook.evidence(), EVIDENCE, deviation.mask)
}

/// What nobody may ask about is not seen.
fn seen(deviation: &Deviation, evidence: &Evidence, known: usize, symbol: usize) -> Sight {
    let evidence = std::array::from_fn(|place| if place < known { evidence.get(place as u8) } else { 0 });
    Sight { age_class: deviation.outlook.age_class(), symbol: symbol as u8, evidence }
}

fn imagine(mut books: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let symbols = books.first().map_or(0, Vec::len);
    let shares: Vec<f64> = (0..symbols).map(|symbol| books.iter().map(|book| book[symbol]).sum()).collect();
    let all: f64 = shares.iter().sum();
    for weight in books.iter_mut().map(|book| book.iter_mut().zip(&shares)) {
        weight.for_each(|(weight, share)| *weight += IMAGINED_EACH + IMAGINED * share / all);
    }
    books
}

fn digits(lengths: &[u8]) -> String {
    lengths.iter().map(|length| format!("{length:x}")).collect()
}

/// Lengths of the best code for these weights that has none longer than [`CODE_BITS_MAX`].
fn lengths(weights: &[f64]) -> Vec<u8> {
    let mut leaves: Vec<(f64, Vec<usize>)> =
        weights.iter().enumerate().map(|(at, &weight)| (weight, vec![at])).collect();
    leaves.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut packages: Vec<(f64, Vec<usize>)> = Vec::new();
    for _ in 0..CODE_BITS_MAX {
        let mut merged = leaves.clone();
        merged.extend(
            packages.chunks_exact(2).map(|pair| (pair[0].0 + pair[1].0, [&pair[0].1[..], &pair[1].1].concat())),
        );
        merged.sort_by(|a, b| a.0.total_cmp(&b.0));
        packages = merged;
    }
    let mut lengths = vec![0; weights.len()];
    for (_, symbols) in packages.iter().take(2 * weights.len() - 2) {
        symbols.iter().for_each(|&symbol| lengths[symbol] += 1);
    }
    lengths
}

/// Trees that ask nothing, and codes that expect nothing.
fn flat_codes() -> String {
    let mut text = String::new();
    for name in FIELD_NAMES.iter().chain([&MASK_NAME]) {
        (0..AGE_CLASSES).for_each(|class| text += &format!("tree {name} {class} 0\n"));
    }
    let [book, mask] = [DIFFERENCES, MASKS].map(|symbols| digits(&lengths(&vec![1.0; symbols])));
    (0..BOOKS).for_each(|number| text += &format!("book {number} {book}\n"));
    (0..MASK_BOOKS).for_each(|number| text += &format!("mask {number} {mask}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lengths_are_those_of_a_prefix_code_and_none_is_too_long() {
        assert_eq!(lengths(&[5.0, 2.0, 1.0, 1.0]), [1, 2, 3, 3]);
        let steep: Vec<f64> = (0..DIFFERENCES).map(|at| 0.3_f64.powi(at as i32)).collect();
        let lengths = lengths(&steep);
        let used: f64 = lengths.iter().map(|&length| 0.5_f64.powi(length.into())).sum();
        assert_eq!((lengths.iter().max(), used), (Some(&(CODE_BITS_MAX as u8)), 1.0));
    }

    #[test]
    fn who_always_walks_straight_is_told_in_few_bits_after_training() {
        let state = |at: i32| EntityState { x: at * 30 + at * at % 3, y: 7 * at, ..EntityState::default() };
        let moment = |at: i32| Moment { at_ms: 0, state: state(at), is_dense: true };
        let track: Vec<Moment> = (0..1_500).map(moment).collect();
        let walk = Recording { name: String::new(), frames: vec![], ticks: vec![track], is_judged: true };
        let codes = Codes::parse(&train(&[&walk], "a straight walk").unwrap()).unwrap();
        let baseline =
            Baseline::gather(BaselineAges::new(6, 1, 2).unwrap(), |age| Some(state(500 - i32::from(age)))).unwrap();
        let bits = |codes: &Codes| codes.encode(&state(500), &baseline).unwrap().len();
        assert!(bits(&codes) <= 10, "{} bits", bits(&codes));
    }

    #[test]
    fn too_short_a_recording_is_refused() {
        assert!(train(&[], "nothing").unwrap_err().to_string().starts_with("too little to learn from"));
    }
}
