//! How two bots trade, and how every second trade comes to nothing on purpose.
//!
//! ```text
//! Hunting --its time--> Coming --both calm and near--> Asked --asked back--> Offering --all is told--> Agreeing --> Over
//! ```
//! Bots 2n and 2n + 1 are partners. What is to become of a trade both draw from the same dice.

use super::board::Board;
use super::turn::{Turn, Wanted};
use crate::dice::Dice;
use crate::movement::Place;
use crate::truth::Kind;
use protocol::command::TradeStep;
use protocol::news::Trade;
use protocol::{Command, ItemKind, Refusal};
use rudp::time::{NS_PER_MS, NS_PER_S};
use std::collections::BTreeMap;

/// From one trade of a pair to the next, in seconds, and how much of that they take for it.
const PERIOD_S: f64 = 20.0;
/// As above: the fight before must have been over for five seconds.
const WINDOW_S: f64 = 12.0;
/// Share of the trades that come to nothing on purpose.
const INTERRUPTED: f32 = 0.5;
/// Partners farther apart than this do not look for each other, in metres.
const PARTNER_M: f32 = 60.0;
/// This near they ask each other: the server allows ten.
const ASK_M: f32 = 7.0;
/// Who has given or taken no blow for this long is calm: the server wants five seconds.
const CALM_NS: u64 = 5_400 * NS_PER_MS;
/// A trade that takes longer is given up.
const TRADE_NS_MAX: u64 = 8 * NS_PER_S;
/// Pause between two askings.
const ASK_EVERY_NS: u64 = 2 * NS_PER_S;
/// From a changed offer to the end of it: time for the other side to run into it.
const CHANGED_NS: u64 = 700 * NS_PER_MS;
/// What a trade did must show in the news after this long.
const AUDIT_NS_MAX: u64 = 5 * NS_PER_S;

/// What becomes of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Done,
    Cancel,
    WalkAway,
    Fight,
    LogOut,
    ChangeOffer,
}

/// One bot's side.
#[derive(Debug)]
pub struct Deal {
    dice: Dice,
    seed: u64,
    offset_s: f64,
    round: u64,
    course: Course,
    /// Whether it is this bot that brings it about.
    is_mine: bool,
    is_over: bool,
    asked_ns: u64,
    began_ns: Option<u64>,
    has_offered: bool,
    confirmed: Option<u32>,
    has_tried_old: bool,
    changed_ns: Option<u64>,
    has_cancelled: bool,
    /// What there was before the trade, and coins.
    before: (BTreeMap<ItemKind, i64>, u64),
    audit: Option<Audit>,
}

/// What there must be after a trade.
#[derive(Clone, Debug)]
struct Audit {
    stock: BTreeMap<ItemKind, i64>,
    coins: u64,
    until_ns: u64,
}

/// What is to become of a pair's trade, and which of the two brings it about. Both draw the same.
fn draw(seed: u64, round: u64) -> (Course, usize) {
    let mut dice = Dice::new(seed, round);
    let kinds = [Course::Cancel, Course::WalkAway, Course::ChangeOffer, Course::Fight, Course::LogOut];
    let course = if dice.chance(INTERRUPTED) { kinds[dice.below(kinds.len())] } else { Course::Done };
    (course, dice.below(2))
}

impl Deal {
    /// Of bot number `bot`.
    pub fn new(bot: usize, seed: u64) -> Self {
        let pair = (bot / 2) as u64;
        let offset_s = f64::from(Dice::new(seed ^ 0x0ff5, pair).unit()) * PERIOD_S;
        Self {
            dice: Dice::new(seed ^ 0xdea1, bot as u64),
            seed: seed ^ pair << 32,
            offset_s,
            round: 0,
            course: Course::Done,
            is_mine: false,
            is_over: false,
            asked_ns: 0,
            began_ns: None,
            has_offered: false,
            confirmed: None,
            has_tried_old: false,
            changed_ns: None,
            has_cancelled: false,
            before: (BTreeMap::new(), 0),
            audit: None,
        }
    }

    /// Another session knows nothing of the trade before.
    pub fn on_joined(&mut self) {
        self.is_over = true;
        self.audit = None;
    }

    /// Whether belongings must be left alone, because they are being counted.
    pub fn is_counting(&self) -> bool {
        self.audit.is_some()
    }

