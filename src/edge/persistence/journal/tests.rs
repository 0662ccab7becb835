use super::*;

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

fn save(character: CharacterId, revision: u64, bytes: &[u8]) -> Save {
    Save { character, revision, bytes: bytes.to_vec() }
}

fn commit(journal: &mut Journal, saves: &[Save]) -> Vec<u64> {
    let verdict = journal.commit(&Group { saves, ..Group::default() }).unwrap();
    let refused = saves.iter().zip(verdict.saves).filter(|(_, why)| why.is_some());
    refused.map(|(save, _)| save.revision).collect()
}

fn loaded(journal: &mut Journal, character: CharacterId) -> Option<(u64, Vec<u8>)> {
    journal.load(character).unwrap().unwrap().map(|saved| (saved.revision, saved.bytes))
}

#[test]
fn after_a_failure_the_next_call_opens_the_journal_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    commit(&mut journal, &[save(ANN, 1, b"one")]);
    journal.database = None;
    commit(&mut journal, &[save(ANN, 2, b"two")]);
    journal.database = None;
    assert_eq!(loaded(&mut journal, ANN), Some((2, b"two".to_vec())));
    journal.database = None;
    std::fs::rename(dir.path().join(JOURNAL_FILE), dir.path().join("away")).unwrap();
    std::fs::create_dir(dir.path().join(JOURNAL_FILE)).unwrap();
    assert!(matches!(journal.load(ANN), Err(JournalError::Closed(_))));
    std::fs::remove_dir(dir.path().join(JOURNAL_FILE)).unwrap();
    std::fs::rename(dir.path().join("away"), dir.path().join(JOURNAL_FILE)).unwrap();
    assert!(matches!(journal.load(ANN), Err(JournalError::Resting { .. })), "not at once");
    journal.end_pause();
    assert_eq!(loaded(&mut journal, ANN), Some((2, b"two".to_vec())));
}

#[test]
fn what_was_committed_is_there_after_the_file_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(commit(&mut journal, &[save(ANN, 3, b"ann"), save(BOB, 1, b"bob")]), [0; 0]);
    drop(journal);
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(loaded(&mut journal, ANN), Some((3, b"ann".to_vec())));
    assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())));
    assert_eq!(loaded(&mut journal, CharacterId(3)), None);
}

#[test]
fn an_older_revision_never_replaces_a_newer_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(commit(&mut journal, &[save(ANN, 5, b"new")]), [0; 0]);
    assert_eq!(commit(&mut journal, &[save(ANN, 4, b"old"), save(BOB, 1, b"bob")]), [4]);
    assert_eq!(loaded(&mut journal, ANN), Some((5, b"new".to_vec())));
    assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())), "the rest of the batch is saved");
    assert_eq!(commit(&mut journal, &[save(ANN, 7, b"seven"), save(ANN, 6, b"six")]), [6], "within a batch too");
}

#[test]
fn a_damaged_record_is_one_characters_trouble_and_is_not_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    commit(&mut journal, &[save(ANN, 1, b"ann"), save(BOB, 1, b"bob")]);
    let transaction = journal.begin_write();
    transaction.open_table(checkpoints::CHECKPOINTS).unwrap().insert(ANN.0, &b"\x01\x00 scribbled over"[..]).unwrap();
    transaction.commit().unwrap();
    assert!(matches!(journal.load(ANN).unwrap(), Err(RecordError::Checksum { .. })));
    assert_eq!(commit(&mut journal, &[save(ANN, 9, b"ann")]), [9]);
    assert_eq!(loaded(&mut journal, BOB), Some((1, b"bob".to_vec())));
}

#[test]
fn a_second_opener_is_told_who_holds_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = Journal::open(dir.path()).unwrap();
    let error = Journal::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("in use by another server (process {})", std::process::id())), "{error}");
}

#[test]
fn a_file_that_is_no_journal_is_refused_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(JOURNAL_FILE), vec![b'x'; 10_000]).unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert_eq!(error.to_string().lines().count(), 1);
}

