//! Those who have gone since the last tick: nobody keeps their names, because an id may name another one next.

use super::harm::{Harm, Threat};
use crate::cast::{Casting, Missile};
use crate::effects::Effects;
use bevy_ecs::prelude::{Query, ResMut, Resource};
use protocol::NetId;

/// Fighters that were taken out of the world since the last tick.
#[derive(Debug, Default, Resource)]
pub(crate) struct Departed(pub(crate) Vec<NetId>);

/// Before anything of the coming tick: whoever has entered under the same id since then has done nothing yet.
pub(super) fn forget(
    mut departed: ResMut<'_, Departed>,
    mut fighters: Query<'_, '_, (&mut Harm, &mut Effects, Option<&mut Threat>)>,
    mut casts: Query<'_, '_, &mut Casting>,
    mut missiles: Query<'_, '_, &mut Missile>,
) {
    if departed.0.is_empty() {
        return;
    }
    for (mut harm, mut effects, threat) in &mut fighters {
        // Nearly all have nothing: looking costs less than a walk for each who has gone.
        let threat = threat.filter(|threat| !threat.0.is_empty());
        if harm.0.is_empty() && effects.0.is_empty() && threat.is_none() {
            continue;
        }
        departed.0.iter().for_each(|&id| harm.0.forget(id));
        departed.0.iter().for_each(|&id| effects.forget(id));
        if let Some(mut threat) = threat {
            departed.0.iter().for_each(|&id| threat.0.forget(id));
        }
    }
    for mut casting in &mut casts {
        departed.0.iter().for_each(|&id| casting.forget(id));
    }
    for mut missile in &mut missiles {
        departed.0.iter().for_each(|&id| missile.forget(id));
    }
    departed.0.clear();
}
