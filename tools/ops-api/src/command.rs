//! The commands.

use crate::whom::{Barred, Whom};
use serde::{Deserialize, Serialize};

/// Longest reason, in bytes of UTF-8: a notice of 256 bytes has room for it and for when.
pub const REASON_BYTES_MAX: usize = 200;

/// Everything that changes something. `POST /api/v1/NAME` with the fields as a JSON object (no body: an empty one).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Ends sessions. Whoever was put out may come back with a new token.
    Kick {
        /// Whose.
        who: Whom,
        /// For the log: at most [`REASON_BYTES_MAX`] bytes of UTF-8 without control characters.
        #[serde(default)]
        reason: String,
    },
    /// Ends sessions and lets none of these in until the ban ends.
    Ban {
        /// Whom.
        what: Barred,
        /// For so many seconds; for ever if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_s: Option<u64>,
        /// For the list and the log: at most [`REASON_BYTES_MAX`] bytes of UTF-8 without control characters.
        #[serde(default)]
        reason: String,
    },
    /// Lifts a ban.
    Unban {
        /// As it was said when it was imposed.
        what: Barred,
    },
    /// Tells players something, in words.
    Say {
        /// The words: 1 to 256 bytes of UTF-8 without control characters.
        text: String,
        /// Whom; everybody if it is not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Whom>,
    },
    /// Changes a limit until the next start.
    Limits {
        /// Which: a name of `GET /api/v1/limits`.
        name: String,
        /// To what.
        value: u64,
    },
    /// Changes what is logged, until the next start.
    LogLevel {
        /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `throng=debug,warn`.
        filter: String,
    },
    /// Reads keys, login rules and content again.
    Reload {},
    /// Copies the journal.
    Backup {
        /// The copy's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// Says everything that is held about an account.
    Export {
        /// Which.
        account: u64,
    },
    /// Takes away everything that is held about an account.
    Erase {
        /// Which.
        account: u64,
        /// Characters that a login service has given the account.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        characters: Vec<u64>,
    },
    /// Writes a report of the last hour and day into the data directory.
    Report {},
    /// Lets nobody in any more, or again; whoever is here plays on.
    Drain {
        /// Whether to let people in again.
        #[serde(default)]
        cancel: bool,
    },
    /// Goes down after a while, telling the players; or does not after all.
    Shutdown {
        /// After so many seconds, a day at most.
        #[serde(default)]
        in_s: u64,
        /// What the players are told: at most [`REASON_BYTES_MAX`] bytes of UTF-8 without control characters.
        #[serde(default)]
        reason: String,
        /// Whether to stay up after all.
        #[serde(default)]
        cancel: bool,
    },
    /// Sends an alert through the webhook that is none.
    TestAlert {},
    /// Makes the world slow, or stand still, to see what happens then. Refused unless `ops.test_commands` is on.
    Test {
        /// Milliseconds of work that each tick has more.
        #[serde(default)]
        work_ms: u64,
        /// Milliseconds for which the world stands still, once.
        #[serde(default)]
        freeze_ms: u64,
        /// Seconds for which each tick has that work.
        #[serde(default)]
        for_s: u64,
    },
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To look: every GET.
    Read,
    /// To do as well: every POST.
    Operate,
}

/// The names of all commands, as they stand in paths and in the audit log.
pub const COMMANDS: [&str; 15] = [
    "kick",
    "ban",
    "unban",
    "say",
    "limits",
    "log-level",
    "reload",
    "backup",
    "export",
    "erase",
    "report",
    "drain",
    "shutdown",
    "test-alert",
    "test",
];

impl Command {
    /// Its name in paths and in the audit log.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kick { .. } => COMMANDS[0],
            Self::Ban { .. } => COMMANDS[1],
            Self::Unban { .. } => COMMANDS[2],
            Self::Say { .. } => COMMANDS[3],
            Self::Limits { .. } => COMMANDS[4],
            Self::LogLevel { .. } => COMMANDS[5],
            Self::Reload {} => COMMANDS[6],
            Self::Backup { .. } => COMMANDS[7],
            Self::Export { .. } => COMMANDS[8],
            Self::Erase { .. } => COMMANDS[9],
            Self::Report {} => COMMANDS[10],
            Self::Drain { .. } => COMMANDS[11],
            Self::Shutdown { .. } => COMMANDS[12],
            Self::TestAlert {} => COMMANDS[13],
            Self::Test { .. } => COMMANDS[14],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_command_is_an_object_with_its_name_and_fields() {
        let ban = Command::Ban { what: "10.0.0.0/8".parse().unwrap(), for_s: Some(60), reason: "flood".to_owned() };
        let written = json!({ "command": "ban", "what": "10.0.0.0/8", "for_s": 60, "reason": "flood" });
        assert_eq!(serde_json::to_value(&ban).unwrap(), written);
        assert_eq!(serde_json::from_value::<Command>(written).unwrap(), ban);
        let reload = serde_json::from_value::<Command>(json!({ "command": "reload" })).unwrap();
        assert_eq!((reload.name(), reload), ("reload", Command::Reload {}));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for wrong in [
            json!({ "command": "kick" }),
            json!({ "command": "kick", "who": "account:1", "hard": true }),
            json!({ "command": "kick", "who": "somebody" }),
            json!({ "command": "dance" }),
            json!({ "command": "reload", "now": true }),
        ] {
            assert!(serde_json::from_value::<Command>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_name_of_each_command_is_the_one_that_it_is_written_with() {
        let written = |name: &str| {
            let fields = match name {
                "kick" => json!({ "who": "1" }),
                "ban" | "unban" => json!({ "what": "1" }),
                "say" => json!({ "text": "x" }),
                "limits" => json!({ "name": "players_max", "value": 1 }),
                "log-level" => json!({ "filter": "info" }),
                "export" | "erase" => json!({ "account": 1 }),
                _ => json!({}),
            };
            let mut fields = fields.as_object().unwrap().clone();
            fields.insert("command".to_owned(), name.into());
            serde_json::from_value::<Command>(fields.into()).unwrap()
        };
        for name in COMMANDS {
            assert_eq!(written(name).name(), name);
        }
    }
}
