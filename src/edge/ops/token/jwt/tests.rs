use super::*;
use crate::config::LoginConfig;
use crate::edge::ops::token::signer::Signer;
use rudp::token::Role;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Seconds since 1970 at which these tests take place.
const NOW_S: u64 = 1_800_000_000;

fn config(algorithm: JwtAlgorithm, key_files: Vec<PathBuf>) -> LoginConfig {
    LoginConfig {
        algorithm,
        key_files,
        issuer: "https://login.example".to_owned(),
        audience: "throng".to_owned(),
        account_claim: "sub".to_owned(),
        max_age_s: 300,
        leeway_s: 5,
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "throng", "sub": "42", "name": "ada", "character": 7,
        "iat": NOW_S - 10, "exp": NOW_S + 60,
    })
}

fn with(claim: &str, value: Value) -> Value {
    let mut all = claims();
    all[claim] = value;
    all
}

fn without(claim: &str) -> Value {
    let mut all = claims();
    all.as_object_mut().unwrap().remove(claim);
    all
}

/// A verifier that knows this signer's key.
fn verifier(signer: &Signer) -> Verifier {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, signer.key_file()).unwrap();
    Verifier::load(&config(signer.algorithm(), vec![path])).unwrap()
}

#[test]
fn a_login_signed_with_any_of_the_four_algorithms_is_believed() {
    for signer in [Signer::hs256("s"), Signer::rs256(), Signer::es256(), Signer::ed_dsa()] {
        let login = verifier(&signer).verify(signer.sign(&claims()).as_bytes(), NOW_S).unwrap();
        assert_eq!((login.account_id, login.character_id, login.name.as_str()), (42, 7, "ada"));
        assert_eq!(login.role, Role::Player);
    }
}

#[test]
fn any_changed_byte_of_a_login_is_a_refusal() {
    let signer = Signer::es256();
    let (jwt, verifier) = (signer.sign(&claims()), verifier(&signer));
    for at in 0..jwt.len() {
        let mut bytes = jwt.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(verifier.verify(&bytes, NOW_S).is_err(), "byte {at}");
    }
    for cut in 0..jwt.len() {
        assert!(verifier.verify(&jwt.as_bytes()[..cut], NOW_S).is_err(), "{cut} bytes");
    }
    assert!(verifier.verify(jwt.as_bytes(), NOW_S).is_ok());
}

#[test]
fn the_algorithm_is_the_configured_one_whatever_the_header_says() {
    let (rsa, ec, hmac) = (Signer::rs256(), Signer::es256(), Signer::hs256("s"));
    assert_eq!(verifier(&rsa).verify(hmac.sign(&claims()).as_bytes(), NOW_S), Err(Refusal::JwtAlgorithm));
    assert_eq!(verifier(&rsa).verify(ec.sign(&claims()).as_bytes(), NOW_S), Err(Refusal::JwtAlgorithm));
    // The old trick: the public key, which everybody has, as the secret of an HMAC.
    let trick = Signer::hs256_of(rsa.key_file().trim());
    assert_eq!(verifier(&rsa).verify(trick.sign(&claims()).as_bytes(), NOW_S), Err(Refusal::JwtAlgorithm));
    for header in [json!({"alg": "none"}), json!({"alg": "None"}), json!({})] {
        let unsigned = hmac.sign_with(&header, &claims());
        assert_eq!(verifier(&hmac).verify(unsigned.as_bytes(), NOW_S), Err(Refusal::JwtMalformed), "{header}");
    }
    let extended = hmac.sign_with(&json!({"alg": "HS256", "crit": ["exp"]}), &claims());
    assert_eq!(verifier(&hmac).verify(extended.as_bytes(), NOW_S), Err(Refusal::JwtMalformed));
}

