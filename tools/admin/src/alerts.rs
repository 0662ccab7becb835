//! What is wrong by the server's own rules: `alerts`.

use crate::server::{Server, parsed};
use crate::span;
use crate::terminal::{self, Side, sentence};
use anyhow::{Result, bail};
use clap::Args;
use ops_api::{Alert, Alerts};
use serde::Deserialize;

/// To look, or to try the webhook.
#[derive(Debug, Args)]
pub struct AlertsArgs {
    /// Have the server send an alert through the webhook that is none
    #[arg(long)]
    test: bool,
    /// Print the server's own JSON instead
    #[arg(long)]
    json: bool,
}

impl AlertsArgs {
    /// The rules, those that are raised first; or what became of the trial.
    pub fn run(&self, server: &Server) -> Result<String> {
        if self.test {
            return self.test(server);
        }
        let text = server.page("/api/v1/alerts")?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        let mut page: Alerts = parsed(&text)?;
        page.alerts.sort_by_key(|alert| !alert.firing);
        Ok(table(&page.alerts))
    }

    fn test(&self, server: &Server) -> Result<String> {
        #[derive(Deserialize)]
        struct Answer {
            sent: bool,
        }
        // The receiver has seconds to answer in.
        let text = server.order_and_wait(&ops_api::Command::TestAlert {})?;
        if self.json {
            return Ok(terminal::json(&text));
        }
        match parsed(&text)? {
            Answer { sent: true } => Ok("sent through the webhook".to_owned()),
            Answer { sent: false } => bail!("the server at {} has not sent it: it has no webhook", server.ops),
        }
    }
}

fn table(alerts: &[Alert]) -> String {
    let head = [
        ("alert", Side::Left),
        ("raised for", Side::Left),
        ("value", Side::Right),
        ("threshold", Side::Right),
        ("what it means", Side::Left),
    ];
    let row = |alert: &Alert| {
        let raised = if alert.firing { span::said(alert.since_s) } else { "-".to_owned() };
        vec![sentence(&alert.name), raised, figure(alert.value), figure(alert.threshold), sentence(&alert.text)]
    };
    terminal::table(&head, &alerts.iter().map(row).collect::<Vec<_>>())
}

/// Three digits behind the point where they say something.
fn figure(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answer, said};
    use serde_json::json;

    #[test]
    fn raised_alerts_stand_first() {
        let alert = |name: &str, firing: bool| json!({ "name": name, "firing": firing, "since_s": 75.0, "value": 17.25, "threshold": 14, "text": "t\u{1b}ick" });
        let page = json!({ "alerts": [alert("save_lag", false), alert("tick_p99", true)] });
        let table = said("alerts", &answer(200, &page.to_string())).0.unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[1].starts_with("tick_p99  1 min 15 s  17.25"), "{table}");
        assert!(lines[2].starts_with("save_lag  -") && lines[2].ends_with("t ick"), "{table}");
        assert_eq!([figure(14.0), figure(0.0), figure(0.0125)], ["14", "0", "0.013"]);
    }

    #[test]
    fn the_webhook_is_tried_and_a_trial_that_went_nowhere_is_a_failure() {
        let (done, asked) = said("alerts --test", &answer(200, "{\"sent\":true}"));
        assert_eq!(done.unwrap(), "sent through the webhook\n");
        assert!(asked.starts_with("POST /api/v1/test-alert HTTP/1.0\r\n"), "{asked}");
        let (done, _) = said("alerts --test", &answer(200, "{\"sent\":false}"));
        assert_eq!(done.unwrap_err(), "the server at HERE has not sent it: it has no webhook");
        let (done, _) = said("alerts --test", &answer(502, "{\"sent\":false,\"error\":\"it answers 500\"}"));
        assert_eq!(done.unwrap_err(), "the server at HERE refuses: it answers 500");
    }
}
