//! Refusals to start: whoever mistyped a key at night is told so in one line.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::checkout::Checkout;
use crate::stage::{Place, wait_limited};

/// Starts the server in every way it must refuse and prints what it said; fails at the first that is not refused
/// with one line.
pub fn run(checkout: &Checkout, binary: &Path, scratch: &Path) -> Result<()> {
    unknown_key(checkout, binary, scratch)?;
    ports_in_use(checkout, binary, scratch)?;
    unreadable_key_file(checkout, binary, scratch)?;
    open_without_key(checkout, binary, scratch)
}

fn unknown_key(checkout: &Checkout, binary: &Path, scratch: &Path) -> Result<()> {
    let shipped = fs::read_to_string(checkout.root.join("config/server.toml")).unwrap_or_default();
    let mistyped = Mistyped::of(&shipped);
    let mut place = Place::new(checkout, binary, scratch, "unknown-key", &[])?;
    let config = place.data.with_file_name("server.toml");
    fs::write(&config, &mistyped.text).with_context(|| format!("{} cannot be written", config.display()))?;
    place.extra = vec!["--config".to_owned(), config.display().to_string()];
    expect_refusal("unknown key", &place, &[&mistyped.wrong, &mistyped.right])
}

fn ports_in_use(checkout: &Checkout, binary: &Path, scratch: &Path) -> Result<()> {
    let place = Place::new(checkout, binary, scratch, "game-port", &[])?;
    let _held = UdpSocket::bind(place.game).context("a free port was taken at once")?;
    expect_refusal("game port in use", &place, &[&place.game.port().to_string()])?;
    let place = Place::new(checkout, binary, scratch, "ops-port", &[])?;
    let _held = TcpListener::bind(place.ops).context("a free port was taken at once")?;
    expect_refusal("ops port in use", &place, &[&place.ops.port().to_string()])
}

/// The key file is replaced by a folder of its name: nobody can read that, not even root.
fn unreadable_key_file(checkout: &Checkout, binary: &Path, scratch: &Path) -> Result<()> {
    let place = Place::new(checkout, binary, scratch, "key-file", &[])?;
    place.start()?.kill()?;
    let key = key_file(&place.data).context("a first start left no key file in the data directory")?;
    fs::remove_file(&key).and_then(|()| fs::create_dir(&key)).context("the key file cannot be replaced")?;
    let name = key.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    expect_refusal("unreadable key file", &place, &[&name])
}

fn open_without_key(checkout: &Checkout, binary: &Path, scratch: &Path) -> Result<()> {
    let mut place = Place::new(checkout, binary, scratch, "open", &[])?;
    place.game.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    expect_refusal("beyond loopback without a key", &place, &[])
}

fn expect_refusal(name: &str, place: &Place, must_name: &[&str]) -> Result<()> {
    let log = place.data.with_file_name("refusal.err");
    let mut command: Command = place.command();
    let unwritable = || format!("{} cannot be written", log.display());
    command.stdout(Stdio::null()).stderr(File::create(&log).with_context(unwritable)?);
    let mut child = command.spawn().with_context(|| format!("{} cannot be started", place.binary.display()))?;
    let status = wait_limited(&mut child, REFUSAL_WITHIN)?;
    let Some(status) = status else {
        bail!("{name}: the server still ran after {} s instead of refusing to start", REFUSAL_WITHIN.as_secs());
    };
    let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    match fault_of_refusal(status.success(), &said, must_name) {
        None => {
            println!("  {name}: {}", said.trim_end());
            Ok(())
        }
        Some(fault) => bail!("{name}: {fault}"),
    }
}

/// Why an end is not a refusal as agreed, None when it is.
fn fault_of_refusal(success: bool, said: &str, must_name: &[&str]) -> Option<String> {
    let lines: Vec<&str> = said.lines().collect();
    if success {
        return Some("the server ended with 0 instead of refusing to start".to_owned());
    }
    let [line] = lines[..] else {
        return Some(format!("{} lines on stderr instead of one: {}", lines.len(), lines.join(" | ")));
    };
    if !line.starts_with(REFUSAL_PREFIX) {
        return Some(format!("the line does not begin with `{REFUSAL_PREFIX}`: {line}"));
    }
    let unnamed = must_name.iter().find(|word| !line.contains(**word))?;
    Some(format!("the line does not name `{unnamed}`: {line}"))
}

