//! The vectors of what is not alive (`protocol-spec/vectors/kinds.txt`): contracts like those of `vectors.rs`.

use protocol::bits::{BitReader, BitRun, BitWriter};
use protocol::orientation::{ONE, Orientation};
use protocol::snapshot::{Baseline, BaselineAges, decode_delta, decode_full, encode_delta, encode_full};
use protocol::{EntityKind, EntityState};
use std::fmt::Write;

fn hex(run: BitRun) -> (Vec<u8>, String) {
    let mut buf = [0; 32];
    let mut writer = BitWriter::new(&mut buf);
    writer.put_run(run);
    let len = writer.finish();
    let text = buf[..len].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    (buf[..len].to_vec(), text)
}

/// The fields that the kind has, in the order of the wire.
fn words(state: &EntityState) -> String {
    let EntityState { x, y, z, yaw, pitch, flags, kind } = *state;
    match kind {
        EntityKind::Player | EntityKind::Mob => format!("({x} {y} {z} {yaw} {pitch} {flags})"),
        EntityKind::Projectile => format!("({x} {y} {z} {yaw} {pitch})"),
        EntityKind::Item => format!("({x} {y} {z} {yaw} {})", state.form()),
        EntityKind::Body => {
            let [a, b, c] = state.orientation().others();
            format!("({x} {y} {z} [{} {a} {b} {c}] {flags})", state.orientation().largest())
        }
    }
}

fn at(kind: EntityKind, x: i32, y: i32, z: i16) -> EntityState {
    EntityState { x, y, z, kind, ..EntityState::default() }
}

fn body(x: i32, largest: u8, others: [i32; 3], flags: u8) -> EntityState {
    EntityState { flags, ..at(EntityKind::Body, x, 2_000, 0) }.with_orientation(Orientation::new(largest, others))
}

type Case = (&'static str, [u8; 3], [EntityState; 3], EntityState);

/// What the case is about, the ages of its states, these states, what is told.
fn cases() -> Vec<Case> {
    let mob = |x| EntityState { yaw: 40, flags: 1, ..at(EntityKind::Mob, x, 2_000, 5) };
    let shot = |back: i32| EntityState {
        yaw: 512,
        pitch: 4_000,
        ..at(EntityKind::Projectile, 9_000 - 250 * back, 700 - 3 * back, 100)
    };
    let item = EntityState { yaw: 9, ..at(EntityKind::Item, 1_000, 2_000, 0) }.with_form(60_001);
    let resting = body(1_000, 0, [0; 3], 2);
    let sliding = |back: i32| body(1_000 - 6 * back, 1, [100 - 4 * back, -300 + 9 * back, 60 - back], 0);
    let odd = [body(0, 3, [10, 20, 30], 0), body(0, 3, [7, 26, 30], 0), body(0, 2, [7, 26, 30], 0)];
    vec![
        ("a mob, as a player", [6, 1, 2], [mob(1_000), mob(990), mob(980)], mob(1_055)),
        ("a projectile, straight on", [6, 1, 2], [shot(0), shot(1), shot(2)], shot(-6)),
        ("a projectile, one unit off", [6, 1, 2], [shot(0), shot(1), shot(2)], EntityState { x: 10_501, ..shot(-6) }),
        (
            "a projectile that turned",
            [4, 2, 1],
            [shot(0), shot(2), shot(2)],
            EntityState { yaw: 600, pitch: 6, ..shot(-3) },
        ),
        ("an item that lies", [63, 0, 0], [item; 3], item),
        ("an item that was kicked", [2, 0, 0], [item; 3], EntityState { x: 1_040, y: 1_990, yaw: 4_090, ..item }),
        ("a body at rest", [48, 0, 0], [resting; 3], resting),
        ("a body pushed", [6, 1, 2], [resting; 3], body(1_010, 0, [3, -2, 1], 0)),
        ("a body as it went on", [2, 1, 2], [sliding(0), sliding(1), sliding(2)], body(1_012, 1, [108, -318, 62], 0)),
        (
            "a body almost as it went on",
            [6, 3, 2],
            [sliding(0), sliding(3), sliding(6)],
            body(1_030, 1, [120, -349, 68], 0),
        ),
        ("one older state of the same largest", [8, 3, 2], odd, body(0, 3, [17, 5, 31], 0)),
        ("no older state of the same largest", [8, 3, 1], [odd[0], odd[2], odd[2]], body(0, 3, [17, 5, 31], 0)),
        ("another largest", [6, 1, 2], [sliding(0), sliding(1), sliding(2)], body(1_036, 2, [-5, 6, 511], 0)),
        ("too far for its code", [1, 1, 1], [resting; 3], body(1_000, 0, [300, 0, 0], 2)),
        ("come to rest", [4, 1, 2], [sliding(0); 3], EntityState { flags: 2, ..sliding(0) }),
        ("other flags", [4, 1, 2], [sliding(0); 3], EntityState { flags: 0x81, ..sliding(0) }),
    ]
}

/// proves: SNP-6, SNP-16, SNP-17, SNP-18
#[test]
fn kinds_agree_with_their_vectors() {
    let mut lines = Vec::new();
    for (name, [newest, step, older], states, now) in cases() {
        let ages = BaselineAges::new(newest, step, older).unwrap();
        let mut held = states.into_iter();
        let baseline = Baseline::gather(ages, |_| held.next()).unwrap();
        let run = encode_delta(&now, &baseline).unwrap_or_else(|| panic!("{name}: too far"));
        let (bytes, digits) = hex(run);
        assert_eq!(decode_delta(&mut BitReader::new(&bytes), &baseline), Ok(now), "{name}");
        let held: Vec<_> = states.iter().take(ages.older() + 1).map(words).collect();
        let (held, now, bits, kind) = (held.join(" "), words(&now), run.len(), now.kind as u8);
        lines.push(format!("{name}; {kind}; {newest} {step} {older}; {held}; {now}; {bits} bits = {digits}"));
    }
    for state in cases().into_iter().map(|(.., now)| now).step_by(2) {
        let (bytes, digits) = hex(encode_full(&state));
        assert_eq!(decode_full(&mut BitReader::new(&bytes), state.kind), Ok(state));
        lines.push(format!("in full; {}; {} = {digits}", state.kind as u8, words(&state)));
    }
    for turn in [
        [ONE, 0, 0, 0],
        [0, -ONE, 0, 0],
        [759_250_125, 0, 0, -759_250_125],
        [536_870_912; 4],
        [900_000_000, 9, -500_000_000, 300_000_000],
    ] {
        let told = Orientation::of(&turn);
        let [a, b, c] = told.others();
        lines.push(format!("turn {turn:?} = [{} {a} {b} {c}] = {:08x}", told.largest(), told.bits()));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec/vectors/kinds.txt");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let written: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(lines, written, "\n{}", lines.join("\n"));
}
