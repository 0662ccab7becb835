//! Against real servers, which are killed, frozen, filled and misled.

use super::nodes::{ANSWER_WITHIN, CONNECT_WITHIN};
use super::*;
use protocol::CharacterId;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use stores::Redis;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

/// A Redis and a connection to it, in the kind of runtime that the persistence thread has.
struct Bed {
    redis: Redis,
    hot: Hot,
    runtime: Runtime,
    _dir: TempDir,
}

impl Bed {
    fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let redis = Redis::start_with(dir.path(), arguments).unwrap();
        let hot = Hot::new(&redis.url()).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { redis, hot, runtime, _dir: dir }
    }

    fn keep(&mut self, checkpoints: &[Checkpoint<'_>]) -> Result<Vec<Each<Kept>>, StoreError> {
        self.runtime.block_on(self.hot.keep(checkpoints))
    }

    /// Whether so many checkpoints were kept as asked for, or the store's trouble.
    fn save(&mut self, character: CharacterId, revision: u64, record: &[u8]) -> Result<Kept, Trouble> {
        let answers = self.keep(&[Checkpoint { character, revision, record }]).map_err(|error| error.trouble)?;
        answers.into_iter().next().unwrap().map_err(|error| error.trouble)
    }

    fn newest(&mut self, character: CharacterId) -> Option<(u64, Vec<u8>)> {
        self.runtime.block_on(self.hot.newest(character)).unwrap()
    }

    fn enter(&mut self, who: CharacterId, stay: &Session) -> bool {
        self.runtime.block_on(self.hot.enter(&[(who, stay.clone())])).unwrap().pop().unwrap().unwrap()
    }

    fn leave(&mut self, who: CharacterId, stay: &Session, held: Duration) -> bool {
        self.runtime.block_on(self.hot.leave(&[(who, stay.clone())], held)).unwrap().pop().unwrap().unwrap()
    }

    fn session_of(&mut self, who: CharacterId) -> Option<Session> {
        self.runtime.block_on(self.hot.session_of(who)).unwrap()
    }

    fn ticket_of(&mut self, who: CharacterId) -> Option<Session> {
        self.runtime.block_on(self.hot.ticket_of(who)).unwrap()
    }

    fn claim(&mut self, lease: &Lease) -> Claim {
        self.runtime.block_on(self.hot.claim(std::slice::from_ref(lease), TTL)).unwrap().pop().unwrap().unwrap()
    }

    fn ask(&self, words: &[&str]) -> String {
        self.redis.ask(words).unwrap()
    }

    /// Milliseconds that a key has to live.
    fn lives_ms(&self, key: &str) -> u64 {
        self.ask(&["PTTL", key]).trim_start_matches(':').parse().unwrap_or_else(|_| panic!("{key} lives for ever"))
    }
}

/// Of a lease.
const TTL: Duration = Duration::from_secs(30);

fn stay(server: &str, epoch: u64) -> Session {
    Session { server: server.to_owned(), address: format!("{server}:7777"), epoch, since_ms: 5 }
}

fn lease(server: &str, epoch: u64) -> Lease {
    Lease { character: ANN, server: server.to_owned(), epoch }
}

#[test]
fn an_older_checkpoint_never_replaces_a_newer_one_and_each_lives_for_a_week() {
    let mut bed = Bed::new(&[]);
    assert_eq!(bed.save(ANN, 9, b"nine"), Ok(Kept::Yes));
    assert_eq!(bed.save(ANN, 10, b"ten\0\r\n\xff"), Ok(Kept::Yes), "ten is more than nine, whatever the texts say");
    assert_eq!(bed.save(ANN, 9, b"late"), Ok(Kept::NewerIsThere));
    assert_eq!(bed.newest(ANN), Some((10, b"ten\0\r\n\xff".to_vec())));
    assert_eq!(bed.newest(BOB), None);
    let (big, bigger) = ((1 << 53) + 1, (1 << 53) + 2);
    assert_eq!(bed.save(BOB, bigger, b""), Ok(Kept::Yes));
    assert_eq!(bed.save(BOB, big, b""), Ok(Kept::NewerIsThere), "also where floating point sees no difference");
    let week_ms = CHECKPOINT_TTL.as_millis() as u64;
    assert!((week_ms - 60_000..=week_ms).contains(&bed.lives_ms("throng:{player:1}:checkpoint")));
}

