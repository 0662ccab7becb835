//! A shutdown that was announced: when it comes, and what players are told until then.

/// Seconds before the end at which players are told once more.
const TOLD_AT_S: [u64; 9] = [3_600, 1_800, 600, 300, 60, 30, 10, 5, 1];

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// In so many seconds.
    pub in_s: u64,
    /// Why, in words for players; may be empty.
    pub reason: String,
}

/// A shutdown under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countdown {
    due_ns: u64,
    reason: String,
    /// Seconds before the end at which players were told last.
    told_s: u64,
}

/// What the time has come for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Players are to be told this.
    Say(String),
    /// It is time to go.
    Now,
}

impl Countdown {
    /// It begins; players are to be told this at once.
    pub fn begin(announced: Announced, now_ns: u64) -> (Self, String) {
        let Announced { in_s, reason } = announced;
        let countdown = Self { due_ns: now_ns + in_s * 1_000_000_000, reason, told_s: in_s };
        let text = countdown.text(in_s);
        (countdown, text)
    }

    /// When the server goes down, on the monotonic clock.
    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// When there is something to do next.
    pub fn next_ns(&self) -> u64 {
        self.next_s().map_or(self.due_ns, |s| self.due_ns - s * 1_000_000_000)
    }

    /// What the time has come for.
    pub fn poll(&mut self, now_ns: u64) -> Option<Due> {
        if now_ns >= self.due_ns {
            return Some(Due::Now);
        }
        let s = self.next_s()?;
        if now_ns < self.next_ns() {
            return None;
        }
        self.told_s = s;
        Some(Due::Say(self.text(s)))
    }

    fn next_s(&self) -> Option<u64> {
        TOLD_AT_S.into_iter().find(|&s| s < self.told_s)
    }

    fn text(&self, s: u64) -> String {
        let span = match s {
            0 => "now".to_owned(),
            1 => "in 1 second".to_owned(),
            60 => "in 1 minute".to_owned(),
            s if s >= 120 && s.is_multiple_of(60) => format!("in {} minutes", s / 60),
            s => format!("in {s} seconds"),
        };
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", self.reason) };
        format!("The server goes down {span}{why}")
    }
}

/// What players are told when it is called off.
pub const CALLED_OFF: &str = "The server stays up after all";

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn players_are_told_at_once_and_at_round_times_until_the_end() {
        let (mut countdown, first) = Countdown::begin(Announced { in_s: 90, reason: "an update".to_owned() }, 5 * S);
        assert_eq!(first, "The server goes down in 90 seconds: an update");
        assert_eq!(countdown.due_ns(), 95 * S);
        let mut said = Vec::new();
        let mut now_ns = 5 * S;
        loop {
            assert_eq!(countdown.poll(now_ns), None, "nothing is due before its time");
            now_ns = countdown.next_ns();
            match countdown.poll(now_ns) {
                Some(Due::Say(text)) => said.push(text),
                due => break assert_eq!(due, Some(Due::Now)),
            }
        }
        assert_eq!(said.len(), 5);
        assert_eq!(said[0], "The server goes down in 1 minute: an update");
        assert_eq!(said[4], "The server goes down in 1 second: an update");
        assert_eq!(now_ns, 95 * S);
    }

    #[test]
    fn a_server_that_is_to_go_at_once_goes() {
        let (mut countdown, first) = Countdown::begin(Announced { in_s: 0, reason: String::new() }, S);
        assert_eq!(first, "The server goes down now");
        assert_eq!(countdown.poll(S), Some(Due::Now));
    }

    #[test]
    fn a_clock_that_leaps_skips_what_is_past() {
        let (mut countdown, _) = Countdown::begin(Announced { in_s: 3_600, reason: String::new() }, 0);
        assert_eq!(countdown.poll(1_800 * S), Some(Due::Say("The server goes down in 30 minutes".to_owned())));
        assert_eq!(countdown.next_ns(), 3_000 * S);
    }
}
