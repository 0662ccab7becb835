//! What became of each message of one direction.

/// Delays, and everything that a reliable channel must not do.
#[derive(Debug)]
pub struct Heard {
    sent_ns: Vec<u64>,
    /// By number, ns; `None`: not here yet.
    delays_ns: Vec<Option<u64>>,
    delivered: u32,
    newest: Option<u32>,
    /// Messages that came again.
    pub duplicates: u64,
    /// Messages that came after a later one.
    pub reordered: u64,
    /// Messages that nobody sent.
    pub strange: u64,
    /// Bytes on the wire from the first message to the last.
    pub wire_bytes: u64,
    /// Frames sent again because a packet was lost.
    pub resent: u64,
    /// Frames sent again before that was known.
    pub redundant: u64,
}

impl Heard {
    pub fn new(messages: u32) -> Self {
        Self {
            sent_ns: Vec::with_capacity(messages as usize),
            delays_ns: vec![None; messages as usize],
            delivered: 0,
            newest: None,
            duplicates: 0,
            reordered: 0,
            strange: 0,
            wire_bytes: 0,
            resent: 0,
            redundant: 0,
        }
    }

    /// Messages that are sent in all.
    pub fn messages(&self) -> u32 {
        self.delays_ns.len() as u32
    }

    /// The next message could leave for the first time.
    pub fn on_sent(&mut self, now_ns: u64) {
        self.sent_ns.push(now_ns);
    }

    /// A message was handed on; it begins with its number.
    pub fn on_delivered(&mut self, now_ns: u64, message: &[u8]) {
        let number = message.first_chunk().map(|number| u32::from_le_bytes(*number));
        let Some((number, sent_ns)) = number.and_then(|number| Some((number, *self.sent_ns.get(number as usize)?)))
        else {
            self.strange += 1;
            return;
        };
        let delay_ns = &mut self.delays_ns[number as usize];
        if delay_ns.is_some() {
            self.duplicates += 1;
            return;
        }
        *delay_ns = Some(now_ns - sent_ns);
        self.delivered += 1;
        self.reordered += u64::from(self.newest > Some(number));
        self.newest = self.newest.max(Some(number));
    }

    /// Nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.delivered == self.messages()
    }

    /// Messages that did not come.
    pub fn lost(&self) -> u64 {
        u64::from(self.messages() - self.delivered)
    }

    /// What may not be: strange messages, and on an ordered channel messages out of order.
    pub fn disorder(&self, is_ordered: bool) -> u64 {
        self.strange + if is_ordered { self.reordered } else { 0 }
    }

    /// The delay that this share of the messages from number `first` on did not exceed, ns; what never came is later
    /// than everything.
    pub fn quantile_ns(&self, first: u32, share: f64) -> u64 {
        let mut delays: Vec<u64> =
            self.delays_ns.iter().skip(first as usize).map(|delay| delay.unwrap_or(u64::MAX)).collect();
        if delays.is_empty() {
            return 0;
        }
        let rank = ((delays.len() as f64 * share).ceil() as usize).clamp(1, delays.len()) - 1;
        *delays.select_nth_unstable(rank).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(deliveries: &[(u64, u32)], messages: u32) -> Heard {
        let mut heard = Heard::new(messages);
        (0..messages).for_each(|number| heard.on_sent(u64::from(number)));
        for (now_ns, number) in deliveries {
            heard.on_delivered(*now_ns, &number.to_le_bytes());
        }
        heard
    }

    #[test]
    fn each_fault_is_counted_as_what_it_is() {
        let faulty = heard(&[(5, 0), (6, 2), (7, 1), (8, 2), (9, 77)], 4);
        assert_eq!((faulty.reordered, faulty.duplicates, faulty.strange, faulty.lost()), (1, 1, 1, 1));
        assert_eq!((faulty.disorder(true), faulty.disorder(false)), (2, 1));
        assert!(!faulty.is_complete());
        assert!(heard(&[(5, 0), (6, 1)], 2).is_complete());
    }

    #[test]
    fn quantiles_leave_out_the_first_and_count_what_never_came() {
        let late = heard(&[(100, 0), (11, 1), (22, 2), (33, 3)], 5);
        assert_eq!([0.25, 0.5, 0.75].map(|share| late.quantile_ns(1, share)), [10, 20, 30]);
        assert_eq!(late.quantile_ns(1, 1.0), u64::MAX);
        assert_eq!(heard(&[], 0).quantile_ns(0, 0.99), 0);
    }
}
