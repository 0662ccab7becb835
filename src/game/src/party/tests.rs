use super::*;
use crate::fight::Team;
use crate::party::loot::looters;
use crate::rig::{Rig, content};
use crate::{Game, GameConfig};
use proptest::prelude::*;
use protocol::command::PartyStep;
use protocol::motion::StaticMap;
use protocol::{Command, News};
use std::sync::Arc;

fn rig(players: u16) -> Rig {
    let mut rig = Rig::new(content(vec![]), players);
    for id in rig.ids.clone() {
        *rig.part(id) = Team(1);
    }
    rig
}

/// Gives an order, and what came of it.
fn order(rig: &mut Rig, by: NetId, step: PartyStep) -> Result<(), Refusal> {
    assert!(rig.game.order(by, 1, Command::Party(step)));
    rig.game.tick();
    let [answer] = rig.game.answers() else { panic!("one answer to one order") };
    answer.result
}

fn join(rig: &mut Rig, leader: NetId, who: NetId) {
    assert_eq!(order(rig, leader, PartyStep::Invite { who }), Ok(()));
    assert_eq!(order(rig, who, PartyStep::Accept), Ok(()));
}

#[test]
fn who_may_not_is_told_why() {
    let mut rig = rig(12);
    let ids = rig.ids.clone();
    let (a, b, c) = (ids[0], ids[1], ids[2]);
    let invite = |who| PartyStep::Invite { who };
    assert_eq!(order(&mut rig, a, invite(a)), Err(Refusal::Oneself));
    assert_eq!(order(&mut rig, a, invite(NetId(900))), Err(Refusal::UnknownTarget));
    *rig.part(c) = Team(2);
    assert_eq!(order(&mut rig, a, invite(c)), Err(Refusal::WrongSide));
    *rig.part(c) = Team(1);
    assert_eq!(order(&mut rig, b, PartyStep::Accept), Err(Refusal::NotInvited));
    assert_eq!(order(&mut rig, b, PartyStep::Decline), Err(Refusal::NotInvited));
    for step in [PartyStep::Leave, PartyStep::Kick { who: b }, PartyStep::Rule { rule: LootRule::Leader }] {
        assert_eq!(order(&mut rig, a, step), Err(Refusal::NoParty));
    }
    join(&mut rig, a, b);
    assert_eq!(order(&mut rig, c, invite(b)), Err(Refusal::InParty));
    for step in [invite(c), PartyStep::Kick { who: a }, PartyStep::Lead { who: b }] {
        assert_eq!(order(&mut rig, b, step), Err(Refusal::NotLeader));
    }
    assert_eq!(order(&mut rig, a, PartyStep::Kick { who: c }), Err(Refusal::NotMember));
    assert_eq!(order(&mut rig, a, PartyStep::Lead { who: c }), Err(Refusal::NotMember));
    ids[2..8].iter().for_each(|&who| join(&mut rig, a, who));
    assert_eq!(rig.game.party_of(a).len(), PARTY_MAX);
    assert_eq!(order(&mut rig, a, invite(ids[8])), Err(Refusal::PartyFull));
}

#[test]
fn the_last_invitation_counts_and_any_answer_uses_it_up() {
    let mut rig = rig(4);
    let [a, b, c, d] = rig.ids[..] else { unreachable!() };
    for by in [a, b] {
        assert_eq!(order(&mut rig, by, PartyStep::Invite { who: c }), Ok(()));
        assert!(rig.game.notices().contains(&(c, News::PartyInvited { by })));
    }
    assert!(rig.game.party_of(b).is_empty(), "a party begins with the second member");
    assert_eq!(order(&mut rig, c, PartyStep::Accept), Ok(()));
    assert_eq!((rig.game.party_of(c), rig.game.party_of(a)), (&[b, c][..], &[][..]));
    assert_eq!(order(&mut rig, b, PartyStep::Invite { who: d }), Ok(()));
    assert_eq!(order(&mut rig, d, PartyStep::Decline), Ok(()));
    assert_eq!(order(&mut rig, d, PartyStep::Accept), Err(Refusal::NotInvited));
}

