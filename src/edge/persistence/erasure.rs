//! An account is erased: in MariaDB, in Redis and in this server's journal, while nobody of it is in the world and nobody can
//! come in. One at a time.

use super::Keeper;
use super::courier::words::Word;
use super::errands::ErrandError;
use super::journal::{Fact, Group};
use super::mariadb::WHY_FORGOTTEN;
use super::remote::Remote;
use crate::edge::clock;
use game::{Books, Transaction};
use protocol::{AccountId, CharacterId};
use rudp::time::NS_PER_S;
use serde::Serialize;
use server::{CommitError, LoadError};
use std::collections::BTreeSet;
use tokio::sync::oneshot;

/// How long is waited for the stores to have what the journal still holds for them: they have it within a second when they are
/// well.
const CARRIED_WITHIN_NS: u64 = 10 * NS_PER_S;
/// What whoever wants in meanwhile is told.
const BEING_ERASED: &str = "the account is being erased";

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gone {
    /// Characters of whom anything was held.
    pub characters: usize,
    /// Lines of MariaDB's ledger that name nobody any more.
    pub ledger_lines: usize,
    /// Whether there is Redis, and it was told.
    pub redis: bool,
    /// Whether there is MariaDB, and it was told.
    pub mariadb: bool,
}

/// One that is under way.
#[derive(Debug)]
pub struct Erasure {
    account: AccountId,
    /// All that are its own, as far as is known.
    characters: BTreeSet<CharacterId>,
    /// Those that no roster names, and that may come again: they are new then.
    nameless: Vec<CharacterId>,
    /// Of whom there was anything.
    found: BTreeSet<CharacterId>,
    stage: Stage,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Gone, ErrandError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// MariaDB is asked who there is.
    Searching,
    /// The stores have yet to hear of what the journal holds for them; not for longer than until then.
    Waiting { until_ns: u64 },
    /// The stores are at it.
    Erasing,
}

impl Erasure {
    fn concerns(&self, transaction: &Transaction) -> bool {
        Books::touched(transaction).iter().any(|character| self.characters.contains(character))
            || Books::touched_rosters(transaction).any(|(account, _)| account == self.account)
    }
}

impl Keeper {
    /// Begins with it. `named` are the characters that a login service has given the account.
    pub(super) fn begin_erasure(&mut self, account: AccountId, named: Vec<CharacterId>, reply: Reply) {
        // What waits for the disk may be about it.
        self.commit();
        let mut nameless = named;
        nameless.push(server::nameless(account));
        let (characters, found) = (nameless.iter().copied().collect(), BTreeSet::new());
        let erasure = Erasure { account, characters, nameless, found, stage: Stage::Searching, reply };
        if let Err(error) = self.may_erase(&erasure) {
            let _ = erasure.reply.send(Err(error));
            return;
        }
        let also = erasure.nameless.clone();
        self.erasure = Some(erasure);
        match &self.remote {
            Some(remote) => remote.say(Word::Kin { account, also }),
            None => self.on_kin(Ok(Vec::new())),
        }
    }

    /// MariaDB has said who there is.
    pub(super) fn on_kin(&mut self, found: Result<Vec<CharacterId>, LoadError>) {
        let Some(erasure) = &mut self.erasure else { return };
        match found {
            Ok(kin) => {
                erasure.characters.extend(&kin);
                erasure.found.extend(kin);
                erasure.stage = Stage::Waiting { until_ns: clock::mono_ns() + CARRIED_WITHIN_NS };
                self.go_on_erasing();
            }
            Err(error) => self.end_erasure(Err(error.into())),
        }
    }

    /// Looks whether the stores can be asked to erase it, if that is what is waited for.
    pub(super) fn go_on_erasing(&mut self) {
        let until_ns = match &self.erasure {
            Some(Erasure { stage: Stage::Waiting { until_ns }, .. }) => *until_ns,
            _ => return,
        };
        match self.ready_to_erase() {
            Ok(None) => self.erase(),
            Ok(Some(_)) if clock::mono_ns() < until_ns => {}
            Ok(Some(owes)) => self.end_erasure(Err(ErrandError::Away(format!("{owes}; nothing of it is erased")))),
            Err(error) => self.end_erasure(Err(error)),
        }
    }

    /// What the stores have yet to hear of, if anything.
    fn ready_to_erase(&mut self) -> Result<Option<String>, ErrandError> {
        let mut erasure = self.erasure.take().expect("asked while there is one");
        let ready = self.look_at_erasure(&mut erasure);
        self.erasure = Some(erasure);
        ready
    }

