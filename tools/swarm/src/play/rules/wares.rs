//! What vendors owe: so many things for so many coins.

use super::super::orders::Asked;
use super::super::sheet::Sheet;
use game::content::Content;
use protocol::Command;
use protocol::news::WORN;

/// A deal was done, or something was put on: is what the bot has now what it must have? News of it come before the answer.
///
/// # Errors
/// What does not agree.
pub fn judge_deal(content: &Content, sheet: &Sheet, asked: &Asked) -> Result<(), String> {
    let had = asked.had;
    let Some(kind) = content.items.find(had.kind) else { return Ok(()) };
    let (count_now, coins_now) = (sheet.stock().get(&had.kind).copied().unwrap_or(0), sheet.figures.coins);
    let (count, least, most) = match asked.command {
        Command::Buy { count, .. } => {
            let left = had.coins.checked_sub(u64::from(kind.price) * u64::from(count));
            let left = left.ok_or_else(|| format!("{count} {} were bought with {} coins", kind.name, had.coins))?;
            (had.count + i64::from(count), left, left)
        }
        Command::Sell { count, .. } => {
            let gained = had.coins + u64::from(kind.value) * u64::from(count);
            (had.count - i64::from(count), gained, gained)
        }
        Command::Repair { item } => {
            if sheet.items.get(&item).is_some_and(|row| row.durability < kind.durability_max) {
                return Err(format!("{} was mended and is worn", kind.name));
            }
            let dearest = u64::from(kind.price.max(kind.value)) / 4 + 1;
            (had.count, had.coins.saturating_sub(dearest), had.coins.saturating_sub(1))
        }
        Command::Equip { item } => {
            let row = sheet.items.get(&item).ok_or_else(|| format!("{} was put on and is gone", kind.name))?;
            let is_worn = kind.slot.is_some_and(|slot| row.slot == WORN + slot as u8);
            return if is_worn { Ok(()) } else { Err(format!("{} was put on and is in slot {}", kind.name, row.slot)) };
        }
        _ => return Ok(()),
    };
    // What a mate picks up may be shared while one deals.
    let is_alone = sheet.party.members.is_empty();
    if count_now == count && coins_now >= least && (coins_now <= most || !is_alone) {
        return Ok(());
    }
    Err(format!(
        "after {:?} there are {count_now} {} and {coins_now} coins, it must be {count} and {least} to {most}",
        asked.command, kind.name
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::orders::{Had, Knew};
    use super::*;
    use game::content::shipped;
    use protocol::news::{Figures, ItemRow};
    use protocol::{ItemId, NetId};

    /// Judged by somebody who had and now has so many potions and coins.
    fn judge(command: Command, had: (i64, u64), has: (u32, u64)) -> Result<(), String> {
        let content = shipped("meadow");
        let kind = content.items.named("minor_health_potion").unwrap().id;
        let mut sheet = Sheet::new(NetId(1));
        sheet.figures = Figures { coins: has.1, ..Figures::default() };
        let row = ItemRow { item: ItemId(1), kind, count: has.0, ..ItemRow::default() };
        if has.0 > 0 {
            sheet.items.insert(row.item, row);
        }
        let had = Had { coins: had.1, kind, count: had.0 };
        judge_deal(&content, &sheet, &Asked { at_ns: 0, command, knew: Knew::default(), had })
    }

    #[test]
    fn what_is_bought_costs_its_price_and_is_there() {
        let content = shipped("meadow");
        let kind = content.items.named("minor_health_potion").unwrap();
        let (buy, price) = (Command::Buy { kind: kind.id, count: 2 }, u64::from(kind.price));
        assert_eq!(judge(buy, (1, 1_000), (3, 1_000 - 2 * price)), Ok(()));
        assert!(judge(buy, (1, 1_000), (3, 1_000 - price)).is_err(), "for half of it");
        assert!(judge(buy, (1, 1_000), (2, 1_000 - 2 * price)).is_err(), "one is missing");
        assert!(judge(buy, (1, price), (3, 0)).is_err(), "without the coins");
    }

    #[test]
    fn what_is_sold_brings_its_value_and_is_gone() {
        let content = shipped("meadow");
        let value = u64::from(content.items.named("minor_health_potion").unwrap().value);
        let sell = Command::Sell { item: ItemId(1), count: 2 };
        assert_eq!(judge(sell, (3, 10), (1, 10 + 2 * value)), Ok(()));
        assert!(judge(sell, (3, 10), (3, 10 + 2 * value)).is_err(), "it is still there");
        assert!(judge(sell, (3, 10), (1, 11 + 2 * value)).is_err(), "a coin too many");
    }

    #[test]
    fn what_is_mended_is_as_good_as_new_and_costs_something() {
        let content = shipped("meadow");
        let kind = content.items.named("rusty_sword").unwrap();
        let judge = |durability, coins| {
            let mut sheet = Sheet::new(NetId(1));
            sheet.figures = Figures { coins, ..Figures::default() };
            let row = ItemRow { item: ItemId(1), kind: kind.id, count: 1, durability, ..ItemRow::default() };
            sheet.items.insert(row.item, row);
            let had = Had { coins: 100, kind: kind.id, count: 1 };
            let command = Command::Repair { item: ItemId(1) };
            judge_deal(&content, &sheet, &Asked { at_ns: 0, command, knew: Knew::default(), had })
        };
        assert_eq!(judge(kind.durability_max, 99), Ok(()));
        assert!(judge(kind.durability_max - 1, 99).is_err());
        assert!(judge(kind.durability_max, 100).is_err(), "for nothing");
    }
}