#[test]
fn what_has_become_of_the_two_meanwhile_counts_when_an_invitation_is_followed() {
    let mut rig = rig(12);
    let ids = rig.ids.clone();
    let (a, b, c) = (ids[0], ids[1], ids[2]);
    let invite = |who| PartyStep::Invite { who };
    assert_eq!(order(&mut rig, c, invite(b)), Ok(()));
    assert_eq!(order(&mut rig, b, invite(a)), Ok(()));
    assert_eq!(order(&mut rig, a, PartyStep::Accept), Ok(()));
    assert_eq!(order(&mut rig, b, PartyStep::Accept), Err(Refusal::InParty));
    assert_eq!(order(&mut rig, b, invite(c)), Ok(()));
    assert_eq!(order(&mut rig, b, PartyStep::Lead { who: a }), Ok(()));
    assert_eq!(order(&mut rig, c, PartyStep::Accept), Err(Refusal::NotLeader));
    assert_eq!(order(&mut rig, a, invite(c)), Ok(()));
    ids[3..9].iter().for_each(|&who| join(&mut rig, a, who));
    assert_eq!(order(&mut rig, c, PartyStep::Accept), Err(Refusal::PartyFull));
    rig.game.despawn(ids[3]);
    assert_eq!(order(&mut rig, a, invite(c)), Ok(()));
    rig.game.despawn(a);
    assert_eq!(order(&mut rig, c, PartyStep::Accept), Err(Refusal::NotInvited), "he who asked has gone");
}

#[test]
fn a_leader_sends_away_hands_over_and_says_the_rule_and_all_are_told() {
    let mut rig = rig(4);
    let [a, b, c, d] = rig.ids[..] else { unreachable!() };
    [b, c, d].iter().for_each(|&who| join(&mut rig, a, who));
    let told = |rig: &Rig, members: &[NetId], rule| {
        let party = News::Party(Party { members: members.to_vec(), rule });
        rig.game.notices().iter().filter(|(_, news)| *news == party).map(|(to, _)| *to).collect::<Vec<_>>()
    };
    assert_eq!(order(&mut rig, a, PartyStep::Rule { rule: LootRule::InTurn }), Ok(()));
    assert_eq!(told(&rig, &[a, b, c, d], LootRule::InTurn), [a, b, c, d]);
    assert_eq!(order(&mut rig, a, PartyStep::Lead { who: c }), Ok(()));
    assert_eq!(told(&rig, &[c, a, b, d], LootRule::InTurn), [a, b, c, d]);
    assert_eq!(order(&mut rig, c, PartyStep::Kick { who: a }), Ok(()));
    assert_eq!(told(&rig, &[c, b, d], LootRule::InTurn), [b, c, d]);
    assert_eq!(told(&rig, &[], LootRule::Anyone), [a]);
    for step in [PartyStep::Kick { who: c }, PartyStep::Lead { who: c }] {
        assert_eq!(order(&mut rig, c, step), Err(Refusal::Oneself));
    }
}

#[test]
fn who_has_gone_is_told_nothing_and_neither_is_who_comes_under_his_name() {
    let mut rig = rig(2);
    let [a, b] = rig.ids[..] else { unreachable!() };
    join(&mut rig, a, b);
    rig.game.despawn(a);
    rig.game.despawn(b);
    rig.game.recycle(b);
    assert_eq!(rig.game.spawn_player(protocol::CharacterId(7), None), Ok(b));
    rig.game.tick();
    assert!(rig.game.notices().iter().all(|(_, news)| !matches!(news, News::Party(_))));
}

