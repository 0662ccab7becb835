//! The bits of a state for someone who holds a baseline of it.
//!
//! spec: SNP-6. First which fields are not as predicted, then for each of them how far off: class, sign, rest. This is how
//! players and mobs are told, by tables that were trained on people; of what is not alive see [`super::lifeless`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::codes::{Codes, difference_symbol, magnitude_of_class};
use super::field::{DIFFERENCED, FIELDS, differences, state_of, values};
use super::predict::{Outlook, Residuals};
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
    /// By field.
    pub residuals: Residuals,
    /// Bit i: field i is not as predicted; the highest bit stands for the flags.
    pub mask: usize,
}

impl Codes {
    /// How `now` differs from what `baseline` makes one expect. None if a difference is too large for any code.
    #[must_use]
    pub fn deviation(&self, now: &EntityState, baseline: &Baseline) -> Option<Deviation> {
        let outlook = Outlook::of(baseline);
        let residuals = differences(&values(now), &outlook.predict(&self.gains));
        if residuals.iter().any(|residual| residual.unsigned_abs() >= RESIDUAL_MAX) {
            return None;
        }
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
        self.masks(deviation.outlook.mask_context())?.put(&mut run, deviation.mask);
        for (index, &residual) in deviation.residuals.iter().enumerate().filter(|&(_, &residual)| residual != 0) {
            self.put_residual(&mut run, &deviation.outlook, index, residual, &deviation.residuals)?;
        }
        if deviation.mask & FLAGS != 0 {
            put_flags(&mut run, now.flags, baseline.states()[0].flags, flag::AIRBORNE);
        }
        Some(run)
    }

    /// Writes how far off a field is, those before it being as in `residuals`.
    #[inline]
    pub(super) fn put_residual(
        &self,
        run: &mut BitRun,
        outlook: &Outlook,
        index: usize,
        residual: i32,
        residuals: &Residuals,
    ) -> Option<()> {
        let (symbol, rest) = difference_symbol(residual, outlook.is_flipped(index));
        self.differences(index, self.book(index, &outlook.features(index, residuals)))?.put(run, symbol);
        run.put(u64::from(residual.unsigned_abs() & ((1 << rest) - 1)), rest);
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
        let mask = self.masks(outlook.mask_context()).ok_or(OutOfBits)?.take(reader)?;
        let mut residuals = [0; DIFFERENCED];
        for index in (0..DIFFERENCED).filter(|index| mask & 1 << index != 0) {
            self.take_residual(reader, &outlook, index, &mut residuals)?;
        }
        let mut values = outlook.predict(&self.gains);
        for ((value, residual), field) in values.iter_mut().zip(residuals).zip(&FIELDS) {
            *value = field.wrap(value.wrapping_add(residual));
        }
        let flags = if mask & FLAGS != 0 { take_flags(reader, before, flag::AIRBORNE)? } else { before };
        Ok(state_of(kind, values, flags))
    }

    /// Reads how far off a field is into its place in `residuals`.
    #[inline]
    pub(super) fn take_residual(
        &self,
        reader: &mut BitReader<'_>,
        outlook: &Outlook,
        index: usize,
        residuals: &mut Residuals,
    ) -> Result<(), OutOfBits> {
        let book = self.book(index, &outlook.features(index, residuals));
        let symbol = self.differences(index, book).ok_or(OutOfBits)?.take(reader)?;
        let (smallest, rest) = magnitude_of_class(symbol / 2);
        let magnitude = (smallest | reader.take(rest)? as u32) as i32;
        if let Some(residual) = residuals.get_mut(index) {
            *residual = if (symbol % 2 == 1) == outlook.is_flipped(index) { magnitude } else { -magnitude };
        }
        Ok(())
    }
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
