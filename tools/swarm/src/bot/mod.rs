//! One bot: a socket, a client, hands and eyes.
//!
//! ```text
//! Idle --its turn in the ramp--> Joining --welcome--> In --disconnect--> Out (for good, or until its next attempt)
//! ```

mod hears;
mod ordeal;
mod second;

use crate::dice::Dice;
use crate::echo::{ANSWER_NS_MAX, Echo};
use crate::flock::Flock;
use crate::movement::Place;
use crate::play::{Play, Wanted};
use crate::restored::Restored;
use crate::shooter::Shooter;
use crate::steer::Steer;
use crate::truth::{Kind, Sight};
use crate::view::View;
use crate::wire::{Source, Wire};
use anyhow::{Context, Result};
use client::{Client, ClientConfig};
use hears::Ears;
use ordeal::Hearing;
use protocol::event::Shoot;
use protocol::message::ClientMessage;
use protocol::unit::units_from_m;
use protocol::{Command, Input, NetId, ViewTick};
use rudp::time::{NS_PER_S, Now};
use rudp::{Prefetch, SendError};
use second::Second;

/// With `--rejoin`, a bot that hears nothing for this long takes its session for lost.
pub const SILENCE_NS_MAX: u64 = 3 * NS_PER_S;
/// With `--rejoin`, pause between attempts to join.
const ATTEMPT_EVERY_NS: u64 = 2 * NS_PER_S;
/// With `--survive`, pause before the second attempt; each further one waits twice as long...
const ATTEMPT_FIRST_NS: u64 = NS_PER_S;
/// ...up to 8 s: a server that was down for long is not met by all at once, and nobody waits for long when it is back.
const ATTEMPT_DOUBLINGS_MAX: u32 = 3;
/// Only after this long in the world is a bot judged: 2 s.
const SETTLED_NS: u64 = 2 * NS_PER_S;
/// Who heard anything of the server within this time hears it: half a second.
const HEARING_NS: u64 = NS_PER_S / 2;
/// Largest datagram that can arrive: an Ethernet frame's payload.
pub const DATAGRAM_BYTES_MAX: usize = 1_500;

/// Where a bot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its turn has not come.
    Idle,
    /// It has a token and knocks.
    Joining,
    /// It was welcomed.
    In,
    /// Its session is over.
    Out,
}

/// One of the flock.
pub struct Bot {
    index: usize,
    phase: Phase,
    wire: Option<Wire>,
    client: Option<Client>,
    steer: Steer,
    view: View,
    shooter: Shooter,
    echo: Echo,
    restored: Restored,
    play: Option<Box<Play>>,
    /// When a bot that only moves, and lies dead, asks to come back.
    respawn_ns: u64,
    here: Option<Place>,
    is_placed: bool,
    attempt_ns: u64,
    /// Attempts to join since it was last in.
    attempts: u32,
    /// It stands in the queue at the door.
    is_queued: bool,
    heard_ns: u64,
    joined_ns: u64,
    /// When it was last told of itself.
    own_ns: u64,
    /// The newest round trip that was counted.
    sampled_ns: u64,
    second: Second,
    hearing: Hearing,
    /// It has gone and comes back when it is told to.
    is_away: bool,
}

