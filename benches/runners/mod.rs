//! Who runs about in the benches of snapshots: the same people for the time and for the count of instructions.

use protocol::bits::BitRun;
use protocol::snapshot::{Baseline, BaselineAges, PartHeader, PartWriter, Record, RecordBody};
use protocol::{EntityKind, EntityState, Tick};

/// Records of a part: what a player of many is told in a tick.
pub const RECORDS: u16 = 28;
/// Acknowledged 6 ticks ago, and two states before that.
const AGES: (u8, u8, u8) = (6, 2, 2);

/// Where entity `which` was `age` ticks ago: they run in circles of different sizes, and look about.
pub fn state(which: u16, age: u8) -> EntityState {
    let (turn, radius) = (f64::from(which) * 0.7 - f64::from(age) * 0.015, 3_000.0 + f64::from(which) * 97.0);
    EntityState {
        x: 400_000 + (radius * turn.cos()) as i32,
        y: 400_000 + (radius * turn.sin()) as i32,
        yaw: (u16::from(age) * 9 + which * 131) % 4_096,
        pitch: (which * 7 + u16::from(age) / 3) % 4_096,
        kind: EntityKind::Player,
        ..EntityState::default()
    }
}

fn ages() -> BaselineAges {
    let (newest, step, older) = AGES;
    BaselineAges::new(newest, step, older).expect("ages that have a name")
}

/// What is known of entity `which`.
pub fn baseline(which: u16) -> Baseline {
    Baseline::gather(ages(), |age| Some(state(which, age))).expect("every age has a state")
}

fn header() -> PartHeader {
    PartHeader {
        tick: Tick(1_000),
        own: None,
        usual: Some([ages(), ages()]),
        last_code: 0,
        gap_bits: 1,
        records: RECORDS as u8,
    }
}

/// Splices these differences into a part; how long it is.
pub fn part(runs: &[BitRun], buf: &mut [u8]) -> usize {
    let mut writer = PartWriter::new(buf, &header(), false);
    for (slot, run) in (0..).step_by(2).zip(runs) {
        writer.put(Record { slot, body: RecordBody::Delta { ages: ages() } }, *run);
    }
    writer.finish()
}
