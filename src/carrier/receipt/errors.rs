//! What the errors in a carrier's receipts mean. Each carrier counts them as it likes, so that the table is the
//! carrier's; only what a GSM network itself said means the same everywhere.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use crate::domain::{CarrierError, Cause};

/// `network_error_code` of a GSM network (SMPP 3.4 §5.3.2.31).
const GSM: u8 = 3;

/// The errors of a GSM network that a practice can do something about (3GPP TS 29.002 §17.6.6 and §17.6.8).
const OF_GSM: [(u16, Cause); 13] = [
    (1, Cause::UnknownNumber),     // unknownSubscriber
    (5, Cause::UnknownNumber),     // unidentifiedSubscriber
    (6, Cause::Unreachable),       // absentSubscriberSM
    (8, Cause::Unreachable),       // roamingNotAllowed
    (9, Cause::BlockedByCarrier),  // illegalSubscriber
    (10, Cause::Landline),         // bearerServiceNotProvisioned
    (11, Cause::Landline),         // teleserviceNotProvisioned
    (12, Cause::BlockedByCarrier), // illegalEquipment
    (13, Cause::BlockedByCarrier), // callBarred
    (21, Cause::Landline),         // facilityNotSupported
    (27, Cause::Unreachable),      // absentSubscriber
    (31, Cause::Unreachable),      // subscriberBusyForMT-SMS
    (32, Cause::Unreachable),      // sm-DeliveryFailure, of a phone without room mostly
];

/// What the numbers mean that one carrier gives its errors. Empty, nothing is guessed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors(BTreeMap<u16, Cause>);

impl FromIterator<(u16, Cause)> for Errors {
    fn from_iter<T: IntoIterator<Item = (u16, Cause)>>(known: T) -> Self {
        Self(known.into_iter().collect())
    }
}

impl Errors {
    /// The error of a receipt: that of `network_error_code`, as network and number, before that of its text. A 0 is
    /// none.
    pub fn of(&self, network: Option<(u8, u16)>, text: Option<u16>) -> Option<CarrierError> {
        let said_by_network = network.and_then(|(network, code)| Some((NonZeroU16::new(code)?, network == GSM)));
        let said_in_text = text.and_then(|code| Some((NonZeroU16::new(code)?, false)));
        let (code, is_of_gsm) = said_by_network.or(said_in_text)?;
        let cause = self.0.get(&code.get()).copied().or_else(|| of_gsm(code.get()).filter(|_| is_of_gsm));
        Some(CarrierError { code, cause })
    }
}

fn of_gsm(code: u16) -> Option<Cause> {
    OF_GSM.iter().find(|(known, _)| *known == code).map(|(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(errors: &Errors, network: Option<(u8, u16)>, text: Option<u16>, expected: Option<(u16, Option<Cause>)>) {
        let found = errors.of(network, text).map(|error| (error.code.get(), error.cause));
        assert_eq!(found, expected, "{network:?} {text:?}");
    }

    #[test]
    fn nothing_is_guessed_of_a_carrier_that_nobody_described() {
        let none = Errors::default();
        check(&none, None, Some(27), Some((27, None)));
        check(&none, Some((8, 27)), None, Some((27, None)));
        check(&none, Some((GSM, 27)), None, Some((27, Some(Cause::Unreachable))));
        check(&none, Some((GSM, 34)), None, Some((34, None)));
        check(&none, None, Some(0), None);
        check(&none, Some((GSM, 0)), Some(0), None);
        check(&none, None, None, None);
    }

    #[test]
    fn the_carriers_own_table_goes_first() {
        let errors: Errors = [(27, Cause::Landline), (64, Cause::OverLimit)].into_iter().collect();
        check(&errors, None, Some(64), Some((64, Some(Cause::OverLimit))));
        check(&errors, Some((GSM, 27)), Some(64), Some((27, Some(Cause::Landline))));
        check(&errors, Some((GSM, 0)), Some(64), Some((64, Some(Cause::OverLimit))));
        check(&errors, Some((8, 1)), Some(64), Some((1, None)));
    }
}
