//! What commands do to the threads that carry them out, and what whoever gives them is told.

use super::*;
use ops_api::{AuditLine, Role};
use protocol::{AccountId, CharacterId};
use server::{Operation, PersonRow, SessionId, Standing};

const READER: &str = "Authorization: Bearer 7ea\r\n";

fn person(slot: u32, account: u64, name: &str) -> PersonRow {
    PersonRow {
        session: SessionId { slot, generation: 1 },
        account: AccountId(account),
        character: Some(CharacterId(account + 100)),
        name: name.to_owned(),
        role: rudp::token::Role::Player,
        standing: Standing::Playing,
        is_silent: false,
        place_units: [3_200, -640],
        level: 5,
        visible: 12,
        suspicion_points: 0,
        is_flagged: false,
        experience: None,
    }
}

impl Served {
    fn give(&self, name: &str, bearer: &str, body: &Value) -> (u16, Value) {
        self.post(&format!("/api/v1/{name}"), bearer, &body.to_string())
    }

    /// Answers one question about who is here, from another thread.
    fn populate(&self, people: Vec<PersonRow>) -> JoinHandle<()> {
        let asked = self.asked.clone();
        std::thread::spawn(move || match asked.recv_timeout(PATIENCE) {
            Ok(WorldAsk::People { reply }) => reply.send(people).unwrap(),
            other => panic!("{other:?} is no question"),
        })
    }

    fn operation(&self) -> Operation {
        match self.asked.recv_timeout(PATIENCE) {
            Ok(WorldAsk::Operate(operation)) => operation,
            other => panic!("{other:?} is no operation"),
        }
    }

    fn audit(&self) -> Vec<AuditLine> {
        let text = std::fs::read_to_string(self.data_dir.path().join("audit.log")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn who_may_look_may_do_nothing_and_a_stranger_neither() {
    let served = serve();
    for path in ["status", "events", "profile", "audit", "limits", "log-level"] {
        let path = format!("/api/v1/{path}");
        let codes = ["", READER, BEARER].map(|bearer| served.get(&path, bearer).0);
        assert_eq!(codes, [401, 200, 200], "{path}");
    }
    for name in ops_api::COMMANDS {
        assert_eq!(served.give(name, "", &json!({})).0, 401, "{name}");
        let (code, page) = served.give(name, READER, &json!({}));
        assert_eq!((code, page["error"].as_str().unwrap().contains("look only")), (403, true), "{name}");
    }
    assert!(served.asked.is_empty() && served.wishes.is_empty(), "none of this reached anybody");
    assert_eq!(served.tally.commands_refused.value(), 2 * ops_api::COMMANDS.len() as u64);
    let lines = served.audit();
    let of_readers = lines.iter().filter(|line| line.role == Some(Role::Read)).count();
    assert_eq!((of_readers, lines.len()), (ops_api::COMMANDS.len(), of_readers + 1), "strangers do not fill the disk");
}

#[test]
fn a_command_that_cannot_be_meant_is_refused_in_one_sentence_and_written_down() {
    let served = serve();
    let cases = [
        ("dance", json!({}), 404),
        ("kick", json!({}), 400),
        ("kick", json!({ "who": "everybody" }), 400),
        ("kick", json!({ "who": "1", "why": "x" }), 400),
        ("kick", json!({ "who": "1", "reason": "a\nb" }), 400),
        ("kick", json!([1]), 400),
        ("kick", json!({ "command": "ban", "who": "1" }), 400),
        ("say", json!({ "text": "" }), 400),
        ("say", json!({ "text": "a\u{1b}[2J" }), 400),
        ("limits", json!({ "name": "players", "value": 3 }), 404),
        ("limits", json!({ "name": "players_max", "value": 101 }), 400),
        ("log-level", json!({ "filter": "loud" }), 400),
        ("shutdown", json!({ "in_s": 86_401 }), 400),
        ("shutdown", json!({ "reason": "x".repeat(201) }), 400),
        ("test", json!({ "work_ms": 1_001, "for_s": 1 }), 400),
    ];
    for (at, (name, body, status)) in cases.iter().enumerate() {
        let (code, page) = served.give(name, BEARER, body);
        assert_eq!(code, *status, "{name} {body}: {page}");
        assert_eq!(page["error"].as_str().unwrap().lines().count(), 1, "{page}");
        let line = &served.audit()[at];
        assert_eq!((line.command.as_str(), line.status, line.role), (*name, *status, Some(Role::Operate)));
        assert!(line.from.starts_with("127.0.0.1:"));
    }
    assert!(served.asked.is_empty() && served.wishes.is_empty());
}

#[test]
fn who_is_here_can_be_listed_sought_and_put_in_order() {
    let served = serve();
    let people = || vec![person(1, 42, "ada"), person(2, 7, "Zoe"), person(3, 9, "bob")];
    let keeper = served.populate(people());
    let (code, text) = served.get("/api/v1/players?sort=name&limit=2", READER);
    keeper.join().unwrap();
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &page["total"], page["players"].as_array().unwrap().len()), (200, &json!(3), 2));
    assert_eq!((&page["players"][0]["name"], &page["players"][1]["name"]), (&json!("Zoe"), &json!("ada")));
    let keeper = served.populate(people());
    let (_, text) = served.get("/api/v1/players?who=name:zoe", READER);
    keeper.join().unwrap();
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&page["total"], &page["players"][0]["session"]), (&json!(1), &json!("2.1")));
    assert_eq!((&page["players"][0]["x_m"], &page["players"][0]["y_m"]), (&json!(10.0), &json!(-2.0)));
    for wrong in ["who=zoe", "sort=height", "rows=3", "limit=x"] {
        assert_eq!(served.get(&format!("/api/v1/players?{wrong}"), READER).0, 400, "{wrong}");
    }
}

