//! What places do to those who enter them, and effects that last longer than a fight.

use crate::seen::Seen;
use crate::skills::gather;
use crate::stage::{Stage, content, maps, masters};
use game::content::{Circle, Trigger};
use game::content::{Content, Outcome, Places, Targeting, shipped};
use protocol::news::ItemRow;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{Command, EffectId, GameEvent, ItemId};

/// Somebody steps into every place where something happens, on every map.
pub fn enter_all(seen: &mut Seen) {
    let pupil = &masters(0)[0];
    for map in maps() {
        for trigger in shipped(map).places.triggers {
            // Here, because the field is smaller than the map.
            let here = Circle { x: 100 * SUBUNITS_PER_M, y: 100 * SUBUNITS_PER_M, ..trigger.area };
            let exit = trigger.exit.map(|_| (300 * SUBUNITS_PER_M, 300 * SUBUNITS_PER_M));
            let triggers = vec![Trigger { area: here, exit, ..trigger.clone() }];
            let mut stage = Stage::new(Content { places: Places { triggers, ..Places::default() }, ..content() });
            let walker = stage.enter(pupil, 300);
            stage.ticks(2);
            stage.place(walker.id, 100 * UNITS_PER_M, 100 * UNITS_PER_M);
            let enters = |event: &GameEvent| matches!(event, GameEvent::Entered { trigger: 0 });
            let is_put =
                |stage: &Stage| exit.is_none_or(|exit| stage.game.body(walker.id).is_some_and(|b| (b.x, b.y) == exit));
            if !stage.until(10, 0, enters) || !is_put(&stage) {
                seen.undone.push(format!("{} on {map}", trigger.name));
            }
            stage.ticks(1);
            seen.note(&mut stage);
        }
    }
}

/// Whatever began and was not seen to end is waited for, all of it at once: with those who cast it and used it, and nobody
/// who ends it.
pub fn outlast_all(seen: &mut Seen) {
    let content = content();
    let (mut ours, theirs) = (masters(1), masters(2));
    let lasts = |effect: EffectId| seen.began.contains(&effect) && !seen.ended.contains(&effect);
    let gives = |outcomes: &[Outcome]| {
        outcomes.iter().any(|outcome| matches!(outcome, Outcome::Apply { effect } if lasts(*effect)))
    };
    let used = content.items.iter().filter(|kind| kind.use_.as_ref().is_some_and(|used| gives(&used.outcomes)));
    let used: Vec<ItemRow> = (1..)
        .zip(used)
        .map(|(item, kind)| ItemRow {
            item: ItemId(item),
            kind: kind.id,
            count: 1,
            slot: item as u8,
            durability: kind.durability_max,
            is_held: false,
        })
        .collect();
    ours[0].items.clone_from(&used);
    let mut cast = gather(&content, &ours, &theirs);
    let drinker = cast.ours[0].id;
    for row in &used {
        assert_eq!(cast.stage.ask(drinker, Command::Use { item: row.item }), Ok(()));
    }
    for by in cast.ours.clone() {
        for skill in crate::deeds::skills_of(&content, by.class).filter(|skill| gives(&skill.outcomes)) {
            let target = if skill.targeting == Targeting::Own { by.id } else { cast.target_of(by, skill) };
            cast.stage.cast(by, skill.id, target);
        }
    }
    let longest = content.effects.iter().filter(|effect| lasts(effect.id)).map(|effect| effect.ticks).max();
    cast.stage.ticks(longest.unwrap_or(0) + 600);
    seen.note(&mut cast.stage);
}
