//! Pages that want something of the persistence thread.

use super::Office;
use super::refusal::{GOING_DOWN, Refusal};
use crate::edge::clock;
use crate::edge::persistence::{BackedUp, BackupReport, Database, Errand, ErrandError, Gone, MariaDbConfig};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use crossbeam::channel::TrySendError;
use protocol::{AccountId, CharacterId};
use rudp::token::ID_MAX;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest name of a backup: with its ending while it is made it fits every file system's 255 bytes.
const NAME_BYTES_MAX: usize = 128;
/// Longest that one of MariaDB's servers may take: two of them, before the connection to whoever asks ends.
const EXPORT_WITHIN: Duration = Duration::from_secs(25);
/// Longest that it may take to say good-bye.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Copies the journal. The answer comes when that has begun: to copy gigabytes takes longer than a connection lives.
pub async fn backup(office: &Office, to: Option<String>) -> Result<(StatusCode, Value), Refusal> {
    let name = to.unwrap_or_else(|| format!("journal-{}.redb", clock::utc(clock::now().unix_s)));
    if !is_file_name(&name) {
        return Err(Refusal::Request(format!(
            "a backup's name has 1 to {NAME_BYTES_MAX} letters, digits, dots, - or _ and does not begin with a dot"
        )));
    }
    let begun = name.clone();
    ask(office, |reply| Errand::Backup { name, reply }).await?;
    Ok((StatusCode::ACCEPTED, json!({ "name": begun })))
}

/// How far the backup is that was begun last, or what came of it.
pub fn backup_state(office: &Office) -> Result<Response, Refusal> {
    let report = office
        .board
        .backup
        .load_full()
        .ok_or(Refusal::Missing("no backup was begun since the server started".to_owned()))?;
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
pub async fn export(office: &Office, account: u64) -> Result<(StatusCode, Value), Refusal> {
    let account = AccountId(account);
    let here = ask(office, |reply| Errand::Export { account, reply }).await?;
    let mariadb = match office.mariadb.as_slice() {
        [] => None,
        servers => Some(export_from(servers, account).await?),
    };
    Ok((StatusCode::OK, json!({ "account": account.0, "journal": here, "mariadb": mariadb })))
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
pub async fn erase(office: &Office, account: u64, characters: Vec<u64>) -> Result<(StatusCode, Value), Refusal> {
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
    Ok((StatusCode::OK, page))
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
