//! What an operator does to the world, as its players notice it.

mod rig;

use netem::LinkConfig;
use protocol::{AccountId, CharacterId};
use rig::Rig;
use rudp::Reason;
use server::{Operation, Standing};

fn rig(bots: u64) -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |_| {});
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
    rig.realm.operate(Operation::Close { session, reason: Reason::Kicked });
    rig.run_ticks(30);
    let gone: Vec<_> = rig.bots.iter().map(|bot| bot.gone).collect();
    assert_eq!(gone, [None, Some(Reason::Kicked), None]);
    assert!(rig.journal.contains_key(&CharacterId(2)));
    assert_eq!(rig.realm.people().len(), 2);
    // A second time is nobody's harm.
    rig.realm.operate(Operation::Close { session, reason: Reason::Kicked });
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
    rig.realm.operate(Operation::PauseJoins(true));
    rig.run_ticks(2);
    let early = rig.join(3);
    rig.run_ticks(120);
    assert!(rig.bots[early].client.welcome().is_none());
    rig.realm.operate(Operation::PauseJoins(false));
    rig.run_ticks(2);
    let late = rig.join(4);
    rig.run_ticks(120);
    assert!(rig.bots[late].client.welcome().is_some());
    assert!(rig.bots[..2].iter().all(|bot| bot.gone.is_none()));
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
    let later = rig.join(5);
    rig.run_ticks(120);
    assert!(rig.bots[later].client.welcome().is_some(), "as many as were configured");
}
