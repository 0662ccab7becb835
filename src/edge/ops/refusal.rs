//! Why an operator is not given what he wants: one sentence, and the status that goes with it.

use crate::edge::switchboard::NoAnswer;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;

/// Why there is no answer of the kind that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Whoever asks has not shown who he is.
    Unauthorised,
    /// He may not.
    Forbidden(&'static str),
    /// Whoever asks is at fault.
    Request(String),
    /// There is none of what was asked for.
    Missing(String),
    /// Not by this method.
    Method,
    /// It cannot be done now.
    Conflict(String),
    /// Whoever has to do it has more to do than it can, or is gone.
    Away(&'static str),
    /// A store is away.
    Later(String),
    /// It was tried.
    Failed(String),
}

/// What is said while threads end.
pub const GOING_DOWN: &str = "the server is going down";

impl Refusal {
    /// The status and the sentence.
    pub fn parts(self) -> (StatusCode, String) {
        match self {
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "the token is missing or wrong".to_owned()),
            Self::Forbidden(error) => (StatusCode::FORBIDDEN, error.to_owned()),
            Self::Request(error) => (StatusCode::BAD_REQUEST, error),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "this page is not asked for in that way".to_owned()),
            Self::Missing(error) => (StatusCode::NOT_FOUND, error),
            Self::Conflict(error) => (StatusCode::CONFLICT, error),
            Self::Away(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_owned()),
            Self::Later(error) => (StatusCode::SERVICE_UNAVAILABLE, error),
            Self::Failed(error) => (StatusCode::INTERNAL_SERVER_ERROR, error),
        }
    }
}

impl From<NoAnswer> for Refusal {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Busy => Self::Away("the gate has not answered what it was asked before"),
            NoAnswer::GoingDown => Self::Away(GOING_DOWN),
            NoAnswer::Refused(error) => Self::Conflict(error.to_string()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = self.parts();
        (status, Json(json!({ "error": error }))).into_response()
    }
}
