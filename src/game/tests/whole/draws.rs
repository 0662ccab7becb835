//! Chance, as a value.

/// splitmix64.
#[derive(Clone, Copy, Debug)]
pub struct Draws(pub u64);

impl Draws {
    /// 0..`below`; 0 if that is nothing.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Either way, up to `most`.
    pub fn around(&mut self, most: i32) -> i32 {
        self.below(2 * most as u64 + 1) as i32 - most
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        (!all.is_empty()).then(|| all[self.below(all.len() as u64) as usize])
    }
}
