//! Commands of a game of one's own.

use crate::order::{Answers, Desk, Orders};
use crate::schedule::Doing;
use bevy_ecs::prelude::{IntoScheduleConfigs, Resource, Schedule, World};
use protocol::custom::Kind;
use protocol::{Command, Custom, NetId, Refusal};
use std::collections::BTreeMap;

type CarryOut = Box<dyn Fn(&mut World, NetId, &Custom) -> Result<(), Refusal> + Send + Sync>;

/// What carries out which command.
#[derive(Default, Resource)]
pub(crate) struct CustomCommands(BTreeMap<u8, CarryOut>);

impl CustomCommands {
    pub(super) fn add<C: Kind + 'static>(&mut self, carry_out: fn(&mut World, NetId, C) -> Result<(), Refusal>) {
        let read_first = move |world: &mut World, by: NetId, command: &Custom| match command.read::<C>() {
            Some(command) => carry_out(world, by, command),
            None => Err(Refusal::UnknownCommand),
        };
        let before = self.0.insert(C::KIND, Box::new(read_first));
        assert!(before.is_none(), "two commands have the number {}", C::KIND);
    }
}

pub(super) fn register(world: &mut World, schedule: &mut Schedule) {
    world.insert_resource(CustomCommands::default());
    schedule.add_systems(carry_out.in_set(Doing::Custom));
}

fn carry_out(world: &mut World) {
    if world.resource::<Orders>().of(Desk::Custom).next().is_none() {
        return;
    }
    let orders: Vec<_> = world.resource::<Orders>().of(Desk::Custom).copied().collect();
    // Lent out, so that what carries one out may have the whole world.
    let commands = std::mem::take(&mut *world.resource_mut::<CustomCommands>());
    for order in &orders {
        let Command::Custom(command) = &order.command else { continue };
        let result = match commands.0.get(&command.kind) {
            Some(carry_out) => carry_out(world, order.by, command),
            None => Err(Refusal::UnknownCommand),
        };
        world.resource_mut::<Answers>().answer(order, result);
    }
    *world.resource_mut::<CustomCommands>() = commands;
}
