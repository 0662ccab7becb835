//! People: each has a link, a clock, a mind, and one life after the other, a life being one client with one token.

mod hears;
mod line;
mod mind;
mod sheet;

pub use hears::{Deeds, Ears};
pub use line::{Effects, Line};
pub use mind::{Mind, Scene};
pub use sheet::Sheet;

use crate::check::Told;
use crate::clock::Clock;
use crate::dice::{Dice, mix};
use crate::plan::{PersonPlan, Stream, Way};
use client::{Client, ClientConfig};
use protocol::message::{Claim, ClientMessage};
use protocol::unit::TICK_NS;
use protocol::{Input, NetId, Tick};
use rudp::Reason;
use rudp::seal::Backend;
use rudp::time::{NS_PER_S, Now};
use rudp::token::{CHOOSES, Name, Role, UserData};
use server::SessionId;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// A first knock that nobody has answered is given up after so long.
pub(crate) const KNOCK_NS: u64 = 6 * NS_PER_S;
/// From one attempt that failed to the next.
const PAUSE_NS: u64 = NS_PER_S;
/// Questions in a tick, of one who floods.
const FLOOD: u32 = 24;

/// How far a life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It wants to be let in.
    Knocking,
    /// It waits until there is room.
    Queued,
    /// It is in the world.
    In,
    /// It is over.
    Over(Reason),
}

/// One client with one token.
pub struct Life {
    /// The token's serial, which no other has.
    pub token: u64,
    /// Where it sits now.
    pub seat: u16,
    /// The machine.
    pub client: Client,
    /// How far it has come.
    pub phase: Phase,
    /// Its session, once the server has said that it began, and in which start.
    pub session: Option<(SessionId, u32)>,
    /// Its entity.
    pub own: Option<NetId>,
    /// What it was told and has not heard.
    pub told: Told,
    /// What it knows of itself.
    pub sheet: Sheet,
    /// Commands that have no answer, and when they were given.
    pub commands: BTreeMap<u16, u32>,
    /// Questions that have no answer: the next number, and the next answer's.
    pub echoes: (u32, u32),
    /// When those were asked, oldest first, by the simulation's ticks.
    pub asked: VecDeque<u32>,
    /// It flooded, and has not had all its answers since: it waits behind its own questions.
    pub has_flooded: bool,
    /// When it waited so last.
    pub flooded_tick: u32,
    /// Whom the server does not know it to show or to have dropped, and since when.
    pub unsettled: BTreeMap<NetId, u32>,
    /// When the server was heard last, or the life began.
    pub heard_ns: u64,
    /// Its client does not hear the server any more.
    pub is_silent: bool,
    /// What it wanted of its characters was refused: nothing more comes of this knock.
    pub is_refused: bool,
    /// When it came into the world, by the simulation's ticks.
    pub joined_tick: u32,
    /// It leaves by its own will.
    pub is_leaving: bool,
    /// The newest tick of which it was told that something happened.
    pub happened: Tick,
    /// How often it was told of itself.
    pub own_heard: u32,
    /// Since when its path has been well, and how often it had been told of itself by then.
    pub well: Option<(u32, u32)>,
    /// When it acts next, by its own clock.
    act_ns: u64,
}

/// A session that ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Whose it was.
    pub person: usize,
    /// With which token.
    pub token: u64,
    /// Why it ended, as the client was told.
    pub reason: Reason,
    /// Its person had wished so.
    pub is_wished: bool,
    /// For how long nothing had been heard before.
    pub quiet_ns: u64,
}

/// Somebody has not heard the server for longer than it likes.
#[derive(Clone, Copy, Debug)]
pub struct GivenUp {
    /// Who.
    pub person: usize,
    /// With which token.
    pub token: u64,
    /// How far it had come.
    pub phase: Phase,
    /// For how long it has heard nothing.
    pub quiet_ns: u64,
    /// Its client knows that.
    pub is_silent: bool,
}

/// What is wrong with a person now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moods {
    /// It stands still.
    pub is_stalled: bool,
    /// It plays faster than time.
    pub cheats: bool,
    /// It asks without end.
    pub floods: bool,
}

/// One person.
pub struct Person {
    /// Its number.
    pub number: usize,
    /// As the seed has it.
    pub plan: PersonPlan,
    /// Its lives that are not forgotten, the newest last.
    pub lives: Vec<Life>,
    /// Its link.
    pub line: Line,
    /// Its clocks.
    pub clock: Clock,
    /// What is wrong with it.
    pub moods: Moods,
    /// When it tries to come in next, if it does not already.
    pub knock_ns: Option<u64>,
    /// Until when what happens to it may be the fault of what went wrong.
    pub troubled_until_ns: u64,
    mind: Mind,
}

