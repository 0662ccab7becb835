//! The picture: what stands where on a screen of any size.

use super::panels;
use super::view::{Over, View};
use super::{SORTS, clients};
use crate::players::card;
use crate::span;
use crate::terminal::sentence;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

/// From here on everything has a place of its own; a smaller screen gets one line of each.
const WHOLE: (u16, u16) = (80, 24);
/// On less than this nothing can be made out.
const LEAST: (u16, u16) = (40, 12);
/// Lines of the middle of a whole screen, and the most that it takes of a higher one.
const MIDDLE_LINES: (u16, u16) = (8, 16);
/// Lines of the table of worst clients: its title, its headings and ten rows.
const TABLE_LINES: u16 = 12;

/// What is well.
pub const WELL: Style = Style::new().fg(Color::Green);
/// What wants looking at.
pub const ODD: Style = Style::new().fg(Color::Yellow);
/// What is wrong.
pub const ILL: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// Headings and names.
pub const NAME: Style = Style::new().fg(Color::Cyan);

/// Draws everything.
pub fn draw(view: &View, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        frame.render_widget(Paragraph::new(format!("too small: {width}x{height} at least")), area);
        return;
    }
    let [head, rest] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(vec![header(view, head.width), trouble(view)]), head);
    if view.now().is_none() {
        frame.render_widget(Paragraph::new("nothing was heard of the server yet"), rest);
    } else if area.width < WHOLE.0 || area.height < WHOLE.1 {
        draw_short(view, frame, rest);
    } else {
        draw_whole(view, frame, rest);
    }
    match view.over {
        Some(Over::Help) => over(frame, "keys", help()),
        Some(Over::Card) => {
            let card = view.marked_row().map_or_else(|| "it has gone".to_owned(), card);
            over(frame, "client", card.lines().map(|line| Line::from(line.to_owned())).collect());
        }
        None => {}
    }
}

fn draw_whole(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let spare = area.height.saturating_sub(2 + MIDDLE_LINES.0 + TABLE_LINES);
    let middle = (MIDDLE_LINES.0 + spare).min(MIDDLE_LINES.1);
    let [top, middle, table] =
        Layout::vertical([Constraint::Length(2), Constraint::Length(middle), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(vec![panels::players(view), panels::overload(view)]), top);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(1).areas(middle);
    let [tick, network] = Layout::vertical([Constraint::Fill(1), Constraint::Length(4)]).areas(left);
    panels::draw_tick(view, frame, tick);
    section(frame, network, "network (each client: kbit/s)", panels::network(view));
    let [processor, stores] = Layout::vertical([Constraint::Length(4), Constraint::Fill(1)]).areas(right);
    section(frame, processor, &panels::processor_title(view), panels::processor(view, processor.width));
    section(frame, stores, "stores", panels::stores(view));
    clients::draw(view, frame, table);
}

/// One line of each, and what is left for the table.
fn draw_short(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let mut lines = vec![panels::players(view), panels::overload(view), panels::tick(view)];
    lines.extend(panels::network(view));
    lines.push(panels::processor_line(view));
    lines.extend(panels::stores(view));
    // The table has its title, its headings and two rows at least.
    let shown = lines.len().min(usize::from(area.height.saturating_sub(4)));
    lines.truncate(shown);
    let [text, table] =
        Layout::vertical([Constraint::Length(u16::try_from(shown).unwrap_or(0)), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(lines), text);
    clients::draw(view, frame, table);
}

/// A heading across, and lines below it.
fn section(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'static>>) {
    frame.render_widget(Paragraph::new(lines).block(titled(title)), area);
}

/// A line with a heading in it.
pub fn titled(title: &str) -> Block<'static> {
    Block::new().borders(ratatui::widgets::Borders::TOP).border_style(NAME).title(format!(" {title} "))
}

/// Who is looked at, and whether it is well.
fn header(view: &View, width: u16) -> Line<'static> {
    let name = match view.now() {
        None => format!("throng at {}", view.address),
        Some(now) => {
            let (version, up) = (sentence(&now.status.version), span::said_s(now.status.uptime_s as u64));
            format!("throng {version} at {}  up {up}", view.address)
        }
    };
    let mut marks = marks(view);
    if view.is_held {
        marks.push(Span::styled("HELD", ODD));
    }
    let marks_width: usize = marks.iter().map(Span::width).sum::<usize>() + 2 * marks.len();
    let fill = usize::from(width).saturating_sub(Span::raw(name.as_str()).width() + marks_width);
    let mut line = vec![Span::styled(name, Style::new().add_modifier(Modifier::BOLD)), Span::raw(" ".repeat(fill))];
    for mark in marks {
        line.extend([Span::raw("  "), mark]);
    }
    Line::from(line)
}

