//! An account is erased: first in Redis, where there are only copies, then in MariaDB.

use super::lookups::anywhere;
use super::shared::Shared;
use crate::edge::persistence::mariadb::{Erased, Lease};
use protocol::{AccountId, CharacterId};
use server::LoadError;
use std::time::Duration;

/// Longest that MariaDB may take: an account that was played for years has 100,000 lines in the ledger, which are read in a few
/// seconds. With all that comes before it is less than the 60 s after which whoever asked hears nothing any more.
const WITHIN: Duration = Duration::from_secs(30);

/// The characters of an account, and those of `also` of whom MariaDB holds anything; nobody without MariaDB.
pub async fn kin(shared: &Shared, account: AccountId, also: &[CharacterId]) -> Result<Vec<CharacterId>, LoadError> {
    if shared.maria.is_none() {
        return Ok(Vec::new());
    }
    anywhere(shared, async |node, _| node.kin(account, also).await).await
}

/// Gives back what was this server's of them, and takes all away. How many lines of the ledger were made nameless.
pub async fn erase(
    shared: &Shared,
    account: AccountId,
    characters: &[CharacterId],
    leases: &[Lease],
) -> Result<usize, LoadError> {
    if shared.maria.is_some() {
        anywhere(shared, async |node, server| node.release_leases(server, leases).await).await?;
        let held = anywhere(shared, async |node, server| node.holder(server, characters).await).await?;
        if let Some(held) = held {
            return lines_of(held);
        }
    }
    forget_in_redis(shared, characters).await?;
    let Some(maria) = &shared.maria else { return Ok(0) };
    // Where everything is written to: the other of a pair hears it from there.
    let node = maria.flow.borrow().node();
    let erased = async {
        let (database, server) = shared.node(node).await?;
        database.erase(server, account, characters).await
    };
    match tokio::time::timeout(WITHIN, erased).await {
        Ok(Ok(erased)) => lines_of(erased),
        Ok(Err(error)) => {
            shared.on_mariadb(node, &error);
            Err(LoadError::Away(format!("{error}; {AGAIN}")))
        }
        Err(_) => Err(LoadError::Away(format!("MariaDB did not finish within {} s: {AGAIN}", WITHIN.as_secs()))),
    }
}

fn lines_of(erased: Erased) -> Result<usize, LoadError> {
    match erased {
        Erased::Done { ledger_lines } => Ok(ledger_lines),
        Erased::Held { character, by } => Err(LoadError::Elsewhere(format!(
            "character {} is in the world of server {by}, or that server's journal is not drained: log it out, and wait until \
             that server has given it back",
            character.0
        ))),
    }
}

async fn forget_in_redis(shared: &Shared, characters: &[CharacterId]) -> Result<(), LoadError> {
    let Some(hot) = &shared.hot else { return Ok(()) };
    let mut hot = hot.lock().await;
    for character in characters {
        // Or Redis would be told once more that he has left.
        shared.gone.borrow_mut().remove(character);
    }
    hot.forget(characters).await.map_err(|error| {
        shared.on_redis(&error);
        LoadError::Away(format!("Redis did not forget it: {error}"))
    })
}

/// What is said after a fault in the middle of it.
const AGAIN: &str = "some of it may be erased, erase it again";
