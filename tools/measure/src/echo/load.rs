//! The load: N clients that each ask sixty times a second, spread evenly, from one thread.
//!
//! Client i of N acts at `start + (n + i/N) / 60 s`, an absolute deadline: a late tick never delays the ones after it.
//! The load looks at the clock and at its sockets 2,000 times a second rather than with every datagram, for every
//! contestant alike. A question begins with the time at which it was asked, so that its answer is known by itself.

use super::host::Host;
use super::process::ThreadClock;
use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use mio::{Events, Poll, Registry};
use rudp::Now;
use std::io::ErrorKind;
use std::time::Duration;
use throng::edge::clock;

/// Ticks of a client per second.
pub const TICK_RATE_HZ: u64 = 60;
/// A run whose ticks began later than this, 99 of 100 at their best, was no such load.
pub const LAG_MS_MAX: f64 = 5.0;

/// Unanswered questions make an answered one look dearer, or in the kernel's own row every ratio smaller: one in a hundred.
pub const LOSS_MAX: f64 = 0.01;

const NS_PER_S: u64 = 1_000_000_000;
/// Readiness events taken per turn.
const EVENTS_MAX: usize = 1_024;
/// Nanoseconds between two turns of the load: at 2,000 clients 60 act in one, which fills a system call. Every answer
/// waits half of it on average, which the round trips show.
const TURN_NS: u64 = 500_000;
/// New clients per second: handshakes are not what is measured.
const JOINS_PER_S: u64 = 1_500;
/// Beyond the ramp, until all must be in.
const JOIN_GRACE_NS: u64 = 10 * NS_PER_S;
/// Between the last join and the measured window.
const SETTLE_NS: u64 = NS_PER_S;
/// An answer that is not back this long after the window is lost.
const LATE_NS: u64 = NS_PER_S / 2;
/// A schedule that fell behind by more than this begins anew; the lag stays on record.
const BEHIND_NS_MAX: u64 = NS_PER_S / 4;

/// N clients of some protocol, driven from outside.
pub trait Players {
    /// Client `index` begins to join. If it has a socket of its own, that is registered under its index.
    ///
    /// # Errors
    /// The system gives no socket.
    fn join(&mut self, index: usize, now: Now, registry: &Registry) -> Result<()>;

    /// Whether the client may ask.
    fn is_in(&self, index: usize) -> bool;

    /// The client's own socket can be read: takes in all there is, and tells of each answer.
    fn handle_readable(&mut self, _index: usize, _now: Now, _answers: &mut Answers) {}

    /// A turn begins: takes in what came through a socket that clients share.
    fn receive(&mut self, _now: Now, _answers: &mut Answers) {}

    /// The client's tick: asks, if there is a question, and sends what the protocol has to send.
    fn tick(&mut self, index: usize, now: Now, question: Option<&[u8]>, answers: &mut Answers);

    /// A turn ends: what was gathered leaves.
    fn flush(&mut self) {}

    /// Takes its leave.
    fn leave(&mut self, index: usize, now: Now);
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Clients.
    pub clients: usize,
    /// Measured seconds.
    pub seconds: u64,
    /// Bytes of a question and of its answer, at least 8.
    pub payload_bytes: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Processor time of the server per question answered, microseconds.
    pub us_per_tick: f64,
    /// Of one core, 0 to 1.
    pub core: f64,
    /// Answers per client and second.
    pub rate_hz: f64,
    /// Share of the questions that were not answered.
    pub loss: f64,
    /// Processor time of the load's own thread, of one core, 0 to 1.
    pub load_core: f64,
    /// Lag of the load itself, 99th percentile, ms.
    pub lag_p99_ms: f64,
    /// Question to answer, median, ms.
    pub rtt_p50_ms: f64,
    /// The same, 99th percentile.
    pub rtt_p99_ms: f64,
}

impl Figures {
    /// Whether the load was what it should be.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.lag_p99_ms <= LAG_MS_MAX && self.loss <= LOSS_MAX
    }
}

/// Answers counted.
#[derive(Debug)]
pub struct Answers {
    payload_bytes: usize,
    window: std::ops::Range<u64>,
    count: u64,
    rtt_us: Histogram<u32>,
}

