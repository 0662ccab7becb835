//! The checkout: where it is, what lies in it, and cargo run inside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::processors::Halves;

/// A checkout of this project on disk.
pub struct Checkout {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// How processors are shared out between server and load in what is measured here; as the system likes without it.
    pub halves: Option<Halves>,
    /// What cargo is told when it builds programs as they are shipped: how a profile is made or used.
    pub profile: Vec<String>,
}

impl Checkout {
    /// The checkout that holds this package when cargo runs it, else the one around the current folder.
    pub fn find() -> Result<Self> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => PathBuf::from(package),
            None => std::env::current_dir().context("the current folder cannot be read")?,
        };
        let is_root = |folder: &&Path| folder.join("tools/xtask/Cargo.toml").is_file();
        match start.ancestors().find(is_root) {
            Some(root) => Ok(Self { root: root.to_path_buf(), halves: None, profile: Vec::new() }),
            None => bail!("no checkout of this project around {}", start.display()),
        }
    }

    /// Cargo, in the root, with the environment it has when a person calls it: what `cargo run` added is taken away,
    /// so that nothing is rebuilt because it was called from here.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Runs cargo with its output going where ours goes.
    pub fn run_cargo(&self, arguments: &[&str]) -> Result<()> {
        let status = self.cargo(arguments).status().context("cargo cannot be started")?;
        if !status.success() {
            bail!("`cargo {}` ended with {status}", arguments.join(" "));
        }
        Ok(())
    }

    /// The build folder: `target`, unless the environment or cargo's configuration says otherwise.
    pub fn target_folder(&self) -> Result<PathBuf> {
        let output = self
            .cargo(&["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be started")?;
        let metadata: Value = serde_json::from_slice(&output.stdout).context("`cargo metadata` gave no JSON")?;
        let folder = metadata["target_directory"].as_str().context("`cargo metadata` names no target directory")?;
        Ok(PathBuf::from(folder))
    }

    /// Builds one binary and answers with the path cargo says it put it at.
    pub fn build_binary(&self, name: &str, arguments: &[&str]) -> Result<PathBuf> {
        let mut all = vec!["build", "--message-format=json-render-diagnostics"];
        all.extend(arguments);
        let output = self.cargo(&all).stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
        if !output.status.success() {
            bail!("`cargo build {}` ended with {}", arguments.join(" "), output.status);
        }
        executable_of(&String::from_utf8_lossy(&output.stdout), name)
            .with_context(|| format!("`cargo build {}` made no binary named {name}", arguments.join(" ")))
    }

    /// Builds one of the programs that trials need, and those beside it: as they are shipped, or for a short trial as the tests
    /// build them, with their assertions.
    ///
    /// Always the same packages at once: asked for alone, each would have its dependencies built with the features of its
    /// own, and most of them are then built twice (5 of 30 minutes of `ci`). Short trials share all of them with the tests
    /// (another 12).
    pub fn build_program(&self, name: &str, short: bool, extra: &[&str]) -> Result<PathBuf> {
        let mut arguments = if short {
            vec!["--workspace", "--bins"]
        } else {
            let mut shipped = vec!["--release", "--package", "throng", "--package", "swarm"];
            shipped.extend(self.profile.iter().map(String::as_str));
            shipped
        };
        arguments.extend(extra);
        self.build_binary(name, &arguments)
    }

    /// An empty folder of this process under the build folder.
    pub fn scratch(&self, purpose: &str) -> Result<PathBuf> {
        let folder = self.target_folder()?.join("xtask").join(format!("{purpose}-{}", std::process::id()));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be emptied", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }
}

/// The executable of the binary `name` in cargo's JSON messages.
fn executable_of(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let is_it = message["reason"] == "compiler-artifact"
            && message["target"]["name"] == name
            && message["target"]["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
        if is_it { message["executable"].as_str().map(PathBuf::from) } else { None }
    })
}

/// The files of a checkout as a value, so that a check can be shown a made-up one. Paths are relative, with `/`.
#[derive(Default)]
pub struct Tree {
    /// Every file by path.
    pub files: BTreeMap<String, File>,
}

/// One file of a tree.
pub struct File {
    /// Length in bytes.
    pub bytes: u64,
    /// The content of files that checks read (`TEXT_ENDINGS`), None for all others.
    pub text: Option<String>,
}

impl Tree {
    /// Reads the checkout; build folders, `.git` and symbolic links are left out.
    pub fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.load_folder(root, "")?;
        Ok(tree)
    }

    fn load_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let unreadable = || format!("{} cannot be read", folder.display());
        for entry in fs::read_dir(folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let kind = entry.file_type().with_context(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if kind.is_dir() && !SKIPPED_FOLDERS.contains(&path.as_str()) {
                self.load_folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                let file = File::load(&entry.path()).with_context(|| format!("{path} cannot be read as text"))?;
                self.files.insert(path, file);
            }
        }
        Ok(())
    }

    /// The files whose path ends with `.{ending}`, with their text.
    pub fn texts<'a>(&'a self, ending: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let ending = format!(".{ending}");
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(&ending))
            .filter_map(|(path, file)| Some((path.as_str(), file.text.as_deref()?)))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    /// A made-up tree.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |text: &str| File { bytes: text.len() as u64, text: Some(text.to_owned()) };
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), file(text))).collect() }
    }
}

impl File {
    fn load(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path)?.len();
        let is_text = path.extension().is_some_and(|ending| TEXT_ENDINGS.iter().any(|text| ending == *text));
        let text = if is_text { Some(fs::read_to_string(path)?) } else { None };
        Ok(Self { bytes, text })
    }
}

/// Build folders (ours and those of the two workspaces of their own) and the history. By path: a module may be named
/// `target`.
const SKIPPED_FOLDERS: [&str; 4] = ["target", "fuzz/target", "benches/peers/target", ".git"];
/// Endings of the files that checks read.
const TEXT_ENDINGS: [&str; 3] = ["rs", "md", "toml"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_that_of_the_named_binary_and_not_of_a_test_or_library() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"throng","kind":["lib"]},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"other","kind":["bin"]},"executable":"/x/other"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"throng","kind":["bin"]},"executable":"/x/throng"}"#,
        );
        assert_eq!(executable_of(messages, "throng"), Some(PathBuf::from("/x/throng")));
        assert_eq!(executable_of(messages, "swarm"), None);
    }

    #[test]
    fn this_checkout_is_found_and_holds_this_file() {
        let checkout = Checkout::find().unwrap();
        let tree = Tree::load(&checkout.root).unwrap();
        assert!(tree.text("tools/xtask/src/checkout.rs").is_some_and(|text| text.contains("this_checkout_is_found")));
        assert!(!tree.files.keys().any(|path| path.starts_with("target/") || path.starts_with(".git/")));
    }

    #[test]
    fn build_folders_are_left_out_and_a_module_named_target_is_not() {
        let root = Checkout::find().unwrap().scratch("tree-test").unwrap();
        for path in
            ["target/a.rs", "fuzz/target/b.rs", "benches/peers/target/c.rs", ".git/d.rs", "src/game/target/e.rs"]
        {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "fn a() {}").unwrap();
        }
        let tree = Tree::load(&root).unwrap();
        assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["src/game/target/e.rs"]);
        fs::remove_dir_all(root).unwrap();
    }
}
