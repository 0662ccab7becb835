//! Who somebody is, for those who see him. spec: CMD-5

use super::Realm;
use super::evidence::Suspicion;
use super::player::Stage;
use crate::SessionId;
use crate::outbound::Outbound;
use protocol::NetId;
use protocol::message::{Profile, ServerMessage};
use protocol::unit::TICK_RATE_HZ;
use rudp::channel;

/// Profiles that one is told in a second: as many as come into view where a crowd is entered at a run.
const ASKS_PER_S_MAX: u32 = 64;

impl Realm {
    /// Answers, unless he asks for more than come into anybody's view.
    pub(super) fn on_ask(&mut self, session: SessionId, id: NetId, out: &mut Outbound) {
        let now = self.game.now();
        let Some(player) = self.players.find(session) else { return };
        let Stage::Playing(own) = player.stage else { return };
        if now.since(player.asks.0) >= TICK_RATE_HZ {
            player.asks = (now, 0);
        }
        player.asks.1 += 1;
        if player.asks.1 > ASKS_PER_S_MAX {
            return self.suspect(session, Suspicion::Flood, out);
        }
        let sees = id == own
            || player.view.in_view().any(|(_, other)| other == id)
            || self.game.party_of(own).contains(&id)
            || self.game.bonds().bosses().contains(&id);
        let kind = self.game.kind_of(id).filter(|_| sees);
        let profile = kind.map_or_else(Profile::default, |kind| {
            let named = self.players.of_entity(id).and_then(|session| self.players.find(session));
            let name = named.map_or_else(String::new, |player| player.name.as_str().to_owned());
            Profile { id, level: kind.level, team: kind.team, class: kind.class, mob: kind.mob, name }
        });
        out.message(session, channel::CONTROL, &ServerMessage::Profile(Profile { id, ..profile }));
    }
}