impl Answers {
    fn new(payload_bytes: usize) -> Self {
        let rtt_us = Histogram::new_with_bounds(1, 60_000_000, 2).expect("sound bounds");
        Self { payload_bytes, window: 0..0, count: 0, rtt_us }
    }

    /// One came back. What is no answer of ours, by its length, is not counted.
    pub fn on_answer(&mut self, now: Now, answer: &[u8]) {
        let Some(asked) = answer.first_chunk().filter(|_| answer.len() == self.payload_bytes) else { return };
        let asked_ns = u64::from_le_bytes(*asked);
        if self.window.contains(&asked_ns) {
            self.count += 1;
            self.rtt_us.saturating_record((now.mono_ns.saturating_sub(asked_ns) / 1_000).max(1));
        }
    }
}

enum Stage {
    Joining { until_ns: u64 },
    Settling { until_ns: u64 },
    Measuring { until_ns: u64, cpu_ns: u64, own_cpu_ns: u64 },
    Closing { until_ns: u64 },
}

/// Joins all players to `host`, measures it, and lets them leave.
///
/// # Errors
/// Not all could join; the host ended; the system gives no sockets.
pub fn run(players: &mut dyn Players, plan: Plan, host: &Host) -> Result<Figures> {
    Load::new(players, plan)?.run(host)
}

struct Load<'a> {
    players: &'a mut dyn Players,
    plan: Plan,
    poll: Poll,
    answers: Answers,
    question: Vec<u8>,
    begun_ns: u64,
    joined: usize,
    /// Ticks of all clients since `schedule_ns`.
    tick: u64,
    schedule_ns: u64,
    is_measuring: bool,
    is_asking: bool,
    asked: u64,
    lag_us: Histogram<u32>,
    cpu_ns: u64,
    own_cpu_ns: u64,
}

impl<'a> Load<'a> {
    fn new(players: &'a mut dyn Players, plan: Plan) -> Result<Self> {
        let begun_ns = clock::mono_ns();
        Ok(Self {
            players,
            plan,
            poll: Poll::new().context("the system gives no poll")?,
            answers: Answers::new(plan.payload_bytes),
            question: vec![0x5A; plan.payload_bytes],
            begun_ns,
            joined: 0,
            tick: 0,
            schedule_ns: begun_ns,
            is_measuring: false,
            is_asking: true,
            asked: 0,
            lag_us: Histogram::new_with_bounds(1, 60_000_000, 2).expect("sound bounds"),
            cpu_ns: 0,
            own_cpu_ns: 0,
        })
    }

