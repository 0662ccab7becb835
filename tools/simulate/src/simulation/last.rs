//! What was promised is on disk, and the end, when all must be saved.

use super::Simulation;
use crate::check::{Broken, Check};
use crate::stores::Stores;
use game::TransactionId;
use protocol::unit::{TICK_NS, TICK_RATE_HZ};

/// Ticks that a server may take to save all and end: 20 s.
const DRAIN_TICKS: u32 = 20 * TICK_RATE_HZ;

impl Simulation {
    pub(super) fn ask_for_receipts(&mut self) -> Result<(), Broken> {
        self.receipts.iter().try_for_each(|id| Self::is_kept(self.stores(), *id))?;
        self.tally.looks.0[Check::Durable as usize] += self.receipts.len() as u64;
        Ok(())
    }

    pub(super) fn ask_for_receipt(&mut self, id: TransactionId) -> Result<(), Broken> {
        self.tally.looks.count(Check::Durable);
        Self::is_kept(self.stores(), id)
    }

    fn is_kept(stores: &Stores, id: TransactionId) -> Result<(), Broken> {
        if stores.is_committed(id) {
            return Ok(());
        }
        Err(Broken::new(Check::Durable, format!("somebody was told that {id:?} is saved, and it is not on disk")))
    }

    pub(super) fn try_finish(&mut self) -> Result<(), Broken> {
        self.is_closing = true;
        let until = self.tick + DRAIN_TICKS;
        let mut closed = false;
        while self.tick < until {
            self.try_tick()?;
            let Some(process) = &mut self.process else { break };
            if !closed {
                closed = true;
                process.realm.close();
                continue;
            }
            // Of who took over his own session the older client may have been told in vain: it knows when its patience ends.
            let everybody_is_out = self.people.iter().all(|person| person.life().is_none());
            if process.realm.is_drained()
                && process.is_at_rest()
                && process.jobs() == 0
                && everybody_is_out
                && self.stores().is_drained()
            {
                return self.close_books();
            }
        }
        let left: Vec<_> =
            self.people.iter().filter_map(|person| Some((person.number, person.life()?.phase))).collect();
        let process = self.process.as_ref();
        let (is_drained, jobs) = process.map_or((true, 0), |process| (process.realm.is_drained(), process.jobs()));
        let stores = self.stores().is_drained();
        let what = format!(
            "after {DRAIN_TICKS} ticks: the realm has drained: {is_drained}; {jobs} jobs are unanswered; the stores have \
             drained: {stores}; these people are in: {left:?}"
        );
        Err(Broken::new(Check::Drain, what))
    }

    fn close_books(&mut self) -> Result<(), Broken> {
        let now = self.server_clock.at(u64::from(self.tick) * TICK_NS);
        self.tally.looks.count(Check::Drain);
        self.stores_mut().audit(now).map_err(|what| Broken::new(Check::Stores, what))?;
        self.ask_for_receipts()?;
        self.tally.sessions = self.sessions.joined;
        self.tally.looks.0[Check::Nonces as usize] = self.nonces.looks;
        self.tally.looks.0[Check::Replies as usize] = self.replies.looks;
        self.tally.looks.0[Check::Estates as usize] += self.estates.looks;
        self.tally.looks.0[Check::Sessions as usize] = self.sessions.joined;
        if let Some(process) = &self.process {
            self.tally.looks.0[Check::Deals as usize] = process.deals.looks;
            self.footprint.number(process.realm.hash());
        }
        let hash = self.stores().hash();
        self.footprint.number(hash);
        self.tally.hash = self.footprint.value();
        Ok(())
    }
}
