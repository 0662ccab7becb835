use crate::content::ItemType;
use protocol::ItemKind;

/// A kind of item that nothing is special about.
pub(super) fn kind(id: u16, change: impl FnOnce(&mut ItemType)) -> ItemType {
    let mut kind = ItemType {
        id: ItemKind(id),
        name: format!("kind {id}"),
        form: id,
        stack_max: 20,
        weight: 100,
        slot: None,
        is_two_handed: false,
        level_min: 1,
        classes: Vec::new(),
        modifiers: Vec::new(),
        durability_max: 0,
        use_: None,
        price: 0,
        value: 0,
        is_bound: false,
    };
    change(&mut kind);
    kind
}
