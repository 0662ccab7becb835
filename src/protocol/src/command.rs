//! What a player asks for beside moving and looking: each command has a number, and exactly one answer.
//!
//! spec: CMD-1. A command is a wish: the server checks all of it against its own world, and refuses with a [`Refusal`] what
//! may not be. Whatever changes who owns what is answered when it is on disk.

use crate::{Custom, ItemId, ItemKind, NetId, SkillId, ViewTick};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Begins a cast; while another is under way, the next one waits for its end.
    Cast(Cast),
    /// Ends the cast under way, and forgets the one that waits.
    Stop,
    /// Learns a skill of the tree, or another rank of it.
    Learn {
        /// Which.
        skill: SkillId,
    },
    /// Comes back to life at a graveyard.
    Respawn,
    /// Wears an item; what was there before takes its place.
    Equip {
        /// Which.
        item: ItemId,
    },
    /// Takes off what is worn in a slot.
    Unequip {
        /// The number of the slot.
        slot: u8,
    },
    /// Uses an item.
    Use {
        /// Which.
        item: ItemId,
    },
    /// Lays down so many of a stack.
    Drop {
        /// Which.
        item: ItemId,
        /// 1 or more.
        count: u32,
    },
    /// Takes what lies on the ground.
    PickUp {
        /// Which entity.
        entity: NetId,
    },
    /// Puts so many of a stack into another slot: an empty one, or one with a stack of the same kind.
    Move {
        /// Which.
        item: ItemId,
        /// 1 or more.
        count: u32,
        /// The number of the slot.
        slot: u8,
    },
    /// Buys from the vendor who is near.
    Buy {
        /// What.
        kind: ItemKind,
        /// 1 or more.
        count: u32,
    },
    /// Sells to the vendor who is near.
    Sell {
        /// Which.
        item: ItemId,
        /// 1 or more.
        count: u32,
    },
    /// Has an item mended by the vendor who is near.
    Repair {
        /// Which.
        item: ItemId,
    },
    /// A step of a trade.
    Trade(TradeStep),
    /// A step of a party.
    Party(PartyStep),
    /// One of the game's own.
    Custom(Custom),
}

/// A cast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Cast {
    /// What.
    pub skill: SkillId,
    /// At whom or what.
    pub at: CastTarget,
    /// The moment at which the client drew the others.
    pub view: ViewTick,
    /// Where the caster looks; as in [`crate::event::Shoot`].
    pub yaw: u16,
    /// As in [`crate::event::Shoot`].
    pub pitch: u16,
}

/// What a cast is aimed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum CastTarget {
    /// Nobody: the caster himself, or where he looks.
    #[default]
    Nobody,
    /// Somebody.
    Entity(NetId),
    /// A place on the ground, in units.
    Place {
        /// East.
        x_units: i32,
        /// North.
        y_units: i32,
    },
}

/// Two give each other things, or neither does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum TradeStep {
    /// Asks somebody for a trade; answers his own asking.
    Ask {
        /// Whom.
        with: NetId,
    },
    /// Sets how many of a stack one gives; 0 takes it back.
    Offer {
        /// Which.
        item: ItemId,
        /// Of it.
        count: u32,
    },
    /// Sets how many coins one gives.
    OfferCoins {
        /// 0 or more.
        coins: u64,
    },
    /// Agrees to what both sides offer as of this revision. When both have, it is done.
    Confirm {
        /// The revision of the offers that the client was told; any change makes another.
        revision: u32,
    },
    /// Ends it.
    Cancel,
}

/// Some play together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PartyStep {
    /// Asks somebody into one's party; makes one if there is none.
    Invite {
        /// Whom.
        who: NetId,
    },
    /// Follows the last invitation.
    Accept,
    /// Does not.
    Decline,
    /// Goes.
    Leave,
    /// Sends a member away; for the leader.
    Kick {
        /// Whom.
        who: NetId,
    },
    /// Makes another member the leader; for the leader.
    Lead {
        /// Whom.
        who: NetId,
    },
    /// Says who may take what mobs leave; for the leader.
    Rule {
        /// How.
        rule: LootRule,
    },
}

/// Who of a party may take what a mob has left, as long as it belongs to anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub enum LootRule {
    /// Whoever comes first.
    #[default]
    Anyone,
    /// The members in turn.
    InTurn,
    /// The leader.
    Leader,
}

