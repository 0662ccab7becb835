//! What a recording begins with: everything that decides what becomes of the same inputs.

use crate::realm::{KindRadii, LadderConfig, Policy, RealmConfig, SavedWorld};
use game::GroundRecord;
use game::content::Content;
use protocol::motion::{self, StaticMap};
use rudp::INNER_VERSION;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything beside map, content and extensions, of which it says how to find them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Which build recorded it, for people.
    pub build: String,
    /// What both ends compute alike.
    pub motion_hash: u64,
    /// What the wire looks like.
    pub inner_version: u16,
    /// The map, as a number.
    pub map_hash: u64,
    /// Map and content, as whoever configured them can read them again.
    pub source: Vec<u8>,
    /// The same of the content in force, if it is another one than that of the start.
    pub content: Option<Vec<u8>>,
    seed: u64,
    incarnation: u32,
    ground: Vec<GroundRecord>,
    world: Option<(u64, Vec<u8>)>,
    journal_seq: u64,
    players_max: usize,
    queue_max: usize,
    enter_radius_units: i32,
    leave_radius_units: i32,
    kind_radii: KindRadii,
    visible_max: u16,
    save_interval_ns: u64,
    world_interval_ns: u64,
    policy: Policy,
    ladder: LadderConfig,
}

impl Start {
    /// Of a realm that is about to be made.
    #[must_use]
    pub fn of(config: &RealmConfig, build: &str, source: Vec<u8>) -> Self {
        Self {
            build: build.to_owned(),
            motion_hash: motion::hash(),
            inner_version: INNER_VERSION,
            map_hash: config.map.hash(),
            source,
            content: None,
            seed: config.seed,
            incarnation: config.incarnation,
            ground: config.ground.to_vec(),
            world: config.world.as_deref().map(|world| (world.upto, world.bytes.clone())),
            journal_seq: config.journal_seq,
            players_max: config.players_max,
            queue_max: config.queue_max,
            enter_radius_units: config.enter_radius_units,
            leave_radius_units: config.leave_radius_units,
            kind_radii: config.kind_radii,
            visible_max: config.visible_max,
            save_interval_ns: config.save_interval_ns,
            world_interval_ns: config.world_interval_ns,
            policy: config.policy,
            ladder: config.ladder,
        }
    }

    /// The configuration again, on this map with this content; extensions, crew and prefetch are whoever replays'.
    ///
    /// # Errors
    /// Why what was recorded cannot be replayed by this build, in a sentence.
    pub fn config(&self, map: Arc<StaticMap>, content: Arc<Content>) -> Result<RealmConfig, String> {
        if self.inner_version != INNER_VERSION {
            let theirs = self.inner_version;
            return Err(format!("recorded by a server of inner version {theirs}, this one is of {INNER_VERSION}"));
        }
        if self.motion_hash != motion::hash() {
            return Err("recorded by a server with other rules of motion".to_owned());
        }
        if self.map_hash != map.hash() {
            return Err("the recorded map is not the one that its text says".to_owned());
        }
        self.is_possible().then_some(()).ok_or("the recorded limits are none that a realm can have")?;
        Ok(RealmConfig {
            seed: self.seed,
            content,
            incarnation: self.incarnation,
            ground: self.ground.as_slice().into(),
            world: self.world.clone().map(|(upto, bytes)| Arc::new(SavedWorld { upto, bytes })),
            journal_seq: self.journal_seq,
            players_max: self.players_max,
            queue_max: self.queue_max,
            enter_radius_units: self.enter_radius_units,
            leave_radius_units: self.leave_radius_units,
            kind_radii: self.kind_radii,
            visible_max: self.visible_max,
            save_interval_ns: self.save_interval_ns,
            world_interval_ns: self.world_interval_ns,
            policy: self.policy,
            ladder: self.ladder,
            ..RealmConfig::new(map)
        })
    }

    /// Whether a realm can be made of it without a panic.
    fn is_possible(&self) -> bool {
        let KindRadii { mob, projectile, item, body } = self.kind_radii;
        let radii = [mob, projectile, item, body].map(|radii| (radii.enter, radii.leave));
        let is_apart = |(enter, leave): (i32, i32)| (0..leave).contains(&enter) && leave < i32::MAX / 3;
        self.save_interval_ns > 0
            && self.players_max.saturating_add(self.queue_max) <= crate::realm::PLAYERS_MAX
            && self.ladder.cool_ns < self.ladder.hot_ns
            && is_apart((self.enter_radius_units, self.leave_radius_units))
            && radii.into_iter().all(is_apart)
    }
}
