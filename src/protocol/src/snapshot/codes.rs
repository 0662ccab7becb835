//! The trained tables of the difference code: gains, scores and code lengths, read from the one file that the written
//! protocol has of them (protocol-spec/tables/differences.txt).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::field::DIFFERENCED;
use super::predict::{AGE_CLASSES, FEATURE_CLASSES, FEATURES, Gains, MASK_CONTEXTS};
use super::prefix::PrefixCode;
use std::sync::LazyLock;
use thiserror::Error;

/// Codes of each field: one for each half bit of the expected magnitude, 0 to 12.5 bits.
pub const BOOKS: usize = 26;
/// Classes of a magnitude from 1 to 4,095: 1, 2 and 3, then four to each doubling.
pub const MAGNITUDES: usize = 43;
/// One symbol for each class of magnitudes and each sign.
pub const DIFFERENCES: usize = 2 * MAGNITUDES;
/// One symbol for each set of fields that are not as predicted, flags among them.
pub const MASKS: usize = 1 << (DIFFERENCED + 1);
/// Names of the fields in the file.
pub const FIELD_NAMES: [&str; DIFFERENCED] = ["x", "y", "z", "yaw", "pitch"];
/// Scores count in 32nds of a bit; this shift makes half bits of them, and a book is half a bit wide.
const SCORE_BOOK_SHIFT: u32 = 4;

/// What the written protocol says in numbers.
const WRITTEN: &str = include_str!("../../../../protocol-spec/tables/differences.txt");

/// Why a text is not a set of tables: its author's fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodesError {
    /// A line that means nothing, or numbers that cannot be.
    #[error("line {0}: not a row of a table")]
    Line(usize),
    /// Not every row is there exactly once.
    #[error("{0} rows, {1} are needed")]
    Rows(usize, usize),
}

/// By field, feature and class: how much larger the difference will be, in 32nds of a bit.
pub type Scores = [[[i16; FEATURE_CLASSES]; FEATURES]; DIFFERENCED];

/// Everything that is trained.
#[derive(Clone, Debug)]
pub struct Codes {
    pub(super) gains: Gains,
    scores: Scores,
    books: Vec<PrefixCode<DIFFERENCES>>,
    masks: Vec<PrefixCode<MASKS>>,
}

/// Rows of the file: gains and scores by field, a book for each field and half bit, a mask code for each context.
const ROWS: usize = DIFFERENCED + DIFFERENCED * FEATURES + DIFFERENCED * BOOKS + MASK_CONTEXTS;

impl Codes {
    /// The tables of the written protocol.
    ///
    /// # Panics
    /// If the file that was compiled in is not whole; a test reads it.
    #[must_use]
    pub fn written() -> &'static Self {
        static CODES: LazyLock<Codes> = LazyLock::new(|| match Codes::parse(WRITTEN) {
            Ok(codes) => codes,
            Err(error) => panic!("protocol-spec/tables/differences.txt: {error}"),
        });
        &CODES
    }

    /// Stands for the tables in the motion hash: both ends must have the same. It is taken over the bytes of the file, its
    /// comments included (`.gitattributes` keeps their line ends as they are).
    #[must_use]
    pub fn written_hash() -> u64 {
        xxhash_rust::xxh3::xxh3_64(WRITTEN.as_bytes())
    }

    /// Reads tables. Rows are, in any order, with `#` before a comment:
    /// `gain FIELD` and ten numbers, `score FIELD FEATURE` and 26 numbers, `book FIELD NUMBER` and 86 code lengths as
    /// hexadecimal digits without spaces, `mask CONTEXT` and 64 of them.
    ///
    /// # Errors
    /// [`CodesError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, CodesError> {
        let mut codes = Self {
            gains: [[0; AGE_CLASSES]; DIFFERENCED],
            scores: [[[0; FEATURE_CLASSES]; FEATURES]; DIFFERENCED],
            books: Vec::with_capacity(DIFFERENCED * BOOKS),
            masks: Vec::with_capacity(MASK_CONTEXTS),
        };
        let mut rows = 0;
        for (number, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                codes.take_row(line).ok_or(CodesError::Line(number + 1))?;
                rows += 1;
            }
        }
        let whole = rows == ROWS && codes.books.len() == DIFFERENCED * BOOKS && codes.masks.len() == MASK_CONTEXTS;
        if whole { Ok(codes) } else { Err(CodesError::Rows(rows, ROWS)) }
    }

    /// spec: SNP-13. Which of a field's books the features choose.
    #[must_use]
    pub fn book(&self, field: usize, features: &[u8; FEATURES]) -> usize {
        let Some(scores) = self.scores.get(field) else { return 0 };
        let mut sum = 0;
        for (classes, &class) in scores.iter().zip(features) {
            sum += classes.get(usize::from(class)).map_or(0, |&score| i32::from(score));
        }
        (sum >> SCORE_BOOK_SHIFT).clamp(0, BOOKS as i32 - 1) as usize
    }

    /// Bits of a difference in one of a field's books; see [`difference_symbol`].
    #[must_use]
    pub fn residual_bits(&self, field: usize, book: usize, residual: i32, is_flipped: bool) -> u32 {
        let (symbol, rest) = difference_symbol(residual, is_flipped);
        self.differences(field, book).map_or(0, |code| code.bits(symbol) + rest)
    }

    /// Bits of a mask in a context.
    #[must_use]
    pub fn mask_bits(&self, context: usize, mask: usize) -> u32 {
        self.masks(context).map_or(0, |code| code.bits(mask))
    }

    /// The part of a velocity that is expected to last.
    #[must_use]
    pub fn gains(&self) -> &Gains {
        &self.gains
    }

    /// The code of differences in one of a field's books.
    pub(super) fn differences(&self, field: usize, book: usize) -> Option<&PrefixCode<DIFFERENCES>> {
        self.books.get(field * BOOKS + book)
    }

    /// The code of masks in a context.
    pub(super) fn masks(&self, context: usize) -> Option<&PrefixCode<MASKS>> {
        self.masks.get(context)
    }

    /// Takes a row into its table; books and masks come in the order of their numbers. None if it is not a row.
    fn take_row(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_ascii_whitespace();
        match words.next()? {
            "gain" => {
                let field = named(words.next()?)?;
                fill(self.gains.get_mut(field)?, words)
            }
            "score" => {
                let (field, feature): (_, usize) = (named(words.next()?)?, words.next()?.parse().ok()?);
                fill(self.scores.get_mut(field)?.get_mut(feature)?, words)
            }
            "book" => {
                let (field, number): (_, usize) = (named(words.next()?)?, words.next()?.parse().ok()?);
                let is_next = number < BOOKS && self.books.len() == field * BOOKS + number;
                self.books.push(is_next.then(|| code(words.next()?))??);
                words.next().is_none().then_some(())
            }
            "mask" => {
                let context: usize = words.next()?.parse().ok()?;
                let is_next = self.masks.len() == context;
                self.masks.push(is_next.then(|| code(words.next()?))??);
                words.next().is_none().then_some(())
            }
            _ => None,
        }
    }
}

