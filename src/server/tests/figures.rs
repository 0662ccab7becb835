//! What is told of connections and of how the game goes: figures that hold against what is known of the link.

mod rig;

use netem::LinkConfig;
use protocol::message::{ClientMessage, Experience};
use rig::Rig;
use server::{BOUNDS, Histogram, Suspicion};

fn rig_of(bots: u64, link: LinkConfig) -> Rig {
    let mut rig = Rig::new(link, |_| {});
    for number in 1..=bots {
        rig.join(number);
    }
    rig.run_until_joined(600);
    rig
}

/// The bucket in which most values are: its greatest value, and the greatest of the one before.
fn usual(histogram: &Histogram) -> (u32, u32) {
    let (at, _) = histogram.counts().iter().enumerate().max_by_key(|(_, count)| **count).unwrap();
    let bound = |at: usize| histogram.bounds().get(at).copied().unwrap_or(u32::MAX);
    (at.checked_sub(1).map_or(0, bound), bound(at))
}

#[test]
fn each_connection_is_a_second_in_every_survey() {
    let mut rig = rig_of(5, LinkConfig::with_latency_ns(40_000_000));
    for _ in 0..10 {
        rig.run_ticks(60);
        rig.gate.survey(rig.now);
    }
    let survey = *rig.gate.survey(rig.now);
    assert_eq!((survey.rtt_us.total(), survey.down_bit_per_s.total(), survey.backlog_bytes.total()), (55, 55, 55));
    assert_eq!(usual(&survey.rtt_us), (75_000, 100_000), "80 ms and the wait for a tick");
    assert_eq!((survey.loss.counts()[0], survey.loss.total()), (55, 55), "nothing is lost");
    let (from, to) = usual(&survey.down_bit_per_s);
    assert!(from >= 2_000 && to <= 192_000, "{from} to {to} bit/s");
    assert_eq!(survey.silent, 0);
}

#[test]
fn the_rows_say_who_it_is_and_how_he_fares() {
    let mut rig = rig_of(3, LinkConfig { loss: 0.1, ..LinkConfig::with_latency_ns(25_000_000) });
    (rig.bots[1].is_mute, rig.bots[1].is_deaf) = (true, true);
    for _ in 0..20 {
        rig.run_ticks(60);
        rig.gate.survey(rig.now);
    }
    let mut rows = Vec::new();
    rig.gate.rows(&mut rows);
    rows.sort_by_key(|row| row.account);
    assert_eq!(rows.iter().map(|row| row.account).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(rows.iter().map(|row| row.is_silent).collect::<Vec<_>>(), [false, true, false]);
    for (row, bot) in rows.iter().zip(&rig.bots) {
        assert_eq!(row.address, bot.address);
        assert!(row.since_ns > 0 && row.since_ns < rig.now.mono_ns - 19_000_000_000);
    }
    let seen = rows[0].seen;
    assert!((50_000..110_000).contains(&seen.rtt_us), "{seen:?}");
    assert!(seen.loss.is_some_and(|loss| (0..4_000).contains(&loss)), "{seen:?}");
    assert!(seen.up_bit_per_s > 1_000 && seen.down_bit_per_s > 5_000, "{seen:?}");
    assert_eq!((rows[1].seen.up_bit_per_s, rows[1].seen.loss), (0, None), "nothing is decided of who is not heard");
    let survey = rig.gate.survey(rig.now);
    let lost: u64 = survey.loss.counts()[1..].iter().sum();
    assert!(survey.silent == 1 && lost > 30, "{survey:?}");
}

/// proves: MSG-5
#[test]
fn clients_say_once_a_second_how_the_game_goes_and_it_is_added_up() {
    let link = LinkConfig { jitter_ns: 30_000_000, loss: 0.05, ..LinkConfig::with_latency_ns(40_000_000) };
    let mut rig = Rig::new(link, |_| {});
    rig.predicts = true;
    for number in 1..=4 {
        rig.join(number);
    }
    rig.run_until_joined(600);
    rig.run_ticks(20 * 60);
    let status = *rig.realm.status();
    let felt = status.experience;
    assert!((4 * 18..=4 * 20).contains(&felt.age_ms.total()), "{}", felt.age_ms.total());
    for histogram in [felt.starved, felt.corrections, felt.rtt_ms] {
        assert_eq!(histogram.total(), felt.age_ms.total());
    }
    assert_eq!((status.reports_clamped, status.reports_refused), (0, 0));
    let (from, to) = usual(&felt.rtt_ms);
    assert!(from >= 75 && to <= 150, "{from} to {to} ms");
    assert!(felt.age_ms.counts()[BOUNDS] == 0 && usual(&felt.age_ms).0 >= 17, "{felt:?}");
    let sessions: Vec<_> = rig_sessions(&rig);
    assert!(sessions.into_iter().all(|session| rig.realm.experience(session).is_some_and(|said| said.rtt_ms > 70)));
}

fn rig_sessions(rig: &Rig) -> Vec<server::SessionId> {
    let mut rows = Vec::new();
    rig.gate.rows(&mut rows);
    rows.into_iter().map(|row| row.session).collect()
}

/// proves: MSG-5
#[test]
fn absurd_reports_are_cut_and_too_many_are_not_counted_and_speak_against_their_sender() {
    let mut rig = rig_of(1, LinkConfig::with_latency_ns(5_000_000));
    let absurd = Experience { age_ms: u16::MAX, starved: u16::MAX, corrections: u16::MAX, rtt_ms: u16::MAX };
    // Beside its own report of each second.
    for _ in 0..50 {
        rig.bots[0].client.send(&ClientMessage::Report(absurd)).unwrap();
        rig.run_ticks(6);
    }
    let status = *rig.realm.status();
    assert!((8..=10).contains(&status.experience.age_ms.total()), "twice a second in five seconds");
    assert!(status.reports_clamped >= 5 && status.reports_refused >= 40, "{status:?}");
    assert_eq!(status.suspicions[Suspicion::Flood as usize], status.reports_refused);
    assert_eq!(status.experience.rtt_ms.sum() / 10_000, status.reports_clamped);
    assert_eq!(rig.bots[0].gone, None);
}

#[test]
fn who_is_not_in_the_world_has_nothing_to_say_of_it() {
    let mut rig = Rig::new(LinkConfig::with_latency_ns(5_000_000), |_| {});
    rig.chooses = true;
    rig.join(1);
    rig.run_ticks(60);
    rig.bots[0].client.send(&ClientMessage::Report(Experience::default())).unwrap();
    rig.run_ticks(20);
    assert_eq!((rig.realm.status().experience.age_ms.total(), rig.realm.status().refused), (0, 1));
}
