//! `POST /api/v1/NAME`: every command of [`ops_api::Command`], carried out, answered and written down.

use super::audit::Given;
use super::http::Peer;
use super::players::{ask_world, sessions};
use super::refusal::{GOING_DOWN, Refusal};
use super::token::BODY_BYTES_MAX;
use super::{Office, bans, errands, limits};
use crate::edge::asks::WorldAsk;
use crate::edge::countdown::Announced;
use crate::edge::reload::Reloaded;
use crate::edge::{clock, telemetry};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use ops_api::{COMMANDS, Command, REASON_BYTES_MAX, Role};
use protocol::message::{NOTICE_BYTES_MAX, is_notice};
use rudp::Reason;
use serde_json::{Value, json};
use server::Operation;
use std::sync::{Arc, PoisonError};
use tokio::sync::oneshot;

/// Longest that a shutdown may be announced ahead: a day.
const SHUTDOWN_IN_S_MAX: u64 = 86_400;
/// Longest that a drill takes, in seconds, and the most work in a tick, in milliseconds.
const DRILL_S_MAX: u64 = 600;
const DRILL_MS_MAX: u64 = 1_000;
/// Longest that the world is made to stand still, in milliseconds: the watchdog ends the server after ten seconds.
const FREEZE_MS_MAX: u64 = 60_000;

/// What came of it.
type Done = Result<(StatusCode, Value), Refusal>;

/// Reads a command, does it, writes it down.
pub async fn page(State(office): State<Arc<Office>>, request: Request) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let (from, role) = (Peer::of(&request), request.extensions().get::<Role>().copied());
    let read = read(&office, &name, request).await;
    // On a task of its own: whoever hangs up, or waits for longer than a connection lives, has given the command all the
    // same, and it is written down what came of it.
    let task = tokio::spawn(async move {
        let (fields, done) = match read {
            Ok(command) => (fields_of(&command), carry_out(&office, command).await),
            Err((refusal, said)) => (json!({ "said": said }).to_string(), Err(refusal)),
        };
        let (status, body) = done.unwrap_or_else(|refusal| {
            let (status, error) = refusal.parts();
            (status, json!({ "error": error }))
        });
        office.audit(Given { from, role, command: name, fields, status: status.as_u16() }).await;
        (status, body)
    });
    let failed = |_| (StatusCode::INTERNAL_SERVER_ERROR, json!({ "error": "the command's own task failed" }));
    let (status, body) = task.await.unwrap_or_else(failed);
    let mut headers = HeaderMap::new();
    // What is held about a person is nobody's to keep on the way.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (status, headers, Json(body)).into_response()
}

/// With what was said, as far as it came, of what is no command.
async fn read(office: &Office, name: &str, request: Request) -> Result<Command, (Refusal, String)> {
    let body = tokio::time::timeout(office.body_within, Bytes::from_request(request, &())).await;
    let body = body.ok().and_then(Result::ok).filter(|body| body.len() <= BODY_BYTES_MAX);
    let too_much = || (Refusal::Request("the request's body is too long or too slow".to_owned()), String::new());
    let body = body.ok_or_else(too_much)?;
    command_of(name, &body).map_err(|refusal| (refusal, String::from_utf8_lossy(&body).into_owned()))
}

fn command_of(name: &str, body: &[u8]) -> Result<Command, Refusal> {
    if !COMMANDS.contains(&name) {
        return Err(Refusal::Missing(format!("there is no command \"{}\"", name.escape_default())));
    }
    let fields = match body.trim_ascii() {
        [] => json!({}),
        body => serde_json::from_slice(body)
            .map_err(|error| Refusal::Request(format!("the body is no JSON object: {error}")))?,
    };
    let Value::Object(mut fields) = fields else {
        return Err(Refusal::Request("the body is no JSON object".to_owned()));
    };
    if fields.insert("command".to_owned(), name.into()).is_some_and(|said| said != name) {
        return Err(Refusal::Request(format!("the body is another command than the path, {name}")));
    }
    serde_json::from_value(fields.into())
        .map_err(|error| Refusal::Request(format!("{name} wants other fields: {error}")))
}