#[test]
fn in_a_batch_the_newest_of_each_wins_and_a_foreign_value_is_one_players_trouble() {
    let mut bed = Bed::new(&[]);
    bed.ask(&["LPUSH", "throng:{player:1}:checkpoint", "stranger"]);
    bed.ask(&["SET", "throng:{player:2}:checkpoint", "zzz no revision"]);
    let checkpoint = |character, revision| Checkpoint { character, revision, record: b"x" };
    let more = (3..=2_000).map(|id| checkpoint(CharacterId(id), 1));
    let batch: Vec<_> = [checkpoint(ANN, 1), checkpoint(BOB, 7), checkpoint(BOB, 6)].into_iter().chain(more).collect();
    let answers = bed.keep(&batch).unwrap();
    let error = answers[0].as_ref().unwrap_err();
    assert!(error.trouble == Trouble::Broken && error.text.contains("WRONGTYPE"), "{error}");
    assert_eq!((answers[1].clone(), answers[2].clone()), (Ok(Kept::Yes), Ok(Kept::NewerIsThere)));
    assert!(answers.len() == batch.len() && answers[3..].iter().all(|answer| *answer == Ok(Kept::Yes)));
    assert_eq!(bed.newest(CharacterId(2_000)), Some((1, b"x".to_vec())));
    let error = bed.runtime.block_on(bed.hot.newest(ANN)).unwrap_err();
    assert_eq!(error.trouble, Trouble::Broken, "{error}");
}

#[test]
fn a_value_that_is_not_ours_is_called_so_and_not_believed() {
    let mut bed = Bed::new(&[]);
    bed.ask(&["SET", "throng:{player:1}:checkpoint", "zzz no revision"]);
    bed.ask(&["HSET", "throng:{player:1}:session", "server", "x"]);
    let newest = bed.runtime.block_on(bed.hot.newest(ANN)).unwrap_err();
    let session = bed.runtime.block_on(bed.hot.session_of(ANN)).unwrap_err();
    for (error, key) in [(newest, "throng:{player:1}:checkpoint"), (session, "throng:{player:1}:session")] {
        assert!(error.trouble == Trouble::Broken && error.text.contains(key), "{error}");
    }
    assert!(bed.enter(ANN, &stay("a", 1)), "and ours takes its place");
}

#[test]
fn where_somebody_plays_is_known_until_he_leaves_and_then_for_a_while_where_he_was() {
    let mut bed = Bed::new(&[]);
    assert!(bed.enter(ANN, &stay("a", 9)));
    assert_eq!((bed.session_of(ANN), bed.session_of(BOB)), (Some(stay("a", 9)), None));
    let ttl_ms = SESSION_TTL.as_millis() as u64;
    assert!((ttl_ms - 20_000..=ttl_ms).contains(&bed.lives_ms("throng:{player:1}:session")));
    assert!(bed.leave(ANN, &stay("a", 9), Duration::from_secs(120)));
    assert_eq!((bed.session_of(ANN), bed.ticket_of(ANN)), (None, Some(stay("a", 9))));
    assert!((100_000..=120_000).contains(&bed.lives_ms("throng:{player:1}:ticket")));
    assert!(bed.enter(ANN, &stay("b", 10)));
    assert_eq!((bed.session_of(ANN), bed.ticket_of(ANN)), (Some(stay("b", 10)), None), "who is here needs none");
    assert!(bed.leave(ANN, &stay("b", 10), Duration::ZERO));
    assert_eq!((bed.session_of(ANN), bed.ticket_of(ANN)), (None, None), "nothing is held");
}

#[test]
fn what_a_server_says_late_of_an_older_stay_changes_nothing() {
    let mut bed = Bed::new(&[]);
    assert!(bed.enter(ANN, &stay("b", 10)));
    assert!(!bed.enter(ANN, &stay("a", 9)) && !bed.leave(ANN, &stay("a", 9), TTL));
    assert_eq!((bed.session_of(ANN), bed.ticket_of(ANN)), (Some(stay("b", 10)), None));
    assert!(bed.leave(ANN, &stay("b", 10), TTL));
    assert!(!bed.leave(ANN, &stay("a", 9), TTL));
    assert_eq!(bed.ticket_of(ANN), Some(stay("b", 10)));
}

