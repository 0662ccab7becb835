//! Trips to a vendor: a bot has its gear mended, sells what it cannot use, and buys what it drinks.
//!
//! ```text
//! Away --its time, and a reason--> Going --put there--> Dealing --nothing left to do--> Away (and home again)
//! ```

use super::sheet::Sheet;
use super::turn::{Turn, Wanted};
use crate::dice::Dice;
use crate::movement::Place;
use game::content::{Content, ItemType, Vendor};
use protocol::news::{ItemRow, WORN};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{Command, ItemId, ItemKind};
use rudp::time::NS_PER_S;

/// From one trip to the next: half of it to one and a half of it.
const EVERY_NS: u64 = 60 * NS_PER_S;
/// The first trip, at most so long after the bot came: a run of a minute sees one of each bot.
const FIRST_NS: u64 = 40 * NS_PER_S;
/// A trip that takes longer is given up: somebody fights the bot, or the server does not put it there.
const TRIP_NS_MAX: u64 = 8 * NS_PER_S;
/// Potions that a bot wants to have of each sort.
const POTIONS: u32 = 4;
/// Stacks sold on one trip, at most: a bot keeps things to trade.
const SALES_MAX: usize = 3;
/// Worn things are mended below this share of what they bear, in hundredths.
const WORN_BELOW: u32 = 95;

/// One bot's way with vendors.
#[derive(Debug)]
pub struct Market {
    dice: Dice,
    due_ns: u64,
    trip: Option<Trip>,
}

#[derive(Clone, Copy, Debug)]
struct Trip {
    vendor: usize,
    began_ns: u64,
    sales: usize,
    has_bought: bool,
}

impl Market {
    /// With its own dice.
    pub fn new(dice: Dice) -> Self {
        Self { dice, due_ns: 0, trip: None }
    }

    /// Another session begins.
    pub fn on_joined(&mut self) {
        (self.due_ns, self.trip) = (0, None);
    }

    /// What a trip wants this turn; none if the bot is not on one.
    pub fn act(&mut self, turn: &mut Turn<'_>, is_counting: bool) -> Option<Wanted> {
        if self.due_ns == 0 {
            self.due_ns = turn.now_ns + (f64::from(self.dice.unit()) * FIRST_NS as f64) as u64;
        }
        let is_idle = turn.orders.waiting_of_belongings() == 0;
        let Some(trip) = self.trip else {
            return if turn.now_ns >= self.due_ns && is_idle && !is_counting { self.begin(turn) } else { None };
        };
        let content = &turn.board.content;
        let Some(vendor) = content.places.vendors.get(trip.vendor) else { return self.end(turn) };
        if turn.now_ns > trip.began_ns + TRIP_NS_MAX {
            return self.end(turn);
        }
        if !is_in(vendor, turn.here) || !is_idle {
            return Some(turn.stay());
        }
        match self.next(content, turn.sheet, vendor) {
            Some(command) => {
                turn.give(command);
                Some(turn.stay())
            }
            None => self.end(turn),
        }
    }

    /// Sets out if there is anything to do at a vendor.
    fn begin(&mut self, turn: &mut Turn<'_>) -> Option<Wanted> {
        self.due_ns = turn.now_ns + EVERY_NS / 2 + (f64::from(self.dice.unit()) * EVERY_NS as f64) as u64;
        let vendors = &turn.board.content.places.vendors;
        if vendors.is_empty() {
            return None;
        }
        let vendor = self.dice.below(vendors.len());
        let trip = Trip { vendor, began_ns: turn.now_ns, sales: 0, has_bought: false };
        self.trip = Some(trip);
        if self.next(&turn.board.content, turn.sheet, &vendors[vendor]).is_none() {
            self.trip = None;
            return None;
        }
        self.trip = Some(trip);
        let place = middle(&vendors[vendor]);
        let (dx, dy) = (self.dice.range(-1.5, 1.5), self.dice.range(-1.5, 1.5));
        Some(Wanted { place: Some(Place { x: place.x + dx, y: place.y + dy }), ..turn.stay() })
    }

    fn end(&mut self, turn: &Turn<'_>) -> Option<Wanted> {
        self.trip = None;
        Some(Wanted { place: Some(turn.board.home(turn.bot).place), ..turn.stay() })
    }

    /// The next thing to do at a vendor: mend, sell, buy.
    fn next(&mut self, content: &Content, sheet: &Sheet, vendor: &Vendor) -> Option<Command> {
        let trip = self.trip.as_mut()?;
        let worn = worn_out(content, sheet).filter(|_| vendor.repairs);
        if let Some(row) = worn.filter(|row| may_pay_for_mending(content, sheet, row)) {
            return Some(Command::Repair { item: row.item });
        }
        if let Some((item, count)) = for_sale(content, sheet).filter(|_| trip.sales < SALES_MAX) {
            trip.sales += 1;
            return Some(Command::Sell { item, count });
        }
        let (kind, count) = wanted(content, sheet, vendor).filter(|_| !trip.has_bought)?;
        trip.has_bought = true;
        Some(Command::Buy { kind, count })
    }
}

fn middle(vendor: &Vendor) -> Place {
    let metres = |subunits: i32| subunits as f32 / SUBUNITS_PER_M as f32;
    Place { x: metres(vendor.area.x), y: metres(vendor.area.y) }
}