#[test]
fn a_key_of_somebody_else_signs_nothing() {
    for (ours, theirs) in [
        (Signer::es256(), Signer::es256()),
        (Signer::ed_dsa(), Signer::ed_dsa()),
        (Signer::hs256("a"), Signer::hs256("b")),
    ] {
        let jwt = theirs.sign(&claims());
        assert_eq!(verifier(&ours).verify(jwt.as_bytes(), NOW_S), Err(Refusal::JwtSignature));
    }
}

#[test]
fn both_keys_are_believed_while_the_login_service_changes_its_key() {
    let (old, new) = (Signer::ed_dsa(), Signer::ed_dsa());
    let dir = tempfile::tempdir().unwrap();
    let paths = ["old", "new"].map(|name| dir.path().join(name));
    for (path, signer) in paths.iter().zip([&old, &new]) {
        std::fs::write(path, signer.key_file()).unwrap();
    }
    let verifier = Verifier::load(&config(JwtAlgorithm::EdDsa, paths.to_vec())).unwrap();
    assert_eq!(verifier.keys(), 2);
    for signer in [&old, &new] {
        assert!(verifier.verify(signer.sign(&claims()).as_bytes(), NOW_S).is_ok());
    }
    let stranger = Signer::ed_dsa().sign(&claims());
    assert_eq!(verifier.verify(stranger.as_bytes(), NOW_S), Err(Refusal::JwtSignature));
}

#[test]
fn a_login_is_for_one_issuer_and_one_audience() {
    let signer = Signer::hs256("s");
    let verifier = verifier(&signer);
    let judge = |claims: Value| verifier.verify(signer.sign(&claims).as_bytes(), NOW_S).map(|login| login.account_id);
    assert_eq!(judge(with("aud", json!(["shop", "throng"]))), Ok(42));
    for claims in [with("iss", json!("https://evil.example")), without("iss"), with("iss", json!(1))] {
        assert_eq!(judge(claims), Err(Refusal::JwtIssuer));
    }
    for claims in [with("aud", json!("shop")), with("aud", json!([])), without("aud"), with("aud", json!({}))] {
        assert_eq!(judge(claims.clone()), Err(Refusal::JwtAudience), "{claims}");
    }
}

#[test]
fn a_login_lives_from_its_beginning_to_its_end_give_or_take_the_leeway() {
    let signer = Signer::hs256("s");
    let verifier = verifier(&signer);
    let judge = |claims: Value, unix_s| verifier.verify(signer.sign(&claims).as_bytes(), unix_s).err();
    // exp = NOW_S + 60, leeway 5.
    assert_eq!(judge(claims(), NOW_S + 64), None);
    assert_eq!(judge(claims(), NOW_S + 65), Some(Refusal::JwtExpired));
    // iat = NOW_S - 10.
    assert_eq!(judge(claims(), NOW_S - 15), None);
    assert_eq!(judge(claims(), NOW_S - 16), Some(Refusal::JwtNotYet));
    assert_eq!(judge(with("nbf", json!(NOW_S + 5)), NOW_S), None);
    assert_eq!(judge(with("nbf", json!(NOW_S + 6)), NOW_S), Some(Refusal::JwtNotYet));
    // However long it says it lives: 300 s and the leeway.
    let long = with("exp", json!(NOW_S + 1_000_000));
    assert_eq!(judge(long.clone(), NOW_S + 295), None);
    assert_eq!(judge(long, NOW_S + 296), Some(Refusal::JwtAge));
    assert_eq!(judge(with("exp", json!(u64::MAX)), NOW_S), None);
    assert_eq!(judge(with("exp", json!(NOW_S as f64 + 0.5)), NOW_S), None, "the RFC allows fractions");
    for (claim, value) in [("exp", json!("soon")), ("exp", json!(-1)), ("iat", json!(null)), ("nbf", json!([1]))] {
        let refusal = judge(with(claim, value.clone()), NOW_S);
        // Of exp and nbf the crate itself may say that they are no claims.
        let is_named = matches!(&refusal, Some(Refusal::Claim { claim: named, .. }) if named == claim);
        assert!(is_named || refusal == Some(Refusal::JwtMalformed), "{claim} = {value}: {refusal:?}");
    }
    for claim in ["exp", "iat"] {
        assert!(matches!(judge(without(claim), NOW_S), Some(Refusal::Claim { claim: named, .. }) if named == claim));
    }
}

