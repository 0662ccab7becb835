//! What a playing bot does next: come back to life, drink, learn, find company, loot, fight, stroll; first things first.

use super::board::COMPANY;
use super::cast;
use super::turn::{Turn, Wanted, place_of};
use crate::dice::Dice;
use crate::movement::Place;
use protocol::command::{LootRule, PartyStep, TradeStep};
use protocol::event::CastEnd;
use protocol::news::PARTY_MAX;
use protocol::{Command, EntityKind, GameEvent, NetId, Refusal, SkillId};
use rudp::time::{NS_PER_MS, NS_PER_S};
use std::collections::BTreeMap;

/// Who lies dead asks to come back after this long; the rules say five seconds.
const RESPAWN_NS: u64 = 5_200 * NS_PER_MS;
/// Who has company sometimes waits so much longer for a mate to call him back, which takes one six seconds.
const HOPE_NS: u64 = 6 * NS_PER_S;
/// How often.
const HOPE: f32 = 0.3;
/// What was left belongs to who killed for this long.
const OWNED_NS: u64 = 30 * NS_PER_S;
/// As above, in ticks, with a margin.
const OWNED_TICKS: u32 = 31 * 60;
/// What was left lies this near to where its owner died, in metres.
const SPOILS_M: f32 = 3.0;
/// From so near things are picked up: the rules say four metres.
const REACH_M: f32 = 3.2;
/// Things farther away are not worth the way, in metres.
const LOOT_M: f32 = 25.0;
/// Mobs farther away are left alone, in metres.
const HUNT_M: f32 = 60.0;
/// Errands beside fights: two a second.
const ERRANDS_NS: u64 = 500 * NS_PER_MS;
/// From one look around for somebody to fight to the next.
const LOOK_NS: u64 = 250 * NS_PER_MS;
/// A command may come so early that it waits for the cast before it: the server allows half a second.
const EARLY_NS: u64 = 300 * NS_PER_MS;
/// After a refusal.
const REFUSED_NS: u64 = 300 * NS_PER_MS;
/// The same thing for oneself is not done again before.
const FAVOUR_NS: u64 = 20 * NS_PER_S;
/// Pause between practice strokes of who has nobody to fight.
const PRACTICE_NS: u64 = 3 * NS_PER_S;

/// One bot's will.
#[derive(Debug)]
pub struct Mind {
    dice: Dice,
    target: Option<NetId>,
    look_ns: u64,
    cast_ns: u64,
    /// When the cast that was asked for last is over, and the next may begin.
    free_ns: u64,
    errands_ns: u64,
    /// When the last blow was given or taken.
    pub blow_ns: u64,
    died_ns: Option<u64>,
    /// Places where something was killed by this bot or its party, and until when it is theirs.
    spoils: Vec<(Place, u64)>,
    /// Things that are not to be picked up before.
    left_alone: BTreeMap<NetId, u64>,
    favours: BTreeMap<SkillId, u64>,
    /// There is no room for more.
    is_full: bool,
    stroll: (Place, u64),
}

impl Mind {
    /// With its own dice.
    pub fn new(dice: Dice) -> Self {
        Self {
            dice,
            target: None,
            look_ns: 0,
            cast_ns: 0,
            free_ns: 0,
            errands_ns: 0,
            blow_ns: 0,
            died_ns: None,
            spoils: Vec::new(),
            left_alone: BTreeMap::new(),
            favours: BTreeMap::new(),
            is_full: false,
            stroll: (Place::default(), 0),
        }
    }

    /// Another session: ids mean others.
    pub fn on_joined(&mut self) {
        (self.target, self.died_ns) = (None, None);
        self.left_alone.clear();
    }

    /// Something happened.
    pub fn on_event(&mut self, turn: &Turn<'_>, event: &GameEvent) {
        match *event {
            GameEvent::Hurt(hurt) if hurt.on == turn.sheet.own || hurt.by == Some(turn.sheet.own) => {
                self.blow_ns = turn.now_ns;
            }
            // To strike at nothing is to fight, too.
            GameEvent::CastEnded { by, skill, end: CastEnd::Done }
                if by == turn.sheet.own && turn.board.content.skills.find(skill).is_some_and(cast::is_harmful) =>
            {
                self.blow_ns = turn.now_ns;
            }
            GameEvent::Died { who, by: Some(by) } if by == turn.sheet.own || turn.sheet.is_mate(by) => {
                if let Some(seen) = turn.client.sees(who) {
                    self.spoils.push((place_of(&seen.state), turn.now_ns + OWNED_NS));
                }
            }
            _ => {}
        }
    }

