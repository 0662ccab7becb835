//! What Redis says when it does not do what it is asked, in our words.

use ::redis::{ConnectionInfo, ErrorKind, RedisError, ServerError, Value};
use server::{StoreError, Trouble};

/// Longest part of an answer that is quoted: whatever listens at that address may say anything.
const QUOTED_CHARS_MAX: usize = 160;

/// Which Redis it is, without what lets one in.
pub struct Place {
    at: String,
    password: Option<String>,
}

impl Place {
    /// Of an address.
    pub fn of(info: &ConnectionInfo) -> Self {
        Self { at: info.addr().to_string(), password: info.redis_settings().password().map(str::to_owned) }
    }

    /// A value, if it is not an error.
    pub fn answer(&self, value: Value) -> Result<Value, StoreError> {
        match value {
            Value::ServerError(error) => Err(self.said(&error)),
            value => Ok(value),
        }
    }

    /// A call that failed as a whole.
    pub fn trouble(&self, error: &RedisError) -> StoreError {
        if error.is_timeout() {
            return self.error(Trouble::Slow, "does not answer in time");
        }
        let said = error.to_string();
        let trouble = match error.kind() {
            ErrorKind::Io => return self.error(Trouble::Down, &format!("cannot be reached: {said}")),
            ErrorKind::AuthenticationFailed => return self.error(Trouble::Credentials, "refuses our password"),
            ErrorKind::Parse => return self.error(Trouble::Broken, "does not speak as Redis does"),
            _ => of_code(error.code().unwrap_or_default(), &said),
        };
        self.error(trouble, &format!("says {said}"))
    }

    /// An answer that this code does not understand.
    pub fn broken(&self, what: &str) -> StoreError {
        self.error(Trouble::Broken, what)
    }

    /// A value that this server did not write.
    pub fn foreign(&self, key: &str) -> StoreError {
        self.error(Trouble::Broken, &format!("has at {key} what no server of ours writes"))
    }

    fn said(&self, error: &ServerError) -> StoreError {
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        self.error(of_code(code, details), &format!("says {code} {details}"))
    }

    /// One sentence in one line, without the password, whoever said it.
    fn error(&self, trouble: Trouble, what: &str) -> StoreError {
        let secret = self.password.as_deref().filter(|password| !password.is_empty());
        let what = secret.map_or_else(|| what.to_owned(), |secret| what.replace(secret, "***"));
        let what: String = what.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let mut quoted: String = what.chars().take(QUOTED_CHARS_MAX).collect();
        quoted.truncate(quoted.trim_end().len());
        StoreError { trouble, text: format!("Redis at {} {quoted}", self.at) }
    }
}

/// The code of an answer that is an error.
pub fn code(value: &Value) -> Option<&str> {
    match value {
        Value::ServerError(error) => Some(error.code()),
        _ => None,
    }
}

/// [`Trouble::Broken`] is what only the one player has who was asked about.
fn of_code(code: &str, details: &str) -> Trouble {
    match code {
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Trouble::Credentials,
        // It cannot write its file, and takes nothing until it can.
        "OOM" | "MISCONF" => Trouble::Full,
        // A cluster that sends on and on is about to change.
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" => Trouble::Starting,
        "READONLY" | "NOREPLICAS" => Trouble::ReadOnly,
        // A script of somebody's runs and runs.
        "BUSY" => Trouble::Slow,
        // Before version 7, an error inside a script has no code of its own: it is quoted.
        "ERR" => QUOTED.iter().find(|(quoted, _)| details.contains(quoted)).map_or(Trouble::Broken, |(_, what)| *what),
        _ => Trouble::Broken,
    }
}

const QUOTED: [(&str, Trouble); 6] = [
    ("max number of clients reached", Trouble::Down),
    ("Authentication required", Trouble::Credentials),
    ("-OOM ", Trouble::Full),
    ("-MISCONF ", Trouble::Full),
    ("-READONLY ", Trouble::ReadOnly),
    ("-NOREPLICAS ", Trouble::ReadOnly),
];

#[cfg(test)]
mod tests {
    use super::*;
    use ::redis::{IntoConnectionInfo, parse_redis_value};

    fn place() -> Place {
        Place::of(&"redis://ann:s3cret@127.0.0.1:7/0".into_connection_info().unwrap())
    }

    fn said(line: &str) -> StoreError {
        place().answer(parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap()).unwrap_err()
    }

    #[test]
    fn what_redis_says_has_one_word_of_ours() {
        let lines = [
            ("NOAUTH Authentication required.", Trouble::Credentials),
            ("NOPERM this user has no permissions to run the 'set' command", Trouble::Credentials),
            ("OOM command not allowed when used memory > 'maxmemory'.", Trouble::Full),
            ("MISCONF Redis is configured to save RDB snapshots, but", Trouble::Full),
            ("LOADING Redis is loading the dataset in memory", Trouble::Starting),
            ("CLUSTERDOWN The cluster is down", Trouble::Starting),
            ("READONLY You can't write against a read only replica.", Trouble::ReadOnly),
            ("NOREPLICAS Not enough good replicas to write.", Trouble::ReadOnly),
            ("BUSY Redis is busy running a script.", Trouble::Slow),
            ("ERR max number of clients reached", Trouble::Down),
            ("ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed", Trouble::Full),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Trouble::Broken),
            ("MOVED 3999 127.0.0.1:6381", Trouble::Starting),
        ];
        for (line, trouble) in lines {
            let error = said(line);
            assert_eq!(error.trouble, trouble, "{line}");
            assert!(error.text.starts_with("Redis at 127.0.0.1:7 says "), "{error}");
        }
    }

    #[test]
    fn a_text_is_one_line_of_bounded_length_without_the_password() {
        let error = said(&format!("ERR \u{1b}[31m s3cret {}", "x".repeat(999)));
        assert!(!error.text.contains("s3cret") && !error.text.contains('\u{1b}'), "{error}");
        assert!(error.text.len() < 250, "{}", error.text.len());
    }
}
