//! The comparison at the end: what bots were told against what MariaDB holds, and what was made against what is there.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

/// What bots were told, from the file that the swarm wrote.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The transactions, each once: both sides of a trade are told the same.
    pub transactions: BTreeSet<u128>,
    /// Receipts that one character was told more than once.
    pub repeated: Vec<(u64, u128)>,
}

impl Told {
    /// Reads lines of `unix_ms character transaction`.
    pub fn read(text: &str) -> Result<Self> {
        let mut told = Self::default();
        let mut heard = BTreeSet::new();
        for line in text.lines() {
            let (character, transaction) = receipt(line).with_context(|| format!("`{line}` is no receipt"))?;
            told.transactions.insert(transaction);
            if !heard.insert((character, transaction)) {
                told.repeated.push((character, transaction));
            }
        }
        Ok(told)
    }
}

fn receipt(line: &str) -> Option<(u64, u128)> {
    let mut words = line.split(' ');
    let _unix_ms: u64 = words.next()?.parse().ok()?;
    let character = words.next()?.parse().ok()?;
    let transaction = u128::from_str_radix(words.next()?, 16).ok()?;
    words.next().is_none().then_some((character, transaction))
}

/// How often each transaction stands in the ledger, from lines of `hex count`.
pub fn read_ledger(text: &str) -> Result<BTreeMap<u128, u64>> {
    let mut ledger = BTreeMap::new();
    for line in text.lines() {
        let pair = line
            .split_once('\t')
            .and_then(|(id, count)| Some((u128::from_str_radix(id, 16).ok()?, count.parse::<u64>().ok()?)));
        let (id, count) = pair.with_context(|| format!("`{line}` is no line of the ledger"))?;
        *ledger.entry(id).or_default() += count;
    }
    Ok(ledger)
}

/// Amounts by kind, from lines of `kind amount`; coins are of the kind NULL.
pub fn read_amounts(text: &str) -> Result<BTreeMap<Option<u32>, i64>> {
    let mut amounts = BTreeMap::new();
    for line in text.lines() {
        let Some((kind, amount)) = line.split_once('\t') else { bail!("`{line}` is no kind and amount") };
        let wrong = || format!("`{line}` is no kind and amount");
        let kind = if kind == "NULL" { None } else { Some(kind.parse().with_context(wrong)?) };
        *amounts.entry(kind).or_default() += amount.parse::<i64>().with_context(wrong)?;
    }
    Ok(amounts)
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Transactions that somebody was told to be saved.
    pub told: usize,
    /// Transactions in the ledger.
    pub ledger: usize,
    /// Of those, the ones that are not in the ledger.
    pub lost: Vec<u128>,
    /// Transactions that are in the ledger more than once, or were told to somebody more than once.
    pub doubled: Vec<u128>,
    /// Kinds of which there are more or fewer than were made: kind, made, there.
    pub unbalanced: Vec<(Option<u32>, i64, i64)>,
}

impl Audit {
    /// Compares all of it.
    pub fn of(
        told: &Told,
        ledger: &BTreeMap<u128, u64>,
        made: &BTreeMap<Option<u32>, i64>,
        there: &BTreeMap<Option<u32>, i64>,
    ) -> Self {
        let lost = told.transactions.iter().filter(|id| !ledger.contains_key(id)).copied().collect();
        let twice = ledger.iter().filter(|(_, count)| **count > 1).map(|(id, _)| *id);
        let doubled: BTreeSet<u128> = twice.chain(told.repeated.iter().map(|(_, id)| *id)).collect();
        let kinds: BTreeSet<Option<u32>> = made.keys().chain(there.keys()).copied().collect();
        let amount = |of: &BTreeMap<Option<u32>, i64>, kind| of.get(&kind).copied().unwrap_or(0);
        let both = kinds.into_iter().map(|kind| (kind, amount(made, kind), amount(there, kind)));
        let unbalanced = both.filter(|(_, made, there)| made != there).collect();
        Self {
            told: told.transactions.len(),
            ledger: ledger.len(),
            lost,
            doubled: doubled.into_iter().collect(),
            unbalanced,
        }
    }

