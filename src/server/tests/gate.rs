//! What the gate does with clients that misbehave.

mod rig;

use netem::LinkConfig;
use protocol::message::ClientMessage;
use rig::Rig;
use server::{Inbound, Outbound, OutboundItem, SESSION_MESSAGES_MAX};
use std::collections::BTreeSet;

fn rig_of(bots: u64) -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(1_000_000), |_| {});
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(120);
    rig
}

#[test]
fn messages_that_the_realm_does_not_take_close_the_window_and_none_is_lost() {
    let mut rig = rig_of(1);
    rig.realm_is_stuck = true;
    for number in 0..900 {
        rig.bots[0].client.send(&ClientMessage::Echo { number }).unwrap();
    }
    rig.run_ticks(120);
    assert!(rig.gate.gate_counters().windows_closed > 0);
    assert_eq!(rig.bots[0].echoes, []);
    rig.realm_is_stuck = false;
    rig.run_ticks(600);
    let expected: Vec<u32> = (0..900).collect();
    assert_eq!(rig.bots[0].echoes, expected);
    assert_eq!(rig.bots[0].gone, None);
}

/// Somebody has sent 600 messages, the first of which is lost once.
fn with_a_gap_before_599() -> Rig {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(60_000_000), |_| {});
    rig.join(1);
    rig.run_until_joined(240);
    let echo = |rig: &mut Rig, number| rig.bots[0].client.send(&ClientMessage::Echo { number }).unwrap();
    echo(&mut rig, 0);
    rig.run_ticks(1);
    rig.bots[0].up.cut();
    (1..600).for_each(|number| echo(&mut rig, number));
    rig
}

#[test]
fn what_waited_behind_a_gap_reaches_the_realm_a_ticks_worth_at_a_time_and_in_order() {
    let mut rig = with_a_gap_before_599();
    rig.run_ticks(600);
    assert_eq!(rig.bots[0].echoes, (0..600).collect::<Vec<u32>>());
    assert_eq!(rig.messages_most, usize::from(SESSION_MESSAGES_MAX));
    assert_eq!(rig.gate.gate_counters().messages_left_behind, 0);
}

#[test]
fn who_hangs_up_leaves_behind_what_was_too_much_for_a_tick() {
    let mut rig = with_a_gap_before_599();
    while rig.gate.gate_counters().windows_closed == 0 {
        rig.run_ticks(1);
    }
    let now = rig.now;
    rig.bots[0].client.disconnect(now);
    rig.run_ticks(60);
    assert!(rig.gate.gate_counters().messages_left_behind > 100);
    assert_eq!((rig.gate.connections(), rig.realm.status().players), (0, 0));
}

#[test]
fn a_newer_login_of_the_same_character_takes_over_and_the_older_is_told() {
    let mut rig = rig_of(1);
    rig.bots[0].wanders = false;
    rig.bots[0].input = protocol::Input::default();
    rig.run_ticks(60);
    let (_, before) = rig.bots[0].client.own().unwrap();
    let newer = rig.join(1);
    rig.bots[newer].wanders = false;
    rig.run_ticks(120);
    assert_eq!(rig.bots[0].gone, Some(rudp::Reason::TakenOver));
    let (_, after) = rig.bots[newer].client.own().unwrap();
    assert_eq!(after.body, before.body);
    assert_eq!(rig.realm.status().players, 1);
    assert_eq!(rig.bots[newer].gone, None);
    let disconnects = &rig.gate.gate_counters().disconnects;
    assert_eq!(disconnects.of(rudp::Reason::TakenOver), 1);
    assert_eq!(disconnects.iter().map(|(_, count)| count).sum::<u64>(), 1);
}

