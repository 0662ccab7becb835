//! What is remembered of a second, or of a minute: a number for each figure, or that it is not known.

use Figure::{
    Connections, Cpu, CpuReactor, CpuWorld, Down, Entities, Errors, JournalFailing, KernelDrops, Loss, Overload,
    PacketsIn, PacketsOut, Players, Queued, Resident, RttP50, RttP99, SaveLag, StoresAway, TickMax, TickP50, TickP99,
    TickRate, Timeouts, Up,
};

/// Something about the server that has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// People in the world.
    Players,
    /// People who wait for a place.
    Queued,
    /// Sessions that said hello.
    Connections,
    /// Entities in the world.
    Entities,
    /// Half of the last 10 s' ticks (of the minute's, in a point of a minute) took at most this.
    TickP50,
    /// Of a hundred of those, 99 did.
    TickP99,
    /// The longest tick.
    TickMax,
    /// Ticks in a second.
    TickRate,
    /// Half of the round trips are at most this.
    RttP50,
    /// Of a hundred, 99 are.
    RttP99,
    /// The part of what was sent that was lost.
    Loss,
    /// Sent to everybody, UDP payload.
    Down,
    /// Received, likewise.
    Up,
    /// Datagrams received.
    PacketsIn,
    /// Datagrams sent.
    PacketsOut,
    /// Processor time of the process; 100 is one processor.
    Cpu,
    /// That of the world's thread.
    CpuWorld,
    /// That of the reactor's.
    CpuReactor,
    /// Age of the oldest state that is not everywhere it is to be.
    SaveLag,
    /// Steps of the overload ladder taken.
    Overload,
    /// Resident memory.
    Resident,
    /// Datagrams dropped because the receive buffer was full.
    KernelDrops,
    /// Sessions that fell silent and were ended in the last minute, in a hundred of all.
    Timeouts,
    /// What went wrong with sockets, the journal and stores.
    Errors,
    /// 1 while the journal does not take what it is given.
    JournalFailing,
    /// Stores that do not do what they are asked for.
    StoresAway,
}

/// How a minute is made of its seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The mean of those that are known.
    Mean,
    /// The largest.
    Max,
    /// Not of the seconds' points but of the minute's ticks ([`super::history`]).
    Ticks,
}

/// How many figures there are.
pub const FIGURES: usize = 26;

struct Facts {
    figure: Figure,
    name: &'static str,
    label: &'static str,
    unit: &'static str,
    fold: Fold,
}

const fn facts(figure: Figure, name: &'static str, label: &'static str, unit: &'static str, fold: Fold) -> Facts {
    Facts { figure, name, label, unit, fold }
}

/// In the order of the figures.
const TABLE: [Facts; FIGURES] = [
    facts(Players, "players", "players", "", Fold::Mean),
    facts(Queued, "queued", "waiting for a place", "", Fold::Mean),
    facts(Connections, "connections", "connections", "", Fold::Mean),
    facts(Entities, "entities", "entities", "", Fold::Mean),
    facts(TickP50, "tick_p50_ms", "tick p50", "ms", Fold::Ticks),
    facts(TickP99, "tick_p99_ms", "tick p99", "ms", Fold::Ticks),
    facts(TickMax, "tick_max_ms", "longest tick", "ms", Fold::Max),
    facts(TickRate, "tick_rate_hz", "tick rate", "Hz", Fold::Mean),
    facts(RttP50, "rtt_p50_ms", "round trip p50", "ms", Fold::Mean),
    facts(RttP99, "rtt_p99_ms", "round trip p99", "ms", Fold::Max),
    facts(Loss, "loss_ratio", "loss", "", Fold::Mean),
    facts(Down, "down_kbit_per_s", "sent", "kbit/s", Fold::Mean),
    facts(Up, "up_kbit_per_s", "received", "kbit/s", Fold::Mean),
    facts(PacketsIn, "packets_in_per_s", "datagrams received", "/s", Fold::Mean),
    facts(PacketsOut, "packets_out_per_s", "datagrams sent", "/s", Fold::Mean),
    facts(Cpu, "cpu_percent", "processor, whole process", "%", Fold::Mean),
    facts(CpuWorld, "cpu_world_percent", "processor, world", "%", Fold::Mean),
    facts(CpuReactor, "cpu_reactor_percent", "processor, reactor", "%", Fold::Mean),
    facts(SaveLag, "save_lag_s", "save lag", "s", Fold::Max),
    facts(Overload, "overload_level", "overload level", "", Fold::Max),
    facts(Resident, "resident_mib", "resident memory", "MiB", Fold::Max),
    facts(KernelDrops, "kernel_drops_per_s", "kernel drops", "/s", Fold::Mean),
    facts(Timeouts, "timeouts_percent_per_min", "time-outs", "% a minute", Fold::Max),
    facts(Errors, "errors_per_s", "errors", "/s", Fold::Mean),
    facts(JournalFailing, "journal_failing", "journal failing", "", Fold::Max),
    facts(StoresAway, "stores_away", "stores away", "", Fold::Max),
];

