//! Who leaves and comes back is as he was: no cooldown is over sooner, no curse is gone, and no blessing lasts for ever.

use crate::stage::{Person, Stage, content, masters};
use game::content::Entry;
use game::{Estate, Lasting, LastingEffect, Life, PlayerRecord};
use protocol::command::{Cast, CastTarget};
use protocol::event::CastEnd;
use protocol::news::ItemRow;
use protocol::{Command, EffectId, GameEvent, ItemId, ItemKind, NetId, News, Refusal, SkillId, ViewTick};

/// How long everybody is away: ten minutes, longer than all that lasts in these tests.
const AWAY_TICKS: u32 = 10 * 60 * 60;

struct Visit {
    stage: Stage,
    warrior: Person,
    mage: Person,
    /// Of the other team.
    foe: Person,
    estates: Vec<Estate>,
}

impl Visit {
    fn new() -> Self {
        let mut stage = Stage::new(content());
        let mut estates = masters(1);
        let potion = stage.game.content().items.named("minor_health_potion").unwrap().id;
        let row = ItemRow { item: ItemId(1), kind: potion, count: 5, ..ItemRow::default() };
        estates[0].items = vec![row];
        let foe = stage.enter(&masters(2)[1], 300);
        let [warrior, mage] = [0, 1].map(|at| stage.enter(&estates[at], 100 + 50 * at as i32));
        stage.ticks(2);
        Self { stage, warrior, mage, foe, estates }
    }

    fn skill(&self, name: &str) -> SkillId {
        self.stage.game.content().skills.named(name).unwrap().id
    }

    fn effect(&self, name: &str) -> EffectId {
        self.stage.game.content().effects.named(name).unwrap().id
    }

    /// For himself.
    fn cast_own(&mut self, by: Person, skill: SkillId) -> Result<(), Refusal> {
        let view = ViewTick { tick: self.stage.game.now(), fraction: 0 };
        self.stage.ask(by.id, Command::Cast(Cast { skill, at: CastTarget::Nobody, view, yaw: 0, pitch: 0 }))
    }

    fn lasting(&self, of: Person) -> Lasting {
        self.stage.life(of.id).lasting
    }

    /// Somebody leaves, and comes back much later with what his record says, which has been on a disk.
    fn come_back(&mut self, who: Person) -> Person {
        let mut bytes = Vec::new();
        self.stage.game.record(who.id).unwrap().to_bytes(&mut bytes);
        self.stage.game.despawn(who.id);
        self.stage.ticks(AWAY_TICKS);
        self.come(who, &PlayerRecord::from_bytes(&bytes).unwrap())
    }

    fn come(&mut self, who: Person, record: &PlayerRecord) -> Person {
        let estate = self.estates.iter().find(|estate| estate.class == who.class).unwrap().clone();
        self.stage.come(who.character, &estate, Some(record), 100)
    }

    fn ticks_until(&mut self, is: impl Fn(&GameEvent) -> bool) -> u32 {
        let since = self.stage.told.len();
        let before = self.stage.game.now().0;
        assert!(self.stage.until(AWAY_TICKS, since, is), "it does not happen");
        self.stage.game.now().0 - before
    }

    fn was_told(&self, to: NetId, news: &News) -> bool {
        self.stage.news.iter().any(|(who, told)| *who == to && told == news)
    }
}

#[test]
fn a_cooldown_goes_on_where_it_was() {
    let mut visit = Visit::new();
    let (warrior, wall) = (visit.warrior, visit.skill("shield_wall"));
    assert_eq!(visit.cast_own(warrior, wall), Ok(()));
    visit.stage.ticks(599);
    let back = visit.come_back(warrior);
    assert_eq!(visit.lasting(back).skills[..], [(wall, 3_600 - 599)]);
    assert_eq!(visit.cast_own(back, wall), Err(Refusal::OnCooldown));
    assert!(visit.was_told(back.id, &News::Cooldown { skill: wall, ticks: 3_600 - 600 }));
    visit.stage.ticks(3_600 - 600 - 2);
    assert_eq!(visit.cast_own(back, wall), Err(Refusal::OnCooldown), "a tick too early");
    assert_eq!(visit.cast_own(back, wall), Ok(()));
}

#[test]
fn what_was_drunk_cannot_be_drunk_again_sooner() {
    let mut visit = Visit::new();
    let (warrior, potion) = (visit.warrior, Command::Use { item: ItemId(1) });
    assert_eq!(visit.stage.ask(warrior.id, potion), Ok(()));
    let kind = visit.estates[0].items[0].kind;
    visit.stage.ticks(100);
    let left = visit.lasting(warrior).items;
    assert!(matches!(left[..], [(of, 1_600..1_800)] if of == kind), "{left:?}");
    let back = visit.come_back(warrior);
    assert_eq!(visit.lasting(back).items, left);
    assert_eq!(visit.stage.ask(back.id, potion), Err(Refusal::OnCooldown));
    assert!(visit.was_told(back.id, &News::ItemCooldown { kind, ticks: left[0].1 - 1 }));
    visit.stage.ticks(left[0].1);
    assert_eq!(visit.stage.ask(back.id, potion), Ok(()));
}

