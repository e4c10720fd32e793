//! A session as a value: scripts of what the carrier says, and of what the clock does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use assent::carrier::frame::{Frame, Framer, Request, Unframed};
use assent::carrier::session::{Input, Reason};
use assent::carrier::window::Token;
use assent::domain::{Answer, CarrierId, DeliveryId, Retry};
use proptest::prelude::*;
use smpp::pdus::{AlertNotification, BindTransceiverResp, DataSm, DeliverSm, SubmitSmResp};
use smpp::{CommandId, Pdu};

use script::{ANSWER_BY, SECOND, Script, WRITE_BY, deliver_sm, raw, taken};

#[test]
fn a_refused_bind_says_why() {
    for (command_status, words) in [
        (0x0E, "carrier refused the bind: wrong password (0x0E)"),
        (0x05, "carrier refused the bind: already bound under this system_id (0x05)"),
        (0x53, "carrier refused the bind: unknown system_type (0x53)"),
        (0x99, "carrier refused the bind: command_status 0x99"),
    ] {
        let mut script = Script::connected_with(1, 0);
        script.says();
        script.hears(command_status, 1, BindTransceiverResp::default());
        assert_eq!(script.closed.unwrap().to_string(), words);
    }
}

#[test]
fn a_carrier_that_ends_the_connection_before_its_answer_is_told_from_one_that_is_lost() {
    let mut script = Script::connected_with(1, 0);
    script.says();
    script.handle(Input::Lost);
    assert_eq!(script.closed, Some(Reason::HungUp));

    let mut script = Script::bound();
    script.handle(Input::Lost);
    assert_eq!(script.closed, Some(Reason::Lost));
}

#[test]
fn whichever_version_the_carrier_says_it_speaks_is_fine() {
    let body = |rest: &[u8]| [b"carrier\0", rest].concat();
    // sc_interface_version (SMPP 3.4 §5.3.2.25) is absent, of 3.3, 3.4 and 5.0, of nothing known, and not readable.
    let versions: [&[u8]; 6] = [
        &[],
        &[0x02, 0x10, 0, 1, 0x33],
        &[0x02, 0x10, 0, 1, 0x34],
        &[0x02, 0x10, 0, 1, 0x50],
        &[0x02, 0x10, 0, 1, 0xFF],
        &[0x02, 0x10, 0, 9],
    ];
    let mut bodies: Vec<Vec<u8>> = versions.into_iter().map(body).collect();
    bodies.push(Vec::new());
    for body in bodies {
        let mut script = Script::connected_with(1, 0);
        script.says();
        let length = u32::try_from(16 + body.len()).unwrap();
        let header = [length, 0x8000_0009, 0, 1].map(u32::to_be_bytes).concat();
        script.hears_octets(&[header, body.clone()].concat());
        assert!(script.session.is_bound(), "{body:02x?}");
    }
}

#[test]
fn an_unanswered_bind_is_given_up() {
    let mut script = Script::connected_with(1, 0);
    script.says();
    script.passes(9 * SECOND);
    assert_eq!(script.closed, None);
    script.passes(SECOND);
    assert_eq!(script.closed, Some(Reason::BindUnanswered));
}

#[test]
fn a_text_delivered_before_the_bind_is_answered_is_not_lost() {
    let mut script = Script::connected_with(1, 0);
    script.says();
    script.hears(0, 0xFFFF_FFFF, DeliverSm::default());
    script.hears(0, 0, DeliverSm::default());
    assert!(script.delivered.is_empty());
    script.hears(0, 1, BindTransceiverResp::default());
    assert_eq!(script.delivered, [0xFFFF_FFFF, 0]);
    script.handle(Input::Answer { to: deliver_sm(0xFFFF_FFFF), command_status: 0, id: DeliveryId(7) });
    let [answer] = script.says().try_into().unwrap();
    assert_eq!((answer.id(), answer.sequence()), (CommandId::DeliverSmResp, 0xFFFF_FFFF));
}

