//! Watches over the server, once a second: what was, what comes, who is to be told; the page that shows it, and the reports.
//!
//! All of it happens on the operations thread, out of what the other threads have published: they do not know of it.

mod alerts;
mod figures;
mod files;
mod forecast;
mod frame;
mod history;
mod page;
mod plot;
mod point;
mod report;
mod rules;
mod sample;
mod stream;
mod webhook;

pub use figures::Figures;
pub use page::{guarded_routes, open_routes};

use crate::config::{self, Config};
use crate::edge::board::Board;
use crate::edge::{clock, process};
use alerts::{Alerts, Change};
use forecast::{Forecast, Limits};
use frame::Frame;
use history::History;
use point::Figure;
use protocol::motion::StaticMap;
use protocol::unit::SUBUNITS_PER_M;
use report::Account;
use rules::Reading;
use sample::{Sampler, System};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stream::Viewers;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};
use webhook::{Patience, Webhook};

use super::status::{BothWays, Brief, Foreseen, Quantiles};
use super::store_metrics::states;
use super::tally::Count;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two forecasts: a trend of minutes does not change in seconds.
const FORECAST_EVERY: u64 = 10;
const NS_PER_HOUR: u64 = 3_600 * 1_000_000_000;

/// What does not change while the server runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's name.
    pub server: String,
    /// Where reports go.
    pub data_dir: PathBuf,
    /// Players that are let in, unless an operator has changed it since.
    pub players_max: u32,
    /// Whether the live page, which needs no token, shows where people are.
    pub shows_map: bool,
    /// The map's extent, west to east and south to north, in metres.
    pub map_m: (u32, u32),
    /// Of what somebody is told, and where.
    pub alerts: config::Alerts,
    /// When reports are written by themselves.
    pub reports: config::Reports,
    /// Tells this process from others; and of chances that nobody is to foresee.
    pub seed: u64,
}

impl Settings {
    /// Those of a server.
    pub fn of(config: &Config, seed: u64) -> Self {
        Self {
            server: config.name.clone(),
            data_dir: config.data_dir.clone(),
            players_max: config.players_max as u32,
            shows_map: config.live_map,
            map_m: extent_m(&config.map),
            alerts: config.alerts.clone(),
            reports: config.reports,
            seed,
        }
    }
}

fn extent_m(map: &StaticMap) -> (u32, u32) {
    let metres = |subunits: i32| (subunits / SUBUNITS_PER_M) as u32;
    let (width, depth) = map.extent();
    (metres(width), metres(depth))
}

/// The watch. Its pages are [`open_routes`] and [`guarded_routes`], its metrics [`Figures`].
pub struct Watch {
    board: Arc<Board>,
    settings: Settings,
    limits: Limits,
    state: Mutex<State>,
    viewers: Viewers,
    webhook: Option<Webhook>,
    /// One report at a time.
    writing: tokio::sync::Mutex<()>,
    reports: Reports,
}

/// What became of reports.
#[derive(Debug, Default)]
struct Reports {
    written: Count,
    failed: Count,
}

/// What changes with each look. Locked for less than a millisecond, and by this thread only, but for a scrape that a test makes.
struct State {
    sampler: Sampler,
    history: History,
    alerts: Alerts,
    forecast: Option<Forecast>,
    looks: u64,
    /// On the monotonic clock; none if reports are not written by themselves.
    report_due_ns: Option<u64>,
}

