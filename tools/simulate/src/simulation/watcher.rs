//! What passes within a server process, held against what may.

use super::Simulation;
use super::judge::Trail;
use crate::check::{Broken, Check};
use crate::process::Watch;
use rudp::Reason;
use server::{Inbound, Outbound, OutboundItem, Realm};
use std::net::SocketAddr;

/// Whoever watches a process at a moment.
pub(super) struct Watcher<'a> {
    pub(super) ns: u64,
    pub(super) incarnation: u32,
    pub(super) simulation: &'a mut Simulation,
}

impl Watch for Watcher<'_> {
    fn on_inbound(&mut self, batch: &Inbound) -> Result<(), Broken> {
        let Simulation { sessions, owners, people, tally, .. } = &mut *self.simulation;
        tally.waiting_most = tally.waiting_most.max(sessions.judge_batch(batch)?);
        for event in batch.events() {
            let happened = sessions.on_event(self.ns, event, |token| owners.get(&token).copied())?;
            let Some((session, seat, ended)) = happened else { continue };
            let Some(person) = seat.person else { continue };
            match ended {
                None => {
                    if let Some(life) = people[person].life_of(seat.token) {
                        life.session = Some((session, self.incarnation));
                    }
                }
                Some(Reason::ProtocolViolation | Reason::Banned) => {
                    let what = format!("person {person}, who says only what a client says, was put out");
                    return Err(Broken::new(Check::Reasons, what));
                }
                Some(Reason::TimedOut) => tally.timed_out += 1,
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn on_outbound(&mut self, realm: &Realm, outbound: &Outbound) -> Result<(), Broken> {
        let Simulation { sessions, people, truths, tick, .. } = &mut *self.simulation;
        if let Some(truth) = truths.get_mut(&self.incarnation) {
            truth.record(realm);
        }
        for item in outbound.items() {
            let OutboundItem::Message { session, channel, bytes } = item else { continue };
            let Some(seat) = sessions.of(*session) else { continue };
            if let Some(person) = seat.person
                && let Some(life) = people[person].life_of(seat.token)
            {
                life.told.on_said(*channel, outbound.bytes(bytes), *tick);
            }
        }
        self.follow(realm)
    }

    fn on_datagram(&mut self, to: SocketAddr, datagram: &[u8]) -> Result<(), Broken> {
        let Simulation { people, strangers, nonces, replies, footprint, .. } = &mut *self.simulation;
        footprint.bytes(datagram);
        let number = match to.ip() {
            std::net::IpAddr::V4(ip) => usize::from(ip.octets()[2]) << 8 | usize::from(ip.octets()[3]),
            std::net::IpAddr::V6(_) => usize::MAX,
        };
        let seat = people.get(number).and_then(|person| person.line.seat_of(to));
        nonces.on_server(self.incarnation, seat.map(|(_, token)| token), datagram)?;
        if let Some((seat, _)) = seat {
            people[number].line.send_down(self.ns, seat, datagram);
        } else if let Some(vandal) = strangers.vandal.as_mut().filter(|vandal| vandal.address() == to) {
            vandal.receive(datagram);
        } else {
            replies.on_said(to, datagram.len())?;
        }
        Ok(())
    }
}

impl Watcher<'_> {
    /// Where everybody is, and whether who has just come back is where he was and has what he had.
    fn follow(&mut self, realm: &Realm) -> Result<(), Broken> {
        let ns = self.ns;
        let Simulation { sessions, trails, estates, tally, unsaved_until_ns, .. } = &mut *self.simulation;
        for (session, _) in sessions.iter() {
            let Some(id) = realm.plays(session) else { continue };
            let game = realm.game();
            let (Some(character), Some(own)) = (game.character(id), game.own(id)) else { continue };
            let trail = trails.entry(character.0).or_insert_with(Trail::default);
            if trail.session != Some((session, self.incarnation)) {
                if let Some(judged) = trail.judge(&own, self.incarnation, ns < *unsaved_until_ns) {
                    tally.looks.count(Check::Restored);
                    judged.map_err(|what| Broken::new(Check::Restored, format!("{character:?} {what}")))?;
                }
                trail.begin((session, self.incarnation));
                estates.on_back(game, id)?;
            }
            trail.note(ns, &own, ns < *unsaved_until_ns);
        }
        Ok(())
    }
}
