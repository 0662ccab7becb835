//! Everybody's part of a tick: what he has received, whom he sees, what he is told.

use super::Realm;
use super::interest::Change;
use super::player::Stage;
use super::snapshot::Viewer;
use super::view::View;
use crate::SessionId;
use crate::outbound::Outbound;
use protocol::NetId;
#[cfg(feature = "faults")]
use protocol::Tick;
use rudp::{PartId, PartOutcome};

/// Interest is looked at anew every this many ticks (100 ms), each viewer in its own of them.
const INTEREST_PERIOD_TICKS: u32 = 6;
impl Realm {
    /// Everybody in turn: what became of his parts, who is in his view, what he is told. A view is larger than what the
    /// caches hold of it from one tick to the next, so all that is done to it is done while it is at hand.
    pub(super) fn tell_everyone(&mut self, out: &mut Outbound) {
        let now = self.game.now();
        let (replicas, spatial) = (self.game.replicas(), self.game.spatial());
        self.cache.begin(now, replicas.len());
        self.named_by.resize(self.named_by.len().max(replicas.len()), 0);
        self.reports.sort_unstable_by_key(|&(session, part, _)| (session.slot, session.generation, part.0));
        let mut reported = 0;
        for player in self.players.rotated_mut(now.0 as usize) {
            for &(_, part, outcome) in of_session(&self.reports, player.session) {
                self.status.reports_unknown += u64::from(!player.view.on_report(part, outcome, now));
                reported += 1;
            }
            let Stage::Playing(id) = player.stage else { continue };
            let named_by = &mut self.named_by;
            player.view.cool(now, |id| named_by[id.row()] -= 1);
            if (now.0 + player.session.slot).is_multiple_of(INTEREST_PERIOD_TICKS) || player.view.present() == 0 {
                #[cfg(feature = "faults")]
                let change = lying_change(self.config.fault, id, now, named_by);
                #[cfg(not(feature = "faults"))]
                let change = honest_change(named_by);
                self.interest.update(id, &mut player.view, &self.sight, replicas, spatial, change);
            }
            if player.is_silent {
                continue;
            }
            if player.budget_bytes <= 0 {
                self.status.snapshots_skipped += 1;
                continue;
            }
            #[cfg(feature = "faults")]
            if self.config.fault == Some(crate::Fault::StopSnapshots) && player.session.slot % 50 == 7 && now.0 > 300 {
                continue;
            }
            let Some(mut own) = self.game.own(id) else { continue };
            own.input_applied = player.inbox.applied();
            own.input_depth = player.inbox.len().min(15) as u8;
            let viewer = Viewer { session: player.session, id, own, budget_bytes: player.budget_bytes };
            self.writer.write(&viewer, &mut player.view, replicas, &mut self.cache, now, out);
            // Spent: the gate publishes the next tick's bytes when it has sent this tick's.
            player.budget_bytes = 0;
        }
        self.status.stale += (self.reports.len() - reported) as u64;
        self.reports.clear();
    }
}

/// The reports of one session among those of all, which are in the order of their sessions.
fn of_session(reports: &[(SessionId, PartId, PartOutcome)], session: SessionId) -> &[(SessionId, PartId, PartOutcome)] {
    let key = |of: SessionId| (of.slot, of.generation);
    let from = reports.partition_point(|&(of, ..)| key(of) < key(session));
    let rest = reports.get(from..).unwrap_or_default();
    &rest[..rest.partition_point(|&(of, ..)| of == session)]
}

/// What changes of sight bring about.
#[expect(clippy::type_complexity, reason = "three closures, none of which has a name")]
#[cfg(not(feature = "faults"))]
fn honest_change(
    named_by: &mut [u32],
) -> Change<impl FnMut(NetId) -> bool, impl FnMut(NetId), impl FnMut(&mut View, u16)> {
    Change {
        may_enter: |_| true,
        entered: |id: NetId| named_by[id.row()] += 1,
        leave: |view: &mut View, slot| view.leave(slot),
    }
}

/// As `honest_change`, unless a lie is to be told.
#[expect(clippy::type_complexity, reason = "three closures, none of which has a name")]
#[cfg(feature = "faults")]
fn lying_change(
    fault: Option<crate::Fault>,
    viewer: NetId,
    now: Tick,
    named_by: &mut [u32],
) -> Change<impl FnMut(NetId) -> bool, impl FnMut(NetId), impl FnMut(&mut View, u16)> {
    Change {
        may_enter: move |id: NetId| {
            let dropped = crate::fault::mix(u64::from(viewer.0), u64::from(id.0)).is_multiple_of(1_000);
            !(fault == Some(crate::Fault::DropEntity) && dropped)
        },
        entered: |id: NetId| named_by[id.row()] += 1,
        leave: move |view: &mut View, slot: u16| {
            if fault == Some(crate::Fault::ForgetLeave) && (now.0 + u32::from(slot)).is_multiple_of(4) {
                view.forget(slot, now);
            } else {
                view.leave(slot);
            }
        },
    }
}