#[test]
fn a_data_sm_is_taken_like_a_deliver_sm_and_answered_as_itself() {
    let mut script = Script::bound();
    script.hears(0, 7, DataSm::default());
    script.hears(0, 7, DeliverSm::default());
    assert_eq!(script.delivered, [7, 7]);
    let to = Request { id: CommandId::DataSm, sequence: 7 };
    script.handle(Input::Answer { to, command_status: 0x08, id: DeliveryId(7) });
    script.handle(Input::Answer { to: deliver_sm(7), command_status: 0, id: DeliveryId(7) });
    let answers: Vec<_> =
        script.says().iter().map(|answer| (answer.id(), answer.status(), answer.sequence())).collect();
    assert_eq!(answers, [(CommandId::DataSmResp, 0x08, 7), (CommandId::DeliverSmResp, 0, 7)]);
}

#[test]
fn an_alert_is_told_and_has_no_answer() {
    let mut script = Script::bound();
    script.hears(0, 9, AlertNotification::default());
    assert_eq!(script.alerts, 1);
    script.handle(Input::Answer {
        to: Request { id: CommandId::AlertNotification, sequence: 9 },
        command_status: 0,
        id: DeliveryId(7),
    });
    assert_eq!(script.says_ids(), []);
}

#[test]
fn a_quiet_carrier_is_asked_and_a_dead_one_is_left() {
    let mut script = Script::bound();
    script.passes(29 * SECOND);
    assert_eq!(script.says_ids(), []);
    script.passes(SECOND);
    let [enquire] = script.says().try_into().unwrap();
    assert_eq!(enquire.id(), CommandId::EnquireLink);
    script.hears(0, enquire.sequence(), Pdu::EnquireLinkResp);
    script.passes(30 * SECOND);
    assert_eq!(script.says_ids(), [CommandId::EnquireLink]);
    script.passes(10 * SECOND);
    assert_eq!(script.closed, Some(Reason::PeerSilent));
}

#[test]
fn the_carriers_enquire_link_goes_ahead_of_texts() {
    let mut script = Script::bound();
    script.submits(3);
    assert!(script.session.to_write(script.now).is_some(), "the text is offered to the socket, which takes nothing");
    script.hears(0, 0x8000_0001, Pdu::EnquireLink);
    let said = script.says();
    assert_eq!((said[0].id(), said[0].sequence()), (CommandId::EnquireLinkResp, 0x8000_0001));
    assert_eq!(said.len(), 4);
}

#[test]
fn a_flood_of_enquire_link_is_not_answered_for_ever() {
    let mut script = Script::bound();
    for sequence in 0..50 {
        script.hears(0, sequence, Pdu::EnquireLink);
    }
    assert_eq!(script.says().len(), 50);
    script.hears(0, 50, Pdu::EnquireLink);
    assert_eq!(script.closed, Some(Reason::Flood));
}

#[test]
fn every_segment_taken_is_taken_in_the_order_of_the_text() {
    let mut script = Script::bound();
    let token = script.submits(3);
    let chunk = script.session.to_write(script.now).unwrap();
    assert_eq!(chunk.octets.len() % 3, 0, "all three at one go");
    let [first, second, third] = script.says().try_into().unwrap();
    script.takes(&third, "c");
    script.takes(&first, "a");
    assert_eq!(script.answer(token), None);
    script.takes(&second, "b");
    assert_eq!(script.answer(token), Some(&taken(&["a", "b", "c"])));
    script.takes(&second, "other");
    assert_eq!(script.strays, 1, "the first answer counts");
}

#[test]
fn no_more_is_unanswered_than_the_window_allows() {
    let mut script = Script::bound_with(2, 0);
    let (long, short) = (script.submits(3), script.submits(1));
    let said = script.says();
    assert_eq!(said.len(), 2);
    script.takes(&said[0], "a");
    let [third] = script.says().try_into().unwrap();
    script.takes(&third, "c");
    script.takes(&said[1], "b");
    assert_eq!(script.answer(long), Some(&taken(&["a", "b", "c"])));
    let [only] = script.says().try_into().unwrap();
    script.takes(&only, "d");
    assert_eq!(script.answer(short), Some(&taken(&["d"])));
}

