//! Bytes to frames and back. A frame is cut by its length before anybody looks inside, so that one odd PDU never
//! takes the next one with it.

use bytes::{Buf, Bytes, BytesMut};
use smpp::decode::DecodeWithLength;
use smpp::encode::Length;
use smpp::encode::owned::Encode;
use smpp::{Command, CommandId, CommandStatus, Pdu};

/// The header of every PDU (SMPP 3.4 §3.2).
pub const HEADER_OCTETS: usize = 16;

/// The largest PDU that is taken: a `message_payload` of 64 KiB and room for the rest.
pub const FRAME_OCTETS_MAX: usize = 70_000;

/// `command_status` values that are said and heard by name (SMPP 3.4 §5.1.3).
pub mod status {
    pub const ROK: u32 = 0x00;
    pub const RINVMSGLEN: u32 = 0x01;
    pub const RINVCMDLEN: u32 = 0x02;
    pub const RINVCMDID: u32 = 0x03;
    pub const RINVBNDSTS: u32 = 0x04;
    pub const RALYBND: u32 = 0x05;
    pub const RSYSERR: u32 = 0x08;
    pub const RINVSRCADR: u32 = 0x0A;
    pub const RINVDSTADR: u32 = 0x0B;
    pub const RBINDFAIL: u32 = 0x0D;
    pub const RINVPASWD: u32 = 0x0E;
    pub const RINVSYSID: u32 = 0x0F;
    pub const RMSGQFUL: u32 = 0x14;
    pub const RTHROTTLED: u32 = 0x58;
    pub const RX_T_APPN: u32 = 0x64;
    pub const RINVTLVSTREAM: u32 = 0xC0;
    pub const RINVTLVLEN: u32 = 0xC2;
}

/// One whole PDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    octets: Bytes,
}

impl Frame {
    pub fn id(&self) -> CommandId {
        CommandId::from(self.word(4))
    }

    pub fn status(&self) -> u32 {
        self.word(8)
    }

    pub fn sequence(&self) -> u32 {
        self.word(12)
    }

    /// Whether it answers something: the top bit of `command_id` says so, known or not.
    pub fn is_response(&self) -> bool {
        self.word(4) & 0x8000_0000 != 0
    }

    pub fn body(&self) -> &[u8] {
        &self.octets[HEADER_OCTETS..]
    }

    /// The PDU as it came.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Reads the PDU strictly; `None` when anything about it is odd.
    pub fn decode(&self) -> Option<Pdu> {
        let mut rest = BytesMut::from(&self.octets[4..]);
        let length = rest.len();
        let (command, _) = Command::decode(&mut rest, length).ok()?;
        command.pdu().filter(|_| rest.is_empty()).cloned()
    }

    fn word(&self, at: usize) -> u32 {
        (&self.octets[at..]).get_u32()
    }
}

/// The header without the body: bodies carry patients' words.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("id", &self.id())
            .field("status", &self.status())
            .field("sequence", &self.sequence())
            .field("octets", &self.octets.len())
            .finish()
    }
}

/// Why the stream can't be cut into frames any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unframed {
    #[error("peer speaks HTTP, not SMPP")]
    Http,
    #[error("peer speaks TLS on a link without it")]
    Tls,
    #[error("peer sent a PDU that claims {0} octets")]
    Length(u32),
}

/// Cuts a stream of octets into frames.
#[derive(Default)]
pub struct Framer {
    buffer: BytesMut,
}

impl Framer {
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole frame, if it has come. The buffer grows with what was received, never with what is claimed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Unframed> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let claimed = match length {
            b"HTTP" | b"GET " | b"POST" => return Err(Unframed::Http),
            // A TLS handshake or alert record, version 3.x (RFC 8446 §5.1).
            [0x15 | 0x16, 0x03, _, _] => return Err(Unframed::Tls),
            length => u32::from_be_bytes(*length),
        };
        let fits = |length: &usize| (HEADER_OCTETS..=FRAME_OCTETS_MAX).contains(length);
        let length = usize::try_from(claimed).ok().filter(fits).ok_or(Unframed::Length(claimed))?;
        if self.buffer.len() < length {
            return Ok(None);
        }
        Ok(Some(Frame { octets: self.buffer.split_to(length).freeze() }))
    }

    /// Whether a frame has begun and not ended.
    pub fn is_amid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// Writes one PDU.
pub fn encode(command_status: u32, sequence: u32, pdu: Pdu) -> Bytes {
    let command = Command::new(CommandStatus::from(command_status), sequence, pdu);
    let length = 4 + command.length();
    let mut octets = BytesMut::with_capacity(length);
    octets.extend_from_slice(&u32::try_from(length).expect("a PDU is far below 4 GiB").to_be_bytes());
    command.encode(&mut octets);
    octets.freeze()
}