#[test]
fn an_image_brings_no_party_that_cannot_be() {
    let band = |members: &[u16]| Band { members: members.iter().copied().map(NetId).collect(), ..Band::default() };
    let is_possible =
        |bands: Vec<Band>, invitations, untold| PartiesImage { bands, invitations, untold }.is_possible(|id| id.0 < 9);
    let invitation = |by| Invitation { by: NetId(by), until: Tick(9) };
    assert!(is_possible(vec![band(&[2, 1]), band(&[5, 3, 4])], vec![(NetId(7), invitation(8))], vec![NetId(8)]));
    for bands in [vec![band(&[])], vec![band(&[1])], vec![band(&[1, 1])], vec![band(&[1, 9])]] {
        assert!(!is_possible(bands, vec![], vec![]));
    }
    assert!(!is_possible(vec![band(&[1, 2]), band(&[2, 3])], vec![], vec![]));
    assert!(!is_possible(vec![], vec![(NetId(9), invitation(8))], vec![]));
    assert!(!is_possible(vec![], vec![(NetId(7), invitation(9))], vec![]));
    assert!(!is_possible(vec![], vec![], vec![NetId(9)]));
}

#[test]
fn an_invitation_is_good_for_thirty_seconds() {
    for (ticks, result) in [(INVITATION_TICKS - 2, Ok(())), (INVITATION_TICKS - 1, Err(Refusal::NotInvited))] {
        let mut rig = rig(2);
        let (a, b) = (rig.ids[0], rig.ids[1]);
        assert_eq!(order(&mut rig, a, PartyStep::Invite { who: b }), Ok(()));
        rig.run(ticks);
        assert_eq!(order(&mut rig, b, PartyStep::Accept), result);
    }
}

