//! Opens the connection to a carrier, over TLS if it is asked for.

use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::tls::{Tls, TlsFileError, TlsRefusal};
use super::{LinkConfig, LinkConfigError};

/// How long it may take until octets can be exchanged, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// The kernel gives up a connection on which nothing of what it sent was acknowledged for this long (RFC 5482), whatever
/// the session knows of it.
pub(super) const UNACKNOWLEDGED: Duration = Duration::from_secs(40);

/// A connection to a carrier.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Connection for S {}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoConnection {
    #[error("could not connect to {address}: {why}")]
    Refused { address: String, why: String },
    #[error("{0} did not take the connection within 10 seconds")]
    NotTaken(String),
    #[error(transparent)]
    File(#[from] TlsFileError),
    #[error("no TLS with {address}: {refusal}")]
    Tls { address: String, refusal: TlsRefusal },
}

impl NoConnection {
    /// What an operator can do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::NotTaken(_) => {
                "check the address, that the carrier listens there and that nothing on the way blocks it"
            }
            Self::File(error) => error.what_to_do(),
            Self::Tls { refusal, .. } => refusal.what_to_do(),
        }
    }
}

/// Opens the connection that a link is configured with.
pub(super) async fn connect(config: &LinkConfig) -> Result<Box<dyn Connection>, NoConnection> {
    let by = Instant::now() + CONNECT;
    let address = &config.address;
    let Some(tls) = config.tls.clone() else { return Ok(Box::new(connect_plain(address, by).await?)) };
    let refused = |refusal| NoConnection::Tls { address: address.clone(), refusal };
    let peer = tls.peer(address).ok_or_else(|| refused(TlsRefusal::Other(LinkConfigError::ServerName.to_string())))?;
    let connector = TlsConnector::from(Arc::new(read(tls).await?));
    let stream = connect_plain(address, by).await?;
    match timeout_at(by, connector.connect(peer, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(refused(TlsRefusal::of(&error))),
        Err(_) => Err(refused(TlsRefusal::Silent)),
    }
}

/// Files can be slow.
async fn read(tls: Tls) -> Result<rustls::ClientConfig, TlsFileError> {
    tokio::task::spawn_blocking(move || tls.read()).await.expect("reading certificates does not panic")
}

async fn connect_plain(address: &str, by: Instant) -> Result<TcpStream, NoConnection> {
    let refused = |error: std::io::Error| NoConnection::Refused { address: address.to_owned(), why: error.to_string() };
    let connected = timeout_at(by, TcpStream::connect(address)).await;
    let stream = connected.map_err(|_| NoConnection::NotTaken(address.to_owned()))?.map_err(refused)?;
    stream.set_nodelay(true).map_err(refused)?;
    SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED)).map_err(refused)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_gives_up_what_nobody_acknowledges() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stream = connect_plain(&address, Instant::now() + CONNECT).await.unwrap();
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
    }
}
