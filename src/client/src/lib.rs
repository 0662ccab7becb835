//! The other end: connect, keep what the server shows, say what the player wants. Sans-IO.
//!
//! The run loop, once per wake: every datagram into [`Client::handle_datagram`]; [`Client::handle_timeout`] when
//! [`Client::poll_timeout`] is due; [`Client::push_input`] once per client tick; then [`Client::poll_event`] and
//! [`Client::poll_transmit`] until both are empty, events first.
//!
//! Who draws what he sees asks for a [`screen`](Client::enable_screen) once. It tells when the next input is due
//! ([`Client::poll_input_due`]), and for each frame where the others ([`Client::view`]) and he himself
//! ([`Client::own_view`]) are to be drawn. Without one nothing is paid for it.
mod among;
mod clock;
mod curve;
#[cfg(feature = "driver")]
pub mod driver;
mod experience;
mod face;
#[doc(hidden)]
pub mod fuzz;
mod hears;
mod lead;
mod marks;
mod ordering;
mod pace;
mod prediction;
mod presence;
mod screen;
mod smoothing;
mod store;
mod told;
mod track;
mod turn;

pub use among::Among;
pub use clock::LATENESS_NS_MAX;
pub use ordering::{EventOrder, OrderCounters};
pub use presence::Seen;
pub use screen::{OwnShown, Pose, ScreenStats, Shown};
pub use smoothing::{FRAME_M_MAX, SNAP_M};
pub use store::{SnapshotStore, StoreCounters, StoreError};
pub use told::Told;
pub use track::{Certainty, EXTRAPOLATION_TICKS};

use experience::Ledger;
use marks::MarksKept;
use pace::Pace;
use protocol::event::Shoot;
use protocol::input::{INPUT_MESSAGE_BYTES_MAX, INPUTS_PER_MESSAGE, InputMessage};
use protocol::message::{Claim, ClientMessage, ServerMessage, Welcome};
use protocol::unit::unit_of;
use protocol::{
    Command, Custom, EntityKind, EntityState, GameEvent, Input, NetId, OwnState, RosterStep, Tick, ViewTick, codec,
    motion,
};
use rudp::time::{NS_PER_S, Now};
use rudp::{Reason, SendError, Transmit, channel};
use screen::Screen;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What a client needs to know.
#[derive(Debug)]
pub struct ClientConfig {
    /// Lets it in, once, soon.
    pub token: rudp::ConnectToken,
    /// Which cipher code to run.
    pub seal: rudp::Backend,
    /// Stands for the map and other content that this client computes with; 0 if it holds none.
    pub content_hash: u64,
}

/// What happened, in order.
#[derive(Clone, Debug)]
pub enum ClientEvent {
    /// In the world, under these terms.
    Joined(Welcome),
    /// The own player's state.
    Own {
        /// Of which tick.
        tick: Tick,
        /// What.
        state: OwnState,
    },
    /// Somebody came into view.
    Enter {
        /// In which tick.
        tick: Tick,
        /// Who.
        id: NetId,
        /// What sort.
        kind: EntityKind,
    },
    /// Somebody's state; also right after an enter.
    Update {
        /// Of which tick; not necessarily newer than the last one told.
        tick: Tick,
        /// Whose.
        id: NetId,
        /// What.
        state: EntityState,
    },
    /// Somebody went out of view.
    Leave {
        /// In which tick.
        tick: Tick,
        /// Who.
        id: NetId,
        /// What sort it was.
        kind: EntityKind,
    },
    /// Something happened: behind the states of its tick, exactly once and in order. Who draws the past puts it into an
    /// [`EventOrder`] of his own until he draws that tick.
    Event {
        /// In which tick.
        tick: Tick,
        /// What.
        event: GameEvent,
    },
    /// A message on a reliable channel, other than the welcome, events and the two that follow.
    Message(ServerMessage),
    /// An operator, or the server itself, has this to say to the player: to be shown.
    Notice(String),
    /// The world is full, or lets nobody in at present: the client is in the queue, at this place of so many; the first is 1.
    Queued {
        /// Which place.
        place: u16,
        /// How many wait.
        of: u16,
    },
    /// The server is not heard any more; the session is held for two minutes.
    Silent,
    /// The server was heard again; the session goes on.
    Resumed,
    /// The session is over; nothing follows.
    Disconnected(Reason),
}

