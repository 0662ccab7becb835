use super::view::{Over, Sample};
use super::watch::Heard;
use super::*;
use crate::players::SortKey;
use ops_api::{Alert, Alerts, PlayerRow, Players};
use ops_client::{BothWays, CpuSeconds, Forecast, Quantiles, Status, Store, Stores, TickHistogram};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A server that has run for so many seconds, with 500 players.
fn status(second: u32) -> Status {
    let (s, n) = (f64::from(second), u64::from(second));
    Status {
        version: "0.1.0".to_owned(),
        uptime_s: 11_520.0 + s,
        ready: true,
        players: 500,
        queued: 12,
        connections: 512,
        entities: 734,
        tick_rate_hz: 60.0,
        tick_us_max_last_second: 5_600.0,
        tick_histogram: TickHistogram {
            upper_us: vec![Some(1_000.0), Some(4_000.0), None],
            counts: vec![n * 50, n * 10, 0],
        },
        cpu_seconds: CpuSeconds { reactor: s * 0.34, world: s * 0.95, total: s * 1.4, ..CpuSeconds::default() },
        packets_in_total: n * 30_000,
        packets_out_total: n * 31_000,
        bytes_out_total: n * 6_000_000,
        rss_bytes: 212 << 20,
        rtt_ms: Some(Quantiles { p50: Some(21.0), p99: Some(83.0) }),
        loss_ratio: Some(0.004),
        kbit_per_client: Some(BothWays { down: Some(91.2), up: Some(12.3) }),
        stores: Stores { journal_state: "ok".to_owned(), journal_commit_ms_max_last_second: 3.2, ..Stores::default() },
        ..Status::default()
    }
}

fn row(session: &str, name: &str, rtt_ms: f64, points: u32) -> PlayerRow {
    PlayerRow {
        session: session.to_owned(),
        name: name.to_owned(),
        state: "playing".to_owned(),
        address: "10.0.0.1:9".to_owned(),
        rtt_ms,
        suspicion_points: points,
        flagged: points > 100,
        ..PlayerRow::default()
    }
}

fn heard(second: u32) -> Heard {
    let players = vec![row("1.1", "near", 10.0, 7), row("2.1", "far", 90.0, 0), row("3.1", "odd", 40.0, 120)];
    Heard { status: status(second), players: Ok(Players { total: 500, players }), alerts: Alerts::default() }
}

fn view() -> View {
    let mut view = View::new("127.0.0.1:9777".to_owned());
    for second in 0..70 {
        view.on_heard(f64::from(second), Ok(heard(second)));
    }
    view
}

fn press(view: &mut View, keys: &[KeyCode]) -> Vec<Step> {
    keys.iter().map(|key| view.on_key(KeyEvent::new(*key, KeyModifiers::NONE))).collect()
}

#[test]
fn every_section_stands_on_the_usual_screen() {
    let picture = drawn(&view(), 80, 24);
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 24);
    assert!(
        lines[0].starts_with("throng 0.1.0 at 127.0.0.1:9777  up 3 h 13 min") && lines[0].ends_with("READY"),
        "{picture}"
    );
    for part in [
        "alerts none",
        "players 500, 12 queued, 512 connections, 734 entities, 212 MiB",
        "overload \u{25a1}\u{25a1}\u{25a1}\u{25a1}\u{25a1} level 0 of 5, full rate",
        "longest ticks of the last minute",
        "tick p50 1.0 p99 4.0 max 5.6 ms 60.0 Hz",
        " network (each client: kbit/s) ",
        "in  30000 pkt/s 0.0 Mbit/s 12.3 each",
        "out 31000 pkt/s 48.0 Mbit/s 91.2 each",
        "rtt 21, p99 83 ms, loss 0.4 %, drops 0",
        "processor: 140 % of a core",
        "reactor",
        " 34.0",
        "world",
        " 95.0",
        " stores ",
        "journal ok, commit 3.2 ms at most",
        "outbox 0, lag 0.0 s",
        "no other store",
        "worst clients by round trip",
        "rldabs order  p hold  h help  q leave",
        "session",
        "points",
    ] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }
    assert!(picture.contains('\u{2588}') && picture.contains('\u{2585}'), "bars of threads and ticks:\n{picture}");
    let place = |name: &str| lines.iter().position(|line| line.contains(name)).unwrap();
    assert!(place("far") < place("odd") && place("odd") < place("near"), "the worst first:\n{picture}");
}

