//! Why a connection ended, as one byte that both ends understand.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Declares the reasons once: name, stable code, sentence. The code is wire format (spec: PKT-31): never renumber one.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $label:literal, $sentence:literal;)+) => {
        /// Why a connection ended. Travels as one byte in a close frame; a code that this build does not know is kept
        /// as [`Reason::Other`] so that a newer peer's reason survives into logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "u8", into = "u8")]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
            /// A code that this build has no name for.
            Other(u8),
        }

        impl Reason {
            /// Every named reason, in the order of its code; for counters kept per reason.
            pub const NAMED: &'static [Reason] = &[$(Reason::$name),+];

            /// The stable byte on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self {
                    $(Reason::$name => $code,)+
                    Reason::Other(code) => code,
                }
            }

            /// The reason behind a wire byte; total.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Reason::$name,)+
                    other => Reason::Other(other),
                }
            }

            /// A short name for metric labels: lower case, no spaces, stable.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self {
                    $(Reason::$name => $label,)+
                    Reason::Other(_) => "other",
                }
            }

            const fn sentence(self) -> &'static str {
                match self {
                    $(Reason::$name => $sentence,)+
                    Reason::Other(_) => "a reason this build does not know",
                }
            }
        }
    };
}

reasons! {
    /// The peer closed the session without saying why (a bare netcode disconnect, as a stock client sends it).
    Unstated = 0, "unstated", "the peer disconnected without a reason";
    /// The user left.
    UserQuit = 1, "user_quit", "the user quit";
    /// The server is draining or going down.
    ServerShutdown = 2, "server_shutdown", "the server is shutting down";
    /// An operator removed the session; a new token may join again.
    Kicked = 3, "kicked", "kicked by an operator";
    /// An operator or a rule barred the account.
    Banned = 4, "banned", "banned";
    /// Nothing arrived for the time-out.
    TimedOut = 5, "timed_out", "the connection timed out";
    /// No inner version that both ends speak.
    HelloVersion = 6, "hello_version", "client and server share no protocol version";
    /// The channel tables differ.
    HelloChannels = 7, "hello_channels", "client and server have different channel tables";
    /// The motion rules differ.
    HelloMotion = 8, "hello_motion", "client and server have different motion rules";
    /// The game content differs.
    HelloContent = 9, "hello_content", "client and server have different game content";
    /// No valid hello arrived in time.
    UnspokenTooLong = 10, "unspoken_too_long", "no valid hello in time";
    /// A newer session of the same client replaced this one.
    TakenOver = 11, "taken_over", "taken over by a newer session";
    /// The peer sent what the specification forbids.
    ProtocolViolation = 12, "protocol_violation", "protocol violation";
    /// The peer did not take what was queued for it.
    SlowConsumer = 13, "slow_consumer", "the peer was too slow to take what was sent";
    /// No slot is free.
    ServerFull = 14, "server_full", "the server is full";
    /// The peer sent more than its limit.
    RateLimited = 15, "rate_limited", "the peer exceeded its rate limit";
    /// The game refused the session (record locked, unknown character).
    SessionRefused = 16, "session_refused", "the game refused the session";
    /// The connect token was refused or ran out.
    TokenRefused = 17, "token_refused", "the connect token was refused or has expired";
    /// No address of the token answered.
    Unreachable = 18, "unreachable", "no server address answered";
    /// The caller dropped the session without naming a cause.
    Abandoned = 19, "abandoned", "abandoned by the local side";
    /// Too much spoke against the player (the game's evidence of cheating, and the operator's policy).
    Suspected = 20, "suspected", "too much spoke against the player";
    /// What is known of the player cannot be looked up now; another time, perhaps.
    StoresAway = 21, "stores_away", "the player's record cannot be reached now";
    /// Another server has the player, or has yet to hand on what he did there last.
    HeldElsewhere = 22, "held_elsewhere", "another server still has the player or his last changes";
    /// The account, or its address, has as many sessions as it may.
    TooManySessions = 23, "too_many_sessions", "too many sessions of the account or from its address";
}

/// How often each reason occurred; those without a name together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasonCounts {
    named: [u64; Reason::NAMED.len()],
    other: u64,
}

impl ReasonCounts {
    /// One more for this reason.
    pub fn count(&mut self, reason: Reason) {
        *self.named.get_mut(usize::from(reason.code())).unwrap_or(&mut self.other) += 1;
    }

    /// How often this reason occurred.
    #[must_use]
    pub fn of(&self, reason: Reason) -> u64 {
        *self.named.get(usize::from(reason.code())).unwrap_or(&self.other)
    }

    /// Label and count of every reason, in the order of their codes, the nameless last.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = Reason::NAMED.iter().map(|reason| reason.label()).zip(self.named);
        named.chain([(Reason::Other(0).label(), self.other)])
    }
}

impl From<u8> for Reason {
    fn from(code: u8) -> Self {
        Self::from_code(code)
    }
}

impl From<Reason> for u8 {
    fn from(reason: Reason) -> Self {
        reason.code()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Other(code) => write!(f, "{} (code {code})", self.sentence()),
            named => f.write_str(named.sentence()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_a_reason() {
        // proves: PKT-31
        for code in 0..=u8::MAX {
            assert_eq!(Reason::from_code(code).code(), code);
        }
    }

    #[test]
    fn each_reason_is_counted_under_its_own_label() {
        let mut counts = ReasonCounts::default();
        for code in 0..=u8::MAX {
            for _ in 0..=code.min(30) {
                counts.count(Reason::from_code(code));
            }
        }
        let labels: std::collections::BTreeSet<_> = counts.iter().map(|(label, _)| label).collect();
        assert_eq!(labels.len(), Reason::NAMED.len() + 1, "no label twice");
        assert!(labels.iter().all(|label| label.chars().all(|c| c.is_ascii_lowercase() || c == '_')), "{labels:?}");
        assert_eq!(counts.iter().next(), Some(("unstated", 1)));
        assert_eq!((counts.of(Reason::UserQuit), counts.of(Reason::Abandoned)), (2, 20));
        assert!(counts.of(Reason::Other(200)) > 200 && counts.of(Reason::Other(77)) == counts.of(Reason::Other(200)));
    }

    #[test]
    fn codes_are_the_published_ones() {
        // proves: PKT-31
        let codes: Vec<u8> = Reason::NAMED.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes, (0..=23).collect::<Vec<u8>>());
        assert_eq!(Reason::UserQuit.code(), 1);
        assert_eq!(Reason::HelloContent.code(), 9);
        assert_eq!(Reason::Unreachable.code(), 18);
        assert_eq!(Reason::from_code(200), Reason::Other(200));
    }
}
