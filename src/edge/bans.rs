//! The bans on disk: `DATA/bans.json`, whole or not at all.
//!
//! The gate has them in force; this file is so that they outlive it. It is written by a thread of its own, because the
//! reactor waits for no disk.

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rudp::server::Network;
use serde::{Deserialize, Serialize};
use server::{BANS_MAX, Ban, Barred, Imposed, REASON_BYTES_MAX};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The file, in the data directory.
pub const BANS_FILE: &str = "bans.json";
/// What the file is written in. One that says another is not read.
const VERSION: u32 = 1;
/// Longest file: as many bans as there may be, each with the longest reason, every byte of it escaped.
const FILE_BYTES_MAX: u64 = (BANS_MAX * (REASON_BYTES_MAX * 6 + 256)) as u64;
/// Lists that may wait to be written; whoever asks for more meanwhile is told that the disk is behind.
const LISTS_WAITING_MAX: usize = 16;
/// What could not be written is tried again after so long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why the bans of the last start cannot be put in force. The server does not start: it would let in whoever was kept out.
#[derive(Debug, Error)]
pub enum BansError {
    /// It is there and not ours to read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no list of bans.
    #[error("{} is no list of bans: {why}; mend it, or move it away to start without any", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u32,
    bans: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    what: ops_api::Barred,
    until_unix_s: Option<u64>,
    reason: String,
    by: By,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Operator,
    Evidence,
}

/// As the gate knows whom an operator means.
pub fn barred(what: ops_api::Barred) -> Barred {
    match what {
        ops_api::Barred::Account(account) => Barred::Account(account),
        ops_api::Barred::Network(address, bits) => Barred::Network(Network { address, bits }),
    }
}

/// As an operator reads whom the gate means.
pub fn shown(what: Barred) -> ops_api::Barred {
    match what {
        Barred::Account(account) => ops_api::Barred::Account(account),
        Barred::Network(Network { address, bits }) => ops_api::Barred::Network(address, bits),
    }
}

