//! The recorded requests of `protocol-spec/ops-v1`, in order, against a server that has just started: other programs rely on
//! these answers, so a record is added, never changed.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod program;

use program::{PATIENCE, Running, throng};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whose token is shown.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Nothing,
    Token(&'a str),
}

struct Answer {
    status: u64,
    content_type: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

fn ask(running: &Running, request: &Value, shown: Shown<'_>) -> Answer {
    let (method, path) = (text(request, "method"), text(request, "path"));
    let bearer = match shown {
        Shown::Nothing => String::new(),
        Shown::Token(token) => format!("Authorization: Bearer {token}\r\n"),
    };
    let body = request.get("body").map_or_else(String::new, ToString::to_string);
    let length = if method == "POST" { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let mut stream = TcpStream::connect(running.ops()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{method} {path} HTTP/1.0\r\n{bearer}{length}\r\n{body}").as_bytes()).unwrap();
    read(&mut stream)
}

/// To its end; of a stream without end the first event.
fn read(stream: &mut TcpStream) -> Answer {
    let (mut bytes, mut piece) = (Vec::new(), [0; 16_384]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let answer = String::from_utf8_lossy(&bytes);
        let parts = answer.split_once("\r\n\r\n");
        let is_event = parts.is_some_and(|(head, body)| is_stream(head) && body.contains("\n\n"));
        if read > 0 && !is_event {
            continue;
        }
        let (head, body) = parts.unwrap_or_else(|| panic!("no answer: {answer}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("an answer has a status");
        return Answer { status, content_type: content_type(head), body: body.to_owned() };
    }
}

fn content_type(head: &str) -> String {
    let lines = head.lines().map(str::to_lowercase);
    lines.filter_map(|line| Some(line.strip_prefix("content-type:")?.trim().to_owned())).next().unwrap_or_default()
}

fn is_stream(head: &str) -> bool {
    content_type(head).starts_with("text/event-stream")
}

fn text<'a>(request: &'a Value, name: &str) -> &'a str {
    request[name].as_str().unwrap_or_else(|| panic!("{request} has no {name}"))
}

/// What is wrong with an answer, if anything is.
fn fault(request: &Value, answer: &Answer) -> Option<String> {
    let expect = &request["expect"];
    let is_status = match &expect["status"] {
        // Which one is the server's to choose.
        Value::String(class) => class == "4xx" && (400..500).contains(&answer.status),
        status => status.as_u64() == Some(answer.status),
    };
    if !is_status {
        return Some(format!("answers {}, not {}: {}", answer.status, expect["status"], answer.body));
    }
    if let Some(wanted) = expect["content_type"].as_str()
        && !answer.content_type.starts_with(wanted)
    {
        return Some(format!("is {}, not {wanted}", answer.content_type));
    }
    let page = answer.json();
    let missing = expect["json_has"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = missing.into_iter().find(|pointer| page.pointer(pointer).is_none()) {
        return Some(format!("has no {missing}: {}", answer.body));
    }
    let wrong = expect["json_is"].as_object().into_iter().flatten();
    let wrong = wrong.into_iter().find(|(pointer, value)| page.pointer(pointer) != Some(*value));
    wrong.map(|(pointer, value)| format!("{pointer} is not {value}: {}", answer.body))
}

/// All records, in the order of their files.
fn records() -> Vec<Value> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-spec/ops-v1");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> Vec<Value> {
        let text = std::fs::read_to_string(file).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().flat_map(read).collect()
}

/// A server with an empty data directory, and its tokens: to look, to do.
fn start(dir: &Path) -> (Running, [String; 2]) {
    let args = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"];
    let running = Running::start(throng(dir).args(args));
    let token = |file: &str| std::fs::read_to_string(dir.join("d").join(file)).unwrap().trim().to_owned();
    let tokens = ["ops-read.token", "ops.token"].map(token);
    (running, tokens)
}

/// For a moment after the start nobody is minted a token: a token of that moment could have been used before.
fn wait_until_tokens_are_minted(running: &Running, operate: &str) {
    let (start, claims) = (Instant::now(), "{\"account\":1,\"name\":\"first\"}");
    while running.post("/api/v1/token", operate, claims).0 == 503 {
        assert!(start.elapsed() < PATIENCE, "no token is minted");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn every_recorded_request_is_answered_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (running, [read, operate]) = start(dir.path());
    wait_until_tokens_are_minted(&running, &operate);
    let mut faults = Vec::new();
    for request in records() {
        let shown = match text(&request, "role") {
            "none" => Shown::Nothing,
            "read" => Shown::Token(&read),
            "operate" => Shown::Token(&operate),
            other => panic!("{other} is no role"),
        };
        let answer = ask(&running, &request, shown);
        let wrong = fault(&request, &answer);
        faults.extend(wrong.map(|wrong| format!("{}: {} {}", text(&request, "name"), text(&request, "path"), wrong)));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn nothing_is_done_or_shown_for_whoever_has_no_right_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let (running, [read, operate]) = start(dir.path());
    let mut faults = Vec::new();
    let longer = format!("{operate}0");
    let wrong = ["0".repeat(operate.len()), String::new(), operate[1..].to_owned(), longer];
    for request in records().iter().filter(|request| text(request, "role") != "none") {
        let name = format!("{} {}", text(request, "method"), text(request, "path"));
        let mut expect = |shown: Shown<'_>, status: u64, whose: &str| {
            let answer = ask(&running, request, shown);
            if answer.status != status || answer.json()["error"].as_str().is_none_or(str::is_empty) {
                faults.push(format!("{name} with {whose} answers {}: {}", answer.status, answer.body));
            }
        };
        if text(request, "path") != "/api/v1/moon" {
            expect(Shown::Nothing, 401, "no token");
            wrong.iter().for_each(|token| expect(Shown::Token(token), 401, "a wrong token"));
        }
        if text(request, "method") == "POST" {
            // To whoever mints tokens a bearer is proven or is not.
            let status = if text(request, "path") == "/api/v1/token" { 401 } else { 403 };
            expect(Shown::Token(&read), status, "the token to look");
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    let bans = running.page("/api/v1/bans", &read);
    assert_eq!(bans["bans"], serde_json::json!([]), "nobody is kept out");
}
