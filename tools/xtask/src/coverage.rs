//! Line coverage by crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::step::Steps;
use crate::table::table;

/// Runs the tests instrumented (`-C instrument-coverage`, by way of cargo-llvm-cov) and prints the table; fails when
/// one of the rooms that promise it has less than `LINES_PERCENT_MIN`.
pub fn run(checkout: &Checkout, steps: &Steps) -> Result<()> {
    // The tests' own output precedes the one line of JSON.
    let text = steps.run("coverage", || instrumented(checkout, &["--workspace", "--json", "--summary-only"]))?;
    let json = text.lines().rfind(|line| line.starts_with('{')).context("`cargo llvm-cov` printed no JSON")?;
    let report: Value = serde_json::from_str(json).context("`cargo llvm-cov` printed no JSON")?;
    let crates = by_crate(&report, &checkout.root)?;
    let row = |(name, lines): (&String, &Lines)| {
        vec![name.clone(), lines.count.to_string(), lines.covered.to_string(), format!("{:.1}", lines.percent())]
    };
    println!("{}", table(&["crate", "lines", "covered", "%"], &crates.iter().map(row).collect::<Vec<_>>()));
    let short = short_of_promise(&crates);
    if !short.is_empty() {
        bail!("less than {LINES_PERCENT_MIN} % of the lines are covered in {}", short.join(", "));
    }
    Ok(())
}

/// The lines that the fuzz bodies reach when they run over their corpora, as lcov writes them.
pub fn llvm_cov_lines(checkout: &Checkout) -> Result<String> {
    instrumented(checkout, &["--workspace", "--test", "fuzz_corpus", "--lcov"])
}

/// What cargo-llvm-cov prints when it is asked for this.
fn instrumented(checkout: &Checkout, arguments: &[&str]) -> Result<String> {
    if !answers(checkout, "--version") {
        bail!(
            "cargo-llvm-cov is not installed: `rustup component add llvm-tools` and \
             `cargo install cargo-llvm-cov --locked` bring it"
        );
    }
    if !answers(checkout, "show-env") {
        bail!("cargo-llvm-cov does not find the compiler's llvm-tools: `rustup component add llvm-tools` brings them");
    }
    let output = llvm_cov(checkout, arguments).stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("`cargo llvm-cov` ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// cargo-llvm-cov, told not to change the toolchain: by default it installs what it misses when nobody is asked.
fn llvm_cov(checkout: &Checkout, arguments: &[&str]) -> Command {
    let mut cargo = checkout.cargo(&["llvm-cov"]);
    cargo.args(arguments).env("CARGO_LLVM_COV_SETUP", "no").stdin(Stdio::null());
    cargo
}

fn answers(checkout: &Checkout, argument: &str) -> bool {
    let status = llvm_cov(checkout, &[argument]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Lines that can run and lines that ran.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    #[expect(clippy::cast_precision_loss, reason = "line counts")]
    fn percent(self) -> f64 {
        if self.count == 0 { 0.0 } else { 100.0 * self.covered as f64 / self.count as f64 }
    }
}

/// The lines of each crate in llvm-cov's export; files outside the checkout are left out.
fn by_crate(report: &Value, root: &Path) -> Result<BTreeMap<String, Lines>> {
    let files = report["data"][0]["files"].as_array().context("the coverage report lists no files")?;
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    for file in files {
        let path = Path::new(file["filename"].as_str().context("a file of the coverage report has no name")?);
        let Ok(inside) = path.strip_prefix(root) else { continue };
        let lines = &file["summary"]["lines"];
        let figure = |key: &str| lines[key].as_u64().context("a file of the coverage report has no line counts");
        let entry = crates.entry(crate_of(&inside.to_string_lossy())).or_default();
        entry.count += figure("count")?;
        entry.covered += figure("covered")?;
    }
    Ok(crates)
}

/// `src/ROOM/src/..` and `tools/ROOM/..` belong to their room, the rest of `src` to the server binary.
fn crate_of(path: &str) -> String {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["src", room, "src", ..] | ["src", room, "tests", ..] | ["tools", room, ..] => room.to_owned(),
        _ => "throng".to_owned(),
    }
}

fn short_of_promise(crates: &BTreeMap<String, Lines>) -> Vec<&'static str> {
    let percent = |name: &str| crates.get(name).copied().unwrap_or_default().percent();
    PROMISED.into_iter().filter(|name| percent(name) < LINES_PERCENT_MIN).collect()
}

/// Percent of the lines.
const LINES_PERCENT_MIN: f64 = 80.0;
/// The rooms that promise it: all that is pure and ships.
const PROMISED: [&str; 5] = ["rudp", "protocol", "game", "server", "client"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(name: &str, count: u64, covered: u64) -> Value {
        json!({ "filename": name, "summary": { "lines": { "count": count, "covered": covered, "percent": 0.0 } } })
    }

    #[test]
    fn lines_are_summed_by_crate_and_strangers_are_left_out() {
        let files = [
            file("/c/src/rudp/src/a.rs", 10, 9),
            file("/c/src/rudp/src/b/c.rs", 10, 8),
            file("/c/src/edge/reactor.rs", 5, 1),
            file("/c/src/main.rs", 5, 0),
            file("/c/tools/swarm/src/main.rs", 4, 4),
            file("/elsewhere/lib.rs", 100, 0),
        ];
        let crates = by_crate(&json!({ "data": [{ "files": files }] }), Path::new("/c")).unwrap();
        assert_eq!(crates["rudp"], Lines { count: 20, covered: 17 });
        assert_eq!(crates["throng"], Lines { count: 10, covered: 1 });
        assert_eq!(crates["swarm"], Lines { count: 4, covered: 4 });
        assert_eq!(crates.len(), 3);
    }

    #[test]
    fn a_promised_room_below_eighty_or_without_lines_falls_short() {
        let mut crates: BTreeMap<String, Lines> =
            PROMISED.iter().map(|name| ((*name).to_owned(), Lines { count: 100, covered: 80 })).collect();
        assert!(short_of_promise(&crates).is_empty());
        crates.insert("game".to_owned(), Lines { count: 1000, covered: 799 });
        crates.remove("client");
        assert_eq!(short_of_promise(&crates), ["game", "client"]);
    }

    #[test]
    fn a_coverage_run_may_not_change_the_toolchain() {
        let command = llvm_cov(&Checkout::find().unwrap(), &["--json"]);
        let setup = command.get_envs().find(|(name, _)| *name == "CARGO_LLVM_COV_SETUP");
        assert_eq!(setup.and_then(|(_, value)| value), Some("no".as_ref()));
    }

    #[test]
    fn a_report_of_another_form_is_an_error() {
        assert!(by_crate(&json!({ "data": [] }), Path::new("/c")).is_err());
        assert!(by_crate(&json!({ "data": [{ "files": [{ "filename": "/c/a.rs" }] }] }), Path::new("/c")).is_err());
    }
}
