//! Bits and time of telling many states.

use super::cases::Told;
use anyhow::{Result, ensure};
use measure::echo::process::ThreadClock;
use protocol::bits::{BitReader, BitWriter};
use protocol::snapshot::{Codes, Deviation, FIELD_NAMES, decode_full, encode_full};
use std::hint::black_box;

/// Averages over states.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// States told.
    pub states: u64,
    /// Bits of each field's difference.
    pub field_bits: [f64; FIELD_NAMES.len()],
    /// Bits that say which fields are not as predicted.
    pub mask_bits: f64,
    /// Bits of the flags.
    pub flag_bits: f64,
    /// Bits of a state, those in full included.
    pub state_bits: f64,
    /// Share that was told in full.
    pub full_share: f64,
    /// Of one state.
    pub encode_ns: f64,
    /// Of one state.
    pub decode_ns: f64,
}

/// States are timed in rounds of so many, as many as the bits of which stay in a near cache.
const ROUND: usize = 256;
/// Bytes that a state has room for.
const ROOM: usize = 16;

/// Tells every state and reads it again.
///
/// # Errors
/// A state was not read as it was written.
pub fn of(told: &[Told], codes: &Codes) -> Result<Figures> {
    let mut figures = Figures { states: told.len() as u64, ..Figures::default() };
    let (mut encode_ns, mut decode_ns, mut full) = (0, 0, 0_u64);
    let clock = ThreadClock::of_this_thread()?;
    let mut written = vec![([0; ROOM], 0_usize, true); ROUND];
    for round in told.chunks(ROUND) {
        let begun = clock.ns()?;
        for (told, (bytes, len, is_full)) in round.iter().zip(&mut written) {
            let run = told.baseline.and_then(|baseline| codes.encode(&told.now, &baseline));
            *is_full = run.is_none();
            let mut writer = BitWriter::new(bytes);
            writer.put_run(run.unwrap_or_else(|| encode_full(&told.now)));
            *len = writer.finish();
        }
        let encoded = clock.ns()?;
        encode_ns += encoded - begun;
        for (told, (bytes, len, is_full)) in round.iter().zip(&written) {
            let mut reader = BitReader::new(&bytes[..*len]);
            let read = match told.baseline {
                Some(baseline) if !is_full => codes.decode(&mut reader, &baseline)?,
                _ => decode_full(&mut reader, told.now.kind)?,
            };
            ensure!(black_box(read) == told.now, "{read:?} was read, {:?} was written", told.now);
        }
        decode_ns += clock.ns()? - encoded;
        for told in round {
            full += u64::from(!figures.add(told, codes));
        }
    }
    figures.divide(full, encode_ns, decode_ns);
    Ok(figures)
}

impl Figures {
    /// Adds the bits of one state; false if it had to be told in full.
    fn add(&mut self, told: &Told, codes: &Codes) -> bool {
        let deviation = told.baseline.and_then(|baseline| Some((baseline, codes.deviation(&told.now, &baseline)?)));
        let Some((baseline, deviation)) = deviation else {
            self.state_bits += f64::from(encode_full(&told.now).len());
            return false;
        };
        let Deviation { outlook, residuals, mask } = deviation;
        let mut evidence = outlook.evidence();
        self.mask_bits += f64::from(codes.mask_bits(codes.mask_book(outlook.age_class(), &evidence), mask));
        for (field, &residual) in residuals.iter().enumerate().filter(|&(_, &residual)| residual != 0) {
            let (book, told) = (codes.book(field, outlook.age_class(), &evidence), residual * evidence.sign(field));
            self.field_bits[field] += f64::from(codes.told_bits(book, told));
            evidence.learn(field, told);
        }
        let whole = codes.encode(&told.now, &baseline).map_or(0, |run| run.len());
        self.state_bits += f64::from(whole);
        true
    }

    fn divide(&mut self, full: u64, encode_ns: u64, decode_ns: u64) {
        let states = self.states as f64;
        let coded = self.state_bits - 92.0 * full as f64 - self.mask_bits - self.field_bits.iter().sum::<f64>();
        self.flag_bits = coded;
        for sum in self.field_bits.iter_mut().chain([&mut self.mask_bits, &mut self.flag_bits, &mut self.state_bits]) {
            *sum /= states;
        }
        self.full_share = full as f64 / states;
        (self.encode_ns, self.decode_ns) = (encode_ns as f64 / states, decode_ns as f64 / states);
    }
}
