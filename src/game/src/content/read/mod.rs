//! Content files become [`Content`], or a list of everything that is wrong with them.
//!
//! Three passes: texts become tables and names get their numbers; each entry is read by the file that knows its kind;
//! what entries say about each other is checked at the end. An entry with a mistake is left out of the third pass, so
//! that one mistake is one sentence.

mod classes;
mod effects;
mod figures;
mod items;
mod mobs;
mod names;
mod outcomes;
mod places;
mod reader;
mod rules;
mod skills;
mod whole;

use super::Content;
use super::table::{ContentId, Entry, Table};
pub(super) use names::{Kind, Named};
use names::{Names, is_name};
use reader::Reader;
use std::collections::BTreeMap;
use std::fmt;

/// One content file.
#[derive(Clone, Copy, Debug)]
pub struct ContentFile<'a> {
    /// Its name below the directory of the content, with `/`: `items.toml`, `places/meadow.toml`.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Everything that is wrong with content, one sentence each, in the order in which it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Problems {}

/// The file of the constants.
pub(super) const RULES_FILE: &str = "rules.toml";

impl Content {
    /// Reads content files for a map.
    ///
    /// All but `places/<map>.toml` must be there: a map without one has nobody living on it. Places of other maps are not
    /// looked at. `extent` is that of the map, west-east and south-north, in subunits.
    ///
    /// # Errors
    /// All that is wrong with any of the files.
    pub fn read(files: &[ContentFile<'_>], map: &str, extent: (i32, i32)) -> Result<Self, Problems> {
        let mut notes = Vec::new();
        let places_file = format!("places/{map}.toml");
        let mut tables = parse(files, &places_file, &mut notes);
        let mut names = Names::default();
        for kind in Kind::ALL {
            if let Some(table) = tables.get(kind.file()) {
                names.collect(kind, table, &mut notes);
            }
        }
        let mut content = Self::default();
        if let Some(table) = tables.remove(RULES_FILE) {
            content.rules = Reader::read(&mut notes, &names, (RULES_FILE, ""), table, rules::rules);
        }
        content.classes = entries(&mut tables, &names, &mut notes, classes::class);
        content.skills = entries(&mut tables, &names, &mut notes, skills::skill);
        content.effects = entries(&mut tables, &names, &mut notes, effects::effect);
        content.items = entries(&mut tables, &names, &mut notes, items::item);
        content.mobs = entries(&mut tables, &names, &mut notes, mobs::mob);
        if let Some(table) = tables.remove(places_file.as_str()) {
            let read = |reader: &mut Reader<'_>| places::places(reader, extent);
            content.places = Reader::read(&mut notes, &names, (&places_file, ""), table, read);
        }
        whole::check(&content, &places_file, &mut notes);
        if notes.is_empty() { Ok(content) } else { Err(Problems(notes)) }
    }
}

/// The tables of the files that are wanted, by name.
fn parse<'a>(
    files: &'a [ContentFile<'a>],
    places_file: &str,
    notes: &mut Vec<String>,
) -> BTreeMap<&'a str, toml::Table> {
    let needed: Vec<&str> = [RULES_FILE].into_iter().chain(Kind::ALL.map(Kind::file)).collect();
    let mut tables = BTreeMap::new();
    let mut seen: Vec<&str> = Vec::with_capacity(files.len());
    for file in files {
        if seen.contains(&file.name) {
            notes.push(format!("{} is given twice", file.name));
            continue;
        }
        seen.push(file.name);
        if !needed.contains(&file.name) && file.name != places_file {
            let is_other_map = file.name.starts_with("places/") && file.name.ends_with(".toml");
            if !is_other_map {
                let hint = super::nearest(file.name, needed.iter().copied().chain([places_file]));
                let hint = hint.map_or_else(String::new, |name| format!("; did you mean {name}?"));
                notes.push(format!("{}: there is no content file of this name{hint}", file.name));
            }
            continue;
        }
        match file.text.parse::<toml::Table>() {
            Ok(table) => _ = tables.insert(file.name, table),
            Err(error) => notes.push(syntax_problem(file, &error)),
        }
    }
    notes.extend(needed.iter().filter(|name| !seen.contains(name)).map(|name| format!("{name} is missing")));
    tables
}

/// The parser's complaint with its line, on one line.
fn syntax_problem(file: &ContentFile<'_>, error: &toml::de::Error) -> String {
    let line = error.span().map(|span| file.text.get(..span.start).unwrap_or(file.text).matches('\n').count() + 1);
    let place = line.map_or_else(String::new, |line| format!(" line {line}:"));
    format!("{}:{place} {}", file.name, error.message().lines().collect::<Vec<_>>().join(" "))
}

/// Every entry of a file; those with a mistake are noted and left out.
fn entries<Id: Named + ContentId, T: Entry<Id>>(
    tables: &mut BTreeMap<&str, toml::Table>,
    names: &Names,
    notes: &mut Vec<String>,
    read: fn(&mut Reader<'_>, Id, String) -> T,
) -> Table<Id, T> {
    let file = Id::KIND.file();
    let mut entries: BTreeMap<Id, T> = BTreeMap::new();
    for (name, value) in tables.remove(file).unwrap_or_default() {
        let toml::Value::Table(table) = value else {
            let name = name.escape_default();
            notes.push(format!("{file}: {name} must be a table that begins with [{name}]"));
            continue;
        };
        if !is_name(&name) {
            continue;
        }
        let before = notes.len();
        let entry = Reader::read(notes, names, (file, &name), table, |reader| {
            reader.needs(&["id"]);
            let id = reader.whole::<u16>("id", 1..=i64::from(u16::MAX));
            read(reader, Id::from_number(id.unwrap_or_default()), name.clone())
        });
        if notes.len() == before {
            // The second of a number was complained about when names were collected.
            entries.entry(entry.id()).or_insert(entry);
        }
    }
    Table::new(entries.into_values().collect()).unwrap_or_else(|id| unreachable!("{id:?} is a key and so there once"))
}

#[cfg(test)]
mod tests;
