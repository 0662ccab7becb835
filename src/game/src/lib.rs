//! The simulation: a world advanced sixty times a second, and nothing else.
//!
//! The game holds the truth. It is told who is here and what they want ([`Game::set_input`]), advances by one tick, and
//! shows the result as dense tables ([`Replicas`]) and a spatial index ([`Quadtree`]). It reads no clock and draws no
//! randomness: the same seed, map and calls give the same [`Game::hash`] on every machine. Who may see what, and how it
//! travels, is the business of `server`.
//!
//! Each feature is one file that registers its components and systems; the order of a tick is [`Phase`].

mod ballistics;
mod bond;
mod capture;
mod carry;
mod cast;
mod chance;
pub mod content;
mod cursor;
mod effects;
mod event;
pub mod extension;
mod fight;
mod growth;
mod history;
mod image;
mod lasting;
mod ledger;
mod mobs;
mod movement;
mod order;
mod party;
mod physics;
mod player;
mod probe;
mod ray;
mod records;
mod renew;
mod replica;
#[cfg(test)]
mod rig;
mod rooms;
mod roster;
mod rulebook;
mod schedule;
mod shot;
pub mod spatial;
mod stored;
mod thing;
mod trade;
mod turn;
mod vacant;
mod whole;

pub use bond::{ALWAYS_MAX, BOSSES_MAX, Bonds, FIGHTING_MAX};
pub use capture::CapturedWorld;
pub use carry::{COINS_FORM, Drop, GroundRecord};
pub use effects::EFFECTS_MAX;
pub use event::Happening;
pub use extension::{Extension, Extensions, MarksTable, Shown};
pub use growth::{Estate, Kind, SKILLS_MAX, level_of};
pub use history::{CLAMP_TICKS, REWIND_TICKS_MAX, Rewind, Stale};
pub use image::{ImageError, WorldImage};
pub use lasting::{ITEM_COOLDOWNS_MAX, Lasting, LastingEffect};
pub use ledger::{
    AccountRow, Books, BooksError, CharacterAfter, Entry, GroundRow, Heap, Holder, Imbalance, ItemRecord, Listing,
    Posting, Row, SumsRow, Transaction, TransactionId, Way,
};
pub use order::Answer;
pub use physics::{Filter, Hit, Struck, Touch};
pub use player::SpawnError;
pub use probe::{GAME_PARTS, Part, Probe};
pub use records::{Life, PlayerRecord, RecordError};
pub use replica::{Pace, Past, Replicas};
pub use roster::ENTITIES_MAX;
pub use schedule::Phase;
pub use shot::{Aim, BODY_HEIGHT, EYE_HEIGHT, SHOT_BURST, SHOT_RANGE, ShotOutcome, Trigger};
pub use spatial::Quadtree;
pub use thing::{MOB_SPEED_MAX, SPIN_MAX, THING_SPEED_MAX, Thing};
pub use vacant::Survey;

use crate::carry::Bodies;
use crate::content::Content;
use crate::event::{Happenings, Notices};
use crate::fight::{Departed, Vitals};
use crate::image::PlayerImage;
use crate::movement::{Ground, Mobile};
use crate::order::{Answers, Orders};
use crate::party::Parties;
use crate::physics::{Strays, Within};
use crate::player::{Avatar, View, Wish};
use crate::probe::Watched;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::thing::ThingImage;
use bevy_ecs::prelude::{Entity, Resource, Schedule, World};
use protocol::motion::{self, BODY_RADIUS, Body, Gait, StaticMap};
use protocol::unit::{SUBUNIT_BITS, unit_of};
use protocol::{CharacterId, ClassId, Input, NetId, OwnState, Tick, ViewTick};
use std::sync::Arc;