fn is_in(vendor: &Vendor, here: Place) -> bool {
    middle(vendor).distance(here) < vendor.area.radius as f32 / SUBUNITS_PER_M as f32 - 0.5
}

/// Something worn that has suffered.
fn worn_out<'a>(content: &Content, sheet: &'a Sheet) -> Option<&'a ItemRow> {
    let most = |row: &ItemRow| content.items.find(row.kind).map_or(0, |kind| u32::from(kind.durability_max));
    let has_suffered = |row: &&ItemRow| u32::from(row.durability) * 100 < most(row) * WORN_BELOW;
    sheet.items.values().filter(|row| row.slot >= WORN && !row.is_held).find(has_suffered)
}

/// Mending costs a quarter of the price at most, and never nothing.
fn may_pay_for_mending(content: &Content, sheet: &Sheet, row: &ItemRow) -> bool {
    let price = content.items.find(row.kind).map_or(0, |kind| kind.price.max(kind.value));
    sheet.figures.coins > u64::from(price) / 4
}

/// What is worth something and of no use.
fn for_sale(content: &Content, sheet: &Sheet) -> Option<(ItemId, u32)> {
    let is_of_no_use = |kind: &ItemType| kind.value > 0 && kind.use_.is_none() && kind.slot.is_none();
    let found = sheet.spare(content).find(|row| content.items.find(row.kind).is_some_and(is_of_no_use))?;
    Some((found.item, found.count))
}

/// What can be drunk, of which there are too few.
fn wanted(content: &Content, sheet: &Sheet, vendor: &Vendor) -> Option<(ItemKind, u32)> {
    let stock = sheet.stock();
    vendor.sells.iter().find_map(|kind| {
        let kind = content.items.find(*kind).filter(|kind| kind.price > 0 && sheet.is_drinkable(kind))?;
        let has = stock.get(&kind.id).copied().unwrap_or(0);
        let lacks = i64::from(POTIONS) - has;
        let pays = (sheet.figures.coins / u64::from(kind.price)) as i64;
        (lacks > 0 && pays > 0).then_some((kind.id, lacks.min(pays) as u32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::content::shipped;
    use protocol::NetId;
    use protocol::news::Figures;

    /// Somebody with so many coins, and with these.
    fn sheet(content: &Content, coins: u64, rows: &[(&str, u8, u16)]) -> Sheet {
        let mut sheet = Sheet::new(NetId(1));
        sheet.figures = Figures { level: 1, coins, ..Figures::default() };
        for (number, &(name, slot, durability)) in (1..).zip(rows) {
            let kind = content.items.named(name).unwrap().id;
            let row = ItemRow { item: ItemId(number), kind, count: 3, durability, slot, is_held: false };
            sheet.items.insert(row.item, row);
        }
        sheet
    }

    fn steps(content: &Content, sheet: &Sheet, vendor: &Vendor) -> Vec<Command> {
        let trip = Some(Trip { vendor: 0, began_ns: 0, sales: 0, has_bought: false });
        let mut market = Market { trip, ..Market::new(Dice::new(1, 1)) };
        // What was done does not show on the sheet here, so that what is asked for again shows.
        (0..6).map_while(|_| market.next(content, sheet, vendor)).collect()
    }

    #[test]
    fn it_sells_what_is_of_no_use_at_most_three_times_and_then_buys_once() {
        let content = shipped("meadow");
        let vendor = content.places.vendors.iter().find(|vendor| {
            let sells = |name: &str| vendor.sells.contains(&content.items.named(name).unwrap().id);
            sells("minor_health_potion")
        });
        let vendor = vendor.expect("somebody sells potions");
        let potion = content.items.named("minor_health_potion").unwrap();
        let rich = sheet(&content, 100_000, &[("rat_tail", 3, 0), ("rusty_sword", 4, 10)]);
        let steps = steps(&content, &rich, vendor);
        let sale = Command::Sell { item: ItemId(1), count: 3 };
        assert_eq!(steps[..3], [sale; 3]);
        assert_eq!(steps.len(), 4);
        assert!(matches!(steps[3], Command::Buy { count: 1..=POTIONS, .. }), "{steps:?}");
        let poor = sheet(&content, u64::from(potion.price) - 1, &[]);
        assert_eq!(wanted(&content, &poor, vendor).filter(|(kind, _)| *kind == potion.id), None);
    }

    #[test]
    fn it_has_mended_what_it_wears_if_it_can_pay() {
        let content = shipped("meadow");
        let vendor = content.places.vendors.iter().find(|vendor| vendor.repairs).expect("somebody mends");
        let most = content.items.named("rusty_sword").unwrap().durability_max;
        let step = |coins, slot, durability| {
            let sheet = sheet(&content, coins, &[("rusty_sword", slot, durability)]);
            steps(&content, &sheet, vendor).first().copied()
        };
        assert_eq!(step(1_000, WORN, most / 2), Some(Command::Repair { item: ItemId(1) }));
        assert!(!matches!(step(1_000, WORN, most), Some(Command::Repair { .. })), "it is as good as new");
        assert!(!matches!(step(1_000, 3, most / 2), Some(Command::Repair { .. })), "it is in the bag");
        assert!(!matches!(step(0, WORN, most / 2), Some(Command::Repair { .. })));
    }
}
