//! Seeds for one build, two at a time, until one of them says what is wrong.

use std::fmt;
use std::fs::{self, File};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::scratch::Scratch;

/// What a build is put through.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// Where it is built.
    pub scratch: &'a Scratch,
    /// Seeds, from 1 on.
    pub seeds: u64,
    /// What the simulation is told beside the seed.
    pub arguments: &'a [String],
    /// One that takes longer is stuck, which is a catch, too.
    pub limit: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Of the lowest seed that says something is wrong.
    pub catch: Option<Catch>,
    /// What the slowest seed took.
    pub slowest: Duration,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catch {
    /// With which seed.
    pub seed: u64,
    /// When, if that was said.
    pub tick: Option<u64>,
    /// As the simulation says it.
    pub sentence: String,
}

/// As long as an unbroken build may take for one seed.
pub const LIMIT_MAX: Duration = Duration::from_secs(900);
/// No broken build is called stuck sooner: a machine has other work, too.
const LIMIT_MIN: Duration = Duration::from_secs(60);
/// So many times the slowest seed of the unbroken build.
const LIMIT_TIMES: u32 = 5;
/// Seeds at a time.
const WORKERS: usize = 2;
/// Kilobytes of memory that a run may have: a mistake that never stops growing is a catch, and no danger to others.
const MEMORY_KB_MAX: u64 = 6 * 1_024 * 1_024;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// When a seed is stuck, by what the slowest took with the unbroken build.
pub fn limit(slowest: Duration) -> Duration {
    (slowest * LIMIT_TIMES).max(LIMIT_MIN)
}

impl Trial<'_> {
    /// Tries seeds in their order until one is wrong.
    pub fn judge(&self) -> Result<Judgement> {
        let (next, worst) = (AtomicU64::new(1), AtomicU64::new(u64::MAX));
        let judgement = Mutex::new(Judgement::default());
        let work = || -> Result<()> {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > self.seeds || seed > worst.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let (catch, took) = self.run(seed)?;
                if catch.is_some() {
                    worst.fetch_min(seed, Ordering::Relaxed);
                }
                judgement.lock().expect("no worker panics with it").note(catch, took);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a worker panics for no run"))
        })?;
        Ok(judgement.into_inner().expect("no worker panics with it"))
    }

    /// Runs one seed. Who ends badly without a word of the simulation's, or does not end, may have had a bad machine: he is run
    /// again. Who is stuck twice counts; of who says nothing twice nothing can be said.
    fn run(&self, seed: u64) -> Result<(Option<Catch>, Duration)> {
        let log = self.scratch.log(seed);
        for is_last in [false, true] {
            let began = Instant::now();
            let ended = self.watch(seed, &log)?;
            let took = began.elapsed();
            let said = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
            // Best effort: what is left lies under the build folder.
            let _ = fs::remove_file(&log);
            let sentence = match ended {
                Some(status) if status.success() => return Ok((None, took)),
                Some(_) => sentence_in(&said),
                None => is_last.then(|| format!("stuck: twice it did not end within {} s", self.limit.as_secs())),
            };
            if let Some(sentence) = sentence {
                return Ok((Some(Catch { seed, tick: tick_in(&said), sentence }), took));
            }
            let how = ended.map_or_else(|| "did not end".to_owned(), |status| format!("ended with {status}"));
            println!("  seed {seed} {how}, and the simulation says nothing of it: {:?}", said.lines().last());
        }
        bail!("seed {seed} ended badly twice, and the simulation says nothing of it")
    }

    /// Runs one seed to its end, or to the limit.
    fn watch(&self, seed: u64, log: &std::path::Path) -> Result<Option<ExitStatus>> {
        let out = File::create(log).with_context(|| format!("{} cannot be made", log.display()))?;
        let mut command = self.command();
        command.args(["--seed", &seed.to_string()]).args(self.arguments);
        command.stdout(out.try_clone().context("a log cannot be shared")?).stderr(out);
        let mut child = command.spawn().context("the simulation cannot be started")?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait().context("the simulation cannot be waited for")? {
                return Ok(Some(status));
            }
            if began.elapsed() > self.limit {
                child.kill().context("the simulation cannot be ended")?;
                child.wait().context("the simulation cannot be waited for")?;
                return Ok(None);
            }
            thread::sleep(LOOK_PAUSE);
        }
    }

    /// The simulation, with bounded memory where the system has a shell that can do that.
    fn command(&self) -> Command {
        let program = self.scratch.program();
        if cfg!(not(unix)) {
            return Command::new(program);
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {MEMORY_KB_MAX}; exec \"$0\" \"$@\"")]).arg(program);
        shell
    }
}

