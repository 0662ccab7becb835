//! What a client knows of its own player, from the news alone.

use protocol::news::{Figures, ItemRow, Party, Trade};
use protocol::{ItemId, NetId, News, SkillId};
use std::collections::BTreeMap;

/// One life's knowledge.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// Whether figures have come.
    pub is_known: bool,
    /// The newest.
    pub figures: Figures,
    /// What it can cast.
    pub skills: BTreeMap<SkillId, u8>,
    /// What it has.
    pub items: BTreeMap<ItemId, ItemRow>,
    /// The trade that goes on.
    pub trade: Option<Trade>,
    /// Who asks for one.
    pub asked_by: Option<NetId>,
    /// The party.
    pub party: Party,
    /// Who asks it into his.
    pub invited_by: Option<NetId>,
}

impl Sheet {
    /// Takes in what is true from now on.
    pub fn take(&mut self, news: &News) {
        match news {
            News::Figures(figures) => (self.figures, self.is_known) = (*figures, true),
            News::Item(row) => drop(self.items.insert(row.item, *row)),
            News::ItemGone { item } => drop(self.items.remove(item)),
            News::Skill { skill, rank } => drop(self.skills.insert(*skill, *rank)),
            News::Trade(trade) => self.trade = Some(trade.clone()),
            News::TradeEnded { .. } => self.trade = None,
            News::TradeAsked { by } => self.asked_by = Some(*by),
            News::Party(party) => self.party = party.clone(),
            News::PartyInvited { by } => self.invited_by = Some(*by),
            News::Cooldown { .. }
            | News::ItemCooldown { .. }
            | News::Effect { .. }
            | News::Custom(_)
            | News::Receipt { .. } => {}
        }
    }

    /// How many of each item.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<ItemId, u32> {
        self.items.iter().map(|(item, row)| (*item, row.count)).collect()
    }
}
