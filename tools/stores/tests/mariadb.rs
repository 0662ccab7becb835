//! The MariaDB of the test bed does what trials ask of it.
#![allow(clippy::disallowed_methods, reason = "a frozen server is found out by the clock")]

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use stores::{MariaDb, MariaDbOptions, Pair};

#[test]
fn a_killed_mariadb_comes_back_with_every_commit() {
    let mut server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    server.sql("CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, word TEXT); INSERT INTO t (word) VALUES ('a'), (NULL)").unwrap();
    let url = server.url();
    server.kill().unwrap();
    assert!(server.sql("SELECT 1").is_err());
    server.restart().unwrap();
    assert_eq!(server.sql("SELECT * FROM t").unwrap(), "1\ta\n2\tNULL");
    assert_eq!(server.url(), url);
}

#[test]
fn a_commit_is_on_disk_before_the_answer_and_the_user_may_make_triggers() {
    let server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let durable =
        server.sql("SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@binlog_format, @@log_bin").unwrap();
    assert_eq!(durable, "1\t1\tROW\t1");
    assert_eq!(server.sql("SELECT @@log_bin_trust_function_creators").unwrap(), "1");
    let grants = server.sql("SHOW GRANTS FOR 'throng'@'127.0.0.1'").unwrap();
    assert!(grants.contains("GRANT ALL PRIVILEGES ON `throng`.*"), "{grants}");
}

#[test]
fn a_frozen_mariadb_keeps_its_client_waiting_and_a_thawed_one_answers_it() {
    let server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    server.freeze().unwrap();
    thread::scope(|scope| {
        let (answer, answered) = channel();
        let server = &server;
        scope.spawn(move || answer.send(server.sql("SELECT 7").unwrap()).unwrap());
        assert_eq!(answered.recv_timeout(Duration::from_secs(1)), Err(RecvTimeoutError::Timeout));
        server.thaw().unwrap();
        assert_eq!(answered.recv_timeout(Duration::from_secs(20)).as_deref(), Ok("7"));
    });
}

#[test]
fn a_refused_statement_is_an_error_that_quotes_the_server() {
    let server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let error = server.sql("SELECT nothing FROM nowhere").unwrap_err().to_string();
    assert!(error.contains("nowhere' doesn't exist"), "{error}");
}

#[test]
fn a_pair_replicates_both_ways_hands_out_odd_and_even_numbers_and_catches_up_after_a_kill() {
    let mut pair = Pair::start().unwrap();
    pair.one.sql("CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY, word TEXT)").unwrap();
    pair.wait_in_step().unwrap();
    for word in ["a", "b"] {
        pair.one.sql(&format!("INSERT INTO t (word) VALUES ('one {word}')")).unwrap();
        pair.two.sql(&format!("INSERT INTO t (word) VALUES ('two {word}')")).unwrap();
    }
    pair.wait_in_step().unwrap();
    let rows = |server: &MariaDb| server.sql("SELECT id % 2, word FROM t ORDER BY word").unwrap();
    assert_eq!(rows(&pair.one), "1\tone a\n1\tone b\n0\ttwo a\n0\ttwo b");
    assert_eq!(rows(&pair.two), rows(&pair.one));

    pair.two.kill().unwrap();
    pair.one.sql("INSERT INTO t (word) VALUES ('while two was gone')").unwrap();
    pair.two.restart().unwrap();
    pair.two.sql("INSERT INTO t (word) VALUES ('since two is back')").unwrap();
    pair.wait_in_step().unwrap();
    assert_eq!(rows(&pair.two), rows(&pair.one));
    assert_eq!(pair.two.sql("SELECT COUNT(*) FROM t").unwrap(), "6");
}