#[test]
fn a_segment_without_an_answer_makes_the_text_unknown_when_the_session_ends() {
    let mut script = Script::bound();
    let token = script.submits(2);
    let [first, _] = script.says().try_into().unwrap();
    script.takes(&first, "a");
    script.passes(ANSWER_BY - SECOND);
    assert!(script.late.is_empty());
    script.passes(SECOND);
    assert_eq!(script.late, [token]);
    assert_eq!(script.answer(token), None, "its answer may still come");
    assert!(script.session.is_idle(), "nobody drains a window for it");
    script.handle(Input::Lost);
    assert_eq!(script.answers, [(token, Answer::Unknown)]);
}

#[test]
fn a_text_that_is_answered_late_is_answered_all_the_same() {
    for (command_status, segments) in [(0, 1), (0, 2), (0x0B, 1)] {
        let mut script = Script::bound_with(2, 0);
        let token = script.submits(segments);
        let said = script.says();
        script.passes(ANSWER_BY);
        assert_eq!(script.late, [token]);

        let next = script.submits(2);
        let mut others = script.says();
        others.retain(|frame| frame.id() == CommandId::SubmitSm);
        let sequences: Vec<u32> = others.iter().map(Frame::sequence).collect();
        assert_eq!(sequences.len(), 2, "what is late takes no room in the window");
        assert!(said.iter().all(|late| !sequences.contains(&late.sequence())));
        for segment in &said {
            assert_eq!(script.answer(token), None);
            script.hears(command_status, segment.sequence(), SubmitSmResp::default());
        }
        let expected = match command_status {
            0 => Answer::Taken { ids: vec![CarrierId("".into()); segments] },
            _ => Answer::Refused { command_status, retry: Retry::Never },
        };
        assert_eq!(script.answer(token), Some(&expected));
        assert_eq!((script.answer(next), script.strays), (None, 0));
        script.hears(0, said[0].sequence(), SubmitSmResp::default());
        assert_eq!(script.strays, 1, "the first answer counts");
    }
}

#[test]
fn a_carrier_that_answers_nothing_is_left() {
    let mut script = Script::bound();
    for _ in 0..3 {
        script.submits(1);
        script.says();
        script.passes(10 * SECOND);
    }
    for _ in 0..5 {
        script.hears(0, 7, Pdu::EnquireLinkResp);
        script.passes(10 * SECOND);
    }
    assert!(script.says_ids().contains(&CommandId::Unbind));
    script.passes(5 * SECOND);
    assert_eq!(script.closed, Some(Reason::Unanswered));
    assert_eq!(script.answers.len(), 3);
}

#[test]
fn sequence_numbers_wrap_and_skip_those_that_wait() {
    let mut script = Script::bound_with(10, 0x7FFF_FFFC);
    let waiting = script.submits(1);
    let [first] = script.says().try_into().unwrap();
    assert_eq!(first.sequence(), 0x7FFF_FFFE);
    script.submits(2);
    let sequences: Vec<u32> = script.says().iter().map(Frame::sequence).collect();
    assert_eq!(sequences, [0x7FFF_FFFF, 1]);
    assert_eq!(script.answer(waiting), None);
}

#[test]
fn a_text_that_can_not_begin_in_time_is_not_sent() {
    let mut script = Script::bound();
    let token = script.submits(1);
    assert!(script.session.to_write(script.now).is_some(), "the socket is offered it, and takes nothing");
    script.passes(WRITE_BY);
    assert_eq!(script.answer(token), None);
    script.now += Duration::from_millis(1);
    let offered = script.session.to_write(script.now).unwrap();
    assert_eq!(offered.octets.len(), 16, "a question and no text, whether or not a timer ran");
    script.passes(Duration::ZERO);
    assert_eq!(script.answer(token), Some(&Answer::NotSent));
    assert_eq!(script.says_ids(), [CommandId::EnquireLink], "whether the carrier is there");
    assert_eq!(script.closed, None);
}

