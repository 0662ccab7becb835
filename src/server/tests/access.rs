//! Who is kept out, and who never is.

mod rig;

use netem::LinkConfig;
use rig::{Rig, SERVER};
use rudp::server::Network;
use rudp::{Reason, channel};
use server::{AccessConfig, AccessLimits, Action, Ban, Barred, Imposed, Policy};
use std::net::SocketAddr;

fn network(address: &str, bits: u8) -> Network {
    Network { address: address.parse().unwrap(), bits }
}

fn guarded(access: AccessConfig) -> Rig {
    Rig::guarded(access, LinkConfig::with_latency_ns(5_000_000), |_| {})
}

fn limited(limits: AccessLimits) -> Rig {
    guarded(AccessConfig { limits, ..AccessConfig::default() })
}

fn ban(what: Barred, until_unix_s: Option<u64>) -> Ban {
    Ban { what, until_unix_s, reason: "rude".to_owned(), by: Imposed::Operator }
}

fn arrive(rig: &mut Rig, number: u64) -> usize {
    let index = rig.join(number);
    rig.run_ticks(40);
    index
}

fn arrive_from(rig: &mut Rig, number: u64, address: &str) -> usize {
    let index = rig.join(number);
    rig.bots[index].address = address.parse().unwrap();
    rig.run_ticks(40);
    index
}

fn is_in(rig: &Rig, index: usize) -> bool {
    rig.bots[index].gone.is_none() && rig.bots[index].client.own().is_some()
}

/// A client of the bare transport, that may say anything.
struct Stranger {
    transport: rudp::Client,
    address: SocketAddr,
    gone: Option<Reason>,
}

impl Stranger {
    fn new(rig: &mut Rig, account: u64, address: &str) -> Self {
        let (token, hello) = rig.token_and_hello(account);
        let transport = rudp::Client::new(rudp::ClientConfig::new(token, hello), rig.now);
        let mut stranger = Self { transport, address: address.parse().unwrap(), gone: None };
        stranger.run(rig, 40);
        stranger
    }

    fn run(&mut self, rig: &mut Rig, ticks: u32) {
        let mut buf = [0; 1_500];
        for _ in 0..ticks {
            rig.run_ticks(1);
            self.transport.handle_timeout(rig.now);
            for (_, mut datagram) in rig.stray.drain(..) {
                self.transport.handle_datagram(rig.now, SERVER.parse().unwrap(), &mut datagram);
            }
            while let Some(event) = self.transport.poll_event() {
                if let rudp::ClientEvent::Disconnected { reason } = event {
                    self.gone = Some(reason);
                }
            }
            while let Some(transmit) = self.transport.poll_transmit(rig.now, &mut buf) {
                rig.gate.handle_datagram(rig.now, self.address, &mut buf[..transmit.len]);
            }
        }
    }
}

/// Somebody of an account says what is no message.
fn break_a_rule(rig: &mut Rig, account: u64, address: &str) -> Option<Reason> {
    let mut stranger = Stranger::new(rig, account, address);
    // Three in one packet are one time.
    for _ in 0..3 {
        // Unless he was sent away before he could.
        let _ = stranger.transport.send(channel::CONTROL, &[200, 1]);
    }
    stranger.run(rig, 40);
    stranger.gone
}

