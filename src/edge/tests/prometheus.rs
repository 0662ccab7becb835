//! What Prometheus' own tool says of the metrics, the rules and their tests.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod program;

use program::{Running, throng};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs the tool in `config/ops`, with this on its standard input, and wants it to be content.
fn promtool(arguments: &[&str], input: &str) {
    let program = stores::find(&stores::PROMTOOL).unwrap_or_else(|error| panic!("{error:#}"));
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/ops");
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(rules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "promtool {}: {said}", arguments.join(" "));
}

#[test]
fn the_rules_are_well_formed_and_do_what_their_tests_say() {
    promtool(&["check", "rules", "rules.yml"], "");
    promtool(&["check", "config", "prometheus.yml"], "");
    promtool(&["test", "rules", "rules_test.yml"], "");
}

#[test]
fn the_metrics_of_a_server_are_as_they_should_be() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"];
    let running = Running::start(throng(dir.path()).args(args));
    running.wait_metric("throng_ticks_total", 1);
    let mut stream = TcpStream::connect(running.ops()).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nAccept: text/plain\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    promtool(&["check", "metrics"], page);
}
