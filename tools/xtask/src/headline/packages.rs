//! The packages that the server is made of, and by which counter each of them is seen at work.

use anyhow::Result;

use crate::judge::Line;
use crate::metrics::Metrics;
use crate::table::table;

/// A package, the file in which it does most of its work, and what counts that.
struct Package {
    name: &'static str,
    file: &'static str,
    /// What is counted, in words, and the lines of `/metrics` that are added up.
    counters: &'static [(&'static str, &'static [&'static str])],
}

const PACKAGES: [Package; 8] = [
    Package { name: "mio", file: "src/edge/reactor/dock.rs", counters: &[("polls", &["throng_reactor_wakes_total"])] },
    Package {
        name: "bincode",
        file: "src/protocol/src/codec.rs",
        counters: &[(
            "bytes of messages",
            &["throng_message_bytes_total{dir=\"in\"}", "throng_message_bytes_total{dir=\"out\"}"],
        )],
    },
    Package {
        name: "lz4_flex",
        file: "src/edge/persistence/journal/packing.rs",
        counters: &[
            ("bytes in", &["throng_journal_packed_bytes_total{dir=\"in\"}"]),
            ("bytes out", &["throng_journal_packed_bytes_total{dir=\"out\"}"]),
        ],
    },
    Package {
        name: "chacha20poly1305",
        file: "src/rudp/src/seal.rs",
        counters: &[
            ("packets sealed, by it or aws-lc", &["throng_packets_total{dir=\"out\"}"]),
            ("tokens opened", &["throng_transport_events_total{event=\"requests_admitted\"}"]),
        ],
    },
    Package { name: "bevy_ecs", file: "src/game/src/lib.rs", counters: &[("entities", &["throng_entities"])] },
    Package {
        name: "crossbeam",
        file: "src/edge/queues.rs",
        counters: &[(
            "queue items",
            &[
                "throng_queue_items_total{queue=\"inbound\"}",
                "throng_queue_items_total{queue=\"outbound\"}",
                "throng_queue_items_total{queue=\"store\"}",
            ],
        )],
    },
    Package {
        name: "redis",
        file: "src/edge/persistence/redis/mod.rs",
        counters: &[("checkpoints written", &["throng_store_rows_total{what=\"redis_checkpoints\"}"])],
    },
    Package {
        name: "mysql_async",
        file: "src/edge/persistence/mariadb/servers.rs",
        counters: &[
            ("checkpoints written", &["throng_store_rows_total{what=\"mariadb_checkpoints\"}"]),
            ("postings written", &["throng_store_rows_total{what=\"postings\"}"]),
        ],
    },
];

/// Package, file and counters of a run.
pub fn table_of(metrics: &Metrics) -> Result<String> {
    let mut rows = Vec::new();
    for package in &PACKAGES {
        let counts = package.counts(metrics)?;
        let moved: Vec<String> = counts.iter().map(|(what, count)| format!("{count:.0} {what}")).collect();
        rows.push(vec![package.name.to_owned(), package.file.to_owned(), moved.join(", ")]);
    }
    Ok(table(&["package", "file", "moved in this run"], &rows))
}

/// Each of them must have moved; in a short run nothing is written yet that is long enough to be packed.
pub fn lines(metrics: &Metrics, short: bool) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for package in PACKAGES.iter().filter(|package| !short || package.name != "lz4_flex") {
        let counts = package.counts(metrics)?;
        lines.extend(
            counts.iter().map(|(what, count)| Line::at_least(&format!("{}: {what}", package.name), *count, 1.0)),
        );
    }
    Ok(lines)
}

impl Package {
    fn counts(&self, metrics: &Metrics) -> Result<Vec<(&'static str, f64)>> {
        let sum = |names: &[&str]| names.iter().map(|name| metrics.value(name)).sum::<Result<f64>>();
        self.counters.iter().map(|(what, names)| Ok((*what, sum(names)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_package_is_used_in_the_file_that_is_named_for_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for Package { name, file, .. } in &PACKAGES {
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            assert!(code.contains(&format!("{name}::")), "{file} does not use {name}");
        }
    }

    #[test]
    fn a_counter_that_has_not_moved_is_told_of() {
        let page: String = PACKAGES
            .iter()
            .flat_map(|package| package.counters.iter().flat_map(|(_, names)| names.iter()))
            .map(|name| format!("{name} {}\n", u8::from(*name != "throng_reactor_wakes_total")))
            .collect();
        let lines = lines(&Metrics::of(&page), false).unwrap();
        let broken: Vec<&str> = lines.iter().filter(|line| !line.holds()).map(|line| line.what.as_str()).collect();
        assert_eq!(broken, ["mio: polls"]);
        assert!(table_of(&Metrics::of(&page)).unwrap().contains("3 queue items"));
        assert!(table_of(&Metrics::of("")).is_err());
    }
}
