//! The figures of one case.

use super::others::Judged;

/// Values of which quantiles are asked.
#[derive(Clone, Default)]
pub struct Spread(Vec<f32>);

impl Spread {
    pub fn push(&mut self, value: f64) {
        self.0.push(value as f32);
    }

    /// The value that this share does not exceed; 0 without values.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut values = self.0.clone();
        if values.is_empty() {
            return 0.0;
        }
        let place = ((values.len() as f64 * share) as usize).min(values.len() - 1);
        let (_, value, _) = values.select_nth_unstable_by(place, f32::total_cmp);
        f64::from(*value)
    }

    /// The largest.
    pub fn last(&self) -> f64 {
        self.quantile(1.0)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }
}

impl std::fmt::Debug for Spread {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {} {} {}", self.len(), self.quantile(0.5), self.quantile(0.99), self.last())
    }
}

/// Of all clients together.
#[derive(Debug, Default)]
pub struct Figures {
    pub near: Judged,
    pub far: Judged,
    /// Largest unexplained step in a frame, cm.
    pub jump_cm: f64,
    /// Of each wall and each push aside, ms.
    pub equal_after_ms: Spread,
    /// Of these, the ones that never became equal.
    pub never_equal: u64,
    /// Server ticks of which it is known whether an input was there.
    pub input_ticks: u64,
    /// Of these, without one.
    pub lacking: u64,
    /// Inputs that waited after a tick.
    pub depth: Spread,
}
