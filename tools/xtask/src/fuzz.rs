//! Hostile input, coverage-guided: the targets in `fuzz/`, one after the other, and what each of them saw.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::step::Steps;
use crate::table::table;

/// Runs each target, or the one named, for `seconds` and prints the table. New inputs are kept in the build folder and
/// used again by the next run; the corpus in the checkout is only read.
pub fn run(checkout: &Checkout, steps: &Steps, seconds: u64, only: Option<&str>) -> Result<()> {
    check_tools(checkout)?;
    let mut targets = targets(&checkout.root)?;
    if let Some(only) = only {
        if !targets.iter().any(|target| target == only) {
            bail!("there is no fuzz target `{only}`, only {}", targets.join(", "));
        }
        targets.retain(|target| target == only);
    }
    let kept = checkout.target_folder()?.join("fuzz-corpus");
    let build = checkout.target_folder()?.join("fuzz");
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for target in &targets {
        let progress = steps
            .run(&format!("fuzz {target}"), || run_target(checkout, target, seconds, &kept.join(target), &build))?;
        rows.push(progress.row(target));
        findings.extend(progress.finding);
    }
    println!("{}", table(&HEAD, &rows));
    match findings.len() {
        0 => Ok(()),
        _ => bail!("inputs that break a promise: {}", findings.join(", ")),
    }
}

const HEAD: [&str; 7] = ["target", "executions", "per second", "covered", "s since new coverage", "corpus", "findings"];

/// The rooms that are attacked have no unsafe code: a sanitizer would halve the speed and find nothing.
const SANITIZER: &str = "none";

/// Longest input, bytes: above a datagram, and above the longest script that is read to its end.
const INPUT_BYTES_MAX: usize = 1_500;

/// What `.cargo/config.toml` says to every other build: cargo-fuzz sets flags of its own, and then that is not read. The
/// Poly1305 it would build instead makes the targets with a cipher slow.
const RUST_FLAGS: &str = "--cfg poly1305_backend=\"soft\"";

/// Our flags behind those of whoever calls.
fn rust_flags(given: Option<String>) -> String {
    given.map_or_else(|| RUST_FLAGS.to_owned(), |given| format!("{given} {RUST_FLAGS}"))
}

fn check_tools(checkout: &Checkout) -> Result<()> {
    if !answers(nightly(checkout, &["--version"])) {
        bail!("coverage-guided fuzzing needs the nightly compiler: `rustup toolchain install nightly` brings it");
    }
    if !answers(nightly(checkout, &["fuzz", "--version"])) {
        bail!("cargo-fuzz is not installed: `cargo install cargo-fuzz --locked` brings it");
    }
    Ok(())
}