/// proves: LIF-22
#[test]
fn what_comes_from_a_network_that_is_kept_out_is_not_opened_and_counted_by_reason() {
    let deny = vec![network("10.1.0.0", 16)];
    let mut rig = guarded(AccessConfig { deny, ..AccessConfig::default() });
    let (kept_out, other) = (arrive(&mut rig, 1), arrive_from(&mut rig, 2, "10.2.0.1:4000"));
    assert!(!is_in(&rig, kept_out) && is_in(&rig, other));
    assert_eq!(rig.gate.counters().sessions_started, 1);
    let requests = rig.gate.counters().requests_in;
    rig.run_ticks(60);
    assert_eq!(rig.gate.counters().requests_in, requests, "the transport has not seen them");
    assert!(rig.gate.gate_counters().dropped_denied > 5);
    let allow = vec![network("10.1.0.0", 16), network("2001:db8::", 32)];
    let deny = vec![network("10.1.7.0", 24)];
    let mut rig = guarded(AccessConfig { allow, deny, ..AccessConfig::default() });
    let let_in = [arrive(&mut rig, 1), arrive_from(&mut rig, 2, "[2001:db8::5]:4000")];
    let not = [arrive_from(&mut rig, 3, "10.2.0.1:4000"), arrive_from(&mut rig, 4, "10.1.7.9:4000")];
    assert!(let_in.iter().all(|&index| is_in(&rig, index)) && not.iter().all(|&index| !is_in(&rig, index)));
    let counters = rig.gate.gate_counters();
    assert!(counters.dropped_not_allowed > 0 && counters.dropped_denied > 0 && counters.dropped_banned == 0);
}

/// proves: LIF-22
#[test]
fn a_banned_account_is_put_out_and_told_when_it_comes_again_until_the_ban_is_over() {
    let mut rig = guarded(AccessConfig::default());
    let (index, other) = (arrive(&mut rig, 7), arrive(&mut rig, 8));
    let until = rig.now.unix_s + 10;
    assert_eq!(rig.gate.ban(rig.now, ban(Barred::Account(7), Some(until))), Ok(1));
    rig.run_ticks(40);
    assert_eq!((rig.bots[index].gone, is_in(&rig, other)), (Some(Reason::Banned), true));
    assert!(rig.journal.contains_key(&protocol::CharacterId(7)), "what he had done is saved");
    let stale = rig.realm.status().stale;
    let again = arrive(&mut rig, 7);
    assert_eq!(rig.bots[again].gone, Some(Reason::Banned));
    assert_eq!((rig.gate.gate_counters().refused_banned, rig.gate.gate_counters().sessions_joined), (1, 2));
    assert_eq!(rig.realm.status().stale, stale, "the world has not heard of him");
    rig.run_ticks(10 * 60);
    let again = arrive(&mut rig, 7);
    assert!(is_in(&rig, again));
    assert_eq!(rig.gate.bans().count(), 0);
}

/// proves: LIF-22
#[test]
fn a_banned_network_is_put_out_and_not_heard_until_the_ban_is_lifted() {
    let mut rig = guarded(AccessConfig::default());
    let (index, other) = (arrive(&mut rig, 7), arrive_from(&mut rig, 8, "10.2.0.1:4000"));
    let what = Barred::Network(network("10.1.255.255", 16));
    assert_eq!(rig.gate.ban(rig.now, ban(what, None)), Ok(1));
    rig.run_ticks(40);
    assert_eq!((rig.bots[index].gone, is_in(&rig, other)), (Some(Reason::Banned), true));
    let again = arrive(&mut rig, 7);
    assert!(!is_in(&rig, again) && rig.gate.gate_counters().dropped_banned > 3);
    assert_eq!(rig.gate.bans().map(|ban| ban.what).collect::<Vec<_>>(), [Barred::Network(network("10.1.0.0", 16))]);
    assert!(rig.gate.unban(&what) && !rig.gate.unban(&what));
    rig.run_ticks(40);
    assert!(is_in(&rig, again), "he has gone on asking");
}

/// proves: LIF-22
#[test]
fn bans_of_the_last_start_are_in_force_from_the_first_datagram_on() {
    let bans = vec![ban(Barred::Account(7), None), ban(Barred::Network(network("10.1.0.1", 32)), Some(1))];
    let mut rig = guarded(AccessConfig { bans, ..AccessConfig::default() });
    let index = arrive(&mut rig, 7);
    assert_eq!(rig.bots[index].gone, Some(Reason::Banned));
    assert_eq!(rig.gate.bans().count(), 1, "the other one was over");
}

