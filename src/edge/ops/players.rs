//! `GET /api/v1/players`: who is here, as the world knows them and as the gate does.

use super::Office;
use super::refusal::{GOING_DOWN, Refusal};
use crate::edge::asks::WorldAsk;
use crate::edge::clock;
use crossbeam::channel::TrySendError;
use ops_api::{PlayerRow, Players, Whom};
use protocol::unit::UNITS_PER_M;
use rudp::token::Role;
use serde::Deserialize;
use server::{ConnectionRow, PersonRow, SessionId, Standing};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest that the world may take: it answers within a tick, and one that does not has stopped.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Rows of one answer, unless fewer are asked for: 4 MB.
const ROWS_MAX: usize = 10_000;

/// What is wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    who: Option<String>,
    sort: Option<String>,
    limit: Option<usize>,
}

/// How rows may be ordered: those first that an operator looks for.
type Order = fn(&PlayerRow, &PlayerRow) -> std::cmp::Ordering;
const ORDERS: [(&str, Order); 9] = [
    ("name", |a, b| a.name.cmp(&b.name)),
    ("rtt", |a, b| b.rtt_ms.total_cmp(&a.rtt_ms)),
    ("loss", |a, b| b.loss_ratio.total_cmp(&a.loss_ratio)),
    ("down", |a, b| b.down_kbit_per_s.total_cmp(&a.down_kbit_per_s)),
    ("up", |a, b| b.up_kbit_per_s.total_cmp(&a.up_kbit_per_s)),
    ("backlog", |a, b| b.backlog_bytes.cmp(&a.backlog_bytes)),
    ("age", |a, b| b.snapshot_age_ms.total_cmp(&a.snapshot_age_ms)),
    ("suspicion", |a, b| b.suspicion_points.cmp(&a.suspicion_points)),
    ("connected", |a, b| b.connected_s.total_cmp(&a.connected_s)),
];

/// Somebody who is here, with the session by which he is reached.
#[derive(Clone, Debug)]
pub struct Present {
    /// The connection.
    pub session: SessionId,
    /// The row.
    pub row: PlayerRow,
}

/// The page that is wanted.
pub async fn page(office: &Office, wanted: Wanted) -> Result<Players, Refusal> {
    let whom = wanted.who.as_deref().map(str::parse::<Whom>).transpose();
    let whom = whom.map_err(|error| Refusal::Request(error.to_string()))?;
    let order = match wanted.sort.as_deref() {
        None => None,
        Some(name) => {
            let known = ORDERS.iter().find(|(known, _)| *known == name).map(|(_, order)| *order);
            Some(known.ok_or_else(|| {
                let names = ORDERS.map(|(name, _)| name).join(", ");
                Refusal::Request(format!("\"{}\" is no order: say one of {names}", name.escape_default()))
            })?)
        }
    };
    let mut present = everybody(office).await?;
    if let Some(whom) = &whom {
        present.retain(|one| is(&one.row, one.session, whom));
    }
    let mut players: Vec<PlayerRow> = present.into_iter().map(|one| one.row).collect();
    if let Some(order) = order {
        players.sort_by(order);
    }
    let total = players.len();
    players.truncate(wanted.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX));
    Ok(Players { total, players })
}

/// The sessions of those who are meant; at least one.
pub async fn sessions(office: &Office, whom: &Whom) -> Result<Vec<SessionId>, Refusal> {
    let mut present = everybody(office).await?;
    present.retain(|one| is(&one.row, one.session, whom));
    if present.is_empty() {
        return Err(Refusal::Missing(format!("nobody here is {whom}")));
    }
    Ok(present.into_iter().map(|one| one.session).collect())
}

/// As the world knows them, with what the gate knows of their connections: of who came or went in between one of both is missing.
async fn everybody(office: &Office) -> Result<Vec<Present>, Refusal> {
    let connections = office.switchboard.rows().await?;
    let (reply, answer) = oneshot::channel();
    ask_world(office, WorldAsk::People { reply })?;
    let people = match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(people)) => people,
        Ok(Err(_)) => return Err(Refusal::Away(GOING_DOWN)),
        Err(_) => return Err(Refusal::Away("the world does not answer: it may stand still")),
    };
    let now_ns = clock::mono_ns();
    let connections: BTreeMap<SessionId, &ConnectionRow> = connections.iter().map(|row| (row.session, row)).collect();
    let present = people.into_iter().map(|person| {
        let session = person.session;
        let row = row_of(person);
        let row = match connections.get(&session) {
            Some(link) => with_link(row, link, now_ns),
            None => row,
        };
        Present { session, row }
    });
    Ok(present.collect())
}