/// What a game is made of.
#[derive(Clone, Debug)]
pub struct GameConfig {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// Where it takes place.
    pub map: Arc<StaticMap>,
    /// What it is filled with.
    pub content: Arc<Content>,
    /// Which start of which process this is, so that no two give out the same ids to items and transactions.
    pub incarnation: u32,
    /// Most ids in use at once, live or waiting for [`Game::recycle`]; 1..=[`ENTITIES_MAX`]. An entity costs about
    /// 1.2 KiB, of which 1 KiB is the ring of its last 64 states.
    pub entities_max: usize,
}

/// The time of the world.
#[derive(Clone, Copy, Debug, Default, Resource)]
pub struct Clock {
    pub(crate) now: Tick,
}

impl Clock {
    /// The number of the tick under way: that whose states are published at its end.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.now
    }
}

/// Decides everything that is left to chance.
#[derive(Clone, Copy, Debug, Resource)]
pub(crate) struct Seed(pub(crate) u64);

/// A world and the one way to advance it.
///
/// Between two ticks the caller spawns, despawns and sets inputs, in an order that is part of the input: ids are given
/// out in the order of the calls. Calls that name an id which is not live do nothing and answer `None`.
pub struct Game {
    world: World,
    schedule: Schedule,
    seed: u64,
    map: Arc<StaticMap>,
}

impl Game {
    /// An empty world before its first tick.
    ///
    /// # Panics
    /// If `entities_max` is out of range, or two systems touch the same thing in no stated order.
    #[must_use]
    pub fn new(config: GameConfig) -> Self {
        Self::extended(config, &Extensions::none())
    }

    /// The same, with what a game of one's own adds.
    ///
    /// # Panics
    /// As [`Game::new`], or if two extensions claim the same number or name.
    #[must_use]
    pub fn extended(config: GameConfig, extensions: &Extensions) -> Self {
        let mut world = World::new();
        let mut schedule = schedule::tick_schedule();
        world.insert_resource(Clock::default());
        world.insert_resource(Roster::new(config.entities_max));
        world.insert_resource(Bonds::new());
        world.insert_resource(Seed(config.seed));
        world.insert_resource(Rulebook(config.content));
        world.insert_resource(Orders::default());
        world.insert_resource(Answers::default());
        world.insert_resource(Happenings::default());
        world.insert_resource(Notices::default());
        world.insert_resource(Watched::default());
        player::register(&mut schedule);
        movement::register(&mut world, &mut schedule, Arc::clone(&config.map));
        ballistics::register(&mut world, &mut schedule);
        physics::register(&mut world, &mut schedule);
        spatial::register(&mut world, &mut schedule);
        effects::register(&mut schedule);
        cast::register(&mut world, &mut schedule);
        fight::register(&mut world, &mut schedule);
        mobs::register(&mut world, &mut schedule);
        party::register(&mut world, &mut schedule);
        growth::register(&mut schedule);
        ledger::register(&mut world, &mut schedule, config.incarnation);
        carry::register(&mut world, &mut schedule);
        trade::register(&mut world);
        replica::register(&mut world, &mut schedule);
        extension::register(&mut world, &mut schedule);
        extensions.build(&mut world, &mut schedule);
        if let Err(error) = schedule.initialize(&mut world) {
            panic!("the tick has no definite order: {}", error.to_string(schedule.graph(), &world));
        }
        Self { world, schedule, seed: config.seed, map: config.map }
    }

    /// Puts a player into the world: where `record` says (or the nearest free place), else at a place in the middle of
    /// the map that follows from seed, tick and character.
    ///
    /// [`Game::body`], [`Game::own`] and [`Game::record`] know it at once; it joins [`Replicas`] and [`Quadtree`] in the
    /// coming tick.
    ///
    /// # Errors
    /// [`SpawnError`] when no id or no place is left; nothing has changed then.
    pub fn spawn_player(&mut self, character: CharacterId, record: Option<&PlayerRecord>) -> Result<NetId, SpawnError> {
        self.spawn_character(character, record, &Estate::newborn(ClassId(0), 0))
    }

