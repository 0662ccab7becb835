use super::*;
use rudp::Key;
use rudp::seal::TokenKey;
use rudp::time::NS_PER_S;
use rudp::token::{PrivateToken, Role};
use serde_json::json;

/// Seconds since 1970 at which these tests begin.
const START_S: u64 = 1_800_000_000;

fn rules(source: Source) -> Rules {
    Rules { mint: Mint { key: Key::new([7; 32]), protocol_id: 11, lifetime_s: 30 }, source, tokens_per_s: 10 }
}

fn desk(source: Source) -> Desk {
    let addresses = vec!["203.0.113.7:7777".parse().unwrap(), "[2001:db8::7]:7777".parse().unwrap()];
    Desk::new(rules(source), addresses, START_S + 30, 1)
}

fn at(seconds: u64) -> Moment {
    Moment { mono_ns: 5 * NS_PER_S + seconds * NS_PER_S, unix_ms: (START_S + seconds) * 1_000 + 250 }
}

fn typed(account: u64) -> Vec<u8> {
    json!({ "account": account, "character": 3, "name": "ada", "role": "operator" }).to_string().into_bytes()
}

/// What the server reads from a token.
fn opened(issued: &Issued) -> (PrivateToken, UserData) {
    let mut token = issued.token.clone();
    let key = TokenKey::new(&Key::new([7; 32]));
    let private =
        PrivateToken::open(&mut token.sealed, &key, token.protocol_id, token.expire_unix_s, &token.nonce).unwrap();
    let user = UserData::decode(&private.user).unwrap();
    (private, user)
}

#[test]
fn a_token_says_what_the_login_said_and_names_the_public_addresses() {
    let desk = desk(Source::Typed);
    let issued = desk.issue(&typed((1 << 63) - 1), at(2), [9; 32]).unwrap();
    let (private, user) = opened(&issued);
    assert_eq!((private.client_id, private.timeout_s), ((1 << 63) - 1, 10));
    assert_eq!(private.addresses.as_slice(), desk.addresses());
    assert_eq!((user.account_id, user.character_id, user.name.as_str()), ((1 << 63) - 1, 3, "ada"));
    assert_eq!((user.role, user.issued_at_ms, user.serial), (Role::Operator, at(2).unix_ms, 1));
    assert_eq!((issued.token.create_unix_s, issued.token.expire_unix_s), (START_S + 2, START_S + 32));
    assert_eq!((issued.account_id, issued.character_id, issued.serial), ((1 << 63) - 1, 3, 1));
}

#[test]
fn the_same_seed_mints_the_same_token_and_another_seed_other_keys() {
    let mint = |seed| desk(Source::Typed).issue(&typed(1), at(0), [seed; 32]).unwrap().token;
    assert_eq!(mint(1), mint(1));
    let (one, other) = (mint(1), mint(2));
    assert_ne!(one.nonce, other.nonce);
    assert_ne!(one.client_to_server, other.client_to_server);
    assert_ne!(one.client_to_server, one.server_to_client);
}

/// proves: SES-6
#[test]
fn a_later_token_is_newer_even_if_the_wall_clock_went_back() {
    let desk = desk(Source::Typed);
    let mut order = Vec::new();
    for seconds in [100, 100, 40, 41, 101] {
        let stepped = Moment { mono_ns: at(100).mono_ns, ..at(seconds) };
        let (_, user) = opened(&desk.issue(&typed(1), stepped, [seconds as u8; 32]).unwrap());
        order.push((user.issued_at_ms, user.serial));
    }
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
}

/// proves: LIF-5
#[test]
fn while_the_server_would_refuse_a_fresh_token_none_is_minted_and_the_wait_is_told() {
    let addresses = vec!["203.0.113.7:7777".parse().unwrap()];
    // What a server that started at START_S and allows 2 s of skew lets in first.
    let desk = Desk::new(rules(Source::Typed), addresses, START_S + 30 + 2 + 1, 1);
    for (seconds, retry_after_s) in [(0, 3), (1, 2), (2, 1)] {
        let refusal = desk.issue(&typed(1), at(seconds), [1; 32]).unwrap_err();
        assert_eq!(refusal, Refusal::Restart { retry_after_s });
        assert_eq!(refusal.retry_after_s(), Some(retry_after_s));
    }
    assert!(desk.issue(&typed(1), at(3), [1; 32]).is_ok());
}

