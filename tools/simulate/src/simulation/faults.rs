//! What goes wrong begins, and is over.

use super::Simulation;
use crate::dice::Dice;
use crate::fault::Kind;
use crate::plan::Episode;
use crate::process::{Doom, Process};
use crate::strangers::Vandal;
use protocol::unit::{TICK_NS, TICK_RATE_HZ};
use rudp::time::{NS_PER_MS, NS_PER_S};
use rudp::token::{Name, Role, UserData};

/// What a fault may still be blamed for after its end, 15 s: a session is silent after ten, and then somebody tries anew.
pub(super) const AFTERMATH_NS: u64 = 15 * NS_PER_S;

/// By how much a client's clock jumps ahead at most: 2 s, as that of a machine which had no time for this one.
const CLOCK_JUMP_MAX_NS: u64 = 2 * NS_PER_S;

impl Simulation {
    pub(super) fn begin_and_end_faults(&mut self) {
        let over: Vec<Episode> = self.active.extract_if(.., |episode| episode.until <= self.tick).collect();
        for episode in over {
            self.set(&episode, false);
        }
        while let Some(&episode) = self.plan.episodes.get(self.next_episode).filter(|episode| episode.from <= self.tick)
        {
            self.next_episode += 1;
            if self.is_closing || !self.can_begin(&episode) {
                continue;
            }
            // A crash counts when it comes, as what it was by then.
            if !matches!(episode.kind, Kind::ServerCrash | Kind::TornTail) {
                self.tally.book.begin(episode.kind, episode.from, episode.until - episode.from);
            }
            self.say(|| {
                let whom = episode.person.map_or_else(String::new, |person| format!(" of person {person}"));
                format!("{}{whom} until {}", episode.kind.label(), episode.until)
            });
            self.blame(&episode);
            self.set(&episode, true);
            self.active.push(episode);
        }
    }

    /// What cannot begin does not count: a server that is down cannot be killed.
    fn can_begin(&self, episode: &Episode) -> bool {
        match episode.kind {
            Kind::ServerCrash | Kind::TornTail => self.process.is_some() && self.doom.is_none(),
            Kind::Vandal => self.process.is_some(),
            Kind::ClientClock
            | Kind::Move
            | Kind::Takeover
            | Kind::Crash
            | Kind::Relog
            | Kind::Cheat
            | Kind::Flood
            | Kind::Stall => episode.person.is_some_and(|person| self.people[person].life().is_some()),
            kind => kind.of_store().is_none_or(|fault| !self.is_on(kind) && self.stores().can_have(fault)),
        }
    }

    /// What it may be blamed for.
    fn blame(&mut self, episode: &Episode) {
        let until_ns = u64::from(episode.until) * TICK_NS + AFTERMATH_NS;
        if let Some(person) = episode.person {
            let person = &mut self.people[person];
            person.troubled_until_ns = person.troubled_until_ns.max(until_ns);
        } else {
            self.troubled_until_ns = self.troubled_until_ns.max(until_ns);
        }
        let keeps_from_disk = matches!(
            episode.kind,
            Kind::JournalSlow | Kind::JournalFull | Kind::StoreQueueFull | Kind::WorldStall | Kind::JournalUnreadable
        );
        if keeps_from_disk {
            self.unsaved_until_ns = self.unsaved_until_ns.max(until_ns);
        }
    }

    fn set(&mut self, episode: &Episode, is_on: bool) {
        let Episode { kind, until, strength, draw, .. } = *episode;
        let ns = u64::from(self.tick) * TICK_NS;
        if let Some(fault) = kind.of_store() {
            return self.stores_mut().set_fault(fault, is_on);
        }
        if let Some(person) = episode.person {
            return self.set_person(episode, person, is_on, ns);
        }
        match kind {
            Kind::Swizzle => self.swizzle(draw, is_on),
            Kind::IssuerClock => self.issuer_wrong_s = if is_on { wrong_s(strength, draw) } else { 0 },
            Kind::ServerClock => {
                self.server_clock.wrong_s = if is_on { wrong_s(strength, draw) } else { 0 };
                let wrong_s = self.server_clock.wrong_s;
                self.process.iter_mut().for_each(|process| process.set_clock(wrong_s));
                // One that was started ahead of time takes no token until that time has come (spec: LIF-5). Whoever set the clock
                // right starts it again.
                let is_ahead = |process: &Process| !process.gate.is_accepting(process.now(ns));
                if !is_on && self.doom.is_none() && self.process.as_ref().is_some_and(is_ahead) {
                    self.doom = Some((Doom::Between, self.tick + TICK_RATE_HZ, false));
                }
            }
            Kind::Replay => self.strangers.replays = is_on,
            Kind::Forge => self.strangers.forges = is_on,
            Kind::Vandal => self.set_vandal(is_on, ns),
            Kind::ServerCrash | Kind::TornTail if is_on => {
                let doom = [Doom::Between, Doom::Ticked, Doom::Asked][(draw % 3) as usize];
                self.doom = Some((doom, until, kind == Kind::TornTail));
            }
            Kind::WorldStall => self.ailments.world_stands = is_on,
            Kind::ReactorStall => self.ailments.reactor_stands = is_on,
            Kind::BatchesOut => self.ailments.no_batches = is_on,
            Kind::OutboundFull => self.ailments.outbound_full = is_on,
            Kind::Overload => self.ailments.is_slow = is_on,
            _ => {}
        }
    }