#[test]
fn a_lease_is_granted_to_one_and_goes_to_another_only_under_a_higher_epoch() {
    let mut bed = Bed::new(&[]);
    assert_eq!(bed.claim(&lease("a", 9)), Claim::Granted);
    assert_eq!(bed.claim(&lease("a", 9)), Claim::Granted, "again");
    assert_eq!(bed.claim(&lease("b", 9)), Claim::Held(lease("a", 9)));
    assert_eq!(bed.claim(&lease("b", 10)), Claim::Granted);
    assert_eq!(bed.claim(&lease("a", 9)), Claim::Held(lease("b", 10)));
    let ttl_ms = TTL.as_millis() as u64;
    assert!((ttl_ms - 20_000..=ttl_ms).contains(&bed.lives_ms("throng:{player:1}:lease")));
}

#[test]
fn only_its_owner_renews_or_releases_a_lease() {
    let mut bed = Bed::new(&[]);
    bed.claim(&lease("a", 9));
    let all = [lease("a", 9), lease("b", 9), lease("a", 8), Lease { character: BOB, ..lease("a", 9) }];
    let renewed = bed.runtime.block_on(bed.hot.renew(&all, TTL * 10)).unwrap();
    assert_eq!(renewed, [Ok(true), Ok(false), Ok(false), Ok(false)]);
    assert!(bed.lives_ms("throng:{player:1}:lease") > 200_000);
    let released = bed.runtime.block_on(bed.hot.release(&all[1..])).unwrap();
    assert_eq!(released, [Ok(false), Ok(false), Ok(false)]);
    assert_eq!(bed.claim(&lease("b", 9)), Claim::Held(lease("a", 9)));
    assert_eq!(bed.runtime.block_on(bed.hot.release(&all[..1])).unwrap(), [Ok(true)]);
    assert_eq!(bed.claim(&lease("b", 1)), Claim::Granted);
}

#[test]
fn a_frozen_one_is_slow_within_the_time_set_and_works_again_when_thawed() {
    let mut bed = Bed::new(&[]);
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
    bed.redis.freeze().unwrap();
    for limit in [ANSWER_WITHIN, CONNECT_WITHIN] {
        let began = Instant::now();
        assert_eq!(bed.save(ANN, 2, b"b"), Err(Trouble::Slow));
        assert!(began.elapsed() < limit + Duration::from_secs(1), "{:?}", began.elapsed());
    }
    bed.redis.thaw().unwrap();
    assert_eq!(bed.save(ANN, 3, b"c"), Ok(Kept::Yes));
    assert_eq!(
        bed.newest(ANN),
        Some((3, b"c".to_vec())),
        "an answer to an earlier question is not taken for this one's"
    );
}

#[test]
fn while_it_is_dead_it_is_down_and_the_first_call_after_its_return_works() {
    let mut bed = Bed::new(&[]);
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
    bed.redis.kill().unwrap();
    assert_eq!(bed.save(ANN, 2, b"b"), Err(Trouble::Down));
    bed.redis.restart().unwrap();
    assert_eq!(bed.save(ANN, 3, b"c"), Ok(Kept::Yes));
    bed.redis.restart().unwrap();
    assert_eq!(bed.save(ANN, 4, b"d"), Ok(Kept::Yes), "it was away while nobody asked, and has forgotten the scripts");
    assert_eq!(bed.newest(ANN), Some((4, b"d".to_vec())));
}

#[test]
fn without_room_it_is_full_still_answers_and_takes_again_when_there_is_room() {
    let mut bed = Bed::new(&["--maxmemory-policy", "noeviction"]);
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
    bed.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(bed.save(ANN, 2, b"b"), Err(Trouble::Full));
    assert_eq!(bed.newest(ANN), Some((1, b"a".to_vec())));
    bed.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(bed.save(ANN, 2, b"b"), Ok(Kept::Yes));
}

#[test]
fn one_that_cannot_write_its_file_is_full() {
    let mut bed = Bed::new(&["--save", "3600 1"]);
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
    let answer = bed.ask(&["CONFIG", "GET", "dir"]);
    let dir = PathBuf::from(answer.lines().last().unwrap().trim());
    std::fs::create_dir(dir.join("dump.rdb")).unwrap();
    bed.ask(&["BGSAVE"]);
    let began = Instant::now();
    while !bed.ask(&["INFO", "persistence"]).contains("rdb_last_bgsave_status:err") {
        assert!(began.elapsed() < Duration::from_secs(10), "it saved over a folder");
    }
    assert_eq!(bed.save(ANN, 2, b"b"), Err(Trouble::Full));
}

