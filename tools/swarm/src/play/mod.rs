//! Bots that play: they fight, loot, drink, learn, trade and keep company, and hold every answer against the rules.
//!
//! What a bot knows of itself comes from the news alone ([`Sheet`]); what it has asked for waits in [`Orders`]; [`Rules`]
//! judge whatever it is told; [`Mind`] and [`Deal`] decide what it does next; the [`Board`] is what all of them share.

mod board;
mod cast;
mod counts;
mod deal;
mod fidget;
mod market;
mod mind;
mod orders;
mod rules;
mod sheet;
mod turn;

pub use board::Board;
pub use counts::Counts;
pub use turn::Wanted;

use crate::dice::Dice;
use crate::flock::Flock;
use crate::movement::Place;
use crate::truth::{Checker, Kind};
use client::Client;
use deal::Deal;
use fidget::Fidget;
use market::Market;
use mind::Mind;
use orders::Orders;
use protocol::event::CastEnd;
use protocol::{Command, GameEvent, NetId, News, Refusal, Tick};
use rudp::time::{NS_PER_S, Now};
use rules::Rules;
use sheet::Sheet;
use turn::Turn;

/// Who has given or taken no blow for so long may go to market: the pause between two fights.
const CALM_NS: u64 = NS_PER_S;
/// From one look at what must agree at last to the next.
const LOOK_NS: u64 = NS_PER_S / 2;

/// The part of one bot that plays.
#[derive(Debug)]
pub struct Play {
    bot: usize,
    sheet: Sheet,
    orders: Orders,
    rules: Rules,
    mind: Mind,
    deal: Deal,
    market: Market,
    fidget: Fidget,
    look_ns: u64,
}

impl Play {
    /// Of bot number `bot`, which moves things about in its bag so many times a second.
    pub fn new(bot: usize, seed: u64, fidgets_per_s: f32) -> Self {
        Self {
            bot,
            sheet: Sheet::default(),
            orders: Orders::default(),
            rules: Rules::default(),
            mind: Mind::new(Dice::new(seed ^ 0x41d0, bot as u64)),
            deal: Deal::new(bot, seed),
            market: Market::new(Dice::new(seed ^ 0x3a7c, bot as u64)),
            fidget: Fidget::new(Dice::new(seed ^ 0xf1d6, bot as u64), fidgets_per_s),
            look_ns: 0,
        }
    }

    /// Welcomed as this entity: all is told anew.
    pub fn on_joined(&mut self, own: NetId, flock: &mut Flock) {
        self.sheet = Sheet::new(own);
        self.orders.clear();
        self.rules = Rules::default();
        self.mind.on_joined();
        self.deal.on_joined();
        self.market.on_joined();
        if let Some(board) = &mut flock.board {
            board.forget_half(self.bot);
        }
    }

    /// The session is over: nobody should look for it.
    pub fn on_gone(&mut self, flock: &mut Flock) {
        if let Some(board) = &mut flock.board {
            *board.post_mut(self.bot) = board::Post::default();
        }
        self.orders.clear();
    }

    /// Something of the bot's own is true from now on.
    pub fn on_news(&mut self, now: Now, flock: &mut Flock, news: &News) {
        let Some(board) = &mut flock.board else { return };
        let judged = self.rules.on_news(&board.content, &self.sheet, news);
        report(&mut flock.checker, self.bot, "out_of_rule", judged);
        match news {
            News::TradeEnded { reason } => {
                let trade = self.sheet.trade.take();
                let judged = self.deal.on_ended(now.mono_ns, self.bot, board, trade.as_ref(), *reason);
                report(&mut flock.checker, self.bot, "out_of_rule", judged);
            }
            News::Party(party) => {
                let is_new = self.sheet.party.members.is_empty() && party.members.first() == Some(&self.sheet.own);
                if is_new {
                    board.counts.add(|counts| &mut counts.parties);
                }
                flock.checker.on_party(self.bot, &party.members);
            }
            _ => {}
        }
        self.sheet.take(now.mono_ns, news);
    }

    /// A command has its answer; `newest` is the newest tick that was told.
    pub fn on_done(&mut self, now: Now, flock: &mut Flock, number: u16, result: Result<(), Refusal>, newest: Tick) {
        let (bot, Some(board)) = (self.bot, &mut flock.board) else { return };
        let Some(asked) = self.orders.on_answer(number) else {
            let case = || format!("bot {bot} got an answer to command {number} that was not due: {result:?}");
            return flock.checker.report(Kind::OutOfOrder, case);
        };
        if let Err(refusal) = result {
            board.counts.on_refused(refusal);
            return self.mind.on_refused(now.mono_ns, &asked.command, refusal);
        }
        let judged = rules::judge_deal(&board.content, &self.sheet, &asked);
        report(&mut flock.checker, bot, "out_of_rule", judged);
        match asked.command {
            Command::Cast(_) => {
                board.counts.add(|counts| &mut counts.casts);
                let judged = self.rules.on_cast(&board.content, &self.sheet, &asked, newest);
                report(&mut flock.checker, bot, "out_of_rule", judged);
            }
            Command::PickUp { .. } => board.counts.add(|counts| &mut counts.loots),
            Command::Learn { .. } => board.counts.add(|counts| &mut counts.learnt),
            Command::Buy { .. } => board.counts.add(|counts| &mut counts.bought),
            Command::Sell { .. } => board.counts.add(|counts| &mut counts.sold),
            Command::Repair { .. } => board.counts.add(|counts| &mut counts.mended),
            Command::Equip { .. } => board.counts.add(|counts| &mut counts.equipped),
            _ => {}
        }
    }