/// A journal as the builds before layout 2 left it: no checksums on rows, no numbers, no facts.
fn first_layout(dir: &std::path::Path) {
    use game::Row;
    use redb::TableDefinition;
    let database = Database::create(dir.join(JOURNAL_FILE)).unwrap();
    let write = database.begin_write().unwrap();
    let estate = Estate { class: protocol::ClassId(2), coins: 70, ..Estate::default() };
    let (mut row, mut record) = (Vec::new(), Vec::new());
    estate.to_bytes(&mut row);
    record::encode(ANN, 9, b"ann", &mut record, &mut Packing::default());
    write.open_table(TableDefinition::<u64, &[u8]>::new("estates")).unwrap().insert(1, row.as_slice()).unwrap();
    write.open_table(TableDefinition::<u64, &[u8]>::new("estates")).unwrap().insert(2, &b"torn"[..]).unwrap();
    write.open_table(TableDefinition::<u64, &[u8]>::new("checkpoints")).unwrap().insert(1, record.as_slice()).unwrap();
    write.open_table(TableDefinition::<u128, ()>::new("applied")).unwrap().insert(5, ()).unwrap();
    write.open_table(TableDefinition::<u8, u32>::new("starts")).unwrap().insert(0, 4).unwrap();
    write.commit().unwrap();
}

#[test]
fn a_journal_of_the_first_layout_is_brought_up_with_all_that_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    first_layout(dir.path());
    for start in 5..7 {
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.estate(ANN).unwrap().unwrap().unwrap().coins, 70);
        assert!(journal.estate(BOB).unwrap().is_err(), "what could not be read then cannot be now");
        assert_eq!(loaded(&mut journal, ANN), Some((9, b"ann".to_vec())));
        assert_eq!(journal.count_start().unwrap(), start);
        assert_eq!(journal.fact(Fact::Format).unwrap(), outbox::FORMAT);
    }
}

#[test]
fn a_journal_of_a_newer_build_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    Journal::open(dir.path()).unwrap().set_fact(Fact::Format, outbox::FORMAT + 1).unwrap();
    for _ in 0..2 {
        let error = Journal::open(dir.path()).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found, .. } if found == outbox::FORMAT + 1), "{error}");
    }
}

#[test]
fn a_journal_keeps_its_name_and_no_other_has_it() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = Journal::open(one.path()).unwrap().id().unwrap();
    assert_eq!(Journal::open(one.path()).unwrap().id().unwrap(), name);
    assert_ne!(Journal::open(two.path()).unwrap().id().unwrap(), name);
}

/// Whatever bit the disk turns, the server does not start with something else than was written.
#[test]
fn a_turned_bit_anywhere_is_refused_mended_or_one_characters_trouble_and_never_another_truth() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    commit(&mut journal, &[save(ANN, 1, &[7; 3_000]), save(BOB, 4, b"bob")]);
    drop(journal);
    let whole = std::fs::read(dir.path().join(JOURNAL_FILE)).unwrap();
    let (mut refused, mut one_by_one) = (0, 0);
    // Every page, at some place in it that is not always the same.
    for (page, start) in (0..whole.len()).step_by(4_096).enumerate() {
        let mut damaged = whole.clone();
        let at = (start + page * 131 % 4_096).min(whole.len() - 1);
        damaged[at] ^= 1 << (page % 8);
        std::fs::write(dir.path().join(JOURNAL_FILE), damaged).unwrap();
        match Journal::open(dir.path()) {
            Err(error) => refused += u32::from(matches!(error, OpenError::Damaged { .. } | OpenError::Newer { .. })),
            Ok(mut journal) => {
                for (who, expected) in [(ANN, (1, vec![7; 3_000])), (BOB, (4, b"bob".to_vec()))] {
                    match journal.load(who) {
                        Ok(Ok(found)) => {
                            let found = found.map(|saved| (saved.revision, saved.bytes));
                            assert_eq!(found, Some(expected), "byte {at}");
                        }
                        Ok(Err(_)) | Err(_) => one_by_one += 1,
                    }
                }
            }
        }
    }
    assert!(refused > 0, "{refused} refused, {one_by_one} found one by one");
}

#[test]
fn a_file_that_ends_too_soon_is_refused_wherever_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    commit(&mut journal, &[save(ANN, 1, &[7; 3_000])]);
    drop(journal);
    let whole = std::fs::read(dir.path().join(JOURNAL_FILE)).unwrap();
    for eighth in 1..8 {
        std::fs::write(dir.path().join(JOURNAL_FILE), &whole[..whole.len() * eighth / 8]).unwrap();
        let error = Journal::open(dir.path()).expect_err("a part of it is missing");
        assert!(matches!(error, OpenError::Damaged { .. }), "{eighth} eighths: {error:?}");
    }
}
