//! What a person does: walks about, fights, casts, picks up, drops, deals, keeps company; mostly sense, sometimes not.

use super::Sheet;
use crate::dice::Dice;
use crate::world::MIDDLE_M;
use client::Client;
use game::content::{Content, Vendor};
use protocol::command::{Cast, CastTarget, LootRule, PartyStep, TradeStep};
use protocol::motion::StaticMap;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{ClassId, Command, EntityKind, EntityState, Input, ItemId, NetId, RosterRow, RosterStep, ViewTick};
use std::f64::consts::TAU;
use std::sync::Arc;

/// What people know of the world.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What does not move.
    pub map: Arc<StaticMap>,
    /// What the world is filled with.
    pub content: Arc<Content>,
    /// How far from the middle people walk, in metres.
    pub reach_m: f64,
}

/// One person's mind.
#[derive(Debug)]
pub struct Mind {
    dice: Dice,
    goal: (f64, f64),
    goal_ticks: u32,
    deed_ticks: u32,
    target: Option<NetId>,
    names: u32,
}

/// Full deflection.
const FULL: f64 = 127.0;
/// Whom one fights is nearer, in metres.
const HUNT_M: f64 = 35.0;
/// Characters of an account that nobody makes more of.
const ENOUGH: usize = 3;
/// Ticks from one deed to the next, about.
const DEED_TICKS: i64 = 30;

impl Mind {
    /// Of this luck.
    #[must_use]
    pub fn new(dice: Dice) -> Self {
        Self { dice, goal: (MIDDLE_M, MIDDLE_M), goal_ticks: 0, deed_ticks: 0, target: None, names: 0 }
    }

    /// Another life begins.
    pub fn on_joined(&mut self) {
        (self.goal_ticks, self.deed_ticks, self.target) = (0, 60, None);
    }

    /// Whom of the account's characters to play, or what to do with them before.
    pub fn choose(&mut self, number: usize, rows: &[RosterRow]) -> RosterStep {
        self.names += 1;
        let name = format!("P{number}x{}", self.dice.below(1_000_000));
        // Whoever has several is content with them: only so many changes are allowed in a while.
        match self.dice.below(rows.len() + usize::from(rows.len() < ENOUGH)) {
            at if at < rows.len() && self.dice.chance(0.15) => RosterStep::Delete { character: rows[at].character },
            at if at < rows.len() => RosterStep::Play { character: rows[at].character },
            _ => RosterStep::Create { name, class: ClassId(1), team: 0 },
        }
    }

    /// Whether to ask for an echo in this tick.
    pub fn wants_echo(&mut self) -> bool {
        self.dice.chance(1.0 / 60.0)
    }

    /// Whether to shoot in this tick.
    pub fn wants_shot(&mut self) -> bool {
        self.dice.chance(1.0 / 90.0)
    }

    /// What to press in this tick, and what to command.
    pub fn act(&mut self, client: &Client, sheet: &mut Sheet, scene: &Scene) -> (Input, Option<Command>) {
        let Some((_, own)) = client.own() else { return (Input::default(), None) };
        let here = own.entity();
        let command = if self.deed_ticks == 0 {
            self.deed_ticks = self.dice.whole(DEED_TICKS / 2, DEED_TICKS * 3 / 2) as u32;
            self.deed(client, sheet, scene, &here)
        } else {
            self.deed_ticks -= 1;
            None
        };
        if self.goal_ticks == 0 {
            self.goal_ticks = self.dice.whole(60, 300) as u32;
            self.goal = self.new_goal(client, scene, &here);
        }
        self.goal_ticks -= 1;
        (self.input(&here), command)
    }

    fn input(&mut self, here: &EntityState) -> Input {
        let (x, y) = metres(here);
        let (dx, dy) = (self.goal.0 - x, self.goal.1 - y);
        let apart = dx.hypot(dy);
        let scale = if apart < 0.3 { 0.0 } else { FULL / apart };
        let yaw = ((dy.atan2(dx) / TAU * 4_096.0) as i64 & 4_095) as u16;
        let buttons = u8::from(self.dice.chance(1.0 / 200.0));
        Input { move_x: (dx * scale) as i8, move_y: (dy * scale) as i8, yaw, pitch: 0, buttons }
    }

