//! Pages that want something of the persistence thread.

use super::Office;
use super::token::BODY_BYTES_MAX;
use crate::edge::clock;
use crate::edge::persistence::{BackedUp, BackupReport, Database, Errand, ErrandError, Gone, MariaDbConfig};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use crossbeam::channel::TrySendError;
use protocol::{AccountId, CharacterId};
use rudp::token::ID_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest name of a backup: with its ending while it is made it fits every file system's 255 bytes.
const NAME_BYTES_MAX: usize = 128;
/// Longest that one of MariaDB's servers may take: two of them, before the connection to whoever asks ends.
const EXPORT_WITHIN: Duration = Duration::from_secs(25);
/// Longest that it may take to say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What a backup is to be.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// The file's name, among the backups; by default the journal's and the time.
    to: Option<String>,
}

/// About whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    account: u64,
}

/// Who is to be forgotten.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whom {
    account: u64,
    /// Characters that a login service has given the account in its tokens.
    #[serde(default)]
    characters: Vec<u64>,
}

/// Why there is no answer of the kind that was asked for.
pub enum Refusal {
    /// Whoever asks is at fault.
    Request(String),
    /// There is none of what was asked for.
    Missing(&'static str),
    /// It cannot be done now.
    Conflict(String),
    /// The persistence thread has more to do than it can, or is gone.
    Away(&'static str),
    /// A store is away.
    Later(String),
    /// It was tried.
    Failed(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Request(error) => (StatusCode::BAD_REQUEST, error),
            Self::Missing(error) => (StatusCode::NOT_FOUND, error.to_owned()),
            Self::Conflict(error) => (StatusCode::CONFLICT, error),
            Self::Away(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_owned()),
            Self::Later(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
            Self::Failed(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

/// Copies the journal. The answer comes when that has begun: to copy gigabytes takes longer than a connection lives.
pub async fn backup(office: &Office, request: Request<Body>) -> Result<Response, Refusal> {
    let body = body_of(office, request).await?;
    let wish = match body.trim_ascii() {
        [] => Wish::default(),
        body => serde_json::from_slice(body)
            .map_err(|error| Refusal::Request(format!("the body is no wish for a backup: {error}")))?,
    };
    let name = wish.to.unwrap_or_else(|| format!("journal-{}.redb", clock::utc(clock::now().unix_s)));
    if !is_file_name(&name) {
        return Err(Refusal::Request(format!(
            "a backup's name has 1 to {NAME_BYTES_MAX} letters, digits, dots, - or _ and does not begin with a dot"
        )));
    }
    let begun = name.clone();
    ask(office, |reply| Errand::Backup { name, reply }).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "name": begun }))).into_response())
}

/// How far the backup is that was begun last, or what came of it.
pub fn backup_state(office: &Office) -> Result<Response, Refusal> {
    let report =
        office.board.backup.load_full().ok_or(Refusal::Missing("no backup was begun since the server started"))?;
    let BackupReport { name, progress, outcome } = &*report;
    let (rows, rows_total) = progress.rows();
    let mut page = json!({ "name": name, "state": "copying", "rows": rows, "rows_total": rows_total });
    match outcome.get() {
        None => {}
        Some(Ok(BackedUp { file, bytes, seq })) => {
            page["state"] = "done".into();
            (page["file"], page["bytes"], page["seq"]) = (json!(file), (*bytes).into(), (*seq).into());
        }
        Some(Err(error)) => {
            page["state"] = "failed".into();
            page["error"] = error.as_str().into();
        }
    }
    Ok(Json(page).into_response())
}

/// Everything that is held about an account: here, and in MariaDB where there is one. Redis has copies of it, which end by
/// themselves.
pub async fn export(office: &Office, request: Request<Body>) -> Result<Response, Refusal> {
    let body = body_of(office, request).await?;
    let About { account } = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Request(format!("the body names no account: {error}")))?;
    let account = AccountId(account);
    let here = ask(office, |reply| Errand::Export { account, reply }).await?;
    let mariadb = match office.mariadb.as_slice() {
        [] => None,
        servers => Some(export_from(servers, account).await?),
    };
    // What is held about a person is nobody's to keep on the way.
    let page = Json(json!({ "account": account.0, "journal": here, "mariadb": mariadb }));
    Ok(([(header::CACHE_CONTROL, "no-store")], page).into_response())
}

