//! Starts the threads, waits for a signal or an accident, and sees everybody out.

use super::clock;
use super::countdown::Announced;
use super::drain::Drain;
use super::herald::Herald;
use super::reload::{Reload, ReloadReply, Reread};
use super::watchdog::{Stuck, Watchdog};
use super::{Edge, ops};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use mio::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use thiserror::Error;

/// From the signal to the last thread's end. Orchestrators kill after 10 s at the least.
const DRAIN_LIMIT: Duration = Duration::from_millis(9_500);
/// From the second signal to the end: one commit of the journal on a slow disk.
const ABANDON_LIMIT: Duration = Duration::from_secs(3);

/// Why a server that ran did not end well.
#[derive(Debug, Error)]
pub enum RunError {
    /// A thread could not be started or the signals not be caught.
    #[error("cannot start a thread: {0}")]
    Start(io::Error),
    /// A thread ended by itself.
    #[error("the {thread} thread failed: {reason}")]
    Thread {
        /// Its name.
        thread: &'static str,
        /// What it said.
        reason: String,
    },
    /// The drain took too long.
    #[error("not everything was saved within {} s", DRAIN_LIMIT.as_secs_f32())]
    DrainTimedOut,
    /// A second signal.
    #[error("stopped by a second signal before everybody was saved")]
    Abandoned,
}

