//! What people are called and what is said, made unreadable before it is written down.
//!
//! A replay must take the same way as the world did, so a text is not left out: it is replaced by another one of as many bytes
//! and characters, which is a name if the first was one. The same text has the same stand-in throughout a recording, and
//! nobody who does not have its salt can tell which text that was. The salt is kept nowhere.

use crate::inbound::SessionEvent;
use crate::realm::{CommitError, Enrolled, LoadError, Operation, StoreDone};
use game::Listing;
use protocol::RosterStep;
use protocol::character::is_name;
use protocol::message::ClientMessage;
use rudp::token::{Name, UserData};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Stands between texts and the log.
#[derive(Clone, Copy)]
pub enum Veil {
    /// Texts are written as they are.
    Plain,
    /// Texts are replaced; with a number that nobody knows.
    Salted(u64),
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Salted(_) => "Salted",
        })
    }
}

impl Veil {
    /// What stands for a name, or for what somebody wanted to be a name.
    #[must_use]
    pub fn name(self, name: &str) -> String {
        let Self::Salted(salt) = self else { return name.to_owned() };
        let is_joint = |c| matches!(c, '-' | '\'');
        let stand_in = stand_in(name, salt, is_joint);
        if is_name(&stand_in) == is_name(name) { stand_in } else { "-".repeat(name.len()) }
    }

    /// What stands for something that was said.
    #[must_use]
    pub fn words(self, text: &str) -> String {
        let Self::Salted(salt) = self else { return text.to_owned() };
        stand_in(text, salt, |_| false)
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
fn stand_in(text: &str, salt: u64, is_kept: impl Fn(char) -> bool) -> String {
    let mut draw = xxh3_64_with_seed(text.as_bytes(), salt);
    let mut letter = |c: char| {
        draw = xxh3_64_with_seed(&draw.to_le_bytes(), salt);
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

    const VEIL: Veil = Veil::Salted(7);

    #[test]
    fn a_name_has_one_stand_in_that_is_a_name_and_another_under_another_salt() {
        for name in ["Ada", "O'Neill", "Jean-Luc", "Ünal", "Владимир", "明日香", "نورالدين"] {
            let stand_in = VEIL.name(name);
            assert!(is_name(&stand_in) && stand_in != name && stand_in == VEIL.name(name), "{name} {stand_in}");
            assert_ne!(stand_in, Veil::Salted(8).name(name));
            assert_eq!(Veil::Plain.name(name), name);
        }
    }

    #[test]
    fn nothing_is_left_of_what_was_said() {
        let said = "The server restarts in 5 minutes: see you, Ada!";
        let stand_in = VEIL.words(said);
        assert_eq!(stand_in.len(), said.len());
        assert!(stand_in.bytes().all(|byte| byte.is_ascii_lowercase()), "{stand_in}");
        assert!(protocol::message::is_notice(&stand_in));
    }

    proptest! {
        #[test]
        fn a_stand_in_is_as_long_and_as_good_a_name(name in "\\PC{0,20}|[a-zé明'\u{308}-]{0,17}", salt in any::<u64>()) {
            let veil = Veil::Salted(salt);
            let stand_in = veil.name(&name);
            prop_assert_eq!(is_name(&stand_in), is_name(&name));
            prop_assert_eq!(stand_in.len(), name.len());
            prop_assert_eq!(veil.words(&name).chars().count(), name.chars().count());
        }
    }
}
