//! Where programs are that tests need, the servers' and others, and what to install when they are not.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// A program that is not on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The program that was looked for, the first of its names.
    pub program: &'static str,
    /// What most distributions call the package that brings it.
    pub package: &'static str,
}

/// The programs that tests need and this machine does not have; empty when all is there.
pub fn missing() -> Vec<Missing> {
    missing_in(&folders())
}

/// The same, looked for in these folders only.
pub fn missing_in(folders: &[impl AsRef<Path>]) -> Vec<Missing> {
    [&REDIS_SERVER, &MARIADBD, &MARIADB_INSTALL_DB, &MARIADB, &CHROMIUM, &PROMTOOL]
        .into_iter()
        .filter(|program| find_in(program, folders).is_none())
        .map(|program| Missing { program: program.names[0], package: program.package })
        .collect()
}

/// The path of a program.
///
/// # Errors
/// One sentence that says what to install.
pub fn find(program: &Program) -> Result<PathBuf> {
    match find_in(program, &folders()) {
        Some(path) => Ok(path),
        None => bail!("{} is not on this machine: install {}", program.names.join(" or "), program.package),
    }
}

/// A program under all of its names.
pub struct Program {
    names: &'static [&'static str],
    package: &'static str,
}

/// Valkey is Redis under the name that some distributions ship.
pub const REDIS_SERVER: Program = Program { names: &["redis-server", "valkey-server"], package: "redis-server" };
/// The database server.
pub const MARIADBD: Program = Program { names: &["mariadbd"], package: "mariadb-server" };
/// Makes the folder that the database server wants to find.
pub const MARIADB_INSTALL_DB: Program = Program { names: &["mariadb-install-db"], package: "mariadb-server" };
/// The command-line client.
pub const MARIADB: Program = Program { names: &["mariadb"], package: "mariadb-server" };
/// A browser that needs no screen, for the operators' live page.
pub const CHROMIUM: Program =
    Program { names: &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"], package: "chromium" };
/// Prometheus' own checks of metrics and rules.
pub const PROMTOOL: Program = Program { names: &["promtool"], package: "prometheus" };
/// Gives a child the signal that ends it with its parent; of util-linux.
pub const SETPRIV: Program = Program { names: &["setpriv"], package: "util-linux" };

fn find_in(program: &Program, folders: &[impl AsRef<Path>]) -> Option<PathBuf> {
    let places = |name: &'static str| folders.iter().map(move |folder| folder.as_ref().join(name));
    program.names.iter().flat_map(|name| places(name)).find(|place| place.is_file())
}

fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(MORE_FOLDERS.iter().map(PathBuf::from)).collect()
}

/// Where servers lie on systems that keep them out of the `PATH` of people, and where Homebrew puts things.
const MORE_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin", "/usr/local/bin"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_machine_without_them_is_told_each_program_and_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let all = missing_in(&[folder.path()]);
        let names: Vec<_> = all.iter().map(|missing| (missing.program, missing.package)).collect();
        assert_eq!(
            names,
            [
                ("redis-server", "redis-server"),
                ("mariadbd", "mariadb-server"),
                ("mariadb-install-db", "mariadb-server"),
                ("mariadb", "mariadb-server"),
                ("chromium", "chromium"),
                ("promtool", "prometheus"),
            ]
        );
    }

    #[test]
    fn valkey_is_as_good_as_redis() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("valkey-server"), "").unwrap();
        let found = find_in(&REDIS_SERVER, &[folder.path()]);
        assert_eq!(found, Some(folder.path().join("valkey-server")));
        assert!(!missing_in(&[folder.path()]).iter().any(|missing| missing.program == "redis-server"));
    }

    #[test]
    fn a_missing_program_is_one_sentence_that_says_what_to_install() {
        let nothing = Program { names: &["no-such-server", "nor-this"], package: "some-package" };
        let error = find(&nothing).unwrap_err().to_string();
        assert_eq!(error, "no-such-server or nor-this is not on this machine: install some-package");
    }
}
