//! A real server whose journal finds no room: by a limit on how long its files may be, which needs no rights and acts on a running
//! process.
#![allow(clippy::disallowed_methods, reason = "another process is waited for")]

mod guest;
mod program;

use guest::{Guest, creation, start};
use program::{Running, refused, throng};
use protocol::Refusal;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const JOURNAL: &str = "d/journal.redb";
/// Characters of an account: as many as a guest may ask for at once.
const EACH: usize = 4;

/// No file of the server may be longer, from now on; none: any length.
fn limit_files(running: &Running, bytes: Option<u64>) {
    let pid = Pid::from_raw(running.child.id().cast_signed());
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn stop(running: Running) {
    running.signal("-TERM");
    assert_eq!(running.exit_code(), Some(0));
}

fn kill(mut running: Running) {
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}

fn wait_not_ready(running: &Running) -> String {
    for _ in 0..400 {
        let answer = running.ask("/ready").unwrap();
        if answer.contains(" 503 ") && answer.contains("journal") {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("never unready");
}

fn state(running: &Running, dir: &Path) -> serde_json::Value {
    let token = std::fs::read_to_string(dir.join("d/ops.token")).unwrap();
    running.page("/api/v1/status", token.trim())["stores"].clone()
}

fn names(guest: &mut Guest) -> Vec<String> {
    guest.roster().into_iter().map(|row| row.name).collect()
}

#[test]
fn when_the_file_cannot_grow_whoever_asks_is_refused_and_when_it_can_all_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    // What a server leaves when it ends in peace is cut to what it needs, by half each time.
    for _ in 0..4 {
        stop(start(dir.path()));
    }
    let running = start(dir.path());
    let mut first = Guest::join(&running, dir.path(), 1_000_000);
    assert_eq!((first.roster().len(), first.create("Ada")), (0, Ok(())));
    let len = std::fs::metadata(dir.path().join(JOURNAL)).unwrap().len();
    limit_files(&running, Some(len));
    let mut told: Vec<Vec<String>> = Vec::new();
    let (mut guest, last) = 'full: loop {
        assert!(told.len() < 1_000, "it never was full");
        let account = told.len();
        let mut guest = Guest::join(&running, dir.path(), 1 + account as u64);
        told.push(names(&mut guest));
        for nth in 0..EACH {
            let name = format!("Nab{account}x{nth}");
            match guest.create(&name) {
                Ok(()) => told[account].push(name),
                Err(why) => {
                    assert_eq!(why, Refusal::NotSaved);
                    break 'full (guest, name);
                }
            }
        }
    };
    let made = told.iter().flatten().count();
    println!("{len} bytes are full after {made} characters");
    assert!(wait_not_ready(&running).contains("cannot be written (full)"));
    assert!(running.metric("throng_journal_errors_total{kind=\"full\"}") >= 1);
    let ticks = running.metric("throng_ticks_total");
    running.wait_metric("throng_ticks_total", ticks + 60);
    let stores = state(&running, dir.path());
    assert_eq!((&stores["journal"], &stores["journal_state"]), (&false.into(), &"full".into()));
    assert_eq!(stores["commits_undecided"], 0, "what is on disk is looked up although it is full");

    limit_files(&running, None);
    running.wait_ready();
    assert_eq!(guest.create(&last), Ok(()), "without a new start, and the name is free");
    told.last_mut().unwrap().push(last);
    kill(running);
    let running = start(dir.path());
    assert_eq!(names(&mut Guest::join(&running, dir.path(), 1_000_000)), ["Ada"]);
    for (account, told) in told.iter().enumerate() {
        let mut found = names(&mut Guest::join(&running, dir.path(), 1 + account as u64));
        found.sort();
        let mut told = told.clone();
        told.sort();
        assert_eq!(found, told, "account {account}");
    }
}

#[test]
fn a_disk_that_takes_nothing_at_all_ends_neither_the_server_nor_the_promise() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(dir.path());
    let [mut ann, mut bob] = [1, 2].map(|account| Guest::join(&running, dir.path(), account));
    assert_eq!((ann.roster().len(), bob.roster().len()), (0, 0));
    assert_eq!(ann.create("Ada"), Ok(()));
    limit_files(&running, Some(0));
    let asked = ann.tell(creation("Eve"));
    ann.wait_a_moment();
    wait_not_ready(&running);
    assert_eq!(bob.create("Bob"), Err(Refusal::NotSaved), "it is not even tried");
    let ticks = running.metric("throng_ticks_total");
    running.wait_metric("throng_ticks_total", ticks + 60);
    assert!(running.ask("/live").unwrap().contains(" 200 "));
    limit_files(&running, None);
    running.wait_ready();
    let eve = ann.answer(asked);
    assert_eq!(bob.create("Bob"), Ok(()));
    kill(running);
    let running = start(dir.path());
    let mut told = vec!["Ada".to_owned()];
    told.extend(eve.is_ok().then(|| "Eve".to_owned()));
    assert_eq!(names(&mut Guest::join(&running, dir.path(), 1)), told);
    assert_eq!(names(&mut Guest::join(&running, dir.path(), 2)), ["Bob"]);
}

#[test]
fn a_start_on_a_full_disk_is_one_sentence_and_the_next_one_with_room_goes_well() {
    let dir = tempfile::tempdir().unwrap();
    let on_full = || {
        let mut command = Command::new("sh");
        let program = throng(dir.path()).get_program().to_owned();
        command.current_dir(dir.path()).args(["-c", "ulimit -f 0 && exec \"$0\" \"$@\""]).arg(program);
        command.args(["--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "d"]);
        // Measured for coverage, a program leaves a file of its own at its end and would complain that it cannot.
        command.env("LLVM_PROFILE_FILE", "/dev/null");
        command
    };
    for _ in 0..2 {
        let said = refused(&mut on_full(), 1);
        assert!(said.contains("d/journal.redb") && said.contains("File too large"), "{said}");
        assert!(!dir.path().join(JOURNAL).exists(), "half a journal would be taken for a damaged one");
    }
    let running = start(dir.path());
    let mut guest = Guest::join(&running, dir.path(), 1);
    assert_eq!((guest.roster().len(), guest.create("Ada")), (0, Ok(())));
    kill(running);
    let said = refused(&mut on_full(), 1);
    assert!(said.contains("File too large") && !said.contains("damaged"), "{said}");
    let running = start(dir.path());
    assert_eq!(names(&mut Guest::join(&running, dir.path(), 1)), ["Ada"]);
}