#[test]
fn a_smaller_screen_says_less_and_a_larger_one_more() {
    let view = view();
    let short = drawn(&view, 60, 20);
    for part in
        ["READY", "players 500", "overload", "tick p50", "out 31000", "cpu % reactor 34, world 95", "journal ok", "far"]
    {
        assert!(short.contains(part), "{part} is missing:\n{short}");
    }
    let least = drawn(&view, 40, 12);
    assert!(least.contains("players 500") && least.contains("far") && least.contains("rtt ms"), "{least}");
    assert!(drawn(&view, 39, 12).starts_with("too small: 40x12 at least"), "{}", drawn(&view, 39, 12));
    let large = drawn(&view, 160, 50);
    assert!(large.contains("10.0.0.1:9") && large.lines().count() == 50, "{large}");
    for (width, height) in [(20, 5), (80, 23), (79, 24), (81, 25), (500, 200), (40, 200), (500, 12)] {
        assert_eq!(drawn(&view, width, height).lines().count(), usize::from(height), "{width}x{height}");
    }
}

#[test]
fn what_is_wrong_stands_on_top() {
    let mut view = view();
    let mut ill = heard(70);
    ill.status.alerts_firing = vec!["tick_p99".to_owned(), "lag".to_owned()];
    ill.status.forecast =
        Some(Forecast { text: "the budget is reached in 20 minutes".to_owned(), ..Forecast::default() });
    (ill.status.ready, ill.status.draining, ill.status.shutdown_in_s) = (false, true, Some(55.0));
    ill.status.overload_level = 4;
    ill.status.stores = Stores {
        journal_state: "full".to_owned(),
        outbox: 7,
        torn: Some("posting 7".to_owned()),
        others: vec![
            Store { name: "redis".to_owned(), state: "ok".to_owned(), ..Store::default() },
            Store { name: "mariadb".to_owned(), state: "away".to_owned(), ..Store::default() },
        ],
        ..Stores::default()
    };
    let alert = Alert {
        name: "tick_p99".to_owned(),
        firing: true,
        since_s: 12.0,
        text: "ticks are late".to_owned(),
        ..Alert::default()
    };
    ill.alerts = Alerts { alerts: vec![alert] };
    view.on_heard(70.0, Ok(ill));
    let picture = drawn(&view, 120, 40);
    for part in [
        "GOES DOWN in 55 s  DRAINING",
        "alerts tick_p99, lag: ticks are late for 12 s",
        "forecast the budget is reached in 20 minutes",
        "\u{25a0}\u{25a0}\u{25a0}\u{25a0}\u{25a1} level 4 of 5, nobody is let in",
        "journal NOT WRITTEN: full",
        "outbox 7, STUCK: posting 7",
        "redis ok mariadb AWAY",
    ] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }
}

#[test]
fn a_server_that_is_away_is_said_to_be_and_what_was_heard_last_stays() {
    let mut view = View::new("127.0.0.1:9777".to_owned());
    view.on_heard(1.0, Err("the server cannot be reached: it\u{1b}[2J refuses".to_owned()));
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains("AWAY for 0 s") && picture.contains("it [2J refuses"), "{picture}");
    assert!(picture.contains("nothing was heard of the server yet"), "{picture}");
    view.on_heard(2.0, Ok(heard(2)));
    assert!(view.away.is_none() && drawn(&view, 80, 24).contains("READY"));
    view.on_heard(3.0, Err("gone".to_owned()));
    view.on_heard(15.0, Err("gone".to_owned()));
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains("AWAY for 12 s") && !picture.contains("READY"), "{picture}");
    assert!(picture.contains("what is below was heard last; gone") && picture.contains("players 500"), "{picture}");
}

#[test]
fn a_server_that_began_anew_is_not_compared_with_what_it_was() {
    let mut view = view();
    let mut anew = heard(1);
    anew.status.uptime_s = 3.0;
    view.on_heard(71.0, Ok(anew));
    assert_eq!(view.samples.len(), 1);
    assert!(view.before().is_none() && drawn(&view, 80, 24).contains("- pkt/s"), "{}", drawn(&view, 80, 24));
}

#[test]
fn a_minute_is_kept_and_rates_are_of_its_last_seconds() {
    let view = view();
    assert!((60..=62).contains(&view.samples.len()), "{}", view.samples.len());
    let (before, seconds) = view.before().unwrap();
    assert_eq!((before.packets_in_total, seconds), (66 * 30_000, 3.0));
    let Sample { at_s, status } = view.now().unwrap();
    assert_eq!((*at_s, status.packets_in_total), (69.0, 69 * 30_000));
}

#[test]
fn keys_choose_the_order_and_the_server_is_asked_for_it() {
    let mut view = view();
    for (key, sort, _) in SORTS {
        assert_eq!(press(&mut view, &[KeyCode::Char(key)]), [Step::Ask(sort)]);
    }
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains("worst clients by suspicion") && picture.contains("120!"), "{picture}");
    let first = picture.lines().position(|line| line.contains("odd")).unwrap();
    assert!(first < picture.lines().position(|line| line.contains("near")).unwrap(), "{picture}");
    assert_eq!(
        press(&mut view, &[KeyCode::Right, KeyCode::Left]),
        [Step::Ask(SortKey::Rtt), Step::Ask(SortKey::Suspicion)]
    );
}

