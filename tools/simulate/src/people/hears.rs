//! What a client tells its person, one event after another, each held against what was so.

use super::{End, GivenUp, Life, Mind, Phase};
use crate::check::{Broken, Check, Looks, Nonces, Truth};
use crate::hash::Footprint;
use crate::plan::Way;
use client::ClientEvent;
use game::TransactionId;
use protocol::message::ServerMessage;
use protocol::{EntityState, GameEvent, NetId, News, OwnState, Tick};
use rudp::channel;
use std::collections::{BTreeMap, BTreeSet};

/// What people's ears have to hold against what they hear.
pub struct Ears<'a> {
    /// The tick of the simulation.
    pub tick: u32,
    /// What was so, by start of the server.
    pub truths: &'a BTreeMap<u32, Truth>,
    /// Packet numbers.
    pub nonces: &'a mut Nonces,
    /// What was looked at.
    pub looks: &'a mut Looks,
    /// What clients saw.
    pub footprint: &'a mut Footprint,
    /// What people were told to be saved, and have not been asked of the stores.
    pub receipts: &'a mut BTreeSet<TransactionId>,
    /// What happens in the world, as heard by those whom it concerns.
    pub deeds: &'a mut Deeds,
    /// Sessions that ended.
    pub ends: &'a mut Vec<End>,
    /// Who has given up.
    pub given_up: &'a mut Vec<GivenUp>,
}

/// What came of playing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    /// Commands done.
    pub done: u64,
    /// Commands refused.
    pub refused: u64,
    /// Somebody died.
    pub deaths: u64,
    /// Receipts heard.
    pub receipts: u64,
    /// Trades done.
    pub trades: u64,
    /// Times somebody came into the world.
    pub joins: u64,
    /// Times a session was silent, and resumed.
    pub resumes: u64,
}

impl Deeds {
    /// Another simulation's, too.
    pub fn add(&mut self, other: &Self) {
        self.done += other.done;
        self.refused += other.refused;
        self.deaths += other.deaths;
        self.receipts += other.receipts;
        self.trades += other.trades;
        self.joins += other.joins;
        self.resumes += other.resumes;
    }
}

/// Hears all that there is.
pub(super) fn hear(
    number: usize,
    way: Way,
    life: &mut Life,
    mind: &mut Mind,
    ns: u64,
    ears: &mut Ears<'_>,
) -> Result<(), Broken> {
    while let Some(event) = life.client.poll_event() {
        let quiet_ns = ns.saturating_sub(life.heard_ns);
        // That nothing is heard is said by the client itself.
        if !matches!(event, ClientEvent::Silent) {
            life.heard_ns = ns;
        }
        match event {
            ClientEvent::Own { tick, state } => {
                life.own_heard += 1;
                on_own(number, life, tick, &state, ears)?;
            }
            ClientEvent::Update { tick, id, state } => on_update(number, life, tick, id, &state, ears)?,
            ClientEvent::Enter { tick, id, .. } | ClientEvent::Leave { tick, id, .. } => {
                ears.footprint.number(u64::from(tick.0) << 16 | u64::from(id.0));
            }
            ClientEvent::Event { tick, event } => on_event(number, life, tick, event, ears)?,
            ClientEvent::Joined(welcome) => {
                life.told.on_heard(channel::CONTROL, &ServerMessage::Welcome(welcome))?;
                (life.phase, life.own, life.joined_tick) = (Phase::In, Some(welcome.own), ears.tick);
                ears.deeds.joins += 1;
                mind.on_joined();
            }
            ClientEvent::Queued { place, of } => {
                life.told.on_heard(channel::CONTROL, &ServerMessage::Queued { place, of })?;
                life.phase = Phase::Queued;
            }
            ClientEvent::Notice(text) => life.told.on_heard(channel::CONTROL, &ServerMessage::Notice { text })?,
            ClientEvent::Message(message) => on_message(number, way, life, mind, &message, ears)?,
            ClientEvent::Silent => life.is_silent = true,
            ClientEvent::Resumed => {
                life.is_silent = false;
                ears.deeds.resumes += 1;
            }
            ClientEvent::Disconnected(reason) => {
                life.phase = Phase::Over(reason);
                let (token, is_wished) = (life.token, life.is_leaving);
                ears.ends.push(End { person: number, token, reason, is_wished, quiet_ns });
                ears.footprint.number(u64::from(reason.code()));
            }
        }
    }
    Ok(())
}

fn truth<'a>(life: &Life, ears: &Ears<'a>) -> Option<&'a Truth> {
    ears.truths.get(&life.session?.1)
}