#[test]
fn one_account_gets_five_tokens_at_once_and_then_one_a_second() {
    let desk = desk(Source::Typed);
    let mint = |account, seconds| desk.issue(&typed(account), at(seconds), [1; 32]).map(|issued| issued.serial);
    for serial in 1..=5 {
        assert_eq!(mint(1, 0), Ok(serial));
    }
    assert_eq!(mint(1, 0), Err(Refusal::AccountRate));
    assert_eq!(mint(2, 0), Ok(6), "others are not slowed");
    assert_eq!(mint(1, 1), Ok(7));
    assert_eq!(mint(1, 1), Err(Refusal::AccountRate));
}

#[test]
fn all_accounts_together_get_the_configured_rate_and_junk_counts_too() {
    let desk = desk(Source::Typed);
    // 10 a second, 20 at once.
    for n in 0..20 {
        let refusal = desk.issue(if n % 2 == 0 { b"junk" } else { b"{}" }, at(0), [1; 32]).unwrap_err();
        assert_ne!(refusal, Refusal::Rate, "{n}");
    }
    assert_eq!(desk.issue(&typed(1), at(0), [1; 32]).unwrap_err(), Refusal::Rate);
    let passed = (0..50).filter(|&account| desk.issue(&typed(account + 1), at(1), [1; 32]).is_ok()).count();
    assert_eq!(passed, 10);
}

#[test]
fn claims_that_nobody_signed_are_believed_only_where_the_rules_say_so() {
    let refusal = |source, body: &[u8]| desk(source).issue(body, at(0), [1; 32]).unwrap_err();
    assert_eq!(refusal(Source::Nobody, &typed(1)), Refusal::NoLogin);
    assert_eq!(refusal(Source::Nobody, b"a.b.c"), Refusal::NoLogin);
    assert_eq!(refusal(Source::Typed, b"a.b.c"), Refusal::NoLogin, "nothing checks a signature here");
    assert_eq!(refusal(Source::Typed, b"{"), Refusal::Claims);
    assert_eq!(refusal(Source::Typed, b"{\"account\":1}{}"), Refusal::Claims);
    assert_eq!(refusal(Source::Typed, "{\"name\":[".repeat(1_000).as_bytes()), Refusal::Claims, "no depth is too deep");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k");
    std::fs::write(&path, "a secret that is long enough for HMAC-SHA-256").unwrap();
    let login = crate::config::LoginConfig {
        algorithm: crate::config::JwtAlgorithm::Hs256,
        key_files: vec![path],
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        account_claim: "sub".to_owned(),
        max_age_s: 300,
        leeway_s: 0,
    };
    let jwt = || Source::Jwt(Box::new(Verifier::load(&login).unwrap()));
    assert_eq!(refusal(jwt(), &typed(1)), Refusal::Unsigned);
    assert_eq!(refusal(jwt(), b"{"), Refusal::JwtMalformed);
}

#[test]
fn new_rules_bind_from_the_next_token_on_and_order_goes_on() {
    let desk = desk(Source::Typed);
    desk.issue(&typed(1), at(0), [1; 32]).unwrap();
    let mint = Mint { key: Key::new([8; 32]), ..rules(Source::Typed).mint };
    desk.set_rules(Rules { mint, ..rules(Source::Typed) });
    let mut issued = desk.issue(&typed(1), at(0), [2; 32]).unwrap();
    assert_eq!(issued.serial, 2);
    let (id, expiry, nonce) = (issued.token.protocol_id, issued.token.expire_unix_s, issued.token.nonce);
    let mut open = |key| {
        PrivateToken::open(&mut issued.token.sealed, &TokenKey::new(&Key::new([key; 32])), id, expiry, &nonce).is_ok()
    };
    assert!(!open(7) && open(8));
}

#[test]
fn every_refusal_has_a_name_a_status_and_a_sentence_of_its_own() {
    let claim = Refusal::Claim { claim: "sub".to_owned(), wanted: "x" };
    let all = [
        Refusal::Bearer,
        Refusal::Restart { retry_after_s: 1 },
        Refusal::NotReady,
        Refusal::Rate,
        Refusal::AccountRate,
        Refusal::BodySize,
        Refusal::BodyLate,
        Refusal::Body,
        Refusal::NoLogin,
        Refusal::Unsigned,
        Refusal::JwtMalformed,
        Refusal::JwtAlgorithm,
        Refusal::JwtSignature,
        Refusal::JwtIssuer,
        Refusal::JwtAudience,
        Refusal::JwtExpired,
        Refusal::JwtNotYet,
        Refusal::JwtAge,
        claim,
        Refusal::Claims,
    ];
    let sentences: std::collections::BTreeSet<String> = all.iter().map(Refusal::sentence).collect();
    assert_eq!(sentences.len(), REASONS.len());
    for (index, refusal) in all.iter().enumerate() {
        assert_eq!(refusal.index(), index);
        assert!((400..=503).contains(&refusal.status().as_u16()));
    }
}
