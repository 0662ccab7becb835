//! What is known of the server and of what the operator wants to see.

use super::SORTS;
use super::watch::Heard;
use crate::players::SortKey;
use ops_api::{Alerts, PlayerRow};
use ops_client::Status;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::VecDeque;

/// What is looked back upon, in seconds.
pub const BACK_S: f64 = 60.0;
/// Between the two samples from which a rate is taken, at least, in seconds: the server publishes once a second, and its
/// seconds are not ours.
const RATE_S: f64 = 2.5;

/// How the server was at a moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Seconds since the beginning.
    pub at_s: f64,
    /// What it said.
    pub status: Status,
}

/// Why nothing is heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Away {
    /// In words.
    pub why: String,
    /// Seconds since the first time.
    pub for_s: f64,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing but another picture.
    Stay,
    /// The server is to be asked for this order.
    Ask(SortKey),
    /// The end.
    Leave,
}

/// What lies over the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The keys.
    Help,
    /// All about the client that is marked.
    Card,
}

/// Everything that is drawn.
pub struct View {
    /// The server's.
    pub address: String,
    /// Of the last minute, the newest last.
    pub samples: VecDeque<Sample>,
    /// The worst clients and how many there are, or why the server does not say.
    pub players: Result<(Vec<PlayerRow>, usize), String>,
    /// What is wrong.
    pub alerts: Alerts,
    /// Nothing is heard.
    pub away: Option<Away>,
    /// The picture is held.
    pub is_held: bool,
    /// What lies over it.
    pub over: Option<Over>,
    /// The session of the client that is marked, and its row.
    pub marked: Option<(String, usize)>,
    sort: usize,
    /// When nothing was heard first.
    away_since_s: f64,
}

impl View {
    /// Of a server that nothing was heard of yet.
    pub fn new(address: String) -> Self {
        Self {
            address,
            samples: VecDeque::new(),
            players: Ok((Vec::new(), 0)),
            alerts: Alerts::default(),
            away: None,
            is_held: false,
            over: None,
            marked: None,
            sort: 0,
            away_since_s: 0.0,
        }
    }

    /// The order of the worst clients.
    pub fn sort(&self) -> SortKey {
        SORTS[self.sort].1
    }

    /// The newest sample.
    pub fn now(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// The sample that rates are taken from, and how many seconds before the newest it was; none before there are two.
    pub fn before(&self) -> Option<(&Status, f64)> {
        let now = self.now()?;
        let far = self.samples.iter().rev().find(|sample| now.at_s - sample.at_s >= RATE_S);
        let before = far.or_else(|| self.samples.front())?;
        let seconds = now.at_s - before.at_s;
        (seconds > 0.0).then_some((&before.status, seconds))
    }

    /// The client that is marked.
    pub fn marked_row(&self) -> Option<&PlayerRow> {
        let (session, _) = self.marked.as_ref()?;
        self.players.as_ref().ok()?.0.iter().find(|row| row.session == *session)
    }

    /// Something was heard, or nothing, `at_s` seconds after the beginning.
    pub fn on_heard(&mut self, at_s: f64, heard: Result<Heard, String>) {
        let Heard { status, players, alerts } = match heard {
            Ok(heard) => heard,
            Err(why) => return self.on_silence(at_s, why),
        };
        self.away = None;
        if self.is_held {
            return;
        }
        if self.now().is_some_and(|last| status.uptime_s < last.status.uptime_s) {
            // Another process: nothing of the last one's totals can be taken from its.
            self.samples.clear();
        }
        self.samples.push_back(Sample { at_s, status });
        while self.samples.front().is_some_and(|oldest| at_s - oldest.at_s > BACK_S + 0.5) {
            self.samples.pop_front();
        }
        self.alerts = alerts;
        self.players = players.map(|page| (page.players, page.total));
        self.order();
    }

    fn on_silence(&mut self, at_s: f64, why: String) {
        if self.away.is_none() {
            self.away_since_s = at_s;
        }
        self.away = Some(Away { why, for_s: at_s - self.away_since_s });
    }

    /// The worst first, also between two answers; whoever is marked stays marked, or else who is in its place.
    fn order(&mut self) {
        let key = self.sort();
        let Ok((rows, _)) = &mut self.players else { return };
        rows.sort_by(|a, b| worth(b, key).total_cmp(&worth(a, key)));
        if let Some((session, at)) = &mut self.marked {
            match rows.iter().position(|row| row.session == *session) {
                Some(found) => *at = found,
                None => {
                    let next = (*at).min(rows.len().saturating_sub(1));
                    self.marked = rows.get(next).map(|row| (row.session.clone(), next));
                }
            }
        }
    }

    /// A key was pressed.
    pub fn on_key(&mut self, key: KeyEvent) -> Step {
        if key.kind == KeyEventKind::Release {
            return Step::Stay;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return Step::Leave,
            // Whatever lies over the picture goes first.
            KeyCode::Char('q') | KeyCode::Esc if self.over.is_some() => self.over = None,
            KeyCode::Char('q') | KeyCode::Esc => return Step::Leave,
            KeyCode::Char('h' | '?') => self.over = if self.over == Some(Over::Help) { None } else { Some(Over::Help) },
            KeyCode::Char('p') => self.is_held = !self.is_held,
            KeyCode::Enter if self.over == Some(Over::Card) => self.over = None,
            KeyCode::Enter => {
                if self.marked.is_none() {
                    self.mark(0);
                }
                self.over = self.marked_row().map(|_| Over::Card);
            }
            KeyCode::Up => self.mark(-1),
            KeyCode::Down => self.mark(1),
            KeyCode::Left => return self.sort_by((self.sort + SORTS.len() - 1) % SORTS.len()),
            KeyCode::Right => return self.sort_by((self.sort + 1) % SORTS.len()),
            KeyCode::Char(char) => {
                if let Some(sort) = SORTS.iter().position(|(key, _, _)| *key == char) {
                    return self.sort_by(sort);
                }
            }
            _ => {}
        }
        Step::Stay
    }

    fn sort_by(&mut self, sort: usize) -> Step {
        self.sort = sort;
        self.order();
        Step::Ask(self.sort())
    }

    /// Marks the next row, or the first if none is marked.
    fn mark(&mut self, by: isize) {
        let Ok((rows, _)) = &self.players else { return };
        let at = match &self.marked {
            None => 0,
            Some((_, at)) => at.saturating_add_signed(by).min(rows.len().saturating_sub(1)),
        };
        self.marked = rows.get(at).map(|row| (row.session.clone(), at));
    }
}

/// How bad that is, by this key.
pub fn worth(row: &PlayerRow, key: SortKey) -> f64 {
    match key {
        SortKey::Rtt => row.rtt_ms,
        SortKey::Loss => row.loss_ratio,
        SortKey::Down => row.down_kbit_per_s,
        SortKey::Up => row.up_kbit_per_s,
        SortKey::Age => row.snapshot_age_ms,
        SortKey::Backlog => row.backlog_bytes as f64,
        SortKey::Suspicion => f64::from(row.suspicion_points),
        SortKey::Connected => row.connected_s,
        SortKey::Name => 0.0,
    }
}
