//! A phone number in E.164, checked by the shape of its numbering plan.

use std::fmt;
use std::sync::Arc;

/// A phone number in E.164 form (ITU-T E.164: `+`, country code, at most 15 digits).
///
/// The shape of the numbering plan is checked, live assignments are not. `Debug` shows the last two
/// digits only and there is no `Display`: whoever needs the number asks for [`Phone::expose`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Phone(Arc<str>);

/// Why a text is not a phone number. The text itself is not repeated: it is personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("must be in E.164 form: a plus sign and 8 to 15 digits, such as +13035550123")]
    NotE164,
    #[error("is not a North American number: +1, an area code and an exchange that start with 2-9, ten digits in all")]
    NotNanp,
    #[error("does not fit the numbering plan of its country")]
    NotInPlan,
}

impl Phone {
    /// Parses strict E.164; spaces and punctuation are errors.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let is_e164 = (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if !is_e164 {
            return Err(PhoneError::NotE164);
        }
        match digits.strip_prefix('1') {
            Some(national) if !is_nanp(national) => Err(PhoneError::NotNanp),
            Some(_) => Ok(Self(text.into())),
            None if phonelib::is_valid_phone_number(text) => Ok(Self(text.into())),
            None => Err(PhoneError::NotInPlan),
        }
    }

    /// The number itself, for the wire, the record and the API.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// NPA-NXX-XXXX: neither the area code nor the exchange starts with 0 or 1, and neither is a
/// service code such as 911 (ATIS-0300051, the North American Numbering Plan).
///
/// Written out because phonelib also asks whether the area code is in service.
fn is_nanp(national: &str) -> bool {
    let digits = national.as_bytes();
    let starts_well = |code: &[u8]| code[0] >= b'2' && &code[1..] != b"11";
    digits.len() == 10 && starts_well(&digits[0..3]) && starts_well(&digits[3..6])
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{}", &self.0[self.0.len() - 2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), PhoneError>) {
        assert_eq!(Phone::parse(text).map(drop), expected, "{text}");
    }

    #[test]
    fn the_shape_of_the_numbering_plan_decides() {
        check("+13035550123", Ok(()));
        check("+12005550123", Ok(())); // 200 is not assigned: assignments are not our business.
        check("+442079460958", Ok(()));
        check("+525512345678", Ok(()));
        check("13035550123", Err(PhoneError::NotE164));
        check("+1 303 555 0123", Err(PhoneError::NotE164));
        check("+1303555012", Err(PhoneError::NotNanp));
        check("+130355501234", Err(PhoneError::NotNanp));
        check("+11035550123", Err(PhoneError::NotNanp));
        check("+13031550123", Err(PhoneError::NotNanp));
        check("+19115550123", Err(PhoneError::NotNanp));
        check("+13039110123", Err(PhoneError::NotNanp));
        check("+1", Err(PhoneError::NotE164));
        check("+0123456789", Err(PhoneError::NotE164));
        check("+4912", Err(PhoneError::NotE164));
        check("+96112345", Err(PhoneError::NotInPlan));
        check("+1234567890123456", Err(PhoneError::NotE164));
        check("+1٣035550123", Err(PhoneError::NotE164));
        check("", Err(PhoneError::NotE164));
    }

    #[test]
    fn debug_shows_two_digits_and_no_more() {
        let phone = Phone::parse("+13035550123").unwrap();
        assert_eq!(format!("{phone:?}"), "+…23");
    }
}
