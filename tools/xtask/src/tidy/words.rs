//! Banned words, each with what to write instead.

use crate::rust_text::{RustText, is_word, line_of, word_positions};

/// Adds a line to `problems` for every banned word in the file.
pub fn check(path: &str, rust: &RustText, problems: &mut Vec<String>) {
    let pure = PURE_ROOMS.iter().any(|room| path.starts_with(room)) && !DOORS.iter().any(|door| path.starts_with(door));
    let mut found = Vec::new();
    for ban in &BANS {
        let text = match ban.place {
            Place::Code => &rust.code,
            Place::PureCode if pure => &rust.code,
            Place::PureCode => continue,
            Place::CodeAndComments => &rust.words,
        };
        found.extend(word_positions(text, ban.word).into_iter().map(|at| (line_of(text, at), ban.word, ban.instead)));
    }
    if pure {
        found
            .extend(random_maps(&rust.code).into_iter().map(|(at, word)| (line_of(&rust.code, at), word, MAP_INSTEAD)));
    }
    found.sort_unstable();
    problems.extend(found.into_iter().map(|(line, word, instead)| format!("{path}:{line}: `{word}`: {instead}")));
}

/// Uses of the standard library's randomly ordered maps: by full path, or in a list of imports.
fn random_maps(code: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("collections::") {
        let start = at + "collections::".len();
        let rest = &code[start..];
        let list = rest.trim_start().starts_with('{');
        let end = if list { rest.find(';') } else { rest.find(|char| !is_word(char)) }.unwrap_or(rest.len());
        for word in RANDOM_MAPS {
            found.extend(word_positions(&rest[..end], word).into_iter().map(|offset| (start + offset, word)));
        }
    }
    found
}

struct Ban {
    word: &'static str,
    place: Place,
    instead: &'static str,
}

enum Place {
    /// Code of any file.
    Code,
    /// Code of the pure rooms.
    PureCode,
    /// Code and comments of any file.
    CodeAndComments,
}

/// Rooms that are handed time, bytes and seeds, and never ask for them.
const PURE_ROOMS: [&str; 6] = ["src/rudp/", "src/protocol/", "src/game/", "src/server/", "src/client/", "tools/netem/"];

/// The client's socket and clock, which nothing in its room relies on, and what shows them in use.
const DOORS: [&str; 2] = ["src/client/src/driver.rs", "src/client/examples/"];

const BANS: [Ban; 12] = [
    Ban { word: "Instant::now", place: Place::PureCode, instead: "time is an argument, take `Now`" },
    Ban { word: "SystemTime::now", place: Place::PureCode, instead: "time is an argument, take `Now`" },
    Ban { word: "thread_rng", place: Place::PureCode, instead: "randomness is an argument, take a seed" },
    Ban { word: "rand::rng", place: Place::PureCode, instead: "randomness is an argument, take a seed" },
    Ban { word: "RandomState", place: Place::PureCode, instead: "name the hasher and its seed" },
    Ban { word: "dbg!", place: Place::Code, instead: "assert it, trace it or count it" },
    Ban { word: "todo!", place: Place::Code, instead: "write it, or return an error that says it is not there" },
    Ban {
        word: "unimplemented!",
        place: Place::Code,
        instead: "write it, or return an error that says it is not there",
    },
    Ban { word: "#[ignore", place: Place::Code, instead: "a test runs or does not exist" },
    Ban { word: "FIXME", place: Place::CodeAndComments, instead: "fix it, or state the limit as a fact" },
    Ban { word: "TODO", place: Place::CodeAndComments, instead: "do it, or state the limit as a fact" },
    Ban { word: "XXX", place: Place::CodeAndComments, instead: "say what is meant" },
];

/// Maps of the standard library whose order differs from run to run.
const RANDOM_MAPS: [&str; 2] = ["HashMap", "HashSet"];
const MAP_INSTEAD: &str = "its order is random, use hashbrown with a stated hasher, a BTreeMap or a slot table";

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check(path, &RustText::of(text), &mut problems);
        problems
    }

    #[test]
    fn the_clock_is_banned_in_pure_rooms_only_and_the_replacement_is_named() {
        let text = "fn a() {\n    let now = std::time::Instant::now();\n}";
        assert_eq!(
            problems("src/rudp/src/a.rs", text),
            ["src/rudp/src/a.rs:2: `Instant::now`: time is an argument, take `Now`"]
        );
        assert!(problems("src/edge/reactor.rs", text).is_empty());
        assert!(problems("tools/swarm/src/main.rs", text).is_empty());
        assert!(problems("src/client/src/driver.rs", text).is_empty());
    }

    #[test]
    fn every_pure_room_is_guarded_against_every_pure_ban() {
        let banned = "Instant::now(); SystemTime::now(); rand::thread_rng(); rand::rng(); RandomState::new();";
        for room in PURE_ROOMS {
            assert_eq!(problems(&format!("{room}src/a.rs"), banned).len(), 5, "{room}");
        }
    }

    #[test]
    fn standard_maps_are_found_by_path_and_in_lists_and_hashbrown_is_not_accused() {
        let text = "use std::collections::{\n    BTreeMap,\n    HashMap, hash_set,\n};\nuse hashbrown::HashMap;\nlet a: std::collections::HashSet<u8>;";
        let found = problems("src/game/src/a.rs", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("src/game/src/a.rs:3: `HashMap`: its order is random, use hashbrown"));
        assert!(found[1].starts_with("src/game/src/a.rs:6: `HashSet`"));
        assert!(problems("src/game/src/a.rs", "use std::collections::BTreeMap; struct HashMap;").is_empty());
        assert!(problems("src/config.rs", text).is_empty());
    }

    #[test]
    fn left_overs_are_banned_everywhere_also_in_comments() {
        let text = "// FIXME\n/* TODO */\n/// XXX\nfn a() { dbg!(1); todo!(\"x\"); unimplemented!(); }\n#[ignore = \"slow\"]\n#[ignore]";
        assert_eq!(problems("tools/admin/src/main.rs", text).len(), 8);
    }

    #[test]
    fn literals_and_longer_words_are_not_accused() {
        let text = "let a = \"TODO\"; my_dbg!(); let XXXL = TODOS; #[ignored]\n// calls Instant::now, which is banned";
        assert!(problems("src/rudp/src/a.rs", text).is_empty());
    }
}
