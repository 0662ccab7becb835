//! Secrets in files: keys and the operations token, as hex digits, readable by their owner only.

use rudp::Key;
use rudp::seal::KEY_BYTES;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The key of a server nobody has configured, in the data directory.
pub const DEV_KEY_FILE: &str = "dev.key";
/// The token that the operations API wants, in the data directory.
pub const OPS_TOKEN_FILE: &str = "ops.token";
/// A second one, for those who may look and do nothing.
pub const OPS_READ_TOKEN_FILE: &str = "ops-read.token";
/// A secret file is 64 digits and a line end; a longer one is something else.
const FILE_BYTES_MAX: u64 = 4_096;
/// A public key in PEM of the longest RSA kind has some 1,600 bytes.
const TEXT_BYTES_MAX: u64 = 16_384;

/// Why a secret cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// No such file, or not ours to read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Not 64 hex digits. The content is not shown: it may be a secret all the same.
    #[error("{} does not hold 32 bytes as 64 hex digits", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// Not a key of the kind that is wanted.
    #[error("{} cannot be used to check logins: {why}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// What is wrong; never the content.
        why: &'static str,
    },
    /// The data directory is full or not ours to write.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// The key in this file.
///
/// # Errors
/// It cannot be read or is no key.
pub fn key(path: &Path) -> Result<Key, SecretError> {
    Ok(Key::new(read(path)?))
}

/// The key in this file, which is made with random content if it is not there.
///
/// # Errors
/// It can neither be read nor made, or is no key.
pub fn key_or_new(path: &Path) -> Result<Key, SecretError> {
    Ok(Key::new(read_or_new(path)?))
}

/// The token in this file as its hex digits; made if it is not there.
///
/// # Errors
/// It can neither be read nor made, or is no token.
pub fn token_or_new(path: &Path) -> Result<String, SecretError> {
    Ok(to_hex(&read_or_new(path)?))
}

/// A secret or a public key that is text, without white space around it.
///
/// # Errors
/// It cannot be read or is no text.
pub fn text(path: &Path) -> Result<String, SecretError> {
    let text = read_text(path, TEXT_BYTES_MAX)?
        .ok_or_else(|| SecretError::Unfit { path: path.to_owned(), why: "it is no text" })?;
    Ok(text.trim().to_owned())
}

/// 32 bytes of the operating system's randomness.
///
/// # Panics
/// If the system has none to give; nothing secret can be made then.
pub fn random() -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

fn read_or_new(path: &Path) -> Result<[u8; KEY_BYTES], SecretError> {
    match read(path) {
        Err(SecretError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let bytes = random();
    let create = |error| SecretError::Create { path: path.to_owned(), error };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Under its own name only when it is whole: half a key would stop every later start.
    let unfinished = path.with_extension("unfinished");
    let _ = std::fs::remove_file(&unfinished);
    let mut file = options.open(&unfinished).map_err(create)?;
    file.write_all(format!("{}\n", to_hex(&bytes)).as_bytes()).and_then(|()| file.sync_all()).map_err(create)?;
    std::fs::rename(&unfinished, path).map_err(create)?;
    Ok(bytes)
}

fn read(path: &Path) -> Result<[u8; KEY_BYTES], SecretError> {
    let text = read_text(path, FILE_BYTES_MAX)?.unwrap_or_default();
    from_hex(text.trim()).ok_or_else(|| SecretError::Malformed { path: path.to_owned() })
}

/// What is in the file; none if that is no text.
fn read_text(path: &Path, bytes_max: u64) -> Result<Option<String>, SecretError> {
    let mut text = String::new();
    match std::fs::File::open(path).and_then(|file| file.take(bytes_max).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(SecretError::Read { path: path.to_owned(), error }),
    }
}

fn to_hex(bytes: &[u8; KEY_BYTES]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 2 * KEY_BYTES { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_its_owners_only_and_the_same_the_second_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(OPS_TOKEN_FILE);
        let token = token_or_new(&path).unwrap();
        assert_eq!(token.len(), 64);
        assert_eq!(token_or_new(&path).unwrap(), token);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_ne!(token_or_new(&dir.path().join("other")).unwrap(), token);
    }

    #[test]
    fn what_is_not_64_hex_digits_is_no_key_and_is_not_repeated_in_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        for content in ["", "12", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66), "hunter2"] {
            std::fs::write(&path, content).unwrap();
            let error = key(&path).unwrap_err();
            assert!(matches!(error, SecretError::Malformed { .. }), "{content}");
            assert!(!error.to_string().contains("hunter2"));
        }
        std::fs::write(&path, format!("{}\n", "0A".repeat(32))).unwrap();
        assert_eq!(key(&path).unwrap(), Key::new([10; 32]));
    }

    #[test]
    fn a_configured_key_is_never_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("missing");
        assert!(matches!(key(&path), Err(SecretError::Read { .. })));
        assert!(!path.exists());
    }
}
