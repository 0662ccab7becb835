//! Tables of this build, of older ones, of newer ones and of others.

use super::bed::{Bed, Story, database, run, runtime};
use crate::edge::persistence::mariadb::migrations::{NEWEST, bring_up_to};
use protocol::CharacterId;
use server::{Parcel, Trouble};
use std::thread;

#[test]
fn tables_of_the_first_version_are_brought_up_to_date_with_all_that_is_in_them() {
    let (bed, mut story) = (Bed::bare(), Story::new(1));
    bed.run(bring_up_to(&bed.database.sessions, 1)).unwrap();
    assert_eq!(bed.sql("SELECT version FROM migrations"), "1");
    bed.write(&Parcel::of(story.go_on(100)));
    bed.run(bed.database.save(&[(CharacterId(1), 4, b"here")])).unwrap();
    let before = bed.dump();
    bed.run(bed.database.migrate()).unwrap();
    assert_eq!(bed.dump(), before);
    assert_eq!(bed.sql("SELECT MAX(version), COUNT(*) FROM migrations"), format!("{NEWEST}\t{NEWEST}"));
    bed.write(&Parcel::of(story.go_on(100)));
    assert_ne!(bed.dump(), before);
}

#[test]
fn a_migration_that_was_cut_short_is_made_again() {
    let bed = Bed::new();
    let before = bed.sql("SHOW TRIGGERS");
    bed.sql("DELETE FROM migrations WHERE version > 1; DROP TRIGGER leases_update; DROP TRIGGER names_insert");
    bed.run(bed.database.migrate()).unwrap();
    let names =
        |triggers: &str| triggers.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&bed.sql("SHOW TRIGGERS")), names(&before));
}

#[test]
fn several_that_migrate_at_once_do_not_collide() {
    let bed = Bed::bare();
    let migrate = |url: String| {
        let (runtime, database) = (runtime(), database(&url));
        run(&runtime, database.migrate())
    };
    let threads: Vec<_> =
        (0..4).map(|_| (bed.url(), migrate)).map(|(url, migrate)| thread::spawn(move || migrate(url))).collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
    assert_eq!(bed.sql("SELECT COUNT(*) FROM migrations"), NEWEST.to_string());
}

#[test]
fn a_newer_builds_tables_and_another_programs_are_refused_in_one_sentence() {
    let bed = Bed::new();
    bed.sql(&format!("INSERT INTO migrations VALUES ({}, 'later', 0)", NEWEST + 1));
    let error = bed.run(bed.database.migrate()).unwrap_err();
    assert_eq!(error.trouble, Trouble::Schema);
    let said = format!("has tables of version {}; this build knows versions up to {NEWEST}", NEWEST + 1);
    assert!(error.text.ends_with(&said), "{error}");

    let bed = Bed::bare();
    bed.sql("CREATE TABLE wp_posts (id INT)");
    let error = bed.run(bed.database.migrate()).unwrap_err();
    assert_eq!(error.trouble, Trouble::Schema);
    assert!(error.text.ends_with("has tables that are not ours"), "{error}");
    assert_eq!(bed.sql("SHOW TABLES"), "wp_posts");
}

#[test]
fn what_is_asked_of_a_database_without_tables_is_a_fault_of_its_schema() {
    let bed = Bed::bare();
    assert_eq!(bed.run(bed.database.load(CharacterId(1))).unwrap_err().trouble, Trouble::Schema);
}

/// A column that a later migration adds must be guarded, too.
#[test]
fn every_column_of_a_row_with_a_revision_is_guarded() {
    let bed = Bed::new();
    let columns = bed.sql(
        "SELECT c.table_name, c.column_name, \
         (SELECT COUNT(*) FROM information_schema.triggers AS t \
          WHERE t.trigger_schema = c.table_schema AND t.event_object_table = c.table_name \
          AND (t.action_statement LIKE CONCAT('%NEW.', c.column_name, ' = OLD.', c.column_name, '%') \
          OR t.action_statement LIKE CONCAT('%NEW.', c.column_name, ' = was.', c.column_name, '%'))) \
         FROM information_schema.columns AS c WHERE c.table_schema = DATABASE() AND c.column_key <> 'PRI' \
         AND c.table_name NOT IN ('migrations', 'incarnations', 'ledger', 'ledger_characters', 'forgotten')",
    );
    let unguarded: Vec<&str> = columns.lines().filter(|line| !line.ends_with("\t2")).collect();
    assert_eq!(unguarded, [""; 0]);
    assert!(columns.lines().count() > 30, "{columns}");
}
