//! Whatever players do, and whenever the world is saved.

use super::*;
use crate::cast::Cooldowns;
use crate::order::{Desk, Orders};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn skills() -> Vec<Skill> {
    let timed = |cast_ticks, mana, cooldown_ticks| {
        move |skill: &mut Skill| {
            (skill.cast_ticks, skill.mana, skill.cooldown_ticks) = (cast_ticks, mana, cooldown_ticks);
        }
    };
    vec![
        skill(1, timed(40, 7, 30)),
        skill(2, timed(0, 3, 200)),
        skill(3, |skill| {
            timed(0, 11, 90)(skill);
            skill.channel = Some(Channel { ticks: 60, every_ticks: 20 });
        }),
        skill(4, |skill| {
            timed(20, 1, 5)(skill);
            (skill.is_off_global, skill.is_mobile) = (true, true);
            skill.targeting = Targeting::Missile { speed: M / 3, splash: 4 * M };
            skill.outcomes = vec![hit(1), Outcome::Interrupt { lock_ticks: 15 }];
        }),
        skill(5, |skill| {
            timed(0, 2, 45)(skill);
            skill.targeting = Targeting::Cone { angle: 2_000, side: Side::Enemies };
            skill.outcomes = vec![Outcome::Apply { effect: STUN }];
        }),
        skill(6, |skill| {
            timed(70, 5, 0)(skill);
            skill.targeting = Targeting::Ground { radius: 5 * M, side: Side::Everyone };
            skill.outcomes = vec![hit(40), Outcome::Apply { effect: SILENCE }];
        }),
    ]
}

/// The number of orders that are no casts; there are fewer ticks than that.
const STOP: u16 = u16::MAX;

/// What one of them may do in a tick.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Cast { skill: u16, on: u8, yaw: u16, late: u8 },
    Stop,
    Walk(i8),
    Die,
    Live,
    Save,
}

fn deed() -> impl Strategy<Value = Deed> {
    let cast = (1_u16..=7, 0_u8..4, any::<u16>(), 0_u8..24);
    prop_oneof![
        12 => cast.prop_map(|(skill, on, yaw, late)| Deed::Cast { skill, on, yaw, late }),
        1 => Just(Deed::Stop),
        1 => prop_oneof![Just(0_i8), any::<i8>()].prop_map(Deed::Walk),
        1 => Just(Deed::Walk(0)),
        1 => Just(Deed::Die),
        2 => Just(Deed::Live),
        1 => Just(Deed::Save),
    ]
}

/// What is known of one player from what was told.
#[derive(Default)]
struct Account {
    spent: i64,
    /// By skill: when it was done last.
    done: BTreeMap<u16, u32>,
    accepted: usize,
    ended: usize,
}

fn target(rig: &Rig, skill: u16, on: NetId) -> CastTarget {
    match skill {
        5 => CastTarget::Nobody,
        6 => place(102, 200),
        4 if on.0.is_multiple_of(2) => CastTarget::Nobody,
        _ => at(rig.ids[usize::from(on.0)]),
    }
}

fn obey(rig: &mut Rig, by: NetId, number: u16, deed: Deed) -> usize {
    match deed {
        Deed::Cast { skill, on, yaw, late } => {
            let view = ViewTick { tick: Tick(rig.game.now().0.saturating_sub(late.into())), fraction: 9 };
            let at = target(rig, skill, NetId(on.into()));
            let cast = Cast { skill: SkillId(skill), at, view, yaw, pitch: 0 };
            usize::from(rig.game.order(by, number, Command::Cast(cast)))
        }
        Deed::Stop => usize::from(rig.game.order(by, STOP, Command::Stop)),
        Deed::Walk(move_x) => {
            walk(rig, by, move_x);
            0
        }
        Deed::Die => {
            rig.blow(by, by, hit(99_999));
            0
        }
        Deed::Live => {
            rig.blow(by, by, Outcome::Revive { health: 1_000 });
            0
        }
        Deed::Save => {
            // Worlds are saved after a tick: what waits for the next one is not part of them.
            if rig.game.world.resource::<Orders>().of(Desk::Cast).count() == 0 {
                let again = reborn(rig);
                assert_eq!(again.game.hash(), rig.game.hash());
                *rig = again;
            }
            0
        }
    }
}

/// Whether somebody could not cast at the beginning of the tick.
fn is_held(rig: &mut Rig, id: NetId) -> bool {
    let content = Arc::clone(rig.game.content());
    let is_stunned = {
        let now = rig.game.now().next();
        let effects = rig.part::<crate::effects::Effects>(id);
        effects.0.iter().any(|active| active.until > now && content.effects.at(active.effect).holds.stun)
    };
    let now = rig.game.now().next();
    let casting = rig.part::<Casting>(id);
    let is_locked = casting.locked_until > now && casting.is_interrupted | !casting.is_casting();
    is_stunned || is_locked || rig.part::<Vitals>(id).is_dead()
}

/// What each begins with: of the first two it is soon gone.
fn mana_of(id: NetId) -> i32 {
    if id.0 < 2 { 40 } else { 4_000 }
}