#[test]
fn when_the_leader_goes_the_next_oldest_leads_and_a_party_of_one_is_none() {
    let mut rig = rig(3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    join(&mut rig, a, c);
    join(&mut rig, a, b);
    rig.game.despawn(a);
    rig.game.tick();
    assert_eq!(rig.game.party_of(b), [c, b]);
    let told = News::Party(Party { members: vec![c, b], rule: LootRule::Anyone });
    assert_eq!(rig.game.notices().iter().filter(|(_, news)| *news == told).count(), 2);
    assert_eq!(order(&mut rig, b, PartyStep::Leave), Ok(()));
    assert!(rig.game.party_of(c).is_empty() && rig.game.bonds().always(c).is_empty());
    assert!(rig.game.notices().contains(&(c, News::Party(Party::default()))));
}

#[test]
fn loot_falls_to_all_who_are_near_or_to_one_in_turn_or_to_the_leader() {
    let members = [NetId(5), NetId(2), NetId(9)];
    let mut last = None;
    let mut of = |rule, far: u16| looters(rule, &members, &mut last, |id| id.0 != far).to_vec();
    assert_eq!(of(LootRule::Anyone, 2), [NetId(5), NetId(9)]);
    assert_eq!(of(LootRule::Leader, 2), [NetId(5)]);
    assert_eq!(of(LootRule::Leader, 5), [NetId(2), NetId(9)], "a leader who is far leaves it to all");
    let turns = [0, 0, 0, 0, 5].map(|far| of(LootRule::InTurn, far)[0].0);
    assert_eq!(turns, [2, 5, 9, 2, 9]);
}

#[test]
fn who_is_in_no_party_loots_himself_and_a_party_keeps_its_turn() {
    let mut rig = rig(3);
    let [a, b, c] = rig.ids[..] else { unreachable!() };
    join(&mut rig, a, b);
    assert_eq!(order(&mut rig, a, PartyStep::Rule { rule: LootRule::InTurn }), Ok(()));
    let mut parties = rig.game.world.resource_mut::<Parties>();
    assert_eq!(parties.looters(c, |_| false)[..], [c]);
    assert_eq!([a, a, b].map(|id| parties.looters(id, |_| true)[0]), [a, b, a]);
    assert!(parties.looters(a, |_| false).is_empty());
}

/// Who, what, with whom; and whether the world then ticks.
fn steps() -> impl Strategy<Value = Vec<(u16, u8, u16, bool)>> {
    prop::collection::vec((0..PLAYERS, 0_u8..15, 0..PLAYERS, prop::bool::weighted(0.7)), 1..160)
}

const PLAYERS: u16 = 12;

fn step_of(kind: u8, who: NetId) -> Option<PartyStep> {
    Some(match kind {
        0..=3 => PartyStep::Invite { who },
        4..=7 => PartyStep::Accept,
        8 => PartyStep::Decline,
        9 => PartyStep::Leave,
        10 => PartyStep::Kick { who },
        11 => PartyStep::Lead { who },
        12 => PartyStep::Rule { rule: [LootRule::Anyone, LootRule::InTurn, LootRule::Leader][who.row() % 3] },
        _ => return None,
    })
}

fn restored(game: &Game) -> Game {
    let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::clone(game.content());
    let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    Game::restore(config, &game.save()).unwrap()
}

/// The world, its twin from half-way on that was restored from its image, and what everybody was told.
struct Pair {
    games: Vec<Game>,
    told: Vec<Party>,
    /// Orders of the living that wait for the tick.
    orders: Vec<(NetId, u16)>,
}

impl Pair {
    fn order(&mut self, by: NetId, step: PartyStep) {
        let number = self.orders.len() as u16;
        let is_live = self.games.iter_mut().all(|game| game.order(by, number, Command::Party(step)));
        if is_live {
            self.orders.push((by, number));
        }
    }

    /// Who is there goes; who has gone makes room for somebody else under his name.
    fn go_or_come(&mut self, id: NetId) {
        if self.games[0].body(id).is_some() {
            self.games.iter_mut().for_each(|game| game.despawn(id));
            self.orders.retain(|(by, _)| *by != id);
        } else if self.orders.is_empty() {
            for game in &mut self.games {
                game.tick();
                game.recycle(id);
                assert_eq!(game.spawn_player(protocol::CharacterId(99), None), Ok(id));
            }
            self.hear();
            self.told[id.row()] = Party::default();
        }
    }

    fn hear(&mut self) {
        for (to, news) in self.games[0].notices() {
            if let News::Party(party) = news {
                self.told[to.row()] = party.clone();
            }
        }
    }

    fn tick(&mut self) {
        self.games.iter_mut().for_each(Game::tick);
        self.hear();
        for game in &self.games {
            let answered: Vec<_> = game.answers().iter().map(|answer| (answer.to, answer.number)).collect();
            assert_eq!(answered, self.orders, "each order has one answer");
        }
        self.orders.clear();
        (0..PLAYERS).for_each(|row| self.check(NetId(row)));
    }

    fn check(&self, id: NetId) {
        let game = &self.games[0];
        let members = game.party_of(id);
        assert!(members.is_empty() || (2..=PARTY_MAX).contains(&members.len()) && members.contains(&id));
        assert!(members.iter().all(|&member| game.party_of(member) == members), "one is in one party at most");
        let mut others: Vec<_> = members.iter().copied().filter(|&member| member != id).collect();
        others.sort_unstable();
        for game in &self.games {
            let mut bonds = game.bonds().always(id).to_vec();
            bonds.sort_unstable();
            assert_eq!(bonds, others);
        }
        if game.body(id).is_some() {
            assert_eq!(self.told[id.row()], game.world.resource::<Parties>().news(id));
        } else {
            assert!(members.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parties_news_and_bonds_agree_whatever_is_done_and_go_on_after_a_restart(steps in steps()) {
        let Rig { game, ids } = rig(PLAYERS);
        let mut pair = Pair { games: vec![game], told: vec![Party::default(); ids.len()], orders: Vec::new() };
        let half = steps.len() / 2;
        for (at, (by, kind, who, ticks)) in steps.into_iter().enumerate() {
            let (by, who) = (NetId(by), NetId(who));
            match step_of(kind, who) {
                Some(step) => pair.order(by, step),
                None => pair.go_or_come(by),
            }
            if ticks || at == half {
                pair.tick();
            }
            if at == half {
                // Somebody goes first, so that what is not told yet is part of the image.
                pair.games[0].despawn(who);
                pair.games.push(restored(&pair.games[0]));
                prop_assert_eq!(pair.games[0].hash(), pair.games[1].hash());
            }
        }
        pair.tick();
        prop_assert_eq!(pair.games[0].hash(), pair.games[1].hash());
    }
}
