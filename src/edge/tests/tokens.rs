//! From a login to a session, with real processes and sockets: tokens are minted, keys change, nobody is turned away.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod program;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use program::{PATIENCE, Running, refused, throng};
use rudp::seal::TokenKey;
use rudp::token::PrivateToken;
use rudp::{Client, ClientConfig, ClientState, ConnectToken, Hello, Key, Now};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SECRET: &str = "what the login service and the server both know";

/// A directory with a configuration for a login service and a key of one's own.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        site.write("login.secret", SECRET);
        site.write_key("first.key", 1);
        site
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn write_key(&self, name: &str, byte: u8) {
        self.write(name, &format!("{byte:02x}").repeat(32));
    }

    /// The configuration with these lines about keys.
    fn configure(&self, keys: &str) {
        self.write(
            "c.toml",
            &format!(
                "[server]\nlisten = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"\n[auth]\nskew_s = 0\n{keys}\n\
                 jwt_algorithm = \"HS256\"\njwt_key_files = [\"login.secret\"]\njwt_issuer = \"i\"\njwt_audience = \"a\"\n"
            ),
        );
    }

    fn start(&self) -> Running {
        Running::start(throng(self.path()).args(["--config", "c.toml", "--data", "d"]))
    }

    fn bearer(&self) -> String {
        std::fs::read_to_string(self.path().join("d/ops.token")).unwrap().trim().to_owned()
    }

    /// A token for this account by the way of its login.
    fn token(&self, running: &Running, account: u64) -> ConnectToken {
        let (status, page) = running.post("/api/v1/token", &self.bearer(), &jwt(account));
        assert_eq!(status, 200, "{page}");
        decoded(&page)
    }
}

fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn jwt(account: u64) -> String {
    let claims = json!({
        "iss": "i", "aud": "a", "sub": account.to_string(), "name": format!("player {account}"),
        "iat": unix_s(), "exp": unix_s() + 60,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}

fn decoded(page: &Value) -> ConnectToken {
    ConnectToken::decode(&STANDARD.decode(page["token"].as_str().unwrap()).unwrap()).unwrap()
}

fn is_sealed_with(token: &ConnectToken, byte: u8) -> bool {
    let mut sealed = token.sealed.clone();
    let key = TokenKey::new(&Key::new([byte; 32]));
    PrivateToken::open(&mut sealed, &key, token.protocol_id, token.expire_unix_s, &token.nonce).is_ok()
}

/// Whether the server lets the token's bearer in within `patience`.
fn joins(token: &ConnectToken, patience: Duration) -> bool {
    let start = Instant::now();
    let now = || Now { mono_ns: 1 + start.elapsed().as_nanos() as u64, unix_s: unix_s() };
    let hello = Hello { version_min: 1, version_max: 1, channel_hash: 1, motion_hash: 2, content_hash: 3 };
    let mut client = Client::new(ClientConfig::new(token.clone(), hello), now());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut buf = [0; 1_500];
    while start.elapsed() < patience {
        client.handle_timeout(now());
        while let Some(transmit) = client.poll_transmit(now(), &mut buf) {
            socket.send_to(&buf[..transmit.len], transmit.to).unwrap();
        }
        if let Ok((len, from)) = socket.recv_from(&mut buf) {
            client.handle_datagram(now(), from, &mut buf[..len]);
        }
        if client.state() == ClientState::Connected {
            return true;
        }
    }
    false
}

#[test]
fn a_first_start_mints_from_typed_claims_and_the_token_opens_the_door() {
    let dir = tempfile::tempdir().unwrap();
    let running =
        Running::start(throng(dir.path()).args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]));
    let bearer = std::fs::read_to_string(dir.path().join("d/ops.token")).unwrap();
    let claims = json!({ "account": 7, "name": "ada" }).to_string();
    let (status, page) = running.post("/api/v1/token", bearer.trim(), &claims);
    assert_eq!((status, &page["account"], &page["character"]), (200, &json!(7), &json!(0)), "{page}");
    let listen = running.greeting[0].split(' ').find_map(|word| word.strip_suffix("/udp")).unwrap();
    assert_eq!(page["addresses"], json!([listen]), "the port that came of the wish for any");
    let token = decoded(&page);
    assert!(joins(&token, PATIENCE));
    assert!(!joins(&token, Duration::from_millis(500)), "a token is good for one session");
    assert_eq!(running.post("/api/v1/token", "", &claims).0, 401);
    assert_eq!(running.metric("throng_tokens_minted_total"), 1);
}

