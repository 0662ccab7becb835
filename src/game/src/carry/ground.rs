//! What lies on the ground: things with a name on the disk, until somebody takes them or their time is over.
//!
//! Something falls when the transaction that lays it down is settled; it enters the world and leaves it after the tick, as
//! all things do. Who asks for it first holds it until the disk has answered.

use super::draft::Draft;
use crate::content::Content;
use crate::ledger::{Entry, Holder, ItemRecord, LOOTERS_MAX, TransactionId, Way};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::thing::{Thing, ThingImage};
use crate::{Clock, Game};
use arrayvec::ArrayVec;
use bevy_ecs::prelude::{Component, Mut, Resource, World};
use protocol::motion::{BODY_RADIUS, Body};
use protocol::unit::TICK_RATE_HZ;
use protocol::{ItemId, NetId, Tick};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a heap of coins looks like.
pub const COINS_FORM: u16 = u16::MAX;

/// Ticks until the disk is asked again to take away what it would not: 10 s.
const AGAIN_TICKS: u32 = 10 * TICK_RATE_HZ;

/// Ticks from one look at what has lain for too long to the next.
const LOOK_TICKS: u32 = 16;

/// Something that lies on the ground, as the disk knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroundRecord {
    /// An item; its holder is the ground.
    Item(ItemRecord),
    /// A heap of coins.
    Coins {
        /// Its name.
        heap: ItemId,
        /// How many; 1 or more.
        coins: u64,
        /// Where, in subunits: east, north, up.
        place: (i32, i32, i32),
    },
}

/// Marks a thing that can be picked up.
#[derive(Clone, Debug, PartialEq, Eq, Component, Serialize, Deserialize)]
pub(crate) struct Lying {
    pub(crate) record: GroundRecord,
    /// Who may take it before `owned_until`; none for everybody.
    pub(crate) owners: ArrayVec<NetId, LOOTERS_MAX>,
    pub(crate) owned_until: Tick,
    /// Then it is taken away.
    pub(crate) until: Tick,
    /// The transaction that takes it.
    pub(crate) held: Option<TransactionId>,
}

/// Where what lies has gone, by its name.
#[derive(Debug, Default, Resource)]
pub(crate) struct Finds(pub(crate) BTreeMap<ItemId, NetId>);

/// What comes to lie, and what goes, when the tick is over.
#[derive(Debug, Default, Resource)]
pub(crate) struct Falls {
    coming: Vec<(NetId, Fall)>,
    going: Vec<NetId>,
    /// Things for which no id was free: they are not lost, the disk has them.
    pub(crate) left_out: u64,
}

/// Something that comes to lie.
#[derive(Clone, Debug)]
pub(super) struct Fall {
    pub(super) record: GroundRecord,
    pub(super) owners: ArrayVec<NetId, LOOTERS_MAX>,
}

impl GroundRecord {
    /// Its name on the disk.
    #[must_use]
    pub const fn name(&self) -> ItemId {
        match self {
            Self::Item(record) => record.item,
            Self::Coins { heap, .. } => *heap,
        }
    }

    /// Where it was laid down, in subunits: east, north, up.
    ///
    /// # Panics
    /// If somebody has it: then it lies nowhere.
    #[must_use]
    pub fn place(&self) -> (i32, i32, i32) {
        match self {
            Self::Item(ItemRecord { holder: Holder::Ground { x, y, z }, .. }) => (*x, *y, *z),
            Self::Item(record) => panic!("{record:?} does not lie on the ground"),
            Self::Coins { place, .. } => *place,
        }
    }

    /// Whether it is a thing that can lie: one that nobody has.
    pub(crate) const fn lies(&self) -> bool {
        match self {
            Self::Item(record) => matches!(record.holder, Holder::Ground { .. }),
            Self::Coins { .. } => true,
        }
    }

    /// Whether it looks and lies as another did that had its name.
    pub(crate) fn is_at_the_place_of(&self, other: &Self) -> bool {
        let kind = |record: &Self| match record {
            Self::Item(record) => Some(record.kind),
            Self::Coins { .. } => None,
        };
        kind(self) == kind(other) && self.place() == other.place()
    }

    fn form(&self, content: &Content) -> u16 {
        match self {
            Self::Item(record) => content.items.find(record.kind).map_or(0, |kind| kind.form),
            Self::Coins { .. } => COINS_FORM,
        }
    }
}

impl Fall {
    pub(super) fn item(record: ItemRecord) -> Self {
        Self { record: GroundRecord::Item(record), owners: ArrayVec::new() }
    }

    pub(super) fn heap(heap: ItemId, coins: i64, place: (i32, i32, i32), owners: ArrayVec<NetId, LOOTERS_MAX>) -> Self {
        Self { record: GroundRecord::Coins { heap, coins: coins.unsigned_abs(), place }, owners }
    }
}

/// Lets something fall under an id that was kept for it, or, if there is none, under another.
pub(super) fn fall(world: &mut World, place: Option<NetId>, fall: Fall) {
    let id = place.or_else(|| world.resource_mut::<Roster>().claim());
    let mut falls = world.resource_mut::<Falls>();
    match id {
        Some(id) => falls.coming.push((id, fall)),
        None => falls.left_out += 1,
    }
}

/// What lies under this name does not any more.
pub(super) fn clear(world: &mut World, name: ItemId) {
    let Some(id) = world.resource_mut::<Finds>().0.remove(&name) else { return };
    if let Some(entity) = world.resource::<Roster>().entity(id) {
        world.entity_mut(entity).remove::<Lying>();
    }
    world.resource_mut::<Falls>().going.push(id);
}

