//! How often inputs leave: in every tick, or in every second or third one, as many at a time.
//!
//! To read a datagram costs a server as much for one input as for three. So a client that is told of the world less than thirty
//! times a second does not ask for more: four thousand who send twenty times a second are as dear as 1,300 who send sixty
//! times. What is lost is a tick or two in which the server knows what a player wants, and he bridges those by having as many
//! inputs more wait there ([`crate::lead`]).

/// Ticks from one snapshot to the next that are many: below thirty in a second, and inputs leave two by two; and below fifteen,
/// and they leave three by three. Four would leave none to spare for a datagram that is lost.
const SELDOM_TICKS: [u32; 2] = [3, 5];
/// So many snapshots in a row that far apart are no accident: with a fifth of all datagrams lost two in a row are in one of 25
/// cases, and eight times two in a row hardly ever.
const SELDOM_SNAPSHOTS: u8 = 8;

/// Counts how often the world is told of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Snapshots in a row that were so far from the ones before, up to [`SELDOM_SNAPSHOTS`], for each of [`SELDOM_TICKS`].
    seldom: [u8; 2],
}

impl Pace {
    /// The newest snapshot is so many ticks newer than the one before.
    pub fn on_snapshot(&mut self, ticks: u32) {
        for (count, many) in self.seldom.iter_mut().zip(SELDOM_TICKS) {
            *count = if ticks < many { 0 } else { (*count + 1).min(SELDOM_SNAPSHOTS) };
        }
    }

    /// spec: INP-1. Whether the input of this number leaves at once, or with a later one.
    #[must_use]
    pub fn sends(self, number: u16) -> bool {
        let together = 1 + self.seldom.iter().filter(|&&count| count == SELDOM_SNAPSHOTS).count();
        number.is_multiple_of(together as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_leave_two_by_two_while_the_world_is_told_of_less_than_thirty_times_a_second() {
        let mut pace = Pace::default();
        let sent = |pace: Pace| (0..12).filter(|&number| pace.sends(number)).count();
        (0..7).for_each(|_| pace.on_snapshot(4));
        assert_eq!(sent(pace), 12, "it may be chance");
        pace.on_snapshot(3);
        assert_eq!((sent(pace), pace.sends(7), pace.sends(8)), (6, false, true));
        (0..300).for_each(|_| pace.on_snapshot(3));
        assert_eq!(sent(pace), 6);
        pace.on_snapshot(2);
        assert_eq!(sent(pace), 12, "the server has time again");
    }

    #[test]
    fn and_three_by_three_below_fifteen_times_a_second() {
        let mut pace = Pace::default();
        let sent = |pace: Pace| (0..12).filter(|&number| pace.sends(number)).count();
        (0..8).for_each(|_| pace.on_snapshot(5));
        assert_eq!((sent(pace), pace.sends(8), pace.sends(9)), (4, false, true));
        pace.on_snapshot(3);
        assert_eq!(sent(pace), 6, "a step back");
    }
}
