//! The part of `/metrics` that tells of the watch itself.

use super::Watch;
use super::webhook::Delivery;
use crate::edge::ops::metrics::Page;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;
use std::sync::Arc;

/// Reads the watch at each scrape.
pub struct Figures(pub Arc<Watch>);

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page { encoder };
        self.alerts(&mut page)?;
        self.letters(&mut page)?;
        let reports = &self.0.reports;
        let written =
            [([("outcome", "written")], reports.written.value()), ([("outcome", "failed")], reports.failed.value())];
        page.totals_of("reports", "Reports written into the data directory", written)?;
        page.gauge("ops_viewers", "Live pages that are open", self.0.viewers.count() as f64)
    }
}

impl Figures {
    fn alerts(&self, page: &mut Page<'_>) -> fmt::Result {
        let state = self.0.state();
        let all = || state.alerts.all().iter();
        let firing =
            all().map(|watched| ([("alert", watched.rule.name)], f64::from(u8::from(watched.raised_ns.is_some()))));
        page.gauges_of("alert_firing", "1 while an alert of the server's own is raised", firing)?;
        let changes = all().flat_map(|watched| {
            let label = |change| [("alert", watched.rule.name), ("change", change)];
            [(label("raised"), watched.raised_total), (label("cleared"), watched.cleared_total)]
        });
        page.totals_by("alert_changes", "Times an alert of the server's own was raised or cleared", changes)
    }

    fn letters(&self, page: &mut Page<'_>) -> fmt::Result {
        // All are there, at nought, without a webhook too.
        let none = Delivery::default();
        let delivery = self.0.webhook.as_ref().map_or(&none, |webhook| webhook.delivery());
        let outcomes = [
            ([("outcome", "delivered")], delivery.delivered.value()),
            ([("outcome", "queue_full")], delivery.queue_full.value()),
            ([("outcome", "refused")], delivery.refused.value()),
            ([("outcome", "gave_up")], delivery.gave_up.value()),
        ];
        page.totals_of("webhook_letters", "Alerts for the webhook; all but delivered were dropped", outcomes)?;
        page.total("webhook_retries", "Attempts at those that failed and were made again", delivery.retried.value())
    }
}

/// What a collector must be able to.
impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}
