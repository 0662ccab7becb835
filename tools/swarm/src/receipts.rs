//! What the bots were told to be saved for good, written down where whoever looks into the stores later finds it.
//!
//! One line for each receipt: `unix_ms character transaction`, the transaction as 32 hex digits. Two bots that trade hear the
//! same one.

use anyhow::{Context, Result};
use rudp::time::NS_PER_MS;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What was heard is in the file after this at the latest.
const FLUSH_EVERY_NS: u64 = 100 * NS_PER_MS;

/// The file.
#[derive(Debug)]
pub struct Receipts {
    path: PathBuf,
    file: BufWriter<File>,
    flushed_ns: u64,
    is_clean: bool,
    /// Why nothing more can be written.
    fault: Option<std::io::Error>,
}

impl Receipts {
    /// Goes on behind what the file holds, if it is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.with_context(|| format!("the receipts cannot be written to {}", path.display()))?;
        let path = path.to_path_buf();
        Ok(Self { path, file: BufWriter::new(file), flushed_ns: 0, is_clean: true, fault: None })
    }

    /// A bot has heard one.
    pub fn note(&mut self, unix_ms: u64, character: u64, transaction: u128) {
        self.is_clean = false;
        let written = writeln!(self.file, "{unix_ms} {character} {transaction:032x}");
        self.fault = self.fault.take().or(written.err());
    }

    /// Once per turn: what was noted reaches the file in time.
    ///
    /// # Errors
    /// It did not: then the file proves nothing.
    pub fn flush(&mut self, now_ns: u64) -> Result<()> {
        if !self.is_clean && now_ns >= self.flushed_ns + FLUSH_EVERY_NS {
            let flushed = self.file.flush();
            self.fault = self.fault.take().or(flushed.err());
            (self.flushed_ns, self.is_clean) = (now_ns, true);
        }
        match self.fault.take() {
            Some(error) => Err(error).with_context(|| format!("a receipt is not written to {}", self.path.display())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_in_the_file_after_a_tenth_of_a_second_and_behind_what_was_there() {
        let path = std::env::temp_dir().join(format!("swarm-receipts-{}", std::process::id()));
        std::fs::write(&path, "before\n").unwrap();
        let mut receipts = Receipts::open(&path).unwrap();
        let said = || std::fs::read_to_string(&path).unwrap();
        receipts.note(7, 1_000_003, 0xab << 64 | 5);
        receipts.flush(FLUSH_EVERY_NS).unwrap();
        let line = "before\n7 1000003 00000000000000ab0000000000000005\n";
        assert_eq!(said(), line);
        receipts.note(8, 1_000_004, u128::MAX);
        receipts.flush(2 * FLUSH_EVERY_NS - 1).unwrap();
        assert_eq!(said(), line, "not yet");
        receipts.flush(2 * FLUSH_EVERY_NS).unwrap();
        assert_eq!(said(), format!("{line}8 1000004 {}\n", "f".repeat(32)));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let error = Receipts::open(Path::new("/nonexistent/receipts")).unwrap_err();
        assert!(error.to_string().contains("the receipts cannot be written to /nonexistent/receipts"));
        let mut full = Receipts::open(Path::new("/dev/full")).unwrap();
        full.note(1, 2, 3);
        assert!(full.flush(FLUSH_EVERY_NS).unwrap_err().to_string().contains("a receipt is not written to /dev/full"));
    }
}
