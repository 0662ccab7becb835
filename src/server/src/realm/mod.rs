//! The realm: the world thread's machine. Inputs in; one tick; snapshots, saves and figures out.
//!
//! A turn is: [`Realm::handle_completion`] for whatever the persistence thread finished, [`Realm::tick`] with the batches
//! that the gate left, [`Realm::poll_store`] until none. It never waits for anything.

mod admission;
mod capture;
mod choosing;
mod chronicle;
mod config;
mod door;
mod encode;
mod events;
mod evidence;
mod experience;
mod inbox;
mod inspect;
mod interest;
mod judge;
mod kinds;
mod ladder;
mod lobby;
mod long;
mod marks;
mod operate;
mod origin;
mod phase;
mod places;
mod player;
mod priority;
mod profile;
mod relevance;
mod rotation;
mod shots;
mod snapshot;
mod status;
mod store;
mod tell;
mod turnover;
mod view;
mod waiting;
mod world;

pub(crate) use admission::character_of;
pub use admission::nameless;
pub use capture::{Captured, ResumeError};
pub use chronicle::{CHRONICLE_MAX, Chronicle, Chronicled, Matter};
pub use config::RealmConfig;
pub use evidence::{Action, Policy, SUSPICIONS, Suspicion};
pub use experience::Experienced;
pub use inspect::Shown;
pub use judge::{Accused, Incident};
pub use ladder::{LadderConfig, Step};
pub use lobby::is_made_here;
pub use operate::{Operation, PersonRow, Standing};
pub use origin::{Origin, SavedWorld};
pub use phase::{FROM as REALM_PARTS_FROM, REALM_PARTS};
pub use places::{PLACES_MAX, Place};
pub use relevance::{KindRadii, Radii};
pub use status::RealmStatus;
pub use store::{CommitError, Enrolled, Found, LoadError, Saved, StoreDone, StoreJob};
pub use tell::Task;

use crate::SessionId;
use crate::crew::HANDS_MAX;
use crate::inbound::{Inbound, SessionEvent};
use crate::outbound::Outbound;
use door::Door;
use events::Happened;
use game::content::Content;
use game::{Game, GameConfig, Probe, Survey};
use ladder::Ladder;
use lobby::{Heard, Lobby};
use origin::Beginning;
use player::{PlayerTable, Stage};
use protocol::message::{ClientMessage, ServerMessage};
use protocol::unit::TICK_RATE_HZ;
use protocol::{CharacterId, Command, NetId, Refusal, Tick};
use relevance::Sight;
use rudp::time::Now;
use rudp::token::Role;
use rudp::{Reason, channel};
pub(crate) use shots::PLAYERS_MAX;
use shots::Shots;
use std::collections::VecDeque;
use std::sync::Arc;
use store::Store;
use tell::{Desk, Report};

/// Everything in view is told anew once in so many ticks at most, half a second. A client asks once in a second at most
/// (SNP-2) and has the answer a round trip later. A loss may bring two requests closer together: then the second was sent
/// before the first was answered, and whoever still cannot follow asks again.
const RESYNC_PAUSE_TICKS: u32 = TICK_RATE_HZ / 2;
/// Commands of a player that are carried out in one tick; those beyond are refused. Fingers are slower, and what a lost
/// datagram held up arrives together.
const ORDERS_PER_TICK_MAX: u32 = 16;
/// Ids for each mob that is to live: it, those who lie dead or whose ids wait to be reused, and what they left.
const ENTITIES_PER_MOB: usize = 8;
/// Entities there may be for each player, to bound net ids: the player, one whose id waits to be reused, and as many things.
const ENTITIES_PER_PLAYER: usize = 4;