    fn set_person(&mut self, episode: &Episode, person: usize, is_on: bool, ns: u64) {
        let Episode { kind, until, strength, draw, .. } = *episode;
        let person = &mut self.people[person];
        let back_ns = u64::from(until) * TICK_NS;
        let value = if is_on { strength } else { 0.0 };
        match kind {
            Kind::Loss => person.line.set_effects(|effects| effects.loss = value * 0.25),
            Kind::Burst => person.line.set_effects(|effects| effects.burst = value),
            Kind::Duplicate => person.line.set_effects(|effects| effects.duplicate = value * 0.4),
            Kind::Reorder => person.line.set_effects(|effects| effects.reorder = value * 0.4),
            Kind::Corrupt => person.line.set_effects(|effects| effects.corrupt = value * 0.2),
            Kind::Spike => person.line.set_effects(|effects| effects.spike_ns = (value * 900.0) as u64 * NS_PER_MS),
            Kind::Outage | Kind::OneWay => person.line.set_effects(|effects| {
                let is_up = kind == Kind::Outage || draw.is_multiple_of(2);
                let is_down = kind == Kind::Outage || !is_up;
                let change = |cuts: &mut u32| if is_on { *cuts += 1 } else { *cuts -= 1 };
                if is_up {
                    change(&mut effects.cuts_up);
                }
                if is_down {
                    change(&mut effects.cuts_down);
                }
            }),
            Kind::ClientClock if is_on => person.clock.jump((strength * CLOCK_JUMP_MAX_NS as f64) as u64),
            Kind::Move if is_on => person.change_address(ns, draw.is_multiple_of(2), draw.is_multiple_of(3)),
            Kind::Crash if is_on => person.vanish(back_ns),
            Kind::Relog if is_on => person.quit(ns, Some(back_ns)),
            Kind::Takeover if is_on => person.knock_ns = Some(ns),
            Kind::Stall => person.moods.is_stalled = is_on,
            Kind::Cheat => person.moods.cheats = is_on,
            Kind::Flood => person.moods.floods = is_on,
            _ => {}
        }
    }

    /// Each of some links is cut; at the end all are mended.
    fn swizzle(&mut self, draw: u64, is_on: bool) {
        let mut dice = Dice::new(draw, 1);
        for person in &mut self.people {
            let (is_meant, is_up, is_down) = (dice.chance(0.6), dice.chance(0.7), dice.chance(0.7));
            if !is_meant {
                continue;
            }
            person.line.set_effects(|effects| {
                let change = |cuts: &mut u32| if is_on { *cuts += 1 } else { *cuts -= 1 };
                if is_up {
                    change(&mut effects.cuts_up);
                }
                if is_down {
                    change(&mut effects.cuts_down);
                }
            });
        }
    }

    fn set_vandal(&mut self, is_on: bool, ns: u64) {
        if !is_on {
            self.strangers.vandal = None;
            return;
        }
        let (serial, issued_at_ms) = (self.serial + 1, self.issuer_ms(ns));
        let account_id = 900_000 + serial % 3;
        let name = Name::new("vandal").unwrap_or_default();
        let user = UserData { account_id, character_id: 0, name, role: Role::Player, issued_at_ms, serial, epoch: 0 };
        let token = self.token(account_id, &user);
        self.strangers.vandal = Some(Vandal::new(ns, serial, token, self.scene.map.hash()));
    }
}

/// A clock that is set wrong: a little, or a lot, either way.
fn wrong_s(strength: f64, draw: u64) -> i64 {
    let most = match draw % 3 {
        0 => 2.0,
        1 => 40.0,
        _ => 7_200.0,
    };
    let seconds = (strength * most).ceil() as i64;
    if draw & 8 == 0 { seconds } else { -seconds }
}
