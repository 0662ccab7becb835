//! The vectors in `protocol-spec/vectors` are contracts with clients that we did not write: this code must agree with
//! them to the bit. They are never changed to make a test pass; a change is a new inner version.

use protocol::bits::BitReader;
use protocol::event::{Shoot, Shot, ShotRefusal};
use protocol::input::{INPUT_MESSAGE_BYTES_MAX, InputMessage, button};
use protocol::message::{ClientMessage, Experience, ServerMessage, Welcome};
use protocol::motion::{self, Block, Body, Gait, StaticMap};
use protocol::snapshot::{
    Baseline, BaselineAges, Codes, PartHeader, PartReader, PartWriter, Record, RecordBody, decode_delta, encode_delta,
    encode_full,
};
use protocol::state::{self, HEALTH_SHARE_FULL};
use protocol::{
    CharacterId, ClassId, EntityKind, EntityState, GameEvent, Input, NetId, OwnState, RosterRow, RosterStep, Tick,
    ViewTick, codec,
};
use std::fmt::Write;

/// The file's lines without comments and blank ones.
fn vectors(name: &str) -> Vec<String> {
    let path = format!("{}/../../protocol-spec/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// proves: MSG-1, MSG-4, SHO-3, CHR-1, CHR-2
#[test]
fn messages_agree_with_their_vectors() {
    let mut lines = Vec::new();
    let mut buf = Vec::new();
    for number in [0, 250, 251, 65_535, 65_536, u32::MAX] {
        codec::encode(&ClientMessage::Echo { number }, &mut buf);
        lines.push(format!("client echo {number} = {}", hex(&buf)));
        codec::encode(&ServerMessage::Echo { number }, &mut buf);
        lines.push(format!("server echo {number} = {}", hex(&buf)));
    }
    codec::encode(&ClientMessage::Resync, &mut buf);
    lines.push(format!("client resync = {}", hex(&buf)));
    for (x_units, y_units) in [(0, 0), (-1, 1), (480_000, 1_310_720)] {
        codec::encode(&ClientMessage::Place { x_units, y_units }, &mut buf);
        lines.push(format!("client place {x_units} {y_units} = {}", hex(&buf)));
    }
    let welcome = Welcome {
        own: NetId(700),
        tick: Tick(123_456),
        enter_radius_units: 32_000,
        leave_radius_units: 36_800,
        visible_max: 1_000,
    };
    codec::encode(&ServerMessage::Welcome(welcome), &mut buf);
    lines.push(format!("server welcome 700 123456 32000 36800 1000 = {}", hex(&buf)));
    for (number, input, tick, fraction, yaw, pitch) in [(0, 1, 2, 3, 4, 5), (65_535, 300, 123_456, 255, 65_535, 64_000)]
    {
        let view = ViewTick { tick: Tick(tick), fraction };
        codec::encode(&ClientMessage::Shoot(Shoot { number, input, view, yaw, pitch }), &mut buf);
        lines.push(format!("client shoot {number} {input} {tick} {fraction} {yaw} {pitch} = {}", hex(&buf)));
    }
    for (by, number, target) in [(700, 65_535, Some(NetId(3))), (0, 0, None)] {
        let shot = Shot { by: NetId(by), number, target, x_units: 480_000, y_units: -1, z_units: 512 };
        codec::encode(&ServerMessage::Event { tick: Tick(123_457), event: GameEvent::Shot(shot) }, &mut buf);
        let target = target.map_or_else(|| "nobody".to_owned(), |id| id.0.to_string());
        lines.push(format!("server event 123457 shot {by} {number} {target} 480000 -1 512 = {}", hex(&buf)));
    }
    for (word, reason) in [("stale", ShotRefusal::Stale), ("too soon", ShotRefusal::TooSoon)] {
        let event = GameEvent::ShotRefused { number: 7, reason };
        codec::encode(&ServerMessage::Event { tick: Tick(123_457), event }, &mut buf);
        lines.push(format!("server event 123457 shot refused 7 {word} = {}", hex(&buf)));
    }
    lines.extend(rosters());
    lines.extend(tidings());
    assert_eq!(lines, vectors("messages.txt"));
}

/// How the game went, and what people are told beside it.
fn tidings() -> Vec<String> {
    let (mut lines, mut buf) = (Vec::new(), Vec::new());
    for (age_ms, starved, corrections, rtt_ms) in [(17, 0, 0, 40), (10_000, 1_000, 120, 65_535)] {
        codec::encode(&ClientMessage::Report(Experience { age_ms, starved, corrections, rtt_ms }), &mut buf);
        lines.push(format!("client report {age_ms} {starved} {corrections} {rtt_ms} = {}", hex(&buf)));
    }
    for text in ["Down in 5 min.", "Grüße"] {
        codec::encode(&ServerMessage::Notice { text: text.to_owned() }, &mut buf);
        lines.push(format!("server notice {text} = {}", hex(&buf)));
    }
    for (place, of) in [(1, 1), (250, 4_096)] {
        codec::encode(&ServerMessage::Queued { place, of }, &mut buf);
        lines.push(format!("server queued {place} {of} = {}", hex(&buf)));
    }
    lines
}

/// What guests say, and are told of their characters.
fn rosters() -> Vec<String> {
    let (mut lines, mut buf) = (Vec::new(), Vec::new());
    for (number, name, class, team) in [(0, "Ada", 1, 0), (65_535, "Ünal", 300, 2)] {
        let step = RosterStep::Create { name: name.to_owned(), class: ClassId(class), team };
        codec::encode(&ClientMessage::Roster { number, step }, &mut buf);
        lines.push(format!("client roster {number} create {name} {class} {team} = {}", hex(&buf)));
    }
    let character = CharacterId((1 << 62) + 7);
    for (word, step) in [("delete", RosterStep::Delete { character }), ("play", RosterStep::Play { character })] {
        codec::encode(&ClientMessage::Roster { number: 251, step }, &mut buf);
        lines.push(format!("client roster 251 {word} {} = {}", character.0, hex(&buf)));
    }
    let row = |character, name: &str, class, team, level| RosterRow {
        character,
        name: name.to_owned(),
        class: ClassId(class),
        team,
        level,
    };
    let cases = [vec![], vec![row(character, "Ada", 1, 0, 1), row(CharacterId(7), "Ünal", 300, 2, 60)]];
    for rows in cases {
        let words =
            |row: &RosterRow| format!(" ({} {} {} {} {})", row.character.0, row.name, row.class.0, row.team, row.level);
        let said: String = rows.iter().map(words).collect();
        codec::encode(&ServerMessage::Roster(rows), &mut buf);
        lines.push(format!("server roster{said} = {}", hex(&buf)));
    }
    lines
}

/// proves: INP-1
#[test]
fn inputs_agree_with_their_vectors() {
    let run = Input { move_x: 127, move_y: -127, yaw: 4_095, pitch: 1, buttons: button::JUMP };
    let stand = Input { yaw: 2_048, ..Input::default() };
    let cases = [(1, vec![run]), (65_535, vec![run, run]), (7, vec![run, stand, stand, run]), (9, vec![stand; 4])];
    let lines: Vec<_> = cases
        .iter()
        .map(|(newest, inputs)| {
            let mut buf = [0; INPUT_MESSAGE_BYTES_MAX];
            let len = InputMessage::new(*newest, inputs).encode(&mut buf);
            let words: Vec<_> = inputs
                .iter()
                .map(|i| format!("({} {} {} {} {})", i.move_x, i.move_y, i.yaw, i.pitch, i.buttons))
                .collect();
            format!("{newest} {} = {}", words.join(" "), hex(&buf[..len]))
        })
        .collect();
    assert_eq!(lines, vectors("inputs.txt"));
}

const BASE: EntityState =
    EntityState { x: 480_000, y: 470_000, z: 0, yaw: 4_090, pitch: 10, flags: 0, kind: EntityKind::Player };
const NEAR: EntityState =
    EntityState { x: 480_064, y: 469_936, z: 0, yaw: 3, pitch: 10, flags: 0, kind: EntityKind::Player };
const FAR: EntityState =
    EntityState { x: 1_310_719, y: 0, z: -5, yaw: 2_000, pitch: 3_000, flags: 1, kind: EntityKind::Player };

/// The records of a part, each with the state that it tells of.
type Told = Vec<(Record, EntityState)>;

fn words(state: &EntityState) -> String {
    format!("({} {} {} {} {} {})", state.x, state.y, state.z, state.yaw, state.pitch, state.flags)
}

/// `BASE`, and before it a run from the south-west with a slow turn, each state 32 units and 3 steps of yaw from the next.
fn baseline(ages: BaselineAges) -> Baseline {
    let mut back = 0..;
    let state = |_| {
        let back = back.next().unwrap();
        Some(EntityState { x: BASE.x - 32 * back, y: BASE.y - 32 * back, yaw: BASE.yaw - 3 * back as u16, ..BASE })
    };
    Baseline::gather(ages, state).unwrap()
}

fn ages(newest: u8, step: u8, older: u8) -> BaselineAges {
    BaselineAges::new(newest, step, older).unwrap()
}

/// proves: SNP-1, SNP-3, SNP-4, SNP-5, SNP-6, SNP-12, SNP-13, SNP-14, SNP-20, SNP-21, SNP-22
#[test]
fn snapshots_agree_with_their_vectors() {
    let body = Body { x: 122_880_000, y: 120_320_000, z: 0, vx: 8_192, vy: -1, vz: 0 };
    let own = OwnState {
        body,
        gait: Gait::default(),
        status: state::status(HEALTH_SHARE_FULL, false),
        yaw: 1,
        pitch: 4_000,
        input_applied: 65_535,
        input_depth: 3,
    };
    let airborne = OwnState { body: Body { z: 1_000, vz: -455, ..body }, ..own };
    let held = OwnState { gait: Gait::HELD, status: state::status(0, false), ..own };
    let slowed = OwnState { gait: Gait { speed: 50, can_jump: true }, status: state::status(17, true), ..airborne };
    let enter = RecordBody::Enter { epoch: 15, net_id: NetId(1_999), kind: EntityKind::Player };
    let leave = |slot, epoch| (Record { slot, body: RecordBody::Leave { epoch } }, BASE);
    let refresh = |slot| (Record { slot, body: RecordBody::Refresh }, FAR);
    let usual = Some([ages(6, 1, 2), ages(2, 0, 0)]);
    let jumped = EntityState { z: 24, flags: 1, ..NEAR };
    let marked = EntityState { flags: 6, ..NEAR };
    let cases: [(&str, PartHeader, bool, Told); 17] = [
        ("empty", header(None, None, 0), true, vec![]),
        ("own on the ground", header(Some(own), None, 0), true, vec![]),
        ("own in the air", header(Some(airborne), None, 0), false, vec![]),
        ("own dead", header(Some(held), None, 0), false, vec![]),
        ("own in the air, hurt, slowed and casting", header(Some(slowed), None, 0), false, vec![]),
        ("enter", header(None, None, 2), false, vec![(Record { slot: 17, body: enter }, FAR)]),
        ("leave", header(None, None, 11), false, vec![leave(2_047, 1)]),
        ("refresh", header(None, None, 1), false, vec![refresh(1)]),
        ("alone", header(None, None, 0), false, vec![delta(3, ages(2, 0, 0), NEAR)]),
        ("of 63", header(None, None, 0), false, vec![delta(3, ages(63, 0, 0), NEAR)]),
        ("two", header(None, None, 0), false, vec![delta(0, ages(12, 3, 1), NEAR)]),
        ("three", header(None, None, 0), false, vec![delta(0, ages(6, 1, 2), NEAR)]),
        ("as foreseen", header(None, None, 0), false, vec![delta(0, ages(2, 0, 0), BASE)]),
        ("off the ground", header(None, None, 0), false, vec![delta(0, ages(6, 1, 2), jumped)]),
        ("other flags", header(None, None, 0), false, vec![delta(0, ages(6, 1, 2), marked)]),
        ("usual", header(None, usual, 0), false, vec![delta(5, ages(2, 0, 0), NEAR), delta(6, ages(6, 1, 2), BASE)]),
        (
            "many",
            header(Some(own), usual, 1),
            true,
            vec![delta(0, ages(6, 1, 2), NEAR), delta(1, ages(48, 0, 0), BASE), refresh(9), leave(15, 9)],
        ),
    ];
    let lines: Vec<_> =
        cases.into_iter().map(|(name, header, long, records)| line(name, header, long, &records)).collect();
    assert_eq!(lines, vectors("snapshots.txt"));
}

fn header(own: Option<OwnState>, usual: Option<[BaselineAges; 2]>, gap_bits: u8) -> PartHeader {
    PartHeader { tick: Tick(0x0001_e240), own, usual, last_code: 0, gap_bits, records: 0 }
}

fn delta(slot: u16, ages: BaselineAges, state: EntityState) -> (Record, EntityState) {
    (Record { slot, body: RecordBody::Delta { ages } }, state)
}

/// Encodes a part, reads it back, and names what is in it.
fn line(name: &str, mut header: PartHeader, long: bool, records: &[(Record, EntityState)]) -> String {
    header.records = records.len() as u8;
    header.last_code = PartHeader::last_code_of(header.usual, records.iter().map(|(record, _)| record.body));
    let mut buf = [0; 1_000];
    let mut writer = PartWriter::new(&mut buf, &header, long);
    let mut said = String::new();
    for (record, state) in records {
        let (word, run) = match record.body {
            RecordBody::Delta { ages } => (
                format!("delta {} {} {} {}", ages.newest(), ages.step(), ages.older(), words(state)),
                encode_delta(state, &baseline(ages)).unwrap(),
            ),
            RecordBody::Refresh => (format!("refresh {}", words(state)), encode_full(state)),
            RecordBody::Enter { epoch, net_id, .. } => {
                (format!("enter {epoch} {} {}", net_id.0, words(state)), encode_full(state))
            }
            RecordBody::Leave { epoch } => (format!("leave {epoch}"), protocol::bits::BitRun::default()),
        };
        write!(said, "; slot {} {word}", record.slot).unwrap();
        writer.put(*record, run);
    }
    let len = writer.finish();
    let mut reader = PartReader::new(&buf[..len], Tick(header.tick.0 - 100)).unwrap();
    assert_eq!(*reader.header(), header);
    for (record, state) in records {
        assert_eq!(reader.next_record().unwrap(), Some(*record));
        match record.body {
            RecordBody::Delta { ages } => assert_eq!(reader.state_delta(&baseline(ages)).unwrap(), *state),
            RecordBody::Leave { .. } => {}
            _ => assert_eq!(reader.state_full(state.kind).unwrap(), *state),
        }
    }
    assert_eq!(reader.next_record().unwrap(), None);
    format!("{name}{said} = {}", hex(&buf[..len]))
}

/// proves: MOT-1
#[test]
fn motion_agrees_with_its_vectors() {
    let block = Block { x: 500.0, y: 500.0, width: 10.0, depth: 2.0, height: None };
    let map = StaticMap::new(1_000, 1_000, &[block]).unwrap();
    let metre = protocol::unit::SUBUNITS_PER_M;
    let mut body = Body { x: 504 * metre, y: 499 * metre, ..Body::default() };
    let mut lines = vec![format!("start {body:?}")];
    for tick in 1..=60 {
        let input = Input {
            move_x: if tick < 40 { 50 } else { -128 },
            move_y: 127,
            buttons: u8::from(tick == 10) * button::JUMP,
            ..Input::default()
        };
        motion::step(&map, &mut body, &input, Gait::default());
        if tick % 5 == 0 {
            lines.push(format!("{tick} {body:?}"));
        }
    }
    // Into the south-west corner of the world, then along its west edge; and past the block's corner.
    body = Body { x: metre, y: 2 * metre, ..Body::default() };
    lines.push(format!("corner start {body:?}"));
    for tick in 1..=30 {
        let input = Input { move_x: -100, move_y: if tick <= 20 { -127 } else { 90 }, ..Input::default() };
        motion::step(&map, &mut body, &input, Gait::default());
        if tick % 5 == 0 {
            lines.push(format!("corner {tick} {body:?}"));
        }
    }
    body = Body { x: 499 * metre, y: 499 * metre, ..Body::default() };
    lines.push(format!("block start {body:?}"));
    for tick in 1..=30 {
        let input = Input { move_x: 127, move_y: 127, ..Input::default() };
        motion::step(&map, &mut body, &input, Gait::default());
        if tick % 5 == 0 {
            lines.push(format!("block {tick} {body:?}"));
        }
    }
    lines.extend(stairs());
    lines.extend(thrown());
    assert_eq!(lines, vectors("motion.txt"));
}

/// A stair of 0.25 and 0.5 m, a crate of 0.8 m 2 m behind it and a wall to the sky.
fn terraces() -> StaticMap {
    let block = |x, height| Block { x, y: 100.0, width: 1.0, depth: 4.0, height };
    let blocks = [block(102.0, Some(0.25)), block(103.0, Some(0.5)), block(106.0, Some(0.8)), block(108.0, None)];
    StaticMap::new(200, 200, &blocks).unwrap()
}

/// Up the stair, down from it, over the crate at the second try, and walking to the wall.
fn stairs() -> Vec<String> {
    let (map, metre) = (terraces(), protocol::unit::SUBUNITS_PER_M);
    let mut body = Body { x: 100 * metre, y: 102 * metre, ..Body::default() };
    let mut lines = vec![format!("stairs start {body:?}")];
    for tick in 1..=120 {
        let jump = u8::from(tick == 70) * button::JUMP;
        let walk = u8::from(tick > 90) * button::WALK;
        let input = Input { move_x: 127, buttons: jump | walk, ..Input::default() };
        motion::step(&map, &mut body, &input, Gait::default());
        if tick % 5 == 0 {
            lines.push(format!("stairs {tick} {body:?}"));
        }
    }
    lines
}

/// Held and thrown onto the stair; then slowed and steering against a second throw.
fn thrown() -> Vec<String> {
    let (map, metre) = (terraces(), protocol::unit::SUBUNITS_PER_M);
    let mut body = Body { x: 100 * metre, y: 102 * metre, ..Body::default() };
    motion::launch(&mut body, 5_000, -300, 7_000);
    let mut lines = vec![format!("thrown start {body:?}")];
    for tick in 1..=80 {
        if tick == 41 {
            motion::launch(&mut body, -40_000, 30_000, 4_000);
            lines.push(format!("thrown again {body:?}"));
        }
        let gait = if tick <= 40 { Gait::HELD } else { Gait { speed: 50, can_jump: false } };
        let input = Input { move_x: 100, move_y: -50, buttons: button::JUMP, ..Input::default() };
        motion::step(&map, &mut body, &input, gait);
        if tick % 5 == 0 {
            lines.push(format!("thrown {tick} {body:?}"));
        }
    }
    lines
}

/// proves: MOT-2, MOT-3
#[test]
fn hashes_agree_with_their_vectors() {
    let block = Block { x: 500.0, y: 500.0, width: 10.0, depth: 2.0, height: None };
    let map = StaticMap::new(1_000, 1_000, &[block]).unwrap();
    let low = StaticMap::new(1_000, 1_000, &[Block { height: Some(0.8), ..block }]).unwrap();
    let empty = StaticMap::new(1, 2, &[]).unwrap();
    let lines = [
        format!("motion = {:016x}", motion::hash()),
        format!("differences = {:016x}", Codes::written_hash()),
        format!("map 1000 1000 (500 500 10 2) = {:016x}", map.hash()),
        format!("map 1000 1000 (500 500 10 2 0.8) = {:016x}", low.hash()),
        format!("map 1 2 = {:016x}", empty.hash()),
    ];
    assert_eq!(lines.to_vec(), vectors("hashes.txt"));
}

/// Each newest state, those before it, what is told, and what the case is about.
fn differences() -> Vec<(&'static str, BaselineAges, [EntityState; 3], EntityState)> {
    let at = |x, y, z, yaw, pitch, flags| EntityState { x, y, z, yaw, pitch, flags, ..EntityState::default() };
    let still = at(1_000, 2_000, 0, 0, 0, 0);
    // East and up, then faster, then back; a head that turns across the seam and nods.
    let east = |back: i32| at(5_000 - 30 * back, 2_000, 0, 0, 0, 0);
    let braking = [at(5_000, 2_000, 0, 0, 0, 0), at(4_980, 2_010, 0, 0, 0, 0), at(4_940, 2_000, 0, 0, 0, 0)];
    let speeding = [at(5_000, 2_000, 0, 0, 0, 0), at(4_960, 1_990, 0, 0, 0, 0), at(4_940, 1_990, 0, 0, 0, 0)];
    let rising = [at(0, 0, 300, 9, 9, 1), at(0, 0, 270, 9, 9, 1), at(0, 0, 230, 9, 9, 1)];
    let falling = [at(0, 0, 300, 9, 9, 1), at(0, 0, 340, 9, 9, 1), at(0, 0, 370, 9, 9, 1)];
    let landed = [at(0, 0, 0, 9, 9, 0), at(0, 0, 0, 9, 9, 0), at(0, 0, 30, 9, 9, 1)];
    let turning = [at(0, 0, 0, 5, 4_090, 0), at(0, 0, 0, 4_090, 4_080, 0), at(0, 0, 0, 4_085, 4_080, 0)];
    let back = [at(0, 0, 0, 4_090, 10, 0), at(0, 0, 0, 5, 20, 0), at(0, 0, 0, 12, 20, 0)];
    let leapt = [at(900_000, 2_000, 0, 0, 0, 0), at(0, 2_000, 0, 0, 0, 0), at(0, 2_000, 0, 0, 0, 0)];
    let slow = [at(1_000, 2_000, 0, 1, 0, 0), at(999, 2_001, 0, 0, 0, 0), at(999, 2_001, 0, 0, 0, 0)];
    // South-west and bending north, looking and turning the other way; and one who hardly moves but looks about.
    let bent = [at(800, 700, 0, 1_000, 20, 0), at(830, 740, 0, 960, 21, 0), at(850, 790, 0, 930, 24, 0)];
    let about = [at(800, 700, 0, 1_500, 20, 0), at(801, 700, 0, 1_530, 20, 0), at(801, 700, 0, 1_540, 20, 0)];
    let to = |base: EntityState, x, y, z, yaw: i32, pitch: i32, flags| {
        let turn = |angle: u16, by: i32| (i32::from(angle) + by).rem_euclid(4_096) as u16;
        at(base.x + x, base.y + y, base.z + z, turn(base.yaw, yaw), turn(base.pitch, pitch), flags)
    };
    vec![
        ("nothing known but a place", ages(2, 0, 0), [still; 3], to(still, 1, -2, 3, -4, 5, 0)),
        ("of one tick", ages(1, 1, 2), [east(0), east(1), east(2)], to(east(0), 31, 0, 0, 0, 0, 0)),
        ("old and alone", ages(63, 0, 0), [still; 3], to(still, 700, -900, 20, 300, -60, 0)),
        ("just below the largest", ages(48, 0, 0), [still; 3], to(still, 4_095, -4_095, 0, 2_047, -2_048, 0)),
        ("straight on", ages(6, 1, 2), [east(0), east(1), east(2)], to(east(0), 180, 0, 0, 0, 0, 0)),
        ("two states, twelve apart", ages(12, 12, 1), [east(0), east(1), still], to(east(0), 33, 1, 0, 0, 0, 0)),
        ("three states, eight apart", ages(8, 8, 2), [east(0), east(1), east(2)], to(east(0), 28, -1, 0, 0, 0, 0)),
        ("braking, and more so", ages(6, 1, 2), braking, to(braking[0], 60, -20, 0, 0, 0, 0)),
        ("braking, then on", ages(6, 1, 2), braking, to(braking[0], 200, 10, 0, 0, 0, 0)),
        ("speeding up", ages(4, 2, 2), speeding, to(speeding[0], 130, 30, 0, 0, 0, 0)),
        ("rising", ages(6, 1, 2), rising, to(rising[0], 0, 0, 90, 0, 0, 1)),
        ("falling", ages(6, 1, 2), falling, to(falling[0], 0, 0, -290, 0, 0, 0)),
        ("landed", ages(4, 1, 2), landed, to(landed[0], 5, 0, 0, 0, 0, 0)),
        ("a turn across the seam", ages(4, 1, 2), turning, to(turning[0], 0, 0, 0, 50, 40, 0)),
        ("a turn back across the seam", ages(6, 3, 2), back, to(back[0], 0, 0, 0, 30, -40, 0)),
        ("after a leap, whose velocity is bounded", ages(2, 1, 1), leapt, to(leapt[0], 8_199, 0, 0, 0, 0, 0)),
        ("halves go up", ages(6, 4, 2), slow, to(slow[0], 1, -1, 0, 2, 0, 0)),
        ("south-west and bent", ages(6, 1, 2), bent, to(bent[0], -200, -190, 0, 200, -9, 0)),
        ("south-west and bent the other way", ages(8, 1, 2), bent, to(bent[0], -180, -260, 3, -4, 1, 0)),
        ("looking about", ages(6, 1, 2), about, to(about[0], -20, 15, 0, -120, 0, 0)),
        ("other flags", ages(6, 1, 2), [east(0), east(1), east(2)], to(east(0), 180, 0, 0, 0, 0, 0x82)),
    ]
}

/// proves: SNP-6, SNP-12, SNP-13, SNP-14, SNP-20, SNP-21, SNP-22
#[test]
fn differences_agree_with_their_vectors() {
    let line = |(name, ages, states, now): (&str, BaselineAges, [EntityState; 3], EntityState)| {
        let mut held = states.into_iter();
        let baseline = Baseline::gather(ages, |_| held.next()).unwrap();
        let run = encode_delta(&now, &baseline).unwrap_or_else(|| panic!("{name}: too far"));
        let mut buf = [0; 32];
        let mut writer = protocol::bits::BitWriter::new(&mut buf);
        writer.put_run(run);
        let len = writer.finish();
        assert_eq!(decode_delta(&mut BitReader::new(&buf[..len]), &baseline), Ok(now), "{name}");
        let held: Vec<_> = states.iter().take(ages.older() + 1).map(words).collect();
        let (newest, step, older) = (ages.newest(), ages.step(), ages.older());
        format!(
            "{name}; {newest} {step} {older}; {}; {}; {} bits = {}",
            held.join(" "),
            words(&now),
            run.len(),
            hex(&buf[..len])
        )
    };
    let lines: Vec<_> = differences().into_iter().map(line).collect();
    assert_eq!(lines, vectors("differences.txt"));
}

/// proves: SNP-1, SNP-5
#[test]
fn parts_that_must_be_refused_are() {
    for line in vectors("refused.txt") {
        let (name, digits) = line.split_once(" = ").unwrap();
        let bytes: Vec<u8> =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
        let refused = PartReader::new(&bytes, Tick(123_356)).and_then(|mut reader| {
            while let Some(record) = reader.next_record()? {
                match record.body {
                    RecordBody::Delta { ages } => drop(reader.state_delta(&baseline(ages))?),
                    RecordBody::Leave { .. } => {}
                    RecordBody::Enter { kind, .. } => drop(reader.state_full(kind)?),
                    RecordBody::Refresh => drop(reader.state_full(EntityKind::Player)?),
                }
            }
            Ok(())
        });
        assert!(refused.is_err(), "{name}");
    }
}

/// A delta's bits mean the same wherever they stand in a packet.
#[test]
fn deltas_are_read_at_any_bit_offset() {
    let baseline = baseline(ages(6, 1, 2));
    for offset in 0..8 {
        let mut buf = [0; 40];
        let mut writer = protocol::bits::BitWriter::new(&mut buf);
        writer.put(0, offset);
        writer.put_run(encode_delta(&NEAR, &baseline).unwrap());
        let len = writer.finish();
        let mut reader = BitReader::new(&buf[..len]);
        reader.take(offset).unwrap();
        assert_eq!(decode_delta(&mut reader, &baseline), Ok(NEAR));
    }
}

#[test]
fn what_is_too_far_from_its_baseline_has_no_difference() {
    assert_eq!(encode_delta(&FAR, &baseline(ages(6, 1, 2))), None);
}
