//! A parcel becomes one SQL transaction.

mod rows;
mod statements;

use super::servers::ServerId;
use super::session::Session;
use super::timing::Query;
use super::{Database, names};
use mysql_async::Value;
pub use rows::{COINS_KIND, body, skills_of};

use rows::{Person, Thing};
use server::{Parcel, StoreError};
use statements::{ACCOUNTS, CHARACTERS, ITEMS, LEDGER, LEDGER_CHARACTERS, NAME, ROSTER, SUMS, SWEEP, WATERMARK};

impl Database {
    /// Writes all of a parcel of this server's journal, or nothing. A parcel that was written before, or a part of one,
    /// changes nothing; nor does what is older than what is there.
    ///
    /// # Errors
    /// [`StoreError`]: then it is not known whether it was written; writing it again makes sure.
    pub async fn write(&self, server: ServerId, parcel: &Parcel) -> Result<(), StoreError> {
        let rows = Rows::of(server, parcel);
        self.transaction(async |session| {
            self.check_journal(session).await?;
            rows.write(session).await
        })
        .await
    }
}

/// Of each table, in the order of its key.
#[derive(Debug, Default)]
struct Rows {
    ledger: Vec<Vec<Value>>,
    ledger_characters: Vec<Vec<Value>>,
    accounts: Vec<Vec<Value>>,
    people: Vec<Vec<Value>>,
    /// Of characters of these accounts those that are not among `people`.
    sweeps: Vec<Vec<Value>>,
    names_freed: Vec<Vec<Value>>,
    names_taken: Vec<Vec<Value>>,
    characters: Vec<Vec<Value>>,
    items: Vec<Vec<Value>>,
    sums: Vec<Vec<Value>>,
    watermark: Vec<Value>,
}

impl Rows {
    fn of(server: ServerId, parcel: &Parcel) -> Self {
        let people = Person::all_of(parcel);
        let taken = people.values().filter_map(Person::name_taken);
        Self {
            ledger: rows::ledger(server, parcel),
            ledger_characters: rows::ledger_characters(parcel),
            accounts: rows::accounts(parcel),
            sweeps: rows::sweeps(parcel),
            names_freed: rows::names_freed(parcel),
            names_taken: taken.collect(),
            people: people.values().map(Person::values).collect(),
            characters: rows::characters(server, parcel),
            items: Thing::all_of(server, parcel).values().map(Thing::values).collect(),
            sums: rows::sums(server, parcel),
            watermark: vec![server.0.into(), parcel.upto.into()],
        }
    }

    /// Only rosters come one by one: somebody is made or struck far less often than anything else happens.
    async fn write(&self, session: &mut Session<'_>) -> Result<(), StoreError> {
        session.run_all(Query::WriteLedger, LEDGER, self.ledger.clone()).await?;
        session.run_all(Query::WriteLedger, LEDGER_CHARACTERS, self.ledger_characters.clone()).await?;
        session.run_all(Query::WriteRosters, &ACCOUNTS, self.accounts.clone()).await?;
        session.run_all(Query::WriteRosters, &ROSTER, self.people.clone()).await?;
        for values in &self.sweeps {
            session.run(Query::WriteRosters, SWEEP, values.clone()).await?;
        }
        for values in &self.names_freed {
            session.run(Query::WriteRosters, names::RELEASE, values.clone()).await?;
        }
        for values in &self.names_taken {
            session.run(Query::WriteRosters, NAME, values.clone()).await?;
        }
        session.run_all(Query::WriteCharacters, &CHARACTERS, self.characters.clone()).await?;
        session.run_all(Query::WriteItems, &ITEMS, self.items.clone()).await?;
        session.run_all(Query::WriteSums, &SUMS, self.sums.clone()).await?;
        session.run(Query::Watermark, WATERMARK, self.watermark.clone()).await?;
        Ok(())
    }
}
