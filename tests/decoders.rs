//! What must hold of the decoders for any octets, on stable: the committed corpus, and PDUs with one thing wrong. The
//! fuzz targets run the same functions for as long as they are let.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../fuzz/src/decoders/mod.rs"]
mod decoders;
#[path = "decoders/nearly_right.rs"]
mod nearly_right;

use std::panic::catch_unwind;
use std::path::Path;

use nearly_right::{body, mutated, pdu, receipt, segment, words};
use proptest::prelude::*;

#[test]
fn the_corpus_of_frames_holds() {
    replay("frame", decoders::frame);
}

#[test]
fn the_corpus_of_bodies_holds() {
    replay("body", decoders::body);
}

#[test]
fn the_corpus_of_segments_holds() {
    replay("reassembly", decoders::reassembly);
}

#[test]
fn the_corpus_of_texts_holds() {
    replay("text", decoders::text);
}

#[test]
fn the_corpus_of_receipts_holds() {
    replay("receipt", decoders::receipt);
}

/// Every file of a target's corpus; those that fail are named.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut names = Vec::new();
    let mut failed = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if catch_unwind(|| check(&data)).is_err() {
            failed.push(name.clone());
        }
        names.push(name);
    }
    assert!(failed.is_empty(), "{failed:?} of {}", folder.display());
    assert!(names.len() >= 5, "{} holds {} files", folder.display(), names.len());
}

proptest! {
    #[test]
    fn a_stream_with_one_thing_wrong_is_cut_into_the_same_pdus_wherever_it_is_cut(
        stream in mutated(prop::collection::vec(pdu(), 1..8).prop_map(|pdus| pdus.concat())),
        cuts in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        decoders::frame(&behind(&cuts, &stream));
    }

    #[test]
    fn any_octets_are_cut_the_same_wherever_they_are_cut(data: Vec<u8>) {
        decoders::frame(&data);
    }

    #[test]
    fn a_body_with_one_thing_wrong_is_read_or_refused_and_answered(
        (command_id, body) in pdu().prop_map(|pdu| body(&pdu)),
        mutation in nearly_right::mutation(),
    ) {
        let command = decoders::COMMANDS.iter().position(|known| *known == command_id).unwrap();
        let body = mutation.of(body);
        decoders::body(&[&[u8::try_from(command).unwrap()], body.as_slice()].concat());
    }

    #[test]
    fn any_body_is_read_or_refused_and_answered(data: Vec<u8>) {
        decoders::body(&data);
    }

    #[test]
    fn segments_with_one_thing_wrong_are_bounded_and_none_is_lost(
        segments in mutated(prop::collection::vec(segment(), 1..60).prop_map(|segments| segments.concat())),
    ) {
        decoders::reassembly(&[&[0], segments.as_slice()].concat());
    }

    #[test]
    fn a_text_that_was_cut_comes_together_in_any_order(text in words(100..1_500), order: [u8; 12]) {
        // The first octets of the text say the order.
        let order: String = order.iter().map(|octet| char::from(*octet & 0x7F)).collect();
        decoders::reassembly(&[&[1], order.as_bytes(), text.as_bytes()].concat());
    }

    #[test]
    fn any_segments_are_bounded_and_none_is_lost(data: Vec<u8>) {
        decoders::reassembly(&data);
    }

    #[test]
    fn a_text_with_one_thing_wrong_is_a_text(data_coding: u8, octets in mutated(nearly_right::octets_of_text())) {
        decoders::text(&[&[data_coding], octets.as_slice()].concat());
    }

    #[test]
    fn a_text_of_any_alphabet_goes_out_and_reads_back(text in words(0..400)) {
        decoders::text(&[&[0], text.as_bytes()].concat());
    }

    #[test]
    fn any_octets_are_a_text(data: Vec<u8>) {
        decoders::text(&data);
    }

    #[test]
    fn a_receipt_with_one_thing_wrong_is_a_receipt((parameters, text) in receipt()) {
        decoders::receipt(&behind(&parameters, &text));
    }

    #[test]
    fn any_octets_are_a_receipt(data: Vec<u8>) {
        decoders::receipt(&data);
    }
}

/// The first, behind how long it is, and the second.
fn behind(first: &[u8], second: &[u8]) -> Vec<u8> {
    let first = &first[..first.len().min(255)];
    [&[u8::try_from(first.len()).unwrap()], first, second].concat()
}