/// How it is, in a word or two.
fn marks(view: &View) -> Vec<Span<'static>> {
    if let Some(away) = &view.away {
        return vec![Span::styled(format!("AWAY for {}", span::said_s(away.for_s as u64)), ILL)];
    }
    let Some(now) = view.now() else { return vec![Span::styled("ASKING", ODD)] };
    let mut marks = Vec::new();
    if let Some(in_s) = now.status.shutdown_in_s {
        marks.push(Span::styled(format!("GOES DOWN in {}", span::said_s(in_s as u64)), ILL));
    }
    marks.push(match (now.status.ready, now.status.draining) {
        (_, true) => Span::styled("DRAINING", ODD),
        (true, false) => Span::styled("READY", WELL),
        (false, false) => Span::styled("NOT READY", ILL),
    });
    marks
}

/// The second line: why nothing is heard, or the alerts, or what is coming.
fn trouble(view: &View) -> Line<'static> {
    if let Some(away) = &view.away {
        let seen = if view.now().is_some() { "what is below was heard last; " } else { "" };
        return Line::styled(format!("{seen}{}", sentence(&away.why)), ILL);
    }
    let Some(now) = view.now() else { return Line::default() };
    let mut spans = vec![Span::styled("alerts ", NAME)];
    match now.status.alerts_firing.as_slice() {
        [] => spans.push(Span::styled("none", WELL)),
        names => spans.push(Span::styled(raised(view, names), ILL)),
    }
    if let Some(forecast) = &now.status.forecast {
        spans.push(Span::styled(format!("  forecast {}", sentence(&forecast.text)), ODD));
    }
    Line::from(spans)
}

/// The names, and of the first also how long it has been raised and what it means.
fn raised(view: &View, names: &[String]) -> String {
    let about = view.alerts.alerts.iter().find(|alert| Some(&alert.name) == names.first());
    let all = sentence(&names.join(", "));
    match about {
        Some(alert) => format!("{all}: {} for {}", sentence(&alert.text), span::said_s(alert.since_s as u64)),
        None => all,
    }
}

fn help() -> Vec<Line<'static>> {
    let line = |keys: &str, what: &str| {
        Line::from(vec![Span::styled(format!(" {keys:<12}"), NAME), Span::raw(format!("{what} "))])
    };
    let mut lines: Vec<_> =
        SORTS.iter().map(|(key, _, what)| line(&key.to_string(), &format!("worst by {what}"))).collect();
    lines.extend([
        line("Left, Right", "worst by the next figure"),
        line("Up, Down", "mark a client"),
        line("Enter", "all about it"),
        line("p", "hold the picture, or let it go on"),
        line("h, ?", "these keys"),
        line("q, Esc", "leave"),
    ]);
    lines
}

/// A window in the middle, over everything.
fn over(frame: &mut Frame<'_>, title: &str, lines: Vec<Line<'static>>) {
    let area = frame.area();
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 2;
    let (width, height) = (width.min(area.width), (lines.len() as u16 + 2).min(area.height));
    let window = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, window);
    let block = Block::bordered().border_style(NAME).title(format!(" {title} "));
    frame.render_widget(Paragraph::new(lines).block(block), window);
}
