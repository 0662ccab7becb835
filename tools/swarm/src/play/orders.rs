//! Commands under way: each has a number, and exactly one answer.

use super::sheet::Sheet;
use protocol::{Command, ItemId, ItemKind, SkillId, Tick};
use rudp::time::NS_PER_S;
use std::collections::BTreeMap;

/// An answer older than this will not come any more: 10 s, far above any resend and any disk.
pub const ANSWER_NS_MAX: u64 = 10 * NS_PER_S;

/// A command that has no answer yet, and what the bot knew when it gave it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When, by the clock of the swarm.
    pub at_ns: u64,
    /// What.
    pub command: Command,
    /// What the bot knew of a cast.
    pub knew: Knew,
    /// What it had, before a deal.
    pub had: Had,
}

/// What a bot has before a deal with a vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Had {
    /// Coins.
    pub coins: u64,
    /// What the deal is about.
    pub kind: ItemKind,
    /// How many there are of it.
    pub count: i64,
}

impl Had {
    /// As a sheet says, before this command; nothing of what is no deal.
    pub fn of(sheet: &Sheet, command: &Command) -> Self {
        let kind = match command {
            Command::Buy { kind, .. } => Some(*kind),
            Command::Sell { item, .. } | Command::Repair { item } | Command::Equip { item } => {
                sheet.items.get(item).map(|row| row.kind)
            }
            _ => None,
        };
        let count = |kind| sheet.stock().get(&kind).copied().unwrap_or(0);
        kind.map_or_else(Self::default, |kind| Self { coins: sheet.figures.coins, kind, count: count(kind) })
    }
}

/// What a bot knows of itself when it casts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Knew {
    /// Whether it lay dead.
    pub is_dead: bool,
    /// Whether it knew the skill.
    pub is_learnt: bool,
    /// Its mana.
    pub mana: u32,
    /// The first tick in which the skill is ready; none if it was never seen to cool down.
    pub ready: Option<Tick>,
}

impl Knew {
    /// As a sheet says.
    pub fn of(sheet: &Sheet, skill: SkillId) -> Self {
        Self {
            is_dead: sheet.is_dead,
            is_learnt: sheet.skills.contains_key(&skill),
            mana: sheet.figures.mana,
            ready: sheet.ready.get(&skill).copied(),
        }
    }
}

/// One session's commands.
#[derive(Debug, Default)]
pub struct Orders(BTreeMap<u16, Asked>);

impl Orders {
    /// Another session counts from nought.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// A command was given.
    pub fn on_asked(&mut self, number: u16, asked: Asked) {
        self.0.insert(number, asked);
    }

    /// The command that an answer is to; `None` if none waits for it.
    pub fn on_answer(&mut self, number: u16) -> Option<Asked> {
        self.0.remove(&number)
    }

    /// A command whose answer must be taken for lost; each is given once.
    pub fn poll_overdue(&mut self, now_ns: u64) -> Option<(u16, Asked)> {
        let (&number, _) = self.0.iter().find(|(_, asked)| asked.at_ns + ANSWER_NS_MAX < now_ns)?;
        self.0.remove_entry(&number)
    }

    /// How many of these wait for their answers.
    pub fn waiting(&self, is_meant: impl Fn(&Command) -> bool) -> usize {
        self.0.values().filter(|asked| is_meant(&asked.command)).count()
    }

    /// What is being moved about in the bag, and where to.
    pub fn moves(&self) -> impl Iterator<Item = (ItemId, u8)> {
        self.0.values().filter_map(|asked| match asked.command {
            Command::Move { item, slot, .. } => Some((item, slot)),
            _ => None,
        })
    }

    /// How many wait that may change what the bot has.
    pub fn waiting_of_belongings(&self) -> usize {
        self.waiting(|command| {
            !matches!(
                command,
                Command::Cast(_) | Command::Stop | Command::Party(_) | Command::Respawn | Command::Learn { .. }
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(at_ns: u64) -> Asked {
        Asked { at_ns, command: Command::Stop, knew: Knew::default(), had: Had::default() }
    }

    #[test]
    fn each_command_has_one_answer_whatever_the_order() {
        let mut orders = Orders::default();
        (0..3).for_each(|number| orders.on_asked(number, asked(u64::from(number))));
        assert!(orders.on_answer(2).is_some() && orders.on_answer(0).is_some());
        assert!(orders.on_answer(2).is_none(), "twice");
        assert!(orders.on_answer(9).is_none(), "never asked");
        assert_eq!(orders.waiting(|_| true), 1);
    }

    #[test]
    fn what_has_no_answer_for_ten_seconds_is_overdue_once() {
        let mut orders = Orders::default();
        orders.on_asked(7, asked(5));
        assert!(orders.poll_overdue(5 + ANSWER_NS_MAX).is_none());
        assert_eq!(orders.poll_overdue(6 + ANSWER_NS_MAX).map(|(number, _)| number), Some(7));
        assert!(orders.poll_overdue(u64::MAX).is_none());
    }
}
