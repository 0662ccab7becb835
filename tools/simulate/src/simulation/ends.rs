//! Why sessions end, and whether that fits what happened.

use super::Simulation;
use crate::check::{Broken, Check};
use crate::people::End;
use rudp::Reason;
use rudp::time::NS_PER_S;

/// No session that was heard within so long has timed out, 5 s.
const TIMED_OUT_NS: u64 = 5 * NS_PER_S;
/// Who is held so long, in seconds, has given up himself before.
const HELD_LONG_S: u32 = 60;
/// A look-up that a server of MariaDB failed is given up so long after it at most: the three seconds that a look-up may take,
/// the three that a server rests after a failure, and one on the way to the client.
const LOOKED_UP_NS: u64 = 7 * NS_PER_S;

impl Simulation {
    pub(super) fn on_end(&mut self, ns: u64, end: &End) -> Result<(), Broken> {
        let End { person, token, reason, is_wished, quiet_ns } = *end;
        *self.tally.ends.entry(reason.code()).or_default() += 1;
        self.tally.looks.count(Check::Reasons);
        self.say(|| format!("person {person} (token {token}) is out: {reason}"));
        let has_newer = self.people[person].lives.iter().any(|life| life.token > token);
        let is_troubled = ns < self.troubled_until_ns.max(self.people[person].troubled_until_ns);
        let fits = match reason {
            Reason::UserQuit => is_wished,
            Reason::TakenOver => has_newer || is_troubled,
            Reason::ServerShutdown => self.is_closing,
            Reason::ProtocolViolation | Reason::Banned | Reason::Suspected | Reason::TooManySessions => false,
            Reason::HelloVersion | Reason::HelloChannels | Reason::HelloMotion | Reason::HelloContent => false,
            // Whoever is sent away is told why, unless the path lost it; nobody is held to be gone who has just been heard.
            Reason::Unstated => is_troubled || is_wished,
            // Who is given up soon after an outage may have heard a little already while he was not heard yet (seed 57): that
            // nobody is given up before his time is looked at where the server says so.
            Reason::TimedOut => is_troubled && (quiet_ns >= TIMED_OUT_NS || self.plan.held_s < HELD_LONG_S),
            // Nothing need be on: a store that is well otherwise refuses now and then, if the seed has it so.
            Reason::StoresAway => is_troubled || has_newer || self.stores().has_failed_within(LOOKED_UP_NS),
            // An older client knocks until its token has expired.
            _ => is_troubled || is_wished || self.is_closing || has_newer,
        };
        if fits {
            return Ok(());
        }
        Err(Broken::new(Check::Reasons, format!("person {person} was put out, and nothing was wrong: {reason}")))
    }
}