#[test]
fn a_kick_ends_each_session_that_is_meant_and_says_how_many() {
    let served = serve();
    let keeper = served.populate(vec![person(1, 42, "ada"), person(2, 7, "zoe"), person(3, 42, "ida")]);
    let (code, page) = served.give("kick", BEARER, &json!({ "who": "account:42", "reason": "rude" }));
    keeper.join().unwrap();
    assert_eq!((code, page), (200, json!({ "sessions": 2 })));
    let sessions = [1, 3].map(|slot| SessionId { slot, generation: 1 }).to_vec();
    assert_eq!(served.operation(), Operation::Close { sessions, reason: rudp::Reason::Kicked });
    let keeper = served.populate(Vec::new());
    let (code, page) = served.give("kick", BEARER, &json!({ "who": "42" }));
    keeper.join().unwrap();
    assert_eq!((code, page), (404, json!({ "error": "nobody here is account:42" })));
    let lines = served.audit();
    assert_eq!(lines.iter().map(|line| line.status).collect::<Vec<_>>(), [200, 404]);
    assert_eq!(lines[0].fields, "{\"reason\":\"rude\",\"who\":\"account:42\"}");
}

#[test]
fn a_kick_of_hundreds_is_one_wish() {
    let served = serve();
    let keeper = served.populate((0..300).map(|slot| person(slot, 42, "ada")).collect());
    let (code, page) = served.give("kick", BEARER, &json!({ "who": "42" }));
    keeper.join().unwrap();
    assert_eq!((code, page), (200, json!({ "sessions": 300 })));
    let Operation::Close { sessions, .. } = served.operation() else { panic!("they are put out") };
    assert_eq!((sessions.len(), served.asked.is_empty()), (300, true));
}