#[test]
fn wherever_a_connection_is_cut_nothing_that_may_have_gone_out_is_called_unsent() {
    let mut script = Script::bound();
    script.submits(2);
    let whole = script.session.to_write(script.now).unwrap().octets.len();
    for octets in 0..=whole {
        let mut script = Script::bound();
        let token = script.submits(2);
        script.session.to_write(script.now);
        if octets > 0 {
            script.handle(Input::Wrote(octets));
        }
        script.handle(Input::Lost);
        let expected = if octets < whole / 2 { Answer::NotSent } else { Answer::Unknown };
        assert_eq!(script.answer(token), Some(&expected), "after {octets} of {whole} octets");
        assert_eq!(script.closed, Some(Reason::Lost));
    }
}

#[test]
fn a_taken_segment_and_one_that_never_left_are_a_text_partly_taken() {
    let mut script = Script::bound_with(1, 0);
    let token = script.submits(2);
    let [first] = script.says().try_into().unwrap();
    script.takes(&first, "a");
    script.handle(Input::Lost);
    assert_eq!(script.answer(token), Some(&Answer::PartlyTaken));
}

#[test]
fn refusals_say_whether_to_try_again() {
    for (command_status, retry) in [
        (0x58, Retry::WhenReady),
        (0x14, Retry::WhenReady),
        (0x04, Retry::WhenReady),
        (0x08, Retry::FewTimes),
        (0x64, Retry::FewTimes),
        (0x0B, Retry::Never),
        (0x45, Retry::Never),
        (0x0400, Retry::Never),
    ] {
        let mut script = Script::bound();
        let token = script.submits(1);
        let [submit] = script.says().try_into().unwrap();
        // A refusal may come without a body.
        let mut response = raw(0x8000_0004, submit.sequence());
        response[8..12].copy_from_slice(&u32::to_be_bytes(command_status));
        script.hears_octets(&response);
        assert_eq!(script.answer(token), Some(&Answer::Refused { command_status, retry }));
    }
}

#[test]
fn a_refused_segment_keeps_the_rest_of_its_text_from_leaving() {
    let mut script = Script::bound_with(1, 0);
    let token = script.submits(3);
    let [first] = script.says().try_into().unwrap();
    script.takes(&first, "a");
    let [second] = script.says().try_into().unwrap();
    script.hears(0x0B, second.sequence(), SubmitSmResp::default());
    assert_eq!(script.answer(token), Some(&Answer::PartlyTaken));
    assert_eq!(script.says_ids(), []);
}

#[test]
fn a_recalled_text_goes_no_further_than_the_segment_that_has_begun() {
    let mut script = Script::bound();
    script.submits(3);
    let whole = script.session.to_write(script.now).unwrap().octets.len();
    let one = whole / 3;
    for octets in 0..=whole {
        let mut script = Script::bound();
        let token = script.submits(3);
        let to_write = script.session.to_write(script.now).unwrap();
        if octets > 0 {
            script.framer.push(&to_write.octets[..octets]);
            script.handle(Input::Wrote(octets));
        }
        script.handle(Input::Recalled(Token(token)));
        script.hears(0, 0x8000_0001, Pdu::EnquireLink);
        let (answers, texts): (Vec<_>, Vec<_>) =
            script.says().into_iter().partition(|frame| frame.id() == CommandId::EnquireLinkResp);
        assert_eq!(answers.len(), 1, "the carrier still finds the next PDU");
        assert_eq!(texts.len(), octets.div_ceil(one), "after {octets} of {whole} octets");
        for segment in &texts {
            assert_eq!(script.answer(token), None);
            script.takes(segment, "a");
        }
        let expected = match texts.len() {
            0 => Answer::NotSent,
            3 => taken(&["a", "a", "a"]),
            _ => Answer::PartlyTaken,
        };
        assert_eq!(script.answer(token), Some(&expected), "after {octets} of {whole} octets");
        let next = script.submits(1);
        let [segment] = script.says().try_into().unwrap();
        script.takes(&segment, "b");
        assert_eq!(script.answer(next), Some(&taken(&["b"])), "the window has its room back");
    }
}

