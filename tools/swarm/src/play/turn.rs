//! All that a bot has at hand when it is its turn to do something.

use super::board::Board;
use super::orders::{Asked, Had, Knew, Orders};
use super::sheet::Sheet;
use crate::movement::Place;
use crate::truth::{Checker, Kind};
use client::Client;
use protocol::unit::UNITS_PER_M;
use protocol::{Command, EntityState, Tick};

/// One turn of one bot.
pub struct Turn<'a> {
    /// Who.
    pub bot: usize,
    /// By the clock of the swarm.
    pub now_ns: u64,
    /// Seconds since the run began.
    pub course_s: f64,
    /// The newest tick that the bot was told of.
    pub newest: Tick,
    /// Where it stands.
    pub here: Place,
    /// Its hands and eyes.
    pub client: &'a mut Client,
    /// What it shares.
    pub board: &'a mut Board,
    /// Whom it tells what cannot be.
    pub checker: &'a mut Checker,
    /// What it knows of itself.
    pub sheet: &'a mut Sheet,
    /// What it waits for.
    pub orders: &'a mut Orders,
}

/// What comes of a turn beside commands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Where to go.
    pub goal: Place,
    /// Where to look, yaw and pitch in steps of 4,096; none for wherever the head turns.
    pub look: Option<(u16, u16)>,
    /// Where to be put, as operators may.
    pub place: Option<Place>,
    /// Whether to log out.
    pub leaves: bool,
}

impl Wanted {
    /// Nothing but to be there.
    pub fn at(goal: Place) -> Self {
        Self { goal, ..Self::default() }
    }
}

impl Turn<'_> {
    /// Gives a command; whether it was taken for sending.
    pub fn give(&mut self, command: Command) -> bool {
        let knew = match &command {
            Command::Cast(cast) => Knew::of(self.sheet, cast.skill),
            _ => Knew::default(),
        };
        match self.client.command(command) {
            Ok(number) => {
                let had = Had::of(self.sheet, &command);
                self.orders.on_asked(number, Asked { at_ns: self.now_ns, command, knew, had });
                self.board.counts.add(|counts| &mut counts.commands);
                true
            }
            Err(error) => {
                let bot = self.bot;
                self.checker.report(Kind::Other, || format!("bot {bot} could not give {command:?}: {error}"));
                false
            }
        }
    }

    /// Stands where it is.
    pub fn stay(&self) -> Wanted {
        Wanted::at(self.here)
    }
}

/// Where somebody stands, in metres.
pub fn place_of(state: &EntityState) -> Place {
    let metres = |units: i32| units as f32 / UNITS_PER_M as f32;
    Place { x: metres(state.x), y: metres(state.y) }
}
