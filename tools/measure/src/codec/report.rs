//! The table and the verdict.

use super::cases::Case;
use super::figures::Figures;
use super::listing::Naming;
use super::recording::Recording;
use protocol::snapshot::FIELD_NAMES;
use serde::Serialize;

/// Most bits that a changed player may cost where the baseline is 100 ms old.
const BITS_MAX: f64 = 38.0;

/// Everything measured in one call.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    rows: Vec<Row>,
}

/// One recording in one case.
#[derive(Debug, Serialize)]
pub struct Row {
    recording: String,
    case: String,
    states: u64,
    field_bits: [f64; FIELD_NAMES.len()],
    mask_bits: f64,
    flag_bits: f64,
    state_bits: f64,
    name_bits: f64,
    bits: f64,
    full_share: f64,
    encode_ns: f64,
    decode_ns: f64,
    /// Whether the goal is reached, where there is one.
    holds: Option<bool>,
}

impl Row {
    /// Whatever is counted was also read back: an inexact state has ended the run before, so there is no column for it.
    pub fn new(recording: &Recording, case: Case, figures: &Figures, naming: &Naming) -> Self {
        let bits = figures.state_bits + naming.bits();
        let is_judged = recording.is_judged && matches!(case, Case::Ticks(6) | Case::Frames(100));
        Self {
            recording: recording.name.clone(),
            case: case.name(),
            states: figures.states,
            field_bits: figures.field_bits,
            mask_bits: figures.mask_bits,
            flag_bits: figures.flag_bits,
            state_bits: figures.state_bits,
            name_bits: naming.bits(),
            bits,
            full_share: figures.full_share,
            encode_ns: figures.encode_ns,
            decode_ns: figures.decode_ns,
            holds: is_judged.then_some(bits <= BITS_MAX),
        }
    }
}

impl Report {
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Where the goal is missed, and by how much.
    pub fn missed(&self) -> Vec<String> {
        let missed = self.rows.iter().filter(|row| row.holds == Some(false));
        missed.map(|row| format!("{}, {}: {:.1} of {BITS_MAX} bits", row.recording, row.case, row.bits)).collect()
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        let [x, y, z, yaw, pitch] = FIELD_NAMES;
        println!(
            "{:<24} {:<9} {:>7} {x:>6} {y:>5} {z:>5} {yaw:>5} {pitch:>5} {:>5} {:>5} {:>6} {:>5} {:>6} {:>5} {:>6} {:>6} {:>5}",
            "recording",
            "case",
            "states",
            "mask",
            "flags",
            "state",
            "name",
            "bits",
            "full",
            "encode",
            "decode",
            "holds"
        );
        for row in &self.rows {
            let [x, y, z, yaw, pitch] = row.field_bits;
            println!(
                "{:<24} {:<9} {:>7} {x:>6.2} {y:>5.2} {z:>5.2} {yaw:>5.2} {pitch:>5.2} {:>5.2} {:>5.2} {:>6.2} {:>5.2} {:>6.2} {:>5.1} {:>6.1} {:>6.1} {:>5}",
                row.recording,
                row.case,
                row.states,
                row.mask_bits,
                row.flag_bits,
                row.state_bits,
                row.name_bits,
                row.bits,
                row.full_share * 10_000.0,
                row.encode_ns,
                row.decode_ns,
                row.holds.map_or("-", |holds| if holds { "yes" } else { "NO" })
            );
        }
        Ok(())
    }
}
