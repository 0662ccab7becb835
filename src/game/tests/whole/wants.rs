//! What somebody wants next: anything that one can want, mostly something that may be.

use crate::draws::Draws;
use game::Game;
use game::content::{Skill, Targeting};
use protocol::command::{Cast, CastTarget, LootRule, PartyStep, TradeStep};
use protocol::custom::Kind;
use protocol::news::{BAG_SLOTS, ItemRow, WORN};
use protocol::unit::{SUBUNITS_PER_M, unit_of};
use protocol::{Command, Custom, EntityKind, ItemId, ItemKind, NetId, SkillId, Tick, ViewTick};
use std::f64::consts::TAU;

/// What nobody here knows.
#[derive(bincode::Encode, bincode::Decode)]
struct Unheard;

impl Kind for Unheard {
    const KIND: u8 = 200;
}

/// Somebody who wants something, and all that he looks at.
pub struct Wanting<'a> {
    pub game: &'a Game,
    pub draws: &'a mut Draws,
    pub by: NetId,
    pub is_merchant: bool,
    /// Revision of the trade that he is in.
    pub trade: Option<u32>,
    /// Who has asked him for one.
    pub asked_by: Option<NetId>,
    /// Whoever is here.
    pub people: &'a [NetId],
    /// The first tick that anybody may have seen.
    pub seen_from: Tick,
    /// Everybody sees the present.
    pub is_prompt: bool,
}

