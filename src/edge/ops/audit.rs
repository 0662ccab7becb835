//! Which commands were given, by whom, and what came of them: the newest in memory, all of them in `DATA/audit.log`, a JSON
//! object on each line. Minting a connect token is no command: a login service does it two hundred times a second, and
//! `throng_tokens_minted_total` counts it.

use crate::edge::clock;
use ops_api::{AuditLine, AuditPage, Role};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file, in the data directory.
pub const AUDIT_FILE: &str = "audit.log";
/// A file that has grown beyond this is put aside as `audit.log.1`, in the place of the one before: 8 MiB, some 40,000 commands.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Lines that are kept in memory.
const RECENT_MAX: usize = 512;
/// Longest that a command's fields are in the log: what is longer is cut.
const FIELDS_BYTES_MAX: usize = 2_048;

/// The newest lines, in memory. Never locked while a disk is waited for.
#[derive(Debug, Default)]
pub struct Recent {
    number: u64,
    lines: VecDeque<AuditLine>,
}

/// All of them, on disk.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

/// What was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Address and port of whoever asked.
    pub from: String,
    /// The right that he had.
    pub role: Option<Role>,
    /// The command's name, as far as it has one.
    pub command: String,
    /// Its fields, as JSON.
    pub fields: String,
    /// What was answered.
    pub status: u16,
}

impl Recent {
    /// Keeps it; the line for the file.
    pub fn note(&mut self, given: Given, unix_s: u64) -> AuditLine {
        let Given { from, role, command, fields, status } = given;
        self.number += 1;
        let line = AuditLine {
            number: self.number,
            at: clock::utc(unix_s),
            from,
            role,
            command: shortened(command),
            fields: shortened(fields),
            status,
        };
        if self.lines.len() == RECENT_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.clone());
        line
    }

    /// The lines after one.
    pub fn page(&self, after: u64) -> AuditPage {
        let lines = self.lines.iter().filter(|line| line.number > after).cloned().collect();
        AuditPage { lines, newest: self.number }
    }
}

impl AuditFile {
    /// The file of this data directory. One that cannot be opened is tried again with each line.
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join(AUDIT_FILE), file: None, bytes: 0 }
    }

    /// Writes a line, and waits until the disk has it.
    ///
    /// # Errors
    /// The disk is full, or not ours to write.
    pub fn write(&mut self, line: &AuditLine) -> io::Result<()> {
        let written = self.append(line);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn append(&mut self, line: &AuditLine) -> io::Result<()> {
        if self.bytes > FILE_BYTES_MAX {
            self.file = None;
            match std::fs::rename(&self.path, self.path.with_extension("log.1")) {
                // Somebody else has put it aside.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.bytes = 0,
            }
        }
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&self.path)?;
            self.bytes = file.metadata()?.len();
            self.file = Some(file);
        }
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        if let Some(file) = &mut self.file {
            file.write_all(text.as_bytes())?;
            file.sync_data()?;
            self.bytes += text.len() as u64;
        }
        Ok(())
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > FIELDS_BYTES_MAX {
        let end = (0..=FIELDS_BYTES_MAX).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(command: &str) -> Given {
        let (from, fields) = ("127.0.0.1:1".to_owned(), "{\"who\":\"account:1\\n\"}".to_owned());
        Given { from, role: Some(Role::Operate), command: command.to_owned(), fields, status: 200 }
    }

    #[test]
    fn every_command_is_a_line_on_disk_and_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let (mut recent, mut file) = (Recent::default(), AuditFile::new(dir.path()));
        file.write(&recent.note(given("kick"), 951_782_400)).unwrap();
        file.write(&recent.note(given("ban"), 951_782_401)).unwrap();
        let text = std::fs::read_to_string(dir.path().join(AUDIT_FILE)).unwrap();
        let lines: Vec<AuditLine> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, recent.page(0).lines);
        assert_eq!((lines[0].at.as_str(), lines[1].command.as_str()), ("20000229T000000Z", "ban"));
        assert_eq!(recent.page(1).lines.len(), 1);
        AuditFile::new(dir.path()).write(&recent.note(given("say"), 1)).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join(AUDIT_FILE)).unwrap().lines().count(), 3, "it goes on");
    }

    #[test]
    fn a_long_file_is_put_aside_unless_somebody_else_has_and_long_fields_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (mut recent, mut file) = (Recent::default(), AuditFile::new(dir.path()));
        file.write(&recent.note(given("kick"), 1)).unwrap();
        file.bytes = FILE_BYTES_MAX + 1;
        let long = Given { fields: "é".repeat(5_000), ..given("say") };
        file.write(&recent.note(long, 2)).unwrap();
        let lines = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap().lines().count();
        assert_eq!((lines("audit.log"), lines("audit.log.1")), (1, 1));
        let cut = &recent.page(1).lines[0].fields;
        assert!(cut.len() < 2_100 && cut.ends_with("é..."));
        std::fs::remove_file(dir.path().join("audit.log")).unwrap();
        file.bytes = FILE_BYTES_MAX + 1;
        file.write(&recent.note(given("say"), 3)).unwrap();
        assert_eq!(lines("audit.log"), 1);
    }

    #[test]
    fn what_the_disk_does_not_take_is_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let (mut recent, mut file) = (Recent::default(), AuditFile::new(&dir.path().join("nowhere")));
        assert!(file.write(&recent.note(given("kick"), 1)).is_err());
        assert_eq!(recent.page(0).lines.len(), 1);
    }

    #[test]
    fn the_newest_are_kept_in_memory() {
        let mut recent = Recent::default();
        for _ in 0..RECENT_MAX + 3 {
            recent.note(given("kick"), 1);
        }
        let page = recent.page(0);
        assert_eq!((page.lines.len(), page.lines[0].number, page.newest), (RECENT_MAX, 4, RECENT_MAX as u64 + 3));
    }
}