fn answers(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Cargo as rustup finds it: the one that runs us belongs to another toolchain and knows no `+nightly`.
fn nightly(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg("+nightly").args(arguments).current_dir(&checkout.root).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name == "CARGO" || name == "RUSTUP_TOOLCHAIN" || name.starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The targets by name: one file each.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

fn run_target(checkout: &Checkout, target: &str, seconds: u64, kept: &Path, build: &Path) -> Result<Progress> {
    fs::create_dir_all(kept).with_context(|| format!("{} cannot be made", kept.display()))?;
    let mut cargo = nightly(checkout, &["fuzz", "run", "--sanitizer", SANITIZER, "--target-dir"]);
    cargo.arg(build).arg(target).arg(kept).arg(checkout.root.join("fuzz/corpus").join(target)).args([
        "--".to_owned(),
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        "-print_final_stats=1".to_owned(),
    ]);
    cargo.env("RUSTFLAGS", rust_flags(std::env::var("RUSTFLAGS").ok()));
    let mut child = cargo.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let mut progress = Progress::default();
    let mut last_lines = Vec::new();
    let mut began = Instant::now();
    for line in BufReader::new(child.stderr.take().context("the fuzzer has no output")?).lines() {
        let line = line.context("the fuzzer's output cannot be read")?;
        if line.contains("INITED") {
            // Building, and reading the corpus, is no search.
            began = Instant::now();
        }
        progress.on_line(&line, began.elapsed());
        last_lines.push(line);
        last_lines.drain(..last_lines.len().saturating_sub(LAST_LINES_MAX));
    }
    let status = child.wait().context("the fuzzer cannot be waited for")?;
    progress.length = began.elapsed();
    progress.corpus = fs::read_dir(kept).map_or(0, Iterator::count);
    if !status.success() && progress.finding.is_none() {
        bail!("the fuzzer ended with {status}:\n{}", last_lines.join("\n"));
    }
    Ok(progress)
}

/// Lines of the fuzzer's output that are shown when it fails without a finding.
const LAST_LINES_MAX: usize = 12;

/// What a target told while it ran.
#[derive(Debug, Default, PartialEq, Eq)]
struct Progress {
    executions: u64,
    /// Places in the code that were reached.
    covered: u64,
    covered_at: Duration,
    length: Duration,
    corpus: usize,
    finding: Option<String>,
}

impl Progress {
    fn on_line(&mut self, line: &str, at: Duration) {
        if let Some(executions) = number_behind(line, "stat::number_of_executed_units:") {
            self.executions = executions;
        } else if let Some(count) = line.strip_prefix('#').and_then(|line| line.split_whitespace().next()) {
            self.executions = count.parse().unwrap_or(self.executions);
        }
        if let Some(covered) = number_behind(line, " cov:").filter(|covered| *covered > self.covered) {
            (self.covered, self.covered_at) = (covered, at);
        }
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.finding = Some(PathBuf::from(path.trim()).display().to_string());
        }
    }

    fn row(&self, target: &str) -> Vec<String> {
        let seconds = self.length.as_secs().max(1);
        vec![
            target.to_owned(),
            self.executions.to_string(),
            (self.executions / seconds).to_string(),
            self.covered.to_string(),
            self.length.saturating_sub(self.covered_at).as_secs().to_string(),
            self.corpus.to_string(),
            usize::from(self.finding.is_some()).to_string(),
        ]
    }
}

fn number_behind(line: &str, key: &str) -> Option<u64> {
    line.split_once(key)?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_read_from_what_the_fuzzer_prints() {
        let mut progress = Progress::default();
        let lines = [
            (0, "INFO: Running with entropic power schedule (0xFF, 100)."),
            (0, "#12\tINITED cov: 300 ft: 640 corp: 9/2944b exec/s: 0 rss: 28Mb"),
            (
                4,
                "#900\tNEW    cov: 309 ft: 648 corp: 10/2944b lim: 1400 exec/s: 26546 rss: 28Mb L: 7/9 MS: 1 EraseBytes-",
            ),
            (9, "#2000\tREDUCE cov: 309 ft: 650 corp: 10/2940b lim: 1400 exec/s: 26546 rss: 28Mb"),
            (10, "stat::number_of_executed_units: 2100"),
        ];
        for (second, line) in lines {
            progress.on_line(line, Duration::from_secs(second));
        }
        progress.length = Duration::from_secs(10);
        progress.corpus = 10;
        assert_eq!(progress.row("token"), ["token", "2100", "210", "309", "6", "10", "0"]);
        progress.on_line("artifact_prefix='x/'; Test unit written to x/crash-1", Duration::from_secs(10));
        assert_eq!(progress.finding.as_deref(), Some("x/crash-1"));
    }

    #[test]
    fn targets_are_built_with_the_flags_of_every_other_build() {
        let config = fs::read_to_string(Checkout::find().unwrap().root.join(".cargo/config.toml")).unwrap();
        let flags: Vec<_> = RUST_FLAGS.split(' ').map(|flag| format!("{flag:?}")).collect();
        let line = format!("rustflags = [{}]", flags.join(", "));
        assert!(config.contains(&line), "no {line} in:\n{config}");
        assert_eq!(rust_flags(Some("-Cx=y".to_owned())), format!("-Cx=y {RUST_FLAGS}"));
    }

    #[test]
    fn every_target_has_a_file_an_entry_and_a_corpus_that_the_tests_read() {
        let root = Checkout::find().unwrap().root;
        let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let tests = fs::read_to_string(root.join("src/client/tests/fuzz_corpus.rs")).unwrap();
        let targets = targets(&root).unwrap();
        assert!(targets.len() >= 12, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is not built");
            assert!(tests.contains(&format!("run(\"{target}\"")), "no test reads the corpus of {target}");
            let files: Vec<_> = fs::read_dir(root.join("fuzz/corpus").join(&target)).unwrap().collect();
            let bytes: u64 = files.iter().map(|file| file.as_ref().unwrap().metadata().unwrap().len()).sum();
            assert!(
                (1..200).contains(&files.len()) && bytes < 200 * 1_024,
                "{target}: {} files, {bytes} B",
                files.len()
            );
        }
    }
}
