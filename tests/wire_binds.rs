//! Sessions of each kind of bind, on either side of it, on a clock that a test moves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/script.rs"]
#[allow(dead_code)]
mod script;

use assent::carrier::bind::{Account, BindKind, Opening};
use assent::carrier::frame::Request;
use assent::carrier::session::{Input, Reason};
use assent::domain::{Answer, DeliveryId, Retry};
use script::{SECOND, Script, raw, taken};
use smpp::pdus::{
    BindReceiverResp, BindTransceiverResp, BindTransmitterResp, DataSm, DeliverSm, DeliverSmResp, SubmitSm,
    SubmitSmResp,
};
use smpp::{CommandId, Pdu};

const KINDS: [BindKind; 3] = [BindKind::Transceiver, BindKind::Transmitter, BindKind::Receiver];

fn asks(kind: BindKind) -> Script {
    Script::connected_as(Opening::Ask { kind, account: Account::default() }, 10, 0)
}

/// The carrier asked for it with sequence number 5.
fn grants(kind: BindKind) -> Script {
    let opening = Opening::Grant { kind, sequence: 5, system_id: "assent".parse().unwrap() };
    let mut script = Script::connected_as(opening, 10, 0);
    script.hears_octets(&[]);
    script
}

fn responses() -> [Pdu; 3] {
    [BindTransceiverResp::default().into(), BindTransmitterResp::default().into(), BindReceiverResp::default().into()]
}

#[test]
fn each_kind_of_bind_is_asked_for_as_itself_and_only_its_own_answer_counts() {
    let requests = [CommandId::BindTransceiver, CommandId::BindTransmitter, CommandId::BindReceiver];
    for (kind, request) in KINDS.into_iter().zip(requests) {
        let mut script = asks(kind);
        let [bind] = script.says().try_into().unwrap();
        assert_eq!((bind.id(), bind.sequence()), (request, 1));
        for (answered, response) in KINDS.into_iter().zip(responses()).filter(|(answered, _)| *answered != kind) {
            script.hears(0, 1, response);
            assert!(!script.session.is_bound(), "{kind:?} by the answer to {answered:?}");
        }
        assert_eq!(script.strays, 2);
        let own = KINDS.into_iter().zip(responses()).find(|(answered, _)| *answered == kind).unwrap().1;
        script.hears(0, 1, own);
        assert!(script.session.is_bound());
    }
}

#[test]
fn a_receiver_is_delivered_to_and_answers() {
    let mut script = asks(BindKind::Receiver);
    script.says();
    script.hears(0, 1, BindReceiverResp::default());
    script.hears(0, 7, DeliverSm::default());
    assert_eq!(script.delivered, [7]);
    script.handle(Input::Answer {
        to: Request { id: CommandId::DeliverSm, sequence: 7 },
        command_status: 0,
        id: DeliveryId(1),
    });
    assert_eq!(script.says_ids(), [CommandId::DeliverSmResp]);
}

#[test]
fn a_transmitter_submits_and_hears_answers_that_come_late() {
    let mut script = asks(BindKind::Transmitter);
    script.says();
    script.hears(0, 1, BindTransmitterResp::default());
    let token = script.submits(1);
    let [segment] = script.says().try_into().unwrap();
    assert_eq!(segment.id(), CommandId::SubmitSm);
    script.passes(60 * SECOND);
    assert_eq!(script.late, [token]);
    script.takes(&segment, "a");
    assert_eq!(script.answer(token), Some(&taken(&["a"])));
}

#[test]
fn a_carrier_that_bound_to_us_is_told_so_and_then_asked_whether_it_is_there() {
    let expected = [CommandId::BindTransceiverResp, CommandId::BindTransmitterResp, CommandId::BindReceiverResp];
    for (kind, expected) in KINDS.into_iter().zip(expected) {
        let mut script = grants(kind);
        assert!(script.session.is_bound());
        let [response] = script.says().try_into().unwrap();
        assert_eq!((response.id(), response.status(), response.sequence()), (expected, 0, 5));
        // With sc_interface_version, or the carrier would leave optional parameters out.
        assert_eq!(response.body(), b"assent\0\x02\x10\0\x01\x34");
        script.passes(30 * SECOND);
        assert_eq!(script.says_ids(), [CommandId::EnquireLink]);
        script.passes(10 * SECOND);
        assert_eq!(script.closed, Some(Reason::PeerSilent));
    }
}

