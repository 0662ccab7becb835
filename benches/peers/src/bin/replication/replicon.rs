//! bevy_replicon: an app with its server, and an app with its client for each client.
//!
//! One component holds place and look, which is the cheapest for it: each component of an entity costs bytes and time of
//! its own. Everything else is as it is configured by default, but that it tells in every update of its app and that an
//! app has only the half of the plugins that it needs.

use crate::contest::{self, Figures, Layer, Plan, RoundTrips, Terms, Turn, timed};
use crate::crowd::{self, Crowd};
use anyhow::{Context, Result, ensure};
use bevy::prelude::*;
use bevy::state::app::StatesPlugin;
use bevy::time::TimeUpdateStrategy;
use bevy_replicon::bytes::Bytes;
use bevy_replicon::prelude::*;
use bevy_replicon::shared::server_entity_map::ServerEntityMap;
use bevy_replicon::test_app::{ServerTestAppExt, TestClientEntity};
use measure::echo::process::ThreadClock;
use protocol::unit::{ANGLE_STEPS, TICK_NS, UNITS_PER_M};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f32::consts::TAU;
use std::time::Duration;

/// What a float of some hundred metres cannot hold, mm.
const FLOAT_MM: f64 = 0.02;
/// Places in our units are rounded to the nearest one; a float is read of it.
const UNIT_MM: f64 = 500.0 / UNITS_PER_M as f64 + FLOAT_MM;

/// How a state is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Five floats.
    Floats,
    /// In our units, by as many bytes as each number needs.
    Units,
}

/// Measures it.
///
/// # Errors
/// As [`contest::measure`].
pub fn measure(plan: &Plan, encoding: Encoding) -> Result<Figures> {
    let mm_max = if encoding == Encoding::Floats { FLOAT_MM } else { UNIT_MM };
    let terms = Terms { is_limited: false, mm_max };
    let mut figures = contest::measure(plan, terms, |crowd| Replicon::start(plan, encoding, crowd))?;
    let alone = Plan { clients: 0, ..*plan };
    let idle_ns = contest::idle_ns(plan, |crowd| Replicon::start(&alone, encoding, crowd))?;
    figures.telling_ns = figures.tick_ns - idle_ns;
    Ok(figures)
}

/// Metres and radians, as games hold them.
#[derive(Component, Clone, Copy, Debug, Serialize, Deserialize)]
struct Pose {
    place: [f32; 3],
    yaw: f32,
    pitch: f32,
}

/// The same in our units.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct PoseInUnits {
    x: i32,
    y: i32,
    z: i16,
    yaw: u16,
    pitch: u16,
}

/// Which of the crowd an entity is.
#[derive(Component)]
struct Mover(usize);

/// Where everybody is to be in the coming tick.
#[derive(Resource)]
struct Truth(Vec<Pose>);

fn move_everybody(truth: Res<'_, Truth>, mut movers: Query<'_, '_, (&Mover, &mut Pose)>) {
    for (mover, mut pose) in &mut movers {
        *pose = truth.0[mover.0];
    }
}

struct Replicon {
    server: App,
    clock: ThreadClock,
    /// By their numbers in the crowd.
    movers: Vec<Entity>,
    clients: Vec<Client>,
    /// The clients as the server names them.
    numbers: BTreeMap<Entity, usize>,
    /// By tick modulo its length: what clients sent that arrives then.
    arrivals: Vec<Vec<(Entity, usize, Bytes)>>,
    tick: usize,
}

struct Client {
    app: App,
    /// How the server names it.
    entity: Entity,
    round_trip_ticks: usize,
}

impl Replicon {
    fn start(plan: &Plan, encoding: Encoding, crowd: &Crowd) -> Result<Self> {
        let mut server = app(encoding, End::Server);
        let clients = (0..plan.clients).map(|number| {
            let mut app = app(encoding, End::Client);
            // Shakes hands, and says that both have the same components.
            server.connect_client(&mut app);
            let entity = **app.world().resource::<TestClientEntity>();
            app.insert_resource(ClientReplicationStats::default());
            Client { app, entity, round_trip_ticks: plan.round_trips.ticks(number) }
        });
        let clients: Vec<_> = clients.collect();
        let is_in = |client: &&Client| server.world().get::<AuthorizedClient>(client.entity).is_some();
        let inside = clients.iter().filter(is_in).count();
        ensure!(inside == plan.clients, "only {inside} of {} clients got in", plan.clients);
        let world = server.world_mut();
        world.insert_resource(Truth(poses(crowd)));
        let spawn = |(number, pose): (usize, Pose)| world.spawn((Replicated, Mover(number), pose)).id();
        let movers = poses(crowd).into_iter().enumerate().map(spawn).collect();
        let numbers = clients.iter().enumerate().map(|(number, client)| (client.entity, number)).collect();
        let arrivals = vec![Vec::new(); RoundTrips::TICKS_MAX + 1];
        Ok(Self { server, clock: ThreadClock::of_this_thread()?, movers, clients, numbers, arrivals, tick: 0 })
    }

