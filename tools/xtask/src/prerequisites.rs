//! What tests need and cargo cannot bring: a C compiler, Redis, MariaDB, a browser and Prometheus' own checks.
//!
//! All but the compiler are installed with the system's own package manager when they are missing and we may (as root, or by a
//! `sudo` that asks nothing); else the error says what to install and how. Their services are not wanted, tests start
//! servers of their own: where a package manager would start them it is told not to.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use stores::Missing;

/// Checks all of it, and installs what may be installed.
pub fn check() -> Result<()> {
    // Rust is there, or this would not run; some dependencies also need a C compiler.
    check_compiler(&env::var_os("CC").unwrap_or_else(|| "cc".into()))?;
    let machine = Machine { path: env::var_os("PATH").unwrap_or_default(), is_root: is_root() };
    machine.bring(stores::missing)
}

/// `CC` may carry arguments or a wrapper, as in `ccache gcc`.
fn check_compiler(compiler: &OsString) -> Result<()> {
    let line = compiler.to_string_lossy().into_owned();
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("cc");
    let answer =
        Command::new(program).args(words).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !answer.is_ok_and(|status| status.success()) {
        bail!("no C compiler: `{line} --version` does not answer; install gcc or clang, or name one in CC");
    }
    Ok(())
}

/// What decides how something is installed here.
struct Machine {
    path: OsString,
    is_root: bool,
}

impl Machine {
    /// Installs what `missing` names, until it names nothing.
    fn bring(&self, missing: impl Fn() -> Vec<Missing>) -> Result<()> {
        let wanted = missing();
        if wanted.is_empty() {
            return Ok(());
        }
        let Some(packager) = PACKAGERS.iter().find(|packager| self.has(packager.program)) else {
            bail!("{}", advice(&wanted, "install them"));
        };
        let by_hand = format!("install them with `{}`", packager.line(&wanted));
        let Some(prefix) = self.rights(packager) else { bail!("{}", advice(&wanted, &by_hand)) };
        println!("  {}", advice(&wanted, &format!("installing them with {}", packager.program)));
        for attempt in packager.attempts(&wanted) {
            let done = self.run(&prefix, packager, &attempt)?;
            if done && missing().is_empty() {
                return Ok(());
            }
        }
        bail!("{}", advice(&missing(), &format!("{} did not bring them, {by_hand}", packager.program)))
    }

    /// What stands before a package manager that changes the system; None when we may not.
    fn rights(&self, packager: &Packager) -> Option<Vec<&'static str>> {
        if self.is_root || !packager.needs_root {
            return Some(Vec::new());
        }
        let mut sudo = self.command("sudo");
        sudo.args(["-n", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        let asks_nothing = self.has("sudo") && sudo.status().is_ok_and(|status| status.success());
        asks_nothing.then(|| vec!["sudo", "-n"])
    }

    /// Runs the package manager once; false when it says that it failed.
    fn run(&self, prefix: &[&str], packager: &Packager, arguments: &[&str]) -> Result<bool> {
        let words = [prefix, &["env"], packager.environment, &[packager.program], arguments].concat();
        let mut command = self.command(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let status = command.status().with_context(|| format!("{} cannot be started", packager.program))?;
        Ok(status.success())
    }

    fn has(&self, program: &str) -> bool {
        env::split_paths(&self.path).any(|folder| folder.join(program).is_file())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.place_of(program));
        command.env("PATH", &self.path);
        command
    }

    fn place_of(&self, program: &str) -> PathBuf {
        let mut places = env::split_paths(&self.path).map(|folder| folder.join(program));
        places.find(|place| place.is_file()).unwrap_or_else(|| program.into())
    }
}

/// A package manager and what it calls the packages.
struct Packager {
    program: &'static str,
    /// Set for it: no questions, and no services started.
    environment: &'static [&'static str],
    needs_root: bool,
    /// Refreshes its lists, when installing does not.
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    /// For each of [`PACKAGES`] its names here, the usual ones first; of what is called so, all are needed.
    names: [&'static [&'static [&'static str]]; PACKAGES.len()],
}

impl Packager {
    /// The lines to try, in order: with the lists that are there, with fresh ones, and with other names.
    fn attempts(&self, wanted: &[Missing]) -> Vec<Vec<&'static str>> {
        let mut attempts = vec![self.install(wanted, 0)];
        if !self.refresh.is_empty() {
            attempts.extend([self.refresh.to_vec(), self.install(wanted, 0)]);
        }
        let names_max = self.called(wanted).map(<[_]>::len).max().unwrap_or(0);
        attempts.extend((1..names_max).map(|nth| self.install(wanted, nth)));
        attempts
    }

    /// All names of each package that is wanted.
    fn called(&self, wanted: &[Missing]) -> impl Iterator<Item = &'static [&'static [&'static str]]> {
        let is_wanted = |package: &str| wanted.iter().any(|missing| missing.package == package);
        let named = PACKAGES.iter().zip(self.names);
        named.filter(move |(package, _)| is_wanted(package)).map(|(_, names)| names)
    }

    /// The line with everybody's `nth` name, or the last that it has.
    fn install(&self, wanted: &[Missing], nth: usize) -> Vec<&'static str> {
        let names = self.called(wanted).flat_map(|names| names[nth.min(names.len() - 1)]).copied();
        self.install.iter().copied().chain(names).collect()
    }

