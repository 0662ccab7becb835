//! What one client was told, second by second.

/// How many of the entities in view are to be told how often, per second at least: most often first.
pub const MIX: [(usize, u32); 3] = [(16, 60), (24, 20), (24, 10)];

/// One second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Bytes of datagrams, IP and UDP headers included.
    pub bytes: u64,
    pub datagrams: u64,
    /// By entity: how often it was told, and ticks in which there was something new to tell of it.
    pub told: Vec<(u32, u32)>,
}

impl Second {
    pub fn kbit(&self) -> f64 {
        self.bytes as f64 * 8.0 / 1_000.0
    }

    /// Whether so many entities were told as often as [`MIX`] says. Of whom nothing changed there is nothing to tell, and a
    /// second is cut out of the ticks anywhere: one may be missing.
    pub fn holds(&self) -> bool {
        let mut needed = 0;
        MIX.iter().all(|&(count, hz)| {
            needed += count;
            let often = self.told.iter().filter(|&&(told, changed)| told + 1 >= hz.min(changed)).count();
            often >= needed
        })
    }

    /// Mean rates of those in each class of [`MIX`], most often told first.
    pub fn rates(&self) -> [f64; MIX.len()] {
        let mut told: Vec<_> = self.told.iter().map(|(told, _)| *told).collect();
        told.sort_unstable_by(|a, b| b.cmp(a));
        let mut rest = &told[..];
        MIX.map(|(count, _)| {
            let (class, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            f64::from(class.iter().sum::<u32>()) / class.len().max(1) as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(told: impl Iterator<Item = (u32, u32)>) -> Second {
        Second { told: told.collect(), ..Second::default() }
    }

    #[test]
    fn a_mix_holds_when_each_class_has_its_rate_and_not_when_one_lacks() {
        let rate = |index: usize| {
            if index < 16 {
                60
            } else if index < 40 {
                20
            } else {
                10
            }
        };
        let exact = second((0..64).map(|index| (rate(index), 60)));
        assert!(exact.holds());
        assert_eq!(exact.rates(), [60.0, 20.0, 10.0]);
        assert!(!second((0..64).map(|index| (rate(index) - if index == 3 { 2 } else { 0 }, 60))).holds());
        assert!(!second((0..64).map(|index| (rate(index) - if index == 63 { 2 } else { 0 }, 60))).holds());
        assert!(!second((0..63).map(|index| (rate(index), 60))).holds(), "one is not in view");
    }

    #[test]
    fn of_whom_nothing_changes_nothing_need_be_told() {
        assert!(second((0..64).map(|index| (0, u32::from(index % 2 == 0)))).holds());
    }
}
