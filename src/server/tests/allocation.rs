//! How often the world thread asks for memory from inbox to arena once everyone is in: never.

mod stand;

use counting::{Counting, Tally};
use game::Thing;
use protocol::motion::Body;
use protocol::orientation::ONE;
use protocol::unit::SUBUNITS_PER_M;
use protocol::{NetId, Tick};
use stand::{PLAYERS, Stand};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn from_inbox_to_arena_a_tick_in_steady_state_allocates_nothing() {
    assert_steady(Stand::new(|_| {}));
    // Full views, in which places go round.
    assert_steady(Stand::new(|config| config.visible_max = 3));
}

/// Bodies that slide, items and mobs among the people; one of the mobs is a boss, and everything is being fought.
fn furnish(stand: &mut Stand) {
    for number in 0..30 {
        let place = (20 + 2 * number) * SUBUNITS_PER_M;
        let body = Body { x: place, y: place, vx: 500 * (number % 15), ..Body::default() };
        let thing = match number % 3 {
            0 => Thing::Mob { yaw: 0, pitch: 0 },
            1 => Thing::Item { yaw: 0, form: 1 },
            _ => Thing::Body { turn: [ONE, 0, 0, 0], spin: [9_000_000, 0, 7] },
        };
        let id = stand.realm.spawn_thing(body, thing).unwrap();
        stand.realm.set_boss(id, number == 3);
        // The people came first.
        stand.realm.set_fighting(id, NetId(number as u16), Tick(u32::MAX));
    }
}

fn assert_steady(mut stand: Stand) {
    stand.join();
    for tick in 0..2_000 {
        if tick == 100 {
            furnish(&mut stand);
        }
        stand.speak();
        stand.turn();
        stand.hand_over();
    }
    assert_ne!(Tally::now().allocations, 0, "the counter counts");
    let (parts, answers, updates) = (stand.parts, stand.answers, stand.realm.status().updates);
    let (events, before) = (stand.events, *stand.realm.status());
    let mut allocations = 0;
    for _ in 0..600 {
        stand.speak();
        let asked = Tally::now();
        stand.turn();
        allocations += Tally::since(asked).allocations;
        stand.hand_over();
    }
    assert_eq!(allocations, 0, "in 600 ticks");
    assert_eq!(stand.parts - parts, 600 * u64::from(PLAYERS), "everybody was told of every tick");
    assert_eq!(stand.answers - answers, 600 / 30 * u64::from(PLAYERS), "every echo was answered");
    let status = stand.realm.status();
    assert_eq!(stand.events - events, status.events_told - before.events_told);
    let [shots, hits] = [status.shots - before.shots, status.shots_hit - before.shots_hit];
    let refused = [status.shots_stale - before.shots_stale, status.shots_too_soon - before.shots_too_soon];
    assert!(shots > 3_000 && hits > 100 && refused.iter().all(|&refused| refused > 500), "{status:?}");
    let reports = status.experience.rtt_ms.total() - before.experience.rtt_ms.total();
    assert_eq!((reports, status.reports_refused), (600 / 60 * u64::from(PLAYERS), 0), "every report was counted");
    assert!(status.updates - updates > 600 * u64::from(PLAYERS), "people saw each other");
}
