//! User data headers and the segments behind them: any sequence is bounded and loses nothing, and a text that was cut
//! comes together in any order.

use assent::carrier::text::Letters;
use assent::carrier::udh;
use assent::domain::letters::Segment;
use assent::domain::reassembly::{Joined, PARTS_MAX, PartSet, Piece, Reassembly, SETS_MAX};
use assent::domain::text::{Alphabet, Segments};
use assent::domain::{Body, Part, Reference, Written};
use jiff::{SignedDuration, Timestamp};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// An even first octet: the rest is segments, each behind its length. An odd one: the rest is a text to cut.
pub fn reassembly(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 2 {
        0 => hostile(rest),
        _ => shuffled(rest),
    }
}

/// One phone's segments, whatever they say of themselves. A length of nothing lets time pass.
fn hostile(mut data: &[u8]) {
    let mut open = Reassembly::default();
    let mut now = NOW;
    while let Some((length, rest)) = data.split_first() {
        let (segment, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        if segment.is_empty() {
            now += PATIENCE;
            let held = open.sets.len();
            assert_eq!(open.give_up(PATIENCE, now).len(), held);
            assert!(open.sets.is_empty());
            continue;
        }
        let Some((part, words)) = udh::split(segment) else { continue };
        assert!(segment.ends_with(words));
        assert_eq!(segment.len(), 1 + usize::from(segment[0]) + words.len());
        let piece = piece(0, words);
        let Some(part) = part.filter(|part| Reassembly::can_join(*part, &piece)) else { continue };
        take(&mut open, part, piece, now);
    }
}

/// Takes a segment, and looks where it and all that was held before is.
fn take(open: &mut Reassembly, part: Part, piece: Piece, now: Timestamp) {
    let mut expected = held(open);
    expected.push(whole_characters(&piece));
    let came_out = match open.take(part, piece, now) {
        Joined::Whole(words) => vec![words],
        Joined::Waiting { given_up } => given_up,
    };
    let still_held = held(open);
    let is_there =
        |words: &String| still_held.contains(words) || came_out.iter().any(|out| out.text.expose().contains(words));
    assert!(expected.iter().all(is_there), "a segment is lost");
    assert!(open.sets.len() <= SETS_MAX);
    let is_bounded = |set: &PartSet| set.parts.len() <= usize::from(PARTS_MAX) && set.parts.contains(&None);
    assert!(open.sets.iter().all(is_bounded), "a set is too large, or complete and still held");
}

fn held(open: &Reassembly) -> Vec<String> {
    open.sets.iter().flat_map(|set| set.parts.iter().flatten().map(whole_characters)).collect()
}

/// What a segment says but for its first and its last character, which may be halves of others.
fn whole_characters(piece: &Piece) -> String {
    let characters: Vec<char> = piece.text.expose().chars().collect();
    characters.get(1..characters.len().saturating_sub(1)).unwrap_or_default().iter().collect()
}

/// A segment as a link makes it.
fn piece(data_coding: u8, octets: &[u8]) -> Piece {
    let letters = Letters::default();
    let (text, _) = letters.decode(data_coding, octets);
    let segment = letters.coding(data_coding).0.map(|coding| Segment::new(coding, octets));
    Piece { text: Body::new(text), written: Written { segment, ..Written::default() } }
}

/// A text, cut as we cut ours, in an order that the data choose, each segment but the last twice.
fn shuffled(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Segments { alphabet, parts } = Segments::of(&text);
    let Ok(total @ 2..=PARTS_MAX) = u8::try_from(parts.len()) else { return };
    let data_coding = match alphabet {
        Alphabet::Gsm7 => 0,
        Alphabet::Ucs2 => 8,
    };
    let reference = u16::from_be_bytes([data[0], data[1]]);
    let mut segments: Vec<_> = (1..=total).zip(&parts).collect();
    segments.sort_by_key(|(number, _)| (data[usize::from(*number)], *number));
    let [_, octet] = reference.to_be_bytes();
    for reference in [Reference::Octet(octet), Reference::Word(reference)] {
        let mut open = Reassembly::default();
        let mut whole = Vec::new();
        for (place, (number, octets)) in segments.iter().enumerate() {
            let part = Part { reference, total, number: *number };
            let segment = [udh::concatenation(part).as_slice(), octets].concat();
            let (read, words) = udh::split(&segment).expect("the header is whole");
            assert_eq!(read, Some(part));
            let piece = piece(data_coding, words);
            let times = if place + 1 < segments.len() { 2 } else { 1 };
            for _ in 0..times {
                match open.take(part, piece.clone(), NOW) {
                    Joined::Whole(words) => whole.push(words.text),
                    Joined::Waiting { given_up } => assert_eq!(given_up, []),
                }
            }
        }
        assert!(whole.iter().map(Body::expose).eq([text.as_ref()]), "a cut text does not come together");
        assert!(open.sets.is_empty());
    }
}
