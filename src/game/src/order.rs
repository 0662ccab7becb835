//! Commands of players that wait for the coming tick, and the answers to them.
//!
//! Each order is taken by exactly one room, and answered exactly once: in the tick that carries it out, or, where the disk
//! must have it first, in the tick that hears of it.

use bevy_ecs::prelude::Resource;
use protocol::{Command, NetId, Refusal};

/// What a player wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) by: NetId,
    pub(crate) number: u16,
    pub(crate) command: Command,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who gave it.
    pub to: NetId,
    /// As he counts.
    pub number: u16,
    /// Whether it was done, and why not.
    pub result: Result<(), Refusal>,
}

/// Which room takes an order. They work in this order, so whoever learns a skill and casts it in the same tick casts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desk {
    /// Parties.
    Party,
    /// Growth: skills learnt, coming back to life.
    Growth,
    /// Belongings and trades.
    Carry,
    /// Casts.
    Cast,
    /// A game of one's own.
    Custom,
}

impl Desk {
    pub(crate) const fn of(command: &Command) -> Self {
        match command {
            Command::Party(_) => Self::Party,
            Command::Custom(_) => Self::Custom,
            Command::Learn { .. } | Command::Respawn => Self::Growth,
            Command::Cast(_) | Command::Stop => Self::Cast,
            Command::Equip { .. }
            | Command::Unequip { .. }
            | Command::Use { .. }
            | Command::Drop { .. }
            | Command::PickUp { .. }
            | Command::Move { .. }
            | Command::Buy { .. }
            | Command::Sell { .. }
            | Command::Repair { .. }
            | Command::Trade(_) => Self::Carry,
        }
    }
}

/// Orders in the order in which they were given.
#[derive(Debug, Default, Resource)]
pub(crate) struct Orders(Vec<Order>);

impl Orders {
    pub(crate) fn give(&mut self, order: Order) {
        self.0.push(order);
    }

    /// Those that a room takes.
    pub(crate) fn of(&self, desk: Desk) -> impl Iterator<Item = &Order> {
        self.0.iter().filter(move |order| Desk::of(&order.command) == desk)
    }

    /// Somebody leaves the world: whoever comes under his id did not give them.
    pub(crate) fn forget(&mut self, by: NetId) {
        self.0.retain(|order| order.by != by);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Answers of this tick.
#[derive(Debug, Default, Resource)]
pub(crate) struct Answers(pub(crate) Vec<Answer>);

impl Answers {
    pub(crate) fn answer(&mut self, order: &Order, result: Result<(), Refusal>) {
        self.0.push(Answer { to: order.by, number: order.number, result });
    }
}