/// Of the first that answers. An export without that would not be of everything.
async fn export_from(servers: &[String], account: AccountId) -> Result<Value, Refusal> {
    let mut last = String::new();
    for url in servers {
        let config = MariaDbConfig { url: url.clone(), seed: account.0 };
        let database = Database::new(&config).map_err(|error| Refusal::Failed(error.to_string()))?;
        let found = tokio::time::timeout(EXPORT_WITHIN, database.export(account, &[server::nameless(account)])).await;
        let _ = tokio::time::timeout(CLOSE_WITHIN, database.close()).await;
        match found {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("{} does not answer", database.place()),
        }
    }
    Err(Refusal::Later(format!("MariaDB cannot be asked: {last}")))
}

/// Takes away everything that is held about an account: here, in Redis and in MariaDB, as far as there are those.
pub async fn erase(office: &Office, request: Request<Body>) -> Result<Response, Refusal> {
    let body = body_of(office, request).await?;
    let Whom { account, characters } = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Request(format!("the body names no account: {error}")))?;
    if account > ID_MAX {
        return Err(Refusal::Request(format!("there is no account {account}: the highest is {ID_MAX}")));
    }
    let named: Vec<CharacterId> = characters.into_iter().map(CharacterId).collect();
    // The server knows whose its own are, and would otherwise take another account's.
    if let Some(id) = named.iter().find(|id| id.0 == 0 || id.0 > ID_MAX || server::is_made_here(**id)) {
        let id = id.0;
        return Err(Refusal::Request(format!(
            "character {id} is none that a login service can have given to somebody"
        )));
    }
    let account = AccountId(account);
    let Gone { characters, ledger_lines, redis, mariadb } =
        ask(office, |reply| Errand::Erase { account, named, reply }).await?;
    let stores = [("journal", true), ("redis", redis), ("mariadb", mariadb)];
    let stores: Vec<&str> = stores.into_iter().filter_map(|(store, is_there)| is_there.then_some(store)).collect();
    let page =
        json!({ "account": account.0, "characters": characters, "ledger_lines": ledger_lines, "stores": stores });
    Ok(Json(page).into_response())
}

async fn body_of(office: &Office, request: Request<Body>) -> Result<Bytes, Refusal> {
    let body = tokio::time::timeout(office.body_within, Bytes::from_request(request, &())).await;
    let body = body.ok().and_then(Result::ok).filter(|body| body.len() <= BODY_BYTES_MAX);
    body.ok_or_else(|| Refusal::Request("the request's body is too long or too slow".to_owned()))
}

/// It stands in a path: it must stay in the directory that it is for.
fn is_file_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

async fn ask<T>(
    office: &Office,
    errand: impl FnOnce(oneshot::Sender<Result<T, ErrandError>>) -> Errand,
) -> Result<T, Refusal> {
    let (reply, answer) = oneshot::channel();
    match office.errands.try_send(errand(reply)) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => return Err(Refusal::Away("too many errands wait already")),
        Err(TrySendError::Disconnected(_)) => return Err(Refusal::Away(GOING_DOWN)),
    }
    match answer.await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if error.is_conflict() => Err(Refusal::Conflict(error.to_string())),
        Ok(Err(ErrandError::Away(error))) => Err(Refusal::Later(error)),
        Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
        Err(_) => Err(Refusal::Away(GOING_DOWN)),
    }
}

const GOING_DOWN: &str = "the server is going down";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backups_name_stays_where_backups_are() {
        for good in ["a", "journal-20261129T152300Z.redb", "before_2.0"] {
            assert!(is_file_name(good), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "../journal.redb", "a/b", "a b", "ä", "a\0", &"n".repeat(129)] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }
}