fn play(deeds: &[(u8, u8, Deed)]) {
    let mut rig = rig(4, skills());
    let content = Arc::clone(rig.game.content());
    let mut accounts: [Account; 4] = Default::default();
    for id in rig.ids.clone() {
        rig.part::<Sheet>(id).base.set(Stat::ManaMax, 100_000);
        rig.part::<Sheet>(id).now.set(Stat::ManaMax, 100_000);
        rig.part::<Vitals>(id).mana = mana_of(id);
    }
    let mut deeds = deeds.iter().peekable();
    let mut wait = 0;
    for tick in 0..3_600 {
        let mut orders = 0;
        while wait == 0
            && let Some(&(who, pause, deed)) = deeds.next()
        {
            let by = rig.ids[usize::from(who)];
            orders += obey(&mut rig, by, tick as u16, deed);
            wait = u32::from(pause);
        }
        wait = wait.saturating_sub(1);
        let held = [0, 1, 2, 3].map(|at: usize| is_held(&mut rig, NetId(at as u16)));
        rig.game.tick();
        assert_eq!(rig.game.answers().len(), orders, "one answer for each order");
        for answer in rig.game.answers() {
            accounts[answer.to.row()].accepted += usize::from(answer.number != STOP && answer.result.is_ok());
        }
        for event in told(&rig) {
            match event {
                GameEvent::CastBegan { by, skill, .. } => {
                    assert!(!held[by.row()], "{by:?} began {skill:?} in tick {tick}");
                    let skill = content.skills.at(skill);
                    if skill.channel.is_some() {
                        accounts[by.row()].spent += i64::from(skill.mana);
                    }
                }
                GameEvent::CastEnded { by, skill, end } => {
                    let account = &mut accounts[by.row()];
                    account.ended += 1;
                    let skill = content.skills.at(skill);
                    if end != CastEnd::Done {
                        continue;
                    }
                    assert!(!held[by.row()], "{by:?} was held and cast {:?} in tick {tick}", skill.id);
                    if skill.channel.is_none() {
                        account.spent += i64::from(skill.mana);
                    }
                    let last = account.done.insert(skill.id.0, tick);
                    assert!(last.is_none_or(|last| tick - last >= skill.cooldown_ticks), "{:?} too early", skill.id);
                }
                _ => {}
            }
        }
        for (at, account) in accounts.iter().enumerate() {
            let id = NetId(at as u16);
            assert_eq!(i64::from(mana(&mut rig, id)), i64::from(mana_of(id)) - account.spent, "{id:?} in tick {tick}");
            assert!(mana(&mut rig, id) >= 0);
        }
    }
    for (at, account) in accounts.iter().enumerate() {
        let casting = rig.part::<Casting>(NetId(at as u16));
        let open = usize::from(casting.under_way.is_some()) + usize::from(casting.next.is_some());
        assert_eq!(account.ended + open, account.accepted, "each cast that was accepted ends once");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn neither_mana_nor_time_is_ever_cheated(deeds in prop::collection::vec((0_u8..4, 0_u8..20, deed()), 1..500)) {
        play(&deeds);
    }
}

/// In the middle of casts, a channel, one that waits, cooldowns and missiles.
#[test]
fn a_world_saved_in_the_middle_of_casts_goes_on_as_it_would_have() {
    let mut rig = rig(4, skills());
    let ids = rig.ids.clone();
    put(&mut rig, ids[3], 120, 200);
    rig.run(1);
    for (by, skill, on) in [(0, 2, 1), (0, 4, 3), (1, 3, 0), (1, 1, 2), (2, 6, 1), (3, 1, 0), (3, 2, 0)] {
        let at = if skill == 6 { place(104, 200) } else { at(ids[on]) };
        let cast = cast(&rig, skill, at);
        rig.game.order(ids[by], 1, Command::Cast(cast));
    }
    rig.run(25);
    let open = |rig: &mut Rig| {
        let casts = ids.iter().filter(|&&id| rig.part::<Casting>(id).is_casting()).count();
        let waiting = ids.iter().filter(|&&id| rig.part::<Casting>(id).next.is_some()).count();
        let cooling = ids.iter().map(|&id| rig.part::<Cooldowns>(id).len()).sum::<usize>();
        let flying = rig.game.save().rooms.missiles.len();
        (casts, waiting, cooling, flying)
    };
    assert_eq!(open(&mut rig), (3, 2, 2, 1));
    let mut again = reborn(&rig);
    assert_eq!(open(&mut again), open(&mut rig));
    for tick in 0..300 {
        for rig in [&mut rig, &mut again] {
            if tick == 200 {
                let cast = cast(rig, 4, at(ids[1]));
                rig.game.order(ids[0], 1, Command::Cast(cast));
            }
            rig.game.tick();
        }
        assert_eq!((told(&rig), rig.game.hash()), (told(&again), again.game.hash()), "{tick} ticks later");
    }
}

#[test]
fn an_image_that_names_a_skill_that_there_is_none_of_is_refused() {
    let mut rig = rig(2, skills());
    let (a, b) = (rig.ids[0], rig.ids[1]);
    try_cast(&mut rig, a, 1, at(b)).unwrap();
    for id in [a, b] {
        rig.part::<Growth>(id).learnt.clear();
    }
    let image = rig.game.save();
    let map = Arc::new(protocol::motion::StaticMap::new(400, 400, &[]).unwrap());
    let content = Arc::new(content_of(vec![skill(2, |_| ())]));
    let config = crate::GameConfig { seed: 1, map, content, incarnation: 1, entities_max: 1_000 };
    assert_eq!(crate::Game::restore(config, &image).err(), Some(crate::ImageError::Content));
}
