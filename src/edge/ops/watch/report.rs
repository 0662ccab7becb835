//! The report: one HTML file that stands alone, with curves of the last hour and the last day.

use super::alerts::Change;
use super::forecast::Forecast;
use super::history::History;
use super::plot::{Plot, escaped, number};
use super::point::{Figure, Point};
use crate::edge::clock;
use std::fmt::Write;

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Account {
    /// The server's name.
    pub server: String,
    /// When, in seconds since 1970.
    pub unix_s: u64,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Players that are let in.
    pub players_max: u32,
    /// What was.
    pub history: History,
    /// What was raised and cleared, the oldest first.
    pub changes: Vec<Change>,
    /// What is raised now, in words.
    pub raised: Vec<String>,
    /// What comes.
    pub forecast: Option<Forecast>,
    /// Stores and how they do.
    pub stores: Vec<(String, String)>,
    /// Threads and their part of a processor, in a hundred.
    pub threads: Vec<(String, f64)>,
}

/// Time of a tick, in milliseconds.
pub const TICK_MS: f64 = 1_000.0 / protocol::unit::TICK_RATE_HZ as f64;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;

/// Title, figures, and a limit with its name.
type Curves = (&'static str, &'static [Figure], Option<(f64, &'static str)>);

const PLOTS: [Curves; 8] = [
    ("Players", &[Figure::Players, Figure::Queued], None),
    ("Time of a tick", &[Figure::TickMax, Figure::TickP99, Figure::TickP50], Some((TICK_MS, "budget"))),
    ("Round trip", &[Figure::RttP99, Figure::RttP50], None),
    ("Loss, part of what is sent", &[Figure::Loss], None),
    ("Bandwidth", &[Figure::Down, Figure::Up], None),
    ("Processor", &[Figure::Cpu, Figure::CpuWorld, Figure::CpuReactor], None),
    ("Save lag", &[Figure::SaveLag], None),
    ("Resident memory", &[Figure::Resident], None),
];

/// The file. It needs nothing else: no script, no picture, no font.
pub fn html(account: &Account) -> String {
    let mut page = String::with_capacity(256 * 1_024);
    let title = format!("{} at {}", escaped(&account.server), clock::utc(account.unix_s));
    // Writing to a string does not fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Throng: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <h1>Throng: {title}</h1><p>Version {}, up for {}. All times are UTC.</p>",
        env!("CARGO_PKG_VERSION"),
        span(account.uptime_s)
    );
    summary(&mut page, account);
    alerts(&mut page, account);
    parts(&mut page, account);
    for (title, span_s) in [("The last hour", HOUR_S), ("The last day", DAY_S)] {
        let _ = write!(page, "<h2>{title}</h2><div class=\"plots\">");
        for (title, figures, mark) in PLOTS {
            let plot =
                Plot { title, figures, mark, from_s: account.unix_s.saturating_sub(span_s), to_s: account.unix_s };
            page.push_str(&match span_s {
                HOUR_S => plot.svg(account.history.seconds()),
                _ => plot.svg(account.history.minutes()),
            });
        }
        page.push_str("</div>");
    }
    page.push_str("</body></html>\n");
    page
}

fn summary(page: &mut String, account: &Account) {
    let now = account.history.newest();
    page.push_str(
        "<h2>Figures</h2><table><tr><th>Figure<th>now<th>mean of the hour<th>highest of the hour\
         <th>highest minute of the day</tr>",
    );
    for figure in Figure::all() {
        let value = now.and_then(|point| point.of(figure));
        let hour = Extent::of(figure, account.history.seconds());
        let day = Extent::of(figure, account.history.minutes());
        let unit = if figure.unit().is_empty() { String::new() } else { format!(", {}", figure.unit()) };
        let _ = write!(page, "<tr><th>{}{unit}", figure.label());
        for value in [value, hour.mean, hour.highest, day.highest] {
            let _ = write!(page, "<td>{}", value.map_or_else(|| "not known".to_owned(), number));
        }
        page.push_str("</tr>");
    }
    let _ = write!(page, "</table><p>{} players are let in.</p>", account.players_max);
}

fn alerts(page: &mut String, account: &Account) {
    page.push_str("<h2>Alerts</h2>");
    match &account.forecast {
        Some(forecast) => _ = write!(page, "<p>Forecast: {}.</p>", escaped(&forecast.sentence)),
        None => page.push_str("<p>Forecast: no trend leads to a limit.</p>"),
    }
    match account.raised.as_slice() {
        [] => page.push_str("<p>Nothing is raised now.</p>"),
        raised => raised.iter().for_each(|text| _ = write!(page, "<p class=\"raised\">{}</p>", escaped(text))),
    }
    if account.changes.is_empty() {
        page.push_str("<p>Nothing was raised since the start.</p>");
        return;
    }
    page.push_str("<table><tr><th>When<th>Alert<th>Change<th>Figure<th>Limit<th>It means</tr>");
    for change in account.changes.iter().rev() {
        let value = change.value.map_or_else(|| "not known".to_owned(), number);
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{value}<td>{}<td>{}</tr>",
            clock::utc(change.unix_s),
            change.name,
            change.word(),
            number(change.threshold),
            escaped(&change.text)
        );
    }
    page.push_str("</table>");
}

