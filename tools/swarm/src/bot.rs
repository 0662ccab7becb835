//! One bot: a socket, a client, hands and eyes.
//!
//! ```text
//! Idle --its turn in the ramp--> Joining --welcome--> In --disconnect--> Out (for good, or until its next attempt)
//! ```

use crate::dice::Dice;
use crate::echo::Echo;
use crate::flock::Flock;
use crate::movement::Place;
use crate::play::{Play, Wanted};
use crate::restored::Restored;
use crate::shooter::{Shooter, Untimely};
use crate::steer::Steer;
use crate::trouble::Blow;
use crate::truth::{Kind, Sight};
use crate::view::View;
use crate::wire::{Source, Wire};
use anyhow::{Context, Result};
use client::{Client, ClientConfig, ClientEvent};
use protocol::event::Shoot;
use protocol::message::{ClientMessage, ServerMessage, Welcome};
use protocol::unit::{SUBUNITS_PER_M, TICK_RATE_HZ, units_from_m};
use protocol::{Command, EntityKind, GameEvent, Input, NetId, OwnState, Tick, ViewTick};
use rudp::time::{NS_PER_S, Now};
use rudp::{Reason, SendError};

/// With `--rejoin`, a bot that hears nothing for this long takes its session for lost.
pub const SILENCE_NS_MAX: u64 = 3 * NS_PER_S;
/// With `--rejoin`, pause between attempts to join.
const ATTEMPT_EVERY_NS: u64 = 2 * NS_PER_S;
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
    heard_ns: u64,
    joined_ns: u64,
    /// The newest round trip that was counted.
    sampled_ns: u64,
    second: Second,
    ordeal: Option<Ordeal>,
    /// Before that it is not held against the server that nothing was told.
    excused_ns: u64,
}

/// What a bot is getting over.
#[derive(Clone, Copy, Debug)]
struct Ordeal {
    is_outage: bool,
    /// When it moved, or the outage ended; `None` while it lasts.
    since_ns: Option<u64>,
}

