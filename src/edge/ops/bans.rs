//! `GET /api/v1/bans`, and the two commands that change the list.

use super::Office;
use super::refusal::Refusal;
use crate::edge::bans::{barred, shown};
use crate::edge::clock;
use axum::http::StatusCode;
use ops_api::{Ban, Bans, Barred};
use serde_json::{Value, json};
use server::Imposed;

/// Longest ban that ends, in seconds: ten years. What is to last longer is for ever.
const BAN_S_MAX: u64 = 10 * 365 * 86_400;

/// Who is kept out.
pub async fn page(office: &Office) -> Result<Bans, Refusal> {
    let unix_s = clock::now().unix_s;
    let bans = office.switchboard.bans().await?;
    Ok(Bans { bans: bans.iter().map(|ban| row(ban, unix_s)).collect() })
}

/// Keeps somebody out from now on.
pub async fn ban(
    office: &Office,
    what: Barred,
    for_s: Option<u64>,
    reason: String,
) -> Result<(StatusCode, Value), Refusal> {
    if for_s.is_some_and(|for_s| for_s == 0 || for_s > BAN_S_MAX) {
        return Err(Refusal::Request(format!("a ban lasts 1 to {BAN_S_MAX} seconds, or for ever if none are said")));
    }
    let unix_s = clock::now().unix_s;
    let until_unix_s = for_s.map(|for_s| unix_s + for_s);
    let ban = server::Ban { what: barred(what), until_unix_s, reason, by: Imposed::Operator };
    let shown = row(&ban, unix_s);
    let done = office.switchboard.ban(ban).await?;
    Ok((StatusCode::OK, json!({ "ban": shown, "sessions": done.ended, "not_saved": done.not_saved })))
}

/// Lets somebody in again.
pub async fn unban(office: &Office, what: Barred) -> Result<(StatusCode, Value), Refusal> {
    let done = office.switchboard.unban(barred(what)).await?;
    if !done.was_there {
        return Err(Refusal::Missing(format!("there is no ban of {what}")));
    }
    Ok((StatusCode::OK, json!({ "lifted": 1, "not_saved": done.not_saved })))
}

fn row(ban: &server::Ban, unix_s: u64) -> Ban {
    Ban {
        what: shown(ban.what).to_string(),
        left_s: ban.until_unix_s.map(|until| until.saturating_sub(unix_s)),
        reason: ban.reason.clone(),
        by: match ban.by {
            Imposed::Operator => "operator",
            Imposed::Evidence => "evidence",
        }
        .to_owned(),
    }
}