#[test]
fn keys_change_without_a_restart_and_nobody_with_a_token_is_turned_away() {
    let site = Site::new();
    site.configure("private_key_file = \"first.key\"");
    let running = site.start();
    let [used, waiting, too_late] = [1, 2, 3].map(|account| site.token(&running, account));
    assert!(is_sealed_with(&used, 1) && joins(&used, PATIENCE));

    site.write_key("second.key", 2);
    site.configure("private_key_file = \"second.key\"\nprevious_key_file = \"first.key\"");
    running.signal("-HUP");
    running.wait_metric("throng_reloads_total{outcome=\"done\"}", 1);
    let newer = site.token(&running, 4);
    assert!(is_sealed_with(&newer, 2), "tokens are minted with the newest key");
    assert!(joins(&newer, PATIENCE) && joins(&waiting, PATIENCE), "both keys open");

    site.configure("private_key_file = \"second.key\"");
    let (status, page) = running.post("/api/v1/reload", &site.bearer(), "");
    assert_eq!((status, &page["private_keys"], &page["jwt_keys"]), (200, &json!(1), &json!(1)), "{page}");
    let before = running.metric("throng_drops_total{reason=\"request_seal\"}");
    assert!(!joins(&too_late, Duration::from_millis(300)), "the old key is gone");
    running.wait_metric("throng_drops_total{reason=\"request_seal\"}", before + 1);
    assert!(joins(&site.token(&running, 5), PATIENCE));
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn the_login_services_key_changes_in_the_same_way() {
    let site = Site::new();
    site.configure("private_key_file = \"first.key\"");
    let running = site.start();
    site.token(&running, 1);
    site.write("login.secret", "something else, which is also long enough for it");
    running.signal("-HUP");
    running.wait_metric("throng_reloads_total{outcome=\"done\"}", 1);
    let (status, page) = running.post("/api/v1/token", &site.bearer(), &jwt(1));
    assert_eq!((status, page["reason"].as_str()), (401, Some("jwt_signature")));
}

#[test]
fn for_a_moment_after_its_start_a_server_mints_nothing_because_it_would_refuse_it() {
    let site = Site::new();
    site.configure("private_key_file = \"first.key\"");
    let text = std::fs::read_to_string(site.path().join("c.toml")).unwrap();
    // The moment is a second longer than the allowance.
    site.write("c.toml", &text.replace("skew_s = 0", "skew_s = 3"));
    let running = Running::spawn(throng(site.path()).args(["--config", "c.toml", "--data", "d"]));
    let (status, page) = running.post("/api/v1/token", &site.bearer(), &jwt(1));
    assert_eq!((status, page["reason"].as_str()), (503, Some("restart")), "{page}");
    assert!((1..=4).contains(&page["retry_after"].as_u64().unwrap()), "{page}");
    running.wait_ready();
    assert!(joins(&site.token(&running, 1), PATIENCE));
}

#[test]
fn a_reload_that_cannot_be_changes_nothing_and_says_why() {
    let site = Site::new();
    site.configure("private_key_file = \"first.key\"");
    let running = site.start();
    for (keys, sentence) in [
        ("private_key_fil = \"first.key\"", "did you mean auth.private_key_file?"),
        ("private_key_file = \"missing.key\"", "cannot read missing.key"),
        ("private_key_file = \"login.secret\"", "login.secret does not hold 32 bytes"),
        ("private_key_file = \"first.key\"\nprevious_key_file = \"missing.key\"", "cannot read missing.key"),
    ] {
        site.configure(keys);
        let (status, page) = running.post("/api/v1/reload", &site.bearer(), "");
        let error = page["error"].as_str().unwrap_or_default();
        assert!(status == 409 && error.contains(sentence) && !error.contains(SECRET), "{page}");
    }
    assert_eq!(running.metric("throng_reloads_total{outcome=\"refused\"}"), 4);
    assert!(joins(&site.token(&running, 1), PATIENCE), "the server goes on as it was");
}

#[test]
fn with_a_key_of_ones_own_and_no_login_service_nothing_is_minted() {
    let site = Site::new();
    let command = &mut throng(site.path());
    command.args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]);
    let running = Running::start(command.env("THRONG_AUTH__PRIVATE_KEY_FILE", "first.key"));
    let claims = json!({ "account": 7, "name": "ada" }).to_string();
    for body in [claims, jwt(7)] {
        let (status, page) = running.post("/api/v1/token", &site.bearer(), &body);
        assert_eq!((status, page["reason"].as_str()), (403, Some("no_login")));
    }
}