    /// As [`Self::spawn_player`], with what the character owns. Of a class that there is none of here it is bare.
    ///
    /// # Errors
    /// As there.
    pub fn spawn_character(
        &mut self,
        character: CharacterId,
        record: Option<&PlayerRecord>,
        estate: &Estate,
    ) -> Result<NetId, SpawnError> {
        let body = player::place(&self.map, self.seed, self.now(), character, record)?;
        let id = self.world.resource_mut::<Roster>().claim().ok_or(SpawnError::Full)?;
        let view = record.map_or_else(View::default, |r| View::new(r.yaw, r.pitch));
        let gait = Gait::default();
        self.insert_player(&PlayerImage { id, character, body, view, wish: Wish::default(), gait }, estate);
        if let Some(life) = record.and_then(|record| record.life.as_ref()) {
            growth::resume_life(&mut self.world, id, life);
        }
        Ok(id)
    }

    /// Puts something into the world that nobody plays, at this place and speed. It lives until [`Game::despawn`], a
    /// projectile at most until its life ends ([`Game::ended`]). It joins the tables in the coming tick, after it has moved
    /// for the first time.
    ///
    /// # Errors
    /// [`SpawnError`] when no id is left, or nothing can be there as this; nothing has changed then.
    pub fn spawn_thing(&mut self, body: Body, thing: Thing) -> Result<NetId, SpawnError> {
        if !thing.is_possible(&body, &self.map) {
            return Err(SpawnError::Impossible);
        }
        let id = self.world.resource_mut::<Roster>().claim().ok_or(SpawnError::Full)?;
        self.insert_thing(&ThingImage { id, body, thing });
        Ok(id)
    }

    /// spec: MSG-3. Puts a player at the free place nearest to (`x_units`, `y_units`), on the ground and at rest. Places outside the
    /// world mean its edge.
    pub fn place_player(&mut self, id: NetId, x_units: i32, y_units: i32) {
        let Some(entity) = self.entity(id) else { return };
        let (width, depth) = self.map.extent();
        let subunits = |units: i32, extent: i32| units.clamp(0, unit_of(extent)) << SUBUNIT_BITS;
        let (x, y) = self.map.nearest_free(subunits(x_units, width), subunits(y_units, depth), 0, BODY_RADIUS);
        if let Some(mut mobile) = self.world.get_mut::<Mobile>(entity) {
            mobile.0 = Body { x, y, ..Body::default() };
            self.world.resource_mut::<Strays>().0.push(id);
        }
    }

    /// Takes an entity out of the world, its tables and its index at once. Its id stays retired until
    /// [`Game::recycle`]: some client may still hold a state under that name.
    pub fn despawn(&mut self, id: NetId) {
        carry::forget(&mut self.world, id);
        self.world.resource_mut::<Orders>().forget(id);
        let Some(entity) = self.world.resource_mut::<Roster>().retire(id) else { return };
        let is_fighter = self.world.get::<Vitals>(entity).is_some();
        mobs::on_despawn(&mut self.world, entity);
        self.world.despawn(entity);
        if is_fighter {
            self.world.resource_mut::<Departed>().0.push(id);
        }
        self.world.resource_mut::<Replicas>().remove(id);
        self.world.resource_mut::<MarksTable>().forget(id);
        self.world.resource_scope::<Parties, _>(|world, mut parties| {
            parties.forget(id, &mut world.resource_mut::<Bonds>());
        });
        self.world.resource_mut::<Bonds>().forget(id);
        self.world.resource_mut::<Within>().forget(id);
        self.world.resource_mut::<Quadtree>().remove(id);
    }

    /// Says that nobody can name the retired `id` any more. It is given out again after all that were recycled earlier.
    pub fn recycle(&mut self, id: NetId) {
        self.world.resource_mut::<Roster>().recycle(id);
    }

