//! From claims to a player: each claim with the range it must lie in.

use super::refusal::Refusal;
use rudp::token::{CHOOSES, ID_MAX, NAME_BYTES_MAX, Name, Role};
use serde_json::{Map, Value};

/// What a login says of who is about to play, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The person; never 0.
    pub account_id: u64,
    /// The avatar; 0 = the account's own nameless one, [`CHOOSES`] = to be chosen when they are connected.
    pub character_id: u64,
    /// Shown to others.
    pub name: Name,
    /// What they may do.
    pub role: Role,
}

/// Claims as JSON, as signed or as typed.
pub type Claims = Map<String, Value>;

/// The claim `character` of who chooses when he is connected.
pub const CHOOSE: &str = "choose";

const CHARACTER: &str = "character";
const NAME: &str = "name";
const ROLE: &str = "role";

impl Login {
    /// Reads the claims; the account is in `account_claim`. What else they hold is the login service's own business.
    ///
    /// # Errors
    /// [`Refusal::Claim`] names the first that is missing or out of range.
    pub fn read(claims: &Claims, account_claim: &str) -> Result<Self, Refusal> {
        Ok(Self {
            account_id: id(claims, account_claim)?
                .filter(|&id| id > 0)
                .ok_or_else(|| refuse(account_claim, ACCOUNT))?,
            character_id: character(claims)?,
            name: name(claims)?,
            role: role(claims)?,
        })
    }

    /// Reads claims that nobody signed; a key that is none is a mistake of whoever typed them.
    ///
    /// # Errors
    /// [`Refusal::Claim`].
    pub fn read_typed(claims: &Claims) -> Result<Self, Refusal> {
        const ACCOUNT_KEY: &str = "account";
        match claims.keys().find(|key| ![ACCOUNT_KEY, CHARACTER, NAME, ROLE].contains(&key.as_str())) {
            // Named, but not at any length.
            Some(key) => {
                Err(refuse(&key.chars().take(NAME_BYTES_MAX).collect::<String>(), "account, character, name or role"))
            }
            None => Self::read(claims, ACCOUNT_KEY),
        }
    }
}

const ACCOUNT: &str = "a whole number from 1 to 2^63-1, or the same in quotes";
const ID: &str = "a whole number up to 2^63-1, or the same in quotes";

const CHARACTER_ID: &str = "a whole number up to 2^63-1, or the same in quotes, or \"choose\"";

fn refuse(claim: &str, wanted: &'static str) -> Refusal {
    Refusal::Claim { claim: claim.to_owned(), wanted }
}

/// A number, or the same in quotes for languages whose numbers end at 2^53. One id has one spelling.
fn id(claims: &Claims, claim: &str) -> Result<Option<u64>, Refusal> {
    let id = match claims.get(claim) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse::<u64>().ok().filter(|id| id.to_string() == *text),
        Some(_) => None,
    };
    id.filter(|&id| id <= ID_MAX).map(Some).ok_or_else(|| refuse(claim, ID))
}

fn character(claims: &Claims) -> Result<u64, Refusal> {
    if claims.get(CHARACTER).and_then(Value::as_str) == Some(CHOOSE) {
        return Ok(CHOOSES);
    }
    Ok(id(claims, CHARACTER).map_err(|_| refuse(CHARACTER, CHARACTER_ID))?.unwrap_or(0))
}

fn name(claims: &Claims) -> Result<Name, Refusal> {
    let text = claims.get(NAME).and_then(Value::as_str).unwrap_or_default();
    let is_plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
    let name = if is_plain { Name::new(text) } else { None };
    name.ok_or_else(|| refuse(NAME, "a text of 1 to 32 bytes without control characters"))
}