    /// A trade is over; `trade` is what was last told of it.
    ///
    /// # Errors
    /// Both sides saw other things.
    pub fn on_ended(
        &mut self,
        now_ns: u64,
        bot: usize,
        board: &mut Board,
        trade: Option<&Trade>,
        reason: Option<Refusal>,
    ) -> Result<(), String> {
        self.is_over = true;
        (board.post_mut(bot).is_ready, board.post_mut(bot).has_offered) = (false, false);
        if reason.is_some() {
            // Each counted once, by the even one of the two.
            if bot.is_multiple_of(2) {
                board.counts.add(|counts| &mut counts.trades_interrupted);
            }
            return Ok(());
        }
        let Some(trade) = trade else { return Err("a trade was done that was never told of".to_owned()) };
        if self.confirmed != Some(trade.revision) {
            return Err(format!("a trade of revision {} was done, agreed to was {:?}", trade.revision, self.confirmed));
        }
        let (mut stock, coins) = self.before.clone();
        for &(_, kind, count) in &trade.own.items {
            *stock.entry(kind).or_default() -= i64::from(count);
        }
        for &(_, kind, count) in &trade.other.items {
            *stock.entry(kind).or_default() += i64::from(count);
        }
        stock.retain(|_, count| *count != 0);
        let coins =
            (coins + trade.other.coins).checked_sub(trade.own.coins).ok_or("more coins were given than were there")?;
        self.audit = Some(Audit { stock, coins, until_ns: now_ns + AUDIT_NS_MAX });
        board.on_traded(now_ns, bot, trade)
    }

    /// What trading wants this turn; none if there is nothing to trade now. `calm_ns`: since the last blow.
    pub fn act(&mut self, turn: &mut Turn<'_>, calm_ns: u64) -> Option<Wanted> {
        self.count(turn);
        let along = turn.course_s + self.offset_s;
        let round = (along / PERIOD_S) as u64;
        if round != self.round && turn.sheet.trade.is_none() {
            self.begin_round(turn, round);
        }
        if let Some(trade) = turn.sheet.trade.clone() {
            return Some(self.go_on(turn, &trade));
        }
        let partner = turn.board.post(turn.bot ^ 1);
        let is_time = along % PERIOD_S < WINDOW_S && !self.is_over && partner.id.is_some();
        if !is_time || self.audit.is_some() || turn.here.distance(partner.here) > PARTNER_M {
            turn.board.post_mut(turn.bot).is_ready = false;
            return None;
        }
        Some(self.come(turn, calm_ns))
    }

    /// Both partners draw the same.
    fn begin_round(&mut self, turn: &Turn<'_>, round: u64) {
        let can_log_out = turn.now_ns < turn.board.log_out_until_ns;
        let (course, who) = draw(self.seed, round);
        let course = if course == Course::LogOut && !can_log_out { Course::Cancel } else { course };
        (self.round, self.course, self.is_mine, self.is_over) = (round, course, who == turn.bot % 2, false);
        (self.began_ns, self.confirmed, self.changed_ns) = (None, None, None);
        (self.has_offered, self.has_tried_old, self.has_cancelled) = (false, false, false);
    }

    /// Goes to the partner, waits until both are calm, and asks.
    fn come(&mut self, turn: &mut Turn<'_>, calm_ns: u64) -> Wanted {
        let (bot, partner) = (turn.bot, turn.board.post(turn.bot ^ 1));
        let apart = turn.here.distance(partner.here);
        let is_ready = calm_ns >= CALM_NS && apart <= ASK_M && turn.orders.waiting(|_| true) == 0;
        turn.board.post_mut(bot).is_ready = is_ready;
        let is_due = turn.now_ns >= self.asked_ns + ASK_EVERY_NS;
        if let Some(with) = partner.id.filter(|_| is_ready && partner.is_ready && is_due) {
            let is_asked = turn.sheet.asked_by.take_if(|by| *by == with).is_some();
            if (bot.is_multiple_of(2) || is_asked) && turn.give(Command::Trade(TradeStep::Ask { with })) {
                self.asked_ns = turn.now_ns;
            }
        }
        // The even one waits where it is.
        let comes = !bot.is_multiple_of(2) && apart > 2.5;
        if comes { Wanted::at(partner.here) } else { turn.stay() }
    }