    fn look_at_erasure(&mut self, erasure: &mut Erasure) -> Result<Option<String>, ErrandError> {
        // Also whoever was made while MariaDB was asked.
        let roster = self.journal.roster_row(erasure.account)?.map_err(ErrandError::Unreadable)?;
        erasure.characters.extend(roster.into_iter().map(|listing| listing.character));
        self.may_erase(erasure)?;
        let Some(remote) = &self.remote else { return Ok(None) };
        Ok(remote.owes(&mut self.journal, erasure.account, &erasure.characters)?)
    }

    /// Whether nobody of it is here or comes.
    fn may_erase(&mut self, erasure: &Erasure) -> Result<(), ErrandError> {
        let has_mariadb = self.remote.as_ref().is_some_and(|remote| remote.ends().has_mariadb);
        if !has_mariadb && self.journal.fact(Fact::Introduced)? == 1 {
            let text =
                "this server's journal belongs to MariaDB, which is not configured: erase it on a server that has it";
            return Err(ErrandError::Refused(text.to_owned()));
        }
        let roster = self.journal.roster_row(erasure.account)?.map_err(ErrandError::Unreadable)?;
        let mut all = roster.iter().map(|listing| listing.character).chain(erasure.characters.iter().copied());
        if let Some(character) = all.find(|character| self.attendance.is_here(*character)) {
            let text = format!("character {} is in the world of this server: log it out first", character.0);
            return Err(ErrandError::Refused(text));
        }
        if self.attendance.is_coming(erasure.account) {
            let text = format!("account {} is being let in by this server: log it out first", erasure.account.0);
            return Err(ErrandError::Refused(text));
        }
        Ok(())
    }

    /// All is carried: what is this server's is given up, and the stores are asked.
    fn erase(&mut self) {
        self.commit();
        let Some(erasure) = &mut self.erasure else { return };
        erasure.stage = Stage::Erasing;
        let (account, characters) = (erasure.account, erasure.characters.iter().copied().collect::<Vec<_>>());
        let Some(remote) = &mut self.remote else { return self.on_stores_erased(Ok(0)) };
        let given_up = Group { given_up: &characters, ..Group::default() };
        match self.journal.commit(&given_up) {
            Ok(_) => {
                let leases = remote.hand_back(&characters);
                remote.say(Word::Erase { account, characters, leases });
            }
            Err(error) => self.end_erasure(Err(error.into())),
        }
    }

    /// The stores have done their part: now the journal. In this order, because whoever is in none of them is in no one's roster.
    pub(super) fn on_stores_erased(&mut self, done: Result<usize, LoadError>) {
        let Some(erasure) = &mut self.erasure else { return };
        let outcome = match done {
            Ok(ledger_lines) => match self.journal.erase(erasure.account, &erasure.characters) {
                Ok(Ok(found)) => {
                    erasure.found.extend(found);
                    let (remote, characters) = (self.remote.as_ref().map(Remote::ends), erasure.found.len());
                    let redis = remote.is_some_and(|ends| ends.has_redis);
                    let mariadb = remote.is_some_and(|ends| ends.has_mariadb);
                    self.erased.extend(erasure.characters.iter().filter(|who| !erasure.nameless.contains(who)));
                    tracing::info!(characters, "an account was erased");
                    Ok(Gone { characters, ledger_lines, redis, mariadb })
                }
                Ok(Err(unreadable)) => Err(ErrandError::Unreadable(unreadable)),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        };
        self.end_erasure(outcome);
    }

    fn end_erasure(&mut self, outcome: Result<Gone, ErrandError>) {
        if let Some(erasure) = self.erasure.take() {
            let _ = erasure.reply.send(outcome);
        }
    }

    /// Why a character is not looked up, if it is not.
    pub(super) fn bars(&self, character: CharacterId) -> Option<LoadError> {
        if self.erased.contains(&character) {
            return Some(LoadError::Unreadable(format!("character {} was erased", character.0)));
        }
        let is_it = |erasure: &Erasure| erasure.characters.contains(&character);
        self.erasure.as_ref().is_some_and(is_it).then(|| LoadError::Away(BEING_ERASED.to_owned()))
    }

    /// The same of an account.
    pub(super) fn bars_account(&self, account: AccountId) -> Option<LoadError> {
        let is_it = |erasure: &Erasure| erasure.account == account;
        self.erasure.as_ref().is_some_and(is_it).then(|| LoadError::Away(BEING_ERASED.to_owned()))
    }

    /// The same of a transaction, also where nothing more is promised to anybody.
    pub(super) fn bars_deal(&self, transaction: &Transaction) -> Option<CommitError> {
        if self.is_disowned {
            return Some(CommitError::Disk(format!("this journal is not to be used any more: {WHY_FORGOTTEN}")));
        }
        let concerns = self.erasure.as_ref().is_some_and(|erasure| erasure.concerns(transaction));
        concerns.then(|| CommitError::Disk(BEING_ERASED.to_owned()))
    }
}

#[cfg(test)]
#[path = "erasure_tests.rs"]
mod tests;
