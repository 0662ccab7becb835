//! Everything that a modified client could ask for and must not get: refused with its reason, and nothing has changed.

use game::content::{Content, shipped};
use game::{Books, Estate, Game, GameConfig};
use protocol::command::{Cast, CastTarget, LootRule, PartyStep, TradeStep};
use protocol::motion::StaticMap;
use protocol::unit::UNITS_PER_M;
use protocol::{CharacterId, ClassId, Command, ItemId, ItemKind, NetId, Refusal, SkillId, Tick, ViewTick};
use std::sync::Arc;

const ANN: CharacterId = CharacterId(1);
const BOB: CharacterId = CharacterId(2);

/// The shipped content on an open field, with nobody living there: Ann is a warrior, Bob a mage of another team 5 m east of
/// her, Cid a warrior of hers far off, and there is a vendor where Dan stands.
struct Stand {
    game: Game,
    books: Books,
    ann: NetId,
    bob: NetId,
    cid: NetId,
    numbers: u16,
}

fn content() -> Content {
    let mut content = shipped("meadow").clone();
    content.places.spawns.clear();
    content.places.safe_zones.clear();
    content.places.triggers.clear();
    content.places.vendors.clear();
    content
}

impl Stand {
    fn new() -> Self {
        Self::as_class(1)
    }

    /// With Ann of another class.
    fn as_class(class: u16) -> Self {
        let map = Arc::new(StaticMap::new(400, 400, &[]).unwrap());
        let config = GameConfig { seed: 1, map, content: Arc::new(content()), incarnation: 1, entities_max: 100 };
        let mut game = Game::new(config);
        let mut born = |character, class, team, x_m: i32| {
            let estate = Estate::newborn(ClassId(class), team);
            let id = game.spawn_character(character, None, &estate).unwrap();
            game.place_player(id, x_m * UNITS_PER_M, 200 * UNITS_PER_M);
            game.give_kit(id);
            id
        };
        let ann = born(ANN, class, 1, 100);
        let bob = born(BOB, 2, 2, 105);
        let cid = born(CharacterId(3), 1, 1, 300);
        let mut stand = Self { game, books: Books::default(), ann, bob, cid, numbers: 0 };
        stand.ticks(3);
        stand
    }

    fn ticks(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.game.tick();
            for transaction in self.game.take_transactions() {
                let is_durable = self.books.apply(&transaction).is_ok();
                self.game.settle(transaction.id, is_durable);
            }
        }
    }

    /// What comes of a command of Ann's, within three ticks.
    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        self.numbers += 1;
        assert!(self.game.order(self.ann, self.numbers, command));
        for _ in 0..3 {
            self.ticks(1);
            if let Some(answer) = self.game.answers().iter().find(|answer| answer.number == self.numbers) {
                return answer.result;
            }
        }
        panic!("{command:?} was not answered");
    }

    fn item(&self, of: NetId, kind: &str) -> ItemId {
        let kind = self.game.content().items.named(kind).unwrap().id;
        let estate = self.game.estate(of).unwrap();
        estate.items.iter().find(|row| row.kind == kind).unwrap().item
    }

    fn skill(&self, name: &str) -> SkillId {
        self.game.content().skills.named(name).unwrap().id
    }

    /// Everything that a refused command could have changed.
    fn all(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let who = [self.ann, self.bob, self.cid];
        let owned: Vec<_> = who.iter().map(|&id| self.game.estate(id)).collect();
        let places: Vec<_> = who.iter().map(|&id| self.game.body(id).copied()).collect();
        let seen: Vec<_> = who.iter().map(|&id| self.game.own(id).map(|own| own.status)).collect();
        let parties: Vec<_> = who.iter().map(|&id| self.game.party_of(id).to_vec()).collect();
        (owned, places, seen, parties, self.game.ground(), self.game.under_way().count(), self.books.clone())
    }

    fn refuses(&mut self, command: Command, refusal: Refusal) {
        let before = self.all();
        let result = self.ask(command);
        assert_eq!(result, Err(refusal), "{command:?}");
        assert_eq!(self.all(), before, "{command:?} was refused and changed something");
        // Out of every global cooldown.
        self.ticks(90);
    }
}

fn cast(skill: SkillId, at: CastTarget, tick: Tick) -> Command {
    Command::Cast(Cast { skill, at, view: ViewTick { tick, fraction: 0 }, yaw: 0, pitch: 0 })
}

