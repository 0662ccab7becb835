//! One player's story: what he sent, what was done with it, and what he was told, tick by tick.

use super::record::Record;
use crate::SessionId;
use crate::inbound::SessionEvent;
use crate::outbound::{Outbound, OutboundItem};
use crate::realm::{Operation, Realm, StoreDone, character_of};
use protocol::message::ServerMessage;
use protocol::{CharacterId, Input, codec};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Others who are named if a story is of nobody.
const NAMED_MAX: usize = 5;

/// A story that is being told.
#[derive(Debug)]
pub struct Story {
    character: CharacterId,
    /// What is told of.
    ticks: RangeInclusive<u32>,
    /// Who plays the character, as far as is known.
    session: Option<SessionId>,
    input: Option<Input>,
    lines: Vec<String>,
    found: Found,
}

/// What there was of anybody, in case that there was nothing of him.
#[derive(Debug, Default)]
struct Found {
    /// Of him, in the ticks that are told of.
    is_there: bool,
    lines: u64,
    /// Of him, from the first tick to the last.
    of_him: Option<(u32, u32)>,
    /// Of anybody, as well.
    of_all: Option<(u32, u32)>,
    /// Of others, in the ticks that are told of.
    others: BTreeSet<CharacterId>,
}

impl Story {
    /// Of this character, in these ticks.
    #[must_use]
    pub const fn of(character: CharacterId, ticks: RangeInclusive<u32>) -> Self {
        let found = Found { is_there: false, lines: 0, of_him: None, of_all: None, others: BTreeSet::new() };
        Self { character, ticks, session: None, input: None, lines: Vec::new(), found }
    }

    /// The same of the next recording, in which everybody has yet to come.
    pub fn begin_again(&mut self) {
        (self.session, self.input) = (None, None);
        self.lines.clear();
    }

    /// Everything was told: what is still to be said if that was little.
    ///
    /// # Errors
    /// A sentence, if there was nobody to tell of.
    pub fn end(&self) -> Result<Option<String>, String> {
        let Self { character: CharacterId(character), ref ticks, ref found, .. } = *self;
        let between = match *ticks.end() {
            u32::MAX => format!("from tick {} on", ticks.start()),
            end => format!("between ticks {} and {end}", ticks.start()),
        };
        if found.is_there {
            let is_still = found.lines == 0;
            let still =
                || format!("character {character} wants and is told nothing new {between}, he is only shown things");
            return Ok(is_still.then(still));
        }
        let instead = match (found.of_him, found.of_all) {
            (Some((from, to)), _) => format!("he is there between ticks {from} and {to}"),
            (None, None) => "no tick of the recording can be done again".to_owned(),
            (None, Some((from, to))) if found.others.is_empty() => {
                format!("nobody is there then, and the recording is of ticks {from} to {to}")
            }
            _ => format!("characters seen: {}", found.named()),
        };
        Err(format!("nothing is known of character {character} {between}; {instead}"))
    }

    /// Hears a record before the realm does.
    pub fn hear(&mut self, realm: &Realm, record: &Record) {
        self.session = realm.session_of(self.character).or(self.session);
        match record {
            Record::Tick(_, batches) => {
                for batch in batches {
                    batch.events.iter().for_each(|event| self.hear_event(event));
                    let inputs = batch.inputs.iter().filter(|(session, _)| Some(*session) == self.session);
                    for (_, message) in inputs {
                        let Some(&input) = message.inputs().next() else { continue };
                        if self.input.replace(input) != Some(input) {
                            let Input { move_x, move_y, yaw, pitch, buttons } = input;
                            let number = message.newest;
                            self.lines.push(format!(
                                "wants     #{number}: move {move_x} {move_y}, look {yaw} {pitch}, buttons {buttons}"
                            ));
                        }
                    }
                }
            }
            Record::Done(
                done @ (StoreDone::Loaded { character, .. }
                | StoreDone::Left { character }
                | StoreDone::Saved { character, .. }
                | StoreDone::Failed { character, .. }),
            ) if *character == self.character => self.lines.push(format!("store     {done:?}")),
            Record::Operation(Operation::Close { sessions, reason })
                if self.session.is_some_and(|session| sessions.contains(&session)) =>
            {
                self.lines.push(format!("operator  puts him out: {reason}"));
            }
            _ => {}
        }
    }

    /// What was heard since the last call, and what the tick told him; nothing of ticks that are not told of.
    pub fn tell(&mut self, realm: &Realm, out: &Outbound) -> Vec<String> {
        let before = self.session;
        self.session = realm.session_of(self.character).or(self.session);
        if before != self.session
            && let Some(session) = self.session
        {
            self.lines.push(format!("plays     in slot {}, tenant {}", session.slot, session.generation));
        }
        let mut shown = (0, 0);
        for item in out.items() {
            match item {
                OutboundItem::Message { session, bytes, .. } if Some(*session) == self.session => {
                    match codec::decode::<ServerMessage>(out.bytes(bytes)) {
                        Ok(message) => self.lines.push(format!("is told   {message:?}")),
                        Err(error) => self.lines.push(format!("is told   what nobody can read: {error}")),
                    }
                }
                OutboundItem::Part { session, bytes, .. } if Some(*session) == self.session => {
                    shown = (shown.0 + 1, shown.1 + bytes.len());
                }
                OutboundItem::Close { session, reason } if Some(*session) == self.session => {
                    self.lines.push(format!("is closed {reason}"));
                }
                _ => {}
            }
        }
        if !self.lines.is_empty() && shown.0 > 0 {
            self.lines.push(format!("is shown  {} bytes", shown.1));
        }
        let lines = std::mem::take(&mut self.lines);
        if self.find(realm, !lines.is_empty()) { lines } else { Vec::new() }
    }

    /// Looks who is there after a tick; whether the tick is one of those that are told of.
    fn find(&mut self, realm: &Realm, has_lines: bool) -> bool {
        let (tick, found) = (realm.game().now().0, &mut self.found);
        let is_told_of = self.ticks.contains(&tick);
        let reach = |reach: &mut Option<(u32, u32)>| reach.get_or_insert((tick, tick)).1 = tick;
        reach(&mut found.of_all);
        if has_lines || realm.session_of(self.character).is_some() {
            reach(&mut found.of_him);
            found.is_there |= is_told_of;
            found.lines += u64::from(is_told_of && has_lines);
        } else if is_told_of && found.of_him.is_none() {
            found.others.extend(realm.characters());
        }
        is_told_of
    }

    fn hear_event(&mut self, event: &SessionEvent) {
        let is_his = |session: &SessionId| Some(*session) == self.session;
        match event {
            SessionEvent::Joined { session, user } if character_of(user) == self.character => {
                self.session = Some(*session);
                self.input = None;
                self.lines.push(format!("joins     {user:?}"));
            }
            SessionEvent::Message { session, message } if is_his(session) => {
                self.lines.push(format!("says      {message:?}"));
            }
            SessionEvent::Silent { session } if is_his(session) => self.lines.push("is silent".to_owned()),
            SessionEvent::Resumed { session } if is_his(session) => self.lines.push("is heard again".to_owned()),
            SessionEvent::Left { session, reason } if is_his(session) => {
                self.lines.push(format!("leaves    {reason}"));
                self.session = None;
            }
            _ => {}
        }
    }
}

impl Found {
    /// Some of the others, by ascending id.
    fn named(&self) -> String {
        let named: Vec<String> = self.others.iter().take(NAMED_MAX).map(|character| character.0.to_string()).collect();
        match self.others.len() - named.len() {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}
