//! The constants of the formulas.

/// What the formulas of [`crate::combat`] and of progress are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Highest level, 1..=100.
    pub level_max: u8,
    /// Experience from level n to the next: `experience_base` n + `experience_growth` n (n - 1).
    pub experience_base: u32,
    /// As above.
    pub experience_growth: u32,
    /// Skill points for each level after the first.
    pub points_per_level: u8,
    /// What a critical hit does, in thousandths of an ordinary one.
    pub critical_share: u32,
    /// What a blocked hit still does, in thousandths.
    pub block_share: u32,
    /// How much hits differ, in thousandths either way.
    pub spread: u32,
    /// Armour that halves physical damage from an attacker of level n is n times this.
    pub armour_half: u32,
    /// Ticks after a cast begins until the next may, unless it is off the global cooldown.
    pub global_cooldown_ticks: u32,
    /// Ticks after the last blow given or taken until one is out of combat.
    pub combat_ticks: u32,
    /// Ticks from death until one may come back.
    pub respawn_ticks: u32,
    /// Health and mana of who comes back, in thousandths.
    pub respawn_share: u32,
    /// Loss of durability of all that is worn at death, in thousandths of the most.
    pub death_wear: u32,
    /// Ticks that only those who killed may pick up what a mob left.
    pub loot_owner_ticks: u32,
    /// Ticks until what lies on the ground is gone.
    pub ground_ticks: u32,
    /// How near one must be to what one picks up, in subunits.
    pub pick_up_range: i32,
    /// How near two must be who trade, in subunits.
    pub trade_range: i32,
    /// How near party members must be to share in a kill, in subunits.
    pub party_range: i32,
    /// What each member beyond the first adds to shared experience, in thousandths.
    pub party_bonus: u32,
    /// Units of a fall that does no harm, and damage in thousandths of the most health for each metre beyond.
    pub fall_free_units: i32,
    /// As above.
    pub fall_share_per_m: u32,
    /// Teams that characters may choose, 0..=8: team 0 fights nobody, two different others fight each other.
    pub teams: u8,
    /// A shot of the built-in weapon ([`protocol::event::Shoot`]) does so much, and so much of the attack, in thousandths.
    pub shot_damage: u32,
    /// As above.
    pub shot_attack: u32,
}

impl Default for Rules {
    fn default() -> Self {
        const S: u32 = protocol::unit::TICK_RATE_HZ;
        const M: i32 = protocol::unit::SUBUNITS_PER_M;
        Self {
            level_max: 30,
            experience_base: 100,
            experience_growth: 50,
            points_per_level: 1,
            critical_share: 1_500,
            block_share: 400,
            spread: 100,
            armour_half: 40,
            global_cooldown_ticks: S,
            combat_ticks: 5 * S,
            respawn_ticks: 5 * S,
            respawn_share: 500,
            death_wear: 50,
            loot_owner_ticks: 30 * S,
            ground_ticks: 300 * S,
            pick_up_range: 4 * M,
            trade_range: 10 * M,
            party_range: 80 * M,
            party_bonus: 100,
            fall_free_units: 4 * protocol::unit::UNITS_PER_M,
            fall_share_per_m: 60,
            teams: 2,
            shot_damage: 10,
            shot_attack: 500,
        }
    }
}