#[test]
fn a_replica_is_read_only() {
    let mut bed = Bed::new(&[]);
    bed.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(bed.save(ANN, 1, b"a"), Err(Trouble::ReadOnly));
    bed.ask(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
}

#[test]
fn a_wrong_password_none_and_too_few_rights_are_called_credentials_and_no_text_has_the_password() {
    let mut bed = Bed::new(&["--requirepass", "right-0ne"]);
    let at = format!("127.0.0.1:{}", bed.redis.port());
    assert_eq!(bed.save(ANN, 1, b"a"), Err(Trouble::Credentials));
    bed.hot = Hot::new(&format!("redis://:wr0ng-one@{at}")).unwrap();
    let error = bed.keep(&[Checkpoint { character: ANN, revision: 1, record: b"a" }]).unwrap_err();
    assert_eq!(error.trouble, Trouble::Credentials);
    assert!(!error.text.contains("wr0ng-one") && error.text.contains(&at), "{error}");
    bed.hot = Hot::new(&format!("redis://:right-0ne@{at}")).unwrap();
    assert_eq!(bed.save(ANN, 1, b"a"), Ok(Kept::Yes));
    let mut limit = cmd("ACL");
    limit.arg(&["SETUSER", "reader", "on", ">pw", "~*", "+@read"]);
    bed.runtime.block_on(bed.hot.ask_each(vec![limit])).unwrap()[0].as_ref().unwrap();
    bed.hot = Hot::new(&format!("redis://reader:pw@{at}")).unwrap();
    assert_eq!(bed.save(ANN, 2, b"b"), Err(Trouble::Credentials));
    assert_eq!(bed.newest(ANN), Some((1, b"a".to_vec())));
}

#[test]
fn an_address_that_is_none_is_refused_and_one_where_nobody_listens_is_down() {
    for url in ["", "localhost", "http://:pw@localhost", "rediss://:pw@localhost"] {
        let error = Hot::new(url).err().unwrap();
        assert!(!error.text.contains("pw"), "{error}");
    }
    let mut bed = Bed::new(&[]);
    bed.redis.kill().unwrap();
    assert_eq!(bed.runtime.block_on(bed.hot.ping()).unwrap_err().trouble, Trouble::Down);
    bed.redis.restart().unwrap();
    assert_eq!(bed.runtime.block_on(bed.hot.ping()), Ok(()));
}

#[test]
fn what_listens_there_and_is_no_redis_is_broken() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut hot = Hot::new(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(hot.ping()).unwrap_err().trouble, Trouble::Broken);
    stranger.join().unwrap();
}

/// Arguments of one that can be in a cluster. Its port for the others is otherwise ten thousand above its own, which may be
/// too high.
fn cluster_arguments() -> Vec<String> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    ["--cluster-enabled", "yes", "--cluster-port", &port].map(str::to_owned).to_vec()
}

