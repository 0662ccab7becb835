//! A tick: what is asked of it, and what comes of it.

use crate::content::Content;
use crate::event::{Happening, Happenings, Notices};
use crate::extension::MarksTable;
use crate::ledger::{Ledger, Transaction, TransactionId};
use crate::order::{Answer, Answers, Order, Orders};
use crate::probe::{self, Probe, Watched};
use crate::rulebook::Rulebook;
use crate::thing::Ended;
use crate::{Clock, Game, mobs, renew};
use protocol::{Command, NetId, News};
use std::sync::Arc;

impl Game {
    /// Advances the world by one tick.
    pub fn tick(&mut self) {
        self.world.resource::<Watched>().enter(probe::BEGIN);
        let mut clock = self.world.resource_mut::<Clock>();
        clock.now = clock.now.next();
        self.world.resource_mut::<Happenings>().0.clear();
        self.world.resource_mut::<Notices>().0.clear();
        self.world.resource_mut::<Answers>().0.clear();
        self.world.resource_mut::<Ended>().0.clear();
        mobs::populate(&mut self.world);
        self.schedule.run(&mut self.world);
        self.world.resource::<Watched>().enter(probe::END);
        self.world.resource_mut::<Orders>().clear();
        self.launch_missiles();
        self.settle_ground();
        self.despawn_ended();
        // Without an app around the world nobody else forgets removals and change marks of ticks gone by.
        self.world.clear_trackers();
    }

    /// From now on `probe` hears when each part of a tick begins.
    pub fn watch(&mut self, probe: Arc<dyn Probe>) {
        self.world.resource_mut::<Watched>().0 = Some(probe);
    }

    /// Whether mobs spare work: those near whom nobody is sleep then, and none strolls where nobody sees it. Those who fight go
    /// on. An input like all others: equal calls, equal futures.
    pub fn spare_mobs(&mut self, spare: bool) {
        mobs::spare(&mut self.world, spare);
    }

    /// Gives a command of a player's; it is carried out and answered in the coming tick, unless the disk must have it first.
    /// False if he is not live.
    pub fn order(&mut self, by: NetId, number: u16, command: Command) -> bool {
        let is_live = self.entity(by).is_some();
        if is_live {
            self.world.resource_mut::<Orders>().give(Order { by, number, command });
        }
        is_live
    }

    /// What happened in the last tick, in order.
    #[must_use]
    pub fn happenings(&self) -> &[Happening] {
        &self.world.resource::<Happenings>().0
    }

    /// What single players are to be told of themselves after the last tick, in order.
    #[must_use]
    pub fn notices(&self) -> &[(NetId, News)] {
        &self.world.resource::<Notices>().0
    }

    /// What games of one's own show of whom.
    #[must_use]
    pub fn marks(&self) -> &MarksTable {
        self.world.resource::<MarksTable>()
    }

    /// What became of orders in the last tick, in order.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.world.resource::<Answers>().0
    }

    /// What the disk must have before it takes effect: asked for since the last call, in order. Each is to be settled once.
    pub fn take_transactions(&mut self) -> Vec<Transaction> {
        self.world.resource_mut::<Ledger>().take_asked().collect()
    }

    /// Says that the disk has a transaction, or has refused it; what follows does so in the coming tick. To be told in the
    /// order in which the disk has them.
    pub fn settle(&mut self, transaction: TransactionId, is_durable: bool) {
        self.world.resource_mut::<Ledger>().hear(transaction, is_durable);
    }

    /// The content in force.
    #[must_use]
    pub fn content(&self) -> &Arc<Content> {
        &self.world.resource::<Rulebook>().0
    }

    /// Plays by other content from the coming tick on, in which everybody's figures are made anew. It must follow the one in
    /// force.
    pub fn set_content(&mut self, content: Arc<Content>) {
        renew::renew(&mut self.world, &content);
        self.world.resource_mut::<Rulebook>().0 = content;
    }

    /// Things and mobs whose life ended in the last tick, in the order of their ids. They are despawned already, and their ids wait
    /// for [`Game::recycle`].
    #[must_use]
    pub fn ended(&self) -> &[NetId] {
        &self.world.resource::<Ended>().0
    }

    fn despawn_ended(&mut self) {
        // Lent out and given back, so that the list keeps its memory.
        let mut ended = std::mem::take(&mut self.world.resource_mut::<Ended>().0);
        ended.sort_unstable();
        for &id in &ended {
            self.despawn(id);
        }
        self.world.resource_mut::<Ended>().0 = ended;
    }
}
