//! The configuration as it was typed: which key, what value, by whom; and the list of what is wrong with it.

use crate::config::key::{KEYS, Ranged, nearest};
use rudp::server::Network;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Value;

/// Where configuration comes from, weakest first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file's name and text.
    pub file: Option<(String, String)>,
    /// The environment; only `THRONG_SECTION__KEY` variables are looked at.
    pub environment: Vec<(String, String)>,
    /// Flags: the key each stands for, the flag's name, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// Keys as typed. Each reader takes its key, notes what is wrong and answers with something usable.
#[derive(Debug, Default)]
pub struct Written {
    entries: BTreeMap<&'static str, Entry>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    /// Text from the environment or a flag, which knows no types; it is read as whatever the key wants.
    untyped: bool,
    origin: String,
}

/// Prefix of the environment's keys.
const ENVIRONMENT_PREFIX: &str = "THRONG_";

impl Written {
    /// Collects all sources.
    #[must_use]
    pub fn read(sources: &Sources) -> Self {
        let mut written = Self::default();
        if let Some((name, text)) = &sources.file {
            written.read_file(name, text);
        }
        written.read_environment(&sources.environment);
        for (key, flag, value) in &sources.flags {
            written.insert(key, Value::String(value.clone()), true, (*flag).to_owned());
        }
        written
    }

    /// Notes something wrong.
    pub fn problem(&mut self, sentence: String) {
        self.problems.push(sentence);
    }

    /// All that was wrong.
    #[must_use]
    pub fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// A whole number in its range.
    pub fn integer(&mut self, key: &'static str, range: Ranged) -> i64 {
        let Some(entry) = self.take(key) else { return range.default };
        let number = match &entry.value {
            Value::Integer(number) => Some(*number),
            Value::String(text) if entry.untyped => text.trim().replace('_', "").parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (range.min..=range.max).contains(&number) => number,
            _ => {
                let wanted = format!("a whole number from {} to {}", range.min, range.max);
                self.refuse(key, &entry, &wanted);
                range.default
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let Some(entry) = self.take(key) else { return default };
        let value = match &entry.value {
            Value::Boolean(value) => Some(*value),
            Value::String(text) if entry.untyped => text.trim().parse().ok(),
            _ => None,
        };
        value.unwrap_or_else(|| {
            self.refuse(key, &entry, "true or false");
            default
        })
    }

    /// A path; an empty text counts as not set.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let entry = self.take(key)?;
        match &entry.value {
            Value::String(text) => (!text.is_empty()).then(|| PathBuf::from(text)),
            _ => {
                self.refuse(key, &entry, "a path in quotes");
                None
            }
        }
    }

    /// A text; an empty one counts as not set.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let entry = self.take(key)?;
        match &entry.value {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            _ => {
                self.refuse(key, &entry, "a text in quotes");
                None
            }
        }
    }