    /// A command was refused.
    pub fn on_refused(&mut self, now_ns: u64, command: &Command, refusal: Refusal) {
        match (command, refusal) {
            (Command::Cast(cast), Refusal::WrongLife | Refusal::UnknownTarget | Refusal::NoLineOfSight) => {
                self.target = None;
                self.favours.insert(cast.skill, now_ns + REFUSED_NS);
            }
            (Command::Cast(_), _) => (self.cast_ns, self.free_ns) = (now_ns + REFUSED_NS, now_ns),
            // Not every blow is told of: the fight goes on for longer than one knew.
            (Command::Trade(TradeStep::Ask { .. }), Refusal::InCombat) => {
                self.blow_ns = self.blow_ns.max(now_ns.saturating_sub(3 * NS_PER_S));
            }
            (Command::PickUp { entity }, Refusal::NotYours) => drop(self.left_alone.insert(*entity, now_ns + OWNED_NS)),
            (Command::PickUp { entity }, Refusal::TooHeavy | Refusal::NoRoom) => {
                self.is_full = true;
                self.left_alone.insert(*entity, now_ns + OWNED_NS);
            }
            (Command::PickUp { entity }, _) => drop(self.left_alone.insert(*entity, now_ns + 2 * NS_PER_S)),
            _ => {}
        }
    }

    /// It lies dead.
    pub fn lie(&mut self, turn: &mut Turn<'_>) -> Wanted {
        let hopes = self.died_ns.is_none() && !turn.sheet.party.members.is_empty() && self.dice.chance(HOPE);
        let died_ns = *self.died_ns.get_or_insert(turn.now_ns + if hopes { HOPE_NS } else { 0 });
        let is_waiting = turn.orders.waiting(|command| matches!(command, Command::Respawn)) > 0;
        if turn.now_ns >= died_ns + RESPAWN_NS && !is_waiting && turn.give(Command::Respawn) {
            self.died_ns = Some(turn.now_ns + NS_PER_S - RESPAWN_NS);
        }
        turn.stay()
    }

    /// It lives. `is_counting`: belongings must be left alone; `casting`: the cast under way.
    pub fn act(&mut self, turn: &mut Turn<'_>, is_counting: bool, casting: Option<SkillId>) -> Wanted {
        let home = turn.board.home(turn.bot);
        if self.died_ns.take().is_some() || turn.here.distance(home.place) > 2.0 * HUNT_M + home.radius {
            // From the graveyard it is a long way.
            self.target = None;
            return Wanted { place: Some(home.place), ..turn.stay() };
        }
        self.do_errands(turn, is_counting);
        if self.is_bound(turn, casting) {
            return self.strike(turn, turn.here);
        }
        let loot = if is_counting || self.is_full { None } else { self.loot(turn) };
        if let Some(goal) = loot {
            return self.strike(turn, goal);
        }
        self.look_around(turn);
        let goal = self.approach(turn).unwrap_or_else(|| self.wander(turn));
        self.strike(turn, goal)
    }

    /// Gives somebody a blow whatever else there is to do: for who wants to be in a fight.
    pub fn give_blow(&mut self, turn: &mut Turn<'_>) -> Wanted {
        self.look_around(turn);
        self.strike(turn, turn.here)
    }

    /// Whether it must stand still: a cast that walking would end is under way, or asked for.
    fn is_bound(&self, turn: &Turn<'_>, casting: Option<SkillId>) -> bool {
        let stands = |skill: SkillId| {
            let skill = turn.board.content.skills.find(skill);
            skill.is_some_and(|skill| !skill.is_mobile && (skill.cast_ticks > 0 || skill.channel.is_some()))
        };
        let asked = |command: &Command| matches!(command, Command::Cast(cast) if stands(cast.skill));
        casting.is_some_and(stands) || turn.orders.waiting(asked) > 0
    }

    fn do_errands(&mut self, turn: &mut Turn<'_>, is_counting: bool) {
        if turn.now_ns < self.errands_ns {
            return;
        }
        self.errands_ns = turn.now_ns + ERRANDS_NS;
        self.spoils.retain(|(_, until_ns)| *until_ns > turn.now_ns);
        self.left_alone.retain(|_, until_ns| *until_ns > turn.now_ns);
        let is_idle = turn.orders.waiting_of_belongings() == 0 && !is_counting;
        let (health, mana) = turn.sheet.shares();
        let thirsts = [(true, health < 50), (false, mana < 25)];
        let drink = thirsts.into_iter().filter(|(_, is_low)| *is_low && is_idle);
        let drink = drink.filter_map(|(for_health, _)| turn.sheet.drink(&turn.board.content, turn.now_ns, for_health));
        if let Some(item) = drink.into_iter().next() {
            turn.give(Command::Use { item });
        } else if is_idle && std::mem::take(&mut self.is_full) {
            self.make_room(turn);
        } else if let Some(item) = turn.sheet.better(&turn.board.content).filter(|_| is_idle) {
            turn.give(Command::Equip { item });
        }
        let is_learning = turn.orders.waiting(|command| matches!(command, Command::Learn { .. })) > 0;
        if let Some(skill) = turn.sheet.learnable(&turn.board.content).filter(|_| !is_learning) {
            turn.give(Command::Learn { skill });
        }
        if turn.orders.waiting(|command| matches!(command, Command::Party(_))) == 0 {
            self.find_company(turn);
        }
    }

