//! Sends what was raised and cleared to an address, from a task of its own for which nobody waits.
//!
//! Letters go out in their order, one at a time: a receiver that hears of an alert's end has heard of its beginning, or never
//! will. One that answers with a status from 200 to 299 is sent nothing twice; the answer to a letter can be lost, and then
//! the letter comes again with the same `id`. What waits when the server ends is lost: the log has it. A test waits for none of
//! them: somebody waits for it.

mod post;

use super::alerts::Change;
use crate::edge::clock;
use crate::edge::ops::tally::Count;
use post::{Failure, Receiver};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;

/// Letters that may wait, of less than a kilobyte each: all rules raised and cleared three times while a receiver is away.
const LETTERS_MAX: usize = 64;

/// How long is waited for a receiver.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For one answer, connecting included.
    pub within: Duration,
    /// From a failure to the second attempt; twice as long to each further one, and half as much more or less by chance.
    pub first_pause: Duration,
    /// Attempts at one letter.
    pub attempts_max: u32,
}

impl Default for Patience {
    /// Pauses of 1, 2, 4 and up to 32 s: a minute in all. What is told later tells nobody anything.
    fn default() -> Self {
        Self { within: Duration::from_secs(5), first_pause: Duration::from_secs(1), attempts_max: 7 }
    }
}

/// What became of letters, tests included.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Answered with 200 to 299.
    pub delivered: Count,
    /// Attempts that failed and were followed by another.
    pub retried: Count,
    /// Dropped because too many waited.
    pub queue_full: Count,
    /// Dropped because the receiver said that it will never take them (a status from 300 to 499 but 408, 425 and 429).
    pub refused: Count,
    /// Dropped after the last attempt.
    pub gave_up: Count,
}

/// A way to the receiver.
#[derive(Debug)]
pub struct Webhook {
    letters: mpsc::Sender<Letter>,
    receiver: Arc<Receiver>,
    within: Duration,
    /// One test at a time.
    testing: Mutex<()>,
    delivery: Arc<Delivery>,
    server: String,
    seed: u64,
    written: AtomicU64,
}

struct Letter {
    id: String,
    body: String,
}

impl Webhook {
    /// Begins to send to `url` what is said of `server`; inside a runtime of tokio. `seed` tells the letters of this process
    /// from those of others.
    ///
    /// # Errors
    /// The address cannot be used, in one sentence that does not repeat it.
    pub fn start(url: &str, server: String, seed: u64, patience: Patience) -> Result<Self, String> {
        Ok(Self::to(Receiver::new(url)?, server, seed, patience))
    }

    fn to(receiver: Receiver, server: String, seed: u64, patience: Patience) -> Self {
        let (letters, waiting) = mpsc::channel(LETTERS_MAX);
        let (delivery, receiver) = (Arc::new(Delivery::default()), Arc::new(receiver));
        let random = StdRng::seed_from_u64(seed);
        let carrier = Carrier { receiver: receiver.clone(), patience, delivery: delivery.clone(), random };
        tokio::spawn(carrier.run(waiting));
        let (within, written) = (patience.within, AtomicU64::new(0));
        Self { letters, receiver, within, testing: Mutex::default(), delivery, server, seed, written }
    }

    /// What became of letters.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// Sends a change. It is dropped, and counted, if too many wait.
    pub fn tell(&self, change: &Change) {
        let Change { unix_s, name, value, threshold, ref text, .. } = *change;
        let word = change.word();
        let page = json!({
            "alert": name,
            "change": word,
            "value": value,
            "threshold": threshold,
            "unix_s": unix_s,
            "text": format!("{}: {name} {word}: {text}", self.server),
        });
        if self.letters.try_send(self.letter(page)).is_err() {
            self.delivery.queue_full.add();
        }
    }

    /// Sends an alert that is none, tries once, and answers with what came of it. It goes past the letters that wait: while
    /// one of them is tried again nobody would be told why.
    ///
    /// # Errors
    /// Why it did not arrive.
    pub async fn test(&self, unix_s: u64) -> Result<(), String> {
        let _turn = self.testing.lock().await;
        let text = format!("{}: test: somebody tried whether alerts arrive", self.server);
        let Letter { id, body } =
            self.letter(json!({ "alert": "test", "change": "test", "unix_s": unix_s, "text": text }));
        let outcome = self.receiver.post(&id, &body, self.within).await;
        self.delivery.settle(&outcome, 1);
        outcome.map_err(|(Failure::Later(why) | Failure::Never(why))| why)
    }

    /// Every page has an `id` that no other has, the server's name, and the time in words.
    fn letter(&self, mut page: Value) -> Letter {
        let id = format!("{:016x}-{}", self.seed, self.written.fetch_add(1, Ordering::Relaxed) + 1);
        page["id"] = id.as_str().into();
        page["server"] = self.server.as_str().into();
        page["at"] = clock::utc(page["unix_s"].as_u64().unwrap_or_default()).into();
        Letter { id, body: page.to_string() }
    }
}

impl Delivery {
    /// A letter has had its last attempt.
    fn settle(&self, outcome: &Result<(), Failure>, attempts: u32) {
        match outcome {
            Ok(()) => self.delivered.add(),
            Err(Failure::Never(why)) => {
                self.refused.add();
                tracing::warn!(%why, "the webhook refuses an alert");
            }
            Err(Failure::Later(why)) => {
                self.gave_up.add();
                tracing::warn!(%why, attempts, "an alert does not reach the webhook");
            }
        }
    }
}

/// The task.
struct Carrier {
    receiver: Arc<Receiver>,
    patience: Patience,
    delivery: Arc<Delivery>,
    random: StdRng,
}

impl Carrier {
    async fn run(mut self, mut letters: mpsc::Receiver<Letter>) {
        while let Some(letter) = letters.recv().await {
            self.carry(letter).await;
        }
    }

    async fn carry(&mut self, letter: Letter) {
        let Letter { id, body } = letter;
        let mut attempt = 1;
        let outcome = loop {
            match self.receiver.post(&id, &body, self.patience.within).await {
                Err(Failure::Later(_)) if attempt < self.patience.attempts_max => {
                    self.delivery.retried.add();
                    sleep(pause(self.patience.first_pause, attempt, self.random.random())).await;
                    attempt += 1;
                }
                outcome => break outcome,
            }
        };
        self.delivery.settle(&outcome, attempt);
    }
}

/// How long to wait after the `attempt`th failure, the first being 1; `chance` is from 0 to 1.
fn pause(first: Duration, attempt: u32, chance: f64) -> Duration {
    first.mul_f64(f64::from(1_u32 << (attempt - 1).min(16)) * (0.5 + chance))
}

#[cfg(test)]
pub mod tests;