/// Changes a heap; one that has no coins left is gone. False if there is none and one is to be.
pub(super) fn change_heap(world: &mut World, name: ItemId, change: i64) -> bool {
    let at = world.resource::<Finds>().0.get(&name).copied();
    let entity = at.and_then(|id| world.resource::<Roster>().entity(id));
    let Some(mut lying) = entity.and_then(|entity| world.get_mut::<Lying>(entity)) else { return change <= 0 };
    let GroundRecord::Coins { coins, .. } = &mut lying.record else { return true };
    *coins = coins.checked_add_signed(change).expect("no more is taken from a heap than it has");
    lying.held = None;
    let is_empty = matches!(lying.record, GroundRecord::Coins { coins: 0, .. });
    if is_empty {
        clear(world, name);
    }
    true
}

/// Asks the disk to take away what lies for too long.
pub(super) fn expire(world: &mut World) {
    let now = world.resource::<Clock>().now;
    if !now.0.is_multiple_of(LOOK_TICKS) {
        return;
    }
    let mut due: Vec<GroundRecord> = Vec::new();
    each(world, |lying| {
        if lying.until <= now && lying.held.is_none() {
            lying.until = Tick(now.0.saturating_add(AGAIN_TICKS));
            due.push(lying.record);
        }
    });
    for record in due {
        let mut draft = Draft::default();
        let way = Way::Expired;
        match record {
            GroundRecord::Item(record) => {
                draft.item(Some(record), None);
                draft.entries.push(Entry::Made { kind: record.kind, count: -i64::from(record.count), way });
            }
            GroundRecord::Coins { heap, coins, place } => {
                let change = -(coins.min(i64::MAX as u64) as i64);
                draft.entries.push(Entry::GroundCoins { item: heap, change, place });
                draft.entries.push(Entry::Minted { coins: change, way });
            }
        }
        draft.ask(world, None);
    }
}

/// Somebody leaves the world: what was left to him alone is everybody's.
pub(super) fn forget(world: &mut World, id: NetId) {
    each(world, |lying| lying.owners.retain(|owner| *owner != id));
}

/// Everything that lies, by its name.
fn each(world: &mut World, mut with: impl FnMut(&mut Lying)) {
    world.resource_scope(|world, finds: Mut<'_, Finds>| {
        for &id in finds.0.values() {
            let Some(entity) = world.resource::<Roster>().entity(id) else { continue };
            if let Some(mut lying) = world.get_mut::<Lying>(entity) {
                with(&mut lying);
            }
        }
    });
}

impl Game {
    /// What has fallen enters the world; gives what has gone, which is to be despawned.
    pub(crate) fn land(&mut self) -> Vec<NetId> {
        let mut falls = self.world.resource_mut::<Falls>();
        let going = std::mem::take(&mut falls.going);
        let mut coming = std::mem::take(&mut falls.coming);
        for (id, fall) in coming.drain(..) {
            self.lay(id, fall);
        }
        self.world.resource_mut::<Falls>().coming = coming;
        going
    }

    /// Lays something down under a claimed id: where it is said to lie, or at the nearest place where something can.
    pub(super) fn lay(&mut self, id: NetId, Fall { record, owners }: Fall) {
        let (now, content) = (self.now(), std::sync::Arc::clone(self.content()));
        let (x, y, z) = record.place();
        let (x, y) = self.map.nearest_free(x, y, 0, BODY_RADIUS);
        let body = Body { x, y, z: z.clamp(0, crate::records::Z_MAX), ..Body::default() };
        self.insert_thing(&ThingImage { id, body, thing: Thing::Item { yaw: 0, form: record.form(&content) } });
        let after = |ticks: u32| Tick(now.0.saturating_add(ticks));
        let (owned_until, until) = (after(content.rules.loot_owner_ticks), after(content.rules.ground_ticks));
        self.world.resource_mut::<Finds>().0.insert(record.name(), id);
        if let Some(entity) = self.entity(id) {
            self.world.entity_mut(entity).insert(Lying { record, owners, owned_until, until, held: None });
        }
    }

    /// Puts back what the disk knows to lie on the ground: at the start, into a world that does not know it. Gives how many
    /// could not be: of a kind that there is none of here, there already, or no id was free. The disk still has them.
    pub fn restore_ground(&mut self, records: &[GroundRecord]) -> usize {
        let content = std::sync::Arc::clone(self.content());
        let mut left_out = 0;
        for record in records {
            let is_known = match record {
                GroundRecord::Item(item) => content.items.find(item.kind).is_some(),
                GroundRecord::Coins { .. } => true,
            };
            let is_new = !self.world.resource::<Finds>().0.contains_key(&record.name());
            let id = if is_known && is_new { self.world.resource_mut::<Roster>().claim() } else { None };
            match id {
                Some(id) => self.lay(id, Fall { record: *record, owners: ArrayVec::new() }),
                None => left_out += 1,
            }
        }
        left_out
    }

    /// What lies on the ground, by ascending id.
    #[must_use]
    pub fn ground(&self) -> Vec<(NetId, GroundRecord)> {
        let live = self.roster().live().iter().filter_map(|&id| Some((id, self.entity(id)?)));
        live.filter_map(|(id, entity)| Some((id, self.world.get::<Lying>(entity)?.record))).collect()
    }
}

/// The content in force, for those who change the world while they read it.
pub(super) fn content(world: &World) -> std::sync::Arc<Content> {
    std::sync::Arc::clone(&world.resource::<Rulebook>().0)
}