#[test]
fn a_client_is_marked_stays_marked_and_is_shown_whole() {
    let mut view = view();
    press(&mut view, &[KeyCode::Down, KeyCode::Down, KeyCode::Down, KeyCode::Down]);
    assert_eq!(view.marked, Some(("1.1".to_owned(), 2)), "the last is the last");
    press(&mut view, &[KeyCode::Up, KeyCode::Char('s')]);
    assert_eq!(view.marked, Some(("3.1".to_owned(), 0)), "wherever it is now");
    press(&mut view, &[KeyCode::Enter]);
    assert_eq!(view.over, Some(Over::Card));
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains(" client ") && picture.contains("120 points, beyond a limit: yes"), "{picture}");
    let mut later = heard(70);
    later.players = Ok(Players { total: 1, players: vec![row("1.1", "near", 10.0, 7)] });
    view.on_heard(70.0, Ok(later));
    assert_eq!(view.marked, Some(("1.1".to_owned(), 0)), "who is in its place");
    assert_eq!(press(&mut view, &[KeyCode::Char('q')]), [Step::Stay]);
    assert_eq!((view.over, press(&mut view, &[KeyCode::Char('q')])), (None, vec![Step::Leave]));
}

#[test]
fn help_names_every_key_and_a_held_picture_stays() {
    let mut view = view();
    press(&mut view, &[KeyCode::Char('h')]);
    let picture = drawn(&view, 80, 24);
    for part in ["r ", "worst by loss", "Left, Right", "Up, Down", "Enter", "hold the picture", "h, ?", "q, Esc"] {
        assert!(picture.contains(part), "{part} is missing:\n{picture}");
    }
    press(&mut view, &[KeyCode::Char('?'), KeyCode::Char('p')]);
    let held = drawn(&view, 80, 24);
    assert!(held.lines().next().unwrap().ends_with("READY  HELD"), "{held}");
    let mut other = heard(70);
    other.status.players = 3;
    view.on_heard(70.0, Ok(other.clone()));
    assert_eq!(drawn(&view, 80, 24), held);
    press(&mut view, &[KeyCode::Char('p')]);
    view.on_heard(71.0, Ok(other));
    assert!(drawn(&view, 80, 24).contains("players 3,"));
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(view.on_key(control_c), Step::Leave);
}

#[test]
fn a_server_that_does_not_tell_who_is_here_is_drawn_all_the_same_and_no_name_moves_the_cursor() {
    let mut view = View::new("x".to_owned());
    let old = Heard { players: Err("the server at x answers 404".to_owned()), ..heard(1) };
    view.on_heard(1.0, Ok(old));
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains("players 500") && picture.contains("answers 404"), "{picture}");
    let mut hostile = heard(2);
    hostile.players = Ok(Players { total: 1, players: vec![row("1.1", "\u{1b}[2J学生", 1.0, 0)] });
    view.on_heard(2.0, Ok(hostile));
    let picture = drawn(&view, 80, 24);
    assert!(picture.contains(" [2J学生") && !picture.contains('\u{1b}'), "{picture}");
    view.on_heard(3.0, Ok(Heard { players: Ok(Players::default()), ..heard(3) }));
    assert!(drawn(&view, 80, 24).contains("nobody is here"));
}

#[test]
fn one_picture_can_be_had_as_text_and_fails_when_there_is_none() {
    let pages = ["{\"players\":3,\"ready\":true}", "{}", "{\"players\":4,\"ready\":true}", "{}"];
    let dir = crate::rig::data_dir();
    let (ops, asked) = crate::rig::answering_all(pages.iter().map(|page| crate::rig::answer(200, page)).collect());
    let args = TopArgs { every: Duration::from_secs(1), once: true, width: 80, height: 24, json: false };
    let mut out = Vec::new();
    args.run(&crate::rig::server(ops, &dir), &mut out).unwrap();
    let picture = String::from_utf8(out).unwrap();
    assert!(picture.contains("players 4,") && picture.lines().count() == 24, "{picture}");
    assert_eq!(asked.join().unwrap().len(), 4);
    let gone = args.run(&crate::rig::server(ops, &dir), &mut Vec::new()).unwrap_err();
    assert!(format!("{gone:#}").contains("cannot be reached"), "{gone:#}");
    assert!(crate::rig::misused("top --every 5ms").contains("not from 200ms to 60s"));
    assert!(crate::rig::misused("top --width 90").contains("--once"));
}
