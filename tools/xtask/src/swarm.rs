//! One run of the bot swarm against a staged server.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::processors::command_on;
use crate::stage::{Place, wait_limited, without_own_settings};

/// What a swarm is asked to do.
#[derive(Clone)]
pub struct Run {
    /// Names its files in the scratch folder.
    pub name: String,
    /// How many bots.
    pub bots: u32,
    /// How long, in seconds.
    pub duration_s: u32,
    /// Over how many seconds they join.
    pub ramp_s: u32,
    /// How they move; the swarm's own default when None.
    pub movement: Option<String>,
    /// Whether bots whose session ended come back.
    pub rejoin: bool,
    /// Whether only truth is judged, not speed: a test machine may be busy.
    pub truth_only: bool,
    /// Further arguments.
    pub extra: Vec<String>,
}

impl Run {
    fn command(&self, binary: &Path, place: &Place, json: &Path) -> Command {
        let mut command = command_on(place.halves.as_ref().map(|halves| halves.load.as_str()), binary);
        command.current_dir(&place.root);
        command.arg("--bots").arg(self.bots.to_string());
        command.arg("--duration").arg(format!("{}s", self.duration_s)).arg("--ramp").arg(format!("{}s", self.ramp_s));
        if let Some(movement) = &self.movement {
            command.arg("--movement").arg(movement);
        }
        if self.rejoin {
            command.arg("--rejoin");
        }
        if self.truth_only {
            command.arg("--truth-only");
        }
        command.args(&self.extra);
        command.arg("--server").arg(place.game.to_string()).arg("--ops").arg(place.ops.to_string());
        command.arg("--data").arg(&place.data).arg("--json").arg(json);
        without_own_settings(&mut command);
        // What hundreds of bots see is more than a processor can find in small pages: a tenth of a bot's tick is spared.
        command.env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
        command
    }

    /// Starts the swarm; its output goes to files beside the server's data directory.
    pub fn start(&self, binary: &Path, place: &Place) -> Result<Running> {
        let file = |ending: &str| place.data.with_file_name(format!("{}.{ending}", self.name));
        let (json, out, err) = (file("json"), file("out"), file("err"));
        let mut command = self.command(binary, place, &json);
        command.stdout(File::create(&out)?).stderr(File::create(&err)?);
        let child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let limit = Duration::from_secs(u64::from(self.duration_s + self.ramp_s)) + OVERTIME;
        Ok(Running { child, limit, json, out, err })
    }

    /// Starts the swarm and waits for its end.
    pub fn finish(&self, binary: &Path, place: &Place) -> Result<Outcome> {
        self.start(binary, place)?.wait()
    }
}