    /// Lays down what it has most of.
    fn make_room(&mut self, turn: &mut Turn<'_>) {
        let spare = turn.sheet.spare(&turn.board.content);
        let most = spare.max_by_key(|row| (row.count, row.item)).map(|row| (row.item, row.count));
        if let Some((item, count)) = most {
            turn.give(Command::Drop { item, count });
        }
    }

    /// The first of a company asks the others; now and then one goes, or the rule changes.
    fn find_company(&mut self, turn: &mut Turn<'_>) {
        if turn.sheet.invited_by.take().is_some() {
            let step = if self.dice.chance(0.9) { PartyStep::Accept } else { PartyStep::Decline };
            turn.give(Command::Party(step));
            return;
        }
        let (members, own) = (turn.sheet.party.members.len(), turn.sheet.own);
        if members > 0 && self.dice.chance(0.004) {
            turn.give(Command::Party(PartyStep::Leave));
            return;
        }
        let is_leader = members == 0 || turn.sheet.party.members.first() == Some(&own);
        if members > 1 && is_leader && self.dice.chance(0.01) {
            let rules = [LootRule::Anyone, LootRule::InTurn, LootRule::Leader];
            let rule = rules[self.dice.below(rules.len())];
            turn.give(Command::Party(PartyStep::Rule { rule }));
            return;
        }
        if !turn.bot.is_multiple_of(COMPANY) || !is_leader || members >= PARTY_MAX || !self.dice.chance(0.25) {
            return;
        }
        let mates = (turn.bot + 1..turn.bot + COMPANY).map(|mate| turn.board.post(mate));
        let near = mates.filter(|post| post.here.distance(turn.here) < HUNT_M && !post.has_party);
        let who = near.filter_map(|post| post.id).find(|id| !turn.sheet.is_mate(*id));
        if let Some(who) = who {
            turn.give(Command::Party(PartyStep::Invite { who }));
        }
    }

    /// Picks up what lies near and is its own; where to go for more.
    fn loot(&mut self, turn: &mut Turn<'_>) -> Option<Place> {
        if self.spoils.is_empty() && !turn.bot.is_multiple_of(3) {
            return None;
        }
        let mut nearest: Option<(f32, NetId, Place)> = None;
        for (id, seen) in turn.client.entities().filter(|(_, seen)| seen.kind == EntityKind::Item) {
            let place = place_of(&seen.state);
            let apart = place.distance(turn.here);
            let is_old = turn.newest.since(seen.entered) > OWNED_TICKS;
            let is_own = is_old || self.spoils.iter().any(|(spoil, _)| spoil.distance(place) < SPOILS_M);
            let is_left = self.left_alone.get(&id).is_some_and(|until_ns| *until_ns > turn.now_ns);
            if is_own && !is_left && apart < LOOT_M && nearest.is_none_or(|(least, ..)| apart < least) {
                nearest = Some((apart, id, place));
            }
        }
        let (apart, entity, place) = nearest?;
        if apart > REACH_M {
            return Some(place);
        }
        if turn.give(Command::PickUp { entity }) {
            self.left_alone.insert(entity, turn.now_ns + 2 * NS_PER_S);
        }
        None
    }

    /// Chooses whom to fight.
    fn look_around(&mut self, turn: &Turn<'_>) {
        if turn.now_ns < self.look_ns {
            return;
        }
        self.look_ns = turn.now_ns + LOOK_NS;
        let home = turn.board.home(turn.bot);
        let is_worth = |state: &protocol::EntityState| {
            let place = place_of(state);
            !state.is_dead() && place.distance(turn.here) < HUNT_M && place.distance(home.place) < HUNT_M + home.radius
        };
        let kept = self.target.and_then(|id| turn.client.sees(id)).is_some_and(|seen| is_worth(&seen.state));
        if kept {
            return;
        }
        let mut best: Option<(f32, NetId)> = None;
        for (id, seen) in turn.client.entities() {
            if seen.kind != EntityKind::Mob || !is_worth(&seen.state) {
                continue;
            }
            // Not all go for the same one.
            let far = place_of(&seen.state).distance(turn.here) * self.dice.range(0.6, 1.4);
            if best.is_none_or(|(least, _)| far < least) {
                best = Some((far, id));
            }
        }
        self.target = best.map(|(_, id)| id);
    }