    fn new_goal(&mut self, client: &Client, scene: &Scene, here: &EntityState) -> (f64, f64) {
        let spoil = nearest(client, here, |kind, _| kind == EntityKind::Item);
        self.target =
            nearest(client, here, |kind, state| kind == EntityKind::Mob && !state.is_dead()).map(|(_, id, _)| id);
        match (self.dice.below(10), spoil) {
            (0..3, Some((_, _, state))) => metres(&state),
            (3, _) => vendor(&mut self.dice, scene).map_or(self.goal, |vendor| {
                let m = |subunits: i32| f64::from(subunits) / f64::from(SUBUNITS_PER_M);
                (m(vendor.area.x), m(vendor.area.y))
            }),
            (4..8, _) if let Some(seen) = self.target.and_then(|id| client.sees(id)) => metres(&seen.state),
            _ => {
                let (turn, far) = (self.dice.range(0.0, TAU), self.dice.range(5.0, scene.reach_m));
                (MIDDLE_M + far * turn.cos(), MIDDLE_M + far * turn.sin())
            }
        }
    }

    fn deed(&mut self, client: &Client, sheet: &mut Sheet, scene: &Scene, here: &EntityState) -> Option<Command> {
        if here.is_dead() {
            return Some(Command::Respawn);
        }
        if let Some(step) = self.trade(client, sheet, here) {
            return Some(Command::Trade(step));
        }
        if sheet.invited_by.take().is_some() {
            return Some(Command::Party(if self.dice.chance(0.8) { PartyStep::Accept } else { PartyStep::Decline }));
        }
        match self.dice.below(20) {
            0..9 => self.cast(client, sheet, here),
            9..12 => nearest(client, here, |kind, _| kind == EntityKind::Item)
                .map(|(_, entity, _)| Command::PickUp { entity }),
            12 => self.item(sheet).map(|item| Command::Use { item }),
            13 => self.item(sheet).map(|item| Command::Equip { item }),
            14 => self.item(sheet).map(|item| Command::Drop { item, count: 1 }),
            15 => Some(self.shop(sheet, scene)),
            16 => self.learn(sheet, scene),
            17 => self.item(sheet).map(|item| Command::Move { item, count: 1, slot: self.dice.below(40) as u8 }),
            18 => self.company(client, sheet, here),
            _ => Some(match self.dice.below(3) {
                0 => Command::Unequip { slot: self.dice.below(12) as u8 },
                1 => Command::Stop,
                _ => return self.item(sheet).map(|item| Command::Repair { item }),
            }),
        }
    }

    fn cast(&mut self, client: &Client, sheet: &Sheet, here: &EntityState) -> Option<Command> {
        let skills: Vec<_> = sheet.skills.keys().copied().collect();
        let skill = *skills.get(self.dice.below(skills.len()))?;
        let at = self.target.and_then(|id| Some((id, client.sees(id)?.state)));
        let (at, yaw) = match at {
            Some((id, state)) => {
                let (dx, dy) = (f64::from(state.x - here.x), f64::from(state.y - here.y));
                let at = match self.dice.below(6) {
                    0 => CastTarget::Nobody,
                    1 => CastTarget::Place { x_units: state.x, y_units: state.y },
                    _ => CastTarget::Entity(id),
                };
                (at, (dy.atan2(dx) / TAU * 65_536.0) as i64 as u16)
            }
            None => (CastTarget::Nobody, here.yaw << 4),
        };
        let view = ViewTick { tick: client.newest_tick(), fraction: 0 };
        Some(Command::Cast(Cast { skill, at, view, yaw, pitch: 0 }))
    }

