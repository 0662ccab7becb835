//! Everything that can be used is used by somebody who may.

use crate::deeds::Deed;
use crate::seen::Seen;
use crate::skills::gather;
use crate::stage::{content, masters};
use game::content::ItemType;
use protocol::news::ItemRow;
use protocol::{Command, ItemId};

pub fn use_all(seen: &mut Seen) {
    let content = content();
    let (ours, theirs) = (masters(1), masters(2));
    for kind in content.items.iter().filter(|kind| kind.use_.is_some()) {
        let mut ours = ours.clone();
        for (item, estate) in (1..).zip(&mut ours) {
            let row = ItemRow { item: ItemId(item), kind: kind.id, count: 1, ..ItemRow::default() };
            estate.items = vec![ItemRow { durability: kind.durability_max, ..row }];
        }
        let mut cast = gather(&content, &ours, &theirs);
        let undone = use_one(&mut cast, kind);
        if undone.is_empty() {
            seen.used.insert(kind.id);
        }
        seen.undone.extend(undone.into_iter().map(|what| format!("{}: {what}", kind.name)));
        seen.note(&mut cast.stage);
    }
}

/// What does not come of it.
fn use_one(cast: &mut crate::deeds::Cast<'_>, kind: &ItemType) -> Vec<String> {
    let Some(used) = &kind.use_ else { return Vec::new() };
    let may = |person: &&crate::stage::Person| kind.classes.is_empty() || kind.classes.contains(&person.class);
    // The last: the first may have more health than a potion can fill up, and no mana to speak of.
    let by = *cast.ours.iter().rfind(may).expect("somebody who may use it");
    let deeds: Vec<Deed> = used.outcomes.iter().map(|&outcome| cast.prepare(by, by.id, outcome)).collect();
    let since = cast.stage.told.len();
    let item = cast.stage.game.estate(by.id).unwrap().items[0].item;
    if let Err(refusal) = cast.stage.ask(by.id, Command::Use { item }) {
        return vec![format!("{refusal:?}")];
    }
    let mut undone: Vec<String> = cast.watch(&deeds, since).iter().map(|outcome| format!("{outcome:?}")).collect();
    if used.is_consumed != cast.stage.game.estate(by.id).unwrap().items.is_empty() {
        undone.push("being used up".to_owned());
    }
    undone
}