impl Watch {
    /// A watch over what is published on `board`; inside a runtime of tokio. It looks when [`Self::run`] does.
    pub fn new(board: Arc<Board>, settings: Settings) -> Arc<Self> {
        let system = system();
        let state = State {
            report_due_ns: due_ns(system.mono_ns, &settings.reports),
            sampler: Sampler::new(system),
            history: History::default(),
            alerts: Alerts::new(
                settings.alerts.is_enabled.then(|| rules::rules(&settings.alerts)).into_iter().flatten(),
            ),
            forecast: None,
            looks: 0,
        };
        let webhook = settings.alerts.webhook_url.as_deref().and_then(|url| {
            // What is wrong with an address is found when the server starts; here it can only lack certificates.
            Webhook::start(url, settings.server.clone(), settings.seed, Patience::default())
                .inspect_err(|why| tracing::error!(%why, "alerts are sent to nobody"))
                .ok()
        });
        let limits = Limits {
            tick_ms: report::TICK_MS,
            players: f64::from(settings.players_max),
            memory_mib: process::memory_limit_bytes().map(|bytes| bytes as f64 / f64::from(1 << 20)),
        };
        Arc::new(Self {
            board,
            settings,
            limits,
            state: Mutex::new(state),
            viewers: Viewers::default(),
            webhook,
            writing: tokio::sync::Mutex::default(),
            reports: Reports::default(),
        })
    }

    /// Looks once a second, for ever. A second in which the thread had no time is left out.
    pub async fn run(self: Arc<Self>) {
        let mut beat = interval(LOOK_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            beat.tick().await;
            if self.look(system()) {
                tokio::spawn(self.clone().report_in_time());
            }
        }
    }

    /// Looks once; true if it is time for a report.
    fn look(&self, system: System) -> bool {
        let mono_ns = system.mono_ns;
        let mut state = self.state();
        let state = &mut *state;
        let (point, ticks) = state.sampler.sample(&self.board, system);
        state.history.record(&point, &ticks);
        if state.looks.is_multiple_of(FORECAST_EVERY) {
            let limits = Limits { players: f64::from(self.players_max()), ..self.limits };
            state.forecast = forecast::forecast(state.history.last_seconds(forecast::WINDOW_S), &limits);
        }
        state.looks += 1;
        let reading = Reading { point: &point, forecast: state.forecast.as_ref() };
        state.alerts.observe(mono_ns, &reading).iter().for_each(|change| self.tell(change, state.forecast.as_ref()));
        self.viewers.show(|| Frame::of(&self.board, &self.settings, state, mono_ns));
        let is_due = state.report_due_ns.is_some_and(|due_ns| due_ns <= mono_ns);
        if is_due {
            state.report_due_ns = due_ns(mono_ns, &self.settings.reports);
        }
        is_due
    }

    fn tell(&self, change: &Change, forecast: Option<&Forecast>) {
        let Change { name, threshold, text, .. } = change;
        // Of a forecast the sentence says more than the rule's.
        let sentence = forecast.filter(|_| *name == "forecast").map_or(text.as_str(), |forecast| &forecast.sentence);
        let value = change.value.unwrap_or_default();
        match change.is_raised {
            true => tracing::warn!(alert = name, value, threshold, "alert raised: {sentence}"),
            false => tracing::info!(alert = name, value, threshold, "alert cleared: {text}"),
        }
        if let Some(webhook) = &self.webhook {
            webhook.tell(&Change { text: sentence.to_owned(), ..change.clone() });
        }
    }

    /// How all rules stand.
    pub fn alerts(&self) -> ops_api::Alerts {
        frame::alerts(&self.state().alerts, clock::mono_ns())
    }

    /// What there is to say of the last second.
    pub fn brief(&self) -> Brief {
        let state = self.state();
        let newest = state.history.newest();
        let of = |figure| newest.and_then(|point| point.of(figure));
        let per_client = |figure| Some(of(figure)? / of(Figure::Connections).filter(|&count| count > 0.0)?);
        let both = per_client(Figure::Down).zip(per_client(Figure::Up));
        let raised = state.alerts.all().iter().filter(|watched| watched.raised_ns.is_some());
        Brief {
            alerts_firing: raised.map(|watched| watched.rule.name).collect(),
            rtt_ms: Quantiles { p50: of(Figure::RttP50), p99: of(Figure::RttP99) },
            loss_ratio: of(Figure::Loss),
            kbit_per_client: both.map(|(down, up)| BothWays { down, up }),
            forecast: state.forecast.as_ref().map(|forecast| Foreseen {
                text: forecast.sentence.clone(),
                minutes: forecast.minutes,
                players: forecast.players,
            }),
        }
    }

