//! The own body ahead of the server: every input is carried out at once, and again if the server says otherwise.

use protocol::motion::{self, Body, Gait, StaticMap};
use protocol::{Input, OwnState};
use std::collections::VecDeque;
use std::sync::Arc;

/// Inputs that may wait for the server's word: 2.1 s at 60 a second. With more the link is as good as dead.
const AHEAD_MAX: usize = 128;

/// What became of an own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As predicted.
    Right,
    /// Otherwise: everything after it was done again.
    Wrong,
    /// There was nothing to compare it with: the first, or after a gap.
    Unknown,
}

/// Runs ahead of the server by the inputs that it has not answered yet.
#[derive(Debug)]
pub struct Prediction {
    map: Arc<StaticMap>,
    /// Inputs not yet answered, oldest first, each with the body after it.
    ahead: VecDeque<Ahead>,
    /// The body before the oldest of them: the server's word.
    base: Option<Body>,
    /// The body before the newest input.
    before_newest: Option<Body>,
    /// As it was told last: what the inputs ahead will be carried out with, as far as one knows.
    gait: Gait,
}

#[derive(Clone, Copy, Debug)]
struct Ahead {
    number: u16,
    input: Input,
    after: Body,
}

impl Prediction {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(map: Arc<StaticMap>) -> Self {
        Self { map, ahead: VecDeque::with_capacity(AHEAD_MAX), base: None, before_newest: None, gait: Gait::default() }
    }

    /// Carries out an input; numbers count up by one and wrap.
    pub fn push(&mut self, number: u16, input: Input) {
        if self.ahead.len() == AHEAD_MAX {
            self.base = self.ahead.pop_front().map(|oldest| oldest.after);
        }
        self.before_newest = self.newest();
        let mut after = self.before_newest.unwrap_or_default();
        if self.base.is_some() {
            motion::step(&self.map, &mut after, &input, self.gait);
        }
        self.ahead.push_back(Ahead { number, input, after });
    }

    /// Takes the server's word of the body after input `input_applied`, and carries out anew what came after it if that is
    /// not what was predicted, or the gait has become another.
    pub fn reconcile(&mut self, own: &OwnState) -> Verdict {
        let mut predicted = None;
        while let Some(oldest) = self.ahead.front()
            && own.input_applied.wrapping_sub(oldest.number) as i16 >= 0
        {
            predicted = Some(oldest.after).filter(|_| oldest.number == own.input_applied);
            self.ahead.pop_front();
        }
        // The same input once more: the server had none for a tick, or skipped one.
        let predicted = predicted.or(self.base);
        self.base = Some(own.body);
        let gait = std::mem::replace(&mut self.gait, own.gait);
        match predicted {
            Some(predicted) if (predicted, gait) == (own.body, own.gait) => return Verdict::Right,
            _ => self.replay(),
        }
        if predicted.is_some() { Verdict::Wrong } else { Verdict::Unknown }
    }

    /// Forgets the inputs under way: the server will not use them any more.
    pub fn interrupt(&mut self) {
        self.ahead.clear();
    }

    /// The body after the newest input.
    #[must_use]
    pub fn newest(&self) -> Option<Body> {
        self.base?;
        self.ahead.back().map(|newest| newest.after).or(self.base)
    }

    /// The body before the newest input.
    #[must_use]
    pub fn before_newest(&self) -> Option<Body> {
        self.before_newest.or(self.base)
    }