/// Hands something to the world.
pub fn ask_world(office: &Office, ask: WorldAsk) -> Result<(), Refusal> {
    office.world.try_send(ask).map_err(|error| match error {
        TrySendError::Full(_) => Refusal::Away("the world has not answered what it was asked before"),
        TrySendError::Disconnected(_) => Refusal::Away(GOING_DOWN),
    })
}

fn row_of(person: PersonRow) -> PlayerRow {
    let metres = |units: i32| f64::from(units) / f64::from(UNITS_PER_M);
    PlayerRow {
        session: format!("{}.{}", person.session.slot, person.session.generation),
        account: person.account.0,
        character: person.character.map_or(0, |character| character.0),
        name: person.name,
        role: match person.role {
            Role::Player => "player",
            Role::Operator => "operator",
        }
        .to_owned(),
        state: match person.standing {
            Standing::Loading => "loading",
            Standing::Lobby => "lobby",
            Standing::Playing => "playing",
            Standing::Queued => "queued",
        }
        .to_owned(),
        silent: person.is_silent,
        x_m: metres(person.place_units[0]),
        y_m: metres(person.place_units[1]),
        level: person.level,
        visible: person.visible,
        suspicion_points: person.suspicion_points,
        flagged: person.is_flagged,
        snapshot_age_ms: person.experience.map_or(0.0, |said| said.age_ms.into()),
        starved: person.experience.map_or(0, |said| said.starved.into()),
        corrections: person.experience.map_or(0, |said| said.corrections.into()),
        ..PlayerRow::default()
    }
}

/// The same, with how its connection fares.
fn with_link(row: PlayerRow, link: &ConnectionRow, now_ns: u64) -> PlayerRow {
    PlayerRow {
        address: link.address.to_string(),
        silent: link.is_silent,
        connected_s: now_ns.saturating_sub(link.since_ns) as f64 / 1e9,
        rtt_ms: f64::from(link.seen.rtt_us) / 1e3,
        loss_ratio: link.seen.loss.map_or(0.0, |of_ten_thousand| f64::from(of_ten_thousand) / 1e4),
        down_kbit_per_s: f64::from(link.seen.down_bit_per_s) / 1e3,
        up_kbit_per_s: f64::from(link.seen.up_bit_per_s) / 1e3,
        backlog_bytes: link.backlog_bytes,
        ..row
    }
}

fn is(row: &PlayerRow, session: SessionId, whom: &Whom) -> bool {
    match whom {
        Whom::Account(account) => row.account == *account,
        Whom::Character(character) => row.character == *character && *character != 0,
        Whom::Session(slot, generation) => (session.slot, session.generation) == (*slot, *generation),
        Whom::Name(name) => row.name.to_lowercase() == name.to_lowercase(),
        Whom::Address(address) => {
            let of = row.address.parse::<std::net::SocketAddr>();
            of.is_ok_and(|of| of.ip().to_canonical() == address.to_canonical())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_mean_somebody_meets_him_and_nobody_else() {
        let row = PlayerRow {
            account: 42,
            character: 7,
            name: "Ädä".to_owned(),
            address: "[::ffff:10.0.0.1]:5000".to_owned(),
            ..PlayerRow::default()
        };
        let session = SessionId { slot: 3, generation: 1 };
        for met in ["42", "character:7", "session:3.1", "name:ädä", "address:10.0.0.1"] {
            assert!(is(&row, session, &met.parse().unwrap()), "{met}");
        }
        for missed in ["7", "character:42", "session:3.2", "name:ada", "address:10.0.0.2"] {
            assert!(!is(&row, session, &missed.parse().unwrap()), "{missed}");
        }
        let nobody = PlayerRow::default();
        assert!(!is(&nobody, session, &Whom::Character(0)), "who has not chosen is no character");
    }
}