#[test]
fn a_command_whose_giver_hangs_up_is_carried_out_and_written_down() {
    let served = serve();
    let body = json!({ "who": "42" }).to_string();
    let length = body.len();
    let mut stream = served.connect();
    let head = format!("POST /api/v1/kick HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{BEARER}\r\n{body}");
    stream.write_all(head.as_bytes()).unwrap();
    let Ok(WorldAsk::People { reply }) = served.asked.recv_timeout(PATIENCE) else { panic!("it is asked who is here") };
    drop(stream);
    // The server's one thread has answered others since, and so has seen that he is gone.
    (0..5).for_each(|_| assert_eq!(served.get("/ready", "").0, 503));
    reply.send(vec![person(1, 42, "ada")]).unwrap();
    assert!(matches!(served.operation(), Operation::Close { .. }));
    wait_until(|| served.audit().len() == 1);
    assert_eq!(served.audit()[0].status, 200);
}

#[test]
fn what_cannot_be_understood_is_written_down_as_it_was_said() {
    let served = serve();
    assert_eq!(served.give("kick", BEARER, &json!({ "whom": "42" })).0, 400);
    let line = &served.audit()[0];
    assert_eq!(serde_json::from_str::<Value>(&line.fields).unwrap()["said"], "{\"whom\":\"42\"}");
}

#[test]
fn every_refusal_is_a_sentence_in_json() {
    let served = serve();
    for (path, code) in [
        ("/nothing", 404),
        ("/api/v1/kick", 405),
        ("/api/v1/players?limit=x", 400),
        ("/api/v1/events?after=x", 400),
        ("/api/v1/audit?after=x", 400),
        ("/api/v1/history?span=year", 400),
    ] {
        let (status, text) = served.get(path, BEARER);
        let page: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
        assert_eq!((status, page["error"].as_str().map(|error| error.lines().count())), (code, Some(1)), "{path}");
    }
}

#[test]
fn what_is_said_goes_to_everybody_or_to_whom_it_is_for() {
    let served = serve();
    assert_eq!(served.give("say", BEARER, &json!({ "text": "hello" })), (200, json!({ "sessions": 0 })));
    assert_eq!(served.operation(), Operation::Say { to: None, text: "hello".to_owned() });
    let keeper = served.populate(vec![person(4, 7, "zoe")]);
    assert_eq!(served.give("say", BEARER, &json!({ "text": "psst", "to": "name:Zoe" })).0, 200);
    keeper.join().unwrap();
    let to = Some(vec![SessionId { slot: 4, generation: 1 }]);
    assert_eq!(served.operation(), Operation::Say { to, text: "psst".to_owned() });
}

#[test]
fn a_drain_closes_the_doors_at_once_and_opens_them_again() {
    let served = serve().open_doors();
    assert_eq!(served.get("/ready", "").0, 200);
    assert_eq!(served.give("drain", BEARER, &json!({})), (200, json!({ "draining": true })));
    assert_eq!(served.operation(), Operation::PauseJoins(Some(rudp::Reason::ServerShutdown)));
    assert_eq!(served.get("/ready", "").0, 503);
    assert_eq!(served.give("drain", BEARER, &json!({ "cancel": true })), (200, json!({ "draining": false })));
    assert_eq!(served.operation(), Operation::PauseJoins(None));
    assert_eq!(served.get("/ready", "").0, 200);
}

#[test]
fn a_shutdown_is_announced_to_the_main_thread_and_can_be_called_off_once() {
    let served = serve();
    let wishes = served.wishes.clone();
    let main = std::thread::spawn(move || {
        let answer = |was_announced| {
            let (wish, reply) = wishes.recv_timeout(PATIENCE).unwrap();
            reply.send(was_announced).unwrap();
            wish
        };
        [answer(false), answer(true), answer(false)]
    });
    let (code, page) = served.give("shutdown", BEARER, &json!({ "in_s": 60, "reason": "an update" }));
    assert_eq!((code, page), (200, json!({ "in_s": 60 })));
    assert_eq!(served.give("shutdown", BEARER, &json!({ "cancel": true })).1, json!({ "cancelled": true }));
    assert_eq!(served.give("shutdown", BEARER, &json!({ "cancel": true })).0, 404, "there is nothing to call off");
    let announced = Some(Announced { in_s: 60, reason: "an update".to_owned() });
    assert_eq!(main.join().unwrap(), [announced, None, None]);
}