    /// The trade is open.
    fn go_on(&mut self, turn: &mut Turn<'_>, trade: &Trade) -> Wanted {
        let began_ns = *self.began_ns.get_or_insert(turn.now_ns);
        let is_idle = turn.orders.waiting_of_belongings() == 0;
        if trade.own.is_confirmed && trade.other.is_confirmed {
            return turn.stay();
        }
        if turn.now_ns > began_ns + TRADE_NS_MAX {
            self.cancel(turn);
            return turn.stay();
        }
        if !self.has_offered {
            if is_idle {
                self.offer(turn);
            }
            return turn.stay();
        }
        turn.board.post_mut(turn.bot).has_offered |= is_idle;
        let is_told = turn.board.post(turn.bot).has_offered && turn.board.post(turn.bot ^ 1).has_offered;
        if !is_told || !is_idle {
            return turn.stay();
        }
        if self.is_mine && self.course != Course::Done { self.interrupt(turn, trade) } else { self.agree(turn, trade) }
    }

    fn offer(&mut self, turn: &mut Turn<'_>) {
        self.has_offered = true;
        let spare: Vec<_> = turn.sheet.spare(&turn.board.content).map(|row| (row.item, row.count)).collect();
        for _ in 0..self.dice.below(3).min(spare.len()) {
            let (item, most) = spare[self.dice.below(spare.len())];
            let count = 1 + self.dice.below(most as usize) as u32;
            turn.give(Command::Trade(TradeStep::Offer { item, count }));
        }
        let coins = self.dice.below((turn.sheet.figures.coins / 3) as usize + 1) as u64;
        if coins > 0 {
            turn.give(Command::Trade(TradeStep::OfferCoins { coins }));
        }
    }

    fn agree(&mut self, turn: &mut Turn<'_>, trade: &Trade) -> Wanted {
        if let Some(before) = self.confirmed.filter(|before| *before != trade.revision) {
            // The offers have changed behind its back: who does not look closely agrees to those that were.
            if !self.has_tried_old {
                self.has_tried_old = true;
                turn.give(Command::Trade(TradeStep::Confirm { revision: before }));
            }
            return turn.stay();
        }
        if !trade.own.is_confirmed && self.confirmed.is_none() {
            self.before = (turn.sheet.stock(), turn.sheet.figures.coins);
            self.confirmed = Some(trade.revision);
            turn.give(Command::Trade(TradeStep::Confirm { revision: trade.revision }));
        }
        turn.stay()
    }

    /// Sees to it that nothing comes of it.
    fn interrupt(&mut self, turn: &mut Turn<'_>, trade: &Trade) -> Wanted {
        let is_agreed = trade.other.is_confirmed;
        match self.course {
            Course::WalkAway => {
                let other = turn.board.post(turn.bot ^ 1).here;
                let (dx, dy) = (turn.here.x - other.x, turn.here.y - other.y);
                let scale = 25.0 / dx.hypot(dy).max(0.1);
                let away = if dx.hypot(dy) < 0.1 { (25.0, 0.0) } else { (dx * scale, dy * scale) };
                return Wanted::at(Place { x: turn.here.x + away.0, y: turn.here.y + away.1 });
            }
            Course::LogOut if is_agreed => return Wanted { leaves: true, ..turn.stay() },
            Course::ChangeOffer => match self.changed_ns {
                None if is_agreed => {
                    self.changed_ns = Some(turn.now_ns);
                    let coins = if trade.own.coins > 0 { trade.own.coins - 1 } else { turn.sheet.figures.coins.min(1) };
                    turn.give(Command::Trade(TradeStep::OfferCoins { coins }));
                }
                Some(changed_ns) if turn.now_ns > changed_ns + CHANGED_NS => self.cancel(turn),
                _ => {}
            },
            Course::Cancel if is_agreed || self.dice.chance(0.05) => self.cancel(turn),
            // Who fights is seen to by the mind; when there is nobody to fight it is called off.
            Course::Fight if self.began_ns.is_some_and(|began_ns| turn.now_ns > began_ns + 3 * NS_PER_S) => {
                self.cancel(turn);
            }
            _ => {}
        }
        turn.stay()
    }

    /// Whether it is to break off the trade by a blow.
    pub fn wants_blow(&self, trade: Option<&Trade>) -> bool {
        self.course == Course::Fight && self.is_mine && trade.is_some_and(|trade| trade.other.is_confirmed)
    }