fn role(claims: &Claims) -> Result<Role, Refusal> {
    match claims.get(ROLE) {
        None | Some(Value::Null) => Ok(Role::Player),
        Some(Value::String(role)) if role == "player" => Ok(Role::Player),
        Some(Value::String(role)) if role == "operator" => Ok(Role::Operator),
        Some(_) => Err(refuse(ROLE, "\"player\" or \"operator\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    /// Whole claims with one of them changed.
    fn with(claim: &str, value: Value) -> Claims {
        let mut all = claims(json!({"sub": "7", "character": 3, "name": "Ünal", "role": "operator", "email": "a@b"}));
        all.insert(claim.to_owned(), value);
        all
    }

    #[test]
    fn whole_claims_become_a_login_and_unknown_ones_are_none_of_our_business() {
        let login = Login::read(&with("sub", json!("7")), "sub").unwrap();
        let expected =
            Login { account_id: 7, character_id: 3, name: Name::new("Ünal").unwrap(), role: Role::Operator };
        assert_eq!(login, expected);
        let least = Login::read(&claims(json!({"uid": ID_MAX, "name": "x", "role": null})), "uid").unwrap();
        assert_eq!((least.account_id, least.character_id, least.role), (ID_MAX, 0, Role::Player));
    }

    #[test]
    fn a_login_may_leave_the_choice_of_the_character_to_the_player() {
        assert_eq!(Login::read(&with("character", json!("choose")), "sub").unwrap().character_id, CHOOSES);
        for value in [json!("chooses"), json!("Choose"), json!(u64::MAX), json!(u64::MAX.to_string())] {
            let refusal = Login::read(&with("character", value), "sub").unwrap_err();
            assert!(refusal.sentence().ends_with("or \"choose\""), "{}", refusal.sentence());
        }
        assert!(Login::read(&with("sub", json!("choose")), "sub").is_err(), "an account is not chosen");
    }

    #[test]
    fn ids_beyond_2_to_the_53_survive_as_numbers_and_in_quotes() {
        for value in [json!(ID_MAX - 1), json!((ID_MAX - 1).to_string())] {
            assert_eq!(Login::read(&with("sub", value), "sub").unwrap().account_id, ID_MAX - 1);
        }
    }

    #[test]
    fn each_claim_out_of_range_is_named() {
        let long = "n".repeat(33);
        let cases = [
            ("sub", json!(0)),
            ("sub", json!("0")),
            ("sub", json!("007")),
            ("sub", json!("+7")),
            ("sub", json!(-7)),
            ("sub", json!(7.5)),
            ("sub", json!(1e30)),
            ("sub", json!("18446744073709551616")),
            ("sub", json!(ID_MAX + 1)),
            ("character", json!(ID_MAX + 1)),
            ("sub", json!("b1946ac9-2492-4d23-a4cd-2d8e0b1c5f10")),
            ("sub", json!(null)),
            ("sub", json!([7])),
            ("character", json!("three")),
            ("character", json!(-1)),
            ("character", json!({})),
            ("name", json!("")),
            ("name", json!("  ")),
            ("name", json!(long)),
            ("name", json!("a\u{0}b")),
            ("name", json!("a\nb")),
            ("name", json!(5)),
            ("name", json!(null)),
            ("role", json!("admin")),
            ("role", json!("Player")),
            ("role", json!(1)),
        ];
        for (claim, value) in cases {
            match Login::read(&with(claim, value.clone()), "sub") {
                Err(Refusal::Claim { claim: named, .. }) => assert_eq!(named, claim, "{value}"),
                other => panic!("{claim} = {value}: {other:?}"),
            }
        }
        let exact = "n".repeat(32);
        assert_eq!(Login::read(&with("name", json!(exact)), "sub").unwrap().name.as_str(), exact);
    }

    #[test]
    fn a_mistyped_claim_is_told_to_whoever_typed_it() {
        let typed = |value| Login::read_typed(&claims(value));
        assert!(typed(json!({"account": 1, "name": "x"})).is_ok());
        let refusal = typed(json!({"account": 1, "name": "x", "charcter": 2})).unwrap_err();
        assert_eq!(refusal.sentence(), "the claim charcter must be account, character, name or role");
    }
}
