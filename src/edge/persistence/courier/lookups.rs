//! Whoever wants in is looked up, whoever wants a name asks for it: each within three seconds, at whichever server answers.

use super::erasure;
use super::shared::Shared;
use super::words::{Letter, Look, Word};
use crate::edge::clock;
use crate::edge::persistence::mariadb::{Database, LeaseAnswer, NameAnswer, ServerId};
use protocol::{AccountId, CharacterId};
use server::{Enrolled, LoadError, StoreError, Trouble};
use std::rc::Rc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Whoever waits for longer is told that he cannot be let in now: 3 s.
const WITHIN: Duration = Duration::from_secs(3);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(150);
/// What Redis may take of it: it only ever makes a login better, and must not make it slow.
const HOT_WITHIN: Duration = Duration::from_millis(500);

/// Does what was asked for, or begins it among `answers`.
pub fn hear(shared: &Rc<Shared>, word: Word, answers: &mut JoinSet<()>) {
    shared.done.borrow_mut().lookups += 1;
    match word {
        Word::Entered(lease) => {
            let since_ms = clock::unix_ms();
            shared.gone.borrow_mut().remove(&lease.character);
            shared.present.borrow_mut().insert(lease.character, (lease.epoch, since_ms));
        }
        Word::Left(character) => {
            let stay = shared.present.borrow_mut().remove(&character);
            shared.gone.borrow_mut().extend(stay.map(|stay| (character, stay)));
        }
        word => drop(answers.spawn_local(answer(shared.clone(), word))),
    }
}

async fn answer(shared: Rc<Shared>, word: Word) {
    match word {
        Word::Look { character } => {
            let found = look(&shared, character).await;
            shared.send(Letter::Looked { character, found });
        }
        Word::Roster { account } => {
            let found = roster(&shared, account).await;
            shared.send(Letter::Rostered { account, found });
        }
        Word::Reserve { id, name, character, account } => {
            let found = reserve(&shared, &name, character, account).await;
            shared.send(Letter::Reserved { id, found });
        }
        Word::Unreserve { name, character } => {
            // Left undone it is a name that nobody can have: worth a few tries.
            if let Err(error) = free(&shared, &name, character).await {
                tracing::warn!(%error, character = character.0, "a name stays taken by a character that was not made");
            }
        }
        Word::Release(leases) => {
            let released = anywhere(&shared, async |node, server| node.release_leases(server, &leases).await).await;
            if let Err(error) = released {
                tracing::warn!(%error, leases = leases.len(), "players stay this server's in MariaDB until they come again");
            }
            shared.send(Letter::Released);
        }
        Word::Kin { account, also } => {
            let found = erasure::kin(&shared, account, &also).await;
            shared.send(Letter::Kin(found));
        }
        Word::Erase { account, characters, leases } => {
            let done = erasure::erase(&shared, account, &characters, &leases).await;
            shared.send(Letter::Erased(done));
        }
        Word::Entered(_) | Word::Left(_) => {}
    }
}

async fn look(shared: &Shared, character: CharacterId) -> Result<Look, LoadError> {
    if shared.maria.is_none() {
        return Ok(Look { hot: hot(shared, character).await, ..Look::default() });
    }
    let taken = anywhere(shared, async |node, server| node.take_lease(server, character).await).await;
    if let Err(LoadError::Away(_)) = &taken
        && let Some(other) = elsewhere(shared, character).await
    {
        return Err(LoadError::Elsewhere(format!("character {} plays on server {other}, says Redis", character.0)));
    }
    let epoch = match taken? {
        LeaseAnswer::Taken { epoch } => epoch,
        LeaseAnswer::Held { by } => {
            return Err(LoadError::Elsewhere(format!(
                "character {} is in the world of server {by}, or that server's journal is not drained",
                character.0
            )));
        }
    };
    // Only now: what was found before the lease was taken might change until then.
    let kept = anywhere(shared, async |node, _| node.load(character).await).await?;
    Ok(Look { epoch, kept, hot: hot(shared, character).await })
}

/// Where somebody plays, or is expected back, if that is not here and Redis says so soon. A hint: it makes a refusal clearer
/// and lets nobody in.
async fn elsewhere(shared: &Shared, character: CharacterId) -> Option<String> {
    let hot = shared.hot.as_ref()?;
    let asked = async {
        let mut hot = hot.lock().await;
        let stay = hot.session_of(character).await.ok().flatten();
        if stay.is_some() { stay } else { hot.ticket_of(character).await.ok().flatten() }
    };
    let stay = tokio::time::timeout(HOT_WITHIN, asked).await.ok().flatten()?;
    Some(stay.server).filter(|server| *server != shared.credentials.server.0)
}

