//! What the courier has found or done.

use super::courier::words::{Letter, Look, Pulled, Store};
use super::journal::{self, Adopted, Group};
use super::mariadb::WHY_FORGOTTEN;
use super::{Keeper, TRIM_WINDOW_NS};
use crate::edge::clock;
use game::{BooksError, TransactionId};
use protocol::{AccountId, CharacterId};
use server::{CommitError, Enrolled, LoadError, Saved};

impl Keeper {
    pub(super) fn handle_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Pull { after, max, reply } => {
                let pulled = match self.journal.postings(after, max) {
                    Ok((postings, torn)) => Pulled { postings, torn, away: None },
                    Err(error) => Pulled { away: Some(error.to_string()), ..Pulled::default() },
                };
                let _ = reply.send(pulled);
            }
            Letter::PullRecords { store, max, reply } => {
                let Some(remote) = &mut self.remote else { return };
                let _ = reply.send(remote.records(&mut self.journal, store, max));
            }
            Letter::Sent { store, sent } => self.on_sent(store, sent),
            Letter::Drained(upto) => {
                if self.remote.as_mut().is_some_and(|remote| remote.on_drained(upto, clock::mono_ns())) {
                    self.wait_at_most(TRIM_WINDOW_NS);
                    self.waits.is_drained = true;
                }
            }
            Letter::Looked { character, found: Ok(look) } => self.on_looked(character, look),
            Letter::Looked { character, found: Err(error) } => self.refuse_load(character, error),
            Letter::Rostered { account, found } => self.on_rostered(account, found),
            Letter::Reserved { id, found } => self.on_reserved(id, found),
            Letter::Released => {
                if let Some(remote) = &mut self.remote {
                    remote.on_released();
                }
            }
            Letter::Kin(found) => self.on_kin(found),
            Letter::Erased(done) => self.on_stores_erased(done),
            Letter::Disowned => self.on_disowned(),
            Letter::Known(seq) => {
                if let Err(error) = self.journal.go_on_above(seq) {
                    tracing::warn!(%error, seq, "the journal cannot be told how far it had come");
                }
            }
            Letter::Incarnations(incarnations) => {
                if let Err(error) = self.journal.store_incarnations(&incarnations) {
                    tracing::warn!(%error, "starts cannot be put by");
                }
            }
        }
    }

    /// Others may have the characters that this server believes to be its own, and MariaDB takes nothing more from it: whoever
    /// comes is looked up, which will fail, and nothing is promised any more.
    fn on_disowned(&mut self) {
        tracing::error!("this journal is not to be used any more: {WHY_FORGOTTEN}");
        self.is_disowned = true;
        let Some(remote) = &mut self.remote else { return };
        let given_up = remote.held();
        remote.on_disowned();
        if let Err(error) = self.journal.commit(&Group { given_up: &given_up, ..Group::default() }) {
            tracing::warn!(%error, "the journal does not know yet that nobody is this server's");
        }
    }

    fn on_sent(&mut self, store: Store, sent: Vec<(CharacterId, u64)>) {
        let Some(remote) = &mut self.remote else { return };
        remote.on_sent(store, &sent);
        if store == Store::MariaDb {
            self.wait_at_most(TRIM_WINDOW_NS);
            self.waits.sent.extend(sent);
        }
    }

    /// Whatever is newest of the three goes into the journal with the lease, then he is loaded from there.
    fn on_looked(&mut self, character: CharacterId, look: Look) {
        let Look { epoch, kept, hot } = look;
        let here = match self.journal.revision(character) {
            Ok(here) => here,
            Err(error) => return self.refuse_load(character, LoadError::Away(error.to_string())),
        };
        let mut adopted = Vec::new();
        let mut records = Vec::new();
        if let Some(kept) = kept {
            if kept.revision > here {
                adopted.push(Adopted::Character { character, revision: kept.revision, estate: kept.estate });
            }
            match kept.checkpoint.map(|(revision, bytes)| read(character, revision, &bytes)) {
                Some(Ok(saved)) => records.push(saved),
                // MariaDB is the truth: what cannot be read there must not be played over.
                Some(Err(error)) => return self.refuse_load(character, LoadError::Unreadable(error)),
                None => {}
            }
        }
        match hot.map(|(revision, bytes)| read(character, revision, &bytes)) {
            Some(Ok(saved)) => records.push(saved),
            // Redis is not: what cannot be read there is no more than nothing.
            Some(Err(error)) => {
                self.report.hot_unreadable += 1;
                tracing::warn!(character = character.0, error, "what Redis has of a player is not used");
            }
            None => {}
        }
        let newest = records.into_iter().max_by_key(|saved| saved.revision);
        adopted.extend(newest.map(|saved| Adopted::Checkpoint { character, saved }));
        self.wait_at_most(0);
        self.waits.adopted.extend(adopted);
        if self.remote.as_ref().is_some_and(|remote| remote.ends().has_mariadb) {
            self.waits.taken.push((character, epoch));
        }
        self.waits.loads.push(character);
    }

    /// While MariaDB is away, an account whose characters are known here is answered from here.
    fn on_rostered(&mut self, account: AccountId, found: Result<(u64, Vec<Enrolled>), LoadError>) {
        let here = self.journal.account_revision(account).unwrap_or_default();
        match found {
            Ok((revision, enrolled)) => {
                if revision > here {
                    let roster = enrolled.into_iter().map(|enrolled| enrolled.listing).collect();
                    self.wait_at_most(0);
                    self.waits.adopted.push(Adopted::Roster { account, revision, roster });
                }
                self.roster_after_commit(account);
            }
            Err(LoadError::Away(_)) if here > 0 => self.roster_after_commit(account),
            Err(error) => self.refuse_roster(account, error),
        }
    }

    fn on_reserved(&mut self, id: TransactionId, found: Result<Option<CharacterId>, LoadError>) {
        let Some(deal) = self.remote.as_mut().and_then(|remote| remote.take_reserving(id)) else { return };
        let refused = match found {
            Ok(None) => return self.deal(deal),
            Ok(Some(other)) => CommitError::Books(BooksError::Name(other)),
            Err(error) => CommitError::Disk(error.to_string()),
        };
        if let Some(remote) = &self.remote {
            // It may have been taken all the same: by an answer that was lost, or at the first of a pair, whose second, not yet
            // told that the name is free again, says that somebody has it.
            remote.unreserve(&deal);
        }
        self.answer_deal(&deal, Err(refused));
    }
}

/// A record that lies in another store.
fn read(character: CharacterId, revision: u64, bytes: &[u8]) -> Result<Saved, String> {
    let (found, bytes) = journal::decode_record(character, bytes).map_err(|error| error.to_string())?;
    if found != revision {
        return Err(format!("the record is of revision {found} and lies there as {revision}"));
    }
    Ok(Saved { revision, bytes: bytes.into_owned() })
}
