//! How the loop carries out a storm: more bots act while it lasts, and fewer when it is over.

use super::Drive;
use crate::bot::{DATAGRAM_BYTES_MAX, Phase};
use crate::storm::{GATHER_NS, Order};
use anyhow::Result;
use rudp::Now;

/// Bots of a storm act in one of so many rounds: that they come and go is to be seen. As many as they are, they would take the
/// processors from the server that they came to, and with it whatever there was to see.
const ROUNDS_PER_ACT: u64 = 4;

/// Whether such a bot acts in this round; a quarter of them do in each.
pub(super) fn is_storms_turn(round: u64, bot: usize) -> bool {
    (round + bot as u64).is_multiple_of(ROUNDS_PER_ACT)
}

impl Drive {
    /// Does what is due for a storm.
    pub(super) fn brave_the_weather(&mut self, now: Now, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> Result<()> {
        let (stayers, bots) = (self.stayers, &self.bots);
        let inside =
            |storm: usize| bots[stayers..stayers + storm].iter().filter(|bot| bot.phase() == Phase::In).count();
        match self.weather.poll(now.mono_ns, inside) {
            Some(Order::Gather(storm)) => {
                for (number, bot) in self.bots[stayers..stayers + storm].iter_mut().enumerate() {
                    bot.knock_at(now.mono_ns + GATHER_NS * number as u64 / storm as u64);
                }
                self.rouse(stayers + storm, now.mono_ns);
            }
            Some(Order::Scatter(storm)) => {
                for bot in &mut self.bots[stayers..stayers + storm] {
                    bot.scatter(now, &mut self.flock, buf);
                }
                self.weather.on_scattered(self.clock.mono_ns() - now.mono_ns);
                self.rouse(stayers, now.mono_ns);
            }
            Some(Order::Ask) => self.ops.ask(),
            None => {}
        }
        // A storm is over when the server says so, which is heard elsewhere.
        if self.flock.tally.is_stormy && !self.weather.is_stormy() {
            self.weather.on_lag(self.flock.tally.take_storm_lag_ms_p99());
        }
        self.flock.tally.is_stormy = self.weather.is_stormy();
        if self.weather.is_stormy() {
            self.flock.checker.excuse_all();
        }
        Ok(())
    }

    /// So many bots act from now on. Those beyond cost nothing.
    fn rouse(&mut self, awake: usize, now_ns: u64) {
        (self.awake, self.tick, self.schedule_ns) = (awake, 0, now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bot_of_a_storm_acts_once_in_four_rounds_and_a_quarter_of_them_in_each() {
        for round in 0..4 {
            assert_eq!((300..2_300).filter(|bot| is_storms_turn(round, *bot)).count(), 500);
        }
        assert!((300..2_300).all(|bot| (7..11).filter(|round| is_storms_turn(*round, bot)).count() == 1));
    }
}
