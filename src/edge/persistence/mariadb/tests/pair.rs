//! Two servers, each the replica of the other, of which one was away.

use super::bed::{ONE, Story, database, dump, run, runtime, url};
use crate::edge::persistence::mariadb::{Database, Enlisted, Lease, LeaseAnswer, ServerId};
use protocol::CharacterId;
use server::{Parcel, StoreError};
use stores::{MariaDb, Pair};
use tokio::runtime::Runtime;

const ANN: CharacterId = CharacterId(1);

/// More than a database keeps.
const CONNECTIONS_TRIED: usize = 16;

struct Ends {
    pair: Pair,
    runtime: Runtime,
    one: Database,
    two: Database,
}

impl Ends {
    fn new() -> Self {
        let (pair, runtime) = (Pair::start().unwrap(), runtime());
        let (one, two) = (database(&url(&pair.one, "throng")), database(&url(&pair.two, "throng")));
        // Both at once, as two game servers that start together.
        run(&runtime, async {
            let (a, b) = tokio::join!(one.migrate(), two.migrate());
            a.unwrap();
            b.unwrap();
        });
        for database in [&one, &two] {
            assert_eq!(run(&runtime, database.pair_faults()), Ok(vec![]));
        }
        pair.wait_in_step().unwrap();
        Self { pair, runtime, one, two }
    }

    fn run<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> T {
        run(&self.runtime, work).unwrap()
    }

    /// The second does not hear the first any more.
    fn cut(&self) {
        self.pair.two.sql("STOP SLAVE").unwrap();
    }

    fn join(&mut self) {
        self.pair.one.restart().unwrap();
        self.pair.two.sql("START SLAVE").unwrap();
        self.pair.wait_in_step().unwrap();
        // Connections from before the kill are dead, and found to be by the first calls that use them.
        for _ in 0..CONNECTIONS_TRIED {
            if run(&self.runtime, self.one.ping()).is_ok() {
                return;
            }
        }
        panic!("the one that was started again lets nobody in");
    }

    /// What both hold.
    fn assert_same(&self) -> Vec<String> {
        let of = |server: &MariaDb| {
            let mut all = dump(server, "throng");
            all.push(server.sql("SELECT * FROM names ORDER BY folded").unwrap());
            all.push(server.sql("SELECT * FROM servers ORDER BY server_id").unwrap());
            all
        };
        let both = of(&self.pair.one);
        for (one, two) in both.iter().zip(of(&self.pair.two)) {
            let differs: Vec<_> = one.lines().zip(two.lines()).filter(|(one, two)| one != two).take(3).collect();
            assert!(*one == two, "{}: {differs:#?}", one.lines().next().unwrap_or_default());
        }
        both
    }
}

