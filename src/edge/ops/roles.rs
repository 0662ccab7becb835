//! Who may do what: two tokens, compared in constant time.

use super::Office;
use super::commands::Attempt;
use super::refusal::Refusal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ops_api::Role;
use std::fmt;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// What operators show.
#[derive(Clone)]
pub struct OpsTokens {
    /// Lets in who may do everything.
    pub operate: String,
    /// Lets in who may look.
    pub read: String,
}

/// What they are is nobody's business.
impl fmt::Debug for OpsTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpsTokens")
    }
}

impl OpsTokens {
    /// What whoever sent this may do. Both are compared, and whole: how long it takes tells nothing of how much was right.
    pub fn role(&self, headers: &HeaderMap) -> Option<Role> {
        let offered = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let offered = offered.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().trim().as_bytes();
        let is =
            |token: &str| -> Choice { offered.ct_eq(token.as_bytes()) & Choice::from(u8::from(!token.is_empty())) };
        let (operates, reads) = (is(&self.operate), is(&self.read));
        match (bool::from(operates), bool::from(reads)) {
            (true, _) => Some(Role::Operate),
            (_, true) => Some(Role::Read),
            _ => None,
        }
    }
}

/// Stands before the pages of the API: to look takes either token, to do anything the one for that.
pub async fn guard(State(office): State<Arc<Office>>, mut request: Request, next: Next) -> Response {
    let (role, attempt) = (office.tokens.role(request.headers()), Attempt::of(&request));
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    match role {
        Some(role) if is_look || role == Role::Operate => {
            request.extensions_mut().insert(role);
            next.run(request).await
        }
        Some(role) => {
            office.audit_refused(attempt, Some(role), 403).await;
            Refusal::Forbidden("this token lets you look only: say it with the one in ops.token").into_response()
        }
        None => {
            if !is_look {
                office.audit_refused(attempt, None, 401).await;
            }
            unauthorised()
        }
    }
}

/// To whoever has shown nothing that counts.
pub fn unauthorised() -> Response {
    let mut response = Refusal::Unauthorised.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_gives_its_own_right_and_an_empty_one_none() {
        let tokens = OpsTokens { operate: "c0ffee".to_owned(), read: "7ea".to_owned() };
        let role = |tokens: &OpsTokens, text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, text.parse().unwrap());
            tokens.role(&headers)
        };
        assert_eq!(role(&tokens, "Bearer c0ffee"), Some(Role::Operate));
        assert_eq!(role(&tokens, "Bearer 7ea"), Some(Role::Read));
        for wrong in ["Bearer ", "Bearer c0ffe", "Bearer C0FFEE", "Basic c0ffee", "Bearer c0ffee7ea", "c0ffee"] {
            assert_eq!(role(&tokens, wrong), None, "{wrong}");
        }
        assert_eq!(tokens.role(&HeaderMap::new()), None);
        let empty = OpsTokens { operate: String::new(), read: String::new() };
        assert_eq!(role(&empty, "Bearer "), None);
    }
}
