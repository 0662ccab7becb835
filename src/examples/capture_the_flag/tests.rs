use super::*;
use game::content::Places;
use game::{Game, GameConfig, WorldImage};
use protocol::motion::StaticMap;
use protocol::unit::UNITS_PER_M;
use protocol::{CharacterId, Command, Custom, GameEvent};
use std::sync::Arc;

const RED_BASE: (i32, i32) = (200, 200);
const BLUE_BASE: (i32, i32) = (260, 200);
const NOWHERE: (i32, i32) = (230, 300);
const ELSEWHERE: (i32, i32) = (300, 300);

fn config() -> GameConfig {
    let map = Arc::new(StaticMap::new(500, 500, &[]).unwrap());
    // Nobody lives there who would interfere.
    let content = game::content::Content { places: Places::default(), ..game::content::shipped("meadow").clone() };
    GameConfig { seed: 1, map, content: Arc::new(content), incarnation: 1, entities_max: 5_000 }
}

fn extensions() -> Extensions {
    Extensions::none().with(CaptureTheFlag { bases_m: [RED_BASE, BLUE_BASE] })
}

/// A world with a red and a blue player, far from all.
fn begin() -> (Game, NetId, NetId) {
    let mut game = Game::extended(config(), &extensions());
    let [red, blue] = [1, 2].map(|number| game.spawn_player(CharacterId(number), None).unwrap());
    for (id, team) in [(red, 1), (blue, 2)] {
        walk(&mut game, id, (NOWHERE.0, NOWHERE.1 + i32::from(team) * 10));
        assert_eq!(order(&mut game, id, &Join { team }), Ok(()));
    }
    (game, red, blue)
}

fn order(game: &mut Game, by: NetId, command: &impl Kind) -> Result<(), Refusal> {
    assert!(game.order(by, 1, Command::Custom(Custom::of(command))));
    game.tick();
    game.answers().iter().find(|answer| answer.to == by).expect("each is answered at once").result
}

/// Somebody is there in the next tick; what happens then.
fn walk(game: &mut Game, id: NetId, (x, y): (i32, i32)) -> Vec<FlagNews> {
    game.place_player(id, x * UNITS_PER_M, y * UNITS_PER_M);
    game.tick();
    news(game)
}

fn news(game: &Game) -> Vec<FlagNews> {
    let customs = game.happenings().iter().filter_map(|happening| match &happening.event {
        GameEvent::Custom { what, audience: Audience::World, .. } => what.read(),
        _ => None,
    });
    customs.collect()
}

fn side(game: &Game, id: NetId) -> Option<Side> {
    game.marks().of(id).marks.first().and_then(Custom::read)
}

#[test]
fn whoever_brings_the_other_flag_home_has_a_point_and_five_win() {
    let (mut game, red, _) = begin();
    for points in 1..=POINTS_TO_WIN {
        assert_eq!(walk(&mut game, red, BLUE_BASE), [FlagNews::Taken { flag: 1 }]);
        assert_eq!(side(&game, red), Some(Side { team: 1, carries: true }), "all who see him know");
        let expected = match points {
            POINTS_TO_WIN => FlagNews::Won { team: 1 },
            _ => FlagNews::Captured { points: [points, 0] },
        };
        assert_eq!(walk(&mut game, red, RED_BASE), [expected]);
        assert_eq!(side(&game, red), Some(Side { team: 1, carries: false }));
    }
    walk(&mut game, red, BLUE_BASE);
    assert_eq!(walk(&mut game, red, RED_BASE), [FlagNews::Captured { points: [1, 0] }], "it begins anew");
}

#[test]
fn there_is_no_point_while_ones_own_flag_is_away() {
    let (mut game, red, blue) = begin();
    assert_eq!(walk(&mut game, blue, RED_BASE), [FlagNews::Taken { flag: 0 }]);
    assert_eq!(walk(&mut game, blue, NOWHERE), []);
    assert_eq!(walk(&mut game, red, BLUE_BASE), [FlagNews::Taken { flag: 1 }]);
    assert_eq!(walk(&mut game, red, RED_BASE), []);
    assert_eq!(order(&mut game, blue, &LayDown), Ok(()));
    assert_eq!(news(&game), [FlagNews::Dropped { flag: 0 }]);
    walk(&mut game, blue, ELSEWHERE);
    assert_eq!(walk(&mut game, red, NOWHERE), [], "it lies for a second before anybody can touch it");
    (1..REST_TICKS - 2).for_each(|_| game.tick());
    assert_eq!(news(&game), []);
    game.tick();
    assert_eq!(news(&game), [FlagNews::Returned { flag: 0 }]);
    assert_eq!(walk(&mut game, red, RED_BASE), [FlagNews::Captured { points: [1, 0] }]);
}

#[test]
fn a_flag_that_lies_where_nobody_goes_is_at_home_after_a_minute() {
    let (mut game, red, _) = begin();
    walk(&mut game, red, BLUE_BASE);
    walk(&mut game, red, NOWHERE);
    assert_eq!(order(&mut game, red, &LayDown), Ok(()));
    walk(&mut game, red, ELSEWHERE);
    (1..LYING_TICKS_MAX).for_each(|_| game.tick());
    assert_eq!(walk(&mut game, red, BLUE_BASE), [FlagNews::Taken { flag: 1 }]);
}

#[test]
fn a_carrier_who_dies_drops_it_and_who_leaves_the_world_sends_it_home() {
    let (mut game, red, blue) = begin();
    walk(&mut game, red, BLUE_BASE);
    walk(&mut game, red, NOWHERE);
    while game.record(red).unwrap().life.is_some_and(|life| !life.is_dead) {
        assert!(game.wound_by_shot(blue, red), "they are of two teams");
        game.tick();
    }
    assert_eq!(news(&game), [FlagNews::Dropped { flag: 1 }]);
    (0..REST_TICKS).for_each(|_| game.tick());
    assert_eq!(walk(&mut game, blue, NOWHERE), [FlagNews::Returned { flag: 1 }]);
    walk(&mut game, blue, RED_BASE);
    game.despawn(blue);
    game.tick();
    assert_eq!(news(&game), [FlagNews::Dropped { flag: 0 }]);
    assert_eq!(walk(&mut game, red, RED_BASE), [], "the dead touch nothing, and it is at home");
}

#[test]
fn what_the_rules_do_not_allow_is_refused() {
    let (mut game, red, _) = begin();
    assert_eq!(order(&mut game, red, &LayDown), Err(Refusal::NoSuchItem));
    for team in [0, 3, 255] {
        assert_eq!(order(&mut game, red, &Join { team }), Err(Refusal::WrongSide));
    }
    walk(&mut game, red, BLUE_BASE);
    assert_eq!(order(&mut game, red, &Join { team: 2 }), Err(Refusal::Busy));
    game.tick();
    assert_eq!(game.record(red).unwrap().life.unwrap().mana, 0, "his hands are full");
}

#[test]
fn a_match_that_was_saved_goes_on() {
    let (mut game, red, _) = begin();
    walk(&mut game, red, BLUE_BASE);
    let mut bytes = Vec::new();
    game.save().to_bytes(&mut bytes);
    let image = WorldImage::from_bytes(&bytes).unwrap();
    let mut again = Game::restore_extended(config(), &extensions(), &image).unwrap();
    for game in [&mut game, &mut again] {
        assert_eq!(walk(game, red, RED_BASE), [FlagNews::Captured { points: [1, 0] }]);
    }
    assert_eq!(again.hash(), game.hash());
}