#[test]
fn a_recalled_text_does_not_go_on_when_the_window_has_room_again() {
    let mut script = Script::bound_with(1, 0);
    let token = script.submits(3);
    let [first] = script.says().try_into().unwrap();
    script.handle(Input::Recalled(Token(token)));
    assert_eq!(script.answer(token), None, "the first segment's answer is awaited");
    script.takes(&first, "a");
    assert_eq!(script.says_ids(), []);
    assert_eq!(script.answer(token), Some(&Answer::PartlyTaken));
}

#[test]
fn what_may_have_gone_out_stays_unknown_when_it_is_recalled() {
    let mut script = Script::bound_with(1, 0);
    let token = script.submits(2);
    script.says();
    script.handle(Input::Recalled(Token(token)));
    script.handle(Input::Lost);
    assert_eq!(script.answer(token), Some(&Answer::Unknown));
}

#[test]
fn a_text_that_came_mangled_to_the_carrier_is_worth_another_try() {
    let mut script = Script::bound();
    for (command_status, retry) in [(0x02, Retry::FewTimes), (0x08, Retry::FewTimes), (0x58, Retry::WhenReady)] {
        let token = script.submits(1);
        let [submit] = script.says().try_into().unwrap();
        script.hears(command_status, submit.sequence(), Pdu::GenericNack);
        assert_eq!(script.answer(token), Some(&Answer::Refused { command_status, retry }));
    }
    script.hears(0x03, 4_242, Pdu::GenericNack);
    assert_eq!((script.strays, script.closed), (1, None));
    script.hears(0x02, 0, Pdu::GenericNack);
    assert_eq!(script.closed, Some(Reason::Nacked));
}

#[test]
fn what_we_do_not_take_is_refused_with_its_own_sequence_number() {
    for (id, expected, command_status) in [
        (0x0000_0666, CommandId::GenericNack, 0x03),
        (0x0000_0004, CommandId::GenericNack, 0x03), // submit_sm
        (0x0000_0003, CommandId::GenericNack, 0x03), // query_sm
        (0x0000_0009, CommandId::BindTransceiverResp, 0x05),
        (0x0000_0001, CommandId::BindReceiverResp, 0x05),
    ] {
        let mut script = Script::bound();
        script.hears_octets(&raw(id, 0xFFFF_FFFE));
        let [refusal] = script.says().try_into().unwrap();
        assert_eq!((refusal.id(), refusal.status(), refusal.sequence()), (expected, command_status, 0xFFFF_FFFE));
        assert_eq!(script.closed, None);
    }
}

#[test]
fn answers_that_nobody_waits_for_are_dropped_and_counted() {
    let mut script = Script::bound();
    for id in [0x8000_0004, 0x8000_0005, 0x8000_0666, 0x8000_0006, 0x8000_0009] {
        script.hears_octets(&raw(id, 77));
    }
    assert_eq!((script.strays, script.says().len(), script.closed), (5, 0, None));
}

#[test]
fn an_outbind_on_our_own_link_ends_it() {
    let mut script = Script::bound();
    script.hears_octets(&raw(0x0000_000B, 1));
    assert_eq!(script.closed, Some(Reason::Outbind));
}

#[test]
fn a_carrier_that_unbinds_is_answered() {
    let mut script = Script::bound();
    let (sent, waiting) = (script.submits(1), script.submits(1));
    let chunk = script.session.to_write(script.now).unwrap();
    script.handle(Input::Wrote(chunk.octets.len()));
    script.hears(0, 9, Pdu::Unbind);
    assert_eq!(script.closed, None, "not before the answer is written");
    let [answer] = script.says().try_into().unwrap_or_else(|said: Vec<_>| panic!("{said:?}"));
    assert_eq!((answer.id(), answer.sequence()), (CommandId::UnbindResp, 9));
    assert_eq!(script.closed, Some(Reason::PeerUnbound));
    assert_eq!(script.answer(sent), Some(&Answer::Unknown));
    assert_eq!(script.answer(waiting), Some(&Answer::NotSent));
}