/// What the main thread waits for.
enum Notice {
    Signal,
    /// Keys are to be read again; whoever asked waits for the answer.
    Reload(Option<ReloadReply>),
    /// Go down after a while, or stay up after all; answers whether there was anything to call off.
    Shutdown(Option<Announced>, tokio::sync::oneshot::Sender<bool>),
    /// A thread stands still.
    Stuck(Stuck),
    Ended(&'static str, Result<(), String>),
}

/// Runs a built server until it has drained.
pub fn run(edge: Edge, reread: Reread) -> Result<(), RunError> {
    let (notices_in, notices) = unbounded();
    let signals = watch_signals(notices_in.clone())?;
    let (board, drain, waker) = (edge.board.clone(), edge.drain.clone(), edge.waker.clone());
    log_start(&edge);
    let reload = Reload::new(reread, &edge);
    let mut herald = Herald::new(board.clone(), edge.offices.world.clone());
    let Edge { reactor, world, keeper, clerk, ops_listener, offices, ranks, .. } = edge;
    // It ends when the reactor has, and nobody has to be told.
    let clerk = std::thread::Builder::new().name("bans".to_owned()).spawn(|| clerk.run()).map_err(RunError::Start)?;
    let (stop_ops, ops_stopped) = tokio::sync::oneshot::channel();
    let (asked, announced) = (notices_in.clone(), notices_in.clone());
    let bells = ops::Bells {
        shutdown: Box::new(move |wish, reply| drop(announced.send(Notice::Shutdown(wish, reply)))),
        // A server that goes down drops the reply, and that is an answer too.
        reload: Box::new(move |reply| drop(asked.send(Notice::Reload(Some(reply))))),
    };
    let mut threads = vec![
        spawn("persistence", &notices_in, move || {
            keeper.run();
            Ok(())
        })?,
        spawn("ops", &notices_in, move || {
            ops::run(ops_listener, offices, bells, ops_stopped).map_err(|error| error.to_string())
        })?,
        spawn("reactor", &notices_in, move || {
            rank("server.nice", ranks.reactor);
            reactor.run().map_err(|error| error.to_string())
        })?,
        spawn("world", &notices_in, move || {
            rank("world.nice", ranks.world);
            world.run().map_err(|error| error.to_string())
        })?,
    ];
    board.publish_ready(true);
    let stuck = notices_in.clone();
    let watchdog =
        Watchdog::start(board.clone(), move |found| drop(stuck.send(Notice::Stuck(found)))).map_err(RunError::Start)?;

    let mut running = vec!["world", "reactor", "persistence"];
    let accident = wait_for_end(&notices, &reload, &mut herald);
    board.publish_ready(false);
    board.publish_shutdown(Some(clock::mono_ns()));
    drop(watchdog);
    let result = match accident {
        Some((thread, result)) => {
            running.retain(|&name| name != thread);
            let reason = result.err().unwrap_or_else(|| "it ended unasked".to_owned());
            Err(RunError::Thread { thread, reason })
        }
        None => drain_all(&drain, &waker, &mut running, &notices),
    };
    if !matches!(result, Ok(()) | Err(RunError::DrainTimedOut)) {
        // Whatever happened: what the journal has been given is still finished.
        drain.abandon();
        let _ = waker.wake();
        wait_for(&mut running, &notices, ABANDON_LIMIT);
    }
    drop(stop_ops);
    signals.close();
    if result.is_ok() {
        for thread in threads.drain(..) {
            // A panic was reported by its own notice.
            let _ = thread.join();
        }
        let _ = clerk.join();
        tracing::info!("drained: everybody is saved");
    }
    result
}

fn log_start(edge: &Edge) {
    let start = edge.board.start.clone();
    tracing::info!(
        listen = %edge.listen,
        ops = %edge.ops_listen,
        recv_buffer_bytes = start.recv_buffer_bytes,
        send_buffer_bytes = start.send_buffer_bytes,
        seal_backend = start.seal_backend,
        tokens_for = edge.offices.desk.believes(),
        "started"
    );
    if start.recv_buffer_bytes < super::reactor::SOCKET_BUFFER_BYTES {
        tracing::warn!(
            granted = start.recv_buffer_bytes,
            asked = super::reactor::SOCKET_BUFFER_BYTES,
            "the kernel grants a small receive buffer; raise net.core.rmem_max for many players"
        );
    }
}

/// Answers what is asked until it is time to go; with the thread that failed, if that is why.
fn wait_for_end(
    notices: &Receiver<Notice>,
    reload: &Reload,
    herald: &mut Herald,
) -> Option<(&'static str, Result<(), String>)> {
    loop {
        let notice = match herald.deadline() {
            None => notices.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => notices.recv_deadline(deadline),
        };
        match notice {
            Err(RecvTimeoutError::Timeout) if herald.is_time() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("the main thread holds a sender itself"),
            Ok(Notice::Reload(reply)) => reload.run(reply),
            Ok(Notice::Shutdown(wish, reply)) => drop(reply.send(herald.announce(wish))),
            Ok(Notice::Signal) => return None,
            Ok(Notice::Stuck(Stuck { thread, sentence, mean_us })) => {
                tracing::error!(thread, mean_us, "a thread stands still: {sentence}");
                return Some((thread, Err(format!("it stands still: {sentence}"))));
            }
            Ok(Notice::Ended(thread, result)) => return Some((thread, result)),
        }
    }
}

/// Players are told and saved, then everything ends by itself; a second signal does not wait for that.
fn drain_all(
    drain: &Drain,
    waker: &Waker,
    running: &mut Vec<&'static str>,
    notices: &Receiver<Notice>,
) -> Result<(), RunError> {
    tracing::info!("draining: players are told and saved");
    drain.ask();
    let _ = waker.wake();
    match wait_for(running, notices, DRAIN_LIMIT) {
        Wait::All => Ok(()),
        Wait::Failed(thread, reason) => Err(RunError::Thread { thread, reason }),
        Wait::TimedOut => Err(RunError::DrainTimedOut),
        Wait::Signal => Err(RunError::Abandoned),
    }
}

/// How a wait ended.
enum Wait {
    All,
    Failed(&'static str, String),
    Signal,
    TimedOut,
}

/// Waits until all of `running` have ended and strikes out each that does.
fn wait_for(running: &mut Vec<&'static str>, notices: &Receiver<Notice>, limit: Duration) -> Wait {
    let deadline = Instant::now() + limit;
    while !running.is_empty() {
        match notices.recv_deadline(deadline) {
            Ok(Notice::Signal) => return Wait::Signal,
            // Too late for new keys, and for an announcement.
            Ok(Notice::Reload(_) | Notice::Shutdown(..) | Notice::Stuck(..)) => {}
            Ok(Notice::Ended(ended, result)) => {
                running.retain(|&name| name != ended);
                if let Err(reason) = result {
                    return Wait::Failed(ended, reason);
                }
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Wait::TimedOut,
        }
    }
    Wait::All
}

fn spawn(
    name: &'static str,
    notices: &Sender<Notice>,
    body: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<JoinHandle<()>, RunError> {
    let ending = Ending { name, notices: notices.clone(), result: Err("it panicked".to_owned()) };
    let run = move || {
        let mut ending = ending;
        ending.result = body();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(RunError::Start)
}

/// Ranks the calling thread, if the system allows it.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "elsewhere threads have no rank of their own"))]
fn rank(key: &str, nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = crate::edge::sys::rank_this_thread(nice) {
        tracing::info!(nice, %error, "the system does not rank a thread so: {key}");
    }
}

/// Tells the main thread how a thread ended, even if it panicked.
struct Ending {
    name: &'static str,
    notices: Sender<Notice>,
    result: Result<(), String>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Ok(()));
        let _ = self.notices.send(Notice::Ended(self.name, result));
    }
}

/// Turns SIGTERM and SIGINT into notices, from a thread of its own.
fn watch_signals(notices: Sender<Notice>) -> Result<Arc<signal_hook::iterator::Handle>, RunError> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(RunError::Start)?;
    let handle = Arc::new(signals.handle());
    let watch = move || {
        for signal in signals.forever() {
            let _ = notices.send(if signal == SIGHUP { Notice::Reload(None) } else { Notice::Signal });
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map_err(RunError::Start)?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn a_wait_strikes_out_who_ended_and_goes_on_after_a_signal() {
        let (send, notices) = unbounded();
        let mut running = vec!["world", "reactor"];
        send.send(Notice::Ended("world", Ok(()))).unwrap();
        send.send(Notice::Signal).unwrap();
        assert!(matches!(wait_for(&mut running, &notices, SOON), Wait::Signal));
        assert_eq!(running, ["reactor"]);
        assert!(matches!(wait_for(&mut running, &notices, SOON), Wait::TimedOut));
        send.send(Notice::Ended("reactor", Ok(()))).unwrap();
        assert!(matches!(wait_for(&mut running, &notices, SOON), Wait::All));
    }

    #[test]
    fn a_thread_that_panics_is_noticed_like_one_that_fails() {
        let (send, notices) = unbounded();
        spawn("doomed", &send, || std::panic::resume_unwind(Box::new("quietly"))).unwrap();
        assert!(matches!(notices.recv().unwrap(), Notice::Ended("doomed", Err(reason)) if reason == "it panicked"));
        spawn("fine", &send, || Ok(())).unwrap();
        assert!(matches!(notices.recv().unwrap(), Notice::Ended("fine", Ok(()))));
    }
}