/// Its fields for the log. No command has a secret among them.
fn fields_of(command: &Command) -> String {
    let mut fields = serde_json::to_value(command).unwrap_or_default();
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("command");
    }
    fields.to_string()
}

async fn carry_out(office: &Office, command: Command) -> Done {
    let ok = |page: Value| Ok((StatusCode::OK, page));
    match command {
        Command::Kick { who, reason } => {
            check_reason(&reason)?;
            let sessions = sessions(office, &who).await?;
            let count = sessions.len();
            ask_world(office, WorldAsk::Operate(Operation::Close { sessions, reason: Reason::Kicked }))?;
            ok(json!({ "sessions": count }))
        }
        Command::Say { text, to } => {
            if !is_notice(&text) {
                return Err(Refusal::Request(format!(
                    "what is said has 1 to {NOTICE_BYTES_MAX} bytes and no control characters"
                )));
            }
            let (to, count) = match to {
                Some(whom) => {
                    let sessions = sessions(office, &whom).await?;
                    let count = sessions.len();
                    (Some(sessions), count)
                }
                None => (None, office.board.reactor.load().connections),
            };
            ask_world(office, WorldAsk::Operate(Operation::Say { to, text }))?;
            ok(json!({ "sessions": count }))
        }
        Command::LogLevel { filter } => {
            telemetry::set_filter(&filter).map_err(Refusal::Request)?;
            ok(json!({ "filter": filter }))
        }
        Command::Limits { name, value } => ok(json!({ "limit": limits::set(office, &name, value).await? })),
        Command::Reload {} => reload(office).await,
        Command::Backup { to } => errands::backup(office, to).await,
        Command::Export { account } => errands::export(office, account).await,
        Command::Erase { account, characters } => errands::erase(office, account, characters).await,
        Command::Drain { cancel } => drain(office, !cancel),
        Command::Shutdown { in_s, reason, cancel } => shutdown(office, in_s, reason, cancel).await,
        Command::Test { work_ms, freeze_ms, for_s } => drill(office, work_ms, freeze_ms, for_s),
        Command::Ban { what, for_s, reason } => {
            check_reason(&reason)?;
            bans::ban(office, what, for_s, reason).await
        }
        Command::Unban { what } => bans::unban(office, what).await,
        Command::Report {} => {
            let file = office.watch.write_report().await.map_err(Refusal::Failed)?;
            ok(json!({ "file": file }))
        }
        Command::TestAlert {} => test_alert(office).await,
    }
}

/// Where no webhook is, nothing is sent, and that is said; one that does not answer is somebody's fault.
async fn test_alert(office: &Office) -> Done {
    match office.watch.test_alert().await {
        Ok(is_sent) => Ok((StatusCode::OK, json!({ "sent": is_sent }))),
        Err(error) => Ok((StatusCode::BAD_GATEWAY, json!({ "sent": false, "error": error }))),
    }
}

async fn reload(office: &Office) -> Done {
    let _turn = office.reloading.lock().await;
    let (reply, answer) = oneshot::channel();
    (office.bells.reload)(reply);
    match answer.await {
        Ok(Ok(Reloaded { private_keys, jwt_keys, content })) => {
            Ok((StatusCode::OK, json!({ "private_keys": private_keys, "jwt_keys": jwt_keys, "content": content })))
        }
        Ok(Err(problem)) => Err(Refusal::Conflict(problem)),
        Err(_) => Err(Refusal::Away(GOING_DOWN)),
    }
}

/// Nobody is let in, and who is here plays on; or people are let in again.
fn drain(office: &Office, draining: bool) -> Done {
    let why = draining.then_some(Reason::ServerShutdown);
    ask_world(office, WorldAsk::Operate(Operation::PauseJoins(why)))?;
    office.board.publish_draining(draining);
    tracing::warn!(draining, "an operator has said whether anybody is let in");
    Ok((StatusCode::OK, json!({ "draining": draining })))
}

