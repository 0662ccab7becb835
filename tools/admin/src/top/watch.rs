//! Who asks the server meanwhile, so that a server that takes its time holds no key up.

use crate::players::{self, SortKey};
use crate::server::{Server, parsed};
use crate::terminal;
use anyhow::Result;
use ops_api::{Alerts, Players};
use ops_client::Status;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Rows of the table of worst clients.
pub const WORST: usize = 10;

/// What the server said. Pages that it does not have, or gives only to others, are none and do not spoil the rest.
#[derive(Clone, Debug)]
pub struct Heard {
    /// How it fares.
    pub status: Status,
    /// The worst clients in the order that was asked for, or why it does not say.
    pub players: Result<Players, String>,
    /// Its rules, where one of them is broken.
    pub alerts: Alerts,
}

/// Asks for everything that is drawn.
pub fn ask(server: &Server, sort: SortKey) -> Result<Heard> {
    let status = server.status()?;
    let page = server.page(&players::path(Some(sort), Some(WORST)));
    let players = page.and_then(|text| parsed(&text)).map_err(|error| format!("{error:#}"));
    let alerts = match status.alerts_firing.as_slice() {
        [] => Alerts::default(),
        _ => server.page("/api/v1/alerts").and_then(|text| parsed(&text)).unwrap_or_default(),
    };
    Ok(Heard { status, players, alerts })
}

/// The pages of which a picture is made, as the server gave them: one JSON object.
pub fn pages(server: &Server, sort: SortKey) -> Result<String> {
    let status = server.page("/api/v1/status")?;
    let players = server.page(&players::path(Some(sort), Some(WORST)))?;
    let alerts = server.page("/api/v1/alerts")?;
    Ok(terminal::json(&format!("{{\"status\":{status},\"players\":{players},\"alerts\":{alerts}}}")))
}

/// An answer, or why there is none, and when: seconds since the watch began.
pub type At = (f64, Result<Heard, String>);

/// A thread that asks again and again.
pub struct Watch {
    orders: Sender<SortKey>,
    heard: Receiver<At>,
}

impl Watch {
    /// Begins to ask `server` once per `every`.
    #[allow(clippy::disallowed_methods, reason = "keys are read while the server is asked")]
    pub fn start(server: Server, every: Duration, sort: SortKey) -> Self {
        let (orders, ordered) = channel();
        let (say, heard) = channel();
        std::thread::spawn(move || watch(&server, every, sort, &ordered, &say));
        Self { orders, heard }
    }

    /// Asks at once, for another order of players.
    pub fn ask_for(&self, sort: SortKey) {
        // A watch that has ended has told why.
        let _ = self.orders.send(sort);
    }

    /// What was heard since the last call.
    pub fn heard(&self) -> impl Iterator<Item = At> {
        self.heard.try_iter()
    }
}

/// Ends when nobody listens any more.
fn watch(server: &Server, every: Duration, mut sort: SortKey, ordered: &Receiver<SortKey>, say: &Sender<At>) {
    let start = crate::now();
    loop {
        let asked = start.elapsed();
        let heard = ask(server, sort).map_err(|error| format!("{error:#}"));
        if say.send((start.elapsed().as_secs_f64(), heard)).is_err() {
            return;
        }
        let rest = every.saturating_sub(start.elapsed() - asked);
        match ordered.recv_timeout(rest) {
            Ok(first) => sort = ordered.try_iter().last().unwrap_or(first),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answer, answering_all, data_dir, server};

    #[test]
    fn alerts_are_asked_for_only_when_one_is_raised() {
        let dir = data_dir();
        let well = [answer(200, "{\"players\":3}"), answer(200, "{\"total\":3,\"players\":[]}")];
        let (ops, asked) = answering_all(well.to_vec());
        let heard = ask(&server(ops, &dir), SortKey::Loss).unwrap();
        assert_eq!((heard.status.players, heard.players.unwrap().total), (3, 3));
        assert!(asked.join().unwrap()[1].starts_with("GET /api/v1/players?sort=loss&limit=10 "));
        let ill = [
            answer(200, "{\"alerts_firing\":[\"lag\"]}"),
            answer(404, ""),
            answer(200, "{\"alerts\":[{\"name\":\"lag\",\"firing\":true}]}"),
        ];
        let (ops, asked) = answering_all(ill.to_vec());
        let heard = ask(&server(ops, &dir), SortKey::Rtt).unwrap();
        assert!(heard.players.unwrap_err().contains("answers 404"));
        assert_eq!(heard.alerts.alerts[0].name, "lag");
        assert_eq!(asked.join().unwrap().len(), 3);
    }

    #[test]
    fn the_pages_are_told_as_they_are() {
        let dir = data_dir();
        let answers = ["{\"news\":1}", "{\"total\":3}", "{\"alerts\":[]}"].map(|page| answer(200, page));
        let (ops, asked) = answering_all(answers.to_vec());
        let told = pages(&server(ops, &dir), SortKey::Rtt).unwrap();
        assert_eq!(told, "{\"status\":{\"news\":1},\"players\":{\"total\":3},\"alerts\":{\"alerts\":[]}}");
        assert!(asked.join().unwrap()[2].starts_with("GET /api/v1/alerts "));
        let alone = crate::rig::misused("top --json");
        assert!(alone.contains("--once"), "{alone}");
    }

    #[test]
    fn the_watch_goes_on_when_the_server_is_away_and_asks_at_once_for_another_order() {
        let dir = data_dir();
        let page = || [answer(200, "{\"players\":3}"), answer(200, "{}")];
        let (ops, asked) = answering_all(page().into_iter().chain(page()).collect());
        // Longer than this test: only the key makes it ask again.
        let watch = Watch::start(server(ops, &dir), Duration::from_secs(60), SortKey::Rtt);
        let (_, first) = watch.heard.recv().unwrap();
        assert_eq!(first.unwrap().status.players, 3);
        watch.ask_for(SortKey::Age);
        assert!(watch.heard.recv().unwrap().1.is_ok());
        assert!(asked.join().unwrap()[3].contains("sort=age"));
        watch.ask_for(SortKey::Down);
        let (_, away) = watch.heard.recv().unwrap();
        assert!(away.unwrap_err().contains("cannot be reached"), "the rig has no fifth answer");
    }
}
