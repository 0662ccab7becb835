//! Builds that know what is run often: bots play on programs that count, and the compiler lays code out by what they counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{movement_of, play_alone};
use crate::cast::Cast;
use crate::checkout::Checkout;
use crate::step::Steps;
use crate::swarm::Run;

/// Bots that play: programs that count take half as long again, and no machine that is late is to be learned from.
const BOTS: u32 = 500;

/// Where the profile lies, under the build folder.
pub fn path(checkout: &Checkout) -> Result<PathBuf> {
    Ok(checkout.target_folder()?.join("profile/throng.profdata"))
}

/// What cargo is told to build with a profile. Only what is run on the target is: macros and build scripts are not.
pub fn build_arguments(flag: &str, profile: &Path) -> Result<Vec<String>> {
    let flags = format!("build.rustflags=[{:?}]", format!("-C{flag}={}", profile.display()));
    Ok(["--target", &host()?, "--config", &flags].map(str::to_owned).to_vec())
}

/// Makes the profile anew, and builds both programs with it.
pub fn run(mut checkout: Checkout, steps: &Steps, humans: Option<&str>) -> Result<()> {
    let movement = movement_of(humans)?;
    let (merger, profile) = (merger()?, path(&checkout)?);
    let counts = profile.with_file_name("counts");
    if counts.exists() {
        fs::remove_dir_all(&counts).with_context(|| format!("{} cannot be emptied", counts.display()))?;
    }
    fs::create_dir_all(&counts).with_context(|| format!("{} cannot be made", counts.display()))?;
    checkout.profile = build_arguments("profile-generate", &counts)?;
    let cast = Cast::build(&checkout, steps, "profile: to count", false)?;
    let run = Run {
        name: "counted".to_owned(),
        bots: BOTS,
        duration_s: 30,
        ramp_s: 10,
        movement: Some(movement),
        rejoin: false,
        truth_only: true,
        extra: Vec::new(),
    };
    let name = format!("profile: {BOTS} bots for {} s", run.duration_s);
    let outcome = steps.run(&name, || play_alone(&checkout, &cast, &run))?;
    ensure!(outcome.exit == Some(0), "the bots ended with status {:?}: nothing is learned from that", outcome.exit);
    steps.run("profile: merge", || merge(&merger, &counts, &profile))?;
    cast.leave();
    checkout.profile = build_arguments("profile-use", &profile)?;
    let cast = Cast::build(&checkout, steps, "profile: by what was counted", false)?;
    println!("  {}\n  {}", cast.server.display(), cast.swarm.display());
    cast.leave();
    Ok(())
}

fn merge(merger: &Path, counts: &Path, profile: &Path) -> Result<()> {
    let counted = fs::read_dir(counts).with_context(|| format!("{} cannot be read", counts.display()))?.count();
    // RUSTFLAGS in the environment would replace what we ask for.
    ensure!(counted >= 2, "server and swarm have left {counted} counts in {}; is RUSTFLAGS set?", counts.display());
    let status = Command::new(merger).arg("merge").arg("-o").arg(profile).arg(counts).status();
    let status = status.with_context(|| format!("{} cannot be started", merger.display()))?;
    ensure!(status.success(), "{} ended with {status}", merger.display());
    Ok(())
}

/// The compiler's own llvm-profdata: that of another LLVM does not read what ours has counted.
fn merger() -> Result<PathBuf> {
    let libraries = PathBuf::from(rustc(&["--print", "target-libdir"])?.trim());
    let merger = libraries.with_file_name("bin").join("llvm-profdata");
    if !merger.is_file() {
        bail!("the compiler's llvm-profdata is not installed: `rustup component add llvm-tools` brings it");
    }
    Ok(merger)
}

fn host() -> Result<String> {
    host_in(&rustc(&["--version", "--verbose"])?).context("rustc does not say what it runs on")
}

fn host_in(version: &str) -> Option<String> {
    version.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).args(arguments).output().context("rustc cannot be started")?;
    ensure!(output.status.success(), "`rustc {}` ended with {}", arguments.join(" "), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_runs_on_is_read_from_its_version() {
        let version =
            "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0";
        assert_eq!(host_in(version).as_deref(), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host_in("rustc 1.95.0"), None);
    }

    #[test]
    fn cargo_is_given_a_flag_that_it_adds_to_its_own() {
        let arguments = build_arguments("profile-use", Path::new("/a b/x.profdata")).unwrap();
        assert_eq!(arguments[0], "--target");
        assert_eq!(arguments[2..], ["--config", r#"build.rustflags=["-Cprofile-use=/a b/x.profdata"]"#]);
    }
}
