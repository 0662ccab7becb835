//! A backup becomes a server's journal again: what was true then and may not be now is taken out of it.

use super::leases::LEASES;
use super::outbox::{self, Fact, INCARNATIONS};
use super::{JournalError, estates};
use redb::{ReadableTableMetadata, WriteTransaction};

/// Numbers that are left out: the journal that was lost has given some above the backup's newest, and MariaDB takes nothing for
/// newer that has a lower one. 2^40 are more than a thousand a second in 30 years.
const SEQ_STEP: u64 = 1 << 40;
/// Starts that are left out, where no MariaDB counts them: the world that was lost was one of the next, and what it made had
/// names that begin with its number. 2^10 starts, and room for 2^21 restores before MariaDB's numbers begin.
const STARTS_STEP: u32 = 1 << 10;

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Leases: others may have them by now. Whoever comes is looked up in MariaDB.
    pub leases: u64,
    /// Starts that were put by: the journal that was lost may have used them.
    pub incarnations: u64,
    /// Numbers go on after this one.
    pub seq: u64,
    /// Whether MariaDB has been told of what is in it.
    pub is_introduced: bool,
}

/// Takes it out.
pub fn resume(write: &WriteTransaction) -> Result<Resumed, JournalError> {
    let (mut leases, mut incarnations) = (write.open_table(LEASES)?, write.open_table(INCARNATIONS)?);
    let resumed = Resumed {
        leases: leases.len()?,
        incarnations: incarnations.len()?,
        seq: outbox::fact_now(write, Fact::Seq)? + SEQ_STEP,
        is_introduced: outbox::fact_now(write, Fact::Introduced)? == 1,
    };
    leases.retain(|_, _| false)?;
    incarnations.retain(|_, ()| false)?;
    outbox::set_fact(write, Fact::Seq, resumed.seq)?;
    estates::skip_starts(write, STARTS_STEP)?;
    Ok(resumed)
}