fn named(field: &str) -> Option<usize> {
    FIELD_NAMES.iter().position(|&name| name == field)
}

/// Exactly as many numbers as there are places.
fn fill<'a, T: std::str::FromStr>(row: &mut [T], words: impl Iterator<Item = &'a str>) -> Option<()> {
    let mut words = words;
    for place in row {
        *place = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some(())
}

fn code<const N: usize>(digits: &str) -> Option<PrefixCode<N>> {
    let mut lengths = [0; N];
    let mut digits = digits.chars();
    for length in &mut lengths {
        *length = digits.next()?.to_digit(16)? as u8;
    }
    if digits.next().is_some() { None } else { PrefixCode::new(&lengths) }
}

/// spec: SNP-13. Class of a magnitude from 1 to 4,095, and the bits that follow to tell it from the others of its class.
#[must_use]
pub fn magnitude_class(magnitude: u32) -> (usize, u32) {
    if magnitude < 4 {
        return (magnitude as usize - 1, 0);
    }
    let rest = magnitude.ilog2() - 2;
    (3 + 4 * rest as usize + (magnitude >> rest & 3) as usize, rest)
}

/// spec: SNP-13. The symbol of a difference from 1 to 4,095 either way, and the bits that follow. Signs are told as the
/// baseline makes one expect them: `is_flipped` exchanges them.
#[must_use]
pub fn difference_symbol(difference: i32, is_flipped: bool) -> (usize, u32) {
    let (class, rest) = magnitude_class(difference.unsigned_abs());
    (2 * class + usize::from((difference < 0) != is_flipped), rest)
}

/// The smallest magnitude of a class, and the bits that follow.
#[must_use]
pub fn magnitude_of_class(class: usize) -> (u32, u32) {
    match class.checked_sub(3) {
        None => (class as u32 + 1, 0),
        Some(above) => {
            let rest = above as u32 / 4;
            ((4 + above as u32 % 4) << rest, rest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_tables_are_whole() {
        assert!(Codes::parse(WRITTEN).is_ok());
    }

    #[test]
    fn every_magnitude_has_its_class() {
        let mut next = 0;
        for magnitude in 1..4_096 {
            let (class, rest) = magnitude_class(magnitude);
            let (smallest, same_rest) = magnitude_of_class(class);
            assert_eq!(rest, same_rest);
            assert!(smallest <= magnitude && magnitude < smallest + (1 << rest), "{magnitude}");
            assert!(class == next || class + 1 == next, "classes come in order");
            next = class + 1;
        }
        assert_eq!(next, MAGNITUDES);
    }

    #[test]
    fn a_wrong_row_is_named_by_its_line() {
        let broken = |from: &str, to: &str| Codes::parse(&WRITTEN.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(broken("gain x", "gain w"), CodesError::Line(_)));
        assert!(matches!(broken("book x 1 ", "book x 2 "), CodesError::Line(_)));
        assert!(matches!(broken("mask 0 ", "mask 0 f"), CodesError::Line(_)));
        assert!(matches!(broken("score x 0 ", "score x 0 1 "), CodesError::Line(_)));
        assert_eq!(Codes::parse("# nothing\n").unwrap_err(), CodesError::Rows(0, ROWS));
    }
}
