//! The tests, and everything else a change must pass.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::step::Steps;
use crate::{faults, first_light, spec, tidy, trials};

/// All tests of the workspace, doc tests included; `args` go to cargo.
pub fn test(checkout: &Checkout, steps: &Steps, args: &[String]) -> Result<()> {
    steps.run("prerequisites", check_prerequisites)?;
    run_tests(checkout, steps, args)
}

/// Cheap checks first; the tests last, so that the output ends with their own closing lines.
pub fn ci(checkout: &Checkout, steps: &Steps) -> Result<()> {
    steps.run("prerequisites", check_prerequisites)?;
    steps.run("format", || checkout.run_cargo(&["fmt", "--all", "--check"]))?;
    // Formatted like the rest; built only when peers are measured, because its dependencies are many and not ours.
    steps.run("format of benches/peers", || {
        checkout.run_cargo(&["fmt", "--manifest-path", "benches/peers/Cargo.toml", "--check"])
    })?;
    steps.run("tidy", || tidy::run(checkout))?;
    steps.run("spec", || spec::run(checkout))?;
    steps.run("lints", || checkout.run_cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    steps.run("lints with faults", || {
        checkout.run_cargo(&["clippy", "--workspace", "--all-targets", "--features", "faults", "--", "-D", "warnings"])
    })?;
    faults::run(checkout, steps, false)?;
    first_light::run(checkout, steps, false, None)?;
    trials::crowd(checkout, steps, true)?;
    run_tests(checkout, steps, &[])
}

fn run_tests(checkout: &Checkout, steps: &Steps, args: &[String]) -> Result<()> {
    let mut arguments = vec!["test", "--workspace"];
    arguments.extend(args.iter().map(String::as_str));
    steps.run("tests", || checkout.run_cargo(&arguments))
}

/// Rust is there, or this would not run; some dependencies also need a C compiler.
fn check_prerequisites() -> Result<()> {
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    check_compiler(&compiler)
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

#[cfg(test)]
mod tests {
    use super::*;

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
