//! Who speaks already: the state of the hello.

use super::Role;
use crate::hello::{Hello, HelloRefusal};
use crate::packet::{Frame, Side};

/// The hello's progress. The client repeats its hello in every packet until it is accepted; the server repeats the
/// acceptance in every packet until one of them is acked. So whichever packet arrives first explains itself.
#[derive(Debug)]
pub(super) struct Greeting {
    role: Role,
    /// What both ends speak, once the server has agreed.
    version: Option<u16>,
    /// The server knows that the client knows.
    confirmed: bool,
    /// A packet should leave just to carry the greeting.
    due: bool,
}

impl Greeting {
    pub(super) fn new(role: Role) -> Self {
        let due = matches!(role, Role::Client(_));
        Self { role, version: None, confirmed: false, due }
    }

    pub(super) fn side(&self) -> Side {
        match self.role {
            Role::Client(_) => Side::Client,
            Role::Server(_) => Side::Server,
        }
    }

    pub(super) fn version(&self) -> Option<u16> {
        self.version
    }

    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// Whether messages may be sent: a client's travel beside its hello, a server waits for one.
    pub(super) fn may_send(&self) -> bool {
        self.side() == Side::Client || self.version.is_some()
    }

    /// The frame that belongs in front of every packet now.
    pub(super) fn frame(&self) -> Option<Frame<'static>> {
        match (&self.role, self.version) {
            (Role::Client(hello), None) => Some(Frame::Hello(*hello)),
            (Role::Server(_), Some(version)) if !self.confirmed => Some(Frame::HelloAccept { version }),
            _ => None,
        }
    }

    /// A greeting frame left.
    pub(super) fn on_sent(&mut self) {
        self.due = false;
    }

    /// A packet with a greeting frame was acked.
    pub(super) fn on_acked(&mut self) {
        if self.side() == Side::Server {
            self.confirmed = true;
            self.due = false;
        }
    }

    /// Nobody answered for a probe time-out.
    pub(super) fn on_unheard(&mut self) {
        self.due = self.frame().is_some();
    }

    /// Server: what the rules say to a hello.
    pub(super) fn judge(&self, hello: &Hello) -> Result<u16, HelloRefusal> {
        match &self.role {
            Role::Server(rules) => rules.judge(hello),
            Role::Client(_) => unreachable!("only a server reads hellos"),
        }
    }

    /// Server: a valid hello arrived while unspoken.
    pub(super) fn on_hello(&mut self, version: u16) {
        self.version = Some(version);
        self.due = true;
    }

    /// Client: may the server choose this version?
    pub(super) fn offers(&self, version: u16) -> bool {
        match &self.role {
            Role::Client(hello) => (hello.version_min..=hello.version_max).contains(&version),
            Role::Server(_) => false,
        }
    }

    /// Client: the server agreed.
    pub(super) fn on_accept(&mut self, version: u16) {
        self.due = false;
        self.version = Some(version);
    }
}
