//! What pages say of the stores, and what they ask of the persistence thread.

use super::*;

/// A server whose persistence thread answers nothing by itself: the test does.
fn serve_errands() -> (Served, crossbeam::channel::Receiver<Errand>) {
    let (errands, asked) = crate::edge::persistence::errands();
    (serve_all(Source::Typed, 0, Limits::default(), Box::new(drop), errands), asked)
}

#[test]
fn a_backup_wants_the_token_and_a_name_that_stays_among_the_backups() {
    let (served, asked) = serve_errands();
    assert_eq!(served.post("/api/v1/backup", "", "").0, 401);
    for body in ["{\"to\":\"../x\"}", "{\"to\":\"\"}", "{\"at\":\"x\"}", "[", "7"] {
        let (code, page) = served.post("/api/v1/backup", BEARER, body);
        assert_eq!((code, page["error"].as_str().map(|error| error.lines().count())), (400, Some(1)), "{body}");
    }
    assert!(asked.try_recv().is_err(), "nothing of this reaches the persistence thread");
}

#[test]
fn a_backup_is_asked_of_the_persistence_thread_and_its_answer_passed_on() {
    let (served, asked) = serve_errands();
    let keeper = std::thread::spawn(move || {
        let Ok(Errand::Backup { name, reply }) = asked.recv() else { panic!("a backup") };
        reply.send(Ok(())).unwrap();
        let Ok(Errand::Backup { name: second, reply }) = asked.recv() else { panic!("a backup") };
        reply.send(Err(crate::edge::persistence::ErrandError::Busy("backup is being made"))).unwrap();
        let Ok(Errand::Export { account, reply }) = asked.recv() else { panic!("an export") };
        reply.send(Ok(json!({ "of": account.0 }))).unwrap();
        [name, second]
    });
    let (code, page) = served.post("/api/v1/backup", BEARER, "{\"to\":\"b\"}");
    assert_eq!((code, page), (202, json!({ "name": "b" })));
    let (code, page) = served.post("/api/v1/backup", BEARER, "");
    assert_eq!((code, page["error"].as_str().unwrap().starts_with("another backup")), (409, true));
    let (code, page) = served.post("/api/v1/export", BEARER, "{\"account\":42}");
    assert_eq!((code, page), (200, json!({ "account": 42, "journal": { "of": 42 }, "mariadb": null })));
    let [first, second] = keeper.join().unwrap();
    assert!(first == "b" && second.starts_with("journal-2") && second.ends_with("Z.redb"), "{second}");
    let (code, page) = served.post("/api/v1/backup", BEARER, "");
    assert_eq!((code, page["error"].as_str()), (503, Some("the server is going down")));
}

#[test]
fn an_erasure_wants_the_token_and_characters_that_are_nobody_elses() {
    let (served, asked) = serve_errands();
    assert_eq!(served.post("/api/v1/erase", "", "{\"account\":42}").0, 401);
    let made_here = json!({ "account": 42, "characters": [1_u64 << 62] }).to_string();
    let nameless = json!({ "account": 42, "characters": [1_u64 << 63 | 43] }).to_string();
    for body in ["", "{}", "{\"account\":-1}", "{\"account\":42,\"characters\":[0]}", &made_here, &nameless] {
        let (code, page) = served.post("/api/v1/erase", BEARER, body);
        assert_eq!((code, page["error"].as_str().map(|error| error.lines().count())), (400, Some(1)), "{body}");
    }
    assert!(asked.try_recv().is_err(), "nothing of this reaches the persistence thread");
}

#[test]
fn an_erasure_says_what_is_gone_or_why_nothing_is() {
    use crate::edge::persistence::{ErrandError, Gone};
    let (served, asked) = serve_errands();
    let keeper = std::thread::spawn(move || {
        let answers = [
            Ok(Gone { characters: 2, ledger_lines: 3, redis: false, mariadb: true }),
            Err(ErrandError::Refused("log it out first".to_owned())),
            Err(ErrandError::Away("MariaDB is away".to_owned())),
        ];
        for answer in answers {
            let Ok(Errand::Erase { account, named, reply }) = asked.recv() else { panic!("an erasure") };
            assert_eq!((account.0, named), (42, vec![protocol::CharacterId(7)]));
            reply.send(answer).unwrap();
        }
    });
    let ask = || served.post("/api/v1/erase", BEARER, "{\"account\":42,\"characters\":[7]}");
    let done = json!({ "account": 42, "characters": 2, "ledger_lines": 3, "stores": ["journal", "mariadb"] });
    assert_eq!(ask(), (200, done));
    assert_eq!(ask(), (409, json!({ "error": "log it out first" })));
    assert_eq!(ask(), (503, json!({ "error": "MariaDB is away" })));
    keeper.join().unwrap();
}

