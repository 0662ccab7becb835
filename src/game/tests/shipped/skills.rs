//! Each class casts each of its skills, at somebody on whom all that it does can be seen.

use crate::deeds::{Cast, Deed, skills_of};
use crate::seen::Seen;
use crate::stage::{PATIENCE_TICKS, Stage, content, masters};
use game::Estate;
use game::content::{Content, Skill};
use protocol::event::CastEnd;
use protocol::{ClassId, GameEvent};

pub fn cast_all(seen: &mut Seen) {
    let content = content();
    let (ours, theirs) = (masters(1), masters(2));
    for class in content.classes.iter() {
        for skill in skills_of(&content, class.id) {
            let mut cast = gather(&content, &ours, &theirs);
            let undone = cast_one(&mut cast, class.id, skill);
            if undone.is_empty() {
                seen.cast.insert(skill.id);
            }
            seen.undone.extend(undone.into_iter().map(|what| format!("{} of {}: {what}", skill.name, class.name)));
            seen.note(&mut cast.stage);
        }
    }
}

/// One of each class on either side, each weary, so that whatever heals him can be seen.
pub fn gather<'a>(content: &'a Content, ours: &[Estate], theirs: &[Estate]) -> Cast<'a> {
    let mut stage = Stage::new(content.clone());
    let mut enter = |estates: &[Estate], from_m: i32| {
        (from_m..).step_by(30).zip(estates).map(|(x_m, estate)| stage.enter_weary(estate, x_m)).collect()
    };
    let (ours, theirs) = (enter(ours, 30), enter(theirs, 220));
    stage.ticks(2);
    Cast { stage, ours, theirs, content }
}

/// What does not come of it.
fn cast_one(cast: &mut Cast<'_>, class: ClassId, skill: &Skill) -> Vec<String> {
    let by = cast.of_class(true, class);
    let target = cast.target_of(by, skill);
    let deeds: Vec<Deed> = skill.outcomes.iter().map(|&outcome| cast.prepare(by, target, outcome)).collect();
    cast.prepare_last(&deeds);
    let since = cast.stage.told.len();
    cast.stage.cast(by, skill.id, target);
    let mut undone: Vec<String> = cast.watch(&deeds, since).iter().map(|outcome| format!("{outcome:?}")).collect();
    let is_end = |event: &GameEvent| {
        matches!(event, GameEvent::CastEnded { by: caster, skill: ended, end: CastEnd::Done }
            if (*caster, *ended) == (by.id, skill.id))
    };
    if !cast.stage.until(PATIENCE_TICKS, since, is_end) {
        undone.push("its end".to_owned());
    }
    undone
}
