//! What a realm wrote down can be done again, and comes to the same.

mod rig;

use netem::LinkConfig;
use protocol::command::{Cast, CastTarget, PartyStep};
use protocol::event::Shoot;
use protocol::input::InputMessage;
use protocol::message::ClientMessage;
use protocol::{Command, Input, SkillId, Tick, ViewTick};
use rig::{Rig, Tape};
use server::flight::{Difference, Frames, Key, Record, Replay, Start, Story, Terms, Veil};
use server::{Inbound, Operation};
use std::ops::RangeInclusive;
use std::sync::Arc;

const PEOPLE: u64 = 12;

fn content() -> Arc<game::content::Content> {
    Arc::new(game::content::shipped(""))
}

/// A life of some seconds: people come over bad links, run about, shoot, cast, ask, form parties, go, are put out.
fn recorded(ticks: u32) -> (Rig, Tape) {
    recorded_on(Tape::default(), ticks)
}

fn recorded_on(tape: Tape, ticks: u32) -> (Rig, Tape) {
    let link = LinkConfig { loss: 0.03, ..LinkConfig::default() };
    let terms = Terms { veil: Veil::Keyed(Key::new([99; 16])), whole_every_ticks: 7 };
    let mut rig = Rig::recorded(link, terms, &tape, |config| {
        config.content = content();
        config.players_max = PEOPLE as usize - 2;
        config.queue_max = 4;
        config.save_interval_ns = 500_000_000;
        config.world_interval_ns = 2_000_000_000;
    });
    rig.before_input = Some(Box::new(|index, bot| {
        let (now, at) = (bot.client.newest_tick(), bot.inputs.len() as u32 + 13 * index as u32);
        let view = ViewTick { tick: Tick(now.0.saturating_sub(6)), fraction: 90 };
        let say = match at % 20 {
            3 => ClientMessage::Shoot(Shoot {
                number: at as u16,
                input: at as u16,
                view,
                yaw: (at * 977) as u16,
                pitch: 0,
            }),
            9 => {
                let cast = Cast { skill: SkillId(1 + at as u16 % 12), at: CastTarget::Nobody, view, yaw: 1, pitch: 0 };
                ClientMessage::Do { number: at as u16, command: Command::Cast(cast) }
            }
            14 => {
                let step = PartyStep::Invite { who: protocol::NetId(at as u16 % 20) };
                ClientMessage::Do { number: at as u16, command: Command::Party(step) }
            }
            17 => ClientMessage::Ask { id: protocol::NetId(at as u16 % 20) },
            _ => return,
        };
        if bot.client.own().is_some() {
            // A full queue is no reason to stop.
            let _ = bot.client.send(&say);
        }
    }));
    for number in 1..=PEOPLE {
        rig.join(number);
    }
    rig.bots.iter_mut().for_each(|bot| bot.wanders = true);
    for tick in 0..ticks {
        rig.run_ticks(1);
        rig.load(u64::from(tick % 100) * 400_000);
        match tick {
            200 => {
                let now = rig.now;
                rig.bots[3].client.disconnect(now);
            }
            260 => rig.operate(Operation::Say { to: None, text: "Good evening, everybody".to_owned() }),
            300 => {
                let session = rig.realm.session_of(protocol::CharacterId(5)).unwrap();
                rig.operate(Operation::Close { sessions: vec![session], reason: rudp::Reason::Kicked });
            }
            310 => rig.bots[7].is_mute = true,
            _ => {}
        }
    }
    rig.end();
    (rig, tape)
}

/// Begins what the start of a recording says.
fn begun(start: &Start) -> Replay {
    let map = Arc::new(protocol::motion::StaticMap::new(1_000, 1_000, &[]).unwrap());
    Replay::new(start.config(map, content()).unwrap())
}

fn records(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut body, mut all) = (Frames::new(bytes), Vec::new(), Vec::new());
    while let Ok(Some(())) = frames.next(&mut body) {
        all.push(body.clone());
    }
    all
}

