//! Restless hands: a bot that moves things about in its bag, so that there is always something on its way to the server's
//! disk. It changes nothing of what anybody has.

use super::turn::Turn;
use crate::dice::Dice;
use protocol::news::BAG_SLOTS;
use protocol::{Command, ItemId};
use rudp::time::NS_PER_S;

/// Moves of one bot that wait for their answers, at most: a server that is down is not to be met by a heap of them.
const WAITING_MAX: usize = 4;

/// One bot's hands.
#[derive(Debug)]
pub struct Fidget {
    dice: Dice,
    every_ns: u64,
    due_ns: u64,
}

impl Fidget {
    /// So many moves a second; none at 0.
    pub fn new(dice: Dice, per_s: f32) -> Self {
        let every_ns = if per_s > 0.0 { (NS_PER_S as f64 / f64::from(per_s)) as u64 } else { u64::MAX };
        Self { dice, every_ns, due_ns: 0 }
    }

    /// Moves something, if it is time and anything lies in the bag.
    pub fn act(&mut self, turn: &mut Turn<'_>) {
        if self.every_ns == u64::MAX || turn.now_ns < self.due_ns {
            return;
        }
        self.due_ns = turn.now_ns + (self.every_ns as f64 * f64::from(0.5 + self.dice.unit())) as u64;
        let waiting: Vec<(ItemId, u8)> = turn.orders.moves().collect();
        if waiting.len() >= WAITING_MAX || turn.sheet.trade.is_some() {
            return;
        }
        let is_still = |item: ItemId| waiting.iter().all(|(moving, _)| *moving != item);
        let rows = turn.sheet.items.values().filter(|row| row.slot < BAG_SLOTS && !row.is_held && is_still(row.item));
        let rows: Vec<_> = rows.copied().collect();
        let is_free = |slot: &u8| {
            turn.sheet.items.values().all(|row| row.slot != *slot) && waiting.iter().all(|(_, to)| to != slot)
        };
        let free: Vec<u8> = (0..BAG_SLOTS).filter(is_free).collect();
        if let (Some(row), Some(&slot)) = (self.pick(&rows), self.pick(&free)) {
            turn.give(Command::Move { item: row.item, count: row.count, slot });
        }
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() { None } else { from.get(self.dice.below(from.len())) }
    }
}
