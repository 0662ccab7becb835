//! Whether a JWT is a login: the signature by the crate for it, the times by the clock that is handed in.

use super::login::{Claims, Login};
use super::refusal::Refusal;
use crate::config::{JwtAlgorithm, LoginConfig};
use crate::edge::secret::{self, SecretError};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;
use std::path::Path;

/// Characters of a shared secret at least: RFC 7518, 3.2 wants as many bits as the hash has.
const SECRET_BYTES_MIN: usize = 32;
/// Bytes of an RSA public key at least: a modulus of 2,048 bits fills them alone.
const RSA_DER_BYTES_MIN: usize = 256;

/// Checks logins.
pub struct Verifier {
    algorithm: Algorithm,
    keys: Vec<DecodingKey>,
    validation: Validation,
    account_claim: String,
    max_age_s: u64,
    leeway_s: u64,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("algorithm", &self.algorithm).field("keys", &self.keys.len()).finish()
    }
}

impl Verifier {
    /// Reads the keys that `config` names.
    ///
    /// # Errors
    /// A file cannot be read or holds no key for the algorithm.
    pub fn load(config: &LoginConfig) -> Result<Self, SecretError> {
        let keys = config.key_files.iter().map(|path| read_key(path, config.algorithm)).collect::<Result<_, _>>()?;
        let algorithm = match config.algorithm {
            JwtAlgorithm::Hs256 => Algorithm::HS256,
            JwtAlgorithm::Rs256 => Algorithm::RS256,
            JwtAlgorithm::Es256 => Algorithm::ES256,
            JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        };
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["iss", "aud"]);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        // The crate would read the clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Self {
            algorithm,
            keys,
            validation,
            account_claim: config.account_claim.clone(),
            max_age_s: config.max_age_s,
            leeway_s: config.leeway_s,
        })
    }

    /// How many keys are tried.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The login in `jwt`, if it is one at `unix_s`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn verify(&self, jwt: &[u8], unix_s: u64) -> Result<Login, Refusal> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| Refusal::JwtMalformed)?;
        if header.alg != self.algorithm {
            return Err(Refusal::JwtAlgorithm);
        }
        // RFC 7515, 4.1.11: who does not understand an extension that is marked so must refuse. We understand none.
        if header.crit.is_some() {
            return Err(Refusal::JwtMalformed);
        }
        let claims = self.open(jwt)?;
        self.check_times(&claims, unix_s)?;
        Login::read(&claims, &self.account_claim)
    }

    fn open(&self, jwt: &[u8]) -> Result<Claims, Refusal> {
        for key in &self.keys {
            match jsonwebtoken::decode::<Claims>(jwt, key, &self.validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    ErrorKind::InvalidIssuer => return Err(Refusal::JwtIssuer),
                    ErrorKind::InvalidAudience => return Err(Refusal::JwtAudience),
                    ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => return Err(Refusal::JwtIssuer),
                    ErrorKind::MissingRequiredClaim(_) => return Err(Refusal::JwtAudience),
                    ErrorKind::InvalidAlgorithm => return Err(Refusal::JwtAlgorithm),
                    _ => return Err(Refusal::JwtMalformed),
                },
            }
        }
        Err(Refusal::JwtSignature)
    }

    /// RFC 7519, 4.1.4 to 4.1.6, and the age beyond which a login is too old for us however long it says it lives.
    fn check_times(&self, claims: &Claims, unix_s: u64) -> Result<(), Refusal> {
        let exp = time(claims, "exp")?.ok_or_else(|| no_time("exp"))?;
        let iat = time(claims, "iat")?.ok_or_else(|| no_time("iat"))?;
        let starts = time(claims, "nbf")?.unwrap_or(0).max(iat);
        if unix_s >= exp.saturating_add(self.leeway_s) {
            return Err(Refusal::JwtExpired);
        }
        if starts > unix_s.saturating_add(self.leeway_s) {
            return Err(Refusal::JwtNotYet);
        }
        if unix_s > iat.saturating_add(self.max_age_s).saturating_add(self.leeway_s) {
            return Err(Refusal::JwtAge);
        }
        Ok(())
    }
}

fn no_time(claim: &str) -> Refusal {
    Refusal::Claim { claim: claim.to_owned(), wanted: "a time in seconds since 1970" }
}

/// A NumericDate, whole seconds; a fraction is dropped, as the RFC allows one.
fn time(claims: &Claims, claim: &str) -> Result<Option<u64>, Refusal> {
    match claims.get(claim) {
        None => Ok(None),
        Some(Value::Number(number)) => {
            let fraction =
                || number.as_f64().filter(|seconds| (0.0..1e15).contains(seconds)).map(|seconds| seconds as u64);
            number.as_u64().or_else(fraction).map(Some).ok_or_else(|| no_time(claim))
        }
        Some(_) => Err(no_time(claim)),
    }
}

fn read_key(path: &Path, algorithm: JwtAlgorithm) -> Result<DecodingKey, SecretError> {
    let text = secret::text(path)?;
    let unfit = |why| SecretError::Unfit { path: path.to_owned(), why };
    if algorithm == JwtAlgorithm::Hs256 {
        // A public key in this place would be a secret that everybody knows.
        if text.starts_with("-----BEGIN") {
            return Err(unfit("HS256 wants a shared secret, not a key in PEM"));
        }
        if text.len() < SECRET_BYTES_MIN {
            return Err(unfit("a shared secret has at least 32 characters"));
        }
        return Ok(DecodingKey::from_secret(text.as_bytes()));
    }
    let block = pem::parse(&text).map_err(|_| unfit("it holds no key in PEM"))?;
    if block.tag().contains("PRIVATE") {
        return Err(unfit("it holds a private key; give the server the public one only"));
    }
    let der = block.contents();
    let (parsed, key, why) = match algorithm {
        JwtAlgorithm::Rs256 => (
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der),
            DecodingKey::from_rsa_der(der),
            "it holds no RSA public key of at least 2048 bits",
        ),
        JwtAlgorithm::Es256 => (
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, der),
            DecodingKey::from_ec_der(der),
            "it holds no public key on the curve P-256",
        ),
        JwtAlgorithm::EdDsa | JwtAlgorithm::Hs256 => {
            (ParsedPublicKey::new(&ED25519, der), DecodingKey::from_ed_der(der), "it holds no Ed25519 public key")
        }
    };
    let is_weak = algorithm == JwtAlgorithm::Rs256 && der.len() < RSA_DER_BYTES_MIN;
    if parsed.is_err() || is_weak { Err(unfit(why)) } else { Ok(key) }
}

#[cfg(test)]
mod tests;