    /// Where to stand to reach the target; none without one.
    fn approach(&self, turn: &Turn<'_>) -> Option<Place> {
        let there = place_of(&turn.client.sees(self.target?)?.state);
        let apart = there.distance(turn.here);
        let reach = cast::reach_m(&turn.board.content, turn.sheet);
        if apart <= reach {
            return Some(turn.here);
        }
        let share = (apart - reach * 0.8) / apart;
        let (dx, dy) = (there.x - turn.here.x, there.y - turn.here.y);
        Some(Place { x: turn.here.x + dx * share, y: turn.here.y + dy * share })
    }

    fn wander(&mut self, turn: &Turn<'_>) -> Place {
        let home = turn.board.home(turn.bot);
        if turn.now_ns >= self.stroll.1 {
            let (sin, cos) = self.dice.range(0.0, std::f32::consts::TAU).sin_cos();
            let off = self.dice.unit() * home.radius * 0.6;
            let place = Place { x: home.place.x + off * cos, y: home.place.y + off * sin };
            self.stroll = (place, turn.now_ns + 4 * NS_PER_S + self.dice.below(4) as u64 * NS_PER_S);
        }
        self.stroll.0
    }

    /// Casts what is ready, on the way to `goal`.
    fn strike(&mut self, turn: &mut Turn<'_>, goal: Place) -> Wanted {
        let Some((_, own)) = turn.client.own() else { return Wanted::at(goal) };
        let seen = self.target.and_then(|id| Some((id, turn.client.sees(id)?.state)));
        let seen = seen.filter(|(_, state)| !state.is_dead());
        let (yaw, pitch) = match &seen {
            Some((_, state)) => cast::aim(&own.entity(), state),
            None => (own.yaw << 4, 0),
        };
        let look = seen.is_some().then_some((yaw >> 4, pitch >> 4));
        let wanted = Wanted { look, ..Wanted::at(goal) };
        let is_waiting = turn.orders.waiting(|command| matches!(command, Command::Cast(_))) > 0;
        if turn.now_ns < self.cast_ns || is_waiting {
            return wanted;
        }
        let view = cast::View { seen, yaw, pitch, favours: &self.favours, now_ns: turn.now_ns };
        let Some((order, is_favour)) = cast::choose(turn, &view, &mut self.dice) else {
            self.cast_ns = turn.now_ns + REFUSED_NS / 3;
            return wanted;
        };
        if turn.give(Command::Cast(order)) {
            let has_target = view.seen.is_some();
            if is_favour {
                self.favours.insert(order.skill, turn.now_ns + FAVOUR_NS);
            }
            self.free_ns = self.free_ns.max(turn.now_ns) + cast::length_ns(&turn.board.content, order.skill);
            let pause_ns = if has_target || is_favour { 0 } else { PRACTICE_NS };
            self.cast_ns = (self.free_ns - EARLY_NS).max(turn.now_ns + pause_ns);
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::command::Cast;

    fn mind() -> Mind {
        Mind { target: Some(NetId(3)), ..Mind::new(Dice::new(1, 1)) }
    }

    #[test]
    fn a_target_that_cannot_be_hit_is_given_up_and_any_other_refusal_only_waits() {
        let strike = Command::Cast(Cast { skill: SkillId(101), ..Cast::default() });
        for refusal in [Refusal::WrongLife, Refusal::UnknownTarget, Refusal::NoLineOfSight] {
            let mut mind = mind();
            mind.on_refused(5, &strike, refusal);
            assert_eq!((mind.target, mind.cast_ns), (None, 0), "{refusal:?}");
        }
        let mut mind = mind();
        mind.on_refused(5, &strike, Refusal::OnCooldown);
        assert_eq!((mind.target, mind.cast_ns), (Some(NetId(3)), 5 + REFUSED_NS));
    }

    #[test]
    fn what_is_somebody_elses_is_left_alone_until_it_is_his_no_more() {
        let entity = NetId(9);
        let pick_up = Command::PickUp { entity };
        let left_alone = |refusal| {
            let mut mind = mind();
            mind.on_refused(5, &pick_up, refusal);
            (mind.left_alone[&entity], mind.is_full)
        };
        assert_eq!(left_alone(Refusal::NotYours), (5 + OWNED_NS, false));
        assert_eq!(left_alone(Refusal::TooHeavy), (5 + OWNED_NS, true), "and something is laid down");
        assert_eq!(left_alone(Refusal::OutOfRange), (5 + 2 * NS_PER_S, false));
    }

    #[test]
    fn who_was_refused_a_trade_for_fighting_is_not_calm() {
        let mut mind = mind();
        mind.on_refused(10 * NS_PER_S, &Command::Trade(TradeStep::Ask { with: NetId(2) }), Refusal::InCombat);
        assert_eq!(mind.blow_ns, 7 * NS_PER_S);
    }
}