/// proves: SES-6
#[test]
fn accounts_whose_tokens_name_no_character_have_one_each_and_find_it_again() {
    let mut rig = rig_of(0);
    rig.nameless = true;
    for account in [1, 2] {
        let bot = rig.join(account);
        rig.bots[bot].wanders = account == 1;
    }
    rig.run_until_joined(300);
    rig.run_ticks(120);
    assert_eq!(rig.realm.status().players, 2, "neither threw the other out");
    let (_, before) = rig.bots[1].client.own().unwrap();
    let newer = rig.join(2);
    rig.bots[newer].wanders = false;
    rig.run_ticks(120);
    assert_eq!(rig.bots[1].gone, Some(rudp::Reason::TakenOver));
    assert_eq!(rig.bots[newer].client.own().unwrap().1.body, before.body);
}

#[test]
fn a_takeover_while_the_record_is_being_loaded_makes_one_avatar() {
    let mut rig = rig_of(1);
    rig.journal_is_slow = true;
    rig.join(7);
    rig.run_ticks(60);
    let newer = rig.join(7);
    rig.run_ticks(60);
    rig.journal_is_slow = false;
    rig.run_ticks(60);
    assert!(rig.bots[newer].client.own().is_some());
    assert_eq!((rig.realm.status().players, rig.realm.status().entities), (2, 2));
    let welcomes = rig.bots[newer].events.iter().filter(|event| matches!(event, client::ClientEvent::Joined(_)));
    assert_eq!(welcomes.count(), 1);
}

#[test]
fn who_falls_silent_is_held_in_the_world_and_let_go_and_saved_after_two_minutes() {
    let mut rig = rig_of(2);
    rig.bots[0].is_mute = true;
    rig.run_ticks(60);
    let (_, stopped) = rig.bots[0].client.own().unwrap();
    assert_eq!((stopped.body.vx, stopped.body.vy), (0, 0), "nobody runs on for ten seconds");
    rig.run_ticks(128 * 60);
    assert_eq!(rig.realm.status().players, 2);
    assert_eq!((rig.bots[0].gone, rig.bots[1].client.entities().count()), (None, 1));
    rig.run_ticks(3 * 60);
    assert_eq!(rig.realm.status().players, 1);
    assert!(rig.journal.contains_key(&protocol::CharacterId(1)));
    assert_eq!((rig.bots[0].gone, rig.bots[1].gone), (Some(rudp::Reason::TimedOut), None));
    assert_eq!(rig.bots[1].client.entities().count(), 0);
}

/// proves: LIF-18
#[test]
fn an_outage_of_a_minute_ends_nobody_and_everyone_sees_the_truth_after_it() {
    let mut rig = rig_of(12);
    rig.run_ticks(120);
    for bot in &mut rig.bots[..5] {
        (bot.is_mute, bot.is_deaf) = (true, true);
    }
    rig.run_ticks(11 * 60);
    let before = rig.gate.counters().datagrams_out;
    rig.run_ticks(49 * 60);
    let out = rig.gate.counters().datagrams_out - before;
    // Seven players at 60 packets a second, five at one.
    assert!((49 * 60 * 7..49 * 62 * 7).contains(&out), "{out} datagrams");
    for bot in &mut rig.bots[..5] {
        (bot.is_mute, bot.is_deaf) = (false, false);
    }
    rig.run_ticks(5 * 60);
    assert_eq!(rig.bots.iter().filter_map(|bot| bot.gone).count(), 0);
    assert_eq!((rig.gate.counters().sessions_silent, rig.gate.counters().sessions_resumed), (5, 5));
    assert_eq!(rig.gate.gate_counters().sessions_joined, 12, "nobody had to log in again");
    let places: Vec<_> = rig.bots.iter().map(|bot| bot.client.own().unwrap()).collect();
    for (viewer, (tick, own)) in places.iter().enumerate() {
        assert!(tick.0 + 10 > rig.realm.status().tick, "{viewer} sees the present");
        for (other, (_, theirs)) in places.iter().enumerate().filter(|(other, _)| *other != viewer) {
            let metres = |a: i32, b: i32| f64::from(a - b) / f64::from(protocol::unit::SUBUNITS_PER_M);
            let apart = metres(own.body.x, theirs.body.x).hypot(metres(own.body.y, theirs.body.y));
            assert!(apart > 97.0 || rig.sees(viewer, other), "{viewer} does not see {other}, {apart} m away");
            assert!(apart < 118.0 || !rig.sees(viewer, other), "{viewer} still sees {other}, {apart} m away");
        }
    }
    rig.assert_all_true();
}