/// The world thread's machine.
pub struct Realm {
    config: RealmConfig,
    sight: Sight,
    game: Game,
    players: PlayerTable,
    lobby: Lobby,
    door: Door,
    /// Why nobody is let in, if so.
    joins_paused: Option<Reason>,
    /// The most players that there will ever be room for: those of the start, and their queue.
    places: usize,
    store: Store,
    /// One for each hand that shares in telling everybody.
    desks: Vec<Desk>,
    /// What all hands but the first have written.
    arenas: Vec<Outbound>,
    shots: Shots,
    chronicle: Chronicle,
    /// Who went beyond a limit of the policy, until somebody asks.
    incidents: VecDeque<Incident>,
    /// What an operator wants, until the coming tick.
    operations: Vec<Operation>,
    ladder: Ladder,
    /// Who watches where the time goes.
    probe: Option<Arc<dyn Probe>>,
    /// Those to be suspected of something; kept for its memory.
    suspects: Vec<SessionId>,
    /// What happened in this tick.
    happened: Happened,
    /// What became of parts, as the gate has said since the last tick.
    reports: Vec<Report>,
    /// By row: how many viewers have a slot that names this entity.
    named_by: Vec<u32>,
    /// Entities that are gone but still named by some viewer's slot.
    departed: Vec<NetId>,
    /// When the tick under way began.
    now_ns: u64,
    origin: Origin,
    /// When the world is saved next; none before the first tick.
    world_due_ns: Option<u64>,
    /// An image of it in the making, and how far in the journal it has come.
    survey: Option<(u64, Survey)>,
    /// Nobody will come any more.
    is_closing: bool,
    /// The last image is made.
    is_left: bool,
    status: RealmStatus,
}

impl Realm {
    /// A world with nobody in it.
    #[must_use]
    pub fn new(config: RealmConfig) -> Self {
        let beginning = Beginning::of(&config, Self::world_of(&config));
        Self::begun(config, beginning)
    }

    /// What a world is made of.
    fn world_of(config: &RealmConfig) -> GameConfig {
        let places = config.players_max + config.queue_max;
        assert!(places <= PLAYERS_MAX, "at most {PLAYERS_MAX} players and people who wait");
        let mobs: usize = config.content.places.spawns.iter().map(|spawn| usize::from(spawn.count)).sum();
        let entities_max = (places * ENTITIES_PER_PLAYER + mobs * ENTITIES_PER_MOB).min(usize::from(u16::MAX));
        GameConfig {
            seed: config.seed,
            map: config.map.clone(),
            content: config.content.clone(),
            incarnation: config.incarnation,
            entities_max,
        }
    }

    /// Around a world at its beginning, or one that goes on.
    fn begun(config: RealmConfig, beginning: Beginning) -> Self {
        assert!(config.save_interval_ns > 0, "checkpoints need an interval");
        let hands = config.crew.hands();
        assert!((1..=HANDS_MAX).contains(&hands), "1 to {HANDS_MAX} hands");
        let Beginning { game, ground_left_out, departed, origin } = beginning;
        Self {
            sight: Sight::new(&config),
            game,
            players: PlayerTable::default(),
            lobby: Lobby::new(config.incarnation),
            door: Door::new(config.queue_max),
            joins_paused: None,
            places: config.players_max + config.queue_max,
            store: Store::new(config.journal_seq),
            desks: (0..hands).map(|_| Desk::new(&config)).collect(),
            arenas: (1..hands).map(|_| Outbound::default()).collect(),
            shots: Shots::default(),
            happened: Happened::default(),
            chronicle: Chronicle::default(),
            incidents: VecDeque::new(),
            operations: Vec::new(),
            ladder: Ladder::new(config.ladder),
            probe: None,
            suspects: Vec::new(),
            reports: Vec::new(),
            named_by: Vec::new(),
            departed,
            now_ns: 0,
            origin,
            world_due_ns: None,
            survey: None,
            is_closing: false,
            is_left: false,
            status: RealmStatus { ground_left_out, ..RealmStatus::default() },
            config,
        }
    }

