use super::*;

/// The file every operator starts from.
const EXAMPLE: &str = include_str!("../../config/server.toml");

fn from_file(text: &str) -> Result<Config, Problems> {
    Config::resolve(&Sources { file: Some(("server.toml".to_owned(), text.to_owned())), ..Sources::default() })
}

fn problems(text: &str) -> Vec<String> {
    from_file(text).expect_err("the text is wrong").0
}

fn defaults() -> Config {
    Config::resolve(&Sources::default()).expect("no source, nothing wrong")
}

/// Everything but the map and the content, whose texts are not worth reading.
fn print(config: &Config) -> String {
    let (map, content) = (Arc::new(StaticMap::new(1, 1, &[]).unwrap()), Arc::default());
    let text = format!("{:?}", Config { map, content, ..config.clone() });
    let is_built_in = *config.content == game::content::shipped("meadow");
    format!("{text} map {:016x}, built-in content: {is_built_in}", config.map.hash())
}

#[test]
fn the_example_file_says_exactly_the_defaults() {
    assert_eq!(print(&from_file(EXAMPLE).unwrap()), print(&defaults()));
}

#[test]
fn the_examples_for_the_open_world_are_whole() {
    for text in [
        include_str!("../../config/examples/one-machine.toml"),
        include_str!("../../config/examples/redis-mariadb.toml"),
    ] {
        let config = from_file(text).unwrap();
        assert!(!config.listen.ip().is_loopback() && config.ops_listen.ip().is_loopback());
        assert!(config.login.is_some() && config.request_exempt.is_empty(), "nobody is let in on his own word");
        let is_shared = text.contains("[mariadb]");
        assert_eq!((config.stores.mariadb.is_some(), config.stores.redis_url.is_some()), (is_shared, is_shared));
    }
}

#[test]
fn the_example_file_sets_every_key() {
    let table: toml::Table = toml::from_str(EXAMPLE).unwrap();
    for key in key::KEYS {
        let (section, name) = key.split_once('.').unwrap();
        assert!(table.get(section).is_some_and(|s| s.get(name).is_some()), "{key} is missing");
    }
}

#[test]
fn without_any_source_the_server_stays_on_this_machine() {
    let config = defaults();
    assert_eq!(config.listen.to_string(), "127.0.0.1:7777");
    assert_eq!(config.ops_listen.to_string(), "127.0.0.1:9777");
    assert_eq!(config.public_addresses, [config.listen]);
    assert_eq!((config.enter_radius_units, config.leave_radius_units), (32_000, 36_800));
    assert_eq!((config.skew_s, config.save_interval_s, config.down_bytes_per_s), (0, 4, 24_000));
    assert_eq!(config.held_s, 120);
    assert_eq!(problems("[client]\nheld_s = 601\n").len(), 1);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    assert_eq!(
        problems("[server]\nplayer_max = 5\n"),
        ["server.toml: there is no key server.player_max; did you mean server.players_max?"]
    );
    assert_eq!(problems("[moon]\nphase = 1\n"), ["server.toml: there is no key moon.phase"]);
    assert_eq!(problems("listen = \"x\"\n").len(), 1);
}

#[test]
fn whoever_wants_no_mobs_has_none_and_what_is_done_about_cheats_is_the_operators_choice() {
    let defaults = defaults();
    assert!(!defaults.content.places.spawns.is_empty());
    assert_eq!(defaults.policy, server::Policy::default());
    let text = "[world]\nmobs = false\n[cheats]\naction = \"kick\"\naim_points = 7\n";
    let config = from_file(text).unwrap();
    assert!(config.content.places.spawns.is_empty() && !config.content.mobs.is_empty());
    assert_eq!((config.policy.action, config.policy.limits), (server::Action::Kick, [100, 100, 100, 7, 100, 100]));
    assert_eq!(problems("[cheats]\naction = \"ban\"\nflood_points = 0\n").len(), 2);
}

