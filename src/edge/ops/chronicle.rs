//! `GET /api/v1/events?after=N`: what has happened in the world since entry N. Other programs read it: fields are added,
//! never renamed.

use serde::{Deserialize, Serialize};
use server::{Accused, Chronicle, Chronicled, Incident, Matter};

/// Which entries are wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct After {
    /// Those with higher numbers than this; all that are kept by default.
    #[serde(default)]
    after: u64,
}

/// The page.
#[derive(Debug, Serialize)]
pub struct Page {
    events: Vec<Entry>,
    /// Number of the newest entry there is; what to ask for next.
    newest: u64,
    /// Entries after the asked one that are not kept any more.
    missed: u64,
}

#[derive(Debug, Serialize)]
struct Entry {
    number: u64,
    tick: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    character: Option<u64>,
    /// Of an incident with a guest, who has no character.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<u64>,
    text: String,
}

/// The entries after one.
pub fn page(chronicle: &Chronicle, After { after }: After) -> Page {
    let events: Vec<_> = chronicle.entries().filter(|entry| entry.number > after).map(Entry::of).collect();
    let newest = chronicle.written();
    let missed = newest.saturating_sub(after) - events.len() as u64;
    Page { events, newest, missed }
}

impl Entry {
    fn of(entry: &Chronicled) -> Self {
        let (kind, text) = match &entry.what {
            Matter::Event(event) => (protocol::GameEvent::KINDS[event.kind()], format!("{event:?}")),
            Matter::Incident(incident) => {
                let (kind, points) = (incident.kind.label(), incident.points);
                let guest = account_of(&entry.what).map(|account| format!(", a guest of account {account}"));
                ("incident", format!("{kind}: {points} points, {:?}{}", incident.action, guest.unwrap_or_default()))
            }
            Matter::Entered => ("joined", "came into the world".to_owned()),
            Matter::Left => ("left", "left the world".to_owned()),
            Matter::Created => ("created", "was made".to_owned()),
            Matter::Deleted => ("deleted", "is gone for ever".to_owned()),
        };
        let (character, account) = (entry.character.map(|id| id.0), account_of(&entry.what));
        Self { number: entry.number, tick: entry.tick.0, kind, character, account, text }
    }
}

fn account_of(what: &Matter) -> Option<u64> {
    match what {
        Matter::Incident(Incident { who: Accused::Account(account), .. }) => Some(account.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{AccountId, CharacterId, Tick};
    use server::{Action, Suspicion};

    #[test]
    fn what_becomes_of_characters_is_said_of_them() {
        let mut chronicle = Chronicle::default();
        for what in [Matter::Created, Matter::Entered, Matter::Left, Matter::Deleted] {
            chronicle.write(Tick(1), Some(CharacterId(7)), what);
        }
        let kinds: Vec<_> = page(&chronicle, After::default()).events.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, ["created", "joined", "left", "deleted"]);
    }

    #[test]
    fn an_incident_with_a_guest_names_his_account() {
        let (who, kind) = (Accused::Account(AccountId(42)), Suspicion::Flood);
        let mut chronicle = Chronicle::default();
        chronicle.write(Tick(1), None, Matter::Incident(Incident { who, kind, points: 101, action: Action::Kick }));
        let entry = &page(&chronicle, After::default()).events[0];
        assert_eq!((entry.kind, entry.character, entry.account), ("incident", None, Some(42)));
        assert_eq!(entry.text, "flood: 101 points, Kick, a guest of account 42");
    }

    #[test]
    fn whoever_reads_on_gets_what_is_new_and_hears_what_he_missed() {
        let mut chronicle = Chronicle::default();
        for number in 0..600 {
            chronicle.write(Tick(number), Some(CharacterId(7)), Matter::Entered);
        }
        let read = |after| page(&chronicle, After { after });
        assert_eq!((read(598).events.len(), read(598).missed, read(598).newest), (2, 0, 600));
        assert_eq!((read(0).events.len(), read(0).missed), (512, 88));
        assert_eq!((read(600).events.len(), read(900).events.len(), read(900).missed), (0, 0, 0));
        let text = serde_json::to_string(&read(599)).unwrap();
        let entry = r#"{"number":600,"tick":599,"kind":"joined","character":7,"text":"came into the world"}"#;
        assert_eq!(text, format!(r#"{{"events":[{entry}],"newest":600,"missed":0}}"#));
    }
}
