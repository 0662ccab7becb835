//! `admin top`: how the server fares, live and on the whole screen.
//!
//! What is seen is made of what was heard, and nothing else: a thread asks the server, [`View`] keeps what it said, and
//! drawing it is a function of that. So a test, or `--once`, can draw without a terminal.

mod clients;
mod draw;
mod panels;
mod view;
mod watch;

use crate::players::SortKey;
use crate::server::Server;
use crate::span;
use anyhow::{Context, Result, bail};
use clap::Args;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use unicode_width::UnicodeWidthStr;
use view::{Step, View};

/// How often to look, and where to draw.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Time between two looks, 200ms to 60s; the server publishes once a second
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = every)]
    every: Duration,
    /// Print one picture as plain text and end
    #[arg(long)]
    once: bool,
    /// Columns of that picture
    #[arg(long, value_name = "N", default_value_t = 80, requires = "once", value_parser = clap::value_parser!(u16).range(20..=500))]
    width: u16,
    /// Its lines
    #[arg(long, value_name = "N", default_value_t = 24, requires = "once", value_parser = clap::value_parser!(u16).range(5..=200))]
    height: u16,
    /// Print what that picture is made of instead: the server's own pages, in the fields status, players and alerts
    #[arg(long, requires = "once", conflicts_with_all = ["width", "height"])]
    json: bool,
}

/// Longest that a key press waits to be seen.
const KEY_PAUSE: Duration = Duration::from_millis(50);
/// Between the two looks from which one picture is made.
const ONCE_PAUSE: Duration = Duration::from_millis(1_050);

fn every(text: &str) -> Result<Duration, String> {
    match span::parse(text)? {
        span if span < Duration::from_millis(200) || span > Duration::from_secs(60) => {
            Err("it is not from 200ms to 60s".to_owned())
        }
        span => Ok(span),
    }
}

impl TopArgs {
    /// Draws until somebody leaves; or once.
    pub fn run(&self, server: &Server, out: &mut dyn Write) -> Result<()> {
        if self.json {
            return Ok(writeln!(out, "{}", watch::pages(server, SortKey::Rtt)?)?);
        }
        if self.once {
            return Ok(out.write_all(self.picture(server)?.as_bytes())?);
        }
        if !std::io::stdout().is_terminal() {
            bail!("top wants a terminal to draw on: --once prints one picture as text");
        }
        // A wrong token is a reason not to begin; a server that is away may come.
        let asked = server.status();
        if let Err(error) = &asked
            && !format!("{error:#}").contains("cannot be reached")
        {
            return asked.map(|_| ());
        }
        self.live(server)
    }

    fn picture(&self, server: &Server) -> Result<String> {
        let mut view = View::new(server.ops.to_string());
        let start = crate::now();
        for pause in [Duration::ZERO, ONCE_PAUSE] {
            crate::pause(pause);
            let heard = watch::ask(server, view.sort()).context("there is nothing to draw")?;
            view.on_heard(start.elapsed().as_secs_f64(), Ok(heard));
        }
        Ok(drawn(&view, self.width, self.height))
    }

    fn live(&self, server: &Server) -> Result<()> {
        let leave = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::flag::register(signal, leave.clone()).context("cannot set up signals")?;
        }
        let mut view = View::new(server.ops.to_string());
        let watch = watch::Watch::start(server.clone(), self.every, view.sort());
        let mut screen = ratatui::try_init().context("the terminal cannot be drawn on")?;
        // Also when drawing fails; a panic restores it by the hook that `try_init` has set.
        let _restored = Restored;
        let mut changed = true;
        while !leave.load(Ordering::Relaxed) {
            if changed {
                screen.draw(|frame| draw::draw(&view, frame))?;
            }
            changed = false;
            if event::poll(KEY_PAUSE)? {
                changed = true;
                if let Event::Key(key) = event::read()? {
                    match view.on_key(key) {
                        Step::Stay => {}
                        Step::Ask(key) => watch.ask_for(key),
                        Step::Leave => break,
                    }
                }
            }
            for (at_s, heard) in watch.heard() {
                view.on_heard(at_s, heard);
                changed = true;
            }
        }
        Ok(())
    }
}

/// Gives the terminal back.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The picture as text, a line for each of the screen's.
fn drawn(view: &View, width: u16, height: u16) -> String {
    let mut screen = match Terminal::new(TestBackend::new(width, height)) {
        Ok(screen) => screen,
        Err(never) => match never {},
    };
    match screen.draw(|frame| draw::draw(view, frame)) {
        Ok(_) => text(screen.backend().buffer()),
        Err(never) => match never {},
    }
}

fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| {
        let (mut line, mut x) = (String::new(), area.left());
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // A wide character takes the place of its neighbour too.
            x += u16::try_from(symbol.width()).unwrap_or(1).max(1);
        }
        format!("{}\n", line.trim_end())
    };
    (area.top()..area.bottom()).map(line).collect()
}

/// The keys that put the worst clients in order, as they stand in the help: key, order, heading.
const SORTS: [(char, SortKey, &str); 6] = [
    ('r', SortKey::Rtt, "round trip"),
    ('l', SortKey::Loss, "loss"),
    ('d', SortKey::Down, "traffic down"),
    ('a', SortKey::Age, "age of the newest snapshot"),
    ('b', SortKey::Backlog, "backlog"),
    ('s', SortKey::Suspicion, "suspicion"),
];

#[cfg(test)]
mod tests;