    /// Ids that wait for [`Game::recycle`], in ascending order. After [`Game::restore`] no viewer is left to wait for.
    pub fn retired(&self) -> impl Iterator<Item = NetId> {
        self.roster().retired()
    }

    /// Says whether `viewer` is told of `id` wherever both are: a member of its party, its target. False if one of them is
    /// not live, they are the same, or [`ALWAYS_MAX`] others are told already.
    pub fn set_always_relevant(&mut self, viewer: NetId, id: NetId, is_always: bool) -> bool {
        let are_two = viewer != id && self.entity(viewer).is_some() && self.entity(id).is_some();
        are_two && self.world.resource_mut::<Bonds>().set_always(viewer, id, is_always)
    }

    /// Says whether everyone is told of `id` wherever they are. False if it is not live, or there are [`BOSSES_MAX`] others.
    pub fn set_boss(&mut self, id: NetId, is_boss: bool) -> bool {
        self.entity(id).is_some() && self.world.resource_mut::<Bonds>().set_boss(id, is_boss)
    }

    /// Says that two are fighting each other until a tick: each is told of the other before all others. Of more than
    /// [`FIGHTING_MAX`] fights of one of them the one that ends first is forgotten.
    pub fn set_fighting(&mut self, a: NetId, b: NetId, until: Tick) {
        if a != b && self.entity(a).is_some() && self.entity(b).is_some() {
            let now = self.now();
            let mut bonds = self.world.resource_mut::<Bonds>();
            bonds.set_opponent(a, b, until, now);
            bonds.set_opponent(b, a, until, now);
        }
    }

    /// Who matters to whom.
    #[must_use]
    pub fn bonds(&self) -> &Bonds {
        self.world.resource::<Bonds>()
    }

    /// What the player wants in the coming tick. The last call before the tick counts; a tick without one repeats the
    /// movement of the last, walking or not, other buttons released.
    pub fn set_input(&mut self, id: NetId, input: Input) {
        let Some(entity) = self.entity(id) else { return };
        if let Some(mut wish) = self.world.get_mut::<Wish>(entity) {
            *wish = Wish::fresh(input);
        }
    }

    /// The members of somebody's party, the leader first; empty if he is in none.
    #[must_use]
    pub fn party_of(&self, id: NetId) -> &[NetId] {
        self.world.resource::<Parties>().of(id)
    }