#[test]
fn what_is_no_jwt_is_said_to_be_none() {
    let signer = Signer::hs256("s");
    let verifier = verifier(&signer);
    let jwt = signer.sign(&claims());
    let (head, tail) = jwt.split_once('.').unwrap();
    for text in ["", ".", "..", "...", "a.b.c", head, tail, &format!("{jwt}.x"), "\u{fffd}", &format!("{jwt}=")] {
        assert_eq!(verifier.verify(text.as_bytes(), NOW_S), Err(Refusal::JwtMalformed), "{text}");
    }
    for bytes in [&[0xFF, b'.', 0xFE, b'.', 0xFD][..], &[0; 100]] {
        assert_eq!(verifier.verify(bytes, NOW_S), Err(Refusal::JwtMalformed));
    }
    for claims in [json!([]), json!("text"), json!(7)] {
        assert_eq!(verifier.verify(signer.sign(&claims).as_bytes(), NOW_S), Err(Refusal::JwtMalformed), "{claims}");
    }
}

#[test]
fn a_key_file_that_cannot_serve_is_one_sentence_that_does_not_repeat_it() {
    use JwtAlgorithm::{EdDsa, Es256, Hs256, Rs256};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("login.key");
    let (rsa, ec, ed) = (Signer::rs256().key_file(), Signer::es256().key_file(), Signer::ed_dsa().key_file());
    let private = pem::encode(&pem::Pem::new("PRIVATE KEY", [1, 2, 3]));
    let garbage = pem::encode(&pem::Pem::new("PUBLIC KEY", [0x30; 300]));
    let cases: [(JwtAlgorithm, &str, &str); 12] = [
        (Hs256, "", "at least 32 characters"),
        (Hs256, "hunter2", "at least 32 characters"),
        (Hs256, &rsa, "not a key in PEM"),
        (Rs256, "hunter2", "holds no key in PEM"),
        (Rs256, &private, "holds a private key"),
        (Es256, &private, "holds a private key"),
        (Rs256, &ec, "no RSA public key of at least 2048 bits"),
        (Rs256, &garbage, "no RSA public key of at least 2048 bits"),
        (Es256, &ed, "no public key on the curve P-256"),
        (Es256, &garbage, "no public key on the curve P-256"),
        (EdDsa, &ec, "no Ed25519 public key"),
        (EdDsa, "", "holds no key in PEM"),
    ];
    for (algorithm, content, sentence) in cases {
        std::fs::write(&path, content).unwrap();
        let error = Verifier::load(&config(algorithm, vec![path.clone()])).unwrap_err().to_string();
        assert!(error.contains(sentence) && error.contains("login.key"), "{algorithm:?}: {error}");
        assert!(!error.contains("hunter2") && error.lines().count() == 1);
    }
    std::fs::write(&path, [0xFF; 64]).unwrap();
    let error = Verifier::load(&config(Hs256, vec![path.clone()])).unwrap_err().to_string();
    assert!(error.contains("it is no text"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(Verifier::load(&config(Hs256, vec![path])).unwrap_err().to_string().starts_with("cannot read"));
}

#[test]
fn an_rsa_key_below_2048_bits_is_refused_at_the_start() {
    // A modulus of 1,024 bits with exponent 65,537, as PKCS #1 has it.
    let mut der = vec![0x30, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00];
    der.extend([0xC5; 128]);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("k");
    std::fs::write(&path, pem::encode(&pem::Pem::new("RSA PUBLIC KEY", der))).unwrap();
    let error = Verifier::load(&config(JwtAlgorithm::Rs256, vec![path])).unwrap_err().to_string();
    assert!(error.contains("at least 2048 bits"), "{error}");
}