/// The bans of the last start, without those that are over; none if there is no file.
///
/// # Errors
/// [`BansError`].
pub fn load(path: &Path, unix_s: u64) -> Result<Vec<Ban>, BansError> {
    let mut text = String::new();
    let damaged = |why: String| BansError::Damaged { path: path.to_owned(), why };
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)) {
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => return Err(damaged("it is too long".to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(damaged("it is no text".to_owned())),
        Err(error) => return Err(BansError::Read { path: path.to_owned(), error }),
    }
    let page: Page = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if page.version != VERSION {
        return Err(damaged(format!("it is of version {}, and this server reads {VERSION}", page.version)));
    }
    let bans: Vec<Ban> = page.bans.into_iter().map(ban_of).filter(|ban| is_on(ban, unix_s)).collect();
    if bans.len() > BANS_MAX {
        return Err(damaged(format!("it has {} bans, and there may be {BANS_MAX}", bans.len())));
    }
    Ok(bans)
}

fn is_on(ban: &Ban, unix_s: u64) -> bool {
    ban.until_unix_s.is_none_or(|until| until > unix_s)
}

fn ban_of(row: Row) -> Ban {
    let by = match row.by {
        By::Operator => Imposed::Operator,
        By::Evidence => Imposed::Evidence,
    };
    Ban { what: barred(row.what), until_unix_s: row.until_unix_s, reason: row.reason, by }
}

/// Writes the list in place of the one before: after a crash one of both is there, whole.
///
/// # Errors
/// What the system says; the former list is still there then.
fn save(path: &Path, bans: &[Ban]) -> io::Result<()> {
    let rows = bans.iter().map(|ban| Row {
        what: shown(ban.what),
        until_unix_s: ban.until_unix_s,
        reason: ban.reason.clone(),
        by: match ban.by {
            Imposed::Operator => By::Operator,
            Imposed::Evidence => By::Evidence,
        },
    });
    let page = Page { version: VERSION, bans: rows.collect() };
    let mut text = serde_json::to_string_pretty(&page)?;
    text.push('\n');
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    // The new name is on disk when the directory is.
    File::open(path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

/// Whom it is told that a list is on disk, or why it is not.
pub type Saved = Box<dyn FnOnce(Result<(), String>) + Send>;

/// A list to be written.
pub struct Entry {
    /// All bans.
    pub bans: Vec<Ban>,
    /// Who waits for it, if anybody does.
    pub saved: Option<Saved>,
}

/// Who writes the file.
pub struct Clerk {
    path: PathBuf,
    entries: Receiver<Entry>,
}

impl Clerk {
    /// One for this file, and the way to him.
    pub fn new(path: PathBuf) -> (Self, Sender<Entry>) {
        let (to_clerk, entries) = bounded(LISTS_WAITING_MAX);
        (Self { path, entries }, to_clerk)
    }

    /// Writes what comes until nobody is left who could send anything.
    pub fn run(self) {
        let mut unsaved: Option<Vec<Ban>> = None;
        loop {
            let next = match &unsaved {
                None => self.entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(_) => self.entries.recv_timeout(RETRY_AFTER),
            };
            let mut waiting = Vec::new();
            match next {
                Ok(entry) => {
                    // The newest list holds what all before it did.
                    for Entry { bans, saved } in std::iter::once(entry).chain(self.entries.try_iter()) {
                        unsaved = Some(bans);
                        waiting.extend(saved);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let result = self.write(unsaved.as_deref().unwrap_or_default());
            if result.is_ok() {
                unsaved = None;
            }
            waiting.into_iter().for_each(|saved| saved(result.clone()));
        }
        if let Some(bans) = unsaved {
            let _ = self.write(&bans);
        }
    }

    fn write(&self, bans: &[Ban]) -> Result<(), String> {
        save(&self.path, bans).map_err(|error| {
            tracing::error!(path = %self.path.display(), %error, "the bans cannot be saved, and are tried again");
            format!("cannot write {}: {error}", self.path.display())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(what: &str, until_unix_s: Option<u64>) -> Ban {
        let what = barred(what.parse().unwrap());
        Ban { what, until_unix_s, reason: "Flood \"\u{e9}\"".to_owned(), by: Imposed::Operator }
    }

    #[test]
    fn what_was_written_is_read_without_those_that_are_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BANS_FILE);
        assert_eq!(load(&path, 0).unwrap(), [], "there is no file yet");
        let evidence = Ban { by: Imposed::Evidence, ..ban("42", Some(100)) };
        let bans = [ban("10.0.0.0/8", None), evidence, ban("2001:db8::/32", Some(101))];
        save(&path, &bans).unwrap();
        assert_eq!(load(&path, 99).unwrap(), bans);
        assert_eq!(load(&path, 100).unwrap(), [bans[0].clone(), bans[2].clone()]);
        save(&path, &[]).unwrap();
        assert_eq!(load(&path, 0).unwrap(), []);
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [BANS_FILE], "nothing unfinished is left");
    }

    #[test]
    fn a_damaged_file_is_one_sentence_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BANS_FILE);
        for wrong in [
            "",
            "{",
            "{}",
            "{\"version\":2,\"bans\":[]}",
            "{\"version\":1,\"bans\":[{\"what\":\"somebody\",\"until_unix_s\":null,\"reason\":\"\",\"by\":\"operator\"}]}",
            "{\"version\":1,\"bans\":[],\"more\":1}",
        ] {
            std::fs::write(&path, wrong).unwrap();
            let error = load(&path, 0).unwrap_err().to_string();
            assert!(error.contains("is no list of bans") && error.lines().count() == 1, "{wrong}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(load(&path, 0).unwrap_err().to_string().contains("it is no text"));
    }

    #[test]
    fn whoever_waits_is_told_when_it_is_on_disk_and_the_newest_list_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(BANS_FILE);
        let (clerk, to_clerk) = Clerk::new(path.clone());
        let (told, results) = bounded(2);
        for account in ["1", "2"] {
            let told = told.clone();
            let saved: Saved = Box::new(move |result| told.send(result).unwrap());
            to_clerk.send(Entry { bans: vec![ban(account, None)], saved: Some(saved) }).ok().unwrap();
        }
        drop(to_clerk);
        clerk.run();
        assert_eq!(results.try_iter().collect::<Vec<_>>(), [Ok(()), Ok(())]);
        assert_eq!(load(&path, 0).unwrap(), [ban("2", None)]);
    }

    #[test]
    fn a_disk_that_refuses_is_said_in_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let (clerk, to_clerk) = Clerk::new(dir.path().join("not-there").join(BANS_FILE));
        let (told, results) = bounded(1);
        let saved: Saved = Box::new(move |result| told.send(result).unwrap());
        to_clerk.send(Entry { bans: Vec::new(), saved: Some(saved) }).ok().unwrap();
        drop(to_clerk);
        clerk.run();
        assert!(results.recv().unwrap().unwrap_err().starts_with("cannot write "));
    }
}
