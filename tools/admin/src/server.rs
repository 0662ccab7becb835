//! Which server is asked, by what right, and what its refusals mean.

use crate::terminal::sentence;
use anyhow::{Context, Result, bail};
use clap::Args;
use ops_client::{Answer, Status};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// In the data directory: the token of whoever may do everything.
const OPERATE_TOKEN_FILE: &str = "ops.token";
/// In the data directory: the token of whoever may only look.
const READ_TOKEN_FILE: &str = "ops-read.token";

/// Which server, and by what right.
#[derive(Clone, Debug, Args)]
pub struct Server {
    /// The server's operations address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9777")]
    pub ops: SocketAddr,
    /// The server's data directory: holds its ops.token, and ops-read.token with which one can only look
    #[arg(long, value_name = "DIR", default_value = "target/throng")]
    pub data: PathBuf,
    /// A file with a token, instead of the ones in the data directory
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
}

/// A token, and where it is from.
struct Pass {
    token: String,
    file: PathBuf,
}

impl Server {
    /// What `GET /api/v1/status` says.
    pub fn status(&self) -> Result<Status> {
        parsed(&self.page("/api/v1/status")?)
    }

    /// A page that is only for operators.
    pub fn page(&self, path: &str) -> Result<String> {
        let pass = self.pass()?;
        self.got(path, ops_client::get(self.ops, path, Some(&pass.token)), Some(&pass))
    }

    /// The same, where the server has much to do before it answers.
    pub fn page_and_wait(&self, path: &str) -> Result<String> {
        let pass = self.pass()?;
        self.got(path, ops_client::get_and_wait(self.ops, path, Some(&pass.token)), Some(&pass))
    }

    /// A page that is for everybody.
    pub fn open_page(&self, path: &str) -> Result<String> {
        self.got(path, ops_client::get(self.ops, path, None), None)
    }

    /// Gives a command.
    pub fn order(&self, command: &ops_api::Command) -> Result<String> {
        let (path, body) = request(command)?;
        self.post(&path, &body)
    }

    /// The same, where the server has much to do before it answers.
    pub fn order_and_wait(&self, command: &ops_api::Command) -> Result<String> {
        let (path, body) = request(command)?;
        let pass = self.pass()?;
        self.accepted(ops_client::post_and_wait(self.ops, &path, &pass.token, &body), &pass)
    }

    /// Hands `body` over at `path`.
    pub fn post(&self, path: &str, body: &str) -> Result<String> {
        let pass = self.pass()?;
        self.accepted(ops_client::post(self.ops, path, &pass.token, body), &pass)
    }

    fn got(&self, path: &str, answer: Result<Answer>, pass: Option<&Pass>) -> Result<String> {
        let answer = answer.context("the server cannot be reached")?;
        match (answer.status, pass) {
            (200, _) => Ok(answer.body),
            (401 | 403, Some(pass)) => bail!(self.wrong_token(pass)),
            (status, _) => match refusal(&answer.body) {
                Some(why) => bail!("the server at {} {why}", self.ops),
                None => bail!("the server at {} answers {status} to {path}", self.ops),
            },
        }
    }

    fn accepted(&self, answer: Result<Answer>, pass: &Pass) -> Result<String> {
        let Answer { status, body } = answer.context("the server cannot be reached")?;
        match (status, refusal(&body)) {
            (200 | 202, _) => Ok(body),
            // A login that is refused is a 401 too, and says why it is.
            (401, why) if why.is_none() || !body.contains("\"reason\":\"jwt") => bail!(self.wrong_token(pass)),
            (403, None) => bail!(self.wrong_token(pass)),
            (403, Some(why)) if pass.file.ends_with(READ_TOKEN_FILE) => {
                bail!("the server at {} {why} (the token in {})", self.ops, pass.file.display())
            }
            (_, Some(why)) => bail!("the server at {} {why}", self.ops),
            (status, None) => bail!("the server at {} answers {status}", self.ops),
        }
    }

    fn wrong_token(&self, pass: &Pass) -> String {
        format!("the server at {} refuses the token in {}", self.ops, pass.file.display())
    }

    /// The file that was named, or whichever of the two in the data directory can be read, the mightier first.
    fn pass(&self) -> Result<Pass> {
        if let Some(file) = &self.token {
            return read(file).with_context(|| format!("the token file {} cannot be read", file.display()))?;
        }
        let [operate, look] = [OPERATE_TOKEN_FILE, READ_TOKEN_FILE].map(|name| self.data.join(name));
        let unread = match read(&operate) {
            Ok(pass) => return pass,
            Err(unread) => unread,
        };
        // Whoever may only look cannot read the other's file.
        if let Ok(pass) = read(&look) {
            return pass;
        }
        let file = operate.display();
        let hint = "name the server's data directory with --data, or a token's file with --token";
        Err(unread).with_context(|| format!("the token file {file} cannot be read: {hint}"))
    }
}

fn read(file: &Path) -> std::io::Result<Result<Pass>> {
    let text = std::fs::read_to_string(file)?;
    let token = text.trim();
    // It becomes a line of the request.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Err(anyhow::anyhow!("the file {} holds no token", file.display())));
    }
    Ok(Ok(Pass { token: token.to_owned(), file: file.to_owned() }))
}

