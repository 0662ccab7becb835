//! The trained tables of the difference code: gains, trees and code lengths, read from the one file that the written
//! protocol has of them (protocol-spec/tables/differences.txt).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::field::DIFFERENCED;
use super::predict::{AGE_CLASSES, Evidence, FOUND, Gains};
use super::prefix::PrefixCode;
use super::tree::{Tree, choose_all};
use std::sync::LazyLock;
use thiserror::Error;

/// Codes of differences; every field chooses among them.
pub const BOOKS: usize = 240;
/// Codes of masks.
pub const MASK_BOOKS: usize = 64;
/// Classes of a magnitude from 1 to 4,095: 1, 2 and 3, then four to each doubling.
pub const MAGNITUDES: usize = 43;
/// One symbol for each class of magnitudes and each sign.
pub const DIFFERENCES: usize = 2 * MAGNITUDES;
/// One symbol for each set of fields that are not as predicted, flags among them.
pub const MASKS: usize = 1 << (DIFFERENCED + 1);
/// Names of the fields in the file.
pub const FIELD_NAMES: [&str; DIFFERENCED] = ["across", "along", "z", "yaw", "pitch"];
/// Their names on the map, where they are predicted.
pub const PLACE_NAMES: [&str; DIFFERENCED] = ["x", "y", "z", "yaw", "pitch"];
/// Name of the mask in the file, and its place behind the fields.
pub const MASK_NAME: &str = "mask";
const MASK: usize = DIFFERENCED;

/// spec: SNP-21. So many differences a field's tree may ask about, in the order of the wire. Only three times then has a
/// reader to wait for one before it can look for the next book.
const ASKED: [usize; DIFFERENCED] = [0, 1, 1, 1, 4];

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

/// Everything that is trained.
#[derive(Clone, Debug)]
pub struct Codes {
    pub(super) gains: Gains,
    /// By field, and that of the mask.
    trees: [Tree; DIFFERENCED + 1],
    books: Vec<PrefixCode<DIFFERENCES>>,
    masks: Vec<PrefixCode<MASKS>>,
}

/// Rows of the file: gains by field, a tree for each field and the mask by class of age, books, mask codes.
const ROWS: usize = DIFFERENCED + (DIFFERENCED + 1) * AGE_CLASSES + BOOKS + MASK_BOOKS;

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

    /// Reads tables. Rows are, in any order but that books come in that of their numbers, with `#` before a comment:
    /// `gain FIELD` and ten numbers, `tree FIELD AGE_CLASS` and a tree, FIELD also being `mask`, `book NUMBER` and 86 code
    /// lengths as hexadecimal digits without spaces, `mask NUMBER` and 64 of them.
    ///
    /// # Errors
    /// [`CodesError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, CodesError> {
        let mut codes = Self {
            gains: [[0; AGE_CLASSES]; DIFFERENCED],
            trees: Default::default(),
            books: Vec::with_capacity(BOOKS),
            masks: Vec::with_capacity(MASK_BOOKS),
        };
        let mut rows = 0;
        for (number, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                codes.take_row(line).ok_or(CodesError::Line(number + 1))?;
                rows += 1;
            }
        }
        let is_grown = codes.trees.iter().all(Tree::is_whole);
        let whole = rows == ROWS && is_grown && codes.books.len() == BOOKS && codes.masks.len() == MASK_BOOKS;
        if whole { Ok(codes) } else { Err(CodesError::Rows(rows, ROWS)) }
    }

    /// spec: SNP-13. The number of the book for a field's difference.
    #[inline]
    #[must_use]
    pub fn book(&self, field: usize, age_class: u8, evidence: &Evidence) -> usize {
        self.trees.get(field).map_or(0, |tree| tree.choose(age_class, evidence))
    }

    /// spec: SNP-13. The number of the code for the mask.
    #[inline]
    #[must_use]
    pub fn mask_book(&self, age_class: u8, evidence: &Evidence) -> usize {
        self.book(MASK, age_class, evidence)
    }

    /// The books of all fields and behind them that of the mask, when all differences are known to the evidence.
    #[inline]
    pub(super) fn books(&self, age_class: u8, evidence: &Evidence) -> [usize; DIFFERENCED + 1] {
        choose_all(self.trees.each_ref(), age_class, evidence)
    }

    /// Of these, that of the field across and that of the mask: they depend on no difference.
    #[inline]
    pub(super) fn first_books(&self, age_class: u8, evidence: &Evidence) -> [usize; 2] {
        let [across, .., mask] = &self.trees;
        choose_all([across, mask], age_class, evidence)
    }

    /// Those of the fields along, z and yaw, when the difference across is known.
    #[inline]
    pub(super) fn middle_books(&self, age_class: u8, evidence: &Evidence) -> [usize; 3] {
        let [_, along, z, yaw, ..] = &self.trees;
        choose_all([along, z, yaw], age_class, evidence)
    }

    /// Bits of a difference in a book; see [`difference_symbol`].
    #[must_use]
    pub fn told_bits(&self, book: usize, told: i32) -> u32 {
        let (symbol, rest) = difference_symbol(told);
        self.differences(book).map_or(0, |code| code.bits(symbol) + rest)
    }

    /// Bits of a mask in one of its codes.
    #[must_use]
    pub fn mask_bits(&self, book: usize, mask: usize) -> u32 {
        self.masks(book).map_or(0, |code| code.bits(mask))
    }

    /// The part of a velocity that is expected to last.
    #[must_use]
    pub fn gains(&self) -> &Gains {
        &self.gains
    }

    /// The code of differences in a book.
    pub(super) fn differences(&self, book: usize) -> Option<&PrefixCode<DIFFERENCES>> {
        self.books.get(book)
    }

    /// One of the codes of masks.
    pub(super) fn masks(&self, book: usize) -> Option<&PrefixCode<MASKS>> {
        self.masks.get(book)
    }

    /// Takes a row into its table; books and masks come in the order of their numbers. None if it is not a row.
    fn take_row(&mut self, line: &str) -> Option<()> {
        let mut words = line.split_ascii_whitespace();
        match words.next()? {
            "gain" => {
                let field = named(&PLACE_NAMES, words.next()?)?;
                fill(self.gains.get_mut(field)?, words)
            }
            "tree" => {
                let (name, class): (_, usize) = (words.next()?, words.next()?.parse().ok()?);
                let (field, codes, known) = match name {
                    MASK_NAME => (MASK, MASK_BOOKS, FOUND),
                    _ => named(&FIELD_NAMES, name).map(|field| (field, BOOKS, evidence_of(field)))?,
                };
                self.trees.get_mut(field)?.take(class, &mut words, codes, known)?;
                words.next().is_none().then_some(())
            }
            "book" => push(&mut self.books, words),
            "mask" => push(&mut self.masks, words),
            _ => None,
        }
    }
}