fn replayed(records: impl IntoIterator<Item = Record>) -> (Replay, Result<(), Difference>) {
    let mut records = records.into_iter();
    let Some(Record::Start(start)) = records.next() else { panic!("a log begins with a start") };
    let mut replay = begun(&start);
    let result = records.try_for_each(|record| replay.take(record));
    (replay, result)
}

fn decoded(bytes: &[u8]) -> Vec<Record> {
    records(bytes).iter().map(|body| Record::decode(body).unwrap()).collect()
}

#[test]
fn a_recorded_life_comes_to_the_same_when_it_is_lived_again_and_has_nobodys_name_in_it() {
    let (rig, tape) = recorded(600);
    let bytes = tape.bytes();
    let (replay, result) = replayed(decoded(&bytes));
    assert_eq!(result, Ok(()));
    assert!(replay.has_ended && replay.ticks >= 600 && replay.whole >= 80, "{} {}", replay.ticks, replay.whole);
    assert_eq!(replay.realm().hash(), rig.realm.hash());
    let status = rig.realm.status();
    assert_eq!(format!("{:?}", replay.realm().status()), format!("{status:?}"));
    assert!(status.shots > 20 && status.orders > 50 && status.saves_confirmed > 10, "something happened: {status:?}");
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!has(b"evening") && !has(b"bot 1"), "names and words are under the veil");
}

#[test]
fn one_changed_input_is_found() {
    let (_, tape) = recorded(200);
    let bytes = tape.bytes();
    let mut log = decoded(&bytes);
    let ticks = log.iter_mut().filter_map(|record| match record {
        Record::Tick(_, batches) => Some(batches),
        _ => None,
    });
    let session = begun_session(&bytes);
    let mut other = Inbound::default();
    let runs = Input { move_x: 127, move_y: -90, ..Input::default() };
    other.push_inputs(session, InputMessage::new(u16::MAX / 4, &[runs]));
    ticks.skip(150).take(1).for_each(|batches| batches.push(std::mem::take(&mut other)));
    let (replay, result) = replayed(log);
    assert!(matches!(result, Err(Difference::Tick { .. })), "{result:?}");
    assert!((140..200).contains(&replay.ticks), "it is found soon: {}", replay.ticks);
}

/// Somebody who plays in a recording.
fn begun_session(bytes: &[u8]) -> server::SessionId {
    let (replay, _) = replayed(decoded(bytes));
    (1..=PEOPLE).find_map(|id| replay.realm().session_of(protocol::CharacterId(id))).unwrap()
}

#[test]
fn a_damaged_log_is_read_up_to_there_and_never_brings_anybody_down() {
    let (_, tape) = recorded(40);
    let bytes = tape.bytes();
    let bodies = records(&bytes);
    for body in &bodies {
        for at in 0..body.len().min(300) {
            drop(Record::decode(&body[..at]));
            let mut bent = body.clone();
            bent[at] ^= 1 << (at % 8);
            drop(Record::decode(&bent));
        }
    }
    for len in (0..bytes.len()).step_by(97) {
        assert!(bodies.starts_with(&records(&bytes[..len])));
    }
    for at in (0..bytes.len()).step_by(101) {
        let mut bent = bytes.clone();
        bent[at] ^= 0x10;
        assert!(bodies.starts_with(&records(&bent)) && records(&bent) != bodies, "byte {at}");
    }
}

/// The story of a character, and its lines.
fn told_of(character: u64, ticks: RangeInclusive<u32>, bytes: &[u8]) -> (Story, Vec<String>) {
    let mut records = decoded(bytes).into_iter();
    let Some(Record::Start(start)) = records.next() else { panic!("a log begins with a start") };
    let (mut replay, mut story) = (begun(&start), Story::of(protocol::CharacterId(character), ticks));
    let mut lines = Vec::new();
    for record in records {
        story.hear(replay.realm(), &record);
        let is_tick = matches!(record, Record::Tick(..));
        replay.take(record).unwrap();
        if is_tick {
            lines.extend(story.tell(replay.realm(), replay.out()));
        }
    }
    (story, lines)
}

