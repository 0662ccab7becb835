use super::*;
use crate::content::Outcome;
use crate::rig::content;
use crate::{Game, GameConfig, ImageError, WorldImage};
use bevy_ecs::prelude::{Commands, Query, Res, ResMut};
use bincode::{Decode, Encode};
use protocol::custom::{BODY_BYTES_MAX, Custom};
use protocol::event::Audience;
use protocol::motion::StaticMap;
use protocol::{CharacterId, Command, GameEvent, News, Tick};
use serde::Deserialize;

/// A game of hot potatoes: whoever has one gets hotter in every second tick, and may throw it to somebody.
struct Potatoes;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Component, Encode, Decode, Serialize, Deserialize)]
struct Potato {
    heat: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Throw {
    to: NetId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Caught {
    by: NetId,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Resource, Serialize, Deserialize)]
struct Throws(u32);

impl Kind for Potato {
    const KIND: u8 = 1;
}
impl Kind for Throw {
    const KIND: u8 = 1;
}
impl Kind for Caught {
    const KIND: u8 = 1;
}

impl Extension for Potatoes {
    fn build(&self, setup: &mut Setup<'_>) {
        setup.insert_resource(Throws::default());
        setup.on_command::<Throw>(throw);
        setup.replicate::<Potato>();
        setup.save::<Potato>("potato");
        setup.save_resource::<Throws>("throws");
        setup.add_systems(Phase::Act, heat);
    }
}

fn throw(world: &mut World, by: NetId, Throw { to }: Throw) -> Result<(), Refusal> {
    let (from, to_entity) = (entity_of(world, by), entity_of(world, to).ok_or(Refusal::UnknownTarget)?);
    let from = from.ok_or(Refusal::UnknownTarget)?;
    let potato = world.entity_mut(from).take::<Potato>().unwrap_or(Potato { heat: 0 });
    world.entity_mut(to_entity).insert(potato);
    world.resource_mut::<Throws>().0 += 1;
    world.resource_mut::<Happenings>().tell_custom(by, Audience::Seen, &Caught { by: to });
    world.resource_mut::<Notices>().tell_custom(to, &Caught { by: to });
    Ok(())
}

fn heat(clock: Res<'_, Clock>, mut blows: ResMut<'_, Blows>, mut potatoes: Query<'_, '_, (&Replica, &mut Potato)>) {
    if clock.now().0.is_multiple_of(2) {
        for (replica, mut potato) in &mut potatoes {
            potato.heat += 1;
            blows.deal(replica.id(), Outcome::Mana { amount: -(potato.heat as i32) });
        }
    }
}

fn config() -> GameConfig {
    let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
    GameConfig { seed: 1, map, content: Arc::new(content(Vec::new())), incarnation: 1, entities_max: 100 }
}

fn extensions() -> Extensions {
    Extensions::none().with(Potatoes)
}

fn world_of(players: u64) -> (Game, Vec<NetId>) {
    let mut game = Game::extended(config(), &extensions());
    let ids = (1..=players).map(|number| game.spawn_player(CharacterId(number), None).unwrap()).collect();
    game.tick();
    (game, ids)
}

fn throws(game: &mut Game, by: NetId, to: NetId) {
    assert!(game.order(by, 7, Command::Custom(Custom::of(&Throw { to }))));
    game.tick();
}

fn potato(game: &Game, of: NetId) -> Option<u32> {
    let shown = game.marks().of(of);
    shown.marks.first().map(|mark| mark.read::<Potato>().unwrap().heat)
}

#[test]
fn a_command_is_carried_out_answered_and_told() {
    let (mut game, ids) = world_of(2);
    throws(&mut game, ids[0], ids[1]);
    let answers: Vec<_> = game.answers().iter().map(|answer| (answer.to, answer.number, answer.result)).collect();
    assert_eq!(answers, [(ids[0], 7, Ok(()))]);
    let caught = Custom::of(&Caught { by: ids[1] });
    let happened: Vec<_> = game.happenings().iter().map(|happening| happening.event).collect();
    assert_eq!(happened, [GameEvent::Custom { of: ids[0], audience: Audience::Seen, what: caught }]);
    assert!(game.notices().contains(&(ids[1], News::Custom(caught))));
}

#[test]
fn a_command_that_is_none_or_says_nothing_is_refused_and_changes_nothing() {
    let (mut game, ids) = world_of(1);
    #[derive(Encode, Decode)]
    struct Odd(Vec<u8>);
    impl Kind for Odd {
        const KIND: u8 = 1;
    }
    #[derive(Encode, Decode)]
    struct Unknown;
    impl Kind for Unknown {
        const KIND: u8 = 2;
    }
    let commands = [Custom::of(&Odd(vec![7; BODY_BYTES_MAX - 1])), Custom::of(&Unknown)];
    for command in commands {
        assert!(game.order(ids[0], 1, Command::Custom(command)));
    }
    let unreachable = Custom::of(&Throw { to: NetId(9) });
    assert!(game.order(ids[0], 1, Command::Custom(unreachable)));
    game.tick();
    let answers: Vec<_> = game.answers().iter().map(|answer| answer.result).collect();
    assert_eq!(answers, [Err(Refusal::UnknownCommand), Err(Refusal::UnknownCommand), Err(Refusal::UnknownTarget)]);
    assert_eq!(game.world.resource::<Throws>().0, 0);
    assert!(game.marks().is_empty());
}

#[test]
fn a_game_without_extensions_refuses_every_command_of_ones_own() {
    let mut game = Game::new(config());
    let id = game.spawn_player(CharacterId(1), None).unwrap();
    game.tick();
    throws(&mut game, id, id);
    assert_eq!(game.answers()[0].result, Err(Refusal::UnknownCommand));
}

#[test]
fn marks_follow_the_component_in_the_tick_in_which_it_changes() {
    let (mut game, ids) = world_of(2);
    throws(&mut game, ids[0], ids[1]);
    assert_eq!(
        (game.now(), potato(&game, ids[1])),
        (Tick(2), Some(1)),
        "commands are carried out before the system runs"
    );
    game.tick();
    assert_eq!((potato(&game, ids[1]), game.marks().of(ids[1]).changed), (Some(1), Tick(2)));
    game.tick();
    assert_eq!((potato(&game, ids[1]), game.marks().of(ids[1]).changed), (Some(2), Tick(4)));
    throws(&mut game, ids[1], ids[0]);
    assert_eq!((potato(&game, ids[0]), potato(&game, ids[1])), (Some(2), None));
    assert_eq!(game.marks().of(ids[1]).changed, Tick(5), "that he has none any more is a change");
    game.despawn(ids[1]);
    game.despawn(ids[0]);
    assert!(game.marks().is_empty() && potato(&game, ids[0]).is_none());
}

#[test]
fn whoever_comes_under_the_id_of_one_who_has_gone_has_no_mark_of_his() {
    let (mut game, ids) = world_of(2);
    throws(&mut game, ids[0], ids[1]);
    game.despawn(ids[1]);
    game.recycle(ids[1]);
    let came = game.spawn_player(CharacterId(9), None).unwrap();
    game.tick();
    assert_eq!((came, potato(&game, came)), (ids[1], None));
    assert_eq!(game.marks().of(came).changed, Tick(0));
}

#[test]
fn a_world_with_extensions_that_was_saved_goes_on_as_it_would_have() {
    let (mut game, ids) = world_of(3);
    throws(&mut game, ids[0], ids[1]);
    throws(&mut game, ids[0], ids[2]);
    let mut bytes = Vec::new();
    game.save().to_bytes(&mut bytes);
    let image = WorldImage::from_bytes(&bytes).unwrap();
    let mut again = Game::restore_extended(config(), &extensions(), &image).unwrap();
    assert_eq!(again.hash(), game.hash());
    for tick in 0..60 {
        if tick == 20 {
            throws(&mut game, ids[2], ids[0]);
            throws(&mut again, ids[2], ids[0]);
        }
        game.tick();
        again.tick();
        assert_eq!(again.hash(), game.hash());
    }
    assert_eq!(ids.iter().map(|&id| potato(&again, id)).collect::<Vec<_>>(), [Some(31), Some(32), None]);
    assert_eq!(game.world.resource::<Throws>().0, 3);
    let refused = Game::restore(config(), &image).map(|_| ());
    assert_eq!(refused, Err(ImageError::Extension));
}

#[test]
fn a_world_that_everybody_has_left_keeps_what_extensions_keep_of_the_rest() {
    let (mut game, ids) = world_of(2);
    let place = 200 * protocol::unit::SUBUNITS_PER_M;
    let body = protocol::motion::Body { x: place, y: place, ..Default::default() };
    let thing = game.spawn_thing(body, crate::Thing::Item { yaw: 0, form: 1 }).unwrap();
    throws(&mut game, ids[0], ids[1]);
    throws(&mut game, ids[0], thing);
    let heat =
        |game: &Game, id| entity_of(&game.world, id).and_then(|entity| game.world.get::<Potato>(entity).copied());
    assert!(heat(&game, ids[1]).is_some() && heat(&game, thing).is_some());
    let image = game.save_vacant();
    let (again, _) = Game::restore_vacant(config(), &extensions(), &image, &[]).unwrap();
    assert_eq!((heat(&again, thing), heat(&again, ids[1])), (heat(&game, thing), None));
    assert_eq!(again.world.resource::<Throws>().0, 2);
    let refused = Game::restore_vacant(config(), &Extensions::none(), &image, &[]).err();
    assert_eq!(refused, Some(ImageError::Extension));
}

#[test]
fn what_an_extension_keeps_is_part_of_the_hash() {
    let (mut game, ids) = world_of(2);
    let mut other = Game::restore_extended(config(), &extensions(), &game.save()).unwrap();
    throws(&mut game, ids[0], ids[1]);
    other.tick();
    assert_ne!(game.hash(), other.hash());
}

#[test]
fn what_a_rule_deals_is_dealt_in_the_same_tick_and_as_it_says() {
    let mut rig = crate::rig::Rig::new(content(Vec::new()), 1);
    let id = rig.ids[0];
    for amount in [100, 7] {
        rig.game.world.resource_mut::<Blows>().deal(id, Outcome::Mana { amount: -amount });
    }
    let kind = crate::content::DamageKind::Fire;
    let harm = Outcome::Damage { kind, amount: 60, attack: 0, power: 0 };
    rig.game.world.resource_mut::<Blows>().deal(id, harm);
    rig.game.tick();
    assert_eq!((rig.part::<Vitals>(id).mana(), rig.part::<Vitals>(id).health()), (393, 940));
}

/// An effect that outlasts every test.
fn curse() -> crate::content::Effect {
    crate::rig::effect(1, |effect| effect.ticks = 10_000)
}

#[test]
fn what_a_rule_put_on_somebody_is_on_him_when_he_comes_again() {
    let mut rig = crate::rig::Rig::new(content(vec![curse()]), 1);
    let id = rig.ids[0];
    let outcome = Outcome::Apply { effect: protocol::EffectId(1) };
    rig.game.world.resource_mut::<Blows>().deal(id, outcome);
    rig.game.tick();
    let mut bytes = Vec::new();
    rig.game.record(id).unwrap().to_bytes(&mut bytes);
    let record = crate::PlayerRecord::from_bytes(&bytes).unwrap();
    let effects = record.life.unwrap().lasting.effects;
    assert_eq!((effects.len(), effects[0].effect.0), (1, 1));
}

#[test]
fn what_a_rule_deals_hurts_the_immune_too_and_nothing_is_nothing() {
    let immune = crate::rig::effect(1, |effect| effect.holds.immune = true);
    let mut rig = crate::rig::Rig::new(content(vec![immune]), 1);
    let id = rig.ids[0];
    let damage = |amount| Outcome::Damage { kind: crate::content::DamageKind::Fire, amount, attack: 0, power: 0 };
    rig.blow(id, id, Outcome::Apply { effect: protocol::EffectId(1) });
    rig.game.tick();
    for (amount, left) in [(0, 1_000), (60, 940)] {
        rig.game.world.resource_mut::<Blows>().deal(id, damage(amount));
        rig.game.tick();
        assert_eq!(rig.part::<Vitals>(id).health(), left);
    }
}

/// Deals and clears what it has when blows have been dealt already.
struct Late;

impl Extension for Late {
    fn build(&self, setup: &mut Setup<'_>) {
        fn deal(clock: Res<'_, Clock>, mut blows: ResMut<'_, Blows>, players: Query<'_, '_, &Replica>) {
            if clock.now() == Tick(5) {
                players.iter().for_each(|replica| blows.deal(replica.id(), Outcome::Mana { amount: -1 }));
            }
        }
        fn clear(world: &mut World) {
            world.remove_resource::<Throws>();
        }
        setup.insert_resource(Throws(7));
        setup.save_resource::<Throws>("late");
        setup.add_systems(Phase::Resolve, deal);
        setup.add_systems(Phase::Publish, clear);
    }
}

#[test]
fn what_is_dealt_late_and_what_is_gone_is_so_in_a_world_that_was_saved_too() {
    let extensions = Extensions::none().with(Late);
    let mut game = Game::extended(config(), &extensions);
    game.spawn_player(CharacterId(1), None).unwrap();
    (0..5).for_each(|_| game.tick());
    let mut again = Game::restore_extended(config(), &extensions, &game.save()).unwrap();
    assert!(again.world.get_resource::<Throws>().is_none());
    game.tick();
    again.tick();
    assert_eq!(again.hash(), game.hash());
}

fn building(build: fn(&mut Setup<'_>)) {
    struct Odd(fn(&mut Setup<'_>));
    impl Extension for Odd {
        fn build(&self, setup: &mut Setup<'_>) {
            (self.0)(setup);
        }
    }
    drop(Game::extended(config(), &extensions().with(Odd(build))));
}

#[test]
#[should_panic(expected = "two commands have the number 1")]
fn two_commands_of_one_number_are_refused() {
    building(|setup| setup.on_command::<Throw>(throw));
}

#[test]
#[should_panic(expected = "two marks have the number 1")]
fn two_marks_of_one_number_are_refused() {
    building(|setup| setup.replicate::<Potato>());
}

#[test]
#[should_panic(expected = "two things are saved as \"throws\"")]
fn two_things_saved_under_one_name_are_refused() {
    building(|setup| setup.save_resource::<Throws>("throws"));
}

#[test]
#[should_panic(expected = "the tick has no definite order")]
fn two_systems_that_touch_the_same_thing_in_no_stated_order_are_refused() {
    fn count(mut throws: ResMut<'_, Throws>) {
        throws.0 += 1;
    }
    fn clear(mut throws: ResMut<'_, Throws>) {
        throws.0 = 0;
    }
    building(|setup| setup.add_systems(Phase::Act, (count, clear)));
}

#[test]
fn a_component_that_a_system_adds_is_there_in_the_next_phase() {
    fn give(
        mut commands: Commands<'_, '_>,
        bare: Query<'_, '_, bevy_ecs::prelude::Entity, bevy_ecs::prelude::With<Avatar>>,
    ) {
        for entity in &bare {
            commands.entity(entity).insert(Potato { heat: 5 });
        }
    }
    struct Giving;
    impl Extension for Giving {
        fn build(&self, setup: &mut Setup<'_>) {
            setup.replicate::<Potato>();
            setup.add_systems(Phase::Recover, give);
        }
    }
    let mut game = Game::extended(config(), &Extensions::none().with(Giving));
    let id = game.spawn_player(CharacterId(1), None).unwrap();
    game.tick();
    assert_eq!(potato(&game, id), Some(5));
}
