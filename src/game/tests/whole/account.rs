//! What was done and what was refused, by sort.

use protocol::command::{PartyStep, TradeStep};
use protocol::{Command, Refusal};
use std::collections::BTreeMap;

/// The sort of a command; every one has one.
pub fn sort(command: &Command) -> &'static str {
    match command {
        Command::Cast(_) => "cast",
        Command::Stop => "stop",
        Command::Learn { .. } => "learn",
        Command::Respawn => "respawn",
        Command::Equip { .. } => "equip",
        Command::Unequip { .. } => "unequip",
        Command::Use { .. } => "use",
        Command::Drop { .. } => "drop",
        Command::PickUp { .. } => "pick up",
        Command::Move { .. } => "move",
        Command::Buy { .. } => "buy",
        Command::Sell { .. } => "sell",
        Command::Repair { .. } => "repair",
        Command::Trade(TradeStep::Ask { .. }) => "ask",
        Command::Trade(TradeStep::Offer { .. }) => "offer",
        Command::Trade(TradeStep::OfferCoins { .. }) => "offer coins",
        Command::Trade(TradeStep::Confirm { .. }) => "confirm",
        Command::Trade(TradeStep::Cancel) => "cancel",
        Command::Party(PartyStep::Invite { .. }) => "invite",
        Command::Party(PartyStep::Accept) => "accept",
        Command::Party(PartyStep::Decline) => "decline",
        Command::Party(PartyStep::Leave) => "leave",
        Command::Party(PartyStep::Kick { .. }) => "kick",
        Command::Party(PartyStep::Lead { .. }) => "lead",
        Command::Party(PartyStep::Rule { .. }) => "rule",
        Command::Custom(_) => CUSTOM,
    }
}

/// A command of a game of one's own: nobody takes it here.
pub const CUSTOM: &str = "custom";
/// As many as [`sort`] knows.
pub const SORTS: usize = 26;

#[derive(Clone, Debug, Default)]
pub struct Account {
    /// By sort: done, and refused.
    pub orders: BTreeMap<&'static str, (u32, u32)>,
    pub refusals: BTreeMap<String, u32>,
    /// What else has happened, by name.
    pub happened: BTreeMap<&'static str, u32>,
}

impl Account {
    pub fn answer(&mut self, command: &Command, result: Result<(), Refusal>) {
        let (done, refused) = self.orders.entry(sort(command)).or_default();
        match result {
            Ok(()) => *done += 1,
            Err(refusal) => {
                *refused += 1;
                *self.refusals.entry(format!("{refusal:?}")).or_default() += 1;
            }
        }
    }

    pub fn count(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (sort, (done, refused)) in &other.orders {
            let sum = self.orders.entry(sort).or_default();
            *sum = (sum.0 + done, sum.1 + refused);
        }
        for (refusal, times) in &other.refusals {
            *self.refusals.entry(refusal.clone()).or_default() += times;
        }
        for (what, times) in &other.happened {
            *self.happened.entry(what).or_default() += times;
        }
    }
}
