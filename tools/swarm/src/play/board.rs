//! What playing bots share: the content, who is where, and what both sides say of a trade.

use super::counts::Counts;
use crate::dice::Dice;
use crate::movement::Place;
use game::content::Content;
use protocol::news::{Offer, Trade};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{ItemId, NetId};
use std::collections::BTreeMap;

/// Bots that live and play together.
pub const COMPANY: usize = 4;
/// A trade that one side has seen done and the other has not after this long was not the same for both, in nanoseconds.
const OTHER_SIDE_NS_MAX: u64 = 10_000_000_000;

/// One for the whole flock.
#[derive(Debug)]
pub struct Board {
    /// What the server ships.
    pub content: Content,
    /// What all of them did.
    pub counts: Counts,
    /// Until when bots may log out on purpose: they must be in again at the end.
    pub log_out_until_ns: u64,
    posts: Vec<Post>,
    homes: Vec<Home>,
    /// Trades that one side has seen done, by pair and revision.
    halves: BTreeMap<(usize, u32), Half>,
}

/// What the others know of a bot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Post {
    /// Its entity, while it is in and alive.
    pub id: Option<NetId>,
    /// Where it is.
    pub here: Place,
    /// Whether it is in a party.
    pub has_party: bool,
    /// Whether it is calm, near its partner, and wants to trade.
    pub is_ready: bool,
    /// Whether all that it offers in the trade under way is told.
    pub has_offered: bool,
}

/// Where a bot lives.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The middle.
    pub place: Place,
    /// How far from there what it hunts lives, in metres.
    pub radius: f32,
}

#[derive(Debug)]
struct Half {
    bot: usize,
    gave: Goods,
    got: Goods,
    at_ns: u64,
}

/// What changes hands on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Goods {
    items: Vec<(ItemId, u16, u32)>,
    coins: u64,
}

impl Goods {
    fn of(offer: &Offer) -> Self {
        let mut items: Vec<_> = offer.items.iter().map(|(item, kind, count)| (*item, kind.0, *count)).collect();
        items.sort_unstable();
        Self { items, coins: offer.coins }
    }
}

impl Board {
    /// For so many bots that play what the server ships.
    pub fn new(content: Content, bots: usize, seed: u64) -> Self {
        let homes = homes(&content, bots, seed);
        let posts = vec![Post::default(); bots];
        Self { content, counts: Counts::default(), log_out_until_ns: 0, posts, homes, halves: BTreeMap::new() }
    }

    /// Where a bot lives.
    pub fn home(&self, bot: usize) -> Home {
        self.homes[bot]
    }

    /// What is known of a bot; nothing of one that there is none of.
    pub fn post(&self, bot: usize) -> Post {
        self.posts.get(bot).copied().unwrap_or_default()
    }

    /// To be changed by that bot alone.
    pub fn post_mut(&mut self, bot: usize) -> &mut Post {
        &mut self.posts[bot]
    }

    /// A bot has seen a trade done with its partner. When both have, they must have seen the same.
    ///
    /// # Errors
    /// How they differ.
    pub fn on_traded(&mut self, now_ns: u64, bot: usize, trade: &Trade) -> Result<(), String> {
        let key = (bot / 2, trade.revision);
        let (gave, got) = (Goods::of(&trade.own), Goods::of(&trade.other));
        let Some(half) = self.halves.remove(&key) else {
            self.halves.insert(key, Half { bot, gave, got, at_ns: now_ns });
            return Ok(());
        };
        if half.bot != bot && (&half.gave, &half.got) == (&got, &gave) {
            self.counts.add(|counts| &mut counts.trades);
            return Ok(());
        }
        Err(format!(
            "bots {} and {bot} traded other things: {:?} for {:?}, and {gave:?} for {got:?}",
            half.bot, half.gave, half.got
        ))
    }

    /// A trade that only one side has seen done; each is given once. Of one whose other side has left nothing is said.
    pub fn poll_half(&mut self, now_ns: u64) -> Option<String> {
        let (&key, _) = self.halves.iter().find(|(_, half)| half.at_ns + OTHER_SIDE_NS_MAX < now_ns)?;
        let half = self.halves.remove(&key)?;
        self.post(half.bot ^ 1).id?;
        Some(format!("bot {} saw a trade of revision {} done, and bot {} did not", half.bot, key.1, half.bot ^ 1))
    }

