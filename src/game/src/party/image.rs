//! Parties as part of the world's image.
//!
//! Two worlds with the same parties have the same image, whichever places they lie in: a restored world fills its places
//! in another order than the one that went on.

use super::{Band, Invitation, Parties, bind};
use crate::bond::Bonds;
use protocol::NetId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// All parties and invitations as they are saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartiesImage {
    /// By ascending id of the leader.
    pub(super) bands: Vec<Band>,
    /// By ascending id of who is invited.
    pub(super) invitations: Vec<(NetId, Invitation)>,
    /// Ascending, each once.
    pub(super) untold: Vec<NetId>,
}

impl Parties {
    /// As they are now.
    pub(crate) fn image(&self) -> PartiesImage {
        let mut bands: Vec<_> = self.bands.iter().flatten().cloned().collect();
        bands.sort_unstable_by_key(|band| band.members[0]);
        let mut untold = self.untold.clone();
        untold.sort_unstable();
        untold.dedup();
        let invitations = self.invitations.iter().map(|(&who, &invitation)| (who, invitation)).collect();
        PartiesImage { bands, invitations, untold }
    }
}

impl PartiesImage {
    /// The parties again, their members bound to each other: bonds are not saved.
    pub(crate) fn restore(&self, bonds: &mut Bonds) -> Parties {
        let (invitations, untold) = (self.invitations.iter().copied().collect(), self.untold.clone());
        let mut parties = Parties { invitations, untold, ..Parties::default() };
        for band in &self.bands {
            for (at, &one) in band.members.iter().enumerate() {
                band.members[..at].iter().for_each(|&other| bind(bonds, one, other, true));
            }
            parties.begin(band.clone());
        }
        parties
    }

    /// Whether all that it names are live, each in one party at most, and no party is of one.
    pub(crate) fn is_possible(&self, is_live: impl Fn(NetId) -> bool) -> bool {
        let mut seen = BTreeSet::new();
        self.bands.iter().all(|band| band.members.len() >= 2)
            && self.bands.iter().flat_map(|band| &band.members).all(|&id| is_live(id) && seen.insert(id))
            && self.invitations.iter().all(|(who, invitation)| is_live(*who) && is_live(invitation.by))
            && self.untold.iter().all(|&id| is_live(id))
    }
}
