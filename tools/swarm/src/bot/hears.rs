//! What a bot is told, one event after another.

use super::second::Second;
use super::{Bot, Phase};
use crate::echo::Echo;
use crate::flock::Flock;
use crate::movement::Place;
use crate::shooter::Untimely;
use crate::truth::{Checker, Kind};
use client::{Client, ClientEvent, Told};
use protocol::message::{ServerMessage, Welcome};
use protocol::unit::SUBUNITS_PER_M;
use protocol::{EntityKind, EntityState, GameEvent, NetId, News, OwnState, Tick};
use rudp::Reason;
use rudp::time::Now;

/// Hears what a bot is told of others. Only players have a bot that knows the truth about them.
pub(super) struct Ears<'a> {
    pub(super) viewer: usize,
    pub(super) checker: &'a mut Checker,
}

impl Told for Ears<'_> {
    fn on_enter(&mut self, tick: Tick, id: NetId, kind: EntityKind) {
        if kind == EntityKind::Player {
            self.checker.on_enter(self.viewer, tick, id);
        }
    }

    fn on_update(&mut self, tick: Tick, id: NetId, state: &EntityState) {
        if state.kind == EntityKind::Player {
            self.checker.on_update(self.viewer, tick, id, state);
        }
    }

    fn on_leave(&mut self, tick: Tick, id: NetId, kind: EntityKind) {
        if kind == EntityKind::Player {
            self.checker.on_leave(self.viewer, tick, id);
        }
    }
}

impl Bot {
    pub(super) fn drain_events(&mut self, now: Now, flock: &mut Flock) {
        while let Some(event) = self.client.as_mut().and_then(Client::poll_event) {
            match event {
                ClientEvent::Update { tick, id, state } => self.ears(flock).on_update(tick, id, &state),
                ClientEvent::Enter { tick, id, kind } => self.ears(flock).on_enter(tick, id, kind),
                ClientEvent::Leave { tick, id, kind } => self.ears(flock).on_leave(tick, id, kind),
                ClientEvent::Own { tick, state } => self.on_own(now, flock, tick, &state),
                ClientEvent::Joined(welcome) => self.on_joined(now, flock, &welcome),
                ClientEvent::Message(ServerMessage::Echo { number }) => self.on_echo(flock, number),
                ClientEvent::Queued { .. } => {
                    if !std::mem::replace(&mut self.is_queued, true) {
                        flock.on_queued();
                    }
                }
                ClientEvent::Notice(_) => flock.tally.notices += 1,
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

    pub(super) fn ears<'a>(&self, flock: &'a mut Flock) -> Ears<'a> {
        Ears { viewer: self.index, checker: &mut flock.checker }
    }

    /// Receipts are everybody's; to the rest only a bot that plays listens.
    fn on_message(&mut self, now: Now, flock: &mut Flock, message: &ServerMessage) {
        if let ServerMessage::News(News::Receipt { id }) = message {
            flock.on_receipt(self.index, *id);
        }
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
        self.leave_queue(flock);
        (self.joined_ns, self.own_ns, self.attempts) = (now.mono_ns, now.mono_ns, 0);
        flock.on_joined(now, self.index, welcome);
        self.begin_hearing();
        self.phase = Phase::In;
        self.heard_ns = now.mono_ns;
        self.here = None;
        // Those of a storm act, and would read, too rarely.
        if let Some(wire) = self.wire.as_mut().filter(|_| self.index < flock.expected) {
            wire.unwatch(&flock.registry);
        }
        self.echo = Echo::default();
        self.shooter.on_joined();
        if let Some(play) = &mut self.play {
            play.on_joined(welcome.own, flock);
        }
        self.second = Second::since(now.mono_ns);
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
        self.own_ns = now.mono_ns;
        self.second.snapshot_ticks += 1;
        let metres = |subunits: i32| subunits as f32 / SUBUNITS_PER_M as f32;
        self.here = Some(Place { x: metres(state.body.x), y: metres(state.body.y) });
        if flock.rejoin || flock.has_churn {
            match self.restored.on_own((state.body.x, state.body.y), state.entity().is_dead()) {
                Ok(age) => age.into_iter().for_each(|age| flock.tally.restored.note(age)),
                Err(wrong) => {
                    let index = self.index;
                    let case = || format!("bot {index} was not restored to where it was: {wrong}");
                    flock.checker.report(Kind::Other, case);
                }
            }
        }
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
        self.leave_queue(flock);
        if self.phase == Phase::In {
            *flock.tally.disconnects.entry(reason).or_default() += 1;
            self.on_gone(flock, reason != Reason::TimedOut);
        } else {
            *flock.tally.refusals.entry(reason).or_default() += 1;
        }
        self.phase = Phase::Out;
        (self.client, self.wire) = (None, None);
    }

    pub(super) fn leave_queue(&mut self, flock: &mut Flock) {
        flock.queued -= usize::from(std::mem::take(&mut self.is_queued));
    }

    pub(super) fn on_gone(&mut self, flock: &mut Flock, server_knows: bool) {
        flock.on_gone(self.index, server_knows);
        if let Some(play) = &mut self.play {
            play.on_gone(flock);
        }
        self.restored.on_gone();
        self.here = None;
    }
}