#[test]
fn casts_that_cannot_be_are_refused() {
    let mut stand = Stand::as_class(2);
    let (bob, cid, ann) = (stand.bob, stand.cid, stand.ann);
    let [bolt, shot, strike, mend] = ["firebolt", "wand_shot", "strike", "mend"].map(|name| stand.skill(name));
    let unlearnt = stand.game.content().classes.at(ClassId(2)).tree[0].skill;
    let (nobody, place) = (CastTarget::Nobody, CastTarget::Place { x_units: i32::MAX, y_units: i32::MIN });
    let rows = [
        (SkillId(u16::MAX), nobody, Refusal::UnknownSkill),
        (SkillId(0), nobody, Refusal::UnknownSkill),
        (strike, nobody, Refusal::NotLearnt),
        (mend, CastTarget::Entity(ann), Refusal::NotLearnt),
        (unlearnt, CastTarget::Entity(bob), Refusal::NotLearnt),
        (bolt, CastTarget::Entity(NetId(60_000)), Refusal::UnknownTarget),
        (bolt, CastTarget::Entity(cid), Refusal::WrongSide),
        (bolt, CastTarget::Entity(ann), Refusal::WrongSide),
        (shot, CastTarget::Entity(bob), Refusal::WrongTarget),
        (shot, place, Refusal::WrongTarget),
    ];
    for (skill, at, refusal) in rows {
        let tick = stand.game.now();
        stand.refuses(cast(skill, at, tick), refusal);
    }
    stand.refuses(cast(shot, nobody, Tick(1)), Refusal::Stale);
    stand.game.place_player(bob, 390 * UNITS_PER_M, 390 * UNITS_PER_M);
    stand.ticks(60);
    let tick = stand.game.now();
    stand.refuses(cast(bolt, CastTarget::Entity(bob), tick), Refusal::OutOfRange);
}

#[test]
fn growth_that_was_not_earned_is_refused() {
    let mut stand = Stand::new();
    let (content, warrior) = (Arc::clone(stand.game.content()), ClassId(1));
    let learn = |skill| Command::Learn { skill };
    stand.refuses(learn(SkillId(u16::MAX)), Refusal::UnknownSkill);
    stand.refuses(learn(content.classes.named("mage").unwrap().tree[0].skill), Refusal::NotOfClass);
    stand.refuses(learn(stand.skill("strike")), Refusal::NotOfClass);
    let tree = &content.classes.at(warrior).tree;
    let deep = tree.iter().find(|node| node.level_min > 1 && !node.needs.is_empty()).unwrap();
    stand.refuses(learn(deep.skill), Refusal::LevelTooLow);
    let first = tree.iter().find(|node| node.level_min <= 1 && node.needs.is_empty());
    if let Some(first) = first {
        stand.refuses(learn(first.skill), Refusal::NoPoints);
    }
    stand.refuses(Command::Respawn, Refusal::Alive);
}

