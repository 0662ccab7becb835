//! Messages on the reliable channels.
//!
//! spec: MSG-1. Each is a bincode enum; variants are only ever added at the end, because their order is their number.

use crate::event::{GameEvent, Shoot};
use crate::{ClassId, Command, Custom, MobKind, NetId, News, Refusal, RosterRow, RosterStep, Tick};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a client says on the control and event channels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ClientMessage {
    /// Asks for the same number back, in order: proves that the reliable channel neither loses, doubles nor reorders.
    Echo {
        /// Counts up from 0 in each session.
        number: u32,
    },
    /// The client met a snapshot part that it could not decode and wants every entity from scratch.
    Resync,
    /// Puts the sender's avatar at a place, in units. Obeyed only for tokens with the operator role: load generators use
    /// it to start where their recorded players stood.
    Place {
        /// East.
        x_units: i32,
        /// North.
        y_units: i32,
    },
    /// The player shoots. On the event channel, so that nothing said on the other holds it up.
    Shoot(Shoot),
    /// The player does something.
    Do {
        /// Comes back in the answer; counts the client's commands and wraps.
        number: u16,
        /// What.
        command: Command,
    },
    /// What the client holds of its own player, once a second: so that a picture that went wrong is noticed.
    Claim(Claim),
    /// Asks who somebody is whom the client sees.
    Ask {
        /// Whom.
        id: NetId,
    },
    /// A guest does something with the characters of his account. spec: CHR-2
    Roster {
        /// Comes back in the answer; counted together with those of [`Self::Do`].
        number: u16,
        /// What.
        step: RosterStep,
    },
    /// How the game went in the last second, as the client saw it: for the server's figures, and for nothing else.
    Report(Experience),
}

/// spec: MSG-5. What a player saw of the last second. A server counts what is beyond the greatest of each as that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Experience {
    /// How long ago the newest snapshot had come in, ms: the most at any tick of the second, so that 99 of 100 were better.
    pub age_ms: u16,
    /// Frames in which somebody was shown beyond his newest state; of who draws nothing, ticks whose newest snapshot came in
    /// more than 100 ms before.
    pub starved: u16,
    /// Times the own player was not where it was predicted.
    pub corrections: u16,
    /// The smoothed round trip, ms.
    pub rtt_ms: u16,
}

impl Experience {
    /// The greatest that counts: ten seconds, after which a session is silent (LIF-17); ten seconds of frames at 100 a second;
    /// two corrections for each tick of a second.
    pub const MOST: Self = Self { age_ms: 10_000, starved: 1_000, corrections: 120, rtt_ms: 10_000 };

    /// The same with nothing beyond [`Self::MOST`].
    #[must_use]
    pub fn clamped(self) -> Self {
        Self {
            age_ms: self.age_ms.min(Self::MOST.age_ms),
            starved: self.starved.min(Self::MOST.starved),
            corrections: self.corrections.min(Self::MOST.corrections),
            rtt_ms: self.rtt_ms.min(Self::MOST.rtt_ms),
        }
    }
}

/// spec: CMD-4. What a client says of its own player.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    /// Tick of the newest own state that it was told.
    pub tick: Tick,
    /// [`crate::OwnState::digest`] of that.
    pub digest: u32,
    /// If it predicts: the number of an input that the server has not applied yet, and where it believes to be after it, in
    /// units.
    pub believed: Option<(u16, [i32; 3])>,
}

