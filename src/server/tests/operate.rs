//! What an operator does to the world, as its players notice it.

mod rig;

use client::ClientEvent;
use netem::LinkConfig;
use protocol::{AccountId, CharacterId};
use rig::Rig;
use rudp::Reason;
use server::{Operation, Standing};

fn rig(bots: u64) -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |config| config.queue_max = 8);
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(300);
    rig
}

#[test]
fn who_is_put_out_is_told_so_and_saved_and_may_come_back() {
    let mut rig = rig(3);
    let session = rig.realm.people()[1].session;
    rig.realm.operate(Operation::Close { sessions: vec![session], reason: Reason::Kicked });
    rig.run_ticks(30);
    let gone: Vec<_> = rig.bots.iter().map(|bot| bot.gone).collect();
    assert_eq!(gone, [None, Some(Reason::Kicked), None]);
    assert!(rig.journal.contains_key(&CharacterId(2)));
    assert_eq!(rig.realm.people().len(), 2);
    // A second time is nobody's harm.
    rig.realm.operate(Operation::Close { sessions: vec![session], reason: Reason::Kicked });
    let again = rig.join(2);
    rig.run_ticks(120);
    assert!(rig.bots[again].client.welcome().is_some());
}

#[test]
fn everybody_is_shown_as_he_is() {
    let mut rig = rig(2);
    rig.place(1, 700.0, 300.0);
    rig.bots.iter_mut().for_each(|bot| bot.wanders = false);
    rig.run_ticks(60);
    let people = rig.realm.people();
    assert_eq!(people.len(), 2);
    let one = &people[1];
    assert_eq!((one.account, one.character), (AccountId(2), Some(CharacterId(2))));
    assert_eq!((one.name.as_str(), one.standing, one.is_silent), ("bot", Standing::Playing, false));
    assert_eq!(one.place_units.map(|units| units / protocol::unit::UNITS_PER_M), [700, 300]);
    assert_eq!((one.visible, one.suspicion_points, one.is_flagged), (0, 0, false));
    rig.chooses = true;
    rig.join(7);
    rig.run_ticks(60);
    let guest = rig.realm.people().into_iter().find(|row| row.account == AccountId(7)).unwrap();
    assert_eq!((guest.standing, guest.character), (Standing::Lobby, None));
}

#[test]
fn doors_that_an_operator_closes_stay_closed_until_he_opens_them_and_who_is_in_stays() {
    let mut rig = rig(2);
    rig.realm.operate(Operation::PauseJoins(Some(Reason::ServerShutdown)));
    rig.run_ticks(2);
    let early = rig.join(3);
    rig.run_ticks(120);
    assert!(rig.bots[early].client.welcome().is_none());
    rig.realm.operate(Operation::PauseJoins(None));
    rig.run_ticks(2);
    rig.run_ticks(60);
    assert!(rig.bots[early].client.welcome().is_some(), "he waited, and his turn has come");
    assert!(rig.bots.iter().all(|bot| bot.gone.is_none()));
}

#[test]
fn what_an_operator_says_is_heard_once_by_whom_it_is_for_also_by_those_who_wait() {
    let mut rig = rig(3);
    rig.realm.operate(Operation::PlayersMax(3));
    rig.run_ticks(2);
    let waits = rig.join(4);
    rig.run_ticks(60);
    let people = rig.realm.people();
    assert_eq!(people.iter().filter(|row| row.standing == Standing::Queued).count(), 1);
    rig.realm.operate(Operation::Say { to: None, text: "to all".to_owned() });
    rig.realm.operate(Operation::Say { to: Some(vec![people[0].session]), text: "to one".to_owned() });
    rig.run_ticks(30);
    let heard = |rig: &Rig, index: usize| -> Vec<String> {
        let notice = |event: &ClientEvent| match event {
            ClientEvent::Notice(text) => Some(text.clone()),
            _ => None,
        };
        rig.bots[index].events.iter().filter_map(notice).collect()
    };
    assert_eq!(heard(&rig, 0), ["to all", "to one"]);
    assert_eq!((heard(&rig, 1), heard(&rig, waits)), (vec!["to all".to_owned()], vec!["to all".to_owned()]));
    // Who waits can be put out too, and is known by name.
    let row = rig.realm.people().into_iter().find(|row| row.standing == Standing::Queued).unwrap();
    assert_eq!(row.name, "bot");
    let session = row.session;
    rig.realm.operate(Operation::Close { sessions: vec![session], reason: Reason::Kicked });
    rig.run_ticks(30);
    assert_eq!(rig.bots[waits].gone, Some(Reason::Kicked));
}

#[test]
fn a_lower_limit_sends_nobody_away_and_lets_nobody_in() {
    let mut rig = rig(3);
    rig.realm.operate(Operation::PlayersMax(2));
    rig.run_ticks(2);
    let late = rig.join(4);
    rig.run_ticks(120);
    assert!(rig.bots[late].client.welcome().is_none());
    assert!(rig.bots[..3].iter().all(|bot| bot.gone.is_none()));
    rig.realm.operate(Operation::PlayersMax(usize::MAX));
    rig.run_ticks(2);
    rig.run_ticks(60);
    assert!(rig.bots[late].client.welcome().is_some(), "there is room for as many as were configured");
}