    /// The persistence thread finished something.
    pub fn handle_completion(&mut self, done: StoreDone) {
        match done {
            StoreDone::Loaded { character, found } if self.lobby.waits_for(character) => {
                self.lobby.heard.push_back(Heard::Loaded { character, found });
            }
            StoreDone::Roster { account, found } => self.lobby.heard.push_back(Heard::Roster { account, found }),
            // Who asked has gone in the meantime.
            StoreDone::Loaded { character, .. } if self.players.of_character(character).is_none() => {
                self.store.leave(character);
            }
            StoreDone::Left { .. } => {}
            StoreDone::Loaded { character, found } => {
                let found = found.map(|found| self.store.newest(character, found));
                self.players.on_loaded(character, found);
            }
            StoreDone::Committed { id, seq, refused } => {
                self.store.on_committed(seq, refused.is_some());
                if self.lobby.is_under_way(id) {
                    return self.lobby.heard.push_back(Heard::Committed { id, refused });
                }
                self.game.settle(id, refused.is_none());
            }
            StoreDone::Saved { character, revision } => {
                let in_world = self.players.of_character(character).is_some();
                self.store.on_saved(character, revision, in_world);
            }
            StoreDone::Failed { character, revision, .. } => {
                self.store.on_failed(character, revision, self.now_ns);
            }
            StoreDone::WorldSaved { refused } => self.store.on_world_saved(refused.is_some()),
        }
    }

    /// Advances the world by one tick. Batches are emptied; `out` is added to.
    pub fn tick(&mut self, now: Now, inbound: &mut [Inbound], out: &mut Outbound) {
        self.now_ns = now.mono_ns;
        self.enter(phase::INBOX);
        self.carry_out_operations(out);
        self.hear_lobby(out);
        for batch in inbound.iter_mut() {
            self.drain(batch, out);
        }
        self.enter(phase::ADMIT);
        self.admit_waiting(out);
        self.admit_loaded(out);
        self.apply_inputs();
        self.game.tick();
        self.enter(phase::HEAR);
        self.game.take_transactions().into_iter().for_each(|transaction| self.store.commit(transaction));
        self.note_ended();
        self.judge_beliefs(out);
        self.happened.begin();
        self.hear_game();
        self.carry_out_shots(out);
        self.happened.end(self.game.now());
        self.enter(phase::OWN);
        self.tell_own(out);
        self.judge_refusals(out);
        self.enter(phase::TELL);
        self.tell_everyone(out);
        self.enter(phase::SAVE);
        self.save_due();
        self.save_world_due();
        self.enter(phase::STATUS);
        self.recycle();
        self.update_status();
    }

    /// The next job for the persistence thread.
    pub fn poll_store(&mut self) -> Option<StoreJob> {
        self.store.poll(self.now_ns)
    }