/// What the server says on the control and event channels.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ServerMessage {
    /// First message of a session: who you are and how you will be told about the world.
    Welcome(Welcome),
    /// The answer to [`ClientMessage::Echo`].
    Echo {
        /// As asked.
        number: u32,
    },
    /// Something happened; on the event channel.
    Event {
        /// In which tick.
        tick: Tick,
        /// What.
        event: GameEvent,
    },
    /// The answer to [`ClientMessage::Do`] and to [`ClientMessage::Roster`]: exactly one for each. What was done is true
    /// from this tick on.
    Done {
        /// As asked.
        number: u16,
        /// Why it was not, if it was not.
        result: Result<(), Refusal>,
    },
    /// Something of the player's own.
    News(News),
    /// The answer to [`ClientMessage::Ask`].
    Profile(Profile),
    /// What a game of one's own shows of somebody in view; on the event channel.
    Marks(Marks),
    /// All characters of a guest's account, by the order of their making; at most [`crate::character::CHARACTERS_MAX`]. spec: CHR-1
    Roster(Vec<RosterRow>),
    /// What an operator has to say to people, or the server itself.
    Notice {
        /// [`is_notice`].
        text: String,
    },
    /// The world is full, or lets nobody in at present: the client waits, and enters when its turn comes. spec: LIF-21
    Queued {
        /// Its place, from 1.
        place: u16,
        /// How many wait.
        of: u16,
    },
}

/// Longest notice, bytes: four lines on a screen; with what is around it a quarter of a message.
pub const NOTICE_BYTES_MAX: usize = 256;

/// spec: MSG-6. Whether this can be said to people: 1 to [`NOTICE_BYTES_MAX`] bytes without control characters.
#[must_use]
pub fn is_notice(text: &str) -> bool {
    (1..=NOTICE_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

/// spec: CMD-7. All marks that somebody has, as of a tick: whatever was told of his marks before is over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Marks {
    /// When.
    pub tick: Tick,
    /// Whose.
    pub id: NetId,
    /// At most [`crate::custom::MARKS_MAX`], each of another kind.
    pub marks: Vec<Custom>,
}

/// spec: CMD-5. Who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// Who was asked for.
    pub id: NetId,
    /// Its level; 0 if the asker does not see it, or it has none. All that follows is empty then.
    pub level: u8,
    /// Its team.
    pub team: u8,
    /// What a player's character is.
    pub class: ClassId,
    /// What a mob is; none of a player.
    pub mob: Option<MobKind>,
    /// A player's name: its character's, or what its token says of one that has none; at most 32 bytes.
    pub name: String,
}

/// The terms under which a client sees the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    /// The client's own entity.
    pub own: NetId,
    /// The tick in which it entered the world; later 16-bit ticks expand against it.
    pub tick: Tick,
    /// Others are shown once nearer than this, in units.
    pub enter_radius_units: i32,
    /// Others are hidden once farther than this, in units.
    pub leave_radius_units: i32,
    /// At most this many others are shown at once.
    pub visible_max: u16,
}

