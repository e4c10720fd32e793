//! Takes one event to one receiver over HTTP: to an address that was looked at, once, and without listening to more than it has to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::address::Allowed;
use crate::domain::{WebhookHost, WebhookUrl};
use crate::ports::{Heard, Silence};

/// How long a receiver may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// How long it may take to get through to one of its addresses; the next one may be better.
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Octets of an answer's head.
const HEAD_MAX: usize = 16 * 1024;
/// Octets of an answer's body that are read, and for how long, so that the receiver may finish what it says. They are not
/// looked at.
const BODY_MAX: usize = 16 * 1024;
const BODY: Duration = Duration::from_secs(1);

/// Why nothing can be taken anywhere.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    #[error("webhooks.ca_file: {}: {why}", file.display())]
    Authorities { file: PathBuf, why: String },
}

/// One event, signed.
#[derive(Debug, Clone)]
pub struct Letter {
    pub url: WebhookUrl,
    pub id: String,
    /// Seconds since 1970.
    pub second: i64,
    pub signatures: String,
    pub body: Bytes,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    pub heard: Heard,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// Knows whom it may go to, and whom to believe.
pub struct Courier {
    allowed: Allowed,
    tls: TlsConnector,
}

impl Courier {
    /// `authorities` is a file with certificates, in PEM, that are trusted beside those that this machine trusts.
    pub fn new(allowed: Allowed, authorities: Option<&Path>) -> Result<Self, CourierError> {
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(file) = authorities {
            let failed = |why: String| CourierError::Authorities { file: file.to_owned(), why };
            let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let read = read.map_err(|error| failed(error.to_string()))?;
            if read.is_empty() {
                return Err(failed("has no certificate in PEM".to_owned()));
            }
            for certificate in read {
                trusted.add(certificate).map_err(|error| failed(error.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("ring has the suites of both versions")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        Ok(Self { allowed, tls: TlsConnector::from(Arc::new(config)) })
    }

    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Takes a letter to its receiver, and waits for the head of an answer.
    pub async fn take(&self, letter: &Letter, patience: Duration, now: Timestamp) -> Reply {
        let silence = match tokio::time::timeout(patience, self.deliver(letter)).await {
            Ok(Ok(spoken)) => return spoken.hear_out(now).await,
            Ok(Err(silence)) => silence,
            Err(_) => Silence::TimedOut,
        };
        Reply { heard: Heard::Nothing(silence), retry_after: None }
    }

    async fn deliver(&self, letter: &Letter) -> Result<Spoken, Silence> {
        self.allowed.check(&letter.url).map_err(|_| Silence::NotAllowed)?;
        let socket = self.connect(&letter.url).await?;
        if !letter.url.is_https() {
            return speak(socket, letter).await;
        }
        let name = server_name(letter.url.host()).ok_or(Silence::NoTls)?;
        let secured = self.tls.connect(name, socket).await.map_err(|_| Silence::NoTls)?;
        speak(secured, letter).await
    }

    /// Connects to an address that was looked at, and not to a name that may lead elsewhere a moment later.
    async fn connect(&self, url: &WebhookUrl) -> Result<TcpStream, Silence> {
        let addresses: Vec<SocketAddr> = match url.host() {
            WebhookHost::Address(address) => vec![SocketAddr::new(*address, url.port())],
            WebhookHost::Name(name) => {
                let found = tokio::net::lookup_host((name.as_str(), url.port())).await;
                found.map_err(|_| Silence::Unresolved)?.collect()
            }
        };
        if addresses.is_empty() {
            return Err(Silence::Unresolved);
        }
        let allowed = addresses.into_iter().filter(|address| self.allowed.allows(url.host(), address.ip()));
        let mut silence = Silence::NotAllowed;
        for address in allowed.take(ADDRESSES_MAX) {
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(_)) | Err(_) => silence = Silence::Unreachable,
            }
        }
        Err(silence)
    }
}

fn server_name(host: &WebhookHost) -> Option<ServerName<'static>> {
    match host {
        WebhookHost::Address(address) => Some(ServerName::IpAddress((*address).into())),
        WebhookHost::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
    }
}

/// An answer, and the connection on which the rest of it may come.
struct Spoken {
    answer: Response<Incoming>,
    _connection: JoinSet<()>,
}

/// One request and the head of its answer, on a connection that is used for nothing else.
async fn speak(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    letter: &Letter,
) -> Result<Spoken, Silence> {
    let mut settings = http1::Builder::new();
    settings.max_buf_size(HEAD_MAX);
    let (mut sender, connection) = settings.handshake(TokioIo::new(socket)).await.map_err(|_| Silence::NoAnswer)?;
    let mut connected = JoinSet::new();
    connected.spawn(async {
        // How it ends shows in the answer.
        let _ = connection.await;
    });
    let answer = sender.send_request(request(letter)?).await.map_err(|_| Silence::NoAnswer)?;
    Ok(Spoken { answer, _connection: connected })
}

impl Spoken {
    /// Reads on until the answer's end or its bound: the status counts, whatever becomes of the rest.
    async fn hear_out(self, now: Timestamp) -> Reply {
        let heard = Heard::Status(self.answer.status().as_u16());
        let reply = Reply { heard, retry_after: retry_after(self.answer.headers(), now) };
        let mut body = self.answer.into_body();
        let rest = async {
            let mut octets = 0;
            while octets < BODY_MAX {
                match body.frame().await {
                    Some(Ok(frame)) => octets += frame.data_ref().map_or(1, Bytes::len),
                    Some(Err(_)) | None => return,
                }
            }
        };
        let _ = tokio::time::timeout(BODY, rest).await;
        reply
    }
}

fn request(letter: &Letter) -> Result<Request<Full<Bytes>>, Silence> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(letter.url.target())
        .header(HOST, letter.url.authority())
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("Assent/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", letter.second)
        .header("webhook-signature", &letter.signatures)
        .body(Full::new(letter.body.clone()));
    // A path that HTTP has no way to ask for is nobody's.
    request.map_err(|_| Silence::NoAnswer)
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_be_left_alone_is_in_seconds_or_a_date() {
        let now = "2015-10-21T07:28:00Z".parse().unwrap();
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now).map(|asked| asked.as_secs())
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Wed, 21 Oct 2015 07:29:00 GMT"), Some(60));
        for unreadable in ["Wed, 21 Oct 2015 07:27:00 GMT", "-1", "soon", "1.5"] {
            assert_eq!(read(unreadable), None, "{unreadable}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
