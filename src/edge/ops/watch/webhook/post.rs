//! One POST over a connection of its own, plain or with TLS.

use axum::body::Body;
use axum::http::{Request, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Why a letter did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may another time.
    Later(String),
    /// It will not: the receiver understands neither us nor the letter.
    Never(String),
}

/// Where letters go. Its address may hold a secret: it is shown to nobody.
pub struct Receiver {
    host: String,
    port: u16,
    /// As the header `Host` has it.
    authority: String,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Receiver {
    /// The receiver at this address. With `https` it must show a certificate that this system trusts.
    ///
    /// # Errors
    /// The address cannot be used, in one sentence that does not repeat it.
    pub fn new(url: &str) -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs;
        Self::trusting(url, || {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found().certs);
            roots
        })
    }

    /// The same with other certificates than the system's.
    pub(super) fn trusting(url: &str, roots: impl FnOnce() -> RootCertStore) -> Result<Self, String> {
        let refused = || "alerts.webhook_url is no address that begins with http:// or https://".to_owned();
        let uri: Uri = url.parse().map_err(|_| refused())?;
        let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(refused)?;
        let is_secret = scheme == "https";
        // An IPv6 address stands in brackets there, and nowhere else.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match is_secret {
            true => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| "alerts.webhook_url names a host that no certificate can be for".to_owned())?;
                Some((connector(roots())?, name))
            }
            false => None,
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(if is_secret { 443 } else { 80 }),
            authority: authority.as_str().rsplit('@').next().unwrap_or_default().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
            host,
            tls,
        })
    }

    /// Posts `body`, JSON.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn post(&self, id: &str, body: &str, within: Duration) -> Result<(), Failure> {
        match timeout(within, self.exchange(id, body)).await {
            Ok(Ok(status)) => judge(status),
            Ok(Err(why)) => Err(Failure::Later(why)),
            Err(_) => Err(Failure::Later(format!("no answer within {:.1} s", within.as_secs_f64()))),
        }
    }

    async fn exchange(&self, id: &str, body: &str) -> Result<StatusCode, String> {
        let said = |error: io::Error| format!("it cannot be reached: {error}");
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(said)?;
        match &self.tls {
            None => self.speak(stream, id, body).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                self.speak(stream.map_err(|error| format!("TLS failed: {error}"))?, id, body).await
            }
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        id: &str,
        body: &str,
    ) -> Result<StatusCode, String> {
        let said = |error: hyper::Error| format!("it does not speak HTTP as it should: {error}");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(said)?;
        // Ends with this call, however that ends.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, concat!("throng/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .header("idempotency-key", id)
            .body(Body::from(body.to_owned()))
            .map_err(|error| format!("the address makes no request: {error}"))?;
        sender.send_request(request).await.map(|answer| answer.status()).map_err(said)
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("is_secret", &self.tls.is_some()).finish_non_exhaustive()
    }
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, String> {
    if roots.is_empty() {
        return Err("alerts.webhook_url wants TLS, and this system has no certificates that it trusts".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A status from 300 to 499 says that the letter, or the address, is wrong, which does not change; but for those that say
/// "later".
fn judge(status: StatusCode) -> Result<(), Failure> {
    let later = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    let said = format!("it answers {}", status.as_u16());
    match status {
        _ if status.is_success() => Ok(()),
        _ if status.is_server_error() || later.contains(&status) => Err(Failure::Later(said)),
        _ => Err(Failure::Never(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_letter_is_told_from_what_may_pass() {
        let of = |code| judge(StatusCode::from_u16(code).unwrap());
        for good in [200, 202, 204, 299] {
            assert_eq!(of(good), Ok(()));
        }
        for passing in [408, 425, 429, 500, 503] {
            assert_eq!(of(passing), Err(Failure::Later(format!("it answers {passing}"))));
        }
        for lasting in [301, 400, 401, 404, 410, 413] {
            assert_eq!(of(lasting), Err(Failure::Never(format!("it answers {lasting}"))));
        }
    }

    #[test]
    fn an_address_is_taken_apart_and_never_shown() {
        let receiver = Receiver::new("http://user@[::1]:81/hook?key=s3cret").unwrap();
        let parts = (receiver.host.as_str(), receiver.port, receiver.authority.as_str(), receiver.path.as_str());
        assert_eq!(parts, ("::1", 81, "[::1]:81", "/hook?key=s3cret"));
        assert!(!format!("{receiver:?}").contains("s3cret"));
        let plain = Receiver::new("http://hooks.example").unwrap();
        assert_eq!((plain.port, plain.path.as_str()), (80, "/"));
        assert!(Receiver::new("hooks").unwrap_err().starts_with("alerts.webhook_url is no address"));
    }
}
