//! Between the words of the conversations and those of SMPP: a cleared message becomes `submit_sm`, a `deliver_sm`
//! becomes a text, a receipt, or something for a person to look at.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use smpp::pdus::SubmitSm;
use smpp::tlvs::MessageSubmissionRequestTlvValue;
use smpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton, UserMessageReference};

use super::session::Delivered;
use super::short_message::{Address, ShortMessage};
use super::{receipt, text, udh};
use crate::domain::text::{Alphabet, Segments};
use crate::domain::{Body, CarrierId, Cleared, Fingerprint, Inbound, Part, Phone, Receipt, ReceiptState};
use crate::ports::{DeadLetter, Delivery};

/// `esm_class`: the text begins with a user data header (SMPP 3.4 §5.2.12).
pub const UDHI: u8 = 0x40;

/// The segments of a message, in order.
pub fn submit_sms(cleared: &Cleared) -> Vec<SubmitSm> {
    let Segments { alphabet, parts } = Segments::of(cleared.text().expose());
    let total = parts.len();
    let [_, reference] = cleared.reference().to_be_bytes();
    let data_coding = match alphabet {
        Alphabet::Gsm7 => DataCoding::McSpecific,
        Alphabet::Ucs2 => DataCoding::Ucs2,
    };
    let segments = parts.into_iter().enumerate().map(|(index, part)| {
        let (esm_class, octets) = match total {
            1 => (EsmClass::default(), part),
            _ => {
                let number = |value: usize| u8::try_from(value).expect("a text has at most 255 segments");
                let header = udh::concatenation(Part {
                    reference: reference.into(),
                    total: number(total),
                    number: number(index + 1),
                });
                (EsmClass::from(UDHI), [header.to_vec(), part].concat())
            }
        };
        SubmitSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr_npi(Npi::Isdn)
            .source_addr(address(cleared.from()))
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(address(cleared.to()))
            .esm_class(esm_class)
            .validity_period(absolute_time(cleared.expires_at()))
            .registered_delivery(RegisteredDelivery::from(1))
            .data_coding(data_coding)
            .short_message(OctetString::from_vec(octets).expect("a segment has at most 160 octets"))
            .push_tlv(MessageSubmissionRequestTlvValue::UserMessageReference(UserMessageReference::new(
                cleared.reference(),
            )))
            .build()
    });
    segments.collect()
}

/// E.164 without the plus sign: that is what an international TON means (SMPP 3.4 §5.2.5).
fn address(phone: &Phone) -> COctetString<1, 21> {
    let digits = phone.expose().trim_start_matches('+');
    COctetString::from_string(digits.to_owned()).expect("a phone has at most 15 digits")
}

/// "YYMMDDhhmmsstnnp", in UTC (SMPP 3.4 §7.1.1.1).
fn absolute_time(at: Timestamp) -> EmptyOrFullCOctetString<17> {
    let written = at.strftime("%y%m%d%H%M%S000+").to_string();
    written.parse().expect("an absolute time has 16 characters")
}

/// What a `deliver_sm` brings. Everything is something: what no conversation can take is set aside with the reason.
pub fn delivery(delivered: &Delivered, now: Timestamp, earlier_session_ended: Option<Timestamp>) -> Delivery {
    let aside = |reason| Delivery::Unroutable(DeadLetter { at: now, reason, raw: delivered.frame.octets().to_vec() });
    let message = match &delivered.message {
        Ok(message) => message,
        Err(malformed) => return aside(malformed.reason),
    };
    let (Some(from), Some(to)) = (phone(&message.source), phone(&message.destination)) else {
        return aside("source or destination is not a phone number");
    };
    // The message type alone says what it is, never the text (SMPP 3.4 §5.2.12).
    match message.esm_class & 0x3C {
        0x00 => Delivery::Text { from, to, inbound: inbound(message, earlier_session_ended) },
        0x04 => Delivery::Receipt { number: to, phone: from, receipt: receipt(message) },
        0x08 => aside("delivery acknowledgement of a handset"),
        0x10 => aside("manual acknowledgement of a handset"),
        0x20 => aside("intermediate notification"),
        _ => aside("unknown message type in esm_class"),
    }
}

fn inbound(message: &ShortMessage, earlier_session_ended: Option<Timestamp>) -> Inbound {
    let octets = octets(message);
    let (header, words) = match message.esm_class & UDHI != 0 {
        // A header that makes no sense is shown with the text rather than dropped.
        true => udh::split(octets).unwrap_or((None, octets)),
        false => (None, octets),
    };
    let (text, form) = text::decode(message.data_coding, words);
    let part = header.or_else(|| sar(message));
    Inbound { text: Body::new(text), form, part, fingerprint: fingerprint(message), earlier_session_ended }
}

/// `message_payload` counts where both are there (SMPP 3.4 §5.3.2.32).
fn octets(message: &ShortMessage) -> &[u8] {
    let payload = message.parameters.message_payload.as_deref();
    payload.filter(|octets| !octets.is_empty()).unwrap_or(&message.short_message)
}

fn sar(message: &ShortMessage) -> Option<Part> {
    let parameters = &message.parameters;
    Some(Part {
        reference: parameters.sar_msg_ref_num?,
        total: parameters.sar_total_segments?,
        number: parameters.sar_segment_seqnum?,
    })
}

fn receipt(message: &ShortMessage) -> Receipt {
    let parameters = &message.parameters;
    let (words, _) = text::decode(message.data_coding, octets(message));
    let said = receipt::read(&words);
    let id = match &parameters.receipted_message_id {
        Some(id) => Some(String::from_utf8_lossy(&id[..id.len().min(64)]).into_owned()),
        None => said.id,
    };
    let state = parameters.message_state.map(receipt::state_of).or(said.state);
    Receipt {
        carrier_id: id.filter(|id| !id.is_empty()).map(|id| CarrierId(id.into())),
        reference: parameters.user_message_reference,
        state: state.unwrap_or(ReceiptState::Unknown),
    }
}

/// An address as a phone: with its plus sign if it has one or means one, else as a North American number.
pub fn phone(address: &Address) -> Option<Phone> {
    const INTERNATIONAL: u8 = 1;
    let digits = std::str::from_utf8(&address.digits).ok()?;
    if digits.starts_with('+') {
        return Phone::parse(digits).ok();
    }
    let international = || Phone::parse(&format!("+{digits}")).ok();
    let national = || (digits.len() == 10).then(|| Phone::parse(&format!("+1{digits}")).ok()).flatten();
    match address.ton {
        INTERNATIONAL => international(),
        // Ten digits of a national number can look like those of another country.
        _ => national().or_else(international),
    }
}

/// What makes a delivery this delivery and no other.
fn fingerprint(message: &ShortMessage) -> Fingerprint {
    let mut hash = Sha256::new();
    for field in [message.source.digits.as_slice(), message.destination.digits.as_slice(), octets(message)] {
        hash.update(u64::try_from(field.len()).expect("a PDU is below 70,000 octets").to_be_bytes());
        hash.update(field);
    }
    hash.update([message.esm_class, message.data_coding, message.protocol_id]);
    if let Some(Part { reference, total, number }) = sar(message) {
        hash.update(reference.to_be_bytes());
        hash.update([total, number]);
    }
    let digest = hash.finalize();
    let first = digest.first_chunk::<16>().expect("SHA-256 has 32 octets");
    Fingerprint(*first)
}