    fn shop(&mut self, sheet: &Sheet, scene: &Scene) -> Command {
        let sold = vendor(&mut self.dice, scene).map(|vendor| vendor.sells.clone()).unwrap_or_default();
        let item = self.item(sheet);
        match (self.dice.below(3), sold.get(self.dice.below(sold.len())), item) {
            (0, _, Some(item)) => Command::Sell { item, count: 1 },
            (1, _, Some(item)) => Command::Repair { item },
            (_, Some(&kind), _) => Command::Buy { kind, count: 1 + self.dice.below(2) as u32 },
            _ => Command::Stop,
        }
    }

    fn learn(&mut self, sheet: &Sheet, scene: &Scene) -> Option<Command> {
        let class = scene.content.classes.find(sheet.figures.class)?;
        let node = class.tree.get(self.dice.below(class.tree.len()))?;
        Some(Command::Learn { skill: node.skill })
    }

    fn company(&mut self, client: &Client, sheet: &Sheet, here: &EntityState) -> Option<Command> {
        let rules = [LootRule::Anyone, LootRule::InTurn, LootRule::Leader];
        let (_, who, _) = nearest(client, here, |kind, _| kind == EntityKind::Player)?;
        Some(Command::Party(match self.dice.below(6) {
            0 if !sheet.party.members.is_empty() => PartyStep::Leave,
            1 if !sheet.party.members.is_empty() => PartyStep::Rule { rule: rules[self.dice.below(rules.len())] },
            2 => PartyStep::Lead { who },
            3 => PartyStep::Kick { who },
            _ => PartyStep::Invite { who },
        }))
    }

    /// A step of a trade that goes on, or the first of another.
    fn trade(&mut self, client: &Client, sheet: &mut Sheet, here: &EntityState) -> Option<TradeStep> {
        if let Some(trade) = &sheet.trade {
            let has_offered = !trade.own.items.is_empty() || trade.own.coins > 0;
            return Some(match self.dice.below(8) {
                0 => TradeStep::Cancel,
                1..4 if !has_offered => match self.item(sheet) {
                    Some(item) => TradeStep::Offer { item, count: 1 },
                    None => TradeStep::OfferCoins { coins: 1 + self.dice.below(5) as u64 },
                },
                4 if !has_offered => TradeStep::OfferCoins { coins: 1 + self.dice.below(5) as u64 },
                _ => TradeStep::Confirm { revision: trade.revision },
            });
        }
        if let Some(by) = sheet.asked_by.take() {
            return self.dice.chance(0.9).then_some(TradeStep::Ask { with: by });
        }
        if !self.dice.chance(0.06) {
            return None;
        }
        let (_, with, _) = nearest(client, here, |kind, state| kind == EntityKind::Player && !state.is_dead())?;
        Some(TradeStep::Ask { with })
    }

    fn item(&mut self, sheet: &Sheet) -> Option<ItemId> {
        let at = self.dice.below(sheet.items.len());
        sheet.items.keys().nth(at).copied()
    }
}

fn vendor<'a>(dice: &mut Dice, scene: &'a Scene) -> Option<&'a Vendor> {
    let vendors = &scene.content.places.vendors;
    vendors.get(dice.below(vendors.len()))
}

fn metres(state: &EntityState) -> (f64, f64) {
    (f64::from(state.x) / f64::from(UNITS_PER_M), f64::from(state.y) / f64::from(UNITS_PER_M))
}

fn nearest(
    client: &Client,
    here: &EntityState,
    is_meant: impl Fn(EntityKind, &EntityState) -> bool,
) -> Option<(f64, NetId, EntityState)> {
    let (x, y) = metres(here);
    let mut best: Option<(f64, NetId, EntityState)> = None;
    for (id, seen) in client.entities().filter(|(_, seen)| is_meant(seen.kind, &seen.state)) {
        let (there_x, there_y) = metres(&seen.state);
        let apart = (there_x - x).hypot(there_y - y);
        if apart < HUNT_M && best.as_ref().is_none_or(|(least, ..)| apart < *least) {
            best = Some((apart, id, seen.state));
        }
    }
    best
}