#[test]
fn a_login_service_that_cannot_be_checked_stops_the_start_with_one_sentence() {
    let site = Site::new();
    site.write("login.secret", "short");
    site.configure("private_key_file = \"first.key\"");
    let text = refused(throng(site.path()).args(["--config", "c.toml", "--data", "d"]), 1);
    assert!(text.contains("login.secret cannot be used to check logins: a shared secret has at least 32"), "{text}");
    std::fs::remove_file(site.path().join("login.secret")).unwrap();
    let text = refused(throng(site.path()).args(["--config", "c.toml", "--data", "d"]), 1);
    assert!(text.contains("cannot read login.secret"), "{text}");
    let text = refused(throng(site.path()).env("THRONG_AUTH__JWT_ALGORITHM", "RS256"), 2);
    assert!(text.contains("which needs auth.jwt_key_files too"), "{text}");
}

/// The content that is built in, in a directory of one's own.
fn copy_content(to: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/game");
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn content_is_read_again_and_a_mistake_in_it_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let content = dir.path().join("game");
    copy_content(&content);
    let text = "[server]\nlisten = \"127.0.0.1:0\"\n[ops]\nlisten = \"127.0.0.1:0\"\n[world]\ncontent_dir = \"game\"\n";
    std::fs::write(dir.path().join("c.toml"), text).unwrap();
    let running = Running::start(throng(dir.path()).args(["--config", "c.toml", "--data", "d"]));
    let bearer = std::fs::read_to_string(dir.path().join("d/ops.token")).unwrap().trim().to_owned();
    let reload = || running.post("/api/v1/reload", &bearer, "");
    let (status, before) = reload();
    assert_eq!(status, 200, "{before}");

    let items = std::fs::read_to_string(content.join("items.toml")).unwrap();
    std::fs::write(content.join("items.toml"), format!("{items}\n[pebble]\nid = 60000\nwieght_kg = 0.1\n")).unwrap();
    let (status, page) = reload();
    let sentence = page["error"].as_str().unwrap();
    let wanted = "game: items.toml: pebble: there is no key wieght_kg; did you mean weight_kg?";
    assert_eq!((status, sentence), (409, wanted), "{page}");

    std::fs::write(content.join("items.toml"), format!("{items}\n[pebble]\nid = 60000\nweight_kg = 0.1\n")).unwrap();
    let (status, after) = reload();
    assert_eq!(status, 200, "{after}");
    assert_eq!(after["content"].as_u64(), before["content"].as_u64().map(|entries| entries + 1));

    std::fs::write(content.join("items.toml"), &items).unwrap();
    let (status, page) = reload();
    assert!(status == 409 && page["error"].as_str().unwrap().contains("pebble"), "what is there stays: {page}");
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
}
