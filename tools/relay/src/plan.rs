//! What happens to flows beside what their links do: new addresses, and times without any link.

/// A share of the flows, chosen by their number: flow n belongs if n/phi mod 1 lies below the share, so that any
/// share is spread evenly over those who came early and late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl Share {
    /// Whether flow number `flow` is meant.
    pub fn contains(self, flow: u64) -> bool {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        (flow as f64 * GOLDEN).fract() < self.0
    }
}

/// Flows get another source address towards the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rebind {
    /// When, ns after the start.
    pub at_ns: u64,
    /// And again each time this has passed.
    pub every_ns: Option<u64>,
    /// For whom.
    pub share: Share,
}

/// Nothing passes, either way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// From when on, ns after the start.
    pub from_ns: u64,
    /// Until when.
    pub to_ns: u64,
    /// For whom.
    pub share: Share,
}

impl Outage {
    /// Whether this flow is cut off now.
    pub fn is_on(&self, now_ns: u64, flow: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&now_ns) && self.share.contains(flow)
    }
}

/// `10s`, `10s@25%`.
pub fn rebind_at(text: &str) -> Result<Rebind, String> {
    let (at, share) = shared(text)?;
    Ok(Rebind { at_ns: seconds(at)?, every_ns: None, share })
}

/// `5s`, `5s@25%`: the first time after as long.
pub fn rebind_every(text: &str) -> Result<Rebind, String> {
    let (every, share) = shared(text)?;
    let every_ns = seconds(every)?;
    if every_ns == 0 {
        return Err(format!("{text}: at every moment is too often"));
    }
    Ok(Rebind { at_ns: every_ns, every_ns: Some(every_ns), share })
}

/// `20s..80s`, `20s..80s@40%`.
pub fn outage(text: &str) -> Result<Outage, String> {
    let (span, share) = shared(text)?;
    let (from, to) = span.split_once("..").ok_or_else(|| format!("{text}: expected FROM..TO, as in 20s..80s"))?;
    let (from_ns, to_ns) = (seconds(from)?, seconds(to)?);
    if from_ns >= to_ns {
        return Err(format!("{text}: it ends before it begins"));
    }
    Ok(Outage { from_ns, to_ns, share })
}

fn shared(text: &str) -> Result<(&str, Share), String> {
    let Some((what, share)) = text.split_once('@') else { return Ok((text, Share(1.0))) };
    let share = share.strip_suffix('%').and_then(|share| share.parse::<f64>().ok()).map(|percent| percent / 100.0);
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    share.map(|share| (what, Share(share))).ok_or_else(|| format!("{text}: expected @0% to @100%"))
}

/// `10s` or `0.5s` as ns, up to a day.
pub fn seconds(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('s').and_then(|number| number.parse::<f64>().ok());
    let number = number.filter(|seconds| (0.0..=86_400.0).contains(seconds));
    number.map(|seconds| (seconds * 1e9) as u64).ok_or_else(|| format!("{text}: expected seconds, as in 10s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_share_is_spread_over_early_and_late_flows() {
        for percent in [0, 10, 40, 100] {
            let share = Share(f64::from(percent) / 100.0);
            let of = |flows: std::ops::Range<u64>| flows.filter(|flow| share.contains(*flow)).count() as i64;
            let wanted = i64::from(percent) * 5;
            assert!((of(0..500) - wanted).abs() <= 3 && (of(500..1_000) - wanted).abs() <= 3, "{percent}");
        }
    }

    #[test]
    fn times_and_shares_are_read() {
        assert_eq!(rebind_at("10s@25%"), Ok(Rebind { at_ns: 10 * S, every_ns: None, share: Share(0.25) }));
        assert_eq!(rebind_every("5s"), Ok(Rebind { at_ns: 5 * S, every_ns: Some(5 * S), share: Share(1.0) }));
        let cut = outage("20s..80s@40%").unwrap();
        assert_eq!((cut.from_ns, cut.to_ns, cut.share), (20 * S, 80 * S, Share(0.4)));
        for text in ["", "10", "10s@", "10s@101%", "-1s", "0s"] {
            assert!(rebind_every(text).is_err(), "{text}");
        }
        assert!(outage("20s").is_err() && outage("80s..20s").is_err());
    }

    #[test]
    fn an_outage_begins_at_its_first_moment_and_is_over_at_its_last() {
        let cut = outage("2s..3s").unwrap();
        let on = [2 * S - 1, 2 * S, 3 * S - 1, 3 * S].map(|now_ns| cut.is_on(now_ns, 0));
        assert_eq!(on, [false, true, true, false]);
    }
}
