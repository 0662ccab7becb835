//! What the person on call relies on, tried on a running server with people in it: the overload ladder and its alert, an
//! orderly end, a world that stands still, and a scrape that nobody notices.

mod ending;
mod frozen_world;
mod overload;
mod receiver;
mod scrape;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::stage::Place;
use crate::step::Steps;
use crate::swarm::Run;

/// All of it, or with few people on a machine that does other work.
pub fn run(checkout: &Checkout, steps: &Steps, short: bool) -> Result<()> {
    let cast = Cast::build(checkout, steps, "night", short)?;
    let night = Night { checkout, cast: &cast, bots: if short { 40 } else { 500 }, short };
    steps.run(&format!("night: {} bots, 20 ms of work in each tick", night.bots), || overload::try_it(&night))?;
    steps.run(&format!("night: SIGTERM with {} bots", night.bots), || ending::try_it(&night))?;
    steps.run("night: the world stands still", || frozen_world::try_it(&night))?;
    let crowd = if short { 100 } else { 2_000 };
    steps.run(&format!("night: scrapes with {crowd} bots"), || scrape::try_it(&night, crowd))?;
    cast.leave();
    Ok(())
}

/// What all parts share.
struct Night<'a> {
    checkout: &'a Checkout,
    cast: &'a Cast,
    bots: u32,
    short: bool,
}

impl Night<'_> {
    fn place(&self, name: &str) -> Result<Place> {
        let mut place = Place::new(self.checkout, &self.cast.server, &self.cast.scratch, name, &[])?;
        place.settings.push(("THRONG_OPS__TEST_COMMANDS".to_owned(), "true".to_owned()));
        Ok(place)
    }

    fn run_of(&self, bots: u32, duration_s: u32) -> Run {
        Run {
            name: "night".to_owned(),
            bots,
            duration_s,
            ramp_s: if self.short { 2 } else { 10 },
            movement: None,
            rejoin: false,
            truth_only: true,
            extra: Vec::new(),
        }
    }
}

/// Gives a command; the answer's page.
fn command(place: &Place, name: &str, body: &Value) -> Result<Value> {
    let token = std::fs::read_to_string(place.data.join("ops.token")).context("the operations token is not there")?;
    let answer = ops_client::post(place.ops, &format!("/api/v1/{name}"), token.trim(), &body.to_string())?;
    if answer.status >= 300 {
        bail!("the server answers {} to {name}: {}", answer.status, answer.body);
    }
    serde_json::from_str(&answer.body).context("the answer is no JSON")
}