    /// The tick whose states [`Game::replicas`] shows; 0 before the first.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.world.resource::<Clock>().now
    }

    /// Where an entity is and how it moves.
    #[must_use]
    pub fn body(&self, id: NetId) -> Option<&Body> {
        self.world.get::<Mobile>(self.entity(id)?).map(|mobile| &mobile.0)
    }

    /// What a thing is; `None` of a player.
    #[must_use]
    pub fn thing(&self, id: NetId) -> Option<&Thing> {
        self.world.get::<Thing>(self.entity(id)?)
    }

    /// A player as its owner is told of it. The game does not number inputs: `input_applied` and `input_depth` are 0,
    /// for the caller to fill in.
    #[must_use]
    pub fn own(&self, id: NetId) -> Option<OwnState> {
        let entity = self.entity(id)?;
        let body = self.world.get::<Mobile>(entity)?.0;
        let view = *self.world.get::<View>(entity)?;
        let gait = self.world.get::<movement::Gait>(entity)?.0;
        let View { yaw, pitch } = view;
        let (vitals, sheet, casting) = (self.world.get(entity)?, self.world.get(entity)?, self.world.get(entity)?);
        let status = replica::status_of(vitals, sheet, casting);
        Some(OwnState { body, gait, status, yaw, pitch, input_applied: 0, input_depth: 0 })
    }

    /// What a checkpoint saves of a player.
    #[must_use]
    pub fn record(&self, id: NetId) -> Option<PlayerRecord> {
        let own = self.own(id)?;
        let life = growth::life_of(&self.world, id, self.entity(id)?)?;
        let Body { x, y, z, .. } = own.body;
        Some(PlayerRecord { x, y, z, yaw: own.yaw, pitch: own.pitch, life: Some(life) })
    }

    /// Whose avatar this is.
    #[must_use]
    pub fn character(&self, id: NetId) -> Option<CharacterId> {
        self.world.get::<Avatar>(self.entity(id)?).map(|avatar| avatar.character)
    }

    /// The states of the last tick and of the 63 before it.
    #[must_use]
    pub fn replicas(&self) -> &Replicas {
        self.world.resource::<Replicas>()
    }

    /// Who is where, as of the last tick.
    #[must_use]
    pub fn spatial(&self) -> &Quadtree {
        self.world.resource::<Quadtree>()
    }

    /// The world as it was drawn at `view`.
    ///
    /// # Errors
    /// [`Stale`] if that is more than [`REWIND_TICKS_MAX`] and [`CLAMP_TICKS`] ago.
    pub fn rewind(&self, view: ViewTick) -> Result<Rewind<'_>, Stale> {
        Rewind::new(self.replicas(), view)
    }

    /// Carries out a shot against the world that its shooter saw. It changes nothing: what a hit does is for the caller.
    ///
    /// `ahead` are inputs of the shooter that wait for their tick, oldest first: he had followed them already when he
    /// shot, so his eye is where they bring it.
    ///
    /// # Errors
    /// [`Stale`] if what he saw is more than [`REWIND_TICKS_MAX`] and [`CLAMP_TICKS`] ago.
    pub fn shoot<'a>(
        &self,
        shooter: NetId,
        ahead: impl IntoIterator<Item = &'a Input>,
        aim: &Aim,
    ) -> Option<Result<ShotOutcome, Stale>> {
        let mut body = *self.body(shooter)?;
        let gait = self.world.get::<movement::Gait>(self.entity(shooter)?).map_or_else(Gait::default, |gait| gait.0);
        for input in ahead {
            motion::step(self.map(), &mut body, input, gait);
        }
        let rewind = self.rewind(aim.view);
        Some(rewind.map(|rewind| shot::carry_out(self.map(), self.spatial(), &rewind, shooter, &body, aim)))
    }

    /// Says that a shot of `by` has hit `target`: in the coming tick it does what the rules say. False, and nothing is done, if
    /// the two may not fight, one of them is dead, or stands where nobody fights.
    pub fn wound_by_shot(&mut self, by: NetId, target: NetId) -> bool {
        shot::wound(&mut self.world, by, target).is_some()
    }

    fn insert_player(&mut self, player: &PlayerImage, estate: &Estate) {
        let content = Arc::clone(self.content());
        let entity = self.world.spawn(player::avatar(player, &content, estate)).id();
        enter(&mut self.world, player.id, entity);
        self.world.resource_mut::<Bodies>().enter(player.character, player.id);
    }

    fn insert_thing(&mut self, thing: &ThingImage) {
        let entity = self.world.spawn(thing::bundle(thing)).id();
        enter(&mut self.world, thing.id, entity);
    }

    fn entity(&self, id: NetId) -> Option<Entity> {
        self.roster().entity(id)
    }

    fn roster(&self) -> &Roster {
        self.world.resource::<Roster>()
    }

    /// Where all this takes place.
    #[must_use]
    pub fn map(&self) -> &StaticMap {
        &self.world.resource::<Ground>().0
    }
}

/// Binds an id to its entity, and makes room for it in every table.
pub(crate) fn enter(world: &mut World, id: NetId, entity: Entity) {
    let mut roster = world.resource_mut::<Roster>();
    roster.enter(id, entity);
    let rows = roster.rows();
    world.resource_mut::<Replicas>().reserve_rows(rows);
    world.resource_mut::<Bonds>().reserve_rows(rows);
    world.resource_mut::<Strays>().0.push(id);
}
