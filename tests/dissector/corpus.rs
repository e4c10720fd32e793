//! What a bound session answers to the corpus of the fuzz targets.

use std::path::{Path, PathBuf};

use crate::capture::{Tape, Way};
use crate::decoders::session::Bound;
use crate::decoders::{COMMANDS, pdu};
use crate::tshark::dissect;

#[test]
fn whatever_comes_is_answered_in_what_can_be_read() {
    let mut tape = Tape::default();
    let streams = files("frame").into_iter().filter_map(|file| {
        // Ahead of the stream is where it is cut.
        let (count, rest) = file.split_first()?;
        Some(rest.get(usize::from(*count)..)?.to_vec())
    });
    let bodies = files("body").into_iter().filter_map(|file| {
        let (command, body) = file.split_first()?;
        Some(pdu(COMMANDS[usize::from(*command) % COMMANDS.len()], body))
    });
    for (connection, octets) in (0..).zip(streams.chain(bodies)) {
        let heard = Bound::with_texts(3).hears(&[&octets]);
        tape.add(connection, Way::ToServer, &heard.said);
    }
    let answers = dissect(&tape);
    assert!(answers.len() > 50, "{}", answers.len());
}

fn files(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn the_judge_can_say_no() {
    let said = |octets: &[u8]| {
        let mut tape = Tape::default();
        tape.add(0, Way::ToServer, octets);
        std::panic::catch_unwind(|| dissect(&tape)).is_ok()
    };
    let text = |tail: &[u8]| pdu(0x04, &[&[0, 1, 1][..], b"1\0\x01\x012\0\0\0\0\0\0\x01\0\0\0", tail].concat());
    let whole = text(b"\x05hello");
    assert!(said(&whole));
    assert!(!said(&text(b"\x06hello")), "a text that is shorter than it says");
    assert!(!said(&text(b"\x05hello\x02\x04\0\x02\0")), "a parameter that is cut off");
    assert!(!said(&whole[..whole.len() - 1]), "a PDU that does not end");
}
