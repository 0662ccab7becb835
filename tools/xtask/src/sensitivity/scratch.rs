//! A copy of the checkout, in which mistakes are made and the simulation is built.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::mutation::Mutation;
use crate::checkout::Checkout;

/// The copy and its own build folder.
pub struct Scratch {
    folder: PathBuf,
    source: Checkout,
    /// Held while a run works here: two at a time would mutate each other.
    _lock: File,
}

/// What came of a build.
pub enum Built {
    /// It compiles.
    Well {
        /// How long that took.
        seconds: u64,
    },
    /// It does not: the errors.
    Badly(String),
}

impl Scratch {
    /// Brings the copy up to date. Only what differs is written, so that cargo builds again what has changed since the last
    /// run and nothing else; a mistake that an interrupted run left behind differs, too.
    pub fn of(checkout: &Checkout) -> Result<Self> {
        let folder = checkout.target_folder()?.join("sensitivity");
        let source = folder.join("source");
        fs::create_dir_all(&source).with_context(|| format!("{} cannot be made", source.display()))?;
        let lock = File::create(folder.join("lock")).context("the lock of the copy cannot be made")?;
        if lock.try_lock().is_err() {
            bail!("another run works in {}", folder.display());
        }
        let files = listed(checkout)?;
        for file in &files {
            copy_if_different(&checkout.root.join(file), &source.join(file))?;
        }
        remove_others(&source, &source, &files)?;
        Ok(Self { folder, source: Checkout { root: source, halves: None, profile: Vec::new() }, _lock: lock })
    }

    /// Makes the mistake, does the work, and takes the mistake back, whatever came of the work.
    pub fn with<T>(&self, mutation: &Mutation, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let path = self.source.root.join(&mutation.file);
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", mutation.file))?;
        write(&path, mutation.made_in(&text)?.as_bytes())?;
        let done = work(self);
        write(&path, text.as_bytes())?;
        done
    }

    /// Whether it compiles.
    pub fn check(&self) -> Result<Built> {
        self.cargo("check")
    }

    /// Builds the simulation.
    pub fn build(&self) -> Result<Built> {
        self.cargo("build")
    }

    /// The simulation that was built last.
    pub fn program(&self) -> PathBuf {
        let name = format!("simulate{}", std::env::consts::EXE_SUFFIX);
        self.folder.join("target").join(PROFILE).join(name)
    }

    /// A file for what a run says.
    pub fn log(&self, seed: u64) -> PathBuf {
        self.folder.join(format!("seed-{seed}.log"))
    }

    /// Gives the room back.
    pub fn remove(self) {
        // Best effort: what is left lies under the build folder.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn cargo(&self, verb: &str) -> Result<Built> {
        let began = Instant::now();
        let arguments = [verb, "--quiet", "--locked", "--package", "simulate", "--profile", PROFILE];
        let mut cargo = self.source.cargo(&arguments);
        cargo.arg("--target-dir").arg(self.folder.join("target"));
        let output = cargo.output().context("cargo cannot be started")?;
        if output.status.success() {
            return Ok(Built::Well { seconds: began.elapsed().as_secs() });
        }
        Ok(Built::Badly(errors_in(&String::from_utf8_lossy(&output.stderr))))
    }
}

/// Of the root `Cargo.toml`, made for being built often.
const PROFILE: &str = "simulation";

/// What git knows or would: all that belongs to the checkout.
fn listed(checkout: &Checkout) -> Result<BTreeSet<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(&checkout.root).output();
    let output = output.context("git, which knows what belongs to the checkout, cannot be started")?;
    if !output.status.success() {
        bail!("git does not know this checkout: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let names = String::from_utf8(output.stdout).context("a file's name is no text")?;
    // One that was deleted and not committed yet is listed all the same.
    let is_there = |name: &&str| !name.is_empty() && checkout.root.join(name).is_file();
    Ok(names.split('\0').filter(is_there).map(str::to_owned).collect())
}

fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let new = fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    write(to, &new)
}

/// The time of the file becomes now, also when what it says is what it said before: so cargo sees it.
fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).with_context(|| format!("{} cannot be written", path.display()))
}

fn remove_others(folder: &Path, root: &Path, files: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            remove_others(&path, root, files)?;
        } else if !files.contains(&name) {
            fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

/// The errors in what the compiler says, without its warnings: mistakes leave things unused.
fn errors_in(said: &str) -> String {
    let paragraphs = said.split("\n\n").filter(|paragraph| paragraph.trim_start().starts_with("error"));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_checkout_holds_this_file_and_nothing_that_was_built() {
        let files = listed(&Checkout::find().unwrap()).unwrap();
        assert!(files.contains("tools/xtask/src/sensitivity/scratch.rs") && files.contains("Cargo.lock"));
        assert!(!files.iter().any(|file| file.starts_with("target/")));
    }

    #[test]
    fn what_is_the_same_is_not_written_again_and_what_is_no_more_goes() {
        let folder = Checkout::find().unwrap().scratch("sensitivity-test").unwrap();
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("a"), "1").unwrap();
        copy_if_different(&from.join("a"), &to.join("deep/a")).unwrap();
        let written = || fs::metadata(to.join("deep/a")).unwrap().modified().unwrap();
        let first = written();
        copy_if_different(&from.join("a"), &to.join("deep/a")).unwrap();
        assert_eq!(written(), first);
        fs::write(to.join("deep/b"), "2").unwrap();
        remove_others(&to, &to, &BTreeSet::from(["deep/a".to_owned()])).unwrap();
        assert!(to.join("deep/a").is_file() && !to.join("deep/b").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn of_what_the_compiler_says_only_errors_are_shown() {
        let said = "warning: unused\n --> a\n\nerror[E0425]: no `x`\n --> b\n\nerror: could not compile";
        assert_eq!(errors_in(said), "error[E0425]: no `x`\n --> b\n\nerror: could not compile");
    }
}