    /// Whether nobody is in and nothing waits to be saved.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_vacated() && self.is_left_behind()
    }

    /// Plays by other content from the coming tick on; it follows the one in force.
    pub fn set_content(&mut self, content: Arc<Content>) {
        self.config.content = content.clone();
        self.game.set_content(content);
    }

    /// What matters of what happened.
    #[must_use]
    pub fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    /// The realm's own figures, as of the last tick.
    #[must_use]
    pub fn status(&self) -> &RealmStatus {
        &self.status
    }

    /// Stands for the whole simulation state; equal seeds and inputs give equal hashes.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.game.hash()
    }

    fn drain(&mut self, batch: &mut Inbound, out: &mut Outbound) {
        for event in batch.events.drain(..) {
            match event {
                SessionEvent::Joined { session, user } => self.on_joined(session, user, out),
                SessionEvent::Message { session, message } => self.on_message(session, &message, out),
                SessionEvent::Silent { session } => self.on_presence(session, true),
                SessionEvent::Resumed { session } => self.on_presence(session, false),
                SessionEvent::Left { session, reason } => self.on_ended(session, reason),
            }
        }
        self.reports.append(&mut batch.reports);
        for (session, input) in batch.inputs.drain(..) {
            let Some(player) = self.players.find(session) else {
                self.on_stray(session);
                continue;
            };
            let before = player.inbox.newest();
            player.inbox.insert(&input);
            let new = before.zip(player.inbox.newest()).map_or(0, |(before, newest)| newest.wrapping_sub(before));
            if player.pace.count(new.into(), self.now_ns) {
                self.suspect(session, Suspicion::Inputs, out);
            }
        }
        for (session, bytes) in batch.budgets.drain(..) {
            match self.players.find(session) {
                Some(player) => player.grant(bytes),
                // A guest is told nothing that has a budget, and who waits neither.
                None if self.lobby.find(session).is_some() || self.door.has(session) => {}
                None => self.status.stale += 1,
            }
        }
    }

    fn on_message(&mut self, session: SessionId, message: &ClientMessage, out: &mut Outbound) {
        let Some(player) = self.players.find(session) else { return self.on_guest_message(session, message, out) };
        // spec: MSG-2
        match *message {
            ClientMessage::Echo { number } => {
                out.message(session, channel::CONTROL, &ServerMessage::Echo { number });
                #[cfg(feature = "faults")]
                if self.config.fault == Some(crate::Fault::DoubleMessage) && number % 20 == 3 {
                    out.message(session, channel::CONTROL, &ServerMessage::Echo { number });
                }
            }
            ClientMessage::Resync if self.game.now() < player.resync_from => {
                self.status.resyncs_refused += 1;
                self.suspect(session, Suspicion::Flood, out);
            }
            ClientMessage::Resync => {
                player.view.resync();
                player.resync_from = Tick(self.game.now().0.saturating_add(RESYNC_PAUSE_TICKS));
                self.status.resyncs += 1;
            }
            ClientMessage::Place { x_units, y_units } => match (player.role, player.stage) {
                (Role::Operator, Stage::Playing(id)) => self.game.place_player(id, x_units, y_units),
                _ => self.status.refused += 1,
            },
            ClientMessage::Ask { id } => self.on_ask(session, id, out),
            ClientMessage::Claim(claim) => self.on_claim(session, &claim, out),
            ClientMessage::Do { number, command } => self.on_order(session, number, command, out),
            ClientMessage::Roster { number, .. } => {
                // spec: CHR-2
                self.refuse_step(session, number, Refusal::NotUsable, out);
                self.suspect(session, Suspicion::Flood, out);
            }
            ClientMessage::Report(experience) => self.on_report(session, experience, out),
            ClientMessage::Shoot(shoot) => {
                let Stage::Playing(id) = player.stage else {
                    self.status.refused += 1;
                    return;
                };
                if !self.shots.ask(id, player, shoot) {
                    self.refuse_shot(session, shoot.number, out);
                }
            }
        }
    }

    /// spec: CMD-1. Every command has an answer, also of one who is not in the world, or says more than anybody can want.
    fn on_order(&mut self, session: SessionId, number: u16, command: Command, out: &mut Outbound) {
        let result = match self.players.find(session).map(|player| (player.stage, player)) {
            Some((Stage::Playing(_), player)) if player.orders_asked >= ORDERS_PER_TICK_MAX => Err(Refusal::TooMany),
            Some((Stage::Playing(id), player)) if self.game.order(id, number, command) => {
                player.orders_asked += 1;
                Ok(())
            }
            _ => Err(Refusal::UnknownTarget),
        };
        if let Err(refusal) = result {
            self.status.orders += 1;
            self.status.orders_refused += 1;
            out.message(session, channel::CONTROL, &ServerMessage::Done { number, result: Err(refusal) });
            self.suspect(session, Suspicion::Flood, out);
        }
    }

    fn on_presence(&mut self, session: SessionId, is_silent: bool) {
        match self.players.find(session) {
            Some(player) => {
                player.is_silent = is_silent;
                if let (false, Stage::Playing(id)) = (is_silent, player.stage) {
                    self.game.tell_anew(id);
                }
            }
            // What he is told waits for him.
            None => match self.lobby.find(session) {
                Some(guest) => guest.is_silent = is_silent,
                None if self.door.on_presence(session, is_silent, self.game.now()) => {}
                None => self.status.stale += 1,
            },
        }
    }

    fn on_left(&mut self, session: SessionId) {
        self.lobby.remove(session);
        let Some(mut player) = self.players.remove(session) else { return };
        if let Stage::Playing(id) = player.stage {
            self.save(player.character, id);
            self.chronicle.write(self.game.now(), Some(player.character), Matter::Left);
            self.game.despawn(id);
            self.players.leave(id);
            self.departed.push(id);
        }
        for id in player.view.named() {
            self.named_by[id.row()] -= 1;
        }
        player.view = view::View::default();
    }

    fn apply_inputs(&mut self) {
        let (game, status) = (&mut self.game, &mut self.status);
        for player in self.players.iter_mut() {
            player.orders_asked = 0;
            if let Stage::Playing(id) = player.stage {
                match player.inbox.pop() {
                    Some(input) => game.set_input(id, input),
                    None => status.inputs_starved += 1,
                }
                status.inputs_skipped += u64::from(std::mem::take(&mut player.inbox.skipped));
            }
        }
    }

    fn save_due(&mut self) {
        let (now_ns, interval_ns) = (self.now_ns, self.config.save_interval_ns);
        let (game, store) = (&self.game, &mut self.store);
        let mut bytes = std::mem::take(&mut self.players.scratch);
        for player in self.players.iter_mut() {
            let Stage::Playing(id) = player.stage else { continue };
            if player.save_due_ns > now_ns {
                continue;
            }
            player.save_due_ns = now_ns + interval_ns;
            let Some(record) = game.record(id) else { continue };
            bytes.clear();
            record.to_bytes(&mut bytes);
            // What others are told of him says nothing of mana and cooldowns: what is saved is compared itself.
            if player.saved != bytes {
                player.saved.clone_from(&bytes);
                store.save(player.character, bytes.clone(), now_ns);
            }
        }
        self.players.scratch = bytes;
    }

    fn save(&mut self, character: CharacterId, id: NetId) {
        if let Some(record) = self.game.record(id) {
            let mut bytes = Vec::with_capacity(64);
            record.to_bytes(&mut bytes);
            self.store.save(character, bytes, self.now_ns);
        }
    }

    /// Gives back the ids that no viewer can name any more.
    fn recycle(&mut self) {
        let (game, named_by) = (&mut self.game, &self.named_by);
        self.departed.retain(|&id| {
            let named = named_by.get(id.row()).is_some_and(|&viewers| viewers > 0);
            if !named {
                game.recycle(id);
            }
            named
        });
    }

    fn update_status(&mut self) {
        let now = self.game.now();
        let status = &mut self.status;
        status.tick = now.0;
        status.players = self.players.playing();
        status.loading = self.players.len() - status.players;
        status.guests = self.lobby.len();
        status.queued = self.door.len();
        status.entities = self.game.replicas().live().len();
        status.player_ticks += status.players as u64;
        status.saves_confirmed = self.store.saves_confirmed;
        status.saves_failed = self.store.saves_failed;
        status.commits_confirmed = self.store.commits_confirmed;
        status.commits_refused = self.store.commits_refused;
        status.commits_under_way = self.store.commits_under_way();
        status.things_left_out = self.game.left_out();
        status.mobs_put_off = self.game.mobs_put_off();
        status.worlds_saved = self.store.worlds_saved;
        status.worlds_failed = self.store.worlds_failed;
        status.save_lag_ns = self.store.lag_ns(self.now_ns);
    }
}
