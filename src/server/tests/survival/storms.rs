//! Item 7: everybody comes within a second, everybody goes within a tick.
use crate::Crowd;
use rudp::Reason;
use std::collections::BTreeSet;

const CROWD: usize = 2_000;

/// Two thousand people in the world, who all came within one second.
fn crowd() -> Crowd {
    let mut crowd = Crowd::new(CROWD);
    // The restart rule has run out.
    crowd.rig.run_ticks(60);
    for tick in 0..60 {
        while crowd.members.len() < (tick + 1) * CROWD / 60 {
            crowd.join();
        }
        crowd.tick();
    }
    for _ in 0..30 {
        crowd.tick();
    }
    crowd
}

#[test]
fn survival_07_two_thousand_connect_in_a_second_and_leave_in_a_tick() {
    let mut crowd = crowd();
    let counters = crowd.rig.gate.counters().clone();
    assert_eq!((crowd.spoken(), crowd.rig.gate.connections()), (CROWD, CROWD), "{counters:?}");
    assert_eq!(counters.sessions_started, CROWD as u64, "each at its first try");
    assert_eq!((counters.pending_displaced, counters.pending_expired, counters.hellos_refused), (0, 0, 0));
    assert_eq!(crowd.rig.realm.status().players, CROWD);

    // All of them leave, and everything they say about it arrives in one wake.
    let now = crowd.rig.now;
    for member in &mut crowd.members {
        member.client.disconnect(now, Reason::UserQuit);
    }
    crowd.deliver_up();
    let gate = crowd.rig.gate.gate_counters();
    assert_eq!((crowd.rig.gate.connections(), gate.sessions_left), (0, CROWD as u64));
    assert_eq!(gate.disconnects.of(Reason::UserQuit), CROWD as u64);
    assert_eq!(gate.disconnects.iter().map(|(_, count)| count).sum::<u64>(), CROWD as u64, "each once");
    crowd.rig.run_ticks(2);
    assert_eq!(crowd.rig.realm.status().players, 0);
    assert_eq!(crowd.rig.journal.len(), CROWD, "everybody is saved");
    assert_eq!(crowd.rig.stray.len(), 0, "who has left is not answered");

    // And there is room for as many again: slots, pending requests, tokens.
    let before = crowd.members.len();
    for _ in 0..100 {
        crowd.join();
    }
    for _ in 0..30 {
        crowd.tick();
    }
    let back = &crowd.members[before..];
    assert!(back.iter().all(|member| member.client.state() == rudp::ClientState::Spoken));
}

#[test]
fn survival_07_a_server_that_closes_tells_two_thousand_before_it_repeats_itself_to_one() {
    let mut crowd = crowd();
    crowd.rig.gate.close_all(crowd.rig.now, Reason::ServerShutdown);
    let mut buf = [0; 1_500];
    let mut order = Vec::new();
    while let Some(transmit) = crowd.rig.gate.poll_transmit(crowd.rig.now, &mut buf) {
        order.push(transmit.to);
        crowd.rig.stray.push((transmit.to, buf[..transmit.len].to_vec()));
    }
    assert_eq!(order.len(), CROWD * 13, "three closes and ten disconnects each");
    let first: BTreeSet<_> = order[..CROWD].iter().collect();
    assert_eq!(first.len(), CROWD, "nobody waits for another's second copy");
    crowd.deliver_down();
    assert!(crowd.members.iter().all(|member| member.gone == [Reason::ServerShutdown]));
    assert_eq!(crowd.rig.gate.gate_counters().disconnects.of(Reason::ServerShutdown), CROWD as u64);
    crowd.rig.run_ticks(2);
    assert_eq!((crowd.rig.realm.status().players, crowd.rig.journal.len()), (0, CROWD));
}
