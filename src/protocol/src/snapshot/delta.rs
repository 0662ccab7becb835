//! The bits of a state for someone who holds a baseline of it.
//!
//! spec: SNP-6. First which fields are not as predicted, then for each of them how far off: class, sign, rest. This is how
//! players and mobs are told, by tables that were trained on people; of what is not alive see [`super::lifeless`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::codes::{Codes, difference_symbol, magnitude_of_class};
use super::field::{DIFFERENCED, FIELDS, differences, state_of, values};
use super::predict::{Evidence, Outlook, Residuals};
use crate::bits::{BitReader, BitRun, OutOfBits};
use crate::state::{EntityState, flag};

/// A difference of this magnitude or more has no code; the state is then told in full. 4,096 units are 12.8 m.
pub(super) const RESIDUAL_MAX: u32 = 1 << 12;
/// The bit of the mask that says that the flags are others.
const FLAGS: usize = 1 << DIFFERENCED;

/// The bits of `now` for someone who holds `baseline`. None if it is too far from what was to be expected: then it is
/// cheaper in full.
#[must_use]
pub fn encode_delta(now: &EntityState, baseline: &Baseline) -> Option<BitRun> {
    Codes::written().encode(now, baseline)
}

/// Reads what [`encode_delta`] wrote against `baseline`.
///
/// # Errors
/// [`OutOfBits`] if the bits end early.
pub fn decode_delta(reader: &mut BitReader<'_>, baseline: &Baseline) -> Result<EntityState, OutOfBits> {
    Codes::written().decode(reader, baseline)
}

/// How a state differs from what its baseline makes one expect.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    /// What the baseline says.
    pub outlook: Outlook,
    /// By field, the first two across and along the way.
    pub residuals: Residuals,
    /// Bit i: field i is not as predicted; the highest bit stands for the flags.
    pub mask: usize,
}

impl Codes {
    /// How `now` differs from what `baseline` makes one expect. None if a difference is too large for any code.
    #[must_use]
    pub fn deviation(&self, now: &EntityState, baseline: &Baseline) -> Option<Deviation> {
        let outlook = Outlook::of(baseline);
        let residuals = residuals(&outlook, differences(&values(now), &outlook.predict_alive(&self.gains)))?;
        let mut mask = if now.flags == baseline.states()[0].flags { 0 } else { FLAGS };
        for (index, residual) in residuals.iter().enumerate() {
            mask |= usize::from(*residual != 0) << index;
        }
        Some(Deviation { outlook, residuals, mask })
    }

    /// As [`encode_delta`], with these tables. None also if the baseline is of another kind: a mistake of ours costs bits, not
    /// the truth.
    #[must_use]
    pub fn encode(&self, now: &EntityState, baseline: &Baseline) -> Option<BitRun> {
        if now.kind != baseline.states()[0].kind {
            return None;
        }
        if !now.kind.is_alive() {
            return self.encode_lifeless(now, baseline);
        }
        let deviation = self.deviation(now, baseline)?;
        let mut run = BitRun::default();
        let Deviation { outlook, residuals, mask } = deviation;
        let mut evidence = outlook.evidence();
        residuals
            .iter()
            .enumerate()
            .for_each(|(index, residual)| evidence.learn(index, residual * evidence.sign(index)));
        let [books @ .., mask_book] = self.books(outlook.age_class(), &evidence);
        self.masks(mask_book)?.put(&mut run, mask);
        for ((index, residual), book) in residuals.into_iter().enumerate().zip(books).filter(|((_, off), _)| *off != 0)
        {
            self.put_told(&mut run, book, residual * evidence.sign(index))?;
        }
        if mask & FLAGS != 0 {
            put_flags(&mut run, now.flags, baseline.states()[0].flags, flag::AIRBORNE);
        }
        Some(run)
    }

    /// Writes how far off a field is, those before it being known to the evidence.
    #[inline]
    pub(super) fn put_residual(
        &self,
        run: &mut BitRun,
        outlook: &Outlook,
        evidence: &mut Evidence,
        index: usize,
        residual: i32,
    ) -> Option<()> {
        let told = residual * evidence.sign(index);
        self.put_told(run, self.book(index, outlook.age_class(), evidence), told)?;
        evidence.learn(index, told);
        Some(())
    }

