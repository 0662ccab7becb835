//! Redis is told who plays here, and that this server writes them: hints for login gateways and other servers.

use super::shared::Shared;
use crate::edge::clock;
use crate::edge::persistence::redis::{Hot, Lease, SESSION_REFRESH, SESSION_TTL, Session};
use protocol::CharacterId;
use server::StoreError;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Between two looks at who has come and gone.
const STEP: Duration = Duration::from_millis(500);

/// For ever.
pub async fn run(shared: Rc<Shared>) {
    // Those that Redis has been told of, and when it was told of everybody.
    let (mut told, mut refreshed) = (BTreeMap::<CharacterId, u64>::new(), tokio::time::Instant::now());
    loop {
        tokio::time::sleep(STEP).await;
        if !shared.redis_lane.borrow().is_open(clock::mono_ns()) {
            continue;
        }
        let Some(hot) = &shared.hot else { return };
        // Who has come and gone is looked for when it can be said at once: of whom was erased meanwhile nothing is said.
        let mut hot = hot.lock().await;
        told.retain(|who, _| shared.present.borrow().contains_key(who) || shared.gone.borrow().contains_key(who));
        let is_due = refreshed.elapsed() >= SESSION_REFRESH;
        let come: Vec<(CharacterId, (u64, u64))> = (shared.present.borrow().iter())
            .filter(|(who, (epoch, _))| is_due || told.get(who) != Some(epoch))
            .map(|(who, stay)| (*who, *stay))
            .collect();
        let gone: Vec<_> = shared.gone.borrow().iter().map(|(who, stay)| (*who, *stay)).collect();
        let said = tell(&shared, &mut hot, &come, &gone).await;
        drop(hot);
        match said {
            Ok(()) => {
                told.extend(come.iter().map(|(who, (epoch, _))| (*who, *epoch)));
                for (who, stay) in gone {
                    told.remove(&who);
                    let mut gone = shared.gone.borrow_mut();
                    if gone.get(&who) == Some(&stay) {
                        gone.remove(&who);
                    }
                }
                if is_due {
                    refreshed = tokio::time::Instant::now();
                }
            }
            Err(error) => shared.on_redis(&error),
        }
    }
}

async fn tell(
    shared: &Shared,
    hot: &mut Hot,
    come: &[(CharacterId, (u64, u64))],
    gone: &[(CharacterId, (u64, u64))],
) -> Result<(), StoreError> {
    if come.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let (server, address) = &shared.credentials.server;
    let stay = |&(who, (epoch, since_ms)): &(CharacterId, (u64, u64))| {
        (who, Session { server: server.clone(), address: address.clone(), epoch, since_ms })
    };
    let lease =
        |&(character, (epoch, _)): &(CharacterId, (u64, u64))| Lease { character, server: server.clone(), epoch };
    if !come.is_empty() {
        let stays: Vec<_> = come.iter().map(stay).collect();
        let leases: Vec<_> = come.iter().map(lease).collect();
        hot.enter(&stays).await?;
        // A Redis that was started anew has forgotten them, and of those who have just come it has never heard.
        let renewed = hot.renew(&leases, SESSION_TTL).await?;
        let unknown = leases.into_iter().zip(renewed).filter(|(_, is_known)| !matches!(is_known, Ok(true)));
        let unknown: Vec<_> = unknown.map(|(lease, _)| lease).collect();
        if !unknown.is_empty() {
            hot.claim(&unknown, SESSION_TTL).await?;
        }
    }
    if !gone.is_empty() {
        let stays: Vec<_> = gone.iter().map(stay).collect();
        let leases: Vec<_> = gone.iter().map(lease).collect();
        hot.leave(&stays, shared.credentials.held).await?;
        hot.release(&leases).await?;
    }
    Ok(())
}