#[test]
fn belongings_of_others_and_impossible_counts_are_refused() {
    let mut stand = Stand::new();
    let (bob, ann) = (stand.bob, stand.ann);
    let (mine, bread) = (stand.item(ann, "rusty_sword"), stand.item(ann, "bread"));
    let (his, stone) = (stand.game.estate(bob).unwrap().items[0].item, stand.item(ann, "travellers_stone"));
    let (nothing, nobody) = (ItemId(u64::MAX), NetId(60_000));
    let kind = ItemKind(1);
    use Command::{Buy, Drop, Equip, Move, PickUp, Repair, Sell, Unequip, Use};
    let rows = [
        (Equip { item: nothing }, Refusal::NoSuchItem),
        (Equip { item: his }, Refusal::NoSuchItem),
        (Equip { item: bread }, Refusal::WrongSlot),
        (Unequip { slot: 255 }, Refusal::WrongSlot),
        (Unequip { slot: 3 }, Refusal::WrongSlot),
        (Unequip { slot: 207 }, Refusal::NoSuchItem),
        (Use { item: nothing }, Refusal::NoSuchItem),
        (Use { item: his }, Refusal::NoSuchItem),
        (Use { item: mine }, Refusal::NotUsable),
        (Drop { item: his, count: 1 }, Refusal::NoSuchItem),
        (Drop { item: bread, count: 0 }, Refusal::WrongCount),
        (Drop { item: bread, count: u32::MAX }, Refusal::WrongCount),
        (Drop { item: bread, count: 6 }, Refusal::WrongCount),
        (Drop { item: stone, count: 1 }, Refusal::Bound),
        (PickUp { entity: nobody }, Refusal::Gone),
        (PickUp { entity: bob }, Refusal::UnknownTarget),
        (PickUp { entity: ann }, Refusal::UnknownTarget),
        (Move { item: bread, count: 0, slot: 30 }, Refusal::WrongCount),
        (Move { item: bread, count: 99, slot: 30 }, Refusal::WrongCount),
        (Move { item: bread, count: 1, slot: 40 }, Refusal::WrongSlot),
        (Move { item: bread, count: 1, slot: 200 }, Refusal::WrongSlot),
        (Move { item: bread, count: 1, slot: 255 }, Refusal::WrongSlot),
        (Move { item: his, count: 1, slot: 30 }, Refusal::NoSuchItem),
        (Buy { kind, count: 1 }, Refusal::NoVendor),
        (Buy { kind: ItemKind(u16::MAX), count: u32::MAX }, Refusal::NoVendor),
        (Sell { item: bread, count: 1 }, Refusal::NoVendor),
        (Sell { item: his, count: 1 }, Refusal::NoSuchItem),
        (Repair { item: mine }, Refusal::NoVendor),
        (Repair { item: nothing }, Refusal::NoSuchItem),
    ];
    for (command, refusal) in rows {
        stand.refuses(command, refusal);
    }
}

#[test]
fn trades_and_parties_with_oneself_with_nobody_and_out_of_turn_are_refused() {
    let mut stand = Stand::new();
    let (ann, bob, cid, nobody) = (stand.ann, stand.bob, stand.cid, NetId(60_000));
    let bread = stand.item(ann, "bread");
    use PartyStep::{Accept, Decline, Invite, Kick, Lead, Leave, Rule};
    use TradeStep::{Ask, Cancel, Confirm, Offer, OfferCoins};
    let trades = [
        (Ask { with: ann }, Refusal::Oneself),
        (Ask { with: nobody }, Refusal::UnknownTarget),
        (Ask { with: cid }, Refusal::OutOfRange),
        (Offer { item: bread, count: 1 }, Refusal::NoTrade),
        (OfferCoins { coins: u64::MAX }, Refusal::NoTrade),
        (Confirm { revision: 0 }, Refusal::NoTrade),
        (Confirm { revision: u32::MAX }, Refusal::NoTrade),
        (Cancel, Refusal::NoTrade),
    ];
    for (step, refusal) in trades {
        stand.refuses(Command::Trade(step), refusal);
    }
    let parties = [
        (Invite { who: ann }, Refusal::Oneself),
        (Invite { who: nobody }, Refusal::UnknownTarget),
        (Invite { who: bob }, Refusal::WrongSide),
        (Accept, Refusal::NotInvited),
        (Decline, Refusal::NotInvited),
        (Leave, Refusal::NoParty),
        (Kick { who: cid }, Refusal::NoParty),
        (Lead { who: cid }, Refusal::NoParty),
        (Rule { rule: LootRule::Leader }, Refusal::NoParty),
    ];
    for (step, refusal) in parties {
        stand.refuses(Command::Party(step), refusal);
    }
}

#[test]
fn the_dead_do_nothing_but_wait() {
    let mut stand = Stand::new();
    let (ann, bob) = (stand.ann, stand.bob);
    let (mine, bread) = (stand.item(ann, "rusty_sword"), stand.item(ann, "bread"));
    for _ in 0..300 {
        stand.game.wound_by_shot(bob, ann);
        stand.ticks(1);
    }
    assert!(stand.game.own(ann).unwrap().entity().is_dead());
    let now = stand.game.now();
    let rows = [
        cast(stand.skill("strike"), CastTarget::Nobody, now),
        Command::Equip { item: mine },
        Command::Use { item: bread },
        Command::Drop { item: bread, count: 1 },
        Command::PickUp { entity: bob },
        Command::Trade(TradeStep::Ask { with: bob }),
        Command::Buy { kind: ItemKind(1), count: 1 },
    ];
    for command in rows {
        stand.refuses(command, Refusal::Dead);
    }
    let learn = Command::Learn { skill: stand.game.content().classes.at(ClassId(1)).tree[0].skill };
    stand.refuses(learn, Refusal::Dead);
}
