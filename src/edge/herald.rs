//! Tells players of a shutdown that an operator has announced, and the main thread when it is time.

use super::asks::WorldAsk;
use super::board::Board;
use super::clock;
use super::countdown::{Announced, CALLED_OFF, Countdown, Due};
use crossbeam::channel::Sender;
use server::Operation;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Says when the server goes down, and when it is time.
pub struct Herald {
    board: Arc<Board>,
    asks: Sender<WorldAsk>,
    countdown: Option<Countdown>,
}

impl Herald {
    /// One with nothing to say.
    pub fn new(board: Arc<Board>, asks: Sender<WorldAsk>) -> Self {
        Self { board, asks, countdown: None }
    }

    /// When there is something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let next_ns = self.countdown.as_ref()?.next_ns();
        Some(Instant::now() + Duration::from_nanos(next_ns.saturating_sub(clock::mono_ns())))
    }

    /// Does what the time has come for; true if that is to go down.
    pub fn is_time(&mut self) -> bool {
        match self.countdown.as_mut().and_then(|countdown| countdown.poll(clock::mono_ns())) {
            Some(Due::Now) => return true,
            Some(Due::Say(text)) => self.say(text),
            None => {}
        }
        false
    }

    /// Begins a countdown, in the place of any other, or calls it off; whether there was one.
    pub fn announce(&mut self, wish: Option<Announced>) -> bool {
        let was_announced = self.countdown.is_some();
        match wish {
            Some(announced) => {
                tracing::warn!(in_s = announced.in_s, reason = ?announced.reason, "an operator has announced a shutdown");
                let (countdown, text) = Countdown::begin(announced, clock::mono_ns());
                self.board.publish_shutdown(Some(countdown.due_ns()));
                self.countdown = Some(countdown);
                self.say(text);
            }
            None if was_announced => {
                tracing::warn!("the shutdown is called off");
                self.board.publish_shutdown(None);
                self.countdown = None;
                self.say(CALLED_OFF.to_owned());
            }
            None => {}
        }
        was_announced
    }

    fn say(&self, text: String) {
        // A world that takes nothing has other worries.
        let _ = self.asks.try_send(WorldAsk::Operate(Operation::Say { to: None, text }));
    }
}
