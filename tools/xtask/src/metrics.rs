//! A server's `/metrics` page, by the names that stand on it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// For connecting, writing and reading, each.
const STEP_MAX: Duration = Duration::from_secs(2);
/// Bytes of the page that are read.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// One reading of the page.
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Asks the server whose operations interface listens there.
    pub fn read(ops: SocketAddr) -> Result<Self> {
        let mut stream = TcpStream::connect_timeout(&ops, STEP_MAX).context("the server's /metrics is not reached")?;
        stream.set_read_timeout(Some(STEP_MAX))?;
        stream.set_write_timeout(Some(STEP_MAX))?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {ops}\r\n\r\n")?;
        let mut text = String::new();
        stream.take(PAGE_BYTES_MAX).read_to_string(&mut text).context("the server's /metrics is not read")?;
        Ok(Self { text })
    }

    /// The page with this text.
    #[cfg(test)]
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The value of a line, named as it begins: `throng_ticks_total`, `throng_packets_total{dir="in"}`.
    pub fn value(&self, name: &str) -> Result<f64> {
        let value = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.with_context(|| format!("the server's /metrics has no {name}"))
    }

    /// All lines of that name, each by what its one label says.
    pub fn labelled(&self, name: &str, label: &str) -> Vec<(String, f64)> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let read = |line: &str| {
            let (of, value) = line.strip_prefix(label)?.strip_prefix("=\"")?.split_once("\"} ")?;
            Some((of.to_owned(), value.parse().ok()?))
        };
        lines.filter_map(read).collect()
    }

    /// All lines of that name, each by what its two labels say.
    pub fn labelled_twice(&self, name: &str, labels: [&str; 2]) -> Vec<([String; 2], f64)> {
        let lines = self.text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let read = |line: &str| {
            let (first, rest) = line.strip_prefix(labels[0])?.strip_prefix("=\"")?.split_once("\",")?;
            let (second, value) = rest.strip_prefix(labels[1])?.strip_prefix("=\"")?.split_once("\"} ")?;
            Some(([first.to_owned(), second.to_owned()], value.parse().ok()?))
        };
        lines.filter_map(read).collect()
    }

    /// What the transport counted under this name.
    pub fn event(&self, name: &str) -> Result<f64> {
        self.value(&format!("throng_transport_events_total{{event=\"{name}\"}}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let text = "throng_ticks_total 5\nthrong_ticks 7\nthrong_transport_events_total{event=\"sessions_moved\"} 3\n";
        let metrics = Metrics::of(text);
        assert_eq!(metrics.value("throng_ticks").unwrap(), 7.0);
        assert_eq!(metrics.event("sessions_moved").unwrap(), 3.0);
        assert_eq!(metrics.labelled("throng_transport_events_total", "event"), [("sessions_moved".to_owned(), 3.0)]);
        assert!(metrics.labelled("throng_ticks", "event").is_empty());
        assert!(metrics.value("throng").unwrap_err().to_string().contains("has no throng"));
    }
}