impl Person {
    /// Somebody who has not come yet.
    #[must_use]
    pub fn new(seed: u64, number: usize, plan: PersonPlan) -> Self {
        let stream = mix(Stream::Minds as u64, number as u64);
        Self {
            number,
            plan,
            lives: Vec::new(),
            line: Line::new(seed, number, &plan),
            clock: Clock::new(mix(seed, stream) % (1_000 * NS_PER_S), plan.ppm),
            moods: Moods::default(),
            knock_ns: Some(u64::from(plan.first_tick) * TICK_NS),
            troubled_until_ns: 0,
            mind: Mind::new(Dice::new(seed, stream)),
        }
    }

    /// Its account.
    #[must_use]
    pub fn account(&self) -> u64 {
        1_000 + self.number as u64
    }

    /// What a token of its says.
    #[must_use]
    pub fn user(&self, serial: u64, issued_at_ms: u64) -> UserData {
        let character_id = match self.plan.way {
            Way::Named => 500_000 + self.number as u64,
            Way::Nameless => 0,
            Way::Chooses => CHOOSES,
        };
        let name = Name::new("somebody").unwrap_or_default();
        UserData { account_id: self.account(), character_id, name, role: Role::Player, issued_at_ms, serial, epoch: 0 }
    }

    /// A new client with this token; it sits somewhere else.
    pub fn begin_life(&mut self, ns: u64, serial: u64, token: rudp::ConnectToken, scene: &Scene) {
        let now = self.clock.at(ns);
        let config = ClientConfig { token, seal: Backend::Auto, content_hash: scene.map.hash() };
        let mut client = Client::new(config, now);
        if self.plan.has_screen {
            client.enable_screen(scene.map.clone());
        }
        let seat = self.line.take_seat(serial, true);
        self.knock_ns = None;
        self.lives.push(Life {
            token: serial,
            seat,
            client,
            phase: Phase::Knocking,
            session: None,
            own: None,
            told: Told::default(),
            sheet: Sheet::default(),
            commands: BTreeMap::new(),
            echoes: (0, 0),
            asked: VecDeque::new(),
            has_flooded: false,
            flooded_tick: 0,
            unsettled: BTreeMap::new(),
            heard_ns: ns,
            is_silent: false,
            is_refused: false,
            joined_tick: 0,
            is_leaving: false,
            happened: Tick(0),
            own_heard: 0,
            well: None,
            act_ns: now.mono_ns,
        });
    }

    /// The life that counts: the newest, if it is not over.
    #[must_use]
    pub fn life(&self) -> Option<&Life> {
        self.lives.last().filter(|life| !matches!(life.phase, Phase::Over(_)))
    }

    /// A life, by its token.
    pub fn life_of(&mut self, token: u64) -> Option<&mut Life> {
        self.lives.iter_mut().find(|life| life.token == token)
    }

    /// All clients vanish without a word; comes back after so long.
    pub fn vanish(&mut self, back_ns: u64) {
        self.lives.clear();
        self.knock_ns = Some(back_ns);
    }

    /// It leaves politely, and comes back.
    pub fn quit(&mut self, ns: u64, back_ns: Option<u64>) {
        let now = self.clock.at(ns);
        for life in &mut self.lives {
            life.is_leaving = true;
            life.client.disconnect(now);
        }
        self.knock_ns = back_ns;
    }

    /// Its address changes; `knows` it at once, or has to find out.
    pub fn change_address(&mut self, ns: u64, keeps_ip: bool, knows: bool) {
        let now = self.clock.at(ns);
        let Some(life) = self.lives.last_mut() else { return };
        life.seat = self.line.take_seat(life.token, keeps_ip);
        if knows {
            life.client.handle_address_change(now);
        }
    }

    /// Takes what has arrived, hears, acts, sends.
    ///
    /// # Errors
    /// What its ears found.
    pub fn step(&mut self, ns: u64, scene: &Scene, ears: &mut Ears<'_>) -> Result<(), crate::check::Broken> {
        let now = self.clock.at(ns);
        if !self.moods.is_stalled {
            self.take_arrivals(ns, now);
            for at in 0..self.lives.len() {
                self.live(at, ns, now, scene, ears)?;
            }
        }
        self.bury(ns, ears);
        Ok(())
    }

    fn take_arrivals(&mut self, ns: u64, now: Now) {
        let Self { line, lives, .. } = self;
        while let Some((seat, mut datagram)) = line.poll_down(ns) {
            if let Some(life) = lives.iter_mut().find(|life| life.seat == seat) {
                life.client.handle_datagram(now, crate::simulation::server_address(), &mut datagram[2..]);
            }
            line.recycle_down(datagram);
        }
    }