/// proves: LIF-22
#[test]
fn who_breaks_the_rules_three_times_in_his_sessions_is_banned_for_a_while_and_nobody_beside_him() {
    let mut rig = guarded(AccessConfig::default());
    let neighbour = arrive_from(&mut rig, 8, "10.9.9.9:4000");
    let violation = Some(Reason::ProtocolViolation);
    let ends: Vec<_> = (0..3).map(|_| break_a_rule(&mut rig, 7, "10.9.9.9:9")).collect();
    assert_eq!(ends, [violation; 3]);
    let imposed = rig.gate.poll_banned().unwrap();
    assert_eq!((imposed.what, imposed.by), (Barred::Account(7), Imposed::Evidence));
    assert!(imposed.until_unix_s.is_some_and(|until| (595..=600).contains(&(until - rig.now.unix_s))));
    assert!(rig.gate.poll_banned().is_none());
    assert_eq!(break_a_rule(&mut rig, 7, "10.9.9.9:9"), Some(Reason::Banned));
    assert!(is_in(&rig, neighbour), "the same address, another account");
    assert_eq!((rig.gate.gate_counters().strikes, rig.gate.gate_counters().bans_imposed), (3, 1));
    rig.run_ticks(601 * 60);
    assert_eq!(break_a_rule(&mut rig, 7, "10.9.9.9:9"), violation, "he may come again, and begins anew");
}

/// proves: LIF-22
#[test]
fn whom_the_world_puts_out_for_cheating_again_and_again_is_banned_too() {
    let limits = AccessLimits { auto_ban_strikes: 2, ..AccessLimits::default() };
    let access = AccessConfig { limits, ..AccessConfig::default() };
    let policy = Policy { action: Action::Kick, limits: [20; server::SUSPICIONS] };
    let mut rig = Rig::guarded(access, LinkConfig::with_latency_ns(5_000_000), |config| config.policy = policy);
    let cheat = |rig: &mut Rig| {
        let index = arrive(rig, 7);
        if is_in(rig, index) {
            let (tick, own) = rig.bots[index].client.own().unwrap();
            let digest = own.digest() ^ 1;
            let claim = protocol::message::Claim { tick, digest, believed: None };
            rig.bots[index].client.send(&protocol::message::ClientMessage::Claim(claim)).unwrap();
            rig.run_ticks(20);
        }
        rig.bots[index].gone
    };
    let ends = [cheat(&mut rig), cheat(&mut rig), cheat(&mut rig)];
    assert_eq!(ends, [Some(Reason::Suspected), Some(Reason::Suspected), Some(Reason::Banned)]);
}

/// proves: LIF-22
#[test]
fn an_operator_may_have_strikes_bar_nobody() {
    let mut rig = limited(AccessLimits { auto_ban_s: 0, ..AccessLimits::default() });
    let ends: Vec<_> = (0..5).map(|_| break_a_rule(&mut rig, 7, "10.9.9.9:9")).collect();
    assert_eq!(ends, [Some(Reason::ProtocolViolation); 5]);
    assert_eq!((rig.gate.gate_counters().strikes, rig.gate.bans().count()), (5, 0));
    rig.gate.set_limits(AccessLimits { auto_ban_strikes: 1, ..AccessLimits::default() });
    break_a_rule(&mut rig, 7, "10.9.9.9:9");
    assert_eq!(rig.gate.bans().count(), 1, "it can be changed");
}

