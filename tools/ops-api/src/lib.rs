//! What an operator can say to a server, and what he is told: the one list of commands that the command line, the HTTP API
//! and the server's own dispatch share, and the pages that answer them.
//!
//! Fields are added, never renamed: other programs read them. `protocol-spec/ops-v1.yaml` describes the same for strangers.

mod command;
mod page;
mod whom;

pub use command::{COMMANDS, Command, REASON_BYTES_MAX, Role};
pub use page::{
    Alert, Alerts, AuditLine, AuditPage, Ban, Bans, Limit, Limits, LogLevel, PhaseTime, PlayerRow, Players, Profile,
    Refused, ThreadTime,
};
pub use whom::{Barred, Whom, WhomError};
