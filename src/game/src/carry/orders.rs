//! Orders about belongings: who gives them, what all of them need, and which function carries each out.

use super::bag::{Bag, Hold, Row};
use super::{bag_orders, ground, ground_orders, vendor};
use crate::Clock;
use crate::content::{Content, ItemType, Stat};
use crate::effects::Effects;
use crate::fight::{Sheet, Vitals};
use crate::growth::Growth;
use crate::ledger::Ledger;
use crate::movement::Mobile;
use crate::order::{Answers, Desk, Order, Orders};
use crate::player::Avatar;
use crate::roster::Roster;
use crate::trade;
use bevy_ecs::prelude::{Mut, World};
use protocol::command::TradeStep;
use protocol::motion::Body;
use protocol::{CharacterId, ClassId, Command, ItemId, NetId, Refusal, Tick};
use std::sync::Arc;

/// What became of an order that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It is done.
    Now,
    /// It is answered when the disk has answered.
    UnderWay,
}

/// Carries out the orders of this tick, in the order in which they were given.
pub(super) fn carry_out(world: &mut World) {
    let orders: Vec<Order> = world.resource::<Orders>().of(Desk::Carry).copied().collect();
    if orders.is_empty() {
        return;
    }
    let content = ground::content(world);
    for order in &orders {
        let result = match Scene::new(world, &content, order) {
            Some(mut scene) => scene.carry_out(&order.command),
            None => Err(Refusal::UnknownTarget),
        };
        let result = match result {
            Ok(Done::UnderWay) => continue,
            Ok(Done::Now) => Ok(()),
            Err(refusal) => Err(refusal),
        };
        world.resource_mut::<Answers>().answer(order, result);
    }
}

/// An order, and the world in which it is carried out.
pub(crate) struct Scene<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) content: &'a Arc<Content>,
    pub(crate) now: Tick,
    /// Who gives the order.
    pub(crate) by: NetId,
    pub(crate) number: u16,
    pub(crate) character: CharacterId,
    pub(crate) body: Body,
    entity: bevy_ecs::prelude::Entity,
    level: u8,
    class: ClassId,
    carry_max: u64,
}

impl<'a> Scene<'a> {
    /// None if he is no player.
    fn new(world: &'a mut World, content: &'a Arc<Content>, order: &Order) -> Option<Self> {
        let now = world.resource::<Clock>().now;
        let entity = world.resource::<Roster>().entity(order.by)?;
        let (character, body) = (world.get::<Avatar>(entity)?.character, world.get::<Mobile>(entity)?.0);
        let (level, carry_max) = figures(world.get::<Sheet>(entity)?);
        let class = world.get::<Growth>(entity)?.class;
        world.get::<Bag>(entity)?;
        let Order { by, number, .. } = *order;
        Some(Self { world, content, now, by, number, character, body, entity, level, class, carry_max })
    }

    fn carry_out(&mut self, command: &Command) -> Result<Done, Refusal> {
        if self.world.get::<Vitals>(self.entity).is_some_and(Vitals::is_dead) {
            return Err(Refusal::Dead);
        }
        let holds = self.world.get::<Effects>(self.entity).map(|effects| effects.holds(self.content));
        let is_stunned = holds.is_some_and(|holds| holds.stun);
        if is_stunned && !matches!(command, Command::Trade(TradeStep::Cancel)) {
            return Err(Refusal::Stunned);
        }
        match *command {
            Command::Equip { item } => bag_orders::equip(self, item),
            Command::Unequip { slot } => bag_orders::unequip(self, slot),
            Command::Use { item } => bag_orders::use_item(self, item),
            Command::Move { item, count, slot } => bag_orders::shift(self, item, count, slot),
            Command::Drop { item, count } => ground_orders::drop(self, item, count),
            Command::PickUp { entity } => ground_orders::pick_up(self, entity),
            Command::Buy { kind, count } => vendor::buy(self, kind, count),
            Command::Sell { item, count } => vendor::sell(self, item, count),
            Command::Repair { item } => vendor::repair(self, item),
            Command::Trade(step) => trade::step(self, step),
            _ => unreachable!("{command:?} is for another desk"),
        }
    }

    /// Whose answer waits for a transaction.
    pub(crate) fn order(&self) -> Option<(NetId, u16)> {
        Some((self.by, self.number))
    }

    pub(crate) fn bag(&self) -> &Bag {
        self.world.get::<Bag>(self.entity).expect("who gives orders has a bag")
    }

    pub(super) fn sheet(&self) -> &Sheet {
        self.world.get::<Sheet>(self.entity).expect("who gives orders has figures")
    }

    pub(crate) fn bag_mut(&mut self) -> Mut<'_, Bag> {
        self.world.get_mut::<Bag>(self.entity).expect("who gives orders has a bag")
    }

    pub(crate) fn ledger(&mut self) -> Mut<'_, Ledger> {
        self.world.resource_mut::<Ledger>()
    }

    /// An item of his that nothing holds, and its kind.
    pub(super) fn own(&self, item: ItemId) -> Result<(Row, &'a ItemType), Refusal> {
        let row = *self.bag().row(item).ok_or(Refusal::NoSuchItem)?;
        if row.hold != Hold::Free {
            return Err(Refusal::InUse);
        }
        Ok((row, self.content.items.find(row.kind).ok_or(Refusal::NoSuchItem)?))
    }

    /// As [`Self::own`], in the bag; so many of it, which it has.
    pub(super) fn own_in_bag(&self, item: ItemId, count: u32) -> Result<(Row, &'a ItemType), Refusal> {
        let (row, kind) = self.own(item)?;
        if row.is_worn() {
            return Err(Refusal::WrongSlot);
        }
        if count == 0 || count > row.count {
            return Err(Refusal::WrongCount);
        }
        Ok((row, kind))
    }

    /// Whether he may wear or use a kind, and this one of it is not broken.
    pub(super) fn may_use(&self, row: &Row, kind: &ItemType) -> Result<(), Refusal> {
        if self.level < kind.level_min {
            return Err(Refusal::LevelTooLow);
        }
        if !kind.classes.is_empty() && !kind.classes.contains(&self.class) {
            return Err(Refusal::WrongClass);
        }
        if kind.durability_max > 0 && row.durability == 0 { Err(Refusal::Broken) } else { Ok(()) }
    }

    /// Whether he can carry so much more, in grams.
    pub(super) fn can_carry(&self, grams: u64) -> Result<(), Refusal> {
        let load = self.bag().load(self.content).saturating_add(grams);
        if grams > 0 && load > self.carry_max { Err(Refusal::TooHeavy) } else { Ok(()) }
    }
}

/// Level, and most weight in grams.
pub(crate) fn figures(sheet: &Sheet) -> (u8, u64) {
    (sheet.level, u64::from(sheet.now.of(Stat::CarryMax).max(0).unsigned_abs()))
}
