//! The bits of the state of what is not alive, for someone who holds a baseline of it.
//!
//! spec: SNP-17. What nobody steers goes on as it did, so all of its velocity is expected to last, and mostly nothing is
//! off: one bit. Else a bit for each field that its kind has, and the differences in the books of people: those tell how
//! much by how fast and how bent the way is, which holds of a stone, too.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::baseline::Baseline;
use super::codes::Codes;
use super::delta::{put_flags, residuals, take_flags};
use super::field::{DIFFERENCED, FIELDS, FLAGS, FORM, ORIENTATION, differences, values};
use super::predict::{AGE_CLASSES, GAIN_SCALE, Gains, Outlook};
use super::turn::Turn;
use crate::bits::{BitReader, BitRun, OutOfBits};
use crate::state::{EntityState, flag};

/// All of every velocity is expected to last.
const LASTING: Gains = [[GAIN_SCALE; AGE_CLASSES]; DIFFERENCED];

/// Which fields are not as predicted, by their places in [`FIELDS`].
type Off = [bool; FIELDS.len()];

impl Codes {
    /// As `encode`, for what is not alive.
    pub(super) fn encode_lifeless(&self, now: &EntityState, baseline: &Baseline) -> Option<BitRun> {
        let before = &baseline.states()[0];
        let (outlook, turn) = (Outlook::of(baseline), Turn::of(baseline));
        let residuals = residuals(&outlook, differences(&values(now), &outlook.predict(&LASTING)))?;
        let mut off: Off = std::array::from_fn(|index| residuals.get(index).is_some_and(|&residual| residual != 0));
        off[ORIENTATION] = FIELDS[ORIENTATION].is_of(now.kind) && now.orientation() != turn.expected();
        off[FLAGS] = now.flags != before.flags;
        let mut run = BitRun::default();
        let is_off = off.contains(&true);
        run.put(u64::from(is_off), 1);
        if !is_off {
            return Some(run);
        }
        for (index, &off) in off.iter().enumerate() {
            if is_told(index, now) {
                run.put(u64::from(off), 1);
            }
        }
        let mut evidence = outlook.evidence();
        for (index, &residual) in residuals.iter().enumerate().filter(|&(_, &residual)| residual != 0) {
            self.put_residual(&mut run, &outlook, &mut evidence, index, residual)?;
        }
        if off[ORIENTATION] {
            turn.put(&mut run, now.orientation());
        }
        if off[FLAGS] {
            put_flags(&mut run, now.flags, before.flags, flag::AT_REST);
        }
        Some(run)
    }

    /// As `decode`, for what is not alive.
    pub(super) fn decode_lifeless(
        &self,
        reader: &mut BitReader<'_>,
        baseline: &Baseline,
    ) -> Result<EntityState, OutOfBits> {
        let before = baseline.states()[0];
        let mut off: Off = Off::default();
        if reader.take_bool()? {
            for (index, off) in off.iter_mut().enumerate() {
                *off = is_told(index, &before) && reader.take_bool()?;
            }
        }
        let outlook = Outlook::of(baseline);
        let (mut evidence, mut residuals) = (outlook.evidence(), [0; DIFFERENCED]);
        for ((index, residual), _) in residuals.iter_mut().enumerate().zip(off).filter(|&(_, off)| off) {
            *residual = self.take_residual(reader, &outlook, &mut evidence, index)?;
        }
        let mut now = before;
        for ((value, residual), field) in
            outlook.predict(&LASTING).into_iter().zip(outlook.on_the_map(residuals)).zip(&FIELDS)
        {
            if field.is_of(now.kind) {
                (field.store)(&mut now, field.wrap(value.wrapping_add(residual)));
            }
        }
        if FIELDS[ORIENTATION].is_of(now.kind) {
            let turn = Turn::of(baseline);
            now = now.with_orientation(if off[ORIENTATION] { turn.take(reader)? } else { turn.expected() });
        }
        if off[FLAGS] {
            now.flags = take_flags(reader, before.flags, flag::AT_REST)?;
        }
        Ok(now)
    }
}

/// Whether the field at this place has a bit that says whether it is off. A form never is: it lasts from enter to leave.
fn is_told(index: usize, of: &EntityState) -> bool {
    index != FORM && FIELDS.get(index).is_some_and(|field| field.is_of(of.kind))
}