#[test]
fn we_unbind_and_take_answers_until_the_carrier_agrees() {
    let mut script = Script::bound();
    let token = script.submits(1);
    let [submit] = script.says().try_into().unwrap();
    script.hears(0, 5, DeliverSm::default());
    script.handle(Input::Unbind(Reason::Stopped));
    let [unbind] = script.says().try_into().unwrap();
    script.takes(&submit, "a");
    assert_eq!(script.answer(token), Some(&taken(&["a"])));
    script.hears(0, 6, DeliverSm::default());
    assert_eq!(script.delivered, [5], "what comes after our unbind is left to the carrier");
    script.handle(Input::Answer { to: deliver_sm(5), command_status: 0, id: DeliveryId(7) });
    assert_eq!(script.says_ids(), [CommandId::DeliverSmResp]);
    script.hears(0, unbind.sequence(), Pdu::UnbindResp);
    assert_eq!(script.closed, Some(Reason::Stopped));
}

#[test]
fn a_carrier_that_does_not_agree_to_unbind_is_left() {
    let mut script = Script::bound();
    script.handle(Input::Unbind(Reason::NotTaken));
    script.says();
    script.passes(5 * SECOND);
    assert_eq!(script.closed, Some(Reason::NotTaken));
}

#[test]
fn a_frame_that_never_ends_ends_the_session() {
    let mut script = Script::bound();
    script.hears_octets(&[0, 0, 0, 40]);
    script.passes(29 * SECOND);
    script.hears_octets(&[0, 0]);
    assert_eq!(script.closed, None);
    script.passes(SECOND);
    script.says();
    assert_eq!(script.closed, Some(Reason::PartialFrame));
}

#[test]
fn a_socket_that_takes_nothing_ends_the_session() {
    let mut script = Script::bound();
    let token = script.submits(1);
    script.session.to_write(script.now);
    script.handle(Input::Wrote(3));
    script.session.to_write(script.now);
    script.passes(10 * SECOND);
    assert_eq!(script.closed, Some(Reason::WriteStalled));
    assert_eq!(script.answer(token), Some(&Answer::NotSent));
}

#[test]
fn a_socket_that_takes_nothing_of_a_text_ends_the_session_though_the_text_was_given_up() {
    let mut script = Script::bound();
    let token = script.submits(1);
    script.session.to_write(script.now);
    for _ in 0..9 {
        script.passes(SECOND);
        script.session.to_write(script.now);
    }
    assert_eq!((script.answer(token), script.closed), (Some(&Answer::NotSent), None));
    script.passes(SECOND);
    assert_eq!(script.closed, Some(Reason::WriteStalled), "ten seconds after the text was offered");
}

#[test]
fn a_stream_that_is_not_smpp_is_nacked_and_closed() {
    let mut script = Script::bound();
    script.hears_octets(&[0, 0, 0, 15, 0]);
    let [nack] = script.says().try_into().unwrap();
    assert_eq!((nack.id(), nack.status(), nack.sequence()), (CommandId::GenericNack, 0x02, 0));
    assert_eq!(script.closed, Some(Reason::Unframed(Unframed::Length(15))));
}

#[test]
fn nothing_is_said_into_the_middle_of_a_text() {
    let mut script = Script::bound();
    let token = script.submits(1);
    script.session.to_write(script.now);
    script.handle(Input::Wrote(3));
    script.hears_octets(b"HTTP/1.1 400 Bad Request");
    assert_eq!(script.closed, Some(Reason::Unframed(Unframed::Http)));
    assert!(script.session.to_write(script.now).is_none());
    assert_eq!(script.answer(token), Some(&Answer::NotSent));
}

