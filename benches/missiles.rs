//! What two thousand missiles over two thousand people cost: `cargo bench -p game --bench missiles`.
//!
//! Whole ticks are measured, orders and casts included, against one in which nobody sends any. Not with criterion, because
//! what flies now depends on what was sent before.

use game::content::{Class, Content, DamageKind, Outcome, Skill, Stat, Stats, Table, Targeting};
use game::{Estate, Game, GameConfig, Thing};
use protocol::command::{Cast, CastTarget};
use protocol::motion::StaticMap;
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, ClassId, Command, NetId, SkillId, ViewTick};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PEOPLE: u16 = 2_000;
const MISSILES: usize = 2_000;
/// What so many may cost of a tick.
const COST_MAX: Duration = Duration::from_millis(2);

/// A missile of 30 m/s that flies for a second; one of two bursts.
fn missile(id: u16) -> Skill {
    Skill {
        id: SkillId(id),
        name: format!("missile {id}"),
        mana: 0,
        cast_ticks: 0,
        channel: None,
        cooldown_ticks: 0,
        is_off_global: true,
        is_mobile: true,
        range: 30 * SUBUNITS_PER_M,
        targeting: Targeting::Missile { speed: SUBUNITS_PER_M / 2, splash: i32::from(id % 2) * 3 * SUBUNITS_PER_M },
        outcomes: vec![Outcome::Damage { kind: DamageKind::Fire, amount: 1, attack: 0, power: 0 }],
        ranks_max: 1,
    }
}

/// Forty spots of fifty people within 20 m; of so many teams.
fn world(teams: u8) -> Game {
    let mut base = Stats::default();
    base.set(Stat::HealthMax, 1_000_000);
    let class = Class {
        id: ClassId(1),
        name: "mage".into(),
        base,
        per_level: Stats::default(),
        skills: vec![SkillId(1), SkillId(2)],
        tree: vec![],
        kit: vec![],
        coins: 0,
    };
    let content = Content {
        classes: Table::new(vec![class]).unwrap(),
        skills: Table::new(vec![missile(1), missile(2)]).unwrap(),
        ..Content::default()
    };
    let map = Arc::new(StaticMap::new(1_000, 1_000, &[]).unwrap());
    let config = GameConfig { seed: 1, map, content: Arc::new(content), incarnation: 1, entities_max: 10_000 };
    let mut game = Game::new(config);
    for number in 0..PEOPLE {
        let estate = Estate::newborn(ClassId(1), 1 + number as u8 % teams);
        let id = game.spawn_character(CharacterId(number.into()), None, &estate).unwrap();
        let (spot, one) = (i32::from(number) / 50, i32::from(number) % 50);
        let (x, y) = (100 + spot % 8 * 100 + one % 7 * 3, 100 + spot / 8 * 100 + one / 7 * 3);
        game.place_player(id, x * UNITS_PER_M, y * UNITS_PER_M);
    }
    game.tick();
    game
}

fn in_the_air(game: &Game) -> usize {
    let is_missile = |id: &&NetId| matches!(game.thing(**id), Some(Thing::Projectile { .. }));
    game.replicas().live().iter().filter(is_missile).count()
}

/// Median and 95th percentile of a tick with so many missiles in the air, whose senders see the world so late.
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn measure(teams: u8, missiles: usize, late_ticks: u32) -> (usize, Duration, Duration) {
    let mut game = world(teams);
    let (mut times, mut flown, mut turn) = (Vec::new(), 0, 0_u16);
    for number in 0..700 {
        // A part of them a tick, so that they do not all end at once; more where they are hit.
        let part = if teams > 1 { missiles / 25 } else { missiles / 58 };
        let missing = missiles.saturating_sub(in_the_air(&game)).min(part);
        for _ in 0..missing {
            turn = turn.wrapping_add(1);
            let view = ViewTick { tick: game.now(), fraction: 0 };
            let view = ViewTick { tick: protocol::Tick(view.tick.0.saturating_sub(late_ticks)), ..view };
            let (skill, yaw) = (SkillId(1 + turn % 2), turn.wrapping_mul(7_919));
            let cast = Cast { skill, at: CastTarget::Nobody, view, yaw, pitch: 0 };
            game.order(NetId(turn.wrapping_mul(37) % PEOPLE), turn, Command::Cast(cast));
        }
        let begun = Instant::now();
        game.tick();
        if number >= 100 {
            times.push(begun.elapsed());
            flown += in_the_air(&game);
        }
        for id in game.retired().collect::<Vec<_>>() {
            game.recycle(id);
        }
    }
    times.sort_unstable();
    (flown / times.len(), times[times.len() / 2], times[times.len() * 95 / 100])
}

fn main() {
    let (_, without, _) = measure(1, 0, 0);
    println!("whole ticks; one without any takes {without:?}");
    for (name, teams, missiles, late_ticks) in [
        ("nobody is hit", 1, MISSILES, 0),
        ("in a fight", 2, MISSILES, 0),
        ("in a fight, senders 200 ms late", 2, MISSILES, 12),
    ] {
        let (flown, median, worst) = measure(teams, missiles, late_ticks);
        println!("{name}: {flown} in the air, p50 {median:?}, p95 {worst:?}");
        assert!(median.saturating_sub(without) < COST_MAX, "{name}: too slow");
    }
}
