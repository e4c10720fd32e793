//! Bodies: whatever is in one, it is read or refused, and answered by its own sequence number.

use assent::carrier::frame::{Frame, Framer, encode};
use assent::carrier::session::Delivered;
use assent::carrier::short_message::ShortMessage;
use assent::carrier::translate::{self, Dialect, Sessions};
use assent::domain::DeliveryId;
use assent::ports::Delivery;
use jiff::Timestamp;

use super::session::Bound;
use super::{DELIVER_SM, SEQUENCE, only_frame, pdu};

const SUBMIT_SM: u32 = 0x04;
const OUTBIND: u32 = 0x0B;
const DATA_SM: u32 = 0x103;
const ALERT_NOTIFICATION: u32 = 0x102;
const RESPONSE: u32 = 0x8000_0000;

/// The `command_id` that the first octet stands for: all that SMPP 3.4 §5.1.2.1 has, and one that nobody knows.
pub const COMMANDS: [u32; 32] = [
    0x8000_0000,
    0x01,
    0x8000_0001,
    0x02,
    0x8000_0002,
    0x03,
    0x8000_0003,
    SUBMIT_SM,
    0x8000_0004,
    DELIVER_SM,
    0x8000_0005,
    0x06,
    0x8000_0006,
    0x07,
    0x8000_0007,
    0x08,
    0x8000_0008,
    0x09,
    0x8000_0009,
    OUTBIND,
    0x15,
    0x8000_0015,
    0x21,
    0x8000_0021,
    ALERT_NOTIFICATION,
    DATA_SM,
    0x8000_0103,
    0x0666,
    0x8000_0666,
    0x111,
    0x112,
    0x8000_0112,
];

/// `network_error_code` with one octet instead of three (SMPP 3.4 §5.3.2.31): we walk past it.
const ODD: [u8; 5] = [0x04, 0x23, 0, 1, 3];

/// The first octet names the command, the rest is its body.
pub fn body(data: &[u8]) {
    let Some((command, body)) = data.split_first() else { return };
    let command_id = COMMANDS[usize::from(*command) % COMMANDS.len()];
    let octets = pdu(command_id, body);
    let Some(frame) = only_frame(&octets) else { return };

    if let Some(pdu) = frame.decode() {
        let written = encode(frame.status(), frame.sequence(), pdu.clone());
        let again = only_frame(&written).expect("what was written is one frame");
        assert!(again.decode() == Some(pdu), "{frame:?} does not read back as it was read");
    }
    if [SUBMIT_SM, DELIVER_SM, DATA_SM].contains(&command_id) {
        check_an_odd_parameter_changes_nothing(command_id, &frame);
        check_it_is_something(frame);
    }
    check_answers(command_id, &octets);
}

/// An optional parameter that is odd changes nothing about the rest.
fn check_an_odd_parameter_changes_nothing(command_id: u32, frame: &Frame) {
    let Ok(without) = ShortMessage::read(frame) else { return };
    let odd = pdu(command_id, &[frame.body(), &ODD].concat());
    let Some(odd) = only_frame(&odd) else { return };
    match ShortMessage::read(&odd) {
        Ok(with) => assert!(without == with, "{frame:?} reads in another way with an odd parameter behind it"),
        Err(malformed) => panic!("{frame:?} is refused with an odd parameter behind it: {malformed:?}"),
    }
}

/// The message type alone says what a delivery is (SMPP 3.4 §5.2.12).
fn check_it_is_something(frame: Frame) {
    let octets = frame.octets().len();
    let message = ShortMessage::read(&frame);
    let kind = message.as_ref().ok().map(|message| message.esm_class & 0x3C);
    let sessions = Sessions { began: Timestamp::UNIX_EPOCH, earlier_ended: None };
    let delivered = Delivered { frame, message };
    match translate::delivery(&delivered, DeliveryId(1), Timestamp::UNIX_EPOCH, sessions, &Dialect::default()) {
        Delivery::Text { inbound, .. } => {
            assert_eq!(kind, Some(0x00));
            assert!(inbound.text.expose().chars().count() <= octets.max(40));
        }
        Delivery::Receipt { receipt, .. } => {
            assert_eq!(kind, Some(0x04));
            assert!(receipt.carrier_id.is_none_or(|id| id.0.chars().count() <= 64), "an id of any length is kept");
        }
        Delivery::Reachable { .. } | Delivery::AnsweredLate { .. } => panic!("a text became something else"),
        Delivery::Unroutable(letter) => assert_eq!(letter.raw.len(), octets),
    }
}

/// What asks for an answer gets one, with its sequence number; what is delivered is handed on, to be answered later.
fn check_answers(command_id: u32, octets: &[u8]) {
    let heard = Bound::with_texts(1).hears(&[octets]);
    heard.check_every_text_has_one_answer(1);
    let mut framer = Framer::default();
    framer.push(&heard.said);
    let mut answers = Vec::new();
    while let Some(frame) = framer.next_frame().expect("what we say is framed") {
        answers.push(frame.sequence());
    }
    assert!(!framer.is_amid_frame());
    let is_response = command_id & RESPONSE != 0;
    let is_handed_on = heard.delivered.iter().any(|(delivered, _)| delivered == octets);
    assert!(!is_handed_on || answers.is_empty(), "{command_id:#x} is answered before it is durable");
    match command_id {
        DELIVER_SM => assert!(is_handed_on),
        // They have no answer (SMPP 3.4 §4.1.7 and §4.12.1).
        OUTBIND | ALERT_NOTIFICATION => assert!(answers.is_empty(), "{answers:?}"),
        _ if is_response => assert!(answers.is_empty(), "{answers:?}"),
        _ => assert!(is_handed_on || answers == [SEQUENCE], "{command_id:#x} is answered by {answers:?}"),
    }
}
