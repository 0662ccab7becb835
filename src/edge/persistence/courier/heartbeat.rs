//! MariaDB hears every few seconds that this server is alive: nobody is to give up the journal of one that is.

use super::shared::Shared;
use crate::edge::clock;
use crate::edge::persistence::mariadb::SILENT_MS;
use std::rc::Rc;
use std::time::Duration;

/// Between two signs of life: 10 s.
const PAUSE: Duration = Duration::from_secs(10);
const _: () = assert!(SILENT_MS >= 6 * PAUSE.as_millis() as u64);

/// For ever.
pub async fn run(shared: Rc<Shared>) {
    let Some(maria) = &shared.maria else { return };
    loop {
        let (node, is_open) = {
            let flow = maria.flow.borrow();
            (flow.node(), flow.lanes()[flow.node()].is_open(clock::mono_ns()))
        };
        if is_open {
            let greeted = async {
                let (database, server) = shared.node(node).await?;
                database.greet(server, clock::unix_ms()).await
            };
            if let Err(error) = greeted.await {
                shared.on_mariadb(node, &error);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