#[test]
fn a_curse_hurts_as_much_and_ends_as_late_as_if_he_had_stayed() {
    let run = |leaves: bool| {
        let mut visit = Visit::new();
        let (warrior, foe, burning) = (visit.warrior, visit.foe, visit.effect("burning"));
        let scorch = visit.skill("scorch");
        visit.stage.cast(foe, scorch, warrior.id);
        let began = |event: &GameEvent| matches!(event, GameEvent::EffectBegan { effect, .. } if *effect == burning);
        assert!(visit.stage.until(1, 0, began));
        visit.stage.ticks(100);
        visit.stage.game.despawn(foe.id);
        let one = if leaves { visit.come_back(warrior) } else { warrior };
        let since = visit.stage.told.len();
        let left =
            visit.ticks_until(|event| matches!(event, GameEvent::EffectEnded { effect, .. } if *effect == burning));
        let hurts = visit.stage.told[since..].iter();
        let hurts = hurts.filter(|(_, event)| matches!(event, GameEvent::Hurt(hurt) if hurt.on == one.id)).count();
        (left, hurts)
    };
    assert_eq!(run(true), run(false));
    assert_eq!(run(true), (360 - 100, 4), "a pulse each second, none with the end");
}

#[test]
fn a_blessing_is_neither_lost_nor_made_anew() {
    let mut visit = Visit::new();
    let (mage, foe) = (visit.mage, visit.foe);
    let (shield, name) = (visit.skill("frost_shield"), visit.effect("frost_shield"));
    assert_eq!(visit.cast_own(mage, shield), Ok(()));
    visit.stage.ticks(30);
    visit.stage.game.wound_by_shot(foe.id, mage.id);
    visit.stage.ticks(30);
    let before = visit.lasting(mage);
    assert!(matches!(before.effects[..], [LastingEffect { is_own: true, ticks: 1..1_800, absorbs: 1..90, .. }]));
    let back = visit.come_back(mage);
    assert_eq!(visit.lasting(back), before);
    let left = visit.ticks_until(|event| matches!(event, GameEvent::EffectEnded { effect, .. } if *effect == name));
    assert_eq!(left, before.effects[0].ticks);
    let told = News::Effect { effect: name, stacks: 1, ticks: left - 1 };
    assert!(visit.was_told(back.id, &told), "he is told of it when he comes");
}

#[test]
fn who_was_interrupted_is_so_when_he_comes_back() {
    let mut visit = Visit::new();
    let (mage, foe) = (visit.mage, visit.foe);
    let (bolt, counterspell) = (visit.skill("firebolt"), visit.skill("counterspell"));
    visit.stage.cast(mage, bolt, foe.id);
    visit.stage.cast(foe, counterspell, mage.id);
    let interrupted = |event: &GameEvent| matches!(event, GameEvent::CastEnded { end: CastEnd::Interrupted, .. });
    assert!(visit.stage.until(10, 0, interrupted));
    let left = visit.lasting(mage).locked_ticks;
    assert!((1..=240).contains(&left));
    let back = visit.come_back(mage);
    let wand = visit.skill("wand_shot");
    assert_eq!(visit.cast_own(back, wand), Err(Refusal::OnCooldown));
    visit.stage.ticks(left);
    assert_eq!(visit.cast_own(back, wand), Ok(()));
}

#[test]
fn who_died_has_no_effects_any_more_and_all_his_cooldowns() {
    let mut visit = Visit::new();
    let (warrior, foe, wall) = (visit.warrior, visit.foe, visit.skill("shield_wall"));
    assert_eq!(visit.cast_own(warrior, wall), Ok(()));
    for _ in 0..200 {
        visit.stage.game.wound_by_shot(foe.id, warrior.id);
    }
    visit.ticks_until(|event| matches!(event, GameEvent::Died { .. }));
    let back = visit.come_back(warrior);
    let lasting = visit.lasting(back);
    assert_eq!((lasting.effects.len(), lasting.skills.len()), (0, 1));
}

#[test]
fn what_there_is_no_content_for_is_left_out_and_what_lasts_too_long_is_cut() {
    let mut visit = Visit::new();
    let (warrior, wall) = (visit.warrior, visit.skill("shield_wall"));
    let record = visit.stage.game.record(warrior.id).unwrap();
    visit.stage.game.despawn(warrior.id);
    let (burning, long) = (visit.effect("burning"), u32::MAX);
    let potion = visit.estates[0].items[0].kind;
    let strange = LastingEffect { effect: EffectId(60_000), stacks: 1, ticks: 9, level: 1, ..LastingEffect::default() };
    let absurd = LastingEffect {
        effect: burning,
        stacks: 255,
        ticks: long,
        next_ticks: long,
        absorbs: long,
        level: 255,
        force: [i32::MAX, i32::MIN, i32::MAX, i32::MAX],
        is_own: false,
    };
    let lasting = Lasting {
        global_ticks: long,
        locked_ticks: long,
        skills: [(SkillId(60_000), 9), (wall, long)].into_iter().collect(),
        items: [(ItemKind(60_000), 9), (potion, long)].into_iter().collect(),
        effects: [strange, absurd].into_iter().collect(),
    };
    let life = Life { lasting, ..record.life.clone().unwrap() };
    let back = visit.come(warrior, &PlayerRecord { life: Some(life), ..record });
    let content = visit.stage.game.content().clone();
    let effect = content.effects.at(burning);
    let cut = visit.lasting(back);
    assert_eq!(cut.global_ticks, content.rules.global_cooldown_ticks);
    assert_eq!(cut.locked_ticks, 3_600);
    assert_eq!(cut.skills[..], [(wall, content.skills.at(wall).cooldown_ticks)]);
    assert_eq!(cut.items[..], [(potion, content.items.at(potion).use_.as_ref().unwrap().cooldown_ticks)]);
    let [only] = cut.effects[..] else { panic!("{:?}", cut.effects) };
    assert_eq!((only.effect, only.stacks, only.ticks, only.absorbs), (effect.id(), 3, 360, 0));
    visit.stage.ticks(600);
    assert_eq!(visit.lasting(back).effects.len(), 0);
}
