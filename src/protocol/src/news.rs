//! What only its owner is told of a player: figures, belongings, trade and party.
//!
//! spec: CMD-3. News are whole values, never changes: whoever has the newest of a sort knows all there is to know of it.

use crate::command::{LootRule, Refusal};
use crate::{ClassId, Custom, EffectId, ItemId, ItemKind, NetId, SkillId};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Most members of a party.
pub const PARTY_MAX: usize = 8;
/// Most items that one side of a trade offers.
pub const TRADE_ITEMS_MAX: usize = 8;
/// Slots that one carries things in.
pub const BAG_SLOTS: u8 = 40;

/// Something that is true from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum News {
    /// The player's figures.
    Figures(Figures),
    /// An item of the player's: new, moved, or fewer of it.
    Item(ItemRow),
    /// An item is not the player's any more.
    ItemGone {
        /// Which.
        item: ItemId,
    },
    /// A skill that the player can cast.
    Skill {
        /// Which.
        skill: SkillId,
        /// How well; 1 or more.
        rank: u8,
    },
    /// When a skill may be cast again.
    Cooldown {
        /// Which.
        skill: SkillId,
        /// From this tick on so many ticks.
        ticks: u32,
    },
    /// An effect on the player, as of its entry into the world; later ones are events.
    Effect {
        /// Which.
        effect: EffectId,
        /// How often.
        stacks: u8,
        /// How long it has left, in ticks.
        ticks: u32,
    },
    /// The trade that the player is in.
    Trade(Trade),
    /// There is no trade any more.
    TradeEnded {
        /// What became of it: none if it was done.
        reason: Option<Refusal>,
    },
    /// Somebody asks for a trade.
    TradeAsked {
        /// Who.
        by: NetId,
    },
    /// The party that the player is in; without members he is in none.
    Party(Party),
    /// Somebody asks the player into his party.
    PartyInvited {
        /// Who.
        by: NetId,
    },
    /// When items of a kind may be used again.
    ItemCooldown {
        /// Which.
        kind: ItemKind,
        /// From this tick on so many ticks.
        ticks: u32,
    },
    /// Something of the game's own.
    Custom(Custom),
    /// What has changed of the player's, or by him, is on disk and has taken effect: whatever happens to the server, it will
    /// not be undone. spec: CMD-8.
    Receipt {
        /// The number of the transaction, which no other has: a player quotes it to whoever looks into the matter.
        id: u128,
    },
}

/// The figures of a player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Figures {
    /// What it is.
    pub class: ClassId,
    /// Its team.
    pub team: u8,
    /// Its level.
    pub level: u8,
    /// Experience since the last level.
    pub experience: u64,
    /// Skill points that are left.
    pub points: u16,
    /// Health that is left; 0 is dead.
    pub health: u32,
    /// Most health.
    pub health_max: u32,
    /// Mana that is left.
    pub mana: u32,
    /// Most mana.
    pub mana_max: u32,
    /// Coins.
    pub coins: u64,
    /// Weight carried, in grams.
    pub weight: u32,
}

/// An item of a player's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ItemRow {
    /// Which.
    pub item: ItemId,
    /// What.
    pub kind: ItemKind,
    /// How many.
    pub count: u32,
    /// Wear that it still bears; 0 of what does not wear, too.
    pub durability: u16,
    /// Where: below [`BAG_SLOTS`] a slot of the bag, from [`WORN`] on what is worn.
    pub slot: u8,
    /// Whether it waits for the disk or lies in a trade.
    pub is_held: bool,
}

/// Number of the first slot of what is worn.
pub const WORN: u8 = 200;

/// What both sides of a trade offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Trade {
    /// With whom.
    pub with: NetId,
    /// To be named by who confirms.
    pub revision: u32,
    /// What the player gives.
    pub own: Offer,
    /// What he gets.
    pub other: Offer,
}

/// One side of a trade.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// What and how many, at most [`TRADE_ITEMS_MAX`].
    pub items: Vec<(ItemId, ItemKind, u32)>,
    /// Coins.
    pub coins: u64,
    /// Whether this side has confirmed.
    pub is_confirmed: bool,
}

/// A party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Party {
    /// At most [`PARTY_MAX`], the leader first.
    pub members: Vec<NetId>,
    /// Who may take what mobs leave.
    pub rule: LootRule,
}
