//! Why no token is minted: who is at fault, and what the answer says.

use axum::http::StatusCode;

/// A refusal. Each has its own counter, status and sentence; none repeats what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The caller is not an operator.
    Bearer,
    /// The server started a moment ago: a token of now could be one that was used before.
    Restart {
        /// Seconds until it would be let in.
        retry_after_s: u64,
    },
    /// The server is going down, or has not come up.
    NotReady,
    /// More requests than the server takes, from everybody together.
    Rate,
    /// More tokens than one account needs.
    AccountRate,
    /// The body is longer than any login.
    BodySize,
    /// The body did not arrive in time.
    BodyLate,
    /// The body broke off.
    Body,
    /// No login service is configured, and the server is not one for trying things out.
    NoLogin,
    /// Claims without a signature, where logins are checked.
    Unsigned,
    /// Claims that are no JSON object.
    Claims,
    /// Not a JWT.
    JwtMalformed,
    /// Signed with another algorithm than the configured one.
    JwtAlgorithm,
    /// Signed by somebody else.
    JwtSignature,
    /// Of another issuer.
    JwtIssuer,
    /// For another audience.
    JwtAudience,
    /// Past its `exp`.
    JwtExpired,
    /// Before its `nbf` or its `iat`.
    JwtNotYet,
    /// Issued too long ago.
    JwtAge,
    /// A claim is missing or out of its range.
    Claim {
        /// Its name, as configured.
        claim: String,
        /// What it must be.
        wanted: &'static str,
    },
}

/// The names of all refusals, as in `/metrics` and in answers; the order of the counters.
pub const REASONS: [&str; 20] = [
    "bearer",
    "restart",
    "not_ready",
    "rate",
    "account_rate",
    "body_size",
    "body_late",
    "body",
    "no_login",
    "unsigned",
    "jwt_malformed",
    "jwt_algorithm",
    "jwt_signature",
    "jwt_issuer",
    "jwt_audience",
    "jwt_expired",
    "jwt_not_yet",
    "jwt_age",
    "claim",
    "claims",
];

impl Refusal {
    /// Its place in [`REASONS`].
    pub fn index(&self) -> usize {
        match self {
            Self::Bearer => 0,
            Self::Restart { .. } => 1,
            Self::NotReady => 2,
            Self::Rate => 3,
            Self::AccountRate => 4,
            Self::BodySize => 5,
            Self::BodyLate => 6,
            Self::Body => 7,
            Self::NoLogin => 8,
            Self::Unsigned => 9,
            Self::JwtMalformed => 10,
            Self::JwtAlgorithm => 11,
            Self::JwtSignature => 12,
            Self::JwtIssuer => 13,
            Self::JwtAudience => 14,
            Self::JwtExpired => 15,
            Self::JwtNotYet => 16,
            Self::JwtAge => 17,
            Self::Claim { .. } => 18,
            Self::Claims => 19,
        }
    }

    /// 400: the request cannot be understood. 401: who asks, or who logs in, is not proven. 403: proven or not, not
    /// here. 429 and 503: later.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Bearer
            | Self::JwtAlgorithm
            | Self::JwtSignature
            | Self::JwtIssuer
            | Self::JwtAudience
            | Self::JwtExpired
            | Self::JwtNotYet
            | Self::JwtAge => StatusCode::UNAUTHORIZED,
            Self::NoLogin | Self::Unsigned => StatusCode::FORBIDDEN,
            Self::Body | Self::Claims | Self::JwtMalformed | Self::Claim { .. } => StatusCode::BAD_REQUEST,
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::BodySize => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Rate | Self::AccountRate => StatusCode::TOO_MANY_REQUESTS,
            Self::Restart { .. } | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds after which asking again may help.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Restart { retry_after_s } => Some(*retry_after_s),
            Self::NotReady => Some(5),
            Self::Rate | Self::AccountRate => Some(1),
            _ => None,
        }
    }

    /// One sentence for whoever reads the answer.
    pub fn sentence(&self) -> String {
        let text = match self {
            Self::Bearer => "the operations token is missing or wrong",
            Self::Restart { .. } => "the server has just started and would refuse a token minted now",
            Self::NotReady => "the server does not accept players",
            Self::Rate => "too many tokens are asked for",
            Self::AccountRate => "too many tokens are asked for one account",
            Self::BodySize => "the body is longer than any login",
            Self::BodyLate => "the body did not arrive in time",
            Self::Body => "the body broke off",
            Self::NoLogin => "no login service is configured: set auth.jwt_algorithm",
            Self::Unsigned => {
                "claims without a signature are taken only by a server with its development key on loopback"
            }
            Self::Claims => "the body is no JSON object of claims",
            Self::JwtMalformed => "the body is not a JWT in compact form",
            Self::JwtAlgorithm => "the JWT is not signed with the configured algorithm",
            Self::JwtSignature => "the signature of the JWT is not of a configured key",
            Self::JwtIssuer => "the JWT's iss is not the configured issuer",
            Self::JwtAudience => "the JWT's aud does not name the configured audience",
            Self::JwtExpired => "the JWT has expired",
            Self::JwtNotYet => "the JWT's nbf or iat lies in the future",
            Self::JwtAge => "the JWT was issued too long ago",
            Self::Claim { claim, wanted } => return format!("the claim {} must be {wanted}", claim.escape_debug()),
        };
        text.to_owned()
    }
}
