//! Recordings from files.

use crate::text_file;
use anyhow::Context;
use netem::{DeliveryTrace, ProbeTrace};
use std::path::Path;
use std::sync::Arc;

/// A recorded capacity.
pub fn deliveries(file: &Path) -> anyhow::Result<Arc<DeliveryTrace>> {
    let text = text_file::read(file)?;
    Ok(Arc::new(DeliveryTrace::parse(&text).with_context(|| file.display().to_string())?))
}

/// A recorded delay, with its losses if they lie beside it.
pub fn probes(file: &Path) -> anyhow::Result<Arc<ProbeTrace>> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let losses = file.with_file_name(name.replace("_delay", "_loss"));
    let losses = if losses != file && losses.exists() { Some(text_file::read(&losses)?) } else { None };
    Ok(Arc::new(ProbeTrace::parse(&text_file::read(file)?, losses.as_deref())?))
}

/// What a recording is called in tables: its file's name up to the endings of its format.
pub fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".gz").trim_end_matches(".txt").trim_end_matches("_delay").to_owned()
}
