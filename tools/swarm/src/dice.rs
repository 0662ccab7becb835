//! Small seeded randomness for bots: the same seed gives the same crowd on every machine.

/// A stream of random numbers (SplitMix64: one addition and three mixes, 8 bytes of state per bot).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream number `stream` of `seed`; streams of one seed are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Self(seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        // Neighbouring seeds differ in few bits: one draw spreads them over the whole state.
        dice.0 = dice.draw();
        dice
    }

    /// 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.draw() >> 40) as f32 / (1_u32 << 24) as f32
    }

    /// Uniform between `low` and `high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..bound`; `bound` must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "there is no number below 0");
        ((u128::from(self.draw()) * bound as u128) >> 64) as usize
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Two independent standard normal numbers (Box and Muller).
    pub fn normals(&mut self) -> (f32, f32) {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.unit()).sin_cos();
        (radius * cos, radius * sin)
    }

    /// Exponentially distributed with this mean.
    pub fn exponential(&mut self, mean: f32) -> f32 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draws = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.draw(), dice.draw(), dice.draw()]
        };
        assert_eq!(draws(1, 2), draws(1, 2));
        assert_ne!(draws(1, 2), draws(1, 3));
        assert_ne!(draws(1, 2), draws(2, 2));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut dice = Dice::new(7, 0);
        let n = 20_000;
        let mut sums = [0.0_f64; 4];
        for _ in 0..n {
            let (a, b) = dice.normals();
            sums[0] += f64::from(dice.unit());
            sums[1] += f64::from(a + b);
            sums[2] += f64::from(a * a);
            sums[3] += f64::from(dice.exponential(3.0));
        }
        let mean = sums.map(|sum| sum / f64::from(n));
        assert!((mean[0] - 0.5).abs() < 0.01 && mean[1].abs() < 0.05, "{mean:?}");
        assert!((mean[2] - 1.0).abs() < 0.05 && (mean[3] - 3.0).abs() < 0.1, "{mean:?}");
    }
}