fn parts(page: &mut String, account: &Account) {
    page.push_str("<h2>Stores and threads</h2><table><tr><th>Store<th>State</tr>");
    for (name, state) in &account.stores {
        let _ = write!(page, "<tr><td>{}<td>{}</tr>", escaped(name), escaped(state));
    }
    page.push_str("</table><table><tr><th>Thread<th>% of a processor, now</tr>");
    for (name, percent) in &account.threads {
        let _ = write!(page, "<tr><td>{}<td>{}</tr>", escaped(name), number(*percent));
    }
    page.push_str("</table>");
}

/// Mean and highest of a figure; none if it was never known.
struct Extent {
    mean: Option<f64>,
    highest: Option<f64>,
}

impl Extent {
    fn of<'a>(figure: Figure, points: impl Iterator<Item = &'a Point>) -> Self {
        let (mut sum, mut count, mut highest) = (0.0, 0_u32, None);
        for value in points.filter_map(|point| point.of(figure)) {
            sum += value;
            count += 1;
            highest = Some(highest.map_or(value, |highest: f64| highest.max(value)));
        }
        Self { mean: (count > 0).then(|| sum / f64::from(count)), highest }
    }
}

/// `3 d 4 h`, `5 h 6 min`, `7 min`.
fn span(s: u64) -> String {
    let (days, hours, minutes) = (s / DAY_S, s / HOUR_S % 24, s / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2430;--dim:#5d6b7c;--line:#d5dbe3;--c0:#c0392b;--c1:#1f6fb2;--c2:#2e8b57;--c3:#8e44ad}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--dim:#93a1b3;--line:#364150;--c0:#ff7b6b;--c1:#6db3f2;--c2:#63c98f;--c3:#c792ea}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);max-width:1480px;margin:1.5rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1rem;display:block;overflow-x:auto}
td,th{padding:.15rem .7rem;border-bottom:1px solid var(--line);text-align:left;font-weight:400}
tr:first-child th{color:var(--dim)}
.raised{color:var(--c0);font-weight:600}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));gap:1rem}
svg{width:100%;height:auto;font:10px system-ui,sans-serif;fill:var(--dim)}
.title{fill:var(--ink);font-size:11px}
.grid{stroke:var(--line);stroke-width:.6}
.curve{fill:none;stroke-width:1.3;stroke-linejoin:round;stroke-linecap:round}
.curve.c0{stroke:var(--c0)}.curve.c1{stroke:var(--c1)}.curve.c2{stroke:var(--c2)}.curve.c3{stroke:var(--c3)}
.key.c0{fill:var(--c0)}.key.c1{fill:var(--c1)}.key.c2{fill:var(--c2)}.key.c3{fill:var(--c3)}
path.mark{stroke:var(--ink);stroke-dasharray:5 4;stroke-width:.8}
.y{text-anchor:end}.x{text-anchor:middle}
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::tick_times::NO_TICKS;

    fn account(seconds: u64) -> Account {
        let mut history = History::default();
        for s in 0..seconds {
            let mut point = Point::at(1_000_000 + s);
            point.set(Figure::Players, (s % 500) as f64);
            point.set(Figure::TickP99, 4.0);
            history.record(&point, &NO_TICKS);
        }
        let text = "a < b & c".to_owned();
        let change =
            Change { unix_s: 1_000_100, name: "tick_slow", is_raised: true, value: Some(15.0), threshold: 14.0, text };
        Account {
            server: "north".to_owned(),
            unix_s: 1_000_000 + seconds,
            uptime_s: seconds,
            players_max: 2_500,
            history,
            changes: vec![change],
            raised: vec!["tick_slow: a < b & c".to_owned()],
            forecast: None,
            stores: vec![("journal".to_owned(), "ok".to_owned())],
            threads: vec![("world".to_owned(), 12.5)],
        }
    }

    #[test]
    fn it_stands_alone_and_is_of_bounded_size() {
        let page = html(&account(90_000));
        assert!(page.len() < 300_000, "{} bytes", page.len());
        for outside in ["http://", "https://", "<script", "src=", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<svg").count(), 2 * PLOTS.len());
        assert!(page.contains("a &lt; b &amp; c") && !page.contains("a < b"));
        assert!(page.contains("<h1>Throng: north at 1970") && page.contains("up for 1 d 1 h"));
    }

    #[test]
    fn every_figure_has_its_line_also_if_it_is_not_known() {
        let page = html(&account(10));
        for figure in Figure::all() {
            assert!(page.contains(&format!("<tr><th>{}", figure.label())), "{}", figure.label());
        }
        assert!(page.contains("<td>not known"));
    }

    #[test]
    fn a_server_that_has_just_begun_has_a_report_too() {
        let page = html(&account(0));
        assert!(page.contains("no trend leads to a limit") && page.contains("up for 0 min"));
    }

    #[test]
    fn a_span_is_told_by_its_two_greatest_units() {
        assert_eq!([59, 3_600, 100_000].map(span), ["0 min", "1 h 0 min", "1 d 3 h"]);
    }
}
