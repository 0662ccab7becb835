//! What a realm can say of itself.

use super::evidence::SUSPICIONS;
use super::experience::Experienced;
use protocol::GameEvent;

/// What the realm can say of itself; plain numbers, counted since start unless said otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealmStatus {
    /// The newest tick.
    pub tick: u32,
    /// People in the world now.
    pub players: usize,
    /// People whose record is being loaded now.
    pub loading: usize,
    /// People who have not chosen whom to play, now.
    pub guests: usize,
    /// People who wait to come in now, and places that are kept for such as are about to come back to them.
    pub queued: usize,
    /// Entities in the world now.
    pub entities: usize,
    /// Sum over ticks of the players in the world.
    pub player_ticks: u64,
    /// Records of other entities told to anyone.
    pub updates: u64,
    /// Times an entity's bits were made; [`Self::updates`] divided by this is the encode reuse ratio.
    pub encoded: u64,
    /// Snapshot ticks that some player went without because no byte was left to him.
    pub snapshots_skipped: u64,
    /// Ticks in which some player's input was missing.
    pub inputs_starved: u64,
    /// Inputs that were skipped to catch up.
    pub inputs_skipped: u64,
    /// Batches' contents that named a session which was over.
    pub stale: u64,
    /// Part reports that named no part under way.
    pub reports_unknown: u64,
    /// Times a client asked for everything anew and was told it.
    pub resyncs: u64,
    /// Times a client asked for that too soon after the last time.
    pub resyncs_refused: u64,
    /// Messages refused because their sender may not say that.
    pub refused: u64,
    /// Events of the game by [`GameEvent::kind`].
    pub events: [u64; GameEvent::KINDS.len()],
    /// Commands answered.
    pub orders: u64,
    /// Of those, refused.
    pub orders_refused: u64,
    /// Pieces of evidence against players, by kind.
    pub suspicions: [u64; SUSPICIONS],
    /// Times somebody went beyond a limit.
    pub incidents: u64,
    /// Players put out for it.
    pub kicked: u64,
    /// What clients said of how the game goes for them.
    pub experience: Experienced,
    /// Times one said so too soon after the last time; none of it was counted.
    pub reports_refused: u64,
    /// Reports that had something beyond the greatest that counts.
    pub reports_clamped: u64,
    /// Shots carried out.
    pub shots: u64,
    /// Of those, shots that hit somebody.
    pub shots_hit: u64,
    /// Sum over them of how long ago their shooters saw what they shot at, in 1/256 tick.
    pub shots_rewound_steps: u64,
    /// Shots refused because their shooters saw too long ago what they shot at.
    pub shots_stale: u64,
    /// Shots refused because the weapon was not ready.
    pub shots_too_soon: u64,
    /// Events told, counted once for each receiver.
    pub events_told: u64,
    /// Events that some receiver had no bytes left for.
    pub events_untold: u64,
    /// Times somebody was told of somebody's marks.
    pub marks_told: u64,
    /// Times somebody had too few bytes for all the marks he was owed.
    pub marks_put_off: u64,
    /// Joins refused because the world and the queue are full.
    pub refused_full: u64,
    /// Joins refused because nobody was let in, and the queue was full.
    pub refused_paused: u64,
    /// Joins refused because the record could not be used.
    pub refused_record: u64,
    /// Turned away because a store could not be reached, or another server has them.
    pub refused_stores: u64,
    /// Characters made.
    pub characters_created: u64,
    /// Characters deleted.
    pub characters_deleted: u64,
    /// Times a guest, or who is none, was refused something that is done with characters.
    pub roster_refused: u64,
    /// Saves on disk.
    pub saves_confirmed: u64,
    /// Saves that failed (each is tried again).
    pub saves_failed: u64,
    /// Images of the world on disk.
    pub worlds_saved: u64,
    /// Images of the world that the disk refused.
    pub worlds_failed: u64,
    /// Transactions on disk.
    pub commits_confirmed: u64,
    /// Transactions that the disk refused.
    pub commits_refused: u64,
    /// Transactions that it has not answered, now.
    pub commits_under_way: usize,
    /// Things that lay on the ground when this process began and could not be put back; the disk still has them.
    pub ground_left_out: usize,
    /// Things that were not laid down because no id was free.
    pub things_left_out: u64,
    /// Times a mob was due and found no id or no place.
    pub mobs_put_off: u64,
    /// Items that people came with and that cannot be: of a kind that there is none of, or two in one slot.
    pub strays: u64,
    /// Steps of the overload ladder that are taken now.
    pub overload_level: u8,
    /// Steps of it taken.
    pub overload_ups: u64,
    /// Steps of it taken back.
    pub overload_downs: u64,
    /// Age of the oldest state that is not on disk, now.
    pub save_lag_ns: u64,
}
