//! What the gate brought to a tick, as bytes.
//!
//! Most of a log is this: three short entries for each player and tick. So whose an entry is stands there as the step from
//! the slot before it.

use super::code;
use super::veil::Veil;
use crate::SessionId;
use crate::inbound::{Inbound, SessionEvent};
use protocol::input::{INPUT_MESSAGE_BYTES_MAX, InputMessage};
use protocol::message::ClientMessage;
use rudp::token::UserData;
use rudp::{PartId, PartOutcome, Reason};

/// A batch, as it is read.
pub type Batch = Inbound;

/// Appends those batches that say anything.
pub fn put(batches: &[Inbound], veil: Veil, body: &mut Vec<u8>) {
    let full = batches.iter().filter(|batch| !batch.is_empty());
    code::put(&(full.clone().count() as u32), body);
    full.for_each(|batch| put_batch(batch, veil, body));
}

/// Takes them from the front of `bytes`.
pub fn take(bytes: &mut &[u8]) -> Option<Vec<Batch>> {
    let count: u32 = code::take(bytes)?;
    // Never allocated ahead: the count comes from the bytes.
    (0..count).map(|_| take_batch(bytes)).collect()
}

fn put_batch(batch: &Inbound, veil: Veil, body: &mut Vec<u8>) {
    code::put(&(batch.events.len() as u32), body);
    for event in &batch.events {
        match veil.event(event) {
            Some(veiled) => put_event(&veiled, body),
            None => put_event(event, body),
        }
    }
    let mut whose = Whose::default();
    code::put(&(batch.inputs.len() as u32), body);
    let mut coded = [0; INPUT_MESSAGE_BYTES_MAX];
    for (session, input) in &batch.inputs {
        whose.put(*session, body);
        let len = input.encode(&mut coded);
        body.push(len as u8);
        body.extend_from_slice(&coded[..len]);
    }
    code::put(&(batch.reports.len() as u32), body);
    for (session, part, outcome) in &batch.reports {
        whose.put(*session, body);
        code::put(&(part.0, *outcome as u8), body);
    }
    code::put(&(batch.budgets.len() as u32), body);
    for (session, bytes) in &batch.budgets {
        whose.put(*session, body);
        code::put(bytes, body);
    }
}

fn take_batch(bytes: &mut &[u8]) -> Option<Batch> {
    let mut batch = Inbound::default();
    let events: u32 = code::take(bytes)?;
    for _ in 0..events {
        batch.push_event(take_event(bytes)?);
    }
    let mut whose = Whose::default();
    let inputs: u32 = code::take(bytes)?;
    for _ in 0..inputs {
        let session = whose.take(bytes)?;
        let (&len, rest) = bytes.split_first()?;
        let (input, rest) = rest.split_at_checked(usize::from(len))?;
        *bytes = rest;
        batch.push_inputs(session, InputMessage::decode(input).ok()?);
    }
    let reports: u32 = code::take(bytes)?;
    for _ in 0..reports {
        let session = whose.take(bytes)?;
        let (part, outcome): (u32, u8) = code::take(bytes)?;
        let outcome = [PartOutcome::Acked, PartOutcome::Lost, PartOutcome::NotSent].get(usize::from(outcome))?;
        batch.push_report(session, PartId(part), *outcome);
    }
    let budgets: u32 = code::take(bytes)?;
    for _ in 0..budgets {
        let session = whose.take(bytes)?;
        batch.push_budget(session, code::take(bytes)?);
    }
    Some(batch)
}

/// The slot before.
#[derive(Default)]
struct Whose(u32);

impl Whose {
    fn put(&mut self, SessionId { slot, generation }: SessionId, body: &mut Vec<u8>) {
        code::put(&(slot.wrapping_sub(self.0) as i32, generation), body);
        self.0 = slot;
    }

    fn take(&mut self, bytes: &mut &[u8]) -> Option<SessionId> {
        let (step, generation): (i32, u32) = code::take(bytes)?;
        self.0 = self.0.wrapping_add(step as u32);
        (self.0 < SLOTS_MAX).then_some(SessionId { slot: self.0, generation })
    }
}

/// Slots are rows of a table: a number beyond those that a gate has would ask for a table without end.
const SLOTS_MAX: u32 = 1 << 16;

const JOINED: u8 = 0;
const MESSAGE: u8 = 1;
const SILENT: u8 = 2;
const RESUMED: u8 = 3;
const LEFT: u8 = 4;