    /// Sends an alert that is none; false if there is nowhere to send it.
    ///
    /// # Errors
    /// Why it did not arrive, in one sentence.
    pub async fn test_alert(&self) -> Result<bool, String> {
        match &self.webhook {
            None => Ok(false),
            Some(webhook) => webhook.test(clock::now().unix_s).await.map(|()| true),
        }
    }

    /// A report of now, as HTML.
    ///
    /// # Errors
    /// The server has no thread for it.
    pub async fn report(&self) -> Result<String, String> {
        let _turn = self.writing.lock().await;
        let account = self.account(&system());
        apart(move || Ok(report::html(&account))).await
    }

    /// Writes a report of now into the data directory, and says where.
    ///
    /// # Errors
    /// What the system says, in one sentence.
    pub async fn write_report(&self) -> Result<PathBuf, String> {
        let _turn = self.writing.lock().await;
        let account = self.account(&system());
        let (data_dir, keep) = (self.settings.data_dir.clone(), self.settings.reports.keep);
        let outcome = apart(move || files::write(&data_dir, account.unix_s, &report::html(&account), keep)).await;
        match &outcome {
            Ok(_) => self.reports.written.add(),
            Err(_) => self.reports.failed.add(),
        }
        outcome
    }

    async fn report_in_time(self: Arc<Self>) {
        match self.write_report().await {
            Ok(path) => tracing::info!(file = %path.display(), "a report was written"),
            Err(why) => tracing::warn!(%why, "no report was written"),
        }
    }

    fn account(&self, system: &System) -> Account {
        let state = self.state();
        let raised = frame::alerts(&state.alerts, system.mono_ns).alerts.into_iter().filter(|alert| alert.firing);
        Account {
            server: self.settings.server.clone(),
            unix_s: system.unix_s,
            uptime_s: system.mono_ns.saturating_sub(self.board.start.mono_ns) / 1_000_000_000,
            players_max: self.players_max(),
            history: state.history.clone(),
            changes: state.alerts.changes().cloned().collect(),
            raised: raised.map(|alert| format!("{}: {}, for {:.0} s", alert.name, alert.text, alert.since_s)).collect(),
            forecast: state.forecast.clone(),
            stores: frame::stores(&self.board, system.mono_ns)
                .map(|store| {
                    (
                        store.name,
                        if store.state == "ok" {
                            "ok".to_owned()
                        } else {
                            format!("{} for {:.0} s", store.state, store.since_s)
                        },
                    )
                })
                .collect(),
            threads: state.sampler.threads().to_vec(),
        }
    }

    fn players_max(&self) -> u32 {
        self.board.players_max().unwrap_or(self.settings.players_max)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something on a thread of its own: reports take milliseconds, and their files as long as the disk takes.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let (reply, done) = oneshot::channel();
    let work = move || drop(reply.send(work()));
    std::thread::Builder::new()
        .name("report".to_owned())
        .spawn(work)
        .map_err(|error| format!("cannot start a thread for the report: {error}"))?;
    done.await.unwrap_or_else(|_| Err("the report could not be made".to_owned()))
}

fn due_ns(mono_ns: u64, reports: &config::Reports) -> Option<u64> {
    (reports.every_h > 0).then(|| mono_ns + u64::from(reports.every_h) * NS_PER_HOUR)
}

fn system() -> System {
    let now = clock::now();
    System {
        mono_ns: now.mono_ns,
        unix_s: now.unix_s,
        cpu: process::cpu_seconds(),
        resident_bytes: process::resident_bytes(),
    }
}

#[cfg(test)]
mod tests;
