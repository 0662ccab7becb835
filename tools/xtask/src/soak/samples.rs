//! What a soaking server is from second to second: read from its page, kept as a file, drawn as a line.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::metrics::Metrics;
use crate::stage::{Place, Server};

const MIB: f64 = 1_048_576.0;
/// Characters of a drawn line.
const LINE_CHARS: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One reading. Sizes are in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Seconds since the swarm began.
    pub at_s: f64,
    /// Resident memory.
    pub resident: f64,
    /// Memory asked of the allocator and not given back; 0 where the server does not tell.
    pub allocated: f64,
    /// Open files.
    pub files: f64,
    /// All files in the data directory.
    pub data: f64,
    /// Sessions.
    pub sessions: f64,
    /// Ticks since the start.
    pub ticks: f64,
    /// The fuller of the two queues between reactor and world, as a part of its bound.
    pub queue: f64,
    /// Arenas that lie ready, both ways.
    pub pool_free: f64,
    /// Times that none lay ready, both ways, since the start.
    pub pool_misses: f64,
}

impl Sample {
    /// Reads the page of a server, and what the system tells of it.
    pub fn read(place: &Place, server: &Server, at_s: f64) -> Result<Self> {
        let metrics = Metrics::read(place.ops)?;
        let both = |name: &str, label: &str| {
            let of = |way: &str| metrics.value(&format!("{name}{{{label}=\"{way}\"}}"));
            anyhow::Ok([of("inbound")?, of("outbound")?])
        };
        let (depth, bound) = (both("throng_queue_depth", "queue")?, both("throng_queue_bound", "queue")?);
        Ok(Self {
            at_s,
            resident: metrics.value("throng_resident_bytes")? / MIB,
            allocated: metrics.value("throng_allocated_bytes")? / MIB,
            files: fs::read_dir(format!("/proc/{}/fd", server.pid())).context("no open files to count")?.count() as f64,
            data: bytes_in(&place.data) as f64 / MIB,
            sessions: metrics.event("sessions_started")? - metrics.event("sessions_ended")?,
            ticks: metrics.value("throng_ticks_total")?,
            queue: (depth[0] / bound[0]).max(depth[1] / bound[1]),
            pool_free: both("throng_pool_free", "pool")?.iter().sum(),
            pool_misses: both("throng_pool_misses_total", "pool")?.iter().sum(),
        })
    }
}

/// Writes all samples as a table that other programs read.
pub fn write_csv(file: &Path, samples: &[Sample]) -> Result<()> {
    let mut text =
        "at_s,resident_mib,allocated_mib,files,data_mib,sessions,ticks,queue,pool_free,pool_misses\n".to_owned();
    for sample in samples {
        let Sample { at_s, resident, allocated, files, data, sessions, ticks, queue, pool_free, pool_misses } = sample;
        writeln!(
            text,
            "{at_s:.1},{resident:.2},{allocated:.2},{files},{data:.2},{sessions},{ticks},{queue:.3},{pool_free},{pool_misses}"
        )?;
    }
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}

/// A figure over time as one line of bars, with its least and its most.
pub fn drawn(figures: &[f64]) -> String {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let most = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bar = |column: usize| {
        let at = |column: usize| figures.len() * column / LINE_CHARS.min(figures.len());
        let part = &figures[at(column)..at(column + 1)];
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        let height = (mean - least) / (most - least).max(f64::MIN_POSITIVE) * (BARS.len() - 1) as f64;
        BARS[height.round() as usize]
    };
    let bars: String = (0..LINE_CHARS.min(figures.len())).map(bar).collect();
    if bars.is_empty() { bars } else { format!("{bars} {least:.1} to {most:.1}") }
}

/// All bytes of the files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| match file.metadata() {
            Ok(about) if about.is_dir() => bytes_in(&file.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_what_grows() {
        let growing: Vec<f64> = (0..600).map(f64::from).collect();
        let line = drawn(&growing);
        assert!(line.starts_with("▁▁") && line.ends_with("██ 0.0 to 599.0"), "{line}");
        assert_eq!(line.chars().take_while(|letter| *letter != ' ').count(), LINE_CHARS);
        assert_eq!(drawn(&[5.0, 5.0]), "▁▁ 5.0 to 5.0");
        assert_eq!(drawn(&[]), "");
    }

    #[test]
    fn samples_are_kept_one_per_line_under_their_names() {
        let file = std::env::temp_dir().join(format!("xtask-soak-{}.csv", std::process::id()));
        write_csv(&file, &[Sample { at_s: 1.0, resident: 50.25, sessions: 7.0, ..Sample::default() }]).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let columns: Vec<usize> = text.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(columns, [10, 10]);
        assert!(text.ends_with("\n1.0,50.25,0.00,0,0.00,7,0,0.000,0,0\n"), "{text}");
    }
}
