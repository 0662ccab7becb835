//! Postings go to MariaDB, in order.

use super::shared::{Maria, Shared};
use super::words::Letter;
use crate::edge::clock;
use crate::edge::crash::{self, Point};
use server::{Outgoing, Parcel, StoreError, Trouble};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Longest sleep: what was told by nobody is looked at all the same.
const NAP_MAX: Duration = Duration::from_secs(1);

/// Carries what there is, for ever.
pub async fn run(shared: Rc<Shared>) {
    let Some(maria) = &shared.maria else { return };
    loop {
        let now_ns = clock::mono_ns();
        let (order, timeout_ns) = {
            let mut flow = maria.flow.borrow_mut();
            flow.on_posted(shared.bell.newest(), now_ns);
            (flow.poll(now_ns), flow.timeout_ns())
        };
        match order {
            Some(Outgoing::Carry { node, after, max }) => carry(&shared, maria, node, after, max).await,
            Some(Outgoing::Look { node }) => look(&shared, maria, node).await,
            None => {
                let nap = timeout_ns.map_or(NAP_MAX, |at_ns| Duration::from_nanos(at_ns.saturating_sub(now_ns)));
                let _ = tokio::time::timeout(nap.min(NAP_MAX), shared.bell.on_posted()).await;
            }
        }
    }
}

async fn carry(shared: &Shared, maria: &Maria, node: usize, after: u64, max: usize) {
    // Before it is asked: what is posted after the answer is not in it, and must not be taken for carried.
    let newest = shared.bell.newest();
    let (reply, pulled) = oneshot::channel();
    shared.send(Letter::Pull { after, max, reply });
    let Ok(pulled) = pulled.await else { return std::future::pending().await };
    if let Some(text) = pulled.away {
        shared.log("journal", &StoreError { trouble: Trouble::Broken, text });
        return maria.flow.borrow_mut().on_unread(clock::mono_ns());
    }
    if let (true, Some(torn)) = (pulled.postings.is_empty(), pulled.torn) {
        shared.on_torn(torn);
        return maria.flow.borrow_mut().on_unread(clock::mono_ns());
    }
    shared.done.borrow_mut().torn = None;
    let parcel = Parcel::of(pulled.postings);
    let upto = if parcel.ledger.is_empty() { newest } else { parcel.upto };
    match deliver(shared, node, &parcel).await {
        Ok(()) => {
            let drained = {
                let mut flow = maria.flow.borrow_mut();
                flow.on_carried(upto, clock::mono_ns());
                flow.drained()
            };
            shared.done.borrow_mut().on_parcel(parcel.ledger.len());
            shared.send(Letter::Drained(drained));
        }
        Err(error) => {
            shared.log("mariadb", &error);
            shared.hear_disowned(node);
            maria.flow.borrow_mut().on_trouble(node, error.trouble, clock::mono_ns());
        }
    }
}

async fn deliver(shared: &Shared, node: usize, parcel: &Parcel) -> Result<(), StoreError> {
    let (database, server) = shared.node(node).await?;
    if parcel.ledger.is_empty() {
        return Ok(());
    }
    crash::at(Point::BeforeSql);
    database.write(server, parcel).await?;
    crash::at(Point::AfterSql);
    Ok(())
}

/// Up to where the other of a pair has what was written to the first.
async fn look(shared: &Shared, maria: &Maria, node: usize) {
    let looked = async {
        let (database, server) = shared.node(node).await?;
        database.watermark(server).await
    };
    match looked.await {
        Ok(has) => {
            let drained = {
                let mut flow = maria.flow.borrow_mut();
                flow.on_looked(has);
                flow.drained()
            };
            shared.send(Letter::Drained(drained));
        }
        Err(error) => {
            shared.log("mariadb", &error);
            shared.hear_disowned(node);
            maria.flow.borrow_mut().on_trouble(node, error.trouble, clock::mono_ns());
        }
    }
}
