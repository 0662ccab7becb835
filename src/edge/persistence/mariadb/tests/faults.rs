//! Servers that are gone, silent, full or closed, and callers that give up.

use super::bed::{Bed, ONE, database, run, runtime, url};
use crate::edge::persistence::mariadb::Query;
use crate::edge::persistence::mariadb::session::{CONNECT_WITHIN, STATEMENT_WITHIN};
use protocol::CharacterId;
use server::{Parcel, Trouble};
use std::time::{Duration, Instant};
use stores::{MariaDb, MariaDbOptions};

/// What a busy machine adds to a time-out.
const LATE: Duration = Duration::from_secs(2);

fn parcel(upto: u64) -> Parcel {
    Parcel { upto, ..Parcel::default() }
}

#[test]
fn a_server_that_is_frozen_killed_closed_and_back_is_called_so_in_time_each_time() {
    let mut server = MariaDb::start(&MariaDbOptions::default()).unwrap();
    let (runtime, database) = (runtime(), database(&url(&server, "throng")));
    let write = |upto| run(&runtime, database.write(ONE, &parcel(upto))).map_err(|error| error.trouble);
    run(&runtime, database.migrate()).unwrap();
    assert_eq!(write(1), Ok(()));

    server.freeze().unwrap();
    let began = Instant::now();
    assert_eq!(write(2), Err(Trouble::Slow));
    assert!(began.elapsed() < STATEMENT_WITHIN + LATE, "{:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(write(2), Err(Trouble::Slow), "a new connection is not answered either");
    assert!(began.elapsed() < CONNECT_WITHIN + LATE, "{:?}", began.elapsed());
    server.thaw().unwrap();
    assert_eq!(write(2), Ok(()));
    assert_eq!(run(&runtime, database.watermark(ONE)), Ok(2));

    server.kill().unwrap();
    assert_eq!(write(3), Err(Trouble::Down));
    assert_eq!(write(3), Err(Trouble::Down), "nobody listens");
    server.restart().unwrap();
    assert_eq!(write(3), Ok(()));
    assert_eq!(run(&runtime, database.watermark(ONE)), Ok(3));

    server.sql("SET GLOBAL read_only = 1").unwrap();
    assert_eq!(write(4), Err(Trouble::ReadOnly));
    server.sql("SET GLOBAL read_only = 0").unwrap();
    assert_eq!(write(4), Ok(()));

    server.stop().unwrap();
    server.restart().unwrap();
    run(&runtime, async { tokio::time::sleep(Duration::from_millis(1_100)).await });
    assert_eq!(write(5), Ok(()), "a connection that was unused for so long is asked before it is relied on");
    run(&runtime, database.close());
}

#[test]
fn who_has_a_wrong_password_is_told_so_and_no_password_is_in_the_text() {
    let bed = Bed::new();
    let database = database(&bed.url().replace(":pw@", ":a-secret@"));
    let error = bed.run(database.ping()).unwrap_err();
    assert_eq!(error.trouble, Trouble::Credentials);
    assert!(!error.text.contains("a-secret") && !format!("{error:?}").contains("a-secret"), "{error}");
    let foreign = super::bed::database(&bed.url().replace(&bed.name, "mysql"));
    assert_eq!(bed.run(foreign.migrate()).unwrap_err().trouble, Trouble::Credentials);
}

#[test]
fn a_server_without_room_is_full_and_what_it_had_stays() {
    let small = ["--innodb_file_per_table=0", "--innodb_data_file_path=ibdata1:12M:autoextend:max:20M"];
    let options = MariaDbOptions { arguments: small.map(str::to_owned).to_vec(), ..MariaDbOptions::default() };
    let server = MariaDb::start(&options).unwrap();
    let (runtime, database) = (runtime(), database(&url(&server, "throng")));
    run(&runtime, database.migrate()).unwrap();
    let record = vec![7_u8; 200_000];
    let save = |number| run(&runtime, database.save(&[(CharacterId(number), 1, &record)]));
    let (number, error) = (1..200).find_map(|number| save(number).err().map(|error| (number, error))).unwrap();
    assert_eq!(error.trouble, Trouble::Full, "{error}");
    assert!(number > 5);
    let found = run(&runtime, database.load(CharacterId(number - 1))).unwrap().unwrap();
    assert_eq!(found.checkpoint, Some((1, record.clone())));
    assert_eq!(run(&runtime, database.load(CharacterId(number))), Ok(None));
}

#[test]
fn a_server_that_is_not_set_up_for_a_pair_is_told_what_it_needs() {
    let bed = Bed::bare();
    let said = format!("MariaDB at {} has AUTO_INCREMENT_INCREMENT = 1; one of a pair needs 2", bed.database.place());
    assert_eq!(bed.run(bed.database.pair_faults()), Ok(vec![said]));
}

/// What the server answers to the question that was given up must not pass for the answer to the next.
#[test]
fn a_connection_whose_caller_gave_up_in_the_middle_is_not_used_again() {
    let bed = Bed::new();
    bed.run(async {
        let within = Duration::from_millis(100);
        let long = "SELECT 7, SLEEP(1)";
        let asked = bed.database.with(async |session| session.rows::<(u64, u64)>(Query::Ping, long, Vec::new()).await);
        assert!(tokio::time::timeout(within, asked).await.is_err());
        let open = "START TRANSACTION";
        let left = bed.database.with(async |session| {
            session.say(Query::Begin, open).await?;
            session.say(Query::Ping, "DO SLEEP(1)").await
        });
        assert!(tokio::time::timeout(within, left).await.is_err());
        assert_eq!(bed.database.watermark(ONE).await, Ok(0));
    });
    bed.write(&parcel(1));
    assert_eq!(bed.sql("SELECT seq FROM watermarks"), "1", "no transaction was left open");
}

#[test]
fn of_many_callers_none_waits_for_ever_and_all_are_answered() {
    let bed = Bed::new();
    let parcels: Vec<_> = (1..=20).map(parcel).collect();
    bed.run(async {
        let all: Vec<_> = parcels.iter().map(|parcel| Box::pin(bed.database.write(ONE, parcel))).collect();
        for written in join_all(all).await {
            written.unwrap();
        }
    });
    assert_eq!(bed.run(bed.database.watermark(ONE)), Ok(20));
    let connections = bed.database.timings()[Query::Connect as usize].1.count();
    assert!(connections as usize <= crate::edge::persistence::mariadb::session::CONNECTIONS_MAX, "{connections}");
}

/// All at once.
async fn join_all<F: Future + Unpin>(mut all: Vec<F>) -> Vec<F::Output> {
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| match std::pin::Pin::new(one).poll(context) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
