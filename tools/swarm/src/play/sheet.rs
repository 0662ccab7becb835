//! What a bot knows of itself, from the news alone.

use game::content::{Content, EquipSlot, ItemType, Outcome, Skill};
use protocol::news::{BAG_SLOTS, Figures, ItemRow, Party, Trade, WORN};
use protocol::{ItemId, ItemKind, NetId, News, SkillId, Tick};
use std::collections::BTreeMap;

/// Nanoseconds of a tick.
const TICK_NS: u64 = 16_666_667;

/// One session's knowledge.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// The bot's own entity.
    pub own: NetId,
    /// Whether figures have come.
    pub is_known: bool,
    /// The newest.
    pub figures: Figures,
    /// Whether it lies dead, by its own state.
    pub is_dead: bool,
    /// What it can cast, and how well.
    pub skills: BTreeMap<SkillId, u8>,
    /// What it has.
    pub items: BTreeMap<ItemId, ItemRow>,
    /// The first tick in which a skill is ready again, by the events of its casts.
    pub ready: BTreeMap<SkillId, Tick>,
    /// When items of a kind may be used again.
    pub item_ready_ns: BTreeMap<ItemKind, u64>,
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
    /// Nothing is known of this entity yet.
    pub fn new(own: NetId) -> Self {
        Self { own, ..Self::default() }
    }

    /// Takes in what is true from now on.
    pub fn take(&mut self, now_ns: u64, news: &News) {
        match news {
            News::Figures(figures) => (self.figures, self.is_known) = (*figures, true),
            News::Item(row) => drop(self.items.insert(row.item, *row)),
            News::ItemGone { item } => drop(self.items.remove(item)),
            News::Skill { skill, rank } => drop(self.skills.insert(*skill, *rank)),
            News::ItemCooldown { kind, ticks } => {
                self.item_ready_ns.insert(*kind, now_ns + u64::from(*ticks) * TICK_NS);
            }
            News::Trade(trade) => self.trade = Some(trade.clone()),
            News::TradeEnded { .. } => self.trade = None,
            News::TradeAsked { by } => self.asked_by = Some(*by),
            News::Party(party) => self.party = party.clone(),
            News::PartyInvited { by } => self.invited_by = Some(*by),
            // Cooldowns are known to the tick by the events of the casts.
            News::Cooldown { .. } | News::Effect { .. } | News::Custom(_) | News::Receipt { .. } => {}
        }
    }

    /// Whether a skill is ready by a tick, and there is mana for it.
    pub fn can_cast(&self, skill: &Skill, tick: Tick) -> bool {
        self.ready.get(&skill.id).is_none_or(|ready| *ready <= tick) && self.figures.mana >= skill.mana
    }

    /// Health and mana that are left, in hundredths.
    pub fn shares(&self) -> (u32, u32) {
        let share = |left: u32, most: u32| (u64::from(left) * 100 / u64::from(most.max(1))) as u32;
        (share(self.figures.health, self.figures.health_max), share(self.figures.mana, self.figures.mana_max))
    }

    /// Whether somebody is in the same party.
    pub fn is_mate(&self, id: NetId) -> bool {
        self.party.members.contains(&id)
    }

    /// What can be used up that gives health, or mana.
    pub fn drink(&self, content: &Content, now_ns: u64, for_health: bool) -> Option<ItemId> {
        let is_usable = |row: &&ItemRow| {
            let kind = content.items.find(row.kind);
            let helps = kind.is_some_and(|kind| self.may_use(kind) && helps(kind, for_health));
            let is_ready = self.item_ready_ns.get(&row.kind).is_none_or(|ready| *ready <= now_ns);
            helps && is_ready && !row.is_held
        };
        self.items.values().find(is_usable).map(|row| row.item)
    }

    /// Whether it is something to drink that the bot may.
    pub fn is_drinkable(&self, kind: &ItemType) -> bool {
        self.may_use(kind) && (helps(kind, true) || helps(kind, false))
    }

    /// Something in the bag that is better than what is worn, or where nothing is.
    pub fn better(&self, content: &Content) -> Option<ItemId> {
        let worth = |row: &ItemRow| content.items.find(row.kind).map_or(0, |kind| kind.value.max(kind.price));
        let is_better = |row: &&ItemRow| {
            let Some(kind) = content.items.find(row.kind).filter(|kind| self.may_use(kind)) else { return false };
            let Some(slot) = kind.slot else { return false };
            let is_broken = kind.durability_max > 0 && row.durability == 0;
            let mut worn = self.items.values().filter(|worn| worn.slot == WORN + slot as u8);
            // What takes both hands is left as it is.
            let takes_both = |worn: &ItemRow| content.items.find(worn.kind).is_some_and(|kind| kind.is_two_handed);
            let is_full =
                slot == EquipSlot::OffHand && self.items.values().any(|row| row.slot >= WORN && takes_both(row));
            !kind.is_two_handed && !is_full && !is_broken && worn.all(|worn| worth(row) > worth(worn))
        };
        let in_bag = self.items.values().filter(|row| row.slot < BAG_SLOTS && !row.is_held);
        in_bag.filter(is_better).max_by_key(|row| (worth(row), row.item)).map(|row| row.item)
    }

    fn may_use(&self, kind: &ItemType) -> bool {
        self.figures.level >= kind.level_min && (kind.classes.is_empty() || kind.classes.contains(&self.figures.class))
    }

    /// What lies in the bag and may be given away.
    pub fn spare<'a>(&'a self, content: &'a Content) -> impl Iterator<Item = &'a ItemRow> {
        let is_free = |row: &&ItemRow| row.slot < BAG_SLOTS && !row.is_held;
        let is_bound = |row: &&ItemRow| content.items.find(row.kind).is_none_or(|kind| kind.is_bound);
        self.items.values().filter(is_free).filter(move |row| !is_bound(row))
    }

    /// How many of each kind there are.
    pub fn stock(&self) -> BTreeMap<ItemKind, i64> {
        let mut stock = BTreeMap::new();
        for row in self.items.values() {
            *stock.entry(row.kind).or_default() += i64::from(row.count);
        }
        stock
    }

    /// Something of the class's tree that can be learnt now.
    pub fn learnable(&self, content: &Content) -> Option<SkillId> {
        let Figures { class, level, points, .. } = self.figures;
        let class = content.classes.find(class)?;
        let rank = |skill: SkillId| self.skills.get(&skill).copied().unwrap_or(0);
        let is_open = |node: &&game::content::Node| {
            let most = content.skills.find(node.skill).map_or(0, |skill| skill.ranks_max);
            level >= node.level_min
                && points >= u16::from(node.points)
                && rank(node.skill) < most
                && node.needs.iter().all(|needed| rank(*needed) > 0)
        };
        // What is new before what is better.
        class.tree.iter().filter(is_open).min_by_key(|node| rank(node.skill)).map(|node| node.skill)
    }
}

