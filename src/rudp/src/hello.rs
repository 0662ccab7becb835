//! The hello: before anything is said, both ends make sure that they mean the same by it.

use crate::reason::Reason;
use std::ops::RangeInclusive;

/// The inner version that this build speaks: the layout of headers and frames behind the netcode payload.
pub const INNER_VERSION: u16 = 1;

/// What a client claims about itself; the first frame of its first payload (spec: PKT-24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Oldest inner version the client speaks.
    pub version_min: u16,
    /// Newest inner version the client speaks; never below `version_min`.
    pub version_max: u16,
    /// [`crate::ChannelTable::hash`] of its channels.
    pub channel_hash: u64,
    /// Hash of the motion rules by which it predicts.
    pub motion_hash: u64,
    /// Hash of the game content it holds; [`Hello::NO_CONTENT`] for a thin client that holds none.
    pub content_hash: u64,
}

impl Hello {
    /// The content hash of a client without content of its own; every server accepts it (spec: PKT-26).
    pub const NO_CONTENT: u64 = 0;
}

/// What a server demands of a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloRules {
    /// Inner versions the server speaks.
    pub versions: RangeInclusive<u16>,
    /// The channel table's hash.
    pub channel_hash: u64,
    /// The motion rules' hash.
    pub motion_hash: u64,
    /// The content's hash.
    pub content_hash: u64,
}

impl HelloRules {
    /// The version both ends will speak, the newest they share.
    ///
    /// # Errors
    /// Which field differs, first one first: version, channels, motion, content (spec: PKT-25).
    pub fn judge(&self, hello: &Hello) -> Result<u16, HelloRefusal> {
        let version = hello.version_max.min(*self.versions.end());
        if version < hello.version_min || version < *self.versions.start() {
            return Err(HelloRefusal::Version {
                theirs: (hello.version_min, hello.version_max),
                ours: (*self.versions.start(), *self.versions.end()),
            });
        }
        if hello.channel_hash != self.channel_hash {
            return Err(HelloRefusal::Channels { theirs: hello.channel_hash, ours: self.channel_hash });
        }
        if hello.motion_hash != self.motion_hash {
            return Err(HelloRefusal::Motion { theirs: hello.motion_hash, ours: self.motion_hash });
        }
        if hello.content_hash != Hello::NO_CONTENT && hello.content_hash != self.content_hash {
            return Err(HelloRefusal::Content { theirs: hello.content_hash, ours: self.content_hash });
        }
        Ok(version)
    }
}

/// Why a hello was refused. The text is written for the client's user and fits a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelloRefusal {
    /// No common inner version; both as (oldest, newest).
    #[error("versions: client {}-{}, server {}-{}", theirs.0, theirs.1, ours.0, ours.1)]
    Version {
        /// The client's range.
        theirs: (u16, u16),
        /// The server's range.
        ours: (u16, u16),
    },
    /// Another channel table.
    #[error("channels: client {theirs:016x}, server {ours:016x}")]
    Channels {
        /// The client's hash.
        theirs: u64,
        /// The server's hash.
        ours: u64,
    },
    /// Other motion rules.
    #[error("motion: client {theirs:016x}, server {ours:016x}")]
    Motion {
        /// The client's hash.
        theirs: u64,
        /// The server's hash.
        ours: u64,
    },
    /// Other content.
    #[error("content: client {theirs:016x}, server {ours:016x}")]
    Content {
        /// The client's hash.
        theirs: u64,
        /// The server's hash.
        ours: u64,
    },
}

impl HelloRefusal {
    /// The reason to disconnect with (spec: PKT-29).
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Version { .. } => Reason::HelloVersion,
            Self::Channels { .. } => Reason::HelloChannels,
            Self::Motion { .. } => Reason::HelloMotion,
            Self::Content { .. } => Reason::HelloContent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::CLOSE_TEXT_BYTES_MAX;

    fn hello() -> Hello {
        Hello { version_min: 2, version_max: 4, channel_hash: 10, motion_hash: 20, content_hash: 30 }
    }

    fn rules() -> HelloRules {
        HelloRules { versions: 1..=3, channel_hash: 10, motion_hash: 20, content_hash: 30 }
    }

    #[test]
    fn the_newest_shared_version_is_chosen() {
        // proves: PKT-25
        assert_eq!(rules().judge(&hello()), Ok(3));
        assert_eq!(HelloRules { versions: 2..=9, ..rules() }.judge(&hello()), Ok(4));
        assert_eq!(HelloRules { versions: 4..=9, ..rules() }.judge(&hello()), Ok(4));
    }

    #[test]
    fn every_field_that_differs_is_named_in_reason_and_text() {
        // proves: PKT-25
        let cases = [
            (Hello { version_min: 4, version_max: 5, ..hello() }, Reason::HelloVersion, "versions"),
            (Hello { version_min: 0, version_max: 0, ..hello() }, Reason::HelloVersion, "versions"),
            (Hello { channel_hash: 11, ..hello() }, Reason::HelloChannels, "channels"),
            (Hello { motion_hash: u64::MAX, ..hello() }, Reason::HelloMotion, "motion"),
            (Hello { content_hash: 31, ..hello() }, Reason::HelloContent, "content"),
        ];
        for (hello, reason, word) in cases {
            let refusal = rules().judge(&hello).expect_err("differs");
            assert_eq!(refusal.reason(), reason);
            let text = refusal.to_string();
            assert!(text.starts_with(word) && text.len() <= CLOSE_TEXT_BYTES_MAX, "{text}");
        }
    }

    #[test]
    fn a_client_without_content_is_welcome() {
        // proves: PKT-26
        assert_eq!(rules().judge(&Hello { content_hash: Hello::NO_CONTENT, ..hello() }), Ok(3));
    }
}
