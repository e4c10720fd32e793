//! One end of a connection that does what it is told and no more: PDUs by hand.

use std::net::SocketAddr;
use std::time::Duration;

use assent::carrier::frame::{Frame, Framer, encode};
use assent::carrier::short_message::ShortMessage;
use smpp::Pdu;
use smpp::types::OctetString;
use smpp::values::{EsmClass, RegisteredDelivery, Ton};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub struct Line {
    stream: Box<dyn Stream>,
    framer: Framer,
    last_sequence: u32,
}

impl Line {
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { stream: Box::new(stream), framer: Framer::default(), last_sequence: 0 }
    }

    pub async fn accept(listener: &TcpListener) -> Self {
        Self::over(listener.accept().await.unwrap().0)
    }

    pub async fn to(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Says something, and gives its sequence number.
    pub async fn says(&mut self, pdu: impl Into<Pdu>) -> u32 {
        self.last_sequence += 1;
        self.says_octets(&encode(0, self.last_sequence, pdu.into())).await;
        self.last_sequence
    }

    pub async fn says_octets(&mut self, octets: &[u8]) {
        // Whoever closed the connection meanwhile shows that in what is heard.
        let _ = self.stream.write_all(octets).await;
    }

    pub async fn answers(&mut self, frame: &Frame, pdu: impl Into<Pdu>) {
        self.says_octets(&encode(0, frame.sequence(), pdu.into())).await;
    }

    /// Says something, and hears what comes next.
    pub async fn asks(&mut self, pdu: impl Into<Pdu>) -> Frame {
        self.says(pdu).await;
        self.hears().await
    }

    pub async fn hears(&mut self) -> Frame {
        self.hears_or_end().await.expect("the other end closed the connection")
    }

    /// The next PDU; `None` when the other end is gone.
    pub async fn hears_or_end(&mut self) -> Option<Frame> {
        let next = async {
            loop {
                if let Some(frame) = self.framer.next_frame().unwrap() {
                    return Some(frame);
                }
                let mut octets = [0; 1_024];
                match self.stream.read(&mut octets).await {
                    Ok(read @ 1..) => self.framer.push(&octets[..read]),
                    Ok(0) | Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the other end says nothing")
    }
}

/// A text from a phone to a practice's number, as a carrier submits it.
pub fn submit_sm(from: &str, to: &str, text: &str) -> smpp::pdus::SubmitSm {
    smpp::pdus::SubmitSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr(from.trim_start_matches('+').parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr(to.trim_start_matches('+').parse().unwrap())
        .esm_class(EsmClass::from(0))
        .registered_delivery(RegisteredDelivery::from(0))
        .short_message(OctetString::from_slice(text.as_bytes()).unwrap())
        .build()
}

/// What a PDU with a text carries.
pub fn words(frame: &Frame) -> ShortMessage {
    ShortMessage::read(frame).unwrap_or_else(|malformed| panic!("{}", malformed.reason))
}