fn on_own(number: usize, life: &Life, tick: Tick, state: &OwnState, ears: &mut Ears<'_>) -> Result<(), Broken> {
    ears.footprint.number(u64::from(tick.0) << 32 | u64::from(state.digest()));
    let (Some(own), Some(truth)) = (life.own, truth(life, ears)) else {
        return Err(Broken::new(Check::Own, format!("person {number} was told its state before it was welcomed")));
    };
    if truth.is_forgotten(tick) {
        return Ok(());
    }
    ears.looks.count(Check::Own);
    let inputs = OwnState { input_applied: 0, input_depth: 0, ..*state };
    match truth.own_at(own, tick) {
        Some(is) if *is == inputs => Ok(()),
        is => Err(Broken::new(
            Check::Own,
            format!("person {number} was told {inputs:?} of itself, {own:?}, at tick {}, and it was {is:?}", tick.0),
        )),
    }
}

fn on_update(
    number: usize,
    life: &Life,
    tick: Tick,
    id: NetId,
    state: &EntityState,
    ears: &mut Ears<'_>,
) -> Result<(), Broken> {
    let (x, y) = (state.x as u32, state.y as u32);
    ears.footprint.number(u64::from(tick.0) << 16 ^ u64::from(id.0) ^ u64::from(x) << 40 ^ u64::from(y) << 20);
    let Some(truth) = truth(life, ears).filter(|truth| !truth.is_forgotten(tick)) else { return Ok(()) };
    ears.looks.count(Check::View);
    match truth.at(id, tick) {
        Some(is) if is == state => Ok(()),
        is => Err(Broken::new(
            Check::View,
            format!("person {number} was told {state:?} of {id:?} at tick {}, and it was {is:?}", tick.0),
        )),
    }
}

fn on_event(number: usize, life: &mut Life, tick: Tick, event: GameEvent, ears: &mut Ears<'_>) -> Result<(), Broken> {
    if tick < life.happened {
        let (newest, tick) = (life.happened.0, tick.0);
        return Err(Broken::new(Check::Order, format!("person {number} heard of tick {tick} after tick {newest}")));
    }
    life.happened = tick;
    ears.looks.count(Check::Order);
    if let GameEvent::Died { who, .. } = event {
        ears.deeds.deaths += u64::from(Some(who) == life.own);
    }
    life.told.on_heard(channel::EVENT, &ServerMessage::Event { tick, event })
}

fn on_message(
    number: usize,
    way: Way,
    life: &mut Life,
    mind: &mut Mind,
    message: &ServerMessage,
    ears: &mut Ears<'_>,
) -> Result<(), Broken> {
    ears.looks.count(Check::Order);
    let from = if matches!(message, ServerMessage::Marks(_)) { channel::EVENT } else { channel::CONTROL };
    life.told.on_heard(from, message)?;
    match message {
        ServerMessage::Echo { number: answer } => {
            ears.looks.count(Check::Answers);
            if *answer != life.echoes.1 || *answer >= life.echoes.0 {
                let (due, asked) = (life.echoes.1, life.echoes.0);
                let what = format!("person {number} got answer {answer} when {due} was due of {asked}");
                return Err(Broken::new(Check::Answers, what));
            }
            life.echoes.1 += 1;
            life.asked.pop_front();
            if life.has_flooded {
                (life.has_flooded, life.flooded_tick) = (!life.asked.is_empty(), ears.tick);
            }
        }
        ServerMessage::Done { number: answer, result } => {
            ears.looks.count(Check::Answers);
            if life.commands.remove(answer).is_none() {
                let what = format!("person {number} got an answer to command {answer} that was not due: {result:?}");
                return Err(Broken::new(Check::Answers, what));
            }
            life.is_refused |= life.phase == Phase::Knocking && result.is_err();
            ears.deeds.done += u64::from(result.is_ok());
            ears.deeds.refused += u64::from(result.is_err());
        }
        ServerMessage::News(news) => {
            life.sheet.take(news);
            match news {
                News::Receipt { id } => {
                    ears.deeds.receipts += 1;
                    ears.receipts.insert(TransactionId(*id));
                }
                News::TradeEnded { reason: None } => ears.deeds.trades += 1,
                _ => {}
            }
        }
        ServerMessage::Roster(rows) if way == Way::Chooses => {
            life.phase = Phase::Knocking;
            let step = mind.choose(number, rows);
            if let Ok(given) = life.client.roster(step) {
                life.commands.insert(given, ears.tick);
            }
        }
        _ => {}
    }
    Ok(())
}
