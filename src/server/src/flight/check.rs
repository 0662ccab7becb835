//! What a tick came to, as a few numbers that are cheap enough to be taken sixty times a second.
//!
//! The realm's hash ([`crate::Realm::hash`]) stands for all that decides the future of the world. It is taken over the world's
//! whole image, which is too much for each tick of a thousand players; what is taken in each tick is what came out of it:
//! what everybody was told, and where everybody is. Texts do not count: under the veil they are others.

use crate::outbound::{Outbound, OutboundItem};
use crate::realm::Realm;
use protocol::Tick;
use rudp::channel;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What a tick came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which.
    pub tick: Tick,
    /// Over all messages, and all sessions that the realm ended: to whom, and in which order.
    pub said: u64,
    /// Over all parts of snapshots.
    pub shown: u64,
    /// Over the states of all entities.
    pub states: u64,
    /// [`Realm::hash`], if it was taken.
    pub realm: Option<u64>,
}

/// Takes checks.
#[derive(Debug, Default)]
pub struct Checker {
    /// Kept for its memory.
    bytes: Vec<u8>,
}

impl Checker {
    /// The check of the tick that has just been; `out` is what it told.
    pub fn check(&mut self, realm: &Realm, out: &Outbound, is_whole: bool) -> Check {
        let (said, shown) = told(out);
        self.states(realm);
        Check {
            tick: realm.game().now(),
            said,
            shown,
            states: xxh3_64(&self.bytes),
            realm: is_whole.then(|| realm.hash()),
        }
    }

    fn states(&mut self, realm: &Realm) {
        let replicas = realm.game().replicas();
        self.bytes.clear();
        for &id in replicas.live() {
            let state = replicas.state(id);
            self.bytes.extend_from_slice(&id.0.to_le_bytes());
            self.bytes.extend_from_slice(&state.x.to_le_bytes());
            self.bytes.extend_from_slice(&state.y.to_le_bytes());
            let halves = [state.z.cast_unsigned(), state.yaw, state.pitch];
            halves.iter().for_each(|half| self.bytes.extend_from_slice(&half.to_le_bytes()));
            self.bytes.extend_from_slice(&[state.flags, state.kind as u8]);
        }
    }
}

const MESSAGE: u8 = 0;
const PART: u8 = 1;
const CLOSE: u8 = 2;

fn told(out: &Outbound) -> (u64, u64) {
    let (mut said, mut shown) = (Xxh3::new(), Xxh3::new());
    for item in out.items() {
        let (into, session, kind, number, bytes) = match item {
            OutboundItem::Message { session, channel, bytes } => {
                let message = out.bytes(bytes);
                let is_text =
                    *channel == channel::CONTROL && message.first().is_some_and(|variant| WITH_TEXT.contains(variant));
                let counted = if is_text { &message[..1] } else { message };
                // As long as it is in any case.
                (&mut said, session, MESSAGE, message.len() as u32, counted)
            }
            OutboundItem::Part { session, part, bytes } => (&mut shown, session, PART, part.0, out.bytes(bytes)),
            OutboundItem::Close { session, reason } => {
                (&mut said, session, CLOSE, u32::from(reason.code()), [].as_slice())
            }
        };
        let mut head = [kind; 17];
        head[1..5].copy_from_slice(&session.slot.to_le_bytes());
        head[5..9].copy_from_slice(&session.generation.to_le_bytes());
        head[9..13].copy_from_slice(&number.to_le_bytes());
        head[13..].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        into.update(&head);
        into.update(bytes);
    }
    (said.digest(), shown.digest())
}

/// The first bytes of the messages of the control channel that hold names or words: a profile, a roster, a notice.
const WITH_TEXT: [u8; 3] = [5, 7, 8];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;
    use protocol::RosterRow;
    use protocol::message::{Profile, ServerMessage};
    use rudp::{PartId, Reason};

    const WHO: SessionId = SessionId { slot: 4, generation: 1 };

    fn of(say: impl Fn(&mut Outbound)) -> (u64, u64) {
        let mut out = Outbound::default();
        say(&mut out);
        told(&out)
    }

    fn said(message: &ServerMessage) -> (u64, u64) {
        of(|out| out.message(WHO, channel::CONTROL, message))
    }

    #[test]
    fn names_and_words_do_not_count_and_how_long_they_are_does() {
        let profile = |name: &str| ServerMessage::Profile(Profile { name: name.to_owned(), ..Profile::default() });
        let roster =
            |name: &str| ServerMessage::Roster(vec![RosterRow { name: name.to_owned(), ..RosterRow::default() }]);
        let notice = |text: &str| ServerMessage::Notice { text: text.to_owned() };
        for message in [&profile as &dyn Fn(&str) -> ServerMessage, &roster, &notice] {
            assert_eq!(said(&message("Ada")), said(&message("Bob")));
            assert_ne!(said(&message("Ada")), said(&message("Adam")));
        }
        assert_ne!(said(&profile("Ada")), said(&notice("Ada")));
    }

    #[test]
    fn who_is_told_what_in_which_order_counts() {
        let echo = |number| ServerMessage::Echo { number };
        assert_ne!(said(&echo(1)), said(&echo(2)));
        let other = SessionId { slot: 5, ..WHO };
        assert_ne!(said(&echo(1)), of(|out| out.message(other, channel::CONTROL, &echo(1))));
        let both = |first, second| {
            of(move |out| {
                out.message(WHO, channel::CONTROL, &echo(first));
                out.message(WHO, channel::CONTROL, &echo(second));
            })
        };
        assert_ne!(both(1, 2), both(2, 1));
        assert_ne!(of(|out| out.close(WHO, Reason::Kicked)), of(|out| out.close(WHO, Reason::Banned)));
    }

    #[test]
    fn parts_count_apart_from_what_is_said() {
        let part = |byte: u8| {
            of(move |out| {
                out.part(WHO, PartId(3), 1, |bytes| {
                    bytes[0] = byte;
                    1
                });
            })
        };
        assert!(part(1).0 == part(2).0 && part(1).1 != part(2).1);
    }
}
