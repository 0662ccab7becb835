//! The figures of one run, as they are defined.

/// Capacity and use are compared window by window.
const WINDOW_NS: u64 = 1_000_000_000;
/// `later` leaves out this much of the beginning: the climb from the start rate.
const CLIMB_NS: u64 = 5_000_000_000;

/// What happened on the way down.
#[derive(Debug)]
pub struct Figures {
    demand_bytes_per_s: u32,
    run_ns: u64,
    /// Self-inflicted delay and wire bytes of each datagram delivered.
    delays: Vec<(u64, u32)>,
    sent_bytes: u64,
    sent_later_bytes: u64,
    delivered_by_window: Vec<u64>,
    used_bytes: u64,
    usable_bytes: u64,
    sent: u64,
    /// Datagrams dropped by the queue.
    pub dropped: u64,
    /// Datagrams lost by the path.
    pub lost: u64,
}

/// The columns.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    pub delay_p50_ms: f64,
    pub delay_p95_ms: f64,
    pub used: f64,
    pub sent: f64,
    pub sent_later: f64,
    pub dropped: f64,
    pub lost: f64,
}

impl Figures {
    pub fn new(demand_bytes_per_s: u32, run_ns: u64) -> Self {
        Self {
            demand_bytes_per_s,
            run_ns,
            delays: Vec::new(),
            sent_bytes: 0,
            sent_later_bytes: 0,
            delivered_by_window: Vec::new(),
            used_bytes: 0,
            usable_bytes: 0,
            sent: 0,
            dropped: 0,
            lost: 0,
        }
    }

    pub fn on_sent(&mut self, now_ns: u64, wire_bytes: usize) {
        self.sent += 1;
        self.sent_bytes += wire_bytes as u64;
        self.sent_later_bytes += if now_ns >= CLIMB_NS { wire_bytes as u64 } else { 0 };
    }

    /// A datagram was delivered that could have been at `ready_ns` had it been alone.
    pub fn on_delivered(&mut self, now_ns: u64, ready_ns: u64, wire_bytes: usize) {
        self.delays.push((now_ns.saturating_sub(ready_ns), wire_bytes as u32));
        let window = usize::try_from(now_ns / WINDOW_NS).expect("a run is short");
        if self.delivered_by_window.len() <= window {
            self.delivered_by_window.resize(window + 1, 0);
        }
        self.delivered_by_window[window] += wire_bytes as u64;
    }

    /// The run is over; `capacity_bytes` answers for a span of time. Only whole windows count.
    pub fn close(&mut self, capacity_bytes: impl Fn(u64, u64) -> u64) {
        self.delays.sort_unstable();
        for window in 0..self.run_ns / WINDOW_NS {
            let capacity_bytes = capacity_bytes(window * WINDOW_NS, (window + 1) * WINDOW_NS);
            let usable_bytes = capacity_bytes.min(u64::from(self.demand_bytes_per_s));
            let place = usize::try_from(window).expect("a run is short");
            let delivered_bytes = self.delivered_by_window.get(place).copied().unwrap_or(0);
            self.usable_bytes += usable_bytes;
            self.used_bytes += delivered_bytes.min(usable_bytes);
        }
    }

    pub fn summary(&self) -> Summary {
        let demand_bytes = |span_ns: u64| f64::from(self.demand_bytes_per_s) * span_ns as f64 / 1e9;
        let share = |part: u64| part as f64 / self.sent.max(1) as f64;
        Summary {
            delay_p50_ms: self.delay_ms(0.5),
            delay_p95_ms: self.delay_ms(0.95),
            used: self.used_bytes as f64 / self.usable_bytes.max(1) as f64,
            sent: self.sent_bytes as f64 / demand_bytes(self.run_ns),
            sent_later: self.sent_later_bytes as f64 / demand_bytes(self.run_ns.saturating_sub(CLIMB_NS)).max(1.0),
            dropped: share(self.dropped),
            lost: share(self.lost),
        }
    }

    /// The delay that this share of all delivered bytes did not exceed.
    fn delay_ms(&self, share: f64) -> f64 {
        let all: u64 = self.delays.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        let mut left = (all as f64 * share).ceil() as u64;
        for (delay_ns, bytes) in &self.delays {
            left = left.saturating_sub(u64::from(*bytes));
            if left == 0 {
                return *delay_ns as f64 / 1e6;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn delay_is_counted_by_bytes_not_by_datagrams() {
        let mut figures = Figures::new(1_000, 1_000 * MS);
        for _ in 0..18 {
            figures.on_delivered(10 * MS, 10 * MS, 50);
        }
        figures.on_delivered(300 * MS, 100 * MS, 1_000);
        figures.close(|_, _| u64::MAX);
        assert_eq!((figures.delay_ms(0.47), figures.delay_ms(0.5)), (0.0, 200.0));
    }

    #[test]
    fn use_is_capped_by_demand_and_capacity_in_each_window() {
        let mut figures = Figures::new(1_000, 3_500 * MS);
        for (at_ms, bytes) in [(500, 2_000), (1_500, 500), (2_500, 100), (3_200, 9_999)] {
            figures.on_delivered(at_ms * MS, at_ms * MS, bytes);
        }
        figures.close(|from_ns, _| if from_ns == 2_000 * MS { 200 } else { 5_000 });
        assert_eq!((figures.used_bytes, figures.usable_bytes), (1_000 + 500 + 100, 1_000 + 1_000 + 200));
    }
}
