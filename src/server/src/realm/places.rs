//! Where everybody is, for whoever looks at the whole world from above: to the metre, and not who.

use super::Realm;
use protocol::EntityKind;
use protocol::unit::UNITS_PER_M;

/// Places that are told at most: as many dots as a map on a screen can show. Players come before mobs.
pub const PLACES_MAX: usize = 4_096;

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whole metres east of the map's west edge.
    pub x_m: u16,
    /// Whole metres north of its south edge.
    pub y_m: u16,
    /// A player; else a mob.
    pub is_player: bool,
}

impl Realm {
    /// Adds where players and mobs are, in the order of their ids, players first; [`PLACES_MAX`] of them.
    pub fn places(&self, out: &mut Vec<Place>) {
        let replicas = self.game.replicas();
        let metres = |units: i32| (units / UNITS_PER_M).clamp(0, i32::from(u16::MAX)) as u16;
        for kind in [EntityKind::Player, EntityKind::Mob] {
            let left = PLACES_MAX.saturating_sub(out.len());
            let of_kind = replicas.live().iter().map(|&id| replicas.state(id)).filter(|state| state.kind == kind);
            out.extend(of_kind.take(left).map(|state| Place {
                x_m: metres(state.x),
                y_m: metres(state.y),
                is_player: kind == EntityKind::Player,
            }));
        }
    }
}
