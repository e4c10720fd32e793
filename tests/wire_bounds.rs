//! What a session bears of a carrier that asks too much, on a clock that a test moves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/script.rs"]
#[allow(dead_code)]
mod script;

use assent::carrier::frame::encode;
use assent::carrier::session::Reason;
use script::{Script, raw};
use smpp::CommandId;
use smpp::pdus::{BindTransceiverResp, DeliverSm};

#[test]
fn a_peer_that_sends_and_reads_nothing_does_not_fill_memory_with_our_answers() {
    let mut script = Script::bound();
    for sequence in 1..=1_000 {
        script.hears_octets(&raw(0x0000_0666, sequence));
    }
    assert_eq!(script.closed, None);
    script.hears_octets(&raw(0x0000_0666, 1_001));
    script.hears_octets(&raw(0x0000_0666, 1_002));
    let said = script.says();
    assert_eq!(said.iter().filter(|frame| frame.id() == CommandId::GenericNack).count(), 1_000, "and one unbind");
    assert_eq!(script.closed, Some(Reason::Flood));
}

#[test]
fn what_is_delivered_before_the_bind_is_answered_is_kept_up_to_a_megabyte_and_in_order() {
    // A vendor's own parameter that makes each 60,000 octets longer.
    let long = |sequence| {
        let mut pdu = encode(0, sequence, DeliverSm::default().into()).to_vec();
        pdu.extend([0x14, 0x00].into_iter().chain(60_000_u16.to_be_bytes()));
        pdu.extend([0; 60_000]);
        let length = u32::try_from(pdu.len()).unwrap();
        pdu[..4].copy_from_slice(&length.to_be_bytes());
        pdu
    };
    let mut script = Script::connected_with(1, 0);
    script.says();
    for sequence in 1..=20 {
        script.hears_octets(&long(sequence));
    }
    script.hears(0, 21, DeliverSm::default());
    script.hears(0, 1, BindTransceiverResp::default());
    let expected: Vec<u32> = (1..=17).collect();
    assert_eq!(script.delivered, expected, "the rest comes again, and none of it ahead of what was too much");
}

#[test]
fn a_thousand_texts_are_kept_before_the_bind_is_answered_and_no_more() {
    let mut script = Script::connected_with(1, 0);
    script.says();
    for sequence in 1..=1_001 {
        script.hears(0, sequence, DeliverSm::default());
    }
    script.hears(0, 1, BindTransceiverResp::default());
    assert_eq!((script.delivered.len(), script.delivered.last()), (1_000, Some(&1_000)));
}