#[test]
fn a_limit_is_changed_within_its_range_and_shown_as_it_is() {
    let served = serve();
    let (code, page) = served.give("limits", BEARER, &json!({ "name": "players_max", "value": 50 }));
    assert_eq!((code, &page["limit"]["value"]), (200, &json!(50)));
    assert_eq!(served.operation(), Operation::PlayersMax(50));
    let (code, page) = served.give("limits", BEARER, &json!({ "name": "sessions_per_account", "value": 2 }));
    assert_eq!((code, &page["limit"]["value"]), (200, &json!(2)));
    let page: Value = serde_json::from_str(&served.get("/api/v1/limits", READER).1).unwrap();
    assert_eq!(page["limits"][0]["value"], 50);
    assert_eq!(page["limits"][0]["max"], 100, "what there is room for stays");
    assert_eq!((&page["limits"][1]["name"], &page["limits"][1]["value"]), (&json!("sessions_per_account"), &json!(2)));
}

#[test]
fn who_is_banned_is_listed_until_it_is_lifted() {
    let served = serve();
    let ban = json!({ "what": "10.1.2.3/8", "for_s": 60, "reason": "flood" });
    let (code, page) = served.give("ban", BEARER, &ban);
    assert_eq!((code, &page["sessions"], &page["ban"]["what"]), (200, &json!(0), &json!("10.0.0.0/8")));
    assert_eq!(served.give("ban", BEARER, &json!({ "what": "42" })).0, 200);
    let list = || serde_json::from_str::<Value>(&served.get("/api/v1/bans", READER).1).unwrap();
    let bans = list()["bans"].as_array().unwrap().clone();
    assert_eq!(bans.len(), 2);
    let one = bans.iter().find(|ban| ban["what"] == "10.0.0.0/8").unwrap();
    assert_eq!((&one["reason"], &one["by"]), (&json!("flood"), &json!("operator")));
    let other = bans.iter().find(|ban| ban["what"] == "account:42").unwrap();
    assert_eq!(other["left_s"], Value::Null, "it does not end");
    assert_eq!(served.give("unban", BEARER, &json!({ "what": "10.0.0.0/8" })).1["lifted"], 1);
    assert_eq!(served.give("unban", BEARER, &json!({ "what": "10.0.0.0/8" })).0, 404);
    assert_eq!(list()["bans"].as_array().unwrap().len(), 1);
    for wrong in [json!({ "what": "1", "for_s": 0 }), json!({ "what": "10.0.0.0/33" }), json!({ "for_s": 5 })] {
        assert_eq!(served.give("ban", BEARER, &wrong).0, 400, "{wrong}");
    }
}

#[test]
fn a_drill_reaches_the_world() {
    let served = serve();
    let (code, _) = served.give("test", BEARER, &json!({ "work_ms": 20, "for_s": 3 }));
    assert_eq!(code, 200);
    let Ok(WorldAsk::Drill { work_ns, for_ns, freeze_ns }) = served.asked.recv_timeout(PATIENCE) else {
        panic!("it is no drill")
    };
    assert_eq!((work_ns, for_ns, freeze_ns), (20_000_000, 3_000_000_000, 0));
}

#[test]
fn the_audit_log_can_be_read_from_a_line_on() {
    let served = serve();
    served.give("say", BEARER, &json!({ "text": "one" }));
    served.give("say", BEARER, &json!({ "text": "two" }));
    let page: Value = serde_json::from_str(&served.get("/api/v1/audit?after=1", READER).1).unwrap();
    assert_eq!((&page["newest"], page["lines"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(page["lines"][0]["fields"], "{\"text\":\"two\"}");
}
