//! Checkpoints go to both stores, the newest of each character, in batches.

use super::shared::Shared;
use super::words::{Letter, Record, Store};
use crate::edge::clock;
use crate::edge::crash::{self, Point};
use crate::edge::persistence::redis::Checkpoint;
use protocol::CharacterId;
use server::StoreError;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Checkpoints in one SQL transaction: at 500 bytes each, a quarter of a megabyte.
const SQL_BATCH: usize = 512;
/// In one pipeline.
const REDIS_BATCH: usize = 512;
/// Between two batches that are not full: what comes together goes together. A player is saved every 4 s, so each is in the
/// stores within the 5 s that are promised of the journal, when they are well.
const GATHER: Duration = Duration::from_millis(250);
/// Longest sleep while there is nothing to do.
const NAP_MAX: Duration = Duration::from_secs(1);

/// For ever, to MariaDB.
pub async fn to_mariadb(shared: Rc<Shared>) {
    loop {
        let Some(maria) = &shared.maria else { return };
        let (node, is_open, opens_ns) = {
            let flow = maria.flow.borrow();
            let lane = &flow.lanes()[flow.node()];
            (flow.node(), lane.is_open(clock::mono_ns()), lane.opens_ns())
        };
        if !is_open {
            nap_until(opens_ns).await;
            continue;
        }
        let records = pull(&shared, Store::MariaDb, SQL_BATCH).await;
        if records.is_empty() {
            let _ = tokio::time::timeout(NAP_MAX, shared.bell.on_saved(Store::MariaDb)).await;
            continue;
        }
        let rows: Vec<(CharacterId, u64, &[u8])> =
            records.iter().map(|record| (record.character, record.revision, record.bytes.as_slice())).collect();
        let saved = async {
            let (database, _) = shared.node(node).await?;
            database.save(&rows).await
        };
        match saved.await {
            Ok(()) => {
                maria.flow.borrow_mut().lane(node).on_ok();
                let is_full = records.len() == SQL_BATCH;
                confirm(&shared, Store::MariaDb, records);
                if !is_full {
                    tokio::time::sleep(GATHER).await;
                }
            }
            Err(error) => shared.on_mariadb(node, &error),
        }
    }
}

/// For ever, to Redis.
pub async fn to_redis(shared: Rc<Shared>) {
    loop {
        let opens_ns = shared.redis_lane.borrow().opens_ns();
        if opens_ns > clock::mono_ns() {
            nap_until(opens_ns).await;
            continue;
        }
        let records = pull(&shared, Store::Redis, REDIS_BATCH).await;
        if records.is_empty() {
            let _ = tokio::time::timeout(NAP_MAX, shared.bell.on_saved(Store::Redis)).await;
            continue;
        }
        crash::at(Point::BeforeRedis);
        match keep(&shared, &records).await {
            Ok(()) => {
                crash::at(Point::AfterRedis);
                shared.redis_lane.borrow_mut().on_ok();
                let is_full = records.len() == REDIS_BATCH;
                confirm(&shared, Store::Redis, records);
                if !is_full {
                    tokio::time::sleep(GATHER).await;
                }
            }
            Err(error) => shared.on_redis(&error),
        }
    }
}

/// What is wrong with one player's key is logged and is not tried again until he is saved again.
async fn keep(shared: &Shared, records: &[Record]) -> Result<(), StoreError> {
    let Some(hot) = &shared.hot else { return Ok(()) };
    let checkpoints: Vec<_> = (records.iter())
        .map(|record| Checkpoint { character: record.character, revision: record.revision, record: &record.bytes })
        .collect();
    for error in hot.lock().await.keep(&checkpoints).await?.into_iter().filter_map(Result::err) {
        shared.done.borrow_mut().redis_refusals += 1;
        shared.log("redis", &error);
    }
    Ok(())
}

async fn pull(shared: &Shared, store: Store, max: usize) -> Vec<Record> {
    let (reply, records) = oneshot::channel();
    shared.send(Letter::PullRecords { store, max, reply });
    match records.await {
        Ok(records) => records,
        // The persistence thread has ended: so will this one.
        Err(_) => std::future::pending().await,
    }
}

fn confirm(shared: &Shared, store: Store, records: Vec<Record>) {
    shared.done.borrow_mut().on_records(store, records.len());
    let sent = records.into_iter().map(|record| (record.character, record.revision)).collect();
    shared.send(Letter::Sent { store, sent });
}

async fn nap_until(at_ns: u64) {
    let nap = Duration::from_nanos(at_ns.saturating_sub(clock::mono_ns()));
    tokio::time::sleep(nap.min(NAP_MAX)).await;
}