#[test]
fn an_empty_batch_stays_empty() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(0), |_| {});
    assert!(!rig.gate.has_inbound());
    let mut batch = Inbound::default();
    rig.gate.swap_inbound(rig.now, &mut batch);
    assert!(batch.is_empty());
}

/// A client of the bare transport, that may say anything.
struct Stranger {
    transport: rudp::Client,
    address: std::net::SocketAddr,
    gone: Option<rudp::Reason>,
    parts: Vec<(u64, Vec<u8>)>,
    refuses: bool,
}

impl Stranger {
    fn new(rig: &mut Rig) -> Self {
        let (token, hello) = rig.token_and_hello(77);
        let transport = rudp::Client::new(rudp::ClientConfig::new(token, hello), rig.now);
        Self { transport, address: "10.9.9.9:9".parse().unwrap(), gone: None, parts: Vec::new(), refuses: false }
    }

    fn run(&mut self, rig: &mut Rig, ticks: u32) {
        let mut buf = [0; 1_500];
        for _ in 0..ticks {
            rig.run_ticks(1);
            self.transport.handle_timeout(rig.now);
            for (_, mut datagram) in rig.stray.drain(..) {
                self.transport.handle_datagram(rig.now, rig::SERVER.parse().unwrap(), &mut datagram);
            }
            let mut refused = Vec::new();
            while let Some(event) = self.transport.poll_event() {
                match event {
                    rudp::ClientEvent::Message { sequence, channel: rudp::channel::SNAPSHOT, bytes } => {
                        self.parts.push((sequence, bytes.to_vec()));
                        refused.push(sequence);
                    }
                    rudp::ClientEvent::Disconnected { reason } => self.gone = Some(reason),
                    _ => {}
                }
            }
            for sequence in refused.drain(..).filter(|_| self.refuses) {
                self.transport.refuse_packet(sequence);
            }
            while let Some(transmit) = self.transport.poll_transmit(rig.now, &mut buf) {
                rig.gate.handle_datagram(rig.now, self.address, &mut buf[..transmit.len]);
            }
        }
    }
}

/// proves: MSG-2
#[test]
fn who_says_what_is_no_message_is_sent_away_and_told_why() {
    for (channel, bytes) in [(rudp::channel::CONTROL, &[9_u8, 9][..]), (rudp::channel::INPUT, &[1, 2][..])] {
        let mut rig = rig_of(1);
        let mut stranger = Stranger::new(&mut rig);
        stranger.run(&mut rig, 60);
        assert_eq!(rig.realm.status().players, 2);
        stranger.transport.send(channel, bytes).unwrap();
        stranger.run(&mut rig, 60);
        assert_eq!(stranger.gone, Some(rudp::Reason::ProtocolViolation));
        assert_eq!(rig.realm.status().players, 1);
    }
}

/// proves: SNP-2, SNP-3
#[test]
fn a_client_that_acknowledges_no_part_is_told_full_states_under_spelled_out_ticks() {
    let mut rig = rig_of(2);
    let mut stranger = Stranger::new(&mut rig);
    stranger.refuses = true;
    stranger.run(&mut rig, 120);
    assert!(stranger.parts.len() > 30, "{}", stranger.parts.len());
    for (_, part) in &stranger.parts {
        let mut reader = protocol::snapshot::PartReader::new(part, protocol::Tick(0)).unwrap();
        assert_eq!(part[0] & 1, 1, "the tick is spelled out");
        while let Some(record) = reader.next_record().unwrap() {
            assert!(matches!(record.body, protocol::snapshot::RecordBody::Enter { .. }), "{record:?}");
            reader.state_full(protocol::EntityKind::Player).unwrap();
        }
    }
}