impl Figure {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|facts| facts.figure)
    }

    /// For programs, with its unit: `tick_p99_ms`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].name
    }

    /// For people.
    pub fn label(self) -> &'static str {
        TABLE[self as usize].label
    }

    /// For people; empty of what is counted.
    pub fn unit(self) -> &'static str {
        TABLE[self as usize].unit
    }

    /// How a minute is made of its seconds.
    pub fn fold(self) -> Fold {
        TABLE[self as usize].fold
    }
}

/// All figures at a moment. 112 bytes: an hour of seconds and a day of minutes are 551 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// When, in seconds since 1970.
    pub unix_s: u64,
    /// Not a number where it is not known; never handed out.
    values: [f32; FIGURES],
}

impl Point {
    /// A moment of which nothing is known.
    pub fn at(unix_s: u64) -> Self {
        Self { unix_s, values: [f32::NAN; FIGURES] }
    }

    /// What a figure was; none if that is not known.
    pub fn of(&self, figure: Figure) -> Option<f64> {
        let value = self.values[figure as usize];
        value.is_finite().then(|| f64::from(value))
    }

    /// Notes a figure. What is none, or no finite number, is not known.
    pub fn set(&mut self, figure: Figure, value: impl Into<Option<f64>>) {
        self.values[figure as usize] = value.into().map_or(f32::NAN, |value| value as f32);
    }
}

/// A minute in the making: all but the figures that are made of its ticks.
#[derive(Clone, Debug)]
pub struct Folding {
    sums: [f64; FIGURES],
    largest: [f64; FIGURES],
    known: [u32; FIGURES],
}

impl Default for Folding {
    fn default() -> Self {
        Self { sums: [0.0; FIGURES], largest: [f64::NEG_INFINITY; FIGURES], known: [0; FIGURES] }
    }
}

impl Folding {
    /// Takes a second in.
    pub fn add(&mut self, point: &Point) {
        for figure in Figure::all() {
            if let Some(value) = point.of(figure) {
                let at = figure as usize;
                self.sums[at] += value;
                self.largest[at] = self.largest[at].max(value);
                self.known[at] += 1;
            }
        }
    }

    /// The minute.
    pub fn close(&self, unix_s: u64) -> Point {
        let mut point = Point::at(unix_s);
        for figure in Figure::all().filter(|&figure| self.known[figure as usize] > 0) {
            let at = figure as usize;
            match figure.fold() {
                Fold::Mean => point.set(figure, self.sums[at] / f64::from(self.known[at])),
                Fold::Max => point.set(figure, self.largest[at]),
                Fold::Ticks => {}
            }
        }
        point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_in_the_order_of_the_figures_and_no_name_stands_twice() {
        for (at, facts) in TABLE.iter().enumerate() {
            assert_eq!(facts.figure as usize, at, "{}", facts.name);
        }
        assert_eq!(Figure::all().map(Figure::name).collect::<BTreeSet<_>>().len(), FIGURES);
    }

    #[test]
    fn what_is_not_known_is_none_and_stays_out_of_a_mean() {
        let mut folding = Folding::default();
        for value in [Some(10.0), None, Some(f64::NAN), Some(20.0)] {
            let mut point = Point::at(7);
            point.set(Players, value);
            point.set(SaveLag, value);
            folding.add(&point);
        }
        let minute = folding.close(60);
        assert_eq!((minute.unix_s, minute.of(Players), minute.of(SaveLag)), (60, Some(15.0), Some(20.0)));
        assert_eq!(minute.of(Loss), None, "never known");
    }

    #[test]
    fn a_point_has_the_size_that_is_said_of_it() {
        assert_eq!(size_of::<Point>(), 112);
    }
}