/// Figures for whoever watches a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientStats {
    /// The transport's own.
    pub transport: rudp::ConnectionStats,
    /// Of the snapshots.
    pub store: StoreCounters,
    /// Of the events.
    pub order: OrderCounters,
    /// Times everything was asked for anew.
    pub resyncs: u64,
    /// Server messages that did not decode.
    pub messages_malformed: u64,
    /// Reports of how the game goes that were sent.
    pub reports: u64,
}

/// One connection to one server.
pub struct Client {
    transport: rudp::Client,
    store: SnapshotStore,
    screen: Option<Box<Screen>>,
    welcome: Option<Welcome>,
    events: VecDeque<ClientEvent>,
    /// Newest first.
    inputs: [Input; INPUTS_PER_MESSAGE],
    inputs_len: usize,
    input_number: u16,
    shot_number: u16,
    command_number: u16,
    /// Events whose tick has not been shown yet.
    order: EventOrder,
    marks: MarksKept,
    ledger: Ledger,
    pace: Pace,
    queued: Option<(u16, u16)>,
    reports: u64,
    resync_after_ns: u64,
    resyncs: u64,
    messages_malformed: u64,
    scratch: Vec<u8>,
}

/// spec: CMD-4. Inputs from one claim to the next: a second.
const CLAIM_INPUTS: u16 = 60;
/// A client that lost its bearings asks for everything anew at most once in this time: the answer takes a round trip.
const RESYNC_PAUSE_NS: u64 = NS_PER_S;
/// spec: MSG-4. How long an event waits for a snapshot of its tick: 250 ms, two and a half of them at the lowest rate.
const EVENT_PATIENCE_NS: u64 = NS_PER_S / 4;

impl Client {
    /// Starts to connect; the first datagram is ready at once.
    #[must_use]
    pub fn new(config: ClientConfig, now: Now) -> Self {
        let hello = rudp::Hello {
            version_min: rudp::INNER_VERSION,
            version_max: rudp::INNER_VERSION,
            channel_hash: rudp::ChannelTable::GAME.hash(),
            motion_hash: motion::hash(),
            content_hash: config.content_hash,
        };
        let transport = rudp::ClientConfig { seal: config.seal, ..rudp::ClientConfig::new(config.token, hello) };
        Self {
            transport: rudp::Client::new(transport, now),
            store: SnapshotStore::default(),
            screen: None,
            welcome: None,
            events: VecDeque::new(),
            inputs: [Input::default(); INPUTS_PER_MESSAGE],
            inputs_len: 0,
            input_number: 0,
            shot_number: 0,
            command_number: 0,
            order: EventOrder::new(EVENT_PATIENCE_NS),
            marks: MarksKept::default(),
            ledger: Ledger::default(),
            pace: Pace::default(),
            queued: None,
            reports: 0,
            resync_after_ns: 0,
            resyncs: 0,
            messages_malformed: 0,
            scratch: Vec::new(),
        }
    }

    /// A datagram arrived; it is opened in place.
    pub fn handle_datagram(&mut self, now: Now, from: SocketAddr, datagram: &mut [u8]) {
        self.transport.handle_datagram(now, from, datagram);
        self.drain_transport(now, plainly);
    }

    /// As [`Self::handle_datagram`], for one of many clients in a process, none of which has a screen: what a snapshot says
    /// of others is told at once and is no event, and what another client has read is not read again. Behind events that
    /// nobody has asked for yet it is an event all the same, for the order's sake.
    ///
    /// # Panics
    /// If the client has a screen, which lives on events.
    pub fn handle_datagram_among(
        &mut self,
        now: Now,
        from: SocketAddr,
        datagram: &mut [u8],
        among: &mut Among,
        told: &mut impl Told,
    ) {
        assert!(self.screen.is_none(), "a screen lives on events");
        self.transport.handle_datagram(now, from, datagram);
        self.drain_transport(now, |store, part, events| match events.is_empty() {
            true => store.apply(part, Some(among), told),
            false => store.apply(part, Some(among), events),
        });
    }