impl Bot {
    /// Bot number `index`, idle. `attempt_ns` is its turn in the ramp.
    pub fn new(
        index: usize,
        seed: u64,
        attempt_ns: u64,
        view: View,
        shooter: Shooter,
        play: Option<Box<Play>>,
    ) -> Self {
        Self {
            index,
            phase: Phase::Idle,
            wire: None,
            client: None,
            steer: Steer::new(Dice::new(seed ^ 0x5eed, index as u64)),
            view,
            shooter,
            echo: Echo::default(),
            restored: Restored::default(),
            play,
            respawn_ns: 0,
            here: None,
            is_placed: false,
            attempt_ns,
            attempts: 0,
            is_queued: false,
            heard_ns: 0,
            joined_ns: 0,
            own_ns: 0,
            sampled_ns: 0,
            second: Second::default(),
            hearing: Hearing::default(),
            is_away: false,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What it shows of an entity.
    pub fn sight(&self, id: NetId) -> Option<Sight> {
        let seen = self.client.as_ref()?.sees(id)?;
        Some(Sight { entered: seen.entered, newest: seen.tick })
    }

    /// Packets that its client counts as lost, and those that could be.
    pub fn lost_and_sent(&self) -> (u64, u64) {
        let stats = self.client.as_ref().map(|client| client.stats().transport).unwrap_or_default();
        (stats.packets_lost, stats.eliciting_out)
    }

    /// Takes everything that arrived on its socket and has come to the end of its link.
    pub fn handle_readable(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        while let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client)
            && let Some(len) = wire.recv(now.mono_ns, buf, &mut flock.pier, &mut flock.tally)
        {
            self.heard_ns = now.mono_ns;
            let mut ears = Ears { viewer: self.index, checker: &mut flock.checker };
            client.handle_datagram_among(now, flock.server, &mut buf[..len], &mut flock.among, &mut ears);
            // Two samples in a row are never alike to the nanosecond.
            let sampled_ns = client.rtt_latest_ns();
            if std::mem::replace(&mut self.sampled_ns, sampled_ns) != sampled_ns && sampled_ns > 0 {
                flock.tally.on_round_trip(sampled_ns);
            }
            self.drain_events(now, flock);
        }
        if self.phase == Phase::Joining {
            // The handshake goes as fast as it is answered; all else waits for the bot's own tick.
            self.transmit(now, flock, buf);
        }
        self.settle_wire(flock);
    }

    /// Something on its links is due, as was noted for this time.
    pub fn handle_arrival(&mut self, now: Now, due_ns: u64, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        let Some(wire) = self.wire.as_mut().filter(|_| self.client.is_some()) else { return };
        if wire.take_due(due_ns) {
            wire.flush(now.mono_ns, &mut flock.pier, &mut flock.tally);
            self.handle_readable(now, flock, buf);
        }
    }

    /// Its tick comes soon.
    pub fn expect(&self, flock: &Flock, prefetch: Prefetch) {
        if let Some(datagram) = flock.pier.as_ref().and_then(|pier| pier.peek(self.index)) {
            prefetch.value(datagram);
        }
        if let Some(client) = &self.client {
            client.expect(prefetch);
        }
    }

    /// The bot's own tick, sixty times a second. Who is in and has no bad link reads then, as a game does that reads its
    /// socket once a frame: what a bot needs is brought near once and not twice, and nobody wakes for each datagram.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn tick(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> Result<()> {
        match self.phase {
            Phase::Idle if now.mono_ns >= self.attempt_ns => self.join(now, flock)?,
            Phase::Out | Phase::Joining if self.is_attempt_due(now, flock) => self.join(now, flock)?,
            Phase::In if flock.rejoin && now.mono_ns >= self.heard_ns + SILENCE_NS_MAX => {
                flock.tally.silences += 1;
                self.on_gone(flock, false);
                self.join(now, flock)?;
            }
            Phase::Idle | Phase::Out => return Ok(()),
            Phase::Joining | Phase::In => {}
        }
        if self.wire.as_ref().is_some_and(|wire| !wire.is_watched()) {
            self.handle_readable(now, flock, buf);
        }
        if let Some(client) = &mut self.client
            && client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns)
        {
            client.handle_timeout(now);
        }
        self.drain_events(now, flock);
        if self.phase == Phase::Joining {
            flock.on_knocking(now);
        }
        if self.phase == Phase::In {
            self.look_after_links(now, flock);
            if !self.hearing.is_excused(now.mono_ns) {
                flock.tally.on_own_age(now.mono_ns - self.own_ns);
            }
            self.play(now, flock);
        }
        if self.phase == Phase::In {
            self.count_second(now, flock);
        }
        self.transmit(now, flock, buf);
        self.settle_wire(flock);
        Ok(())
    }

    /// Knocks at that time, as one whose turn in the ramp has come.
    pub fn knock_at(&mut self, attempt_ns: u64) {
        (self.phase, self.attempt_ns, self.is_away) = (Phase::Idle, attempt_ns, false);
    }

    /// Leaves the server politely, or gives up knocking, and comes again only when it is to knock.
    pub fn scatter(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        if self.phase == Phase::In {
            self.ask_for_answers(now, flock);
            self.depart(now, true, flock);
        } else {
            self.say_goodbye(now, flock, buf);
            self.leave_queue(flock);
            (self.client, self.wire, self.phase, self.is_away) = (None, None, Phase::Out, true);
        }
    }

    /// Leaves the server politely.
    pub fn leave(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        self.ask_for_answers(now, flock);
        self.say_goodbye(now, flock, buf);
    }

    /// Nothing that was asked long ago may be without its answer, unless a link had broken since.
    fn ask_for_answers(&mut self, now: Now, flock: &mut Flock) {
        if flock.has_links() && self.hearing.was_excused_within(now.mono_ns, ANSWER_NS_MAX) {
            return;
        }
        // Judged by the last moment at which the server was heard: when everything stood still until now, nothing is owed yet.
        let commands = self.play.as_mut().map_or(0, |play| play.overdue(self.heard_ns));
        let (echoes, shots) = (self.echo.overdue(self.heard_ns), self.shooter.overdue(self.heard_ns));
        let owed = [("echoes", echoes), ("shots", shots), ("commands", commands)];
        for (what, overdue) in owed.into_iter().filter(|(_, overdue)| self.phase == Phase::In && *overdue > 0) {
            let index = self.index;
            flock.checker.report(Kind::OutOfOrder, || format!("bot {index} got no answer to {overdue} {what}"));
        }
    }

    /// Past the link: nobody is there any more to send what would be under way on it.
    fn say_goodbye(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return };
        client.disconnect(now);
        while let Some(transmit) = client.poll_transmit(now, buf) {
            wire.send_past_link(&buf[..transmit.len], &mut flock.pier, &mut flock.tally);
        }
    }

    fn join(&mut self, now: Now, flock: &mut Flock) -> Result<()> {
        self.leave_queue(flock);
        // A new socket each time: nothing that was meant for the session before can reach the new one.
        let source = if flock.spread { Source::Address(self.index as u32) } else { Source::Port };
        // Those of a storm, who act rarely, are to be woken by what comes.
        let mut pier = flock.pier.take();
        let berths = pier.as_mut().filter(|_| !flock.spread && self.index < flock.expected);
        let (link, seed) = (flock.link_of(self.index), flock.link_seed);
        let wire = Wire::open(self.index, flock.server, source, &flock.registry, berths, link, seed);
        flock.pier = pier;
        self.wire = Some(wire.with_context(|| format!("bot {} gets no socket", self.index))?);
        let token = flock.minter.mint(self.index)?;
        self.client = Some(Client::new(ClientConfig { token, seal: flock.seal, content_hash: 0 }, now));
        self.phase = Phase::Joining;
        self.attempt_ns = now.mono_ns;
        self.attempts += 1;
        Ok(())
    }

    /// Whether to knock again. Who is in the queue, and hears the server, waits, and so does who is away. A bot that came
    /// again and was not heard over its bad link tries again too, as people do.
    fn is_attempt_due(&self, now: Now, flock: &Flock) -> bool {
        let comes = flock.rejoin || flock.has_churn && self.phase == Phase::Out && self.joined_ns > 0;
        if !comes || self.is_away {
            return false;
        }
        let waits = self.is_queued && now.mono_ns < self.heard_ns + SILENCE_NS_MAX;
        !waits && now.mono_ns >= self.attempt_ns + self.pause_ns(flock)
    }

    /// From one attempt to join to the next.
    fn pause_ns(&self, flock: &Flock) -> u64 {
        if !flock.survives {
            return ATTEMPT_EVERY_NS;
        }
        // Never all at the same time: each adds a part of its own, at most a quarter.
        let pause_ns = ATTEMPT_FIRST_NS << self.attempts.saturating_sub(1).min(ATTEMPT_DOUBLINGS_MAX);
        pause_ns + pause_ns / 4 * self.index as u64 / flock.bots() as u64
    }

    fn transmit(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return };
        while let Some(transmit) = client.poll_transmit(now, buf) {
            wire.send(now.mono_ns, &buf[..transmit.len], &mut flock.pier, &mut flock.tally);
        }
        wire.flush(now.mono_ns, &mut flock.pier, &mut flock.tally);
    }

    fn settle_wire(&mut self, flock: &mut Flock) {
        if let Some(wire) = &mut self.wire {
            wire.schedule(&mut flock.arrivals);
        }
    }

    /// One tick of playing: look, walk, press.
    fn play(&mut self, now: Now, flock: &mut Flock) {
        // Until the server has said where the bot is, it stands still: a restored place can then be compared.
        let (Some(here), Some(client)) = (self.here, &mut self.client) else { return };
        let is_heard = now.mono_ns - self.heard_ns < HEARING_NS && !self.hearing.is_excused(now.mono_ns);
        let course_s = flock.course_s(now);
        let wanted = match &mut self.play {
            Some(play) => play.act(now, flock, client, here, is_heard),
            None => {
                self.respawn_ns = come_back(client, now.mono_ns, self.respawn_ns);
                Wanted::at(flock.movement.goal(self.index, course_s, here))
            }
        };
        let wish = self.steer.wish(course_s, here, wanted.goal);
        let looks = self.view.look(flock.recorded.as_ref());
        let (yaw, pitch) = wanted.look.unwrap_or(looks);
        let input = Input { move_x: wish.move_x, move_y: wish.move_y, yaw, pitch, buttons: wish.buttons };
        client.push_input(now, input);
        if let Some(place) = wanted.place {
            self.put(flock, place);
        }
        if wanted.leaves {
            return self.log_out(now, flock);
        }
        self.shoot(now, flock);
    }

    /// Leaves in the middle of everything, to come again soon.
    fn log_out(&mut self, now: Now, flock: &mut Flock) {
        self.say_goodbye(now, flock, &mut [0; DATAGRAM_BYTES_MAX]);
        self.on_gone(flock, true);
        (self.phase, self.attempt_ns) = (Phase::Out, now.mono_ns);
        (self.client, self.wire) = (None, None);
    }

    /// Puts itself somewhere, as operators may.
    fn put(&mut self, flock: &mut Flock, at: Place) -> bool {
        let units = |metres: f32| units_from_m(f64::from(metres));
        self.say(flock, &ClientMessage::Place { x_units: units(at.x), y_units: units(at.y) })
    }

    /// Shoots, if it wants to and hears what it would shoot at.
    fn shoot(&mut self, now: Now, flock: &mut Flock) {
        let hears = now.mono_ns - self.heard_ns < HEARING_NS && !self.hearing.is_excused(now.mono_ns);
        let Some(client) = self.client.as_mut().filter(|_| hears) else { return };
        let aim = client.own().and_then(|(_, own)| self.shooter.aim(&own, client.entities().map(|(_, seen)| seen)));
        let Some((yaw, pitch)) = aim else { return };
        let view = ViewTick { tick: client.newest_tick(), fraction: 0 };
        match client.shoot(view, yaw, pitch) {
            Ok(number) => {
                flock.tally.shots.asked += 1;
                self.shooter.on_asked(now.mono_ns, Shoot { number, view, yaw, pitch, ..Shoot::default() });
            }
            Err(error) => {
                let index = self.index;
                flock.checker.report(Kind::Other, || format!("bot {index} could not shoot: {error}"));
            }
        }
    }

    fn say(&mut self, flock: &mut Flock, message: &ClientMessage) -> bool {
        let Some(client) = &mut self.client else { return false };
        let sent: Result<(), SendError> = client.send(message);
        if let Err(error) = &sent {
            let index = self.index;
            flock.checker.report(Kind::Other, || format!("bot {index} could not send {message:?}: {error}"));
        }
        sent.is_ok()
    }
}

/// A bot that only moves and lies dead asks to come back, once a second. Gives when it asks next.
fn come_back(client: &mut Client, now_ns: u64, due_ns: u64) -> u64 {
    let is_dead = client.own().is_some_and(|(_, own)| own.entity().is_dead());
    if !is_dead || now_ns < due_ns {
        return due_ns;
    }
    // What cannot be sent now is sent in a second.
    let _ = client.command(Command::Respawn);
    now_ns + NS_PER_S
}
