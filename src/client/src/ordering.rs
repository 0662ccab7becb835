//! Events beside snapshots: each is told when its tick is shown, once, in order.
//!
//! spec: MSG-4. Events and snapshots travel on different channels and overtake each other: a lost event comes after the
//! states of its tick, one of a lost snapshot before any. The first may be told at once, the second must wait.
//!
//! The same queue serves twice. [`crate::Client`] holds an event until its tick was stored; whoever draws the past puts
//! what the client tells into one of his own, and takes out what is [`EventOrder::due`] at the tick he draws.

use crate::ClientEvent;
use protocol::{GameEvent, Tick};
use std::collections::VecDeque;

/// Events that may wait: as many as the window of a reliable channel, so as can arrive at once. 48 bytes each.
const HELD_MAX: usize = 1_024;

/// What went through a queue, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCounters {
    /// Events told.
    pub told: u64,
    /// Of those, events whose tick was still to be shown: patience or room ran out.
    pub early: u64,
    /// Events that wait, at most.
    pub held_most: usize,
}

/// Events that wait for their tick, in the order in which they came.
#[derive(Debug)]
pub struct EventOrder {
    held: VecDeque<Held>,
    patience_ns: u64,
    /// Figures.
    pub counters: OrderCounters,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    tick: Tick,
    event: GameEvent,
    /// When it waits no longer.
    until_ns: u64,
}

impl EventOrder {
    /// A queue in which no event waits longer than `patience_ns`.
    #[must_use]
    pub fn new(patience_ns: u64) -> Self {
        Self { held: VecDeque::new(), patience_ns, counters: OrderCounters::default() }
    }

    /// Takes in an event that came at `now_ns`. If there is no room for another, the oldest comes out, which is to be told
    /// at once: it is not lost, only early.
    #[must_use = "an event that comes out is in no queue any more"]
    pub fn push(&mut self, now_ns: u64, tick: Tick, event: GameEvent) -> Option<(Tick, GameEvent)> {
        let oldest = if self.held.len() < HELD_MAX { None } else { self.held.pop_front() };
        self.held.push_back(Held { tick, event, until_ns: now_ns.saturating_add(self.patience_ns) });
        self.counters.held_most = self.counters.held_most.max(self.held.len());
        self.counters.told += u64::from(oldest.is_some());
        self.counters.early += u64::from(oldest.is_some());
        oldest.map(|held| (held.tick, held.event))
    }

    /// The next event to tell when tick `shown` is shown at `now_ns`; call until there is none.
    ///
    /// An event never overtakes another, so one whose tick has come waits behind an older one that still waits.
    pub fn due(&mut self, shown: Tick, now_ns: u64) -> Option<(Tick, GameEvent)> {
        let is_due = |held: &mut Held| held.tick <= shown || held.until_ns <= now_ns;
        let held = self.held.pop_front_if(is_due)?;
        self.counters.told += 1;
        self.counters.early += u64::from(held.tick > shown);
        Some((held.tick, held.event))
    }

