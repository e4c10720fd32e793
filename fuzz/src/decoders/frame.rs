//! Framing: the same PDUs, however the stream is cut, and what a session makes of them is the same as well.

use assent::carrier::frame::{FRAME_OCTETS_MAX, Framer, HEADER_OCTETS, Unframed};

use super::session::Bound;

/// The first octet says how many more say where the stream is cut; the rest is the stream.
pub fn frame(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (cuts, stream) = rest.split_at(usize::from(*count).min(rest.len()));
    let pieces = pieces(stream, cuts);

    let expected = cut_by_hand(stream);
    assert_eq!(frames(&[stream]), expected, "in one piece");
    assert_eq!(frames(&pieces), expected, "in {} pieces", pieces.len());

    let whole = Bound::with_texts(3).hears(&[stream]);
    let cut = Bound::with_texts(3).hears(&pieces);
    assert_eq!(cut, whole, "a session in {} pieces", pieces.len());
    whole.check_every_text_has_one_answer(3);
}

/// The stream in pieces of one octet more than each cut says, over and over.
fn pieces<'a>(mut stream: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut lengths = cuts.iter().cycle();
    while !stream.is_empty() {
        let length = lengths.next().map_or(stream.len(), |cut| usize::from(*cut) + 1);
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces
}

/// Every PDU as it came, and what ended the framing.
type Framed = (Vec<Vec<u8>>, Result<(), Unframed>);

fn frames(pieces: &[&[u8]]) -> Framed {
    let mut framer = Framer::default();
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame.octets().to_vec()),
                Ok(None) => break,
                Err(unframed) => return (frames, Err(unframed)),
            }
        }
    }
    (frames, Ok(()))
}

/// The same by the words of SMPP 3.4 §3.2 alone.
fn cut_by_hand(mut stream: &[u8]) -> Framed {
    let mut frames = Vec::new();
    while let Some(head) = stream.first_chunk::<4>() {
        let claimed = u32::from_be_bytes(*head);
        let length = usize::try_from(claimed).expect("a usize has 32 bits and more");
        if !(HEADER_OCTETS..=FRAME_OCTETS_MAX).contains(&length) {
            let unframed = match head {
                b"HTTP" | b"GET " | b"POST" => Unframed::Http,
                [0x15 | 0x16, 0x03, _, _] => Unframed::Tls,
                words if words.iter().all(|octet| *octet == b' ' || octet.is_ascii_graphic()) => Unframed::Text,
                _ => Unframed::Length(claimed),
            };
            return (frames, Err(unframed));
        }
        let Some((frame, rest)) = stream.split_at_checked(length) else { break };
        frames.push(frame.to_vec());
        stream = rest;
    }
    (frames, Ok(()))
}
