//! The table of the worst clients.

use super::SORTS;
use super::draw::{ILL, NAME, ODD, titled};
use super::view::View;
use crate::players::{SortKey, suspicion};
use crate::terminal::sentence;
use ops_api::PlayerRow;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};

/// A column: its heading, its width, the order that it shows, how much it is wanted (the least first to go), and its text.
struct Column {
    name: &'static str,
    width: u16,
    key: Option<SortKey>,
    wanted: u8,
    text: fn(&PlayerRow) -> String,
}

const COLUMNS: [Column; 13] = [
    Column { name: "session", width: 8, key: None, wanted: 4, text: |row| sentence(&row.session) },
    Column { name: "name", width: 14, key: None, wanted: 9, text: |row| sentence(&row.name) },
    Column {
        name: "state",
        width: 8,
        key: None,
        wanted: 3,
        text: |row| if row.silent { "silent".to_owned() } else { sentence(&row.state) },
    },
    Column { name: "rtt ms", width: 7, key: Some(SortKey::Rtt), wanted: 8, text: |row| format!("{:.0}", row.rtt_ms) },
    Column {
        name: "loss %",
        width: 7,
        key: Some(SortKey::Loss),
        wanted: 8,
        text: |row| format!("{:.1}", row.loss_ratio * 100.0),
    },
    Column {
        name: "down",
        width: 6,
        key: Some(SortKey::Down),
        wanted: 6,
        text: |row| format!("{:.0}", row.down_kbit_per_s),
    },
    Column {
        name: "age ms",
        width: 7,
        key: Some(SortKey::Age),
        wanted: 7,
        text: |row| format!("{:.0}", row.snapshot_age_ms),
    },
    Column {
        name: "backlog",
        width: 8,
        key: Some(SortKey::Backlog),
        wanted: 6,
        text: |row| row.backlog_bytes.to_string(),
    },
    Column { name: "points", width: 7, key: Some(SortKey::Suspicion), wanted: 6, text: suspicion },
    Column { name: "account", width: 10, key: None, wanted: 2, text: |row| row.account.to_string() },
    Column { name: "up", width: 6, key: None, wanted: 1, text: |row| format!("{:.0}", row.up_kbit_per_s) },
    Column { name: "starved", width: 8, key: None, wanted: 1, text: |row| row.starved.to_string() },
    Column { name: "address", width: 22, key: None, wanted: 0, text: |row| sentence(&row.address) },
];

/// Draws it: a title with the keys, headings, the rows.
pub fn draw(view: &View, frame: &mut Frame<'_>, area: Rect) {
    let key = view.sort();
    let what = SORTS.iter().find(|(_, sort, _)| *sort == key).map_or("", |(_, _, what)| what);
    let keys = " rldabs order  p hold  h help  q leave ";
    let block = titled(&format!("worst clients by {what}")).title(Line::from(keys).alignment(Alignment::Right));
    let (rows, _) = match &view.players {
        Ok(players) => players,
        Err(why) => {
            frame.render_widget(Paragraph::new(sentence(why)).style(ODD).block(block), area);
            return;
        }
    };
    if rows.is_empty() {
        frame.render_widget(Paragraph::new("nobody is here").block(block), area);
        return;
    }
    let shown = columns(area.width, key);
    let head = shown.iter().map(|column| {
        let style = if column.key == Some(key) { NAME.add_modifier(Modifier::REVERSED) } else { NAME };
        cell(column, column.name.to_owned()).style(style)
    });
    let row = |row: &PlayerRow| {
        let is_marked = view.marked.as_ref().is_some_and(|(session, _)| *session == row.session);
        let style = match (is_marked, row.flagged) {
            (true, _) => Style::new().add_modifier(Modifier::REVERSED),
            (false, true) => ILL,
            (false, false) => Style::new(),
        };
        Row::new(shown.iter().map(|column| cell(column, (column.text)(row))).collect::<Vec<_>>()).style(style)
    };
    let widths = shown.iter().map(|column| Constraint::Length(column.width));
    let table = Table::new(rows.iter().map(row).collect::<Vec<_>>(), widths)
        .header(Row::new(head))
        .column_spacing(0)
        .block(block);
    frame.render_widget(table, area);
}

/// Numbers stand at the right of their column.
fn cell(column: &Column, text: String) -> Cell<'static> {
    let is_words = matches!(column.name, "session" | "name" | "state" | "address");
    let alignment = if is_words { Alignment::Left } else { Alignment::Right };
    // A column of words is kept off the next one.
    let text = if column.name == "address" { format!("  {text}") } else { text };
    Cell::from(Line::from(text).alignment(alignment))
}

/// Those that fit, the most wanted first; what the rows are in order by is always there.
fn columns(width: u16, key: SortKey) -> Vec<&'static Column> {
    let mut order: Vec<&'static Column> = COLUMNS.iter().collect();
    order.sort_by_key(|column| (column.key != Some(key), std::cmp::Reverse(column.wanted)));
    let mut left = width;
    let mut names = Vec::new();
    for column in order {
        match left.checked_sub(column.width) {
            Some(rest) => {
                left = rest;
                names.push(column.name);
            }
            None => break,
        }
    }
    COLUMNS.iter().filter(|column| names.contains(&column.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_screen_keeps_the_name_and_what_is_asked_for() {
        let names = |width| columns(width, SortKey::Backlog).iter().map(|column| column.name).collect::<Vec<_>>();
        assert_eq!(names(30), ["name", "rtt ms", "backlog"]);
        assert!(names(80).len() >= 9 && names(80).contains(&"points"), "{:?}", names(80));
        assert_eq!(names(200).len(), COLUMNS.len());
        let all = COLUMNS.iter().filter(|column| column.wanted > 2).map(|column| column.width).sum::<u16>();
        assert!(all <= 80, "the usual screen shows every order: {all}");
    }
}
