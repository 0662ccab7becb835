//! How many instructions the hottest pieces of a tick are: the same number on every run of a build, however busy the machine
//! is, so that a change of one per cent can be seen. Needs valgrind.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::step::Steps;

/// What `benches/instructions.rs` calls them, and what they do.
const HOT: [(&str, &str); 5] = [
    ("hot_seal", "seal a packet of 200 bytes (aws-lc)"),
    ("hot_open", "open a packet of 64 bytes (aws-lc)"),
    ("hot_encode", "encode a difference"),
    ("hot_splice", "splice 28 records into a part"),
    ("hot_decode", "decode a part of 28 records"),
];
/// Calls of each.
const CALLS: u64 = 100;

/// Counts, and prints a Markdown table.
pub fn run(checkout: &Checkout, steps: &Steps) -> Result<()> {
    print!("{}", table(checkout, steps)?);
    Ok(())
}

/// A Markdown table of the counts.
pub fn table(checkout: &Checkout, steps: &Steps) -> Result<String> {
    if !is_there() {
        bail!("instructions are counted by valgrind, which is not there: install the package `valgrind`");
    }
    let binary = steps.run("build the instructions bench", || build(checkout))?;
    let mut rows = Vec::new();
    for (name, what) in HOT {
        let count = steps.run(&format!("count {name}"), || count(&binary, name))?;
        rows.push((what, count / CALLS));
    }
    Ok(markdown(&rows))
}

/// Whether there is a valgrind.
pub fn is_there() -> bool {
    let asked = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

fn build(checkout: &Checkout) -> Result<PathBuf> {
    let arguments = ["bench", "--package", "throng", "--bench", "instructions", "--no-run", "--message-format", "json"];
    let output = checkout.cargo(&arguments).stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the instructions bench does not build");
    }
    executable(&String::from_utf8_lossy(&output.stdout)).context("cargo does not say where the bench is")
}

/// The bench among what cargo tells, a JSON object a line.
fn executable(told: &str) -> Option<PathBuf> {
    let lines = told.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut benches = lines.filter(|line| line["target"]["name"] == "instructions");
    benches.find_map(|line| line["executable"].as_str().map(PathBuf::from))
}

fn count(binary: &PathBuf, name: &str) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg(format!("--toggle-collect=*{name}*"))
        .arg(binary)
        .output()
        .context("valgrind cannot be started")?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind failed: {}", told.lines().last().unwrap_or("it says nothing"));
    }
    collected(&told).filter(|count| *count > 0).with_context(|| format!("valgrind counted nothing in {name}"))
}

/// From the line `==123== Collected : 456`.
fn collected(told: &str) -> Option<u64> {
    let count = told.lines().find_map(|line| line.split_once("Collected :"))?.1;
    count.split_ascii_whitespace().next()?.parse().ok()
}

fn markdown(rows: &[(&str, u64)]) -> String {
    let rows = rows.iter().map(|(what, count)| format!("| {what} | {count} |\n"));
    format!("| what | instructions |\n|---|---|\n{}", rows.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_valgrind_and_cargo_tell_is_read() {
        let told = "==7== Callgrind, a call-graph generating cache profiler\n==7== Collected : 123456\n==7== \n";
        assert_eq!((collected(told), collected("==7== Collected :\n"), collected("")), (Some(123_456), None, None));
        let told = r#"{"reason":"compiler-artifact","target":{"name":"rudp"},"executable":null}
            {"target":{"name":"instructions"},"executable":"/x/instructions-1"}"#;
        assert_eq!(executable(told), Some(PathBuf::from("/x/instructions-1")));
        assert_eq!(executable("not json"), None);
    }

    #[test]
    fn a_row_says_what_and_how_many() {
        assert_eq!(markdown(&[("seal", 900)]), "| what | instructions |\n|---|---|\n| seal | 900 |\n");
    }

    #[test]
    fn every_piece_is_in_the_bench() {
        let bench = include_str!("../../../benches/instructions.rs");
        for (name, _) in HOT {
            assert_eq!(bench.matches(&format!("fn {name}(")).count(), 1, "{name}");
        }
        assert!(bench.contains(&format!("const CALLS: u64 = {CALLS};")));
    }
}