    fn live(
        &mut self,
        at: usize,
        ns: u64,
        now: Now,
        scene: &Scene,
        ears: &mut Ears<'_>,
    ) -> Result<(), crate::check::Broken> {
        let is_newest = at + 1 == self.lives.len();
        let life = &mut self.lives[at];
        if life.client.poll_timeout().is_some_and(|due_ns| due_ns <= now.mono_ns) {
            life.client.handle_timeout(now);
        }
        hears::hear(self.number, self.plan.way, life, &mut self.mind, ns, ears)?;
        let times = if self.moods.cheats { 3 } else { 1 };
        while now.mono_ns >= life.act_ns {
            life.act_ns = (life.act_ns + TICK_NS).max(now.mono_ns.saturating_sub(4 * TICK_NS));
            for _ in 0..times {
                act(life, &mut self.mind, now, scene, ears.tick, is_newest);
            }
            misbehave(life, self.moods, ears.tick);
        }
        let (line, mut buf) = (&mut self.line, [0; 1_500]);
        let life = &mut self.lives[at];
        while let Some(transmit) = life.client.poll_transmit(now, &mut buf) {
            let datagram = &buf[..transmit.len];
            ears.nonces.on_client(life.token, datagram)?;
            line.send_up(ns, life.seat, datagram);
        }
        Ok(())
    }

    /// Lives that are over are forgotten, and another one begins when the newest is.
    fn bury(&mut self, ns: u64, ears: &mut Ears<'_>) {
        let patience_ns = self.plan.patience_ns;
        let is_stalled = self.moods.is_stalled;
        if let Some(life) = self.lives.last()
            && self.knock_ns.is_none()
            && !is_stalled
        {
            let (quiet_ns, is_over) = (ns.saturating_sub(life.heard_ns), matches!(life.phase, Phase::Over(_)));
            let most_ns = if life.phase == Phase::In { patience_ns } else { KNOCK_NS };
            // Whoever waits in the queue hears nothing but that the session lives.
            let is_given_up = if life.phase == Phase::Queued { life.is_silent } else { quiet_ns > most_ns };
            if is_given_up && !is_over && !life.is_refused {
                let Life { token, phase, is_silent, .. } = *life;
                ears.given_up.push(GivenUp { person: self.number, token, phase, quiet_ns, is_silent });
            }
            if is_given_up || is_over {
                // Whoever gives up closes all windows, and opens another.
                let kept = usize::from(is_over);
                self.lives.drain(..self.lives.len() - kept).for_each(|life| ears.nonces.forget(life.token));
            }
            if is_over || is_given_up {
                self.knock_ns = Some(ns + if is_over { PAUSE_NS } else { 0 });
            }
        }
        let knocks = self.knock_ns.is_some();
        self.lives.retain(|life| {
            let is_kept = !matches!(life.phase, Phase::Over(_)) || life.client.poll_timeout().is_some() && !knocks;
            if !is_kept {
                ears.nonces.forget(life.token);
            }
            is_kept
        });
    }
}

/// One client tick.
fn act(life: &mut Life, mind: &mut Mind, now: Now, scene: &Scene, tick: u32, is_newest: bool) {
    if life.phase != Phase::In || !is_newest {
        return life.client.push_input(now, Input::default());
    }
    let (input, command) = mind.act(&life.client, &mut life.sheet, scene);
    life.client.push_input(now, input);
    if let Some(command) = command
        && let Ok(number) = life.client.command(command)
    {
        life.commands.insert(number, tick);
    }
    if mind.wants_echo() {
        ask(life, tick);
    }
    if mind.wants_shot()
        && let Some((_, own)) = life.client.own()
    {
        let view = protocol::ViewTick { tick: life.client.newest_tick(), fraction: 0 };
        let _ = life.client.shoot(view, own.yaw << 4, 0);
    }
    if life.client.server_tick(now).is_some() && tick.is_multiple_of(4) {
        life.client.view(now).for_each(drop);
        let _ = life.client.own_view(now);
    }
}

fn ask(life: &mut Life, tick: u32) {
    let number = life.echoes.0;
    if life.client.send(&ClientMessage::Echo { number }).is_ok() {
        life.echoes.0 += 1;
        life.asked.push_back(tick);
    }
}

/// What no honest client does. That a queue is full is no reason to stop.
fn misbehave(life: &mut Life, moods: Moods, tick: u32) {
    if life.phase != Phase::In {
        return;
    }
    if moods.floods {
        life.has_flooded = true;
        (0..FLOOD).for_each(|_| ask(life, tick));
        for _ in 0..FLOOD / 4 {
            if let Ok(number) = life.client.command(protocol::Command::Stop) {
                life.commands.insert(number, u32::MAX);
            }
        }
        let _ = life.client.send(&ClientMessage::Resync);
    }
    if moods.cheats {
        let claim = Claim { tick: life.client.newest_tick(), digest: 1, believed: Some((0, [i32::MAX, 0, 0])) };
        let _ = life.client.send(&ClientMessage::Claim(claim));
        let _ = life.client.send(&ClientMessage::Place { x_units: 5, y_units: 5 });
    }
}

/// Where the person of this number sits, at this seat.
#[must_use]
pub fn address(number: usize, network: u8, seat: u16) -> SocketAddr {
    SocketAddr::from(([10, network, (number >> 8) as u8, number as u8], 4_000 + seat))
}
