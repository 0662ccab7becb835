//! What has been gone for a week is deleted from MariaDB, a little at a time.

use super::shared::Shared;
use crate::edge::clock;
use crate::edge::persistence::mariadb::Pruned;
use std::rc::Rc;
use std::time::Duration;

/// Between two looks while there is nothing to delete.
const PAUSE: Duration = Duration::from_secs(600);
/// Between two steps while there is: nobody else is to wait for it.
const STEP: Duration = Duration::from_secs(1);

/// For ever.
pub async fn run(shared: Rc<Shared>) {
    let Some(maria) = &shared.maria else { return };
    loop {
        tokio::time::sleep(PAUSE).await;
        loop {
            let node = maria.flow.borrow().node();
            let pruned = async {
                let (database, _) = shared.node(node).await?;
                database.prune(clock::unix_ms()).await
            };
            match pruned.await {
                Ok(Pruned { is_more: true, .. }) => tokio::time::sleep(STEP).await,
                Ok(Pruned { .. }) => break,
                Err(error) => {
                    shared.on_mariadb(node, &error);
                    break;
                }
            }
        }
    }
}
