//! The sections: what each says, in as few words as fit half a line.

use super::draw::{ILL, NAME, ODD, WELL, titled};
use super::view::{BACK_S, View};
use crate::terminal::sentence;
use ops_client::{Bound, CpuSeconds, Status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, SparklineBar};

/// A tick's time, in microseconds: one sixtieth of a second.
const TICK_US: f64 = 1e6 / 60.0;
/// The steps of the ladder that the server climbs under load; the first is none.
const LADDER: [&str; 6] =
    ["full rate", "lower send rate", "shorter view", "far mobs rest", "nobody is let in", "time goes slower"];

/// Who is here.
pub fn players(view: &View) -> Line<'static> {
    let Some(now) = view.now() else { return Line::default() };
    let Status { players, queued, connections, entities, rss_bytes, .. } = &now.status;
    let mib = *rss_bytes as f64 / 1_048_576.0;
    Line::from(vec![
        Span::styled("players ", NAME),
        Span::raw(format!("{players}, {queued} queued, {connections} connections, {entities} entities, {mib:.0} MiB")),
    ])
}

/// How far up the ladder.
pub fn overload(view: &View) -> Line<'static> {
    let Some(now) = view.now() else { return Line::default() };
    let (level, top) = (now.status.overload_level, LADDER.len() - 1);
    let at = usize::try_from(level).unwrap_or(top).min(top);
    let style = match at {
        0 => WELL,
        1..=2 => ODD,
        _ => ILL,
    };
    let rungs = format!("{}{}", "\u{25a0}".repeat(at), "\u{25a1}".repeat(top - at));
    Line::from(vec![
        Span::styled("overload ", NAME),
        Span::styled(format!("{rungs} level {level} of {top}, {}", LADDER[at]), style),
    ])
}

/// The ticks of the last minute in figures.
pub fn tick(view: &View) -> Line<'static> {
    let Some(now) = view.now() else { return Line::default() };
    let first = view.samples.front().map(|sample| &sample.status.tick_histogram);
    let histogram = match first {
        Some(first) if view.samples.len() > 1 => now.status.tick_histogram.since(first),
        _ => now.status.tick_histogram.clone(),
    };
    let max_us = view.samples.iter().map(|sample| sample.status.tick_us_max_last_second).fold(0.0, f64::max);
    let ms = |q| match histogram.quantile_us(q) {
        // A bucket's bound may lie beyond the longest tick in it.
        Some(Bound::Within(us)) if max_us > 0.0 => format!("{:.1}", us.min(max_us) / 1_000.0),
        Some(Bound::Within(us)) => format!("{:.1}", us / 1_000.0),
        Some(Bound::Beyond(us)) => format!(">{:.0}", us / 1_000.0),
        None => "-".to_owned(),
    };
    let style = if max_us > TICK_US { ODD } else { Style::new() };
    let overruns = now.status.tick_overruns_total;
    Line::from(vec![
        Span::styled("tick ", NAME),
        Span::raw(format!("p50 {} p99 {} ", ms(0.5), ms(0.99))),
        Span::styled(format!("max {:.1} ms", max_us / 1_000.0), style),
        Span::raw(format!(" {:.1} Hz {overruns} late", now.status.tick_rate_hz)),
    ])
}

/// The longest tick of each second of the last minute as bars, and the figures below.
pub fn draw_tick(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let block = titled("longest ticks of the last minute");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [chart, figures] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    let bars = bars(view, chart.width);
    // A tick that is in time never fills more than it should.
    let max = bars.iter().copied().fold(TICK_US, f64::max);
    let bar = |us: f64| {
        let colour = if us > TICK_US { Color::Red } else { Color::Green };
        // Whatever was measured is seen: an eighth of a line at least.
        let seen = if us > 0.0 { us.max(max / (8.0 * f64::from(chart.height.max(1)))) } else { 0.0 };
        SparklineBar::from(seen.ceil() as u64).style(Style::new().fg(colour))
    };
    let data: Vec<SparklineBar> = bars.into_iter().map(bar).collect();
    frame.render_widget(Sparkline::default().data(data).max(max as u64), chart);
    frame.render_widget(Paragraph::new(tick(view)), figures);
}

/// Microseconds of the longest tick in each of so many parts of the last minute, now at the right. A part that no sample
/// fell into is as the one before.
fn bars(view: &View, width: u16) -> Vec<f64> {
    let mut parts = vec![None; usize::from(width)];
    let Some(now) = view.now() else { return Vec::new() };
    for sample in &view.samples {
        let back = ((now.at_s - sample.at_s) / BACK_S * f64::from(width)) as usize;
        if let Some(part) = parts.len().checked_sub(back + 1).map(|at| &mut parts[at]) {
            let us = sample.status.tick_us_max_last_second;
            *part = Some(part.map_or(us, |other: f64| other.max(us)));
        }
    }
    let mut last = 0.0;
    parts.into_iter().map(|part| part.inspect(|us| last = *us).unwrap_or(last)).collect()
}

