//! Training of the codec's tables: which part of a velocity lasts, how large a difference to expect, and codes for it.
//!
//! Everything is counted over states of the recordings against baselines of all ages. Expected magnitudes are a sum of one
//! score for each feature (an additive model, fitted feature by feature until it settles); codes are the best of limited
//! length (package-merge, Larmore and Hirschberg 1990).

use super::recording::Moment;
use anyhow::{Result, ensure};
use protocol::EntityState;
use protocol::snapshot::{
    AGE_CLASSES, BOOKS, Baseline, BaselineAges, CODE_BITS_MAX, Codes, DIFFERENCES, Deviation, FEATURE_CLASSES,
    FEATURES, FIELD_NAMES, GAIN_SCALE, MASK_CONTEXTS, MASKS, difference_symbol, magnitude_of_class,
};
use std::fmt::Write;

const FIELDS: usize = FIELD_NAMES.len();
/// Ages of baselines that are trained on, each as often as it stands here.
const AGES: [u8; 16] = [1, 2, 4, 4, 6, 6, 6, 8, 8, 12, 12, 16, 24, 32, 40, 48];
/// Steps and older states of these baselines, likewise.
const BEHIND: [(u8, u8); 10] = [(1, 2), (1, 2), (1, 2), (1, 2), (1, 2), (2, 2), (3, 2), (6, 2), (1, 1), (0, 0)];
/// Passes over the features.
const PASSES: usize = 12;
/// A class seen rarely is not believed: its score is drawn towards nought by so many imagined observations.
const DOUBT: f64 = 20.0;
/// Imagined observations of every book, spread around its own magnitude: what was never seen must have a code too.
const IMAGINED: f64 = 6.0;

/// Share of all states in which nothing, only the view, or only the way is imagined to be otherwise than predicted. The
/// recorded people never run at one speed for long, those of our own game do; 4 % cost the recorded ones 0.05 bits.
const STEADY: [(usize, f64); 4] = [(0, 0.02), (0b01000, 0.01), (0b11000, 0.005), (0b00011, 0.005)];

/// What a state was told against in training.
struct Lesson {
    now: EntityState,
    baseline: Baseline,
}

/// Tables trained on these tracks, as the text of their file.
pub fn train(tracks: &[&[Moment]], provenance: &str) -> Result<String> {
    let lessons = lessons(tracks);
    ensure!(lessons.len() > 10_000, "too little to learn from: {} states", lessons.len());
    let gains = gains(&lessons)?;
    let codes = parse(&gains, &flat_scores(), &flat_codes())?;
    let seen: Vec<Deviation> = lessons.iter().filter_map(|l| codes.deviation(&l.now, &l.baseline)).collect();
    let scores: String = (0..FIELDS).map(|field| score_rows(field, &fit(field, &seen))).collect();
    let codes = parse(&gains, &scores, &flat_codes())?;
    let comment: String = provenance.lines().map(|line| format!("# {line}\n")).collect();
    Ok(format!("{comment}{gains}{scores}{}", code_rows(&codes, &seen)))
}

fn lessons(tracks: &[&[Moment]]) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    for (track, moments) in tracks.iter().enumerate() {
        for at in 64..moments.len() {
            for (turn, newest) in AGES.into_iter().enumerate() {
                let (step, older) = BEHIND[(at * 7 + turn * 3 + track) % BEHIND.len()];
                let Some(ages) = BaselineAges::new(newest, step, older) else { continue };
                let moment = |age: u8| &moments[at - usize::from(age)];
                let is_dense = moments[at].is_dense && ages.ticks().all(|age| moment(age).is_dense);
                let baseline = Baseline::gather(ages, |age| Some(moment(age).state)).filter(|_| is_dense);
                let now = moments[at].state;
                lessons.extend(baseline.filter(|b| b.states()[0] != now).map(|baseline| Lesson { now, baseline }));
            }
        }
    }
    lessons
}

fn parse(gains: &str, scores: &str, codes: &str) -> Result<Codes> {
    Ok(Codes::parse(&format!("{gains}{scores}{codes}"))?)
}