#[test]
fn how_far_a_backup_is_and_what_came_of_it_is_told_for_as_long_as_it_takes() {
    use crate::edge::persistence::{BackedUp, BackupReport};
    let served = serve();
    let ask = || {
        let (code, body) = served.get("/api/v1/backup", BEARER);
        (code, serde_json::from_str::<Value>(&body).unwrap())
    };
    assert_eq!(served.get("/api/v1/backup", "").0, 401);
    assert_eq!(ask(), (404, json!({ "error": "no backup was begun since the server started" })));
    let begin = || {
        let (name, progress, outcome) = ("b".to_owned(), Default::default(), Default::default());
        let report = Arc::new(BackupReport { name, progress, outcome });
        served.board.backup.store(Some(report.clone()));
        report
    };
    let report = begin();
    assert_eq!(ask(), (200, json!({ "name": "b", "state": "copying", "rows": 0, "rows_total": 0 })));
    report.outcome.set(Ok(BackedUp { file: "d/b".into(), bytes: 7, seq: 3 })).unwrap();
    let done = json!({ "name": "b", "state": "done", "rows": 0, "rows_total": 0, "file": "d/b", "bytes": 7, "seq": 3 });
    assert_eq!(ask(), (200, done));
    begin().outcome.set(Err("no room".to_owned())).unwrap();
    let (_, failed) = ask();
    assert_eq!((failed["state"].as_str(), failed["error"].as_str()), (Some("failed"), Some("no room")));
}

#[test]
fn who_asks_whether_a_server_is_ready_whose_journal_is_full_is_told_so() {
    use crate::edge::board::StoreReport;
    use crate::edge::persistence::Fault;
    let served = serve().open_doors();
    let journal_trouble = Some((Fault::Full, clock::mono_ns().saturating_sub(3_000_000_000)));
    let report = StoreReport { journal_trouble, journal_failures: [4, 0, 0], ..StoreReport::default() };
    served.board.store.store(Arc::new(report));
    let (code, said) = served.get("/ready", "");
    assert!(
        code == 503 && said.starts_with("not accepting players: the journal cannot be written (full) for 3"),
        "{said}"
    );
    let page: Value = serde_json::from_str(&served.get("/api/v1/status", BEARER).1).unwrap();
    let stores = &page["stores"];
    assert_eq!((&stores["journal"], &stores["journal_state"]), (&json!(false), &json!("full")));
    assert!(stores["journal_state_s"].as_f64().unwrap() >= 3.0 && stores["journal_errors_total"] == 4, "{stores}");
    let metrics = served.get("/metrics", "").1;
    for line in ["throng_journal_up 0.0\n", "throng_journal_errors_total{kind=\"full\"} 4\n"] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[test]
fn a_posting_that_cannot_be_read_is_named_to_whoever_asks() {
    use crate::edge::persistence::{CourierReport, StoreState, Torn};
    let served = serve().open_doors();
    let mut courier = CourierReport { mariadb: vec![StoreState::default()], ..CourierReport::default() };
    courier.done.torn = Some(Torn { seq: 7, why: "the row is damaged".to_owned() });
    served.board.courier.store(Arc::new(courier));
    let said = "ready; nothing more goes to MariaDB: posting 7 of the outbox: the row is damaged\n";
    assert_eq!(served.get("/ready", ""), (200, said.to_owned()), "play goes on");
    let page: Value = serde_json::from_str(&served.get("/api/v1/status", BEARER).1).unwrap();
    let stores = &page["stores"];
    assert_eq!(
        (stores["torn_at"].as_u64(), stores["torn"].as_str()),
        (Some(7), said.trim_end().strip_prefix("ready; nothing more goes to MariaDB: "))
    );
    let metrics = served.get("/metrics", "").1;
    for line in ["throng_outbox_up 0.0\n", "throng_outbox_torn_at 7.0\n"] {
        assert!(metrics.contains(line), "{line}");
    }
}