#[test]
fn who_may_come_in_is_the_operators_choice() {
    let defaults = defaults();
    assert_eq!(defaults.access, server::AccessLimits::default());
    assert_eq!((defaults.queue_max, defaults.allow.len(), defaults.deny.len()), (256, 0, 0));
    let text = "[server]\nqueue_max = 0\n[limits]\nallow = [\"10.0.0.0/8\"]\ndeny = [\"10.1.0.0/16\", \"::/0\"]\n\
                sessions_per_account = 1\nauto_ban_s = 0\n";
    let config = from_file(text).unwrap();
    assert_eq!((config.queue_max, config.allow.len(), config.deny.len()), (0, 1, 2));
    assert_eq!((config.access.sessions_per_account, config.access.auto_ban_s), (1, 0));
    let wrong = "[server]\nqueue_max = 4097\n[limits]\nallow = [\"10.0.0.0\"]\ndeny = [\"10.0.0.0/33\"]\n\
                 sessions_per_account = 0\nsessions_per_address = 0\nauto_ban_s = -1\nauto_ban_strikes = 0\n";
    assert_eq!(problems(wrong).len(), 7);
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = "[server]\nplayers_max = 0\nlisten = \"here\"\nseal_backend = \"rot13\"\n\
                [client]\ndown_bytes_per_s = 256_001\n[save]\ninterval_s = 5\nworld_interval_s = 4\n[auth]\ntakeover = 1\n";
    let problems = problems(text);
    let wanted = [
        "server.listen",
        "server.players_max",
        "server.seal_backend",
        "auth.takeover",
        "client.down_bytes_per_s",
        "save.interval_s",
        "save.world_interval_s",
    ];
    assert_eq!(problems.len(), wanted.len(), "{problems:?}");
    for key in wanted {
        assert!(problems.iter().any(|problem| problem.contains(key)), "{key} in {problems:?}");
    }
    assert_eq!(Problems(problems).to_string().lines().count(), 1);
}

#[test]
fn the_ends_of_a_range_are_inside_it() {
    for (text, expected) in [("4_000", 4_000), ("256000", 256_000)] {
        assert_eq!(from_file(&format!("[client]\ndown_bytes_per_s = {text}\n")).unwrap().down_bytes_per_s, expected);
    }
    assert_eq!(problems("[client]\ndown_bytes_per_s = 3999\n").len(), 1);
}

#[test]
fn the_environment_overrides_the_file_and_a_flag_overrides_both() {
    let file =
        Some(("f".to_owned(), "[server]\nplayers_max = 10\nlisten = \"127.0.0.1:1\"\n[world]\nseed = 3\n".to_owned()));
    let environment = vec![
        ("THRONG_SERVER__PLAYERS_MAX".to_owned(), "20".to_owned()),
        ("THRONG_SERVER__LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
        ("THRONG_AUTH__TAKEOVER".to_owned(), "false".to_owned()),
        ("THRONG_SERVER__PUBLIC_ADDRESSES".to_owned(), "192.0.2.1:5,[2001:db8::1]:6".to_owned()),
        ("THRONG_LOG".to_owned(), "debug".to_owned()),
        ("PATH".to_owned(), "/bin".to_owned()),
    ];
    let flags = vec![("server.listen", "--listen", "127.0.0.1:3".to_owned())];
    let config = Config::resolve(&Sources { file, environment, flags }).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.players_max, 20);
    assert_eq!(config.seed, 3);
    assert!(!config.takeover);
    assert_eq!(config.public_addresses.len(), 2);
}

#[test]
fn a_wrong_variable_or_flag_is_called_by_its_own_name() {
    let environment = vec![
        ("THRONG_SERVER__PLAYERS_MAX".to_owned(), "many".to_owned()),
        ("THRONG_SERVER__LISTN".to_owned(), "127.0.0.1:2".to_owned()),
    ];
    let flags = vec![("ops.listen", "--ops", "nowhere".to_owned())];
    let problems = Config::resolve(&Sources { file: None, environment, flags }).unwrap_err().0;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("THRONG_SERVER__LISTN: ") && problems[0].ends_with("did you mean server.listen?"));
    assert!(problems.iter().any(|p| p.starts_with("THRONG_SERVER__PLAYERS_MAX: server.players_max must be")));
    assert!(problems.iter().any(|p| p.starts_with("--ops: ops.listen must be")));
}

#[test]
fn listening_beyond_loopback_needs_a_key_of_ones_own() {
    let bare = problems("[server]\nlisten = \"192.0.2.7:7777\"\n");
    assert_eq!(bare.len(), 1);
    assert!(bare[0].contains("auth.private_key_file"), "{bare:?}");
    let keyed = from_file("[server]\nlisten = \"192.0.2.7:7777\"\n[auth]\nprivate_key_file = \"k\"\n").unwrap();
    assert_eq!(keyed.skew_s, 2, "tokens minted elsewhere are allowed a little skew");
}

#[test]
fn listening_everywhere_needs_a_public_address() {
    let text = "[server]\nlisten = \"0.0.0.0:7777\"\n[auth]\nprivate_key_file = \"k\"\n";
    let problems = problems(text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("server.public_addresses"), "{problems:?}");
}

