//! One table of a content file: its keys are taken one by one, and what is wrong, or left over, is noted.
//!
//! Nothing here stops at a mistake. Whoever reads takes something usable in its place and goes on, so that all mistakes
//! of all files are told at once; an entry with a mistake is thrown away later.

use super::names::{Named, Names};
use crate::content::spelling::nearest;
use protocol::unit::{ANGLE_STEPS, SUBUNITS_PER_M, TICK_RATE_HZ};
use std::ops::RangeInclusive;
use toml::Value;

/// Most characters of a wrong value that a sentence repeats.
const FOUND_CHARS_MAX: usize = 60;

/// A table and where it stands.
pub(super) struct Reader<'a> {
    notes: &'a mut Vec<String>,
    names: &'a Names,
    /// The name of the file.
    file: &'a str,
    /// From the file to the table, as `fireball.outcomes[1]`; empty for the file itself.
    path: String,
    table: toml::Table,
    /// Every key that was asked for: those that there are.
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Reads a table with `read`, then notes the keys that nobody has asked for.
    pub(super) fn read<T>(
        notes: &'a mut Vec<String>,
        names: &'a Names,
        (file, path): (&'a str, &str),
        table: toml::Table,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut reader = Reader { notes, names, file, path: path.to_owned(), table, asked: Vec::new() };
        let value = read(&mut reader);
        reader.finish();
        value
    }

    /// Notes each of these keys that is not there.
    pub(super) fn needs(&mut self, keys: &[&'static str]) {
        for key in keys.iter().filter(|&&key| !self.table.contains_key(key)).copied().collect::<Vec<_>>() {
            self.asked.push(key);
            let place = self.place("");
            self.notes.push(format!("{}: {place}the key {key} is missing", self.file));
        }
    }

    /// Whether a key is there.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.asked.push(key);
        self.table.contains_key(key)
    }

    /// Takes a key that cannot be judged.
    pub(super) fn forget(&mut self, key: &'static str) {
        self.take(key);
    }

    /// Takes all that is left, which cannot be judged; the keys.
    pub(super) fn forget_all(&mut self) -> Vec<String> {
        std::mem::take(&mut self.table).into_iter().map(|(key, _)| key).collect()
    }

    /// Notes that something about a key is wrong.
    pub(super) fn complain(&mut self, key: &str, sentence: &str) {
        self.notes.push(format!("{}: {}: {sentence}", self.file, self.path_of(key)));
    }

    /// A whole number.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<T> {
        let value = self.take(key)?;
        match value.as_integer().filter(|number| range.contains(number)) {
            Some(number) => T::try_from(number).ok(),
            None => {
                self.refuse(key, &format!("a whole number from {} to {}", range.start(), range.end()), &value);
                None
            }
        }
    }

    /// A number, as what the game counts.
    pub(super) fn scaled(&mut self, key: &'static str, scale: Scale, range: RangeInclusive<f64>) -> Option<i32> {
        let value = self.take(key)?;
        let number = number(&value).filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(key, &format!("a number from {} to {}", range.start(), range.end()), &value);
        }
        number.map(|number| scale.rounded(number))
    }

    /// A time in seconds, as ticks.
    pub(super) fn seconds(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<u32> {
        self.scaled(key, Scale::TICKS, range).map(i32::unsigned_abs)
    }

    /// A length in metres, as subunits.
    pub(super) fn metres(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<i32> {
        self.scaled(key, Scale::SUBUNITS, range)
    }

    /// A share, as thousandths.
    pub(super) fn share(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<i32> {
        self.scaled(key, Scale::THOUSANDTHS, range)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        if value.as_bool().is_none() {
            self.refuse(key, "true or false", &value);
        }
        value.as_bool()
    }

    /// A text of 1 to 32 bytes for people.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.take(key)?;
        let text = value.as_str().filter(|text| (1..=32).contains(&text.len()) && !text.chars().any(char::is_control));
        if text.is_none() {
            self.refuse(key, "a text of 1 to 32 bytes in quotes", &value);
        }
        text.map(str::to_owned)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.take(key)?;
        let chosen = choices.iter().find(|(word, _)| value.as_str() == Some(word));
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.refuse(key, &format!("one of {}", words.join(", ")), &value);
        }
        chosen.map(|&(_, choice)| choice)
    }

    /// The number of something that has a name.
    pub(super) fn named<Id: Named>(&mut self, key: &'static str) -> Option<Id> {
        let value = self.take(key)?;
        self.resolve(key, &value)
    }

    /// The numbers of a list of names; none of them twice.
    pub(super) fn list_of<Id: Named + PartialEq>(&mut self, key: &'static str) -> Option<Vec<Id>> {
        let items = self.items(key, &format!("a list of names of {}", Id::KIND.plural()))?;
        let mut ids: Vec<Id> = Vec::with_capacity(items.len());
        let nobody = Id::from_number(0);
        for (at, item) in items.iter().enumerate() {
            let place = format!("{key}[{at}]");
            match self.resolve(&place, item) {
                Some(id) if id != nobody && ids.contains(&id) => {
                    self.complain(&place, &format!("{item} is listed twice"));
                }
                Some(id) => ids.push(id),
                None => {}
            }
        }
        Some(ids)
    }

    /// Two whole numbers, from and to; one number is both.
    pub(super) fn span(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<(u32, u32)> {
        let value = self.take(key)?;
        let numbers: Option<Vec<i64>> = match &value {
            Value::Integer(number) => Some(vec![*number, *number]),
            Value::Array(items) => items.iter().map(Value::as_integer).collect(),
            _ => None,
        };
        match numbers.as_deref() {
            Some(&[from, to]) if range.contains(&from) && range.contains(&to) && from <= to => {
                Some((from as u32, to as u32))
            }
            _ => {
                let (min, max) = (range.start(), range.end());
                self.refuse(key, &format!("a whole number from {min} to {max}, or two such as [from, to]"), &value);
                None
            }
        }
    }

    /// Two lengths in metres.
    pub(super) fn point(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<(i32, i32)> {
        let value = self.take(key)?;
        let numbers: Vec<f64> = value.as_array().into_iter().flatten().filter_map(number).collect();
        match numbers.as_slice() {
            &[x, y] if range.contains(&x) && range.contains(&y) => {
                Some((Scale::SUBUNITS.rounded(x), Scale::SUBUNITS.rounded(y)))
            }
            _ => {
                self.refuse(key, "a place in metres like [1500, 1500]", &value);
                None
            }
        }
    }

    /// How many of each item: `{ bread = 5 }`.
    pub(super) fn counts<Id: Named>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Vec<(Id, u32)>> {
        let value = self.take(key)?;
        let Value::Table(table) = value else {
            self.refuse(key, "a table of names and numbers", &value);
            return None;
        };
        let mut counts = Vec::with_capacity(table.len());
        for (name, count) in table {
            let place = format!("{key}.{}", name.escape_default());
            let id = self.resolve(&place, &Value::String(name));
            match count.as_integer().filter(|count| range.contains(count)) {
                Some(count) => counts.extend(id.map(|id| (id, count as u32))),
                None => {
                    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
                    self.refuse(&place, &wanted, &count);
                }
            }
        }
        Some(counts)
    }

    /// A table in this one.
    pub(super) fn inner<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Reader<'_>) -> T) -> Option<T> {
        match self.take(key)? {
            Value::Table(table) => Some(self.enter(key, table, read)),
            value => {
                self.refuse(key, "a table in braces", &value);
                None
            }
        }
    }

    /// A list of tables in this one; none if one of them is something else.
    pub(super) fn each<T>(&mut self, key: &'static str, mut read: impl FnMut(&mut Reader<'_>) -> T) -> Option<Vec<T>> {
        let items = self.items(key, "a list of tables in braces")?;
        let count = items.len();
        let mut values = Vec::with_capacity(count);
        for (at, item) in items.into_iter().enumerate() {
            let place = format!("{key}[{at}]");
            match item {
                Value::Table(table) => values.push(self.enter(&place, table, &mut read)),
                value => self.refuse(&place, "a table in braces", &value),
            }
        }
        (values.len() == count).then_some(values)
    }

    fn enter<T>(&mut self, key: &str, table: toml::Table, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let path = self.path_of(key);
        Reader::read(self.notes, self.names, (self.file, &path), table, read)
    }

    fn items(&mut self, key: &'static str, wanted: &str) -> Option<Vec<Value>> {
        match self.take(key)? {
            Value::Array(items) => Some(items),
            value => {
                self.refuse(key, wanted, &value);
                None
            }
        }
    }

    fn resolve<Id: Named>(&mut self, key: &str, value: &Value) -> Option<Id> {
        let Some(typed) = value.as_str() else {
            self.refuse(key, &format!("the name of {} in quotes", Id::KIND.with_article()), value);
            return None;
        };
        match self.names.find(typed) {
            Ok(id) => Some(id),
            Err(hint) => {
                let hint = hint.map_or_else(String::new, |name| format!("; did you mean \"{name}\"?"));
                let kind = Id::KIND.word();
                self.complain(key, &format!("there is no {kind} \"{}\"{hint}", typed.escape_default()));
                None
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.table.remove(key)
    }

    fn refuse(&mut self, key: &str, wanted: &str, found: &Value) {
        self.notes.push(format!("{}: {} must be {wanted}, not {}", self.file, self.path_of(key), shown(found)));
    }

    fn finish(self) {
        let place = self.place("");
        for key in self.table.keys() {
            let hint = nearest(key, self.asked.iter().copied());
            let hint = hint.map_or_else(String::new, |key| format!("; did you mean {key}?"));
            self.notes.push(format!("{}: {place}there is no key {}{hint}", self.file, key.escape_default()));
        }
    }

    fn path_of(&self, key: &str) -> String {
        let dot = if self.path.is_empty() || key.is_empty() { "" } else { "." };
        format!("{}{dot}{key}", self.path)
    }

    /// What stands before a sentence about the table itself.
    fn place(&self, key: &str) -> String {
        let path = self.path_of(key);
        if path.is_empty() { path } else { format!("{path}: ") }
    }
}

/// How many of something that the game counts make one of what people write.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    times: i32,
    over: i32,
}

impl Scale {
    /// Seconds.
    pub(super) const TICKS: Self = Self::new(TICK_RATE_HZ as i32, 1);
    /// Metres.
    pub(super) const SUBUNITS: Self = Self::new(SUBUNITS_PER_M, 1);
    /// Metres in a second.
    pub(super) const SUBUNITS_PER_TICK: Self = Self::new(SUBUNITS_PER_M, TICK_RATE_HZ as i32);
    /// Degrees.
    pub(super) const ANGLE: Self = Self::new(ANGLE_STEPS as i32, 360);
    /// Shares.
    pub(super) const THOUSANDTHS: Self = Self::new(1_000, 1);
    /// Chances.
    pub(super) const MILLIONTHS: Self = Self::new(1_000_000, 1);

    /// `times` for every `over`.
    pub(super) const fn new(times: i32, over: i32) -> Self {
        Self { times, over }
    }

    /// The nearest whole number, halves away from 0; but never nothing of something, because a time, a length or a
    /// chance that somebody has written down is meant. What is beyond an `i32` becomes its end.
    pub(super) fn rounded(self, number: f64) -> i32 {
        let whole = (number * f64::from(self.times) / f64::from(self.over)).round() as i32;
        match whole {
            0 if number > 0.0 => 1,
            0 if number < 0.0 => -1,
            whole => whole,
        }
    }
}

/// A number with or without a point; `None` for what is no number.
fn number(value: &Value) -> Option<f64> {
    match value {
        // Whatever is beyond 2^53 is out of every range, too.
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

/// A wrong value on one line, not too long.
fn shown(value: &Value) -> String {
    let text = value.to_string().lines().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(FOUND_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_halves_away_from_nothing() {
        for (seconds, ticks) in [(0.0, 0), (1.5, 90), (0.025, 2), (0.024, 1), (-0.025, -2), (600.0, 36_000)] {
            assert_eq!(Scale::TICKS.rounded(seconds), ticks, "{seconds} s");
        }
        assert_eq!(Scale::SUBUNITS.rounded(4_096.0), 4_096 * SUBUNITS_PER_M);
        assert_eq!(Scale::SUBUNITS_PER_TICK.rounded(6.0), protocol::motion::RUN_SPEED);
        assert_eq!((Scale::ANGLE.rounded(360.0), Scale::ANGLE.rounded(90.0)), (4_096, 1_024));
    }

    #[test]
    fn something_never_becomes_nothing_by_rounding() {
        assert_eq!(Scale::TICKS.rounded(0.001), 1);
        assert_eq!(Scale::THOUSANDTHS.rounded(-0.000_1), -1);
        assert_eq!(Scale::MILLIONTHS.rounded(1e-9), 1);
        assert_eq!(Scale::MILLIONTHS.rounded(0.0), 0);
    }

    #[test]
    fn what_is_beyond_every_number_becomes_the_last_one() {
        assert_eq!(Scale::SUBUNITS.rounded(1e300), i32::MAX);
        assert_eq!(Scale::SUBUNITS.rounded(-1e300), i32::MIN);
    }
}
