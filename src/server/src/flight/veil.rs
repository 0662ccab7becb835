//! What people are called and what is said, made unreadable before it is written down.
//!
//! A replay must take the same way as the world did, so a text is not left out: it is replaced by another one of as many bytes
//! and characters, which is a name if the first was one. The same text has the same stand-in throughout a recording, and
//! nobody who does not have its key can tell which text that was. The key is kept nowhere.

use crate::inbound::SessionEvent;
use crate::realm::{CommitError, Enrolled, LoadError, Operation, StoreDone};
use game::Listing;
use protocol::RosterStep;
use protocol::character::is_name;
use protocol::message::ClientMessage;
use rudp::token::{Name, UserData};
use siphasher::sip::SipHasher24;

/// A secret number by which others are made unreadable.
///
/// `SipHash-2-4` is made for this: whoever has as many texts with their numbers as he likes, some of his own among them, knows
/// no other's, and not the key (Aumasson and Bernstein, 2012). A hash with a seed is not enough: for bytes as few as an
/// acknowledgement's it can be undone, and the seed is found from one packet of one's own.
#[derive(Clone, Copy)]
pub struct Key(SipHasher24);

impl Key {
    /// One of secret bytes.
    #[must_use]
    pub fn new(secret: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&secret))
    }

    /// The number of some bytes.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> u64 {
        self.0.hash(bytes)
    }
}

/// Stands between texts and the log.
#[derive(Clone, Copy)]
pub enum Veil {
    /// Texts are written as they are.
    Plain,
    /// Texts are replaced; by a key that nobody knows.
    Keyed(Key),
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Keyed(_) => "Keyed",
        })
    }
}

impl Veil {
    /// What stands for a name, or for what somebody wanted to be a name.
    #[must_use]
    pub fn name(self, name: &str) -> String {
        let Self::Keyed(key) = self else { return name.to_owned() };
        let is_joint = |c| matches!(c, '-' | '\'');
        let stand_in = stand_in(name, key, is_joint);
        if is_name(&stand_in) == is_name(name) { stand_in } else { "-".repeat(name.len()) }
    }

    /// What stands for something that was said.
    #[must_use]
    pub fn words(self, text: &str) -> String {
        let Self::Keyed(key) = self else { return text.to_owned() };
        stand_in(text, key, |_| false)
    }

    /// Who came. What a token says beyond who it is decides nothing in the realm.
    pub(crate) fn user(self, user: &UserData) -> UserData {
        let name = Name::new(&self.name(user.name.as_str())).unwrap_or_default();
        UserData { name, issued_at_ms: 0, serial: 0, epoch: 0, ..*user }
    }

    /// An event, if it is another one under the veil.
    pub(crate) fn event(self, event: &SessionEvent) -> Option<SessionEvent> {
        match event {
            SessionEvent::Joined { session, user } => {
                Some(SessionEvent::Joined { session: *session, user: Box::new(self.user(user)) })
            }
            SessionEvent::Message {
                session,
                message: ClientMessage::Roster { number, step: RosterStep::Create { name, class, team } },
            } => {
                let step = RosterStep::Create { name: self.name(name), class: *class, team: *team };
                let message = ClientMessage::Roster { number: *number, step };
                Some(SessionEvent::Message { session: *session, message })
            }
            _ => None,
        }
    }

    /// A completion. What went wrong is said in words for an operator, which may name anything.
    pub(crate) fn done(self, done: &StoreDone) -> StoreDone {
        let mut done = done.clone();
        match &mut done {
            StoreDone::Loaded { found: Err(error), .. } => *error = error.wordless(),
            StoreDone::Roster { found, .. } => self.roster(found),
            StoreDone::Failed { error, .. } => error.clear(),
            StoreDone::WorldSaved { refused: Some(error) }
            | StoreDone::Committed { refused: Some(CommitError::Disk(error)), .. } => error.clear(),
            StoreDone::Loaded { .. }
            | StoreDone::Left { .. }
            | StoreDone::Saved { .. }
            | StoreDone::WorldSaved { .. }
            | StoreDone::Committed { .. } => {}
        }
        done
    }

    /// What an account has made.
    pub(crate) fn roster(self, found: &mut Result<Vec<Enrolled>, LoadError>) {
        match found {
            Ok(all) => {
                for Enrolled { listing: Listing { name, .. }, .. } in all {
                    *name = self.name(name);
                }
            }
            Err(error) => *error = error.wordless(),
        }
    }

    /// What an operator wants.
    pub(crate) fn operation(self, operation: &Operation) -> Operation {
        match operation {
            Operation::Say { to, text } => Operation::Say { to: to.clone(), text: self.words(text) },
            other => other.clone(),
        }
    }
}

/// As many characters, each of as many bytes as the one that it stands for.
fn stand_in(text: &str, key: Key, is_kept: impl Fn(char) -> bool) -> String {
    let mut draw = key.digest(text.as_bytes());
    let mut letter = |c: char| {
        draw = key.digest(&draw.to_le_bytes());
        // Letters that stand in any name as they are.
        let first = match c.len_utf8() {
            1 => 'a',
            2 => '\u{430}',
            3 => '\u{4e00}',
            _ => '\u{20000}',
        };
        char::from_u32(u32::from(first) + (draw % 26) as u32).unwrap_or(first)
    };
    text.chars().map(|c| if is_kept(c) { c } else { letter(c) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn veil(number: u64) -> Veil {
        Veil::Keyed(Key::new(u128::from(number).to_le_bytes()))
    }

    #[test]
    fn a_name_has_one_stand_in_that_is_a_name_and_another_under_another_key() {
        for name in ["Ada", "O'Neill", "Jean-Luc", "Ünal", "Владимир", "明日香", "نورالدين"] {
            let stand_in = veil(7).name(name);
            assert!(is_name(&stand_in) && stand_in != name && stand_in == veil(7).name(name), "{name} {stand_in}");
            assert_ne!(stand_in, veil(8).name(name));
            assert_eq!(Veil::Plain.name(name), name);
        }
    }

    /// The last line of the table in the paper's appendix: what the reference makes of the bytes 0 to 14.
    #[test]
    fn the_number_of_some_bytes_is_that_of_the_reference() {
        let key = Key::new(std::array::from_fn(|at| at as u8));
        let bytes: [u8; 15] = std::array::from_fn(|at| at as u8);
        assert_eq!(key.digest(&bytes), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn nothing_is_left_of_what_was_said() {
        let said = "The server restarts in 5 minutes: see you, Ada!";
        let stand_in = veil(7).words(said);
        assert_eq!(stand_in.len(), said.len());
        assert!(stand_in.bytes().all(|byte| byte.is_ascii_lowercase()), "{stand_in}");
        assert!(protocol::message::is_notice(&stand_in));
    }

    proptest! {
        #[test]
        fn a_stand_in_is_as_long_and_as_good_a_name(name in "\\PC{0,20}|[a-zé明'\u{308}-]{0,17}", key in any::<u64>()) {
            let veil = veil(key);
            let stand_in = veil.name(&name);
            prop_assert_eq!(is_name(&stand_in), is_name(&name));
            prop_assert_eq!(stand_in.len(), name.len());
            prop_assert_eq!(veil.words(&name).chars().count(), name.chars().count());
        }
    }
}