    /// What is wrong, a line each, and of many the first few.
    pub fn faults(&self) -> Vec<String> {
        let first =
            |ids: &[u128]| ids.iter().take(NAMED_MAX).map(|id| format!("{id:032x}")).collect::<Vec<_>>().join(", ");
        let mut faults = Vec::new();
        if !self.lost.is_empty() {
            faults.push(format!(
                "{} that somebody was told are not in the ledger: {}",
                self.lost.len(),
                first(&self.lost)
            ));
        }
        if !self.doubled.is_empty() {
            faults.push(format!(
                "{} are there or were told more than once: {}",
                self.doubled.len(),
                first(&self.doubled)
            ));
        }
        for (kind, made, there) in self.unbalanced.iter().take(NAMED_MAX) {
            let what = kind.map_or_else(|| "coins".to_owned(), |kind| format!("items of kind {kind}"));
            faults.push(format!("{what}: {made} were made and {there} are there"));
        }
        faults
    }
}

/// How many of each sort of fault are named.
const NAMED_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPTS: &str = "1 7 000000000000000000000000000000a1\n1 8 000000000000000000000000000000a1\n\
        2 7 000000010000000000000000000000a2\n";
    const LEDGER: &str = "000000000000000000000000000000A1\t1\n000000010000000000000000000000A2\t1\n\
        000000000000000000000000000000A3\t1\n";

    fn audit(receipts: &str, ledger: &str, made: &str, there: &str) -> Audit {
        let (told, ledger) = (Told::read(receipts).unwrap(), read_ledger(ledger).unwrap());
        Audit::of(&told, &ledger, &read_amounts(made).unwrap(), &read_amounts(there).unwrap())
    }

    #[test]
    fn what_was_told_and_is_there_once_is_well_and_so_is_what_nobody_heard_of() {
        let audit = audit(RECEIPTS, LEDGER, "NULL\t50\n3\t2\n", "3\t2\nNULL\t50\n4\t0\n");
        assert_eq!(audit, Audit { told: 2, ledger: 3, ..Audit::default() });
        assert!(audit.faults().is_empty());
    }

    #[test]
    fn what_was_told_and_is_not_there_is_lost() {
        let without = LEDGER.replace("000000010000000000000000000000A2\t1\n", "");
        let audit = audit(RECEIPTS, &without, "", "");
        assert_eq!(audit.lost, [0x1_0000_0000_0000_0000_0000_00a2]);
        assert!(audit.faults()[0].ends_with("not in the ledger: 000000010000000000000000000000a2"));
    }

    #[test]
    fn what_is_there_or_was_told_to_one_twice_is_doubled() {
        assert_eq!(audit(RECEIPTS, &LEDGER.replace("A3\t1", "A3\t2"), "", "").doubled, [0xa3]);
        let twice = format!("{RECEIPTS}9 7 000000000000000000000000000000a1\n");
        assert_eq!(audit(&twice, LEDGER, "", "").doubled, [0xa1]);
    }

    #[test]
    fn a_coin_and_an_item_too_many_or_too_few_are_seen() {
        let audit = audit(RECEIPTS, LEDGER, "NULL\t50\n3\t2\n", "NULL\t49\n3\t2\n4\t1\n");
        assert_eq!(audit.unbalanced, [(None, 50, 49), (Some(4), 0, 1)]);
        assert_eq!(audit.faults()[0], "coins: 50 were made and 49 are there");
    }

    #[test]
    fn what_is_not_a_receipt_a_ledger_or_an_amount_is_an_error() {
        for wrong in ["1 7", "x 7 a1", "1 7 xyz", "1 7 a1 more"] {
            assert!(Told::read(wrong).is_err(), "{wrong}");
        }
        assert!(read_ledger("a1 1").is_err() && read_ledger("a1\tx").is_err());
        assert!(read_amounts("3").is_err() && read_amounts("x\t1").is_err());
    }
}