/// What the first had written was never heard of by the second, which was told the same and then more; when the first is
/// back, its old rows come late.
#[test]
fn after_a_cut_both_ends_hold_the_newest_of_everything_and_the_same() {
    let (mut ends, mut story) = (Ends::new(), Story::new(9));
    let postings = story.go_on(400);
    let cut: Vec<Parcel> = postings.chunks(80).map(|some| Parcel::of(some.to_vec())).collect();
    ends.run(ends.one.write(ONE, &cut[0]));
    ends.pair.wait_in_step().unwrap();
    ends.cut();
    for (parcel, revision) in cut[1..4].iter().zip(1..) {
        ends.run(ends.one.write(ONE, parcel));
        ends.run(ends.one.save(&[(ANN, revision, b"old"), (CharacterId(2), revision, b"only here")]));
    }
    ends.pair.one.kill().unwrap();
    // Not cut as before: of what is made and gone within one of them only its end is told.
    ends.run(ends.two.write(ONE, &Parcel::of(postings[80..300].to_vec())));
    ends.run(ends.two.write(ONE, &Parcel::of(postings[300..].to_vec())));
    ends.run(ends.two.save(&[(ANN, 9, b"new")]));
    let newest = dump(&ends.pair.two, "throng");
    ends.join();
    let two = ends.assert_same();
    let (gained, kept): (Vec<_>, Vec<_>) = two.iter().zip(&newest).partition(|(after, before)| after != before);
    assert!(kept.len() >= 8, "late rows changed what was newer: {gained:#?}");
    assert!(
        gained.iter().all(|(after, _)| after.starts_with("checkpoints")),
        "only what it had not heard: {gained:#?}"
    );
    for character in Story::people() {
        let kept = ends.run(ends.one.load(character)).unwrap_or_default();
        assert_eq!(kept.estate, story.estate(character));
    }
    let record = |database: &Database, character| {
        run(&ends.runtime, database.load(character)).unwrap().unwrap().checkpoint.unwrap()
    };
    assert_eq!(record(&ends.one, ANN), (9, b"new".to_vec()));
    assert_eq!(record(&ends.two, CharacterId(2)), (3, b"only here".to_vec()));

    // Of numbers of starts one end has the odd ones and the other the even ones.
    let odd = ends.run(ends.one.reserve_incarnations(ONE, 3));
    let even = ends.run(ends.two.reserve_incarnations(ONE, 3));
    assert!(odd.iter().all(|number| number % 2 == 1) && even.iter().all(|number| number % 2 == 0), "{odd:?} {even:?}");
    ends.pair.wait_in_step().unwrap();
    assert_eq!(ends.pair.one.sql("SELECT COUNT(*) FROM incarnations").unwrap(), "6");
    leases_and_names_after_a_cut(ends);
}

/// In the same pair: starting one takes seconds.
fn leases_and_names_after_a_cut(mut ends: Ends) {
    let enlist = |database: &Database, name: &str| match run(&ends.runtime, database.enlist(name, 5)).unwrap() {
        Enlisted::As(server) => server,
        other => panic!("{other:?}"),
    };
    let (a, b) = (enlist(&ends.one, "a"), enlist(&ends.one, "b"));
    let take = |database: &Database, server: ServerId, character| {
        run(&ends.runtime, database.take_lease(server, CharacterId(character))).unwrap()
    };
    assert_eq!(take(&ends.one, a, 1), LeaseAnswer::Taken { epoch: 1 });
    ends.pair.wait_in_step().unwrap();
    ends.cut();
    // At the first end alone: a logs in again. At the second: a drains that, and b takes it.
    assert_eq!(take(&ends.one, a, 1), LeaseAnswer::Taken { epoch: 2 });
    assert_eq!(take(&ends.one, a, 2), LeaseAnswer::Taken { epoch: 1 });
    let taken_by_one = run(&ends.runtime, ends.one.reserve_name("ada", CharacterId(1), protocol::AccountId(1)));
    ends.pair.one.kill().unwrap();
    assert_eq!(enlist(&ends.two, "a"), a, "a name has one number at both ends");
    assert_eq!(take(&ends.two, a, 1), LeaseAnswer::Taken { epoch: 2 });
    ends.run(ends.two.release_leases(a, &[Lease { character: ANN, epoch: 2 }]));
    assert_eq!(take(&ends.two, b, 1), LeaseAnswer::Taken { epoch: 3 });
    assert_eq!(take(&ends.two, b, 2), LeaseAnswer::Taken { epoch: 1 }, "it cannot know better");
    let taken_by_two = run(&ends.runtime, ends.two.reserve_name("ada", CharacterId(2), protocol::AccountId(2)));
    assert_eq!(taken_by_one, taken_by_two, "nor here");
    ends.join();
    ends.assert_same();
    let holders =
        ends.pair.one.sql("SELECT character_id, server_id, epoch, is_undrained FROM leases ORDER BY 1").unwrap();
    assert_eq!(holders, format!("1\t{}\t3\t1\n2\t{}\t1\t1", b.0, a.max(b).0));
    assert_eq!(
        ends.pair.one.sql("SELECT character_id FROM names WHERE folded = 'ada'").unwrap(),
        "1",
        "the first keeps it"
    );
}
