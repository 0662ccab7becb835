//! The loop: one poll, one socket per bot, sixty ticks a second spread evenly over all bots.
//!
//! Bot i of N acts at `start + (n + i/N) / 60 s`, an absolute deadline, so a late tick never delays the ones after it.
//! Each turn: poll until the next deadline, read the clock once, drain what is readable, let those act whose time has
//! come, judge the ticks that have passed. Bots that are neither readable nor due cost nothing.

mod weather;

use crate::args::Plan;
use crate::bot::{Bot, DATAGRAM_BYTES_MAX, Phase};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::flock::{Flock, PREFETCH};
use crate::ops::{News, Ops};
use crate::pier::Pier;
use crate::play::{Board, Play};
use crate::process;
use crate::progress::Progress;
use crate::receipts::Receipts;
use crate::report::{
    Age, ChurnReport, Errors, LinksReport, Rate, Rejoin, Report, Spread, SwarmReport, Traffic, Visible,
};
use crate::server_watch::ServerWatch;
use crate::shooter::{Shooter, ShotCounts};
use crate::storm::{Storm, Weather};
use crate::token::Minter;
use crate::trouble::{Ordeal, Schedule, Troubles};
use crate::truth::{Findings, Sight, Views};
use crate::verdict;
use crate::view::View;
use anyhow::{Context, Result};
use mio::{Events, Poll};
use protocol::NetId;
use protocol::unit::TICK_RATE_HZ;
use rudp::time::{NS_PER_MS, NS_PER_S};
use std::cmp::Reverse;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weather::is_storms_turn;

/// Readiness events taken per turn.
const EVENTS_MAX: usize = 32;
/// Bots that have not joined this long after the ramp are not waited for any more.
const JOIN_GRACE_NS: u64 = 10 * NS_PER_S;
/// Pause between the last bot's welcome and the measured window: bots are judged from then on.
const SETTLE_NS: u64 = 2 * NS_PER_S;
/// The window stays open at most this long for the server's last sample.
const LAST_SAMPLE_NS_MAX: u64 = 2 * NS_PER_S;
/// Whoever reads so late what has come cannot tell how late it came: no bot is judged by what it shows meanwhile.
const LATE_NS: u64 = 100 * NS_PER_MS;
/// A schedule that fell behind by more than this starts anew; the lag stays on record.
const BEHIND_NS_MAX: u64 = NS_PER_S / 4;
/// A run that is told to end waits at most this long for all to be in.
const LAST_IN_NS_MAX: u64 = 60 * NS_PER_S;
/// Open files beside the sockets of the bots.
const FILES_SPARE: u64 = 64;

/// The map whose content bots play by: that of a server without configuration.
const PLAYED_MAP: &str = "meadow";
/// Nobody logs out on purpose so shortly before the end: all must be in again.
const LOG_OUT_BEFORE_END_NS: u64 = 8 * NS_PER_S;

/// What the run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Bots come in until this time.
    Joining { until_ns: u64 },
    /// Bots spread out until this time.
    Settling { until_ns: u64 },
    /// Figures count until this time.
    Measuring { from_ns: u64, until_ns: u64 },
    /// The last sample of the server is awaited until this time.
    Closing { from_ns: u64, until_ns: u64 },
}

/// Runs the plan and returns its figures and what was wrong.
///
/// # Errors
/// The system gives no sockets or no randomness.
pub fn run(plan: Plan) -> Result<(Report, Findings)> {
    Drive::new(plan)?.run()
}

struct Drive {
    clock: Clock,
    poll: Poll,
    bots: Vec<Bot>,
    /// Of those, the first ones, who stay while storms come and go.
    stayers: usize,
    /// How many act now.
    awake: usize,
    flock: Flock,
    ops: Ops,
    watch: ServerWatch,
    progress: Progress,
    stage: Stage,
    duration_ns: u64,
    /// Bot ticks since `schedule_ns`, over all bots.
    tick: u64,
    schedule_ns: u64,
    cpu_ns: u64,
    movement_name: String,
    seed: u64,
    truth_only: bool,
    link_name: Option<String>,
    shoots: bool,
    troubles: Troubles,
    schedule: Schedule,
    storms: Vec<Storm>,
    weather: Weather,
    /// Whether SIGTERM has come.
    is_told_to_end: Arc<AtomicBool>,
    /// When it was seen.
    told_to_end_ns: Option<u64>,
}

struct Eyes<'a>(&'a [Bot]);