/// Path and body of a command: its name stands in the path, its fields in the body.
fn request(command: &ops_api::Command) -> Result<(String, String)> {
    let mut fields = serde_json::to_value(command)?;
    if let Some(object) = fields.as_object_mut() {
        object.remove("command");
    }
    Ok((format!("/api/v1/{}", command.name()), fields.to_string()))
}

/// What the answer means.
///
/// # Errors
/// It is of another kind than this build knows.
pub fn parsed<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).context("the server's answer is not the JSON we know")
}

/// What a server that refuses says, in one sentence: its own, and when to ask again. None if it gives no reason.
fn refusal(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Page {
        error: String,
        retry_after: Option<u64>,
    }
    let page: Page = serde_json::from_str(body).ok()?;
    let mut text = format!("refuses: {}", sentence(&page.error));
    if let Some(seconds) = page.retry_after {
        // Writing to a string cannot fail.
        let _ = write!(text, "; ask again in {seconds} s");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{answer, answering, data_dir, server};
    use std::net::TcpListener;

    #[test]
    fn the_token_is_shown_to_the_server() {
        let (ops, asked) = answering("HTTP/1.0 200 OK\r\n\r\n{\"players\":7}");
        let dir = data_dir();
        let status = server(ops, &dir).status().unwrap();
        assert_eq!(status.players, 7);
        let request = asked.join().unwrap();
        assert!(request.starts_with("GET /api/v1/status HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer secret\r\n"), "{request}");
    }

    #[test]
    fn the_token_is_the_one_that_was_named_or_the_mightiest_that_can_be_read() {
        let dir = data_dir();
        let shown = |token: Option<&str>| {
            let token = token.map(|name| dir.path().join(name));
            let server = Server { token, ..server("127.0.0.1:1".parse().unwrap(), &dir) };
            server.pass().map(|pass| pass.token).map_err(|error| format!("{error:#}"))
        };
        std::fs::write(dir.path().join("ops-read.token"), "look").unwrap();
        std::fs::write(dir.path().join("other"), " third \n").unwrap();
        assert_eq!((shown(None).unwrap(), shown(Some("other")).unwrap()), ("secret".to_owned(), "third".to_owned()));
        std::fs::remove_file(dir.path().join("ops.token")).unwrap();
        assert_eq!(shown(None).unwrap(), "look");
        std::fs::write(dir.path().join("other"), "two\nlines").unwrap();
        assert!(shown(Some("other")).unwrap_err().ends_with("other holds no token"));
        assert!(shown(Some("missing")).unwrap_err().contains("missing cannot be read"));
        std::fs::remove_file(dir.path().join("ops-read.token")).unwrap();
        assert!(shown(None).unwrap_err().contains("ops.token cannot be read: name the server's data directory"));
    }

    #[test]
    fn each_failure_has_its_own_sentence() {
        let dir = data_dir();
        let asked = |reply: &str| {
            let (ops, _asked) = answering(reply);
            server(ops, &dir).page("/api/v1/bans").unwrap_err().to_string()
        };
        assert!(asked("HTTP/1.0 401 Unauthorized\r\n\r\n").contains("refuses the token in"));
        assert!(asked("HTTP/1.0 404 Not Found\r\n\r\n").ends_with("answers 404 to /api/v1/bans"));
        let missing = asked(&answer(404, "{\"error\":\"nobody is \\u001b[2J\"}"));
        assert!(missing.ends_with("refuses: nobody is  [2J"), "{missing}");
    }

    #[test]
    fn a_command_that_is_refused_names_the_reason_or_the_token() {
        let dir = data_dir();
        let given = |status: u16, body: &str| {
            let (ops, _asked) = answering(answer(status, body));
            let refused = server(ops, &dir).order(&ops_api::Command::Report {}).unwrap_err().to_string();
            refused.replace(&ops.to_string(), "HERE")
        };
        assert!(given(401, "the token is missing or wrong\n").starts_with("the server at HERE refuses the token in "));
        assert!(given(401, "{\"error\":\"the token is missing or wrong\"}").contains("refuses the token in "));
        assert_eq!(given(403, "{\"error\":\"only to look\"}"), "the server at HERE refuses: only to look");
        assert_eq!(given(500, "<html>"), "the server at HERE answers 500");
        let later = "{\"error\":\"not now\",\"reason\":\"restart\",\"retry_after\":3}";
        assert_eq!(given(503, later), "the server at HERE refuses: not now; ask again in 3 s");
        std::fs::rename(dir.path().join("ops.token"), dir.path().join("ops-read.token")).unwrap();
        let looked = given(403, "{\"error\":\"only to look\"}");
        assert!(looked.contains("only to look (the token in ") && looked.ends_with("ops-read.token)"), "{looked}");
    }

    #[test]
    fn a_command_goes_to_the_path_of_its_name_with_its_fields() {
        let dir = data_dir();
        let (ops, asked) = answering(answer(200, "{}"));
        let kick = ops_api::Command::Kick { who: ops_api::Whom::Account(42), reason: "idle".to_owned() };
        server(ops, &dir).order(&kick).unwrap();
        let request = asked.join().unwrap();
        assert!(request.starts_with("POST /api/v1/kick HTTP/1.0\r\n"), "{request}");
        let body: serde_json::Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(body, serde_json::json!({ "who": "account:42", "reason": "idle" }));
    }

    #[test]
    fn a_server_that_is_not_there_cannot_be_reached() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = server(gone, &data_dir()).open_page("/metrics").unwrap_err();
        assert!(format!("{error:#}").starts_with("the server cannot be reached"), "{error:#}");
    }
}