    /// Something happened, to this bot or before its eyes.
    pub fn on_event(&mut self, now: Now, flock: &mut Flock, client: &mut Client, tick: Tick, event: &GameEvent) {
        let (bot, Some(board)) = (self.bot, &mut flock.board) else { return };
        let own = self.sheet.own;
        match *event {
            GameEvent::Died { who, .. } if who == own => board.counts.add(|counts| &mut counts.deaths),
            GameEvent::Died { by, .. } if by == Some(own) => board.counts.add(|counts| &mut counts.kills),
            GameEvent::LevelUp { who, .. } if who == own => board.counts.add(|counts| &mut counts.level_ups),
            GameEvent::CastEnded { by, skill, end: CastEnd::Done }
                if by == own && board.content.skills.find(skill).is_some_and(cast::is_reviving) =>
            {
                board.counts.add(|counts| &mut counts.revived);
            }
            _ => {}
        }
        let judged = self.rules.on_event(&board.content, &mut self.sheet, tick, event);
        report(&mut flock.checker, bot, "out_of_rule", judged);
        let turn = Turn {
            bot,
            now_ns: now.mono_ns,
            course_s: 0.0,
            newest: tick,
            here: Place::default(),
            client,
            board,
            checker: &mut flock.checker,
            sheet: &mut self.sheet,
            orders: &mut self.orders,
        };
        self.mind.on_event(&turn, event);
    }

    /// The bot's turn, sixty times a second: gives commands, and says where to go.
    pub fn act(&mut self, now: Now, flock: &mut Flock, client: &mut Client, here: Place, is_heard: bool) -> Wanted {
        let course_s = flock.course_s(now);
        let (bot, Some(board)) = (self.bot, &mut flock.board) else { return Wanted::at(here) };
        self.sheet.is_dead = client.own().is_some_and(|(_, own)| own.entity().is_dead());
        let post = board.post_mut(bot);
        (post.here, post.id) = (here, Some(self.sheet.own).filter(|_| !self.sheet.is_dead && self.sheet.is_known));
        post.has_party = !self.sheet.party.members.is_empty();
        let newest = client.newest_tick();
        let mut turn = Turn {
            bot,
            now_ns: now.mono_ns,
            course_s,
            newest,
            here,
            client,
            board,
            checker: &mut flock.checker,
            sheet: &mut self.sheet,
            orders: &mut self.orders,
        };
        if !is_heard || !turn.sheet.is_known {
            return turn.stay();
        }
        if turn.now_ns >= self.look_ns {
            self.look_ns = turn.now_ns + LOOK_NS;
            look(&mut turn, &mut self.rules);
        }
        if turn.sheet.is_dead {
            return self.mind.lie(&mut turn);
        }
        let calm_ns = turn.now_ns.saturating_sub(self.mind.blow_ns);
        if let Some(wanted) = self.deal.act(&mut turn, calm_ns) {
            let is_to_fight = self.deal.wants_blow(turn.sheet.trade.as_ref());
            return if is_to_fight { self.mind.give_blow(&mut turn) } else { wanted };
        }
        let is_busy = self.rules.casting().is_some() || calm_ns < CALM_NS;
        if let Some(wanted) = self.market.act(&mut turn, self.deal.is_counting() || is_busy) {
            return wanted;
        }
        if !self.deal.is_counting() {
            self.fidget.act(&mut turn);
        }
        self.mind.act(&mut turn, self.deal.is_counting(), self.rules.casting())
    }

    /// Commands that were never answered, of what the server was heard after.
    pub fn overdue(&mut self, heard_ns: u64) -> usize {
        std::iter::from_fn(|| self.orders.poll_overdue(heard_ns)).count()
    }
}

/// What must come true at last, looked at now and then.
fn look(turn: &mut Turn<'_>, rules: &mut Rules) {
    let bot = turn.bot;
    while let Some((number, asked)) = turn.orders.poll_overdue(turn.now_ns) {
        let command = asked.command;
        turn.checker.report(Kind::OutOfOrder, || {
            format!("bot {bot} got no answer to command {number} within 10 s: {command:?}")
        });
    }
    let judged = rules.look(&turn.board.content, turn.sheet, turn.now_ns);
    report(turn.checker, bot, "out_of_rule", judged);
    if let Some(half) = turn.board.poll_half(turn.now_ns) {
        turn.checker.report(Kind::Other, || format!("out_of_rule: {half}"));
    }
}

fn report(checker: &mut Checker, bot: usize, kind: &str, judged: Result<(), String>) {
    if let Err(wrong) = judged {
        checker.report(Kind::Other, || format!("{kind}: bot {bot}: {wrong}"));
    }
}
