//! The Redis of the test bed does what trials ask of it.
#![allow(clippy::disallowed_methods, reason = "a frozen server is found out by the clock")]

use std::env::temp_dir;
use std::path::Path;

use stores::Redis;

#[test]
fn a_killed_redis_comes_back_with_what_it_had_answered_for() {
    let mut redis = Redis::start(&temp_dir()).unwrap();
    assert_eq!(redis.ask(&["SET", "key", "value"]).unwrap(), "+OK");
    let (url, pid) = (redis.url(), redis.pid().unwrap());
    redis.kill().unwrap();
    assert!(redis.ask(&["PING"]).is_err());
    assert!(redis.pid().is_err());
    redis.restart().unwrap();
    assert_eq!(redis.ask(&["GET", "key"]).unwrap(), "$5\r\nvalue");
    assert_eq!(redis.url(), url);
    assert_ne!(redis.pid().unwrap(), pid);
}

#[test]
fn a_frozen_redis_answers_nothing_and_a_thawed_one_goes_on() {
    let redis = Redis::start(&temp_dir()).unwrap();
    redis.freeze().unwrap();
    assert!(redis.ask(&["PING"]).is_err());
    redis.thaw().unwrap();
    assert_eq!(redis.ask(&["PING"]).unwrap(), "+PONG");
}

#[test]
fn a_refusal_is_an_error_and_a_redis_with_a_password_is_up() {
    let redis = Redis::start_with(&temp_dir(), &["--requirepass", "secret"]).unwrap();
    let error = redis.ask(&["GET", "key"]).unwrap_err().to_string();
    assert!(error.contains("NOAUTH"), "{error}");
}

#[test]
fn one_that_cannot_start_is_an_error_with_its_last_words() {
    let error = Redis::start_with(&temp_dir(), &["--no-such-option", "1"]).err().unwrap().to_string();
    assert!(error.contains("before it was ready") && error.contains("no-such-option"), "{error}");
}

#[test]
fn a_dropped_redis_is_gone() {
    let redis = Redis::start(&temp_dir()).unwrap();
    let pid = redis.pid().unwrap();
    drop(redis);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_redis_outlives_the_thread_that_started_it() {
    let redis = std::thread::spawn(|| Redis::start(&temp_dir()).unwrap()).join().unwrap();
    assert_eq!(redis.ask(&["PING"]).unwrap(), "+PONG");
}