/// spec: SNP-11. Of so many places in a view, those that belong to the nearest; the others go round.
#[must_use]
pub const fn nearest_places(visible_max: usize) -> usize {
    visible_max - visible_max / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::character::{CHARACTERS_MAX, NAME_BYTES_MAX};
    use crate::codec::{DecodeError, decode, encode};
    use crate::command::{Cast, CastTarget, LootRule, PartyStep, TradeStep};
    use crate::custom::{BODY_BYTES_MAX, MARKS_MAX};
    use crate::event::{Audience, Hurt, Shot, ShotRefusal};
    use crate::news::{ItemRow, Offer, PARTY_MAX, Party, TRADE_ITEMS_MAX, Trade};
    use crate::{CharacterId, ItemId, ItemKind, SkillId, ViewTick};

    fn bytes_of<M: Encode>(message: &M) -> Vec<u8> {
        let mut buf = Vec::new();
        encode(message, &mut buf);
        buf
    }

    /// proves: MSG-1. Contracts: a change here is a change of the inner version.
    #[test]
    fn message_bytes_are_pinned() {
        assert_eq!(bytes_of(&ClientMessage::Echo { number: 7 }), [0, 7]);
        assert_eq!(bytes_of(&ClientMessage::Resync), [1]);
        assert_eq!(bytes_of(&ClientMessage::Place { x_units: 3, y_units: -1 }), [2, 6, 1]);
        let welcome = Welcome {
            own: NetId(300),
            tick: Tick(5),
            enter_radius_units: 32_000,
            leave_radius_units: -1,
            visible_max: 256,
        };
        let bytes = bytes_of(&ServerMessage::Welcome(welcome));
        assert_eq!(bytes, [0, 251, 44, 1, 5, 251, 0, 250, 1, 251, 0, 1]);
        assert_eq!(decode::<ServerMessage>(&bytes).unwrap(), ServerMessage::Welcome(welcome));
        assert_eq!(bytes_of(&ServerMessage::Echo { number: 251 }), [1, 251, 251, 0]);
        let view = ViewTick { tick: Tick(300), fraction: 255 };
        let shoot = ClientMessage::Shoot(Shoot { number: 1, input: 2, view, yaw: 65_535, pitch: 0 });
        let bytes = bytes_of(&shoot);
        assert_eq!(bytes, [3, 1, 2, 251, 44, 1, 255, 251, 255, 255, 0]);
        assert_eq!(decode::<ClientMessage>(&bytes).unwrap(), shoot);
        let shot = Shot { by: NetId(1), number: 2, target: Some(NetId(3)), x_units: 4, y_units: -4, z_units: 0 };
        let event = ServerMessage::Event { tick: Tick(5), event: GameEvent::Shot(shot) };
        assert_eq!(bytes_of(&event), [2, 5, 0, 1, 2, 1, 3, 8, 7, 0]);
        let event = GameEvent::Shot(Shot { target: None, ..shot });
        assert_eq!(bytes_of(&ServerMessage::Event { tick: Tick(5), event }), [2, 5, 0, 1, 2, 0, 8, 7, 0]);
        let event = GameEvent::ShotRefused { number: 2, reason: ShotRefusal::TooSoon };
        assert_eq!(bytes_of(&ServerMessage::Event { tick: Tick(5), event }), [2, 5, 1, 2, 1]);
    }

    #[derive(bincode::Encode, bincode::Decode)]
    struct Long([u8; BODY_BYTES_MAX]);

    impl crate::custom::Kind for Long {
        const KIND: u8 = 0;
    }

    #[derive(bincode::Encode, bincode::Decode)]
    struct Odd(u8, u16);

    impl crate::custom::Kind for Odd {
        const KIND: u8 = 6;
    }

    /// proves: CMD-6, CMD-7
    #[test]
    fn the_bytes_of_what_a_game_of_ones_own_says_are_pinned() {
        let odd = Custom::of(&Odd(1, 300));
        let command = ClientMessage::Do { number: 9, command: Command::Custom(odd) };
        assert_eq!(bytes_of(&command), [4, 9, 15, 6, 4, 1, 251, 44, 1]);
        let event = GameEvent::Custom { of: NetId(3), audience: Audience::World, what: odd };
        assert_eq!(bytes_of(&ServerMessage::Event { tick: Tick(6), event }), [2, 6, 15, 3, 3, 6, 4, 1, 251, 44, 1]);
        assert_eq!(bytes_of(&ServerMessage::News(News::Custom(odd))), [4, 12, 6, 4, 1, 251, 44, 1]);
        let marks = Marks { tick: Tick(6), id: NetId(3), marks: vec![odd; 2] };
        let bytes = bytes_of(&ServerMessage::Marks(marks.clone()));
        assert_eq!(bytes, [6, 6, 3, 2, 6, 4, 1, 251, 44, 1, 6, 4, 1, 251, 44, 1]);
        assert_eq!(decode::<ServerMessage>(&bytes).unwrap(), ServerMessage::Marks(marks));
    }

    /// proves: CMD-1, CMD-2, CMD-3, CMD-4, CMD-5, CMD-8, MSG-1
    #[test]
    fn the_bytes_of_commands_events_and_news_are_pinned() {
        let at = CastTarget::Place { x_units: 3, y_units: -1 };
        let cast = Cast { skill: SkillId(300), at, view: ViewTick::default(), yaw: 1, pitch: 2 };
        let command = |command| bytes_of(&ClientMessage::Do { number: 9, command });
        assert_eq!(command(Command::Cast(cast)), [4, 9, 0, 251, 44, 1, 2, 6, 1, 0, 0, 1, 2]);
        assert_eq!(command(Command::Move { item: ItemId(1 << 32), count: 2, slot: 7 })[2..5], [9, 253, 0]);
        assert_eq!(command(Command::Trade(TradeStep::Confirm { revision: 5 })), [4, 9, 13, 3, 5]);
        assert_eq!(command(Command::Party(PartyStep::Rule { rule: LootRule::Leader })), [4, 9, 14, 6, 2]);
        let believed = Some((300, [1, -1, 0]));
        let claim = ClientMessage::Claim(Claim { tick: Tick(7), digest: 5, believed });
        assert_eq!(bytes_of(&claim), [5, 7, 5, 1, 251, 44, 1, 2, 1, 0]);
        assert_eq!(bytes_of(&ClientMessage::Ask { id: NetId(9) }), [6, 9]);
        let profile =
            Profile { id: NetId(9), level: 3, mob: Some(MobKind(2)), name: "x".to_owned(), ..Profile::default() };
        assert_eq!(bytes_of(&ServerMessage::Profile(profile)), [5, 9, 3, 0, 0, 1, 2, 1, 120]);
        let done = |result| bytes_of(&ServerMessage::Done { number: 9, result });
        assert_eq!(done(Ok(())), [3, 9, 0]);
        for (number, refusal) in (0_u8..).zip(Refusal::ALL) {
            assert_eq!(done(Err(refusal)), [3, 9, 1, number], "{refusal:?}");
        }
        let hurt = Hurt { on: NetId(1), by: Some(NetId(2)), amount: 3, absorbed: 4, how: 5 };
        let event = |event| bytes_of(&ServerMessage::Event { tick: Tick(6), event });
        assert_eq!(event(GameEvent::Hurt(hurt)), [2, 6, 4, 1, 1, 2, 3, 4, 5]);
        assert_eq!(event(GameEvent::Entered { trigger: 7 }), [2, 6, 14, 7]);
        let news = |news| bytes_of(&ServerMessage::News(news));
        let row = ItemRow { item: ItemId(1), kind: ItemKind(2), count: 3, durability: 4, slot: 255, is_held: true };
        assert_eq!(news(News::Item(row)), [4, 1, 1, 2, 3, 4, 255, 1]);
        assert_eq!(news(News::TradeEnded { reason: Some(Refusal::Alive) }), [4, 7, 1, 1]);
        let party = Party { members: vec![NetId(8), NetId(9)], rule: LootRule::InTurn };
        assert_eq!(news(News::Party(party)), [4, 9, 2, 8, 9, 1]);
        assert_eq!(news(News::Receipt { id: 250 }), [4, 13, 250]);
        let id = 0x000f_0e0d << 64 | 0x0807_0605_0403_0201;
        assert_eq!(news(News::Receipt { id }), [4, 13, 254, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 0, 0, 0, 0, 0]);
    }

    /// proves: CHR-1, CHR-2
    #[test]
    fn the_bytes_of_rosters_are_pinned() {
        let step = |step| bytes_of(&ClientMessage::Roster { number: 300, step });
        let create = RosterStep::Create { name: "Ada".to_owned(), class: ClassId(2), team: 1 };
        assert_eq!(step(create), [7, 251, 44, 1, 0, 3, b'A', b'd', b'a', 2, 1]);
        let character = CharacterId(1 << 62);
        assert_eq!(step(RosterStep::Delete { character }), [7, 251, 44, 1, 1, 253, 0, 0, 0, 0, 0, 0, 0, 64]);
        assert_eq!(step(RosterStep::Play { character: CharacterId(5) }), [7, 251, 44, 1, 2, 5]);
        let row = RosterRow { character: CharacterId(5), name: "Ada".to_owned(), class: ClassId(2), team: 1, level: 9 };
        assert_eq!(bytes_of(&ServerMessage::Roster(vec![row])), [7, 1, 5, 3, b'A', b'd', b'a', 2, 1, 9]);
        assert_eq!(bytes_of(&ServerMessage::Roster(vec![])), [7, 0]);
    }

    /// proves: MSG-5, MSG-6, LIF-21
    #[test]
    fn the_bytes_of_reports_notices_and_places_in_the_queue_are_pinned() {
        let report = ClientMessage::Report(Experience { age_ms: 34, starved: 0, corrections: 251, rtt_ms: 65_535 });
        let bytes = bytes_of(&report);
        assert_eq!(bytes, [8, 34, 0, 251, 251, 0, 251, 255, 255]);
        assert_eq!(decode::<ClientMessage>(&bytes).unwrap(), report);
        assert_eq!(bytes_of(&ServerMessage::Notice { text: "hé".to_owned() }), [8, 3, b'h', 0xc3, 0xa9]);
        assert!(decode::<ServerMessage>(&[8, 1, 0xc3]).is_err(), "it is no UTF-8");
        assert_eq!(bytes_of(&ServerMessage::Queued { place: 3, of: 300 }), [9, 3, 251, 44, 1]);
    }

    /// proves: MSG-6
    #[test]
    fn a_notice_is_short_and_has_nothing_in_it_that_moves_a_cursor() {
        for good in ["x", "The server restarts in 5 minutes.", &"é".repeat(128)] {
            assert!(is_notice(good), "{good}");
        }
        for bad in ["", "a\nb", "\u{1b}[2J", "\u{7f}", "\u{85}", &"x".repeat(257)] {
            assert!(!is_notice(bad), "{}", bad.escape_debug());
        }
    }

    /// proves: MSG-5
    #[test]
    fn what_is_beyond_the_greatest_counts_as_that() {
        let absurd = Experience { age_ms: u16::MAX, starved: u16::MAX, corrections: u16::MAX, rtt_ms: u16::MAX };
        assert_eq!(absurd.clamped(), Experience::MOST);
        let usual = Experience { age_ms: 20, starved: 3, corrections: 1, rtt_ms: 80 };
        assert_eq!(usual.clamped(), usual);
    }

    /// The largest that anybody may send or be told.
    #[test]
    fn no_message_is_longer_than_a_message_may_be() {
        let (item, offer) = ((ItemId(u64::MAX), ItemKind(u16::MAX), u32::MAX), Offer::default());
        let offer = Offer { items: vec![item; TRADE_ITEMS_MAX], coins: u64::MAX, ..offer };
        let trade = Trade { with: NetId(u16::MAX), revision: u32::MAX, own: offer.clone(), other: offer };
        assert!(bytes_of(&ServerMessage::News(News::Trade(trade))).len() <= 400);
        let party = Party { members: vec![NetId(u16::MAX); PARTY_MAX], rule: LootRule::Anyone };
        assert!(bytes_of(&ServerMessage::News(News::Party(party))).len() <= 32);
        let longest = Custom::of(&Long([255; BODY_BYTES_MAX]));
        let marks = Marks { tick: Tick(u32::MAX), id: NetId(u16::MAX), marks: vec![longest; MARKS_MAX] };
        assert!(bytes_of(&ServerMessage::Marks(marks)).len() <= 600);
        assert_eq!(bytes_of(&ServerMessage::Notice { text: "x".repeat(NOTICE_BYTES_MAX) }).len(), 260);
        let (name, class) = ("x".repeat(NAME_BYTES_MAX), ClassId(u16::MAX));
        let row = RosterRow { character: CharacterId(u64::MAX), name, class, team: u8::MAX, level: u8::MAX };
        assert!(bytes_of(&ServerMessage::Roster(vec![row; CHARACTERS_MAX])).len() <= 400);
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(matches!(decode::<ClientMessage>(&[1, 0]), Err(DecodeError::Trailing(1))));
    }

    #[test]
    fn every_truncation_and_unknown_variant_is_an_error() {
        let whole = bytes_of(&ClientMessage::Echo { number: 70_000 });
        for len in 0..whole.len() {
            assert!(decode::<ClientMessage>(&whole[..len]).is_err(), "{len} bytes");
        }
        assert!(decode::<ClientMessage>(&[9]).is_err());
    }
}