/// A flood of whatever anybody can send without keys, from the address of one who plays: it slows, and speaks against nobody.
///
/// proves: LIF-22
#[test]
fn junk_and_forged_datagrams_never_ban_anybody_whosever_address_they_bear() {
    let mut rig = limited(AccessLimits { auto_ban_strikes: 1, ..AccessLimits::default() });
    let player = arrive(&mut rig, 7);
    let addresses = [rig.bots[player].address, "10.66.6.6:6".parse().unwrap()];
    let mut seed = 1_u64;
    for round in 0..600 {
        for from in addresses {
            for kind in 0..=15_u8 {
                let mut datagram = [0; 1_225];
                datagram.iter_mut().for_each(|byte| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    *byte = (seed >> 56) as u8;
                });
                let len = [1_078, 1_225, 60, 18][(round + usize::from(kind)) % 4];
                datagram[0] = if kind == 0 { 0 } else { 0x80 | kind };
                rig.gate.handle_datagram(rig.now, from, &mut datagram[..len]);
            }
        }
        rig.run_ticks(1);
    }
    assert_eq!((rig.gate.gate_counters().strikes, rig.gate.bans().count()), (0, 0));
    assert!(is_in(&rig, player), "{:?}", rig.bots[player].gone);
    let newcomer = arrive_from(&mut rig, 8, "10.66.6.6:7");
    assert!(is_in(&rig, newcomer), "from the flooding address, with a token");
}

/// What a peer says of us is no evidence against him.
#[test]
fn who_leaves_with_a_complaint_is_not_struck_for_it() {
    let mut rig = limited(AccessLimits { auto_ban_strikes: 1, ..AccessLimits::default() });
    let mut stranger = Stranger::new(&mut rig, 7, "10.9.9.9:9");
    stranger.transport.disconnect(rig.now, Reason::ProtocolViolation);
    stranger.run(&mut rig, 20);
    assert_eq!(rig.gate.gate_counters().disconnects.of(Reason::ProtocolViolation), 1);
    assert_eq!((rig.gate.gate_counters().strikes, rig.gate.bans().count()), (0, 0));
}

/// proves: LIF-22, PKT-31
#[test]
fn an_address_has_as_many_sessions_as_it_may_and_the_next_is_told_so() {
    let mut rig = limited(AccessLimits { sessions_per_address: 2, ..AccessLimits::default() });
    let [first, second, third] =
        [1, 2, 3].map(|number| arrive_from(&mut rig, number, &format!("10.5.5.5:{}", 4_000 + number)));
    let elsewhere = arrive_from(&mut rig, 4, "10.5.5.6:4000");
    assert!(is_in(&rig, first) && is_in(&rig, second) && is_in(&rig, elsewhere));
    assert_eq!(rig.bots[third].gone, Some(Reason::TooManySessions));
    let now = rig.now;
    rig.bots[first].client.disconnect(now);
    rig.run_ticks(20);
    let again = arrive_from(&mut rig, 3, "10.5.5.5:4009");
    assert!(is_in(&rig, again), "there is room again");
    assert_eq!(rig.gate.gate_counters().refused_too_many, 1);
    let at = |number: u64| format!("[2001:db8:1:2::{number}]:4000");
    let homes = [5, 6, 7].map(|number| arrive_from(&mut rig, number, &at(number)));
    assert_eq!(rig.bots[homes[2]].gone, Some(Reason::TooManySessions), "a /64 is one household");
    let local = [8, 9, 10].map(|number| arrive_from(&mut rig, number, &format!("127.0.0.1:{}", 4_000 + number)));
    assert!(local.iter().all(|&index| is_in(&rig, index)), "loopback is exempt");
}

/// proves: LIF-22
#[test]
fn of_an_accounts_sessions_the_newest_stay() {
    let mut rig = limited(AccessLimits { sessions_per_account: 2, ..AccessLimits::default() });
    rig.clients_are_strangers = true;
    let mut come = |character| {
        rig.named = Some(character);
        arrive(&mut rig, 7)
    };
    let all = [come(11), come(12), come(13)];
    assert_eq!(all.map(|index| rig.bots[index].gone), [Some(Reason::TakenOver), None, None]);
    assert_eq!((rig.realm.status().players, rig.gate.gate_counters().sessions_replaced), (2, 1));
}
