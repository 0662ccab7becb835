//! Recorded people under our own rules of motion: who runs after a recorded player, by inputs, as `measure rate` has it.
//!
//! Our players speed up and turn otherwise than those of the recordings, and keep one speed. The codec is for them, so it
//! learns from them, too.

use super::recording::{Moment, Recording};
use crate::rate::followers::{Runner, Ways};
use anyhow::Result;
use protocol::EntityState;
use protocol::motion::StaticMap;
use protocol::unit::{UNITS_PER_M, unit_of};

/// Side of the map they run on, metres: nobody comes near its edges.
const MAP_M: u32 = 1_000;

/// Where those who run after these recordings' players are in every tick.
///
/// # Errors
/// Nobody is recorded for long enough.
pub fn tracks(recordings: &[&Recording]) -> Result<Vec<Vec<Moment>>> {
    let recordings: Vec<Recording> = recordings.iter().map(|&recording| recording.clone()).collect();
    let ways = Ways::new(&recordings)?;
    let map = StaticMap::new(MAP_M, MAP_M, &[])?;
    let middle = MAP_M as i32 / 2 * UNITS_PER_M;
    let follow = |way: usize| {
        let mut runner = Runner::new(way);
        let moment = |tick: usize| {
            let step = runner.step(&ways, tick, (middle, middle), &map);
            let (x, y) = (unit_of(runner.body.x), unit_of(runner.body.y));
            let state = EntityState { x, y, yaw: step.input.yaw, pitch: step.input.pitch, ..EntityState::default() };
            Moment { at_ms: 0, state, is_dense: step.place.is_none() }
        };
        (0..ways.ticks(way)).map(moment).collect()
    };
    Ok((0..ways.count()).map(follow).collect())
}