fn put_event(event: &SessionEvent, body: &mut Vec<u8>) {
    let mut head = |kind: u8, session: &SessionId| {
        body.push(kind);
        code::put(session, body);
    };
    match event {
        SessionEvent::Joined { session, user } => {
            head(JOINED, session);
            code::put(&**user, body);
        }
        SessionEvent::Message { session, message } => {
            head(MESSAGE, session);
            code::put_own(message, body);
        }
        SessionEvent::Silent { session } => head(SILENT, session),
        SessionEvent::Resumed { session } => head(RESUMED, session),
        SessionEvent::Left { session, reason } => {
            head(LEFT, session);
            code::put(reason, body);
        }
    }
}

fn take_event(bytes: &mut &[u8]) -> Option<SessionEvent> {
    let (&kind, rest) = bytes.split_first()?;
    *bytes = rest;
    let session: SessionId = code::take(bytes)?;
    (session.slot < SLOTS_MAX).then_some(())?;
    Some(match kind {
        JOINED => SessionEvent::Joined { session, user: Box::new(code::take::<UserData>(bytes)?) },
        MESSAGE => SessionEvent::Message { session, message: code::take_own::<ClientMessage>(bytes)? },
        SILENT => SessionEvent::Silent { session },
        RESUMED => SessionEvent::Resumed { session },
        LEFT => SessionEvent::Left { session, reason: code::take::<Reason>(bytes)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{CharacterId, Command, Input, RosterStep};
    use rudp::token::{Name, Role};

    fn batch() -> Inbound {
        let [one, other] = [(3, 1), (2_000, 300)].map(|(slot, generation)| SessionId { slot, generation });
        let mut batch = Inbound::default();
        let name = Name::new("Ada").unwrap();
        let user =
            UserData { account_id: 5, character_id: 9, name, role: Role::Player, issued_at_ms: 4, serial: 8, epoch: 2 };
        batch.push_event(SessionEvent::Joined { session: one, user: Box::new(user) });
        let step = RosterStep::Play { character: CharacterId(7) };
        batch.push_event(SessionEvent::Message { session: one, message: ClientMessage::Roster { number: 1, step } });
        let message = ClientMessage::Do { number: 300, command: Command::Respawn };
        batch.push_event(SessionEvent::Message { session: other, message });
        batch.push_event(SessionEvent::Silent { session: other });
        batch.push_event(SessionEvent::Resumed { session: other });
        batch.push_event(SessionEvent::Left { session: one, reason: Reason::from_code(77) });
        let looks = |yaw| Input { move_x: -5, yaw, ..Input::default() };
        batch.push_inputs(other, InputMessage::new(65_535, &[looks(1), looks(4_095)]));
        batch.push_inputs(one, InputMessage::new(0, &[looks(2)]));
        batch.push_report(one, PartId(u32::MAX), PartOutcome::NotSent);
        batch.push_report(other, PartId(0), PartOutcome::Acked);
        batch.push_budget(other, -900);
        batch
    }

    fn bytes_of(batches: &[Inbound], veil: Veil) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(batches, veil, &mut bytes);
        bytes
    }

    #[test]
    fn batches_read_back_without_those_that_are_empty() {
        let bytes = bytes_of(&[batch(), Inbound::default(), batch()], Veil::Plain);
        let mut left = bytes.as_slice();
        let taken = take(&mut left).unwrap();
        assert!(left.is_empty());
        let wanted = format!("{:?}", [batch(), batch()]);
        // Of a token that much counts.
        assert_eq!(
            format!("{taken:?}"),
            wanted.replace("issued_at_ms: 4, serial: 8, epoch: 2", "issued_at_ms: 0, serial: 0, epoch: 0")
        );
    }

    #[test]
    fn under_the_veil_nobody_is_called_by_his_name_and_nothing_else_of_his_token_is_there() {
        let bytes = bytes_of(&[batch()], Veil::Keyed(super::super::veil::Key::new([5; 16])));
        assert!(!bytes.windows(3).any(|window| window == b"Ada"));
        let taken = take(&mut bytes.as_slice()).unwrap();
        let SessionEvent::Joined { user, .. } = &taken[0].events[0] else { panic!("{taken:?}") };
        assert_eq!((user.account_id, user.serial, user.epoch, user.issued_at_ms), (5, 0, 0, 0));
        assert_eq!(user.name.as_str(), Veil::Keyed(super::super::veil::Key::new([5; 16])).name("Ada"));
    }

    #[test]
    fn of_cut_and_changed_bytes_nothing_comes_that_could_not_have_been_written() {
        let bytes = bytes_of(&[batch()], Veil::Plain);
        for len in 0..bytes.len() {
            assert!(take(&mut &bytes[..len]).is_none(), "{len} bytes");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                for batch in take(&mut bytes.as_slice()).into_iter().flatten() {
                    assert!(batch.inputs.iter().all(|(session, _)| session.slot < SLOTS_MAX));
                }
            }
        }
    }
}
