//! Why a connection ended, as one byte that both ends understand.

use std::fmt;

/// Declares the reasons once: name, stable code, sentence. The code is wire format (spec: PKT-31): never renumber one.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $sentence:literal;)+) => {
        /// Why a connection ended. Travels as one byte in a close frame; a code that this build does not know is kept
        /// as [`Reason::Other`] so that a newer peer's reason survives into logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
                    $(Reason::$name => stringify!($name),)+
                    Reason::Other(_) => "Other",
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
    Unstated = 0, "the peer disconnected without a reason";
    /// The user left.
    UserQuit = 1, "the user quit";
    /// The server is draining or going down.
    ServerShutdown = 2, "the server is shutting down";
    /// An operator removed the session; a new token may join again.
    Kicked = 3, "kicked by an operator";
    /// An operator or a rule barred the account.
    Banned = 4, "banned";
    /// Nothing arrived for the time-out.
    TimedOut = 5, "the connection timed out";
    /// No inner version that both ends speak.
    HelloVersion = 6, "client and server share no protocol version";
    /// The channel tables differ.
    HelloChannels = 7, "client and server have different channel tables";
    /// The motion rules differ.
    HelloMotion = 8, "client and server have different motion rules";
    /// The game content differs.
    HelloContent = 9, "client and server have different game content";
    /// No valid hello arrived in time.
    UnspokenTooLong = 10, "no valid hello in time";
    /// A newer session of the same client replaced this one.
    TakenOver = 11, "taken over by a newer session";
    /// The peer sent what the specification forbids.
    ProtocolViolation = 12, "protocol violation";
    /// The peer did not take what was queued for it.
    SlowConsumer = 13, "the peer was too slow to take what was sent";
    /// No slot is free.
    ServerFull = 14, "the server is full";
    /// The peer sent more than its limit.
    RateLimited = 15, "the peer exceeded its rate limit";
    /// The game refused the session (record locked, unknown character).
    SessionRefused = 16, "the game refused the session";
    /// The connect token was refused or ran out.
    TokenRefused = 17, "the connect token was refused or has expired";
    /// No address of the token answered.
    Unreachable = 18, "no server address answered";
    /// The caller dropped the session without naming a cause.
    Abandoned = 19, "abandoned by the local side";
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
    fn codes_are_the_published_ones() {
        // proves: PKT-31
        let codes: Vec<u8> = Reason::NAMED.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes, (0..=19).collect::<Vec<u8>>());
        assert_eq!(Reason::UserQuit.code(), 1);
        assert_eq!(Reason::HelloContent.code(), 9);
        assert_eq!(Reason::Unreachable.code(), 18);
        assert_eq!(Reason::from_code(200), Reason::Other(200));
    }
}
