//! `GET` and `POST /api/v1/limits`: what may be changed while the server runs, until it starts again.

use super::Office;
use super::players::ask_world;
use super::refusal::Refusal;
use crate::edge::asks::WorldAsk;
use ops_api::{Limit, Limits};
use server::Operation;
use std::sync::PoisonError;

/// The limits in force.
#[derive(Clone, Copy, Debug)]
pub struct InForce {
    /// Sessions in the world.
    pub players_max: u64,
    /// The most that there is room for: what was configured.
    pub players_room: u64,
}

/// All of them.
pub async fn page(office: &Office) -> Result<Limits, Refusal> {
    let in_force = *office.in_force.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Limits { limits: vec![players_max(in_force)] })
}

fn players_max(InForce { players_max, players_room }: InForce) -> Limit {
    Limit {
        name: "players_max".to_owned(),
        value: players_max,
        min: 0,
        max: players_room,
        about: "people in the world; who is in stays when it is lowered".to_owned(),
    }
}

/// Changes one.
pub async fn set(office: &Office, name: &str, value: u64) -> Result<Limit, Refusal> {
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
    ask_world(office, WorldAsk::Operate(Operation::PlayersMax(value as usize)))?;
    let mut in_force = office.in_force.lock().unwrap_or_else(PoisonError::into_inner);
    in_force.players_max = value;
    Ok(players_max(*in_force))
}
