//! A session on a socket with nothing beside it: no store, no conversations, nobody who submits. What tries a link uses it.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

use super::reason::of_read_error;
use super::session::{Input, Session};

const READ_OCTETS: usize = 8 * 1024;

/// The socket, and what was read of it last.
pub(super) struct Bare<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite> Bare<S> {
    pub fn new(stream: S) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, buffer: vec![0; READ_OCTETS] }
    }

    /// Writes what the session has to write, and waits for the next thing that it is to hear of: at the latest that time
    /// passes, by its own deadline or by `until`.
    pub async fn next(&mut self, session: &mut Session, until: Option<std::time::Instant>) -> Input<'_> {
        let Self { reader, writer, buffer } = self;
        let to_write = session.to_write(now());
        let write = async {
            match &to_write {
                Some(to_write) => {
                    // TLS may have kept what the socket did not take.
                    writer.flush().await?;
                    writer.write(&to_write.octets).await
                }
                None => std::future::pending().await,
            }
        };
        let deadline = session.next_deadline().into_iter().chain(until).min().map(Instant::from_std);
        tokio::select! {
            biased;
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Input::Tick,
            written = write => match written {
                Ok(octets) if octets > 0 => Input::Wrote(octets),
                Ok(_) | Err(_) => Input::Lost,
            },
            read = reader.read(buffer) => match read {
                Ok(octets) if octets > 0 => Input::Received(&buffer[..octets]),
                Ok(_) => Input::Lost,
                Err(error) => of_read_error(&error),
            },
        }
    }
}

/// The time as the session reads it.
pub(super) fn now() -> std::time::Instant {
    Instant::now().into_std()
}