#[test]
fn the_leave_radius_must_exceed_the_enter_radius() {
    let problems = problems("[world]\nenter_radius_m = 120\n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("world.leave_radius_m (115)"), "{problems:?}");
}

#[test]
fn a_file_that_is_no_toml_is_one_sentence_with_its_line() {
    let problems = problems("[server]\nplayers_max = \n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("server.toml line 2: ") && problems[0].lines().count() == 1, "{problems:?}");
}

/// A login service as it should be configured, with one line changed or added.
fn login(line: &str) -> String {
    let key = line.split('=').next().unwrap().trim();
    let whole = [
        "jwt_algorithm = \"ES256\"",
        "jwt_key_files = [\"login.pem\"]",
        "jwt_issuer = \"https://login.example\"",
        "jwt_audience = \"throng\"",
    ];
    let kept = whole.iter().filter(|kept| kept.split('=').next().unwrap().trim() != key);
    kept.fold(format!("[auth]\n{line}\n"), |text, kept| format!("{text}{kept}\n"))
}

#[test]
fn a_login_service_is_configured_whole_with_defaults_for_the_rest() {
    let login = from_file(&login("takeover = true")).unwrap().login.unwrap();
    assert_eq!(login.algorithm, JwtAlgorithm::Es256);
    assert_eq!(login.key_files, [PathBuf::from("login.pem")]);
    assert_eq!((login.issuer.as_str(), login.audience.as_str()), ("https://login.example", "throng"));
    assert_eq!((login.account_claim.as_str(), login.max_age_s, login.leeway_s), ("sub", 300, 5));
    assert!(defaults().login.is_none());
}

#[test]
fn each_wrong_key_of_the_login_service_is_one_sentence_that_names_it() {
    for (line, sentence) in [
        (
            "jwt_algorithm = \"none\"",
            "auth.jwt_algorithm must be one of \"\", \"HS256\", \"RS256\", \"ES256\", \"EdDSA\"",
        ),
        ("jwt_algorithm = \"es256\"", "auth.jwt_algorithm must be one of"),
        ("jwt_key_files = []", "auth.jwt_algorithm is set, which needs auth.jwt_key_files too"),
        ("jwt_key_files = \"login.pem\"", "auth.jwt_key_files must be a list of paths"),
        ("jwt_key_files = [1]", "auth.jwt_key_files must be a list of paths"),
        ("jwt_key_files = [\"a\",\"b\",\"c\",\"d\",\"e\"]", "auth.jwt_key_files names 5 files, at most 4 are tried"),
        ("jwt_issuer = \" \"", "auth.jwt_algorithm is set, which needs auth.jwt_issuer too"),
        ("jwt_issuer = 7", "auth.jwt_issuer must be a text in quotes, not 7"),
        ("jwt_audience = \"\"", "auth.jwt_algorithm is set, which needs auth.jwt_audience too"),
        ("jwt_account_claim = 1", "auth.jwt_account_claim must be a text in quotes, not 1"),
        ("jwt_max_age_s = 9", "auth.jwt_max_age_s must be a whole number from 10 to 86400, not 9"),
        ("jwt_leeway_s = 61", "auth.jwt_leeway_s must be a whole number from 0 to 60, not 61"),
        ("tokens_per_s = 0", "auth.tokens_per_s must be a whole number from 1 to 5000, not 0"),
        ("jwt_algoritm = \"ES256\"", "did you mean auth.jwt_algorithm?"),
    ] {
        let problems = problems(&login(line));
        assert!(problems[0].contains(sentence), "{line}: {problems:?}");
        assert!(problems.iter().all(|problem| problem.lines().count() == 1));
    }
}

#[test]
fn half_a_login_service_is_refused_because_its_author_believes_that_logins_are_checked() {
    for line in ["jwt_key_files = [\"k\"]", "jwt_issuer = \"i\"", "jwt_audience = \"a\""] {
        let problems = problems(&format!("[auth]\n{line}\n"));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].ends_with("auth.jwt_algorithm is not, so no login would be checked"), "{problems:?}");
    }
}

#[test]
fn an_address_that_no_client_can_reach_is_not_public() {
    for address in ["0.0.0.0:7777", "[::]:7777", "203.0.113.7:0"] {
        let problems = problems(&format!("[server]\npublic_addresses = [\"{address}\"]\n"));
        assert_eq!(problems, [format!("server.public_addresses names {address}, which no client can reach")]);
    }
}