/// What one bot saw since its last full second.
#[derive(Clone, Copy, Debug, Default)]
struct Second {
    since_ns: u64,
    bot_ticks: u32,
    snapshot_ticks: u32,
    parts_refused: u64,
    messages_malformed: u64,
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
            heard_ns: 0,
            joined_ns: 0,
            sampled_ns: 0,
            second: Second::default(),
            ordeal: None,
            excused_ns: 0,
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
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return };
        while let Some(len) = wire.recv(now.mono_ns, buf, &mut flock.tally) {
            self.heard_ns = now.mono_ns;
            client.handle_datagram(now, flock.server, &mut buf[..len]);
            // Two samples in a row are never alike to the nanosecond.
            let sampled_ns = client.stats().transport.rtt_latest_ns;
            if std::mem::replace(&mut self.sampled_ns, sampled_ns) != sampled_ns && sampled_ns > 0 {
                flock.tally.on_round_trip(sampled_ns);
            }
        }
        self.drain_events(now, flock);
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
            wire.flush(now.mono_ns, &mut flock.tally);
            self.handle_readable(now, flock, buf);
        }
    }

    /// Something befalls it. What is not in suffers nothing.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn suffer(&mut self, now: Now, blow: Blow, flock: &mut Flock) -> Result<()> {
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return Ok(()) };
        if self.phase != Phase::In {
            return Ok(());
        }
        let since_ns = match blow {
            Blow::Rebind { number } => {
                // By port or by address, known to the client at once or found out by silence: all four in turn.
                let source =
                    if number % 4 < 2 { Source::Port } else { Source::Address((flock.bots() + number) as u32) };
                let rebound = wire.rebind(flock.server, &flock.registry, source);
                rebound.with_context(|| format!("bot {} gets no other socket", self.index))?;
                if number.is_multiple_of(2) {
                    client.handle_address_change(now);
                }
                flock.tally.moves.on_begun();
                Some(now.mono_ns)
            }
            Blow::Cut => {
                wire.cut(true);
                flock.tally.outages.on_begun();
                None
            }
            Blow::Mend => {
                wire.cut(false);
                Some(now.mono_ns)
            }
        };
        flock.checker.on_deaf(self.index);
        self.excused_ns = u64::MAX;
        self.ordeal = Some(Ordeal { is_outage: !matches!(blow, Blow::Rebind { .. }), since_ns });
        Ok(())
    }

    /// The bot's own tick, sixty times a second.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn tick(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) -> Result<()> {
        match self.phase {
            Phase::Idle if now.mono_ns >= self.attempt_ns => self.join(now, flock)?,
            Phase::Out | Phase::Joining if flock.rejoin && now.mono_ns >= self.attempt_ns + ATTEMPT_EVERY_NS => {
                self.join(now, flock)?;
            }
            Phase::In if flock.rejoin && now.mono_ns >= self.heard_ns + SILENCE_NS_MAX => {
                flock.tally.silences += 1;
                self.on_gone(flock, false);
                self.join(now, flock)?;
            }
            Phase::Idle | Phase::Out => return Ok(()),
            Phase::Joining | Phase::In => {}
        }
        if let Some(client) = &mut self.client
            && client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns)
        {
            client.handle_timeout(now);
        }
        self.drain_events(now, flock);
        if self.phase == Phase::In {
            self.play(now, flock);
        }
        if self.phase == Phase::In {
            self.count_second(now, flock);
        }
        self.transmit(now, flock, buf);
        self.settle_wire(flock);
        Ok(())
    }

    /// Leaves the server politely.
    pub fn leave(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        // Judged by the last moment at which the server was heard: when everything stood still until now, nothing is owed yet.
        let commands = self.play.as_mut().map_or(0, |play| play.overdue(self.heard_ns));
        let (echoes, shots) = (self.echo.overdue(self.heard_ns), self.shooter.overdue(self.heard_ns));
        let owed = [("echoes", echoes), ("shots", shots), ("commands", commands)];
        for (what, overdue) in owed.into_iter().filter(|(_, overdue)| self.phase == Phase::In && *overdue > 0) {
            let index = self.index;
            flock.checker.report(Kind::OutOfOrder, || format!("bot {index} got no answer to {overdue} {what}"));
        }
        if let Some(client) = &mut self.client {
            client.disconnect(now);
        }
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return };
        while let Some(transmit) = client.poll_transmit(now, buf) {
            wire.send_past_link(&buf[..transmit.len], &mut flock.tally);
        }
    }

    fn join(&mut self, now: Now, flock: &mut Flock) -> Result<()> {
        // A new socket each time: nothing that was meant for the session before can reach the new one.
        let source = if flock.spread { Source::Address(self.index as u32) } else { Source::Port };
        let (link, seed) = (flock.link.as_ref(), flock.link_seed);
        let wire = Wire::open(self.index, flock.server, source, &flock.registry, link, seed);
        self.wire = Some(wire.with_context(|| format!("bot {} gets no socket", self.index))?);
        let token = flock.minter.mint(self.index)?;
        self.client = Some(Client::new(ClientConfig { token, seal: flock.seal, content_hash: 0 }, now));
        self.phase = Phase::Joining;
        self.attempt_ns = now.mono_ns;
        Ok(())
    }

    fn transmit(&mut self, now: Now, flock: &mut Flock, buf: &mut [u8; DATAGRAM_BYTES_MAX]) {
        let (Some(wire), Some(client)) = (&mut self.wire, &mut self.client) else { return };
        while let Some(transmit) = client.poll_transmit(now, buf) {
            wire.send(now.mono_ns, &buf[..transmit.len], &mut flock.tally);
        }
        wire.flush(now.mono_ns, &mut flock.tally);
    }

    fn settle_wire(&mut self, flock: &mut Flock) {
        if let Some(wire) = &mut self.wire {
            wire.schedule(&mut flock.arrivals);
        }
    }

    fn drain_events(&mut self, now: Now, flock: &mut Flock) {
        while let Some(event) = self.client.as_mut().and_then(Client::poll_event) {
            match event {
                // Only players have a bot that knows the truth about them.
                ClientEvent::Enter { kind, .. } | ClientEvent::Leave { kind, .. } if kind != EntityKind::Player => {}
                ClientEvent::Update { state, .. } if state.kind != EntityKind::Player => {}
                ClientEvent::Update { tick, id, state } => flock.checker.on_update(self.index, tick, id, &state),
                ClientEvent::Own { tick, state } => self.on_own(now, flock, tick, &state),
                ClientEvent::Enter { tick, id, .. } => flock.checker.on_enter(self.index, tick, id),
                ClientEvent::Leave { tick, id, .. } => flock.checker.on_leave(self.index, tick, id),
                ClientEvent::Joined(welcome) => self.on_joined(now, flock, &welcome),
                ClientEvent::Message(ServerMessage::Echo { number }) => self.on_echo(flock, number),
                ClientEvent::Silent => flock.tally.silents += 1,
                ClientEvent::Resumed => flock.tally.resumes += 1,
                ClientEvent::Event { tick, event } => {
                    self.on_event(flock, tick, &event);
                    if let (Some(play), Some(client)) = (&mut self.play, &mut self.client) {
                        play.on_event(now, flock, client, tick, &event);
                    }
                }
                ClientEvent::Message(message) => self.on_message(now, flock, &message),
                ClientEvent::Disconnected(reason) => return self.on_disconnected(flock, reason),
            }
        }
    }

    /// What only a bot that plays listens to.
    fn on_message(&mut self, now: Now, flock: &mut Flock, message: &ServerMessage) {
        let (Some(play), Some(client)) = (&mut self.play, &self.client) else { return };
        match message {
            ServerMessage::News(news) => play.on_news(now, flock, news),
            ServerMessage::Done { number, result } => {
                play.on_done(now, flock, *number, *result, client.newest_tick());
            }
            _ => {}
        }
    }

    fn on_joined(&mut self, now: Now, flock: &mut Flock, welcome: &Welcome) {
        if self.phase == Phase::In {
            let (index, id) = (self.index, welcome.own.0);
            flock.checker.report(Kind::Other, || format!("bot {index} was welcomed again, as entity {id}"));
        }
        self.joined_ns = now.mono_ns;
        flock.on_joined(now, self.index, welcome);
        (self.ordeal, self.excused_ns) = (None, 0);
        self.phase = Phase::In;
        self.heard_ns = now.mono_ns;
        self.here = None;
        self.echo = Echo::default();
        self.shooter.on_joined();
        if let Some(play) = &mut self.play {
            play.on_joined(welcome.own, flock);
        }
        self.second = Second { since_ns: now.mono_ns, ..Second::default() };
        if !self.is_placed {
            let start = match &flock.board {
                Some(board) => board.home(self.index).place,
                None => flock.movement.start(self.index, flock.course_s(now)),
            };
            self.is_placed = self.put(flock, start);
        }
    }

    fn on_own(&mut self, now: Now, flock: &mut Flock, tick: Tick, state: &OwnState) {
        self.get_over(now, flock);
        flock.checker.on_own(self.index, tick, state);
        self.second.snapshot_ticks += 1;
        let metres = |subunits: i32| subunits as f32 / SUBUNITS_PER_M as f32;
        self.here = Some(Place { x: metres(state.body.x), y: metres(state.body.y) });
        if flock.rejoin
            && let Err(wrong) = self.restored.on_own((state.body.x, state.body.y))
        {
            let index = self.index;
            flock.checker.report(Kind::Other, || format!("bot {index} was not restored to where it was: {wrong}"));
        }
    }

    /// The server tells the bot of itself: whatever befell it is over.
    fn get_over(&mut self, now: Now, flock: &mut Flock) {
        let Some((is_outage, since_ns)) = self.ordeal.and_then(|ordeal| Some((ordeal.is_outage, ordeal.since_ns?)))
        else {
            return;
        };
        self.ordeal = None;
        self.excused_ns = now.mono_ns + SETTLED_NS;
        let recovery = if is_outage { &mut flock.tally.outages } else { &mut flock.tally.moves };
        recovery.on_back(now.mono_ns - since_ns);
        flock.checker.on_hearing(self.index);
    }

    fn on_echo(&mut self, flock: &mut Flock, number: u32) {
        if let Err(disorder) = self.echo.on_answer(number) {
            flock.checker.report(Kind::OutOfOrder, || disorder.told(self.index, "echo", number));
        }
    }

    fn on_event(&mut self, flock: &mut Flock, tick: Tick, event: &GameEvent) {
        let (index, Some(client)) = (self.index, &self.client) else { return };
        let timely = self.shooter.on_event(tick, client.newest_tick(), client.stats().order.early);
        if let Err(untimely) = timely {
            let case = || match untimely {
                Untimely::Behind(Tick(before)) => {
                    format!("bot {index} was told an event of tick {} after one of {before}", tick.0)
                }
                Untimely::Ahead(Tick(shown)) => {
                    format!("bot {index} was told an event of tick {} while it was shown tick {shown}", tick.0)
                }
            };
            flock.checker.report(Kind::OutOfOrder, case);
        }
        let (number, refusal) = match event {
            GameEvent::Shot(shot) if client.welcome().is_some_and(|welcome| welcome.own == shot.by) => {
                (shot.number, None)
            }
            GameEvent::ShotRefused { number, reason } => (*number, Some(*reason)),
            _ => return,
        };
        let answered = self.shooter.on_answer(number, refusal);
        match (&answered, event) {
            (Ok(asked), GameEvent::Shot(shot)) => {
                flock.tally.shots.carried_out += 1;
                flock.tally.shots.hit += u64::from(shot.target.is_some());
                // Of what nobody plays no bot knows where it was.
                let seen = shot.target.and_then(|id| client.sees(id));
                if seen.is_none_or(|seen| seen.kind == EntityKind::Player) {
                    flock.checker.on_shot(index, tick, asked, shot);
                }
            }
            (Ok(_), _) => flock.tally.shots.refused += 1,
            (Err(disorder), _) => {
                flock.checker.report(Kind::OutOfOrder, || disorder.told(index, "shot", number.into()));
            }
        }
    }

    fn on_disconnected(&mut self, flock: &mut Flock, reason: Reason) {
        if self.phase == Phase::In {
            *flock.tally.disconnects.entry(reason).or_default() += 1;
            self.on_gone(flock, reason != Reason::TimedOut);
        } else {
            *flock.tally.refusals.entry(reason).or_default() += 1;
        }
        self.phase = Phase::Out;
        (self.client, self.wire) = (None, None);
    }

    fn on_gone(&mut self, flock: &mut Flock, server_knows: bool) {
        flock.on_gone(self.index, server_knows);
        if let Some(play) = &mut self.play {
            play.on_gone(flock);
        }
        self.restored.on_gone();
        self.here = None;
    }

    /// One tick of playing: look, walk, press.
    fn play(&mut self, now: Now, flock: &mut Flock) {
        // Until the server has said where the bot is, it stands still: a restored place can then be compared.
        let (Some(here), Some(client)) = (self.here, &mut self.client) else { return };
        let is_heard = now.mono_ns - self.heard_ns < HEARING_NS && now.mono_ns >= self.excused_ns;
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
        if let Some(client) = &mut self.client {
            client.disconnect(now);
            self.transmit(now, flock, &mut [0; DATAGRAM_BYTES_MAX]);
        }
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
        let hears = now.mono_ns - self.heard_ns < HEARING_NS && now.mono_ns >= self.excused_ns;
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

    /// After sixty ticks: figures, and the next echo.
    fn count_second(&mut self, now: Now, flock: &mut Flock) {
        self.second.bot_ticks += 1;
        if self.second.bot_ticks < TICK_RATE_HZ {
            return;
        }
        let Some(client) = &self.client else { return };
        let stats = client.stats();
        let last = self.second;
        let span_ns = now.mono_ns - last.since_ns;
        flock.tally.on_second(stats.transport.rtt_smoothed_ns, last.snapshot_ticks, span_ns);
        let index = self.index;
        // Without snapshots there is no truth to hold the bot's view against: that nothing is told must itself be told.
        let settled = now.mono_ns - self.joined_ns > SETTLED_NS && now.mono_ns >= self.excused_ns;
        if settled && last.snapshot_ticks == 0 && now.mono_ns - self.heard_ns < HEARING_NS {
            flock
                .checker
                .report(Kind::Stale, || format!("bot {index} hears the server but got no snapshot for a second"));
        }
        for _ in last.parts_refused..stats.store.parts_refused {
            flock.checker.report(Kind::Other, || format!("bot {index} could not decode a snapshot part"));
        }
        for _ in last.messages_malformed..stats.messages_malformed {
            flock.checker.report(Kind::Other, || format!("bot {index} could not decode a message"));
        }
        self.second = Second {
            since_ns: now.mono_ns,
            parts_refused: stats.store.parts_refused,
            messages_malformed: stats.messages_malformed,
            ..Second::default()
        };
        let question = ClientMessage::Echo { number: self.echo.next() };
        if self.say(flock, &question) {
            self.echo.on_asked(now.mono_ns);
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