/// What Redis has, if it answers soon.
async fn hot(shared: &Shared, character: CharacterId) -> Option<(u64, Vec<u8>)> {
    let hot = shared.hot.as_ref()?;
    if !shared.redis_lane.borrow().is_open(clock::mono_ns()) {
        return None;
    }
    let newest = async { hot.lock().await.newest(character).await };
    match tokio::time::timeout(HOT_WITHIN, newest).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            shared.log("redis", &error);
            None
        }
        Err(_) => None,
    }
}

async fn roster(shared: &Shared, account: AccountId) -> Result<(u64, Vec<Enrolled>), LoadError> {
    if shared.maria.is_none() {
        return Ok((0, Vec::new()));
    }
    anywhere(shared, async |node, _| node.roster(account).await).await
}

/// With a pair a name is asked for at both, the first before the second, as far as they answer: while they cannot hear each
/// other, two servers must not give one name away twice.
async fn reserve(
    shared: &Shared,
    name: &str,
    character: CharacterId,
    account: AccountId,
) -> Result<Option<CharacterId>, LoadError> {
    let Some(maria) = &shared.maria else { return Ok(None) };
    let (mut is_answered, mut last) = (false, None);
    for node in 0..maria.nodes.len() {
        let asked = async {
            let (database, _) = shared.node(node).await?;
            database.reserve_name(name, character, account).await
        };
        match tokio::time::timeout(WITHIN, asked).await {
            Ok(Ok(NameAnswer::Taken { by })) => return Ok(Some(by)),
            Ok(Ok(NameAnswer::Yours)) => is_answered = true,
            Ok(Err(error)) => {
                shared.log("mariadb", &error);
                last = Some(error.text);
            }
            Err(_) => last = Some(format!("{} does not answer", maria.nodes[node].place())),
        }
    }
    if is_answered { Ok(None) } else { Err(LoadError::Away(last.unwrap_or_default())) }
}

/// At each server that may have given it, both of a pair: the one that is written to may never have heard of it, and what
/// changes nothing there is told to nobody.
async fn free(shared: &Shared, name: &str, character: CharacterId) -> Result<(), LoadError> {
    let Some(maria) = &shared.maria else { return Ok(()) };
    let ask = async |node: &Database, _| node.release_name(name, character).await;
    if !maria.flow.borrow().is_pair() {
        return anywhere(shared, ask).await;
    }
    let mut freed = Ok(());
    for node in 0..maria.nodes.len() {
        freed = freed.and(among(shared, &[node], &ask).await);
    }
    freed
}

/// Asks the server that is written to, then the others, again and again until one has answered or the time is over.
pub async fn anywhere<T>(
    shared: &Shared,
    ask: impl AsyncFn(&Database, ServerId) -> Result<T, StoreError>,
) -> Result<T, LoadError> {
    let all: Vec<_> = (0..shared.maria.as_ref().map_or(0, |maria| maria.nodes.len())).collect();
    among(shared, &all, ask).await
}

/// As above, of these servers.
async fn among<T>(
    shared: &Shared,
    nodes: &[usize],
    ask: impl AsyncFn(&Database, ServerId) -> Result<T, StoreError>,
) -> Result<T, LoadError> {
    let Some(maria) = &shared.maria else { return Err(LoadError::Away("there is no MariaDB".to_owned())) };
    let deadline = tokio::time::Instant::now() + WITHIN;
    let mut last = "MariaDB does not answer".to_owned();
    loop {
        let first = maria.flow.borrow().node();
        for nth in 0..nodes.len() {
            let node = nodes[(first + nth) % nodes.len()];
            if !maria.flow.borrow().lanes()[node].is_open(clock::mono_ns()) {
                continue;
            }
            let asked = async {
                let (database, server) = shared.node(node).await?;
                ask(database, server).await
            };
            match tokio::time::timeout_at(deadline, asked).await {
                Ok(Ok(answer)) => return Ok(answer),
                // Its trouble is this record's, not the server's.
                Ok(Err(error)) if error.trouble == Trouble::Broken => return Err(LoadError::Unreadable(error.text)),
                Ok(Err(error)) => {
                    shared.on_mariadb(node, &error);
                    last = error.text;
                }
                Err(_) => return Err(LoadError::Away(last)),
            }
        }
        if tokio::time::Instant::now() + PAUSE >= deadline {
            return Err(LoadError::Away(last));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