    /// When the first event waits no longer, on the clock of `now_ns`.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.held.front().map(|held| held.until_ns)
    }

    /// Events that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Tells all that is due behind what was told before.
    pub(crate) fn release(&mut self, shown: Tick, now_ns: u64, events: &mut VecDeque<ClientEvent>) {
        while let Some((tick, event)) = self.due(shown, now_ns) {
            events.push_back(ClientEvent::Event { tick, event });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::event::ShotRefusal;

    const PATIENCE_NS: u64 = 100;

    /// The n-th event.
    fn event(n: u16) -> GameEvent {
        GameEvent::ShotRefused { number: n, reason: ShotRefusal::Stale }
    }

    fn order(ticks: &[u32]) -> EventOrder {
        let mut order = EventOrder::new(PATIENCE_NS);
        for (n, &tick) in (0..).zip(ticks) {
            assert_eq!(order.push(u64::from(n), Tick(tick), event(n)), None);
        }
        order
    }

    fn numbers(order: &mut EventOrder, shown: u32, now_ns: u64) -> Vec<u16> {
        let due = std::iter::from_fn(|| order.due(Tick(shown), now_ns));
        due.map(|(_, event)| if let GameEvent::ShotRefused { number, .. } = event { number } else { u16::MAX })
            .collect()
    }

    /// proves: MSG-4
    #[test]
    fn an_event_waits_for_its_tick_and_is_told_once() {
        let mut order = order(&[5, 5, 7]);
        assert_eq!(numbers(&mut order, 4, 10), []);
        assert_eq!(numbers(&mut order, 5, 10), [0, 1]);
        assert_eq!(numbers(&mut order, 6, 10), []);
        assert_eq!(numbers(&mut order, 9, 10), [2], "a newer tick was shown, its own was lost");
        assert_eq!(order.counters, OrderCounters { told: 3, early: 0, held_most: 3 });
        assert!(order.is_empty() && order.deadline_ns().is_none());
    }

    /// proves: MSG-4
    #[test]
    fn an_event_whose_tick_never_comes_waits_no_longer_than_patience() {
        let mut order = order(&[5, 6]);
        assert_eq!(order.deadline_ns(), Some(PATIENCE_NS));
        assert_eq!(numbers(&mut order, 4, PATIENCE_NS - 1), []);
        assert_eq!(numbers(&mut order, 4, PATIENCE_NS), [0]);
        assert_eq!(order.deadline_ns(), Some(PATIENCE_NS + 1));
        assert_eq!(numbers(&mut order, 4, PATIENCE_NS + 1), [1]);
        assert_eq!(order.counters.early, 2);
    }

    #[test]
    fn no_event_overtakes_another_whatever_its_tick() {
        let mut order = order(&[9, 3]);
        assert_eq!(numbers(&mut order, 5, 10), []);
        assert_eq!(numbers(&mut order, 9, 10), [0, 1]);
    }

    #[test]
    fn without_room_the_oldest_is_told_early_and_none_is_lost() {
        let mut order = EventOrder::new(PATIENCE_NS);
        let early: Vec<_> = (0..=HELD_MAX as u16).filter_map(|n| order.push(0, Tick(9), event(n))).collect();
        assert_eq!(early, [(Tick(9), event(0))]);
        assert_eq!(order.len(), HELD_MAX);
        let rest = numbers(&mut order, 9, 1);
        assert_eq!(rest, (1..=HELD_MAX as u16).collect::<Vec<_>>());
        assert_eq!(order.counters, OrderCounters { told: HELD_MAX as u64 + 1, early: 1, held_most: HELD_MAX });
    }

    proptest! {
        /// Whatever comes when, in two stages: all events come out, in order, none before its tick or its patience.
        #[test]
        fn every_event_comes_out_once_and_in_order(
            steps in prop::collection::vec((0..3_u32, any::<bool>(), 0..40_u64), 1..200),
        ) {
            let (mut stored, mut drawn) = (EventOrder::new(PATIENCE_NS), EventOrder::new(2 * PATIENCE_NS));
            let (mut tick, mut now_ns, mut pushed, mut told) = (10, 0, 0, Vec::new());
            for (ticks, happens, pause_ns) in steps {
                now_ns += pause_ns;
                tick += ticks;
                if happens {
                    // It happened in the newest tick, of which the client has not been shown anything yet.
                    prop_assert_eq!(stored.push(now_ns, Tick(tick), event(pushed)), None);
                    pushed += 1;
                }
                while let Some((of, event)) = stored.due(Tick(tick - 2), now_ns) {
                    prop_assert_eq!(drawn.push(now_ns, of, event), None);
                }
                let early = drawn.counters.early;
                while let Some((of, event)) = drawn.due(Tick(tick - 8), now_ns) {
                    prop_assert!(of <= Tick(tick - 8) || drawn.counters.early > early);
                    told.push(event);
                }
            }
            now_ns += 3 * PATIENCE_NS;
            while let Some((of, event)) = stored.due(Tick(0), now_ns) {
                prop_assert_eq!(drawn.push(now_ns, of, event), None);
            }
            told.extend(std::iter::from_fn(|| drawn.due(Tick(u32::MAX), now_ns)).map(|(_, event)| event));
            prop_assert_eq!(told, (0..pushed).map(event).collect::<Vec<_>>());
        }
    }
}
