//! A client that has 64 others in view: what naming them costs beside their states, in real parts that are read again.

use super::cases::Told;
use anyhow::{Result, ensure};
use protocol::bits::BitRun;
use protocol::snapshot::{
    BaselineAges, PART_BYTES_MAX, PART_RECORDS_MAX, PartHeader, PartReader, PartWriter, Record, RecordBody,
    encode_delta, encode_full,
};
use protocol::{EntityState, Tick};
use std::collections::BTreeMap;

/// Others in view.
const LISTED: usize = 64;
/// Of them, told in every tick, in every third and in every sixth: the tiers of the wire-rate goal.
const TIERS: [(usize, usize); 3] = [(16, 1), (24, 3), (24, 6)];
/// Ticks that are written.
const TICKS: usize = 1_200;
/// How many ticks apart the copies of one player stand.
const APART_TICKS: usize = 611;

/// What records cost beyond their states.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naming {
    /// Records written.
    pub records: u64,
    /// Bits of all records, states included; part headers are not in it.
    pub record_bits: u64,
    /// Bits of the states alone.
    pub state_bits: u64,
}

impl Naming {
    /// Bits per record for naming the entity and its baseline.
    #[must_use]
    pub fn bits(&self) -> f64 {
        (self.record_bits - self.state_bits) as f64 / self.records.max(1) as f64
    }
}

/// Writes what 64 players do, each a recorded one at another time, and reads it back. In every tick 28 of them are told: of
/// whom nothing is told at a moment, the next is taken. If they share frames, all of a frame are told against the same
/// earlier one.
pub fn list(players: &[Vec<Option<Told>>], share_frames: bool) -> Result<Naming> {
    let mut naming = Naming::default();
    for tick in 0..TICKS {
        let mut lead = None;
        let records = (0..LISTED).filter(|&slot| tick % period(slot) == slot % period(slot)).filter_map(|slot| {
            let told = &players[slot % players.len()];
            let at = tick + slot / players.len() * APART_TICKS;
            let told = next(told, at, lead)?;
            lead = told.baseline.filter(|_| share_frames).map(|baseline| baseline.ages()).or(lead);
            Some((slot as u16, told))
        });
        let records: Vec<(u16, Told)> = records.collect();
        for part in records.chunks(PART_RECORDS_MAX / 4) {
            naming.add(part)?;
        }
    }
    Ok(naming)
}

/// What is told next, from this moment on: against a baseline of these ages, if there are any to be met.
fn next(told: &[Option<Told>], at: usize, ages: Option<BaselineAges>) -> Option<Told> {
    let suits = |told: &Told| told.baseline.is_none_or(|baseline| ages.is_none_or(|ages| baseline.ages() == ages));
    let from = at % told.len().max(1);
    told.iter().cycle().skip(from).take(told.len()).flatten().copied().find(suits)
}

fn period(slot: usize) -> usize {
    let mut end = 0;
    let tier = TIERS.iter().find(|(count, _)| {
        end += count;
        slot < end
    });
    tier.map_or(1, |&(_, period)| period)
}

impl Naming {
    fn add(&mut self, told: &[(u16, Told)]) -> Result<()> {
        let records: Vec<(Record, BitRun, Told)> = told.iter().map(|&(slot, told)| record(slot, told)).collect();
        let gap_bits = PartHeader::gap_bits_for(LISTED, records.len());
        let usual = usual(&records);
        let last_code = PartHeader::last_code_of(usual, records.iter().map(|(record, ..)| record.body));
        let header =
            PartHeader { tick: Tick(1_000), own: None, usual, last_code, gap_bits, records: records.len() as u8 };
        let mut buf = [0; 2 * PART_BYTES_MAX];
        let mut writer = PartWriter::new(&mut buf, &header, false);
        for (record, run, _) in &records {
            writer.put(*record, *run);
            self.state_bits += u64::from(run.len());
        }
        self.record_bits += (writer.len_bits() - header.bits(false) as usize) as u64;
        self.records += records.len() as u64;
        let len = writer.finish();
        read_back(&buf[..len], &records)
    }
}

fn record(slot: u16, told: Told) -> (Record, BitRun, Told) {
    let delta = told.baseline.and_then(|baseline| Some((baseline.ages(), encode_delta(&told.now, &baseline)?)));
    let (body, run) =
        delta.map_or((RecordBody::Refresh, encode_full(&told.now)), |(ages, run)| (RecordBody::Delta { ages }, run));
    (Record { slot, body }, run, told)
}

/// The two ages that occur most often.
fn usual(records: &[(Record, BitRun, Told)]) -> Option<[BaselineAges; 2]> {
    let mut counts: BTreeMap<_, (usize, BaselineAges)> = BTreeMap::new();
    for (record, ..) in records {
        if let RecordBody::Delta { ages } = record.body {
            counts.entry((ages.newest(), ages.step(), ages.older())).or_insert((0, ages)).0 += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
    let first = counts.first()?.1;
    Some([first, counts.get(1).map_or(first, |&(_, ages)| ages)])
}

fn read_back(bytes: &[u8], records: &[(Record, BitRun, Told)]) -> Result<()> {
    let mut reader = PartReader::new(bytes, Tick(1_000))?;
    for (record, _, told) in records {
        ensure!(reader.next_record()? == Some(*record), "a record was read as another one");
        let state: EntityState = match (record.body, told.baseline) {
            (RecordBody::Delta { .. }, Some(baseline)) => reader.state_delta(&baseline)?,
            _ => reader.state_full(told.now.kind)?,
        };
        ensure!(state == told.now, "{state:?} was read, {:?} was written", told.now);
    }
    ensure!(reader.next_record()?.is_none(), "more was read than written");
    Ok(())
}