impl Judgement {
    fn note(&mut self, catch: Option<Catch>, took: Duration) {
        self.slowest = self.slowest.max(took);
        let is_lower = |catch: &Catch| self.catch.as_ref().is_none_or(|known| catch.seed < known.seed);
        if let Some(catch) = catch.filter(is_lower) {
            self.catch = Some(catch);
        }
    }
}

impl fmt::Display for Catch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        self.tick.map_or(Ok(()), |tick| write!(f, " at tick {tick}"))?;
        write!(f, ": {}", self.sentence)
    }
}

/// What a run says is wrong: the message of an assertion and where it stands, what follows the tick (`seed 7 broke at tick
/// 812: view: ..`), or that it has more memory than it may. What a system says of a process is none of these.
fn sentence_in(said: &str) -> Option<String> {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(at) = lines.iter().position(|line| line.contains("panicked at ")) {
        let place = lines[at].split_once("panicked at ").map_or("", |(_, place)| place.trim_end_matches(':'));
        return Some(format!("{} ({place})", lines.get(at + 1).unwrap_or(&"an assertion")));
    }
    let broke = lines.iter().find_map(|line| line.split_once(" broke at tick ")?.1.split_once(": "));
    let grown = || lines.iter().find(|line| line.starts_with("memory allocation of ")).copied();
    broke.map(|(_, sentence)| sentence).or_else(grown).map(str::to_owned)
}

/// The first tick that is named.
fn tick_in(said: &str) -> Option<u64> {
    said.match_indices("tick ").find_map(|(at, word)| {
        let rest = &said[at + word.len()..];
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catch(seed: u64) -> Option<Catch> {
        Some(Catch { seed, tick: None, sentence: String::new() })
    }

    #[test]
    fn of_several_catches_the_lowest_seed_is_told() {
        let mut judgement = Judgement::default();
        judgement.note(None, Duration::from_secs(9));
        judgement.note(catch(4), Duration::from_secs(1));
        judgement.note(catch(3), Duration::from_secs(1));
        judgement.note(catch(5), Duration::from_secs(1));
        assert_eq!((judgement.catch, judgement.slowest), (catch(3), Duration::from_secs(9)));
    }

    #[test]
    fn an_assertion_is_told_with_its_place() {
        let said = "thread 'main' (7) panicked at src/rudp/src/sent.rs:160:9:\npacket numbers ascend\nnote: run with";
        assert_eq!(sentence_in(said).as_deref(), Some("packet numbers ascend (src/rudp/src/sent.rs:160:9)"));
    }

    #[test]
    fn a_check_is_told_by_the_line_that_names_its_tick() {
        let said =
            "seed 7 broke at tick 812: view: Ann is gone\nreplay: cargo run -p simulate -- --seed 7 --ticks 812\n";
        assert_eq!(sentence_in(said).as_deref(), Some("view: Ann is gone"));
        assert_eq!((tick_in(said), tick_in("--ticks 9"), tick_in("of a tick that")), (Some(812), None, None));
        let grown = "memory allocation of 4096 bytes failed\nAborted";
        assert_eq!(sentence_in(grown).as_deref(), Some("memory allocation of 4096 bytes failed"));
        assert_eq!(
            [sentence_in("sh: 0: exec: simulate: not found"), sentence_in("Killed"), sentence_in("")],
            [const { None }; 3]
        );
    }

    #[test]
    fn stuck_is_five_times_the_slowest_and_never_less_than_a_minute() {
        assert_eq!(limit(Duration::from_secs(3)), LIMIT_MIN);
        assert_eq!(limit(Duration::from_secs(30)), Duration::from_secs(150));
    }
}