    #[inline]
    fn put_told(&self, run: &mut BitRun, book: usize, told: i32) -> Option<()> {
        let (symbol, rest) = difference_symbol(told);
        self.differences(book)?.put(run, symbol);
        run.put(u64::from(told.unsigned_abs() & ((1 << rest) - 1)), rest);
        Some(())
    }

    /// As [`decode_delta`], with these tables.
    ///
    /// # Errors
    /// [`OutOfBits`] if the bits end early.
    pub fn decode(&self, reader: &mut BitReader<'_>, baseline: &Baseline) -> Result<EntityState, OutOfBits> {
        let EntityState { kind, flags: before, .. } = baseline.states()[0];
        if !kind.is_alive() {
            return self.decode_lifeless(reader, baseline);
        }
        let outlook = Outlook::of(baseline);
        let mut evidence = outlook.evidence();
        let [across_book, mask_book] = self.first_books(outlook.age_class(), &evidence);
        let mask = self.masks(mask_book).ok_or(OutOfBits)?.take(reader)?;
        let mut residuals = [0; DIFFERENCED];
        let mut take = |index: usize, book: usize, evidence: &mut Evidence| -> Result<(), OutOfBits> {
            if mask & 1 << index != 0
                && let Some(residual) = residuals.get_mut(index)
            {
                *residual = self.take_told(reader, book, evidence, index)?;
            }
            Ok(())
        };
        take(0, across_book, &mut evidence)?;
        for (index, book) in (1..).zip(self.middle_books(outlook.age_class(), &evidence)) {
            take(index, book, &mut evidence)?;
        }
        take(4, self.book(4, outlook.age_class(), &evidence), &mut evidence)?;
        let mut values = outlook.predict_alive(&self.gains);
        for ((value, residual), field) in values.iter_mut().zip(outlook.on_the_map(residuals)).zip(&FIELDS) {
            *value = field.wrap(value.wrapping_add(residual));
        }
        let flags = if mask & FLAGS != 0 { take_flags(reader, before, flag::AIRBORNE)? } else { before };
        Ok(state_of(kind, values, flags))
    }

    /// Reads how far off a field is.
    #[inline]
    pub(super) fn take_residual(
        &self,
        reader: &mut BitReader<'_>,
        outlook: &Outlook,
        evidence: &mut Evidence,
        index: usize,
    ) -> Result<i32, OutOfBits> {
        self.take_told(reader, self.book(index, outlook.age_class(), evidence), evidence, index)
    }

    #[inline]
    fn take_told(
        &self,
        reader: &mut BitReader<'_>,
        book: usize,
        evidence: &mut Evidence,
        index: usize,
    ) -> Result<i32, OutOfBits> {
        let symbol = self.differences(book).ok_or(OutOfBits)?.take(reader)?;
        let (smallest, rest) = magnitude_of_class(symbol / 2);
        let magnitude = (smallest | reader.take(rest)? as u32) as i32;
        let told = if symbol % 2 == 1 { -magnitude } else { magnitude };
        evidence.learn(index, told);
        Ok(told * evidence.sign(index))
    }
}

/// Differences from the prediction as they are told. None if one is too large for any code.
pub(super) fn residuals(outlook: &Outlook, off: [i32; DIFFERENCED]) -> Option<Residuals> {
    // What is turned by an eighth grows by less than half: whatever can be told is within twice the bound, and cannot
    // overflow when it is turned.
    let is_below = |of: &[i32; DIFFERENCED], max: u32| of.iter().all(|residual| residual.unsigned_abs() < max);
    if !is_below(&off, 2 * RESIDUAL_MAX) {
        return None;
    }
    let residuals = outlook.along_the_way(off);
    is_below(&residuals, RESIDUAL_MAX).then_some(residuals)
}

/// Nearly always it is one flag that has changed (of the living, feet have left the ground or come back to it): one bit.
/// Else all flags follow.
pub(super) fn put_flags(run: &mut BitRun, now: u8, before: u8, usual: u8) {
    let is_other = now != before ^ usual;
    run.put(u64::from(is_other), 1);
    if is_other {
        run.put(u64::from(now), 8);
    }
}

pub(super) fn take_flags(reader: &mut BitReader<'_>, before: u8, usual: u8) -> Result<u8, OutOfBits> {
    Ok(if reader.take_bool()? { reader.take(8)? as u8 } else { before ^ usual })
}
