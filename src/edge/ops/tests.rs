//! The operations interface over real sockets on loopback.

use super::token::BODY_BYTES_MAX;
use super::token::signer::Signer;
use super::*;
use crate::config::LoginConfig;
use crate::edge::board::StartReport;
use crate::edge::reload::{ReloadReply, Reloaded};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossbeam::channel::Receiver;
use rudp::{ConnectToken, Key, Mint};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Instant;

const BEARER: &str = "Authorization: Bearer c0ffee\r\n";
/// Longest that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    address: SocketAddr,
    board: Arc<Board>,
    tally: Arc<Tally>,
    data_dir: tempfile::TempDir,
    /// What the world's thread would be asked, which the tests are.
    asked: Receiver<WorldAsk>,
    /// What the main thread would be told.
    wishes: Receiver<(Option<Announced>, oneshot::Sender<bool>)>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

fn serve_with(source: Source, first_expiry_unix_s: u64, limits: Limits, reload: AskReload) -> Served {
    let (errands, _) = crate::edge::persistence::errands();
    serve_all(source, first_expiry_unix_s, limits, reload, errands)
}

fn serve_all(
    source: Source,
    first_expiry_unix_s: u64,
    limits: Limits,
    reload: AskReload,
    errands: Sender<Errand>,
) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let board = Arc::new(Board::new(StartReport::default()));
    let tally = Arc::new(Tally::default());
    let mint = Mint { key: Key::new([7; 32]), protocol_id: protocol::PROTOCOL_ID, lifetime_s: 30 };
    let public = vec!["203.0.113.7:7777".parse().unwrap()];
    let desk = Desk::new(Rules { mint, source, tokens_per_s: 100 }, public, first_expiry_unix_s, 1);
    let data_dir = tempfile::tempdir().unwrap();
    let (world, asked) = crate::edge::asks::to_world();
    let (wished, wishes) = crossbeam::channel::unbounded();
    let offices = Offices {
        board: board.clone(),
        tally: tally.clone(),
        desk: Arc::new(desk),
        tokens: OpsTokens { operate: "c0ffee".to_owned(), read: "7ea".to_owned() },
        data_dir: data_dir.path().to_owned(),
        world,
        test_commands: true,
        in_force: InForce { players_max: 100, players_room: 100 },
        errands,
        switchboard: crate::edge::switchboard::rig::attended(),
        mariadb: Vec::new(),
        watch: WatchSettings::of(&crate::config::Config::resolve(&crate::config::Sources::default()).unwrap(), 1),
        limits,
    };
    let bells = Bells { reload, shutdown: Box::new(move |wish, reply| drop(wished.send((wish, reply)))) };
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || run(listener, offices, bells, stopped));
    Served { address, board, tally, data_dir, asked, wishes, stop: Some(stop), thread: Some(thread) }
}

fn serve() -> Served {
    serve_with(Source::Typed, 0, Limits::default(), Box::new(drop))
}