    /// Hands to each client what the server has for it.
    fn deliver(&mut self, turn: &mut Turn) -> Result<()> {
        for (to, channel, message) in self.server.world_mut().resource_mut::<ServerMessages>().drain_sent() {
            let number = *self.numbers.get(&to).context("a message for nobody")?;
            (turn.bytes, turn.messages) = (turn.bytes + message.len() as u64, turn.messages + 1);
            let world = self.clients[number].app.world_mut();
            world.resource_mut::<ClientMessages>().insert_received(channel, message);
        }
        Ok(())
    }

    /// Lets everybody read, and takes what they acknowledge on its way.
    fn read(&mut self) -> u64 {
        let mut updates = 0;
        for Client { app, entity, round_trip_ticks } in &mut self.clients {
            app.update();
            let world = app.world_mut();
            let mut stats = world.resource_mut::<ClientReplicationStats>();
            updates += std::mem::take(&mut stats.entities_changed) as u64;
            let known = (self.tick + *round_trip_ticks) % self.arrivals.len();
            let sent = world.resource_mut::<ClientMessages>().into_inner().drain_sent();
            self.arrivals[known].extend(sent.map(|(channel, message)| (*entity, channel, message)));
        }
        updates
    }
}

impl Layer for Replicon {
    fn tick(&mut self, crowd: &Crowd) -> Result<Turn> {
        self.tick += 1;
        let world = self.server.world_mut();
        world.resource_mut::<Truth>().0 = poses(crowd);
        let due = self.tick % self.arrivals.len();
        let mut messages = world.resource_mut::<ServerMessages>();
        for (from, channel, message) in self.arrivals[due].drain(..) {
            messages.insert_received(from, channel, message);
        }
        let mut turn = Turn { server_ns: timed(self.clock, || self.server.update())?, ..Turn::default() };
        self.deliver(&mut turn)?;
        turn.updates = self.read();
        Ok(turn)
    }

    fn held(&self, client: usize, mover: usize) -> Option<crowd::Pose> {
        let world = self.clients.get(client)?.app.world();
        let entity = *world.resource::<ServerEntityMap>().to_client().get(&self.movers[mover])?;
        let pose = world.get::<Pose>(entity)?;
        let steps = |radians: f32| f64::from(radians) * f64::from(ANGLE_STEPS) / f64::from(TAU);
        Some(crowd::Pose { place_m: pose.place.map(f64::from), yaw: steps(pose.yaw), pitch: steps(pose.pitch) })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Server,
    Client,
}

/// One end, in virtual time.
fn app(encoding: Encoding, end: End) -> App {
    let mut app = App::new();
    let plugins = RepliconPlugins.build();
    let plugins = match end {
        // It tells in every update; by default it would do so when so much of its time has gone by.
        End::Server => {
            plugins.set(ServerPlugin::new(PostUpdate)).disable::<ClientPlugin>().disable::<ClientMessagePlugin>()
        }
        End::Client => plugins.disable::<ServerPlugin>().disable::<ServerMessagePlugin>(),
    };
    app.add_plugins((MinimalPlugins, StatesPlugin, plugins));
    app.insert_resource(TimeUpdateStrategy::ManualDuration(Duration::from_nanos(TICK_NS)));
    match encoding {
        Encoding::Floats => app.replicate::<Pose>(),
        Encoding::Units => app.replicate_as::<Pose, PoseInUnits>(),
    };
    if end == End::Server {
        app.add_systems(Update, move_everybody.run_if(resource_exists::<Truth>));
    }
    app.finish();
    app.cleanup();
    app
}

fn poses(crowd: &Crowd) -> Vec<Pose> {
    let radians = |steps: f64| steps as f32 * TAU / f32::from(ANGLE_STEPS);
    let pose = |mover: &crowd::Mover| {
        let crowd::Pose { place_m, yaw, pitch } = mover.pose();
        Pose { place: place_m.map(|metres| metres as f32), yaw: radians(yaw), pitch: radians(pitch) }
    };
    crowd.movers().iter().map(pose).collect()
}

impl From<Pose> for PoseInUnits {
    fn from(pose: Pose) -> Self {
        let [x, y, z] = pose.place.map(|metres| (metres * UNITS_PER_M as f32).round() as i32);
        let steps = |radians: f32| (radians * f32::from(ANGLE_STEPS) / TAU).round() as u16 % ANGLE_STEPS;
        Self { x, y, z: z as i16, yaw: steps(pose.yaw), pitch: steps(pose.pitch) }
    }
}

impl From<PoseInUnits> for Pose {
    fn from(PoseInUnits { x, y, z, yaw, pitch }: PoseInUnits) -> Self {
        let radians = |steps: u16| f32::from(steps) * TAU / f32::from(ANGLE_STEPS);
        let place = [x, y, z.into()].map(|units| units as f32 / UNITS_PER_M as f32);
        Self { place, yaw: radians(yaw), pitch: radians(pitch) }
    }
}