    fn replay(&mut self) {
        let Some(mut body) = self.base else { return };
        self.before_newest = self.base;
        for ahead in &mut self.ahead {
            self.before_newest = Some(body);
            motion::step(&self.map, &mut body, &ahead.input, self.gait);
            ahead.after = body;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::motion::Block;
    use protocol::unit::SUBUNITS_PER_M;

    const START: Body = Body { x: 50 * SUBUNITS_PER_M, y: 50 * SUBUNITS_PER_M, z: 0, vx: 0, vy: 0, vz: 0 };
    const EAST: Input = Input { move_x: 127, move_y: 0, yaw: 0, pitch: 0, buttons: 0 };

    fn open() -> Arc<StaticMap> {
        Arc::new(StaticMap::new(100, 100, &[]).unwrap())
    }

    fn told(body: Body, input_applied: u16) -> OwnState {
        OwnState { body, input_applied, ..OwnState::default() }
    }

    /// A prediction from [`START`] and the bodies after inputs 1 and up.
    fn running(inputs: u16) -> (Prediction, Vec<Body>) {
        let (map, mut body) = (open(), START);
        let mut prediction = Prediction::new(Arc::clone(&map));
        assert_eq!(prediction.reconcile(&told(START, 0)), Verdict::Unknown);
        let bodies = (1..=inputs).map(|number| {
            prediction.push(number, EAST);
            motion::step(&map, &mut body, &EAST, Gait::default());
            body
        });
        let bodies = bodies.collect();
        (prediction, bodies)
    }

    #[test]
    fn a_server_that_agrees_changes_nothing() {
        let (mut prediction, bodies) = running(20);
        for number in 1..=20 {
            assert_eq!(prediction.reconcile(&told(bodies[usize::from(number) - 1], number)), Verdict::Right);
            assert_eq!(prediction.newest(), Some(bodies[19]));
        }
        assert_eq!(prediction.ahead.len(), 0);
    }

    #[test]
    fn a_server_that_met_a_wall_is_followed_and_the_inputs_since_are_done_again() {
        let wall = Block { x: 50.9, y: 0.0, width: 1.0, depth: 100.0, height: None };
        let walled = StaticMap::new(100, 100, &[wall]).unwrap();
        let (mut prediction, bodies) = running(20);
        let mut server = START;
        for _ in 0..12 {
            motion::step(&walled, &mut server, &EAST, Gait::default());
        }
        assert_ne!(server, bodies[11]);
        assert_eq!(prediction.reconcile(&told(server, 12)), Verdict::Wrong);
        let mut expected = server;
        for _ in 12..20 {
            motion::step(&open(), &mut expected, &EAST, Gait::default());
        }
        assert_eq!(prediction.newest(), Some(expected));
    }

    #[test]
    fn a_tick_in_which_the_server_had_no_input_is_a_step_more_of_the_last() {
        let (mut prediction, bodies) = running(10);
        assert_eq!(prediction.reconcile(&told(bodies[4], 5)), Verdict::Right);
        let mut server = bodies[4];
        motion::step(&open(), &mut server, &EAST, Gait::default());
        assert_eq!(prediction.reconcile(&told(server, 5)), Verdict::Wrong);
        let mut expected = server;
        (5..10).for_each(|_| motion::step(&open(), &mut expected, &EAST, Gait::default()));
        assert_eq!(prediction.newest(), Some(expected));
    }

    #[test]
    fn numbers_wrap_and_a_skipped_input_is_passed_over() {
        let mut prediction = Prediction::new(open());
        prediction.reconcile(&told(START, u16::MAX - 2));
        [u16::MAX - 1, u16::MAX, 0, 1].into_iter().for_each(|number| prediction.push(number, EAST));
        let mut server = START;
        (0..2).for_each(|_| motion::step(&open(), &mut server, &EAST, Gait::default()));
        assert_eq!(prediction.reconcile(&told(server, 0)), Verdict::Wrong, "one of the three was skipped");
        assert_eq!((prediction.ahead.len(), prediction.ahead[0].number), (1, 1));
        assert_eq!(prediction.before_newest(), Some(server));
    }

    #[test]
    fn inputs_before_the_first_word_are_done_when_it_comes() {
        let mut prediction = Prediction::new(open());
        prediction.push(1, EAST);
        prediction.push(2, EAST);
        assert_eq!(prediction.newest(), None);
        prediction.reconcile(&told(START, 0));
        let mut expected = START;
        (0..2).for_each(|_| motion::step(&open(), &mut expected, &EAST, Gait::default()));
        assert_eq!(prediction.newest(), Some(expected));
    }

    #[test]
    fn without_an_answer_the_oldest_inputs_are_forgotten() {
        let (mut prediction, bodies) = running(200);
        assert_eq!((prediction.ahead.len(), prediction.newest()), (AHEAD_MAX, bodies.last().copied()));
        prediction.interrupt();
        assert_eq!(prediction.ahead.len(), 0);
    }

    #[test]
    fn a_new_gait_is_carried_out_from_where_it_was_told() {
        let (mut prediction, bodies) = running(20);
        let slow = Gait { speed: 50, can_jump: false };
        assert_eq!(prediction.reconcile(&OwnState { gait: slow, ..told(bodies[9], 10) }), Verdict::Wrong);
        let mut expected = bodies[9];
        (10..20).for_each(|_| motion::step(&open(), &mut expected, &EAST, slow));
        assert_eq!(prediction.newest(), Some(expected));
        motion::step(&open(), &mut expected, &EAST, slow);
        prediction.push(21, EAST);
        assert_eq!(prediction.newest(), Some(expected));
    }

    proptest! {
        /// A server that tells each gait before it uses it is foreseen to the subunit, up and down a stair.
        #[test]
        fn what_is_told_in_time_is_predicted_exactly(
            steps in prop::collection::vec((any::<(i8, i8)>(), 0..4_u8, 0..8_u8, 0..=200_u8), 1..200),
        ) {
            let block = |x, height| Block { x, y: 40.0, width: 2.0, depth: 20.0, height };
            let blocks = [block(52.0, Some(0.25)), block(54.0, Some(0.5)), block(57.0, Some(0.9)), block(46.0, None)];
            let map = Arc::new(StaticMap::new(100, 100, &blocks).unwrap());
            let mut prediction = Prediction::new(Arc::clone(&map));
            let (mut server, mut gait) = (START, Gait::default());
            prediction.reconcile(&told(server, 0));
            for (number, ((move_x, move_y), buttons, new, speed)) in (1..).zip(steps) {
                let input = Input { move_x, move_y, buttons, ..Input::default() };
                prediction.push(number, input);
                motion::step(&map, &mut server, &input, gait);
                prop_assert_eq!(prediction.newest(), Some(server));
                if new == 0 {
                    gait = Gait { speed, can_jump: speed > 50 };
                }
                prediction.reconcile(&OwnState { gait, ..told(server, number) });
                prop_assert_eq!(prediction.newest(), Some(server));
            }
        }
    }
}
