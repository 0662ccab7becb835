//! What a server did between two moments, looked at once a second.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ops_client::{Bound, CpuSeconds, Status};

use crate::stage::{Place, Server};

/// Ticks, memory, lag and CPU of one server over some time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// How long, seconds.
    pub seconds: f64,
    /// 99 of 100 ticks took no longer, milliseconds.
    pub p99_ms: f64,
    /// The most memory that was resident, MiB.
    pub resident_mib: f64,
    /// The age of the oldest state that was not everywhere, the highest of all looks, seconds.
    pub lag_max_s: f64,
    /// The same at the last look.
    pub lag_last_s: f64,
    /// CPU of the journal's thread, percent of a core.
    pub persistence_percent: f64,
    /// CPU of the stores' thread, percent of a core.
    pub courier_percent: f64,
}

impl Window {
    /// Looks at a server for so long; an error if it ends meanwhile.
    pub fn watch(place: &Place, server: &mut Server, time: Duration) -> Result<Self> {
        let began = Instant::now();
        let mut looks = vec![place.status()?];
        while began.elapsed() < time {
            sleep(LOOK_EVERY);
            if let Some(status) = server.ended() {
                bail!("the server ended by itself with {status}{}", server.last_words());
            }
            looks.push(place.status()?);
        }
        Ok(Self::of(&looks, began.elapsed().as_secs_f64()))
    }

    fn of(looks: &[Status], seconds: f64) -> Self {
        let (first, last) = (&looks[0], &looks[looks.len() - 1]);
        let p99_us = match last.tick_histogram.since(&first.tick_histogram).quantile_us(0.99) {
            Some(Bound::Within(us) | Bound::Beyond(us)) => us,
            None => f64::NAN,
        };
        let most = |of: fn(&Status) -> f64| looks.iter().map(of).fold(0.0, f64::max);
        let percent = |of: fn(&CpuSeconds) -> f64| (of(&last.cpu_seconds) - of(&first.cpu_seconds)) * 100.0 / seconds;
        Self {
            seconds,
            p99_ms: p99_us / 1e3,
            resident_mib: most(|look| look.rss_bytes as f64) / MIB,
            lag_max_s: most(|look| look.save_lag_seconds),
            lag_last_s: last.save_lag_seconds,
            persistence_percent: percent(|cpu| cpu.persistence),
            courier_percent: percent(|cpu| cpu.courier),
        }
    }
}

/// Figures are published once a second.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MIB: f64 = 1_048_576.0;

#[cfg(test)]
mod tests {
    use super::*;
    use ops_client::TickHistogram;

    fn look(counts: [u64; 3], lag_s: f64, mib: u64, cpu_s: f64) -> Status {
        Status {
            tick_histogram: TickHistogram {
                upper_us: vec![Some(1_000.0), Some(2_000.0), None],
                counts: counts.to_vec(),
            },
            save_lag_seconds: lag_s,
            rss_bytes: mib << 20,
            cpu_seconds: CpuSeconds { persistence: cpu_s, courier: 2.0 * cpu_s, ..CpuSeconds::default() },
            ..Status::default()
        }
    }

    #[test]
    fn ticks_and_cpu_are_differences_memory_and_lag_the_most_of_all_looks() {
        let looks =
            [look([900, 0, 50], 0.5, 40, 1.0), look([950, 0, 50], 31.0, 60, 1.5), look([1_890, 10, 50], 2.0, 50, 2.0)];
        let window = Window::of(&looks, 10.0);
        let expected = Window {
            seconds: 10.0,
            p99_ms: 1.0,
            resident_mib: 60.0,
            lag_max_s: 31.0,
            lag_last_s: 2.0,
            persistence_percent: 10.0,
            courier_percent: 20.0,
        };
        assert_eq!(window, expected);
    }

    /// NaN is within no bounds: a window without ticks holds no line.
    #[test]
    fn a_window_without_a_tick_has_no_p99() {
        assert!(Window::of(&[look([5, 0, 0], 0.0, 1, 0.0), look([5, 0, 0], 0.0, 1, 0.0)], 1.0).p99_ms.is_nan());
    }
}