/// Why a command was not carried out. Nothing has changed then.
///
/// The text of a variant is what an operator reads; a client has its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// Whoever is dead can only come back to life.
    #[error("the player is dead")]
    Dead,
    /// Only the dead come back to life.
    #[error("the player is alive")]
    Alive,
    /// Not yet.
    #[error("it is too early")]
    TooEarly,
    /// An effect forbids it.
    #[error("the player is stunned")]
    Stunned,
    /// An effect forbids it.
    #[error("the player is silenced")]
    Silenced,
    /// There is no such skill.
    #[error("there is no such skill")]
    UnknownSkill,
    /// It was not learnt.
    #[error("the skill was not learnt")]
    NotLearnt,
    /// All its ranks were.
    #[error("the skill was learnt already")]
    AlreadyLearnt,
    /// It is not in the tree of the class.
    #[error("the skill is not of the player's class")]
    NotOfClass,
    /// Another skill comes before it.
    #[error("another skill must be learnt before")]
    NeedsAnother,
    /// Too few skill points.
    #[error("too few skill points")]
    NoPoints,
    /// The level is too low.
    #[error("the level is too low")]
    LevelTooLow,
    /// It is not ready.
    #[error("it is not ready")]
    OnCooldown,
    /// A cast is under way, and another waits already.
    #[error("a cast is under way and another waits")]
    Busy,
    /// Too little mana.
    #[error("too little mana")]
    NoMana,
    /// The skill needs a target of another sort.
    #[error("that is no target for it")]
    WrongTarget,
    /// There is nobody of that name, or he cannot be seen.
    #[error("there is no such target")]
    UnknownTarget,
    /// It is not for him: a friend, an enemy, or somebody who may not be fought.
    #[error("the target is on the wrong side")]
    WrongSide,
    /// The target is dead, or is not and should be.
    #[error("the target is dead, or should be")]
    WrongLife,
    /// It is too far away.
    #[error("it is too far away")]
    OutOfRange,
    /// Something is in between.
    #[error("something is in between")]
    NoLineOfSight,
    /// What the caster saw is too long ago.
    #[error("what the player saw is too long ago")]
    Stale,
    /// Nobody fights here.
    #[error("nobody fights here")]
    SafeZone,
    /// There is no such item, or it belongs to somebody else; which of both is nobody's business.
    #[error("the player has no such item")]
    NoSuchItem,
    /// It waits for the disk, or lies in a trade.
    #[error("the item is in use")]
    InUse,
    /// 0, or more than there are.
    #[error("not so many")]
    WrongCount,
    /// There is no such slot, or it cannot be there.
    #[error("it does not belong there")]
    WrongSlot,
    /// No slot is free.
    #[error("no slot is free")]
    NoRoom,
    /// It is too heavy.
    #[error("it is too heavy")]
    TooHeavy,
    /// It is not for his class.
    #[error("it is not for the player's class")]
    WrongClass,
    /// It is broken.
    #[error("it is broken")]
    Broken,
    /// It cannot be used.
    #[error("it cannot be used")]
    NotUsable,
    /// It cannot be given away.
    #[error("it is bound to its owner")]
    Bound,
    /// It is somebody else's for now.
    #[error("it belongs to somebody else for now")]
    NotYours,
    /// Somebody else took it.
    #[error("it is gone")]
    Gone,
    /// Too few coins.
    #[error("too few coins")]
    NoCoins,
    /// No vendor is near, or it does not do that.
    #[error("no vendor for that is near")]
    NoVendor,
    /// No vendor sells that, or buys it.
    #[error("it is not for sale")]
    NotForSale,
    /// It needs no mending.
    #[error("it is as good as new")]
    NotWorn,
    /// With oneself one neither trades nor parties.
    #[error("that is the player himself")]
    Oneself,
    /// There is no trade.
    #[error("there is no trade")]
    NoTrade,
    /// One of the two trades with somebody else.
    #[error("one of the two trades already")]
    TradesAlready,
    /// What was offered has changed since.
    #[error("the offers have changed")]
    OffersChanged,
    /// A trade holds so many items of each side.
    #[error("no more items fit the trade")]
    TradeFull,
    /// There is no party.
    #[error("there is no party")]
    NoParty,
    /// One of the two is in a party already.
    #[error("one of the two is in a party already")]
    InParty,
    /// The party is full.
    #[error("the party is full")]
    PartyFull,
    /// That is for the leader.
    #[error("only the leader may")]
    NotLeader,
    /// Nobody has asked him, or it is too long ago.
    #[error("there is no invitation")]
    NotInvited,
    /// He is not a member.
    #[error("that is no member of the party")]
    NotMember,
    /// In a fight one does not do that.
    #[error("not in a fight")]
    InCombat,
    /// The disk has refused it. Nothing was lost.
    #[error("it could not be saved")]
    NotSaved,
    /// Too many commands wait.
    #[error("too many commands at once")]
    TooMany,
    /// The world is full.
    #[error("the world is full")]
    WorldFull,
    /// An effect forbids it.
    #[error("the player cannot move")]
    Rooted,
    /// Another character has that name, or nobody can have it.
    #[error("the name is taken or not allowed")]
    BadName,
    /// The account has no such character, or no room for another.
    #[error("there is no such character, or no room for another")]
    NoSuchCharacter,
    /// This game has no such command, or it says what nobody can mean.
    #[error("there is no such command")]
    UnknownCommand,
}

impl Refusal {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 58] = [
        Self::Dead,
        Self::Alive,
        Self::TooEarly,
        Self::Stunned,
        Self::Silenced,
        Self::UnknownSkill,
        Self::NotLearnt,
        Self::AlreadyLearnt,
        Self::NotOfClass,
        Self::NeedsAnother,
        Self::NoPoints,
        Self::LevelTooLow,
        Self::OnCooldown,
        Self::Busy,
        Self::NoMana,
        Self::WrongTarget,
        Self::UnknownTarget,
        Self::WrongSide,
        Self::WrongLife,
        Self::OutOfRange,
        Self::NoLineOfSight,
        Self::Stale,
        Self::SafeZone,
        Self::NoSuchItem,
        Self::InUse,
        Self::WrongCount,
        Self::WrongSlot,
        Self::NoRoom,
        Self::TooHeavy,
        Self::WrongClass,
        Self::Broken,
        Self::NotUsable,
        Self::Bound,
        Self::NotYours,
        Self::Gone,
        Self::NoCoins,
        Self::NoVendor,
        Self::NotForSale,
        Self::NotWorn,
        Self::Oneself,
        Self::NoTrade,
        Self::TradesAlready,
        Self::OffersChanged,
        Self::TradeFull,
        Self::NoParty,
        Self::InParty,
        Self::PartyFull,
        Self::NotLeader,
        Self::NotInvited,
        Self::NotMember,
        Self::InCombat,
        Self::NotSaved,
        Self::TooMany,
        Self::WorldFull,
        Self::Rooted,
        Self::BadName,
        Self::NoSuchCharacter,
        Self::UnknownCommand,
    ];
}
