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
    pub const RINVSYSTYP: u32 = 0x53;
    pub const RTHROTTLED: u32 = 0x58;
    pub const RX_T_APPN: u32 = 0x64;
    pub const RINVTLVSTREAM: u32 = 0xC0;
    pub const RINVTLVLEN: u32 = 0xC2;
}

/// What an answer refers to: a PDU of the peer's, by its kind and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub id: CommandId,
    pub sequence: u32,
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

    /// What its answer refers to.
    pub fn request(&self) -> Request {
        Request { id: self.id(), sequence: self.sequence() }
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
    #[error("peer sent words, not SMPP")]
    Text,
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
            // No PDU is half a gigabyte long, so letters are letters.
            letters if letters.iter().all(|octet| matches!(octet, b' '..=b'~')) => return Err(Unframed::Text),
            length => u32::from_be_bytes(*length),
        };
        let fits = |length: &usize| (HEADER_OCTETS..=FRAME_OCTETS_MAX).contains(length);
        let length = usize::try_from(claimed).ok().filter(fits).ok_or(Unframed::Length(claimed))?;
        if self.buffer.len() < length {
            return Ok(None);
        }
        Ok(Some(Frame { octets: self.buffer.split_to(length).freeze() }))
    }

    /// Octets that came and are no whole frame yet.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Those octets, for whoever goes on with the stream.
    pub fn rest(self) -> Bytes {
        self.buffer.freeze()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smpp::pdus::SubmitSmResp;

    use super::*;

    fn framer(octets: &[u8]) -> Framer {
        let mut framer = Framer::default();
        framer.push(octets);
        framer
    }

    /// A frame with this body, whatever it says.
    fn raw(id: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_OCTETS + body.len()).unwrap();
        [length, id, 0, sequence].iter().flat_map(|word| word.to_be_bytes()).chain(body.iter().copied()).collect()
    }

    #[track_caller]
    fn check_unframed(octets: &[u8], expected: Unframed) {
        assert_eq!(framer(octets).next_frame(), Err(expected), "{octets:02x?}");
    }

    #[test]
    fn what_is_not_smpp_is_called_by_its_name() {
        check_unframed(&[0, 0, 0, 0], Unframed::Length(0));
        check_unframed(&[0, 0, 0, 15], Unframed::Length(15));
        check_unframed(&[0xFF; 4], Unframed::Length(u32::MAX));
        check_unframed(&70_001_u32.to_be_bytes(), Unframed::Length(70_001));
        check_unframed(b"HTTP/1.1 400 Bad Request", Unframed::Http);
        check_unframed(b"220 mail.example ESMTP", Unframed::Text);
        check_unframed(b"SSH-2.0-x", Unframed::Text);
        check_unframed(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01], Unframed::Tls);
        check_unframed(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02], Unframed::Tls);
    }

    #[test]
    fn a_claim_of_70_000_octets_takes_no_memory_before_they_come() {
        let mut framer = framer(&70_000_u32.to_be_bytes());
        assert_eq!(framer.next_frame(), Ok(None));
        assert!(framer.is_amid_frame());
        assert!(framer.buffer.capacity() < 1_000);
    }

    #[test]
    fn a_frame_reads_back_what_was_written() {
        let pdu = SubmitSmResp::builder().message_id("7f".parse().unwrap()).build();
        let octets = encode(status::RTHROTTLED, 0x7FFF_FFFF, pdu.clone().into());
        let frame = framer(&octets).next_frame().unwrap().unwrap();
        assert_eq!((frame.status(), frame.sequence()), (status::RTHROTTLED, 0x7FFF_FFFF));
        assert!(frame.is_response());
        assert_eq!(frame.decode(), Some(Pdu::SubmitSmResp(pdu)));
    }

    #[test]
    fn an_odd_receipt_does_not_take_the_next_text_with_it() {
        // receipted_message_id (0x001E) without its NUL: the codec alone loses its place here.
        let odd = raw(5, 1, &[&[0; 17][..], &[0x00, 0x1E, 0, 2, b'7', b'f']].concat());
        let mut framer = framer(&[odd, raw(0x15, 2, &[])].concat());
        assert_eq!(framer.next_frame().unwrap().unwrap().decode(), None);
        let next = framer.next_frame().unwrap().unwrap();
        assert_eq!((next.id(), next.sequence()), (CommandId::EnquireLink, 2));
    }

    #[test]
    fn debug_shows_no_words() {
        let frame = framer(&raw(5, 1, b"my knee hurts")).next_frame().unwrap().unwrap();
        assert!(!format!("{frame:?}").contains("knee"));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            ids in prop::collection::vec(any::<u32>(), 8),
            cut in 1_usize..64,
        ) {
            let sent: Vec<_> = bodies.iter().zip(&ids).map(|(body, id)| raw(*id, 7, body)).collect();
            let mut framer = Framer::default();
            let mut received = Vec::new();
            for piece in sent.concat().chunks(cut) {
                framer.push(piece);
                while let Some(frame) = framer.next_frame().unwrap() {
                    frame.decode();
                    received.push(frame.octets().to_vec());
                }
            }
            prop_assert_eq!(received, sent);
            prop_assert!(!framer.is_amid_frame());
        }

        #[test]
        fn any_octets_are_frames_or_an_error(octets: Vec<u8>) {
            let mut framer = framer(&octets);
            while let Ok(Some(frame)) = framer.next_frame() {
                frame.decode();
            }
        }
    }
}
