//! Who may know whom: the floors of the house as one table, compared with every Cargo.toml of the workspace.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::checkout::Tree;

/// Adds a line to `problems` for every edge that is not in the table and every member that is not.
pub fn check(tree: &Tree, problems: &mut Vec<String>) {
    let Some(root) = tree.text("Cargo.toml") else { return };
    let Some(root) = parse("Cargo.toml", root, problems) else { return };
    if root.contains_key("package") {
        check_member("Cargo.toml", &root, problems);
    }
    let members = root.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    for member in members.into_iter().flatten().filter_map(Value::as_str) {
        let path = format!("{member}/Cargo.toml");
        match tree.text(&path) {
            Some(text) => {
                if let Some(manifest) = parse(&path, text, problems) {
                    check_member(&path, &manifest, problems);
                }
            }
            None => problems.push(format!("Cargo.toml: the member {member} has no Cargo.toml")),
        }
    }
}

fn parse(path: &str, text: &str, problems: &mut Vec<String>) -> Option<Table> {
    match text.parse::<Table>() {
        Ok(table) => Some(table),
        Err(error) => {
            problems.push(format!("{path}: not TOML: {}", error.message()));
            None
        }
    }
}

fn check_member(path: &str, manifest: &Table, problems: &mut Vec<String>) {
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or("");
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        problems.push(format!("{path}: {name} is not in the table of rooms (tools/xtask/src/tidy/edges.rs)"));
        return;
    };
    if manifest.get("lints").and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true)) {
        problems.push(format!("{path}: {name} does not take the lints of the workspace"));
    }
    for known in dependencies(manifest, &["dependencies", "build-dependencies"]) {
        if is_room(&known) && !room.knows.contains(&known.as_str()) {
            problems.push(format!("{path}: {name} may not know {known}: {}", allowed("it may know", room.knows)));
        }
        if room.floor <= PURE_FLOOR_MAX && OS_CRATES.contains(&known.as_str()) {
            problems.push(format!("{path}: {name} is pure and may not use {known}: the edge alone knows the machine"));
        }
    }
    for known in dependencies(manifest, &["dev-dependencies"]) {
        if is_room(&known) && !room.knows.contains(&known.as_str()) && !room.tests_know.contains(&known.as_str()) {
            let also = allowed("they may also know", room.tests_know);
            problems.push(format!("{path}: the tests of {name} may not know {known}: {also}"));
        }
    }
}

/// The packages named in those sections, at the top and under any `[target]`; renamed ones by their real name.
fn dependencies(manifest: &Table, sections: &[&str]) -> BTreeSet<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables =
        std::iter::once(manifest).chain(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    let listed = tables.flat_map(|table| sections.iter().filter_map(|section| table.get(*section)?.as_table()));
    let name = |(key, value): (&String, &Value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
    listed.flat_map(Table::iter).map(name).collect()
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|room| room.name == name)
}

fn allowed(what: &str, rooms: &[&str]) -> String {
    if rooms.is_empty() { format!("{what} no other room") } else { format!("{what} only {}", rooms.join(", ")) }
}

struct Room {
    name: &'static str,
    floor: u8,
    /// Rooms it may name in normal and build dependencies.
    knows: &'static [&'static str],
    /// Rooms that only its tests and benches may name.
    tests_know: &'static [&'static str],
}

/// The house, from the ground up. A room knows only rooms of lower floors, and of those only the ones named here.
const ROOMS: [Room; 17] = [
    Room { name: "netem", floor: 0, knows: &[], tests_know: &[] },
    Room { name: "counting", floor: 0, knows: &[], tests_know: &[] },
    Room { name: "ops-api", floor: 0, knows: &[], tests_know: &[] },
    Room { name: "ops-client", floor: 0, knows: &[], tests_know: &[] },
    Room { name: "stores", floor: 0, knows: &[], tests_know: &[] },
    Room { name: "protocol", floor: 1, knows: &[], tests_know: &[] },
    Room { name: "rudp", floor: 1, knows: &[], tests_know: &["counting", "netem"] },
    Room { name: "game", floor: 2, knows: &["protocol"], tests_know: &["counting"] },
    Room { name: "client", floor: 2, knows: &["protocol", "rudp"], tests_know: &["netem"] },
    Room {
        name: "server",
        floor: 3,
        knows: &["protocol", "rudp", "game"],
        tests_know: &["client", "counting", "netem"],
    },
    Room {
        name: "throng",
        floor: 4,
        knows: &["ops-api", "protocol", "rudp", "game", "server"],
        tests_know: &["netem", "ops-client", "stores"],
    },
    // Of `game` the content only: its bots judge the server by the rules that it ships.
    Room {
        name: "swarm",
        floor: 5,
        knows: &["client", "protocol", "rudp", "game", "netem", "ops-client"],
        tests_know: &[],
    },
    Room { name: "relay", floor: 5, knows: &["netem"], tests_know: &[] },
    Room { name: "admin", floor: 5, knows: &["ops-api", "ops-client", "protocol", "server"], tests_know: &[] },
    Room {
        name: "simulate",
        floor: 5,
        knows: &["netem", "protocol", "rudp", "game", "client", "server"],
        tests_know: &[],
    },
    Room {
        name: "measure",
        floor: 5,
        knows: &["netem", "counting", "protocol", "rudp", "game", "client", "ops-client", "server", "throng"],
        tests_know: &[],
    },
    Room { name: "xtask", floor: 5, knows: &["ops-client", "stores"], tests_know: &[] },
];