    /// The line for a person to type.
    fn line(&self, wanted: &[Missing]) -> String {
        let sudo = if self.needs_root { "sudo " } else { "" };
        format!("{sudo}{} {}", self.program, self.install(wanted, 0).join(" "))
    }
}

/// One sentence: what is missing, of which packages, and then `what`.
fn advice(missing: &[Missing], what: &str) -> String {
    let programs: Vec<&str> = missing.iter().map(|missing| missing.program).collect();
    let mut packages: Vec<&str> = missing.iter().map(|missing| missing.package).collect();
    packages.dedup();
    format!("tests need {}, of {}: {what}", programs.join(", "), packages.join(" and "))
}

fn is_root() -> bool {
    // The owner of a process's folder is who it acts as; without /proc (macOS) nobody is taken for root.
    use std::os::unix::fs::MetadataExt;
    fs::metadata(OsStr::new("/proc/self")).is_ok_and(|metadata| metadata.uid() == 0)
}

/// What there is to install, as `stores` calls it.
const PACKAGES: [&str; 4] = ["redis-server", "mariadb-server", "chromium", "prometheus"];
const PACKAGERS: [Packager; 5] = [
    Packager {
        program: "apt-get",
        // Maintainer scripts start nothing in run level 1.
        environment: &["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"],
        needs_root: true,
        refresh: &["update"],
        install: &["install", "--yes", "--no-install-recommends"],
        names: [
            &[&["redis-server"], &["valkey-server"]],
            &[&["mariadb-server"]],
            &[&["chromium"], &["chromium-browser"]],
            &[&["prometheus"]],
        ],
    },
    Packager {
        program: "dnf",
        environment: &[],
        needs_root: true,
        refresh: &[],
        install: &["install", "--assumeyes"],
        names: [
            &[&["redis"], &["valkey"]],
            &[&["mariadb-server"]],
            &[&["chromium"]],
            &[&["golang-github-prometheus"], &["prometheus"]],
        ],
    },
    Packager {
        program: "apk",
        environment: &[],
        needs_root: true,
        refresh: &["update"],
        install: &["add", "--no-interactive"],
        names: [&[&["redis"], &["valkey"]], &[&["mariadb", "mariadb-client"]], &[&["chromium"]], &[&["prometheus"]]],
    },
    Packager {
        program: "pacman",
        environment: &[],
        needs_root: true,
        refresh: &["-Sy"],
        install: &["-S", "--noconfirm", "--needed"],
        names: [&[&["valkey"], &["redis"]], &[&["mariadb"]], &[&["chromium"]], &[&["prometheus"]]],
    },
    Packager {
        program: "brew",
        environment: &["HOMEBREW_NO_AUTO_UPDATE=1"],
        needs_root: false,
        refresh: &[],
        install: &["install"],
        names: [&[&["redis"], &["valkey"]], &[&["mariadb"]], &[&["chromium"]], &[&["prometheus"]]],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkout::Checkout;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// A folder as the whole `PATH`, where every program is a script that writes down how it was called.
    struct Fake {
        folder: PathBuf,
    }

    impl Fake {
        fn new(name: &str) -> Self {
            let folder = Checkout::find().unwrap().scratch(&format!("prerequisites-{name}")).unwrap();
            symlink("/usr/bin/env", folder.join("env")).unwrap();
            Self { folder }
        }

        /// A script; `$F` is the folder.
        fn program(&self, name: &str, script: &str) -> &Self {
            let path = self.folder.join(name);
            let folder = self.folder.display();
            let text = format!("#!/bin/sh\nF={folder}\necho \"{name} $*\" >>$F/calls\n{script}\n");
            // A file that a thread of ours has open for writing, be it in a child that another thread is starting, may
            // not be run: the script is a copy that another process wrote.
            let draft = self.folder.join(format!("{name}.draft"));
            fs::write(&draft, text).unwrap();
            fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
            assert!(Command::new("cp").args([&draft, &path]).status().unwrap().success());
            self
        }

        fn bring(&self, is_root: bool) -> Result<()> {
            let machine = Machine { path: self.folder.clone().into_os_string(), is_root };
            machine.bring(|| stores::missing_in(std::slice::from_ref(&self.folder)))
        }

        fn calls(&self) -> Vec<String> {
            let calls = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
            calls.lines().map(str::to_owned).collect()
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// Brings all programs.
    const BRINGS_ALL: &str =
        ": >$F/redis-server; : >$F/mariadbd; : >$F/mariadb; : >$F/mariadb-install-db; : >$F/chromium; : >$F/promtool";
    const APT: &str = "apt-get install --yes --no-install-recommends redis-server mariadb-server chromium prometheus";

    #[test]
    fn what_is_there_is_not_installed() {
        let fake = Fake::new("there");
        fake.program("apt-get", BRINGS_ALL);
        for program in ["valkey-server", "mariadbd", "mariadb", "mariadb-install-db", "google-chrome", "promtool"] {
            fs::write(fake.folder.join(program), "").unwrap();
        }
        fake.bring(true).unwrap();
        assert!(fake.calls().is_empty());
    }

    #[test]
    fn root_installs_without_questions_and_without_starting_services() {
        let fake = Fake::new("root");
        fake.program("apt-get", &format!("echo \"$DEBIAN_FRONTEND $RUNLEVEL\" >>$F/calls; {BRINGS_ALL}"));
        fake.bring(true).unwrap();
        assert_eq!(fake.calls(), [APT, "noninteractive 1"]);
    }

    #[test]
    fn only_what_is_missing_is_installed() {
        let fake = Fake::new("one");
        fake.program("apt-get", BRINGS_ALL);
        fs::write(fake.folder.join("redis-server"), "").unwrap();
        fake.bring(true).unwrap();
        assert_eq!(fake.calls(), ["apt-get install --yes --no-install-recommends mariadb-server chromium prometheus"]);
    }

    #[test]
    fn lists_that_are_too_old_are_refreshed() {
        let fake = Fake::new("lists");
        let script = format!("case $1 in update) : >$F/fresh;; *) test -e $F/fresh || exit 100; {BRINGS_ALL};; esac");
        fake.program("apt-get", &script);
        fake.bring(true).unwrap();
        assert_eq!(fake.calls(), [APT, "apt-get update", APT]);
    }

    #[test]
    fn a_sudo_that_asks_nothing_is_used_and_one_that_asks_is_not() {
        let fake = Fake::new("sudo");
        fake.program("apt-get", BRINGS_ALL).program("sudo", "shift; test \"$1\" = true || \"$@\"");
        fake.bring(false).unwrap();
        let apt = format!("sudo -n env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 {APT}");
        assert_eq!(fake.calls(), ["sudo -n true", &apt, APT]);

        let fake = Fake::new("sudo-asks");
        fake.program("apt-get", BRINGS_ALL).program("sudo", "exit 1");
        let error = fake.bring(false).unwrap_err().to_string();
        assert_eq!(fake.calls(), ["sudo -n true"]);
        assert!(error.ends_with(&format!("install them with `sudo {APT}`")), "{error}");
    }

    #[test]
    fn without_a_package_manager_the_programs_and_packages_are_named() {
        let error = Fake::new("none").bring(true).unwrap_err().to_string();
        assert_eq!(
            error,
            "tests need redis-server, mariadbd, mariadb-install-db, mariadb, chromium, promtool, of redis-server and \
             mariadb-server and chromium and prometheus: install them"
        );
    }

    #[test]
    fn a_package_manager_that_brings_nothing_is_an_error_that_says_what_is_still_missing() {
        let fake = Fake::new("nothing");
        fake.program("apt-get", ": >$F/redis-server");
        let error = fake.bring(true).unwrap_err().to_string();
        assert!(
            error.starts_with("tests need mariadbd, mariadb-install-db, mariadb, chromium, promtool, of "),
            "{error}"
        );
        assert!(error.contains("apt-get did not bring them"), "{error}");
    }

    #[test]
    fn where_redis_is_called_valkey_that_is_installed() {
        let fake = Fake::new("valkey");
        let brings = BRINGS_ALL.replace("redis-server", "valkey-server");
        fake.program("dnf", &format!("case \"$*\" in *valkey*) {brings};; *) exit 1;; esac"));
        fake.bring(true).unwrap();
        assert_eq!(
            fake.calls(),
            [
                "dnf install --assumeyes redis mariadb-server chromium golang-github-prometheus",
                "dnf install --assumeyes valkey mariadb-server chromium prometheus"
            ]
        );
    }

    #[test]
    fn homebrew_needs_no_rights() {
        let fake = Fake::new("brew");
        fake.program("brew", BRINGS_ALL);
        fake.bring(false).unwrap();
        assert_eq!(fake.calls(), ["brew install redis mariadb chromium prometheus"]);
    }

    #[test]
    fn a_missing_c_compiler_is_named_with_what_to_do() {
        let error = check_compiler(&"no-such-compiler".into()).unwrap_err().to_string();
        assert!(error.starts_with("no C compiler: `no-such-compiler --version`"), "{error}");
        assert!(error.contains("install gcc or clang"));
    }

    #[test]
    fn a_compiler_that_answers_is_enough_also_behind_a_wrapper() {
        assert!(check_compiler(&"ls".into()).is_ok());
        assert!(check_compiler(&"env ls".into()).is_ok());
        assert!(check_compiler(&"false".into()).is_err());
    }
}
