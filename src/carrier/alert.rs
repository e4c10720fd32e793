//! What an `alert_notification` says (SMPP 3.4 §4.12): a phone that could not be reached can be reached again.

use super::frame::Frame;
use super::short_message::{Address, Malformed, Parameters, address};

/// SMPP 3.4 §4.12.1: 64 characters and the NUL.
const ADDRESS_CHARS_MAX: usize = 64;
/// `ms_availability_status` of a phone that can be reached (SMPP 3.4 §5.3.2.30); the default, where it is left out.
const AVAILABLE: u8 = 0;

/// The phone, and the number that wanted to know. It has no `Debug`: it is made of a phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Alert {
    pub source: Address,
    pub esme: Address,
    pub is_available: bool,
}

impl Alert {
    pub fn read(frame: &Frame) -> Result<Self, Malformed> {
        let mut body = frame.body();
        let rest = &mut body;
        let source = address(rest, ADDRESS_CHARS_MAX, super::frame::status::RINVSRCADR)?;
        let esme = address(rest, ADDRESS_CHARS_MAX, super::frame::status::RINVDSTADR)?;
        let parameters = Parameters::read(rest)?;
        let is_available = parameters.ms_availability_status.unwrap_or(AVAILABLE) == AVAILABLE;
        Ok(Self { source, esme, is_available })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smpp::pdus::AlertNotification;
    use smpp::values::{MsAvailabilityStatus, Npi, Ton};

    use super::*;
    use crate::carrier::frame::{Framer, encode};

    fn read(octets: &[u8]) -> Result<Alert, Malformed> {
        let mut framer = Framer::default();
        framer.push(octets);
        Alert::read(&framer.next_frame().unwrap().unwrap())
    }

    fn alert(status: Option<MsAvailabilityStatus>) -> Vec<u8> {
        let source = "13035550123".parse().unwrap();
        let esme = "13035550100".parse().unwrap();
        let ton = Ton::International;
        encode(0, 1, AlertNotification::new(ton, Npi::Isdn, source, ton, Npi::Isdn, esme, status).into()).to_vec()
    }

    #[test]
    fn a_phone_that_is_available_can_be_reached() {
        use MsAvailabilityStatus::{Available, Denied, Unavailable};
        for (status, is_available) in
            [(None, true), (Some(Available), true), (Some(Denied), false), (Some(Unavailable), false)]
        {
            let alert = read(&alert(status)).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
            assert_eq!((&alert.source.digits[..], &alert.esme.digits[..]), (&b"13035550123"[..], &b"13035550100"[..]));
            assert_eq!(alert.is_available, is_available, "{status:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_an_alert_or_none(octets: Vec<u8>) {
            let length = u32::try_from(16 + octets.len()).unwrap();
            let header = [length, 0x102, 0, 1].map(u32::to_be_bytes).concat();
            let _ = read(&[header, octets].concat());
        }
    }
}