/// Floors up to this one are pure.
const PURE_FLOOR_MAX: u8 = 3;
/// Crates that reach for sockets, files, threads of their own or the randomness of the operating system.
const OS_CRATES: [&str; 9] = ["axum", "getrandom", "libc", "mio", "redb", "signal-hook", "socket2", "tokio", "ureq"];

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace]\nmembers = [\"a\"]\n";

    fn problems(member: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let member = format!("{member}\n[lints]\nworkspace = true\n");
        check(&Tree::of(&[("Cargo.toml", ROOT), ("a/Cargo.toml", &member)]), &mut problems);
        problems
    }

    #[test]
    fn every_edge_of_the_table_leads_down() {
        let floor = |name: &str| ROOMS.iter().find(|room| room.name == name).map(|room| room.floor).unwrap();
        for room in &ROOMS {
            for known in room.knows.iter().chain(room.tests_know) {
                assert!(floor(known) < room.floor, "{} knows {known}", room.name);
            }
        }
    }

    #[test]
    fn rudp_and_protocol_do_not_know_each_other_and_game_and_client_do_not() {
        for (room, known) in [("rudp", "protocol"), ("protocol", "rudp"), ("game", "client"), ("client", "game")] {
            for section in ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
            {
                let found = problems(&format!("[package]\nname = \"{room}\"\n[{section}]\n{known}.workspace = true"));
                assert_eq!(found.len(), 1, "{room} {section}: {found:?}");
                assert!(found[0].contains(&format!("{room} may not know {known}")), "{found:?}");
            }
        }
    }

    #[test]
    fn an_allowed_edge_passes_and_one_for_tests_only_passes_in_tests_only() {
        assert!(problems("[package]\nname = \"rudp\"\n[dev-dependencies]\nnetem.workspace = true").is_empty());
        assert_eq!(problems("[package]\nname = \"rudp\"\n[dependencies]\nnetem.workspace = true").len(), 1);
        assert!(
            problems("[package]\nname = \"server\"\n[dependencies]\nrudp.workspace = true\nserde = \"1\"").is_empty()
        );
    }

    #[test]
    fn a_renamed_dependency_is_known_by_its_real_name() {
        let member = "[package]\nname = \"game\"\n[dependencies]\nlink = { path = \"../rudp\", package = \"rudp\" }";
        assert_eq!(problems(member).len(), 1);
    }

    #[test]
    fn a_pure_room_that_reaches_for_the_machine_is_refused_and_a_tool_is_not() {
        assert_eq!(problems("[package]\nname = \"server\"\n[dependencies]\nmio.workspace = true").len(), 1);
        assert!(problems("[package]\nname = \"swarm\"\n[dependencies]\nmio.workspace = true").is_empty());
    }

    #[test]
    fn a_member_outside_the_table_without_lints_or_without_manifest_is_a_problem() {
        assert!(problems("[package]\nname = \"stranger\"")[0].contains("stranger is not in the table of rooms"));
        let mut found = Vec::new();
        check(&Tree::of(&[("Cargo.toml", ROOT), ("a/Cargo.toml", "[package]\nname = \"xtask\"")]), &mut found);
        assert!(found[0].contains("does not take the lints"), "{found:?}");
        found.clear();
        check(&Tree::of(&[("Cargo.toml", ROOT)]), &mut found);
        assert!(found[0].contains("the member a has no Cargo.toml"), "{found:?}");
    }

    #[test]
    fn the_root_package_is_a_room_too() {
        let mut found = Vec::new();
        let root = "[workspace]\nmembers = []\n[package]\nname = \"throng\"\n[dependencies]\nclient.workspace = true\n[lints]\nworkspace = true";
        check(&Tree::of(&[("Cargo.toml", root)]), &mut found);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("Cargo.toml: throng may not know client"));
    }
}
