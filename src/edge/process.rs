//! What this process uses, as the kernel accounts it: processor time by thread, memory.

use signal_hook::consts::SIGXFSZ;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// From now on a file that may not grow any longer (`ulimit -f`) is an error of whoever writes it, as on a full disk, and not
/// the end of the process.
///
/// # Errors
/// The system does not let us.
pub fn outlive_file_limit() -> io::Result<()> {
    // Whether it came is of no interest.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Processor seconds since start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuSeconds {
    /// By thread name, in the order in which the threads were started.
    pub threads: Vec<(String, f64)>,
    /// Of the whole process.
    pub total: f64,
}

impl CpuSeconds {
    /// Seconds of the thread of this name; 0 where the system does not tell.
    pub fn of(&self, thread: &str) -> f64 {
        self.threads.iter().filter(|(name, _)| name == thread).map(|(_, seconds)| seconds).sum()
    }

    /// Seconds by name, each name once: threads that share one are told together.
    pub fn by_name(&self) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for (name, seconds) in &self.threads {
            *sums.entry(name.as_str()).or_insert(0.0) += seconds;
        }
        sums
    }
}

/// Processor time of this process.
#[cfg(target_os = "linux")]
pub fn cpu_seconds() -> CpuSeconds {
    let mut tasks: Vec<_> =
        std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    tasks.sort();
    let threads = tasks.iter().filter_map(|task| thread_seconds(task)).collect();
    CpuSeconds { threads, total: super::sys::process_cpu_ns() as f64 / 1e9 }
}

/// Processor time of this process; unknown here.
#[cfg(not(target_os = "linux"))]
pub fn cpu_seconds() -> CpuSeconds {
    CpuSeconds::default()
}

/// The scheduler's own account is in nanoseconds; `stat` counts hundredths, for kernels without the former.
fn thread_seconds(task: &Path) -> Option<(String, f64)> {
    /// `USER_HZ`, which Linux has fixed at 100 for every program that reads it.
    const STAT_HZ: f64 = 100.0;
    let name = std::fs::read_to_string(task.join("comm")).ok()?.trim().to_owned();
    let schedstat = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let run_ns: u64 = schedstat.split_whitespace().next().and_then(|field| field.parse().ok()).unwrap_or(0);
    if run_ns > 0 {
        return Some((name, run_ns as f64 / 1e9));
    }
    let stat = std::fs::read_to_string(task.join("stat")).ok()?;
    // The name in parentheses may hold anything, spaces included: count the fields behind it. utime and stime are the
    // 14th and 15th of all, the 12th and 13th behind the name.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: f64 = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some((name, ticks / STAT_HZ))
}

/// Bytes of memory that are resident; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    kibibytes(&status, "VmRSS:").unwrap_or(0) * 1_024
}

/// Bytes of memory that this process may have: the machine's, or its control group's if that has less; none where the system
/// does not tell. The machine's are asked of the kernel itself: a service that sees processes alone in `/proc`
/// (`ProcSubset=pid` in `config/ops/throng.service`) finds no `meminfo` there.
pub fn memory_limit_bytes() -> Option<u64> {
    let group = std::fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
        let limit = Path::new("/sys/fs/cgroup").join(path).join("memory.max");
        // "max" if there is none.
        std::fs::read_to_string(limit).ok()?.trim().parse::<u64>().ok()
    });
    machine_bytes().into_iter().chain(group).min()
}

#[cfg(target_os = "linux")]
fn machine_bytes() -> Option<u64> {
    let rustix::system::Sysinfo { totalram, mem_unit, .. } = rustix::system::sysinfo();
    // Its unsigned long is as wide as a pointer.
    Some(totalram as usize as u64 * u64::from(mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn machine_bytes() -> Option<u64> {
    None
}

/// The number behind a name in one of the kernel's lists.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Bytes asked of the allocator and not given back; unknown where it is not glibc's.
pub fn allocated_bytes() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    return Some(super::sys::allocated_bytes());
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_shows_up_under_the_name_of_its_thread_and_in_the_total() {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let before = cpu_seconds();
        let (worked, ready) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("busy bee)".to_owned())
            .spawn(move || {
                let start = super::super::clock::mono_ns();
                while super::super::clock::mono_ns() - start < 60_000_000 {
                    std::hint::black_box(start);
                }
                worked.send(()).unwrap();
                let _ = wait.recv();
            })
            .unwrap();
        ready.recv().unwrap();
        let after = cpu_seconds();
        assert!(after.of("busy bee)") > 0.005, "{after:?}");
        assert!(after.total - before.total > 0.005);
        drop(done);
        thread.join().unwrap();
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_is_asked_of_the_allocator_is_counted_until_it_is_given_back() {
        // Never touched, so it costs nothing; far more than what other tests ask for meanwhile.
        const BLOCK: usize = 1 << 30;
        let before = allocated_bytes().unwrap();
        let block = vec![0_u8; BLOCK];
        let with = allocated_bytes().unwrap();
        assert!(with > before + BLOCK as u64 / 2, "{before} {with}");
        drop(std::hint::black_box(block));
        assert!(allocated_bytes().unwrap() < with - BLOCK as u64 / 2);
    }

    #[test]
    fn a_process_occupies_memory_and_may_occupy_more() {
        assert!(resident_bytes() > 100_000);
        assert!(memory_limit_bytes().is_some_and(|limit| limit > resident_bytes()));
    }

    #[test]
    fn the_machine_has_the_memory_that_proc_tells_of_where_that_can_be_read() {
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let told = kibibytes(&meminfo, "MemTotal:").unwrap() * 1_024;
        assert_eq!(machine_bytes(), Some(told));
    }
}