#[test]
fn unreadable_texts_are_delivered_for_a_person_until_they_are_too_many() {
    let mut script = Script::bound();
    for sequence in 1..=11 {
        script.hears_octets(&raw(0x0000_0005, sequence));
    }
    assert_eq!(script.delivered.len(), 11);
    assert_eq!(script.says_ids(), [CommandId::Unbind]);
}

#[test]
fn what_nobody_knows_is_borne_ten_times_a_minute() {
    let mut script = Script::bound();
    for _ in 0..2 {
        for sequence in 1..=10 {
            script.hears_octets(&raw(0x0000_0666, sequence));
        }
        assert_eq!(script.says_ids(), [CommandId::GenericNack; 10]);
        script.passes(20 * SECOND);
        script.hears(0, 1, Pdu::EnquireLink);
        script.passes(20 * SECOND);
        script.hears(0, 2, Pdu::EnquireLink);
        script.passes(20 * SECOND);
        script.says();
    }
    for sequence in 1..=11 {
        script.hears_octets(&raw(0x0000_0666, sequence));
    }
    assert_eq!(script.says_ids()[10..], [CommandId::GenericNack, CommandId::Unbind]);
    script.passes(5 * SECOND);
    assert_eq!(script.closed, Some(Reason::TooMuchMalformed));
}

/// What may happen in any order.
#[derive(Debug, Clone)]
enum Step {
    Octets(Vec<u8>),
    Response { sequence: u32, command_status: u32 },
    Submit(usize),
    Write(usize),
    Pass(u64),
    Deliver(u32),
    Recall(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Octets),
        4 => (1_u32..12, prop_oneof![Just(0), Just(0x58)])
            .prop_map(|(sequence, command_status)| Step::Response { sequence, command_status }),
        4 => (1_usize..4).prop_map(Step::Submit),
        6 => (1_usize..200).prop_map(Step::Write),
        3 => (0_u64..70_000).prop_map(Step::Pass),
        2 => any::<u32>().prop_map(Step::Deliver),
        2 => (1_u64..12).prop_map(Step::Recall),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every message is answered once; an unsent one had no whole PDU written; the window holds.
    #[test]
    fn every_text_is_answered_once_whatever_happens(steps in prop::collection::vec(step(), 0..60)) {
        const WINDOW: usize = 3;
        let mut script = Script::bound_with(WINDOW, 0);
        let mut wire = Framer::default();
        let (mut accepted, mut written, mut responses) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Octets(octets) => script.hears_octets(&octets),
                Step::Response { sequence, command_status } => {
                    responses += 1;
                    script.hears(command_status, sequence, SubmitSmResp::default());
                }
                Step::Submit(segments) => {
                    accepted += usize::from(script.closed.is_none());
                    script.submits(segments);
                }
                Step::Write(octets) => {
                    if let Some(to_write) = script.session.to_write(script.now) {
                        let taken = octets.min(to_write.octets.len());
                        wire.push(&to_write.octets[..taken]);
                        script.handle(Input::Wrote(taken));
                    }
                }
                Step::Pass(millis) => script.passes(Duration::from_millis(millis)),
                Step::Deliver(sequence) => script.hears(0, sequence, DeliverSm::default()),
                Step::Recall(token) => script.handle(Input::Recalled(Token(token))),
            }
            while let Some(frame) = wire.next_frame().unwrap() {
                written += usize::from(frame.id() == CommandId::SubmitSm);
            }
        }
        script.handle(Input::Lost);
        prop_assert!(script.closed.is_some());

        let mut answered: Vec<u64> = script.answers.iter().map(|(token, _)| *token).collect();
        answered.sort_unstable();
        prop_assert!(answered.windows(2).all(|pair| pair[0] < pair[1]));
        // What is submitted to a session that is over, the link answers.
        prop_assert_eq!(answered.len(), accepted);
        let settled = script.answers.iter().filter(|(_, answer)| *answer != Answer::NotSent).count();
        prop_assert!(settled <= written, "{settled} texts with a fate, {written} segments on the wire");
        prop_assert!(written <= WINDOW + responses + (script.answers.len() + script.late.len()) * WINDOW);
    }
}
