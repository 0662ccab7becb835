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

fn steps() -> impl Strategy<Value = Vec<(u16, u8, u16)>> {
    prop::collection::vec((0_u16..12, 0_u8..12, 0_u16..12), 1..120)
}

fn step_of(kind: u8, who: NetId) -> Option<PartyStep> {
    Some(match kind {
        0..=3 => PartyStep::Invite { who },
        4..=6 => PartyStep::Accept,
        7 => PartyStep::Decline,
        8 => PartyStep::Leave,
        9 => PartyStep::Kick { who },
        10 => PartyStep::Lead { who },
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn parties_news_and_bonds_agree_whatever_is_done_and_go_on_after_a_restart(steps in steps()) {
        let mut rig = rig(12);
        let mut told = vec![Party::default(); 12];
        let half = steps.len() / 2;
        for (at, (by, kind, who)) in steps.into_iter().enumerate() {
            let (by, who) = (rig.ids[usize::from(by)], rig.ids[usize::from(who)]);
            match step_of(kind, who) {
                Some(step) => drop(rig.game.order(by, 1, Command::Party(step))),
                None => rig.game.despawn(by),
            }
            if at == half {
                let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
                let content = Arc::clone(rig.game.content());
                let config = GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
                rig.game.tick();
                rig.game.notices().iter().for_each(|(to, news)| hear(&mut told, *to, news));
                let restored = Game::restore(config, &rig.game.save()).unwrap();
                prop_assert_eq!(restored.hash(), rig.game.hash());
                rig.game = restored;
            }
            rig.game.tick();
            rig.game.notices().iter().for_each(|(to, news)| hear(&mut told, *to, news));
            for &id in &rig.ids {
                let members = rig.game.party_of(id);
                prop_assert!(members.is_empty() || (2..=PARTY_MAX).contains(&members.len()));
                prop_assert!(members.is_empty() || members.contains(&id));
                prop_assert!(members.iter().all(|&member| rig.game.party_of(member) == members));
                let mut bonds = rig.game.bonds().always(id).to_vec();
                bonds.sort_unstable();
                let mut others: Vec<_> = members.iter().copied().filter(|&member| member != id).collect();
                others.sort_unstable();
                prop_assert_eq!(bonds, others);
                if rig.game.body(id).is_some() {
                    prop_assert_eq!(&told[id.row()].members, members);
                }
            }
        }
    }
}

fn hear(told: &mut [Party], to: NetId, news: &News) {
    if let News::Party(party) = news {
        told[to.row()] = party.clone();
    }
}