fn helps(kind: &ItemType, for_health: bool) -> bool {
    let usage = kind.use_.as_ref().filter(|usage| usage.is_consumed);
    usage.is_some_and(|usage| usage.outcomes.iter().any(|outcome| gives(outcome, for_health)))
}

fn gives(outcome: &Outcome, health: bool) -> bool {
    match outcome {
        Outcome::Heal { .. } => health,
        Outcome::Mana { amount } => !health && *amount > 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::content::shipped;
    use protocol::ClassId;

    #[test]
    fn the_newest_of_each_item_is_all_there_is_to_know() {
        let mut sheet = Sheet::new(NetId(3));
        let row = ItemRow { item: ItemId(1), kind: ItemKind(321), count: 5, ..ItemRow::default() };
        sheet.take(0, &News::Item(row));
        sheet.take(0, &News::Item(ItemRow { count: 2, ..row }));
        sheet.take(0, &News::Item(ItemRow { item: ItemId(2), slot: 1, ..row }));
        assert_eq!(sheet.stock(), BTreeMap::from([(ItemKind(321), 7)]));
        sheet.take(0, &News::ItemGone { item: ItemId(2) });
        assert_eq!(sheet.stock(), BTreeMap::from([(ItemKind(321), 2)]));
    }

    #[test]
    fn what_is_learnt_next_needs_points_level_and_what_comes_before() {
        let content = shipped("meadow");
        let mut sheet = Sheet::new(NetId(3));
        sheet.figures = Figures { class: ClassId(1), level: 1, points: 1, ..Figures::default() };
        assert_eq!(sheet.learnable(&content), None, "nothing is for the first level");
        sheet.figures.level = 4;
        let first = sheet.learnable(&content).unwrap();
        sheet.take(0, &News::Skill { skill: first, rank: 1 });
        assert_ne!(sheet.learnable(&content), Some(first), "another one comes first");
        sheet.figures.points = 0;
        assert_eq!(sheet.learnable(&content), None);
    }

    #[test]
    fn what_is_put_on_is_worth_more_than_what_is_worn_and_may_be_worn() {
        let content = shipped("meadow");
        let sword = |name: &str| content.items.named(name).unwrap();
        let better = |class, worn: &str, in_bag: &str| {
            let mut sheet = Sheet::new(NetId(3));
            sheet.figures = Figures { class: ClassId(class), level: sword(in_bag).level_min, ..Figures::default() };
            for (item, name, slot) in [(1, worn, WORN), (2, in_bag, 0)] {
                let row =
                    ItemRow { item: ItemId(item), kind: sword(name).id, count: 1, slot, durability: 5, is_held: false };
                sheet.take(0, &News::Item(row));
            }
            sheet.better(&content)
        };
        let dearest = content.items.iter().filter(|kind| {
            kind.slot == Some(EquipSlot::MainHand) && !kind.is_two_handed && kind.classes == [ClassId(1)]
        });
        let dearest = &dearest.max_by_key(|kind| kind.price.max(kind.value)).unwrap().name;
        assert_eq!(better(1, "rusty_sword", dearest), Some(ItemId(2)));
        assert_eq!(better(1, dearest, "rusty_sword"), None);
        assert_eq!(better(2, "rusty_sword", dearest), None, "it is of another class");
    }

    #[test]
    fn what_is_drunk_gives_what_is_missing_and_is_ready() {
        let content = shipped("meadow");
        let potion = content.items.named("minor_health_potion").unwrap().id;
        let mut sheet = Sheet::new(NetId(3));
        sheet.figures.level = 1;
        sheet.take(0, &News::Item(ItemRow { item: ItemId(9), kind: potion, count: 1, ..ItemRow::default() }));
        assert_eq!(sheet.drink(&content, 0, true), Some(ItemId(9)));
        assert_eq!(sheet.drink(&content, 0, false), None);
        sheet.take(0, &News::ItemCooldown { kind: potion, ticks: 60 });
        assert_eq!(sheet.drink(&content, 1, true), None);
    }
}
