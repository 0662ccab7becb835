//! Pure: who is connected, what they may see, what is saved.
//!
//! Two machines that never meet in memory. The [`Gate`] lives on the reactor thread and turns datagrams into messages;
//! the [`Realm`] lives on the world thread and turns inputs into ticks and ticks into snapshots. What passes between
//! them is a batch each way: [`Inbound`] and [`Outbound`]. Neither machine knows a clock, a socket, a thread or a file.
mod courier;
mod crew;
#[cfg(feature = "faults")]
mod fault;
pub mod flight;
mod gate;
mod histogram;
mod inbound;
mod outbound;
mod realm;

pub use courier::{Dirty, Lane, LedgerLine, Outflow, Outgoing, PARCEL_MAX, Parcel, StoreError, Trouble};
pub use crew::{Alone, Crew, HANDS_MAX, alone};
#[cfg(feature = "faults")]
pub use fault::Fault;
pub use gate::{
    AccessConfig, AccessLimits, BANS_MAX, Ban, BanError, Barred, ConnectionRow, Gate, GateConfig, GateCounters,
    Imposed, LOSS_WHOLE, REASON_BYTES_MAX, Seen, Survey,
};
pub use histogram::{BOUNDS, Histogram};
pub use inbound::{Inbound, SESSION_MESSAGES_MAX, SessionEvent};
pub use outbound::{Outbound, OutboundItem};
pub use realm::{
    Accused, Action, CHRONICLE_MAX, Chronicle, Chronicled, CommitError, Enrolled, Experienced, Found, Incident,
    KindRadii, LadderConfig, LoadError, Matter, Operation, Origin, PLACES_MAX, PersonRow, Place, Policy, REALM_PARTS,
    REALM_PARTS_FROM, Radii, Realm, RealmConfig, RealmStatus, SUSPICIONS, Saved, SavedWorld, Shown, Standing, Step,
    StoreDone, StoreJob, Suspicion, Task, is_made_here, nameless,
};

/// Names a session between the two threads: the transport's slot and its generation. A stale one is discarded and counted.
pub type SessionId = rudp::ConnectionId;
