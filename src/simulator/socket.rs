//! What a connection is spoken over: TCP, with TLS or without.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Either of them.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    /// The connection below.
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Writes all of it, as far as the operating system.
pub(super) async fn write(socket: &mut dyn Socket, octets: &[u8]) -> io::Result<()> {
    socket.write_all(octets).await?;
    socket.flush().await
}