impl Wanting<'_> {
    pub fn command(&mut self) -> Option<Command> {
        if self.game.own(self.by)?.entity().is_dead() {
            return if self.draws.one_in(4) { Some(Command::Respawn) } else { self.belongings() };
        }
        if self.trade.is_some() && !self.draws.one_in(4) {
            return self.trade();
        }
        if let Some(with) = self.asked_by.filter(|_| self.trade.is_none() && !self.draws.one_in(3)) {
            return Some(Command::Trade(TradeStep::Ask { with }));
        }
        match self.draws.below(20) {
            // Merchants keep out of fights.
            0..8 if !self.is_merchant => self.cast(),
            0..4 => self.ask(),
            8 if self.draws.one_in(4) => Some(Command::Stop),
            8 => self.draws.one_in(8).then(|| Command::Custom(Custom::of(&Unheard))),
            9 => self.learn(),
            10..12 => self.loot(),
            4..8 | 12..17 => self.belongings(),
            17 => self.ask(),
            _ => self.party(),
        }
    }

    fn ask(&mut self) -> Option<Command> {
        Some(Command::Trade(TradeStep::Ask { with: self.near(EntityKind::Player, 8)? }))
    }

    fn cast(&mut self) -> Option<Command> {
        let content = self.game.content();
        let estate = self.game.estate(self.by)?;
        let class = content.classes.find(estate.class)?;
        let learnt = estate.skills.iter().map(|&(skill, _)| skill);
        let known: Vec<SkillId> = class.skills.iter().copied().chain(learnt).collect();
        let skill = content.skills.at(self.draws.of(&known)?);
        let kind = if self.draws.one_in(3) { EntityKind::Player } else { EntityKind::Mob };
        let target = self.near(kind, 30).unwrap_or(self.by);
        let (here, there) = (self.game.body(self.by)?, self.game.body(target)?);
        let turn = f64::from(there.y - here.y).atan2(f64::from(there.x - here.x)) / TAU;
        let age = if self.is_prompt { 0 } else { self.draws.below(6) as u32 };
        let tick = Tick(self.game.now().0.saturating_sub(age).max(self.seen_from.0));
        Some(Command::Cast(Cast {
            skill: skill.id,
            at: self.aim(skill, target)?,
            view: ViewTick { tick, fraction: 0 },
            yaw: (turn * 65_536.0).rem_euclid(65_536.0) as u16,
            pitch: 0,
        }))
    }

    fn aim(&mut self, skill: &Skill, target: NetId) -> Option<CastTarget> {
        let there = self.game.body(target)?;
        Some(match skill.targeting {
            Targeting::Own | Targeting::Cone { .. } | Targeting::Ray => CastTarget::Nobody,
            Targeting::Ground { .. } => CastTarget::Place { x_units: unit_of(there.x), y_units: unit_of(there.y) },
            _ if self.draws.one_in(8) => CastTarget::Nobody,
            _ => CastTarget::Entity(target),
        })
    }

    fn learn(&mut self) -> Option<Command> {
        let content = self.game.content();
        let tree = &content.classes.find(self.game.estate(self.by)?.class)?.tree;
        let skills: Vec<SkillId> = tree.iter().map(|node| node.skill).collect();
        Some(Command::Learn { skill: self.draws.of(&skills)? })
    }

    /// Takes what lies nearest, or anything.
    fn loot(&mut self) -> Option<Command> {
        let here = *self.game.body(self.by)?;
        let ground = self.game.ground();
        let apart = |id: NetId| {
            let there = self.game.body(id).copied().unwrap_or_default();
            i64::from(there.x - here.x).pow(2) + i64::from(there.y - here.y).pow(2)
        };
        let nearest = ground.iter().map(|&(id, _)| id).min_by_key(|&id| apart(id));
        let any: Vec<NetId> = ground.iter().map(|&(id, _)| id).collect();
        let entity = if self.draws.one_in(8) { self.draws.of(&any) } else { nearest };
        Some(Command::PickUp { entity: entity? })
    }

    fn belongings(&mut self) -> Option<Command> {
        let rows = self.game.estate(self.by)?.items;
        let row = self.draws.of(&rows).unwrap_or_default();
        let item = row.item;
        let count = match self.draws.below(6) {
            0 => u32::MAX,
            1 | 2 => row.count,
            _ => 1 + self.draws.below(u64::from(row.count.max(1))) as u32,
        };
        Some(match self.draws.below(9) {
            0 => Command::Equip { item: self.such(&rows, |row| row.slot < WORN && row.durability > 0).unwrap_or(item) },
            1 => Command::Unequip { slot: WORN + self.draws.below(10) as u8 },
            2 => Command::Use { item: self.useful(&rows).unwrap_or(item) },
            3 => Command::Drop { item, count },
            4 => Command::Move { item, count, slot: self.draws.below(u64::from(BAG_SLOTS) + 2) as u8 },
            5 | 6 => Command::Buy { kind: self.goods()?, count: 1 + self.draws.below(3) as u32 },
            7 => Command::Sell { item, count },
            _ => Command::Repair { item: self.shabby(&rows).unwrap_or(item) },
        })
    }

    fn such(&mut self, rows: &[ItemRow], is: impl Fn(&ItemRow) -> bool) -> Option<ItemId> {
        let all: Vec<ItemId> = rows.iter().filter(|row| is(row)).map(|row| row.item).collect();
        self.draws.of(&all)
    }

    fn useful(&mut self, rows: &[ItemRow]) -> Option<ItemId> {
        let content = self.game.content().clone();
        self.such(rows, |row| content.items.at(row.kind).use_.is_some())
    }

    fn shabby(&mut self, rows: &[ItemRow]) -> Option<ItemId> {
        let content = self.game.content().clone();
        self.such(rows, |row| row.durability < content.items.at(row.kind).durability_max)
    }

    fn goods(&mut self) -> Option<ItemKind> {
        let vendors = &self.game.content().places.vendors;
        let sold: Vec<ItemKind> = vendors.iter().flat_map(|vendor| vendor.sells.iter().copied()).collect();
        self.draws.of(&sold)
    }

    fn trade(&mut self) -> Option<Command> {
        let revision = self.trade?;
        let rows = self.game.estate(self.by)?.items;
        let row = self.draws.of(&rows).unwrap_or_default();
        Some(Command::Trade(match self.draws.below(12) {
            0 => TradeStep::Cancel,
            1..4 => TradeStep::Offer { item: row.item, count: self.draws.below(u64::from(row.count) + 2) as u32 },
            4 => TradeStep::OfferCoins { coins: self.draws.of(&[0, 1, 50, u64::MAX])? },
            5 => TradeStep::Confirm { revision: revision.wrapping_sub(1) },
            _ => TradeStep::Confirm { revision },
        }))
    }

    fn party(&mut self) -> Option<Command> {
        let members = self.game.party_of(self.by).to_vec();
        let member = self.draws.of(&members).unwrap_or(self.by);
        Some(Command::Party(match self.draws.below(16) {
            0..5 => PartyStep::Invite { who: self.draws.of(self.people)? },
            5..10 => PartyStep::Accept,
            10 => PartyStep::Decline,
            11 => PartyStep::Leave,
            12 => PartyStep::Kick { who: member },
            13 => PartyStep::Lead { who: member },
            _ => PartyStep::Rule { rule: self.draws.of(&[LootRule::Anyone, LootRule::Leader, LootRule::InTurn])? },
        }))
    }

    /// Somebody of a sort within so many metres, the near ones as likely as the far ones. By where they are, not by the index:
    /// whoever was put somewhere else in the last tick is in it where he was, and in that of a restored world where he is.
    fn near(&mut self, kind: EntityKind, radius_m: i32) -> Option<NetId> {
        let (here, replicas) = (self.game.body(self.by)?, self.game.replicas());
        let is_near = |id: NetId| {
            let there = self.game.body(id).copied().unwrap_or_default();
            (there.x - here.x).abs().max((there.y - here.y).abs()) <= radius_m * SUBUNITS_PER_M
        };
        let others = replicas.live().iter().copied().filter(|&id| id != self.by && replicas.kind(id) == kind);
        let all: Vec<NetId> = others.filter(|&id| is_near(id)).collect();
        self.draws.of(&all)
    }
}