/// What goes in and out, and how it is for those at the other end.
pub fn network(view: &View) -> Vec<Line<'static>> {
    let Some(now) = view.now().map(|sample| &sample.status) else { return Vec::new() };
    let rate = |of: fn(&Status) -> u64| {
        view.before().map(|(before, seconds)| of(now).saturating_sub(of(before)) as f64 / seconds)
    };
    let each = now.kbit_per_client.unwrap_or_default();
    let way = |name: &'static str, packets: Option<f64>, bytes: Option<f64>, each: Option<f64>| {
        let (packets, each) = (figure(packets, 0), figure(each, 1));
        let mbit = figure(bytes.map(|bytes| bytes * 8.0 / 1e6), 1);
        Line::from(vec![
            Span::styled(format!("{name:<4}"), NAME),
            Span::raw(format!("{packets} pkt/s {mbit} Mbit/s {each} each")),
        ])
    };
    let rtt = now.rtt_ms.unwrap_or_default();
    let loss = figure(now.loss_ratio.map(|ratio| ratio * 100.0), 1);
    let dropped = now.kernel_drops_total;
    let drops =
        if rate(|status| status.kernel_drops_total).is_some_and(|rate| rate > 0.0) { ILL } else { Style::new() };
    vec![
        way("in", rate(|status| status.packets_in_total), rate(|status| status.bytes_in_total), each.up),
        way("out", rate(|status| status.packets_out_total), rate(|status| status.bytes_out_total), each.down),
        Line::from(vec![
            Span::styled("rtt ", NAME),
            Span::raw(format!("{}, p99 {} ms, loss {loss} %, ", figure(rtt.p50, 0), figure(rtt.p99, 0))),
            Span::styled(format!("drops {dropped}"), drops),
        ]),
    ]
}

/// A dash where the server does not say.
fn figure(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

/// The threads, as percent of a core.
fn threads(view: &View) -> [(&'static str, Option<f64>); 6] {
    let percent = |of: fn(&CpuSeconds) -> f64| {
        let now = of(&view.now()?.status.cpu_seconds);
        view.before().map(|(before, seconds)| (now - of(&before.cpu_seconds)).max(0.0) * 100.0 / seconds)
    };
    [
        ("reactor", percent(|cpu| cpu.reactor)),
        ("world", percent(|cpu| cpu.world)),
        ("persist", percent(|cpu| cpu.persistence)),
        ("courier", percent(|cpu| cpu.courier)),
        ("ops", percent(|cpu| cpu.ops)),
        ("all", percent(|cpu| cpu.total)),
    ]
}

/// What all threads take together.
pub fn processor_title(view: &View) -> String {
    format!("processor: {} % of a core", figure(threads(view)[5].1, 0))
}

/// A bar for each thread, two in a line. What the threads that have no bar take is in the sum.
pub fn processor(view: &View, width: u16) -> Vec<Line<'static>> {
    let half = usize::from(width / 2);
    let cell = |(name, percent): &(&'static str, Option<f64>)| {
        let filled = half.saturating_sub(8 + 6 + 1);
        let style = if percent.is_some_and(|percent| percent > 90.0) { ILL } else { WELL };
        [
            Span::styled(format!("{name:<8}"), NAME),
            Span::styled(bar(percent.unwrap_or(0.0) / 100.0, filled), style),
            Span::raw(format!("{:>6} ", figure(*percent, 1))),
        ]
    };
    threads(view)[..5].chunks(2).map(|pair| Line::from(pair.iter().flat_map(cell).collect::<Vec<_>>())).collect()
}

/// The same without bars.
pub fn processor_line(view: &View) -> Line<'static> {
    let threads = threads(view);
    let said = threads.iter().map(|(name, percent)| format!("{name} {}", figure(*percent, 0)));
    Line::from(vec![Span::styled("cpu % ", NAME), Span::raw(said.collect::<Vec<_>>().join(", "))])
}

/// A part of a width, to an eighth of a column.
fn bar(part: f64, width: usize) -> String {
    let eighths = (part.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let (full, rest) = (eighths / 8, eighths % 8);
    let end = ["", "\u{258f}", "\u{258e}", "\u{258d}", "\u{258c}", "\u{258b}", "\u{258a}", "\u{2589}"][rest];
    let blank = width - full - usize::from(rest > 0);
    format!("{}{end}{}", "\u{2588}".repeat(full), " ".repeat(blank))
}

/// How saving goes.
pub fn stores(view: &View) -> Vec<Line<'static>> {
    let Some(now) = view.now().map(|sample| &sample.status) else { return Vec::new() };
    let stores = &now.stores;
    let journal = match stores.journal_state.as_str() {
        "" => Span::raw("not told"),
        "ok" => Span::styled("ok", WELL),
        trouble => Span::styled(format!("NOT WRITTEN: {}", sentence(trouble)), ILL),
    };
    let commit_ms = stores.journal_commit_ms_max_last_second;
    let late = if now.save_lag_seconds > 5.0 { ODD } else { Style::new() };
    let outbox = match &stores.torn {
        Some(why) => Span::styled(format!("{}, STUCK: {}", stores.outbox, sentence(why)), ILL),
        None => Span::raw(stores.outbox.to_string()),
    };
    let mut others = vec![Span::styled("beside ", NAME)];
    if stores.others.is_empty() {
        others.push(Span::raw("no other store"));
    }
    for store in &stores.others {
        let (name, is_well) = (sentence(&store.name), store.state == "ok");
        let text =
            if is_well { format!("{name} ok ") } else { format!("{name} {} ", sentence(&store.state).to_uppercase()) };
        others.push(Span::styled(text, if is_well { WELL } else { ILL }));
    }
    vec![
        Line::from(vec![
            Span::styled("journal ", NAME),
            journal,
            Span::raw(format!(", commit {commit_ms:.1} ms at most")),
        ]),
        Line::from(vec![
            Span::styled("outbox ", NAME),
            outbox,
            Span::styled(format!(", lag {:.1} s", now.save_lag_seconds), late),
        ]),
        Line::from(others),
    ]
}
