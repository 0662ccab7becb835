//! Whether sessions begin once and end once, and what they say comes once and in order.

use super::{Broken, Check};
use protocol::message::ClientMessage;
use rudp::Reason;
use server::{SessionEvent, SessionId};
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
}

/// The sessions of one process.
#[derive(Debug, Default)]
pub struct Sessions {
    here: BTreeMap<SessionId, Seat>,
    /// Sessions that began.
    pub joined: u64,
    /// Messages whose numbers were looked at.
    pub messages: u64,
    /// Why they ended, by the reason's code.
    pub reasons: BTreeMap<u8, u64>,
}

impl Sessions {
    /// The gate tells the realm of this. Gives the seat of a session that began, or that ended and why.
    ///
    /// # Errors
    /// It cannot be.
    pub fn on_event(
        &mut self,
        event: &SessionEvent,
        person_of: impl FnOnce(u64) -> Option<usize>,
    ) -> Result<Option<(SessionId, Seat, Option<Reason>)>, Broken> {
        match event {
            SessionEvent::Joined { session, user } => {
                let person = person_of(user.serial);
                let seat = Seat { person, token: user.serial, next_echo: 0, next_command: 0 };
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
                *self.reasons.entry(reason.code()).or_default() += 1;
                Ok(Some((*session, seat, Some(*reason))))
            }
            SessionEvent::Message { session, message } => self.on_message(*session, message).map(|()| None),
            SessionEvent::Silent { session } | SessionEvent::Resumed { session } => {
                let is_here = self.here.contains_key(session);
                let strange = || Broken::new(Check::Sessions, format!("{event:?} of a session that is not there"));
                if is_here { Ok(None) } else { Err(strange()) }
            }
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
