//! What playing bots did and were refused, in the measured window.

use protocol::Refusal;
use serde::Serialize;
use std::collections::BTreeMap;

/// Reasons of refusals that the table names; the JSON has all.
const REASONS_SHOWN_MAX: usize = 8;

/// Counted by the bots themselves, from what the server answered and told them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Casts that the server took.
    pub casts: u64,
    /// Deaths by a bot's hand, counted by that bot.
    pub kills: u64,
    /// Things picked up.
    pub loots: u64,
    /// Trades that were done, each counted once.
    pub trades: u64,
    /// Deaths of bots.
    pub deaths: u64,
    /// Trades that were begun and not done, each counted once.
    pub trades_interrupted: u64,
    /// Ranks of skills learnt.
    pub learnt: u64,
    /// Levels reached.
    pub level_ups: u64,
    /// Parties begun.
    pub parties: u64,
    /// Times a vendor sold something.
    pub bought: u64,
    /// Times a vendor bought something.
    pub sold: u64,
    /// Things that a vendor has mended.
    pub mended: u64,
    /// Things put on.
    pub equipped: u64,
    /// Bots that another one has called back to life.
    pub revived: u64,
    /// Commands given.
    pub commands: u64,
    /// Commands refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Whether the window is open.
    #[serde(skip)]
    pub is_measuring: bool,
}

impl Counts {
    /// One more of something that `field` names, if the window is open.
    pub fn add(&mut self, field: fn(&mut Self) -> &mut u64) {
        if self.is_measuring {
            *field(self) += 1;
        }
    }

    /// A command was refused.
    pub fn on_refused(&mut self, refusal: Refusal) {
        if self.is_measuring {
            *self.refused.entry(format!("{refusal:?}")).or_default() += 1;
        }
    }

    /// As lines of a table.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let Self { casts, kills, loots, trades, deaths, .. } = self;
        let Self { trades_interrupted, learnt, level_ups, parties, commands, .. } = self;
        let Self { bought, sold, mended, equipped, revived, .. } = self;
        vec![
            (
                "game",
                format!(
                    "{casts} casts, {kills} kills, {loots} loots, {trades} trades ({trades_interrupted} interrupted), \
                     {deaths} deaths"
                ),
            ),
            (
                "growth",
                format!("{level_ups} levels, {learnt} skills learnt, {parties} parties, {revived} called back to life"),
            ),
            ("goods", format!("{bought} bought, {sold} sold, {mended} mended, {equipped} put on")),
            ("commands", format!("{commands} given, {} refused{}", self.refused.values().sum::<u64>(), self.reasons())),
        ]
    }

    fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.refused.iter().collect();
        reasons.sort_by_key(|&(name, count)| (std::cmp::Reverse(*count), name.clone()));
        let shown = reasons.iter().take(REASONS_SHOWN_MAX).map(|(name, count)| format!("{count} {name}"));
        let shown = shown.collect::<Vec<_>>().join(", ");
        if shown.is_empty() { shown } else { format!(": {shown}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counts_before_the_window_opens() {
        let mut counts = Counts::default();
        counts.add(|counts| &mut counts.kills);
        counts.on_refused(Refusal::Busy);
        assert_eq!(counts, Counts::default());
        counts.is_measuring = true;
        counts.add(|counts| &mut counts.kills);
        assert_eq!(counts.kills, 1);
    }

    #[test]
    fn the_table_names_the_most_frequent_reasons_first() {
        let mut counts = Counts { is_measuring: true, ..Counts::default() };
        for (at, refusal) in Refusal::ALL.iter().take(12).enumerate() {
            (0..=at).for_each(|_| counts.on_refused(*refusal));
        }
        let rows = counts.rows();
        let line = &rows.iter().find(|(name, _)| *name == "commands").unwrap().1;
        assert!(line.contains("78 refused: 12 LevelTooLow, 11 NoPoints"), "{line}");
        assert_eq!(line.matches(", ").count(), REASONS_SHOWN_MAX, "{line}");
    }
}