    fn run(mut self, host: &Host) -> Result<Figures> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let ramp_ns = self.plan.clients as u64 * NS_PER_S / JOINS_PER_S;
        let mut stage = Stage::Joining { until_ns: self.begun_ns + ramp_ns + JOIN_GRACE_NS };
        let own = ThreadClock::of_this_thread()?;
        let mut turn_ns = self.begun_ns;
        loop {
            clock::sleep_until(turn_ns);
            turn_ns = clock::mono_ns().max(turn_ns + TURN_NS);
            match self.poll.poll(&mut events, Some(Duration::ZERO)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error).context("the poll failed"),
                _ => {}
            }
            let now = clock::now();
            for event in &events {
                self.players.handle_readable(event.token().0, now, &mut self.answers);
            }
            self.players.receive(now, &mut self.answers);
            self.join_some(now)?;
            self.let_players_act(now);
            self.players.flush();
            stage = match stage {
                Stage::Joining { until_ns } => self.join_on(now, until_ns)?,
                Stage::Settling { until_ns } if now.mono_ns >= until_ns => {
                    let until_ns = now.mono_ns + self.plan.seconds * NS_PER_S;
                    self.answers.window = now.mono_ns..until_ns;
                    self.is_measuring = true;
                    Stage::Measuring { until_ns, cpu_ns: host.cpu_ns()?, own_cpu_ns: own.ns()? }
                }
                Stage::Measuring { until_ns, cpu_ns, own_cpu_ns } if now.mono_ns >= until_ns => {
                    self.cpu_ns = host.cpu_ns()? - cpu_ns;
                    self.own_cpu_ns = own.ns()? - own_cpu_ns;
                    self.answers.window.end = now.mono_ns;
                    (self.is_measuring, self.is_asking) = (false, false);
                    Stage::Closing { until_ns: now.mono_ns + LATE_NS }
                }
                Stage::Closing { until_ns } if now.mono_ns >= until_ns => return Ok(self.close(now)),
                stage => stage,
            };
        }
    }

    /// When the next client acts.
    fn due_ns(&self) -> u64 {
        let per_s = u128::from(TICK_RATE_HZ) * self.plan.clients as u128;
        self.schedule_ns + (u128::from(self.tick) * u128::from(NS_PER_S) / per_s) as u64
    }

    fn join_some(&mut self, now: Now) -> Result<()> {
        let wanted = (now.mono_ns - self.begun_ns) * JOINS_PER_S / NS_PER_S;
        while self.joined < self.plan.clients && self.joined as u64 <= wanted {
            self.players.join(self.joined, now, self.poll.registry())?;
            self.joined += 1;
        }
        Ok(())
    }

    fn join_on(&self, now: Now, until_ns: u64) -> Result<Stage> {
        let count_in = || (0..self.plan.clients).filter(|index| self.players.is_in(*index)).count();
        if self.joined == self.plan.clients && count_in() == self.plan.clients {
            return Ok(Stage::Settling { until_ns: now.mono_ns + SETTLE_NS });
        }
        if now.mono_ns >= until_ns {
            bail!("only {} of {} clients got in", count_in(), self.plan.clients);
        }
        Ok(Stage::Joining { until_ns })
    }

    fn let_players_act(&mut self, now: Now) {
        // At most one tick of every client per turn: sockets must be drained in between however late we are.
        for _ in 0..self.plan.clients {
            let due_ns = self.due_ns();
            if due_ns > now.mono_ns {
                return;
            }
            let index = (self.tick % self.plan.clients as u64) as usize;
            self.tick += 1;
            if index >= self.joined {
                continue;
            }
            let asks = self.is_asking && self.players.is_in(index);
            if self.is_measuring {
                self.lag_us.saturating_record(((now.mono_ns - due_ns) / 1_000).max(1));
                self.asked += u64::from(asks);
            }
            self.question[..8].copy_from_slice(&now.mono_ns.to_le_bytes());
            self.players.tick(index, now, asks.then_some(&self.question), &mut self.answers);
        }
        let behind_ns = now.mono_ns.saturating_sub(self.due_ns());
        if behind_ns > BEHIND_NS_MAX {
            self.schedule_ns += behind_ns;
        }
    }

    fn close(self, now: Now) -> Figures {
        for index in 0..self.joined {
            self.players.leave(index, now);
        }
        self.players.flush();
        let window_s = (self.answers.window.end - self.answers.window.start) as f64 / 1e9;
        let answers = self.answers.count as f64;
        let ms = |histogram: &Histogram<u32>, quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Figures {
            us_per_tick: self.cpu_ns as f64 / 1_000.0 / answers.max(1.0),
            core: self.cpu_ns as f64 / 1e9 / window_s,
            load_core: self.own_cpu_ns as f64 / 1e9 / window_s,
            rate_hz: answers / window_s / self.plan.clients as f64,
            loss: (1.0 - answers / self.asked.max(1) as f64).max(0.0),
            lag_p99_ms: ms(&self.lag_us, 0.99),
            rtt_p50_ms: ms(&self.answers.rtt_us, 0.5),
            rtt_p99_ms: ms(&self.answers.rtt_us, 0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_to_questions_of_the_window_count() {
        let mut answers = Answers::new(16);
        answers.window = 1_000..2_000;
        let mut answer = [0; 16];
        let now = Now { mono_ns: 5_000_000, unix_s: 0 };
        for (asked_ns, count) in [(999_u64, 0), (1_000, 1), (1_999, 2), (2_000, 2)] {
            answer[..8].copy_from_slice(&asked_ns.to_le_bytes());
            answers.on_answer(now, &answer);
            assert_eq!(answers.count, count, "{asked_ns}");
        }
        answer[..8].copy_from_slice(&1_500_u64.to_le_bytes());
        answers.on_answer(now, &answer[..15]);
        assert_eq!(answers.count, 2, "an answer cut short is none");
    }

    #[test]
    fn a_run_that_came_late_itself_is_invalid() {
        let figures = |lag_p99_ms| Figures { lag_p99_ms, ..Figures::default() };
        assert!(figures(5.0).is_valid() && !figures(5.1).is_valid());
    }
}