    fn cancel(&mut self, turn: &mut Turn<'_>) {
        if !self.has_cancelled {
            self.has_cancelled = turn.give(Command::Trade(TradeStep::Cancel));
        }
    }

    /// Whether what there is is what there must be after the trade.
    fn count(&mut self, turn: &mut Turn<'_>) {
        let Some(audit) = &self.audit else { return };
        let (stock, coins) = (turn.sheet.stock(), turn.sheet.figures.coins);
        if stock == audit.stock && coins == audit.coins {
            self.audit = None;
        } else if turn.now_ns > audit.until_ns {
            let (bot, audit) = (turn.bot, audit.clone());
            turn.checker.report(Kind::Other, || {
                format!(
                    "out_of_rule: bot {bot} has {stock:?} and {coins} coins after a trade, it must be {:?} and {}",
                    audit.stock, audit.coins
                )
            });
            self.audit = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use game::content::shipped;
    use protocol::ItemId;
    use protocol::news::Offer;

    const KIND: ItemKind = ItemKind(401);

    /// A trade of three of a kind for five coins, agreed to as it was.
    fn agreed() -> (Deal, Trade) {
        let own = Offer { items: vec![(ItemId(1), KIND, 3)], coins: 0, is_confirmed: true };
        let other = Offer { items: Vec::new(), coins: 5, is_confirmed: true };
        let mut deal = Deal::new(4, 1);
        (deal.before, deal.confirmed) = ((BTreeMap::from([(KIND, 4)]), 10), Some(9));
        (deal, Trade { revision: 9, own, other, ..Trade::default() })
    }

    fn board() -> Board {
        let mut board = Board::new(shipped("meadow"), 8, 1);
        board.counts.is_measuring = true;
        board
    }

    #[test]
    fn both_partners_draw_the_same_and_about_half_comes_to_nothing_in_every_way_there_is() {
        let (even, odd) = (Deal::new(6, 3), Deal::new(7, 3));
        let drawn: Vec<_> = (0..400).map(|round| draw(even.seed, round)).collect();
        assert_eq!(drawn, (0..400).map(|round| draw(odd.seed, round)).collect::<Vec<_>>());
        assert_ne!(drawn, (0..400).map(|round| draw(Deal::new(8, 3).seed, round)).collect::<Vec<_>>());
        let times = |course| drawn.iter().filter(|(drawn, _)| *drawn == course).count();
        assert!((150..250).contains(&times(Course::Done)), "{}", times(Course::Done));
        for course in [Course::Cancel, Course::WalkAway, Course::Fight, Course::LogOut, Course::ChangeOffer] {
            assert!(times(course) > 15, "{course:?}: {}", times(course));
        }
    }

    #[test]
    fn after_a_trade_there_must_be_what_was_there_less_what_was_given_and_more_by_what_was_got() {
        let ((mut deal, trade), mut board) = (agreed(), board());
        assert_eq!(deal.on_ended(0, 4, &mut board, Some(&trade), None), Ok(()));
        let audit = deal.audit.expect("it counts");
        assert_eq!((audit.stock, audit.coins), (BTreeMap::from([(KIND, 1)]), 15));
    }

    #[test]
    fn a_trade_that_was_done_as_nobody_agreed_breaks_a_rule() {
        let ((mut deal, trade), mut board) = (agreed(), board());
        let later = Trade { revision: 10, ..trade };
        assert!(deal.on_ended(0, 4, &mut board, Some(&later), None).unwrap_err().contains("revision 10"));
        let (mut deal, mut dear) = agreed();
        dear.own.coins = 16;
        assert!(deal.on_ended(0, 4, &mut board, Some(&dear), None).unwrap_err().contains("more coins"));
        let (mut deal, _) = agreed();
        assert!(deal.on_ended(0, 4, &mut board, None, None).unwrap_err().contains("never told"));
    }

    #[test]
    fn a_trade_that_came_to_nothing_counts_once_for_the_pair_and_changes_nothing() {
        let mut board = board();
        for bot in [4, 5] {
            let (mut deal, trade) = agreed();
            assert_eq!(deal.on_ended(0, bot, &mut board, Some(&trade), Some(Refusal::InCombat)), Ok(()));
            assert!(deal.audit.is_none() && deal.is_over);
        }
        assert_eq!((board.counts.trades_interrupted, board.counts.trades), (1, 0));
    }
}
