//! What the world is told: each job has exactly one answer.

use super::Keeper;
use crate::edge::clock;
use crate::edge::persistence::journal::Save;
use game::{BooksError, Transaction, WorldImage};
use protocol::{AccountId, CharacterId};
use server::{CommitError, Enrolled, Found, LoadError, StoreDone};

impl Keeper {
    pub(super) fn answer(&self, done: StoreDone) {
        // There is room for an answer to every job; an error means that the world thread is gone and nobody waits.
        let _ = self.ends.done.send(done);
    }

    /// What the journal has, after `failure` to write what is newer than that nothing.
    pub(super) fn answer_load(&mut self, character: CharacterId, failure: Option<&str>) {
        self.report.loads += 1;
        let found = match failure {
            None => self.look_up(character),
            Some(failure) => Err(LoadError::Away(failure.to_owned())),
        };
        self.count_lookup(&found, "a player is not let in", character.0);
        self.attendance.on_answered(character, found.is_ok());
        if let (Ok(_), Some(remote)) = (&found, &mut self.remote) {
            remote.on_entered(character);
        }
        self.answer(StoreDone::Loaded { character, found });
    }

    pub(super) fn answer_roster(&mut self, account: AccountId, failure: Option<&str>) {
        self.report.loads += 1;
        let found = match failure {
            None => self.find_roster(account),
            Some(failure) => Err(LoadError::Away(failure.to_owned())),
        };
        self.count_lookup(&found, "an account is not let in", account.0);
        self.attendance.on_roster_answered(account);
        self.answer(StoreDone::Roster { account, found });
    }

    /// Nobody is let in as long as this is so.
    pub(super) fn refuse_load(&mut self, character: CharacterId, error: LoadError) {
        self.report.loads += 1;
        let found = Err(error);
        self.count_lookup(&found, "a player is not let in", character.0);
        self.attendance.on_answered(character, false);
        self.answer(StoreDone::Loaded { character, found });
    }

    /// As above.
    pub(super) fn refuse_roster(&mut self, account: AccountId, error: LoadError) {
        self.report.loads += 1;
        let found = Err(error);
        self.count_lookup(&found, "an account is not let in", account.0);
        self.attendance.on_roster_answered(account);
        self.answer(StoreDone::Roster { account, found });
    }

    fn count_lookup<T>(&mut self, found: &Result<T, LoadError>, what: &str, id: u64) {
        let Err(error) = found else { return };
        match error {
            LoadError::Unreadable(_) => self.report.load_failures += 1,
            LoadError::Away(_) => self.report.loads_away += 1,
            LoadError::Elsewhere(_) => self.report.loads_elsewhere += 1,
        }
        if let Some(missed) = self.failure_log.pass(clock::mono_ns()) {
            tracing::error!(id, %error, missed, "{what}");
        }
    }

    fn look_up(&mut self, character: CharacterId) -> Result<Found, LoadError> {
        let unreadable = |error: String| LoadError::Unreadable(error);
        let checkpoint = self.journal.load(character).map_err(|error| LoadError::Away(error.to_string()))?;
        let estate = self.journal.estate(character).map_err(|error| LoadError::Away(error.to_string()))?;
        let checkpoint = checkpoint.map_err(|error| unreadable(error.to_string()))?;
        Ok(Found { checkpoint, estate: estate.map_err(unreadable)? })
    }

    fn find_roster(&mut self, account: AccountId) -> Result<Vec<Enrolled>, LoadError> {
        let found = self.journal.roster(account).map_err(|error| LoadError::Away(error.to_string()))?;
        found.map_err(LoadError::Unreadable)
    }

    /// It waits for nobody: it has come no further than what was answered, and that is on disk.
    pub(super) fn save_world(&mut self, upto: u64, image: &WorldImage) {
        let mut bytes = Vec::new();
        image.to_bytes(&mut bytes);
        let saved = self.journal.save_world(upto, &bytes).inspect_err(|error| self.on_journal_failed(error));
        let refused = saved.err().map(|error| error.to_string());
        if let Some(error) = &refused
            && let Some(missed) = self.failure_log.pass(clock::mono_ns())
        {
            tracing::error!(error, missed, "the world could not be saved");
        }
        self.answer(StoreDone::WorldSaved { refused });
    }

    pub(super) fn answer_deals(&mut self, deals: Vec<Transaction>, verdicts: Vec<Result<u64, CommitError>>) {
        for (deal, verdict) in deals.into_iter().zip(verdicts) {
            self.answer_deal(&deal, verdict);
        }
    }

    pub(super) fn answer_deal(&mut self, deal: &Transaction, verdict: Result<u64, CommitError>) {
        let (seq, why) = verdict.map_or_else(|why| (0, Some(why)), |seq| (seq, None));
        self.report.deals += u64::from(why.is_none());
        self.report.deal_failures += u64::from(why.is_some());
        // That somebody wants a name which another has is nobody's fault.
        if let Some(why) = why.as_ref().filter(|why| !matches!(why, CommitError::Books(BooksError::Name(_))))
            && let Some(missed) = self.failure_log.pass(clock::mono_ns())
        {
            tracing::error!(error = %why, missed, "a transaction was refused");
        }
        self.answer(StoreDone::Committed { id: deal.id, seq, refused: why });
    }

    pub(super) fn answer_saves(&mut self, saves: Vec<Save>, failure: Option<&str>, refusals: Vec<Option<String>>) {
        let mut refusals = refusals.into_iter();
        for save in saves {
            let error = failure.map(str::to_owned).or_else(|| refusals.next().flatten());
            self.answer_save(&save, error);
        }
    }

    fn answer_save(&mut self, save: &Save, error: Option<String>) {
        let Save { character, revision, .. } = *save;
        let Some(error) = error else {
            self.report.saves += 1;
            return self.answer(StoreDone::Saved { character, revision });
        };
        self.report.save_failures += 1;
        if let Some(missed) = self.failure_log.pass(clock::mono_ns()) {
            tracing::error!(character = character.0, revision, error, missed, "a player could not be saved");
        }
        self.answer(StoreDone::Failed { character, revision, error });
    }
}