#[test]
fn what_a_carrier_submits_to_us_is_answered_once_it_is_durable_with_an_id_of_ours() {
    for kind in [BindKind::Transceiver, BindKind::Transmitter] {
        let mut script = grants(kind);
        script.says();
        script.hears(0, 6, SubmitSm::default());
        script.hears(0, 7, DataSm::default());
        script.hears(0, 8, DeliverSm::default());
        assert_eq!(script.delivered, [6, 7, 8], "{kind:?}");
        assert_eq!(script.says_ids(), []);
        for (id, sequence) in [(CommandId::SubmitSm, 6), (CommandId::DataSm, 7), (CommandId::DeliverSm, 8)] {
            let to = Request { id, sequence };
            script.handle(Input::Answer { to, command_status: 0, id: DeliveryId(0xAB) });
        }
        let said = script.says();
        let ids = [CommandId::SubmitSmResp, CommandId::DataSmResp, CommandId::DeliverSmResp];
        assert!(said.iter().map(|frame| (frame.id(), frame.sequence())).eq(ids.into_iter().zip([6, 7, 8])));
        assert_eq!(said[0].body(), b"00000000000000ab\0");
        assert_eq!(said[1].body(), b"00000000000000ab\0");
        assert_eq!(said[2].body(), b"\0", "the id of a deliver_sm_resp is not used (SMPP 3.4 §4.6.2)");
    }
}

#[test]
fn what_is_refused_has_no_id() {
    let mut script = grants(BindKind::Transceiver);
    script.says();
    let to = Request { id: CommandId::SubmitSm, sequence: 6 };
    script.handle(Input::Answer { to, command_status: 0x0B, id: DeliveryId(0xAB) });
    let [refusal] = script.says().try_into().unwrap();
    assert_eq!((refusal.status(), refusal.body()), (0x0B, &b"\0"[..]));
}

#[test]
fn a_carrier_that_bound_as_receiver_may_not_submit() {
    let mut script = grants(BindKind::Receiver);
    script.says();
    script.hears(0, 6, SubmitSm::default());
    script.hears(0, 7, DataSm::default());
    let said = script.says();
    let refused: Vec<_> = said.iter().map(|frame| (frame.id(), frame.status(), frame.sequence())).collect();
    assert_eq!(refused, [(CommandId::SubmitSmResp, 0x04, 6), (CommandId::DataSmResp, 0x04, 7)]);
    assert!(script.delivered.is_empty());
}

#[test]
fn the_answer_to_what_we_deliver_to_a_carrier_is_a_deliver_sm_resp() {
    for (command_status, expected) in [
        (0, taken(&[""])),
        (0x58, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady }),
        (0x0B, Answer::Refused { command_status: 0x0B, retry: Retry::Never }),
    ] {
        let mut script = grants(BindKind::Receiver);
        script.says();
        let token = script.submits(1);
        let [segment] = script.says().try_into().unwrap();
        script.hears(command_status, segment.sequence(), SubmitSmResp::default());
        assert_eq!((script.answer(token), script.strays), (None, 1), "nothing was submitted");
        script.hears(command_status, segment.sequence(), DeliverSmResp::default());
        assert_eq!(script.answer(token), Some(&expected));
    }
}

#[test]
fn a_carrier_that_bound_to_us_is_refused_a_second_bind_and_what_we_do_not_take() {
    for (id, expected, command_status) in [
        (0x0000_0009, CommandId::BindTransceiverResp, 0x05),
        (0x0000_0002, CommandId::BindTransmitterResp, 0x05),
        (0x0000_0003, CommandId::GenericNack, 0x03), // query_sm
        (0x0000_0021, CommandId::GenericNack, 0x03), // submit_multi
    ] {
        let mut script = grants(BindKind::Transceiver);
        script.says();
        script.hears_octets(&raw(id, 9));
        let [refusal] = script.says().try_into().unwrap();
        assert_eq!((refusal.id(), refusal.status(), refusal.sequence()), (expected, command_status, 9));
        assert_eq!(script.closed, None);
    }
}

#[test]
fn a_carrier_that_bound_to_us_and_is_lost_leaves_its_texts_unknown() {
    let mut script = grants(BindKind::Transceiver);
    script.says();
    let token = script.submits(1);
    script.says();
    script.handle(Input::Lost);
    assert_eq!(script.answers, [(token, Answer::Unknown)]);
}
