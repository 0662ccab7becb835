//! `GET /api/v1/profile`: where the time went since the start, by thread and by part.

use crate::edge::board::Board;
use crate::edge::process;
use crate::edge::stopwatch::{PartTimes, world};
use ops_api::{PhaseTime, Profile, ThreadTime};

/// The page, at `mono_ns`.
pub fn page(board: &Board, mono_ns: u64) -> Profile {
    let report = board.world.load();
    let cpu = process::cpu_seconds();
    let threads = cpu.by_name().into_iter().map(|(name, seconds)| ThreadTime { name: name.to_owned(), seconds });
    let room_of = |part: u8| if world::is_game(part) { "game" } else { "world" };
    let world = board.world_watch.read().map(|of| phase(room_of(of.part), &of));
    let reactor = board.reactor_watch.read().map(|of| phase("reactor", &of));
    Profile {
        uptime_s: mono_ns.saturating_sub(board.start.mono_ns) as f64 / 1e9,
        ticks: report.ticks_total,
        player_ticks: report.realm.player_ticks,
        threads: threads.collect(),
        phases: world.chain(reactor).collect(),
    }
}

fn phase(room: &str, of: &PartTimes) -> PhaseTime {
    PhaseTime {
        name: format!("{room}/{}", of.name),
        count: of.count,
        seconds: of.sum_ns as f64 / 1e9,
        max_last_second: of.max_ns as f64 / 1e9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::board::StartReport;
    use crate::edge::stopwatch::{reactor, world};

    #[test]
    fn each_part_of_both_threads_is_there_under_its_room() {
        let board = Board::new(StartReport::default());
        board.world_watch.enter_at(world::TAKE, 1_000);
        board.world_watch.enter_at(world::REST, 3_001_000);
        board.reactor_watch.enter_at(reactor::WAIT, 1);
        let page = page(&board, 2_000_000_000);
        let of = |name: &str| page.phases.iter().find(|phase| phase.name == name).unwrap();
        assert_eq!((of("world/take").count, of("world/take").seconds), (1, 0.003));
        for name in ["game/think", "game/casting", "world/tell", "world/rest", "reactor/transmit"] {
            assert_eq!(of(name).count, 0, "{name}");
        }
        assert_eq!(page.uptime_s, 2.0);
    }
}