/// For each field and class of age the gain that leaves the smallest differences; x and y have one together.
fn gains(lessons: &[Lesson]) -> Result<String> {
    let mut best = [[(f64::INFINITY, 0); AGE_CLASSES]; FIELDS];
    for gain in (0..=GAIN_SCALE).step_by(2) {
        let row = |field: &str| format!("gain {field}{}\n", format!(" {gain}").repeat(AGE_CLASSES));
        let codes = parse(&FIELD_NAMES.map(row).concat(), &flat_scores(), &flat_codes())?;
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
    Ok(rows(|field| {
        let gains: String = best[field].iter().map(|(_, gain)| format!(" {gain}")).collect();
        format!("gain {}{gains}\n", FIELD_NAMES[field])
    }))
}

fn rows(row: impl FnMut(usize) -> String) -> String {
    (0..FIELDS).map(row).collect()
}

type Table = [[f64; FEATURE_CLASSES]; FEATURES];

/// Scores of one field in bits: the mean magnitude is in those of the age, which every baseline has.
fn fit(field: usize, seen: &[Deviation]) -> Table {
    let known = |d: &&Deviation| d.residuals[field] != 0;
    let features: Vec<_> = seen.iter().filter(known).map(|d| d.outlook.features(field, &d.residuals)).collect();
    let sizes = seen.iter().filter(known).map(|d| f64::from(d.residuals[field].abs()).log2());
    let mut rest: Vec<f64> = sizes.collect();
    let mean = rest.iter().sum::<f64>() / rest.len().max(1) as f64;
    rest.iter_mut().for_each(|size| *size -= mean);
    let mut table = [[0.0; FEATURE_CLASSES]; FEATURES];
    for _ in 0..PASSES {
        for (feature, scores) in table.iter_mut().enumerate() {
            let mut sums = [(0.0, DOUBT); FEATURE_CLASSES];
            for (classes, rest) in features.iter().zip(&rest) {
                let class = usize::from(classes[feature]);
                sums[class].0 += rest + scores[class];
                sums[class].1 += 1.0;
            }
            let fresh = sums.map(|(sum, count)| sum / count);
            for (classes, rest) in features.iter().zip(&mut rest) {
                let class = usize::from(classes[feature]);
                *rest += scores[class] - fresh[class];
            }
            *scores = fresh;
        }
    }
    // A quarter of a bit up: a book is half a bit wide and stands for its middle.
    table[0].iter_mut().for_each(|score| *score += mean + 0.25);
    table
}

fn score_rows(field: usize, table: &Table) -> String {
    let row = |(feature, scores): (usize, &[f64; FEATURE_CLASSES])| {
        let scores: String = scores.iter().map(|bits| format!(" {}", (bits * 32.0).round() as i32)).collect();
        format!("score {} {feature}{scores}\n", FIELD_NAMES[field])
    };
    table.iter().enumerate().map(row).collect()
}

/// A code for every book and every context of masks, by how often each symbol was seen there.
fn code_rows(codes: &Codes, seen: &[Deviation]) -> String {
    let mut books: Vec<[f64; DIFFERENCES]> = (0..FIELDS * BOOKS).map(|index| imagined(index % BOOKS)).collect();
    let mut masks = vec![[0.1; MASKS]; MASK_CONTEXTS];
    for deviation in seen {
        masks[deviation.outlook.mask_context()][deviation.mask] += 1.0;
        for (field, residual) in deviation.residuals.iter().enumerate().filter(|(_, residual)| **residual != 0) {
            let book = codes.book(field, &deviation.outlook.features(field, &deviation.residuals));
            let symbol = difference_symbol(*residual, deviation.outlook.is_flipped(field)).0;
            books[field * BOOKS + book][symbol] += 1.0;
        }
    }
    for weights in &mut masks {
        let seen: f64 = weights.iter().sum();
        STEADY.iter().for_each(|&(mask, share)| weights[mask] += share * seen);
    }
    let mut text = String::new();
    for (index, weights) in books.iter().enumerate() {
        let _ = writeln!(text, "book {} {} {}", FIELD_NAMES[index / BOOKS], index % BOOKS, digits(&lengths(weights)));
    }
    for (context, weights) in masks.iter().enumerate() {
        let _ = writeln!(text, "mask {context} {}", digits(&lengths(weights)));
    }
    text
}

/// What a book expects before it has seen anything: its own magnitude, others less the farther they are.
fn imagined(book: usize) -> [f64; DIFFERENCES] {
    let expected = book as f64 / 2.0;
    std::array::from_fn(|symbol| {
        let off = f64::from(magnitude_of_class(symbol / 2).0).log2() - expected;
        IMAGINED * (-1.2 * off.abs()).exp() + 0.02
    })
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

fn flat_scores() -> String {
    rows(|field| score_rows(field, &[[0.0; FEATURE_CLASSES]; FEATURES]))
}

fn flat_codes() -> String {
    let [book, mask] = [DIFFERENCES, MASKS].map(|symbols| digits(&lengths(&vec![1.0; symbols])));
    let books =
        rows(|field| (0..BOOKS).map(|book_at| format!("book {} {book_at} {book}\n", FIELD_NAMES[field])).collect());
    let masks: String = (0..MASK_CONTEXTS).map(|context| format!("mask {context} {mask}\n")).collect();
    books + &masks
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
        let track: Vec<Moment> = (0..1_000).map(moment).collect();
        let codes = Codes::parse(&train(&[&track], "a straight walk").unwrap()).unwrap();
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