    /// A list of paths; commas separate them where there are no types. An empty text among them counts as not there.
    pub fn paths(&mut self, key: &'static str) -> Vec<PathBuf> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let mut paths = entry.list(|text| Some(PathBuf::from(text))).unwrap_or_else(|| {
            self.refuse(key, &entry, "a list of paths like [\"login.pem\"]");
            Vec::new()
        });
        paths.retain(|path| !path.as_os_str().is_empty());
        paths
    }

    /// A list of texts that nobody is to read in a log; commas separate them where there are no types.
    pub fn secret_texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        let mut texts = entry.list(|text| Some(text.trim().to_owned())).unwrap_or_else(|| {
            self.problem(format!("{key} in {} must be a list of texts in quotes", entry.origin));
            Vec::new()
        });
        texts.retain(|text| !text.is_empty());
        texts
    }

    /// An IP address with port.
    pub fn address(&mut self, key: &'static str, default: SocketAddr) -> SocketAddr {
        let Some(entry) = self.take(key) else { return default };
        let address = entry.value.as_str().and_then(|text| text.trim().parse().ok());
        address.unwrap_or_else(|| {
            self.refuse(key, &entry, "an IP address and port like \"127.0.0.1:7777\" or \"[::1]:7777\"");
            default
        })
    }

    /// A list of addresses; commas separate them where there are no types.
    pub fn addresses(&mut self, key: &'static str) -> Vec<SocketAddr> {
        let Some(entry) = self.take(key) else { return Vec::new() };
        entry.list(|text| text.parse().ok()).unwrap_or_else(|| {
            self.refuse(key, &entry, "a list of IP addresses and ports like [\"203.0.113.7:7777\"]");
            Vec::new()
        })
    }

    /// A list of networks as address and bits; commas separate them where there are no types.
    pub fn networks(&mut self, key: &'static str, default: &[Network]) -> Vec<Network> {
        let Some(entry) = self.take(key) else { return default.to_vec() };
        entry.list(network).unwrap_or_else(|| {
            self.refuse(key, &entry, "a list of networks like [\"127.0.0.0/8\", \"::1/128\"]");
            default.to_vec()
        })
    }

    /// One of a few words; the first is the default.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1;
        let Some(entry) = self.take(key) else { return default };
        let typed = entry.value.as_str().unwrap_or_default();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == typed) {
            return *value;
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        self.refuse(key, &entry, &format!("one of {}", words.join(", ")));
        default
    }

    fn read_file(&mut self, name: &str, text: &str) {
        let table: toml::Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => return self.problem(parse_problem(name, text, &error)),
        };
        for (section, value) in table {
            match value {
                Value::Table(keys) => {
                    for (key, value) in keys {
                        self.insert(&format!("{section}.{key}"), value, false, name.to_owned());
                    }
                }
                value => self.insert(&section, value, false, name.to_owned()),
            }
        }
    }

    fn read_environment(&mut self, environment: &[(String, String)]) {
        for (name, value) in environment {
            let Some((section, key)) = name.strip_prefix(ENVIRONMENT_PREFIX).and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let key = format!("{}.{}", section.to_ascii_lowercase(), key.to_ascii_lowercase());
            self.insert(&key, Value::String(value.clone()), true, name.clone());
        }
    }

    fn insert(&mut self, typed: &str, value: Value, untyped: bool, origin: String) {
        if let Some(&key) = KEYS.iter().find(|&&key| key == typed) {
            self.entries.insert(key, Entry { value, untyped, origin });
            return;
        }
        let hint = nearest(typed).map_or_else(String::new, |key| format!("; did you mean {key}?"));
        self.problem(format!("{origin}: there is no key {}{hint}", typed.escape_default()));
    }

    fn take(&mut self, key: &'static str) -> Option<Entry> {
        assert!(KEYS.contains(&key), "{key} is read but not listed");
        self.entries.remove(key)
    }

    fn refuse(&mut self, key: &str, entry: &Entry, wanted: &str) {
        let found = match &entry.value {
            Value::String(text) if entry.untyped => format!("\"{}\"", text.escape_default()),
            value => value.to_string().lines().collect::<Vec<_>>().join(" "),
        };
        self.problem(format!("{}: {key} must be {wanted}, not {found}", entry.origin));
    }
}

impl Entry {
    /// All items of a list, if each of them can be read.
    fn list<T>(&self, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
        let texts: Vec<&str> = match &self.value {
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            Value::String(text) if self.untyped => text.split(',').filter(|part| !part.is_empty()).collect(),
            _ => return None,
        };
        texts.into_iter().map(|text| read(text.trim())).collect()
    }
}

/// `10.0.0.0/8`: the first address of a network, and how many bits of it count.
fn network(text: &str) -> Option<Network> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (std::net::IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let bits_max = if address.is_ipv4() { 32 } else { 128 };
    (bits <= bits_max).then_some(Network { address, bits })
}

/// The parser's complaint with its line, on one line.
pub fn parse_problem(name: &str, text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or(text).lines().count().max(1));
    let place = line.map_or_else(String::new, |line| format!(" line {line}"));
    format!("{name}{place}: {}", error.message().lines().collect::<Vec<_>>().join(" "))
}