#[test]
fn a_place_asked_for_by_a_player_is_refused_and_counted() {
    let mut rig = rig_of(1);
    rig.role = rudp::token::Role::Player;
    let player = rig.join(5);
    rig.run_until_joined(60);
    let (_, before) = rig.bots[player].client.own().unwrap();
    rig.bots[player].wanders = false;
    rig.place(player, 10.0, 10.0);
    rig.run_ticks(30);
    let (_, after) = rig.bots[player].client.own().unwrap();
    assert_eq!(rig.realm.status().refused, 1);
    assert!((after.body.x - before.body.x).abs() < 10 * protocol::unit::SUBUNITS_PER_M);
}

#[test]
fn what_a_session_may_spend_is_published_when_it_was_told_and_once_for_each_tick() {
    let mut rig = rig_of(70);
    let (now, mut out, mut inbound) = (rig.now, Outbound::default(), [Inbound::default()]);
    rig.gate.swap_inbound(now, &mut inbound[0]);
    rig.realm.tick(now, &mut inbound, &mut out);
    let parts = |items: &[OutboundItem]| {
        let told = items.iter().filter(|item| matches!(item, OutboundItem::Part { .. }));
        told.map(|item| (item.session().slot, item.session().generation)).collect::<BTreeSet<_>>()
    };
    let (mut published, mut buf, mut from) = (Vec::new(), [0; 1_500], Some(0));
    while let Some(at) = from {
        from = rig.gate.handle_some(now, &out, at);
        while rig.gate.poll_transmit(now, &mut buf).is_some() {}
        let until = from.unwrap_or(out.items().len());
        rig.gate.handle_departure(now, &out, at..until);
        let mut batch = Inbound::default();
        rig.gate.swap_inbound(now, &mut batch);
        published.extend(batch.budgets().iter().map(|(id, _)| (id.slot, id.generation)));
        let split = from.map(|next| out.items()[next].session());
        let told = parts(&out.items()[..until]);
        let missing: Vec<_> = told.iter().filter(|id| !published.contains(*id)).collect();
        assert!(missing.is_empty() || split.is_some_and(|id| missing == [&(id.slot, id.generation)]), "{missing:?}");
        assert!(from.is_none() || published.len() < 70, "those who are told later come later");
    }
    assert!(parts(out.items()).len() > 64, "in more than one go");
    let once: BTreeSet<_> = published.iter().copied().collect();
    assert_eq!((published.len(), once.len()), (70, 70), "who is told nothing may spend something, too");
}

/// Else the parts of one tick that still wait would be taken for old ones when the next of them comes.
#[test]
fn who_is_told_more_behind_these_items_is_not_at_the_end_of_his_tick() {
    let mut rig = rig_of(1);
    let (now, mut out, mut inbound) = (rig.now, Outbound::default(), [Inbound::default()]);
    for _ in 0..2 {
        rig.gate.swap_inbound(now, &mut inbound[0]);
        rig.realm.tick(now, &mut inbound, &mut out);
        rig.gate.handle_outbound(now, &out);
        while rig.gate.poll_transmit(now, &mut [0; 1_500]).is_some() {}
    }
    assert!(matches!(out.items(), [.., OutboundItem::Part { .. }, OutboundItem::Part { .. }]), "{:?}", out.items());
    let all = out.items().len();
    rig.gate.swap_inbound(now, &mut Inbound::default());
    let mut published = |items| {
        let mut batch = Inbound::default();
        rig.gate.handle_departure(now, &out, items);
        rig.gate.swap_inbound(now, &mut batch);
        batch.budgets().len()
    };
    assert_eq!((published(0..all - 1), published(all - 1..all)), (0, 1));
}
