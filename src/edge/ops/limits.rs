//! `GET` and `POST /api/v1/limits`: what may be changed while the server runs, until it starts again.

use super::Office;
use super::players::ask_world;
use super::refusal::Refusal;
use crate::edge::asks::WorldAsk;
use ops_api::{Limit, Limits};
use server::{AccessLimits, Operation};
use std::sync::PoisonError;

/// How many people may be in the world.
#[derive(Clone, Copy, Debug)]
pub struct InForce {
    /// Now.
    pub players_max: u64,
    /// The most that there is room for: as many as were configured, and the queue.
    pub players_room: u64,
}

/// A limit of the gate's: its name, its range, what it bounds, and where it stands.
type Field = fn(&mut AccessLimits) -> &mut u32;
const OF_GATE: [(&str, u32, u32, &str, Field); 4] = [
    ("sessions_per_account", 1, 64, "sessions of one account; beyond, its oldest makes room", |of| {
        &mut of.sessions_per_account
    }),
    ("sessions_per_address", 1, 10_000, "sessions of one IPv4 address or IPv6 /64", |of| &mut of.sessions_per_address),
    ("auto_ban_s", 0, 604_800, "seconds for which strikes bar an account; 0: they do not", |of| &mut of.auto_ban_s),
    ("auto_ban_strikes", 1, 100, "strikes that bar an account", |of| &mut of.auto_ban_strikes),
];

/// All of them.
pub async fn page(office: &Office) -> Result<Limits, Refusal> {
    let in_force = *office.in_force.lock().unwrap_or_else(PoisonError::into_inner);
    let mut of_gate = office.switchboard.limits(None).await?;
    let world = Limit {
        name: "players_max".to_owned(),
        value: in_force.players_max,
        min: 1,
        max: in_force.players_room,
        about: "people in the world; who is in stays when it is lowered, who comes waits in the queue".to_owned(),
    };
    let gate = OF_GATE.map(|(name, min, max, about, field)| Limit {
        name: name.to_owned(),
        value: (*field(&mut of_gate)).into(),
        min: min.into(),
        max: max.into(),
        about: about.to_owned(),
    });
    Ok(Limits { limits: std::iter::once(world).chain(gate).collect() })
}

/// Changes one.
pub async fn set(office: &Office, name: &str, value: u64) -> Result<Limit, Refusal> {
    let _turn = office.limiting.lock().await;
    let known = page(office).await?.limits;
    let Some(limit) = known.iter().find(|limit| limit.name == name) else {
        let names: Vec<&str> = known.iter().map(|limit| limit.name.as_str()).collect();
        let name = name.escape_default();
        return Err(Refusal::Missing(format!("there is no limit \"{name}\": say one of {}", names.join(", "))));
    };
    let (min, max) = (limit.min, limit.max);
    if !(min..=max).contains(&value) {
        return Err(Refusal::Request(format!("{name} may be {min} to {max}, not {value}")));
    }
    match OF_GATE.iter().find(|(of, ..)| *of == name) {
        Some((.., field)) => {
            let mut limits = office.switchboard.limits(None).await?;
            // In its range, which is of 32 bits.
            *field(&mut limits) = value as u32;
            office.switchboard.limits(Some(limits)).await?;
        }
        None => {
            ask_world(office, WorldAsk::Operate(Operation::PlayersMax(value as usize)))?;
            office.in_force.lock().unwrap_or_else(PoisonError::into_inner).players_max = value;
            office.board.publish_players_max(value as u32);
        }
    }
    Ok(Limit { value, ..limit.clone() })
}
