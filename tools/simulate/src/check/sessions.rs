//! Whether sessions begin once and end once, and what they say comes once and in order.

use super::{Broken, Check};
use protocol::event::Shoot;
use protocol::message::ClientMessage;
use rudp::Reason;
use rudp::time::NS_PER_S;
use server::{Inbound, SESSION_MESSAGES_MAX, SessionEvent, SessionId};
use std::collections::BTreeMap;

/// Whose a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The person's number; of strangers none.
    pub person: Option<usize>,
    /// The token's.
    pub token: u64,
    next_echo: u32,
    next_command: u16,
    next_shot: u16,
    /// Since when nothing is heard of it.
    silent_ns: Option<u64>,
}

/// What the gate says may reach the realm so much later, 3 s: a thread stands still, and another behind it.
const SLACK_NS: u64 = 3 * NS_PER_S;

/// Who is silent and waits at the door is given up after a minute, however long others are held.
const QUEUED_NS: u64 = 60 * NS_PER_S;

/// The sessions of one process.
#[derive(Debug, Default)]
pub struct Sessions {
    here: BTreeMap<SessionId, Seat>,
    /// How long one is held that is not heard.
    held_ns: u64,
    /// Sessions that began.
    pub joined: u64,
    /// Messages whose numbers were looked at.
    pub messages: u64,
    /// Messages of each session in a batch, for that time.
    waiting: BTreeMap<SessionId, u16>,
    /// Why they ended, by the reason's code.
    pub reasons: BTreeMap<u8, u64>,
}

impl Sessions {
    /// Nobody is here; who is not heard is held for so many seconds.
    #[must_use]
    pub fn new(held_s: u32) -> Self {
        Self { held_ns: u64::from(held_s) * NS_PER_S, ..Self::default() }
    }

    /// The gate tells the realm of this, `ns` after the beginning. Gives the seat of a session that began, or that ended and why.
    ///
    /// # Errors
    /// It cannot be.
    pub fn on_event(
        &mut self,
        ns: u64,
        event: &SessionEvent,
        person_of: impl FnOnce(u64) -> Option<usize>,
    ) -> Result<Option<(SessionId, Seat, Option<Reason>)>, Broken> {
        match event {
            SessionEvent::Joined { session, user } => {
                let person = person_of(user.serial);
                let seat =
                    Seat { person, token: user.serial, next_echo: 0, next_command: 0, next_shot: 0, silent_ns: None };
                self.joined += 1;
                if self.here.insert(*session, seat).is_some() {
                    return Err(Broken::new(Check::Sessions, format!("{session:?} began twice")));
                }
                Ok(Some((*session, seat, None)))
            }
            SessionEvent::Left { session, reason } => {
                let Some(seat) = self.here.remove(session) else {
                    return Err(Broken::new(
                        Check::Sessions,
                        format!("{session:?} ended ({reason}) and was not there"),
                    ));
                };
                let is_early = |since: u64| ns + SLACK_NS < since + self.held_ns.min(QUEUED_NS);
                if *reason == Reason::TimedOut && seat.silent_ns.is_none_or(is_early) {
                    return Err(Broken::new(
                        Check::Sessions,
                        format!("{session:?} timed out, and was silent since {:?} ns of {ns}", seat.silent_ns),
                    ));
                }
                *self.reasons.entry(reason.code()).or_default() += 1;
                Ok(Some((*session, seat, Some(*reason))))
            }
            SessionEvent::Message { session, message } => self.on_message(*session, message).map(|()| None),
            SessionEvent::Silent { session } | SessionEvent::Resumed { session } => {
                let Some(seat) = self.here.get_mut(session) else {
                    return Err(Broken::new(Check::Sessions, format!("{event:?} of a session that is not there")));
                };
                seat.silent_ns = matches!(event, SessionEvent::Silent { .. }).then_some(ns);
                Ok(None)
            }
        }
    }

    /// Whether nobody is held who has been silent for longer than that.
    ///
    /// # Errors
    /// Somebody is.
    pub fn judge_held(&self, ns: u64) -> Result<(), Broken> {
        let until_ns = |seat: &Seat| seat.silent_ns.map(|since_ns| since_ns + self.held_ns + SLACK_NS);
        match self.here.iter().find(|(_, seat)| until_ns(seat).is_some_and(|until_ns| ns > until_ns)) {
            Some((session, seat)) => Err(Broken::new(
                Check::Sessions,
                format!("{session:?} has been silent since {:?} ns of {ns}, and is still here", seat.silent_ns),
            )),
            None => Ok(()),
        }
    }

    /// Whether no session has more in a batch than may wait there: the most that one has.
    ///
    /// # Errors
    /// One has.
    pub fn judge_batch(&mut self, batch: &Inbound) -> Result<u16, Broken> {
        let counted = &mut self.waiting;
        counted.clear();
        for event in batch.events() {
            if let SessionEvent::Message { session, .. } = event {
                *counted.entry(*session).or_default() += 1;
            }
        }
        let most = counted.iter().max_by_key(|(_, messages)| **messages);
        match most {
            Some((session, messages)) if *messages > SESSION_MESSAGES_MAX => Err(Broken::new(
                Check::Bounds,
                format!("{messages} messages of {session:?} wait for the world, and {SESSION_MESSAGES_MAX} may"),
            )),
            most => Ok(most.map_or(0, |(_, messages)| *messages)),
        }
    }

    fn on_message(&mut self, session: SessionId, message: &ClientMessage) -> Result<(), Broken> {
        let Some(seat) = self.here.get_mut(&session) else {
            return Err(Broken::new(Check::Sessions, format!("{session:?} said {message:?} and is not there")));
        };
        let (expected, number) = match message {
            ClientMessage::Echo { number } => {
                let expected = seat.next_echo;
                seat.next_echo = expected.wrapping_add(1);
                (expected, *number)
            }
            ClientMessage::Do { number, .. } | ClientMessage::Roster { number, .. } => {
                let expected = seat.next_command;
                seat.next_command = expected.wrapping_add(1);
                (u32::from(expected), u32::from(*number))
            }
            ClientMessage::Shoot(Shoot { number, .. }) => {
                let expected = seat.next_shot;
                seat.next_shot = expected.wrapping_add(1);
                (u32::from(expected), u32::from(*number))
            }
            _ => return Ok(()),
        };
        self.messages += 1;
        if number == expected || seat.person.is_none() {
            return Ok(());
        }
        Err(Broken::new(
            Check::Order,
            format!("the server heard {message:?} of {session:?} when number {expected} was due"),
        ))
    }

    /// Whose a session is.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Option<&Seat> {
        self.here.get(&session)
    }

    /// All that are here.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Seat)> {
        self.here.iter().map(|(session, seat)| (*session, seat))
    }

    /// How many are here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.here.len()
    }

    /// Whether nobody is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.here.is_empty()
    }
}

impl Sessions {
    /// The process is gone, and all its sessions with it.
    pub fn clear(&mut self) {
        self.here.clear();
    }
}