    /// A bot is welcomed anew: what it did not see it cannot tell.
    pub fn forget_half(&mut self, bot: usize) {
        self.halves.retain(|(pair, _), _| *pair != bot / 2);
    }
}

/// Companies are spread over all areas where mobs live: the easier to fight those are, and the more there are, the more of
/// them.
fn homes(content: &Content, bots: usize, seed: u64) -> Vec<Home> {
    let metres = |subunits: i32| subunits as f32 / SUBUNITS_PER_M as f32;
    let spawns = &content.places.spawns;
    let weight = |at: usize| {
        let level = content.mobs.at(spawns[at].mob).level;
        f32::from(spawns[at].count) / f32::from(level + 1).powf(1.2)
    };
    let sum: f32 = (0..spawns.len()).map(weight).sum();
    let companies = bots.div_ceil(COMPANY);
    let mut homes = Vec::with_capacity(bots);
    for company in 0..companies {
        let mut dice = Dice::new(seed ^ 0x401e, company as u64);
        // Evenly along all weights, so that few companies are spread as many are.
        let mut along = (company as f32 + 0.5) / companies as f32 * sum;
        let found = (0..spawns.len()).find(|&at| {
            along -= weight(at);
            along <= 0.0
        });
        let area = spawns.get(found.unwrap_or(0)).map(|spawn| spawn.area).unwrap_or_default();
        let radius = metres(area.radius);
        let (sin, cos) = dice.range(0.0, std::f32::consts::TAU).sin_cos();
        let off = dice.range(0.2, 0.8) * radius;
        for _ in 0..COMPANY.min(bots - homes.len()) {
            let near = (dice.range(-3.0, 3.0), dice.range(-3.0, 3.0));
            let place = Place { x: metres(area.x) + off * cos + near.0, y: metres(area.y) + off * sin + near.1 };
            homes.push(Home { place, radius: radius + off });
        }
    }
    homes
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::content::shipped;
    use protocol::ItemKind;

    fn trade(own: (u64, u64), other: (u64, u64)) -> Trade {
        let offer = |(count, coins)| Offer { items: vec![(ItemId(count), ItemKind(1), 2)], coins, is_confirmed: true };
        Trade { with: NetId(1), revision: 9, own: offer(own), other: offer(other) }
    }

    #[test]
    fn a_trade_counts_once_and_only_if_both_sides_saw_the_same() {
        let mut board = Board::new(shipped("meadow"), 8, 1);
        board.counts.is_measuring = true;
        assert_eq!(board.on_traded(0, 4, &trade((1, 10), (2, 0))), Ok(()));
        assert_eq!(board.counts.trades, 0);
        assert_eq!(board.on_traded(1, 5, &trade((2, 0), (1, 10))), Ok(()));
        assert_eq!(board.counts.trades, 1);
        assert_eq!(board.on_traded(0, 4, &trade((1, 10), (2, 0))), Ok(()));
        assert!(board.on_traded(1, 5, &trade((2, 0), (1, 11))).is_err());
        assert_eq!(board.counts.trades, 1);
    }

    #[test]
    fn what_only_one_side_saw_is_said_unless_the_other_has_left() {
        let mut board = Board::new(shipped("meadow"), 8, 1);
        board.on_traded(0, 4, &trade((1, 10), (2, 0))).unwrap();
        assert_eq!(board.poll_half(OTHER_SIDE_NS_MAX), None);
        assert_eq!(board.poll_half(OTHER_SIDE_NS_MAX + 1), None, "bot 5 is not in");
        board.on_traded(0, 4, &trade((1, 10), (2, 0))).unwrap();
        board.post_mut(5).id = Some(NetId(3));
        assert!(board.poll_half(OTHER_SIDE_NS_MAX + 1).is_some());
        assert_eq!(board.poll_half(u64::MAX), None);
    }

    #[test]
    fn companies_live_together_and_everywhere() {
        let homes = homes(&shipped("meadow"), 500, 1);
        assert_eq!(homes.len(), 500);
        for company in homes.chunks(COMPANY) {
            assert!(company.iter().all(|home| home.place.distance(company[0].place) < 10.0));
        }
        let is_far = |home: &&Home| home.place.distance(Place { x: 1_500.0, y: 1_500.0 }) > 600.0;
        assert!(homes.iter().filter(is_far).count() > 50, "not all of them live in the middle");
    }
}