#[test]
fn lists_come_from_the_environment_with_commas() {
    let environment = vec![
        ("THRONG_AUTH__JWT_KEY_FILES".to_owned(), "a.pem, b.pem".to_owned()),
        ("THRONG_AUTH__JWT_ALGORITHM".to_owned(), "EdDSA".to_owned()),
        ("THRONG_AUTH__JWT_ISSUER".to_owned(), "i".to_owned()),
        ("THRONG_AUTH__JWT_AUDIENCE".to_owned(), "a".to_owned()),
    ];
    let config = Config::resolve(&Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(config.login.unwrap().key_files, [PathBuf::from("a.pem"), PathBuf::from("b.pem")]);
}

#[test]
fn networks_are_listed_with_their_bits_and_may_be_none() {
    let exempt = |text: &str| from_file(&format!("[limits]\nrequest_exempt = {text}\n")).map(|c| c.request_exempt);
    let [first, second] = exempt("[\"10.1.0.0/16\", \"2001:db8::/32\"]").unwrap()[..] else { panic!("two networks") };
    assert!(first.contains("10.1.255.1".parse().unwrap()) && !first.contains("10.2.0.1".parse().unwrap()));
    assert!(second.contains("2001:db8::1".parse().unwrap()));
    assert_eq!(exempt("[]").unwrap(), []);
    let environment = vec![("THRONG_LIMITS__REQUEST_EXEMPT".to_owned(), String::new())];
    let config = Config::resolve(&Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(config.request_exempt, []);
    assert_eq!(defaults().request_exempt, rudp::server::Network::LOOPBACK);
    for wrong in ["\"10.0.0.0/8\"", "[\"10.0.0.0\"]", "[\"10.0.0.0/33\"]", "[8]"] {
        assert_eq!(problems(&format!("[limits]\nrequest_exempt = {wrong}\n")).len(), 1, "{wrong}");
    }
}

#[test]
fn every_kind_leaves_as_much_farther_than_it_enters_as_players_do() {
    let metres = |radii: server::Radii| (radii.enter / 320, radii.leave / 320);
    let of = |text: &str| {
        let radii = from_file(text).unwrap().kind_radii;
        [radii.mob, radii.projectile, radii.item, radii.body].map(metres)
    };
    assert_eq!(of(""), [(100, 115), (100, 115), (40, 46), (60, 69)]);
    assert_eq!(defaults().kind_radii, server::KindRadii::DEFAULT);
    let wide = "[world]\nenter_radius_m = 100\nleave_radius_m = 200\nitem_radius_m = 30\n";
    assert_eq!(of(wide), [(100, 200), (100, 200), (30, 60), (60, 120)]);
    let narrow = "[world]\nenter_radius_m = 1000\nleave_radius_m = 1001\nitem_radius_m = 5\n";
    assert_eq!(of(narrow)[2], (5, 6), "nobody flickers");
    assert_eq!(problems("[world]\nitem_radius_m = 4\nbody_radius_m = 1001\n").len(), 2);
}

#[test]
fn alerts_have_limits_in_range_and_a_webhook_that_nobody_reads_in_a_log() {
    let defaults = defaults();
    assert_eq!((defaults.alerts.tick_p99_ms, defaults.alerts.overload_for_s), (14, 300));
    assert_eq!((defaults.reports.every_h, defaults.reports.keep), (24, 14));
    assert!(defaults.alerts.is_enabled && defaults.alerts.webhook_url.is_none());
    let of = |url: &str| from_file(&format!("[alerts]\nwebhook_url = \"{url}\"\n"));
    for good in ["http://127.0.0.1:9/x", "https://hooks.example/secret?key=1", "http://[::1]/"] {
        let config = of(good).unwrap();
        assert_eq!(config.alerts.webhook_url.as_deref(), Some(good));
        assert!(!format!("{:?}", config.alerts).contains(good), "it is not shown");
    }
    for wrong in ["ftp://secret.example/", "hooks.example/secret", "https://", "http:// secret"] {
        let problems = of(wrong).unwrap_err().0;
        assert_eq!(problems, ["alerts.webhook_url is no address that begins with http:// or https://"], "{wrong}");
    }
    assert_eq!(problems("[alerts]\ntick_rate_hz = 60\njournal_for_s = 3_601\n[report]\nkeep = 0\n").len(), 3);
}

#[test]
fn nothing_is_recorded_until_somebody_wants_it_and_names_are_not_written_until_somebody_says_so() {
    let flight = defaults().flight;
    assert_eq!((flight.is_recording, flight.is_plain_text, flight.bytes_max), (false, false, 512 << 20));
    let text = "[flight]\nrecord = true\nmegabytes = 128\nplain_text = true\nhash_every_ticks = 1\n";
    let wanted = FlightConfig { is_recording: true, is_plain_text: true, bytes_max: 128 << 20, hash_every_ticks: 1 };
    assert_eq!(from_file(text).unwrap().flight, wanted);
    assert_eq!(problems("[flight]\nmegabytes = 127\nhash_every_ticks = 0\n").len(), 2);
}

/// A thread that asks for more than it may have gets nothing.
#[test]
fn the_service_lets_threads_rank_as_they_do_by_default() {
    let service = include_str!("../../config/ops/throng.service");
    let limit = service.lines().find_map(|line| line.strip_prefix("LimitNICE=")).unwrap().parse::<i64>().unwrap();
    assert_eq!(limit, key::WORLD_NICE.default.min(key::REACTOR_NICE.default));
}