#[test]
fn a_story_of_nobody_says_so_and_who_is_there_or_when_he_is() {
    let (_, tape) = recorded(120);
    let bytes = tape.bytes();
    let end = |character, ticks| {
        let (story, lines) = told_of(character, ticks, &bytes);
        assert_eq!(lines, [] as [String; 0]);
        story.end().unwrap_err()
    };
    assert_eq!(
        end(77, 90..=100),
        "nothing is known of character 77 between ticks 90 and 100; characters seen: 3, 4, 5, 6, 7 and 5 more"
    );
    assert_eq!(
        end(77, 5_000..=u32::MAX),
        "nothing is known of character 77 from tick 5000 on; nobody is there then, and the recording is of ticks 1 to 120"
    );
    let late = end(3, 0..=1);
    assert!(
        late.starts_with("nothing is known of character 3 between ticks 0 and 1; he is there between ticks "),
        "{late}"
    );
    assert!(late.ends_with(" and 120"), "{late}");
}

#[test]
fn a_players_story_has_his_inputs_his_commands_and_what_came_of_them() {
    let (_, tape) = recorded(320);
    let bytes = tape.bytes();
    let (story, lines) = told_of(5, 0..=u32::MAX, &bytes);
    assert_eq!(story.end(), Ok(None));
    for wanted in [
        "joins ",
        "store ",
        "wants ",
        "says      Do",
        "says      Shoot",
        "is told   Done",
        "is shown",
        "operator  puts him out",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(wanted)), "{wanted} in {lines:#?}");
    }
}

/// What a tick told, for people.
fn told(replay: &Replay) -> Vec<String> {
    let out = replay.out();
    let items = out.items().iter().map(|item| match item {
        server::OutboundItem::Message { session, channel, bytes } => {
            let message = protocol::codec::decode::<protocol::message::ServerMessage>(out.bytes(bytes));
            format!("{} {channel:?} {message:?}", session.slot)
        }
        server::OutboundItem::Part { session, part, bytes } => {
            format!("{} {part:?} {:?}", session.slot, out.bytes(bytes))
        }
        other => format!("{other:?}"),
    });
    items.collect()
}

/// What a realm comes to by itself is what was captured, and whoever goes on from there goes on in the same way.
#[test]
fn each_page_begins_with_the_whole_realm_which_goes_on_as_the_one_before_to_the_last_bit() {
    let (rig, tape) = recorded_on(Tape::with_pages_of(120_000), 900);
    let pages = tape.pages.lock().unwrap().clone();
    assert!(pages.len() >= 4, "{} pages", pages.len());
    let mut before: Option<Replay> = None;
    for page in &pages {
        let bodies = records(page);
        let Some(Record::Start(start)) = Record::decode(&bodies[0]) else { panic!("a page begins with a start") };
        let (mut resumed, mut rest) = (None, &bodies[1..]);
        if let Some(before) = &mut before {
            let Some(Record::Capture(capture)) = Record::decode(&bodies[1]) else { panic!("and then comes the realm") };
            assert!(before.capture() == capture, "the realm is as it was captured");
            let map = Arc::new(protocol::motion::StaticMap::new(1_000, 1_000, &[]).unwrap());
            let again = Replay::resume(start.config(map, content()).unwrap(), &capture).unwrap();
            assert!(again.capture() == capture, "and is the same when it is resumed");
            resumed = Some(again);
            rest = &bodies[2..];
        }
        let mut replay = before.take().unwrap_or_else(|| begun(&start));
        for body in rest {
            assert_eq!(replay.take(Record::decode(body).unwrap()), Ok(()));
            if let Some(resumed) = &mut resumed {
                let result = resumed.take(Record::decode(body).unwrap());
                assert_eq!(told(resumed), told(&replay), "{result:?}");
                assert_eq!(result, Ok(()));
            }
        }
        before = Some(replay);
    }
    let last = before.unwrap();
    assert!(last.has_ended && last.realm().hash() == rig.realm.hash());
    let has = |text: &[u8]| pages.concat().windows(text.len()).any(|window| window == text);
    assert!(!has(b"evening"));
}
