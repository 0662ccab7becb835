//! The live page in a real browser: what it shows moves, it asks nobody but the server, and it says when it hears nothing.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod browser;
mod program;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use browser::Browser;
use program::{Running, throng};
use serde_json::json;
use std::path::Path;

fn start(dir: &Path, ops: &str) -> Running {
    Running::start(throng(dir).args(["--listen", "127.0.0.1:0", "--ops", ops, "--data", "d"]))
}

/// Leaves a picture beside the build, for a person to look at.
fn keep_picture(browser: &mut Browser, name: &str) {
    let picture = STANDARD.decode(browser.picture()).unwrap();
    assert!(picture.starts_with(b"\x89PNG"));
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), picture).unwrap();
}

#[test]
fn figures_arrive_and_move_and_the_page_asks_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), "127.0.0.1:0");
    let answer = running.ask("/").unwrap();
    let head = answer.split_once("\r\n\r\n").unwrap().0.to_ascii_lowercase();
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'sha256-"), "{head}");

    let mut browser = Browser::start();
    browser.go(&format!("http://{}/", running.ops()));
    browser.wait("document.getElementById('link')?.textContent === 'live'");
    browser.wait("document.getElementById('value-tick_rate_hz').textContent.startsWith('6')");
    browser.wait("document.getElementById('value-resident_mib').textContent.length > '? MiB'.length");
    assert_eq!(browser.value("document.title"), json!("Throng: one"));
    let seconds = "newest.unix_s";
    let first = browser.value(seconds).as_u64().unwrap();
    browser.wait(&format!("{seconds} >= {}", first + 3));
    let picked = "[...new Set(curves.cpu_percent)].length > 1";
    browser.wait(picked);
    browser.wait("Number(document.getElementById('count-mobs').textContent) > 0");
    assert_eq!(browser.value("document.getElementById('raised').innerText"), json!("nothing is raised"));
    assert!(browser.value("document.getElementById('threads').innerText").as_str().unwrap().contains("world"));
    assert_eq!(
        browser.value("document.getElementById('stores').innerText.trim().split(/\\s+/)"),
        json!(["journal", "ok"])
    );
    let labels = "[...document.querySelectorAll('canvas')].every(c => c.getAttribute('aria-label').length > 3)";
    assert_eq!(browser.value(labels), json!(true));
    let ink = "(() => { const c = document.getElementById('map'); const d = c.getContext('2d')\
               .getImageData(0, 0, c.width, c.height).data; return d.some(v => v > 0); })()";
    assert_eq!(browser.value(ink), json!(true), "something is drawn on the map");

    keep_picture(&mut browser, "live_page.png");
    browser.resize(360, 740, true);
    browser.wait("document.documentElement.scrollWidth <= 360");
    browser.wait(&format!("{seconds} >= {}", first + 6));
    keep_picture(&mut browser, "live_page_phone.png");
    assert_eq!(browser.complaints(), [&json!(null); 0]);
    let prefix = format!("http://{}/", running.ops());
    let strangers: Vec<&str> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with(&prefix) && !url.starts_with("data:") && *url != "about:blank")
        .collect();
    assert_eq!(strangers, [""; 0]);
}

#[test]
fn it_says_when_the_connection_is_lost_and_comes_back_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path(), "127.0.0.1:0");
    let ops = running.ops().to_owned();
    let mut browser = Browser::start();
    browser.go(&format!("http://{ops}/"));
    browser.wait("document.getElementById('link')?.textContent === 'live'");
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
    browser.wait("document.getElementById('link').textContent.startsWith('connection lost')");
    let _again = start(dir.path(), &ops);
    browser.wait("document.getElementById('link').textContent === 'live'");
}