    /// The deadline of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.transport.handle_timeout(now);
        self.drain_transport(now, plainly);
    }

    /// Our own address has changed, as far as the caller can tell: the server is told at once. Without this call it is
    /// told after half a second in which nothing of it arrived.
    pub fn handle_address_change(&mut self, now: Now) {
        self.transport.handle_address_change(now);
    }

    /// When [`Self::handle_timeout`] wants to be called next, in nanoseconds of the monotonic clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let deadlines = [self.transport.poll_timeout(), self.order.deadline_ns()];
        deadlines.into_iter().flatten().min()
    }

    /// The newest round trip, in nanoseconds; 0 before the first.
    #[must_use]
    pub fn rtt_latest_ns(&self) -> u64 {
        self.transport.stats().rtt_latest_ns
    }

    /// A turn of this client comes soon: for who drives so many that none stays near (see [`rudp::Client::expect`]).
    pub fn expect(&self, prefetch: rudp::Prefetch) {
        self.transport.expect(prefetch);
        self.store.expect(prefetch);
    }

    /// The next datagram to send, written into `buf`.
    pub fn poll_transmit(&mut self, now: Now, buf: &mut [u8]) -> Option<Transmit> {
        self.transport.poll_transmit(now, buf)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        if self.events.is_empty() {
            // The next event is written where the last one was, which is near, and not one place further round the ring.
            self.events.clear();
        }
        self.events.pop_front()
    }

    /// What the player wants in this client tick. Sent with the inputs before it, or with the next one by a server that is
    /// short of time; ignored before the welcome.
    pub fn push_input(&mut self, now: Now, input: Input) {
        self.transport.on_tick_edge(now);
        if self.welcome.is_none() {
            return;
        }
        if self.transport.is_silent() {
            // Nobody will ever use it; and numbers that ran on for minutes would be taken for old ones afterwards.
            self.inputs_len = 0;
            if let Some(screen) = &mut self.screen {
                screen.interrupt();
            }
            return;
        }
        self.inputs.rotate_right(1);
        self.inputs[0] = input;
        self.inputs_len = (self.inputs_len + 1).min(INPUTS_PER_MESSAGE);
        self.input_number = self.input_number.wrapping_add(1);
        if let Some(screen) = &mut self.screen {
            screen.on_input(now.mono_ns, self.input_number, input);
        }
        if self.input_number.is_multiple_of(CLAIM_INPUTS) {
            self.claim();
        }
        self.report(now);
        if self.pace.sends(self.input_number) {
            self.send_inputs();
        }
    }

    fn send_inputs(&mut self) {
        if self.inputs_len == 0 {
            return;
        }
        let message = InputMessage::new(self.input_number, &self.inputs[..self.inputs_len]);
        let mut buf = [0; INPUT_MESSAGE_BYTES_MAX];
        let len = message.encode(&mut buf);
        // An input that cannot be queued is superseded by the next one, which carries it along.
        let _ = self.transport.send(channel::INPUT, &buf[..len]);
    }

    /// spec: CMD-4. Says what is held of the own player. Whether it can be queued does not matter: the next one is as good.
    fn claim(&mut self) {
        let Some((tick, own)) = self.own() else { return };
        let predicted = self.screen.as_ref().and_then(|screen| screen.predicted());
        let believed = predicted.map(|body| (self.input_number, [body.x, body.y, body.z].map(unit_of)));
        let _ = self.send(&ClientMessage::Claim(Claim { tick, digest: own.digest(), believed }));
    }

    /// spec: MSG-5. Says how the last second went, when it is time to. One that cannot be queued is not made up for.
    fn report(&mut self, now: Now) {
        let rtt_ns = self.transport.stats().rtt_smoothed_ns;
        let shown = self.screen.as_ref().map(|screen| screen.stats());
        if let Some(experience) = self.ledger.on_input(now.mono_ns, self.input_number, shown, rtt_ns) {
            self.reports += u64::from(self.send(&ClientMessage::Report(experience)).is_ok());
        }
    }

    /// Has the player do something. Answers the number under which the outcome will be told
    /// ([`ServerMessage::Done`]).
    ///
    /// # Errors
    /// [`SendError`] when the channel's queue is full or the session is not up.
    pub fn command(&mut self, command: Command) -> Result<u16, SendError> {
        let number = self.command_number;
        self.send(&ClientMessage::Do { number, command })?;
        self.command_number = number.wrapping_add(1);
        Ok(number)
    }

    /// Does something with the characters of one's account, if the token leaves the choice to its bearer: then a
    /// [`ServerMessage::Roster`] comes first, which lists them. Answers the number under which the outcome will be told, as
    /// [`Self::command`] does. After a [`RosterStep::Play`] that is done the welcome follows.
    ///
    /// # Errors
    /// [`SendError`] when the channel's queue is full or the session is not up.
    ///
    /// # Panics
    /// If a name is longer than a message may be; [`protocol::character::is_name`] tells before whether it is one at all.
    pub fn roster(&mut self, step: RosterStep) -> Result<u16, SendError> {
        let number = self.command_number;
        self.send(&ClientMessage::Roster { number, step })?;
        self.command_number = number.wrapping_add(1);
        Ok(number)
    }

    /// The player shoots along `yaw` and `pitch` (65,536 to a turn, see [`Shoot`]) at what he was shown at `view`, from
    /// where the inputs pushed so far bring him. Answers the number under which the outcome will be told.
    ///
    /// On the event channel, which is reliable: a shot must count once, and what a loss delays is judged all the same by
    /// the moment it names. Messages as short as this one ride in every packet while packets are lost, so a lost one
    /// costs a tick.
    ///
    /// # Errors
    /// [`SendError`] when the channel's queue is full or the session is not up.
    pub fn shoot(&mut self, view: ViewTick, yaw: u16, pitch: u16) -> Result<u16, SendError> {
        if !self.pace.sends(self.input_number) {
            // The server has to know where the player stood.
            self.send_inputs();
        }
        let number = self.shot_number;
        let shoot = Shoot { number, input: self.input_number, view, yaw, pitch };
        codec::encode(&ClientMessage::Shoot(shoot), &mut self.scratch);
        self.transport.send(channel::EVENT, &self.scratch)?;
        self.shot_number = number.wrapping_add(1);
        Ok(number)
    }

    /// Sends a message on the control channel.
    ///
    /// # Errors
    /// [`SendError`] when the channel's queue is full or the session is not up.
    pub fn send(&mut self, message: &ClientMessage) -> Result<(), SendError> {
        codec::encode(message, &mut self.scratch);
        self.transport.send(channel::CONTROL, &self.scratch)
    }

    /// Queues bytes on the bulk channel; answers how many were taken from the front.
    ///
    /// # Errors
    /// [`SendError`] when not a byte fits or the session is not up.
    pub fn send_bulk(&mut self, bytes: &[u8]) -> Result<usize, SendError> {
        self.transport.send_bulk(channel::BULK, bytes)
    }

    /// A transfer ends with the bytes queued so far.
    ///
    /// # Errors
    /// [`SendError`] when the queue is full or the session is not up.
    pub fn end_bulk(&mut self) -> Result<(), SendError> {
        self.transport.end_bulk(channel::BULK)
    }

    /// The next chunk of what the server streams. While nobody asks, the server sends a window's worth and waits.
    pub fn read_bulk(&mut self) -> Option<rudp::BulkChunk<'_>> {
        self.transport.read_bulk(channel::BULK)
    }

    /// Leaves. That it is over is the last event, as whenever it is.
    pub fn disconnect(&mut self, now: Now) {
        self.transport.disconnect(now, Reason::UserQuit);
        self.drain_transport(now, plainly);
    }

    /// The terms, once in the world.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// The place in the queue, from 1, and how many wait there, as last told; none of who does not wait.
    #[must_use]
    pub fn queued(&self) -> Option<(u16, u16)> {
        self.queued
    }

    /// The newest own state.
    #[must_use]
    pub fn own(&self) -> Option<(Tick, OwnState)> {
        self.store.own()
    }

    /// The newest tick of which anything was told.
    #[must_use]
    pub fn newest_tick(&self) -> Tick {
        self.store.newest()
    }

    /// Everybody in view, in slot order.
    pub fn entities(&self) -> impl Iterator<Item = (NetId, Seen)> {
        self.store.entities()
    }

    /// One entity, if it is in view.
    #[must_use]
    pub fn sees(&self, id: NetId) -> Option<Seen> {
        self.store.sees(id)
    }

    /// What the server's own game shows of somebody in view, or of the player himself.
    #[must_use]
    pub fn marks(&self, id: NetId) -> &[Custom] {
        self.marks.of(id)
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        ClientStats {
            transport: *self.transport.stats(),
            store: self.store.counters,
            order: self.order.counters,
            resyncs: self.resyncs,
            messages_malformed: self.messages_malformed,
            reports: self.reports,
        }
    }

    /// `apply` reads a part into the store; see [`SnapshotStore::apply`].
    fn drain_transport(
        &mut self,
        now: Now,
        mut apply: impl FnMut(&mut SnapshotStore, &[u8], &mut VecDeque<ClientEvent>) -> Result<bool, StoreError>,
    ) {
        let mut lost_bearings = false;
        while let Some(event) = self.transport.poll_event() {
            match event {
                rudp::ClientEvent::Message { sequence, channel: channel::SNAPSHOT, bytes } => {
                    let (told_before, newest_before) = (self.events.len(), self.store.shown());
                    let decoded = match &self.welcome {
                        Some(_) => {
                            let applied = apply(&mut self.store, bytes, &mut self.events);
                            if let (Ok(true), Some((tick, state))) = (applied, self.store.own()) {
                                self.events.push_back(ClientEvent::Own { tick, state });
                            }
                            self.order.release(self.store.shown(), now.mono_ns, &mut self.events);
                            applied
                        }
                        None => Err(StoreError::NotWelcome),
                    };
                    if self.store.shown() > newest_before {
                        self.ledger.on_snapshot(now.mono_ns);
                        self.pace.on_snapshot(self.store.shown().since(newest_before));
                    }
                    if let Some(screen) = &mut self.screen {
                        self.events.iter().skip(told_before).for_each(|event| screen.on_event(now.mono_ns, event));
                    }
                    // spec: SNP-2
                    if let Err(error) = decoded {
                        self.transport.refuse_packet(sequence);
                        lost_bearings |= error.needs_resync();
                    }
                }
                rudp::ClientEvent::Message { bytes, .. } => match codec::decode(bytes) {
                    Ok(message) => self.on_message(now, message),
                    Err(_) => self.messages_malformed += 1,
                },
                rudp::ClientEvent::Silent => self.events.push_back(ClientEvent::Silent),
                rudp::ClientEvent::Resumed => self.events.push_back(ClientEvent::Resumed),
                rudp::ClientEvent::Disconnected { reason } => {
                    self.order.release(Tick(u32::MAX), now.mono_ns, &mut self.events);
                    self.events.push_back(ClientEvent::Disconnected(reason));
                }
                _ => {}
            }
        }
        self.order.release(self.store.shown(), now.mono_ns, &mut self.events);
        if lost_bearings && now.mono_ns >= self.resync_after_ns && self.send(&ClientMessage::Resync).is_ok() {
            self.resync_after_ns = now.mono_ns + RESYNC_PAUSE_NS;
            self.resyncs += 1;
        }
    }
}

/// Reads a part for who asks for events.
fn plainly(store: &mut SnapshotStore, part: &[u8], events: &mut VecDeque<ClientEvent>) -> Result<bool, StoreError> {
    store.apply(part, None, events)
}
