//! All benches in one run, and one Markdown table of what they found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::instructions;
use crate::step::Steps;

/// Runs every bench of the workspace, those whose name contains `only` if it is given, and writes the table into `out`.
pub fn run(checkout: &Checkout, steps: &Steps, only: Option<&str>, out: Option<&Path>) -> Result<()> {
    let mut benches = benches_of(&metadata(checkout)?);
    benches.retain(|(_, bench)| only.is_none_or(|part| bench.contains(part)));
    if benches.is_empty() {
        bail!("no bench has {} in its name", only.unwrap_or("anything"));
    }
    // What earlier runs left there is not of this one.
    let began = SystemTime::now();
    for (package, bench) in &benches {
        steps.run(&format!("bench {bench} of {package}"), || {
            checkout.run_cargo(&["bench", "--package", package, "--bench", bench])
        })?;
    }
    let target = checkout.target_folder()?;
    let mut rows = Vec::new();
    collect(&target.join("criterion"), began, &mut rows)?;
    if rows.is_empty() && only != Some("instructions") {
        bail!("the benches left no figures");
    }
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    let mut text = markdown(&rows, &machine());
    if only.is_none_or(|part| "instructions".contains(part)) {
        text += "\n";
        text += &match instructions::is_there() {
            true => instructions::table(checkout, steps)?,
            false => "Instructions were not counted: valgrind is not there.\n".to_owned(),
        };
    }
    print!("{text}");
    let file = out.map_or_else(|| target.join("bench-report.md"), Path::to_path_buf);
    fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    println!("written to {}", file.display());
    Ok(())
}

fn metadata(checkout: &Checkout) -> Result<Value> {
    let mut cargo = checkout.cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    serde_json::from_slice(&output.stdout).context("`cargo metadata` gave no JSON")
}

/// Package and name of each bench.
fn benches_of(metadata: &Value) -> Vec<(String, String)> {
    let mut benches = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_bench = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bench"));
            if let (true, Some(package), Some(name)) = (is_bench, package["name"].as_str(), target["name"].as_str()) {
                benches.push((package.to_owned(), name.to_owned()));
            }
        }
    }
    benches
}

/// What one bench took, nanoseconds.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    name: String,
    median_ns: f64,
    /// In which it lies with 95 % confidence.
    between_ns: [f64; 2],
    /// Bytes or elements of one pass, if it says how many.
    amount: Option<(f64, &'static str)>,
}

/// Everything that criterion has left below this folder since then: `new/estimates.json` beside `new/benchmark.json`.
fn collect(folder: &Path, since: SystemTime, rows: &mut Vec<Row>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let files = [path.join("estimates.json"), path.join("benchmark.json")];
        if path.file_name().is_some_and(|name| name == "new") && files.iter().all(|file| is_since(file, since)) {
            let read = |file: &PathBuf| -> Result<Value> {
                let text = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
                serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))
            };
            rows.push(row(&read(&files[0])?, &read(&files[1])?).context("criterion wrote what is not understood")?);
        } else {
            collect(&path, since, rows)?;
        }
    }
    Ok(())
}

fn is_since(file: &Path, since: SystemTime) -> bool {
    fs::metadata(file).and_then(|about| about.modified()).is_ok_and(|modified| modified >= since)
}

fn row(estimates: &Value, benchmark: &Value) -> Option<Row> {
    let median = &estimates["median"];
    let interval = &median["confidence_interval"];
    let per = |unit: &str| benchmark["throughput"].get(unit).and_then(Value::as_f64);
    let bytes = per("Bytes").map(|bytes| (bytes, "B"));
    Some(Row {
        name: benchmark["full_id"].as_str()?.to_owned(),
        median_ns: median["point_estimate"].as_f64()?,
        between_ns: [interval["lower_bound"].as_f64()?, interval["upper_bound"].as_f64()?],
        amount: bytes.or_else(|| per("Elements").map(|elements| (elements, "elements"))),
    })
}

fn markdown(rows: &[Row], machine: &str) -> String {
    let mut text = format!("{machine}\n\n| bench | median | 95 % between | each |\n|---|---|---|---|\n");
    for Row { name, median_ns, between_ns: [least, most], amount } in rows {
        let each = amount.map_or_else(String::new, |(count, unit)| match unit {
            "B" => format!("{:.2} GB/s", count / median_ns),
            _ => format!("{} a piece", time(median_ns / count)),
        });
        text.push_str(&format!("| {name} | {} | {} to {} | {each} |\n", time(*median_ns), time(*least), time(*most)));
    }
    text
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// Processor, how many of it, and the compiler: what a figure means nothing without.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler =
        compiler.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("{count} x {}, {compiler}", model.unwrap_or("a processor that does not say its name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn benches_are_found_by_their_kind() {
        let metadata = json!({ "packages": [
            { "name": "rudp", "targets": [{ "name": "rudp", "kind": ["lib"] }, { "name": "transport", "kind": ["bench"] }] },
            { "name": "xtask", "targets": [{ "name": "xtask", "kind": ["bin"] }] },
        ] });
        assert_eq!(benches_of(&metadata), [("rudp".to_owned(), "transport".to_owned())]);
    }

    #[test]
    fn only_what_this_run_has_left_is_in_the_table() {
        let folder = std::env::temp_dir().join(format!("xtask-bench-report-{}", std::process::id()));
        let new = folder.join("seal").join("200").join("new");
        fs::create_dir_all(&new).unwrap();
        let interval = json!({ "lower_bound": 240.0, "upper_bound": 260.0 });
        let estimates = json!({ "median": { "point_estimate": 250.0, "confidence_interval": interval } });
        fs::write(new.join("estimates.json"), estimates.to_string()).unwrap();
        let benchmark = json!({ "full_id": "seal/200", "throughput": { "Bytes": 200 } });
        fs::write(new.join("benchmark.json"), benchmark.to_string()).unwrap();
        let read = |since| {
            let mut rows = Vec::new();
            collect(&folder, since, &mut rows).unwrap();
            rows
        };
        let (of_all, of_none) =
            (read(SystemTime::UNIX_EPOCH), read(SystemTime::now() + std::time::Duration::from_secs(60)));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(of_none, Vec::<Row>::new());
        assert_eq!(of_all.len(), 1);
        let text = markdown(&of_all, "2 x processor");
        assert!(text.ends_with("| seal/200 | 250.0 ns | 240.0 ns to 260.0 ns | 0.80 GB/s |\n"), "{text}");
    }

    #[test]
    fn elements_have_a_time_each_and_what_says_nothing_has_none() {
        let row = |amount| Row { name: "a".to_owned(), median_ns: 2_800.0, between_ns: [2_700.0, 2e6], amount };
        assert!(
            markdown(&[row(Some((28.0, "elements")))], "")
                .contains("| 2.80 us | 2.70 us to 2.00 ms | 100.0 ns a piece |")
        );
        assert!(markdown(&[row(None)], "").ends_with("|  |\n"));
    }
}
