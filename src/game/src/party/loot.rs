//! Who of a party may take what a mob has left.

use super::Parties;
use arrayvec::ArrayVec;
use protocol::NetId;
use protocol::command::LootRule;
use protocol::news::PARTY_MAX;

/// Those of a party, the leader first, to whom it belongs, of those who are near; `last` had the last turn, and becomes
/// whoever has this one.
pub(crate) fn looters(
    rule: LootRule,
    members: &[NetId],
    last: &mut Option<NetId>,
    is_near: impl Fn(NetId) -> bool,
) -> ArrayVec<NetId, PARTY_MAX> {
    let near = || members.iter().copied().filter(|&id| is_near(id)).take(PARTY_MAX);
    let one = match rule {
        LootRule::Anyone => None,
        LootRule::Leader => members.first().copied().filter(|&leader| is_near(leader)),
        LootRule::InTurn => {
            // In the order of their ids: the order of the party changes with its leader.
            let after = near().filter(|&id| last.is_some_and(|last| id > last)).min();
            let next = after.or_else(|| near().min());
            *last = next.or(*last);
            next
        }
    };
    one.map_or_else(|| near().collect(), |one| std::iter::once(one).collect())
}

impl Parties {
    /// To whom belongs what falls to somebody: himself, or those of his party by its rule. Empty if of a party none is near.
    pub(crate) fn looters(&mut self, id: NetId, is_near: impl Fn(NetId) -> bool) -> ArrayVec<NetId, PARTY_MAX> {
        match self.band_mut(id) {
            Some(band) => looters(band.rule, &band.members, &mut band.last, is_near),
            None => std::iter::once(id).collect(),
        }
    }
}