/// A configuration with one mistyped key.
struct Mistyped {
    text: String,
    wrong: String,
    right: String,
}

impl Mistyped {
    /// Drops one letter of the first long key of the shipped configuration; of `seal.backend` when it sets none.
    fn of(shipped: &str) -> Self {
        let table = shipped.parse::<Table>().unwrap_or_default();
        let key = table.iter().find_map(|(section, value)| {
            let (key, value) = value.as_table()?.iter().find(|(key, value)| is_plain_key(key, value))?;
            Some((section.clone(), key.clone(), value.clone()))
        });
        let fallback = || ("seal".to_owned(), "backend".to_owned(), Value::String("auto".to_owned()));
        let (section, right, value) = key.unwrap_or_else(fallback);
        // A letter of the middle: what is left is nearer to its origin than to any other key.
        let middle = right.len() / 2;
        let wrong = format!("{}{}", &right[..middle], &right[middle + 1..]);
        Self { text: format!("[{section}]\n{wrong} = {value}\n"), wrong, right }
    }
}

fn is_plain_key(key: &str, value: &Value) -> bool {
    key.len() >= KEY_LETTERS_MIN && key.is_ascii() && !value.is_table() && !value.is_array()
}

/// The first file under a data directory with `key` in its name.
fn key_file(data: &Path) -> Option<PathBuf> {
    let mut folders = vec![data.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_name().to_string_lossy().contains("key") {
                return Some(path);
            }
        }
    }
    None
}

/// How every refusal begins.
const REFUSAL_PREFIX: &str = "throng: ";
/// A refusal needs no patience: the configuration is read and ports are bound first.
const REFUSAL_WITHIN: Duration = Duration::from_secs(10);
/// Shorter keys mistyped by a letter may be near to several others.
const KEY_LETTERS_MIN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_failure_with_one_line_that_names_what_is_wrong() {
        let line = "throng: unknown key `bakend`, near `backend`\n";
        assert_eq!(fault_of_refusal(false, line, &["bakend", "backend"]), None);
        assert!(fault_of_refusal(true, line, &[]).is_some());
        assert!(fault_of_refusal(false, line, &["listen"]).unwrap().contains("does not name `listen`"));
        assert!(fault_of_refusal(false, "", &[]).unwrap().starts_with("0 lines"));
        assert!(fault_of_refusal(false, "throng: a\nthrong: b\n", &[]).unwrap().starts_with("2 lines"));
        assert!(fault_of_refusal(false, "Error: a\n", &[]).unwrap().contains("does not begin"));
    }

    #[test]
    fn a_key_is_mistyped_by_one_letter_and_keeps_section_and_value() {
        let mistyped = Mistyped::of("[a]\nkey = 1\n[limits]\nrequest_exempt = \"loopback\"\n");
        assert_eq!((mistyped.wrong.as_str(), mistyped.right.as_str()), ("requestexempt", "request_exempt"));
        assert_eq!(mistyped.text, "[limits]\nrequestexempt = \"loopback\"\n");
        let fallback = Mistyped::of("# every key has its default\n");
        assert_eq!(fallback.text, "[seal]\nbacend = \"auto\"\n");
    }

    #[test]
    fn the_key_file_is_found_by_name_and_not_mistaken_for_the_token() {
        let data = Checkout::find().unwrap().scratch("key-file-test").unwrap();
        fs::write(data.join("ops.token"), "").unwrap();
        assert_eq!(key_file(&data), None);
        fs::create_dir(data.join("private")).unwrap();
        fs::write(data.join("private/dev.key"), "").unwrap();
        assert_eq!(key_file(&data), Some(data.join("private/dev.key")));
        fs::remove_dir_all(data).unwrap();
    }
}
