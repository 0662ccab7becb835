//! The forms in which `/metrics` is told: OpenMetrics, and the text format before it for whoever asks for plain text, which
//! is what `promtool check metrics` reads.

use axum::http::{HeaderMap, header};
use std::borrow::Cow;

/// Of OpenMetrics, as its specification demands.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Of the format before it.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The type and text of the form that is asked for; OpenMetrics unless plain text is wanted and that is not.
pub fn form<'t>(open_metrics: &'t str, headers: &HeaderMap) -> (&'static str, Cow<'t, str>) {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match accepted.contains("text/plain") && !accepted.contains("application/openmetrics-text") {
        true => (PLAIN, plain(open_metrics).into()),
        false => (OPEN_METRICS, open_metrics.into()),
    }
}

/// The same in the older format, in which the name of a counter's family has the ending that its samples have.
fn plain(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + open_metrics.len() / 16);
    let mut help = None;
    for line in open_metrics.lines() {
        let words = line.strip_prefix("# ").map(|rest| rest.splitn(3, ' ').collect::<Vec<_>>());
        match words.as_deref() {
            // A family's type comes behind its help, and both begin with its name.
            Some(["HELP", name, about]) => help = Some((*name, *about)),
            Some(["TYPE", name, kind]) => {
                let ending = if *kind == "counter" { "_total" } else { "" };
                if let Some((_, about)) = help.take().filter(|(of, _)| of == name) {
                    text.push_str(&format!("# HELP {name}{ending} {about}\n"));
                }
                text.push_str(&format!("# TYPE {name}{ending} {kind}\n"));
            }
            Some(_) => {}
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
