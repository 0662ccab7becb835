//! Who may say who a player is: the keys of `[auth]` that begin with `jwt_`.

use crate::config::key::{JWT_ACCOUNT_CLAIM, JWT_KEY_FILES_MAX, JWT_LEEWAY_S, JWT_MAX_AGE_S};
use crate::config::written::Written;
use std::path::PathBuf;

/// What the studio's login service signs with. Fixed here and never taken from what it signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256: one secret that both hold.
    Hs256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// How a login is checked.
#[derive(Clone, Debug)]
pub struct LoginConfig {
    /// The only algorithm that is accepted.
    pub algorithm: JwtAlgorithm,
    /// The secrets or public keys, each tried in order; 1 to 4.
    pub key_files: Vec<PathBuf>,
    /// What the claim `iss` must say.
    pub issuer: String,
    /// What the claim `aud` must name.
    pub audience: String,
    /// The claim that holds the account id.
    pub account_claim: String,
    /// Seconds after its `iat` for which a login is good.
    pub max_age_s: u64,
    /// Seconds that the login service's clock may be off.
    pub leeway_s: u64,
}

/// Takes the keys; none without an algorithm.
pub fn resolve(written: &mut Written) -> Option<LoginConfig> {
    let choices = [
        ("", None),
        ("HS256", Some(JwtAlgorithm::Hs256)),
        ("RS256", Some(JwtAlgorithm::Rs256)),
        ("ES256", Some(JwtAlgorithm::Es256)),
        ("EdDSA", Some(JwtAlgorithm::EdDsa)),
    ];
    let algorithm = written.choice("auth.jwt_algorithm", &choices);
    let key_files = written.paths("auth.jwt_key_files");
    let issuer = written.text("auth.jwt_issuer");
    let audience = written.text("auth.jwt_audience");
    let account_claim = written.text("auth.jwt_account_claim").unwrap_or_else(|| JWT_ACCOUNT_CLAIM.to_owned());
    let max_age_s = written.integer("auth.jwt_max_age_s", JWT_MAX_AGE_S) as u64;
    let leeway_s = written.integer("auth.jwt_leeway_s", JWT_LEEWAY_S) as u64;
    if key_files.len() > JWT_KEY_FILES_MAX {
        let count = key_files.len();
        written.problem(format!("auth.jwt_key_files names {count} files, at most {JWT_KEY_FILES_MAX} are tried"));
    }
    let set = [
        ("jwt_key_files", !key_files.is_empty()),
        ("jwt_issuer", issuer.is_some()),
        ("jwt_audience", audience.is_some()),
    ];
    let Some(algorithm) = algorithm else {
        // Who wrote half of it believes that logins are checked.
        if let Some((key, _)) = set.iter().find(|(_, is_set)| *is_set) {
            written.problem(format!("auth.{key} is set but auth.jwt_algorithm is not, so no login would be checked"));
        }
        return None;
    };
    for (key, _) in set.iter().filter(|(_, is_set)| !is_set) {
        written.problem(format!("auth.jwt_algorithm is set, which needs auth.{key} too"));
    }
    Some(LoginConfig {
        algorithm,
        key_files,
        issuer: issuer.unwrap_or_default(),
        audience: audience.unwrap_or_default(),
        account_claim,
        max_age_s,
        leeway_s,
    })
}