fn wait_cluster_ok(redis: &Redis) {
    let began = Instant::now();
    while !redis.ask(&["CLUSTER", "INFO"]).unwrap().contains("cluster_state:ok") {
        assert!(began.elapsed() < Duration::from_secs(20), "the cluster does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A Redis in cluster mode refuses what touches two slots at once, and scripts that touch what they did not name.
#[test]
fn a_cluster_takes_every_call() {
    let arguments = cluster_arguments();
    let mut bed = Bed::new(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    bed.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_cluster_ok(&bed.redis);
    let mut two = cmd("MGET");
    two.arg(&["throng:{player:1}:session", "throng:{player:2}:session"]);
    let refused = bed.runtime.block_on(bed.hot.ask_each(vec![two])).unwrap();
    assert!(refused[0].as_ref().unwrap_err().text.contains("CROSSSLOT"), "it would notice: {refused:?}");
    let batch = [ANN, BOB, CharacterId(3)].map(|character| Checkpoint { character, revision: 1, record: b"x" });
    assert_eq!(bed.keep(&batch).unwrap(), [Ok(Kept::Yes), Ok(Kept::Yes), Ok(Kept::Yes)]);
    assert_eq!(bed.newest(BOB), Some((1, b"x".to_vec())));
    assert!(bed.enter(ANN, &stay("a", 1)) && bed.leave(ANN, &stay("a", 1), TTL));
    assert_eq!((bed.session_of(ANN), bed.ticket_of(ANN)), (None, Some(stay("a", 1))));
    assert_eq!(bed.claim(&lease("a", 1)), Claim::Granted);
    assert_eq!(bed.runtime.block_on(bed.hot.renew(&[lease("a", 1)], TTL)).unwrap(), [Ok(true)]);
    assert_eq!(bed.runtime.block_on(bed.hot.release(&[lease("a", 1)])).unwrap(), [Ok(true)]);
}

/// Two servers with half of the slots each; then one slot is handed over, with one of its keys already there.
#[test]
fn what_another_server_of_a_cluster_has_is_asked_for_there() {
    const PEOPLE: u64 = 40;
    let first = cluster_arguments();
    let mut bed = Bed::new(&first.iter().map(String::as_str).collect::<Vec<_>>());
    let second = cluster_arguments();
    let other_dir = tempfile::tempdir().unwrap();
    let other = Redis::start_with(other_dir.path(), &second.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    bed.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    other.ask(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]).unwrap();
    bed.ask(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), &second[3]]);
    wait_cluster_ok(&bed.redis);
    wait_cluster_ok(&other);
    for revision in [1, 2] {
        let batch = (1..=PEOPLE).map(|id| Checkpoint { character: CharacterId(id), revision, record: b"x" });
        assert!(bed.keep(&batch.collect::<Vec<_>>()).unwrap().iter().all(|answer| *answer == Ok(Kept::Yes)));
    }
    let kept = [&bed.redis, &other].map(|redis| count(&redis.ask(&["DBSIZE"]).unwrap()));
    assert!(kept.iter().all(|kept| *kept > 5) && kept.iter().sum::<u64>() == PEOPLE, "{kept:?}");
    for id in 1..=PEOPLE {
        assert_eq!(bed.newest(CharacterId(id)), Some((2, b"x".to_vec())), "{id}");
    }

    // `{player:1}` moves from whoever has it to the other.
    let slot = bed.ask(&["CLUSTER", "KEYSLOT", "{player:1}"]);
    let slot = count(&slot);
    let (from, to) = if slot < 8_192 { (&bed.redis, &other) } else { (&other, &bed.redis) };
    let [from_id, to_id] = [from, to].map(|redis| last_line(&redis.ask(&["CLUSTER", "MYID"]).unwrap()));
    let slot = slot.to_string();
    to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).unwrap();
    from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).unwrap();
    let key = "throng:{player:1}:checkpoint";
    let moved = from.ask(&["MIGRATE", "127.0.0.1", &to.port().to_string(), key, "0", "5000"]).unwrap();
    assert!(moved.contains("OK"), "{moved}");
    assert_eq!(bed.newest(ANN), Some((2, b"x".to_vec())), "asked for where it is on its way to");
    assert_eq!(bed.save(ANN, 3, b"y"), Ok(Kept::Yes));
    let (from, to) = if slot.parse::<u64>().unwrap() < 8_192 { (&bed.redis, &other) } else { (&other, &bed.redis) };
    to.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).unwrap();
    from.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).unwrap();
    assert_eq!(bed.newest(ANN), Some((3, b"y".to_vec())), "and where it is now");
}

/// The number in an answer.
fn count(answer: &str) -> u64 {
    answer.trim().trim_start_matches(':').parse().unwrap_or_else(|_| panic!("{answer} is no number"))
}

fn last_line(answer: &str) -> String {
    answer.lines().last().unwrap_or_default().trim().to_owned()
}

/// Two thousand players are checkpointed every five seconds: 400 a second.
#[test]
fn two_thousand_checkpoints_take_a_small_part_of_the_five_seconds_they_have() {
    let mut bed = Bed::new(&[]);
    let record = [7; 600];
    let began = Instant::now();
    for revision in 1..=5 {
        let batch = (1..=2_000).map(|id| Checkpoint { character: CharacterId(id), revision, record: &record });
        assert!(bed.keep(&batch.collect::<Vec<_>>()).unwrap().iter().all(|answer| *answer == Ok(Kept::Yes)));
    }
    let took = began.elapsed();
    println!("keep: {:.0} records of 600 bytes a second", 10_000.0 / took.as_secs_f64());
    assert!(took < Duration::from_secs(10), "{took:?}");
}