/// spec: SNP-21. Pieces of evidence that the tree of a field may ask about: those of the first places.
#[must_use]
pub fn evidence_of(field: usize) -> usize {
    FOUND + 2 * ASKED.get(field).copied().unwrap_or(0)
}

fn named(names: &[&str], field: &str) -> Option<usize> {
    names.iter().position(|&name| name == field)
}

/// Exactly as many numbers as there are places.
fn fill<'a, T: std::str::FromStr>(row: &mut [T], words: impl Iterator<Item = &'a str>) -> Option<()> {
    let mut words = words;
    for place in row {
        *place = words.next()?.parse().ok()?;
    }
    words.next().is_none().then_some(())
}

/// The next code: its number, and its lengths.
fn push<'a, const N: usize>(codes: &mut Vec<PrefixCode<N>>, words: impl Iterator<Item = &'a str>) -> Option<()> {
    let mut words = words;
    let number: usize = words.next()?.parse().ok()?;
    codes.push((number == codes.len()).then(|| code(words.next()?))??);
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

/// spec: SNP-13. The symbol of a difference from 1 to 4,095 either way, in the sign in which it is told, and the bits that
/// follow.
#[must_use]
pub fn difference_symbol(told: i32) -> (usize, u32) {
    let (class, rest) = magnitude_class(told.unsigned_abs());
    (2 * class + usize::from(told < 0), rest)
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
        assert!(matches!(broken("gain z", "gain w"), CodesError::Line(_)));
        assert!(matches!(broken("book 1 ", "book 2 "), CodesError::Line(_)));
        assert!(matches!(broken("mask 0 ", "mask 0 f"), CodesError::Line(_)));
        assert!(matches!(broken("tree z 0 ", "tree z 0 1 "), CodesError::Line(_)));
        assert!(matches!(broken("tree z 0 ", "tree z 0 sky>1 "), CodesError::Line(_)));
        assert!(matches!(broken("tree z 0 ", "tree z 10 "), CodesError::Line(_)));
        assert!(matches!(broken("tree z 0 ", "tree z 1 "), CodesError::Line(_)), "an age class twice");
        let deep = format!("tree z 0 {}", "step>1 ".repeat(20));
        assert!(matches!(broken("tree z 0 ", &deep), CodesError::Line(_)));
        assert_eq!(Codes::parse("# nothing\n").unwrap_err(), CodesError::Rows(0, ROWS));
    }
}
