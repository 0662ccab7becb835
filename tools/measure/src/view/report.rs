//! The tables and the verdict.

use super::Case;
use super::figures::Figures;
use super::others::Judged;
use protocol::unit::TICK_RATE_HZ;
use serde::Serialize;

/// By how much less than 60 times a second the near may be told; who is told more rarely is judged by no goal here.
const UNTOLD_HZ_MAX: f64 = 1.2;
/// Frames in which those told every tick may lack something.
const STARVED_MAX: f64 = 0.01;
/// What a correction may move in a frame, cm; a micrometre for rounding.
const JUMP_CM_MAX: f64 = 5.000_1;
/// Until the view is what the server has, ms.
const EQUAL_MS_MAX: f64 = 500.0;
/// Ticks in which the server may lack an input.
const LACKING_MAX: f64 = 0.001;
/// Inputs that may wait.
const DEPTH_MAX: f64 = 4.0;

/// Everything measured in one call.
#[derive(Debug, Serialize)]
pub struct Report {
    fps: u32,
    seconds: u32,
    cases: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    link: String,
    delay_ms_max: f64,
    are_inputs_judged: bool,
    near: Others,
    far: Others,
    own: Own,
    inputs: Inputs,
}

#[derive(Debug, Serialize)]
struct Others {
    told_hz: f64,
    frames: u64,
    starved: f64,
    delay_ms_p50: f64,
    delay_ms_p99: f64,
    age_ms_p50: f64,
    age_ms_p99: f64,
    error_cm_p50: f64,
    error_cm_p99: f64,
}

#[derive(Debug, Serialize)]
struct Own {
    corrected: usize,
    never_equal: u64,
    jump_cm_max: f64,
    equal_after_ms_p50: f64,
    equal_after_ms_max: f64,
}

#[derive(Debug, Serialize)]
struct Inputs {
    ticks: u64,
    lacking: f64,
    depth_p50: f64,
    depth_p99: f64,
    depth_max: f64,
}

impl Others {
    fn new(judged: &Judged) -> Self {
        let Judged { frames, starved, delay_ms, age_ms, error_cm, told_hz, .. } = judged;
        Self {
            told_hz: *told_hz,
            frames: *frames,
            starved: *starved as f64 / (*frames).max(1) as f64,
            delay_ms_p50: delay_ms.quantile(0.5),
            delay_ms_p99: delay_ms.quantile(0.99),
            age_ms_p50: age_ms.quantile(0.5),
            age_ms_p99: age_ms.quantile(0.99),
            error_cm_p50: error_cm.quantile(0.5),
            error_cm_p99: error_cm.quantile(0.99),
        }
    }
}

impl Report {
    pub fn new(fps: u32, seconds: u32) -> Self {
        Self { fps, seconds, cases: Vec::new() }
    }

    pub fn add(&mut self, case: &Case, figures: &Figures) {
        self.cases.push(Row {
            link: case.name.clone(),
            delay_ms_max: case.delay_ms_max,
            are_inputs_judged: case.are_inputs_judged,
            near: Others::new(&figures.near),
            far: Others::new(&figures.far),
            own: Own {
                corrected: figures.equal_after_ms.len(),
                never_equal: figures.never_equal,
                jump_cm_max: figures.jump_cm,
                equal_after_ms_p50: figures.equal_after_ms.quantile(0.5),
                equal_after_ms_max: figures.equal_after_ms.last(),
            },
            inputs: Inputs {
                ticks: figures.input_ticks,
                lacking: figures.lacking as f64 / figures.input_ticks.max(1) as f64,
                depth_p50: figures.depth.quantile(0.5),
                depth_p99: figures.depth.quantile(0.99),
                depth_max: figures.depth.last(),
            },
        });
    }

    /// Where a goal is missed, and by how much.
    pub fn missed(&self) -> Vec<String> {
        self.cases.iter().flat_map(Row::missed).collect()
    }

    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            println!("{}", serde_json::to_string_pretty(self)?);
            return Ok(());
        }
        println!("{} s, {} frames a second, four clients", self.seconds, self.fps);
        println!(
            "{:<24} {:<6} {:>8} {:>9} {:>9} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7}",
            "others", "", "told/s", "frames", "starved %", "delay50", "delay99", "age50", "age99", "error50", "error99"
        );
        for row in &self.cases {
            for (class, others) in [("near", &row.near), ("far", &row.far)] {
                println!(
                    "{:<24} {:<6} {:>8.1} {:>9} {:>9.3} {:>7.1} {:>7.1} {:>7.1} {:>7.1} {:>7.2} {:>7.2}",
                    row.link,
                    class,
                    others.told_hz,
                    others.frames,
                    others.starved * 100.0,
                    others.delay_ms_p50,
                    others.delay_ms_p99,
                    others.age_ms_p50,
                    others.age_ms_p99,
                    others.error_cm_p50,
                    others.error_cm_p99
                );
            }
        }
        println!(
            "{:<24} {:>9} {:>7} {:>8} {:>8} {:>9} {:>10} {:>7} {:>7} {:>8} {:>6}",
            "own, inputs",
            "corrected",
            "jump cm",
            "equal50",
            "equalmax",
            "ticks",
            "lacking %",
            "depth50",
            "depth99",
            "depthmax",
            "holds"
        );
        for row in &self.cases {
            let Row { own, inputs, .. } = row;
            println!(
                "{:<24} {:>9} {:>7.2} {:>8.0} {:>8.0} {:>9} {:>10.4} {:>7} {:>7} {:>8} {:>6}",
                row.link,
                own.corrected,
                own.jump_cm_max,
                own.equal_after_ms_p50,
                own.equal_after_ms_max,
                inputs.ticks,
                inputs.lacking * 100.0,
                inputs.depth_p50,
                inputs.depth_p99,
                inputs.depth_max,
                if row.missed().is_empty() { "yes" } else { "NO" }
            );
        }
        Ok(())
    }
}

impl Row {
    fn missed(&self) -> Vec<String> {
        let Self { near, own, inputs, .. } = self;
        let all = [
            ("near told less than 60 times a second, by", f64::from(TICK_RATE_HZ) - near.told_hz, UNTOLD_HZ_MAX),
            ("near starved, %", near.starved * 100.0, STARVED_MAX * 100.0),
            ("near delay p99, ms", near.delay_ms_p99, self.delay_ms_max),
            ("jump, cm", own.jump_cm_max, JUMP_CM_MAX),
            ("equal after, ms", own.equal_after_ms_max, EQUAL_MS_MAX),
            ("never equal", own.never_equal as f64, 0.0),
            ("inputs lacking, %", inputs.lacking * 100.0, LACKING_MAX * 100.0),
            ("depth p99", inputs.depth_p99, DEPTH_MAX),
        ];
        let judged = if self.are_inputs_judged { &all[..] } else { &all[..all.len() - 2] };
        let missed = judged.iter().filter(|(_, value, most)| value > most);
        missed.map(|(what, value, most)| format!("{}: {what} {value:.3} of {most:.3}", self.link)).collect()
    }
}