/// A swarm at work; it is killed and reaped when dropped.
pub struct Running {
    child: Child,
    limit: Duration,
    json: PathBuf,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for the end; a swarm far beyond its duration is killed.
    pub fn wait(mut self) -> Result<Outcome> {
        let status = wait_limited(&mut self.child, self.limit)?;
        let said = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (out, err) = (said(&self.out)?, said(&self.err)?);
        let Some(status) = status else {
            bail!("the swarm was still running after {} s and was killed", self.limit.as_secs());
        };
        let report = fs::read(&self.json).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(Outcome { exit: status.code(), out, err, report })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a swarm ended and what it said.
pub struct Outcome {
    /// The exit code, None after a signal.
    pub exit: Option<i32>,
    /// Its standard output, which ends with its table.
    pub out: String,
    /// Its standard error.
    pub err: String,
    /// The file it wrote for `--json`.
    pub report: Option<Value>,
}

impl Outcome {
    /// The exit code as a cell of a table.
    pub fn exit_cell(&self) -> String {
        self.exit.map_or_else(|| "signal".to_owned(), |code| code.to_string())
    }

    /// The errors it counted, by kind.
    pub fn errors(&self) -> Option<Vec<(String, u64)>> {
        let errors = self.report.as_ref()?.get("errors")?.as_object()?;
        errors.iter().map(|(kind, count)| Some((kind.clone(), count.as_u64()?))).collect()
    }

    /// The errors it counted as one line; what it said last when it wrote no report.
    pub fn errors_line(&self) -> String {
        match self.errors() {
            Some(errors) => errors.iter().map(|(kind, count)| format!("{kind} {count}")).collect::<Vec<_>>().join(" "),
            None => {
                let last = self.err.lines().chain(self.out.lines()).rfind(|line| !line.trim().is_empty());
                format!("no report; it said: {}", last.map_or("nothing", str::trim))
            }
        }
    }

    /// Why this is not the end of a swarm that saw an honest server, None when it is: exit 0, every bot connected,
    /// something compared, nothing wrong. An empty run must not pass for a clean one.
    pub fn fault_of_clean_run(&self, run: &Run) -> Option<String> {
        if self.exit != Some(0) {
            return Some(format!("the swarm ended with {} ({})", self.exit_cell(), self.errors_line()));
        }
        let figure = |key: &str| self.report.as_ref().and_then(|report| report.get(key)).and_then(Value::as_u64);
        match (figure("connected"), figure("comparisons"), self.errors()) {
            (Some(connected), ..) if connected < u64::from(run.bots) => {
                Some(format!("only {connected} of {} bots connected", run.bots))
            }
            (_, Some(0), _) => Some("the swarm compared nothing".to_owned()),
            (_, _, Some(errors)) if errors.iter().any(|(_, count)| *count > 0) => {
                Some(format!("the swarm ended with 0 in spite of errors ({})", self.errors_line()))
            }
            (Some(_), Some(_), Some(_)) => None,
            _ => Some("the swarm's report lacks connected, comparisons or errors".to_owned()),
        }
    }

    /// Why this is not the end of a swarm that caught a lying server, None when it is: exit 1 for errors it counted,
    /// not because it could not play.
    pub fn fault_of_caught_run(&self) -> Option<String> {
        if self.exit != Some(1) {
            return Some(format!("the swarm ended with {} instead of 1 ({})", self.exit_cell(), self.errors_line()));
        }
        match self.errors() {
            Some(errors) if errors.iter().any(|(_, count)| *count > 0) => None,
            _ => Some(format!("the swarm failed without counting an error ({})", self.errors_line())),
        }
    }
}

/// How long a swarm may take beyond ramp and duration: connecting, closing, printing.
const OVERTIME: Duration = Duration::from_secs(45);

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run() -> Run {
        Run {
            name: "crowd".to_owned(),
            bots: 100,
            duration_s: 8,
            ramp_s: 2,
            movement: Some("crowd".to_owned()),
            rejoin: false,
            truth_only: true,
            extra: Vec::new(),
        }
    }

    fn outcome(exit: Option<i32>, report: Option<Value>) -> Outcome {
        Outcome { exit, out: "table\n".to_owned(), err: "swarm: no answer\n\n".to_owned(), report }
    }

    fn report(connected: u32, comparisons: u32, ghosts: u32) -> Option<Value> {
        Some(json!({ "connected": connected, "comparisons": comparisons, "errors": { "ghost": ghosts, "stale": 0 } }))
    }

    #[test]
    fn the_command_line_is_the_agreed_one() {
        let place = Place {
            binary: "throng".into(),
            root: "/".into(),
            game: "127.0.0.1:1".parse().unwrap(),
            ops: "127.0.0.1:2".parse().unwrap(),
            data: "/d".into(),
            extra: Vec::new(),
            settings: Vec::new(),
            halves: None,
        };
        let line = |run: &Run| {
            let command = run.command(Path::new("swarm"), &place, Path::new("/j"));
            command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let mut run = run();
        let tail = "--server 127.0.0.1:1 --ops 127.0.0.1:2 --data /d --json /j";
        assert_eq!(line(&run), format!("--bots 100 --duration 8s --ramp 2s --movement crowd --truth-only {tail}"));
        run.movement = None;
        run.truth_only = false;
        run.rejoin = true;
        assert_eq!(line(&run), format!("--bots 100 --duration 8s --ramp 2s --rejoin {tail}"));
        run.extra = vec!["--rebind".to_owned(), "5".to_owned()];
        assert_eq!(line(&run), format!("--bots 100 --duration 8s --ramp 2s --rejoin --rebind 5 {tail}"));
    }

    #[test]
    fn a_clean_run_connects_everyone_compares_something_and_counts_no_error() {
        assert_eq!(outcome(Some(0), report(100, 5, 0)).fault_of_clean_run(&run()), None);
        for (exit, connected, comparisons, ghosts) in
            [(Some(1), 100, 5, 0), (None, 100, 5, 0), (Some(0), 99, 5, 0), (Some(0), 100, 0, 0), (Some(0), 100, 5, 1)]
        {
            assert!(outcome(exit, report(connected, comparisons, ghosts)).fault_of_clean_run(&run()).is_some());
        }
        assert!(outcome(Some(0), None).fault_of_clean_run(&run()).is_some());
        assert!(outcome(Some(0), Some(json!({ "connected": 100 }))).fault_of_clean_run(&run()).is_some());
    }

    #[test]
    fn a_caught_run_ends_with_one_because_of_counted_errors() {
        assert_eq!(outcome(Some(1), report(100, 5, 3)).fault_of_caught_run(), None);
        assert!(outcome(Some(0), report(100, 5, 3)).fault_of_caught_run().is_some());
        assert!(outcome(Some(101), report(100, 5, 3)).fault_of_caught_run().is_some());
        assert!(outcome(Some(1), report(100, 5, 0)).fault_of_caught_run().is_some());
        let silent = outcome(Some(1), None).fault_of_caught_run().unwrap();
        assert!(silent.contains("no report; it said: table"), "{silent}");
    }

    #[test]
    fn the_errors_line_names_each_kind() {
        assert_eq!(outcome(Some(1), report(1, 1, 3)).errors_line(), "ghost 3 stale 0");
    }
}
