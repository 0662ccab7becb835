//! A whole tick with everything that moves in it: 2,000 players as people gather, 2,000 mobs of which half are awake and
//! 200 are after somebody, 2,000 projectiles.
//!
//! `cargo bench --bench game_systems [-- TICKS]`. It prints the 50th and 99th percentile and the slowest of the single ticks,
//! which a mean hides, with more of the load in each row: what a row has over the one before is what that load costs. The
//! goal is a 99th percentile of 5 ms with all of it.
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use game::content::{Circle, Content, MobType, Outcome, Side, Skill, SpawnArea, Stat, Stats, Table, Targeting};
use game::{Game, GameConfig, Thing};
use protocol::motion::{Block, Body, StaticMap};
use protocol::unit::{SUBUNITS_PER_M, UNITS_PER_M};
use protocol::{CharacterId, EntityKind, Input, MobKind, NetId, SkillId};
use std::sync::Arc;
use std::time::Instant;

const PLAYERS: u16 = 2_000;
const PROJECTILES: usize = 2_000;
/// Where people gather: 8 by 5 spots, 350 m apart.
const SPOTS: usize = 40;
/// At each spot: mobs that only stand and stroll, and mobs that are after whoever is there.
const AWAKE_PER_SPOT: u16 = 20;
const HUNTERS_PER_SPOT: u16 = 5;
/// Between the spots, far from everybody.
const ASLEEP_PER_SPOT: u16 = 25;
const MOBS: usize = (AWAKE_PER_SPOT + HUNTERS_PER_SPOT + ASLEEP_PER_SPOT) as usize * SPOTS;
/// People are so far from their spot at most, in units: 30 m.
const CLUMP: i32 = 30 * UNITS_PER_M;
/// Ticks before anything is measured, and the fewest that are.
const WARM_UP: u32 = 300;
const TICKS_MIN: u32 = 1_000;
/// What a tick may cost, in microseconds.
const GOAL_US: f64 = 5_000.0;

/// The middle of a spot, in units.
fn spot(number: usize) -> (i32, i32) {
    let (column, row) = ((number % 8) as i32, (number / 8) as i32);
    ((200 + column * 350) * UNITS_PER_M, (300 + row * 350) * UNITS_PER_M)
}

fn map() -> StaticMap {
    let blocks: Vec<Block> = (0..100_u32)
        .map(|n| Block {
            x: f64::from(n % 10) * 290.0,
            y: f64::from(n / 10) * 290.0,
            width: 12.0,
            depth: 8.0,
            height: None,
        })
        .collect();
    StaticMap::new(3_000, 3_000, &blocks).expect("a sound map")
}

fn kind(id: u16, aggro_m: i32) -> MobType {
    let mut stats = Stats::BARE;
    stats.set(Stat::Speed, 70);
    MobType {
        id: MobKind(id),
        name: format!("kind {id}"),
        level: 1,
        stats,
        stroll_percent: 40,
        aggro_radius: aggro_m * SUBUNITS_PER_M,
        leash_radius: 500 * SUBUNITS_PER_M,
        help_radius: 10 * SUBUNITS_PER_M,
        flee_below: 0,
        skills: vec![SkillId(1)],
        experience: 0,
        coins: (0, 0),
        loot: Vec::new(),
        is_boss: false,
    }
}

/// A bite that hurts nobody: the load stays the same.
fn bite() -> Skill {
    Skill {
        id: SkillId(1),
        name: "bite".to_owned(),
        mana: 0,
        cast_ticks: 0,
        channel: None,
        cooldown_ticks: 60,
        is_off_global: false,
        is_mobile: false,
        range: 3 * SUBUNITS_PER_M,
        targeting: Targeting::Unit { side: Side::Enemies },
        outcomes: vec![Outcome::Mana { amount: 0 }],
        ranks_max: 1,
    }
}

fn content(has_mobs: bool) -> Content {
    let mut content = Content {
        mobs: Table::new(vec![kind(1, 0), kind(2, 40)]).expect("they differ"),
        skills: Table::new(vec![bite()]).expect("there is one"),
        ..Content::default()
    };
    for number in (0..SPOTS).filter(|_| has_mobs) {
        let (x, y) = spot(number);
        let half = 175 * UNITS_PER_M;
        let areas = [(1, AWAKE_PER_SPOT, x, y), (2, HUNTERS_PER_SPOT, x, y), (1, ASLEEP_PER_SPOT, x + half, y + half)];
        content.places.spawns.extend(areas.map(|(mob, count, x, y)| SpawnArea {
            mob: MobKind(mob),
            count,
            area: Circle { x: x << 8, y: y << 8, radius: 30 * SUBUNITS_PER_M },
            respawn_ticks: 600,
        }));
    }
    content
}

/// The same numbers on every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, below: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(below.unsigned_abs().max(1))) as i32
    }
}

/// A world, and who is in it.
struct Load {
    game: Game,
    draw: Draw,
    players: Vec<NetId>,
    has_projectiles: bool,
    projectiles: usize,
    retired: Vec<NetId>,
}

