//! An input read as a script of operations.

/// Operations of one run of a stateful target at least: a short input is read again and again.
pub const OPERATIONS_MIN: usize = 64;

/// Operations of one run at most, whatever the input's length: bounds the time of a run.
pub const OPERATIONS_MAX: usize = 384;

/// Bytes without an end. When they run out they begin again, each lap shifted by another constant, so that a script of
/// a few bytes is still a story of many different operations.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    bytes: &'a [u8],
    at: usize,
    shift: u8,
    operations: usize,
}

/// Odd, so that 256 laps all differ.
const LAP_SHIFT: u8 = 0x9d;

impl<'a> Script<'a> {
    /// A script of these bytes; of zeros when there are none.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, shift: 0, operations: 0 }
    }

    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        if self.at >= self.bytes.len() {
            self.at = 0;
            self.shift = self.shift.wrapping_add(LAP_SHIFT);
        }
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte.wrapping_add(self.shift)
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.u8()))
    }

    /// A number below `end`, which is at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.u8()) % end.max(1)
    }

    /// The next operation's code: until the input is used up, and until there were [`OPERATIONS_MIN`].
    pub fn operation(&mut self) -> Option<u8> {
        let is_read = self.shift != 0 || self.at >= self.bytes.len();
        if self.operations >= OPERATIONS_MAX || (is_read && self.operations >= OPERATIONS_MIN) {
            return None;
        }
        self.operations += 1;
        Some(self.u8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operations(bytes: &[u8]) -> usize {
        let mut script = Script::new(bytes);
        std::iter::from_fn(|| script.operation()).count()
    }

    #[test]
    fn short_scripts_reach_the_minimum_and_long_ones_end() {
        assert_eq!(operations(&[]), OPERATIONS_MIN);
        assert_eq!(operations(&[1, 2, 3]), OPERATIONS_MIN);
        assert_eq!(operations(&[0; 100]), 100);
        assert_eq!(operations(&[0; 4_096]), OPERATIONS_MAX);
    }

    #[test]
    fn laps_differ() {
        let mut script = Script::new(&[7, 8]);
        let bytes: Vec<u8> = (0..6).map(|_| script.u8()).collect();
        assert_eq!(bytes, [7, 8, 7 + 0x9d, 8 + 0x9d, 65, 66]);
    }
}
