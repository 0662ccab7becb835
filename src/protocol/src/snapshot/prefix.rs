//! Prefix codes from their lengths: frequent symbols are short, and no code is the beginning of another.
//!
//! spec: SNP-14. Codes are canonical: shorter ones come first, equal ones in the order of their symbols, and each is one
//! more than the one before. A code is written with its most significant bit first.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use crate::bits::{BitReader, BitRun, OutOfBits};

/// Longest code, bits.
pub const CODE_BITS_MAX: u32 = 12;
const LENGTHS: usize = CODE_BITS_MAX as usize + 1;
/// Codes up to this length are looked up, longer ones searched for: 512 bytes for each code, which stay in a near cache.
const QUICK_BITS: u32 = 8;
const QUICK: usize = 1 << QUICK_BITS;

/// A code over the symbols 0..N.
#[derive(Clone, Debug)]
pub struct PrefixCode<const N: usize> {
    /// By symbol: the code, its first bit lowest, and its length.
    codes: [(u16, u8); N],
    /// By length: one more than the last code of it, moved up to [`CODE_BITS_MAX`] bits.
    ends: [u32; LENGTHS],
    /// By length: what to add to a code to find its place in `symbols`.
    offsets: [i32; LENGTHS],
    /// Symbols in the order of their codes.
    symbols: [u8; N],
    /// By the next [`QUICK_BITS`] bits: the symbol whose code they begin with, and its length; 0 if it is longer.
    quick: [(u8, u8); QUICK],
}

impl<const N: usize> PrefixCode<N> {
    /// The code whose symbols have these lengths. None unless they are 1..=[`CODE_BITS_MAX`] and use up every bit pattern:
    /// then any bits are some symbol, and nothing that is read can be a code that was never written.
    #[must_use]
    pub fn new(lengths: &[u8; N]) -> Option<Self> {
        let (ends, offsets, quick) = ([0; LENGTHS], [0; LENGTHS], [(0, 0); QUICK]);
        let mut code = Self { codes: [(0, 0); N], ends, offsets, symbols: [0; N], quick };
        let (mut next, mut placed) = (0_u32, 0_usize);
        for bits in 1..=CODE_BITS_MAX {
            *code.offsets.get_mut(bits as usize)? = placed as i32 - next as i32;
            for (symbol, _) in lengths.iter().enumerate().filter(|&(_, &length)| u32::from(length) == bits) {
                let reversed = (next as u16).checked_shl(16 - bits)?.reverse_bits();
                *code.codes.get_mut(symbol)? = (reversed, bits as u8);
                *code.symbols.get_mut(placed)? = symbol as u8;
                if bits <= QUICK_BITS {
                    let same = code.quick.iter_mut().skip(usize::from(reversed)).step_by(1 << bits);
                    same.for_each(|entry| *entry = (symbol as u8, bits as u8));
                }
                (next, placed) = (next + 1, placed + 1);
            }
            if next > 1 << bits {
                return None;
            }
            *code.ends.get_mut(bits as usize)? = next << (CODE_BITS_MAX - bits);
            next <<= 1;
        }
        (placed == N && next == 2 << CODE_BITS_MAX).then_some(code)
    }

    /// Writes a symbol below N.
    pub fn put(&self, run: &mut BitRun, symbol: usize) {
        let code = self.codes.get(symbol);
        assert!(code.is_some(), "symbol {symbol} of {N}");
        if let Some(&(bits, length)) = code {
            run.put(u64::from(bits), u32::from(length));
        }
    }

    /// Bits of a symbol below N.
    #[must_use]
    pub fn bits(&self, symbol: usize) -> u32 {
        self.codes.get(symbol).map_or(0, |&(_, length)| u32::from(length))
    }

    /// Reads a symbol.
    ///
    /// # Errors
    /// [`OutOfBits`] if the bits end early.
    pub fn take(&self, reader: &mut BitReader<'_>) -> Result<usize, OutOfBits> {
        let ahead = reader.peek(CODE_BITS_MAX) as u16;
        if let Some(&(symbol, bits @ 1..)) = self.quick.get(usize::from(ahead) % QUICK) {
            reader.skip(u32::from(bits))?;
            return Ok(usize::from(symbol));
        }
        let ahead = u32::from(ahead.reverse_bits() >> (16 - CODE_BITS_MAX));
        let mut bits = QUICK_BITS + 1;
        while let Some(&end) = self.ends.get(bits as usize)
            && ahead >= end
        {
            bits += 1;
        }
        reader.skip(bits)?;
        let at = (ahead >> (CODE_BITS_MAX - bits)) as i32 + self.offsets.get(bits as usize).copied().unwrap_or(0);
        Ok(self.symbols.get(at as usize).copied().map_or(0, usize::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::BitWriter;

    /// proves: SNP-14
    #[test]
    fn codes_are_canonical_and_read_back() {
        let code = PrefixCode::new(&[2, 3, 1, 3]).unwrap();
        let written: Vec<_> = (0..4)
            .map(|symbol| {
                let mut run = BitRun::default();
                code.put(&mut run, symbol);
                let mut buf = [0; 8];
                let mut writer = BitWriter::new(&mut buf);
                writer.put_run(run);
                let len = writer.finish();
                assert_eq!(code.take(&mut BitReader::new(&buf[..len])), Ok(symbol));
                (run.len(), buf[0])
            })
            .collect();
        // 10, 110, 0, 111, first bit lowest.
        assert_eq!(written, [(2, 0b01), (3, 0b011), (1, 0), (3, 0b111)]);
    }

    #[test]
    fn lengths_that_leave_bit_patterns_over_or_use_them_twice_are_no_code() {
        assert!(PrefixCode::new(&[1, 2, 3]).is_none());
        assert!(PrefixCode::new(&[1, 1, 1]).is_none());
        assert!(PrefixCode::new(&[0, 1]).is_none());
        assert!(PrefixCode::new(&[12, 1]).is_none());
        assert!(PrefixCode::new(&[1, 1]).is_some());
    }

    #[test]
    fn a_code_that_ends_early_is_an_error() {
        let code = PrefixCode::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 9]).unwrap();
        assert_eq!(code.take(&mut BitReader::new(&[0xff])), Err(OutOfBits));
        assert_eq!(code.take(&mut BitReader::new(&[0x7f])), Ok(7));
        assert_eq!(code.take(&mut BitReader::new(&[])), Err(OutOfBits));
    }
}