impl Load {
    fn new(has_mobs: bool, has_projectiles: bool) -> Self {
        let config = GameConfig {
            seed: 1,
            map: Arc::new(map()),
            content: Arc::new(content(has_mobs)),
            incarnation: 1,
            entities_max: usize::from(PLAYERS) + MOBS + PROJECTILES + 500,
        };
        let (mut game, mut draw) = (Game::new(config), Draw(7));
        let players = (0..PLAYERS).map(|number| {
            let id = game.spawn_player(CharacterId(u64::from(number)), None).expect("room for all");
            let (x, y) = spot(usize::from(number) % SPOTS);
            game.place_player(id, x + draw.below(2 * CLUMP) - CLUMP, y + draw.below(2 * CLUMP) - CLUMP);
            id
        });
        let players = players.collect();
        Self { game, draw, players, has_projectiles, projectiles: 0, retired: Vec::new() }
    }

    /// Half of the people stand and look about, the others walk up and down near their spot; a sixtieth change their mind in
    /// each tick.
    fn wish(&mut self) {
        for at in 0..self.players.len() {
            if self.draw.below(60) > 0 {
                continue;
            }
            let id = self.players[at];
            let body = *self.game.body(id).expect("players stay");
            let (x, y) = spot(at % SPOTS);
            let (dx, dy) = (x - (body.x >> 8), y - (body.y >> 8));
            let is_far = dx.abs().max(dy.abs()) > CLUMP;
            let towards = |d: i32| (d.signum() * 90) as i8;
            let (move_x, move_y) = match self.draw.below(2) {
                _ if is_far => (towards(dx), towards(dy)),
                0 => (0, 0),
                _ => ((self.draw.below(255) - 127) as i8, (self.draw.below(255) - 127) as i8),
            };
            let yaw = self.draw.below(4_096) as u16;
            self.game.set_input(id, Input { move_x, move_y, yaw, ..Input::default() });
        }
    }

    /// Whatever has ended is replaced, from the hand of somebody.
    fn shoot(&mut self) {
        self.retired.clear();
        self.retired.extend(self.game.retired());
        self.retired.iter().for_each(|&id| self.game.recycle(id));
        while self.has_projectiles && self.projectiles < PROJECTILES {
            let from = *self.game.body(self.players[self.draw.below(i32::from(PLAYERS)) as usize]).expect("he is here");
            // Up to 40 m/s along each axis, and slowly up, so that none ends in the ground.
            let speed = |draw: &mut Draw| draw.below(2 * 54_600) - 54_600;
            let (vx, vy) = (speed(&mut self.draw), speed(&mut self.draw));
            let body = Body { z: SUBUNITS_PER_M, vx, vy, vz: 200, ..from };
            let ticks_left = 60 + self.draw.below(60) as u32;
            let shot = Thing::Projectile { yaw: 0, pitch: 0, ticks_left };
            self.projectiles += usize::from(self.game.spawn_thing(body, shot).is_ok());
        }
    }

    /// Microseconds of one tick, with all that the caller does for it.
    fn tick(&mut self) -> f64 {
        let begin = Instant::now();
        self.wish();
        self.shoot();
        self.game.tick();
        self.projectiles -= self.game.ended().len();
        begin.elapsed().as_secs_f64() * 1e6
    }

    fn count(&self, kind: EntityKind) -> usize {
        let replicas = self.game.replicas();
        replicas.live().iter().filter(|&&id| replicas.kind(id) == kind).count()
    }

    /// Mobs that moved in the last tick.
    fn walkers(&self) -> usize {
        let (replicas, now) = (self.game.replicas(), self.game.now());
        let mobs = replicas.live().iter().filter(|&&id| replicas.kind(id) == EntityKind::Mob);
        mobs.filter(|&&id| replicas.changed(id) == now).count()
    }
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse::<u32>().ok());
    let ticks = asked.unwrap_or(TICKS_MIN).max(TICKS_MIN);
    println!("{:<28} {:>9} {:>9} {:>9} {:>9}   {ticks} ticks, in us", "", "mean", "p50", "p99", "max");
    let rows = [
        ("players", false, false),
        ("players, mobs", true, false),
        ("players, projectiles", false, true),
        ("players, mobs, projectiles", true, true),
    ];
    let mut is_good = true;
    for (name, has_mobs, has_projectiles) in rows {
        let mut load = Load::new(has_mobs, has_projectiles);
        for _ in 0..WARM_UP {
            load.tick();
        }
        let mut times: Vec<f64> = (0..ticks).map(|_| load.tick()).collect();
        let mean = times.iter().sum::<f64>() / f64::from(ticks);
        times.sort_unstable_by(f64::total_cmp);
        let part = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        let (p50, p99, max) = (part(0.5), part(0.99), part(1.0));
        let [people, mobs, shots] =
            [EntityKind::Player, EntityKind::Mob, EntityKind::Projectile].map(|kind| load.count(kind));
        println!(
            "{name:<28} {mean:>9.0} {p50:>9.0} {p99:>9.0} {max:>9.0}   {people} players, {mobs} mobs ({} walk), {shots} projectiles",
            load.walkers()
        );
        is_good &= p99 <= GOAL_US;
    }
    println!("{}", if is_good { "within the goal of 5 ms" } else { "over the goal of 5 ms" });
}
