//! What a realm needs to know.

use super::evidence::Policy;
use super::ladder::LadderConfig;
use super::origin::SavedWorld;
use super::relevance::KindRadii;
use crate::crew::{self, Crew};
use game::content::Content;
use game::{Extensions, GroundRecord};
use protocol::motion::StaticMap;
use protocol::unit::UNITS_PER_M;
use rudp::Prefetch;
use rudp::time::NS_PER_S;
use std::sync::Arc;

/// What a realm needs to know.
#[derive(Clone, Debug)]
pub struct RealmConfig {
    /// Seeds the world's own chances (spawn places).
    pub seed: u64,
    /// What does not move.
    pub map: Arc<StaticMap>,
    /// What the world is filled with.
    pub content: Arc<Content>,
    /// What games of one's own add to it.
    pub extensions: Extensions,
    /// Which start of which process this is; no two are the same.
    pub incarnation: u32,
    /// What lies on the ground at the start.
    pub ground: Arc<[GroundRecord]>,
    /// The world as it was saved last; none of one that begins.
    pub world: Option<Arc<SavedWorld>>,
    /// The newest transaction of the journal at the start, by its number there; 0 of one that has none.
    pub journal_seq: u64,
    /// Most players at once, guests included; later ones wait.
    pub players_max: usize,
    /// Most who wait for them to go; later ones are refused with a reason. With the players at most 21,845.
    pub queue_max: usize,
    /// Others come into view nearer than this, in units.
    pub enter_radius_units: i32,
    /// Others go out of view farther than this, in units; larger than the enter radius.
    pub leave_radius_units: i32,
    /// The same of what nobody plays, by kind.
    pub kind_radii: KindRadii,
    /// At most this many others are in view for being near: three quarters of them are the nearest, and the rest of the
    /// crowd takes turns in the other places.
    pub visible_max: u16,
    /// Time between two checkpoints of a player who moves. Counted by the clock, not in ticks: a world that is late must
    /// not keep its promises late.
    pub save_interval_ns: u64,
    /// Time between two images of the world, counted in the same way.
    pub world_interval_ns: u64,
    /// What is done about those against whom too much speaks.
    pub policy: Policy,
    /// When it is given up that the world cannot do.
    pub ladder: LadderConfig,
    /// How the processor is told what memory comes next.
    pub prefetch: Prefetch,
    /// Who shares the work of telling everybody. What is told does not depend on it.
    pub crew: Arc<dyn Crew>,
    /// A lie to tell.
    #[cfg(feature = "faults")]
    pub fault: Option<crate::Fault>,
}

impl RealmConfig {
    /// A realm on this map with the limits of the default configuration.
    #[must_use]
    pub fn new(map: Arc<StaticMap>) -> Self {
        Self {
            seed: 0,
            map,
            content: Arc::default(),
            extensions: Extensions::none(),
            incarnation: 1,
            ground: Arc::new([]),
            world: None,
            journal_seq: 0,
            players_max: 2_000,
            queue_max: 256,
            enter_radius_units: 100 * UNITS_PER_M,
            leave_radius_units: 115 * UNITS_PER_M,
            kind_radii: KindRadii::DEFAULT,
            visible_max: 1_000,
            save_interval_ns: 4 * NS_PER_S,
            world_interval_ns: 30 * NS_PER_S,
            policy: Policy::default(),
            ladder: LadderConfig::default(),
            prefetch: Prefetch::NONE,
            crew: crew::alone(),
            #[cfg(feature = "faults")]
            fault: None,
        }
    }
}
