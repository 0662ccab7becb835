//! What is wrong with a link.

/// Shape of a link; [`LinkConfig::default`] is a perfect one. All probabilities are 0.0 to 1.0, per datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkConfig {
    /// Every datagram takes at least this long, ns.
    pub latency_ns: u64,
    /// On top of it a uniform draw from 0 to this, ns. Jitter alone never reorders: a queue is first in, first out.
    pub jitter_ns: u64,
    /// Datagrams lost independently of each other.
    pub loss: f64,
    /// Loss that comes in bursts, beside `loss`.
    pub burst: Option<Burst>,
    /// Datagrams that arrive twice; the copy takes its own way, late and out of order.
    pub duplicate: f64,
    /// Datagrams that take a detour and are overtaken.
    pub reorder: f64,
    /// How long a detour takes at most, ns; the draw is uniform from 0.
    pub reorder_ns: u64,
    /// Datagrams in which one random bit is flipped.
    pub corrupt: f64,
}

/// The Gilbert-Elliott model: the link is in a good or a bad state and changes between them per datagram.
///
/// The share of time spent in the bad state is `enter / (enter + leave)`, a stay there lasts `1 / leave` datagrams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Probability per datagram to go from good to bad.
    pub enter: f64,
    /// Probability per datagram to go from bad to good.
    pub leave: f64,
    /// Loss while bad.
    pub loss: f64,
}

impl LinkConfig {
    /// A link with this one-way latency and nothing else wrong.
    #[must_use]
    pub fn with_latency_ns(latency_ns: u64) -> Self {
        Self { latency_ns, ..Self::default() }
    }

    /// Whether every probability is one.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let burst = self.burst.map_or([0.0; 3], |burst| [burst.enter, burst.leave, burst.loss]);
        let alone = [self.loss, self.duplicate, self.reorder, self.corrupt];
        alone.iter().chain(&burst).all(|probability| (0.0..=1.0).contains(probability))
    }
}