async fn shutdown(office: &Office, in_s: u64, reason: String, cancel: bool) -> Done {
    check_reason(&reason)?;
    if in_s > SHUTDOWN_IN_S_MAX {
        return Err(Refusal::Request(format!("a shutdown is at most {SHUTDOWN_IN_S_MAX} seconds ahead, not {in_s}")));
    }
    let wish = (!cancel).then_some(Announced { in_s, reason });
    let (reply, answer) = oneshot::channel();
    (office.bells.shutdown)(wish, reply);
    let was_announced = answer.await.map_err(|_| Refusal::Away(GOING_DOWN))?;
    match cancel {
        false => Ok((StatusCode::OK, json!({ "in_s": in_s }))),
        true if was_announced => Ok((StatusCode::OK, json!({ "cancelled": true }))),
        true => Err(Refusal::Missing("no shutdown is announced".to_owned())),
    }
}

fn drill(office: &Office, work_ms: u64, freeze_ms: u64, for_s: u64) -> Done {
    if !office.test_commands {
        return Err(Refusal::Forbidden("this server was started without ops.test_commands"));
    }
    if work_ms > DRILL_MS_MAX || for_s > DRILL_S_MAX || freeze_ms > FREEZE_MS_MAX {
        return Err(Refusal::Request(format!(
            "a drill has at most {DRILL_MS_MAX} ms of work in a tick for {DRILL_S_MAX} s, and stands still for at most {FREEZE_MS_MAX} ms"
        )));
    }
    let drill = WorldAsk::Drill {
        work_ns: work_ms * 1_000_000,
        for_ns: for_s * 1_000_000_000,
        freeze_ns: freeze_ms * 1_000_000,
    };
    ask_world(office, drill)?;
    Ok((StatusCode::OK, json!({})))
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    if reason.len() > REASON_BYTES_MAX || reason.contains(char::is_control) {
        return Err(Refusal::Request(format!(
            "a reason has at most {REASON_BYTES_MAX} bytes and no control characters"
        )));
    }
    Ok(())
}

impl Office {
    /// Writes a command down. What the disk does not take is in memory at least, and said in the log.
    pub(super) async fn audit(self: &Arc<Self>, given: Given) {
        let line = self.recent.lock().unwrap_or_else(PoisonError::into_inner).note(given, clock::now().unix_s);
        let office = self.clone();
        let write = move || office.audit_file.lock().unwrap_or_else(PoisonError::into_inner).write(&line);
        // On another thread: a disk that hangs holds up nobody who asks whether the server lives.
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.tally.audit_failures.add();
                tracing::error!(%error, "a command could not be written to the audit log");
            }
            Err(error) => tracing::error!(%error, "the audit log's thread failed"),
        }
    }

    /// Somebody who may not has tried. Who has a right, but not this, is written down each time; of strangers, who can try for
    /// ever, some.
    pub(super) async fn audit_refused(self: &Arc<Self>, attempt: Attempt, role: Option<Role>, status: u16) {
        self.tally.commands_refused.add();
        let missed = match role {
            Some(_) => 0,
            None => {
                let mut throttle = self.refusal_log.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(missed) = throttle.pass(clock::mono_ns()) else { return };
                missed
            }
        };
        let Attempt { from, command } = attempt;
        let fields = json!({ "refused_before": missed }).to_string();
        self.audit(Given { from, role, command, fields, status }).await;
    }
}

/// Who has tried what.
#[derive(Clone, Debug)]
pub struct Attempt {
    from: String,
    command: String,
}

impl Attempt {
    /// What a request is.
    pub fn of(request: &Request) -> Self {
        let command = request.uri().path().rsplit('/').next().unwrap_or_default().escape_default().to_string();
        Self { from: Peer::of(request), command }
    }
}
