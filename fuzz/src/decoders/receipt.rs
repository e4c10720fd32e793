//! Receipts: any text is some receipt, what the patient was sent says nothing about its fate, and a receipt is never a text.

use assent::carrier::receipt::{self, ReceiptText};
use assent::carrier::session::Delivered;
use assent::carrier::short_message::ShortMessage;
use assent::carrier::translate::{self, Dialect, Sessions};
use assent::domain::DeliveryId;
use assent::ports::Delivery;
use jiff::Timestamp;

use super::{DELIVER_SM, only_frame, pdu};

/// `message_payload` (SMPP 3.4 §5.3.2.32).
const MESSAGE_PAYLOAD: [u8; 2] = [0x04, 0x24];

/// The first octet says how many more are optional parameters, the rest is the text.
pub fn receipt(data: &[u8]) {
    let Some((count, rest)) = data.split_first() else { return };
    let (parameters, words) = rest.split_at(usize::from(*count).min(rest.len()));
    check_text(&String::from_utf8_lossy(words));
    check_delivery(parameters, words);
}

fn check_text(text: &str) {
    let read = receipt::read(text);
    if let Some(id) = &read.id {
        assert!(text.contains(id.as_str()) && !id.is_empty() && !id.contains(char::is_whitespace));
    }
    let with_a_message = receipt::read(&format!("{text} text:id:0 stat:REJECTD err:255 STOP"));
    let but_for_its_words = |read| ReceiptText { opening: None, ..read };
    assert_eq!(but_for_its_words(with_a_message), but_for_its_words(read), "the patient's message is taken for more");
}

fn check_delivery(parameters: &[u8], words: &[u8]) {
    let Ok(length) = u16::try_from(words.len()) else { return };
    let payload = [&MESSAGE_PAYLOAD, &length.to_be_bytes()[..], words].concat();
    // From +1 303 555 0123 to +1 303 555 0100, esm_class 4, data_coding 0, no short_message.
    let body = [b"\0\x01\x0113035550123\0\x01\x0113035550100\0\x04\0\0\0\0\0\0\0\0\0", parameters, &payload].concat();
    let Some(frame) = only_frame(&pdu(DELIVER_SM, &body)) else { return };
    let message = ShortMessage::read(&frame);
    let is_read = message.is_ok();
    let sessions = Sessions { began: Timestamp::UNIX_EPOCH, earlier_ended: None };
    match translate::delivery(
        &Delivered { frame, message },
        DeliveryId(1),
        Timestamp::UNIX_EPOCH,
        sessions,
        &Dialect::default(),
    ) {
        Delivery::Receipt { number, phone, receipt } => {
            assert_eq!((number.expose(), phone.expose()), ("+13035550100", "+13035550123"));
            let id = receipt.carrier_id.map_or(0, |id| id.0.chars().count());
            assert!(id <= 64, "an id of {id} characters is kept");
        }
        Delivery::Text { .. } | Delivery::Reachable { .. } | Delivery::AnsweredLate { .. } => {
            panic!("a receipt became something else")
        }
        Delivery::Unroutable(_) => assert!(!is_read, "a receipt that can be read is set aside"),
    }
}