impl Views for Eyes<'_> {
    fn sight(&self, viewer: usize, id: NetId) -> Option<Sight> {
        self.0[viewer].sight(id)
    }
}

impl Drive {
    fn new(plan: Plan) -> Result<Self> {
        let all = plan.bots_in_all();
        let files = all as u64 + FILES_SPARE;
        if let Err(left) = process::raise_file_limit(files) {
            anyhow::bail!(
                "{files} open files are needed and {left} allowed: raise the limit (ulimit -n) or take fewer bots"
            );
        }
        let clock = Clock::start();
        let poll = Poll::new().context("the system gives no poll")?;
        let begun_ns = clock.mono_ns();
        let ramp_ns = plan.ramp.as_nanos() as u64;
        let bots = (0..all)
            .map(|index| {
                let view = View::new(index, Dice::new(plan.seed ^ 0xe7e5, index as u64), plan.recorded.as_ref());
                let shooter =
                    Shooter::new(Dice::new(plan.seed ^ 0x5407, index as u64), plan.shots_per_s / TICK_RATE_HZ as f32);
                let play = plan.plays.then(|| Box::new(Play::new(index, plan.seed, plan.fidgets_per_s)));
                Bot::new(index, plan.seed, begun_ns + ramp_ns * index as u64 / plan.bots as u64, view, shooter, play)
            })
            .collect();
        let mut flock = Flock::new(
            all,
            plan.server,
            plan.seal,
            plan.rejoin,
            poll.registry().try_clone()?,
            Minter::new(plan.key, plan.server, plan.first)?,
            plan.movement,
            plan.recorded,
            begun_ns,
        );
        for bot in 0..plan.bots {
            let allowance = plan.links.draw(bot, plan.seed).map_or(0, |(link, _)| allowance_ticks(link));
            flock.checker.allow(bot, 0, allowance);
        }
        (flock.links, flock.link_seed, flock.spread) = (plan.links, plan.seed, plan.spread);
        (flock.linked, flock.expected, flock.has_churn) = (plan.bots, plan.bots, plan.troubles.churn.is_some());
        flock.pier = Pier::open(flock.server, all).context("the system gives no socket")?;
        flock.survives = plan.survives;
        flock.receipts = plan.receipts.as_deref().map(Receipts::open).transpose()?;
        let is_told_to_end = Arc::new(AtomicBool::new(false));
        if plan.survives {
            signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&is_told_to_end))
                .context("the system takes no handler for SIGTERM")?;
        }
        flock.board = plan.plays.then(|| Board::new(game::content::shipped(PLAYED_MAP), plan.bots, plan.seed));
        Ok(Self {
            clock,
            poll,
            bots,
            stayers: plan.bots,
            awake: plan.bots,
            flock,
            ops: Ops::start(plan.ops, plan.ops_token, plan.rejoin, clock),
            watch: ServerWatch::default(),
            progress: Progress::start(),
            stage: Stage::Joining { until_ns: begun_ns + ramp_ns + JOIN_GRACE_NS },
            duration_ns: plan.duration.as_nanos() as u64,
            tick: 0,
            schedule_ns: begun_ns,
            cpu_ns: 0,
            movement_name: plan.movement_name,
            seed: plan.seed,
            truth_only: plan.truth_only,
            link_name: plan.link_name,
            shoots: plan.shots_per_s > 0.0,
            troubles: plan.troubles,
            schedule: Schedule::default(),
            storms: plan.storms,
            weather: Weather::new(Vec::new(), 0),
            is_told_to_end,
            told_to_end_ns: None,
        })
    }

    fn run(mut self) -> Result<(Report, Findings)> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let mut spoken_ns = 0;
        loop {
            let wait_ns = self.wake_ns().saturating_sub(self.clock.mono_ns());
            match self.poll.poll(&mut events, Some(Duration::from_nanos(wait_ns))) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error).context("the poll failed"),
                _ => {}
            }
            let now = self.clock.now();
            for event in &events {
                self.bots[event.token().0].handle_readable(now, &mut self.flock, &mut buf);
            }
            self.flock.pier.iter_mut().for_each(Pier::gather);
            self.let_arrive(now, &mut buf);
            while let Some((bot, blow)) = self.schedule.poll(now.mono_ns) {
                self.bots[bot].suffer(now, blow, &mut self.flock)?;
            }
            self.brave_the_weather(now, &mut buf)?;
            self.let_bots_act(now, &mut buf)?;
            self.flock.let_leave();
            self.flock.note_tick(now);
            if let Some(receipts) = &mut self.flock.receipts {
                receipts.flush(now.mono_ns)?;
            }
            self.flock.checker.judge(&Eyes(&self.bots));
            if self.flock.connected >= self.stayers {
                self.flock.on_all_in(now);
            }
            if now.mono_ns >= spoken_ns + NS_PER_S {
                spoken_ns = now.mono_ns;
                self.progress.show(&mut self.flock, self.awake, now);
            }
            if let Some(from_ns) = self.advance(now.mono_ns)? {
                return self.close(now, from_ns, &mut buf);
            }
        }
    }

    /// When the next bot acts.
    fn due_ns(&self) -> u64 {
        let per_s = u128::from(TICK_RATE_HZ) * self.awake as u128;
        self.schedule_ns + (u128::from(self.tick) * u128::from(NS_PER_S) / per_s) as u64
    }

    /// When anything is to be done next.
    fn wake_ns(&self) -> u64 {
        let arrival_ns = self.flock.arrivals.peek().map(|Reverse((due_ns, _))| *due_ns);
        [arrival_ns, self.schedule.next_ns()].into_iter().flatten().fold(self.due_ns(), u64::min)
    }

    /// Hands on what has come to the end of its link.
    fn let_arrive(&mut self, now: rudp::Now, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        while let Some(&Reverse((due_ns, bot))) = self.flock.arrivals.peek().filter(|next| next.0.0 <= now.mono_ns) {
            self.flock.arrivals.pop();
            self.bots[bot].handle_arrival(now, due_ns, &mut self.flock, buf);
        }
    }

    fn let_bots_act(&mut self, now: rudp::Now, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> Result<()> {
        // At most one tick of every bot per turn: sockets must be drained in between however late we are.
        for _ in 0..self.awake {
            let due_ns = self.due_ns();
            if due_ns > now.mono_ns {
                return Ok(());
            }
            let (round, index) = (self.tick / self.awake as u64, (self.tick % self.awake as u64) as usize);
            if index >= self.stayers && !is_storms_turn(round, index) {
                self.tick += 1;
                continue;
            }
            // The memory of those whose turn is next is on its way while this one has its own: first where it is, then it.
            PREFETCH.value(&self.bots[(index + 4) % self.awake]);
            self.bots[(index + 2) % self.awake].expect(&self.flock, PREFETCH);
            let bot = &mut self.bots[index];
            let lag_ns = now.mono_ns - due_ns;
            if lag_ns > LATE_NS {
                self.flock.checker.excuse_all();
            }
            self.flock.tally.on_tick(lag_ns, bot.phase() == Phase::In, self.flock.checker.are_all_excused());
            bot.tick(now, &mut self.flock, buf)?;
            self.tick += 1;
        }
        let behind_ns = now.mono_ns.saturating_sub(self.due_ns());
        if behind_ns > BEHIND_NS_MAX {
            self.schedule_ns += behind_ns;
        }
        Ok(())
    }

    /// Takes news of the server and moves on to the next stage; gives the beginning of the window when the run is over.
    fn advance(&mut self, now_ns: u64) -> Result<Option<u64>> {
        let mut is_answered = false;
        while let Some(news) = self.ops.poll_news() {
            match news {
                News::Status { at_ns, asked, status } => {
                    is_answered |= asked;
                    self.weather.on_status(at_ns, &status, self.stayers as u64);
                    self.watch.on_status(at_ns, *status);
                }
                News::Silent { asked, why } => {
                    is_answered |= asked;
                    self.watch.on_silent(why);
                }
                News::Ready { at_ns } => self.flock.on_ready(at_ns),
            }
        }
        let is_to_end = self.is_to_end(now_ns);
        match self.stage {
            Stage::Joining { until_ns } if self.flock.is_complete() || now_ns >= until_ns => {
                self.stage = Stage::Settling { until_ns: now_ns + SETTLE_NS };
            }
            Stage::Settling { until_ns } if now_ns >= until_ns => {
                self.stage = Stage::Measuring { from_ns: now_ns, until_ns: now_ns + self.duration_ns };
                self.flock.start_measuring();
                if let Some(board) = self.flock.board.as_mut() {
                    board.counts.is_measuring = true;
                    let is_safe = self.flock.rejoin && self.duration_ns > 2 * LOG_OUT_BEFORE_END_NS;
                    let until_ns = now_ns + self.duration_ns.saturating_sub(LOG_OUT_BEFORE_END_NS);
                    board.log_out_until_ns = if is_safe { until_ns } else { 0 };
                }
                self.schedule = Schedule::new(self.troubles, self.stayers, self.seed, now_ns, self.duration_ns);
                self.weather = Weather::new(std::mem::take(&mut self.storms), now_ns);
                self.watch.start();
                self.ops.ask();
                self.cpu_ns = process::cpu_ns()?;
            }
            Stage::Measuring { from_ns, until_ns } if now_ns >= until_ns || is_to_end => {
                if let Some(board) = self.flock.board.as_mut() {
                    board.counts.is_measuring = false;
                }
                self.stage = Stage::Closing { from_ns, until_ns: now_ns + LAST_SAMPLE_NS_MAX };
                self.ops.ask();
            }
            Stage::Closing { from_ns, until_ns } if is_answered || now_ns >= until_ns => return Ok(Some(from_ns)),
            _ => {}
        }
        Ok(None)
    }

    /// Whether it was told to end, and all are in or have had their time.
    fn is_to_end(&mut self, now_ns: u64) -> bool {
        if !self.is_told_to_end.load(Ordering::Relaxed) {
            return false;
        }
        let since_ns = *self.told_to_end_ns.get_or_insert(now_ns);
        self.flock.is_complete() || now_ns >= since_ns + LAST_IN_NS_MAX
    }

    fn close(mut self, now: rudp::Now, from_ns: u64, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> Result<(Report, Findings)> {
        if let Some(receipts) = &mut self.flock.receipts {
            receipts.flush(u64::MAX)?;
        }
        let cpu_ns = process::cpu_ns()?.saturating_sub(self.cpu_ns);
        self.progress.finish();
        let (mut lost, mut sent) = (0, 0);
        for bot in &self.bots {
            let (bot_lost, bot_sent) = bot.lost_and_sent();
            (lost, sent) = (lost + bot_lost, sent + bot_sent);
        }
        for bot in &mut self.bots {
            bot.leave(now, &mut self.flock, buf);
        }
        self.flock.let_leave();
        let mut report = self.report(now.mono_ns - from_ns, cpu_ns);
        report.loss_ratio = if sent > 0 { lost as f64 / sent as f64 } else { 0.0 };
        report.comparisons_needed = verdict::comparisons_needed(&report);
        let findings = self.flock.checker.findings();
        let tick_rate_hz = self.flock.tick_rate_hz();
        report.reasons = verdict::reasons(&report, findings, &self.refusals(), tick_rate_hz, self.watch.failure());
        report.pass = report.reasons.is_empty();
        Ok((report, findings.clone()))
    }

    fn report(&self, window_ns: u64, cpu_ns: u64) -> Report {
        let (tally, checker) = (&self.flock.tally, &self.flock.checker);
        let tick_ms = 1_000.0 / f64::from(TICK_RATE_HZ);
        let spread_ms = |us: &hdrhistogram::Histogram<u64>| Spread {
            mean: us.mean() / 1_000.0,
            p50: us.value_at_quantile(0.5) as f64 / 1_000.0,
            p99: us.value_at_quantile(0.99) as f64 / 1_000.0,
        };
        // Per client and second that it was in.
        let kbit = |bytes: u64| bytes as f64 * 8.0 / 1_000.0 * f64::from(TICK_RATE_HZ) / tally.ticks_in.max(1) as f64;
        let disconnects = tally.disconnects.values().sum();
        let outages = self.flock.outages;
        let age_ms = |quantile| checker.ages().value_at_quantile(quantile) as f64 * tick_ms;
        let own_age_ms = |quantile| tally.own_age_us.value_at_quantile(quantile) as f64 / 1_000.0;
        Report {
            bots: self.stayers,
            connected: self.flock.connected,
            disconnects,
            disconnects_by: tally.disconnects.iter().map(|(reason, count)| (reason.label(), *count)).collect(),
            duration_s: window_ns as f64 / 1e9,
            rtt_ms: spread_ms(&tally.rtt_us),
            rtt_sample_ms: spread_ms(&tally.rtt_sample_us),
            snapshot_rate_hz: Rate { mean: tally.rate_mean_hz(), p1: tally.rate_p1_hz() },
            entity_age_ms: Age { p50: age_ms(0.5), p99: age_ms(0.99) },
            own_age_ms: Age { p50: own_age_ms(0.5), p99: own_age_ms(0.99) },
            visible: Visible { mean: checker.visible().mean(), p99: checker.visible().value_at_quantile(0.99) as f64 },
            kbit_per_s: Traffic { down: kbit(tally.down_bytes), up: kbit(tally.up_bytes) },
            errors: Errors::of(checker.findings()),
            game: self.flock.board.as_ref().map(|board| board.counts.clone()).unwrap_or_default(),
            comparisons: checker.comparisons(),
            swarm: SwarmReport {
                loop_lag_ms_p99: tally.lag_us.value_at_quantile(0.99) as f64 / 1_000.0,
                us_per_bot_tick: cpu_ns as f64 / 1_000.0 / tally.ticks.max(1) as f64,
                sends_blocked: tally.sends_blocked,
                late_percent: tally.ticks_late as f64 * 100.0 / tally.ticks.max(1) as f64,
                shared_percent: self.flock.among.memo.hits as f64 * 100.0 / self.flock.among.memo.reads().max(1) as f64,
            },
            server: self.watch.report(self.flock.tick_rate_hz().unwrap_or(0.0)),
            movement: self.movement_name.clone(),
            seed: self.seed,
            truth_only: self.truth_only,
            logins: tally.logins,
            receipts: tally.receipts,
            survives: self.flock.survives,
            silents: tally.silents,
            queued: tally.queued_max,
            waiting: self.flock.queued,
            notices: tally.notices,
            link: self.link_name.clone(),
            links: self.flock.links.is_mixed().then(|| LinksReport {
                bots: self.flock.links.counts(self.stayers, self.seed),
                excused_percent: tally.passages.1 as f64 * 100.0 / tally.passages.0.max(1) as f64,
            }),
            moves: self.troubles.has_moves().then(|| tally.recoveries.of(Ordeal::Move)),
            outage: self.troubles.outage.map(|_| tally.recoveries.of(Ordeal::Outage)),
            churn: self.troubles.churn.map(|_| ChurnReport {
                leaves: tally.recoveries.of(Ordeal::Leave),
                crashes: tally.recoveries.of(Ordeal::Crash),
                resumes: tally.recoveries.of(Ordeal::Silence),
                restored: tally.restored.bots,
            }),
            storms: self.weather.told().to_vec(),
            refusals: tally.refusals.iter().map(|(reason, count)| (reason.label(), *count)).collect(),
            shots: self.shoots.then(|| ShotCounts { judged: checker.shots_judged(), ..tally.shots }),
            rejoin: self.flock.rejoin.then(|| Rejoin {
                restarts: outages.restarts,
                sessions_lost: disconnects + tally.silences,
                timed: outages.timed,
                all_in_s: outages.worst_ns as f64 / 1e9,
                restored: tally.restored.bots,
                oldest_s: tally.restored.oldest as f64 / f64::from(TICK_RATE_HZ),
            }),
            ..Report::default()
        }
    }

    /// Why sessions were refused or ended, as in "12 x timed out".
    fn refusals(&self) -> Vec<String> {
        let tally = &self.flock.tally;
        tally.refusals.iter().chain(&tally.disconnects).map(|(reason, count)| format!("{count} x {reason}")).collect()
    }
}

/// Ticks that a link adds to what a server may take to tell something: an enter or a leave that is lost is told again a
/// round trip later, and that again, three times in all.
fn allowance_ticks(link: &netem::Profile) -> u32 {
    let one_way_ns = |way: &netem::Way| way.config().latency_ns + way.config().jitter_ns + way.config().reorder_ns;
    let ticks = 3 * (one_way_ns(&link.up) + one_way_ns(&link.down)) * u64::from(TICK_RATE_HZ) / NS_PER_S;
    u32::try_from(ticks).unwrap_or(u32::MAX).min(ALLOWANCE_TICKS_MAX)
}

/// The checker remembers four seconds, of which it needs two for itself.
const ALLOWANCE_TICKS_MAX: u32 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_buys_the_server_three_round_trips_and_never_more_than_two_seconds() {
        let ticks = |text| allowance_ticks(&netem::Profile::parse(text, &mut |_| Err(String::new())).unwrap());
        assert_eq!((ticks(""), ticks("delay=50ms"), ticks("delay=40ms,up.jitter=20ms")), (0, 18, 18));
        assert_eq!(ticks("delay=3s"), ALLOWANCE_TICKS_MAX);
    }
}