impl Served {
    fn open_doors(self) -> Self {
        self.board.publish_ready(true);
        self.board.publish_accepting(true);
        self
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Status code, head and body of the answer to these bytes.
    fn exchange(&self, request: &str) -> (u16, String, String) {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (code, head.to_ascii_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str, extra: &str) -> (u16, String) {
        let (code, _, body) = self.exchange(&format!("GET {path} HTTP/1.0\r\nHost: x\r\n{extra}\r\n"));
        (code, body)
    }

    /// Asks for a token: status, head, page.
    fn ask(&self, extra: &str, body: &str) -> (u16, String, Value) {
        let length = body.len();
        let (code, head, body) = self.exchange(&format!(
            "POST /api/v1/token HTTP/1.0\r\nHost: x\r\nContent-Length: {length}\r\n{extra}\r\n{body}"
        ));
        (code, head, serde_json::from_str(&body).unwrap())
    }
}

/// How long the server leaves this connection open, from now on.
fn open_for(mut stream: TcpStream) -> Duration {
    let start = Instant::now();
    let _ = stream.read_to_end(&mut Vec::new());
    start.elapsed()
}

fn claims() -> String {
    json!({ "account": 42, "character": 3, "name": "ada" }).to_string()
}

#[test]
fn the_status_wants_the_token_and_nothing_but_the_token() {
    let served = serve();
    for extra in [
        "",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer c0ffe\r\n",
        "Authorization: Bearer c0ffeee\r\n",
        "Authorization: Bearer C0FFEE\r\n",
        "Authorization: Basic c0ffee\r\n",
    ] {
        let (code, body) = served.get("/api/v1/status", extra);
        assert_eq!((code, body.contains("version")), (401, false), "{extra}");
    }
    let (code, body) = served.get("/api/v1/status", BEARER);
    assert_eq!(code, 200);
    let page: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(page["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn ready_follows_the_server_and_needs_no_token() {
    let served = serve();
    assert_eq!(served.get("/ready", "").0, 503);
    served.board.publish_ready(true);
    assert_eq!(served.get("/ready", "").0, 503, "the gate would refuse a fresh token");
    served.board.publish_accepting(true);
    assert_eq!(served.get("/ready", ""), (200, "ready\n".to_owned()));
    served.board.publish_ready(false);
    assert_eq!(served.get("/ready", "").0, 503);
}

#[test]
fn live_means_that_a_tick_finished_within_a_second() {
    let served = serve();
    assert_eq!(served.get("/live", "").0, 503, "no tick yet");
    served.board.on_tick(clock::mono_ns());
    assert_eq!(served.get("/live", "").0, 200);
    served.board.on_tick(clock::mono_ns().saturating_sub(2_000_000_000).max(1));
    assert_eq!(served.get("/live", "").0, 503, "the last tick is too old");
}

#[test]
fn metrics_need_no_token_and_other_pages_do_not_exist() {
    let served = serve();
    let (code, body) = served.get("/metrics", "");
    assert!(code == 200 && body.contains("throng_build_info") && body.ends_with("# EOF\n"));
    assert_eq!(served.get("/nothing", "").0, 404);
    assert_eq!(served.get("/api/v1/token", BEARER).0, 405, "a token is made, not looked up");
}

#[test]
fn an_operator_gets_a_whole_token_and_is_told_all_about_it() {
    let served = serve().open_doors();
    let (code, head, page) = served.ask(BEARER, &claims());
    assert_eq!(code, 200, "{page}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    let bytes = STANDARD.decode(page["token"].as_str().unwrap()).unwrap();
    let token = ConnectToken::decode(&bytes).unwrap();
    assert_eq!(bytes.len(), 2_048);
    assert_eq!(page["addresses"], json!(["203.0.113.7:7777"]));
    assert_eq!(page["expires_at"], token.expire_unix_s);
    assert!(token.expire_unix_s.abs_diff(clock::now().unix_s + 30) <= 1);
    assert_eq!((&page["account"], &page["character"], &page["serial"]), (&json!(42), &json!(3), &json!(1)));
    let metrics = served.get("/metrics", "").1;
    assert!(metrics.contains("throng_tokens_minted_total 1\n"), "{metrics}");
}

#[test]
fn a_signed_login_becomes_a_token_and_every_refusal_is_one_sentence_and_counted() {
    let signer = Signer::es256();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("login.pem");
    std::fs::write(&path, signer.key_file()).unwrap();
    let login = LoginConfig {
        algorithm: signer.algorithm(),
        key_files: vec![path],
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        account_claim: "sub".to_owned(),
        max_age_s: 300,
        leeway_s: 5,
    };
    let source = Source::Jwt(Box::new(Verifier::load(&login).unwrap()));
    let served = serve_with(source, 0, Limits::default(), Box::new(drop)).open_doors();
    let now = clock::now().unix_s;
    let jwt = |exp: u64, name: &str| {
        signer.sign(&json!({ "iss": "i", "aud": "a", "sub": "42", "name": name, "iat": now - 100, "exp": exp }))
    };
    assert_eq!(served.ask(BEARER, &format!("{}\n", jwt(now + 60, "ada"))).0, 200);
    let cases = [
        ("", jwt(now + 60, "ada"), 401, "bearer"),
        (BEARER, claims(), 403, "unsigned"),
        (BEARER, "no jwt".to_owned(), 400, "jwt_malformed"),
        (BEARER, Signer::es256().sign(&json!({})), 401, "jwt_signature"),
        (BEARER, jwt(now - 60, "ada"), 401, "jwt_expired"),
        (BEARER, jwt(now + 60, &"n".repeat(33)), 400, "claim"),
    ];
    for (extra, body, status, reason) in cases {
        let (code, head, page) = served.ask(extra, &body);
        assert_eq!((code, page["reason"].as_str().unwrap()), (status, reason), "{page}");
        assert_eq!(page["error"].as_str().unwrap().lines().count(), 1);
        assert!(!page.to_string().contains(&body), "what was sent is not repeated");
        assert_eq!(head.contains("www-authenticate: bearer"), reason == "bearer");
        let line = format!("throng_tokens_refused_total{{reason=\"{reason}\"}} 1\n");
        assert!(served.get("/metrics", "").1.contains(&line), "{line}");
    }
}

#[test]
fn after_a_restart_the_endpoint_says_when_to_come_back() {
    let first_expiry = clock::now().unix_s + 30 + 100;
    let served = serve_with(Source::Typed, first_expiry, Limits::default(), Box::new(drop)).open_doors();
    let (code, head, page) = served.ask(BEARER, &claims());
    assert_eq!((code, page["reason"].as_str()), (503, Some("restart")));
    let seconds = page["retry_after"].as_u64().unwrap();
    assert!((98..=100).contains(&seconds), "{seconds}");
    assert!(head.contains(&format!("retry-after: {seconds}")), "{head}");
    let closed = serve();
    let (code, _, page) = closed.ask(BEARER, &claims());
    assert_eq!((code, page["reason"].as_str()), (503, Some("not_ready")), "not accepting yet");
}

#[test]
fn a_body_longer_than_any_login_is_refused_unread() {
    let served = serve().open_doors();
    let body = "x".repeat(BODY_BYTES_MAX + 1);
    let (code, _, page) = served.ask(BEARER, &body);
    assert_eq!((code, page["reason"].as_str()), (413, Some("body_size")));
    let chunked = format!(
        "POST /api/v1/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n{BEARER}\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(served.exchange(&chunked).0, 413);
}

/// Short enough to wait for, long enough for a busy machine.
fn hasty() -> Limits {
    Limits {
        connections_max: 4,
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        life: Duration::from_secs(600),
        farewell: Duration::from_millis(100),
    }
}

#[test]
fn a_head_that_comes_a_byte_at_a_time_is_cut_off_by_the_clock() {
    let served = serve_with(Source::Typed, 0, hasty(), Box::new(drop));
    let mut stream = served.connect();
    let start = Instant::now();
    let mut sent = 0;
    // A byte each 20 ms keeps any limit on silence happy for ever.
    for byte in b"GET /live HTTP/1.1\r\nX-Slow: ".iter().chain(std::iter::repeat_n(&b'x', 1_000)) {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(sent < 500, "{sent} bytes were taken");
    assert!(start.elapsed() >= Duration::from_millis(250));
}

#[test]
fn a_connection_that_says_nothing_is_closed_at_first_and_between_requests() {
    let served = serve_with(Source::Typed, 0, Limits { head: Duration::from_secs(1), ..hasty() }, Box::new(drop));
    let silent = open_for(served.connect());
    assert!((Duration::from_millis(900)..PATIENCE / 2).contains(&silent), "{silent:?}");
    let mut kept = served.connect();
    for _ in 0..2 {
        kept.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = [0; 1_024];
        assert!(kept.read(&mut answer).unwrap() > 0, "a connection serves more than one request");
    }
    let idle = open_for(kept);
    assert!((Duration::from_millis(900)..PATIENCE / 2).contains(&idle), "{idle:?}");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let served = serve_with(Source::Typed, 0, hasty(), Box::new(drop)).open_doors();
    let head = format!("POST /api/v1/token HTTP/1.0\r\nHost: x\r\nContent-Length: 100\r\n{BEARER}\r\n{{");
    let (code, _, body) = served.exchange(&head);
    assert_eq!(code, 408, "{body}");
    assert!(body.contains("body_late"), "{body}");
    assert_eq!(served.exchange(&head.replace(BEARER, "")).0, 401, "a stranger is told no more than that");
}

#[test]
fn a_body_that_comes_after_its_head_does_not_hide_the_answer() {
    let served = serve().open_doors();
    let mut stream = served.connect();
    let body = claims();
    for (extra, status) in [("", "401"), (BEARER, "200"), ("", "401"), (BEARER, "200")] {
        let head = format!("POST /api/v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{extra}\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = vec![0; 8_192];
        let len = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
}

#[test]
fn one_connection_too_many_is_closed_and_a_place_that_is_left_is_free() {
    let served = serve_with(Source::Typed, 0, Limits { head: PATIENCE * 10, ..hasty() }, Box::new(drop));
    let held: Vec<_> = (0..4).map(|_| served.connect()).collect();
    wait_until(|| served.tally.connections.value() == 4);
    let refused = open_for(served.connect());
    assert!(refused < PATIENCE / 2, "closed at once, not after {refused:?}");
    assert_eq!(served.tally.turned_away.value(), 1);
    drop(held);
    wait_until(|| served.connect_and_ask());
}

impl Served {
    fn connect_and_ask(&self) -> bool {
        let mut stream = self.connect();
        let asked = stream.write_all(b"GET /ready HTTP/1.0\r\n\r\n");
        let mut answer = String::new();
        asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.contains("503")
    }
}

#[test]
fn no_connection_lives_for_ever_whatever_it_does() {
    let limits = Limits { life: Duration::from_millis(400), ..hasty() };
    let served = serve_with(Source::Typed, 0, limits, Box::new(drop));
    let mut busy = served.connect();
    let start = Instant::now();
    loop {
        let asked = busy.write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n");
        if asked.is_err() || busy.read(&mut [0; 1_024]).unwrap_or(0) == 0 {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "still served");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(start.elapsed() >= Duration::from_millis(350));
    wait_until(|| served.tally.cut_off.value() == 1);
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_reload_wants_the_token_and_tells_what_came_of_it() {
    let answers = std::sync::Mutex::new(vec![
        Err("c.toml: there is no key auth.jwt".to_owned()),
        Ok(Reloaded { private_keys: 2, jwt_keys: 1, content: 170 }),
    ]);
    let reload = move |reply: ReloadReply| {
        if let Some(answer) = answers.lock().unwrap().pop() {
            reply.send(answer).unwrap();
        }
    };
    let served = serve_with(Source::Typed, 0, Limits::default(), Box::new(reload));
    let ask = |extra: &str| {
        let (code, _, body) =
            served.exchange(&format!("POST /api/v1/reload HTTP/1.0\r\nHost: x\r\nContent-Length: 0\r\n{extra}\r\n"));
        (code, body)
    };
    assert_eq!(ask("").0, 401);
    assert_eq!(ask(BEARER), (200, "{\"content\":170,\"jwt_keys\":1,\"private_keys\":2}".to_owned()));
    assert_eq!(ask(BEARER), (409, "{\"error\":\"c.toml: there is no key auth.jwt\"}".to_owned()));
    assert_eq!(ask(BEARER).0, 503, "the main thread is on its way out");
    assert_eq!(served.get("/api/v1/reload", BEARER).0, 405);
}

impl Served {
    fn post(&self, path: &str, extra: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let request = format!("POST {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {length}\r\n{extra}\r\n{body}");
        let (code, _, body) = self.exchange(&request);
        (code, serde_json::from_str(&body).unwrap_or_default())
    }
}

#[path = "store_tests.rs"]
mod stores;

#[path = "command_tests.rs"]
mod commands;
#[test]
fn the_live_page_and_its_stream_need_no_token_and_what_an_operator_asks_does() {
    let served = serve();
    let (code, head, body) = served.exchange("GET / HTTP/1.0\r\nHost: x\r\n\r\n");
    assert!(code == 200 && body.contains("<title>Throng</title>"));
    assert!(head.contains("content-security-policy: default-src 'none';") && head.contains("nosniff"), "{head}");
    let mut stream = served.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut told = String::new();
    let start = Instant::now();
    while !told.contains("event: second\n") {
        let mut bytes = [0; 4_096];
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0 && start.elapsed() < PATIENCE, "{told}");
        told.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let head = told.to_ascii_lowercase();
    assert!(
        head.contains("content-type: text/event-stream") && head.contains("retry: 500\nevent: past\ndata: {"),
        "{told}"
    );
    for (method, path) in [
        ("GET", "/api/v1/alerts"),
        ("GET", "/api/v1/report"),
        ("POST", "/api/v1/report"),
        ("POST", "/api/v1/test-alert"),
    ] {
        let ask = |extra: &str| {
            served.exchange(&format!("{method} {path} HTTP/1.0\r\nHost: x\r\nContent-Length: 2\r\n{extra}\r\n{{}}"))
        };
        assert_eq!(ask("").0, 401, "{method} {path}");
        if (method, path) != ("POST", "/api/v1/report") {
            assert_ne!(ask(BEARER).0, 401, "{method} {path}");
        }
    }
    let (_, alerts) = served.get("/api/v1/alerts", BEARER);
    let alerts: ops_api::Alerts = serde_json::from_str(&alerts).unwrap();
    assert!(alerts.alerts.iter().any(|alert| alert.name == "tick_slow" && alert.threshold == 14.0));
    let (code, report) = served.get("/api/v1/report", BEARER);
    assert!(code == 200 && report.starts_with("<!doctype html>"));
}
